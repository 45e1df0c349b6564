/* edge: one connection of an edge-hub: binds the pure cores of the tunnel (session, replication source, outbox
 * receiver) to a stream. Private to the gateway, which decides who may come in. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_EDGE_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_EDGE_H

#include "base/list.h"
#include "base/timerq.h"
#include "cloud-hub/gateway/gateway.h"
#include "net/stream.h"
#include "tunnel/encode_cache.h"
#include "tunnel/outbox.h"
#include "tunnel/replicate_source.h"
#include "tunnel/session.h"

#define EDGE_NODE_MAX GATEWAY_NODE_SIZE

struct upload;

enum edge_state {
	EDGE_GREETING, /* connected, not yet decided */
	EDGE_WORKING,  /* welcomed: has source and receiver */
	EDGE_CLOSED,   /* no stream any more; waits for writes under way */
};

/* Which of the hub's names was dialled, and so what may be done. */
enum edge_door { EDGE_DOOR_WORK, EDGE_DOOR_JOIN, EDGE_DOOR_RENEW };

/* Fields are the gateway's files' to read; changed by edge.c only, but for `in_nodes`. */
struct edge {
	struct gateway *gateway;
	enum edge_state state;
	char node[EDGE_NODE_MAX]; /* from the certificate; "" while joining */
	char software[64];	  /* as it says; "" before it was welcomed */
	uint8_t key_sha256[32];
	int64_t not_after_wall_ms; /* of its certificate */
	uint8_t offered[32];	   /* hash of the session secret it was given */
	bool secret_kept;	   /* it said that this one is on its disk */
	struct stream *stream;	   /* NULL when closed */
	struct session *session;
	struct repl_source *source;
	struct upload *upload;
	struct timerq_node deadline;
	struct list_node all, dirty; /* all: in the gateway's `edges`, then in its `ended` */
	unsigned refs;		     /* the connection itself, and each write under way */
	enum edge_door door;
	bool in_nodes, held;
	unsigned authority;	  /* the generation that its certificate is of; 0: none of ours */
	int64_t renew_at_wall_ms; /* of that certificate */
	uint64_t counted_in, counted_out;
	uint64_t ticket_ms; /* when it got its TLS ticket */
};

/* Takes the stream. Greets nobody: the edge speaks first. */
int edge_new(struct gateway *gateway, struct stream *stream, enum edge_door door,
	     struct edge **out) must_check;
void edge_ref(struct edge *edge);
void edge_unref(struct edge *edge);
/* Something was queued for it: it is pumped before the loop waits again. */
void edge_kick(struct edge *edge);
/* Works off actions and fills the stream. May close the edge. */
void edge_pump(struct edge *edge);
void edge_tick(struct edge *edge);
/* Ends the connection at once. The edge lives on until its last reference is gone. */
void edge_close(struct edge *edge);
/* Ends a working session in good order: it is told why, and is the node's no more. */
void edge_retire(struct edge *edge, enum refuse_reason reason, const char *text, unsigned retry_after_ms);
/* Admitted: opens its session, with the secret for the next one (32 bytes, and their hash). Closes the edge when that fails. */
void edge_welcome(struct edge *edge, const Tunnel__Hello *hello, const uint8_t *secret,
		  const uint8_t *secret_sha256);
void edge_refuse(struct edge *edge, enum refuse_reason reason, const char *text, unsigned retry_after_ms);

#endif
