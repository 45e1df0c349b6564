#include "auth/authz_node.h"

#include <errno.h>
#include <stdio.h>

#include "api/selector.h"
#include "auth/podrefs.h"

#define RESOURCE_MAX 320u /* with its group, as it is stored */
#define NS_NODE_LEASE "kube-node-lease"

/* --- what a node may ask for --- */

/* A condition returns NULL when it holds, else why it does not. */
typedef const char *condition_fn(const struct graph *graph, const char *node,
				 const struct api_attributes *what);

static bool is_collection(const struct api_attributes *what)
{
	return strcmp(what->verb, "list") == 0 || strcmp(what->verb, "watch") == 0;
}

/* The one name a request is about: its own, or the one its field selector demands. NULL when it may be about several. */
static const char *single_name(const struct api_attributes *what)
{
	if (what->name && *what->name)
		return what->name;
	return is_collection(what) && what->fields ? selector_requires(what->fields, "metadata.name") : NULL;
}

static const char *own_name(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	const char *name = single_name(what);

	if (!name && strcmp(what->verb, "create") == 0)
		return NULL; /* the name is in the body: admission looks at it */
	return name && strcmp(name, node) == 0 ? NULL : "a node may only touch its own";
}

static const char *own_lease(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	if (strcmp(what->ns, NS_NODE_LEASE) != 0)
		return "a node's lease lives in " NS_NODE_LEASE;
	return own_name(graph, node, what);
}

static const char *in_set(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	const char *name = single_name(what);
	char resource[RESOURCE_MAX];
	const struct key key = { resource, strcmp(what->resource, "namespaces") == 0 ? "" : what->ns, name };

	if (!name)
		return "a node may only read objects by name";
	(void)snprintf(resource, sizeof(resource), "%s%s%s", what->resource, *what->group ? "." : "",
		       what->group);
	return graph && graph_has(graph, node, &key) ? NULL
						     : "no relationship found between node and this object";
}

static const char *runs_as(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	return graph && graph_runs_as(graph, node, what->ns, what->name)
		       ? NULL
		       : "no pod of this service account runs on the node";
}

static const char *bound_pods(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	const char *wanted = what->fields ? selector_requires(what->fields, "spec.nodeName") : NULL;

	if (wanted && strcmp(wanted, node) == 0)
		return NULL;
	return in_set(graph, node, what);
}

static const char *anything(const struct graph *graph, const char *node, const struct api_attributes *what)
{
	return NULL;
}

enum verb { READ_ONE = 1, READ_MANY = 2, CREATE = 4, WRITE = 8, DELETE = 16 };

static unsigned verb_bit(const char *verb)
{
	static const struct {
		const char *name;
		unsigned bit;
	} verbs[] = {
		{ "get", READ_ONE }, { "list", READ_MANY }, { "watch", READ_MANY }, { "create", CREATE },
		{ "update", WRITE }, { "patch", WRITE },    { "delete", DELETE },
	};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(verb, verbs[i].name) == 0)
			return verbs[i].bit;
	return 0;
}

/* What upstream's node authorizer and its system:node role come to, without what a node of ours has no use for. */
static const struct rule {
	const char *group, *resource, *subresource;
	unsigned verbs;
	condition_fn *condition;
} rules[] = {
	{ "", "nodes", "", READ_ONE | READ_MANY | CREATE | WRITE, own_name },
	{ "", "nodes", "status", READ_ONE | WRITE, own_name },
	{ "", "pods", "", READ_ONE | READ_MANY, bound_pods },
	{ "", "pods", "", CREATE, anything }, /* admission: only onto itself, without references */
	{ "", "pods", "", DELETE, in_set },
	{ "", "pods", "status", READ_ONE | WRITE, in_set },
	{ "", "pods", "eviction", CREATE, in_set },
	{ "", "secrets", "", READ_ONE | READ_MANY, in_set },
	{ "", "configmaps", "", READ_ONE | READ_MANY, in_set },
	{ "", "serviceaccounts", "", READ_ONE | READ_MANY, in_set },
	{ "", "serviceaccounts", "token", CREATE, runs_as },
	{ "", "persistentvolumeclaims", "", READ_ONE | READ_MANY, in_set },
	{ "", "namespaces", "", READ_ONE | READ_MANY, in_set },
	{ "", "services", "", READ_ONE | READ_MANY, anything },
	{ "discovery.k8s.io", "endpointslices", "", READ_ONE | READ_MANY, in_set },
	{ "health.holdfast.io", "regions", "", READ_ONE | READ_MANY, in_set },
	{ "", "events", "", CREATE | WRITE, anything },
	{ "events.k8s.io", "events", "", CREATE | WRITE, anything },
	{ "coordination.k8s.io", "leases", "", READ_ONE | CREATE | WRITE | DELETE, own_lease },
	{ "authentication.k8s.io", "selfsubjectreviews", "", CREATE, anything },
	{ "authorization.k8s.io", "selfsubjectaccessreviews", "", CREATE, anything },
	{ "authorization.k8s.io", "selfsubjectrulesreviews", "", CREATE, anything },
};

enum authz_opinion authz_node(const struct graph *graph, const char *name, const struct api_attributes *what,
			      struct authz_reason *reason)
{
	const char *why = "nodes have no use for this";
	unsigned bit = verb_bit(what->verb);

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *rule = &rules[i];

		if (!(rule->verbs & bit) || strcmp(rule->resource, what->resource) != 0 ||
		    strcmp(rule->subresource, what->subresource) != 0 ||
		    strcmp(rule->group, what->group) != 0)
			continue;
		why = rule->condition(graph, name, what);
		if (!why)
			return authz_say(reason, AUTHZ_ALLOW, "node %s", name);
	}
	return authz_say(reason, AUTHZ_DENY, "%s", why);
}

/* --- what the bodies may say --- */

static int refuse(struct err *err, const char *node, const char *what)
{
	return err_set(err, -EACCES, "node %s is not allowed to %s", node, what);
}

static bool owners_are_the_node(const struct json *object, const char *node)
{
	const struct json *owners = json_path(object, "metadata.ownerReferences");

	for (size_t i = 0; i < json_count(owners); i++)
		if (strcmp(json_path_str(json_at(owners, i), "kind", ""), "Node") != 0 ||
		    strcmp(json_path_str(json_at(owners, i), "name", ""), node) != 0)
			return false;
	return true;
}

static int admit_pod_create(const char *node, const struct json *object, struct err *err)
{
	struct buf what;
	int rc = 0;

	if (strcmp(json_path_str(object, "spec.nodeName", ""), node) != 0)
		return refuse(err, node, "create pods that are not bound to itself");
	if (!json_get(json_path(object, "metadata.annotations"), PODREFS_MIRROR))
		return refuse(err, node, "create pods other than mirrors of its static pods");
	if (!owners_are_the_node(object, node))
		return refuse(err, node, "create pods owned by anything but itself");
	buf_init(&what, 512);
	if (podrefs_any(object, &what))
		rc = err_set(err, -EACCES, "node %s is not allowed to create pods that name a %s", node,
			     buf_error(&what) ? "secret" : buf_cstr(&what));
	buf_done(&what);
	return rc;
}

/* An absent list and an empty one say the same. */
static bool same_list(const struct json *a, const struct json *b)
{
	return (!json_count(a) && !json_count(b)) || json_equal(a, b);
}

static bool same_at(const struct json *a, const struct json *b, const char *path)
{
	const struct json *x = json_path(a, path), *y = json_path(b, path);

	return json_is(x, JSON_STRING) || json_is(y, JSON_STRING) ? json_equal(x, y) : same_list(x, y);
}

static int admit_pod_status(const char *node, const struct json *object, const struct json *old,
			    struct err *err)
{
	static const char *const kept[] = { "metadata.labels", "metadata.annotations", "metadata.finalizers",
					    "metadata.ownerReferences" };

	if (strcmp(json_path_str(old, "spec.nodeName", ""), node) != 0)
		return refuse(err, node, "report on pods that are not bound to it");
	for (size_t i = 0; object && i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!same_at(object, old, kept[i]))
			return err_set(err, -EACCES, "node %s is not allowed to change %s of pods", node,
				       kept[i]);
	return 0;
}

/* What a machine knows of itself. All else says where secrets and work go, and comes from the operator or the token. */
static bool label_is_own(const char *key)
{
	static const char *const own[] = { "kubernetes.io/hostname",  "kubernetes.io/os",
					   "kubernetes.io/arch",      "beta.kubernetes.io/os",
					   "beta.kubernetes.io/arch", NULL };

	return authz_text_in(key, own);
}

/* Every label of `from` that is not the node's to say is the same in `to`. */
static bool fixed_labels_kept(const struct json *from, const struct json *to)
{
	struct json_iter it = json_iter(from);

	while (json_next(&it))
		if (!label_is_own(it.key) && !json_equal(it.value, json_get(to, it.key)))
			return false;
	return true;
}

static int admit_node(const char *node, const struct json *object, const struct json *old, struct err *err)
{
	static const char *const kept[] = { "metadata.ownerReferences",
					    "metadata.finalizers",
					    "spec.taints",
					    "spec.podCIDR",
					    "spec.podCIDRs",
					    "spec.configSource" };
	const struct json *labels = json_path(object, "metadata.labels"),
			  *had = json_path(old, "metadata.labels");

	if (strcmp(json_path_str(object, "metadata.name", ""), node) != 0)
		return refuse(err, node, "write another Node object than its own");
	if (!fixed_labels_kept(labels, had) || !fixed_labels_kept(had, labels))
		return refuse(
			err, node,
			"change labels of its Node other than host name, operating system and architecture");
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		/* Taints of its own making keep work away; a fresh Node may have them. */
		if (!same_at(object, old, kept[i]) && (old || strcmp(kept[i], "spec.taints") != 0))
			return err_set(err, -EACCES, "node %s is not allowed to change %s of its Node", node,
				       kept[i]);
	if (old && json_path_bool(object, "spec.unschedulable", false) !=
			   json_path_bool(old, "spec.unschedulable", false))
		return refuse(err, node, "change whether it may be scheduled on");
	return 0;
}

/* Of itself, and of pods bound to it. */
static bool may_tell(const struct graph *graph, const char *node, const struct json *event)
{
	const char *kind = json_path_str(event, "involvedObject.kind", ""),
		   *name = json_path_str(event, "involvedObject.name", ""),
		   *ns = json_path_str(event, "involvedObject.namespace", "");
	const struct key key = { "pods", ns, name };

	if (strcmp(kind, "Node") == 0)
		return strcmp(name, node) == 0;
	return strcmp(kind, "Pod") == 0 && graph && graph_has(graph, node, &key);
}

static int admit_event(const struct graph *graph, const char *node, const struct json *object,
		       const struct json *old, struct err *err)
{
	if (!may_tell(graph, node, object) || (old && !may_tell(graph, node, old)))
		return refuse(err, node, "tell of anything but itself and its pods");
	if (json_count(json_path(object, "metadata.ownerReferences")) ||
	    json_count(json_path(object, "metadata.finalizers")))
		return refuse(err, node, "give events owners or finalizers");
	return 0;
}

static int admit_lease(const char *node, const struct json *object, struct err *err)
{
	return strcmp(json_path_str(object, "metadata.name", ""), node) == 0
		       ? 0
		       : refuse(err, node, "write another node's lease");
}

int authz_node_admit(const struct graph *graph, const char *name, const struct api_attributes *what,
		     const struct json *object, const struct json *old, struct err *err)
{
	bool core = !*what->group, status = strcmp(what->subresource, "status") == 0;

	if (core && strcmp(what->resource, "pods") == 0) {
		if (strcmp(what->verb, "create") == 0 && !*what->subresource)
			return admit_pod_create(name, object, err);
		return old ? admit_pod_status(name, status ? object : NULL, old, err) : 0;
	}
	if (!object) /* a delete of something authorization let pass */
		return 0;
	if (core && strcmp(what->resource, "nodes") == 0)
		return admit_node(name, object, old, err);
	if (strcmp(what->resource, "events") == 0) /* of both groups: they are stored alike */
		return admit_event(graph, name, object, old, err);
	if (strcmp(what->group, "coordination.k8s.io") == 0 && strcmp(what->resource, "leases") == 0)
		return admit_lease(name, object, err);
	return 0;
}
