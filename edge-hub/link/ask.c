#include "edge-hub/link/ask.h"

#include "net/stream.h"
#include "tunnel/mux.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ask {
	struct ask_options options;
	char *clouds[ASK_ADDRESSES_MAX];
	size_t cloud_count, next;
	struct buf question;
	struct timer *timer; /* of the answer; and what comes next, late */
	struct stream *stream;
	struct mux *mux;
	enum { ASK_DIALS, ASK_WAITS, ASK_ENDS } state; /* what the timer means */
	struct ask_result result;
};

static void hang_up(struct ask *ask)
{
	stream_close(ask->stream);
	ask->stream = NULL;
	mux_free(ask->mux);
	ask->mux = NULL;
}

/* This address has had its turn. What comes next comes from the timer, and not from inside the stream or the mux. */
static void settle(struct ask *ask, int code, const char *text)
{
	if (ask->state != ASK_WAITS)
		return;
	ask->result.err = (struct err){ 0 };
	if (code)
		(void)err_set(&ask->result.err, code, "%s", text);
	ask->state = !code || ask->result.reason || ask->next == ask->cloud_count ? ASK_ENDS : ASK_DIALS;
	timer_start(ask->timer, 0);
}

static int on_message(void *ctx, uint16_t kind, struct span bytes)
{
	struct ask *ask = ctx;
	void *message = NULL;
	int code;

	if ((kind != ask->options.answer_kind && kind != MSG_REFUSE) || ask->state != ASK_WAITS)
		return 0;
	code = message_decode(kind, bytes, &message);
	if (code)
		return code;
	if (kind == ask->options.answer_kind) {
		const struct tls_peer *peer = stream_tls_peer(ask->stream);

		ask->result.answer = message;
		ask->result.not_before_wall_ms = peer->not_before_wall_ms;
		ask->result.not_after_wall_ms = peer->not_after_wall_ms;
		settle(ask, 0, "");
		return 0;
	}
	/* A busy hub may have an idle neighbour; any other no is the same everywhere. */
	ask->result.retry_after_ms = ((Tunnel__Refuse *)message)->retry_after_ms;
	ask->result.reason = ((Tunnel__Refuse *)message)->reason;
	if (ask->result.reason == REFUSE_BUSY && ask->next < ask->cloud_count)
		ask->result.reason = REFUSE_NONE;
	settle(ask, -EACCES, ((Tunnel__Refuse *)message)->text);
	message_free(kind, message);
	return 0;
}

static void flush(struct ask *ask)
{
	struct buf out;

	buf_init(&out, 2 * MUX_RECORD_MAX);
	while (mux_wants_output(ask->mux)) {
		buf_reset(&out);
		if (mux_output(ask->mux, &out, MUX_RECORD_MAX) || !out.len ||
		    stream_write(ask->stream, buf_span(&out)))
			break;
	}
	buf_done(&out);
}

static void on_open(void *ctx)
{
	struct ask *ask = ctx;
	int code = mux_send_control(ask->mux, ask->options.question_kind, buf_span(&ask->question));

	if (code)
		settle(ask, code, "the request is too large");
	else
		flush(ask);
}

static void on_data(void *ctx, struct span data)
{
	struct ask *ask = ctx;
	int code = mux_input(ask->mux, data);

	if (code)
		settle(ask, code, "the other side does not speak Holdfast's tunnel protocol");
}

static void on_closed(void *ctx, const struct err *why)
{
	struct ask *ask = ctx;

	if (ask->state == ASK_WAITS) /* else it has said what it wants */
		ask->result.retry_after_ms = stream_retry_after_ms(ask->stream);
	ask->stream = NULL;
	settle(ask, why && why->code ? why->code : -ECONNRESET,
	       why && why->code ? err_text(why) : "the cloud-hub closed the connection without an answer");
}

static void dial(struct ask *ask)
{
	static const struct stream_events events = { .on_open = on_open,
						     .on_data = on_data,
						     .on_closed = on_closed };
	static const struct mux_channel_ops control = { .on_message = on_message };
	struct stream_options options = { .tls = ask->options.tls,
					  .tls_server_name = ask->options.server_name,
					  .proxy = ask->options.proxy,
					  .reach_timeout_ms = ask->options.reach_timeout_ms };
	struct mux_options mux_options = { .dialer = true };
	struct err err = { 0 };
	int code = mux_new(&mux_options, &ask->mux);

	ask->state = ASK_WAITS;
	ask->result = (struct ask_result){ 0 };
	if (!code) {
		mux_set_channel(ask->mux, MUX_CONTROL, &control, ask);
		code = stream_connect(ask->options.loop, ask->clouds[ask->next], &options, &events, ask,
				      &ask->stream, &err);
	}
	ask->next++;
	if (code) {
		ask->stream = NULL;
		settle(ask, code, err.code ? err_text(&err) : "out of memory");
	} else {
		timer_start(ask->timer, ASK_ANSWER_MS);
	}
}

static void end(struct ask *ask)
{
	struct ask_result result = ask->result;
	uint16_t kind = ask->options.answer_kind;

	ask->result.answer = NULL;
	ask->options.on_done(ask->options.ctx, &result); /* may free the ask */
	message_free(kind, result.answer);
}

static void on_timer(void *ctx)
{
	struct ask *ask = ctx;

	switch (ask->state) {
	case ASK_WAITS: settle(ask, -ETIMEDOUT, "no answer in time"); break;
	case ASK_DIALS:
		hang_up(ask);
		dial(ask);
		break;
	case ASK_ENDS:
		hang_up(ask);
		end(ask);
		break;
	}
}

static int take_options(struct ask *ask, const struct ask_options *options)
{
	ask->options = *options;
	tls_ref(options->tls);
	for (size_t i = 0; options->clouds[i] && i < ASK_ADDRESSES_MAX; i++) {
		ask->clouds[i] = strdup(options->clouds[i]);
		if (!ask->clouds[i])
			return -ENOMEM;
		ask->cloud_count++;
	}
	if (!ask->cloud_count)
		return -EINVAL;
	return buf_add_span(&ask->question, options->question) ? -EINVAL : 0;
}

int ask_new(const struct ask_options *options, struct ask **out)
{
	struct ask *ask = calloc(1, sizeof(*ask));
	int code;

	if (!ask)
		return -ENOMEM;
	ask->state = ASK_DIALS;
	buf_init(&ask->question, MESSAGE_CONTROL_MAX);
	code = take_options(ask, options);
	if (!code)
		code = timer_new(options->loop, on_timer, ask, &ask->timer);
	if (code) {
		ask_free(ask);
		return code;
	}
	timer_start(ask->timer, 0);
	*out = ask;
	return 0;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	hang_up(ask);
	message_free(ask->options.answer_kind, ask->result.answer);
	timer_close(ask->timer);
	tls_unref(ask->options.tls);
	for (size_t i = 0; i < ask->cloud_count; i++)
		free(ask->clouds[i]);
	buf_done(&ask->question);
	free(ask);
}
