#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/authz.h"
#include "auth/rbac_policy.h"

/* Node n1 runs pod default/web, which names secret tls and account builder; n2 runs default/other. */
struct fixture {
	struct graph *graph;
	struct rbac *rbac;
	struct authz *authz;
	const struct api_identity *admin, *user, *node;
};

static void bind(struct graph *graph, const char *name, const char *spec)
{
	struct object object = { .key = { "pods", "default", name }, .uid = name, .body = span_of(spec) };

	assert_int_equal(graph_put(graph, &object), 0);
}

/* What every cluster starts with. */
static void load_defaults(struct rbac *rbac)
{
	for (size_t i = 0; i < rbac_default_count(); i++) {
		struct json *tree = rbac_default_make(i);
		struct object object = { .key = rbac_default_key(i) };
		struct buf body;

		buf_init(&body, 1 << 20);
		assert_int_equal(json_write(tree, &body), 0);
		object.body = buf_span(&body);
		assert_int_equal(rbac_put(rbac, &object), 0);
		buf_done(&body);
		json_free(tree);
	}
}

static int setup(void **state)
{
	static const char *const masters[] = { "system:masters", NULL }, *const nodes[] = { "system:nodes",
											    NULL };
	struct fixture *f = calloc(1, sizeof(*f));

	if (graph_new(NULL, NULL, &f->graph) || rbac_new(&f->rbac) ||
	    authz_new(f->graph, f->rbac, &f->authz) || identity_new("root", masters, &f->admin) ||
	    identity_new("jo", NULL, &f->user) || identity_new("system:node:n1", nodes, &f->node))
		return -1;
	bind(f->graph, "web",
	     "{\"spec\":{\"nodeName\":\"n1\",\"serviceAccountName\":\"builder\",\"imagePullSecrets\":[{"
	     "\"name\":\"tls\"}]}}");
	bind(f->graph, "other",
	     "{\"spec\":{\"nodeName\":\"n2\",\"imagePullSecrets\":[{\"name\":\"theirs\"}]}}");
	load_defaults(f->rbac);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	identity_free(f->admin);
	identity_free(f->user);
	identity_free(f->node);
	authz_free(f->authz);
	rbac_free(f->rbac);
	graph_free(f->graph);
	free(f);
	return 0;
}

static bool may(struct fixture *f, const struct api_identity *who, const char *verb, const char *resource,
		const char *ns, const char *name, const char *fields)
{
	struct api_attributes what = { .identity = who,
				       .verb = verb,
				       .is_resource = true,
				       .path = "",
				       .group = "",
				       .version = "v1",
				       .subresource = "",
				       .ns = ns,
				       .name = name };
	char group_resource[128], reason[AUTHZ_REASON_SIZE] = "";
	struct span head, rest, group;
	struct selector *selector = NULL;
	bool allowed;

	/* "resource.group/subresource" */
	(void)snprintf(group_resource, sizeof(group_resource), "%s", resource);
	if (span_cut(span_of(group_resource), '/', &head, &rest)) {
		group_resource[head.len] = '\0';
		what.subresource = rest.ptr;
	}
	if (span_cut(span_of(group_resource), '.', &head, &group)) {
		group_resource[head.len] = '\0';
		what.group = group.ptr;
	}
	what.resource = group_resource;
	if (fields)
		assert_int_equal(selector_parse_fields(span_of(fields), &selector, NULL), 0);
	what.fields = selector;
	allowed = authz_check(f->authz, &what, reason, sizeof(reason));
	selector_free(selector);
	return allowed;
}

static bool may_path(struct fixture *f, const struct api_identity *who, const char *verb, const char *path)
{
	struct api_attributes what = { .identity = who,
				       .verb = verb,
				       .path = path,
				       .group = "",
				       .version = "",
				       .resource = "",
				       .subresource = "",
				       .ns = "",
				       .name = "" };
	char reason[AUTHZ_REASON_SIZE] = "";

	return authz_check(f->authz, &what, reason, sizeof(reason));
}

static void masters_may_do_everything(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, f->admin, "delete", "secrets", "default", "tls", NULL));
	assert_true(may(f, f->admin, "deletecollection", "daemonsets.apps", "x", "", NULL));
	assert_true(may_path(f, f->admin, "get", "/metrics"));
}

static void everybody_else_may_do_nothing(void **state)
{
	struct fixture *f = *state;

	assert_false(may(f, f->user, "get", "pods", "default", "web", NULL));
	assert_false(may(f, f->user, "list", "namespaces", "", "", NULL));
	assert_false(may(f, identity_anonymous(), "get", "pods", "default", "web", NULL));
	assert_false(may(f, NULL, "get", "pods", "default", "web", NULL));
	assert_false(may_path(f, f->user, "get", "/metrics"));
	assert_false(may_path(f, NULL, "get", "/healthz"));
}

static void health_and_version_are_open(void **state)
{
	static const char *const open[] = { "/healthz", "/livez", "/readyz", "/version" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
		assert_true(may_path(f, identity_anonymous(), "get", open[i]));
		assert_false(may_path(f, identity_anonymous(), "post", open[i]));
	}
	assert_false(may_path(f, identity_anonymous(), "get", "/apis"));
	assert_true(may_path(f, f->user, "get", "/apis"));
	assert_true(may_path(f, f->user, "get", "/apis/apps/v1"));
	assert_true(may_path(f, f->user, "get", "/openapi/v2"));
	assert_false(may_path(f, f->user, "get", "/apisx"));
	assert_false(may_path(f, f->user, "put", "/apis"));
}

static void everybody_known_may_ask_about_himself(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, f->user, "create", "selfsubjectaccessreviews.authorization.k8s.io", "", "", NULL));
	assert_false(may(f, identity_anonymous(), "create", "selfsubjectaccessreviews.authorization.k8s.io",
			 "", "", NULL));
	assert_true(may(f, f->node, "create", "selfsubjectaccessreviews.authorization.k8s.io", "", "", NULL));
}

static void roles_give_nodes_nothing(void **state)
{
	static const char body[] =
		"{\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"cluster-admin\"},\"subjects\":["
		"{\"kind\":\"Group\",\"name\":\"system:nodes\"},"
		"{\"kind\":\"User\",\"name\":\"jo\"}]}";
	struct fixture *f = *state;
	struct object object = { .key = { "clusterrolebindings.rbac.authorization.k8s.io", "", "oops" },
				 .body = span_of(body) };

	assert_int_equal(rbac_put(f->rbac, &object), 0);
	assert_true(may(f, f->user, "get", "secrets", "default", "theirs", NULL));
	assert_false(may(f, f->node, "get", "secrets", "default", "theirs", NULL));
}

static void a_node_reads_what_its_pods_need(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, f->node, "get", "secrets", "default", "tls", NULL));
	assert_true(may(f, f->node, "list", "secrets", "default", "", "metadata.name=tls"));
	assert_true(may(f, f->node, "get", "serviceaccounts", "default", "builder", NULL));
	assert_true(may(f, f->node, "get", "namespaces", "", "default", NULL));
	assert_true(may(f, f->node, "get", "pods", "default", "web", NULL));
	assert_true(may(f, f->node, "watch", "pods", "", "", "spec.nodeName=n1"));
	assert_true(may(f, f->node, "get", "nodes", "", "n1", NULL));
	assert_true(may(f, f->node, "list", "nodes", "", "", "metadata.name=n1"));
}

static void a_node_reads_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_false(may(f, f->node, "get", "secrets", "default", "theirs", NULL));
	assert_false(may(f, f->node, "get", "secrets", "kube-system", "tls", NULL));
	assert_false(may(f, f->node, "list", "secrets", "default", "", NULL));
	assert_false(may(f, f->node, "list", "secrets", "default", "", "metadata.name!=tls"));
	assert_false(may(f, f->node, "list", "secrets", "default", "", "type=Opaque"));
	assert_false(may(f, f->node, "get", "configmaps", "default", "tls", NULL));
	assert_false(may(f, f->node, "get", "pods", "default", "other", NULL));
	assert_false(may(f, f->node, "list", "pods", "", "", NULL));
	assert_false(may(f, f->node, "list", "pods", "", "", "spec.nodeName=n2"));
	assert_false(may(f, f->node, "list", "pods", "", "", "spec.nodeName!=n1"));
	assert_false(may(f, f->node, "get", "nodes", "", "n2", NULL));
	assert_false(may(f, f->node, "list", "nodes", "", "", NULL));
	assert_false(may(f, f->node, "list", "namespaces", "", "", NULL));
	assert_false(may(f, f->node, "get", "daemonsets.apps", "default", "x", NULL));
}

static void a_node_writes_about_itself_and_its_pods(void **state)
{
	struct fixture *f = *state;

	assert_true(may(f, f->node, "patch", "nodes/status", "", "n1", NULL));
	assert_true(may(f, f->node, "update", "pods/status", "default", "web", NULL));
	assert_true(may(f, f->node, "create", "events", "default", "", NULL));
	assert_true(may(f, f->node, "patch", "events.events.k8s.io", "default", "e", NULL));
	assert_true(may(f, f->node, "update", "leases.coordination.k8s.io", "kube-node-lease", "n1", NULL));
	assert_true(may(f, f->node, "create", "leases.coordination.k8s.io", "kube-node-lease", "", NULL));
	assert_true(may(f, f->node, "create", "serviceaccounts/token", "default", "builder", NULL));
	assert_true(may(f, f->node, "delete", "pods", "default", "web", NULL));
}

static void a_node_writes_nothing_else(void **state)
{
	struct fixture *f = *state;

	assert_false(may(f, f->node, "patch", "nodes/status", "", "n2", NULL));
	assert_false(may(f, f->node, "delete", "nodes", "", "n1", NULL));
	assert_false(may(f, f->node, "update", "pods/status", "default", "other", NULL));
	assert_false(may(f, f->node, "update", "pods", "default", "web", NULL));
	assert_false(may(f, f->node, "delete", "pods", "default", "other", NULL));
	assert_false(may(f, f->node, "deletecollection", "pods", "default", "", NULL));
	assert_false(may(f, f->node, "create", "pods/binding", "default", "web", NULL));
	assert_false(may(f, f->node, "create", "pods/exec", "default", "web", NULL));
	assert_false(may(f, f->node, "update", "secrets", "default", "tls", NULL));
	assert_false(may(f, f->node, "update", "leases.coordination.k8s.io", "kube-node-lease", "n2", NULL));
	assert_false(may(f, f->node, "update", "leases.coordination.k8s.io", "kube-system", "n1", NULL));
	assert_false(may(f, f->node, "create", "serviceaccounts/token", "default", "default", NULL));
	assert_false(may(f, f->node, "delete", "events", "default", "e", NULL));
}

static void without_a_graph_nodes_get_nothing_that_depends_on_it(void **state)
{
	struct fixture *f = *state, blind = *f;

	assert_int_equal(authz_new(NULL, NULL, &blind.authz), 0);
	assert_false(may(&blind, f->node, "get", "secrets", "default", "tls", NULL));
	assert_false(may(&blind, f->node, "create", "serviceaccounts/token", "default", "builder", NULL));
	assert_true(may(&blind, f->node, "get", "nodes", "", "n1", NULL));
	authz_free(blind.authz);
}

/* --- bodies --- */

static int admit(struct fixture *f, const struct api_identity *who, const char *verb, const char *resource,
		 const char *subresource, const char *object, const char *old)
{
	struct api_attributes what = { .identity = who,
				       .verb = verb,
				       .is_resource = true,
				       .path = "",
				       .group = "",
				       .version = "v1",
				       .resource = resource,
				       .subresource = subresource,
				       .ns = "default",
				       .name = "" };
	struct json *object_tree = NULL, *old_tree = NULL;
	int rc;

	if (strcmp(resource, "leases") == 0)
		what.group = "coordination.k8s.io";
	if (object)
		assert_int_equal(json_parse(span_of(object), &object_tree, NULL), 0);
	if (old)
		assert_int_equal(json_parse(span_of(old), &old_tree, NULL), 0);
	rc = authz_admit(f->authz, &what, object_tree, old_tree, NULL);
	json_free(object_tree);
	json_free(old_tree);
	return rc;
}

#define MIRROR(rest)                                       \
	"{\"metadata\":{\"annotations\":{\"kubernetes.io/" \
	"config.mirror\":\"x\"}},\"spec\":{\"nodeName\":\"n1\"" rest "}}"

static void a_nodes_own_pods_are_mirrors_without_references(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(admit(f, f->node, "create", "pods", "", MIRROR(""), NULL), 0);
	assert_int_equal(admit(f, f->node, "create", "pods", "", "{\"spec\":{\"nodeName\":\"n1\"}}", NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "pods", "", "{\"spec\":{\"nodeName\":\"n2\"}}", NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "pods", "",
			       MIRROR(",\"serviceAccountName\":\"builder\""), NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "pods", "",
			       MIRROR(",\"imagePullSecrets\":[{\"name\":\"tls\"}]"), NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "pods", "",
			       "{\"metadata\":{\"annotations\":{\"kubernetes.io/"
			       "config.mirror\":\"x\"},\"ownerReferences\":[{\"kind\":"
			       "\"DaemonSet\",\"name\":\"d\"}]},\"spec\":{\"nodeName\":\"n1\"}}",
			       NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->admin, "create", "pods", "", "{\"spec\":{\"nodeName\":\"n2\"}}", NULL),
			 0);
}

static void a_node_keeps_its_name_region_and_taints(void **state)
{
	static const char was[] = "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
				  "region\":\"north\",\"a\":\"1\"}},"
				  "\"spec\":{\"taints\":[{\"key\":\"k\"}]}}";
	struct fixture *f = *state;

	assert_int_equal(admit(f, f->node, "update", "nodes", "", was, was), 0);
	assert_int_equal(admit(f, f->node, "patch", "nodes", "status",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"north\",\"a\":\"1\",\"kubernetes.io/arch\":\"arm64\"}},"
			       "\"spec\":{\"taints\":[{\"key\":\"k\"}]}}",
			       was),
			 0);
	/* Work is placed by labels: those it has are the operator's. */
	assert_int_equal(admit(f, f->node, "patch", "nodes", "status",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"north\",\"a\":\"2\"}},"
			       "\"spec\":{\"taints\":[{\"key\":\"k\"}]}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "update", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"north\",\"a\":\"1\"},\"finalizers\":[\"x/y\"]},"
			       "\"spec\":{\"taints\":[{\"key\":\"k\"}]}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "update", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"north\",\"a\":\"1\"}},"
			       "\"spec\":{\"taints\":[{\"key\":\"k\"}],\"podCIDR\":\"10.1.0.0/24\"}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "update", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"south\"}},"
			       "\"spec\":{\"taints\":[{\"key\":\"k\"}]}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "update", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\"},\"spec\":{\"taints\":[{\"key\":\"k\"}]}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "update", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"topology.kubernetes.io/"
			       "region\":\"north\"}},\"spec\":{}}",
			       was),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "nodes", "", "{\"metadata\":{\"name\":\"n2\"}}", NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "nodes", "", "{\"metadata\":{\"name\":\"n1\"}}", NULL),
			 0);
	assert_int_equal(admit(f, f->node, "create", "nodes", "",
			       "{\"metadata\":{\"name\":\"n1\",\"labels\":{\"x.node-restriction.kubernetes."
			       "io/a\":\"1\"}}}",
			       NULL),
			 -EACCES);
}

static void status_is_of_bound_pods_and_leaves_labels_alone(void **state)
{
	static const char mine[] = "{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"nodeName\":\"n1\"}}";
	static const char theirs[] =
		"{\"metadata\":{\"labels\":{\"a\":\"1\"}},\"spec\":{\"nodeName\":\"n2\"}}";
	struct fixture *f = *state;

	assert_int_equal(admit(f, f->node, "update", "pods", "status", mine, mine), 0);
	assert_int_equal(admit(f, f->node, "update", "pods", "status", theirs, theirs), -EACCES);
	assert_int_equal(admit(f, f->node, "update", "pods", "status", "{\"spec\":{\"nodeName\":\"n1\"}}",
			       mine),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "delete", "pods", "", NULL, theirs), -EACCES);
	assert_int_equal(admit(f, f->node, "delete", "pods", "", NULL, mine), 0);
	assert_int_equal(admit(f, f->node, "create", "leases", "", "{\"metadata\":{\"name\":\"n2\"}}", NULL),
			 -EACCES);
	assert_int_equal(admit(f, f->node, "create", "leases", "", "{\"metadata\":{\"name\":\"n1\"}}", NULL),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masters_may_do_everything),
		cmocka_unit_test(everybody_else_may_do_nothing),
		cmocka_unit_test(health_and_version_are_open),
		cmocka_unit_test(everybody_known_may_ask_about_himself),
		cmocka_unit_test(a_node_reads_what_its_pods_need),
		cmocka_unit_test(a_node_reads_nothing_else),
		cmocka_unit_test(a_node_writes_about_itself_and_its_pods),
		cmocka_unit_test(a_node_writes_nothing_else),
		cmocka_unit_test(without_a_graph_nodes_get_nothing_that_depends_on_it),
		cmocka_unit_test(a_nodes_own_pods_are_mirrors_without_references),
		cmocka_unit_test(a_node_keeps_its_name_region_and_taints),
		cmocka_unit_test(status_is_of_bound_pods_and_leaves_labels_alone),
		cmocka_unit_test(roles_give_nodes_nothing), /* the last: it leaves the binding */
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
