#include "tunnel/outbox.h"

#include <errno.h>
#include <stdlib.h>

struct flight {
	uint64_t sequence;
	size_t bytes;
};

struct outbox_sender {
	struct outbox_queue queue;
	void *ctx;
	struct mux *mux; /* NULL: not connected */
	uint64_t sent;	 /* last sequence given to the mux in this connection */
	struct flight window[OUTBOX_WINDOW];
	size_t first, count, bytes;
};

static const struct mux_channel_ops sender_channel;

int outbox_sender_new(const struct outbox_queue *queue, void *ctx, struct outbox_sender **out)
{
	struct outbox_sender *sender = calloc(1, sizeof(*sender));

	if (!sender)
		return -ENOMEM;
	sender->queue = *queue;
	sender->ctx = ctx;
	*out = sender;
	return 0;
}

void outbox_sender_free(struct outbox_sender *sender)
{
	free(sender);
}

void outbox_sender_attach(struct outbox_sender *sender, struct mux *mux, uint64_t applied)
{
	sender->mux = mux;
	sender->sent = applied;
	sender->first = sender->count = sender->bytes = 0;
	/* Acknowledgements that were lost with the connection before. */
	sender->queue.acked(sender->ctx, applied);
	mux_set_channel(mux, MUX_OUTBOX, &sender_channel, sender);
}

void outbox_sender_detach(struct outbox_sender *sender)
{
	if (sender->mux)
		mux_set_channel(sender->mux, MUX_OUTBOX, NULL, NULL);
	sender->mux = NULL;
	sender->first = sender->count = sender->bytes = 0;
}

void outbox_sender_kick(struct outbox_sender *sender)
{
	if (sender->mux)
		mux_kick(sender->mux, MUX_OUTBOX);
}

size_t outbox_sender_unacked(const struct outbox_sender *sender)
{
	return sender->count;
}

static struct blob *encode(const struct outbox_entry *entry)
{
	Tunnel__OutboxEntry message = TUNNEL__OUTBOX_ENTRY__INIT;
	Tunnel__Key key;

	message_set_key(&key, &entry->key);
	message.sequence = entry->sequence;
	message.effect = entry->effect;
	message.key = &key;
	message.uid = (char *)(entry->uid ? entry->uid : "");
	message.body.data = (uint8_t *)entry->body.ptr;
	message.body.len = entry->body.len;
	message.base_revision = entry->base;
	return message_blob(MSG_OUTBOX_ENTRY, &message);
}

static int supply(void *ctx, struct mux_message *out)
{
	struct outbox_sender *sender = ctx;
	struct outbox_entry entry;
	size_t bytes;

	if (sender->count == OUTBOX_WINDOW || sender->bytes >= OUTBOX_WINDOW_BYTES)
		return 0; /* the next ack kicks */
	if (sender->queue.next(sender->ctx, sender->sent, &entry))
		return 0;
	assert_always(entry.sequence > sender->sent);
	out->bytes = encode(&entry);
	if (!out->bytes)
		return -ENOMEM;
	out->kind = MSG_OUTBOX_ENTRY;
	bytes = blob_span(out->bytes).len;
	sender->window[(sender->first + sender->count++) % OUTBOX_WINDOW] =
		(struct flight){ entry.sequence, bytes };
	sender->bytes += bytes;
	sender->sent = entry.sequence;
	return 1;
}

static void on_ack(struct outbox_sender *sender, const Tunnel__OutboxAck *ack)
{
	for (size_t i = 0; sender->queue.on_result && i < ack->n_results; i++) {
		struct outbox_result result = { ack->results[i]->sequence, ack->results[i]->code,
						ack->results[i]->reason, ack->results[i]->revision };

		sender->queue.on_result(sender->ctx, &result);
	}
	while (sender->count && sender->window[sender->first].sequence <= ack->sequence) {
		sender->bytes -= sender->window[sender->first].bytes;
		sender->first = (sender->first + 1) % OUTBOX_WINDOW;
		sender->count--;
	}
	sender->queue.acked(sender->ctx, ack->sequence);
	outbox_sender_kick(sender);
}

static int on_message(void *ctx, uint16_t kind, struct span bytes)
{
	struct outbox_sender *sender = ctx;
	Tunnel__OutboxAck *ack;
	void *message;
	int err;

	if (kind != MSG_OUTBOX_ACK)
		return message_known(kind) ? -EPROTO : 0;
	err = message_decode(kind, bytes, &message);
	if (err)
		return err;
	ack = message;
	/* An ack of what was never sent would throw away entries that nobody has seen. */
	if (ack->sequence > sender->sent)
		err = -EPROTO;
	else
		on_ack(sender, ack);
	message_free(kind, message);
	return err;
}

static const struct mux_channel_ops sender_channel = { .on_message = on_message, .supply = supply };
