/* Services, their slices and their Endpoints, through the API and a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "runner_fixture.h"

#define SLICES "endpointslices.discovery.k8s.io"
#define SERVICE(name, selector)                                                                             \
	"{'apiVersion':'v1','kind':'Service','metadata':{'name':'" name "','namespace':'default'},'spec':{" \
	"'clusterIP':'10.96.0.1','clusterIPs':['10.96.0.1'],'ipFamilies':['IPv4'],'ports':[{'port':80}"     \
	"]" selector "}}"
#define POD(name, node, app)                                                                            \
	"{'apiVersion':'v1','kind':'Pod','metadata':{'name':'" name "','namespace':'default','labels':" \
	"{'app':'" app "'}},'spec':{'nodeName':'" node "','containers':[{'name':'c','image':'x'}]}}"

/* What the test looks for in the slices of the namespace. */
struct tally {
	size_t slices, endpoints, ready;
	char regions[64];
	char name[256]; /* of the last slice */
};

static void count_slice(void *ctx, const struct json *slice)
{
	struct tally *tally = ctx;
	const struct json *list = json_get(slice, "endpoints");
	const char *region =
		json_str(json_get(json_path(slice, "metadata.labels"), "topology.kubernetes.io/region"), "-");
	size_t used = strlen(tally->regions);

	tally->slices++;
	tally->endpoints += json_count(list);
	for (size_t i = 0; i < json_count(list); i++)
		tally->ready += json_path_bool(json_at(list, i), "conditions.ready", false);
	(void)snprintf(tally->regions + used, sizeof(tally->regions) - used, "%s ", region);
	(void)snprintf(tally->name, sizeof(tally->name), "%s", json_path_str(slice, "metadata.name", ""));
}

static struct tally look(struct cloud *c)
{
	struct tally tally = { .slices = 0 };

	cloud_pass(c, 500);
	cloud_each(c, SLICES, "default", count_slice, &tally);
	return tally;
}

static void run_pod(struct cloud *c, const char *quoted, const char *name, const char *ip)
{
	char status[64];

	cloud_create(c, quoted);
	cloud_pod_status(c, "default", name, "Running", true);
	(void)snprintf(status, sizeof(status), "'%s'", ip);
	cloud_set(c, "pods", "default", name, "status.podIP", status);
}

static const char *version_of(struct cloud *c, const char *resource, const char *name)
{
	return cloud_field(c, resource, "default", name, "metadata.resourceVersion");
}

static void endpoints_follow_pods_and_selectors(void **state)
{
	struct cloud *c = *state;
	struct tally tally;
	char versions[2][32];

	cloud_node(c, "one");
	run_pod(c, POD("a", "one", "web"), "a", "10.0.0.1");
	run_pod(c, POD("b", "one", "web"), "b", "10.0.0.2");
	run_pod(c, POD("x", "one", "other"), "x", "10.0.0.9");
	cloud_create(c, SERVICE("web", ",'selector':{'app':'web'}"));
	tally = look(c);
	assert_int_equal(tally.slices, 1);
	assert_int_equal(tally.ready, 2);
	assert_string_equal(cloud_field(c, "endpoints", "default", "web", "subsets.0.addresses.1.ip"),
			    "10.0.0.2");

	cloud_set(c, "pods", "default", "b", "status.conditions", "[{'type':'Ready','status':'False'}]");
	tally = look(c);
	assert_int_equal(tally.endpoints, 2);
	assert_int_equal(tally.ready, 1);

	cloud_set(c, "services", "default", "web", "spec.selector", "{'app':'other'}");
	tally = look(c);
	assert_int_equal(tally.endpoints, 1);
	assert_string_equal(cloud_field(c, "endpoints", "default", "web", "subsets.0.addresses.0.ip"),
			    "10.0.0.9");

	(void)snprintf(versions[0], sizeof(versions[0]), "%s", version_of(c, SLICES, tally.name));
	(void)snprintf(versions[1], sizeof(versions[1]), "%s", version_of(c, "endpoints", "web"));
	cloud_restart(c);
	(void)look(c);
	assert_string_equal(version_of(c, SLICES, tally.name),
			    versions[0]); /* nothing is written that is so already */
	assert_string_equal(version_of(c, "endpoints", "web"), versions[1]);
}

static void what_others_do_to_slices_is_undone(void **state)
{
	struct cloud *c = *state;
	struct tally tally;

	cloud_node(c, "one");
	run_pod(c, POD("a", "one", "web"), "a", "10.0.0.1");
	cloud_create(c, SERVICE("web", ",'selector':{'app':'web'}"));
	tally = look(c);
	cloud_set(c, SLICES, "default", tally.name, "endpoints", "[]");
	assert_int_equal(look(c).endpoints, 1);
	cloud_delete(c, SLICES, "default", tally.name, API_BACKGROUND);
	assert_int_equal(look(c).endpoints, 1);
	cloud_delete(c, "endpoints", "default", "web", API_BACKGROUND);
	(void)look(c);
	assert_true(cloud_has(c, "endpoints", "default", "web"));
	cloud_delete(c, "services", "default", "web", API_BACKGROUND);
	assert_int_equal(look(c).slices, 0);
	assert_false(cloud_has(c, "endpoints", "default", "web"));
}

static void one_deleted_with_its_dependents_first_is_gone_in_the_end(void **state)
{
	struct cloud *c = *state;

	cloud_node(c, "one");
	run_pod(c, POD("a", "one", "web"), "a", "10.0.0.1");
	cloud_create(c, SERVICE("web", ",'selector':{'app':'web'}"));
	assert_int_equal(look(c).ready, 1);
	cloud_delete(c, "services", "default", "web", API_FOREGROUND);
	cloud_pass(c, 30000);
	assert_false(cloud_has(c, "services", "default", "web"));
	assert_int_equal(look(c).slices, 0);
	assert_true(cloud_has(c, "pods", "default", "a"));
}

static void a_node_that_is_not_ready_or_dead_is_left_out_and_one_cut_off_is_not(void **state)
{
	struct cloud *c = *state;
	struct tally tally;

	cloud_node(c, "one");
	cloud_node(c, "two");
	cloud_set(c, "nodes", "", "one", "metadata.labels", "{'topology.kubernetes.io/region':'east'}");
	run_pod(c, POD("a", "one", "web"), "a", "10.0.0.1");
	run_pod(c, POD("b", "two", "web"), "b", "10.0.0.2");
	cloud_create(c, SERVICE("web", ",'selector':{'app':'web'}"));
	tally = look(c);
	assert_int_equal(tally.ready, 2);
	assert_int_equal(tally.slices, 2);
	assert_non_null(strstr(tally.regions, "east"));

	runner_link(c->runner, "one", false, c->now_ms);
	cloud_pass(c, 5 * 60 * 1000);
	assert_string_equal(cloud_condition(c, "nodes", "", "one", "CutOff"), "True");
	assert_int_equal(look(c).ready, 2);

	cloud_set(c, "nodes", "", "one", "metadata.annotations", "{'nodeunhealth':'yes'}");
	assert_int_equal(look(c).endpoints, 2);
	runner_link(c->runner, "one", true, c->now_ms);
	cloud_set(c, "nodes", "", "two", "status.conditions", "[{'type':'Ready','status':'False'}]");
	cloud_pass(c, 1000);
	assert_int_equal(look(c).ready, 1);
	cloud_set(c, "nodes", "", "two", "status.conditions", "[{'type':'Ready','status':'True'}]");
	assert_int_equal(look(c).ready, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(endpoints_follow_pods_and_selectors, cloud_setup,
						cloud_teardown),
		cmocka_unit_test_setup_teardown(one_deleted_with_its_dependents_first_is_gone_in_the_end,
						cloud_setup, cloud_teardown),
		cmocka_unit_test_setup_teardown(what_others_do_to_slices_is_undone, cloud_setup,
						cloud_teardown),
		cmocka_unit_test_setup_teardown(
			a_node_that_is_not_ready_or_dead_is_left_out_and_one_cut_off_is_not, cloud_setup,
			cloud_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
