/* Bytes from a peer, in pieces, into a multiplexer whose streams are read, written and answered. */
#include <stdint.h>
#include <stdlib.h>

#include "tunnel/mux.h"

struct end {
	struct mux *mux;
	unsigned opened;
};

static int on_message(void *ctx, uint16_t kind, struct span bytes)
{
	struct end *end = ctx;

	return kind == 9 ? mux_send_control(end->mux, kind, bytes) : 0;
}

static void on_open(void *ctx, uint32_t stream, enum mux_class cls, struct span request)
{
	struct end *end = ctx;

	if (++end->opened % 3 == 0)
		mux_reset(end->mux, stream, MUX_RESET_REFUSED);
	else if (end->opened % 3 == 1)
		(void)!mux_write(end->mux, stream, SPAN("hello"));
}

static void on_data(void *ctx, uint32_t stream, void *user, struct span data, bool last)
{
	struct end *end = ctx;

	if (data.len % 2 == 0)
		mux_drained(end->mux, stream, data.len);
	if (data.len % 5 == 4)
		mux_reset(end->mux, stream, MUX_RESET_CANCELLED);
	else if (last)
		(void)!mux_finish(end->mux, stream);
}

static const struct mux_stream_ops streams = { .on_open = on_open, .on_data = on_data };
static const struct mux_channel_ops channel = { .on_message = on_message };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct end end = { 0 };
	struct mux_options options = { .streams = &streams, .ctx = &end };
	struct buf out;
	uint32_t stream;
	size_t step;
	int err = 0;

	if (size < 2)
		return 0;
	options.dialer = data[0] & 1;
	step = 1 + data[1];
	if (mux_new(&options, &end.mux))
		return 0;
	mux_set_channel(end.mux, MUX_CONTROL, &channel, &end);
	mux_set_channel(end.mux, MUX_REPLICATION, &channel, &end);
	(void)!mux_open(end.mux, MUX_CLASS_BULK, SPAN(""), NULL, &stream);
	buf_init(&out, MUX_RECORD_MAX);
	for (size_t at = 2; at < size && !err; at += step) {
		err = mux_input(end.mux, span_make(data + at, step < size - at ? step : size - at));
		buf_reset(&out);
		if (!err)
			err = mux_output(end.mux, &out, MUX_RECORD_MAX);
	}
	buf_done(&out);
	mux_abort(end.mux);
	mux_free(end.mux);
	return 0;
}
