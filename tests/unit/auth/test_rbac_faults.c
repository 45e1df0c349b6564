/* Every allocation of the index, of its comparisons and of the defaults fails once, and once for good: no leak, and nothing is granted
 * that a whole index would not grant. */
#include <errno.h>

#include "rbac_helper.h"

#include "auth/rbac_policy.h"
#include "tests/tools/failmalloc.h"

static const char *const none[] = { NULL };
static const struct api_identity jo = { .user = "jo", .groups = none, .uid = "" };

static const char role[] = "{\"rules\":[" PODS ",{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"]}]}";
static const char binding[] =
	"{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"User\",\"name\":"
	"\"jo\"},{\"kind\":\"Group\",\"name\":\"g\"},{\"kind\":\"ServiceAccount\",\"name\":\"s\"}]}";
static const char empty[] = "{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"}}";

static bool may_get(const struct rbac *rbac)
{
	const struct api_attributes what = about(&jo, "get", "", "pods", "", "n", "p");
	char reason[256];

	return rbac_allows(rbac, &what, reason, sizeof(reason));
}

static int one(struct rbac *rbac, const char *resource, const char *ns, const char *name, const char *body)
{
	const struct object object = { .key = { resource, ns, name }, .body = span_of(body) };
	int rc = rbac_put(rbac, &object);

	return rc == -EBADMSG ? -ENOMEM : rc; /* what could not be parsed is not told apart */
}

static int index_it(void *ctx)
{
	struct rbac *rbac = NULL;
	int rc = rbac_new(&rbac);

	if (!rc)
		rc = one(rbac, "clusterroles." RBAC_GROUP, "", "r", role);
	if (!rc)
		rc = one(rbac, "rolebindings." RBAC_GROUP, "n", "b", binding);
	if (!rc && !may_get(rbac))
		fail_msg("an index that took everything grants nothing");
	if (!rc) {
		rc = one(rbac, "rolebindings." RBAC_GROUP, "n", "b", empty);
		if (may_get(rbac))
			fail_msg("what was taken away is granted");
	}
	rbac_free(rbac);
	return rc;
}

static void the_index_survives(void **state)
{
	assert_true(failmalloc_walk(index_it, NULL) > 10);
}

static int compare(void *ctx)
{
	struct json *tree = NULL;
	struct rbac_rules *wanted = NULL;
	struct buf out;
	int rc = json_parse(span_of(role), &tree, NULL);

	buf_init(&out, 1 << 16);
	if (!rc)
		rc = rbac_rules_of_json(json_get(tree, "rules"), &wanted);
	if (!rc) {
		rc = rbac_rules_missing(NULL, 0, wanted->at, wanted->count, &out);
		if (rc == 0)
			fail_msg("nothing covers everything");
		rc = rc == 1 ? 0 : rc;
	}
	rbac_rules_free(wanted);
	buf_done(&out);
	json_free(tree);
	return rc;
}

static void comparing_survives(void **state)
{
	assert_true(failmalloc_walk(compare, NULL) > 5);
}

static int make_and_mend(void *ctx)
{
	const size_t *index = ctx;
	struct json *tree = rbac_default_make(*index);
	int rc = tree ? 0 : -ENOMEM;

	if (!rc) {
		(void)json_remove(tree, "rules");
		(void)json_remove(tree, "subjects");
		(void)json_remove(tree, "aggregationRule");
		rc = rbac_default_mend(*index, tree);
	}
	json_free(tree);
	return rc < 0 ? rc : 0;
}

static void defaults_survive(void **state)
{
	unsigned long walked = 0;

	/* In sanitizer builds those of json-c are not seen, and some defaults make no other. */
	for (size_t i = 0; i < rbac_default_count(); i += 5)
		walked += failmalloc_walk(make_and_mend, &i);
	assert_true(walked > 0);
}

static int admit(void *ctx)
{
	const struct api_attributes what = about(&jo, "create", RBAC_GROUP, "roles", "", "n", "");
	struct rbac *rbac = NULL;
	struct authz *authz = NULL;
	struct json *tree = NULL;
	struct buf why;
	int rc = rbac_new(&rbac);

	buf_init(&why, 1 << 16);
	if (!rc)
		rc = authz_new(NULL, rbac, &authz);
	if (!rc)
		rc = json_parse(span_of(role), &tree, NULL);
	if (!rc) {
		rc = authz_admit_roles(authz, &what, tree, NULL, &why);
		if (rc == 0)
			fail_msg("granted without being held");
		rc = rc == -EACCES ? 0 : rc;
	}
	json_free(tree);
	authz_free(authz);
	rbac_free(rbac);
	buf_done(&why);
	return rc;
}

static void admission_survives(void **state)
{
	assert_true(failmalloc_walk(admit, NULL) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_index_survives),
		cmocka_unit_test(comparing_survives),
		cmocka_unit_test(defaults_survive),
		cmocka_unit_test(admission_survives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
