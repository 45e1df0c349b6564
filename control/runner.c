#include "control/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/runner_internal.h"

static void (*const workers[WORKS])(struct job *job, const char *key) = {
	[WORK_BOOT] = work_boot,
	[WORK_NODE] = work_node,
	[WORK_SCHEDULE] = work_schedule,
	[WORK_DAEMONSET] = work_daemonset,
	[WORK_COLLECT] = work_collect,
	[WORK_FINALIZE] = work_finalize,
	[WORK_NAMESPACE] = work_namespace,
	[WORK_ACCOUNT] = work_account,
	[WORK_EVENT] = work_event,
	[WORK_REPLICASET] = work_replicaset,
	[WORK_DEPLOYMENT] = work_deployment,
	[WORK_EVICT] = work_evict,
	[WORK_DEFAULT] = work_default,
	[WORK_ROLE] = work_role,
	[WORK_SERVICE] = work_service,
};

/* --- life --- */

static int on_change(void *ctx, const struct change *change)
{
	struct runner *r = ctx;

	observe_change(r, change);
	return 0;
}

static void on_gone(void *ctx);

static int watch_from(struct runner *r, uint64_t revision)
{
	static const struct cache_watch_events events = { on_change, on_gone };

	return cache_watch_open(r->cache, NULL, NULL, revision, &events, r, &r->watch);
}

static int scan_one(void *ctx, struct object *object)
{
	observe_object(ctx, object);
	return 0;
}

static int scan(struct runner *r)
{
	uint64_t revision = 0;
	int rc = cache_list_all(r->cache, scan_one, r, &revision);

	return rc ? rc : watch_from(r, revision);
}

static void forget_everything(struct runner *r)
{
	cluster_done(&r->cluster);
	collect_index_free(r->index);
	aggregate_free(r->aggregate);
	service_index_free(r->services);
	for (size_t i = 0; i < WORKLOAD_KINDS; i++)
		map_done(&r->workloads[i], workload_free);
	map_done(&r->terminating, NULL);
	map_done(&r->waiting, free);
	r->index = NULL;
	r->aggregate = NULL;
	r->services = NULL;
	cluster_init(&r->cluster);
	for (size_t i = 0; i < WORKLOAD_KINDS; i++)
		map_init(&r->workloads[i], RUNNER_WORKLOADS_MAX);
	map_init(&r->terminating, CLUSTER_NODES_MAX);
	map_init(&r->waiting, COLLECT_OBJECTS_MAX);
}

static int rebuild(struct runner *r)
{
	int rc;

	forget_everything(r);
	rc = collect_index_new(&r->index);
	if (!rc)
		rc = aggregate_new(&r->aggregate);
	if (!rc)
		rc = service_index_new(&r->services);
	return rc ? rc : scan(r);
}

/* The watch fell out of the log, which a store under extreme load may do to us: start over from what there is. */
static void on_gone(void *ctx)
{
	struct runner *r = ctx;

	r->watch = NULL;
	if (rebuild(r))
		r->stats.damaged++;
}

static void set_defaults(struct runner *r)
{
	if (!r->options.start_grace_ms)
		r->options.start_grace_ms = RUNNER_START_GRACE_MS;
	if (!r->options.link_grace_ms)
		r->options.link_grace_ms = RUNNER_LINK_GRACE_MS;
	if (!r->options.event_ttl_ms)
		r->options.event_ttl_ms = RUNNER_EVENT_TTL_MS;
	if (!r->options.component)
		r->options.component = "cloud-hub";
}

static void queue_defaults(struct runner *r)
{
	char number[24];

	for (size_t i = 0; r->options.defaults && i < r->options.defaults->count(); i++) {
		(void)snprintf(number, sizeof(number), "%zu", i);
		runner_queue(r, WORK_DEFAULT, number);
	}
}

int runner_new(const struct runner_options *options, uint64_t now_ms, int64_t now_wall_ms,
	       struct runner **out, struct err *err)
{
	struct runner *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_set(err, -ENOMEM, "out of memory");
	r->options = *options;
	set_defaults(r);
	r->api = options->api;
	r->cache = api_cache(options->api);
	r->started_ms = r->now_ms = now_ms;
	r->now_wall_ms = now_wall_ms;
	rng_seed(&r->rng, options->seed);
	list_init(&r->jobs);
	list_init(&r->ops);
	workqueue_init(&r->queue);
	map_init(&r->links, CLUSTER_NODES_MAX);
	map_init(&r->turns, CLUSTER_NODES_MAX);
	cluster_init(&r->cluster);
	rc = rebuild(r);
	if (rc) {
		runner_free(r);
		return err_set(err, rc, "controllers: cannot read the store");
	}
	runner_queue(r, WORK_BOOT, "");
	queue_defaults(r);
	*out = r;
	return 0;
}

static void free_op(struct op *op)
{
	if (op->runner)
		list_remove(&op->runner->ops, &op->in_ops);
	free(op->name);
	free(op->uid);
	free(op->text);
	free(op->data);
	json_free(op->tree);
	free(op);
}

void runner_free(struct runner *r)
{
	if (!r)
		return;
	if (r->watch)
		cache_watch_close(r->watch);
	/* The API still holds them: each frees itself when its answer comes. */
	list_for_each(&r->ops, at)
		container_of(at, struct op, in_ops)->runner = NULL;
	list_for_each(&r->jobs, at)
		free(container_of(at, struct job, in_jobs));
	workqueue_done_all(&r->queue);
	forget_everything(r);
	cluster_done(&r->cluster);
	for (size_t i = 0; i < WORKLOAD_KINDS; i++)
		map_done(&r->workloads[i], workload_free);
	map_done(&r->terminating, NULL);
	map_done(&r->waiting, free);
	map_done(&r->links, free);
	map_done(&r->turns, free);
	free(r);
}

/* --- the queue --- */

static void wake(struct runner *r)
{
	if (!r->stepping && r->options.wake)
		r->options.wake(r->options.wake_ctx);
}

/* Without memory the key is lost until something touches it again; everything here is idempotent and level-triggered. */
void runner_queue_at(struct runner *r, enum work work, const char *key, uint64_t due_ms)
{
	if (workqueue_add_at(&r->queue, work, key, due_ms))
		r->stats.write_failures++;
	wake(r);
}

void runner_queue(struct runner *r, enum work work, const char *key)
{
	runner_queue_at(r, work, key, 0);
}

void runner_queue_pair(struct runner *r, enum work work, const char *ns, const char *name)
{
	struct buf key;

	buf_init(&key, WORKQUEUE_KEY_MAX);
	(void)buf_addf(&key, "%s/%s", ns, name);
	if (buf_cstr(&key))
		runner_queue(r, work, buf_cstr(&key));
	buf_done(&key);
}

void runner_queue_object_at(struct runner *r, enum work work, const struct key *object_key, uint64_t due_ms)
{
	struct buf key;

	buf_init(&key, WORKQUEUE_KEY_MAX);
	(void)key_text(object_key, &key);
	if (buf_cstr(&key))
		runner_queue_at(r, work, buf_cstr(&key), due_ms);
	buf_done(&key);
}

void runner_queue_object(struct runner *r, enum work work, const struct key *key)
{
	runner_queue_object_at(r, work, key, 0);
}

void runner_queue_pending(struct runner *r)
{
	list_for_each(&r->cluster.pending, at) {
		const struct pod_view *view = container_of(at, struct cluster_pod, in_pending)->view;

		runner_queue_pair(r, WORK_SCHEDULE, view->ns, view->name);
	}
}

struct key *runner_split_key(const char *text, const char *resource)
{
	size_t len = strlen(text) + 1;
	struct key *key = malloc(sizeof(*key) + len);
	char *copy = (char *)(key + 1), *slash;

	if (!key)
		return NULL;
	memcpy(copy, text, len);
	key->resource = resource;
	if (!resource) {
		slash = strchr(copy, '/');
		key->resource = copy;
		if (!slash)
			goto malformed;
		*slash = '\0';
		copy = slash + 1;
	}
	slash = strchr(copy, '/');
	if (!slash)
		goto malformed;
	*slash = '\0';
	key->ns = copy;
	key->name = slash + 1;
	return key;
malformed:
	free(key);
	return NULL;
}

/* --- jobs --- */

static void job_end(struct job *job)
{
	struct runner *r = job->runner;

	if (job->again && !job->failed)
		(void)!workqueue_add(&r->queue, workqueue_class(job->item), workqueue_key(job->item));
	workqueue_done(&r->queue, job->item, job->failed, r->now_ms, rng_next(&r->rng));
	list_remove(&r->jobs, &job->in_jobs);
	free(job);
}

static void job_maybe_end(struct job *job)
{
	if (!job->starting && !job->writes)
		job_end(job);
}

static void job_run(struct runner *r, struct workqueue_item *item)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job) {
		workqueue_done(&r->queue, item, true, r->now_ms, rng_next(&r->rng));
		return;
	}
	job->runner = r;
	job->item = item;
	job->starting = true;
	list_push(&r->jobs, &job->in_jobs);
	workers[workqueue_class(item)](job, workqueue_key(item));
	job->starting = false;
	job_maybe_end(job);
}

/* What its own writes did must have been seen before anything is decided anew, or the same pod would be made twice. The answer to a write comes
 * after the change, except while the watch still catches up with the log; then the cache calls when it has got further. */
static bool has_seen_own_writes(const struct runner *r)
{
	return !r->watch || cache_watch_position(r->watch) >= r->wrote_revision;
}

void runner_step(struct runner *r, uint64_t now_ms, int64_t now_wall_ms)
{
	struct workqueue_item *item;

	r->now_ms = now_ms;
	r->now_wall_ms = now_wall_ms;
	r->stepping = true;
	for (unsigned n = 0; n < RUNNER_KEYS_PER_STEP && has_seen_own_writes(r) && runner_can_write(r) &&
			     (item = workqueue_take(&r->queue, now_ms));
	     n++)
		job_run(r, item);
	r->stepping = false;
}

uint64_t runner_next(const struct runner *r)
{
	/* When no write can be started, the answer to one of those under way comes first, with a wake. */
	return !runner_can_write(r) || !has_seen_own_writes(r) ? TIMERQ_NEVER : workqueue_next(&r->queue);
}

/* --- writes --- */

bool runner_can_write(const struct runner *r)
{
	return r->ops.count < RUNNER_WRITES_MAX;
}

static char *copy_text(const char *text, bool *failed)
{
	char *copy = text ? span_dup(span_of(text)) : NULL;

	*failed = *failed || (text && !copy);
	return copy;
}

struct op *op_new(struct runner *r, struct job *job, const char *name, const char *uid, const char *text)
{
	struct op *op = calloc(1, sizeof(*op));
	bool failed = !op;

	if (op) {
		op->runner = r;
		op->job = job;
		op->name = copy_text(name, &failed);
		op->uid = copy_text(uid, &failed);
		op->text = copy_text(text, &failed);
		list_push(&r->ops, &op->in_ops);
	}
	if (!failed)
		return op;
	if (op)
		free_op(op);
	if (job)
		job->failed = true;
	return NULL;
}

void op_drop(struct op *op)
{
	if (op)
		free_op(op);
}

/* Objects that came or went meanwhile are looked at again; lost races and trouble wait out a back-off. */
static void op_settle(struct op *op, const struct api_written *answer)
{
	struct runner *r = op->runner;
	struct job *job = op->job;
	int code = answer->code;

	op->answer = answer;
	if (op->ended)
		op->ended(op, code);
	r->stats.write_conflicts += code == -ESTALE;
	r->stats.write_failures += code && code != -ESTALE && code != -ENOENT && code != -EEXIST;
	if (job && code) {
		if (code == -ENOENT || code == -EEXIST)
			job->again = true;
		else
			job->failed = true;
	}
	free_op(op);
}

static void op_done(void *ctx, const struct api_written *written)
{
	struct op *op = ctx;
	struct runner *r = op->runner;
	struct job *job = op->job;

	if (!r) {
		free_op(op);
		return;
	}
	if (!written->code && written->revision > r->wrote_revision)
		r->wrote_revision = written->revision;
	op_settle(op, written);
	if (job) {
		job->writes--;
		job_maybe_end(job);
	}
	wake(r);
}

/* What api/write.h answered at once: on the way, nothing to do, or refused. */
static void op_submitted(struct op *op, int rc, const struct status *status)
{
	if (rc) {
		const struct api_written answer = { .code = rc == 1 ? 0 : rc, .status = status };

		op_settle(op, &answer);
		return;
	}
	op->runner->stats.writes++;
	if (op->job)
		op->job->writes++;
}

static int op_mutate_call(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;

	return op->runner ? op->mutate(op, tree, stored) : 1;
}

void op_mutate(struct op *op, const struct key *key, enum api_part part, api_mutate_fn *mutate)
{
	struct status status;

	status_init(&status);
	op->mutate = mutate;
	op_submitted(op, api_mutate(op->runner->api, key, part, op_mutate_call, NULL, &status, op_done, op),
		     &status);
	status_done(&status);
}

void op_create(struct op *op, struct json *tree_take)
{
	struct status status;
	int rc = -ENOMEM;

	status_init(&status);
	if (tree_take)
		rc = api_create(op->runner->api, tree_take, NULL, &status, op_done, op);
	op_submitted(op, rc, &status);
	status_done(&status);
}

void op_delete(struct op *op, const struct key *key, const struct api_delete_options *options)
{
	struct status status;

	status_init(&status);
	op_submitted(op, api_delete(op->runner->api, key, options, NULL, &status, op_done, op), &status);
	status_done(&status);
}

int op_is_target(const struct op *op, const struct json *tree)
{
	return !op->uid || strcmp(json_path_str(tree, "metadata.uid", ""), op->uid) == 0 ? 0 : 1;
}

/* --- reading --- */

int runner_read(struct runner *r, const struct key *key, struct object **out_object, struct json **out_tree)
{
	struct object *object = NULL;
	int rc = cache_get(r->cache, key, &object);

	if (!rc)
		rc = object_to_json(object, out_tree);
	if (!rc && out_object)
		*out_object = object;
	else
		object_unref(object);
	if (rc && rc != -ENOENT && rc != -ENOMEM) {
		r->stats.damaged++;
		rc = -EBADMSG;
	}
	return rc;
}

void runner_stats(const struct runner *r, struct runner_stats *out)
{
	*out = r->stats;
	out->pods = r->cluster.pods.count;
	out->nodes = r->cluster.node_objects;
	out->daemonsets = r->workloads[WORKLOAD_DAEMONSET].count;
	out->deployments = r->workloads[WORKLOAD_DEPLOYMENT].count;
	out->replicasets = r->workloads[WORKLOAD_REPLICASET].count;
	out->queued = workqueue_count(&r->queue);
	out->in_flight = r->ops.count;
}
