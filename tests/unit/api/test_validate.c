#include "kinds_helper.h"

#define META "\"metadata\":{\"name\":\"x\",\"namespace\":\"default\"}"
#define POD(spec) "{" META ",\"spec\":{" spec "}}"
#define ONE "\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]"
#define CONTAINER(rest) "\"containers\":[{\"name\":\"a\",\"image\":\"x\"," rest "}]"

struct a_case {
	const char *object;
	const char *complaint; /* the whole text, "" for a good object */
};

static void run_cases(const struct kind *kind, const struct a_case *cases, size_t count)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		validated(kind, parse_json(cases[i].object), NULL, &text);
		if (strcmp(buf_cstr(&text), cases[i].complaint) != 0)
			fail_msg("%s\n got: %s\nwant: %s", cases[i].object, buf_cstr(&text),
				 cases[i].complaint);
	}
	buf_done(&text);
}
#define RUN(kind, cases) run_cases(kind, cases, sizeof(cases) / sizeof((cases)[0]))

static void metadata_rules(void **state)
{
	static const struct a_case cases[] = {
		{ "{" META "}", "" },
		{ "{\"metadata\":{\"namespace\":\"default\"}}",
		  "metadata.name: Required value: name or generateName is required" },
		{ "{\"metadata\":{\"name\":\"A_b\",\"namespace\":\"default\"}}",
		  "metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must consist of "
		  "lower case alphanumeric characters, "
		  "'-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
		  "regex used for validation "
		  "is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')" },
		{ "{\"metadata\":{\"name\":\"x\"}}", "metadata.namespace: Required value" },
		{ "{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"labels\":{\"a "
		  "b\":\"c\",\"d\":\"-\"}}}",
		  "[metadata.labels: Invalid value: \"a b\": name part must consist of alphanumeric "
		  "characters, '-', '_' or '.', and "
		  "must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
		  "'123-abc', regex used for "
		  "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), metadata.labels: Invalid "
		  "value: \"-\": a valid label "
		  "must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
		  "start and end with an "
		  "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for "
		  "validation is "
		  "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')]" },
		{ "{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"annotations\":{\"Upper.Example/"
		  "Key\":\"anything goes\"}}}",
		  "" },
		{ "{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"annotations\":{\"/k\":\"\"}}}",
		  "metadata.annotations: Invalid value: \"/k\": prefix part must be non-empty" },
		{ "{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"ownerReferences\":[{"
		  "\"apiVersion\":\"v1\",\"kind\":\"Pod\","
		  "\"name\":\"p\",\"uid\":\"\"}]}}",
		  "metadata.ownerReferences[0].uid: Invalid value: \"\": uid must not be empty" },
		{ "{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"finalizers\":[\"a/"
		  "b\",\"orphan\"]}}",
		  "" },
	};

	RUN(core_kind("ConfigMap"), cases);
}

static void annotations_have_a_limit(void **state)
{
	struct json *object = parse_json("{" META "}"),
		    *annotations = json_ensure(object, "metadata.annotations");
	struct buf text, value;

	buf_init(&text, 1 << 20);
	buf_init(&value, 1 << 20);
	for (int i = 0; i < 256 * 1024; i++)
		assert_int_equal(buf_add_char(&value, 'v'), 0);
	assert_int_equal(json_set(annotations, "k", json_new_span(buf_span(&value))), 0);
	validated(core_kind("ConfigMap"), object, NULL, &text);
	assert_string_equal(buf_cstr(&text),
			    "metadata.annotations: Too long: may not be more than 262144 bytes");
	buf_done(&text);
	buf_done(&value);
}

static void metadata_of_updates(void **state)
{
	struct json *old = parse_json(
		"{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"uid\":\"1\",\"deletionTimestamp\":"
		"\"2024-01-01T00:00:00Z\",\"finalizers\":[\"a/b\"]}}");
	struct buf text;

	buf_init(&text, 1 << 20);
	validated(core_kind("ConfigMap"),
		  parse_json("{\"metadata\":{\"name\":\"y\",\"namespace\":\"default\",\"uid\":\"1\"}}"), old,
		  &text);
	assert_string_equal(buf_cstr(&text), "metadata.name: Invalid value: \"y\": field is immutable");
	validated(core_kind("ConfigMap"),
		  parse_json("{\"metadata\":{\"name\":\"x\",\"namespace\":\"default\",\"uid\":\"1\","
			     "\"finalizers\":[\"c/d\"]}}"),
		  old, &text);
	assert_string_equal(buf_cstr(&text), "metadata.finalizers: Forbidden: no new finalizers can be added "
					     "if the object is being deleted, found new "
					     "finalizers []string{\"c/d\"}");
	buf_done(&text);
	json_free(old);
}

static void pod_rules(void **state)
{
	static const struct a_case cases[] = {
		{ POD(ONE), "" },
		{ "{" META ",\"spec\":{}}", "spec.containers: Required value" },
		{ POD("\"containers\":[{\"name\":\"a\"}]"), "spec.containers[0].image: Required value" },
		{ POD("\"containers\":[{\"image\":\"x\"}]"), "spec.containers[0].name: Required value" },
		{ POD("\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"a\",\"image\":\"y\"}]"),
		  "spec.containers[1].name: Duplicate value: \"a\"" },
		{ POD(ONE ",\"initContainers\":[{\"name\":\"a\",\"image\":\"x\"}]"),
		  "spec.initContainers[0].name: Duplicate value: \"a\"" },
		{ POD(ONE ",\"restartPolicy\":\"Sometimes\""),
		  "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", "
		  "\"OnFailure\", \"Never\"" },
		{ POD(CONTAINER("\"imagePullPolicy\":\"Later\"")),
		  "spec.containers[0].imagePullPolicy: Unsupported value: \"Later\": supported values: "
		  "\"Always\", \"IfNotPresent\", \"Never\"" },
		{ POD(CONTAINER("\"ports\":[{\"containerPort\":70000}]")),
		  "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
		  "65535, inclusive" },
		{ POD(CONTAINER("\"ports\":[{\"containerPort\":80,\"protocol\":\"ICMP\"}]")),
		  "spec.containers[0].ports[0].protocol: Unsupported value: \"ICMP\": supported values: "
		  "\"SCTP\", \"TCP\", \"UDP\"" },
		{ POD(CONTAINER("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\"}]")),
		  "spec.containers[0].volumeMounts[0].name: Not found: \"v\"" },
		{ POD(CONTAINER("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/v\",\"subPath\":\"../"
				"x\"}]") ",\"volumes\":[{\"name\":\"v\"}]"),
		  "spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../x\": must not contain "
		  "'..'" },
		{ POD(ONE ",\"volumes\":[{\"name\":\"v\",\"emptyDir\":{},\"configMap\":{\"name\":\"c\"}}]"),
		  "spec.volumes[0]: Forbidden: may not specify more than 1 volume type" },
		{ POD(ONE ",\"volumes\":[{\"name\":\"v\",\"secret\":{}},{\"name\":\"v\"}]"),
		  "[spec.volumes[0].secret.secretName: Required value, spec.volumes[1].name: Duplicate "
		  "value: \"v\"]" },
		{ POD(ONE ",\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/a/../b\"}}]"),
		  "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'" },
		{ POD(CONTAINER("\"resources\":{\"requests\":{\"cpu\":\"2\"},\"limits\":{\"cpu\":\"1\"}}")),
		  "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal "
		  "to cpu limit of 1" },
		{ POD(CONTAINER("\"resources\":{\"requests\":{\"cpu\":1},\"limits\":{\"cpu\":\"1\",\"vendor/"
				"gpu\":\"1\"}}")),
		  "" },
		{ POD(CONTAINER("\"resources\":{\"limits\":{\"memory\":\"-1\"}}")),
		  "[spec.containers[0].resources.limits[memory]: Invalid value: \"-1\": must be greater than "
		  "or equal to 0, "
		  "spec.containers[0].resources.requests[memory]: Invalid value: \"-1\": must be greater "
		  "than or equal to 0]" },
		{ POD(CONTAINER("\"env\":[{\"name\":\"A=B\"}]")),
		  "spec.containers[0].env[0].name: Invalid value: \"A=B\": a valid environment variable name "
		  "must consist only of "
		  "printable ASCII characters other than '='" },
		{ POD(CONTAINER("\"env\":[{\"name\":\"A\",\"value\":\"1\",\"valueFrom\":{\"fieldRef\":{"
				"\"fieldPath\":\"metadata.name\"}}}]")),
		  "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when "
		  "`value` is not empty" },
		{ POD(CONTAINER("\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":"
				"\"metadata.labels['a/b']\"}}}]")),
		  "" },
		{ POD(CONTAINER("\"livenessProbe\":{}")),
		  "spec.containers[0].livenessProbe: Required value: must specify a handler type" },
		{ POD(CONTAINER("\"livenessProbe\":{\"exec\":{\"command\":[\"a\"]},\"successThreshold\":2}")),
		  "spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1" },
		{ POD(CONTAINER(
			  "\"readinessProbe\":{\"httpGet\":{\"port\":\"no_such\"},\"timeoutSeconds\":-1}")),
		  "[spec.containers[0].readinessProbe.httpGet.port: Invalid value: \"no_such\": must contain "
		  "only alpha-numeric characters "
		  "(a-z, 0-9), and hyphens (-), spec.containers[0].readinessProbe.timeoutSeconds: Invalid "
		  "value: -1: must be greater than "
		  "or equal to 0]" },
		{ POD(ONE ",\"initContainers\":[{\"name\":\"i\",\"image\":\"x\",\"livenessProbe\":{\"exec\":{"
			  "\"command\":[\"a\"]}}}]"),
		  "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers "
		  "without restartPolicy=Always" },
		{ POD(ONE ",\"tolerations\":[{\"operator\":\"Equal\"}]"),
		  "spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when "
		  "`key` is empty, which means "
		  "\"match all values and all keys\"" },
		{ POD(ONE ",\"affinity\":{\"nodeAffinity\":{"
			  "\"requiredDuringSchedulingIgnoredDuringExecution\":{\"nodeSelectorTerms\":[]}}}"),
		  "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
		  "nodeSelectorTerms: Required value: must have at "
		  "least one node selector term" },
		{ POD(ONE ",\"activeDeadlineSeconds\":0"), "spec.activeDeadlineSeconds: Invalid value: 0: "
							   "must be between 1 and 2147483647, inclusive" },
		{ POD(ONE ",\"hostAliases\":[{\"ip\":\"nowhere\"}]"),
		  "spec.hostAliases[0].ip: Invalid value: \"nowhere\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)" },
		{ POD(ONE ",\"nodeSelector\":{\"a\":\"b c\"}"),
		  "spec.nodeSelector: Invalid value: \"b c\": a valid label must be an empty string or "
		  "consist of alphanumeric characters, '-', "
		  "'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
		  "'my_value',  or '12345', regex "
		  "used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')" },
	};

	RUN(core_kind("Pod"), cases);
}

#define RULE                                                                                                 \
	"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"          \
	"`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to " \
	"existing tolerations),"                                                                             \
	"`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

static void pod_updates(void **state)
{
	static const struct a_case cases[] = {
		{ POD(ONE), "" },
		{ POD("\"containers\":[{\"name\":\"a\",\"image\":\"y\",\"imagePullPolicy\":\"Always\"}]"),
		  "" },
		{ POD(ONE ",\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]"), "" },
		{ POD(ONE ",\"activeDeadlineSeconds\":5"), "" },
		{ POD(ONE ",\"hostNetwork\":true"), RULE },
		{ POD(ONE ",\"nodeName\":\"n\""), RULE },
		{ POD("\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"command\":[\"c\"]}]"), RULE },
		{ POD("\"containers\":[{\"name\":\"a\",\"image\":\"x\"},{\"name\":\"b\",\"image\":\"x\"}]"),
		  "spec.containers: Forbidden: pod updates may not add or remove containers" },
	};
	struct json *old = parse_json(POD(ONE));
	struct buf text;

	buf_init(&text, 1 << 20);
	assert_int_equal(kind_default(core_kind("Pod"), old), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		validated(core_kind("Pod"), parse_json(cases[i].object), old, &text);
		assert_string_equal(buf_cstr(&text), cases[i].complaint);
	}
	assert_int_equal(json_set_int(json_get(old, "spec"), "activeDeadlineSeconds", 5), 0);
	validated(core_kind("Pod"), parse_json(POD(ONE ",\"activeDeadlineSeconds\":6")), old, &text);
	assert_string_equal(
		buf_cstr(&text),
		"spec.activeDeadlineSeconds: Invalid value: 6: must be less than or equal to previous value");
	buf_done(&text);
	json_free(old);
}

#define SERVICE(spec) "{" META ",\"spec\":{" spec "}}"
#define PORT80 "\"ports\":[{\"port\":80}]"

static void service_rules(void **state)
{
	static const struct a_case cases[] = {
		{ SERVICE(PORT80), "" },
		{ SERVICE(""), "spec.ports: Required value" },
		{ SERVICE("\"clusterIP\":\"None\""), "" },
		{ "{\"metadata\":{\"name\":\"0x\",\"namespace\":\"default\"},\"spec\":{" PORT80 "}}",
		  "metadata.name: Invalid value: \"0x\": a DNS-1035 label must consist of lower case "
		  "alphanumeric characters or '-', start with an alphabetic character, and end with an "
		  "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
		  "'[a-z]([-a-z0-9]*[a-z0-9])?')" },
		{ SERVICE("\"type\":\"Other\"," PORT80),
		  "spec.type: Unsupported value: \"Other\": supported values: \"ClusterIP\", "
		  "\"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
		{ SERVICE("\"ports\":[{\"port\":80},{\"port\":0,\"name\":\"b\",\"targetPort\":1}]"),
		  "[spec.ports[0].name: Required value, spec.ports[1].port: Invalid value: 0: must be "
		  "between "
		  "1 and 65535, inclusive]" },
		{ SERVICE("\"ports\":[{\"port\":80,\"name\":\"a\",\"nodePort\":30000}]"),
		  "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'" },
		{ SERVICE("\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"name\":\"a\",\"nodePort\":30000},"
			  "{\"port\":81,\"name\":\"a\",\"nodePort\":30000}]"),
		  "[spec.ports[1].nodePort: Duplicate value: 30000, spec.ports[1].name: Duplicate value: "
		  "\"a\"]" },
		{ SERVICE("\"type\":\"ExternalName\""), "spec.externalName: Required value" },
		{ SERVICE("\"type\":\"ExternalName\",\"externalName\":\"db.example.com.\""), "" },
		{ SERVICE("\"type\":\"ExternalName\",\"externalName\":\"x\",\"clusterIP\":\"10.0.0.1\""),
		  "spec.clusterIPs: Forbidden: may not be set for ExternalName services" },
		{ SERVICE("\"type\":\"NodePort\",\"clusterIP\":\"None\"," PORT80),
		  "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort "
		  "services" },
		{ SERVICE("\"clusterIP\":\"10.0.0.300\"," PORT80),
		  "spec.clusterIPs[0]: Invalid value: \"10.0.0.300\": must be a valid IP address, (e.g. "
		  "10.9.8.7 or 2001:db8::ffff)" },
		{ SERVICE("\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.2\"]," PORT80),
		  "spec.clusterIPs: Invalid value: [\"10.0.0.2\"]: first value must match `clusterIP`" },
		{ SERVICE("\"sessionAffinity\":\"ClientIP\",\"sessionAffinityConfig\":{\"clientIP\":{"
			  "\"timeoutSeconds\":86401}}," PORT80),
		  "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater "
		  "than 0 and less than 86400" },
		{ SERVICE("\"externalTrafficPolicy\":\"Local\"," PORT80),
		  "spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set for "
		  "externally-accessible services" },
		{ SERVICE("\"healthCheckNodePort\":30001,\"loadBalancerClass\":\"a/b\"," PORT80),
		  "[spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer', "
		  "spec.healthCheckNodePort: Invalid value: 30001: may only be set when `type` is "
		  "'LoadBalancer' and `externalTrafficPolicy` is 'Local']" },
		{ SERVICE("\"type\":\"LoadBalancer\",\"loadBalancerSourceRanges\":[\"10.0.0.0/8\",\"10.0.0.0/"
			  "33\"]," PORT80),
		  "spec.loadBalancerSourceRanges[1]: Invalid value: \"10.0.0.0/33\": must be a valid CIDR "
		  "value, (e.g. 10.9.8.0/24 or 2001:db8::/64)" },
		{ SERVICE("\"ipFamilies\":[\"IPv4\",\"IPv4\"]," PORT80),
		  "spec.ipFamilies[1]: Duplicate value: \"IPv4\"" },
	};
	const struct kind *kind = core_kind("Service");
	struct json *old = parse_json(SERVICE(
		"\"clusterIP\":\"10.0.0.1\",\"clusterIPs\":[\"10.0.0.1\"],\"type\":\"ClusterIP\"," PORT80));
	struct buf text;

	RUN(kind, cases);
	buf_init(&text, 1 << 20);
	validated(kind,
		  parse_json(SERVICE("\"clusterIP\":\"10.0.0.2\",\"clusterIPs\":[\"10.0.0.2\"]," PORT80)),
		  old, &text);
	assert_string_equal(buf_cstr(&text),
			    "spec.clusterIPs[0]: Invalid value: \"10.0.0.2\": may not change once set");
	validated(kind, parse_json(SERVICE("\"type\":\"ExternalName\",\"externalName\":\"x\"")), old, &text);
	assert_string_equal(buf_cstr(&text), "");
	buf_done(&text);
	json_free(old);
}

static void endpoints_rules(void **state)
{
	static const struct a_case cases[] = {
		{ "{" META "}", "" },
		{ "{" META
		  ",\"subsets\":[{\"addresses\":[{\"ip\":\"10.0.0.1\"}],\"ports\":[{\"port\":80}]}]}",
		  "" },
		{ "{" META ",\"subsets\":[{\"ports\":[{\"port\":80}]}]}",
		  "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`" },
		{ "{" META ",\"subsets\":[{\"addresses\":[{\"ip\":\"127.0.0.1\"},{\"ip\":\"x\"}],\"ports\":[{"
		  "\"port\":70000}]}]}",
		  "[subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback "
		  "range (127.0.0.0/8, ::1/128), subsets[0].addresses[1].ip: Invalid value: \"x\": must be a "
		  "valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff), subsets[0].ports[0].port: Invalid "
		  "value: 70000: must be between 1 and 65535, inclusive]" },
	};
	static const struct a_case slices[] = {
		{ "{" META ",\"addressType\":\"IPv4\",\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]}],"
		  "\"ports\":[{\"port\":80}]}",
		  "" },
		{ "{" META ",\"endpoints\":[],\"ports\":[]}", "addressType: Required value" },
		{ "{" META ",\"addressType\":\"IPv6\",\"endpoints\":[{\"addresses\":[\"10.0.0.1\"]},{"
		  "\"addresses\":[]}],\"ports\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
		  "[endpoints[0].addresses[0]: Invalid value: \"10.0.0.1\": must be an IPv6 address, "
		  "endpoints[1].addresses: Required value: must contain at least 1 address, ports[1].name: "
		  "Duplicate value: \"a\"]" },
		{ "{" META ",\"addressType\":\"FQDN\",\"endpoints\":[{\"addresses\":[\"a_b\"]}],\"ports\":[{"
		  "\"protocol\":\"ICMP\"}]}",
		  "[endpoints[0].addresses[0]: Invalid value: \"a_b\": a lowercase RFC 1123 subdomain must "
		  "consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
		  "alphanumeric character (e.g. 'example.com', regex used for validation is "
		  "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*'), ports[0].protocol: "
		  "Unsupported value: \"ICMP\": supported values: \"SCTP\", \"TCP\", \"UDP\"]" },
	};

	RUN(core_kind("Endpoints"), cases);
	RUN(kind_of_storage("endpointslices.discovery.k8s.io"), slices);
}

#define SET(rest) "{" META ",\"spec\":{" rest "}}"
#define TEMPLATE(labels) "\"template\":{\"metadata\":{\"labels\":" labels "},\"spec\":{" ONE "}}"
#define SELECTOR "\"selector\":{\"matchLabels\":{\"a\":\"b\"}},"

static void daemon_set_rules(void **state)
{
	static const struct a_case cases[] = {
		{ SET(SELECTOR TEMPLATE("{\"a\":\"b\"}")), "" },
		{ SET(TEMPLATE("{\"a\":\"b\"}")), "spec.selector: Required value" },
		{ SET(SELECTOR TEMPLATE("{\"a\":\"c\"}")),
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match "
		  "template `labels`" },
		{ SET("\"selector\":{}," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.selector: Invalid value: {}: empty selector is invalid for daemonset" },
		{ SET(SELECTOR "\"updateStrategy\":{\"type\":\"Slowly\"}," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.updateStrategy.type: Unsupported value: \"Slowly\": supported values: \"OnDelete\", "
		  "\"RollingUpdate\"" },
		{ SET(SELECTOR "\"updateStrategy\":{\"rollingUpdate\":{\"maxUnavailable\":0}}," TEMPLATE(
			  "{\"a\":\"b\"}")),
		  "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when "
		  "maxSurge is 0" },
		{ SET(SELECTOR
		      "\"updateStrategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"120%\"}}," TEMPLATE(
			      "{\"a\":\"b\"}")),
		  "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: \"120%\": must not be "
		  "greater than 100%" },
		{ SET(SELECTOR "\"updateStrategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"0%\","
			       "\"maxSurge\":\"10%\"}}," TEMPLATE("{\"a\":\"b\"}")),
		  "" },
		{ SET(SELECTOR "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
			       "\"restartPolicy\":\"Never\"," ONE "}}"),
		  "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: "
		  "\"Always\"" },
		{ SET(SELECTOR "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
			       "\"containers\":[{\"name\":\"c\"}]}}"),
		  "spec.template.spec.containers[0].image: Required value" },
	};
	struct json *old = parse_json(SET(SELECTOR TEMPLATE("{\"a\":\"b\"}")));
	const struct kind *kind = kind_of_storage("daemonsets.apps");
	struct buf text;

	RUN(kind, cases);
	buf_init(&text, 1 << 20);
	validated(kind,
		  parse_json(SET("\"selector\":{\"matchLabels\":{\"c\":\"d\"}}," TEMPLATE("{\"c\":\"d\"}"))),
		  old, &text);
	assert_string_equal(
		buf_cstr(&text),
		"spec.selector: Invalid value: {\"matchLabels\":{\"c\":\"d\"}}: field is immutable");
	buf_done(&text);
	json_free(old);
}

#define DEPLOYMENT(more) SET(SELECTOR more TEMPLATE("{\"a\":\"b\"}"))

static void deployment_rules(void **state)
{
	static const struct a_case cases[] = {
		{ DEPLOYMENT(""), "" },
		{ DEPLOYMENT("\"replicas\":-1,"),
		  "spec.replicas: Invalid value: -1: must be greater than or equal to 0" },
		{ DEPLOYMENT("\"revisionHistoryLimit\":-1,"),
		  "spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0" },
		{ DEPLOYMENT("\"progressDeadlineSeconds\":30,\"minReadySeconds\":30,"),
		  "spec.progressDeadlineSeconds: Invalid value: 30: must be greater than minReadySeconds" },
		{ DEPLOYMENT("\"strategy\":{\"type\":\"Recreate\"},"), "" },
		{ DEPLOYMENT("\"strategy\":{\"type\":\"Sometimes\"},"),
		  "spec.strategy.type: Unsupported value: \"Sometimes\": supported values: \"Recreate\", "
		  "\"RollingUpdate\"" },
		{ DEPLOYMENT("\"strategy\":{\"type\":\"Recreate\",\"rollingUpdate\":{}},"),
		  "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
		  "'Recreate'" },
		{ DEPLOYMENT("\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":0,\"maxSurge\":\"0%\"}},"),
		  "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when "
		  "`maxSurge` is 0" },
		{ DEPLOYMENT("\"strategy\":{\"rollingUpdate\":{\"maxUnavailable\":\"150%\"}},"),
		  "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: \"150%\": must not be greater "
		  "than 100%" },
		{ DEPLOYMENT("\"strategy\":{\"rollingUpdate\":{\"maxSurge\":\"150%\"}},"), "" },
		{ SET("\"selector\":{}," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.selector: Invalid value: {}: empty selector is invalid for deployment" },
	};

	RUN(kind_of_storage("deployments.apps"), cases);
}

static void replica_set_rules(void **state)
{
	static const struct a_case cases[] = {
		{ SET(SELECTOR TEMPLATE("{\"a\":\"b\"}")), "" },
		{ SET(SELECTOR "\"replicas\":0," TEMPLATE("{\"a\":\"b\"}")), "" },
		{ SET(SELECTOR "\"replicas\":-1," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.replicas: Invalid value: -1: must be greater than or equal to 0" },
		{ SET(SELECTOR "\"minReadySeconds\":-2," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.minReadySeconds: Invalid value: -2: must be greater than or equal to 0" },
		{ SET(SELECTOR "\"replicas\":1"), "spec.template: Required value" },
		{ SET("\"selector\":{}," TEMPLATE("{\"a\":\"b\"}")),
		  "spec.selector: Invalid value: {}: empty selector is invalid for deployment" },
		{ SET(SELECTOR TEMPLATE("{\"a\":\"c\"}")),
		  "spec.template.metadata.labels: Invalid value: {\"a\":\"c\"}: `selector` does not match "
		  "template `labels`" },
		{ SET(SELECTOR "\"template\":{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"spec\":{"
			       "\"activeDeadlineSeconds\":5," ONE "}}"),
		  "spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet "
		  "is not Supported" },
	};
	struct json *old = parse_json(SET(SELECTOR TEMPLATE("{\"a\":\"b\"}")));
	const struct kind *kind = kind_of_storage("replicasets.apps");
	struct buf text;

	RUN(kind, cases);
	buf_init(&text, 1 << 20);
	validated(kind,
		  parse_json(SET("\"selector\":{\"matchLabels\":{\"c\":\"d\"}}," TEMPLATE("{\"c\":\"d\"}"))),
		  old, &text);
	assert_string_equal(
		buf_cstr(&text),
		"spec.selector: Invalid value: {\"matchLabels\":{\"c\":\"d\"}}: field is immutable");
	buf_done(&text);
	json_free(old);
}

static void config_map_and_secret_rules(void **state)
{
	static const struct a_case maps[] = {
		{ "{" META ",\"data\":{\"a.b-c_D\":\"\"}}", "" },
		{ "{" META ",\"data\":{\"a/b\":\"\"}}",
		  "data[a/b]: Invalid value: \"a/b\": a valid config key must consist of alphanumeric "
		  "characters, '-', '_' or '.' (e.g. "
		  "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is "
		  "'[-._a-zA-Z0-9]+')" },
		{ "{" META ",\"data\":{\"..\":\"\"}}", "data[..]: Invalid value: \"..\": must not be '..'" },
		{ "{" META ",\"data\":{\"k\":\"\"},\"binaryData\":{\"k\":\"\"}}",
		  "data[k]: Invalid value: \"k\": duplicate of key present in binaryData" },
	};
	static const struct a_case secrets[] = {
		{ "{" META ",\"stringData\":{\"a\":\"b\"}}", "" },
		{ "{" META ",\"type\":\"kubernetes.io/tls\",\"data\":{\"tls.crt\":\"\"}}",
		  "data[tls.key]: Required value" },
		{ "{" META
		  ",\"type\":\"kubernetes.io/dockerconfigjson\",\"data\":{\".dockerconfigjson\":\"e30=\"}}",
		  "" },
		{ "{" META ",\"type\":\"kubernetes.io/"
		  "dockerconfigjson\",\"data\":{\".dockerconfigjson\":\"e30\\u003d\"}}",
		  "" },
		{ "{" META ",\"type\":\"kubernetes.io/dockercfg\",\"data\":{\".dockercfg\":\"YQ==\"}}",
		  "data[.dockercfg]: Invalid value: \"<secret contents redacted>\": invalid JSON" },
		{ "{" META ",\"type\":\"kubernetes.io/service-account-token\"}",
		  "metadata.annotations[kubernetes.io/service-account.name]: Required value" },
	};

	RUN(core_kind("ConfigMap"), maps);
	RUN(core_kind("Secret"), secrets);
}

static void data_has_a_limit_and_may_be_immutable(void **state)
{
	struct json *object = parse_json("{" META ",\"immutable\":true,\"data\":{}}"),
		    *old = json_copy(object);
	struct buf text, value;

	buf_init(&text, 1 << 20);
	buf_init(&value, 2 << 20);
	for (int i = 0; i <= 1024 * 1024; i++)
		assert_int_equal(buf_add_char(&value, 'v'), 0);
	assert_int_equal(json_set(json_get(object, "data"), "k", json_new_span(buf_span(&value))), 0);
	validated(core_kind("ConfigMap"), object, NULL, &text);
	assert_string_equal(buf_cstr(&text), "[]: Too long: may not be more than 1048576 bytes");
	validated(core_kind("Secret"),
		  parse_json("{" META ",\"immutable\":true,\"type\":\"t\",\"data\":{\"k\":\"\"}}"), old,
		  &text);
	assert_string_equal(
		buf_cstr(&text),
		"[type: Invalid value: \"t\": field is immutable, data: Forbidden: field is immutable when "
		"`immutable` is set]");
	validated(core_kind("ConfigMap"), parse_json("{" META ",\"data\":{}}"), old, &text);
	assert_string_equal(buf_cstr(&text),
			    "immutable: Forbidden: field is immutable when `immutable` is set");
	buf_done(&text);
	buf_done(&value);
	json_free(old);
}

static void rules_of_the_other_kinds(void **state)
{
	static const struct a_case namespaces[] = {
		{ "{\"metadata\":{\"name\":\"a\"}}", "" },
		{ "{\"metadata\":{\"name\":\"a.b\"}}",
		  "metadata.name: Invalid value: \"a.b\": must not contain dots" },
		{ "{\"metadata\":{\"name\":\"a\",\"namespace\":\"b\"}}",
		  "metadata.namespace: Forbidden: not allowed on this type" },
	};
	static const struct a_case nodes[] = {
		{ "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":"
		  "\"NoSchedule\"}]}}",
		  "" },
		{ "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":[{\"key\":\"k\",\"effect\":\"Never\"}]"
		  "}}",
		  "spec.taints[0].effect: Unsupported value: \"Never\": supported values: \"NoSchedule\", "
		  "\"PreferNoSchedule\", \"NoExecute\"" },
		{ "{\"metadata\":{\"name\":\"n\"},\"status\":{\"capacity\":{\"cpu\":\"-1\"},\"allocatable\":{"
		  "}}}",
		  "status.capacity[cpu]: Invalid value: \"-1\": must be greater than or equal to 0" },
	};
	static const struct a_case leases[] = {
		{ "{" META ",\"spec\":{\"leaseDurationSeconds\":1}}", "" },
		{ "{" META ",\"spec\":{\"leaseDurationSeconds\":0}}",
		  "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0" },
	};
	static const struct a_case events[] = {
		{ "{" META ",\"involvedObject\":{\"namespace\":\"default\"}}", "" },
		{ "{" META ",\"involvedObject\":{}}", "" },
		{ "{" META ",\"involvedObject\":{\"namespace\":\"other\"}}",
		  "involvedObject.namespace: Invalid value: \"other\": does not match event.namespace" },
		{ "{" META ",\"involvedObject\":{},\"eventTime\":\"2024-01-01T00:00:00.000000Z\",\"reason\":"
		  "\"r\",\"type\":\"Odd\"}",
		  "[reportingComponent: Required value, reportingInstance: Required value, action: Required "
		  "value, type: Unsupported "
		  "value: \"Odd\": supported values: \"Normal\", \"Warning\"]" },
	};

	RUN(core_kind("Namespace"), namespaces);
	RUN(core_kind("Node"), nodes);
	RUN(kind_of_storage("leases.coordination.k8s.io"), leases);
	RUN(core_kind("Event"), events);
}

#define RBAC(kind) kind_of_name(SPAN("rbac.authorization.k8s.io"), SPAN("v1"), SPAN(kind))
#define REF(kind, name) "\"roleRef\":{\"kind\":\"" kind "\",\"name\":\"" name "\"}"
#define ROLE_META "\"metadata\":{\"name\":\"system:a:b\",\"namespace\":\"default\"}"
#define CLUSTER_META "\"metadata\":{\"name\":\"system:a:b\"}"

static void roles_rules(void **state)
{
	static const struct a_case roles[] = {
		{ "{" ROLE_META "}", "" },
		{ "{\"metadata\":{\"name\":\"a/b\",\"namespace\":\"default\"}}",
		  "metadata.name: Invalid value: \"a/b\": may not contain '/'" },
		{ "{" ROLE_META
		  ",\"rules\":[{\"verbs\":[\"get\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\"]}]}",
		  "" },
		{ "{" ROLE_META ",\"rules\":[{\"verbs\":[]}]}",
		  "[rules[0].verbs: Required value: verbs must contain at least one value, "
		  "rules[0].apiGroups: Required value: resource rules must supply at least one api group, "
		  "rules[0].resources: Required value: resource rules must supply at least one resource]" },
		{ "{" ROLE_META ",\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/metrics\"]}]}",
		  "rules[0].nonResourceURLs: Invalid value: [\"/metrics\"]: namespaced rules cannot apply to "
		  "non-resource URLs" },
	};
	static const struct a_case cluster_roles[] = {
		{ "{" CLUSTER_META ",\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/metrics\"]}]}",
		  "" },
		{ "{" CLUSTER_META
		  ",\"rules\":[{\"verbs\":[\"get\"],\"nonResourceURLs\":[\"/a\"],\"resources\":[\"pods\"]}]}",
		  "rules[0].nonResourceURLs: Invalid value: [\"/a\"]: rules cannot apply to both regular "
		  "resources and non-resource URLs" },
		{ "{" CLUSTER_META ",\"aggregationRule\":{}}",
		  "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector "
		  "required if aggregationRule is non-nil" },
		{ "{" CLUSTER_META ",\"aggregationRule\":{\"clusterRoleSelectors\":[{\"matchExpressions\":[{"
		  "\"key\":\"a\",\"operator\":\"Near\"}]}]}}",
		  "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "
		  "\"Near\": not a valid selector operator" },
	};

	RUN(RBAC("Role"), roles);
	RUN(RBAC("ClusterRole"), cluster_roles);
}

static void bindings_rules(void **state)
{
	static const struct a_case bindings[] = {
		{ "{" ROLE_META "," REF("Role", "r") ",\"subjects\":[{\"kind\":\"User\",\"name\":\"jo@x\"},{"
						     "\"kind\":\"ServiceAccount\",\"name\":\"sa\"}]}",
		  "" },
		{ "{" ROLE_META "," REF("Rolle", "") "}",
		  "[roleRef.kind: Unsupported value: \"Rolle\": supported values: \"Role\", \"ClusterRole\", "
		  "roleRef.name: Required value]" },
		{ "{" ROLE_META "," REF("Role", "r") ",\"subjects\":[{\"kind\":\"Robot\",\"name\":\"\"}]}",
		  "[subjects[0].name: Required value, subjects[0].kind: Unsupported value: \"Robot\": "
		  "supported values: \"ServiceAccount\", \"User\", \"Group\"]" },
		{ "{" ROLE_META "," REF("Role", "r") ",\"subjects\":[{\"kind\":\"Group\",\"apiGroup\":\"x\","
						     "\"name\":\"g\"}]}",
		  "subjects[0].apiGroup: Unsupported value: \"x\": supported values: "
		  "\"rbac.authorization.k8s.io\"" },
	};
	static const struct a_case cluster_bindings[] = {
		{ "{" CLUSTER_META "," REF("ClusterRole", "system:x") "}", "" },
		{ "{" CLUSTER_META "," REF("Role", "x") "}",
		  "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"" },
		{ "{" CLUSTER_META
		  "," REF("ClusterRole",
			  "x") ",\"subjects\":[{\"kind\":\"ServiceAccount\",\"name\":\"sa\"}]}",
		  "subjects[0].namespace: Required value" },
	};
	struct json *old = parse_json("{" CLUSTER_META "," REF("ClusterRole", "x") "}");
	struct buf text;

	RUN(RBAC("RoleBinding"), bindings);
	RUN(RBAC("ClusterRoleBinding"), cluster_bindings);
	assert_int_equal(kind_default(RBAC("ClusterRoleBinding"), old), 0);
	buf_init(&text, 1 << 16);
	validated(RBAC("ClusterRoleBinding"), parse_json("{" CLUSTER_META "," REF("ClusterRole", "y") "}"),
		  old, &text);
	assert_non_null(strstr(buf_cstr(&text), "roleRef: Invalid value: "));
	assert_non_null(strstr(buf_cstr(&text), ": cannot change roleRef"));
	buf_done(&text);
	json_free(old);
}

#define REGION(spec) "{\"metadata\":{\"name\":\"Store_7\"},\"spec\":{" spec "}}"

static void region_rules(void **state)
{
	static const struct a_case cases[] = {
		{ "{\"metadata\":{\"name\":\"Store_7\"}}", "" },
		{ REGION("\"probeInterval\":\"2s\",\"probeTimeout\":\"800ms\",\"indirectProbes\":0,"
			 "\"gracePeriod\":\"0\",\"darkPolicy\":\"evict\",\"smallPolicy\":\"hold\","
			 "\"defaultTolerationSeconds\":0,\"tcpFallback\":false"),
		  "" },
		{ REGION("\"probeInterval\":\"soon\""), "spec.probeInterval: Invalid value: \"soon\": must "
							"be a duration, such as 500ms, 40s or 1h30m" },
		{ REGION("\"fenceAfter\":\"1s\""),
		  "spec.fenceAfter: Invalid value: \"1s\": must be from 5000ms to 86400000ms" },
		{ REGION("\"probeInterval\":\"300ms\""),
		  "spec.probeTimeout: Invalid value: \"\": must be shorter than probeInterval" },
		{ REGION("\"evictionRate\":0"),
		  "spec.evictionRate: Invalid value: 0: must be between 1 and 6000, inclusive" },
		{ REGION("\"darkPolicy\":\"panic\""),
		  "spec.darkPolicy: Unsupported value: \"panic\": supported values: \"hold\", \"evict\"" },
	};

	RUN(kind_of_storage("regions.health.holdfast.io"), cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metadata_rules),
		cmocka_unit_test(annotations_have_a_limit),
		cmocka_unit_test(metadata_of_updates),
		cmocka_unit_test(pod_rules),
		cmocka_unit_test(pod_updates),
		cmocka_unit_test(service_rules),
		cmocka_unit_test(endpoints_rules),
		cmocka_unit_test(daemon_set_rules),
		cmocka_unit_test(replica_set_rules),
		cmocka_unit_test(deployment_rules),
		cmocka_unit_test(config_map_and_secret_rules),
		cmocka_unit_test(data_has_a_limit_and_may_be_immutable),
		cmocka_unit_test(rules_of_the_other_kinds),
		cmocka_unit_test(roles_rules),
		cmocka_unit_test(bindings_rules),
		cmocka_unit_test(region_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
