/* podrefs: what a pod names: every Secret, ConfigMap, ServiceAccount and claim in its spec. One table of paths
 * serves the graph and the admission of pods made by nodes. Pure. */
#ifndef HOLDFAST_AUTH_PODREFS_H
#define HOLDFAST_AUTH_PODREFS_H

#include "auth/graph.h"
#include "base/json.h"

/* Calls `each` for every reference, duplicates included; returns what stopped it, or 0. `name` is borrowed from the tree.
 * Without a service account it is "default", as admission would have it. */
int podrefs_each(const struct json *pod, int (*each)(void *ctx, enum graph_rank rank, const char *name),
		 void *ctx) must_check;
/* The first reference a node may not put into a pod of its own (anything but the service account "default" by omission), as text
 * like "secret web-tls"; false when there is none. */
bool podrefs_any(const struct json *pod, struct buf *out_what);

#define PODREFS_MIRROR "kubernetes.io/config.mirror" /* annotation of a static pod's image in the API */
bool podrefs_is_mirror(const struct json *pod);

#endif
