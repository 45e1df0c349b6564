/* What a node knows against itself: one bad look is no trouble, two are; a machine without memory suspects others much less, one whose
 * runtime is away does not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "edge-hub/health/checks.h"

static const struct checks_seen well = {
	.runtime_ready = true, .runtime_why = "", .memory_bytes = 1000, .memory_available_bytes = 500
};

static bool look_twice(struct score *score, const struct checks_seen *seen)
{
	bool changed = checks_look(score, seen, 1000);

	assert_false(changed);
	return checks_look(score, seen, 2000);
}

static void what_is_wrong_shows_after_two_looks_and_goes_after_two(void **state)
{
	struct checks_seen seen = well;
	struct score score;

	(void)state;
	assert_int_equal(checks_init(&score), 0);
	assert_false(look_twice(&score, &well));
	assert_int_equal(score_percent(&score), 100);
	seen.runtime_ready = false;
	seen.runtime_why = "connection \"refused\"";
	assert_true(look_twice(&score, &seen));
	assert_int_equal(score_percent(&score), 90);
	assert_int_equal(score_trouble(&score), 0); /* it makes the node no slower */
	assert_true(look_twice(&score, &well));
	assert_int_equal(score_percent(&score), 100);
}

static void memory_and_disk_weigh_more(void **state)
{
	struct checks_seen seen = well;
	struct score score;
	struct buf text;

	(void)state;
	assert_int_equal(checks_init(&score), 0);
	seen.memory_available_bytes = 40;
	assert_true(look_twice(&score, &seen));
	assert_true(score_trouble(&score) >= 4);
	seen.disk_full = true;
	assert_true(look_twice(&score, &seen));
	assert_int_equal(score_percent(&score), 20);
	buf_init(&text, 4096);
	checks_write(&score, &text);
	assert_int_equal(buf_error(&text), 0);
	assert_non_null(strstr(
		buf_cstr(&text),
		"\"name\":\"disk\",\"passing\":false,\"state\":\"failing\",\"weight\":20,\"why\":\"full\""));
	assert_non_null(strstr(
		buf_cstr(&text),
		"\"name\":\"clock\",\"passing\":true,\"state\":\"passing\",\"weight\":10,\"why\":\"\""));
	buf_done(&text);
	seen = well;
	seen.memory_bytes = 0; /* not known is not short */
	assert_true(look_twice(&score, &seen));
	assert_int_equal(score_percent(&score), 100);
	seen = well;
	seen.memory_stalled_pc = CHECKS_STALLED_MAX_PC + 1;
	assert_true(look_twice(&score, &seen));
	assert_int_equal(score_percent(&score), 40);
}

static void what_is_told_names_what_fails_first(void **state)
{
	struct checks_seen seen = well;
	struct checks_summary summary;
	struct score score;
	char longest[SCORE_TEXT_SIZE];

	(void)state;
	assert_int_equal(checks_init(&score), 0);
	assert_int_equal(score_add(&score, "data-disk", 0), 0);
	assert_int_equal(score_add(&score, "plc-2", 100), 0);
	assert_false(look_twice(&score, &well));
	checks_summarize(&score, &summary);
	assert_int_equal(summary.value, -1);
	assert_true(score_unasked(&score, "plc-2", "no such file", 1, 1));
	checks_summarize(&score, &summary);
	assert_int_equal(summary.value, -1); /* another may fail yet */
	assert_false(score_result(&score, "data-disk", true, "", 1, 1));
	checks_summarize(&score, &summary);
	assert_int_equal(summary.value, 2);
	assert_string_equal(summary.reason, "Plc2NotAsked");
	assert_string_equal(summary.message, "score 100 of 100; plc-2: no such file");
	assert_true(score_result(&score, "data-disk", false, "full", 1, 1));
	checks_summarize(&score, &summary);
	assert_int_equal(summary.value, 1);
	assert_string_equal(summary.reason, "DataDiskFailing");
	assert_string_equal(summary.message, "score 100 of 100; data-disk: full; plc-2: no such file");
	assert_true(score_result(&score, "plc-2", true, "", 1, 1));
	assert_true(score_result(&score, "data-disk", true, "", 1, 1));
	checks_summarize(&score, &summary);
	assert_int_equal(summary.value, 0);
	assert_string_equal(summary.reason, "ChecksPassing");
	assert_string_equal(summary.message, "score 100 of 100");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	seen.runtime_ready = false;
	seen.runtime_why = longest;
	seen.disk_full = seen.clock_wrong = true;
	(void)look_twice(&score, &seen);
	(void)score_result(&score, "plc-2", false, longest, 1, 1);
	checks_summarize(&score, &summary);
	assert_string_equal(summary.reason, "RuntimeFailing");
	assert_true(strlen(summary.message) < sizeof(summary.message));
}

static void the_kernels_pressure_is_read(void **state)
{
	static const struct {
		const char *text;
		unsigned percent;
	} cases[] = {
		{ "some avg10=50.00 avg60=1.00 avg300=0.00 total=5\nfull avg10=12.34 avg60=0 avg300=0 "
		  "total=1\n",
		  12 },
		{ "full avg10=100.00 avg60=0.00\n", 100 },
		{ "full avg10=101.00\n", 0 },
		{ "full avg10=\n", 0 },
		{ "full avg10=x.1\n", 0 },
		{ "some avg10=99.00\n", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(checks_stalled(span_of(cases[i].text)), cases[i].percent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_shows_after_two_looks_and_goes_after_two),
		cmocka_unit_test(memory_and_disk_weigh_more),
		cmocka_unit_test(what_is_told_names_what_fails_first),
		cmocka_unit_test(the_kernels_pressure_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
