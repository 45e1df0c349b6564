#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/endpoints.h"
#include "tests/tools/failmalloc.h"
#include "views.h"

#include <errno.h>

#define PODS_MAX 2048u
#define SLICES_MAX 64u
#define SERVICE(rest)                                                                              \
	"{'metadata':{'name':'web','namespace':'n','uid':'u-web','labels':{'team':'red'}},'spec':" \
	"{'selector':{'app':'web'},'ipFamilies':['IPv4'],'type':'ClusterIP'" rest "}}"
#define PORT80 ",'ports':[{'port':80,'protocol':'TCP','targetPort':8080}]"

/* A store of the two kinds: what the plan says is done. */
struct store {
	struct json *service, *endpoints;
	struct json *slices[SLICES_MAX];
	size_t slice_count;
	struct pod_view *pods[PODS_MAX];
	size_t pod_count;
	unsigned named, writes;
};

static bool know_node(void *ctx, const char *name, struct endpoints_node *out)
{
	/* "east-1", "west-gone", "plain" */
	*out = (struct endpoints_node){ "", "", strstr(name, "gone") != NULL };
	if (!strncmp(name, "east", 4))
		out->region = "east";
	if (!strncmp(name, "west", 4)) {
		out->region = "west";
		out->zone = "z1";
	}
	return strcmp(name, "nobody") != 0;
}

static void open_store(struct store *s, const char *service)
{
	*s = (struct store){ .service = quoted_json(service) };
}

static void close_store(struct store *s)
{
	for (size_t i = 0; i < s->slice_count; i++)
		json_free(s->slices[i]);
	for (size_t i = 0; i < s->pod_count; i++)
		pod_view_free(s->pods[i]);
	json_free(s->service);
	json_free(s->endpoints);
}

static void add_pod(struct store *s, const char *name, const char *node, const char *ip, bool ready,
		    const char *more_meta, const char *more_spec)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{'metadata':{'name':'%s','namespace':'n','uid':'u-%s','labels':{'app':'web'}%s},"
		       "'spec':{'nodeName':'%s'%s},'status':{'phase':'Running','podIP':'%s','conditions':[{"
		       "'type':'Ready','status':'%s'}]}}",
		       name, name, more_meta, node, more_spec, ip, ready ? "True" : "False");
	s->pods[s->pod_count++] = make_pod(text);
}

static int plan_of(struct store *s, struct endpoints_plan *plan)
{
	const struct endpoints_input input = { .service = s->service,
					       .pods = (const struct pod_view *const *)s->pods,
					       .pod_count = s->pod_count,
					       .node = know_node,
					       .slices = (const struct json *const *)s->slices,
					       .slice_count = s->slice_count,
					       .endpoints = s->endpoints };

	return endpoints_plan(&input, plan);
}

static size_t find_slice(const struct store *s, const struct json *tree)
{
	size_t i = 0;

	while (i < s->slice_count && s->slices[i] != tree)
		i++;
	return i;
}

static void do_step(struct store *s, struct endpoints_step *step)
{
	bool is_slice = strcmp(step->resource, "endpoints") != 0;
	char name[32];

	s->writes++;
	if (!is_slice) {
		assert_int_not_equal(step->action, ENDPOINTS_DELETE);
		json_free(s->endpoints);
		s->endpoints = step->after;
	} else if (step->action == ENDPOINTS_CREATE) {
		(void)snprintf(name, sizeof(name), "web-%u", s->named++);
		assert_true(s->slice_count < SLICES_MAX);
		assert_int_equal(json_set_str(json_get(step->after, "metadata"), "name", name), 0);
		s->slices[s->slice_count++] = step->after;
	} else {
		size_t i = find_slice(s, step->before);

		assert_true(i < s->slice_count);
		json_free(s->slices[i]);
		s->slices[i] = step->after;
		if (!step->after)
			s->slices[i] = s->slices[--s->slice_count];
	}
	step->after = NULL;
}

/* Carries it out; how many writes it took. Nothing is left to do then. */
static unsigned settle(struct store *s)
{
	struct endpoints_plan plan;
	unsigned before = s->writes;

	assert_int_equal(plan_of(s, &plan), 0);
	for (size_t i = 0; i < plan.count; i++)
		do_step(s, &plan.steps[i]);
	endpoints_plan_done(&plan);
	assert_int_equal(plan_of(s, &plan), 0);
	assert_int_equal(plan.count, 0);
	endpoints_plan_done(&plan);
	return s->writes - before;
}

static void is_json(const struct json *tree, const char *quoted)
{
	struct json *want = quoted_json(quoted);
	struct buf text;

	buf_init(&text, 1 << 20);
	assert_int_equal(json_write(tree, &text), 0);
	if (!json_equal(tree, want))
		fail_msg("got %s\nwant %s", buf_cstr(&text), quoted);
	buf_done(&text);
	json_free(want);
}

static const struct json *slice_of_region(const struct store *s, const char *region)
{
	for (size_t i = 0; i < s->slice_count; i++)
		if (!strcmp(json_str(json_get(json_path(s->slices[i], "metadata.labels"),
					      "topology.kubernetes.io/region"),
				     ""),
			    region))
			return s->slices[i];
	return NULL;
}

static void pods_become_endpoints(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80));
	add_pod(&s, "a", "plain", "10.0.0.1", true, "", ",'hostname':'one','subdomain':'web'");
	add_pod(&s, "b", "plain", "10.0.0.2", false, "", ",'hostname':'two','subdomain':'other'");
	add_pod(&s, "c", "plain", "10.0.0.3", true, ",'deletionTimestamp':'2024-01-01T00:00:00Z'", "");
	add_pod(&s, "d", "plain", "", true, "", "");
	assert_int_equal(settle(&s), 2);
	assert_int_equal(s.slice_count, 1);
	is_json(json_get(s.slices[0], "endpoints"),
		"[{'addresses':['10.0.0.1'],'conditions':{'ready':true,'serving':true,'terminating':false},"
		"'targetRef':{'kind':'Pod','namespace':'n','name':'a','uid':'u-a'},'hostname':'one',"
		"'nodeName':'plain'},"
		"{'addresses':['10.0.0.2'],'conditions':{'ready':false,'serving':false,'terminating':false},"
		"'targetRef':{'kind':'Pod','namespace':'n','name':'b','uid':'u-b'},'nodeName':'plain'},"
		"{'addresses':['10.0.0.3'],'conditions':{'ready':false,'serving':true,'terminating':true},"
		"'targetRef':{'kind':'Pod','namespace':'n','name':'c','uid':'u-c'},'nodeName':'plain'}]");
	is_json(json_get(s.slices[0], "ports"), "[{'name':'','protocol':'TCP','port':8080}]");
	is_json(json_path(s.slices[0], "metadata.labels"),
		"{'team':'red','kubernetes.io/service-name':'web',"
		"'endpointslice.kubernetes.io/managed-by':'endpointslice-controller.k8s.io'}");
	assert_string_equal(json_path_str(s.slices[0], "metadata.ownerReferences.0.uid", ""), "u-web");
	is_json(json_get(s.endpoints, "subsets"),
		"[{'addresses':[{'ip':'10.0.0.1','hostname':'one','nodeName':'plain','targetRef':{'kind':"
		"'Pod','namespace':'n','name':'a','uid':'u-a'}}],'notReadyAddresses':[{'ip':'10.0.0.2',"
		"'nodeName':'plain','targetRef':{'kind':'Pod','namespace':'n','name':'b','uid':'u-b'}}],"
		"'ports':[{'name':'','protocol':'TCP','port':8080}]}]");
	close_store(&s);
}

static void each_region_has_slices_of_its_own(void **state)
{
	struct store s;
	const struct json *east, *west;

	open_store(&s, SERVICE(PORT80));
	add_pod(&s, "a", "east-1", "10.0.0.1", true, "", "");
	add_pod(&s, "b", "west-1", "10.0.0.2", true, "", "");
	add_pod(&s, "c", "west-gone", "10.0.0.3", true, "", "");
	add_pod(&s, "d", "plain", "10.0.0.4", true, "", "");
	add_pod(&s, "e", "nobody", "10.0.0.5", true, "", "");
	assert_int_equal(settle(&s), 4);
	east = slice_of_region(&s, "east");
	west = slice_of_region(&s, "west");
	assert_int_equal(json_count(json_get(east, "endpoints")), 1);
	assert_int_equal(json_count(json_get(west, "endpoints")), 2);
	assert_int_equal(json_count(json_get(slice_of_region(&s, ""), "endpoints")), 2);
	assert_string_equal(json_path_str(west, "endpoints.0.zone", ""), "z1");
	assert_true(json_path_bool(west, "endpoints.0.conditions.ready", false));
	assert_false(json_path_bool(west, "endpoints.1.conditions.ready", true));
	assert_false(json_path_bool(west, "endpoints.1.conditions.serving", true));
	assert_int_equal(json_count(json_path(s.endpoints, "subsets.0.addresses")), 4);
	assert_int_equal(json_count(json_path(s.endpoints, "subsets.0.notReadyAddresses")), 1);
	close_store(&s);
}

static void named_ports_are_the_pods_own(void **state)
{
	struct store s;

	open_store(&s,
		   SERVICE(",'ports':[{'name':'h','port':80,'protocol':'TCP','targetPort':'http',"
			   "'appProtocol':'http'},{'name':'m','port':90,'protocol':'TCP','targetPort':9}]"));
	add_pod(&s, "a", "plain", "10.0.0.1", true, "",
		",'containers':[{'name':'c','ports':[{'name':'http','containerPort':8080}]}]");
	add_pod(&s, "b", "plain", "10.0.0.2", true, "",
		",'initContainers':[{'name':'i','restartPolicy':'Always','ports':[{'name':'http',"
		"'containerPort':8081,'protocol':'TCP'}]}]");
	add_pod(&s, "c", "plain", "10.0.0.3", true, "",
		",'containers':[{'name':'c','ports':[{'name':'http','containerPort':53,'protocol':'UDP'}]}]");
	(void)settle(&s);
	assert_int_equal(s.slice_count, 3);
	is_json(json_get(s.slices[0], "ports"), "[{'name':'h','protocol':'TCP','port':8080,'appProtocol':'"
						"http'},{'name':'m','protocol':'TCP',"
						"'port':9}]");
	assert_int_equal(json_path_int(s.slices[1], "ports.0.port", 0), 8081);
	is_json(json_get(s.slices[2], "ports"), "[{'name':'m','protocol':'TCP','port':9}]");
	assert_int_equal(json_count(json_get(s.endpoints, "subsets")), 3);
	close_store(&s);
}

static void a_change_of_one_writes_one(void **state)
{
	struct store s;
	char name[16], ip[16];

	open_store(&s, SERVICE(PORT80));
	for (unsigned i = 0; i < 250; i++) {
		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(ip, sizeof(ip), "10.0.0.%u", i + 1);
		add_pod(&s, name, "plain", ip, true, "", "");
	}
	assert_int_equal(settle(&s), 4); /* three slices, one Endpoints */
	for (size_t i = 0; i < s.slice_count; i++)
		assert_true(json_count(json_get(s.slices[i], "endpoints")) <= ENDPOINTS_PER_SLICE_MAX);
	pod_view_free(s.pods[120]);
	s.pods[120] = s.pods[--s.pod_count];
	assert_int_equal(settle(&s), 2);
	add_pod(&s, "new", "plain", "10.1.0.1", true, "", "");
	assert_int_equal(settle(&s), 2);
	assert_int_equal(s.slice_count, 3);
	close_store(&s);
}

static void none_is_said_by_an_empty_slice(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80));
	assert_int_equal(settle(&s), 2);
	assert_int_equal(s.slice_count, 1);
	is_json(json_get(s.slices[0], "endpoints"), "[]");
	add_pod(&s, "a", "east-1", "10.0.0.1", true, "", "");
	(void)settle(&s);
	assert_int_equal(s.slice_count, 1);
	assert_int_equal(json_count(json_get(s.slices[0], "endpoints")), 1);
	pod_view_free(s.pods[--s.pod_count]);
	(void)settle(&s);
	assert_int_equal(s.slice_count, 1);
	is_json(json_get(s.slices[0], "endpoints"), "[]");
	assert_null(json_path(s.endpoints, "subsets.0"));
	close_store(&s);
}

static void too_many_for_one_object_are_cut_and_it_says_so(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80));
	for (unsigned i = 0; i < 1200; i++) {
		char name[16], ip[16];

		(void)snprintf(name, sizeof(name), "p%u", i);
		(void)snprintf(ip, sizeof(ip), "10.0.%u.%u", i / 250, i % 250 + 1);
		add_pod(&s, name, "plain", ip, i % 4 != 0, "", "");
	}
	(void)settle(&s);
	assert_int_equal(s.slice_count, 12);
	assert_int_equal(json_count(json_path(s.endpoints, "subsets.0.addresses")),
			 900); /* all that are ready */
	assert_int_equal(json_count(json_path(s.endpoints, "subsets.0.notReadyAddresses")), 100);
	assert_string_equal(json_str(json_get(json_path(s.endpoints, "metadata.annotations"),
					      "endpoints.kubernetes.io/over-capacity"),
				     ""),
			    "truncated");
	while (s.pod_count > 1000)
		pod_view_free(s.pods[--s.pod_count]);
	(void)settle(&s);
	assert_null(json_path(s.endpoints, "metadata.annotations.endpoints"));
	assert_int_equal(json_count(json_path(s.endpoints, "metadata.annotations")), 0);
	close_store(&s);
}

static void all_are_published_when_the_service_says_so(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80 ",'publishNotReadyAddresses':true,'clusterIP':'None'"));
	add_pod(&s, "a", "plain", "10.0.0.1", false, "", "");
	(void)settle(&s);
	assert_true(json_path_bool(s.slices[0], "endpoints.0.conditions.ready", false));
	assert_false(json_path_bool(s.slices[0], "endpoints.0.conditions.serving", true));
	assert_int_equal(json_count(json_path(s.endpoints, "subsets.0.addresses")), 1);
	assert_non_null(
		json_get(json_path(s.slices[0], "metadata.labels"), "service.kubernetes.io/headless"));
	close_store(&s);
}

static void what_somebody_wrote_is_mirrored(void **state)
{
	struct store s;

	open_store(&s, "{'metadata':{'name':'db','namespace':'n','uid':'u'},'spec':{'ipFamilies':['IPv4'],"
		       "'type':'ClusterIP','ports':[{'port':5432}]}}");
	assert_int_equal(settle(&s), 0);
	s.endpoints =
		quoted_json("{'metadata':{'name':'db'},'subsets':[{'addresses':[{'ip':'192.0.2.1'},{'ip':"
			    "'2001:db8::1'}],'notReadyAddresses':[{'ip':'192.0.2.2','nodeName':'east-1'}],"
			    "'ports':[{'port':5432,'protocol':'TCP'}]}]}");
	assert_int_equal(settle(&s), 3);
	is_json(json_get(slice_of_region(&s, "east"), "endpoints"),
		"[{'addresses':['192.0.2.2'],'conditions':{'ready':false,'serving':false,'terminating':false}"
		","
		"'nodeName':'east-1'}]");
	json_free(s.endpoints);
	s.endpoints = NULL;
	assert_int_equal(settle(&s), 3);
	assert_int_equal(s.slice_count, 0);
	close_store(&s);
}

static void slices_of_others_are_left_alone(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80));
	s.slices[s.slice_count++] = quoted_json(
		"{'metadata':{'name':'x','labels':{'kubernetes.io/service-name':'web'}},'addressType':'IPv4',"
		"'endpoints':[{'addresses':['192.0.2.1']}],'ports':[]}");
	add_pod(&s, "a", "plain", "10.0.0.1", true, "", "");
	assert_int_equal(settle(&s), 2);
	assert_int_equal(s.slice_count, 2);
	assert_string_equal(json_path_str(s.slices[0], "endpoints.0.addresses.0", ""), "192.0.2.1");
	close_store(&s);
}

/* Whatever comes and goes: all wanted are there once, in slices of their region, and nothing is left to do. */
static void any_history_converges(void **state)
{
	static const char *const nodes[] = { "plain", "east-1", "east-gone", "west-1" };
	struct store s;
	struct rng rng;

	rng_seed(&rng, 11);
	open_store(&s, SERVICE(PORT80));
	for (unsigned round = 0, number = 0; round < 200; round++) {
		size_t found = 0;

		while (s.pod_count && rng_below(&rng, 3) == 0) {
			size_t i = rng_below(&rng, s.pod_count);

			pod_view_free(s.pods[i]);
			s.pods[i] = s.pods[--s.pod_count];
		}
		for (uint64_t more = rng_below(&rng, 20); more && s.pod_count < PODS_MAX; more--, number++) {
			char name[16], ip[24];

			(void)snprintf(name, sizeof(name), "p%u", number);
			(void)snprintf(ip, sizeof(ip), "10.%u.%u.1", number / 256, number % 256);
			add_pod(&s, name, nodes[rng_below(&rng, 4)], ip, rng_below(&rng, 2), "", "");
		}
		(void)settle(&s);
		for (size_t i = 0; i < s.slice_count; i++) {
			const struct json *list = json_get(s.slices[i], "endpoints");

			assert_true(json_count(list) <= ENDPOINTS_PER_SLICE_MAX);
			found += json_count(list);
		}
		assert_int_equal(found, s.pod_count);
	}
	close_store(&s);
}

static int walk(void *ctx)
{
	struct endpoints_plan plan;
	int rc = plan_of(ctx, &plan);

	endpoints_plan_done(&plan);
	return rc;
}

static void memory_may_run_out_anywhere(void **state)
{
	struct store s;

	open_store(&s, SERVICE(PORT80));
	add_pod(&s, "a", "east-1", "10.0.0.1", true, "", "");
	add_pod(&s, "b", "west-1", "10.0.0.2", false, "", "");
	assert_true(failmalloc_walk(walk, &s) > 5);
	(void)settle(&s);
	add_pod(&s, "c", "west-1", "10.0.0.3", true, "", "");
	assert_true(failmalloc_walk(walk, &s) > 5);
	close_store(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_become_endpoints),
		cmocka_unit_test(each_region_has_slices_of_its_own),
		cmocka_unit_test(named_ports_are_the_pods_own),
		cmocka_unit_test(a_change_of_one_writes_one),
		cmocka_unit_test(none_is_said_by_an_empty_slice),
		cmocka_unit_test(too_many_for_one_object_are_cut_and_it_says_so),
		cmocka_unit_test(all_are_published_when_the_service_says_so),
		cmocka_unit_test(what_somebody_wrote_is_mirrored),
		cmocka_unit_test(slices_of_others_are_left_alone),
		cmocka_unit_test(any_history_converges),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
