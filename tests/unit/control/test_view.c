#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/object.h"
#include "control/view.h"
#include "views.h"

static void requests_count_as_the_scheduler_counts_them(void **state)
{
	static const struct {
		const char *spec;
		int64_t cpu, memory;
	} cases[] = {
		{ "{}", 0, 0 },
		{ "{'containers':[{'resources':{'requests':{'cpu':'250m','memory':'64Mi'}}},{'resources':{'"
		  "requests':{'cpu':1}}}]}",
		  1250, 64 << 20 },
		/* An init container that asks for more than all others together counts instead of them. */
		{ "{'initContainers':[{'resources':{'requests':{'cpu':'3'}}}],'containers':[{'resources':{'"
		  "requests':{'cpu':'1'}}}]}",
		  3000, 0 },
		/* A sidecar runs beside the others, and beside later init containers. */
		{ "{'initContainers':[{'restartPolicy':'Always','resources':{'requests':{'cpu':'1'}}},{'"
		  "resources':{'requests':{'cpu':'3'}}}],"
		  "'containers':[{'resources':{'requests':{'cpu':'2'}}}]}",
		  4000, 0 },
		{ "{'containers':[{'resources':{'requests':{'cpu':'1'}}}],'overhead':{'cpu':'100m','memory':'"
		  "1Mi'}}",
		  1100, 1 << 20 },
		/* Limits alone ask for nothing here: defaulting has copied them before. */
		{ "{'containers':[{'resources':{'limits':{'cpu':'1'}}}]}", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *spec = quoted_json(cases[i].spec);
		struct amounts amounts = { { 0 } };

		assert_int_equal(requests_of(spec, &amounts), 0);
		assert_int_equal(amounts.of[RESOURCE_CPU], cases[i].cpu);
		assert_int_equal(amounts.of[RESOURCE_MEMORY], cases[i].memory);
		json_free(spec);
	}
}

static void absurd_amounts_do_not_overflow(void **state)
{
	struct json *spec =
		quoted_json("{'containers':[{'resources':{'requests':{'memory':'9223372036854775807'}}},"
			    "{'resources':{'requests':{'memory':'9223372036854775807'}}}]}");
	struct amounts amounts = { { 0 } };

	assert_int_equal(requests_of(spec, &amounts), 0);
	assert_true(amounts.of[RESOURCE_MEMORY] == INT64_MAX);
	json_free(spec);
}

static void a_pod_is_seen_whole(void **state)
{
	struct pod_view *pod = make_pod(
		"{'metadata':{'name':'p','namespace':'ns','uid':'u','creationTimestamp':'2026-09-21T14:13:"
		"20Z','deletionTimestamp':"
		"'2026-09-21T14:13:20Z','labels':{'b':'2','a':'1','controller-revision-hash':'h1'},'"
		"ownerReferences':[{'kind':'X','uid':'0'},"
		"{'apiVersion':'apps/v1','kind':'DaemonSet','name':'d','uid':'du','controller':true}]},"
		"'spec':{'nodeName':'n1','containers':[{'ports':[{'containerPort':80},{'hostPort':8080,'"
		"protocol':'UDP'},"
		"{'hostPort':9090,'hostIP':'10.0.0.1'}]}]},"
		"'status':{'phase':'Running','conditions':[{'type':'Ready','status':'True','"
		"lastTransitionTime':'2026-09-21T14:13:20Z'}]}}");

	assert_string_equal(pod->ns, "ns");
	assert_string_equal(pod->node, "n1");
	assert_string_equal(pod->revision_hash, "h1");
	assert_string_equal(pod->controller.uid, "du");
	assert_string_equal(pod->controller.kind, "DaemonSet");
	assert_string_equal(pairs_get(pod->labels, "a"), "1");
	assert_string_equal(pairs_get(pod->labels, "b"), "2");
	assert_true(pod->deleting && pod->ready && !pod->has_placement);
	assert_int_equal(pod->phase, POD_RUNNING);
	assert_true(pod->ready_since_wall_ms == 1790000000000);
	assert_int_equal(pod->port_count, 2);
	assert_int_equal(pod->ports[0].port, 8080);
	assert_string_equal(pod->ports[0].protocol, "UDP");
	assert_string_equal(pod->ports[0].ip, "0.0.0.0");
	assert_string_equal(pod->ports[1].protocol, "TCP");
	assert_string_equal(pod->ports[1].ip, "10.0.0.1");
	pod_view_free(pod);
}

static void a_pod_is_available_when_it_was_ready_long_enough(void **state)
{
	struct pod_view *pod = make_pod("{'metadata':{'name':'p'},'spec':{'nodeName':'n'},'status':{'"
					"conditions':[{'type':'Ready','status':'True',"
					"'lastTransitionTime':'2026-09-21T14:13:20Z'}]}}");
	int64_t due;

	assert_true(pod_is_available(pod, 0, 1790000000000, &due));
	assert_false(pod_is_available(pod, 10, 1790000009999, &due));
	assert_true(due == 1790000010000);
	assert_true(pod_is_available(pod, 10, 1790000010000, &due));
	assert_true(due == 0);
	assert_true(pod_is_available(pod, 10, 1690000000000, &due)); /* the clock was put back by years */
	pod_view_free(pod);
}

static void what_matters_about_a_node_is_compared(void **state)
{
#define BASE_NODE(labels, spec, status) \
	"{'metadata':{'name':'n','uid':'u','labels':{" labels "}},'spec':{" spec "},'status':{" status "}}"
	static const char *const different[] = {
		BASE_NODE("'a':'2'", "", ""),
		BASE_NODE("'a':'1'", "'unschedulable':true", ""),
		BASE_NODE("'a':'1'", "'taints':[{'key':'k','effect':'NoSchedule'}]", ""),
		BASE_NODE("'a':'1'", "", "'allocatable':{'cpu':'1'}"),
		BASE_NODE("'a':'1'", "", "'conditions':[{'type':'Ready','status':'True'}]"),
		BASE_NODE("'a':'1'", "", "'conditions':[{'type':'CutOff','status':'True'}]"),
	};
	struct node_view *base = make_node(BASE_NODE("'a':'1'", "", ""));
	struct node_view *heartbeat =
		make_node(BASE_NODE("'a':'1'", "",
				    "'conditions':[{'type':'DiskPressure','status':'False','"
				    "lastHeartbeatTime':'2026-01-01T00:00:00Z'}]"));

	assert_true(node_view_same(base, heartbeat));
	for (size_t i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
		struct node_view *view = make_node(different[i]);

		assert_false(node_view_same(base, view));
		node_view_free(view);
	}
	node_view_free(base);
	node_view_free(heartbeat);
}

static void hostile_shapes_are_refused_or_ignored(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"null",
		"{'spec':{}}",
		"{'metadata':{'name':'p'}}",
		"{'metadata':{'name':'p'},'spec':[]}",
		"{'metadata':{'name':'p','labels':[1]},'spec':{}}",
		"{'metadata':{'name':'p'},'spec':{'containers':[{'resources':{'requests':{'cpu':'x'}}}]}}"
	};
	static const char *const odd[] = {
		"{'metadata':{'name':'p','labels':{'a':1}},'spec':{'containers':{'a':[]}},'status':7}",
		"{'metadata':{'name':'p','ownerReferences':{'controller':true}},'spec':{'containers':[7,null,"
		"[]]}}",
		"{'metadata':{'name':'p','ownerReferences':[{'controller':true}]},'spec':{'nodeSelector':[1]}"
		"}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct json *tree = quoted_json(bad[i]);
		struct pod_view *view = NULL;

		assert_int_equal(pod_view_of(tree, &view), -EINVAL);
		json_free(tree);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		pod_view_free(make_pod(odd[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_count_as_the_scheduler_counts_them),
		cmocka_unit_test(absurd_amounts_do_not_overflow),
		cmocka_unit_test(a_pod_is_seen_whole),
		cmocka_unit_test(a_pod_is_available_when_it_was_ready_long_enough),
		cmocka_unit_test(what_matters_about_a_node_is_compared),
		cmocka_unit_test(hostile_shapes_are_refused_or_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
