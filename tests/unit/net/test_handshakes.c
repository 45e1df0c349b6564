#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "net/handshakes.h"
#include "net/client_hello.h"
#include "net/later.h"

#define CROWD 2000u

static struct handshakes make(unsigned rate, unsigned burst, unsigned full_max)
{
	struct handshakes_options options = {
		.full_per_second = rate, .burst = burst, .full_max = full_max, .seed = 7
	};
	struct handshakes handshakes;

	handshakes_init(&handshakes, &options, 5000);
	return handshakes;
}

static void a_burst_is_taken_and_then_the_rate(void **state)
{
	struct handshakes a = make(10, 5, 1000);
	unsigned later = 0, taken = 0;

	for (unsigned i = 0; i < 20; i++)
		taken += handshakes_ask(&a, false, 5000, &later);
	assert_int_equal(taken, 5);
	assert_in_range(later, HANDSHAKES_LATER_MIN_MS, 2000);
	for (uint64_t now = 5000; now < 15000; now += 10)
		taken += handshakes_ask(&a, false, now, &later);
	assert_in_range(taken, 5 + 98, 5 + 102);
}

static void what_is_under_way_is_capped_and_comes_free(void **state)
{
	struct handshakes a = make(1000, 1000, 3);
	unsigned later = 0;

	for (unsigned i = 0; i < 3; i++)
		assert_true(handshakes_ask(&a, false, 5000, &later));
	assert_false(handshakes_ask(&a, false, 5000, &later));
	handshakes_done(&a, false, true, 5001);
	assert_true(handshakes_ask(&a, false, 5001, &later));
}

static void resumptions_need_no_budget(void **state)
{
	struct handshakes a = make(1, 1, 1);
	unsigned later = 0, taken = 0;

	assert_true(handshakes_ask(&a, false, 5000, &later));
	for (unsigned i = 0; i < HANDSHAKES_RESUMED_MAX + 10; i++)
		taken += handshakes_ask(&a, true, 5000, &later);
	assert_int_equal(taken, HANDSHAKES_RESUMED_MAX); /* but are bounded */
	assert_true(later >= HANDSHAKES_LATER_MIN_MS);
}

static void a_resumption_that_turned_out_full_pays(void **state)
{
	struct handshakes a = make(10, 5, 100);
	unsigned later = 0, taken = 0;

	for (unsigned i = 0; i < 4; i++) {
		assert_true(handshakes_ask(&a, true, 5000, &later));
		handshakes_done(&a, true, true, 5000);
	}
	for (unsigned i = 0; i < 10; i++)
		taken += handshakes_ask(&a, false, 5000, &later);
	assert_int_equal(taken, 1);
}

static void a_rate_of_nothing_is_one(void **state)
{
	struct handshakes a = make(0, 0, 0);
	unsigned later = 0;

	assert_true(handshakes_ask(&a, false, 5000, &later));
	handshakes_done(&a, false, true, 5000);
	assert_false(handshakes_ask(&a, false, 5000, &later));
	assert_false(handshakes_ask(&a, false, 5500, &later));
	assert_true(handshakes_ask(&a, false, 6000, &later));
}

/* Each of a crowd comes when it was told to: nobody starves, the rate is kept and used. */
static void a_crowd_comes_back_evenly(void **state)
{
	static uint64_t due[CROWD];
	struct handshakes a = make(100, 100, CROWD);
	unsigned in = 0, tries = 0, in_second = 0, busiest = 0;
	uint64_t now = 5000;

	for (unsigned i = 0; i < CROWD; i++)
		due[i] = now;
	for (; in < CROWD && now < 5000 + 120000; now++) {
		if ((now - 5000) % 1000 == 0) {
			if (in_second > busiest && now > 6500)
				busiest = in_second;
			in_second = 0;
		}
		for (unsigned i = 0; i < CROWD; i++) {
			unsigned later = 0;

			if (due[i] != now)
				continue;
			tries++;
			if (handshakes_ask(&a, false, now, &later)) {
				in++;
				in_second++;
				due[i] = 0;
			} else {
				assert_in_range(later, HANDSHAKES_LATER_MIN_MS, HANDSHAKES_LATER_MAX_MS);
				due[i] = now + later;
			}
		}
	}
	assert_int_equal(in, CROWD);
	assert_in_range(now - 5000, 18000, 25000); /* 1,900 at 100 a second */
	assert_true(busiest <= 130);
	assert_true(tries < 3 * CROWD);
}

static void a_crowd_beyond_the_horizon_is_spread(void **state)
{
	struct handshakes a = make(10, 10, 1000);
	unsigned later = 0, early = 0, middle = 0;

	for (unsigned i = 0; i < 5000; i++) {
		if (handshakes_ask(&a, false, 5000, &later))
			continue;
		assert_true(later <= HANDSHAKES_LATER_MAX_MS);
		early += later < HANDSHAKES_LATER_MAX_MS / 2;
		middle += later < HANDSHAKES_LATER_MAX_MS * 3 / 4;
	}
	assert_in_range(early, 290, 310);
	assert_in_range(middle - early, 2100, 2900);
}

static void later_is_twelve_bytes_that_no_tls_begins_with(void **state)
{
	char record[LATER_SIZE];
	unsigned ms = 0;

	later_write(1234567, record);
	assert_true(record[0] < 20 || record[0] > 24);
	for (size_t len = 0; len < LATER_SIZE; len++)
		assert_int_equal(later_read(span_make(record, len), &ms), -EAGAIN);
	assert_int_equal(later_read(span_make(record, LATER_SIZE), &ms), 0);
	assert_int_equal(ms, LATER_MAX_MS); /* nobody vouches for it */
	later_write(1500, record);
	assert_int_equal(later_read(span_make(record, LATER_SIZE), &ms), 0);
	assert_int_equal(ms, 1500);
	record[6] = 'X';
	assert_int_equal(later_read(span_make(record, LATER_SIZE), &ms), -EBADMSG);
	assert_int_equal(later_read(SPAN("\x16\x03\x03"), &ms), -EBADMSG);
}

static const char hello[] = "\x16\x03\x01\x00\x54" /* record */
			    "\x01\x00\x00\x50"	   /* ClientHello */
			    "\x03\x03"
			    "0123456789abcdef0123456789abcdef" /* version, random */
			    "\x00"			       /* no session */
			    "\x00\x02\xc0\x2b"		       /* one suite */
			    "\x01\x00"			       /* no compression */
			    "\x00\x25"			       /* extensions */
			    "\x00\x00\x00\x0d\x00\x0b\x00\x00\x08hub.test"
			    "\x00\x23\x00\x06ticket"
			    "\x00\x17\x00\x00"
			    "\x00\x0b\x00\x02\x01\x00";

static void a_hello_shows_name_and_ticket(void **state)
{
	struct span all = span_make(hello, sizeof(hello) - 1);
	struct client_hello out;

	assert_int_equal(client_hello_read(all, &out), 0);
	assert_true(span_is(out.server_name, "hub.test"));
	assert_true(span_is(out.ticket, "ticket"));
	for (size_t len = 0; len < all.len; len++)
		assert_int_equal(client_hello_read(span_make(hello, len), &out), -EAGAIN);
}

static void what_is_no_hello_is_refused(void **state)
{
	struct client_hello out;
	char copy[sizeof(hello)];
	static const struct {
		size_t at;
		char value;
	} damage[] = {
		{ 0, 23 },   { 1, 2 },	{ 3, 0x7f },  { 4, 2 },	    { 5, 2 },
		{ 8, 0x51 }, { 43, 1 }, { 51, 0x7f }, { 57, 0x0e },
	};

	assert_int_equal(client_hello_read(SPAN("GET / HTTP/1.1\r\n"), &out), -EBADMSG);
	for (size_t i = 0; i < sizeof(damage) / sizeof(damage[0]); i++) {
		memcpy(copy, hello, sizeof(hello));
		copy[damage[i].at] = damage[i].value;
		if (client_hello_read(span_make(copy, sizeof(copy) - 1), &out) != -EBADMSG)
			fail_msg("byte %zu", damage[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_taken_and_then_the_rate),
		cmocka_unit_test(what_is_under_way_is_capped_and_comes_free),
		cmocka_unit_test(resumptions_need_no_budget),
		cmocka_unit_test(a_resumption_that_turned_out_full_pays),
		cmocka_unit_test(a_rate_of_nothing_is_one),
		cmocka_unit_test(a_crowd_comes_back_evenly),
		cmocka_unit_test(a_crowd_beyond_the_horizon_is_spread),
		cmocka_unit_test(later_is_twelve_bytes_that_no_tls_begins_with),
		cmocka_unit_test(a_hello_shows_name_and_ticket),
		cmocka_unit_test(what_is_no_hello_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
