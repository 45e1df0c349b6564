#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/user.h"

static void names_are_plain_and_not_the_systems(void **state)
{
	static const char *const good[] = { "jo", "jo.smith@example.com", "ci-bot_7", "oidc:jo", "7" };
	static const char *const bad[] = {
		"",	  "-jo",     ".jo",	     "jo smith",	  "jo/x", "j\xc3\xb6", "jo\n",
		"a,CN=b", "system:", "system:admin", "system:node:edge-1"
	};
	char longest[USER_NAME_SIZE + 1];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(user_check_name(good[i], NULL), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(user_check_name(bad[i], NULL), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	longest[USER_NAME_SIZE] = '\0';
	assert_int_equal(user_check_name(longest, NULL), -EINVAL);
	longest[USER_NAME_SIZE - 1] = '\0';
	assert_int_equal(user_check_name(longest, NULL), 0);
}

static int check_group(const char *group, bool system_allowed)
{
	const char *const groups[] = { "north", group, NULL };

	return user_check_groups(groups, system_allowed, NULL);
}

static void groups_of_the_system_are_asked_for_by_name(void **state)
{
	static const char *const never[] = { "system:nodes", "system:authenticated", "system:unauthenticated",
					     "system:serviceaccounts", "system:serviceaccounts:default" };
	const char *many[USER_GROUPS_MAX + 2] = { NULL };

	assert_int_equal(check_group("south", false), 0);
	assert_int_equal(check_group("team/a", false), 0);
	assert_int_equal(check_group("system:masters", false), -EPERM);
	assert_int_equal(check_group("system:masters", true), 0);
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		assert_int_equal(check_group(never[i], true), -EPERM);
	assert_int_equal(check_group("", true), -EINVAL);
	assert_int_equal(check_group("a b", true), -EINVAL);
	for (size_t i = 0; i <= USER_GROUPS_MAX; i++)
		many[i] = "g";
	assert_int_equal(user_check_groups(many, true, NULL), -E2BIG);
}

static void a_record_comes_back_as_it_was(void **state)
{
	struct x509_facts facts = { .common_name = "jo",
				    .organizations = { "north", "south" },
				    .organization_count = 2,
				    .not_after_wall_ms = 1800000000000,
				    .cert_sha256 = { 0xab, 0x01 } };
	struct user_cert cert, again;
	char mark[USER_MARK_SIZE];
	struct buf text;

	buf_init(&text, 4096);
	user_cert_of_facts(&facts, 1790000000000, &cert);
	cert.revoked_wall_ms = 1790000001000;
	assert_int_equal(user_cert_write(&cert, &text), 0);
	assert_int_equal(user_cert_parse(buf_span(&text), &again, NULL), 0);
	assert_memory_equal(&cert, &again, sizeof(cert));
	user_mark(cert.cert_sha256, mark);
	assert_int_equal(strlen(mark), USER_MARK_SIZE - 1);
	assert_true(span_has_prefix(span_of(mark), SPAN("user/ab01000000")));
	buf_done(&text);
}

static void damaged_records_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "7",
					   "{}",
					   "{\"name\":\"jo\"}",
					   "{\"name\":\"jo\",\"groups\":[],\"certSha256\":\"ab\"}",
					   "{\"name\":7,\"groups\":[],\"certSha256\":\"\"}" };
	struct user_cert cert;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(user_cert_parse(span_of(bad[i]), &cert, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_plain_and_not_the_systems),
		cmocka_unit_test(groups_of_the_system_are_asked_for_by_name),
		cmocka_unit_test(a_record_comes_back_as_it_was),
		cmocka_unit_test(damaged_records_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
