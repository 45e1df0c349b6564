/* runner_collect: deletes what has lost its owners, and lets owners go that wait for their dependents. */
#include <errno.h>
#include <stdlib.h>

#include "control/runner_internal.h"

#define FINALIZE_RECHECK_MS 2000u

/* --- dependents --- */

struct lookup {
	struct runner *runner;
	const struct key *dependent;
};

/* "apps/v1" and "v1". */
static const struct kind *kind_of_reference(const struct json *reference)
{
	struct span group = SPAN(""), version = json_span(json_get(reference, "apiVersion"));
	struct span whole = version;

	if (span_cut(whole, '/', &group, &version))
		return kind_of_name(group, version, json_span(json_get(reference, "kind")));
	return kind_of_name(SPAN(""), whole, json_span(json_get(reference, "kind")));
}

static enum collect_owner look_up(void *ctx, const struct json *reference)
{
	const struct lookup *lookup = ctx;
	const struct kind *kind = kind_of_reference(reference);
	const char *name = json_str(json_get(reference, "name"), ""),
		   *uid = json_str(json_get(reference, "uid"), "");
	struct json *tree = NULL;
	enum collect_owner state;
	int rc;

	/* A kind we do not keep, or a cluster-wide object that names a namespaced owner: nothing can be said. */
	if (!kind || !kind->storage || !*name || !*uid || (kind->namespaced && !*lookup->dependent->ns))
		return COLLECT_UNCLEAR;
	const struct key key = { kind->storage, kind->namespaced ? lookup->dependent->ns : "", name };

	rc = runner_read(lookup->runner, &key, NULL, &tree);
	if (rc)
		return rc == -ENOENT ? COLLECT_ABSENT : COLLECT_UNCLEAR;
	if (strcmp(json_path_str(tree, "metadata.uid", ""), uid) != 0)
		state = COLLECT_ABSENT;
	else
		state = collect_policy_of(tree) == COLLECT_FOREGROUND ? COLLECT_WAITING : COLLECT_PRESENT;
	json_free(tree);
	return state;
}

static int prune_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int rc = op_is_target(op, tree);

	return rc ? rc : !collect_drop_owner(tree, op->text);
}

static int first_of_any(void *ctx, const struct key *key)
{
	return 1;
}

static void delete_dependent(struct job *job, const struct key *key, const struct object *object,
			     bool foreground)
{
	struct runner *r = job->runner;
	bool has_dependents = collect_dependents(r->index, object->uid, first_of_any, NULL) == 1;
	/* The revision too: an owner added meanwhile must be looked at first. */
	struct api_delete_options options = { .if_uid = object->uid,
					      .if_revision = object->revision,
					      .grace_s = -1,
					      .propagation = foreground && has_dependents ? API_FOREGROUND
											  : API_BACKGROUND };
	struct op *op = op_new(r, job, NULL, NULL, NULL);

	if (!op)
		return;
	r->stats.collected++;
	op_delete(op, key, &options);
}

/* Pods of nodes whose inventory is unclear, and objects only a node knew, wait for the operator. */
static bool is_untouchable(struct runner *r, const struct key *key, const struct json *tree)
{
	const struct cluster_node *node = NULL;

	if (strcmp(key->resource, RES_PODS) == 0)
		node = cluster_node(&r->cluster, json_path_str(tree, "spec.nodeName", ""));
	return (node && node->held) || json_get(json_path(tree, "metadata.annotations"), ANNOTATION_ORPHANED);
}

static void judge(struct job *job, const struct key *key, const struct object *object,
		  const struct json *tree)
{
	struct lookup lookup = { job->runner, key };
	struct collect_judgement judgement;

	if (json_path(tree, "metadata.deletionTimestamp") || is_untouchable(job->runner, key, tree))
		return;
	collect_judge(tree, look_up, &lookup, &judgement);
	if (judgement.verdict == COLLECT_DELETE)
		delete_dependent(job, key, object, judgement.foreground);
	for (size_t i = 0; judgement.verdict == COLLECT_PRUNE && i < judgement.gone_count; i++) {
		struct op *op = op_new(job->runner, job, NULL, object->uid, judgement.gone[i]);

		if (op)
			op_mutate(op, key, API_PART_OBJECT, prune_in_tree);
	}
}

void work_collect(struct job *job, const char *key_text)
{
	struct key *key = runner_split_key(key_text, NULL);
	struct object *object = NULL;
	struct json *tree = NULL;
	int rc = key ? runner_read(job->runner, key, &object, &tree) : -ENOENT;

	if (!rc)
		judge(job, key, object, tree);
	job->failed = job->failed || rc == -ENOMEM;
	json_free(tree);
	object_unref(object);
	free(key);
}

/* --- owners being deleted --- */

struct finalizing {
	struct job *job;
	const char *uid;
	enum collect_policy policy;
	size_t holding; /* dependents that the owner still has to wait for */
};

static void orphan_dependent(struct finalizing *f, const struct key *key)
{
	struct op *op = op_new(f->job->runner, f->job, NULL, NULL, f->uid);

	if (op)
		op_mutate(op, key, API_PART_OBJECT, prune_in_tree);
}

static bool is_blocking(struct runner *r, const struct key *key, const char *owner_uid)
{
	struct json *tree = NULL;
	int rc = runner_read(r, key, NULL, &tree);
	bool blocks = rc ? rc != -ENOENT : collect_blocks(tree, owner_uid);

	json_free(tree);
	return blocks;
}

static int finalize_one(void *ctx, const struct key *key)
{
	struct finalizing *f = ctx;
	struct runner *r = f->job->runner;

	if (!runner_can_write(r)) {
		f->job->again = true;
		f->holding++;
		return 1;
	}
	if (f->policy == COLLECT_ORPHAN) {
		f->holding++;
		f->job->again = true;
		orphan_dependent(f, key);
		return 0;
	}
	f->holding += is_blocking(r, key, f->uid);
	runner_queue_object(r, WORK_COLLECT, key);
	return 0;
}

static int release_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	int rc = op_is_target(op, tree);

	return rc ? rc : !collect_drop_finalizer(tree, op->text);
}

static void finalize(struct job *job, const struct key *key, const struct object *object,
		     const struct json *tree)
{
	struct runner *r = job->runner;
	struct finalizing f = { .job = job, .uid = object->uid, .policy = collect_policy_of(tree) };
	struct op *op;

	if (f.policy == COLLECT_NOTHING)
		return;
	(void)!collect_dependents(r->index, object->uid, finalize_one, &f);
	if (f.holding) { /* comes again when one of them goes; one that was only pruned is found by looking again */
		runner_queue_object_at(r, WORK_FINALIZE, key, r->now_ms + FINALIZE_RECHECK_MS);
		return;
	}
	op = op_new(r, job, NULL, object->uid,
		    f.policy == COLLECT_ORPHAN ? FINALIZER_ORPHAN : FINALIZER_FOREGROUND);
	if (op)
		op_mutate(op, key, API_PART_OBJECT, release_in_tree);
}

void work_finalize(struct job *job, const char *key_text)
{
	struct key *key = runner_split_key(key_text, NULL);
	struct object *object = NULL;
	struct json *tree = NULL;
	int rc = key ? runner_read(job->runner, key, &object, &tree) : -ENOENT;

	if (!rc)
		finalize(job, key, object, tree);
	job->failed = job->failed || rc == -ENOMEM;
	json_free(tree);
	object_unref(object);
	free(key);
}
