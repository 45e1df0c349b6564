/* outbox: the wire part of what an edge reports: the sender at the edge, the receiver in the cloud.
 *
 * The durable queue is not in here: the sender reads it through outbox_queue, the receiver applies effects
 * through outbox_apply. An entry is sent at least once and takes effect once: the cloud commits the last
 * applied sequence of an outbox incarnation in the same transaction as the effect, and names it in the
 * Welcome. Both cores are pure; one thread each. */
#ifndef HOLDFAST_TUNNEL_OUTBOX_H
#define HOLDFAST_TUNNEL_OUTBOX_H

#include "tunnel/message.h"
#include "tunnel/mux.h"

#define OUTBOX_WINDOW 64u		  /* entries sent and not acknowledged */
#define OUTBOX_WINDOW_BYTES (512u * 1024) /* and their bytes; one larger entry may go alone */
#define OUTBOX_RESULTS_MAX 256u		  /* in one ack */

/* What applying an entry does; part of the wire format. Unknown ones are refused by the cloud, for good. */
enum outbox_effect {
	OUTBOX_STATUS = 1,  /* body: the whole status; merged by owner of fields */
	OUTBOX_EVENT = 2,   /* body: the Event; created or counted up */
	OUTBOX_DELETED = 3, /* a pod that was to be deleted has ended: remove the object */
	OUTBOX_NODE = 4,    /* body: the Node's own part: labels it owns, status */
	OUTBOX_WRITE = 5,   /* body: an object written offline */
	OUTBOX_CREATE = 6,  /* body: an object the edge made (mirror pod) */
	OUTBOX_EFFECTS,
};

struct outbox_entry {
	uint64_t sequence; /* rises by at least 1 with each entry of an incarnation; gaps are fine */
	unsigned effect;   /* enum outbox_effect */
	struct key key;
	const char *uid;
	struct span body;
	uint64_t base; /* cloud revision that the edge had of the object, 0 if none */
};
struct outbox_result {
	uint64_t sequence;
	int code;	    /* 0, or an HTTP status: the effect was refused for good */
	const char *reason; /* "" or for a person */
	uint64_t revision;  /* of the object after the effect: the overlay may go when the replica has it */
};

/* --- the edge --- */

/* The durable queue, implemented by edge-hub/outbox. */
struct outbox_queue {
	/* The first entry with a sequence above `after`: 0; -ENOENT: none; another error stops sending until
	 * the next kick. What *out points to lives until the next call. */
	int (*next)(void *ctx, uint64_t after, struct outbox_entry *out);
	/* Everything up to `sequence` is decided: forget it, durably or not (a repeat is harmless). Before
	 * it, on_result for each entry that the ack spoke of. */
	void (*acked)(void *ctx, uint64_t sequence);
	void (*on_result)(void *ctx, const struct outbox_result *result); /* may be NULL */
};

struct outbox_sender;
int outbox_sender_new(const struct outbox_queue *queue, void *ctx, struct outbox_sender **out) must_check;
void outbox_sender_free(struct outbox_sender *sender);
/* At LINK_UP, with the Welcome's outbox_applied. */
void outbox_sender_attach(struct outbox_sender *sender, struct mux *mux, uint64_t applied);
void outbox_sender_detach(struct outbox_sender *sender); /* at LINK_DOWN */
void outbox_sender_kick(
	struct outbox_sender
		*sender); /* an entry was queued, or one waiting was replaced by a newer sequence */
size_t outbox_sender_unacked(const struct outbox_sender *sender);

/* --- the cloud --- */

struct outbox_apply {
	/* Commit the effect and, in the same transaction, that `entry->sequence` is applied; then call
	 * outbox_receiver_done, now or later, in the order of the calls. Negative: cannot now (-EAGAIN,
	 * -ENOSPC): the session ends, and the edge sends it again. */
	int (*apply)(void *ctx, const struct outbox_entry *entry);
};

struct outbox_receiver;
/* `applied`: the last sequence of this incarnation whose effect is committed. Attach with
 * mux_set_channel(mux, MUX_OUTBOX, &outbox_receiver_channel, receiver). */
int outbox_receiver_new(struct mux *mux, uint64_t applied, const struct outbox_apply *apply, void *ctx,
			struct outbox_receiver **out) must_check;
void outbox_receiver_free(struct outbox_receiver *receiver);
extern const struct mux_channel_ops outbox_receiver_channel;
/* The effect of result->sequence is committed (or refused for good, which is committed too). */
int outbox_receiver_done(struct outbox_receiver *receiver, const struct outbox_result *result) must_check;

#endif
