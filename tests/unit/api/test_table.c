#include "base/clock.h"
#include "kinds_helper.h"

#define NOW "2024-01-10T00:00:00Z"

static int64_t now(void)
{
	int64_t ms;

	assert_int_equal(clock_parse(SPAN(NOW), &ms), 0);
	return ms;
}

/* The cells, as kubectl prints them, with '|' between. */
static void row(const struct kind *kind, const struct json *object, struct buf *out)
{
	buf_reset(out);
	for (size_t i = 0; i < kind->column_count; i++) {
		struct json *value;
		struct buf cell;

		buf_init(&cell, 1 << 20);
		assert_int_equal(kind->columns[i].cell(object, now(), &cell), 0);
		assert_int_equal(json_parse(buf_span(&cell), &value, NULL), 0);
		if (json_is(value, JSON_STRING))
			assert_int_equal(buf_addf(out, "%s%s", i ? "|" : "", json_str(value, "")), 0);
		else
			assert_int_equal(buf_addf(out, "%s%lld", i ? "|" : "",
						  (long long)json_int(value, -1)),
					 0);
		assert_true(
			json_is(value, strcmp(kind->columns[i].type, "integer") ? JSON_STRING : JSON_INT));
		json_free(value);
		buf_done(&cell);
	}
}

static void expect_row(const struct kind *kind, const char *object, const char *expected)
{
	struct json *tree = parse_json(object);
	struct buf text;

	buf_init(&text, 1 << 20);
	row(kind, tree, &text);
	if (strcmp(buf_cstr(&text), expected) != 0)
		fail_msg("%s\n got: %s\nwant: %s", object, buf_cstr(&text), expected);
	buf_done(&text);
	json_free(tree);
}

#define META "\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2024-01-09T23:55:00Z\"}"
#define DYING                                                                                                \
	"\"metadata\":{\"name\":\"p\",\"creationTimestamp\":\"2024-01-09T23:55:00Z\",\"deletionTimestamp\":" \
	"\"2024-01-10T00:00:00Z\"}"
#define POD(meta, spec, status) \
	"{" meta ",\"spec\":{\"containers\":[{\"name\":\"a\"}]" spec "},\"status\":{" status "}}"
#define STATE(state)                                                                                       \
	"\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":0,\"ready\":false," \
	"\"state\":{" state "}}]"
#define INIT ",\"initContainers\":[{\"name\":\"i\"},{\"name\":\"j\"}]"
#define WIDE "|<none>|<none>|<none>|<none>"

static void pods_tell_their_story(void **state)
{
	static const struct {
		const char *object, *row;
	} cases[] = {
		{ POD(META, "", "\"phase\":\"Pending\""), "p|0/1|Pending|0|5m" WIDE },
		{ POD(META, "",
		      "\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"reason\":"
		      "\"SchedulingGated\"}]"),
		  "p|0/1|SchedulingGated|0|5m" WIDE },
		{ POD(META, "", "\"phase\":\"Failed\",\"reason\":\"Evicted\""), "p|0/1|Evicted|0|5m" WIDE },
		{ POD(META, "", STATE("\"waiting\":{\"reason\":\"CrashLoopBackOff\"}")),
		  "p|0/1|CrashLoopBackOff|0|5m" WIDE },
		{ POD(META, "", STATE("\"terminated\":{\"reason\":\"Completed\",\"exitCode\":0}")),
		  "p|0/1|Completed|0|5m" WIDE },
		{ POD(META, "", STATE("\"terminated\":{\"exitCode\":3}")), "p|0/1|ExitCode:3|0|5m" WIDE },
		{ POD(META, "", STATE("\"terminated\":{\"exitCode\":137,\"signal\":9}")),
		  "p|0/1|Signal:9|0|5m" WIDE },
		{ POD(META, "",
		      "\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"a\",\"restartCount\":2,"
		      "\"ready\":true,"
		      "\"state\":{\"running\":{}},\"lastState\":{\"terminated\":{\"finishedAt\":\"2024-01-"
		      "09T23:59:00Z\"}}}]"),
		  "p|1/1|Running|2 (60s ago)|5m" WIDE },
		{ POD(DYING, "", STATE("\"running\":{}")), "p|0/1|Terminating|0|5m" WIDE },
		{ POD(DYING, "", "\"phase\":\"Succeeded\""), "p|0/1|Succeeded|0|5m" WIDE },
		{ POD(DYING, "", "\"phase\":\"Running\",\"reason\":\"NodeLost\""),
		  "p|0/1|Unknown|0|5m" WIDE },
		{ POD(META, INIT,
		      "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
		      "\"running\":{}}}]"),
		  "p|0/1|Init:0/2|0|5m" WIDE },
		{ POD(META, INIT,
		      "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
		      "\"terminated\":{\"exitCode\":0}}},"
		      "{\"name\":\"j\",\"restartCount\":1,\"state\":{\"waiting\":{\"reason\":"
		      "\"CrashLoopBackOff\"}}}]"),
		  "p|0/1|Init:CrashLoopBackOff|1|5m" WIDE },
		{ POD(META, INIT,
		      "\"phase\":\"Pending\",\"initContainerStatuses\":[{\"name\":\"i\",\"state\":{"
		      "\"terminated\":{\"exitCode\":2}}}]"),
		  "p|0/1|Init:ExitCode:2|0|5m" WIDE },
		{ POD(META, ",\"initContainers\":[{\"name\":\"i\",\"restartPolicy\":\"Always\"}]",
		      "\"phase\":\"Running\",\"initContainerStatuses\":[{\"name\":\"i\",\"started\":true,"
		      "\"ready\":true,\"restartCount\":1,"
		      "\"state\":{\"running\":{}}}],\"containerStatuses\":[{\"name\":\"a\",\"ready\":true,"
		      "\"state\":{\"running\":{}}}]"),
		  "p|2/2|Running|1|5m" WIDE },
		{ POD(META,
		      ",\"nodeName\":\"n1\",\"readinessGates\":[{\"conditionType\":\"a/"
		      "b\"},{\"conditionType\":\"c/d\"}]",
		      "\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.0.0.1\"}],\"conditions\":[{\"type\":"
		      "\"a/b\",\"status\":\"True\"}]"),
		  "p|0/1|Running|0|5m|10.0.0.1|n1|<none>|1/2" },
		{ "{}", "|0/0||0|<unknown>" WIDE },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_row(core_kind("Pod"), cases[i].object, cases[i].row);
}

static void a_pod_that_partly_completed_still_runs(void **state)
{
	expect_row(core_kind("Pod"),
		   "{" META ",\"spec\":{\"containers\":[{\"name\":\"a\"},{\"name\":\"b\"}]},\"status\":{"
		   "\"phase\":\"Running\",\"conditions\":["
		   "{\"type\":\"Ready\",\"status\":\"False\"}],\"containerStatuses\":[{\"name\":\"a\","
		   "\"state\":{\"terminated\":{\"reason\":"
		   "\"Completed\"}}},{\"name\":\"b\",\"ready\":true,\"state\":{\"running\":{}}}]}}",
		   "p|1/2|NotReady|0|5m" WIDE);
}

static void rows_of_the_other_kinds(void **state)
{
	expect_row(
		core_kind("Node"),
		"{\"metadata\":{\"name\":\"n\",\"creationTimestamp\":\"2024-01-08T00:00:00Z\",\"labels\":{"
		"\"node-role.kubernetes.io/edge\":\"\",\"node-role.kubernetes.io/"
		"camera\":\"\",\"kubernetes.io/role\":\"edge\"}},"
		"\"spec\":{\"unschedulable\":true},\"status\":{\"conditions\":[{\"type\":\"Ready\","
		"\"status\":\"True\"}],"
		"\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.1.1.1\"}],\"nodeInfo\":{"
		"\"kubeletVersion\":\"v1\","
		"\"osImage\":\"Debian\",\"kernelVersion\":\"6.1\",\"containerRuntimeVersion\":\"containerd://"
		"1.6\"}}}",
		"n|Ready,SchedulingDisabled|camera,edge|2d|v1|10.1.1.1|<none>|Debian|6.1|containerd://1.6");
	expect_row(core_kind("Node"), "{\"metadata\":{\"name\":\"n\"}}",
		   "n|Unknown|<none>|<unknown>||<none>|<none>|<unknown>|<unknown>|<unknown>");
	expect_row(
		kind_of_storage("daemonsets.apps"),
		"{" META ",\"spec\":{\"selector\":{\"matchLabels\":{\"a\":\"b\"},\"matchExpressions\":[{"
		"\"key\":\"c\",\"operator\":\"In\","
		"\"values\":[\"d\",\"e\"]},{\"key\":\"f\",\"operator\":\"DoesNotExist\"}]},\"template\":{"
		"\"spec\":{\"nodeSelector\":{"
		"\"z\":\"1\",\"y\":\"2\"},\"containers\":[{\"name\":\"m\",\"image\":\"i\"},{\"name\":\"n\","
		"\"image\":\"j\"}]}}},"
		"\"status\":{\"desiredNumberScheduled\":3,\"currentNumberScheduled\":2,\"numberReady\":1}}",
		"p|3|2|1|0|0|y=2,z=1|5m|m,n|i,j|a=b,c in (d,e),!f");
	expect_row(kind_of_storage("deployments.apps"),
		   "{" META ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
		   "\"template\":{\"spec\":{\"containers\":[{\"name\":\"m\",\"image\":\"i\"}]}}},"
		   "\"status\":{\"readyReplicas\":2,\"updatedReplicas\":1,\"availableReplicas\":1}}",
		   "p|2/3|1|1|5m|m|i|a=b");
	expect_row(kind_of_storage("replicasets.apps"),
		   "{" META ",\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"
		   "\"template\":{\"spec\":{\"containers\":[{\"name\":\"m\",\"image\":\"i\"}]}}},"
		   "\"status\":{\"replicas\":2,\"readyReplicas\":1}}",
		   "p|3|2|1|5m|m|i|a=b");
	expect_row(core_kind("ConfigMap"),
		   "{" META ",\"data\":{\"a\":\"\",\"b\":\"\"},\"binaryData\":{\"c\":\"\"}}", "p|3|5m");
	expect_row(core_kind("Secret"), "{" META ",\"type\":\"Opaque\",\"data\":{\"a\":\"\"}}",
		   "p|Opaque|1|5m");
	expect_row(core_kind("Namespace"), "{" META ",\"status\":{\"phase\":\"Active\"}}", "p|Active|5m");
	expect_row(core_kind("ServiceAccount"), "{" META "}", "p|0|5m");
	expect_row(kind_of_storage("leases.coordination.k8s.io"),
		   "{" META ",\"spec\":{\"holderIdentity\":\"h\"}}", "p|h|5m");
	expect_row(kind_of_storage("controllerrevisions.apps"),
		   "{\"metadata\":{\"name\":\"r\",\"ownerReferences\":[{\"apiVersion\":\"apps/"
		   "v1\",\"kind\":\"DaemonSet\",\"name\":\"d\","
		   "\"controller\":true}]},\"revision\":4}",
		   "r|daemonset.apps/d|4|<unknown>");
}

static void events_of_both_groups_look_the_same(void **state)
{
	static const char expected[] = "2m|Warning|Failed|pod/p|spec|agent, n1|it broke|2m|1|e";
	const struct kind *newer = kind_of_name(SPAN("events.k8s.io"), SPAN("v1"), SPAN("Event"));
	struct json *event = parse_json("{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Pod\","
					"\"name\":\"p\",\"fieldPath\":\"spec\"},"
					"\"type\":\"Warning\",\"reason\":\"Failed\",\"message\":\" it "
					"broke\\n\",\"source\":{\"component\":\"agent\","
					"\"host\":\"n1\"},\"firstTimestamp\":\"2024-01-09T23:58:00Z\"}");
	struct buf text;

	buf_init(&text, 1 << 20);
	row(core_kind("Event"), event, &text);
	assert_string_equal(buf_cstr(&text), expected);
	assert_int_equal(newer->from_storage(event), 0);
	row(newer, event, &text);
	assert_string_equal(buf_cstr(&text), expected);
	buf_done(&text);
	json_free(event);
	expect_row(core_kind("Event"),
		   "{\"metadata\":{\"name\":\"e\"},\"involvedObject\":{\"kind\":\"Node\"},\"eventTime\":"
		   "\"2024-01-09T00:00:00.000000Z\","
		   "\"series\":{\"count\":7,\"lastObservedTime\":\"2024-01-09T23:59:57.500000Z\"},"
		   "\"reportingComponent\":\"r\"}",
		   "2s|||node||r||24h|7|e");
}

static void bindings_name_role_and_subjects(void **state)
{
	const struct kind *role = kind_of_storage("clusterroles.rbac.authorization.k8s.io");
	const struct kind *binding = kind_of_storage("rolebindings.rbac.authorization.k8s.io");

	expect_row(role, "{" META "}", "p|2024-01-09T23:55:00Z");
	expect_row(binding,
		   "{" META
		   ",\"roleRef\":{\"kind\":\"ClusterRole\",\"name\":\"view\"},\"subjects\":[{\"kind\":"
		   "\"User\",\"name\":\"jo\"},{\"kind\":\"Group\",\"name\":\"ops\"},{\"kind\":\"User\","
		   "\"name\":\"al\"},{"
		   "\"kind\":\"ServiceAccount\",\"namespace\":\"shop\",\"name\":\"web\"}]}",
		   "p|ClusterRole/view|5m|jo, al|ops|shop/web");
}

static void ages_read_as_kubectl_writes_them(void **state)
{
	static const struct {
		const char *created, *age;
	} cases[] = {
		{ "2024-01-10T00:00:01Z", "0s" },   { "2024-01-10T00:00:05Z", "<invalid>" },
		{ "2024-01-09T23:58:01Z", "119s" }, { "2024-01-09T23:54:30Z", "5m30s" },
		{ "2024-01-09T23:01:00Z", "59m" },  { "2024-01-09T20:30:00Z", "3h30m" },
		{ "2024-01-09T12:00:00Z", "12h" },  { "2024-01-07T22:00:00Z", "2d2h" },
		{ "2023-12-01T00:00:00Z", "40d" },  { "2021-01-10T00:00:00Z", "3y" },
		{ "2014-01-10T00:00:00Z", "10y" },
	};
	const struct kind *kind = core_kind("ServiceAccount");

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *object = parse_json("{\"metadata\":{\"name\":\"s\"}}");
		struct buf text, expected;

		buf_init(&text, 1000);
		buf_init(&expected, 1000);
		assert_int_equal(json_set_str(json_get(object, "metadata"), "creationTimestamp",
					      cases[i].created),
				 0);
		row(kind, object, &text);
		assert_int_equal(buf_addf(&expected, "s|0|%s", cases[i].age), 0);
		assert_string_equal(buf_cstr(&text), buf_cstr(&expected));
		buf_done(&text);
		buf_done(&expected);
		json_free(object);
	}
}

#define IN(meta_and_rest) \
	"{\"metadata\":{\"name\":\"s\",\"creationTimestamp\":\"2024-01-09T23:55:00Z\"}," meta_and_rest "}"

static void services_say_where_they_are(void **state)
{
	const struct kind *kind = core_kind("Service");

	expect_row(
		kind,
		IN("\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\"],"
		   "\"externalIPs\":[\"192.0.2.1\",\"192.0.2.2\"],\"selector\":{\"b\":\"2\",\"a\":\"1\"},"
		   "\"ports\":[{\"port\":80,\"nodePort\":30080,\"protocol\":\"TCP\"},{\"port\":53,"
		   "\"protocol\":\"UDP\"}]}"),
		"s|NodePort|10.0.0.1|192.0.2.1,192.0.2.2|80:30080/TCP,53/UDP|5m|a=1,b=2");
	expect_row(kind, IN("\"spec\":{\"type\":\"LoadBalancer\",\"clusterIP\":\"10.0.0.1\"}"),
		   "s|LoadBalancer|10.0.0.1|<pending>|<none>|5m|<none>");
	expect_row(
		kind,
		IN("\"spec\":{\"type\":\"LoadBalancer\"},\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":"
		   "\"192.0.2.1\"},{\"hostname\":\"lb.example.com\"}]}}"),
		"s|LoadBalancer|<none>|192.0.2.1,lb....|<none>|5m|<none>");
	expect_row(kind, IN("\"spec\":{\"type\":\"ExternalName\",\"externalName\":\"db.example.com\"}"),
		   "s|ExternalName|<none>|db.example.com|<none>|5m|<none>");
}

static void endpoints_show_the_first_few(void **state)
{
	const struct kind *slice = kind_of_storage("endpointslices.discovery.k8s.io");

	expect_row(core_kind("Endpoints"), IN("\"subsets\":[]"), "s|<none>|5m");
	expect_row(
		core_kind("Endpoints"),
		IN("\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"},{\"ip\":\"10.0.0.2\"}],"
		   "\"notReadyAddresses\":[{\"ip\":\"10.0.0.9\"}],\"ports\":[{\"port\":80},{\"port\":81}]}]"),
		"s|10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 1 more...|5m");
	expect_row(core_kind("Endpoints"), IN("\"subsets\":[{\"addresses\":[{\"ip\":\"::1\"}]}]"),
		   "s|::1|5m");
	expect_row(slice, IN("\"addressType\":\"IPv4\",\"endpoints\":[],\"ports\":[]"),
		   "s|IPv4|<unset>|<unset>|5m");
	expect_row(
		slice,
		IN("\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]},{\"addresses\":["
		   "\"10.0.0.2\",\"10.0.0.3\"]},{\"addresses\":[\"10.0.0.4\"]}],\"ports\":[{\"port\":80},{"
		   "\"name\":\"\"},{\"name\":\"x\"}]"),
		"s|IPv4|80,,x|10.0.0.1,10.0.0.2,10.0.0.3 + 1 more...|5m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_tell_their_story),
		cmocka_unit_test(a_pod_that_partly_completed_still_runs),
		cmocka_unit_test(rows_of_the_other_kinds),
		cmocka_unit_test(services_say_where_they_are),
		cmocka_unit_test(endpoints_show_the_first_few),
		cmocka_unit_test(events_of_both_groups_look_the_same),
		cmocka_unit_test(bindings_name_role_and_subjects),
		cmocka_unit_test(ages_read_as_kubectl_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
