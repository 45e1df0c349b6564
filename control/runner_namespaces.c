/* runner_namespaces: those every cluster has, the default service account in each, and the end of those being deleted. */
#include <errno.h>
#include <stdlib.h>

#include "control/runner_internal.h"

#define NAMESPACE_RECHECK_MS 5000u /* should a deletion in it have gone unnoticed */

/* --- what must be there --- */

static bool exists(struct runner *r, const struct key *key)
{
	struct object *object = NULL;
	int rc = cache_get(r->cache, key, &object);

	object_unref(object);
	return rc != -ENOENT; /* a damaged one is not made anew over what may come back */
}

static struct json *plain_object(const char *kind, const char *ns, const char *name)
{
	struct json *tree = json_new_object(), *meta = json_ensure(tree, "metadata");

	if (!tree || json_set_str(tree, "apiVersion", "v1") || json_set_str(tree, "kind", kind) ||
	    json_set_str(meta, "name", name) || (*ns && json_set_str(meta, "namespace", ns))) {
		json_free(tree);
		return NULL;
	}
	return tree;
}

static void ensure(struct job *job, const char *resource, const char *kind, const char *ns, const char *name)
{
	const struct key key = { resource, ns, name };
	struct op *op;

	if (exists(job->runner, &key))
		return;
	op = op_new(job->runner, job, NULL, NULL, NULL);
	if (op)
		op_create(op, plain_object(kind, ns, name));
}

void work_boot(struct job *job, const char *unused)
{
	static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ensure(job, RES_NAMESPACES, "Namespace", "", names[i]);
}

static bool is_active(struct runner *r, const char *ns)
{
	const struct key key = { RES_NAMESPACES, "", ns };

	return !map_get(&r->terminating, span_of(ns)) && exists(r, &key);
}

void work_account(struct job *job, const char *ns)
{
	if (is_active(job->runner, ns))
		ensure(job, RES_ACCOUNTS, "ServiceAccount", ns, "default");
}

/* --- the end of a namespace --- */

/* Objects found in it; those to be deleted are gathered first, for the cache is not written while it lists. */
struct emptying {
	size_t found; /* still there, being deleted or not */
	struct object *doomed[RUNNER_WRITES_MAX];
	size_t count;
};

static int gather_one(void *ctx, struct object *object)
{
	struct emptying *e = ctx;

	e->found++;
	if (memmem(object->body.ptr, object->body.len, "\"deletionTimestamp\"", 19))
		return 0; /* on its way */
	e->doomed[e->count++] = object_ref(object);
	return e->count == RUNNER_WRITES_MAX;
}

static int gather_kinds(struct runner *r, struct emptying *e, const char *ns)
{
	const struct kind *const *all;
	size_t count;
	int rc = 0;

	all = kinds(&count);
	for (size_t i = 0; !rc && i < count && e->count < RUNNER_WRITES_MAX; i++) {
		struct cache_list list = { .resource = all[i]->storage, .ns = ns };

		/* Of aliases the objects are listed once. */
		if (all[i]->namespaced && all[i]->storage && kind_of_storage(all[i]->storage) == all[i])
			rc = cache_list(r->cache, &list, gather_one, e, NULL);
	}
	return rc;
}

static void delete_doomed(struct job *job, struct emptying *e)
{
	for (size_t i = 0; i < e->count; i++) {
		const struct object *object = e->doomed[i];
		struct api_delete_options options = { .if_uid = object->uid,
						      .grace_s = -1,
						      .propagation = API_BACKGROUND };
		struct op *op =
			runner_can_write(job->runner) ? op_new(job->runner, job, NULL, NULL, NULL) : NULL;

		job->again = true;
		if (op)
			op_delete(op, &object->key, &options);
		object_unref(object);
	}
}

static int finish_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct json *finalizers = json_path(tree, "spec.finalizers");
	bool found = false;

	if (!json_path(tree, "metadata.deletionTimestamp"))
		return 1;
	for (size_t i = json_count(finalizers); i-- > 0;)
		if (strcmp(json_str(json_at(finalizers, i), ""), "kubernetes") == 0)
			found = json_remove_at(finalizers, i);
	return !found;
}

void work_namespace(struct job *job, const char *ns)
{
	struct runner *r = job->runner;
	struct emptying e = { .found = 0 };
	const struct key key = { RES_NAMESPACES, "", ns };
	struct op *op;
	int rc;

	if (!map_get(&r->terminating, span_of(ns)))
		return;
	rc = gather_kinds(r, &e, ns);
	delete_doomed(job, &e);
	job->failed = job->failed || rc < 0; /* a list that came back short is no proof of emptiness */
	if (e.found && !rc)
		runner_queue_at(r, WORK_NAMESPACE, ns, r->now_ms + NAMESPACE_RECHECK_MS);
	if (e.found || rc)
		return;
	op = op_new(r, job, NULL, NULL, NULL);
	if (op)
		op_mutate(op, &key, API_PART_ALL, finish_in_tree);
}
