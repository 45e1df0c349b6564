/* routes: notices when this machine's way to the cloud changed: another local address, a cable plugged in. Listens to the
 * kernel (rtnetlink(7)); pods come and go on the same machine and must not count. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_ROUTES_H
#define HOLDFAST_EDGE_HUB_LINK_ROUTES_H

#include "net/loop.h"

struct routes;

#define ROUTES_SETTLE_MS 300u /* after the last of a burst of changes */

/* on_changed: the address towards the peer is another one now, or there is one again. */
int routes_new(struct loop *loop, void (*on_changed)(void *ctx), void *ctx, struct routes **out,
	       struct err *err) must_check;
void routes_free(struct routes *routes);
/* Connected to `peer` ("HOST:PORT", an IP address) from `local`. */
void routes_watch(struct routes *routes, const char *peer, const char *local);

#endif
