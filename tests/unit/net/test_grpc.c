#include "tests/unit/net/grpc_server.h"

#include <stdio.h>
#include <unistd.h>

#include "net/grpc.h"
#include "net/grpc_frame.h"

struct result {
	bool came, any;
	int code;
	unsigned status, messages;
	char message[256];
	struct buf body;
	struct grpc_call *cancel_on_message;
	struct grpc_channel *close_on_answer;
};

struct fix {
	struct loop *loop;
	struct grpc_server *server;
	struct grpc_channel *channel;
	bool up, down;
	unsigned ups;
	char dir[64], address[128];
	struct result result;
};

static void on_state(void *ctx, bool up)
{
	struct fix *fix = ctx;

	fix->up = up;
	fix->down = !up;
	fix->ups += up;
}

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	snprintf(fix->dir, sizeof(fix->dir), "/tmp/holdfast-grpc-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	snprintf(fix->address, sizeof(fix->address), "unix://%s/s", fix->dir);
	buf_init(&fix->result.body, 32 << 20);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	grpc_channel_close(fix->channel);
	grpc_server_free(fix->server);
	loop_free(fix->loop);
	buf_done(&fix->result.body);
	rmdir(fix->dir);
	free(fix);
	return 0;
}

static void serve(struct fix *fix)
{
	fix->server = grpc_server_new(fix->loop, fix->address);
}

static void dial(struct fix *fix)
{
	struct err err = { 0 };

	if (grpc_channel_new(fix->loop, fix->address, on_state, fix, &fix->channel, &err))
		fail_msg("%s", err_text(&err));
	assert_false(fix->up);
}

static void connect_up(struct fix *fix)
{
	serve(fix);
	dial(fix);
	run_until(fix->loop, &fix->up);
	assert_true(grpc_channel_is_up(fix->channel));
	assert_string_equal(grpc_channel_error(fix->channel), "");
}

static void on_answer(void *ctx, const struct grpc_answer *answer)
{
	struct result *result = ctx;

	assert_false(result->came);
	result->came = result->any = true;
	result->code = answer->code;
	result->status = answer->status;
	snprintf(result->message, sizeof(result->message), "%s", answer->message);
	if (!result->messages)
		assert_int_equal(buf_add_span(&result->body, answer->body), 0);
	if (result->close_on_answer)
		grpc_channel_close(result->close_on_answer);
}

static void on_message(void *ctx, struct span message)
{
	struct result *result = ctx;

	result->any = true;
	result->messages++;
	buf_addf(&result->body, "[%.*s]", SPAN_ARG(message));
	if (result->cancel_on_message) {
		grpc_call_cancel(result->cancel_on_message);
		result->cancel_on_message = NULL;
	}
}

static void start(struct fix *fix, const char *method, struct span request, unsigned timeout_ms)
{
	struct buf body = fix->result.body;

	fix->result = (struct result){ .body = body };
	buf_reset(&fix->result.body);
	assert_int_equal(grpc_unary(fix->channel, method, request, timeout_ms, on_answer, &fix->result), 0);
	assert_false(fix->result.any);
}

static void call(struct fix *fix, const char *method, struct span request)
{
	start(fix, method, request, 5000);
	run_until(fix->loop, &fix->result.came);
}

static void unary_calls_are_answered(void **state)
{
	struct fix *fix = *state;

	connect_up(fix);
	call(fix, "/t/Echo", SPAN("hello"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.status, 0);
	assert_true(span_is(buf_span(&fix->result.body), "hello"));
	assert_string_equal(grpc_server_timeout(fix->server), "5000m");
	call(fix, "/t/Echo", SPAN(""));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.body.len, 0);
	assert_int_equal(grpc_server_connections(fix->server), 1);
}

static void calls_wait_while_it_connects(void **state)
{
	struct fix *fix = *state;

	serve(fix);
	dial(fix);
	call(fix, "/t/Echo", SPAN("early"));
	assert_int_equal(fix->result.code, 0);
	assert_true(fix->up);
}

static void big_messages_pass_both_ways(void **state)
{
	struct fix *fix = *state;
	char *big = malloc(6 << 20);

	assert_non_null(big);
	for (size_t i = 0; i < 6 << 20; i++)
		big[i] = (char)(i * 13);
	connect_up(fix);
	call(fix, "/t/Big", SPAN(""));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.body.len, 5 << 20);
	call(fix, "/t/Echo", span_make(big, 6 << 20));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.body.len, 6 << 20);
	assert_memory_equal(fix->result.body.data, big, 6 << 20);
	free(big);
}

static void many_calls_at_once_are_bounded(void **state)
{
	struct fix *fix = *state;
	static struct result results[GRPC_CALLS_MAX];

	connect_up(fix);
	for (size_t i = 0; i < GRPC_CALLS_MAX; i++) {
		results[i] = (struct result){ 0 };
		buf_init(&results[i].body, 100);
		assert_int_equal(grpc_unary(fix->channel, "/t/Echo", SPAN("x"), 5000, on_answer, &results[i]),
				 0);
	}
	assert_int_equal(grpc_unary(fix->channel, "/t/Echo", SPAN("x"), 5000, on_answer, &fix->result),
			 -EAGAIN);
	for (size_t i = 0; i < GRPC_CALLS_MAX; i++) {
		run_until(fix->loop, &results[i].came);
		assert_int_equal(results[i].code, 0);
		buf_done(&results[i].body);
	}
	call(fix, "/t/Echo", SPAN("again"));
	assert_int_equal(fix->result.code, 0);
}

static void bad_answers_are_told_apart(void **state)
{
	static const struct {
		const char *method;
		int code;
		unsigned status;
		const char *message;
	} cases[] = {
		{ "/t/TrailersOnly", -EREMOTEIO, 5, "no pod \"a\"" },
		{ "/t/Fail", -EREMOTEIO, 9, "not \xe2\x9c\x93 100% yet " },
		{ "/t/Http503", -EREMOTEIO, 14, "the server answered with HTTP status 503" },
		{ "/t/NoStatus", -EIO, 14, "the server ended the call without a status" },
		{ "/t/Nothing", -EIO, 14, "the server said OK without an answer" },
		{ "/t/Short", -EIO, 14, "the server said OK without an answer" },
		{ "/t/Twice", -EIO, 14, "the server answered twice" },
		{ "/t/Compressed", -EIO, 14, "the answer is compressed, which was not offered" },
		{ "/t/Huge", -EMSGSIZE, 8, "the answer is too large" },
		{ "/t/Reset", -EIO, 14, "the server ended the call without a status" },
	};
	struct fix *fix = *state;

	connect_up(fix);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		call(fix, cases[i].method, SPAN("x"));
		if (fix->result.code != cases[i].code || fix->result.status != cases[i].status ||
		    strcmp(fix->result.message, cases[i].message))
			fail_msg("%s: code %d status %u \"%s\"", cases[i].method, fix->result.code,
				 fix->result.status, fix->result.message);
	}
	/* None of that has harmed the connection. */
	call(fix, "/t/Echo", SPAN("fine"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(grpc_server_connections(fix->server), 1);
}

static void hanging_server_meets_the_deadline(void **state)
{
	struct fix *fix = *state;
	uint64_t began;

	connect_up(fix);
	began = loop_now_ms(fix->loop);
	start(fix, "/t/Hang", SPAN("x"), 50);
	run_until(fix->loop, &fix->result.came);
	assert_int_equal(fix->result.code, -ETIMEDOUT);
	assert_int_equal(fix->result.status, 4);
	assert_in_range(loop_now_ms(fix->loop) - began, 49, 5000);
	call(fix, "/t/Echo", SPAN("fine"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(grpc_server_resets(fix->server), 1); /* it was told to stop */
}

static void streams_deliver_each_message(void **state)
{
	struct fix *fix = *state;
	struct grpc_call *stream;

	connect_up(fix);
	assert_int_equal(grpc_server_stream(fix->channel, "/t/Stream", SPAN(""), on_message, on_answer,
					    &fix->result, &stream),
			 0);
	run_until(fix->loop, &fix->result.came);
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.messages, 3);
	assert_true(span_is(buf_span(&fix->result.body), "[one][][three]"));
	assert_string_equal(grpc_server_timeout(fix->server), "");
}

static void cancelled_streams_are_silent(void **state)
{
	struct fix *fix = *state;
	struct grpc_call *stream;

	connect_up(fix);
	assert_int_equal(grpc_server_stream(fix->channel, "/t/Stream", SPAN(""), on_message, on_answer,
					    &fix->result, &fix->result.cancel_on_message),
			 0);
	run_until(fix->loop, &fix->result.any);
	run_for(fix->loop, 20);
	assert_int_equal(fix->result.messages, 1);
	assert_false(fix->result.came);
	fix->result.any = false;
	assert_int_equal(grpc_server_stream(fix->channel, "/t/Hang", SPAN(""), on_message, on_answer,
					    &fix->result, &stream),
			 0);
	run_for(fix->loop, 20);
	grpc_call_cancel(stream);
	assert_int_equal(grpc_server_stream(fix->channel, "/t/Hang", SPAN(""), on_message, on_answer,
					    &fix->result, &stream),
			 0);
	grpc_call_cancel(stream); /* before it was sent */
	run_for(fix->loop, 20);
	assert_false(fix->result.any);
	assert_true(grpc_server_resets(fix->server) >= 1);
}

static void absent_server_is_dialled_again(void **state)
{
	struct fix *fix = *state;

	dial(fix);
	start(fix, "/t/Echo", SPAN("x"), 5000);
	run_until(fix->loop, &fix->result.came);
	assert_int_equal(fix->result.code, -ENOTCONN);
	assert_non_null(strstr(grpc_channel_error(fix->channel), "No such file"));
	call(fix, "/t/Echo", SPAN("x")); /* down: answered, but late */
	assert_int_equal(fix->result.code, -ENOTCONN);
	serve(fix);
	run_until(fix->loop, &fix->up);
	call(fix, "/t/Echo", SPAN("x"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->ups, 1);
}

static void dialling_now_skips_the_back_off(void **state)
{
	struct fix *fix = *state;
	uint64_t began;

	dial(fix);
	run_for(fix->loop, 1200); /* by now the next attempt is far */
	serve(fix);
	began = loop_now_ms(fix->loop);
	grpc_channel_dial(fix->channel);
	run_until(fix->loop, &fix->up);
	assert_true(loop_now_ms(fix->loop) - began < 200);
}

static void lost_connection_fails_calls_and_comes_back(void **state)
{
	struct fix *fix = *state;

	connect_up(fix);
	start(fix, "/t/Hang", SPAN("x"), 5000);
	run_for(fix->loop, 20);
	grpc_server_cut(fix->server);
	run_until(fix->loop, &fix->result.came);
	assert_int_equal(fix->result.code, -EIO);
	assert_true(fix->down);
	run_until(fix->loop, &fix->up);
	call(fix, "/t/Echo", SPAN("x"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(grpc_server_connections(fix->server), 2);
}

static void goodbye_lets_calls_end_then_reconnects(void **state)
{
	struct fix *fix = *state;

	connect_up(fix);
	start(fix, "/t/Big", SPAN("x"), 5000);
	run_for(fix->loop, 3);
	grpc_server_goaway(fix->server);
	run_until(fix->loop, &fix->result.came);
	assert_int_equal(fix->result.code, 0);
	run_until(fix->loop, &fix->up);
	call(fix, "/t/Echo", SPAN("x"));
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(grpc_server_connections(fix->server), 2);
}

static void garbage_ends_the_connection_only(void **state)
{
	struct fix *fix = *state;

	connect_up(fix);
	call(fix, "/t/Garbage", SPAN("x"));
	assert_int_equal(fix->result.code, -EIO);
	run_until(fix->loop, &fix->up);
	call(fix, "/t/Echo", SPAN("x"));
	assert_int_equal(fix->result.code, 0);
}

static void channel_may_be_closed_anywhere(void **state)
{
	struct fix *fix = *state;

	connect_up(fix);
	start(fix, "/t/Echo", SPAN("x"), 5000);
	assert_int_equal(grpc_unary(fix->channel, "/t/Hang", SPAN("x"), 5000, on_answer,
				    &(struct result){ 0 }),
			 0);
	fix->result.close_on_answer = fix->channel;
	run_until(fix->loop, &fix->result.came);
	fix->channel = NULL;
	run_for(fix->loop, 20);
	grpc_channel_close(NULL);
}

static void bad_arguments_are_refused(void **state)
{
	struct fix *fix = *state;
	char *huge = calloc(1, GRPC_MESSAGE_MAX + 1);

	connect_up(fix);
	assert_int_equal(grpc_unary(fix->channel, "t/Echo", SPAN(""), 1000, on_answer, &fix->result),
			 -EINVAL);
	assert_int_equal(grpc_unary(fix->channel, "/t/Echo", SPAN(""), 0, on_answer, &fix->result), -EINVAL);
	assert_int_equal(grpc_unary(fix->channel, "/t/Echo", span_make(huge, GRPC_MESSAGE_MAX + 1), 1000,
				    on_answer, &fix->result),
			 -EMSGSIZE);
	assert_int_equal(grpc_channel_new(fix->loop, "nonsense", NULL, NULL, &fix->channel, NULL), -EINVAL);
	free(huge);
}

static void frames_come_in_any_pieces(void **state)
{
	const struct span wire = SPAN("\0\0\0\0\3abc\0\0\0\0\0\0\0\0\0\1z\0\0\0");

	for (size_t step = 1; step <= wire.len; step++) {
		struct buf held, seen;
		struct span rest = wire;

		buf_init(&held, 100);
		buf_init(&seen, 100);
		while (rest.len) {
			struct span piece = span_make(rest.ptr, rest.len < step ? rest.len : step), message;

			rest = span_make(rest.ptr + piece.len, rest.len - piece.len);
			while (piece.len) {
				int rc = grpc_frame_next(&held, &piece, &message);

				assert_true(rc >= 0);
				if (rc)
					buf_addf(&seen, "<%.*s>", SPAN_ARG(message));
			}
		}
		assert_true(span_is(buf_span(&seen), "<abc><><z>"));
		assert_int_equal(held.len, 3);
		buf_done(&held);
		buf_done(&seen);
	}
}

static void status_text_is_decoded_leniently(void **state)
{
	char out[16];

	grpc_text_decode(SPAN("a%20b%zz%2"), out, sizeof(out));
	assert_string_equal(out, "a b%zz%2");
	grpc_text_decode(SPAN("%0a%00x"), out, sizeof(out));
	assert_string_equal(out, "  x");
	grpc_text_decode(SPAN("0123456789abcdefghi"), out, sizeof(out));
	assert_string_equal(out, "0123456789abcde");
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(unary_calls_are_answered),
		test(calls_wait_while_it_connects),
		test(big_messages_pass_both_ways),
		test(many_calls_at_once_are_bounded),
		test(bad_answers_are_told_apart),
		test(hanging_server_meets_the_deadline),
		test(streams_deliver_each_message),
		test(cancelled_streams_are_silent),
		test(absent_server_is_dialled_again),
		test(dialling_now_skips_the_back_off),
		test(lost_connection_fails_calls_and_comes_back),
		test(goodbye_lets_calls_end_then_reconnects),
		test(garbage_ends_the_connection_only),
		test(channel_may_be_closed_anywhere),
		test(bad_arguments_are_refused),
		cmocka_unit_test(frames_come_in_any_pieces),
		cmocka_unit_test(status_text_is_decoded_leniently),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
