#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/timerq.h"
#include "tunnel/link.h"
#include "tunnel/session.h"

#define SECOND 1000u

/* A link whose shell is this test: the transport opens when the test says so, the other end is a session or
 * nobody. */
struct world {
	struct link *link;
	struct session *session;
	uint64_t now;
	struct buf told; /* "dial:ADDR drop up down:CODE refused:REASON clouds pong:REV:RTT " */
	uint64_t asked_ms;
	unsigned dials;
	uint64_t dialed_at;
	char address[64];
	unsigned reach_ms;
	bool open;
	int hello_code;
	unsigned retry_after_ms;
	enum refuse_reason refuse;
	unsigned interval_ms;
	char *clouds[4];
	size_t cloud_count;
};

static int hello(void *ctx, Tunnel__Hello *out)
{
	out->node = (char *)"edge-1";
	return ((struct world *)ctx)->hello_code;
}

static void open_world(struct world *w, const char *const *clouds, unsigned cap_ms)
{
	struct link_options options = {
		.clouds = clouds, .seed = 11, .hello = hello, .ctx = w, .backoff_cap_ms = cap_ms
	};

	memset(w, 0, sizeof(*w));
	buf_init(&w->told, 1 << 20);
	w->now = 1000000;
	assert_int_equal(link_new(&options, &w->link), 0);
}

static void close_world(struct world *w)
{
	link_free(w->link);
	session_free(w->session);
	buf_done(&w->told);
}

static void take_actions(struct world *w)
{
	struct link_action action;

	while (link_next(w->link, &action)) {
		switch (action.type) {
		case LINK_DIAL:
			w->dials++;
			w->dialed_at = w->now;
			w->reach_ms = action.reach_ms;
			(void)snprintf(w->address, sizeof(w->address), "%s", action.address);
			(void)buf_addf(&w->told, "dial:%s ", action.address);
			break;
		case LINK_DROP:
			(void)buf_add_str(&w->told, "drop ");
			w->open = false;
			break;
		case LINK_UP:
			w->asked_ms = action.asked_ms;
			assert_non_null(link_mux(w->link));
			(void)buf_add_str(&w->told, "up ");
			break;
		case LINK_DOWN: (void)buf_addf(&w->told, "down:%d ", action.code); break;
		case LINK_REFUSED:
			(void)buf_addf(&w->told, "refused:%s ", refuse_reason_name(action.reason));
			break;
		case LINK_CLOUDS: (void)buf_addf(&w->told, "clouds:%zu ", link_cloud_count(w->link)); break;
		case LINK_PONG:
			w->asked_ms = action.asked_ms;
			(void)buf_addf(&w->told, "pong:%llu:%u ", (unsigned long long)action.revision,
				       action.rtt_ms);
			break;
		}
	}
}

static void decide(struct world *w)
{
	struct session_action action;
	Tunnel__Welcome welcome = TUNNEL__WELCOME__INIT;

	while (session_next(w->session, &action)) {
		if (action.type == SESSION_DROP) {
			w->open = false;
			link_closed(w->link, 0, w->now);
			continue;
		}
		assert_int_equal(action.type, SESSION_HELLO);
		assert_string_equal(action.hello->node, "edge-1");
		welcome.revision = 5;
		welcome.clouds = w->clouds;
		welcome.n_clouds = w->cloud_count;
		if (w->refuse)
			session_refuse(w->session, w->refuse, "no", w->retry_after_ms, w->now);
		else
			assert_int_equal(session_welcome(w->session, &welcome, w->now), 0);
	}
}

/* Carries bytes both ways until nothing moves. */
static void carry(struct world *w)
{
	struct buf bytes;
	bool moved = true;

	buf_init(&bytes, MUX_RECORD_MAX);
	while (w->open && moved) {
		moved = false;
		link_output(w->link, &bytes, MUX_RECORD_MAX, w->now);
		take_actions(w);
		if (bytes.len && w->open && w->session) {
			session_input(w->session, buf_span(&bytes), w->now);
			decide(w);
			moved = true;
		}
		buf_reset(&bytes);
		if (!w->session || !w->open)
			continue;
		session_output(w->session, &bytes, MUX_RECORD_MAX, w->now);
		if (bytes.len) {
			link_input(w->link, buf_span(&bytes), w->now);
			take_actions(w);
			moved = true;
		}
		buf_reset(&bytes);
		decide(w);
	}
	take_actions(w);
	buf_done(&bytes);
}

static void connect(struct world *w, bool anybody_there)
{
	struct session_options options = { 0 };

	session_free(w->session);
	w->session = NULL;
	if (anybody_there)
		assert_int_equal(session_new(&options, w->now, &w->session), 0);
	w->open = true;
	link_opened(w->link, w->now);
	take_actions(w);
	carry(w);
}

static void run_until(struct world *w, uint64_t until)
{
	while (link_deadline(w->link) <= until) {
		if (link_deadline(w->link) > w->now)
			w->now = link_deadline(w->link);
		link_tick(w->link, w->now);
		take_actions(w);
		carry(w);
	}
	w->now = until;
}

/* Until the next dial. */
static uint64_t wait_for_dial(struct world *w)
{
	unsigned before = w->dials;
	uint64_t since = w->now;

	for (int i = 0; w->dials == before; i++) {
		assert_true(i < 100 && link_deadline(w->link) != TIMERQ_NEVER);
		w->now = link_deadline(w->link);
		link_tick(w->link, w->now);
		take_actions(w);
	}
	return w->now - since;
}

static const char *told(struct world *w)
{
	static char text[4096];

	(void)snprintf(text, sizeof(text), "%s", buf_cstr(&w->told));
	buf_reset(&w->told);
	return text;
}

static const char *const one_cloud[] = { "cloud:7443", NULL };
static const char *const three_clouds[] = { "a:1", "b:2", "c:3", NULL };

static void a_link_comes_up_and_pings(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	assert_string_equal(told(&w), "dial:cloud:7443 ");
	connect(&w, true);
	assert_string_equal(told(&w), "up ");
	assert_int_equal(link_state(w.link), LINK_READY);
	session_set_clock(w.session, 77, 0);
	run_until(&w, w.now + LINK_PING_INTERVAL_MS + 1);
	assert_string_equal(told(&w), "pong:77:0 ");
	link_stop(w.link, w.now);
	take_actions(&w);
	assert_string_equal(told(&w), "down:0 drop ");
	assert_int_equal(link_deadline(w.link), TIMERQ_NEVER);
	close_world(&w);
}

/* An answer may lie in a buffer: what counts is when it was asked for. */
static void an_answer_says_when_it_was_asked_for(void **state)
{
	struct world w;
	uint64_t opened, asked;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	opened = w.now;
	connect(&w, true);
	assert_int_equal(w.asked_ms, opened);
	w.open = false; /* the network stalls */
	w.now = asked = link_deadline(w.link);
	link_tick(w.link, w.now);
	assert_int_equal(w.asked_ms, opened);
	w.now += 7000;
	w.open = true;
	carry(&w);
	assert_int_equal(w.asked_ms, asked);
	close_world(&w);
}

static void a_half_open_link_is_known_dead_within_two_intervals(void **state)
{
	struct world w;
	uint64_t since;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	session_free(w.session);
	w.session = NULL; /* bytes go nowhere from now on */
	since = w.now;
	told(&w);
	run_until(&w, since + 2 * LINK_PING_INTERVAL_MS - 1);
	assert_string_equal(told(&w), "");
	run_until(&w, since + 2 * LINK_PING_INTERVAL_MS);
	assert_string_equal(told(&w), "down:-110 drop ");
	close_world(&w);
}

static void the_hub_notices_silence_as_well(void **state)
{
	struct session_action action;
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	assert_int_equal(session_deadline(w.session), w.now + 2 * LINK_PING_INTERVAL_MS);
	session_tick(w.session, w.now + 2 * LINK_PING_INTERVAL_MS - 1);
	assert_false(session_next(w.session, &action));
	session_tick(w.session, w.now + 2 * LINK_PING_INTERVAL_MS);
	assert_true(session_next(w.session, &action));
	assert_int_equal(action.type, SESSION_DROP);
	assert_int_equal(action.code, -ETIMEDOUT);
	close_world(&w);
}

static void all_addresses_are_tried_before_any_back_off(void **state)
{
	struct world w;
	uint64_t longest = 0;

	open_world(&w, three_clouds, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	for (int i = 0; i < 400; i++) {
		uint64_t waited;

		link_closed(w.link, -ECONNREFUSED, w.now);
		waited = wait_for_dial(&w);
		if (i % 3 != 2)
			assert_true(waited <= 250);
		else
			assert_true(waited >= LINK_BACKOFF_BASE_MS / 2 && waited <= LINK_BACKOFF_CAP_MS);
		longest = waited > longest ? waited : longest;
	}
	assert_true(longest > LINK_BACKOFF_CAP_MS / 2);
	assert_memory_equal(told(&w), "dial:a:1 dial:b:2 dial:c:3 dial:a:1 ", 36);
	close_world(&w);
}

static void a_cloud_that_was_lost_just_now_is_looked_for_more_often(void **state)
{
	struct world w;
	uint64_t since;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	run_until(&w, w.now + 2 * LINK_BACKOFF_CAP_MS);
	link_closed(w.link, 0, w.now);
	since = w.now;
	wait_for_dial(&w);
	while (w.now - since < LINK_SOON_MS) {
		link_closed(w.link, -ETIMEDOUT, w.now);
		assert_true(wait_for_dial(&w) <= LINK_SOON_CAP_MS);
	}
	link_closed(w.link, -ETIMEDOUT, w.now);
	assert_true(wait_for_dial(&w) >= LINK_BACKOFF_CAP_MS / 2);
	close_world(&w);
}

static void the_time_to_answer_is_short_at_first_and_grows_by_the_round(void **state)
{
	static const unsigned expected[] = { 4000, 4000, 4000, 8000, 8000, 8000, 15000, 15000, 15000, 15000 };
	struct world w;

	open_world(&w, three_clouds, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(w.reach_ms, expected[i]);
		link_closed(w.link, -ETIMEDOUT, w.now);
		wait_for_dial(&w);
	}
	link_network_changed(w.link, w.now);
	wait_for_dial(&w);
	assert_int_equal(w.reach_ms, 4000);
	close_world(&w);
}

static void a_busy_hub_names_the_time_of_the_next_attempt(void **state)
{
	struct world w;
	uint64_t waited;

	open_world(&w, three_clouds, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	for (int i = 0; i < 20; i++) { /* the back-off does not grow meanwhile */
		link_later(w.link, 3000);
		link_closed(w.link, -EBUSY, w.now);
		waited = wait_for_dial(&w);
		assert_true(waited >= 3000 && waited <= 3750);
	}
	link_later(w.link, 4000000); /* nobody vouches for it */
	link_closed(w.link, -EBUSY, w.now);
	waited = wait_for_dial(&w);
	assert_true(waited >= 60 * SECOND && waited <= 75 * SECOND);
	link_later(w.link, 0);
	link_closed(w.link, -EBUSY, w.now);
	assert_true(wait_for_dial(&w) >= LINK_BACKOFF_BASE_MS / 4);
	connect(&w, true);
	link_later(w.link, 60000); /* not once it speaks */
	link_closed(w.link, 0, w.now);
	assert_true(wait_for_dial(&w) <= LINK_BACKOFF_BASE_MS);
	close_world(&w);
}

static void an_address_that_worked_is_stored_first(void **state)
{
	struct world w;

	open_world(&w, three_clouds, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	link_closed(w.link, -ECONNREFUSED, w.now);
	wait_for_dial(&w);
	told(&w);
	connect(&w, true);
	assert_string_equal(told(&w), "up clouds:3 ");
	assert_string_equal(link_cloud(w.link, 0), "b:2");
	link_closed(w.link, 0, w.now);
	wait_for_dial(&w);
	told(&w);
	connect(&w, true);
	assert_string_equal(told(&w), "up "); /* as before: nothing to store */
	close_world(&w);
}

static void back_off_is_reset_only_by_a_link_that_lived(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 16 * SECOND);
	link_start(w.link, w.now);
	take_actions(&w);
	for (int i = 0; i < 10; i++) {
		connect(&w, true);
		link_closed(w.link, 0, w.now + 1);
		take_actions(&w);
		wait_for_dial(&w);
	}
	connect(&w, true);
	run_until(&w, w.now + 15 * SECOND);
	link_closed(w.link, 0, w.now);
	assert_true(wait_for_dial(&w) >= 8 * SECOND); /* shorter than the cap: it counts as flapping */
	connect(&w, true);
	run_until(&w, w.now + 17 * SECOND);
	link_closed(w.link, 0, w.now);
	assert_true(wait_for_dial(&w) <= LINK_BACKOFF_BASE_MS);
	close_world(&w);
}

static void a_hub_may_ask_for_a_pause(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	w.refuse = REFUSE_BUSY;
	w.retry_after_ms = 90 * SECOND;
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	assert_string_equal(told(&w), "dial:cloud:7443 refused:busy drop ");
	assert_true(link_deadline(w.link) >= w.now + 90 * SECOND);
	assert_true(link_deadline(w.link) <= w.now + 113 * SECOND);
	/* A change of address does not overrule it. */
	link_network_changed(w.link, w.now + 1);
	assert_true(link_deadline(w.link) >= w.now + 90 * SECOND);
	close_world(&w);
}

static void an_address_change_redials_at_once(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	told(&w);
	link_network_changed(w.link, w.now);
	take_actions(&w);
	assert_string_equal(told(&w), "down:-100 drop ");
	assert_true(wait_for_dial(&w) < SECOND);
	close_world(&w);
}

static void failures_before_an_address_change_are_forgotten(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	for (unsigned i = 0; i < 8; i++) {
		link_closed(w.link, -EHOSTUNREACH, w.now);
		wait_for_dial(&w);
	}
	link_closed(w.link, -EHOSTUNREACH, w.now);
	link_network_changed(w.link, w.now);
	assert_true(wait_for_dial(&w) < SECOND);
	link_closed(w.link, -EHOSTUNREACH, w.now); /* the new network was not quite ready */
	assert_true(wait_for_dial(&w) <= LINK_BACKOFF_BASE_MS);
	close_world(&w);
}

static void the_cloud_updates_its_addresses(void **state)
{
	static const char *const again[] = { "d:4", "a:1", NULL };
	struct world w;

	open_world(&w, three_clouds, 0);
	w.clouds[0] = (char *)"a:1";
	w.clouds[1] = (char *)"d:4";
	w.cloud_count = 2;
	link_start(w.link, w.now);
	take_actions(&w);
	link_closed(w.link, -ECONNREFUSED, w.now);
	wait_for_dial(&w);
	assert_string_equal(w.address, "b:2");
	connect(&w, true);
	/* b:2, which works, stays although the hub did not name it. */
	assert_string_equal(told(&w), "dial:a:1 dial:b:2 up clouds:3 ");
	/* The same set again is no news, so nothing is stored. */
	assert_int_equal(session_send_clouds(w.session, again), 0);
	carry(&w);
	assert_string_equal(told(&w), "");
	link_closed(w.link, 0, w.now);
	wait_for_dial(&w);
	assert_string_equal(w.address, "b:2");
	close_world(&w);
}

static void a_hub_that_says_nothing_is_given_up(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, false);
	told(&w);
	run_until(&w, w.now + LINK_GREETING_MS);
	assert_string_equal(told(&w), "drop ");
	assert_int_equal(link_state(w.link), LINK_WAITING);
	close_world(&w);
}

static void a_transport_that_never_opens_is_given_up(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	told(&w);
	run_until(&w, w.now + LINK_DIAL_MS);
	assert_string_equal(told(&w), "drop ");
	close_world(&w);
}

static void garbage_ends_the_connection_and_nothing_else(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	told(&w);
	link_input(w.link, SPAN("HTTP/1.1 400 Bad Request\r\n"), w.now);
	take_actions(&w);
	assert_string_equal(told(&w), "down:-71 drop ");
	wait_for_dial(&w);
	connect(&w, true);
	assert_int_equal(link_state(w.link), LINK_READY);
	close_world(&w);
}

static void who_cannot_greet_tries_again(void **state)
{
	struct world w;

	open_world(&w, one_cloud, 0);
	w.hello_code = -EBUSY;
	link_start(w.link, w.now);
	take_actions(&w);
	connect(&w, true);
	assert_int_equal(link_state(w.link), LINK_WAITING);
	w.hello_code = 0;
	wait_for_dial(&w);
	connect(&w, true);
	assert_int_equal(link_state(w.link), LINK_READY);
	close_world(&w);
}

static void bad_addresses_are_refused(void **state)
{
	static const char *const none[] = { NULL };
	char *many[LINK_CLOUDS_MAX + 2] = { NULL };
	struct world w;

	open_world(&w, three_clouds, 0);
	for (size_t i = 0; i <= LINK_CLOUDS_MAX; i++)
		many[i] = (char *)"x:1";
	assert_int_equal(link_set_clouds(w.link, none), -EINVAL);
	assert_int_equal(link_set_clouds(w.link, (const char *const *)many), -EINVAL);
	assert_int_equal(link_cloud_count(w.link), 3);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_comes_up_and_pings),
		cmocka_unit_test(an_answer_says_when_it_was_asked_for),
		cmocka_unit_test(a_half_open_link_is_known_dead_within_two_intervals),
		cmocka_unit_test(the_hub_notices_silence_as_well),
		cmocka_unit_test(all_addresses_are_tried_before_any_back_off),
		cmocka_unit_test(a_cloud_that_was_lost_just_now_is_looked_for_more_often),
		cmocka_unit_test(the_time_to_answer_is_short_at_first_and_grows_by_the_round),
		cmocka_unit_test(a_busy_hub_names_the_time_of_the_next_attempt),
		cmocka_unit_test(an_address_that_worked_is_stored_first),
		cmocka_unit_test(back_off_is_reset_only_by_a_link_that_lived),
		cmocka_unit_test(a_hub_may_ask_for_a_pause),
		cmocka_unit_test(an_address_change_redials_at_once),
		cmocka_unit_test(failures_before_an_address_change_are_forgotten),
		cmocka_unit_test(the_cloud_updates_its_addresses),
		cmocka_unit_test(a_hub_that_says_nothing_is_given_up),
		cmocka_unit_test(a_transport_that_never_opens_is_given_up),
		cmocka_unit_test(garbage_ends_the_connection_and_nothing_else),
		cmocka_unit_test(who_cannot_greet_tries_again),
		cmocka_unit_test(bad_addresses_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
