#include "auth/rbac_admit.h"

#include <errno.h>
#include <stdlib.h>

#define MISSING_MAX (1u << 20)
#define LINES_MAX 1000u /* bytes of them that are told */
#define HELD_MAX 1000000u

struct admission {
	const struct rbac *rbac;
	const struct authz *authz;
	const struct api_attributes *what;
	const struct json *object, *old;
	struct buf *why;
};

/* --- what the writer may and holds --- */

static bool may(const struct admission *a, const char *verb, const char *resource, const char *name)
{
	struct api_attributes asked = {
		.identity = a->what->identity,
		.verb = verb,
		.is_resource = true,
		.path = "",
		.group = RBAC_GROUP,
		.version = "*",
		.resource = resource,
		.subresource = "",
		.ns = a->what->ns,
		.name = name,
	};
	char reason[AUTHZ_REASON_SIZE];

	return authz_check(a->authz, &asked, reason, sizeof(reason));
}

struct held {
	const struct rbac_rule **at;
	size_t count, cap;
};

static int hold(void *ctx, const struct rbac_rule *rule)
{
	struct held *held = ctx;

	if (held->count == held->cap) {
		size_t cap = held->cap ? held->cap * 2 : 64;
		const struct rbac_rule **at =
			cap > HELD_MAX ? NULL : reallocarray(held->at, cap, sizeof(*at));

		if (!at)
			return -ENOMEM;
		held->at = at;
		held->cap = cap;
	}
	held->at[held->count++] = rule;
	return 0;
}

static int word_user(const struct admission *a)
{
	const struct api_identity *who = a->what->identity;
	int rc = buf_add_str(a->why, "user ");

	if (!rc)
		rc = buf_add_json_str(a->why, span_of(who->user));
	if (!rc)
		rc = buf_add_str(a->why, " (groups=[");
	for (size_t i = 0; !rc && who->groups && who->groups[i]; i++) {
		rc = i ? buf_add_char(a->why, ' ') : 0;
		rc = rc ? rc : buf_add_json_str(a->why, span_of(who->groups[i]));
	}
	return rc ? rc : buf_add_str(a->why, "])");
}

/* An answer has limited room: whole lines of it, and a word that there are more. */
static int word_missing(const struct admission *a, struct span lines)
{
	size_t len = lines.len;
	int rc = word_user(a);

	if (!rc)
		rc = buf_add_str(a->why, " is attempting to grant RBAC permissions not currently held:\n");
	if (len > LINES_MAX)
		for (len = LINES_MAX; len && lines.ptr[len] != '\n';)
			len--;
	if (!rc)
		rc = buf_add(a->why, lines.ptr, len);
	if (!rc && len < lines.len)
		rc = buf_add_str(a->why, "\n(and more)");
	return rc;
}

/* 0: the writer holds all of it; 1: not, and `lines` says what; negative. */
static int compare(const struct admission *a, const struct rbac_rule *wanted, size_t count, struct buf *lines)
{
	struct held held = { 0 };
	int rc = rbac_rules_held(a->rbac, a->what->identity, a->what->ns, hold, &held);

	if (!rc)
		rc = rbac_rules_missing(held.at, held.count, wanted, count, lines);
	free(held.at);
	return rc;
}

static int demand(const struct admission *a, const struct rbac_rule *wanted, size_t count)
{
	struct buf lines;
	int rc;

	buf_init(&lines, MISSING_MAX);
	rc = compare(a, wanted, count, &lines);
	if (rc > 0)
		rc = word_missing(a, buf_span(&lines)) ? -ENOMEM : -EACCES;
	else if (rc && rc != -ENOMEM) /* cannot be compared, so cannot be granted */
		rc = buf_add_str(a->why, "the rules name too much to be compared with those held") ? -ENOMEM
												   : -EACCES;
	buf_done(&lines);
	return rc;
}

/* --- roles --- */

static int demand_everything(const struct admission *a)
{
	struct buf lines;
	int rc;

	buf_init(&lines, MISSING_MAX);
	rc = compare(a, rbac_everything, 2, &lines);
	buf_done(&lines);
	if (rc <= 0)
		return rc;
	return buf_add_str(a->why, "must have cluster-admin privileges to use the aggregationRule") ? -ENOMEM
												    : -EACCES;
}

static int admit_role(const struct admission *a)
{
	struct rbac_rules *wanted = NULL;
	int rc;

	if (may(a, "escalate", a->what->resource, a->what->name))
		return 0;
	rc = rbac_rules_of_json(json_get(a->object, "rules"), &wanted);
	if (!rc)
		rc = demand(a, wanted->at, wanted->count);
	rbac_rules_free(wanted);
	if (!rc && (json_get(a->object, "aggregationRule") || json_get(a->old, "aggregationRule")))
		rc = demand_everything(a);
	return rc;
}

/* --- bindings --- */

static int admit_binding(const struct admission *a)
{
	const struct json *ref = json_get(a->object, "roleRef");
	bool cluster_role = strcmp(json_str(json_get(ref, "kind"), ""), "ClusterRole") == 0;
	const char *name = json_str(json_get(ref, "name"), "");
	const struct rbac_rules *rules;

	if (may(a, "bind", cluster_role ? "clusterroles" : "roles", name))
		return 0;
	rules = rbac_role(a->rbac, cluster_role ? "" : a->what->ns, name);
	if (rules)
		return demand(a, rules->at, rules->count);
	return buf_addf(a->why, "%s." RBAC_GROUP " \"%s\" not found", cluster_role ? "clusterrole" : "role",
			name)
		       ? -ENOMEM
		       : -ENOENT;
}

/* --- which write it is --- */

static struct json *without_bookkeeping(const struct json *object)
{
	static const char *const members[] = { "ownerReferences", "finalizers", "managedFields",
					       "resourceVersion" };
	struct json *copy = json_copy(object), *meta = json_get(copy, "metadata");

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		(void)json_remove(meta, members[i]);
	return copy;
}

/* The garbage collector must be able to finish with objects that it could not grant. */
static bool only_bookkeeping(const struct json *object, const struct json *old)
{
	struct json *a = without_bookkeeping(object), *b = without_bookkeeping(old);
	bool same = a && b && json_equal(a, b);

	json_free(a);
	json_free(b);
	return same;
}

int rbac_admit(const struct rbac *rbac, const struct authz *authz, const struct api_attributes *what,
	       const struct json *object, const struct json *old, struct buf *out_why)
{
	static const struct {
		const char *resource;
		int (*admit)(const struct admission *a);
	} kinds[] = {
		{ "roles", admit_role },
		{ "clusterroles", admit_role },
		{ "rolebindings", admit_binding },
		{ "clusterrolebindings", admit_binding },
	};
	const struct admission a = { rbac, authz, what, object, old, out_why };

	if (!object || strcmp(what->group, RBAC_GROUP) != 0 || (old && only_bookkeeping(object, old)))
		return 0;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].resource, what->resource) == 0)
			return kinds[i].admit(&a);
	return 0;
}
