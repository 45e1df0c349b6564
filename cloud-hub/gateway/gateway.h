/* gateway: the cloud's end of the tunnels. Accepts edge-hubs, lets them join or work, keeps a session for each node,
 * replicates to it its entitled set, applies what its outbox brings.
 *
 * Owner: the hub. Everything on the hub's loop. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_GATEWAY_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_GATEWAY_H

#include "api/server.h"
#include "auth/authority.h"
#include "auth/graph.h"
#include "auth/vault.h"
#include "net/loop.h"

struct audit;
struct gateway;

#define GATEWAY_SESSIONS_MAX 10000u
#define GATEWAY_NODE_SIZE 254u

struct gateway_options {
	struct loop *loop;
	struct cache *cache;
	struct audit *audit; /* hears of joins, refusals and what came through tunnels; NULL: nobody does */
	struct authority *authority;
	const char *listen; /* "HOST:PORT" */
	/* A node stored new authorities, or comes with a certificate of another generation. May be NULL. */
	void (*on_authority)(void *ctx);
	size_t sessions_max; /* 0: GATEWAY_SESSIONS_MAX */
	unsigned ping_interval_ms;
	struct vault *vault;	     /* keeps the ticket keys; NULL: they are forgotten. Borrowed */
	const char *ticket_file;     /* in which */
	uint64_t ticket_lifetime_ms; /* 0: TLS_TICKET_LIFETIME_S */
	/* Edges without a ticket taken on; the others are told when to come back. 0: no limit. */
	unsigned full_handshakes_per_second;
	unsigned joins_per_second; /* attempts to join; more are told when to come back; 0: no limit */
	/* The tunnel of a node came up or went down. */
	void (*on_link)(void *ctx, const char *node, bool up);
	/* A node's hub has said Hello for the so-manieth time, and is welcome; before on_link. May be NULL, and so may the next. */
	void (*on_start)(void *ctx, const char *node, uint64_t start);
	/* By which T it fences itself, 0: it does not: as it said in its Hello (before on_start), or says now. */
	void (*on_fence)(void *ctx, const char *node, unsigned fence_ms, bool is_hello);
	/* It brings what members of a region say of others; unchecked. */
	void (*on_verdicts)(void *ctx, const char *node, const char *region, const struct span *verdicts,
			    size_t count);
	/* The node's inventory is being reconciled after its timeline broke (held), or is done. */
	void (*on_hold)(void *ctx, const char *node, bool held);
	/* Is the node held already, by a session before this one or since a restore? Then the session that reconciles it says so. */
	bool (*is_held)(void *ctx, const char *node);
	/* After that: an object that the node runs and the cloud does not know. */
	void (*on_orphan)(void *ctx, const char *node, const struct object *object);
	void *ctx;
};
int gateway_new(const struct gateway_options *options, struct gateway **out, struct err *err) must_check;
/* Starts to accept. The graph says what each node is entitled to, and has been calling gateway_graph_events since it was made; both are
 * borrowed. */
int gateway_listen(struct gateway *gateway, const struct graph *graph, struct api *api,
		   struct err *err) must_check;
/* The address bound, "HOST:PORT". */
const char *gateway_address(const struct gateway *gateway);
/* The authority has changed, or the hub's certificate is to be renewed: shows a fresh one from the next connection on. `announce`: tells
 * the edges of the authorities too. */
int gateway_renew(struct gateway *gateway, bool announce, struct err *err) must_check;
/* The addresses that edges learn, "HOST:PORT", NULL-ended; those connected are told at once. None: they keep what they dialled. -ENOMEM keeps
 * the old ones. */
int gateway_set_clouds(struct gateway *gateway, const char *const *addresses) must_check;
/* Stops accepting and says GOAWAY to every edge, so that none waits for a timeout. */
void gateway_stop(struct gateway *gateway);
/* Drops what is left and frees. Writes under way are forgotten by it, not by the store. */
void gateway_free(struct gateway *gateway);

/* What the graph is to call, with the gateway as ctx. */
extern const struct graph_events gateway_graph_events;
/* All changes up to `revision` have gone through the graph: sessions may tell their edges so. */
void gateway_advanced(struct gateway *gateway, uint64_t revision);

/* May this node work with this key (hex SHA-256 of its public half), as far as its registration says? */
bool gateway_node_works(struct gateway *gateway, const char *node, const char *key_sha256);
bool gateway_is_up(const struct gateway *gateway, const char *node);
/* Asks the node, if it is connected, for verdicts about these, and about nobody else any more; NULL-ended, at most
 * MESSAGE_SUBJECTS_MAX. -ENOTCONN; -ENOMEM. */
int gateway_want_verdicts(struct gateway *gateway, const char *node, const char *const *subjects) must_check;
/* Somebody doubts that the node is there: its session ends unless it says something within SESSION_PROBE_MS. Nothing without one. */
void gateway_probe(struct gateway *gateway, const char *node);
/* Up to which revision the connected node's replica is known to be what it should be; 0: not connected. */
uint64_t gateway_acknowledged(const struct gateway *gateway, const char *node);
/* When the node was last heard of, wall time; 0: not since this hub started. */
int64_t gateway_heard(const struct gateway *gateway, const char *node);

/* --- what an operator sees of nodes, and decides --- */
struct enrolment;
struct fork;

/* What is registered for the name. -ENOENT; -EINVAL: unreadable. */
int gateway_enrolment(struct gateway *gateway, const char *node, struct enrolment *out) must_check;
/* Stores a changed record; `done` (may be NULL) when it is durable, or has failed. */
int gateway_put_enrolment(struct gateway *gateway, const struct enrolment *record,
			  void (*done)(void *ctx, int code), void *ctx) must_check;
/* Forgets the node, its Node object and the pods bound to it. */
int gateway_remove(struct gateway *gateway, const char *node, void (*done)(void *ctx, int code),
		   void *ctx) must_check;
/* What the node was given to tell it from its copies; all zero for -ENOENT (nothing yet) and -EINVAL (unreadable). */
int gateway_fork(struct gateway *gateway, const char *node, struct fork *out) must_check;
/* Where the node's session comes from and what runs there; NULL without one. Borrowed until the loop turns. */
struct gateway_peer {
	const char *address, *software;
};
bool gateway_peer(const struct gateway *gateway, const char *node, struct gateway_peer *out);
/* Somebody with a certificate of this authority who is not registered. */
struct gateway_stranger {
	char node[GATEWAY_NODE_SIZE], region[64], machine_id[65], address[64], software[64];
	uint8_t key_sha256[32];
	int64_t not_after_wall_ms, seen_wall_ms;
	bool unconfirmed; /* the store was restored from a backup: the operator may confirm it */
};
const struct gateway_stranger *gateway_stranger(const struct gateway *gateway, const char *node);
bool gateway_next_stranger(const struct gateway *gateway, size_t *cursor,
			   const struct gateway_stranger **out);
void gateway_forget_stranger(struct gateway *gateway, const char *node);
/* Ends the node's session, and whatever tries to become one: the record that let it in has changed. */
void gateway_drop(struct gateway *gateway, const char *node, unsigned refuse_reason, const char *text);
/* The operator decided which of two copies is the node: the API says so. */
void gateway_tell_released(struct gateway *gateway, const char *node);

/* The operator gave up an orphan of a connected node. -ENOTCONN, -ENOENT. */
int gateway_release_orphan(struct gateway *gateway, const char *node, const struct key *key,
			   const char *uid) must_check;

struct gateway_stats {
	size_t sessions;
	uint64_t accepted, refused, joined, joins_deferred, renewed, quarantined, bytes_in, bytes_out,
		objects_sent, effects_applied, effects_refused;
	uint64_t handshakes_full, handshakes_resumed, handshakes_deferred;
};
void gateway_stats(const struct gateway *gateway, struct gateway_stats *out);

#endif
