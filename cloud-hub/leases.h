/* leases: the Leases of nodes in kube-node-lease, rendered from the tunnels: a live tunnel is the lease, so an idle node costs
 * no writes. Readers and watchers see them as a kubelet would have renewed them. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_LEASES_H
#define HOLDFAST_CLOUD_HUB_LEASES_H

#include "api/server.h"
#include "cloud-hub/gateway/gateway.h"

struct leases;

#define LEASES_NAMESPACE "kube-node-lease"
#define LEASES_DURATION_S 40   /* a kubelet's nodeLeaseDurationSeconds */
#define LEASES_RENEW_MS 10000u /* how often watchers are told, as a kubelet renews */

/* Registers with the api. All are borrowed. */
int leases_new(struct loop *loop, struct api *api, struct gateway *gateway, struct leases **out) must_check;
void leases_free(struct leases *leases);
/* The node's tunnel came up or went down. */
void leases_link_changed(struct leases *leases, const char *node);

#endif
