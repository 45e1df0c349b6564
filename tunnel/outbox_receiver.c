#include "tunnel/outbox.h"

#include <errno.h>
#include <stdlib.h>

#define REASON_SIZE 128u

struct decided {
	uint64_t sequence, revision;
	int code;
	char reason[REASON_SIZE];
};

struct outbox_receiver {
	struct mux *mux;
	struct outbox_apply apply;
	void *ctx;
	uint64_t applied; /* committed */
	uint64_t taken;	  /* given to apply */
	size_t applying;
	bool ack_due;
	struct decided *results; /* not yet acknowledged */
	size_t count;
};

int outbox_receiver_new(struct mux *mux, uint64_t applied, const struct outbox_apply *apply, void *ctx,
			struct outbox_receiver **out)
{
	struct outbox_receiver *receiver = calloc(1, sizeof(*receiver));

	if (!receiver)
		return -ENOMEM;
	receiver->mux = mux;
	receiver->apply = *apply;
	receiver->ctx = ctx;
	receiver->applied = receiver->taken = applied;
	*out = receiver;
	return 0;
}

void outbox_receiver_free(struct outbox_receiver *receiver)
{
	if (!receiver)
		return;
	free(receiver->results);
	free(receiver);
}

static void ack_soon(struct outbox_receiver *receiver)
{
	receiver->ack_due = true;
	mux_kick(receiver->mux, MUX_OUTBOX);
}

static int on_entry(struct outbox_receiver *receiver, const Tunnel__OutboxEntry *message)
{
	struct outbox_entry entry = {
		.sequence = message->sequence,
		.effect = message->effect,
		.key = message_key(message->key),
		.uid = message->uid,
		.body = span_make(message->body.data, message->body.len),
		.base = message->base_revision,
	};
	int err;

	if (entry.sequence <= receiver->applied) {
		ack_soon(receiver); /* its ack was lost */
		return 0;
	}
	if (entry.sequence <= receiver->taken)
		return 0;
	if (receiver->applying >= 2 * OUTBOX_WINDOW)
		return -EPROTO; /* the sender ignores the window */
	receiver->taken = entry.sequence;
	receiver->applying++;
	err = receiver->apply.apply(receiver->ctx, &entry);
	if (err)
		receiver->applying--;
	return err;
}

static int on_message(void *ctx, uint16_t kind, struct span bytes)
{
	void *message;
	int err;

	if (kind != MSG_OUTBOX_ENTRY)
		return message_known(kind) ? -EPROTO : 0;
	err = message_decode(kind, bytes, &message);
	if (err)
		return err;
	err = on_entry(ctx, message);
	message_free(kind, message);
	return err;
}

/* Cut to size between two characters. */
static void copy_reason(char out[REASON_SIZE], const char *reason)
{
	size_t len = strnlen(reason, REASON_SIZE - 1);

	while (len && !span_is_utf8(span_make(reason, len)))
		len--;
	memcpy(out, reason, len);
	out[len] = '\0';
}

int outbox_receiver_done(struct outbox_receiver *receiver, const struct outbox_result *result)
{
	struct decided *decided;

	assert_always(receiver->applying && result->sequence > receiver->applied &&
		      result->sequence <= receiver->taken);
	if (receiver->count == OUTBOX_RESULTS_MAX)
		return -ENOBUFS;
	if (!receiver->results) {
		receiver->results = calloc(OUTBOX_RESULTS_MAX, sizeof(*receiver->results));
		if (!receiver->results)
			return -ENOMEM;
	}
	decided = &receiver->results[receiver->count++];
	decided->sequence = result->sequence;
	decided->revision = result->revision;
	decided->code = result->code;
	copy_reason(decided->reason, result->reason ? result->reason : "");
	receiver->applied = result->sequence;
	receiver->applying--;
	ack_soon(receiver);
	return 0;
}

static struct blob *encode_ack(const struct outbox_receiver *receiver)
{
	Tunnel__OutboxResult results[OUTBOX_RESULTS_MAX];
	Tunnel__OutboxResult *pointers[OUTBOX_RESULTS_MAX];
	Tunnel__OutboxAck ack = TUNNEL__OUTBOX_ACK__INIT;

	for (size_t i = 0; i < receiver->count; i++) {
		struct decided *decided = &receiver->results[i];

		tunnel__outbox_result__init(&results[i]);
		results[i].sequence = decided->sequence;
		results[i].code = decided->code;
		results[i].reason = decided->reason;
		results[i].revision = decided->revision;
		pointers[i] = &results[i];
	}
	ack.sequence = receiver->applied;
	ack.results = pointers;
	ack.n_results = receiver->count;
	return message_blob(MSG_OUTBOX_ACK, &ack);
}

static int supply(void *ctx, struct mux_message *out)
{
	struct outbox_receiver *receiver = ctx;

	if (!receiver->ack_due)
		return 0;
	out->bytes = encode_ack(receiver);
	if (!out->bytes)
		return -ENOMEM;
	out->kind = MSG_OUTBOX_ACK;
	receiver->ack_due = false;
	receiver->count = 0;
	free(receiver->results);
	receiver->results = NULL;
	return 1;
}

const struct mux_channel_ops outbox_receiver_channel = { .on_message = on_message, .supply = supply };
