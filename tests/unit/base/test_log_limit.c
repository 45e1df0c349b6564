#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/log_limit.h"

static struct log_limit limit;
static unsigned ends, left_out;
static char ended[2 * LOG_LIMIT_NAME_BYTES];

static void on_end(const struct log_source *source)
{
	ends++;
	left_out = source->left_out;
	(void)snprintf(ended, sizeof(ended), "%s/%s", source->module, source->event);
}

static int begin(void **state)
{
	limit = (struct log_limit){ 0 };
	ends = left_out = 0;
	return 0;
}

static unsigned admitted(const char *event, unsigned times, uint64_t now_ms)
{
	unsigned n = 0;

	while (times--)
		n += log_limit_admit(&limit, LOG_LEVEL_WARN, "tunnel", event, now_ms, on_end);
	return n;
}

static void a_burst_goes_out_and_the_rest_stays_in(void **state)
{
	assert_int_equal(admitted("refused", 100, 5000), LOG_BURST);
	assert_int_equal(admitted("refused", 10, 5000 + LOG_LIMIT_WINDOW_MS - 1), 0);
	assert_int_equal(ends, 0);
}

static void the_end_of_a_storm_is_told_once_with_its_count(void **state)
{
	(void)admitted("refused", LOG_BURST + 30, 5000);
	assert_int_equal(admitted("other", 1, 5000 + LOG_LIMIT_WINDOW_MS), 1);
	assert_int_equal(ends, 1);
	assert_int_equal(left_out, 30);
	assert_string_equal(ended, "tunnel/refused");
	assert_int_equal(admitted("other", 1, 5000 + 3 * LOG_LIMIT_WINDOW_MS), 1);
	assert_int_equal(ends, 1);
}

static void a_lasting_storm_is_told_at_every_window(void **state)
{
	for (uint64_t window = 0; window < 5; window++)
		assert_int_equal(admitted("refused", LOG_BURST + 7, window * LOG_LIMIT_WINDOW_MS), LOG_BURST);
	assert_int_equal(ends, 4);
	assert_int_equal(left_out, 7);
}

static void a_quiet_event_never_ends_a_storm(void **state)
{
	for (uint64_t now_ms = 0; now_ms < 100 * LOG_LIMIT_WINDOW_MS; now_ms += LOG_LIMIT_WINDOW_MS / 2)
		assert_int_equal(admitted("refused", 1, now_ms), 1);
	assert_int_equal(ends, 0);
}

static void many_sources_lose_no_count(void **state)
{
	unsigned sent = 0, out = 0;
	char event[16];

	for (unsigned i = 0; i < 2000; i++) { /* more than there are slots: some take another's */
		(void)snprintf(event, sizeof(event), "event-%u", i);
		out += admitted(event, LOG_BURST + 5, i);
		sent += LOG_BURST + 5;
	}
	assert_int_equal(out, 2000 * LOG_BURST);
	assert_int_equal(admitted("last", 1, 3 * LOG_LIMIT_WINDOW_MS), 1);
	assert_int_equal(ends, 2000);
	assert_int_equal(limit.storms, 0);
	assert_int_equal(sent - out, 2000 * 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_burst_goes_out_and_the_rest_stays_in, begin),
		cmocka_unit_test_setup(the_end_of_a_storm_is_told_once_with_its_count, begin),
		cmocka_unit_test_setup(a_lasting_storm_is_told_at_every_window, begin),
		cmocka_unit_test_setup(a_quiet_event_never_ends_a_storm, begin),
		cmocka_unit_test_setup(many_sources_lose_no_count, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
