/* What an operator may define as a check, and when it is due. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>

#include "edge-hub/health/check_plan.h"
#include "edge-hub/health/check_run.h"

static const struct config_field fields[] = {
	{ .path = "checks", .type = CONFIG_OBJECTS, .items = &check_spec_items },
};
static const struct config_table table = { fields, 1 };

static void read_good(const char *text, struct config_objects *out)
{
	struct err err = { 0 };

	if (config_parse(&table, span_of(text), "f", out, &err))
		fail_msg("%s: %s", text, err_text(&err));
}

static void assert_bad(const char *text, const char *message)
{
	struct config_objects specs;
	struct err err = { 0 };

	assert_int_equal(config_parse(&table, span_of(text), "f", &specs, &err), -EINVAL);
	if (!strstr(err_text(&err), message))
		fail_msg("%s: \"%s\" does not say \"%s\"", text, err_text(&err), message);
}

static void three_kinds_are_read(void **state)
{
	struct config_objects specs;
	const struct check_spec *s;

	(void)state;
	read_good("checks:\n- {name: plc, tcp: '192.168.1.20:502', interval: 5s, timeout: 1s, threshold: 1, "
		  "weight: 0}\n"
		  "- {name: hmi, http: 'http://127.0.0.1:8080/healthz'}\n- {name: data-disk, exec: "
		  "[/bin/check, -v]}\n",
		  &specs);
	s = specs.items;
	assert_int_equal(specs.count, 3);
	assert_int_equal(check_kind_of(&s[0]), CHECK_TCP);
	assert_int_equal(s[0].interval_ms, 5000);
	assert_int_equal(s[0].weight, 0);
	assert_int_equal(check_kind_of(&s[1]), CHECK_HTTP);
	assert_int_equal(s[1].timeout_ms, 2000);
	assert_int_equal(s[1].threshold, 3);
	assert_int_equal(s[1].weight, 10);
	assert_int_equal(check_kind_of(&s[2]), CHECK_EXEC);
	assert_int_equal(s[2].exec.count, 2);
	config_done(&table, &specs);
}

static void what_makes_no_sense_is_refused_with_its_reason(void **state)
{
	(void)state;
	assert_bad("checks:\n- tcp: 'a:1'\n", "f:2: 'checks[0]': it has no name");
	assert_bad("checks:\n- {name: Plc, tcp: 'a:1'}\n", "a name is a-z, 0-9 and - inside");
	assert_bad("checks:\n- {name: -a, tcp: 'a:1'}\n", "a name is");
	assert_bad("checks:\n- {name: '', tcp: 'a:1'}\n", "a name is");
	assert_bad("checks:\n- {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, tcp: 'a:1'}\n", "at most 32");
	assert_bad("checks:\n- {name: disk, tcp: 'a:1'}\n", "'disk' is a check that each node has");
	assert_bad("checks:\n- {name: a, tcp: 'a:1'}\n- {name: a, tcp: 'a:2'}\n",
		   "f:3: 'checks[1]': another check is called 'a'");
	assert_bad("checks:\n- {name: a}\n", "'a' needs one of tcp, http and exec, and has none");
	assert_bad("checks:\n- {name: a, tcp: 'a:1', exec: [/b]}\n", "and has more");
	assert_bad("checks:\n- {name: a, exec: []}\n", "and has none");
	assert_bad("checks:\n- {name: a, exec: [b]}\n", "by its absolute path, not 'b'");
	assert_bad("checks:\n- {name: a, exec: ['']}\n", "by its absolute path");
	assert_bad("checks:\n- {name: a, tcp: '1.2.3.4'}\n", "f:2: 'checks[0]': ");
	assert_bad("checks:\n- {name: a, tcp: '1.2.3.4:99999'}\n", "f:2: 'checks[0]': ");
	assert_bad("checks:\n- {name: a, http: 'https://x/'}\n", "http is http://HOST[:PORT][/PATH]");
	assert_bad("checks:\n- {name: a, http: 'http://x:y/'}\n", "f:2: 'checks[0]': ");
	assert_bad("checks:\n- {name: a, http: 'http://u:p@x/'}\n", "no user and password");
	assert_bad("checks:\n- {name: a, http: \"http://x/a b\"}\n", "too long, or not one");
	assert_bad("checks:\n- {name: a, http: \"http://x/\\r\\nX: y\"}\n", "too long, or not one");
	assert_bad("checks:\n- {name: a, tcp: 'a:1', interval: 1s, timeout: 2s}\n",
		   "the timeout of 'a' is longer than its interval");
	assert_bad("checks:\n- {name: a, tcp: 'a:1', interval: 10ms}\n",
		   "'checks[0].interval' is out of range, allowed: 1s to 1d");
	assert_bad("checks:\n- {name: a, tcp: 'a:1', weight: 1001}\n", "allowed: 0 to 1000");
}

static void seventeen_are_one_too_many(void **state)
{
	char text[2048] = "checks:\n";
	struct config_objects specs;

	(void)state;
	for (int i = 0; i < 16; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			       "- {name: c%d, tcp: 'a:1'}\n", i);
	read_good(text, &specs);
	config_done(&table, &specs);
	(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "- {name: c16, tcp: 'a:1'}\n");
	assert_bad(text, "f:18: too many items in 'checks'");
}

static void urls_are_taken_apart(void **state)
{
	static const char *const cases[][3] = {
		{ "http://a", "a:80", "/" },
		{ "http://a/", "a:80", "/" },
		{ "http://a:8080/x/y?z=1", "a:8080", "/x/y?z=1" },
		{ "http://a?z", "a:80", "/?z" },
		{ "http://[::1]:81/x", "[::1]:81", "/x" },
		{ "http://[::1]/x", "[::1]:80", "/x" },
	};
	char address[300], target[CHECK_TARGET_SIZE];
	struct err err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(check_http_parse(cases[i][0], address, sizeof(address), target, &err), 0);
		assert_string_equal(address, cases[i][1]);
		assert_string_equal(target, cases[i][2]);
	}
	assert_int_equal(check_http_parse("http:///x", address, sizeof(address), target, &err), -EINVAL);
	assert_int_equal(check_http_parse("http://a/#x", address, sizeof(address), target, &err), -EINVAL);
}

static void each_has_its_turn_and_one_is_under_way(void **state)
{
	const struct check_spec specs[] = { { .interval_ms = 10000, .timeout_ms = 2000 },
					    { .interval_ms = 3000, .timeout_ms = 1000 } };
	struct check_plan plan;
	size_t i;

	(void)state;
	check_plan_init(&plan, specs, 2, 1000);
	assert_true(check_plan_next(&plan, 1000, &i));
	assert_int_equal(i, 0);
	assert_false(check_plan_next(&plan, 1000, &i));
	assert_int_equal(check_plan_due(&plan), 1000 + CHECK_PLAN_STEP_MS);
	assert_true(check_plan_next(&plan, 1100, &i));
	assert_int_equal(i, 1);
	check_plan_ended(&plan, 0, 1500);
	assert_int_equal(check_plan_due(&plan), 1100 + 1000 + CHECK_PLAN_GRACE_MS);
	check_plan_ended(&plan, 1, 2000);
	assert_int_equal(check_plan_due(&plan), 4100);
	assert_false(check_plan_next(&plan, 4099, &i));
	assert_true(check_plan_next(&plan, 4100, &i));
	check_plan_ended(&plan, 1, 4200);
	/* The machine slept: once is enough. */
	assert_true(check_plan_next(&plan, 1000000, &i));
	assert_true(check_plan_next(&plan, 1000000, &i));
	assert_false(check_plan_next(&plan, 1000000, &i));
	check_plan_ended(&plan, 0, 1000001);
	check_plan_ended(&plan, 1, 1000001);
	assert_int_equal(check_plan_due(&plan), 1003000);
}

static void what_does_not_end_is_said_in_each_interval_and_not_begun_again(void **state)
{
	const struct check_spec spec = { .interval_ms = 10000, .timeout_ms = 2000 };
	struct check_plan plan;
	size_t i;

	(void)state;
	check_plan_init(&plan, &spec, 1, 0);
	assert_true(check_plan_next(&plan, 0, &i));
	assert_false(check_plan_next_late(&plan, 2999, &i));
	assert_int_equal(check_plan_due(&plan), 3000);
	assert_true(check_plan_next_late(&plan, 3000, &i));
	assert_false(check_plan_next_late(&plan, 3000, &i));
	assert_false(check_plan_next(&plan, 12000, &i));
	assert_true(check_plan_next_late(&plan, 13000, &i));
	assert_int_equal(check_plan_due(&plan), 23000);
	check_plan_ended(&plan, 0, 15000);
	assert_false(check_plan_next(&plan, 15000, &i));
	assert_int_equal(check_plan_due(&plan), 20000);
	assert_true(check_plan_next(&plan, 20000, &i));
}

static void one_that_has_to_wait_comes_soon_and_not_for_ever(void **state)
{
	const struct check_spec spec = { .interval_ms = 1000, .timeout_ms = 500 };
	struct check_plan plan;
	uint64_t now = 5000;
	size_t i;

	(void)state;
	check_plan_init(&plan, &spec, 1, now);
	for (int turn = 0; turn < 10; turn++) {
		assert_true(check_plan_next(&plan, now, &i));
		assert_true(check_plan_wait(&plan, 0, now));
		assert_int_equal(check_plan_due(&plan), now + CHECK_PLAN_STEP_MS);
		now += CHECK_PLAN_STEP_MS;
	}
	assert_true(check_plan_next(&plan, now, &i));
	assert_false(check_plan_wait(&plan, 0, now)); /* a whole interval: that is an answer, too */
	assert_true(check_plan_due(&plan) > now + CHECK_PLAN_STEP_MS);
	now = check_plan_due(&plan);
	assert_true(check_plan_next(&plan, now, &i));
	assert_true(check_plan_wait(&plan, 0, now)); /* counted from then */
	assert_true(check_plan_next(&plan, now + CHECK_PLAN_STEP_MS, &i));
	check_plan_ended(&plan, 0, now + 200);
	assert_true(check_plan_due(&plan) > now + 200);
}

static void names_are_told_from_addresses(void **state)
{
	static const struct {
		const char *tcp, *http;
		bool has_name;
	} cases[] = {
		{ "10.0.0.1:1", NULL, false },
		{ "[fd00::1]:1", NULL, false },
		{ "[fe80::1%eth0]:1", NULL, false },
		{ "plc.local:1", NULL, true },
		{ NULL, "http://127.0.0.1/x", false },
		{ NULL, "http://[::1]:80", false },
		{ NULL, "http://hmi:80/", true },
		{ "unix:///run/x", NULL, false },
		{ NULL, NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct check_spec spec = { .tcp = (char *)(uintptr_t)cases[i].tcp,
						 .http = (char *)(uintptr_t)cases[i].http };

		assert_int_equal(check_has_name(&spec), cases[i].has_name);
	}
}

static void no_checks_are_never_due(void **state)
{
	struct check_plan plan = { .count = 0 };
	size_t i;

	(void)state;
	assert_true(check_plan_due(&plan) == UINT64_MAX);
	assert_false(check_plan_next(&plan, 5, &i));
}

static void what_a_program_says_becomes_one_line(void **state)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "\n\n  ok \nmore\n", "ok" },
		{ "a\tb\x1b[31mred", "a?b?[31mred" },
		{ "\xc3\xa4", "??" },
	};
	char line[CHECK_TEXT_SIZE], longest[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		check_line(span_of(cases[i][0]), line);
		assert_string_equal(line, cases[i][1]);
	}
	memset(longest, 'x', sizeof(longest));
	check_line(span_make(longest, sizeof(longest)), line);
	assert_int_equal(strlen(line), CHECK_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_kinds_are_read),
		cmocka_unit_test(what_makes_no_sense_is_refused_with_its_reason),
		cmocka_unit_test(seventeen_are_one_too_many),
		cmocka_unit_test(urls_are_taken_apart),
		cmocka_unit_test(each_has_its_turn_and_one_is_under_way),
		cmocka_unit_test(what_does_not_end_is_said_in_each_interval_and_not_begun_again),
		cmocka_unit_test(one_that_has_to_wait_comes_soon_and_not_for_ever),
		cmocka_unit_test(names_are_told_from_addresses),
		cmocka_unit_test(no_checks_are_never_due),
		cmocka_unit_test(what_a_program_says_becomes_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
