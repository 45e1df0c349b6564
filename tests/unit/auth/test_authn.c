#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/authn.h"

#define NOW_MS 1790000000000

static int of_peer(const char *name, const char *const *organizations, int64_t not_after,
		   const struct api_identity **out)
{
	struct tls_peer peer = { .has_cert = true,
				 .common_name = name,
				 .organizations = organizations,
				 .not_after_wall_ms = not_after };

	*out = NULL;
	return authn_of_peer(&peer, NOW_MS, out, NULL);
}

static void a_certificate_names_its_user_and_groups(void **state)
{
	static const char *const organizations[] = { "system:masters", "north", NULL };
	const struct api_identity *who;

	assert_int_equal(of_peer("jo", organizations, NOW_MS + 1, &who), 0);
	assert_string_equal(who->user, "jo");
	assert_true(identity_in_group(who, "system:masters"));
	assert_true(identity_in_group(who, "north"));
	assert_true(identity_in_group(who, "system:authenticated"));
	assert_false(identity_in_group(who, "system:unauthenticated"));
	assert_null(identity_node(who));
	identity_free(who);
}

static void without_a_certificate_one_is_anonymous(void **state)
{
	struct tls_peer peer = { .has_cert = false, .common_name = "kubernetes-admin" };
	const struct api_identity *who = NULL;

	assert_int_equal(authn_of_peer(&peer, NOW_MS, &who, NULL), 0);
	assert_string_equal(who->user, "system:anonymous");
	assert_true(identity_in_group(who, "system:unauthenticated"));
	assert_false(identity_in_group(who, "system:authenticated"));
	identity_free(who);
}

static void a_node_is_a_node_by_name_and_group_only(void **state)
{
	static const char *const nodes[] = { "system:nodes", NULL }, *const others[] = { "system:masters",
											 NULL };
	const struct api_identity *who;

	assert_int_equal(of_peer("system:node:edge-1", nodes, NOW_MS, &who), 0);
	assert_string_equal(identity_node(who), "edge-1");
	identity_free(who);
	assert_int_equal(of_peer("system:node:edge-1", NULL, NOW_MS, &who), -EINVAL);
	assert_int_equal(of_peer("system:node:edge-1", others, NOW_MS, &who), -EINVAL);
	assert_int_equal(of_peer("edge-1", nodes, NOW_MS, &who), -EINVAL);
	assert_int_equal(of_peer("system:node:", nodes, NOW_MS, &who), -EINVAL);
}

static void a_connection_does_not_outlive_its_certificate(void **state)
{
	const struct api_identity *who;
	struct tls_peer peer = { .has_cert = true, .common_name = "jo", .not_after_wall_ms = NOW_MS - 1 };

	assert_int_equal(of_peer("jo", NULL, NOW_MS - 1, &who), -EKEYEXPIRED);
	assert_int_equal(authn_of_peer(&peer, 0, &who, NULL),
			 0); /* the clock is unset: nothing can be said */
	identity_free(who);
}

static void names_out_of_bounds_are_refused(void **state)
{
	const char *groups[IDENTITY_GROUPS_MAX + 2] = { NULL };
	const struct api_identity *who;
	char longest[IDENTITY_NAME_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[IDENTITY_NAME_MAX + 1] = '\0';
	assert_int_equal(identity_new(longest, NULL, &who), -EINVAL);
	assert_int_equal(identity_new("", NULL, &who), -EINVAL);
	for (size_t i = 0; i <= IDENTITY_GROUPS_MAX; i++)
		groups[i] = "g";
	assert_int_equal(identity_new("jo", groups, &who), -E2BIG);
	groups[IDENTITY_GROUPS_MAX] = NULL;
	assert_int_equal(identity_new("jo", groups, &who), 0);
	identity_free(who);
	groups[1] = "";
	assert_int_equal(identity_new("jo", groups, &who), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_names_its_user_and_groups),
		cmocka_unit_test(without_a_certificate_one_is_anonymous),
		cmocka_unit_test(a_node_is_a_node_by_name_and_group_only),
		cmocka_unit_test(a_connection_does_not_outlive_its_certificate),
		cmocka_unit_test(names_out_of_bounds_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
