/* runner_replicaset: carries out the plans of ReplicaSets. */
#include <errno.h>
#include <stdlib.h>

#include "control/replicaset.h"
#include "control/runner_internal.h"
#include "control/template.h"

#define EVENT_MAX 1024u

/* What one look at one ReplicaSet has at hand. */
struct sync {
	struct job *job;
	struct runner *runner;
	struct workload *workload;
	const struct key *key;
	struct json *tree;
	struct replicaset *rs;
};

/* --- how its writes end --- */

static void say(const struct op *op, const char *type, const char *reason, const char *what,
		const char *detail)
{
	struct key *key = runner_split_key(op->name, RES_REPLICASETS);
	struct buf message;

	buf_init(&message, EVENT_MAX);
	(void)buf_addf(&message, "%s: %.900s", what, detail);
	if (key && buf_cstr(&message)) {
		const struct event_about about = { REPLICASET_API_VERSION, REPLICASET_KIND, key->ns,
						   key->name, op->uid };

		runner_event(op->runner, &about, type, reason, buf_cstr(&message));
	}
	buf_done(&message);
	free(key);
}

static struct workload *workload_of(const struct op *op)
{
	return map_get(&op->runner->workloads[WORKLOAD_REPLICASET], span_of(op->name));
}

/* Kept until the next time goes well, for the condition. */
static void note_trouble(const struct op *op, const char *reason, const char *words)
{
	struct workload *workload = workload_of(op);

	if (!workload)
		return;
	workload->batch = 0;
	workload->trouble = reason;
	free(workload->trouble_text);
	workload->trouble_text = span_dup(span_of(words)); /* without memory: without words */
}

static void clear_trouble(const struct op *op, const char *reason)
{
	struct workload *workload = workload_of(op);

	if (workload && workload->trouble && strcmp(workload->trouble, reason) == 0)
		workload->trouble = NULL;
}

static void on_pod_created(struct op *op, int code)
{
	if (code) {
		note_trouble(op, "FailedCreate", op->answer->status->message);
		say(op, "Warning", "FailedCreate", "Error creating", op->answer->status->message);
		return;
	}
	op->runner->stats.pods_created++;
	clear_trouble(op, "FailedCreate");
	if (op->answer->object)
		say(op, "Normal", "SuccessfulCreate", "Created pod", op->answer->object->key.name);
}

static void on_pod_deleted(struct op *op, int code)
{
	if (code == -ENOENT)
		return; /* gone already: that is what was wanted */
	if (code) {
		note_trouble(op, "FailedDelete", op->answer->status->message);
		say(op, "Warning", "FailedDelete", "Error deleting", op->answer->status->message);
		return;
	}
	op->runner->stats.pods_deleted++;
	clear_trouble(op, "FailedDelete");
	say(op, "Normal", "SuccessfulDelete", "Deleted pod", op->text);
}

static void on_pod_tidied(struct op *op, int code)
{
	op->runner->stats.pods_deleted += !code;
}

/* --- steps --- */

static void create_pod(struct sync *s)
{
	struct op *op = op_new(s->runner, s->job, s->workload->key, s->rs->uid, NULL);

	if (!op)
		return;
	op->ended = on_pod_created;
	op_create(op, template_pod(s->tree, REPLICASET_API_VERSION, REPLICASET_KIND));
}

static void delete_pod(struct sync *s, const struct pod_view *view, void (*ended)(struct op *op, int code))
{
	const struct key key = { RES_PODS, view->ns, view->name };
	const struct api_delete_options options = { .if_uid = view->uid,
						    .grace_s = -1,
						    .propagation = API_BACKGROUND };
	struct op *op = op_new(s->runner, s->job, s->workload->key, s->rs->uid, view->name);

	if (!op)
		return;
	op->ended = ended;
	op_delete(op, &key, &options);
}

static void take_step(struct sync *s, const struct replicaset_step *step)
{
	const struct pod_view *view = step->pod->view;
	const struct key key = { RES_PODS, view->ns, view->name };
	const struct owner owner = { REPLICASET_API_VERSION, REPLICASET_KIND, s->rs->name, s->rs->uid };

	switch (step->action) {
	case REPLICA_ADOPT: workload_adopt(s->job, &key, view->uid, &owner); break;
	case REPLICA_RELEASE: workload_release(s->job, &key, view->uid, s->rs->uid); break;
	case REPLICA_DELETE: delete_pod(s, view, on_pod_deleted); break;
	case REPLICA_TIDY: delete_pod(s, view, on_pod_tidied); break;
	}
}

/* As upstream's slow start: what goes wrong for one pod of a set mostly goes wrong for all, so it is tried with one, then two, four... */
static void create_pods(struct sync *s, const struct replicaset_plan *plan)
{
	size_t batch = s->workload->batch ? s->workload->batch : 1;

	s->workload->batch = !plan->more ? 0 : batch < RUNNER_WRITES_MAX ? 2 * batch : batch;
	s->job->again = s->job->again || plan->more;
	for (size_t i = 0; i < plan->create; i++) {
		if (!runner_can_write(s->runner)) {
			s->job->again = true; /* the rest when these are done */
			return;
		}
		create_pod(s);
	}
}

static void carry_out(struct sync *s, const struct replicaset_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (!runner_can_write(s->runner)) {
			s->job->again = true;
			return;
		}
		take_step(s, &plan->steps[i]);
	}
	create_pods(s, plan);
}

/* --- status --- */

struct status_data {
	struct replicaset_counts counts;
	int64_t generation;
	const char *reason;
};

static int status_in_tree(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	const struct status_data *data = op->data;
	const struct replicaset_failure failure = { data->reason, op->text ? op->text : "" };
	int rc = op_is_target(op, tree);

	if (rc)
		return rc;
	rc = replicaset_write_status(tree, &data->counts, data->generation, failure, op->runner->now_wall_ms);
	return rc < 0 ? rc : !rc;
}

static void report(struct sync *s, const struct replicaset_counts *counts)
{
	const struct workload *workload = s->workload;
	const struct replicaset_failure failure = { workload->trouble,
						    workload->trouble_text ? workload->trouble_text : "" };
	struct status_data *data;
	struct op *op;

	/* Tried on our own copy first: most looks change nothing. */
	if (replicaset_write_status(s->tree, counts, s->rs->generation, failure, s->runner->now_wall_ms) == 0)
		return;
	op = op_new(s->runner, s->job, NULL, s->rs->uid, workload->trouble ? failure.message : NULL);
	data = malloc(sizeof(*data));
	if (!op || !data) {
		s->job->failed = true;
		op_drop(op);
		free(data);
		return;
	}
	*data = (struct status_data){ *counts, s->rs->generation, workload->trouble };
	op->data = data;
	op_mutate(op, s->key, API_PART_STATUS, status_in_tree);
}

/* --- one look --- */

static bool is_related(void *ctx, const struct pod_view *pod)
{
	const struct sync *s = ctx;

	return workload_shares_owner(s->runner, s->workload->owner, pod);
}

static int look(struct sync *s)
{
	const struct replicaset_now now = { .wall_ms = s->runner->now_wall_ms,
					    .batch = s->workload->batch ? s->workload->batch : 1,
					    .is_related = is_related,
					    .ctx = s };
	struct replicaset_plan plan = { .count = 0 };
	int rc = replicaset_plan(s->rs, &s->runner->cluster, &now, &plan);

	if (rc)
		return rc;
	/* Nothing to make or to delete any more: what went wrong with that is over. */
	if (!plan.create && !plan.count)
		s->workload->trouble = NULL;
	/* The status first: making pods may use up the writes that may be under way. */
	report(s, &plan.counts);
	carry_out(s, &plan);
	if (plan.due_wall_ms)
		runner_queue_at(s->runner, WORK_REPLICASET, s->workload->key,
				s->runner->now_ms + (uint64_t)(plan.due_wall_ms - now.wall_ms));
	replicaset_plan_done(&plan);
	return 0;
}

void work_replicaset(struct job *job, const char *key_text)
{
	struct runner *r = job->runner;
	struct sync s = { .job = job, .runner = r };
	struct key *key = runner_split_key(key_text, RES_REPLICASETS);
	int rc = key ? 0 : -ENOMEM;

	if (!rc) {
		s.key = key;
		s.workload = map_get(&r->workloads[WORKLOAD_REPLICASET], span_of(key_text));
		rc = s.workload ? runner_read(r, key, NULL, &s.tree) : -ENOENT;
	}
	if (!rc)
		rc = replicaset_of(s.tree, &s.rs);
	if (!rc && !s.rs->deleting) /* of one being deleted the pods are the collector's */
		rc = look(&s);
	/* One that cannot be read is left alone until it changes. */
	job->failed = job->failed || (rc && rc != -ENOENT && rc != -EBADMSG && rc != -EINVAL);
	replicaset_free(s.rs);
	json_free(s.tree);
	free(key);
}
