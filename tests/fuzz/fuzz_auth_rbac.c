/* Roles and bindings of any shape into the index: asked, compared, and out again without a trace. */
#include <errno.h>
#include <stdlib.h>

#include "auth/rbac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const groups[] = { "g", NULL };
static const struct api_identity jo = { .user = "jo", .groups = groups, .uid = "" };

struct held {
	const struct rbac_rule *at[64];
	size_t count;
};

static int hold(void *ctx, const struct rbac_rule *rule)
{
	struct held *held = ctx;

	if (held->count == sizeof(held->at) / sizeof(held->at[0]))
		return 1;
	held->at[held->count++] = rule;
	return 0;
}

/* What somebody holds he may grant. */
static void compare(const struct rbac *rbac)
{
	struct held held = { .count = 0 };
	struct buf out;

	if (rbac_rules_held(rbac, &jo, "n", hold, &held))
		return;
	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < held.count; i++) {
		int rc = rbac_rules_missing(held.at, held.count, held.at[i], 1, &out);

		assert_always(rc == 0 || rc == -E2BIG);
		rc = rbac_rules_missing(NULL, 0, held.at[i], 1, &out);
		assert_always(rc >= 0 || rc == -E2BIG || rc == -EMSGSIZE || rc == -EILSEQ);
		buf_reset(&out);
	}
	buf_done(&out);
}

static void ask(const struct rbac *rbac)
{
	struct api_attributes what = { .identity = &jo,
				       .verb = "get",
				       .is_resource = true,
				       .path = "/x/y",
				       .group = "",
				       .version = "v1",
				       .resource = "pods",
				       .subresource = "log",
				       .ns = "n",
				       .name = "p" };
	char reason[64];

	(void)!rbac_allows(rbac, &what, reason, sizeof(reason));
	what.is_resource = false;
	(void)!rbac_allows(rbac, &what, reason, sizeof(reason));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char whole[] =
		"{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"r\"},\"subjects\":[{\"kind\":\"Group\","
		"\"name\":\"g\"}]}";
	struct span body = span_make(data, size);
	const struct object objects[] = {
		{ .key = { "clusterroles." RBAC_GROUP, "", "r" }, .body = body },
		{ .key = { "roles." RBAC_GROUP, "n", "r" }, .body = body },
		{ .key = { "rolebindings." RBAC_GROUP, "n", "b" }, .body = body },
		{ .key = { "clusterrolebindings." RBAC_GROUP, "", "b" }, .body = body },
		{ .key = { "rolebindings." RBAC_GROUP, "n", "w" }, .body = span_of(whole) },
	};
	const size_t count = sizeof(objects) / sizeof(objects[0]);
	struct rbac *rbac = NULL;
	struct rbac_stats stats;

	if (rbac_new(&rbac))
		return 0;
	for (size_t i = 0; i < count; i++)
		(void)!rbac_put(rbac, &objects[i]);
	ask(rbac);
	compare(rbac);
	for (size_t i = 0; i < count; i++) {
		const struct change gone = { .type = CHANGE_DELETED, .object = &objects[i] };

		assert_always(rbac_apply(rbac, &gone) == 0);
	}
	rbac_stats(rbac, &stats);
	assert_always(stats.roles + stats.bindings + stats.subjects == 0);
	rbac_free(rbac);
	return 0;
}
