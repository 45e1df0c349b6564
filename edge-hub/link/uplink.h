/* uplink: the node's connection to the cloud: binds the pure link to TLS streams, and attaches replication and outbox while it is
 * up. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_UPLINK_H
#define HOLDFAST_EDGE_HUB_LINK_UPLINK_H

#include "auth/vault.h"
#include "edge-hub/identity.h"
#include "edge-hub/node/timekeeper.h"
#include "edge-hub/link/session_secret.h"
#include "edge-hub/outbox/outbox.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "tunnel/link.h"
#include "tunnel/replicate_sink.h"

struct uplink;

struct uplink_options {
	struct loop *loop;
	const struct identity *identity;
	struct repl_sink *sink;
	struct outbox *outbox;
	struct timekeeper *timekeeper;
	const char *boot_id;
	uint64_t incarnation; /* of this process's start */
	const char *machine_id;
	struct session_secret *secret; /* borrowed */
	struct span
		health_identity; /* public half of the key that signs words about neighbours; borrowed, may be empty */
	unsigned health_port; /* where neighbours find this node; 0: the usual one */
	unsigned ping_interval_ms, backoff_cap_ms;
	struct vault *vault;	  /* keeps the TLS session */
	const char *session_file; /* in which; borrowed */
	struct proxy *proxy;	  /* to the cloud; NULL: directly. Borrowed */
	/* Up, with the address this node is seen by; or down ("" then). */
	void (*on_state)(void *ctx, bool up, const char *local_address);
	/* The cloud does not take the certificate. */
	void (*on_refused)(void *ctx);
	/* The cloud tells of its authorities. 0: it may be told that they are stored. */
	int (*on_authority)(void *ctx, const Tunnel__Authority *message);
	/* The cloud's addresses changed: keep them. NULL-ended. */
	void (*on_clouds)(void *ctx, const char *const *clouds);
	/* Whom the cloud wants to hear about; replaces what it said before. NULL: nobody listens. */
	void (*on_verdict_want)(void *ctx, const char *const *names, size_t count);
	/* The cloud has forgotten this node, as it was asked to by uplink_leave. */
	void (*on_left)(void *ctx);
	void *ctx;
};
int uplink_new(const struct uplink_options *options, struct uplink **out, struct err *err) must_check;
void uplink_start(struct uplink *uplink);
/* Certificate, key or authorities are others now: the next connection uses them (and is tried at once when there is none), the one there
 * is goes on. */
void uplink_identity_changed(struct uplink *uplink);
/* Something was queued for the cloud. */
void uplink_kick(struct uplink *uplink);
/* Asks the cloud to forget this node. -ENOTCONN. */
int uplink_leave(struct uplink *uplink) must_check;
/* What members of the region say about others, as healthcheck/verdict writes it. -ENOTCONN; -EAGAIN: the link is full; -EMSGSIZE. */
int uplink_verdicts(struct uplink *uplink, const char *region, const struct span *verdicts,
		    size_t count) must_check;
/* By which T this node fences itself (healthcheck/fence.h), 0: it does not: said in each Hello from now on, and at once where there is a
 * link. Call it before uplink_start, and when T changes. */
void uplink_set_fence(struct uplink *uplink, unsigned fence_ms);
/* Dials anew, whatever there is. */
void uplink_redial(struct uplink *uplink);
void uplink_free(struct uplink *uplink);

struct uplink_status {
	enum link_state state;
	const char *cloud;	/* the address in use or tried next */
	const char *proxy;	/* "HOST:PORT" on the way there, "": none */
	const char *last_error; /* "" after a good connection */
	unsigned
		refused; /* why the cloud said no last (enum refuse_reason); REFUSE_NONE after a good connection */
	uint64_t heard_ms; /* monotonic: when the cloud last answered a ping or greeted; 0: never */
	uint64_t proof_ms; /* monotonic: when that was asked to which this was the answer; 0: never */
	uint64_t since_ms; /* monotonic: of the last change between up and down */
	uint64_t connects, bytes_in, bytes_out;
	unsigned rtt_ms;
	bool resumed; /* the last connection needed no full handshake */
};
void uplink_status(const struct uplink *uplink, struct uplink_status *out);

#endif
