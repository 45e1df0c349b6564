/* runner_roles: the objects that every cluster starts with, and ClusterRoles that gather the rules of others. */
#include <errno.h>

#include "control/runner_internal.h"

/* --- defaults --- */

static int mend_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	uint64_t index = 0;

	(void)stored;
	return span_to_u64(span_of(op->text), &index) ? -EINVAL
						      : op->runner->options.defaults->mend(index, tree);
}

void work_default(struct job *job, const char *number)
{
	const struct runner_defaults *defaults = job->runner->options.defaults;
	struct object *object = NULL;
	uint64_t index = 0;
	struct key key;
	struct op *op;
	int rc;

	if (span_to_u64(span_of(number), &index))
		return;
	key = defaults->key(index);
	rc = cache_get(job->runner->cache, &key, &object);
	object_unref(object);
	if (rc && rc != -ENOENT)
		return; /* a damaged one is not made anew over what may come back */
	op = op_new(job->runner, job, NULL, NULL, number);
	if (!op)
		return;
	if (rc)
		op_create(op, defaults->make(index));
	else
		op_mutate(op, &key, API_PART_OBJECT, mend_in_tree);
}

/* --- gathering --- */

struct gather {
	struct runner *runner;
	const char *name;
	struct gathering gathering;
	int rc;
};

static int gather_role(void *ctx, struct object *object)
{
	struct gather *g = ctx;
	struct json *tree = NULL;
	int takes = aggregate_takes(g->runner->aggregate, g->name, object);

	g->rc = takes < 0 ? takes : 0;
	if (takes > 0) {
		g->rc = object_to_json(object, &tree);
		if (!g->rc)
			g->rc = gathering_add(&g->gathering, tree);
		json_free(tree);
	}
	return g->rc;
}

static int gather_all(struct gather *g)
{
	const struct cache_list list = { .resource = RES_CLUSTER_ROLES };
	int rc = cache_list(g->runner->cache, &list, gather_role, g, NULL);

	/* Rules that one unreadable role would have brought are not taken away for it. */
	if (!rc && cache_feed(g->runner->cache, RES_CLUSTER_ROLES) == FEED_DAMAGED)
		rc = -EBADMSG;
	return g->rc ? g->rc : rc;
}

/* What is to be written is put together in the mutation, so that a lost race finds what is there then. */
static int gather_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	struct gather g = { .runner = op->runner, .name = op->name };
	int rc;

	(void)stored;
	if (!aggregate_gathers(op->runner->aggregate, op->name))
		return 1;
	rc = gathering_init(&g.gathering);
	if (!rc)
		rc = gather_all(&g);
	if (!rc)
		rc = gathering_apply(&g.gathering, tree);
	gathering_done(&g.gathering);
	return rc;
}

void work_role(struct job *job, const char *name)
{
	const struct key key = { RES_CLUSTER_ROLES, "", name };
	struct op *op;

	if (!aggregate_gathers(job->runner->aggregate, name))
		return;
	op = op_new(job->runner, job, name, NULL, NULL);
	if (op)
		op_mutate(op, &key, API_PART_OBJECT, gather_in_tree);
}
