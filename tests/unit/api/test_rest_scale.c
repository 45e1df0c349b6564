/* The scale subresource: autoscaling/v1 Scale of a ReplicaSet. */
#include "rig.h"

#define REPLICAS "/apis/apps/v1/namespaces/web/replicasets"
#define SCALE REPLICAS "/r/scale"
#define BODY(more, spec)                                                                          \
	"{\"kind\":\"Scale\",\"apiVersion\":\"autoscaling/v1\",\"metadata\":{\"name\":\"r\"" more \
	"},\"spec\":{" spec "}}"

static void create_set(void *state)
{
	expect_code(
		state, 201, "POST", REPLICAS,
		"{\"apiVersion\":\"apps/v1\",\"kind\":\"ReplicaSet\",\"metadata\":{\"name\":\"r\"},\"spec\":{"
		"\"replicas\":2,\"selector\":{\"matchLabels\":{\"app\":\"x\"},\"matchExpressions\":[{\"key\":"
		"\"t\","
		"\"operator\":\"In\",\"values\":[\"a\",\"b\"]}]},\"template\":{\"metadata\":{\"labels\":{"
		"\"app\":"
		"\"x\",\"t\":\"a\"}},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}");
}

static int64_t replicas(void *state)
{
	struct answer *a = ask(state, "GET", REPLICAS "/r", NULL);
	int64_t count = int_at(a, "spec.replicas");

	answer_free(a);
	return count;
}

static void a_set_is_seen_as_its_scale(void **state)
{
	struct answer *a;

	create_set(*state);
	a = ask(*state, "GET", SCALE, NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Scale");
	assert_string_equal(text_at(a, "apiVersion"), "autoscaling/v1");
	assert_string_equal(text_at(a, "metadata.name"), "r");
	assert_string_equal(text_at(a, "metadata.namespace"), "web");
	assert_true(revision_of(a) > 0);
	assert_int_equal(int_at(a, "spec.replicas"), 2);
	assert_int_equal(int_at(a, "status.replicas"), 0);
	assert_string_equal(text_at(a, "status.selector"), "app=x,t in (a,b)");
	answer_free(a);
	expect_status(*state, 404, "NotFound", "replicasets.apps \"s\" not found", "GET", REPLICAS "/s/scale",
		      NULL);
	expect_code(*state, 201, "POST", SETS, DAEMONSET("d"));
	expect_code(*state, 404, "GET", SETS "/d/scale", NULL);
}

static void a_scale_is_put(void **state)
{
	struct answer *a;

	create_set(*state);
	a = ask(*state, "PUT", SCALE, BODY("", "\"replicas\":5"));
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Scale");
	assert_int_equal(int_at(a, "spec.replicas"), 5);
	answer_free(a);
	a = ask(*state, "GET", REPLICAS "/r", NULL);
	assert_int_equal(int_at(a, "spec.replicas"), 5);
	assert_int_equal(int_at(a, "metadata.generation"), 2);
	assert_string_equal(text_at(a, "spec.template.spec.containers.0.image"), "i");
	answer_free(a);
	/* Without replicas: none are wanted. */
	expect_code(*state, 200, "PUT", SCALE, BODY("", ""));
	assert_int_equal(replicas(*state), 0);
}

static void a_scale_is_patched(void **state)
{
	create_set(*state);
	expect_code(*state, 200, "PATCH", SCALE, "{\"spec\":{\"replicas\":7}}");
	assert_int_equal(replicas(*state), 7);
	expect_code(*state, 200, "PATCH", SCALE, "{\"status\":{\"replicas\":70}}");
	assert_int_equal(replicas(*state), 7);
}

static void what_cannot_be_a_scale_is_refused(void **state)
{
	create_set(*state);
	expect_status(*state, 422, "Invalid",
		      "Scale.autoscaling \"r\" is invalid: spec.replicas: Invalid value: -1: must be greater "
		      "than or "
		      "equal to 0",
		      "PUT", SCALE, BODY("", "\"replicas\":-1"));
	expect_status(*state, 409, "Conflict", "the object has been modified", "PUT", SCALE,
		      BODY(",\"resourceVersion\":\"1\"", "\"replicas\":3"));
	expect_status(*state, 409, "Conflict", "UID", "PUT", SCALE,
		      BODY(",\"uid\":\"someone-else\"", "\"replicas\":3"));
	expect_code(*state, 400, "PUT", SCALE, BODY("", "\"replicas\":\"many\""));
	expect_code(*state, 400, "PUT", SCALE, "{\"kind\":\"Pod\",\"apiVersion\":\"v1\"}");
	expect_code(*state, 400, "PATCH", SCALE, "{\"spec\":{\"replicas\":\"many\"}}");
	expect_code(*state, 422, "PATCH", SCALE, "{\"spec\":{\"replicas\":-4}}");
	expect_code(*state, 400, "PATCH", SCALE, "{\"metadata\":{\"name\":\"other\"}}");
	expect_code(*state, 405, "DELETE", SCALE, NULL);
	assert_int_equal(replicas(*state), 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_set_is_seen_as_its_scale),
		TEST(a_scale_is_put),
		TEST(a_scale_is_patched),
		TEST(what_cannot_be_a_scale_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
