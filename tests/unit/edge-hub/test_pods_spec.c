#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "edge-hub/pods/cri_config.h"
#include "edge-hub/pods/spec.h"

static struct pod_spec *decode(const char *spec)
{
	struct pod_spec *out = NULL;
	struct err err = { 0 };
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_addf(&body,
		 "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"web\",\"uid\":\"u-1\",\"labels\":{\"app\":"
		 "\"x\"}},\"spec\":%s}",
		 spec);
	if (spec_decode(buf_span(&body), &out, &err))
		fail_msg("%s", err_text(&err));
	buf_done(&body);
	return out;
}

static int code_of(const char *body, char message[256])
{
	struct pod_spec *out = NULL;
	struct err err = { 0 };
	int rc = spec_decode(span_of(body), &out, &err);

	snprintf(message, 256, "%s", err_text(&err));
	if (!rc)
		spec_free(out);
	return rc;
}

static void defaults_are_the_api_s(void **state)
{
	struct pod_spec *spec = decode("{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"livenessProbe\":{"
				       "\"tcpSocket\":{\"port\":80}}}]}");
	const struct container_spec *a = spec_container(spec, "a");

	assert_int_equal(spec->restart_policy, RESTART_ALWAYS);
	assert_int_equal(spec->grace_s, 30);
	assert_int_equal(spec->dns_policy, DNS_CLUSTER_FIRST);
	assert_int_equal(spec->qos, QOS_BEST_EFFORT);
	assert_string_equal(a->message_path, "/dev/termination-log");
	assert_int_equal(a->probes[PROBE_LIVENESS]->period_s, 10);
	assert_int_equal(a->probes[PROBE_LIVENESS]->failure_threshold, 3);
	assert_null(a->probes[PROBE_READINESS]);
	assert_string_equal(spec->unsupported, "");
	assert_string_equal(spec->hostname, "");
	spec_free(spec);
}

static void the_hash_is_a_kubelets(void **state)
{
	/* fnv32a of {"image":"nginx:1","name":"web"}, as a kubelet of 1.31 writes it in io.kubernetes.container.hash. */
	struct pod_spec *spec = decode("{\"containers\":[{\"name\":\"web\",\"image\":\"nginx:1\"}]}");
	static const char text[] = "{\"image\":\"nginx:1\",\"name\":\"web\"}";
	uint32_t hash = 0x811c9dc5u;

	for (size_t i = 0; i + 1 < sizeof(text); i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x01000193u;
	assert_int_equal(spec->containers[0].hash, hash);
	spec_free(spec);
}

static void resources_add_up_as_the_scheduler_counts_them(void **state)
{
	struct pod_spec *spec =
		decode("{\"initContainers\":[{\"name\":\"i\",\"image\":\"x\",\"resources\":{\"requests\":{"
		       "\"cpu\":\"700m\",\"memory\":\"1Mi\"}}},"
		       "{\"name\":\"s\",\"image\":\"x\",\"restartPolicy\":\"Always\",\"resources\":{"
		       "\"requests\":{\"cpu\":\"100m\"}}}],"
		       "\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":{\"requests\":{\"cpu\":"
		       "\"250m\",\"memory\":\"64Mi\"},\"limits\":{\"memory\":\"64Mi\"}}},"
		       "{\"name\":\"b\",\"image\":\"x\",\"resources\":{\"limits\":{\"cpu\":1}}}]}");
	struct resource_spec total;

	spec_pod_resources(spec, &total);
	assert_int_equal(total.cpu_request_milli.value, 250 + 1000 + 100);
	assert_int_equal(total.memory_request.value, 64 << 20);
	assert_false(total.memory_limit.set); /* b has none */
	assert_int_equal(spec->qos, QOS_BURSTABLE);
	assert_true(spec->containers[1].sidecar);
	assert_false(spec->containers[2].sidecar);
	spec_free(spec);
}

static void a_pod_whose_limits_are_its_requests_is_guaranteed(void **state)
{
	struct pod_spec *spec = decode("{\"containers\":[{\"name\":\"a\",\"image\":\"x\",\"resources\":{"
				       "\"limits\":{\"cpu\":\"100m\",\"memory\":\"32Mi\"}}}]}");

	assert_int_equal(spec->qos, QOS_GUARANTEED);
	assert_int_equal(config_cpu_shares(&spec->containers[0].resources), 102);
	assert_int_equal(config_cpu_quota(&spec->containers[0].resources), 10000);
	assert_int_equal(config_oom_score(spec, &spec->containers[0].resources, 1 << 30), -997);
	spec_free(spec);
}

static void volumes_are_known_or_named_as_unsupported(void **state)
{
	static const struct {
		const char *volume;
		enum volume_kind kind;
		const char *complaint;
	} cases[] = {
		{ "{\"name\":\"v\",\"emptyDir\":{}}", VOLUME_EMPTY_DIR, "" },
		{ "{\"name\":\"v\",\"emptyDir\":{\"medium\":\"Memory\",\"sizeLimit\":\"1Mi\"}}",
		  VOLUME_EMPTY_DIR, "" },
		{ "{\"name\":\"v\",\"emptyDir\":{\"medium\":\"HugePages\"}}", VOLUME_UNSUPPORTED,
		  "emptyDir" },
		{ "{\"name\":\"v\",\"hostPath\":{\"path\":\"/srv\",\"type\":\"Directory\"}}",
		  VOLUME_HOST_PATH, "" },
		{ "{\"name\":\"v\",\"configMap\":{\"name\":\"c\",\"items\":[{\"key\":\"k\",\"path\":\"a/"
		  "b\",\"mode\":256}]}}",
		  VOLUME_CONFIG_MAP, "" },
		{ "{\"name\":\"v\",\"secret\":{\"secretName\":\"s\",\"optional\":true}}", VOLUME_SECRET, "" },
		{ "{\"name\":\"v\",\"downwardAPI\":{\"items\":[{\"path\":\"l\",\"fieldRef\":{\"fieldPath\":"
		  "\"metadata.labels\"}}]}}",
		  VOLUME_DOWNWARD, "" },
		{ "{\"name\":\"v\",\"projected\":{\"sources\":[{\"secret\":{\"name\":\"s\"}},{"
		  "\"serviceAccountToken\":{\"path\":\"t\"}}]}}",
		  VOLUME_PROJECTED, "" },
		{ "{\"name\":\"v\",\"projected\":{\"sources\":[{\"clusterTrustBundle\":{}}]}}",
		  VOLUME_PROJECTED, "projected source" },
		{ "{\"name\":\"v\",\"nfs\":{\"server\":\"s\",\"path\":\"/\"}}", VOLUME_UNSUPPORTED, "nfs" },
		{ "{\"name\":\"v\",\"persistentVolumeClaim\":{\"claimName\":\"c\"}}", VOLUME_UNSUPPORTED,
		  "persistentVolumeClaim" },
		{ "{\"name\":\"v\",\"csi\":{\"driver\":\"d\"}}", VOLUME_UNSUPPORTED, "csi" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024];
		struct pod_spec *spec;

		snprintf(text, sizeof(text),
			 "{\"volumes\":[%s],\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}",
			 cases[i].volume);
		spec = decode(text);
		assert_int_equal(spec_volume(spec, "v")->kind, cases[i].kind);
		if (cases[i].complaint[0])
			assert_non_null(strstr(spec->unsupported, cases[i].complaint));
		else
			assert_string_equal(spec->unsupported, "");
		spec_free(spec);
	}
}

#define HEAD "{\"metadata\":{\"namespace\":\"ns\",\"name\":\"w\",\"uid\":\"u\"},\"spec\":"
#define ONE(inside) HEAD "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"," inside "}]}}"

static void hostile_bodies_are_refused_and_say_where(void **state)
{
	static const struct {
		const char *body, *says;
	} cases[] = {
		{ "", "" },
		{ "[]", "" },
		{ "{}", "" },
		{ "{\"metadata\":{\"namespace\":\"..\",\"name\":\"w\",\"uid\":\"u\"},\"spec\":{"
		  "\"containers\":[{\"name\":\"a\"}]}}",
		  "metadata" },
		{ "{\"metadata\":{\"namespace\":\"n\",\"name\":\"w\",\"uid\":\"../../"
		  "etc\"},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}",
		  "metadata" },
		{ "{\"metadata\":{\"namespace\":\"n\",\"name\":\"a/"
		  "b\",\"uid\":\"u\"},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}",
		  "metadata" },
		{ HEAD "{\"containers\":[]}}", "containers" },
		{ HEAD "{\"containers\":[{\"name\":\"../x\",\"image\":\"i\"}]}}", "containers[0]" },
		{ HEAD "{\"containers\":[{\"name\":\"a\",\"image\":5}]}}", "spec.containers[0].image" },
		{ HEAD
		  "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"},{\"name\":\"a\",\"image\":\"i\"}]}}",
		  "two containers" },
		{ HEAD "{\"restartPolicy\":\"Sometimes\",\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]}}",
		  "restartPolicy" },
		{ ONE("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/x\"}]"), "unknown volume" },
		{ ONE("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/x\",\"subPath\":\"../../etc\"}]"),
		  "subPath" },
		{ ONE("\"volumeMounts\":[{\"name\":\"v\",\"mountPath\":\"/x\",\"subPath\":\"/etc\"}]"),
		  "subPath" },
		{ ONE("\"resources\":{\"limits\":{\"cpu\":\"lots\"}}"), "quantity" },
		{ ONE("\"resources\":{\"limits\":{\"memory\":\"-5Mi\"}}"), "negative" },
		{ ONE("\"ports\":[{\"containerPort\":99999}]"), "port" },
		{ ONE("\"livenessProbe\":{\"httpGet\":{\"port\":0}}"), "port" },
		{ ONE("\"livenessProbe\":{\"periodSeconds\":-1,\"exec\":{\"command\":[\"x\"]}}"),
		  "negative" },
		{ ONE("\"livenessProbe\":{}"), "livenessProbe" },
		{ ONE("\"env\":[{\"name\":\"\"}]"), "env[0].name" },
		{ ONE("\"env\":[{\"name\":\"A\\u0000B\"}]"), "NUL" },
		{ HEAD "{\"volumes\":[{\"name\":\"v\",\"configMap\":{\"items\":[{\"key\":\"k\",\"path\":\"../"
		       "x\"}]}}],\"containers\":[{\"name\":\"a\"}]}}",
		  "leaves" },
		{ HEAD "{\"volumes\":[{\"name\":\"..\",\"emptyDir\":{}}],\"containers\":[{\"name\":\"a\"}]}}",
		  "name" },
		{ HEAD "{\"volumes\":[{\"name\":\"v\",\"hostPath\":{\"path\":\"/a/../../"
		       "b\"}}],\"containers\":[{\"name\":\"a\"}]}}",
		  "path" },
		{ HEAD "{\"volumes\":[{\"name\":\"v\",\"secret\":{\"secretName\":\"s\",\"defaultMode\":99999}"
		       "}],\"containers\":[{\"name\":\"a\"}]}}",
		  "mode" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[256];
		int rc = code_of(cases[i].body, message);

		if (rc != -EINVAL || !strstr(message, cases[i].says))
			fail_msg("case %zu: code %d, \"%s\"", i, rc, message);
	}
}

static void a_strange_last_status_stops_no_pod(void **state)
{
	char message[256];

	assert_int_equal(code_of(HEAD "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]},\"status\":{"
				      "\"phase\":7,\"conditions\":\"x\"}}",
				 message),
			 0);
	assert_int_equal(code_of(HEAD "{\"containers\":[{\"name\":\"a\",\"image\":\"i\"}]},\"status\":[]}",
				 message),
			 0);
}

static void counts_are_bounded(void **state)
{
	char message[256];
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_add_str(&body, HEAD "{\"containers\":[");
	for (int i = 0; i < 40; i++)
		buf_addf(&body, "%s{\"name\":\"c%d\",\"image\":\"i\"}", i ? "," : "", i);
	buf_add_str(&body, "]}}");
	assert_int_equal(code_of(buf_cstr(&body), message), -EINVAL);
	assert_non_null(strstr(message, "32"));
	buf_done(&body);
}

static void references_are_found_wherever_they_are(void **state)
{
	struct pod_spec *spec =
		decode("{\"imagePullSecrets\":[{\"name\":\"reg\"}],\"volumes\":[{\"name\":\"v\","
		       "\"projected\":{\"sources\":[{\"configMap\":{\"name\":\"p\"}}]}},"
		       "{\"name\":\"w\",\"secret\":{\"secretName\":\"vs\"}}],\"containers\":[{\"name\":\"a\","
		       "\"image\":\"i\","
		       "\"env\":[{\"name\":\"A\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"e\",\"key\":"
		       "\"k\"}}}],"
		       "\"envFrom\":[{\"secretRef\":{\"name\":\"f\"}}]}]}");

	assert_true(spec_refers(spec, false, "p"));
	assert_true(spec_refers(spec, false, "e"));
	assert_true(spec_refers(spec, true, "vs"));
	assert_true(spec_refers(spec, true, "f"));
	assert_true(spec_refers(spec, true, "reg"));
	assert_false(spec_refers(spec, true, "p"));
	assert_false(spec_refers(spec, false, "vs"));
	spec_free(spec);
}

static void names_in_the_runtime_are_a_kubelets(void **state)
{
	struct pod_spec *spec = decode("{\"containers\":[{\"name\":\"a\",\"image\":\"i\",\"ports\":[{"
				       "\"containerPort\":80,\"hostPort\":8080},{\"containerPort\":81}]}]}");
	const struct config_options options = { .log_dir = "/l",
						.cluster_dns = "10.0.0.10",
						.cluster_domain = "cluster.local",
						.seccomp_dir = "/s",
						.resolv_conf = SPAN("search lan\nnameserver 192.168.0.1\n"),
						.cgroup_parent = "/kubepods/besteffort/podu-1",
						.memory_capacity_bytes = 1 << 30 };
	struct arena arena;
	Runtime__V1__PodSandboxConfig *sandbox;
	struct buf text;

	arena_init(&arena, 1 << 20);
	sandbox = config_sandbox(&arena, &options, spec, 3);
	assert_non_null(sandbox);
	assert_string_equal(sandbox->metadata->uid, "u-1");
	assert_int_equal(sandbox->metadata->attempt, 3);
	assert_string_equal(sandbox->log_directory, "/l/ns_web_u-1");
	assert_string_equal(sandbox->hostname, "web");
	assert_int_equal(sandbox->n_port_mappings, 1);
	assert_string_equal(sandbox->dns_config->servers[0], "10.0.0.10");
	assert_int_equal(sandbox->dns_config->n_searches, 4);
	assert_string_equal(sandbox->dns_config->searches[0], "ns.svc.cluster.local");
	assert_string_equal(sandbox->dns_config->searches[3], "lan");
	buf_init(&text, 1000);
	assert_int_equal(config_cgroup_parent("/", false, spec, &text), 0);
	assert_string_equal(buf_cstr(&text), "/kubepods/besteffort/podu-1");
	buf_reset(&text);
	assert_int_equal(config_cgroup_parent("/", true, spec, &text), 0);
	assert_string_equal(buf_cstr(&text), "kubepods-besteffort-podu_1.slice");
	buf_reset(&text);
	assert_int_equal(config_cgroup_path("/", false, spec, &text), 0);
	assert_string_equal(buf_cstr(&text), "/kubepods/besteffort/podu-1");
	buf_reset(&text);
	assert_int_equal(config_cgroup_path("/", true, spec, &text), 0);
	assert_string_equal(buf_cstr(&text),
			    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podu_1.slice");
	buf_done(&text);
	arena_done(&arena);
	spec_free(spec);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_api_s),
		cmocka_unit_test(the_hash_is_a_kubelets),
		cmocka_unit_test(resources_add_up_as_the_scheduler_counts_them),
		cmocka_unit_test(a_pod_whose_limits_are_its_requests_is_guaranteed),
		cmocka_unit_test(volumes_are_known_or_named_as_unsupported),
		cmocka_unit_test(hostile_bodies_are_refused_and_say_where),
		cmocka_unit_test(a_strange_last_status_stops_no_pod),
		cmocka_unit_test(counts_are_bounded),
		cmocka_unit_test(references_are_found_wherever_they_are),
		cmocka_unit_test(names_in_the_runtime_are_a_kubelets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
