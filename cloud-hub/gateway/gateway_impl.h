/* gateway_impl: what the gateway's own files share. Private to cloud-hub/gateway. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_GATEWAY_IMPL_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_GATEWAY_IMPL_H

#include "auth/enrol.h"
#include "auth/fork.h"
#include "base/map.h"
#include "cloud-hub/gateway/edge.h"

struct admission;
struct enrolment_desk;
struct strangers;

struct gateway {
	struct gateway_options options;
	const struct graph *graph;
	struct api *api;
	struct listener *listener;
	struct tls_context *tls;
	struct tickets *tickets;
	struct timer *ticket_timer;
	struct wakeup *wakeup; /* edges are dirty */
	struct timer *timer;   /* of `deadlines` */
	struct timerq deadlines;
	struct list edges, dirty, ended; /* ended: closed, still holding their own reference */
	struct map nodes;		 /* node name -> struct edge, WORKING ones */
	struct map heard; /* node name -> struct gateway_heard on the heap, of nodes that are gone */
	struct encode_cache *encodings;
	struct mux_budget budget;
	struct enrolment_desk *desk;
	struct registry *registry;
	struct admission *admission;
	struct strangers *strangers;
	char **clouds;	   /* addresses that edges learn, NULL-ended */
	uint64_t revision; /* everything up to it has gone through the graph */
	size_t joining;	   /* connections at that door */
	bool stopping;
	struct gateway_stats stats;
};

uint64_t gateway_now(const struct gateway *gateway);
/* The node's working session, NULL without one. */
struct edge *gateway_edge_of(const struct gateway *gateway, const char *node);
/* A welcomed edge takes its node over from an older session; and leaves. */
int gateway_adopt(struct gateway *gateway, struct edge *edge) must_check;
void gateway_release(struct gateway *gateway, struct edge *edge);
/* Had the node said, when last heard of, that it kept the secret of this hash? */
bool gateway_has_kept(const struct gateway *gateway, const char *node, const uint8_t offered[FORK_HASH_SIZE]);
/* A context from the authority as it is now, with a fresh certificate and key. */
/* The keys of tickets, before the first of these. */
int gateway_open_tickets(struct gateway *gateway, struct err *err) must_check;
/* Has a session that got its ticket then had it for half its life? */
bool gateway_ticket_is_due(const struct gateway *gateway, uint64_t since_ms);
int gateway_make_tls(struct gateway *gateway, struct tls_context **out, struct err *err) must_check;
void gateway_deadline_changed(struct gateway *gateway);

#endif
