#include "auth/rbac_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ACCOUNT_PREFIX "system:serviceaccount:"

int rbac_new(struct rbac **out)
{
	struct rbac *rbac = calloc(1, sizeof(*rbac));

	if (!rbac)
		return -ENOMEM;
	map_init(&rbac->roles, RBAC_ROLES_MAX);
	map_init(&rbac->bindings, RBAC_BINDINGS_MAX);
	map_init(&rbac->holders, RBAC_SUBJECTS_MAX);
	*out = rbac;
	return 0;
}

static void free_rules(void *value)
{
	rbac_rules_free(value);
}

void rbac_free(struct rbac *rbac)
{
	if (!rbac)
		return;
	map_done(&rbac->roles, free_rules);
	map_done(&rbac->bindings, free);
	map_done(&rbac->holders, free);
	free(rbac);
}

/* --- keys --- */

bool rbac_make_key(struct key_text *key, const char *ns, const char *mark, const char *name)
{
	int len = snprintf(key->text, sizeof(key->text), "%s/%s%s", ns, mark, name);

	key->len = len > 0 && (size_t)len < sizeof(key->text) ? (size_t)len : 0;
	return key->len > 0;
}

void *rbac_find(const struct map *map, const char *ns, const char *mark, const char *name)
{
	struct key_text key;

	return rbac_make_key(&key, ns, mark, name) ? map_get(map, span_make(key.text, key.len)) : NULL;
}

static void *take_out(struct map *map, const char *ns, const char *name)
{
	struct key_text key;

	return rbac_make_key(&key, ns, "", name) ? map_remove(map, span_make(key.text, key.len)) : NULL;
}

static int put_in(struct map *map, const char *ns, const char *name, void *value)
{
	struct key_text key;

	return rbac_make_key(&key, ns, "", name) ? map_put(map, span_make(key.text, key.len), value, NULL)
						 : -EBADMSG;
}

/* --- holders --- */

static struct holder *holder_want(struct rbac *rbac, const char *ns, const char *mark, const char *name)
{
	struct holder *holder;
	struct key_text key;

	if (!rbac_make_key(&key, ns, mark, name))
		return NULL;
	holder = map_get(&rbac->holders, span_make(key.text, key.len));
	if (holder)
		return holder;
	holder = calloc(1, sizeof(*holder) + key.len + 1);
	if (!holder)
		return NULL;
	list_init(&holder->grants);
	holder->key_len = key.len;
	memcpy(holder->key, key.text, key.len);
	if (map_put(&rbac->holders, span_make(key.text, key.len), holder, NULL)) {
		free(holder);
		return NULL;
	}
	return holder;
}

static void holder_release(struct rbac *rbac, struct holder *holder)
{
	if (holder->grants.count)
		return;
	(void)map_remove(&rbac->holders, span_make(holder->key, holder->key_len));
	free(holder);
}

/* --- bindings --- */

static void binding_drop(struct rbac *rbac, struct binding *binding)
{
	for (size_t i = 0; i < binding->grant_count; i++) {
		struct grant *grant = &binding->grants[i];

		if (!grant->holder)
			continue;
		list_remove(&grant->holder->grants, &grant->in_holder);
		holder_release(rbac, grant->holder);
	}
	free(binding);
}

/* A service account is the user that its tokens speak for. */
static struct holder *holder_of(struct rbac *rbac, const struct binding *binding, const struct grant *grant)
{
	char user[RBAC_KEY_MAX];
	int len;

	if (strcmp(grant->kind, "User") == 0)
		return holder_want(rbac, binding->ns, "u:", grant->name);
	if (strcmp(grant->kind, "Group") == 0)
		return holder_want(rbac, binding->ns, "g:", grant->name);
	len = snprintf(user, sizeof(user), ACCOUNT_PREFIX "%s:%s", *grant->ns ? grant->ns : binding->ns,
		       grant->name);
	if (len < 0 || (size_t)len >= sizeof(user))
		return NULL;
	return holder_want(rbac, binding->ns, "u:", user);
}

static const char *const subject_members[] = { "kind", "name", "namespace" };
#define SUBJECT_MEMBERS 3u

static bool is_known_kind(const char *kind)
{
	return strcmp(kind, "User") == 0 || strcmp(kind, "Group") == 0 || strcmp(kind, "ServiceAccount") == 0;
}

static int measure_subjects(const struct json *subjects, size_t *bytes)
{
	if (subjects && !json_is(subjects, JSON_ARRAY) && !json_is(subjects, JSON_NULL))
		return -EBADMSG;
	for (size_t i = 0; i < json_count(subjects); i++) {
		const struct json *subject = json_at(subjects, i);

		if (!is_known_kind(json_str(json_get(subject, "kind"), "")) ||
		    !*json_str(json_get(subject, "name"), ""))
			return -EBADMSG;
		for (size_t k = 0; k < SUBJECT_MEMBERS; k++)
			*bytes += strlen(json_str(json_get(subject, subject_members[k]), "")) + 1;
	}
	return 0;
}

static const char *add_text(char **at, const char *text)
{
	char *start = *at;
	size_t len = strlen(text) + 1;

	memcpy(start, text, len);
	*at += len;
	return start;
}

/* A binding that is in no list yet. */
static int binding_new(const struct key *key, const struct json *tree, struct binding **out)
{
	const struct json *ref = json_get(tree, "roleRef"), *subjects = json_get(tree, "subjects");
	const char *role_kind = json_str(json_get(ref, "kind"), ""),
		   *role_name = json_str(json_get(ref, "name"), "");
	size_t count = json_count(subjects),
	       bytes = strlen(key->ns) + strlen(key->name) + strlen(role_kind) + strlen(role_name) + 4;
	bool cluster_role = strcmp(role_kind, "ClusterRole") == 0;
	struct binding *binding;
	char *at;
	int rc = measure_subjects(subjects, &bytes);

	if (rc)
		return rc;
	if (!*role_name || (!cluster_role && (strcmp(role_kind, "Role") != 0 || !*key->ns)))
		return -EBADMSG;
	binding = calloc(1, sizeof(*binding) + count * sizeof(struct grant) + bytes);
	if (!binding)
		return -ENOMEM;
	binding->grants = (struct grant *)(binding + 1);
	binding->grant_count = count;
	at = (char *)(binding->grants + count);
	binding->ns = add_text(&at, key->ns);
	binding->name = add_text(&at, key->name);
	binding->role_kind = add_text(&at, role_kind);
	binding->role_name = add_text(&at, role_name);
	for (size_t i = 0; i < count; i++) {
		const struct json *subject = json_at(subjects, i);
		struct grant *grant = &binding->grants[i];

		grant->binding = binding;
		grant->kind = add_text(&at, json_str(json_get(subject, "kind"), ""));
		grant->name = add_text(&at, json_str(json_get(subject, "name"), ""));
		grant->ns = add_text(&at, json_str(json_get(subject, "namespace"), ""));
	}
	*out = binding;
	return 0;
}

static int binding_put(struct rbac *rbac, const struct key *key, const struct json *tree)
{
	struct binding *binding = NULL;
	int rc = binding_new(key, tree, &binding);

	for (size_t i = 0; !rc && i < binding->grant_count; i++) {
		struct grant *grant = &binding->grants[i];

		grant->holder = holder_of(rbac, binding, grant);
		if (grant->holder)
			list_push(&grant->holder->grants, &grant->in_holder);
		else
			rc = rbac->holders.count < RBAC_SUBJECTS_MAX ? -ENOMEM : -ENOSPC;
	}
	if (!rc)
		rc = put_in(&rbac->bindings, key->ns, key->name, binding);
	if (rc && binding)
		binding_drop(rbac, binding);
	return rc;
}

static void binding_remove(struct rbac *rbac, const struct key *key)
{
	struct binding *old = take_out(&rbac->bindings, key->ns, key->name);

	if (old)
		binding_drop(rbac, old);
}

/* --- roles --- */

static int role_put(struct rbac *rbac, const struct key *key, const struct json *tree)
{
	struct rbac_rules *rules = NULL;
	int rc = rbac_rules_of_json(json_get(tree, "rules"), &rules);

	if (!rc)
		rc = put_in(&rbac->roles, key->ns, key->name, rules);
	if (rc)
		rbac_rules_free(rules);
	return rc;
}

static void role_remove(struct rbac *rbac, const struct key *key)
{
	rbac_rules_free(take_out(&rbac->roles, key->ns, key->name));
}

/* --- feeding --- */

static const struct table {
	const char *resource;
	int (*put)(struct rbac *rbac, const struct key *key, const struct json *tree);
	void (*remove)(struct rbac *rbac, const struct key *key);
} tables[] = {
	{ "roles." RBAC_GROUP, role_put, role_remove },
	{ "clusterroles." RBAC_GROUP, role_put, role_remove },
	{ "rolebindings." RBAC_GROUP, binding_put, binding_remove },
	{ "clusterrolebindings." RBAC_GROUP, binding_put, binding_remove },
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static const struct table *table_of(const char *resource)
{
	for (size_t i = 0; i < TABLES; i++)
		if (strcmp(tables[i].resource, resource) == 0)
			return &tables[i];
	return NULL;
}

/* What was known goes first: a role that cannot be read any more must not go on granting what it said. */
int rbac_put(struct rbac *rbac, const struct object *object)
{
	const struct table *table = table_of(object->key.resource);
	struct json *tree = NULL;
	int rc;

	if (!table)
		return 0;
	table->remove(rbac, &object->key);
	rc = json_parse(object->body, &tree, NULL);
	if (rc)
		return rc == -ENOMEM ? rc : -EBADMSG;
	rc = table->put(rbac, &object->key, tree);
	json_free(tree);
	return rc;
}

int rbac_apply(struct rbac *rbac, const struct change *change)
{
	const struct table *table = table_of(change->object->key.resource);

	if (change->type == CHANGE_ADDED || change->type == CHANGE_MODIFIED)
		return rbac_put(rbac, change->object);
	if (table)
		table->remove(rbac, &change->object->key);
	return 0;
}

struct loading {
	struct rbac *rbac;
	int rc;
};

static int load_one(void *ctx, struct object *object)
{
	struct loading *loading = ctx;
	int rc = rbac_put(loading->rbac, object);

	bool skipped = rc == -EBADMSG || rc == -ENOSPC;

	loading->rbac->skipped += skipped;
	loading->rc = skipped ? 0 : rc;
	return loading->rc;
}

int rbac_load(struct rbac *rbac, struct cache *cache, uint64_t *out_revision)
{
	struct loading loading = { rbac, 0 };
	int rc = 0;

	rbac->skipped = 0;
	for (size_t i = 0; !rc && i < TABLES; i++) {
		const struct cache_list list = { .resource = tables[i].resource };
		uint64_t revision = 0;

		rc = cache_list(cache, &list, load_one, &loading, &revision);
		if (!rc)
			rc = loading.rc;
		/* The first list is the oldest; what came since is told again, which does no harm. */
		if (!i)
			*out_revision = revision;
	}
	return rc;
}

void rbac_stats(const struct rbac *rbac, struct rbac_stats *out)
{
	*out = (struct rbac_stats){
		.roles = rbac->roles.count,
		.bindings = rbac->bindings.count,
		.subjects = rbac->holders.count,
		.skipped = rbac->skipped,
	};
}
