/* DELETE: at once, gracefully, behind finalizers, whole collections, namespaces; eviction. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

static void bind(struct rig *rig, const char *name)
{
	char target[128];

	(void)snprintf(target, sizeof(target), PODS "/%s/binding", name);
	expect_code(rig, 201, "POST", target, "{\"target\":{\"kind\":\"Node\",\"name\":\"n\"}}");
}

static void most_kinds_go_at_once_and_leave_a_status(void **state)
{
	struct answer *a = ask(*state, "POST", MAPS, CONFIG("c", ""));
	char uid[64];

	(void)snprintf(uid, sizeof(uid), "%s", text_at(a, "metadata.uid"));
	answer_free(a);
	a = ask(*state, "DELETE", MAPS "/c", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Status");
	assert_string_equal(text_at(a, "status"), "Success");
	assert_string_equal(text_at(a, "details.name"), "c");
	assert_string_equal(text_at(a, "details.kind"), "configmaps");
	assert_string_equal(text_at(a, "details.uid"), uid);
	answer_free(a);
	expect_code(*state, 404, "GET", MAPS "/c", NULL);
	expect_status(*state, 404, "NotFound", "configmaps \"c\" not found", "DELETE", MAPS "/c", NULL);
}

static void preconditions_guard(void **state)
{
	struct answer *a = ask(*state, "POST", MAPS, CONFIG("c", ""));
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"preconditions\":{\"uid\":\"%s\",\"resourceVersion\":\"%s\"}}",
		       text_at(a, "metadata.uid"), text_at(a, "metadata.resourceVersion"));
	answer_free(a);
	expect_status(*state, 409, "Conflict", "Precondition failed: UID in precondition: x", "DELETE",
		      MAPS "/c", "{\"preconditions\":{\"uid\":\"x\"}}");
	expect_status(*state, 409, "Conflict", "ResourceVersion in precondition: 1,", "DELETE", MAPS "/c",
		      "{\"preconditions\":{\"resourceVersion\":\"1\"}}");
	expect_code(*state, 200, "DELETE", MAPS "/c", body);
}

static void bad_options_are_refused(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	expect_status(*state, 422, "Invalid", "propagationPolicy", "DELETE", MAPS "/c",
		      "{\"propagationPolicy\":\"Sideways\"}");
	expect_status(*state, 422, "Invalid", "cannot be both set", "DELETE", MAPS "/c",
		      "{\"propagationPolicy\":\"Orphan\",\"orphanDependents\":true}");
	expect_status(*state, 400, "BadRequest", "", "DELETE", MAPS "/c", "{\"gracePeriodSeconds\":\"x\"}");
	expect_status(*state, 400, "BadRequest", "", "DELETE", MAPS "/c?gracePeriodSeconds=x", NULL);
	expect_status(*state, 400, "BadRequest", "", "DELETE", MAPS "/c", "[]");
	expect_status(*state, 400, "BadRequest", "", "DELETE", MAPS "/c", CONFIG("c", ""));
	expect_code(*state, 200, "GET", MAPS "/c", NULL);
}

static void dry_runs_delete_nothing(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	expect_code(*state, 200, "DELETE", MAPS "/c?dryRun=All", NULL);
	expect_code(*state, 200, "DELETE", MAPS "/c", "{\"dryRun\":[\"All\"]}");
	expect_code(*state, 200, "GET", MAPS "/c", NULL);
}

static void finalizers_hold_an_object(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ",\"finalizers\":[\"example.com/f\"]"));
	struct answer *a = ask(*state, "DELETE", MAPS "/c", NULL);

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "ConfigMap");
	assert_string_equal(text_at(a, "metadata.deletionTimestamp"), "2023-11-14T22:13:20Z");
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 0);
	answer_free(a);
	/* A second deletion changes nothing. */
	uint64_t before = cache_revision(((struct rig *)*state)->cache);

	expect_code(*state, 200, "DELETE", MAPS "/c", NULL);
	assert_int_equal(cache_revision(((struct rig *)*state)->cache), before);
	expect_status(*state, 422, "Invalid", "no new finalizers can be added", "PATCH", MAPS "/c",
		      "{\"metadata\":{\"finalizers\":[\"example.com/f\",\"example.com/g\"]}}");
	/* The last finalizer lets it go. */
	a = ask(*state, "PATCH", MAPS "/c", "{\"metadata\":{\"finalizers\":null}}");
	assert_int_equal(a->code, 200);
	answer_free(a);
	expect_code(*state, 404, "GET", MAPS "/c", NULL);
}

static void propagation_becomes_finalizers(void **state)
{
	struct answer *a;

	expect_code(*state, 201, "POST", SETS, DAEMONSET("d"));
	a = ask(*state, "DELETE", SETS "/d?propagationPolicy=Foreground", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "metadata.finalizers.0"), "foregroundDeletion");
	assert_int_equal(int_at(a, "metadata.generation"), 2);
	answer_free(a);
	/* The mind can be changed while it waits. */
	a = ask(*state, "DELETE", SETS "/d", "{\"propagationPolicy\":\"Orphan\"}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "metadata.finalizers.0"), "orphan");
	assert_int_equal(count_at(a, "metadata.finalizers"), 1);
	answer_free(a);
	a = ask(*state, "DELETE", SETS "/d", "{\"propagationPolicy\":\"Background\"}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Status");
	answer_free(a);
	expect_code(*state, 404, "GET", SETS "/d", NULL);
}

static void a_bound_pod_waits_for_its_node(void **state)
{
	struct answer *a;

	expect_code(*state, 201, "POST", PODS, POD("p", ""));
	bind(*state, "p");
	a = ask(*state, "DELETE", PODS "/p", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Pod");
	assert_string_equal(text_at(a, "metadata.deletionTimestamp"), "2023-11-14T22:13:50Z"); /* in 30 s */
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 30);
	answer_free(a);
	/* Later deletions shorten the time and never lengthen it. */
	a = ask(*state, "DELETE", PODS "/p?gracePeriodSeconds=10", NULL);
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 10);
	assert_string_equal(text_at(a, "metadata.deletionTimestamp"), "2023-11-14T22:13:30Z");
	answer_free(a);
	a = ask(*state, "DELETE", PODS "/p?gracePeriodSeconds=60", NULL);
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 10);
	answer_free(a);
	/* Updates meanwhile do not remove it. */
	expect_code(*state, 200, "PATCH", PODS "/p", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
	expect_code(*state, 200, "GET", PODS "/p", NULL);
	/* The node says that it is over. */
	a = ask(*state, "DELETE", PODS "/p", "{\"gracePeriodSeconds\":0}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Pod");
	answer_free(a);
	expect_code(*state, 404, "GET", PODS "/p", NULL);
}

static void pods_that_no_node_runs_go_at_once(void **state)
{
	expect_code(*state, 201, "POST", PODS, POD("unbound", ""));
	expect_code(*state, 200, "DELETE", PODS "/unbound", NULL);
	expect_code(*state, 404, "GET", PODS "/unbound", NULL);
	expect_code(*state, 201, "POST", PODS, POD("done", ""));
	bind(*state, "done");
	expect_code(*state, 200, "PATCH", PODS "/done/status", "{\"status\":{\"phase\":\"Succeeded\"}}");
	expect_code(*state, 200, "DELETE", PODS "/done", NULL);
	expect_code(*state, 404, "GET", PODS "/done", NULL);
	expect_code(*state, 201, "POST", PODS, POD("forced", ""));
	bind(*state, "forced");
	expect_code(*state, 200, "DELETE", PODS "/forced?gracePeriodSeconds=0", NULL);
	expect_code(*state, 404, "GET", PODS "/forced", NULL);
}

static void finalizers_outlast_the_node(void **state)
{
	expect_code(*state, 201, "POST", PODS, POD("p", ",\"finalizers\":[\"example.com/f\"]"));
	bind(*state, "p");
	expect_code(*state, 200, "DELETE", PODS "/p", NULL);
	struct answer *a = ask(*state, "DELETE", PODS "/p?gracePeriodSeconds=0", NULL);

	assert_int_equal(a->code, 200);
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 0);
	answer_free(a);
	expect_code(*state, 200, "GET", PODS "/p", NULL);
	expect_code(*state, 200, "PATCH", PODS "/p", "{\"metadata\":{\"finalizers\":[]}}");
	expect_code(*state, 404, "GET", PODS "/p", NULL);
}

static void a_pod_being_deleted_is_not_bound(void **state)
{
	expect_code(*state, 201, "POST", PODS, POD("p", ",\"finalizers\":[\"example.com/f\"]"));
	expect_code(*state, 200, "DELETE", PODS "/p", NULL);
	expect_status(*state, 409, "Conflict", "is being deleted", "POST", PODS "/p/binding",
		      "{\"target\":{\"name\":\"n\"}}");
}

static void evictions_delete_gracefully(void **state)
{
	struct answer *a;

	expect_code(*state, 201, "POST", PODS, POD("p", ""));
	bind(*state, "p");
	a = ask(*state, "POST", PODS "/p/eviction",
		"{\"apiVersion\":\"policy/"
		"v1\",\"kind\":\"Eviction\",\"metadata\":{\"name\":\"p\",\"namespace\":\"web\"},"
		"\"deleteOptions\":{\"gracePeriodSeconds\":5}}");
	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "status"), "Success");
	answer_free(a);
	a = ask(*state, "GET", PODS "/p", NULL);
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 5);
	answer_free(a);
	expect_status(*state, 404, "NotFound", "", "POST", PODS "/q/eviction",
		      "{\"metadata\":{\"name\":\"q\"}}");
}

static void a_namespace_ends_when_it_is_empty(void **state)
{
	struct answer *a = ask(*state, "GET", "/api/v1/namespaces/web", NULL);
	char body[1024];

	assert_string_equal(text_at(a, "spec.finalizers.0"), "kubernetes");
	assert_string_equal(text_at(a, "status.phase"), "Active");
	answer_free(a);
	/* Its finalizer is not the client's to take away. */
	expect_code(*state, 200, "PATCH", "/api/v1/namespaces/web", "{\"spec\":{\"finalizers\":[]}}");
	a = ask(*state, "DELETE", "/api/v1/namespaces/web", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "Namespace");
	assert_string_equal(text_at(a, "status.phase"), "Terminating");
	assert_string_equal(text_at(a, "spec.finalizers.0"), "kubernetes");
	answer_free(a);
	expect_code(*state, 200, "DELETE", "/api/v1/namespaces/web", NULL);
	expect_code(*state, 200, "GET", "/api/v1/namespaces/web", NULL);
	(void)snprintf(body, sizeof(body),
		       "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"web\"},"
		       "\"spec\":{\"finalizers\":[]}}");
	expect_code(*state, 200, "PUT", "/api/v1/namespaces/web/finalize", body);
	expect_code(*state, 404, "GET", "/api/v1/namespaces/web", NULL);
}

static void some_namespaces_never_end(void **state)
{
	expect_status(*state, 403, "Forbidden", "this namespace may not be deleted", "DELETE",
		      "/api/v1/namespaces/default", NULL);
}

static void a_collection_goes_as_selected(void **state)
{
	char body[128], target[64], names[4096];

	for (int i = 0; i < 100; i++) {
		(void)snprintf(body, sizeof(body),
			       "{\"metadata\":{\"name\":\"c%d\",\"labels\":{\"l\":\"%d\"}}}", i, i % 2);
		expect_code(*state, 201, "POST", MAPS, body);
	}
	struct answer *a = ask(*state, "DELETE", MAPS "?labelSelector=l%3D0", NULL);

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "kind"), "ConfigMapList");
	assert_int_equal(count_at(a, "items"), 50);
	answer_free(a);
	a = ask(*state, "GET", MAPS, NULL);
	assert_int_equal(count_at(a, "items"), 50);
	assert_null(strstr(names_of(a, names, sizeof(names)), "c2,"));
	answer_free(a);
	(void)snprintf(target, sizeof(target), MAPS);
	expect_code(*state, 200, "DELETE", target, "{\"propagationPolicy\":\"Background\"}");
	a = ask(*state, "GET", MAPS, NULL);
	assert_int_equal(count_at(a, "items"), 0);
	answer_free(a);
	expect_code(*state, 200, "DELETE", target, NULL); /* nothing left is fine */
	expect_status(*state, 405, "MethodNotAllowed", "", "DELETE", "/api/v1/namespaces", NULL);
	expect_status(*state, 405, "MethodNotAllowed", "", "DELETE", "/api/v1/configmaps", NULL);
}

static void a_collection_whose_client_leaves_is_cleaned_up(void **state)
{
	char body[64];

	for (int i = 0; i < 100; i++) {
		(void)snprintf(body, sizeof(body), "{\"metadata\":{\"name\":\"c%d\"}}", i);
		expect_code(*state, 201, "POST", MAPS, body);
	}
	struct answer *a = start(*state, "DELETE", MAPS, NULL, 0);

	answer_free(a);
	for (int i = 0; i < 4; i++)
		rig_dispatch(*state);
	a = start(*state, "DELETE", MAPS, NULL, 0);
	rig_restart_api(*state);
	assert_true(a->aborted);
	rig_dispatch(*state);
	answer_free(a);
}

static void a_collection_that_loses_races_for_nobody_stops(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
	/* The change is under way first, so that the deletion has to be tried again. */
	struct answer *change = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"1\"}}", 0),
		      *a = start(rig, "DELETE", MAPS, NULL, 0);

	answer_free(a);
	for (int i = 0; i < 4; i++)
		rig_dispatch(rig);
	assert_int_equal(change->code, 200);
	answer_free(change);
	expect_code(rig, 200, "GET", MAPS "/c", NULL);
	/* For one who waits it is. */
	change = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"2\"}}", 0);
	expect_code(rig, 200, "DELETE", MAPS, NULL);
	answer_free(change);
	expect_code(rig, 404, "GET", MAPS "/c", NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(most_kinds_go_at_once_and_leave_a_status),
		TEST(preconditions_guard),
		TEST(bad_options_are_refused),
		TEST(dry_runs_delete_nothing),
		TEST(finalizers_hold_an_object),
		TEST(propagation_becomes_finalizers),
		TEST(a_bound_pod_waits_for_its_node),
		TEST(pods_that_no_node_runs_go_at_once),
		TEST(finalizers_outlast_the_node),
		TEST(a_pod_being_deleted_is_not_bound),
		TEST(evictions_delete_gracefully),
		TEST(a_namespace_ends_when_it_is_empty),
		TEST(some_namespaces_never_end),
		TEST(a_collection_goes_as_selected),
		TEST(a_collection_whose_client_leaves_is_cleaned_up),
		TEST(a_collection_that_loses_races_for_nobody_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
