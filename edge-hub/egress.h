/* egress: the proxy through which this node reaches the cloud, if any: as configured, else as given to join. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_EGRESS_H
#define HOLDFAST_EDGE_HUB_EGRESS_H

#include "edge-hub/identity.h"
#include "edge-hub/settings.h"
#include "net/proxy.h"

/* *out NULL: there is none. -EINVAL, or reading the file of credentials failed. */
int egress_proxy(const struct settings *settings, const struct identity *identity, struct proxy **out,
		 struct err *err) must_check;
/* "USER:PASSWORD" out of a file that nobody but its owner may read; -EPERM when others may. The caller wipes `out`. */
int egress_credentials(const char *file, struct buf *out, struct err *err) must_check;
/* The same out of what was typed: exceptions apart by commas; NULL and "": none. */
int egress_make(const char *url, struct span credentials, const char *exceptions, struct proxy **out,
		struct err *err) must_check;

#define EGRESS_CREDENTIALS_MAX 1024u
#define EGRESS_NONE "none" /* a configured proxy: none, whatever join was given */

#endif
