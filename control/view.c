#include "control/view.h"

#include <errno.h>
#include <stdlib.h>

#include "api/quantity.h"
#include "base/clock.h"
#include "base/walltime.h"
#include "cache/object.h"
#include "control/eviction.h"
#include "control/nodelife.h"

#define LABELS_MAX 4096u
#define PORTS_MAX 4096u
#define IPS_MAX 16u

/* --- amounts --- */

static int quantity_text(const struct json *value, struct buf *out)
{
	if (json_is(value, JSON_STRING))
		return buf_add_span(out, json_span(value));
	return json_write(value, out);
}

static int amount(const struct json *list, const char *name, bool milli, int64_t *out)
{
	const struct json *value = json_get(list, name);
	struct buf text;
	int rc;

	*out = 0;
	if (!value)
		return 0;
	buf_init(&text, 256);
	rc = quantity_text(value, &text);
	if (!rc)
		rc = milli ? quantity_parse_milli(buf_span(&text), out)
			   : quantity_parse(buf_span(&text), out);
	buf_done(&text);
	if (*out < 0)
		*out = 0;
	return rc ? -EINVAL : 0;
}

int amounts_of(const struct json *list, struct amounts *out, int64_t *out_pods)
{
	int rc = amount(list, "cpu", true, &out->of[RESOURCE_CPU]);

	if (!rc)
		rc = amount(list, "memory", false, &out->of[RESOURCE_MEMORY]);
	if (!rc)
		rc = amount(list, "ephemeral-storage", false, &out->of[RESOURCE_STORAGE]);
	if (!rc && out_pods)
		rc = amount(list, "pods", false, out_pods);
	return rc;
}

static int64_t add_capped(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void amounts_add(struct amounts *to, const struct amounts *from)
{
	for (size_t i = 0; i < RESOURCES; i++)
		to->of[i] = add_capped(to->of[i], from->of[i]);
}

static void amounts_max(struct amounts *to, const struct amounts *from)
{
	for (size_t i = 0; i < RESOURCES; i++)
		if (from->of[i] > to->of[i])
			to->of[i] = from->of[i];
}

static int container_requests(const struct json *container, struct amounts *out)
{
	return amounts_of(json_path(container, "resources.requests"), out, NULL);
}

/* Init containers run one after another, beside the sidecars (restartPolicy Always) started before them. */
static int init_requests(const struct json *list, struct amounts *out_peak, struct amounts *out_sidecars)
{
	for (size_t i = 0; i < json_count(list); i++) {
		struct amounts own = { { 0 } }, peak;
		int rc = container_requests(json_at(list, i), &own);

		if (rc)
			return rc;
		if (strcmp(json_str(json_get(json_at(list, i), "restartPolicy"), ""), "Always") == 0)
			amounts_add(out_sidecars, &own);
		peak = *out_sidecars;
		if (strcmp(json_str(json_get(json_at(list, i), "restartPolicy"), ""), "Always") != 0)
			amounts_add(&peak, &own);
		amounts_max(out_peak, &peak);
	}
	return 0;
}

int requests_of(const struct json *spec, struct amounts *out)
{
	struct amounts peak = { { 0 } }, total = { { 0 } }, overhead = { { 0 } };
	const struct json *containers = json_get(spec, "containers");
	int rc = init_requests(json_get(spec, "initContainers"), &peak, &total);

	for (size_t i = 0; !rc && i < json_count(containers); i++) {
		struct amounts own = { { 0 } };

		rc = container_requests(json_at(containers, i), &own);
		amounts_add(&total, &own);
	}
	if (!rc)
		rc = amounts_of(json_get(spec, "overhead"), &overhead, NULL);
	if (rc)
		return rc;
	amounts_max(&total, &peak);
	amounts_add(&total, &overhead);
	*out = total;
	return 0;
}

/* --- labels --- */

static int by_key(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Keys in order, as packed pairs want them. */
static int sorted_pairs(const struct json *map, const char **keys, struct buf *packed)
{
	struct json_iter it = json_iter(map);
	size_t count = 0;
	int rc = 0;

	while (json_next(&it))
		keys[count++] = it.key;
	qsort(keys, count, sizeof(*keys), by_key);
	for (size_t i = 0; !rc && i < count; i++)
		rc = pairs_add(packed, keys[i], json_str(json_get(map, keys[i]), ""));
	return rc;
}

int labels_of(const struct json *map, struct arena *arena, struct span *out)
{
	const char **keys;
	struct buf packed;
	int rc;

	*out = SPAN("");
	if (!json_count(map))
		return 0;
	if (!json_is(map, JSON_OBJECT) || json_count(map) > LABELS_MAX)
		return -EINVAL;
	keys = calloc(json_count(map), sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	buf_init(&packed, 512 * 1024);
	rc = sorted_pairs(map, keys, &packed);
	if (!rc) {
		*out = span_make(arena_copy(arena, buf_span(&packed)), packed.len);
		rc = out->ptr ? 0 : -ENOMEM;
	}
	buf_done(&packed);
	free(keys);
	return rc;
}

/* --- pods --- */

static enum pod_phase phase_of(const char *text)
{
	static const char *const names[] = { [POD_PENDING] = "Pending",
					     [POD_RUNNING] = "Running",
					     [POD_SUCCEEDED] = "Succeeded",
					     [POD_FAILED] = "Failed",
					     [POD_UNKNOWN] = "Unknown" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return POD_PENDING;
}

static int64_t time_of(const struct json *value)
{
	int64_t wall_ms = 0;

	return clock_parse(json_span(value), &wall_ms) ? 0 : wall_ms;
}

static int decode_conditions(const struct json *list, struct pod_view *view)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *c = json_at(list, i);
		const char *type = json_str(json_get(c, "type"), ""),
			   *status = json_str(json_get(c, "status"), "");

		if (strcmp(type, "Ready") == 0) {
			view->ready = strcmp(status, "True") == 0;
			view->ready_since_wall_ms = time_of(json_get(c, "lastTransitionTime"));
		} else if (strcmp(type, "PodScheduled") == 0 && strcmp(status, "False") == 0) {
			view->unschedulable = true;
			view->unschedulable_message =
				arena_str(&view->arena, json_str(json_get(c, "message"), ""));
			if (!view->unschedulable_message)
				return -ENOMEM;
		}
	}
	return 0;
}

static int64_t most_restarts(const struct json *statuses)
{
	int64_t most = 0;

	for (size_t i = 0; i < json_count(statuses); i++) {
		int64_t own = json_int(json_get(json_at(statuses, i), "restartCount"), 0);

		if (own > most)
			most = own;
	}
	return most;
}

/* A number of 32 bits in upstream's spelling; what is not one counts as 0. */
static int64_t deletion_cost_of(const struct json *annotations)
{
	struct span text = json_span(json_get(annotations, ANNOTATION_DELETION_COST));
	int64_t cost = 0;

	if (!text.len || span_to_i64(text, &cost) || cost < INT32_MIN || cost > INT32_MAX)
		return 0;
	return cost;
}

static int decode_controller(const struct json *owners, struct pod_view *view)
{
	for (size_t i = 0; i < json_count(owners); i++) {
		const struct json *owner = json_at(owners, i);

		if (!json_bool(json_get(owner, "controller"), false))
			continue;
		view->controller =
			(struct owner_view){ arena_str(&view->arena,
						       json_str(json_get(owner, "apiVersion"), "")),
					     arena_str(&view->arena, json_str(json_get(owner, "kind"), "")),
					     arena_str(&view->arena, json_str(json_get(owner, "name"), "")),
					     arena_str(&view->arena, json_str(json_get(owner, "uid"), "")) };
		return view->controller.api_version && view->controller.kind && view->controller.name &&
				       view->controller.uid
			       ? 0
			       : -ENOMEM;
	}
	return 0;
}

static size_t count_ports(const struct json *containers)
{
	size_t count = 0;

	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		for (size_t k = 0; k < json_count(ports); k++)
			count += json_int(json_get(json_at(ports, k), "hostPort"), 0) > 0;
	}
	return count;
}

static int decode_ports(const struct json *containers, struct pod_view *view)
{
	size_t count = count_ports(containers);
	struct host_port *all;

	if (count > PORTS_MAX)
		return -EINVAL;
	if (!count)
		return 0;
	all = arena_array(&view->arena, count, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		for (size_t k = 0; k < json_count(ports); k++) {
			const struct json *port = json_at(ports, k);
			struct host_port own = {
				json_int(json_get(port, "hostPort"), 0),
				arena_str(&view->arena, json_str(json_get(port, "protocol"), "TCP")),
				arena_str(&view->arena, json_str(json_get(port, "hostIP"), "0.0.0.0"))
			};

			if (own.port <= 0)
				continue;
			if (!own.protocol || !own.ip)
				return -ENOMEM;
			all[view->port_count++] = own;
		}
	}
	view->ports = all;
	return 0;
}

static bool is_sidecar(const struct json *container)
{
	return strcmp(json_str(json_get(container, "restartPolicy"), ""), "Always") == 0;
}

static size_t count_named(const struct json *containers, bool only_sidecars)
{
	size_t count = 0;

	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		for (size_t k = 0; k < json_count(ports); k++)
			count += (!only_sidecars || is_sidecar(json_at(containers, i))) &&
				 *json_str(json_get(json_at(ports, k), "name"), "");
	}
	return count;
}

static int add_named(const struct json *containers, bool only_sidecars, struct pod_view *view,
		     struct named_port *all)
{
	for (size_t i = 0; i < json_count(containers); i++) {
		const struct json *ports = json_get(json_at(containers, i), "ports");

		if (only_sidecars && !is_sidecar(json_at(containers, i)))
			continue;
		for (size_t k = 0; k < json_count(ports); k++) {
			const struct json *port = json_at(ports, k);
			const char *name = json_str(json_get(port, "name"), "");
			struct named_port own = { json_int(json_get(port, "containerPort"), 0), NULL, NULL };

			if (!*name)
				continue;
			own.name = arena_str(&view->arena, name);
			own.protocol = arena_str(&view->arena, json_str(json_get(port, "protocol"), "TCP"));
			if (!own.name || !own.protocol)
				return -ENOMEM;
			all[view->named_count++] = own;
		}
	}
	return 0;
}

static int decode_named(const struct json *spec, struct pod_view *view)
{
	const struct json *main = json_get(spec, "containers"), *init = json_get(spec, "initContainers");
	size_t count = count_named(main, false) + count_named(init, true);
	struct named_port *all;
	int rc;

	if (count > PORTS_MAX)
		return -EINVAL;
	if (!count)
		return 0;
	all = arena_array(&view->arena, count, sizeof(*all));
	if (!all)
		return -ENOMEM;
	rc = add_named(main, false, view, all);
	if (!rc)
		rc = add_named(init, true, view, all);
	view->named = all;
	return rc;
}

static int decode_addresses(const struct json *pod, struct pod_view *view)
{
	const struct json *status = json_get(pod, "status"), *list = json_get(status, "podIPs");
	const char *only = json_str(json_get(status, "podIP"), "");
	size_t count = json_count(list);
	const char **all;

	if (count > IPS_MAX)
		return -EINVAL;
	if (!count && !*only)
		return 0;
	all = arena_array(&view->arena, count ? count : 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < (count ? count : 1); i++) {
		all[i] = arena_str(&view->arena,
				   count ? json_str(json_get(json_at(list, i), "ip"), "") : only);
		if (!all[i])
			return -ENOMEM;
	}
	view->ips = all;
	view->ip_count = count ? count : 1;
	return 0;
}

static int decode_pod_texts(const struct json *pod, struct pod_view *view)
{
	const struct json *meta = json_get(pod, "metadata");
	const char *hash;
	int rc;

	view->ns = arena_str(&view->arena, json_str(json_get(meta, "namespace"), ""));
	view->name = arena_str(&view->arena, json_str(json_get(meta, "name"), ""));
	view->uid = arena_str(&view->arena, json_str(json_get(meta, "uid"), ""));
	view->node = arena_str(&view->arena, json_path_str(pod, "spec.nodeName", ""));
	view->scheduler =
		arena_str(&view->arena, json_path_str(pod, "spec.schedulerName", "default-scheduler"));
	view->hostname = arena_str(&view->arena, json_path_str(pod, "spec.hostname", ""));
	view->subdomain = arena_str(&view->arena, json_path_str(pod, "spec.subdomain", ""));
	if (!view->ns || !view->name || !view->uid || !view->node || !view->scheduler || !view->hostname ||
	    !view->subdomain)
		return -ENOMEM;
	rc = *view->name ? labels_of(json_get(meta, "labels"), &view->arena, &view->labels) : -EINVAL;
	if (rc)
		return rc;
	hash = pairs_get(view->labels, "controller-revision-hash");
	view->revision_hash = hash ? hash : "";
	view->created_wall_ms = time_of(json_get(meta, "creationTimestamp"));
	view->deleting = json_get(meta, "deletionTimestamp") != NULL;
	view->deletion_cost = deletion_cost_of(json_get(meta, "annotations"));
	view->exclusive = eviction_is_exclusive(pod);
	view->orphaned = json_get(json_get(meta, "annotations"), ANNOTATION_ORPHANED) != NULL;
	return 0;
}

static int decode_pod(const struct json *pod, struct pod_view *view)
{
	const struct json *spec = json_get(pod, "spec"), *status = json_get(pod, "status");
	int rc = json_is(spec, JSON_OBJECT) ? decode_pod_texts(pod, view) : -EINVAL;

	if (!rc)
		rc = decode_conditions(json_get(status, "conditions"), view);
	if (!rc)
		rc = decode_controller(json_path(pod, "metadata.ownerReferences"), view);
	if (!rc)
		rc = decode_ports(json_get(spec, "containers"), view);
	if (!rc)
		rc = decode_named(spec, view);
	if (!rc)
		rc = decode_addresses(pod, view);
	if (!rc)
		rc = requests_of(spec, &view->requests);
	view->restarts = most_restarts(json_get(status, "containerStatuses"));
	view->phase = phase_of(json_str(json_get(status, "phase"), ""));
	view->scheduling_gated = json_count(json_get(spec, "schedulingGates")) > 0;
	if (rc || *view->node)
		return rc;
	view->has_placement = true;
	return placement_decode(spec, &view->arena, &view->placement);
}

int pod_view_of(const struct json *pod, struct pod_view **out)
{
	struct pod_view *view = calloc(1, sizeof(*view));
	int rc;

	if (!view)
		return -ENOMEM;
	view->unschedulable_message = view->revision_hash = "";
	view->controller = (struct owner_view){ "", "", "", "" };
	rc = decode_pod(pod, view);
	if (rc) {
		pod_view_free(view);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	*out = view;
	return 0;
}

void pod_view_free(struct pod_view *view)
{
	if (!view)
		return;
	arena_done(&view->arena);
	free(view);
}

bool pod_is_available(const struct pod_view *pod, int64_t min_ready_s, int64_t now_wall_ms,
		      int64_t *out_due_wall_ms)
{
	int64_t due = pod->ready_since_wall_ms + min_ready_s * 1000;

	*out_due_wall_ms = 0;
	if (!pod->ready || pod->deleting)
		return false;
	if (min_ready_s <= 0 || !pod->ready_since_wall_ms || due <= now_wall_ms)
		return true;
	/* Ready in the future: a clock was put back since, and waiting for it could take years. */
	if (pod->ready_since_wall_ms > now_wall_ms + WALLTIME_TOLERANCE_MS)
		return true;
	*out_due_wall_ms = due;
	return false;
}

/* --- nodes --- */

static void decode_node_conditions(const struct json *list, struct node_view *view)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *c = json_at(list, i);
		const char *type = json_str(json_get(c, "type"), ""),
			   *status = json_str(json_get(c, "status"), "");

		if (strcmp(type, "Ready") == 0)
			view->ready = strcmp(status, "True") == 0    ? NODE_READY_TRUE
				      : strcmp(status, "False") == 0 ? NODE_READY_FALSE
								     : NODE_READY_UNKNOWN;
		else if (strcmp(type, "CutOff") == 0)
			view->cut_off = strcmp(status, "True") == 0;
	}
}

static int decode_node(const struct json *node, struct node_view *view)
{
	const struct json *meta = json_get(node, "metadata"), *spec = json_get(node, "spec");
	const struct json *allocatable = json_path(node, "status.allocatable");
	int rc;

	view->at.name = arena_str(&view->arena, json_str(json_get(meta, "name"), ""));
	view->uid = arena_str(&view->arena, json_str(json_get(meta, "uid"), ""));
	if (!view->at.name || !view->uid)
		return -ENOMEM;
	if (!*view->at.name)
		return -EINVAL;
	rc = labels_of(json_get(meta, "labels"), &view->arena, &view->at.labels);
	if (!rc)
		rc = taints_decode(json_get(spec, "taints"), &view->arena, &view->at.taints,
				   &view->at.taint_count);
	if (!rc)
		rc = amounts_of(allocatable ? allocatable : json_path(node, "status.capacity"),
				&view->allocatable, &view->allocatable_pods);
	view->deleting = json_get(meta, "deletionTimestamp") != NULL;
	view->unschedulable = json_bool(json_get(spec, "unschedulable"), false);
	view->unhealthy = strcmp(json_str(json_get(json_get(meta, "annotations"), ANNOTATION_UNHEALTHY), ""),
				 "yes") == 0;
	decode_node_conditions(json_path(node, "status.conditions"), view);
	return rc;
}

int node_view_of(const struct json *node, struct node_view **out)
{
	struct node_view *view = calloc(1, sizeof(*view));
	int rc;

	if (!view)
		return -ENOMEM;
	rc = decode_node(node, view);
	if (rc) {
		node_view_free(view);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	*out = view;
	return 0;
}

void node_view_free(struct node_view *view)
{
	if (!view)
		return;
	arena_done(&view->arena);
	free(view);
}

static bool taints_same(const struct placement_node *a, const struct placement_node *b)
{
	if (a->taint_count != b->taint_count)
		return false;
	for (size_t i = 0; i < a->taint_count; i++)
		if (a->taints[i].effect != b->taints[i].effect ||
		    strcmp(a->taints[i].key, b->taints[i].key) != 0 ||
		    strcmp(a->taints[i].value, b->taints[i].value) != 0)
			return false;
	return true;
}

bool node_view_same(const struct node_view *a, const struct node_view *b)
{
	return strcmp(a->uid, b->uid) == 0 && a->deleting == b->deleting &&
	       a->unschedulable == b->unschedulable && a->unhealthy == b->unhealthy &&
	       a->cut_off == b->cut_off && a->ready == b->ready &&
	       a->allocatable_pods == b->allocatable_pods &&
	       memcmp(&a->allocatable, &b->allocatable, sizeof(a->allocatable)) == 0 &&
	       span_eq(a->at.labels, b->at.labels) && taints_same(&a->at, &b->at);
}
