/* runner_services: keeps the EndpointSlices and the Endpoints of each Service as control/endpoints.h wants them. */
#include <errno.h>
#include <stdlib.h>

#include "auth/graph.h"
#include "control/endpoints.h"
#include "control/runner_internal.h"

#define ZONE_LABEL "topology.kubernetes.io/zone"
#define SLICES_READ_MAX 4096u

/* What one look at one Service has at hand. */
struct sync {
	struct job *job;
	struct runner *runner;
	struct json *service, *endpoints;
	struct json **slices;
	size_t slice_count, slice_cap;
	const struct pod_view **pods;
	size_t pod_count, pod_cap;
};

/* --- reading --- */

static bool know_node(void *ctx, const char *name, struct endpoints_node *out)
{
	const struct runner *r = ctx;
	const struct cluster_node *node = cluster_node(&r->cluster, name);
	const char *region, *zone;

	if (!node || !node->view)
		return false;
	region = pairs_get(node->view->at.labels, GRAPH_REGION_LABEL);
	zone = pairs_get(node->view->at.labels, ZONE_LABEL);
	*out = (struct endpoints_node){ region ? region : "", zone ? zone : "",
					node->view->ready == NODE_READY_FALSE || node->view->unhealthy };
	return true;
}

static int keep_slice(struct sync *s, struct json *tree_take)
{
	struct json **all;

	if (s->slice_count == s->slice_cap) {
		all = reallocarray(s->slices, s->slice_cap ? 2 * s->slice_cap : 8, sizeof(*all));
		if (!all) {
			json_free(tree_take);
			return -ENOMEM;
		}
		s->slices = all;
		s->slice_cap = s->slice_cap ? 2 * s->slice_cap : 8;
	}
	s->slices[s->slice_count++] = tree_take;
	return 0;
}

static int read_slices(struct sync *s, const struct key *service)
{
	const struct service_index *index = s->runner->services;
	size_t cursor = 0;
	struct span name;
	int rc = 0;

	while (!rc && s->slice_count < SLICES_READ_MAX &&
	       service_index_next_slice(index, service->ns, service->name, &cursor, &name)) {
		char *copy = span_dup(name);
		const struct key key = { RES_SLICES, service->ns, copy };
		struct json *tree = NULL;

		rc = copy ? runner_read(s->runner, &key, NULL, &tree) : -ENOMEM;
		free(copy);
		if (rc == -ENOENT) {
			rc = 0; /* going, and told of next */
			continue;
		}
		/* One that cannot be read may hold endpoints: nothing is written before it can. */
		if (!rc &&
		    !strcmp(json_str(json_get(json_path(tree, "metadata.labels"), LABEL_SERVICE_NAME), ""),
			    service->name))
			rc = keep_slice(s, tree);
		else
			json_free(tree);
	}
	return rc;
}

static int gather_pods(struct sync *s, const struct key *service)
{
	const struct service_index *index = s->runner->services;
	size_t cursor = 0;
	struct span name;

	while (service_index_next_pod(index, service->ns, service->name, &cursor, &name)) {
		char *copy = span_dup(name);
		const struct cluster_pod *pod =
			copy ? cluster_pod(&s->runner->cluster, service->ns, copy) : NULL;
		const struct pod_view **all;

		free(copy);
		if (!copy)
			return -ENOMEM;
		if (!pod)
			continue;
		if (s->pod_count == s->pod_cap) {
			all = reallocarray(s->pods, s->pod_cap ? 2 * s->pod_cap : 16, sizeof(*all));
			if (!all)
				return -ENOMEM;
			s->pods = all;
			s->pod_cap = s->pod_cap ? 2 * s->pod_cap : 16;
		}
		s->pods[s->pod_count++] = pod->view;
	}
	return 0;
}

static int read_all(struct sync *s, const struct key *service)
{
	const struct key endpoints = { RES_ENDPOINTS, service->ns, service->name };
	int rc = runner_read(s->runner, service, NULL, &s->service);

	if (!rc) {
		rc = runner_read(s->runner, &endpoints, NULL, &s->endpoints);
		rc = rc == -ENOENT ? 0 : rc;
	}
	if (!rc)
		rc = read_slices(s, service);
	return rc ? rc : gather_pods(s, service);
}

/* --- writing --- */

/* What the plan wants of a stored object, put over what it is now. */
static int become(void *ctx, struct json *tree, const struct object *stored)
{
	static const char *const members[] = { "endpoints", "subsets", NULL };
	static const char *const meta_members[] = { "labels", "annotations", "ownerReferences", NULL };
	struct op *op = ctx;
	struct json *wanted = NULL;
	int rc = op_is_target(op, tree);

	if (!rc)
		rc = json_parse(span_of(op->text), &wanted, NULL);
	for (size_t i = 0; !rc && members[i]; i++)
		if (json_get(wanted, members[i]))
			rc = json_set(tree, members[i], json_copy(json_get(wanted, members[i])));
	for (size_t i = 0; !rc && meta_members[i]; i++) {
		const struct json *value = json_get(json_get(wanted, "metadata"), meta_members[i]);

		if (value)
			rc = json_set(json_get(tree, "metadata"), meta_members[i], json_copy(value));
	}
	json_free(wanted);
	return rc;
}

static int update(struct sync *s, const struct endpoints_step *step, const struct key *key)
{
	const char *uid = json_path_str(step->before, "metadata.uid", "");
	struct op *op;
	struct buf text;
	int rc;

	buf_init(&text, JSON_MAX_BYTES);
	rc = json_write(step->after, &text);
	op = rc ? NULL : op_new(s->runner, s->job, NULL, uid, buf_cstr(&text));
	buf_done(&text);
	if (op)
		op_mutate(op, key, API_PART_OBJECT, become);
	return rc;
}

static int carry_out(struct sync *s, struct endpoints_step *step, const struct key *service)
{
	const struct key key = { step->resource, service->ns,
				 json_path_str(step->before, "metadata.name", "") };
	const struct api_delete_options options = { .if_uid = json_path_str(step->before, "metadata.uid", ""),
						    .grace_s = -1 };
	struct op *op;

	if (step->action == ENDPOINTS_UPDATE)
		return update(s, step, &key);
	op = op_new(s->runner, s->job, NULL, NULL, NULL);
	if (!op)
		return -ENOMEM;
	if (step->action == ENDPOINTS_CREATE) {
		op_create(op, step->after);
		step->after = NULL;
	} else {
		op_delete(op, &key, &options);
	}
	return 0;
}

static int look(struct sync *s, const struct key *service)
{
	const struct endpoints_input input = { .service = s->service,
					       .pods = s->pods,
					       .pod_count = s->pod_count,
					       .node = know_node,
					       .ctx = s->runner,
					       .slices = (const struct json *const *)s->slices,
					       .slice_count = s->slice_count,
					       .endpoints = s->endpoints };
	struct endpoints_plan plan;
	int rc = endpoints_plan(&input, &plan);

	for (size_t i = 0; !rc && i < plan.count; i++) {
		if (!runner_can_write(s->runner)) {
			s->job->again = true; /* the rest when these are done */
			break;
		}
		rc = carry_out(s, &plan.steps[i], service);
	}
	endpoints_plan_done(&plan);
	return rc;
}

/* Its dependents are being deleted first: what was made anew would have to go as well, without end. */
static bool is_going(const struct json *service)
{
	return json_path(service, "metadata.deletionTimestamp") &&
	       collect_policy_of(service) != COLLECT_NOTHING;
}

void work_service(struct job *job, const char *key_text)
{
	struct sync s = { .job = job, .runner = job->runner };
	struct key *key = runner_split_key(key_text, RES_SERVICES);
	int rc = key ? read_all(&s, key) : -ENOMEM;

	/* Of one that is gone, what it owned is the collector's. */
	if (!rc && !is_going(s.service))
		rc = look(&s, key);
	job->failed = job->failed || (rc && rc != -ENOENT && rc != -EBADMSG && rc != -EINVAL);
	for (size_t i = 0; i < s.slice_count; i++)
		json_free(s.slices[i]);
	free(s.slices);
	free(s.pods);
	json_free(s.service);
	json_free(s.endpoints);
	free(key);
}

/* --- observing --- */

/* Changes of pods come in flocks: they are gathered for a moment. */
static void concerned(void *ctx, const char *ns, const char *service)
{
	struct runner *r = ctx;
	struct buf key;

	buf_init(&key, WORKQUEUE_KEY_MAX);
	if (!buf_addf(&key, "%s/%s", ns, service))
		runner_queue_at(r, WORK_SERVICE, buf_cstr(&key), r->now_ms + SERVICE_BATCH_MS);
	buf_done(&key);
}

void services_see(struct runner *r, const struct object *object, const struct json *tree)
{
	const struct json *selector = endpoints_has_selector(tree) ? json_path(tree, "spec.selector") : NULL;

	if (service_index_see(r->services, object->key.ns, object->key.name, selector, &r->cluster))
		r->stats.damaged++;
	runner_queue_pair(r, WORK_SERVICE, object->key.ns, object->key.name);
}

void services_lose(struct runner *r, const struct object *object)
{
	service_index_lose(r->services, object->key.ns, object->key.name);
}

/* Written by somebody else, or by us. */
void services_see_endpoints(struct runner *r, const struct object *object)
{
	runner_queue_pair(r, WORK_SERVICE, object->key.ns, object->key.name);
}

static void see_slice(struct runner *r, const struct object *object, bool gone)
{
	const char *service = pairs_get(object->labels, LABEL_SERVICE_NAME);

	if (!service || !*service)
		return;
	if (service_index_slice(r->services, object->key.ns, service, object->key.name, gone))
		r->stats.damaged++;
	runner_queue_pair(r, WORK_SERVICE, object->key.ns, service);
}

void services_see_slice(struct runner *r, const struct object *object)
{
	see_slice(r, object, false);
}

void services_lose_slice(struct runner *r, const struct object *object)
{
	see_slice(r, object, true);
}

static bool serves_same(const struct pod_view *a, const struct pod_view *b)
{
	if (strcmp(a->uid, b->uid) != 0 || a->ready != b->ready || a->deleting != b->deleting ||
	    pod_is_over(a) != pod_is_over(b) || strcmp(a->node, b->node) != 0 ||
	    !span_eq(a->labels, b->labels) || a->ip_count != b->ip_count)
		return false;
	for (size_t i = 0; i < a->ip_count; i++)
		if (strcmp(a->ips[i], b->ips[i]) != 0)
			return false;
	return true;
}

void services_see_pod(struct runner *r, const struct pod_view *old, const struct pod_view *view)
{
	if (old && serves_same(old, view))
		return;
	if (service_index_pod(r->services, view->ns, view->name, false, view->labels, concerned, r))
		r->stats.damaged++;
}

void services_lose_pod(struct runner *r, const struct pod_view *view)
{
	if (service_index_pod(r->services, view->ns, view->name, true, SPAN(""), concerned, r))
		r->stats.damaged++;
}

void services_node_changed(struct runner *r, const char *name)
{
	const struct cluster_node *node = cluster_node(&r->cluster, name);

	service_index_each_mirrored(r->services, concerned, r); /* which may name any node */
	if (!node)
		return;
	list_for_each(&node->pods, at) {
		const struct pod_view *view = container_of(at, struct cluster_pod, in_node)->view;

		service_index_each(r->services, view->ns, view->name, concerned, r);
	}
}
