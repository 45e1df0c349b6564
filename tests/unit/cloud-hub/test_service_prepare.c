#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/kind.h"
#include "cloud-hub/services/prepare.h"
#include "tests/tools/failmalloc.h"

#include <errno.h>

#define OLD(spec) "{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{" spec "}}"

static int set_up(void **state)
{
	struct claims **claims = (struct claims **)state;

	return claims_new("10.0.0.0/24", 3, claims, NULL);
}

static int tear_down(void **state)
{
	claims_free(*state);
	return 0;
}

static struct json *parse(const char *text)
{
	struct json *tree = NULL;

	if (json_parse(span_of(text), &tree, NULL))
		fail_msg("%s", text);
	return tree;
}

/* The object as it is then; what is wrong with it in `wrong`, "" for nothing. */
static struct json *prepared(struct claims *claims, const char *text, const char *old_text, const char *wrong)
{
	const struct kind *kind = kind_of_storage("services");
	struct problems *problems = problems_new();
	struct json *tree = parse(text), *old = old_text ? parse(old_text) : NULL;
	struct buf said;

	assert_int_equal(kind_default(kind, tree), 0);
	assert_int_equal(service_prepare(claims, "n/a", 0, tree, old, problems), 0);
	buf_init(&said, 4096);
	assert_int_equal(problems_text(problems, &said), 0);
	assert_string_equal(said.len ? buf_cstr(&said) : "", wrong);
	if (!wrong[0]) {
		kind->validate(tree, old, problems);
		assert_int_equal(problems_text(problems, &said), 0);
		assert_string_equal(said.len ? buf_cstr(&said) : "", "");
	}
	buf_done(&said);
	problems_free(problems);
	json_free(old);
	return tree;
}

static void expect(struct json *tree, const char *path, const char *text)
{
	struct buf is;

	buf_init(&is, 4096);
	if (json_path(tree, path))
		assert_int_equal(json_write(json_path(tree, path), &is), 0);
	assert_string_equal(is.len ? buf_cstr(&is) : "", text);
	buf_done(&is);
}

static void a_new_service_gets_address_and_family(void **state)
{
	struct json *tree = prepared(*state, OLD("\"ports\":[{\"port\":80}]"), NULL, "");

	assert_memory_equal(json_path_str(tree, "spec.clusterIP", ""), "10.0.0.", 7);
	assert_string_equal(json_path_str(tree, "spec.clusterIPs.0", ""),
			    json_path_str(tree, "spec.clusterIP", ""));
	expect(tree, "spec.ipFamilies", "[\"IPv4\"]");
	expect(tree, "spec.ipFamilyPolicy", "\"SingleStack\"");
	expect(tree, "spec.ports", "[{\"port\":80,\"protocol\":\"TCP\",\"targetPort\":80}]");
	json_free(tree);
}

static void headless_and_external_ones_get_none(void **state)
{
	struct json *tree = prepared(*state, OLD("\"clusterIP\":\"None\""), NULL, "");

	expect(tree, "spec.clusterIPs", "[\"None\"]");
	json_free(tree);
	tree = prepared(*state, OLD("\"type\":\"ExternalName\",\"externalName\":\"x\""), NULL, "");
	expect(tree, "spec.clusterIP", "");
	expect(tree, "spec.ipFamilies", "");
	json_free(tree);
}

static void what_a_client_leaves_out_stays(void **state)
{
	const char *old =
		OLD("\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.9\",\"clusterIPs\":[\"10.0.0.9\"],"
		    "\"ipFamilies\":[\"IPv4\"],\"ports\":[{\"port\":80,\"protocol\":\"TCP\",\"nodePort\":"
		    "30080}]");
	struct json *tree = prepared(*state,
				     OLD("\"type\":\"NodePort\",\"ports\":[{\"name\":\"a\",\"port\":80},{"
					 "\"name\":\"b\",\"port\":81}]"),
				     old, "");

	expect(tree, "spec.clusterIP", "\"10.0.0.9\"");
	expect(tree, "spec.ports.0.nodePort", "30080");
	assert_in_range(json_path_int(tree, "spec.ports.1.nodePort", 0), CLAIMS_PORT_LOW, CLAIMS_PORT_HIGH);
	json_free(tree);
}

static void another_type_drops_what_it_cannot_have(void **state)
{
	const char *old =
		OLD("\"type\":\"LoadBalancer\",\"clusterIP\":\"10.0.0.9\",\"clusterIPs\":[\"10.0.0.9\"],"
		    "\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\","
		    "\"allocateLoadBalancerNodePorts\":"
		    "true,\"externalTrafficPolicy\":\"Local\",\"healthCheckNodePort\":30001,"
		    "\"internalTrafficPolicy\":\"Cluster\",\"ports\":[{\"port\":80,\"nodePort\":30080}]");
	struct json *tree = prepared(
		*state,
		OLD("\"type\":\"ClusterIP\",\"clusterIP\":\"10.0.0.9\",\"clusterIPs\":[\"10.0.0.9\"],"
		    "\"allocateLoadBalancerNodePorts\":true,\"externalTrafficPolicy\":\"Local\","
		    "\"healthCheckNodePort\":"
		    "30001,\"ports\":[{\"port\":80,\"nodePort\":30080}]"),
		old, "");

	expect(tree, "spec.ports.0.nodePort", "");
	expect(tree, "spec.healthCheckNodePort", "");
	expect(tree, "spec.externalTrafficPolicy", "");
	expect(tree, "spec.allocateLoadBalancerNodePorts", "");
	json_free(tree);
	tree = prepared(*state,
			OLD("\"type\":\"ExternalName\",\"externalName\":\"x\",\"clusterIP\":\"10.0.0.9\","
			    "\"clusterIPs\":["
			    "\"10.0.0.9\"],\"ipFamilies\":[\"IPv4\"],\"ipFamilyPolicy\":\"SingleStack\","
			    "\"internalTrafficPolicy\":\"Cluster\""),
			old, "");
	expect(tree, "spec.clusterIPs", "");
	expect(tree, "spec.internalTrafficPolicy", "");
	json_free(tree);
}

static void ports_of_two_protocols_share_a_number(void **state)
{
	struct json *tree = prepared(
		*state,
		OLD("\"type\":\"NodePort\",\"ports\":[{\"name\":\"a\",\"port\":53},{\"name\":\"b\",\"port\":"
		    "53,\"protocol\":\"UDP\"}]"),
		NULL, "");

	assert_int_equal(json_path_int(tree, "spec.ports.0.nodePort", 0),
			 json_path_int(tree, "spec.ports.1.nodePort", 1));
	json_free(tree);
}

static void a_balancer_may_go_without_node_ports(void **state)
{
	struct json *tree = prepared(*state,
				     OLD("\"type\":\"LoadBalancer\",\"allocateLoadBalancerNodePorts\":false,"
					 "\"externalTrafficPolicy\":\"Local\",\"ports\":[{\"port\":80}]"),
				     NULL, "");

	expect(tree, "spec.ports.0.nodePort", "");
	assert_in_range(json_path_int(tree, "spec.healthCheckNodePort", 0), CLAIMS_PORT_LOW,
			CLAIMS_PORT_HIGH);
	json_free(tree);
}

static void what_cannot_be_had_is_said(void **state)
{
	char ip[CLAIMS_ADDRESS_SIZE];
	int64_t port;

	assert_int_equal(claims_address(*state, "n/b", 0, "10.0.0.9", ip), CLAIM_GIVEN);
	assert_int_equal(claims_port(*state, "n/b", 0, 30080, &port), CLAIM_GIVEN);
	json_free(prepared(*state, OLD("\"clusterIP\":\"10.0.0.9\",\"ports\":[{\"port\":80}]"), NULL,
			   "spec.clusterIPs: Invalid value: [\"10.0.0.9\"]: failed to allocate IP 10.0.0.9: "
			   "provided IP is "
			   "already allocated"));
	json_free(prepared(*state, OLD("\"clusterIP\":\"10.1.0.9\",\"ports\":[{\"port\":80}]"), NULL,
			   "spec.clusterIPs: Invalid value: [\"10.1.0.9\"]: failed to allocate IP 10.1.0.9: "
			   "the provided "
			   "IP (10.1.0.9) is not in the valid range. The range of valid IPs is 10.0.0.0/24"));
	json_free(
		prepared(*state, OLD("\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":30080}]"),
			 NULL,
			 "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated"));
	json_free(prepared(*state, OLD("\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"nodePort\":80}]"),
			   NULL,
			   "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid "
			   "range. The range "
			   "of valid ports is 30000-32767"));
	json_free(prepared(
		*state,
		OLD("\"ipFamilyPolicy\":\"RequireDualStack\",\"ipFamilies\":[\"IPv4\",\"IPv6\"],\"ports\":[{"
		    "\"port\":80}]"),
		NULL,
		"[spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured "
		"for "
		"dual-stack services, spec.ipFamilies[1]: Invalid value: \"IPv6\": not configured on this "
		"cluster]"));
}

static void an_address_outside_a_range_made_smaller_is_kept(void **state)
{
	const char *old =
		OLD("\"type\":\"ClusterIP\",\"clusterIP\":\"10.9.0.9\",\"clusterIPs\":[\"10.9.0.9\"],"
		    "\"ipFamilies\":[\"IPv4\"]");
	struct json *tree = prepared(*state, OLD("\"ports\":[{\"port\":80}]"), old, "");

	expect(tree, "spec.clusterIPs", "[\"10.9.0.9\"]");
	json_free(tree);
}

static int walk(void *ctx)
{
	struct claims *claims = NULL;
	struct problems *problems = problems_new();
	struct json *tree = NULL, *old = NULL;
	int rc = problems ? claims_new("10.0.0.0/24", 3, &claims, NULL) : -ENOMEM;

	if (!rc)
		rc = json_parse(SPAN(OLD("\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"protocol\":\"TCP\"}"
					 ",{\"port\":81,"
					 "\"protocol\":\"TCP\"}]")),
				&tree, NULL);
	if (!rc)
		rc = json_parse(SPAN(OLD("\"type\":\"NodePort\",\"ports\":[{\"port\":80,\"protocol\":\"TCP\","
					 "\"nodePort\":"
					 "30080}]")),
				&old, NULL);
	if (!rc)
		rc = service_prepare(claims, "n/a", 0, tree, old, problems);
	if (!rc && problems_count(problems))
		rc = -ENOMEM;
	json_free(tree);
	json_free(old);
	problems_free(problems);
	claims_free(claims);
	return rc;
}

static void memory_may_run_out_anywhere(void **state)
{
	assert_true(failmalloc_walk(walk, NULL) > 10);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_service_gets_address_and_family),
		TEST(headless_and_external_ones_get_none),
		TEST(what_a_client_leaves_out_stays),
		TEST(another_type_drops_what_it_cannot_have),
		TEST(ports_of_two_protocols_share_a_number),
		TEST(a_balancer_may_go_without_node_ports),
		TEST(what_cannot_be_had_is_said),
		TEST(an_address_outside_a_range_made_smaller_is_kept),
		cmocka_unit_test(memory_may_run_out_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
