/* PUT, the status and finalize subresources, binding. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

/* The object as it stands, its text with one part replaced. Freed by the caller. */
static char *current(struct rig *rig, const char *target, const char *from, const char *to)
{
	struct answer *a = ask(rig, "GET", target, NULL);
	const char *text = buf_cstr(&a->body), *at = strstr(text, from);
	char *out = NULL;

	assert_int_equal(a->code, 200);
	if (!at)
		fail_msg("no %s in %s", from, text);
	assert_true(asprintf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from)) > 0);
	answer_free(a);
	return out;
}

static void a_put_replaces_and_moves_the_revision(void **state)
{
	expect_code(*state, 201, "POST", MAPS,
		    "{\"metadata\":{\"name\":\"c\",\"labels\":{\"l\":\"1\"}},\"data\":{\"a\":\"1\"}}");
	uint64_t before = cache_revision(((struct rig *)*state)->cache);
	char *body = current(*state, MAPS "/c", "\"data\":{\"a\":\"1\"}", "\"data\":{\"b\":\"2\"}");
	struct answer *a = ask(*state, "PUT", MAPS "/c", body);

	assert_int_equal(a->code, 200);
	assert_true(revision_of(a) > before);
	assert_int_equal(count_at(a, "data"), 1);
	assert_string_equal(text_at(a, "data.b"), "2");
	answer_free(a);
	/* The revision it was based on has gone. */
	expect_status(*state, 409, "Conflict",
		      "Operation cannot be fulfilled on configmaps \"c\": the object has been modified; "
		      "please apply your changes to "
		      "the latest version and try again",
		      "PUT", MAPS "/c", body);
	free(body);
}

static void a_put_without_a_revision_is_unconditional(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	expect_code(*state, 200, "PUT", MAPS "/c", "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}");
}

static void a_put_that_changes_nothing_keeps_the_revision(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS,
		    "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\",\"b\":\"2\"}}");
	uint64_t before = cache_revision(rig->cache);

	/* The same in another order of keys. */
	struct answer *a = ask(rig, "PUT", MAPS "/c",
			       "{\"data\":{\"b\":\"2\",\"a\":\"1\"},\"metadata\":{\"name\":\"c\"}}");

	assert_int_equal(a->code, 200);
	assert_int_equal(revision_of(a), before);
	assert_int_equal(cache_revision(rig->cache), before);
	answer_free(a);
}

static void what_cannot_be_put(void **state)
{
	expect_status(*state, 404, "NotFound", "configmaps \"x\" not found", "PUT", MAPS "/x",
		      CONFIG("x", ""));
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	expect_status(*state, 400, "BadRequest", "does not match the name on the URL (c)", "PUT", MAPS "/c",
		      CONFIG("d", ""));
	expect_status(*state, 400, "BadRequest", "namespace", "PUT", MAPS "/c",
		      CONFIG("c", ",\"namespace\":\"default\""));
	expect_status(*state, 409, "Conflict", "Precondition failed: UID in precondition: other", "PUT",
		      MAPS "/c", CONFIG("c", ",\"uid\":\"other\""));
	expect_status(*state, 405, "MethodNotAllowed", "", "PUT", MAPS, CONFIG("c", ""));
}

static void a_put_keeps_what_the_server_set(void **state)
{
	struct answer *a = ask(*state, "POST", MAPS, CONFIG("c", ""));
	char uid[64];

	(void)snprintf(uid, sizeof(uid), "%s", text_at(a, "metadata.uid"));
	answer_free(a);
	a = ask(*state, "PUT", MAPS "/c",
		CONFIG("c", ",\"creationTimestamp\":\"2001-01-01T00:00:00Z\",\"deletionTimestamp\":\"2001-01-"
			    "01T00:00:00Z\""));
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "metadata.uid"), uid);
	assert_string_equal(text_at(a, "metadata.creationTimestamp"), "2023-11-14T22:13:20Z");
	assert_string_equal(text_at(a, "metadata.deletionTimestamp"), "");
	answer_free(a);
}

static void spec_and_status_are_written_apart(void **state)
{
	struct answer *a;
	char *body;

	expect_code(*state, 201, "POST", SETS, DAEMONSET("d"));
	body = current(*state, SETS "/d", "\"image\":\"i\"", "\"image\":\"j\"");
	body[strlen(body) - 1] = '\0';
	char *with_status = NULL;

	assert_true(asprintf(&with_status, "%s,\"status\":{\"currentNumberScheduled\":9}}", body) > 0);
	free(body);
	/* The object: the spec changes and the generation counts it, the status stays. */
	a = ask(*state, "PUT", SETS "/d", with_status);
	if (a->code != 200)
		fail_msg("%s", buf_cstr(&a->body));
	assert_int_equal(int_at(a, "metadata.generation"), 2);
	assert_string_equal(text_at(a, "spec.template.spec.containers.0.image"), "j");
	assert_int_equal(int_at(a, "status.currentNumberScheduled"), -1);
	answer_free(a);
	free(with_status);
	/* The status: the other way round. */
	body = current(*state, SETS "/d", "\"image\":\"j\"", "\"image\":\"k\"");
	body[strlen(body) - 1] = '\0';
	assert_true(asprintf(&with_status,
			     "%s,\"status\":{\"currentNumberScheduled\":3,\"desiredNumberScheduled\":3,"
			     "\"numberMisscheduled\":0,\"numberReady\":1}}",
			     body) > 0);
	free(body);
	a = ask(*state, "PUT", SETS "/d/status", with_status);
	if (a->code != 200)
		fail_msg("%s", buf_cstr(&a->body));
	assert_int_equal(int_at(a, "metadata.generation"), 2);
	assert_string_equal(text_at(a, "spec.template.spec.containers.0.image"), "j");
	assert_int_equal(int_at(a, "status.numberReady"), 1);
	answer_free(a);
	free(with_status);
	a = ask(*state, "GET", SETS "/d/status", NULL);
	assert_int_equal(a->code, 200);
	assert_int_equal(int_at(a, "status.numberReady"), 1);
	answer_free(a);
}

static void labels_do_not_count_as_a_generation(void **state)
{
	expect_code(*state, 201, "POST", SETS, DAEMONSET("d"));
	struct answer *a = ask(*state, "PATCH", SETS "/d", "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");

	assert_int_equal(a->code, 200);
	assert_int_equal(int_at(a, "metadata.generation"), 1);
	answer_free(a);
}

static void a_pod_is_bound_once(void **state)
{
	struct answer *a;

	expect_code(*state, 201, "POST", PODS, POD("p", ""));
	expect_code(*state, 201, "POST", PODS "/p/binding",
		    "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\"},\"target\":{"
		    "\"kind\":\"Node\",\"name\":\"n\"}}");
	a = ask(*state, "GET", PODS "/p", NULL);
	assert_string_equal(text_at(a, "spec.nodeName"), "n");
	assert_string_equal(text_at(a, "status.conditions.0.type"), "PodScheduled");
	assert_string_equal(text_at(a, "status.conditions.0.status"), "True");
	answer_free(a);
	expect_status(*state, 409, "Conflict", "pod p is already assigned to node \"n\"", "POST",
		      PODS "/p/binding", "{\"target\":{\"kind\":\"Node\",\"name\":\"m\"}}");
	expect_status(*state, 404, "NotFound", "pods \"q\" not found", "POST", PODS "/q/binding",
		      "{\"target\":{\"name\":\"n\"}}");
	expect_status(*state, 422, "Invalid", "target.name", "POST", PODS "/p/binding", "{}");
	expect_code(*state, 201, "POST", PODS, POD("q", ""));
	expect_code(*state, 201, "POST", "/api/v1/namespaces/web/bindings",
		    "{\"apiVersion\":\"v1\",\"kind\":\"Binding\",\"metadata\":{\"name\":\"q\"},\"target\":{"
		    "\"kind\":\"Node\",\"name\":\"n\"}}");
	a = ask(*state, "GET", PODS "/q", NULL);
	assert_string_equal(text_at(a, "spec.nodeName"), "n");
	answer_free(a);
}

static void the_node_of_a_pod_is_not_changed_by_put(void **state)
{
	expect_code(*state, 201, "POST", PODS, POD("p", ""));
	char *body = current(*state, PODS "/p", "\"containers\":", "\"nodeName\":\"n\",\"containers\":");
	struct answer *a = ask(*state, "PUT", PODS "/p", body);

	assert_int_equal(a->code, 422);
	assert_string_equal(text_at(a, "reason"), "Invalid");
	answer_free(a);
	free(body);
}

static void pod_status_is_the_status_subresource(void **state)
{
	struct answer *a;

	expect_code(*state, 201, "POST", PODS, POD("p", ""));
	a = ask(*state, "PATCH", PODS "/p/status",
		"{\"status\":{\"phase\":\"Running\",\"podIP\":\"10.0.0.1\"}}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "status.phase"), "Running");
	answer_free(a);
	a = ask(*state, "PATCH", PODS "/p", "{\"status\":{\"phase\":\"Failed\"}}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "status.phase"), "Running");
	answer_free(a);
}

static void dry_runs_show_and_do_not_do(void **state)
{
	expect_code(*state, 201, "POST", MAPS, CONFIG("c", ""));
	struct answer *a = ask(*state, "PUT", MAPS "/c?dryRun=All",
			       "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}");

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "data.a"), "1");
	answer_free(a);
	a = ask(*state, "GET", MAPS "/c", NULL);
	assert_string_equal(text_at(a, "data.a"), "");
	answer_free(a);
}

static void two_writers_of_one_revision_cannot_both_win(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS, "{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}");
	char *first = current(rig, MAPS "/c", "\"a\":\"1\"", "\"a\":\"2\""),
	     *second = current(rig, MAPS "/c", "\"a\":\"1\"", "\"a\":\"3\"");
	/* Both are under way before either is committed. */
	struct answer *a = start(rig, "PUT", MAPS "/c", first, 0),
		      *b = start(rig, "PUT", MAPS "/c", second, 0);

	assert_false(a->ended || b->ended);
	rig_dispatch(rig);
	assert_int_equal(a->code, 200);
	assert_int_equal(b->code, 409);
	assert_string_equal(text_at(b, "reason"), "Conflict");
	answer_free(a);
	answer_free(b);
	free(first);
	free(second);
}

static void patches_that_lose_a_race_are_tried_again(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
	struct answer *a = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"1\"}}", 0),
		      *b = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"b\":\"2\"}}", 0);

	for (int i = 0; i < 8; i++)
		rig_dispatch(rig);
	assert_int_equal(a->code, 200);
	assert_int_equal(b->code, 200);
	assert_string_equal(text_at(b, "data.a"), "1");
	assert_string_equal(text_at(b, "data.b"), "2");
	answer_free(a);
	answer_free(b);
}

static void a_writer_that_leaves_disturbs_nobody(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
	struct answer *a = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"a\":\"1\"}}", 0),
		      *b = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"b\":\"2\"}}", 0);

	answer_free(a); /* its write was submitted and will commit */
	answer_free(b); /* its write loses the race and is not tried again */
	rig_dispatch(rig);
	rig_dispatch(rig);
	a = ask(rig, "GET", MAPS "/c", NULL);
	assert_string_equal(text_at(a, "data.a"), "1");
	assert_string_equal(text_at(a, "data.b"), "");
	answer_free(a);
	/* The server may go away with a write under way. */
	a = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"c\":\"3\"}}", 0);
	rig_restart_api(rig);
	assert_true(a->aborted);
	rig_dispatch(rig);
	answer_free(a);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_put_replaces_and_moves_the_revision),
		TEST(a_put_without_a_revision_is_unconditional),
		TEST(a_put_that_changes_nothing_keeps_the_revision),
		TEST(what_cannot_be_put),
		TEST(a_put_keeps_what_the_server_set),
		TEST(spec_and_status_are_written_apart),
		TEST(labels_do_not_count_as_a_generation),
		TEST(a_pod_is_bound_once),
		TEST(the_node_of_a_pod_is_not_changed_by_put),
		TEST(pod_status_is_the_status_subresource),
		TEST(dry_runs_show_and_do_not_do),
		TEST(two_writers_of_one_revision_cannot_both_win),
		TEST(patches_that_lose_a_race_are_tried_again),
		TEST(a_writer_that_leaves_disturbs_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
