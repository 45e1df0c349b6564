#include "net/turns.h"

#include <errno.h>

#include "net/client_hello.h"
#include "net/stream_impl.h"

/* In a storm of reconnects some handshakes finish early instead of all of them too late. A turn is over after TURN_MS,
 * so that clients that stall hold up the others for no longer than that. */
#define TURNS_MAX 32u
#define TURN_MS 1000u

static void next_turns(void *ctx)
{
	struct turns *turns = ctx;
	uint64_t now = loop_now_ms(turns->loop);
	struct list_node *node;

	while ((node = list_first(&turns->taken))) {
		struct stream *oldest = container_of(node, struct stream, turn_node);

		if (now < oldest->turn_ms + TURN_MS)
			break;
		list_remove(&turns->taken, node);
		oldest->turn = TURN_OVER;
	}
	while (turns->taken.count < TURNS_MAX && (node = list_pop(&turns->waiting))) {
		struct stream *stream = container_of(node, struct stream, turn_node);

		stream->turn = TURN_TAKEN;
		stream->turn_ms = now;
		list_push(&turns->taken, node);
		loop_post(stream->loop, &stream->task); /* goes on with what it has said */
	}
	node = list_first(&turns->taken);
	if (node && turns->waiting.count)
		timer_start(turns->timer,
			    container_of(node, struct stream, turn_node)->turn_ms + TURN_MS - now);
}

int turns_init(struct turns *turns, struct loop *loop, const struct handshakes_options *budget)
{
	*turns = (struct turns){ .loop = loop, .has_budget = budget != NULL };
	list_init(&turns->taken);
	list_init(&turns->waiting);
	if (budget)
		handshakes_init(&turns->handshakes, budget, loop_now_ms(loop));
	return timer_new(loop, next_turns, turns, &turns->timer);
}

void turns_done(struct turns *turns)
{
	timer_close(turns->timer);
	turns->timer = NULL;
}

/* What the ClientHello is worth. GO: it need not wait for a turn. */
static enum turns_verdict judge(struct turns *turns, struct stream *stream, unsigned *out_retry_after_ms)
{
	struct client_hello hello;
	int rc;

	if (!turns->has_budget)
		return TURNS_WAIT;
	rc = client_hello_read(tls_session_input(stream->tls), &hello);
	if (rc)
		return rc == -EAGAIN ? TURNS_MORE : TURNS_BAD;
	stream->resumes = tls_session_opens_ticket(stream->tls, hello.ticket, hello.server_name);
	if (!handshakes_ask(&turns->handshakes, stream->resumes, loop_now_ms(turns->loop),
			    out_retry_after_ms)) {
		turns->stats.deferred++;
		return TURNS_LATER;
	}
	stream->admitted = true;
	return stream->resumes ? TURNS_GO : TURNS_WAIT;
}

enum turns_verdict turns_hear(struct turns *turns, struct stream *stream, unsigned *out_retry_after_ms)
{
	enum turns_verdict verdict;

	if (stream->turn == TURN_WAITING)
		return TURNS_WAIT;
	if (stream->turn >= TURN_TAKEN)
		return TURNS_GO;
	verdict = judge(turns, stream, out_retry_after_ms);
	if (verdict == TURNS_GO)
		stream->turn = TURN_OVER; /* costs next to nothing: it is in nobody's way */
	if (verdict != TURNS_WAIT)
		return verdict;
	stream->turn = TURN_WAITING;
	list_push(&turns->waiting, &stream->turn_node);
	next_turns(turns);
	return stream->turn == TURN_TAKEN ? TURNS_GO : TURNS_WAIT;
}

void turns_end(struct turns *turns, struct stream *stream)
{
	if (stream->admitted)
		handshakes_done(&turns->handshakes, stream->resumes, !tls_session_used_ticket(stream->tls),
				loop_now_ms(turns->loop));
	stream->admitted = false;
	if (stream->turn == TURN_WAITING)
		list_remove(&turns->waiting, &stream->turn_node);
	else if (stream->turn == TURN_TAKEN)
		list_remove(&turns->taken, &stream->turn_node);
	stream->turn = TURN_OVER;
	if (turns->timer && turns->waiting.count)
		next_turns(turns);
}
