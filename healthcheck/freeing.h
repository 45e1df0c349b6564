/* freeing: when the cloud may give away what a node runs exclusively, the other half of healthcheck/fence: it has to wait for as long as the
 * node may keep it. Pure. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_FREEING_H
#define HOLDFAST_HEALTHCHECK_FREEING_H

#include "base/buf.h"

/* The longest T by which a node may fence itself, 0: it may not do so at all. Kept durably, because T can be changed while the node is away.
 * `kept`: what was kept so far; `region`: T of its region now. */

/* The node says `told` in a Hello: a new connection, so nothing else is on its way to it but what its region has now. */
unsigned freeing_limit_hello(unsigned told, unsigned region);
/* It says so in a connection: other values may be on their way. `is_settled`: what its region has now is in its replica. */
unsigned freeing_limit_told(unsigned kept, unsigned told, unsigned region, bool is_settled);
/* Its region (or the region that it belongs to from now on) has this T, which goes to the node. */
unsigned freeing_limit_given(unsigned kept, unsigned region);

#endif
