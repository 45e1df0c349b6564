#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/token.h"

#define NOW_MS 1790000000000
#define HOUR_MS 3600000ll

static const uint8_t pin[TOKEN_PIN_BYTES] = "thirty-two bytes of a root's pin";
static const uint8_t other_pin[TOKEN_PIN_BYTES] = "thirty-two bytes of another's pi";
static const char *const two_regions[] = { "north", "south", NULL };

static void issue(const char *const *regions, const char *node, uint32_t uses, struct token *token,
		  struct token_grant *grant)
{
	struct token_terms terms = { 24 * HOUR_MS, uses, regions, node };

	assert_int_equal(token_issue(&terms, pin, NOW_MS, token, grant, NULL), 0);
}

static enum token_verdict check(const struct token *token, const struct token_grant *grant, const char *node,
				const char *region, int64_t now)
{
	struct token_use use = { node, region, now };
	const char *given = NULL;

	return token_check(token, grant, pin, &use, &given);
}

static void a_token_survives_being_typed(void **state)
{
	struct token token, again;
	struct token_grant grant;
	struct buf text, spaced;

	issue(two_regions, NULL, 3, &token, &grant);
	buf_init(&text, 512);
	buf_init(&spaced, 512);
	assert_int_equal(token_write(&token, &text), 0);
	assert_in_range(text.len, 100, TOKEN_TEXT_MAX);
	assert_int_equal(token_parse(buf_span(&text), &again, NULL), 0);
	assert_memory_equal(&token, &again, sizeof(token));
	assert_int_equal(buf_addf(&spaced, " \t%s\r\n", buf_cstr(&text)), 0);
	assert_int_equal(token_parse(buf_span(&spaced), &again, NULL), 0);
	assert_memory_equal(&token, &again, sizeof(token));
	buf_done(&text);
	buf_done(&spaced);
}

static void every_typing_error_is_found(void **state)
{
	struct token token, out;
	struct token_grant grant;
	struct buf text;

	issue(NULL, NULL, 1, &token, &grant);
	buf_init(&text, 512);
	assert_int_equal(token_write(&token, &text), 0);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];

		text.data[i] = was == 'x' ? 'y' : 'x';
		assert_int_equal(token_parse(buf_span(&text), &out, NULL), -EINVAL);
		text.data[i] = was;
		assert_int_equal(token_parse(span_make(text.data, i), &out, NULL), -EINVAL);
	}
	buf_done(&text);
}

static void errors_say_what_kind_of_text_it_was(void **state)
{
	struct token out;
	struct err err;

	assert_int_equal(token_parse(SPAN(""), &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "empty"));
	assert_int_equal(token_parse(SPAN("hello"), &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not a join token"));
	assert_int_equal(token_parse(SPAN("hf2.a.b.c.d"), &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "version"));
	assert_int_equal(token_parse(SPAN("hf1.0011223344556677.abcd"), &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "incomplete"));
	assert_int_equal(token_parse(SPAN("hf1.0011223344556677.abcd.efgh.AAAAAA"), &out, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "mistyped"));
}

static void a_grant_keeps_no_secret(void **state)
{
	struct token token;
	struct token_grant grant, again;
	struct buf json;

	issue(two_regions, "edge-1", 7, &token, &grant);
	assert_memory_not_equal(grant.secret_sha256, token.secret, sizeof(token.secret));
	buf_init(&json, 4096);
	assert_int_equal(token_grant_write(&grant, &json), 0);
	assert_int_equal(token_grant_parse(buf_span(&json), &again, NULL), 0);
	assert_memory_equal(&grant, &again, sizeof(grant));
	buf_done(&json);
}

static void damaged_grants_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"id\":\"0011223344556677\"}",
		"{\"id\":\"0011223344556677\",\"secretSha256\":\"00\",\"nodeName\":\"\",\"usesLeft\":1,"
		"\"regions\":[]}",
		"{\"id\":\"../../etc/"
		"passwd\",\"secretSha256\":\"00\",\"nodeName\":\"\",\"usesLeft\":-1,\"regions\":{}}",
	};
	struct token_grant out;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(token_grant_parse(span_of(bad[i]), &out, NULL), -EINVAL);
}

static void each_refusal_has_its_own_verdict(void **state)
{
	struct token token, forged;
	struct token_grant grant, named;
	struct token_use use = { "edge-1", NULL, NOW_MS };
	const char *region = NULL;

	issue(two_regions, NULL, 1, &token, &grant);
	assert_int_equal(check(&token, &grant, "edge-1", "south", NOW_MS), TOKEN_OK);
	assert_int_equal(token_check(&token, &grant, other_pin, &use, &region), TOKEN_OTHER_AUTHORITY);
	assert_int_equal(check(&token, NULL, "edge-1", NULL, NOW_MS), TOKEN_UNKNOWN);
	forged = token;
	forged.secret[5] ^= 1;
	assert_int_equal(check(&forged, &grant, "edge-1", NULL, NOW_MS), TOKEN_UNKNOWN);
	assert_int_equal(check(&token, &grant, "edge-1", NULL, NOW_MS + 24 * HOUR_MS), TOKEN_EXPIRED);
	assert_int_equal(check(&token, &grant, "edge-1", NULL, NOW_MS + 24 * HOUR_MS - 1), TOKEN_OK);
	assert_int_equal(check(&token, &grant, "edge-1", "west", NOW_MS), TOKEN_WRONG_REGION);
	assert_true(token_spend(&grant, NOW_MS));
	assert_int_equal(check(&token, &grant, "edge-1", NULL, NOW_MS), TOKEN_USED_UP);
	assert_false(token_spend(&grant, NOW_MS));
	issue(NULL, "edge-1", 1, &token, &named);
	assert_int_equal(check(&token, &named, "edge-2", NULL, NOW_MS), TOKEN_WRONG_NODE);
	assert_int_equal(check(&token, &named, "edge-1", NULL, NOW_MS), TOKEN_OK);
}

/* With a wrong secret the answer is the same whatever state the token is in. */
static void a_guesser_learns_nothing(void **state)
{
	struct token token;
	struct token_grant grant;

	issue(two_regions, "edge-1", 1, &token, &grant);
	token.secret[0] ^= 0x80;
	assert_true(token_spend(&grant, NOW_MS));
	assert_int_equal(check(&token, &grant, "edge-9", "west", NOW_MS + 100 * HOUR_MS), TOKEN_UNKNOWN);
}

static void the_region_comes_from_the_token(void **state)
{
	struct token token;
	struct token_grant grant;
	struct token_use use = { "edge-1", NULL, NOW_MS };
	const char *region = NULL;

	issue(two_regions, NULL, 1, &token, &grant);
	assert_int_equal(token_check(&token, &grant, pin, &use, &region), TOKEN_OK);
	assert_string_equal(region, "north");
	use.region = "south";
	assert_int_equal(token_check(&token, &grant, pin, &use, &region), TOKEN_OK);
	assert_string_equal(region, "south");
	issue(NULL, NULL, 1, &token, &grant);
	assert_int_equal(token_check(&token, &grant, pin, &use, &region), TOKEN_WRONG_REGION);
	use.region = "";
	assert_int_equal(token_check(&token, &grant, pin, &use, &region), TOKEN_OK);
	assert_string_equal(region, "");
}

static void bad_terms_are_refused(void **state)
{
	static const char *const bad_region[] = { "no good", NULL }, *const empty_region[] = { "", NULL };
	static const struct token_terms terms[] = {
		{ 0, 1, NULL, NULL },
		{ -5, 1, NULL, NULL },
		{ HOUR_MS, 0, NULL, NULL },
		{ HOUR_MS, TOKEN_USES_MAX + 1, NULL, NULL },
		{ HOUR_MS, 1, bad_region, NULL },
		{ HOUR_MS, 1, empty_region, NULL },
		{ HOUR_MS, 1, NULL, "Edge_1" },
	};
	struct token token;
	struct token_grant grant;

	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		assert_int_equal(token_issue(&terms[i], pin, NOW_MS, &token, &grant, NULL), -EINVAL);
}

static void no_two_tokens_are_alike(void **state)
{
	struct token a, b;
	struct token_grant grant;

	issue(NULL, NULL, 1, &a, &grant);
	issue(NULL, NULL, 1, &b, &grant);
	assert_string_not_equal(a.id, b.id);
	assert_memory_not_equal(a.secret, b.secret, sizeof(a.secret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_survives_being_typed),
		cmocka_unit_test(every_typing_error_is_found),
		cmocka_unit_test(errors_say_what_kind_of_text_it_was),
		cmocka_unit_test(a_grant_keeps_no_secret),
		cmocka_unit_test(damaged_grants_are_refused),
		cmocka_unit_test(each_refusal_has_its_own_verdict),
		cmocka_unit_test(a_guesser_learns_nothing),
		cmocka_unit_test(the_region_comes_from_the_token),
		cmocka_unit_test(bad_terms_are_refused),
		cmocka_unit_test(no_two_tokens_are_alike),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
