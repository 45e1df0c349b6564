#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cloud-hub/services/claims.h"
#include "tests/tools/failmalloc.h"

#include <errno.h>
#include <stdio.h>

static struct claims *claims_of(const char *range)
{
	struct claims *claims = NULL;
	struct err err = { 0 };

	if (claims_new(range, 7, &claims, &err))
		fail_msg("%s: %s", range, err_text(&err));
	return claims;
}

static struct json *stored(const char *text)
{
	struct json *tree = NULL;

	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	return tree;
}

static void see(struct claims *claims, const char *owner, const char *text)
{
	struct json *tree = stored(text);

	assert_int_equal(claims_see(claims, owner, tree), 0);
	json_free(tree);
}

/* The last number of "10.0.0.7". */
static uint64_t last_of(const char *ip)
{
	uint64_t last = 0;

	assert_memory_equal(ip, "10.0.0.", 7);
	assert_int_equal(span_to_u64(span_of(ip + 7), &last), 0);
	return last;
}

static void a_range_is_a_range(void **state)
{
	static const char *const bad[] = { "",	   "10.96.0.0",	 "10.96.0.0/30", "10.96.0.0/33",
					   "x/12", "fd00::/129", "10.96.0.0/-1" };
	struct claims *claims = NULL;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(claims_new(bad[i], 1, &claims, NULL), -EINVAL);
	claims = claims_of("10.96.0.0/12");
	assert_string_equal(claims_family(claims), "IPv4");
	claims_free(claims);
	claims = claims_of("fd00:1::/64");
	assert_string_equal(claims_family(claims), "IPv6");
	claims_free(claims);
}

static void every_address_is_given_once_and_then_none(void **state)
{
	struct claims *claims = claims_of("10.0.0.5/28"); /* .1 to .14 */
	bool given[16] = { false };
	char owner[16], ip[CLAIMS_ADDRESS_SIZE];

	for (int i = 0; i < 14; i++) {
		uint64_t last;

		(void)snprintf(owner, sizeof(owner), "n/%d", i);
		assert_int_equal(claims_address(claims, owner, 0, "", ip), CLAIM_GIVEN);
		last = last_of(ip);
		assert_in_range(last, 1, 14);
		assert_false(given[last]);
		given[last] = true;
	}
	assert_int_equal(claims_address(claims, "n/x", 0, "", ip), CLAIM_FULL);
	assert_int_equal(claims_address(claims, "n/3", 0, "", ip), CLAIM_GIVEN); /* the one it waits for */
	assert_int_equal(claims_address(claims, "n/x", CLAIMS_PENDING_MS, "", ip), CLAIM_GIVEN);
	claims_free(claims);
}

static void the_lower_band_is_for_addresses_chosen_by_hand(void **state)
{
	struct claims *claims = claims_of("10.0.0.0/24");
	char owner[16], ip[CLAIMS_ADDRESS_SIZE];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(owner, sizeof(owner), "n/%d", i);
		assert_int_equal(claims_address(claims, owner, 0, "", ip), CLAIM_GIVEN);
		assert_in_range(last_of(ip), 16, 254);
	}
	claims_free(claims);
}

static void what_is_asked_for_is_given_or_refused(void **state)
{
	struct claims *claims = claims_of("fd00:1::/112");
	char ip[CLAIMS_ADDRESS_SIZE];
	int64_t port;

	assert_int_equal(claims_address(claims, "n/a", 0, "fd00:1:0::0:10", ip), CLAIM_GIVEN);
	assert_string_equal(ip, "fd00:1::10");
	assert_int_equal(claims_address(claims, "n/b", 0, "fd00:1::10", ip), CLAIM_TAKEN);
	assert_int_equal(claims_address(claims, "n/b", 0, "fd00:1::", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "fd00:1::1:0", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "fd00:2::1", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "10.0.0.1", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "hello", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_port(claims, "n/a", 0, 30080, &port), CLAIM_GIVEN);
	assert_int_equal(port, 30080);
	assert_int_equal(claims_port(claims, "n/b", 0, 30080, &port), CLAIM_TAKEN);
	assert_int_equal(claims_port(claims, "n/b", 0, 29999, &port), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_port(claims, "n/b", 0, 32768, &port), CLAIM_OUT_OF_RANGE);
	claims_free(claims);
}

static void of_a_large_range_any_address_may_be_asked_for(void **state)
{
	struct claims *claims = claims_of("10.1.2.3/8");
	char ip[CLAIMS_ADDRESS_SIZE];

	assert_int_equal(claims_address(claims, "n/a", 0, "10.200.0.1", ip), CLAIM_GIVEN);
	assert_int_equal(claims_address(claims, "n/b", 0, "10.255.255.255", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "10.0.0.0", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "11.0.0.1", ip), CLAIM_OUT_OF_RANGE);
	claims_free(claims);
	claims = claims_of("fd00:1::/64");
	assert_int_equal(claims_address(claims, "n/a", 0, "fd00:1::ffff:ffff:ffff:ffff", ip), CLAIM_GIVEN);
	assert_int_equal(claims_address(claims, "n/b", 0, "fd00:1:0:1::1", ip), CLAIM_OUT_OF_RANGE);
	assert_int_equal(claims_address(claims, "n/b", 0, "", ip), CLAIM_GIVEN);
	claims_free(claims);
}

static void the_store_is_the_record(void **state)
{
	struct claims *claims = claims_of("10.0.0.0/24");
	struct claims_stats stats;
	char ip[CLAIMS_ADDRESS_SIZE];
	int64_t port;

	see(claims, "n/a",
	    "{\"spec\":{\"clusterIP\":\"10.0.0.9\",\"clusterIPs\":[\"10.0.0.9\"],\"ports\":[{\"nodePort\":"
	    "30001},{\"nodePort\":30002}],\"healthCheckNodePort\":30003}}");
	assert_int_equal(claims_address(claims, "n/b", UINT64_MAX, "10.0.0.9", ip), CLAIM_TAKEN);
	assert_int_equal(claims_port(claims, "n/b", UINT64_MAX, 30003, &port), CLAIM_TAKEN);
	claims_stats(claims, &stats);
	assert_int_equal(stats.addresses, 1);
	assert_int_equal(stats.ports, 3);
	assert_int_equal(stats.pending, 0);

	see(claims, "n/a", "{\"spec\":{\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"nodePort\":30002}]}}");
	assert_int_equal(claims_port(claims, "n/b", 1, 30001, &port), CLAIM_GIVEN);
	see(claims, "n/c", "{\"spec\":{\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"nodePort\":30001}]}}");
	claims_stats(claims, &stats);
	assert_int_equal(stats.conflicts, 1); /* the address; the port was only asked for */
	assert_int_equal(claims_port(claims, "n/b", 1, 30001, &port), CLAIM_TAKEN);

	claims_lose(claims, "n/a");
	claims_lose(claims, "n/nobody");
	assert_int_equal(claims_address(claims, "n/b", 1, "10.0.0.9", ip), CLAIM_GIVEN);
	claims_free(claims);
}

static void one_made_anew_under_the_same_name_keeps_what_it_was_given(void **state)
{
	struct claims *claims = claims_of("10.0.0.0/24");
	char ip[CLAIMS_ADDRESS_SIZE], text[128];

	see(claims, "n/a", "{\"spec\":{\"clusterIP\":\"10.0.0.9\"}}");
	assert_int_equal(claims_address(claims, "n/a", 0, "", ip), CLAIM_GIVEN);
	assert_string_not_equal(ip, "10.0.0.9"); /* which the old one still has */
	claims_lose(claims, "n/a");
	(void)snprintf(text, sizeof(text), "{\"spec\":{\"clusterIP\":\"%s\"}}", ip);
	assert_int_equal(claims_address(claims, "n/b", 1, ip, ip), CLAIM_TAKEN);
	see(claims, "n/a", text);
	assert_int_equal(claims_address(claims, "n/b", UINT64_MAX, ip, ip), CLAIM_TAKEN);
	assert_int_equal(claims_address(claims, "n/b", 1, "10.0.0.9", ip), CLAIM_GIVEN);
	claims_free(claims);
}

static int walk(void *ctx)
{
	struct json *tree = ctx;
	struct claims *claims = NULL;
	char ip[CLAIMS_ADDRESS_SIZE];
	int64_t port;
	int rc = claims_new("10.0.0.0/24", 1, &claims, NULL);

	if (!rc)
		rc = claims_see(claims, "n/a", tree);
	if (!rc && claims_address(claims, "n/b", 0, "", ip) == CLAIM_NO_MEMORY)
		rc = -ENOMEM;
	if (!rc && claims_port(claims, "n/b", 0, 0, &port) == CLAIM_NO_MEMORY)
		rc = -ENOMEM;
	claims_free(claims);
	return rc;
}

static void memory_may_run_out_anywhere(void **state)
{
	struct json *tree =
		stored("{\"spec\":{\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"nodePort\":30001}]}}");

	assert_true(failmalloc_walk(walk, tree) > 4);
	json_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_is_a_range),
		cmocka_unit_test(every_address_is_given_once_and_then_none),
		cmocka_unit_test(the_lower_band_is_for_addresses_chosen_by_hand),
		cmocka_unit_test(what_is_asked_for_is_given_or_refused),
		cmocka_unit_test(of_a_large_range_any_address_may_be_asked_for),
		cmocka_unit_test(the_store_is_the_record),
		cmocka_unit_test(one_made_anew_under_the_same_name_keeps_what_it_was_given),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
