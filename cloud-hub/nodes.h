/* nodes: the machines behind the Nodes as an operator sees them and decides about them: who is registered, who came in vain, what is to
 * become of a lost, copied or forgotten one. Loop thread.
 *
 *     GET  /holdfast/v1/nodes[?after=NAME]  -> {"items":[...],"more":"NAME"}: where to go on, "" at the end
 *     GET  /holdfast/v1/nodes/NAME          one of them
 *     POST /holdfast/v1/nodes/NAME/revoke   its key opens nothing any more
 *     POST /holdfast/v1/nodes/NAME/confirm  {"region":"east"}: registers one that a restored store has forgotten
 *     POST /holdfast/v1/nodes/NAME/release  {"machineId","bootId","address"}: which of two copies is the node
 *     POST /holdfast/v1/nodes/NAME/remove   forgets it, its Node and its pods; nothing stops on the machine
 */
#ifndef HOLDFAST_CLOUD_HUB_NODES_H
#define HOLDFAST_CLOUD_HUB_NODES_H

#include "api/server.h"
#include "cloud-hub/gateway/gateway.h"

#define NODES_PATH "/holdfast/v1/nodes"

struct nodes;
struct nodes_options {
	struct api *api;
	struct gateway *gateway;
	void (*on_revoked)(void *ctx); /* whoever is let in by a node's key is to be asked again */
	void *ctx;
};
/* Adds its routes; all is borrowed. */
int nodes_new(const struct nodes_options *options, struct nodes **out) must_check;
/* The gateway is about to go: decisions that are still being stored have no effect on its sessions any more. */
void nodes_detach(struct nodes *nodes);
void nodes_free(struct nodes *nodes);

/* --- for nodes.c --- */
/* {"name":...,"state":...}, appended. -ENOENT: neither registered nor seen. */
int nodes_view_one(struct gateway *gateway, const char *name, struct buf *out) must_check;
#define NODES_PAGE 2000u
/* Those whose names come after `after`, at most NODES_PAGE. */
int nodes_view_all(struct gateway *gateway, struct cache *cache, const char *after,
		   struct buf *out) must_check;

#endif
