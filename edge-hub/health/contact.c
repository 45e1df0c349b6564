#include "edge-hub/health/contact.h"

#include "base/list.h"
#include "net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define QUEUE_MAX (4u * PEER_FRAME_MAX)
#define FRAMES_MAX 16u /* that one visitor may send */

struct contact {
	struct loop *loop;
	struct listener *listener;
	struct contact_events events;
	void *ctx;
	struct list visitors, calls;
};

/* Somebody who connected. */
struct visitor {
	struct list_node node;
	struct contact *contact;
	struct stream *stream;
	struct timer *timer;
	struct buf in;
	unsigned frames;
};

/* Somebody this node connects to. */
struct call {
	struct list_node node;
	struct contact *contact;
	struct stream *stream;
	struct timer *timer;
	struct buf out, in;
	char member[ROSTER_NAME_SIZE], address[ROSTER_ADDRESS_SIZE];
	uint32_t nonce;
	bool is_probe, opened;
};

/* --- visitors --- */

static void visitor_drop(struct visitor *v)
{
	list_remove(&v->contact->visitors, &v->node);
	stream_close(v->stream);
	timer_close(v->timer);
	buf_done(&v->in);
	free(v);
}

static int answer(struct visitor *v, const struct peer_frame *frame)
{
	struct contact *c = v->contact;
	struct peer_frame out = { .type = PEER_FRAME_DATAGRAM, .generation = frame->generation };
	struct buf payload, bytes;
	int code = 0;

	buf_init(&payload, PEER_FRAME_PAYLOAD_MAX);
	buf_init(&bytes, PEER_FRAME_MAX);
	if (frame->type == PEER_FRAME_DATAGRAM) {
		c->events.on_visit(c->ctx, frame->bytes, stream_peer_address(v->stream), &payload);
	} else if (frame->type == PEER_FRAME_KEY_WANTED) {
		out.type = PEER_FRAME_KEY;
		c->events.on_key_wanted(c->ctx, frame->generation, frame->member, &payload);
	} else {
		code = -EBADMSG; /* nobody asked */
	}
	out.bytes = buf_span(&payload);
	if (!code && (payload.len || out.type == PEER_FRAME_KEY)) {
		code = peer_frame_write(&out, &bytes);
		if (!code)
			code = stream_write(v->stream, buf_span(&bytes));
	}
	buf_done(&payload);
	buf_done(&bytes);
	return code;
}

static void visitor_data(void *ctx, struct span data)
{
	struct visitor *v = ctx;
	struct peer_frame frame;
	size_t used = 0;
	int found = buf_add_span(&v->in, data); /* at most one frame and what came with it */

	while (!found && (found = peer_frame_read(buf_span(&v->in), &frame, &used)) > 0) {
		found = ++v->frames > FRAMES_MAX ? -EBADMSG : answer(v, &frame);
		buf_consume(&v->in, used);
	}
	if (found < 0)
		visitor_drop(v);
}

static void visitor_closed(void *ctx, const struct err *why)
{
	struct visitor *v = ctx;

	(void)why;
	v->stream = NULL;
	visitor_drop(v);
}

static void visitor_late(void *ctx)
{
	visitor_drop(ctx);
}

static void on_accept(void *ctx, struct stream *stream)
{
	static const struct stream_events events = { .on_data = visitor_data, .on_closed = visitor_closed };
	struct contact *c = ctx;
	struct visitor *v = calloc(1, sizeof(*v));

	if (!v || timer_new(c->loop, visitor_late, v, &v->timer)) {
		free(v);
		stream_close(stream);
		return;
	}
	v->contact = c;
	v->stream = stream;
	buf_init(&v->in, QUEUE_MAX);
	list_push(&c->visitors, &v->node);
	stream_set_events(stream, &events, v);
	timer_start(v->timer, CONTACT_VISIT_MS);
}

/* --- calls --- */

static void call_drop(struct call *call)
{
	list_remove(&call->contact->calls, &call->node);
	stream_close(call->stream);
	timer_close(call->timer);
	buf_done(&call->out);
	buf_done(&call->in);
	free(call);
}

static void call_ends(struct call *call, enum detector_tcp result)
{
	struct contact *c = call->contact;
	char member[ROSTER_NAME_SIZE];
	uint32_t nonce = call->nonce;
	bool is_probe = call->is_probe;

	memcpy(member, call->member, sizeof(member));
	call_drop(call);
	if (is_probe)
		c->events.on_probed(c->ctx, member, nonce, result);
}

static void call_open(void *ctx)
{
	struct call *call = ctx;

	call->opened = true;
	if (stream_write(call->stream, buf_span(&call->out)))
		call_ends(call, DETECTOR_TCP_SILENT);
}

static void call_data(void *ctx, struct span data)
{
	struct call *call = ctx;
	struct contact *c = call->contact;
	struct peer_frame frame;
	size_t used = 0;
	int found = buf_add_span(&call->in, data);

	if (!found)
		found = peer_frame_read(buf_span(&call->in), &frame, &used);
	if (!found)
		return;
	if (found < 0) { /* something else has the port there: its hub does not answer */
		call_ends(call, DETECTOR_TCP_SILENT);
	} else if (call->is_probe) {
		if (frame.type == PEER_FRAME_DATAGRAM &&
		    c->events.on_answer(c->ctx, call->member, call->address, frame.bytes))
			call_drop(call);
		else
			call_ends(call, DETECTOR_TCP_SILENT);
	} else {
		if (frame.type == PEER_FRAME_KEY && frame.bytes.len)
			c->events.on_key(c->ctx, frame.generation, frame.bytes);
		call_drop(call);
	}
}

static void call_closed(void *ctx, const struct err *why)
{
	struct call *call = ctx;

	call->stream = NULL;
	if (call->opened)
		call_ends(call, DETECTOR_TCP_SILENT);
	else
		call_ends(call, why && why->code == -ECONNREFUSED ? DETECTOR_TCP_REFUSED
								  : DETECTOR_TCP_UNREACHABLE);
}

static void call_late(void *ctx)
{
	struct call *call = ctx;

	call_ends(call, call->opened ? DETECTOR_TCP_SILENT : DETECTOR_TCP_UNREACHABLE);
}

static int call_start(struct contact *c, const char *address, const char *member, unsigned timeout_ms,
		      const struct peer_frame *frame, struct call **out)
{
	static const struct stream_events events = { .on_open = call_open,
						     .on_data = call_data,
						     .on_closed = call_closed };
	struct stream_options options = { .queue_max_bytes = QUEUE_MAX,
					  .connect_timeout_ms = timeout_ms + CONTACT_KEY_MS };
	struct call *call = c->calls.count < CONTACT_CALLS_MAX ? calloc(1, sizeof(*call)) : NULL;
	int code;

	if (!call)
		return -EAGAIN;
	call->contact = c;
	list_push(&c->calls, &call->node);
	buf_init(&call->out, PEER_FRAME_MAX);
	buf_init(&call->in, PEER_FRAME_MAX);
	snprintf(call->member, sizeof(call->member), "%s", member);
	snprintf(call->address, sizeof(call->address), "%s", address);
	code = timer_new(c->loop, call_late, call, &call->timer);
	if (!code)
		code = peer_frame_write(frame, &call->out);
	if (!code)
		code = stream_connect(c->loop, address, &options, &events, call, &call->stream, NULL);
	if (code) {
		call->stream = NULL;
		call_drop(call);
		return code;
	}
	timer_start(call->timer, timeout_ms);
	*out = call;
	return 0;
}

int contact_probe(struct contact *contact, const char *member, const char *address, uint32_t nonce,
		  struct span sealed, unsigned timeout_ms)
{
	struct peer_frame frame = { .type = PEER_FRAME_DATAGRAM, .bytes = sealed };
	struct call *call;
	int code = call_start(contact, address, member, timeout_ms, &frame, &call);

	if (code)
		return code;
	call->is_probe = true;
	call->nonce = nonce;
	return 0;
}

int contact_ask_key(struct contact *contact, const char *address, uint32_t generation, const char *member)
{
	struct peer_frame frame = { .type = PEER_FRAME_KEY_WANTED, .generation = generation };
	struct call *call;

	snprintf(frame.member, sizeof(frame.member), "%s", member);
	return call_start(contact, address, member, CONTACT_KEY_MS, &frame, &call);
}

/* --- life --- */

int contact_new(struct loop *loop, const char *address, const struct contact_events *events, void *ctx,
		struct contact **out, struct err *err)
{
	static const struct listener_events listen = { .on_accept = on_accept };
	struct stream_options options = { .queue_max_bytes = QUEUE_MAX };
	struct contact *c = calloc(1, sizeof(*c));
	int code;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	c->loop = loop;
	c->events = *events;
	c->ctx = ctx;
	list_init(&c->visitors);
	list_init(&c->calls);
	code = listener_new(loop, address, &options, CONTACT_VISITORS_MAX, &listen, c, &c->listener, err);
	if (code) {
		free(c);
		return code;
	}
	*out = c;
	return 0;
}

void contact_close(struct contact *contact)
{
	struct list_node *node;

	if (!contact)
		return;
	while ((node = list_first(&contact->visitors)))
		visitor_drop(container_of(node, struct visitor, node));
	while ((node = list_first(&contact->calls)))
		call_drop(container_of(node, struct call, node));
	listener_close(contact->listener);
	free(contact);
}

const char *contact_address(const struct contact *contact)
{
	return listener_address(contact->listener);
}
