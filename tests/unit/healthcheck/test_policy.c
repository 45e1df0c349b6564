#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "api/kind.h"
#include "healthcheck/policy.h"
#include "healthcheck/roster.h"

static struct json *parse(const char *text)
{
	struct json *tree = NULL;

	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	return tree;
}

static int read_policy(const char *spec, struct health_policy *out)
{
	struct json *tree = parse(spec);
	struct err err = { 0 };
	int code = health_policy_read(tree, out, &err);

	json_free(tree);
	assert_true(!code || err.code);
	return code;
}

static void what_is_absent_has_its_default(void **state)
{
	struct health_policy policy;

	assert_int_equal(health_policy_read(NULL, &policy, NULL), 0);
	assert_memory_equal(&policy, &health_policy_default, sizeof(policy));
	assert_int_equal(read_policy("{\"evictionRate\":60,\"darkPolicy\":\"evict\",\"darkAfter\":\"1h\"}",
				     &policy),
			 0);
	assert_int_equal(policy.rate, 60);
	assert_true(policy.evict_dark && !policy.evict_small);
	assert_int_equal(policy.dark_ms, 3600000);
	assert_int_equal(policy.grace_ms, 5000);
}

static void what_makes_no_sense_changes_nothing(void **state)
{
	static const char *const bad[] = { "{\"gracePeriod\":\"later\"}", "{\"darkPolicy\":\"panic\"}",
					   "{\"evictionRate\":0}", "{\"defaultTolerationSeconds\":-1}",
					   "{\"darkAfter\":\"31d\"}" };
	struct health_policy policy;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_policy(bad[i], &policy), -EINVAL);
		assert_memory_equal(&policy, &health_policy_default, sizeof(policy));
	}
}

/* The API, the members and the cloud agree on what a Region may say. */
static void whoever_reads_a_region_takes_what_the_api_takes(void **state)
{
	static const struct {
		const char *spec;
		bool is_good;
	} cases[] = {
		{ "\"probeInterval\":\"50ms\",\"probeTimeout\":\"10ms\"", true },
		{ "\"probeInterval\":\"49ms\",\"probeTimeout\":\"10ms\"", false },
		{ "\"probeInterval\":\"60s\",\"probeTimeout\":\"30s\"", true },
		{ "\"probeInterval\":\"60001ms\"", false },
		{ "\"probeInterval\":\"60s\",\"probeTimeout\":\"30001ms\"", false },
		{ "\"probeTimeout\":\"9ms\"", false },
		{ "\"probeTimeout\":\"1s\"", false },
		{ "\"indirectProbes\":0", true },
		{ "\"indirectProbes\":16", true },
		{ "\"indirectProbes\":17", false },
		{ "\"suspicionAlphaPercent\":10", true },
		{ "\"suspicionAlphaPercent\":9", false },
		{ "\"suspicionAlphaPercent\":5001", false },
		{ "\"suspicionBeta\":1", true },
		{ "\"suspicionBeta\":101", false },
		{ "\"verdictTTL\":\"1s\"", true },
		{ "\"verdictTTL\":\"999ms\"", false },
		{ "\"verdictTTL\":\"601s\"", false },
		{ "\"fenceAfter\":\"5s\"", true },
		{ "\"fenceAfter\":\"24h\"", true },
		{ "\"fenceAfter\":\"4999ms\"", false },
		{ "\"gracePeriod\":\"0\"", true },
		{ "\"gracePeriod\":\"30d\"", true },
		{ "\"gracePeriod\":\"31d\"", false },
		{ "\"agentDownDelay\":\"31d\"", false },
		{ "\"darkAfter\":\"31d\"", false },
		{ "\"defaultTolerationSeconds\":0", true },
		{ "\"defaultTolerationSeconds\":31536000", true },
		{ "\"defaultTolerationSeconds\":31536001", false },
		{ "\"evictionRate\":6000", true },
		{ "\"evictionRate\":6001", false },
		{ "\"smallPolicy\":\"evict\"", true },
		{ "\"smallPolicy\":\"Evict\"", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct health_policy policy;
		struct roster *roster = NULL;
		struct problems *problems = problems_new();
		struct json *tree;
		char text[256];
		bool by_api, by_readers;

		(void)snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"north\"},\"spec\":{%s}}",
			       cases[i].spec);
		tree = parse(text);
		assert_non_null(problems);
		kind_validate(kind_of_storage("regions.health.holdfast.io"), tree, NULL, problems);
		by_api = problems_count(problems) == 0;
		by_readers = roster_parse(span_of(text), "n", &roster, NULL) == 0 &&
			     health_policy_read(json_get(tree, "spec"), &policy, NULL) == 0;
		if (by_api != cases[i].is_good || by_readers != cases[i].is_good)
			fail_msg("%s: api %d, readers %d", cases[i].spec, by_api, by_readers);
		problems_free(problems);
		roster_free(roster);
		json_free(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_absent_has_its_default),
		cmocka_unit_test(what_makes_no_sense_changes_nothing),
		cmocka_unit_test(whoever_reads_a_region_takes_what_the_api_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
