#include <errno.h>

#include "rbac_helper.h"

#include "auth/impersonate.h"

#define HEADERS_MAX 32

struct fixture {
	struct rbac *rbac;
	struct authz *authz;
	struct http_header headers[HEADERS_MAX];
	struct http_request request;
	struct impersonate_denied denied;
	struct err err;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(rbac_new(&f->rbac), 0);
	assert_int_equal(authz_new(NULL, f->rbac, &f->authz), 0);
	f->request.headers = f->headers;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	authz_free(f->authz);
	rbac_free(f->rbac);
	free(f);
	return 0;
}

static void header(struct fixture *f, const char *name, const char *value)
{
	assert_true(f->request.header_count < HEADERS_MAX);
	f->headers[f->request.header_count++] = (struct http_header){ span_of(name), span_of(value) };
}

static void allow(struct fixture *f, const char *rule)
{
	add_role(f->rbac, "", "r", rule);
	add_binding(f->rbac, "", "b", "ClusterRole", "r", "User", "boss", "");
}

/* As boss; *out owns him unless refused. */
static int act(struct fixture *f, const struct api_identity **out)
{
	const struct api_identity *boss = NULL;
	int rc;

	assert_int_equal(identity_new("boss", NULL, &boss), 0);
	rc = impersonate(f->authz, &f->request, boss, out, &f->denied, &f->err);
	if (rc) {
		assert_ptr_equal(*out, boss);
		identity_free(boss);
		*out = NULL;
	}
	return rc;
}

#define EVERYBODY \
	"{\"verbs\":[\"impersonate\"],\"apiGroups\":[\"\",\"authentication.k8s.io\"],\"resources\":[\"*\"]}"

static void without_the_headers_one_is_oneself(void **state)
{
	struct fixture *f = *state;
	const struct api_identity *who;

	header(f, "Accept", "*/*");
	assert_false(impersonate_is_asked(&f->request));
	assert_int_equal(act(f, &who), 0);
	assert_string_equal(who->user, "boss");
	assert_null(who->by);
	identity_free(who);
}

static void one_becomes_the_other_whole(void **state)
{
	struct fixture *f = *state;
	const struct api_identity *who;

	allow(f, EVERYBODY);
	header(f, "impersonate-user", "jo");
	header(f, "Impersonate-Group", "dev");
	header(f, "Impersonate-Group", "ops");
	header(f, "Impersonate-Uid", "7");
	header(f, "Impersonate-Extra-Example.com%2fScopes", "a");
	header(f, "Impersonate-Extra-example.com%2Fscopes", "b");
	assert_true(impersonate_is_asked(&f->request));
	assert_int_equal(act(f, &who), 0);
	assert_string_equal(who->user, "jo");
	assert_string_equal(who->uid, "7");
	assert_string_equal(who->groups[0], "dev");
	assert_string_equal(who->groups[1], "ops");
	assert_string_equal(who->groups[2], "system:authenticated");
	assert_null(who->groups[3]);
	assert_string_equal(who->extra[0].key, "example.com/scopes");
	assert_string_equal(who->extra[0].values[1], "b");
	assert_string_equal(who->by->user, "boss");
	identity_free(who);
}

static void each_part_must_be_allowed(void **state)
{
	static const struct {
		const char *rule, *name, *value, *resource, *what;
	} cases[] = {
		{ "\"resources\":[\"users\"]", "Impersonate-Group", "system:masters", "groups",
		  "system:masters" },
		{ "\"resources\":[\"users\",\"groups\"]", "Impersonate-Uid", "1", "uids", "1" },
		{ "\"resources\":[\"users\",\"userextras/a\"]", "Impersonate-Extra-B", "v", "userextras",
		  "v" },
		{ "\"resources\":[\"users\"],\"resourceNames\":[\"al\"]", "X", "y", "users", "jo" },
		{ "\"resources\":[\"serviceaccounts\"]", "X", "y", "users", "jo" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture *f;
		const struct api_identity *who;
		void *fresh;
		char rule[256];

		setup(&fresh);
		f = fresh;
		(void)snprintf(
			rule, sizeof(rule),
			"{\"verbs\":[\"impersonate\"],\"apiGroups\":[\"\",\"authentication.k8s.io\"],%s}",
			cases[i].rule);
		allow(f, rule);
		header(f, "Impersonate-User", "jo");
		header(f, cases[i].name, cases[i].value);
		assert_int_equal(act(f, &who), -EACCES);
		assert_string_equal(f->denied.asked.verb, "impersonate");
		assert_string_equal(f->denied.asked.resource, cases[i].resource);
		assert_string_equal(f->denied.asked.name, cases[i].what);
		teardown(&fresh);
	}
}

static void service_accounts_come_with_their_groups(void **state)
{
	struct fixture *f = *state;
	const struct api_identity *who;

	add_role(f->rbac, "shop", "r",
		 "{\"verbs\":[\"impersonate\"],\"apiGroups\":[\"\"],\"resources\":[\"serviceaccounts\"]}");
	add_binding(f->rbac, "shop", "b", "Role", "r", "User", "boss", "");
	header(f, "Impersonate-User", "system:serviceaccount:shop:robot");
	assert_int_equal(act(f, &who), 0);
	assert_string_equal(who->groups[0], "system:serviceaccounts");
	assert_string_equal(who->groups[1], "system:serviceaccounts:shop");
	assert_string_equal(who->groups[2], "system:authenticated");
	identity_free(who);
	f->request.header_count = 0;
	header(f, "Impersonate-User", "system:serviceaccount:other:robot");
	assert_int_equal(act(f, &who), -EACCES);
	assert_string_equal(f->denied.asked.ns, "other");
}

static void nobody_stays_nobody(void **state)
{
	struct fixture *f = *state;
	const struct api_identity *who;

	allow(f, EVERYBODY);
	header(f, "Impersonate-User", "system:anonymous");
	assert_int_equal(act(f, &who), 0);
	assert_string_equal(who->groups[0], "system:unauthenticated");
	assert_null(who->groups[1]);
	identity_free(who);
}

static void headers_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *name[2], *value[2];
		int code;
	} cases[] = {
		{ { "Impersonate-Group", NULL }, { "g", NULL }, -EINVAL },
		{ { "Impersonate-User", "Impersonate-User" }, { "a", "b" }, -EINVAL },
		{ { "Impersonate-User", NULL }, { "", NULL }, -EINVAL },
		{ { "Impersonate-User", NULL }, { "\xff", NULL }, -EINVAL },
		{ { "Impersonate-User", "Impersonate-Extra-%zz" }, { "a", "b" }, -EINVAL },
		{ { "Impersonate-User", "Impersonate-Extra-%00" }, { "a", "b" }, -EINVAL },
		{ { "Impersonate-User", NULL }, { "system:node:n1", NULL }, -EINVAL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct api_identity *who;
		struct fixture *f;
		void *fresh;

		setup(&fresh);
		f = fresh;
		allow(f, EVERYBODY);
		for (size_t k = 0; k < 2 && cases[i].name[k]; k++)
			header(f, cases[i].name[k], cases[i].value[k]);
		assert_int_equal(act(f, &who), cases[i].code);
		assert_true(f->err.msg[0]);
		teardown(&fresh);
	}
}

static void counts_have_limits(void **state)
{
	struct fixture *f = *state;
	const struct api_identity *who;

	allow(f, EVERYBODY);
	header(f, "Impersonate-User", "jo");
	for (int i = 0; i < 30; i++)
		header(f, "Impersonate-Group", "g");
	assert_int_equal(act(f, &who), -E2BIG);
	f->request.header_count = 1;
	for (int i = 0; i < 12; i++)
		header(f, "Impersonate-Extra-K", "v");
	assert_int_equal(act(f, &who), -E2BIG);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(without_the_headers_one_is_oneself),
		TEST(one_becomes_the_other_whole),
		TEST(each_part_must_be_allowed),
		TEST(service_accounts_come_with_their_groups),
		TEST(nobody_stays_nobody),
		TEST(headers_that_make_no_sense_are_refused),
		TEST(counts_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
