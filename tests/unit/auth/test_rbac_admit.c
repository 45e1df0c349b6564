#include <errno.h>

#include "rbac_helper.h"

#include "auth/rbac_policy.h"

struct fixture {
	struct rbac *rbac;
	struct authz *authz;
	struct buf why;
};

static const char *const known[] = { "system:authenticated", NULL }, *const masters[] = { "system:masters",
											  NULL };
static const struct api_identity jo = { .user = "jo", .groups = known, .uid = "" },
				 root = { .user = "root", .groups = masters, .uid = "" };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(rbac_new(&f->rbac), 0);
	assert_int_equal(authz_new(NULL, f->rbac, &f->authz), 0);
	buf_init(&f->why, 1 << 20);
	add_role(f->rbac, "", "viewer", PODS);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	authz_free(f->authz);
	rbac_free(f->rbac);
	buf_done(&f->why);
	free(f);
	return 0;
}

static int write_as(struct fixture *f, const struct api_identity *who, const char *resource, const char *ns,
		    const char *object, const char *old)
{
	struct api_attributes what =
		about(who, old ? "update" : "create", RBAC_GROUP, resource, "", ns, old ? "x" : "");
	struct json *tree = NULL, *before = NULL;
	int rc;

	assert_int_equal(json_parse(span_of(object), &tree, NULL), 0);
	if (old)
		assert_int_equal(json_parse(span_of(old), &before, NULL), 0);
	buf_reset(&f->why);
	rc = authz_admit_roles(f->authz, &what, tree, before, &f->why);
	json_free(tree);
	json_free(before);
	return rc;
}

#define ROLE(rules) "{\"metadata\":{\"name\":\"x\"},\"rules\":[" rules "]}"
#define BINDS(kind, name) \
	"{\"metadata\":{\"name\":\"x\"},\"roleRef\":{\"kind\":\"" kind "\",\"name\":\"" name "\"}}"
#define GRANTS_BEGIN                                                                                   \
	"user \"jo\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not " \
	"currently held:\n"

static void nobody_grants_what_he_does_not_hold(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_as(f, &jo, "roles", "shop", ROLE(PODS), NULL), -EACCES);
	assert_string_equal(buf_cstr(&f->why), GRANTS_BEGIN
			    "{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"get\" \"list\"]}\n"
			    "{APIGroups:[\"\"], Resources:[\"pods/log\"], Verbs:[\"get\" \"list\"]}");
	assert_int_equal(write_as(f, &root, "roles", "shop", ROLE(PODS), NULL), 0);
	add_binding(f->rbac, "shop", "v", "ClusterRole", "viewer", "User", "jo", "");
	assert_int_equal(write_as(f, &jo, "roles", "shop", ROLE(PODS), NULL), 0);
	assert_int_equal(write_as(f, &jo, "roles", "other", ROLE(PODS), NULL), -EACCES);
	assert_int_equal(write_as(f, &jo, "clusterroles", "", ROLE(PODS), NULL), -EACCES);
	assert_int_equal(write_as(f, &jo, "roles", "shop", ROLE(""), NULL), 0);
}

static void what_covers_what(void **state)
{
	static const struct {
		const char *held, *wanted, *missing; /* NULL: covered */
	} cases[] = {
		{ "\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]",
		  "\"verbs\":[\"get\",\"*\"],\"apiGroups\":[\"a\",\"*\"],\"resources\":[\"b/"
		  "c\",\"*\"],\"resourceNames\":[\"n\"]",
		  NULL },
		{ "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"]",
		  "\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"]",
		  "{APIGroups:[\"\"], Resources:[\"a\"], Verbs:[\"list\"]}" },
		{ "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"*/log\"]",
		  "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a/log\",\"a\"]",
		  "{APIGroups:[\"\"], Resources:[\"a\"], Verbs:[\"get\"]}" },
		{ "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"],\"resourceNames\":[\"n\"]",
		  "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"],\"resourceNames\":[\"n\","
		  "\"m\"]",
		  "{APIGroups:[\"\"], Resources:[\"a\"], ResourceNames:[\"m\"], Verbs:[\"get\"]}" },
		{ "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"],\"resourceNames\":[\"n\"]",
		  "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"]",
		  "{APIGroups:[\"\"], Resources:[\"a\"], Verbs:[\"get\"]}" },
		{ "\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a/*\"]",
		  "\"verbs\":[\"get\",\"put\"],\"nonResourceURLs\":[\"/a/b\",\"/c\"]",
		  "{NonResourceURLs:[\"/a/b\"], Verbs:[\"put\"]}\n{NonResourceURLs:[\"/c\"], "
		  "Verbs:[\"get\"]}\n"
		  "{NonResourceURLs:[\"/c\"], Verbs:[\"put\"]}" },
		{ "\"verbs\":[\"*\"],\"apiGroups\":[\"a\"],\"resources\":[\"*\"]",
		  "\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"]",
		  "{NonResourceURLs:[\"/a\"], Verbs:[\"get\"]}" },
		{ "\"verbs\":[\"*\"],\"nonResourceURLs\":[\"*\"]",
		  "\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"a\"]",
		  "{APIGroups:[\"\"], Resources:[\"a\"], Verbs:[\"get\"]}" },
	};
	struct fixture *f = *state;
	char text[1024];

	add_binding(f->rbac, "", "h", "ClusterRole", "held", "User", "jo", "");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc;

		(void)snprintf(text, sizeof(text), "{%s}", cases[i].held);
		add_role(f->rbac, "", "held", text);
		(void)snprintf(text, sizeof(text), ROLE("{%s}"), cases[i].wanted);
		rc = write_as(f, &jo, "clusterroles", "", text, NULL);
		if (rc != (cases[i].missing ? -EACCES : 0))
			fail_msg("case %zu: %d", i, rc);
		if (cases[i].missing)
			assert_string_equal(strchr(buf_cstr(&f->why), '\n') + 1, cases[i].missing);
	}
}

static void escalate_and_bind_are_the_ways_around(void **state)
{
	struct fixture *f = *state;

	add_role(f->rbac, "", "boss",
		 "{\"verbs\":[\"escalate\"],\"apiGroups\":[\"" RBAC_GROUP "\"],\"resources\":[\"roles\"]},"
		 "{\"verbs\":[\"bind\"],\"apiGroups\":[\"" RBAC_GROUP
		 "\"],\"resources\":[\"clusterroles\"],\"resourceNames\":"
		 "[\"viewer\"]}");
	assert_int_equal(write_as(f, &jo, "rolebindings", "shop", BINDS("ClusterRole", "viewer"), NULL),
			 -EACCES);
	add_binding(f->rbac, "shop", "b", "ClusterRole", "boss", "User", "jo", "");
	assert_int_equal(write_as(f, &jo, "roles", "shop", ROLE(PODS), NULL), 0);
	assert_int_equal(write_as(f, &jo, "roles", "other", ROLE(PODS), NULL), -EACCES);
	assert_int_equal(write_as(f, &jo, "rolebindings", "shop", BINDS("ClusterRole", "viewer"), NULL), 0);
	assert_int_equal(write_as(f, &jo, "rolebindings", "other", BINDS("ClusterRole", "viewer"), NULL),
			 -EACCES);
	assert_int_equal(write_as(f, &jo, "clusterrolebindings", "", BINDS("ClusterRole", "viewer"), NULL),
			 -EACCES);
}

static void a_binding_needs_all_that_its_role_grants(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_as(f, &jo, "rolebindings", "shop", BINDS("Role", "none"), NULL), -ENOENT);
	assert_string_equal(buf_cstr(&f->why), "role." RBAC_GROUP " \"none\" not found");
	assert_int_equal(write_as(f, &jo, "clusterrolebindings", "", BINDS("ClusterRole", "none"), NULL),
			 -ENOENT);
	assert_int_equal(write_as(f, &jo, "rolebindings", "shop", BINDS("ClusterRole", "viewer"), NULL),
			 -EACCES);
	add_binding(f->rbac, "shop", "v", "ClusterRole", "viewer", "User", "jo", "");
	assert_int_equal(write_as(f, &jo, "rolebindings", "shop", BINDS("ClusterRole", "viewer"), NULL), 0);
	assert_int_equal(write_as(f, &jo, "clusterrolebindings", "", BINDS("ClusterRole", "viewer"), NULL),
			 -EACCES);
}

#define GATHERS "{\"metadata\":{\"name\":\"x\"},\"aggregationRule\":{\"clusterRoleSelectors\":[{}]}}"

static void gathering_is_for_those_who_hold_everything(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_as(f, &jo, "clusterroles", "", GATHERS, NULL), -EACCES);
	assert_string_equal(buf_cstr(&f->why),
			    "must have cluster-admin privileges to use the aggregationRule");
	assert_int_equal(write_as(f, &jo, "clusterroles", "", ROLE(""), GATHERS),
			 -EACCES); /* taking it away */
	add_role(f->rbac, "", "all",
		 "{\"verbs\":[\"*\"],\"apiGroups\":[\"*\"],\"resources\":[\"*\"]},{\"verbs\":[\"*\"],"
		 "\"nonResourceURLs\":[\"*\"]}");
	add_binding(f->rbac, "", "all", "ClusterRole", "all", "User", "jo", "");
	assert_int_equal(write_as(f, &jo, "clusterroles", "", GATHERS, NULL), 0);
}

static void the_collector_may_finish_with_anything(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write_as(f, &jo, "roles", "shop",
				  "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"2\"},\"rules\":[" PODS
				  "]}",
				  "{\"metadata\":{\"name\":\"x\",\"finalizers\":[\"orphan\"],"
				  "\"resourceVersion\":\"1\"},"
				  "\"rules\":[" PODS "]}"),
			 0);
	assert_int_equal(write_as(f, &jo, "roles", "shop",
				  "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":\"b\"}},\"rules\":[" PODS
				  "]}",
				  ROLE(PODS)),
			 -EACCES);
}

static void too_much_is_refused_and_told_in_part(void **state)
{
	struct fixture *f = *state;
	struct buf rule;

	buf_init(&rule, 1 << 20);
	assert_int_equal(buf_add_str(&rule,
				     "{\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":["),
			 0);
	for (int i = 0; i < 200; i++)
		assert_int_equal(buf_addf(&rule, "%s\"r%d\"", i ? "," : "", i), 0);
	assert_int_equal(buf_add_str(&rule, "]}]}"), 0);
	assert_int_equal(write_as(f, &jo, "roles", "shop", buf_cstr(&rule), NULL), -EACCES);
	assert_true(span_has_suffix(buf_span(&f->why), SPAN("}\n(and more)")));
	buf_reset(&rule);
	assert_int_equal(buf_add_str(&rule, "{\"rules\":[{\"apiGroups\":[\"\"],\"resources\":["), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(buf_addf(&rule, "%s\"r%d\"", i ? "," : "", i), 0);
	assert_int_equal(buf_add_str(&rule, "],\"verbs\":["), 0);
	for (int i = 0; i < 600; i++)
		assert_int_equal(buf_addf(&rule, "%s\"v%d\"", i ? "," : "", i), 0);
	assert_int_equal(buf_add_str(&rule, "]}]}"), 0);
	assert_int_equal(write_as(f, &jo, "roles", "shop", buf_cstr(&rule), NULL), -EACCES);
	assert_non_null(strstr(buf_cstr(&f->why), "too much to be compared"));
	buf_done(&rule);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(nobody_grants_what_he_does_not_hold),
		TEST(what_covers_what),
		TEST(escalate_and_bind_are_the_ways_around),
		TEST(a_binding_needs_all_that_its_role_grants),
		TEST(gathering_is_for_those_who_hold_everything),
		TEST(the_collector_may_finish_with_anything),
		TEST(too_much_is_refused_and_told_in_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
