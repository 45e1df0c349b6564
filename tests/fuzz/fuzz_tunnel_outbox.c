/* What the other end sends on the outbox channel: entries to a receiver, acknowledgements to a sender. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "tunnel/outbox.h"

struct hub {
	struct outbox_receiver *receiver;
	uint64_t taken;
};

static int next(void *ctx, uint64_t after, struct outbox_entry *out)
{
	if (after >= 100)
		return -ENOENT;
	*out = (struct outbox_entry){
		.sequence = after + 1, .key = { "pods", "ns", "p" }, .uid = "u", .body = SPAN("{}")
	};
	return 0;
}

static void acked(void *ctx, uint64_t sequence)
{
	assert_always(sequence <= 100);
}

static int apply(void *ctx, const struct outbox_entry *entry)
{
	struct hub *hub = ctx;
	struct outbox_result result = { .sequence = entry->sequence, .reason = entry->uid };

	assert_always(entry->sequence > hub->taken);
	hub->taken = entry->sequence;
	return outbox_receiver_done(hub->receiver, &result);
}

static void pump(struct mux *mux, struct span bytes)
{
	struct buf out;

	buf_init(&out, MUX_RECORD_MAX);
	(void)!mux_output(mux, &out, MUX_RECORD_MAX);
	(void)!mux_input(mux, bytes);
	buf_reset(&out);
	(void)!mux_output(mux, &out, MUX_RECORD_MAX);
	buf_done(&out);
}

static void run_sender(struct mux *mux, struct span bytes)
{
	static const struct outbox_queue queue = { next, acked, NULL };
	struct outbox_sender *sender;

	if (outbox_sender_new(&queue, NULL, &sender))
		return;
	outbox_sender_attach(sender, mux, 0);
	pump(mux, bytes);
	outbox_sender_detach(sender);
	outbox_sender_free(sender);
}

static void run_receiver(struct mux *mux, struct span bytes)
{
	static const struct outbox_apply ops = { apply };
	struct hub hub = { 0 };

	if (outbox_receiver_new(mux, 0, &ops, &hub, &hub.receiver))
		return;
	mux_set_channel(mux, MUX_OUTBOX, &outbox_receiver_channel, hub.receiver);
	pump(mux, bytes);
	mux_set_channel(mux, MUX_OUTBOX, NULL, NULL);
	outbox_receiver_free(hub.receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mux_options options = { 0 };
	struct mux *mux;

	if (size < 1 || mux_new(&options, &mux))
		return 0;
	if (data[0] & 1)
		run_sender(mux, span_make(data + 1, size - 1));
	else
		run_receiver(mux, span_make(data + 1, size - 1));
	mux_free(mux);
	return 0;
}
