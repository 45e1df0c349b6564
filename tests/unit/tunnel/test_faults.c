/* Every allocation fails once, and once and for good. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/tools/failmalloc.h"
#include "tests/unit/tunnel/pair.h"
#include "tunnel/link.h"
#include "tunnel/outbox.h"
#include "tunnel/session.h"

static int carry(struct mux *from, struct mux *to)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, MUX_RECORD_MAX);
	err = mux_output(from, &bytes, MUX_RECORD_MAX);
	if (!err)
		err = mux_input(to, buf_span(&bytes));
	buf_done(&bytes);
	return err;
}

static void on_open(void *ctx, uint32_t stream, enum mux_class cls, struct span request)
{
}

static int talk_over(struct mux *a, struct mux *b)
{
	char block[40000] = { 0 };
	uint32_t stream;
	int err = mux_send_control(a, 1, span_make(block, sizeof(block)));

	if (!err)
		err = mux_open(a, MUX_CLASS_BULK, SPAN("x"), NULL, &stream);
	if (!err)
		err = mux_write(a, stream, span_make(block, sizeof(block)));
	for (int i = 0; i < 6 && err >= 0; i++)
		err = carry(a, b);
	for (int i = 0; i < 2 && err >= 0; i++)
		err = carry(b, a);
	return err < 0 ? err : 0;
}

static int talk(void *ctx)
{
	static const struct mux_stream_ops streams = { .on_open = on_open };
	struct mux_options dialer = { .dialer = true, .streams = &streams },
			   accepter = { .streams = &streams };
	struct mux *a = NULL, *b = NULL;
	int err = mux_new(&dialer, &a);

	if (!err)
		err = mux_new(&accepter, &b);
	if (!err)
		err = talk_over(a, b);
	mux_free(a);
	mux_free(b);
	return err;
}

static int hello(void *ctx, Tunnel__Hello *out)
{
	out->node = (char *)"edge-1";
	return 0;
}

static int exchange(struct link *link, struct session *session)
{
	Tunnel__Welcome welcome = TUNNEL__WELCOME__INIT;
	struct session_action said;
	struct link_action action;
	struct buf bytes;
	int err = 0;

	buf_init(&bytes, MUX_RECORD_MAX);
	link_opened(link, 1);
	link_output(link, &bytes, MUX_RECORD_MAX, 2);
	err = buf_error(&bytes);
	session_input(session, buf_span(&bytes), 3);
	while (session_next(session, &said))
		if (said.type == SESSION_HELLO)
			err = session_welcome(session, &welcome, 4);
	buf_reset(&bytes);
	session_output(session, &bytes, MUX_RECORD_MAX, 5);
	link_input(link, buf_span(&bytes), 6);
	while (link_next(link, &action))
		;
	buf_done(&bytes);
	return err;
}

static int greet(void *ctx)
{
	static const char *const clouds[] = { "a:1", "b:2", NULL };
	struct link_options options = { .clouds = clouds, .seed = 1, .hello = hello };
	struct session_options session_options = { 0 };
	struct session *session = NULL;
	struct link *link = NULL;
	struct link_action action;
	bool ready = false;
	int err = link_new(&options, &link);

	if (!err)
		err = session_new(&session_options, 0, &session);
	if (!err) {
		link_start(link, 0);
		while (link_next(link, &action))
			;
		err = exchange(link, session);
		ready = link_state(link) == LINK_READY;
	}
	link_free(link);
	session_free(session);
	return err ? err : ready ? 0 : -ENOMEM;
}

static int next(void *ctx, uint64_t after, struct outbox_entry *out)
{
	if (after >= 3)
		return -ENOENT;
	*out = (struct outbox_entry){
		.sequence = after + 1, .key = { "pods", "n", "p" }, .uid = "u", .body = SPAN("{}")
	};
	return 0;
}

static void acked(void *ctx, uint64_t sequence)
{
}

struct hub {
	struct outbox_receiver *receiver;
};

static int apply(void *ctx, const struct outbox_entry *entry)
{
	struct hub *hub = ctx;
	struct outbox_result result = { .sequence = entry->sequence, .reason = "fine" };

	return outbox_receiver_done(hub->receiver, &result);
}

static int report(void *ctx)
{
	static const struct outbox_queue queue = { next, acked, NULL };
	static const struct outbox_apply ops = { apply };
	struct mux_options dialer = { .dialer = true }, accepter = { 0 };
	struct outbox_sender *sender = NULL;
	struct mux *a = NULL, *b = NULL;
	struct hub hub = { 0 };
	int err = mux_new(&dialer, &a);

	if (!err)
		err = mux_new(&accepter, &b);
	if (!err)
		err = outbox_sender_new(&queue, NULL, &sender);
	if (!err)
		err = outbox_receiver_new(b, 0, &ops, &hub, &hub.receiver);
	if (!err) {
		outbox_sender_attach(sender, a, 0);
		mux_set_channel(b, MUX_OUTBOX, &outbox_receiver_channel, hub.receiver);
		err = carry(a, b);
	}
	if (!err)
		err = carry(b, a);
	outbox_sender_free(sender);
	outbox_receiver_free(hub.receiver);
	mux_free(a);
	mux_free(b);
	return err;
}

static void every_failure_of_memory_is_survived(void **state)
{
	assert_true(failmalloc_walk(talk, NULL) > 5);
	assert_true(failmalloc_walk(greet, NULL) > 5);
	assert_true(failmalloc_walk(report, NULL) > 5);
}

/* The set of an edge changes in every way while it is away. */
static void change_all(struct pair *p, unsigned round)
{
	char body[32];

	(void)snprintf(body, sizeof(body), "{\"v\":%u}", round);
	pair_put(p, "configmaps/shop/page", NULL, body);
	pair_put(p, "pods/shop/web", round % 2 ? "uid-one" : "uid-two", body);
	pair_enter(p, "configmaps/shop/page");
	pair_enter(p, "pods/shop/web");
	pair_put(p, "secrets/shop/key", NULL, body);
	if (round % 2)
		pair_enter(p, "secrets/shop/key");
	else
		pair_leave(p, "secrets/shop/key");
}

static void a_session_that_fails_anywhere_is_made_good_by_the_next(void **state)
{
	struct pair *p = *state;
	unsigned long failed = 1;

	for (unsigned nth = 1; failed || nth < 10; nth++) {
		int err;

		change_all(p, nth);
		failmalloc_arm(nth, nth % 2 ? FAILMALLOC_ONCE : FAILMALLOC_FROM);
		err = pair_try_connect(p);
		if (!err)
			err = pair_try(p);
		failed = failmalloc_disarm();
		if (!err)
			pair_cut(p);
		cache_dispatch(p->edge, 0);
		pair_connect(p);
		pair_settle(p);
		pair_check_equal(p);
		pair_cut(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failure_of_memory_is_survived),
		cmocka_unit_test_setup_teardown(a_session_that_fails_anywhere_is_made_good_by_the_next,
						pair_setup, pair_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
