#include "control/endpoints.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/graph.h"
#include "base/map.h"
#include "control/endpoints_internal.h"

bool endpoints_has_selector(const struct json *service)
{
	return json_count(json_path(service, "spec.selector")) > 0 &&
	       strcmp(json_path_str(service, "spec.type", ""), "ExternalName") != 0;
}

/* --- steps --- */

static int add_step(struct endpoints_plan *plan, struct endpoints_step step)
{
	size_t cap = plan->cap ? plan->cap * 2 : 8;
	struct endpoints_step *steps;

	if (plan->count == plan->cap) {
		steps = reallocarray(plan->steps, cap, sizeof(*steps));
		if (!steps) {
			json_free(step.after);
			return -ENOMEM;
		}
		plan->steps = steps;
		plan->cap = cap;
	}
	plan->steps[plan->count++] = step;
	return 0;
}

int endpoints_add_step(struct endpoints_plan *plan, const char *resource, const struct json *before,
		       struct json *after_take, bool deletes)
{
	if (deletes)
		return add_step(plan, (struct endpoints_step){ ENDPOINTS_DELETE, resource, before, NULL });
	if (!after_take)
		return -ENOMEM;
	return add_step(plan, (struct endpoints_step){ before ? ENDPOINTS_UPDATE : ENDPOINTS_CREATE, resource,
						       before, after_take });
}

void endpoints_plan_done(struct endpoints_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		json_free(plan->steps[i].after);
	free(plan->steps);
	*plan = (struct endpoints_plan){ 0 };
}

/* --- groups: endpoints that may stand in one slice --- */

void endpoints_world_done(struct world *w)
{
	for (size_t i = 0; i < w->want_count; i++)
		json_free(w->wants[i].endpoint);
	for (size_t i = 0; i < w->group_count; i++)
		json_free(w->groups[i].ports);
	free(w->wants);
	free(w->groups);
	map_done(&w->by_id, NULL);
}

/* Takes the ports. */
static int want_group(struct world *w, const char *family, const char *region, struct json *ports_take,
		      size_t *out)
{
	struct group *groups;

	for (size_t i = 0; i < w->group_count; i++) {
		const struct group *g = &w->groups[i];

		if (!strcmp(g->family, family) && !strcmp(g->region, region) &&
		    json_equal(g->ports, ports_take)) {
			json_free(ports_take);
			*out = i;
			return 0;
		}
	}
	groups = w->group_count == GROUPS_MAX ? NULL
					      : reallocarray(w->groups, w->group_count + 1, sizeof(*groups));
	if (!groups || !ports_take) {
		w->groups = groups ? groups : w->groups;
		json_free(ports_take);
		return w->group_count == GROUPS_MAX ? -E2BIG : -ENOMEM;
	}
	w->groups = groups;
	groups[w->group_count] = (struct group){ .family = family, .region = region, .ports = ports_take };
	*out = w->group_count++;
	return 0;
}

static int id_of(const char *ip, const char *uid, size_t group, struct buf *out)
{
	return buf_addf(out, "%zu/%s/%s", group, ip, uid);
}

/* Takes the endpoint. One address of one pod stands in a group once. */
static int add_want(struct world *w, size_t group, const char *ip, const char *uid,
		    struct json *endpoint_take)
{
	struct want *wants;
	struct buf id;
	int rc = endpoint_take ? 0 : -ENOMEM;

	buf_init(&id, 1024);
	if (!rc)
		rc = id_of(ip, uid, group, &id);
	if (!rc && map_get(&w->by_id, buf_span(&id))) {
		json_free(endpoint_take);
		buf_done(&id);
		return 0;
	}
	wants = rc ? NULL : reallocarray(w->wants, w->want_count + 1, sizeof(*wants));
	if (!wants) {
		json_free(endpoint_take);
		buf_done(&id);
		return rc ? rc : -ENOMEM;
	}
	w->wants = wants;
	wants[w->want_count++] = (struct want){ .group = group, .endpoint = endpoint_take };
	/* Its number, so that the array may move. */
	rc = map_put(&w->by_id, buf_span(&id), (void *)(uintptr_t)w->want_count, NULL);
	buf_done(&id);
	return rc;
}

struct want *endpoints_find_want(struct world *w, const struct json *endpoint, size_t group)
{
	uintptr_t number = 0;
	struct buf id;

	buf_init(&id, 1024);
	if (!id_of(json_str(json_at(json_get(endpoint, "addresses"), 0), ""),
		   json_path_str(endpoint, "targetRef.uid", ""), group, &id))
		number = (uintptr_t)map_get(&w->by_id, buf_span(&id));
	buf_done(&id);
	return number ? &w->wants[number - 1] : NULL;
}

/* --- endpoints of pods --- */

static bool is_of_family(const char *ip, const char *family)
{
	return (strchr(ip, ':') != NULL) == !strcmp(family, "IPv6");
}

static const char *pod_ip(const struct pod_view *pod, const char *family)
{
	for (size_t i = 0; i < pod->ip_count; i++)
		if (is_of_family(pod->ips[i], family))
			return pod->ips[i];
	return NULL;
}

/* 0: the pod has no such port. */
static int64_t port_number(const struct json *port, const struct pod_view *pod)
{
	const struct json *target = json_get(port, "targetPort");
	const char *protocol = json_str(json_get(port, "protocol"), "TCP");

	if (!json_is(target, JSON_STRING))
		return json_int(target, json_int(json_get(port, "port"), 0));
	for (size_t i = 0; i < pod->named_count; i++)
		if (!strcmp(pod->named[i].name, json_str(target, "")) &&
		    !strcmp(pod->named[i].protocol, protocol))
			return pod->named[i].port;
	return 0;
}

static int add_port(struct json *list, const struct json *port, int64_t number)
{
	struct json *out = json_new_object();
	const char *app = json_str(json_get(port, "appProtocol"), "");
	int rc = out ? 0 : -ENOMEM;

	if (!rc)
		rc = json_set_str(out, "name", json_str(json_get(port, "name"), ""));
	if (!rc)
		rc = json_set_str(out, "protocol", json_str(json_get(port, "protocol"), "TCP"));
	if (!rc)
		rc = json_set_int(out, "port", number);
	if (!rc && app[0])
		rc = json_set_str(out, "appProtocol", app);
	if (rc) {
		json_free(out);
		return rc;
	}
	return json_append(list, out);
}

static struct json *ports_of(const struct json *service, const struct pod_view *pod)
{
	const struct json *ports = json_path(service, "spec.ports");
	struct json *list = json_new_array();
	int rc = list ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < json_count(ports); i++) {
		int64_t number = port_number(json_at(ports, i), pod);

		if (number)
			rc = add_port(list, json_at(ports, i), number);
	}
	if (rc) {
		json_free(list);
		return NULL;
	}
	return list;
}

static int add_pod_facts(struct json *endpoint, const struct pod_view *pod, const char *service,
			 const struct endpoints_node *node)
{
	struct json *target = json_ensure(endpoint, "targetRef");
	int rc = target ? json_set_str(target, "kind", "Pod") : -ENOMEM;

	if (!rc)
		rc = json_set_str(target, "namespace", pod->ns);
	if (!rc)
		rc = json_set_str(target, "name", pod->name);
	if (!rc)
		rc = json_set_str(target, "uid", pod->uid);
	if (!rc && *pod->hostname && !strcmp(pod->subdomain, service))
		rc = json_set_str(endpoint, "hostname", pod->hostname);
	if (!rc && *pod->node)
		rc = json_set_str(endpoint, "nodeName", pod->node);
	return rc || !*node->zone ? rc : json_set_str(endpoint, "zone", node->zone);
}

static struct json *new_endpoint(const char *ip, bool ready, bool serving, bool terminating)
{
	struct json *endpoint = json_new_object(), *addresses = json_new_array(),
		    *conditions = json_ensure(endpoint, "conditions");
	int rc = endpoint && conditions ? 0 : -ENOMEM;

	if (!rc)
		rc = json_append(addresses, json_new_str(ip));
	if (rc) {
		json_free(addresses);
		json_free(endpoint);
		return NULL;
	}
	rc = json_set(endpoint, "addresses", addresses);
	if (!rc)
		rc = json_set_bool(conditions, "ready", ready);
	if (!rc)
		rc = json_set_bool(conditions, "serving", serving);
	if (!rc)
		rc = json_set_bool(conditions, "terminating", terminating);
	if (!rc)
		return endpoint;
	json_free(endpoint);
	return NULL;
}

static struct json *endpoint_of(const struct world *w, const struct pod_view *pod, const char *ip,
				const struct endpoints_node *node)
{
	bool serving = pod->ready && !node->gone;
	bool ready = w->publish_all || (serving && !pod->deleting);
	struct json *endpoint = new_endpoint(ip, ready, serving, pod->deleting);

	if (!endpoint)
		return NULL;
	if (!add_pod_facts(endpoint, pod, json_path_str(w->input->service, "metadata.name", ""), node))
		return endpoint;
	json_free(endpoint);
	return NULL;
}

static void look_up(const struct world *w, const char *name, struct endpoints_node *out)
{
	*out = (struct endpoints_node){ "", "", false };
	if (*name && w->input->node && !w->input->node(w->input->ctx, name, out))
		*out = (struct endpoints_node){ "", "", false };
}

static int want_pod(struct world *w, const struct pod_view *pod, const char *family)
{
	const char *ip = pod_ip(pod, family);
	struct endpoints_node node;
	size_t group = 0;
	int rc;

	if (!ip || pod_is_over(pod))
		return 0;
	look_up(w, pod->node, &node);
	rc = want_group(w, family, node.region, ports_of(w->input->service, pod), &group);
	if (rc == -E2BIG)
		return 0;
	return rc ? rc : add_want(w, group, ip, pod->uid, endpoint_of(w, pod, ip, &node));
}

static int want_pods(struct world *w)
{
	const struct json *families = json_path(w->input->service, "spec.ipFamilies");
	int rc = 0;

	for (size_t f = 0; !rc && f < json_count(families); f++) {
		const char *family = json_str(json_at(families, f), "");

		for (size_t i = 0; !rc && i < w->input->pod_count && i < ENDPOINTS_PODS_MAX; i++)
			rc = want_pod(w, w->input->pods[i], family);
	}
	return rc;
}

/* --- endpoints that somebody wrote --- */

static struct json *mirrored_ports(const struct json *subset)
{
	const struct json *ports = json_get(subset, "ports");
	struct json *list = json_new_array();
	int rc = list ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < json_count(ports); i++)
		rc = add_port(list, json_at(ports, i), json_int(json_get(json_at(ports, i), "port"), 0));
	if (!rc)
		return list;
	json_free(list);
	return NULL;
}

static int copy_text(struct json *to, const struct json *from, const char *key)
{
	const char *text = json_str(json_get(from, key), "");

	return text[0] ? json_set_str(to, key, text) : 0;
}

static int mirror_address(struct world *w, const struct json *subset, const struct json *address, bool ready)
{
	const char *ip = json_str(json_get(address, "ip"), "");
	const struct json *target = json_get(address, "targetRef");
	struct json *endpoint;
	struct endpoints_node node;
	size_t group = 0;
	int rc;

	look_up(w, json_str(json_get(address, "nodeName"), ""), &node);
	rc = want_group(w, strchr(ip, ':') ? "IPv6" : "IPv4", node.region, mirrored_ports(subset), &group);
	if (rc)
		return rc == -E2BIG ? 0 : rc;
	ready = ready && !node.gone;
	endpoint = new_endpoint(ip, ready, ready, false);
	rc = endpoint ? copy_text(endpoint, address, "hostname") : -ENOMEM;
	if (!rc)
		rc = copy_text(endpoint, address, "nodeName");
	if (!rc && *node.zone)
		rc = json_set_str(endpoint, "zone", node.zone);
	if (!rc && target)
		rc = json_set(endpoint, "targetRef", json_copy(target));
	if (rc) {
		json_free(endpoint);
		return rc;
	}
	return add_want(w, group, ip, json_str(json_get(target, "uid"), ""), endpoint);
}

static int want_mirrored(struct world *w)
{
	const struct json *subsets = json_get(w->input->endpoints, "subsets");
	int rc = 0;

	for (size_t s = 0; !rc && s < json_count(subsets); s++) {
		const struct json *subset = json_at(subsets, s), *good = json_get(subset, "addresses"),
				  *bad = json_get(subset, "notReadyAddresses");

		for (size_t i = 0; !rc && i < json_count(good); i++)
			rc = mirror_address(w, subset, json_at(good, i), true);
		for (size_t i = 0; !rc && i < json_count(bad); i++)
			rc = mirror_address(w, subset, json_at(bad, i), false);
	}
	return rc;
}

/* A Service without an endpoint has one slice that says so. */
static int want_placeholder(struct world *w)
{
	const struct json *families = json_path(w->input->service, "spec.ipFamilies");
	size_t group;
	int rc = 0;

	for (size_t f = 0; !rc && !w->want_count && f < json_count(families); f++)
		rc = want_group(w, json_str(json_at(families, f), ""), "", json_new_array(), &group);
	return rc;
}

/* --- the whole --- */

int endpoints_plan(const struct endpoints_input *input, struct endpoints_plan *out)
{
	struct world w = { .input = input,
			   .publish_all =
				   json_path_bool(input->service, "spec.publishNotReadyAddresses", false),
			   .selects = endpoints_has_selector(input->service),
			   .plan = out };
	int rc = 0;

	*out = (struct endpoints_plan){ 0 };
	if (!json_is(json_get(input->service, "spec"), JSON_OBJECT))
		return -EINVAL;
	map_init(&w.by_id, 4 * ENDPOINTS_PODS_MAX);
	if (w.selects)
		rc = want_pods(&w);
	else if (strcmp(json_path_str(input->service, "spec.type", ""), "ExternalName") != 0)
		rc = want_mirrored(&w);
	if (!rc && w.selects)
		rc = want_placeholder(&w);
	if (!rc && w.selects)
		rc = endpoints_plan_object(&w);
	if (!rc)
		rc = endpoints_plan_slices(&w);
	endpoints_world_done(&w);
	return rc;
}
