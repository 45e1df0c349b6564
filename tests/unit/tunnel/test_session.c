#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tunnel/session.h"

/* A session and, on the other side, a bare mux that says what the test wants. */
struct talk {
	struct session *session;
	struct mux *peer;
	uint64_t now;
	uint16_t heard; /* last control message of the session */
	unsigned reason;
	unsigned features;
	unsigned version;
};

static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct talk *t = ctx;
	void *message;

	t->heard = kind;
	assert_int_equal(message_decode(kind, bytes, &message), 0);
	if (kind == MSG_REFUSE)
		t->reason = ((Tunnel__Refuse *)message)->reason;
	if (kind == MSG_GO_AWAY)
		t->reason = ((Tunnel__GoAway *)message)->reason;
	if (kind == MSG_WELCOME) {
		t->features = (unsigned)((Tunnel__Welcome *)message)->n_features;
		t->version = ((Tunnel__Welcome *)message)->version;
	}
	message_free(kind, message);
	return 0;
}

static const struct mux_channel_ops control = { .on_message = on_control };
static const char *const features[] = { "streams", "orphans", NULL };

static void begin_with(struct talk *t, const struct session_options *options)
{
	struct mux_options mux = { .dialer = true };

	memset(t, 0, sizeof(*t));
	t->now = 5000;
	assert_int_equal(session_new(options, t->now, &t->session), 0);
	assert_int_equal(mux_new(&mux, &t->peer), 0);
	mux_set_channel(t->peer, MUX_CONTROL, &control, t);
}

static void begin(struct talk *t, bool join_only)
{
	struct session_options options = { .features = features, .join_only = join_only };

	begin_with(t, &options);
}

static void begin_renewing(struct talk *t)
{
	struct session_options options = { .features = features, .renew_only = true };

	begin_with(t, &options);
}

static void finish(struct talk *t)
{
	session_free(t->session);
	mux_free(t->peer);
}

static void carry(struct talk *t)
{
	struct buf bytes;

	buf_init(&bytes, 4 * MUX_RECORD_MAX);
	assert_int_equal(mux_output(t->peer, &bytes, 4 * MUX_RECORD_MAX), 0);
	session_input(t->session, buf_span(&bytes), t->now);
	buf_reset(&bytes);
	session_output(t->session, &bytes, MUX_RECORD_MAX, t->now);
	assert_int_equal(mux_input(t->peer, buf_span(&bytes)), 0);
	buf_done(&bytes);
}

static void say(struct talk *t, uint16_t kind, const void *message)
{
	struct blob *bytes = message_blob(kind, message);

	assert_non_null(bytes);
	assert_int_equal(mux_send_control(t->peer, kind, blob_span(bytes)), 0);
	blob_unref(bytes);
	carry(t);
}

static void say_hello(struct talk *t, unsigned min, unsigned max)
{
	static char *wanted[] = { (char *)"orphans", (char *)"telepathy" };
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;

	hello.version_min = min;
	hello.version_max = max;
	hello.node = (char *)"edge-1";
	hello.features = wanted;
	hello.n_features = 2;
	say(t, MSG_HELLO, &hello);
}

static void expect_drop(struct talk *t, int code)
{
	struct session_action action;

	assert_true(session_next(t->session, &action));
	assert_int_equal(action.type, SESSION_DROP);
	assert_int_equal(action.code, code);
	assert_false(session_next(t->session, &action));
	assert_null(session_mux(t->session));
}

static void welcome(struct talk *t)
{
	Tunnel__Welcome message = TUNNEL__WELCOME__INIT;
	struct session_action action;

	assert_true(session_next(t->session, &action));
	assert_int_equal(action.type, SESSION_HELLO);
	assert_int_equal(session_welcome(t->session, &message, t->now), 0);
	carry(t);
}

static void a_challenge_is_answered_by_the_living_only(void **state)
{
	struct session_action action;
	struct talk t;

	begin(&t, false);
	assert_int_equal(session_challenge(t.session), -EINVAL); /* nothing said yet */
	say_hello(&t, 1, 1);
	assert_true(session_next(t.session, &action));
	say(&t, MSG_PONG, &(Tunnel__Pong)TUNNEL__PONG__INIT); /* not asked for */
	assert_false(session_next(t.session, &action));
	assert_int_equal(session_challenge(t.session), 0);
	carry(&t);
	assert_int_equal(t.heard, MSG_PING);
	assert_false(session_next(t.session, &action));
	say(&t, MSG_PONG, &(Tunnel__Pong)TUNNEL__PONG__INIT);
	assert_true(session_next(t.session, &action));
	assert_int_equal(action.type, SESSION_ALIVE);
	assert_string_equal(action.hello->node, "edge-1");
	assert_false(session_next(t.session, &action));
	assert_int_equal(session_state(t.session), SESSION_DECIDING);
	assert_int_equal(session_challenge(t.session), 0);
	session_refuse(t.session, REFUSE_QUARANTINED, "no", 0, t.now);
	carry(&t);
	assert_int_equal(t.reason, REFUSE_QUARANTINED);
	say(&t, MSG_PONG, &(Tunnel__Pong)TUNNEL__PONG__INIT);
	expect_drop(&t, 0);
	finish(&t);
}

static void features_are_what_both_have(void **state)
{
	struct talk t;

	begin(&t, false);
	say_hello(&t, 1, 9);
	welcome(&t);
	assert_int_equal(t.heard, MSG_WELCOME);
	assert_int_equal(t.version, TUNNEL_VERSION_MAX);
	assert_int_equal(t.features, 1);
	assert_true(session_has_feature(t.session, "orphans"));
	assert_false(session_has_feature(t.session, "streams"));
	assert_false(session_has_feature(t.session, "telepathy"));
	finish(&t);
}

static void no_common_version_is_refused_by_name(void **state)
{
	struct session_action action;
	struct talk t;

	begin(&t, false);
	say_hello(&t, TUNNEL_VERSION_MAX + 1, TUNNEL_VERSION_MAX + 5);
	assert_int_equal(t.heard, MSG_REFUSE);
	assert_int_equal(t.reason, REFUSE_VERSION);
	assert_true(session_next(t.session, &action));
	assert_int_equal(action.type, SESSION_DROP);
	assert_int_equal(action.code, 0);
	finish(&t);
}

static void last_words_are_sent_before_the_drop(void **state)
{
	struct session_action action;
	struct talk t;

	begin(&t, false);
	say_hello(&t, 1, 1);
	welcome(&t);
	session_go_away(t.session, REFUSE_STOPPING, "going down", 0, t.now);
	assert_false(session_next(t.session, &action));
	assert_true(session_wants_output(t.session));
	carry(&t);
	assert_int_equal(t.heard, MSG_GO_AWAY);
	assert_int_equal(t.reason, REFUSE_STOPPING);
	expect_drop(&t, 0);
	finish(&t);
}

static void a_peer_that_never_greets_is_dropped(void **state)
{
	struct talk t;

	begin(&t, false);
	assert_int_equal(session_deadline(t.session), t.now + SESSION_GREETING_MS);
	session_tick(t.session, t.now + SESSION_GREETING_MS);
	expect_drop(&t, -ETIMEDOUT);
	finish(&t);
}

static void an_undecided_hub_asks_to_come_back(void **state)
{
	struct session_action action;
	struct talk t;

	begin(&t, false);
	say_hello(&t, 1, 1);
	assert_true(session_next(t.session, &action));
	t.now += SESSION_DECIDE_MS;
	session_tick(t.session, t.now);
	carry(&t);
	assert_int_equal(t.reason, REFUSE_BUSY);
	expect_drop(&t, 0);
	finish(&t);
}

static void nothing_is_said_before_the_greeting(void **state)
{
	Tunnel__Ping ping = TUNNEL__PING__INIT;
	Tunnel__Clouds clouds = TUNNEL__CLOUDS__INIT;
	struct talk t;

	begin(&t, false);
	say(&t, MSG_PING, &ping);
	expect_drop(&t, -EPROTO);
	finish(&t);
	begin(&t, false);
	say(&t, MSG_CLOUDS, &clouds);
	expect_drop(&t, -EPROTO);
	finish(&t);
}

/* What a later release says right behind its Hello, while the hub still makes up its mind, or after. */
static void messages_of_tomorrow_are_skipped_once_greeted(void **state)
{
	struct talk t;

	begin(&t, false);
	say_hello(&t, 1, 1);
	assert_int_equal(mux_send_control(t.peer, 31, SPAN("tomorrow")), 0);
	carry(&t);
	assert_int_equal(session_state(t.session), SESSION_DECIDING);
	welcome(&t);
	assert_int_equal(t.heard, MSG_WELCOME);
	assert_int_equal(mux_send_control(t.peer, 31, SPAN("tomorrow")), 0);
	carry(&t);
	assert_int_equal(session_state(t.session), SESSION_READY);
	finish(&t);

	begin(&t, false);
	assert_int_equal(mux_send_control(t.peer, 31, SPAN("tomorrow")), 0);
	carry(&t);
	expect_drop(&t, -EPROTO);
	finish(&t);
}

static void a_second_hello_ends_the_session(void **state)
{
	struct talk t;

	begin(&t, false);
	say_hello(&t, 1, 1);
	welcome(&t);
	say_hello(&t, 1, 1);
	expect_drop(&t, -EPROTO);
	finish(&t);
}

static void joining_and_working_do_not_mix(void **state)
{
	Tunnel__JoinRequest join = TUNNEL__JOIN_REQUEST__INIT;
	Tunnel__JoinResponse answer = TUNNEL__JOIN_RESPONSE__INIT;
	struct session_action action;
	struct talk t;

	join.version_min = join.version_max = 1;
	join.token = (char *)"secret";
	join.csr.data = (uint8_t *)"csr";
	join.csr.len = 3;
	begin(&t, false);
	say(&t, MSG_JOIN_REQUEST, &join);
	expect_drop(&t, -EPROTO);
	finish(&t);
	begin(&t, true);
	say_hello(&t, 1, 1);
	expect_drop(&t, -EPROTO);
	finish(&t);

	begin(&t, true);
	say(&t, MSG_JOIN_REQUEST, &join);
	assert_true(session_next(t.session, &action));
	assert_int_equal(action.type, SESSION_JOIN);
	assert_string_equal(action.join->token, "secret");
	answer.chain.data = answer.authority.data = (uint8_t *)"pem";
	answer.chain.len = answer.authority.len = 3;
	answer.node = (char *)"edge-1";
	assert_int_equal(session_join_answer(t.session, &answer, t.now), 0);
	carry(&t);
	assert_int_equal(t.heard, MSG_JOIN_RESPONSE);
	expect_drop(&t, 0);
	finish(&t);
}

static void a_renewing_session_does_nothing_else(void **state)
{
	Tunnel__RenewRequest renew = TUNNEL__RENEW_REQUEST__INIT;
	Tunnel__RenewResponse answer = TUNNEL__RENEW_RESPONSE__INIT;
	Tunnel__Authority authority = TUNNEL__AUTHORITY__INIT;
	struct session_action action;
	struct talk t;

	renew.version_min = renew.version_max = 1;
	renew.node = (char *)"edge-1";
	renew.csr.data = (uint8_t *)"csr";
	renew.csr.len = 3;
	begin(&t, false);
	say(&t, MSG_RENEW_REQUEST, &renew);
	expect_drop(&t, -EPROTO);
	finish(&t);
	begin(&t, true);
	say(&t, MSG_RENEW_REQUEST, &renew);
	expect_drop(&t, -EPROTO);
	finish(&t);
	begin_renewing(&t);
	say_hello(&t, 1, 1);
	expect_drop(&t, -EPROTO);
	finish(&t);

	begin_renewing(&t);
	say(&t, MSG_RENEW_REQUEST, &renew);
	assert_true(session_next(t.session, &action));
	assert_int_equal(action.type, SESSION_RENEW);
	assert_string_equal(action.renew->node, "edge-1");
	assert_int_equal(session_send_authority(t.session, &authority), -ENOTCONN);
	answer.chain.data = (uint8_t *)"pem";
	answer.chain.len = 3;
	assert_int_equal(session_renew_answer(t.session, &answer, t.now), 0);
	carry(&t);
	assert_int_equal(t.heard, MSG_RENEW_RESPONSE);
	expect_drop(&t, 0);
	finish(&t);
}

static void extreme_intervals_are_brought_into_bounds(void **state)
{
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	struct talk t;

	hello.version_min = hello.version_max = 1;
	hello.node = (char *)"edge-1";
	hello.ping_interval_ms = UINT32_MAX;
	begin(&t, false);
	say(&t, MSG_HELLO, &hello);
	welcome(&t);
	assert_int_equal(session_deadline(t.session), t.now + 2 * SESSION_PING_MAX_MS);
	finish(&t);
}

static void who_is_doubted_has_to_say_something_soon(void **state)
{
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	Tunnel__Pong pong = TUNNEL__PONG__INIT;
	struct talk t;

	hello.version_min = hello.version_max = 1;
	hello.node = (char *)"edge-1";
	hello.ping_interval_ms = 60000;
	begin(&t, false);
	assert_int_equal(session_probe(t.session, t.now), -ENOTCONN);
	say(&t, MSG_HELLO, &hello);
	welcome(&t);
	assert_int_equal(session_probe(t.session, t.now), 0);
	assert_int_equal(session_deadline(t.session), t.now + SESSION_PROBE_MS);
	carry(&t);
	assert_int_equal(t.heard, MSG_PING);
	/* Asked again meanwhile, it has no more time for that. */
	assert_int_equal(session_probe(t.session, t.now + 1000), 0);
	assert_int_equal(session_deadline(t.session), t.now + SESSION_PROBE_MS);
	t.now += 2000;
	say(&t, MSG_PONG, &pong);
	assert_int_equal(session_deadline(t.session), t.now + 120000);
	/* Many may doubt it: it is not asked by each. */
	assert_int_equal(session_probe(t.session, t.now + 2999), 0);
	assert_int_equal(session_deadline(t.session), t.now + 120000);
	t.now += 3000;
	assert_int_equal(session_probe(t.session, t.now), 0);
	session_tick(t.session, t.now + SESSION_PROBE_MS - 1);
	assert_int_equal(session_state(t.session), SESSION_READY);
	session_tick(t.session, t.now + SESSION_PROBE_MS);
	expect_drop(&t, -ETIMEDOUT);
	finish(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_challenge_is_answered_by_the_living_only),
		cmocka_unit_test(features_are_what_both_have),
		cmocka_unit_test(no_common_version_is_refused_by_name),
		cmocka_unit_test(last_words_are_sent_before_the_drop),
		cmocka_unit_test(a_peer_that_never_greets_is_dropped),
		cmocka_unit_test(an_undecided_hub_asks_to_come_back),
		cmocka_unit_test(nothing_is_said_before_the_greeting),
		cmocka_unit_test(messages_of_tomorrow_are_skipped_once_greeted),
		cmocka_unit_test(a_second_hello_ends_the_session),
		cmocka_unit_test(joining_and_working_do_not_mix),
		cmocka_unit_test(a_renewing_session_does_nothing_else),
		cmocka_unit_test(who_is_doubted_has_to_say_something_soon),
		cmocka_unit_test(extreme_intervals_are_brought_into_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
