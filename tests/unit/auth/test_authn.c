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

static void an_identity_copied_is_whole(void **state)
{
	static const char *const groups[] = { "north", "system:authenticated", NULL };
	static const char *const values[] = { "one", "two", NULL }, *const none[] = { NULL };
	static const struct api_extra extra[] = { { "example.com/a", values },
						  { "example.com/b", none },
						  { NULL, NULL } };
	const struct api_identity *by, *who;
	struct api_identity like = { .user = "jo", .groups = groups, .uid = "u-1", .extra = extra };

	assert_int_equal(identity_new("boss", NULL, &by), 0);
	like.by = by;
	assert_int_equal(identity_copy(&like, &who), 0);
	assert_string_equal(who->user, "jo");
	assert_string_equal(who->uid, "u-1");
	assert_string_equal(who->groups[0], "north");
	assert_string_equal(who->groups[1], "system:authenticated");
	assert_null(who->groups[2]);
	assert_string_equal(identity_extra(who, "example.com/a"), "one");
	assert_string_equal(who->extra[0].values[1], "two");
	assert_null(who->extra[0].values[2]);
	assert_null(identity_extra(who, "example.com/b"));
	assert_null(identity_extra(who, "example.com/c"));
	assert_null(who->extra[2].key);
	assert_string_equal(who->by->user, "boss");
	identity_free(who); /* and the one behind it */
}

static void more_extra_than_the_limits_is_refused(void **state)
{
	static const char *const values[] = { "v", NULL };
	const char *many[IDENTITY_EXTRA_VALUES_MAX + 2] = { NULL };
	struct api_extra extra[IDENTITY_EXTRA_MAX + 2] = { { NULL, NULL } };
	struct api_identity like = { .user = "jo", .extra = extra };
	const struct api_identity *who;

	for (size_t i = 0; i <= IDENTITY_EXTRA_MAX; i++)
		extra[i] = (struct api_extra){ "k", values };
	assert_int_equal(identity_copy(&like, &who), -E2BIG);
	extra[IDENTITY_EXTRA_MAX].key = NULL;
	assert_int_equal(identity_copy(&like, &who), 0);
	identity_free(who);
	for (size_t i = 0; i <= IDENTITY_EXTRA_VALUES_MAX; i++)
		many[i] = "v";
	extra[0].values = many;
	assert_int_equal(identity_copy(&like, &who), -E2BIG);
}

static void a_certificate_is_named_as_the_credential(void **state)
{
	static const uint8_t der[] = { 'a', 'b', 'c' };
	struct tls_peer peer = {
		.has_cert = true, .common_name = "jo", .cert_der = der, .cert_der_len = sizeof(der)
	};
	const struct api_identity *who;

	assert_int_equal(authn_of_peer(&peer, 0, &who, NULL), 0);
	/* FIPS 180-4's example */
	assert_string_equal(identity_extra(who, IDENTITY_CREDENTIAL),
			    "X509SHA256=ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	identity_free(who);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_certificate_names_its_user_and_groups),
		cmocka_unit_test(without_a_certificate_one_is_anonymous),
		cmocka_unit_test(a_node_is_a_node_by_name_and_group_only),
		cmocka_unit_test(a_connection_does_not_outlive_its_certificate),
		cmocka_unit_test(names_out_of_bounds_are_refused),
		cmocka_unit_test(an_identity_copied_is_whole),
		cmocka_unit_test(more_extra_than_the_limits_is_refused),
		cmocka_unit_test(a_certificate_is_named_as_the_credential),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
