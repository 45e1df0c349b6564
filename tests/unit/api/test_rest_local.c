/* api/write.h: what controllers and the gateway do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/api/rig.h"

struct told {
	unsigned calls;
	int code;
	bool changed, has_object;
	uint64_t revision;
	char name[64], message[256];
};

static void on_written(void *ctx, const struct api_written *written)
{
	struct told *told = ctx;

	told->calls++;
	told->code = written->code;
	told->changed = written->changed;
	told->revision = written->revision;
	told->has_object = written->object != NULL;
	if (written->object)
		(void)snprintf(told->name, sizeof(told->name), "%s", written->object->key.name);
	(void)snprintf(told->message, sizeof(told->message), "%s", written->status->message);
}

static struct json *parse(const char *text)
{
	struct json *tree = NULL;

	assert_int_equal(json_parse(span_of(text), &tree, NULL), 0);
	return tree;
}

static const struct key map_c = { "configmaps", "web", "c" };

static void create(struct rig *rig, const char *text)
{
	struct told told = { 0 };

	assert_int_equal(api_create(rig->api, parse(text), NULL, NULL, on_written, &told), 0);
	rig_dispatch(rig);
	assert_int_equal(told.calls, 1);
	if (told.code)
		fail_msg("%s", told.message);
}

static void creates_answer_after_the_commit(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };

	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"generateName\":\"g-\",\"namespace\":\"web\"}}"),
				    NULL, NULL, on_written, &told),
			 0);
	assert_int_equal(told.calls, 0);
	rig_dispatch(rig);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, 0);
	assert_true(told.changed && told.has_object);
	assert_memory_equal(told.name, "g-", 2);
	assert_int_equal(told.revision, cache_revision(rig->cache));
}

static void creates_are_held_to_the_same_rules(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };
	struct status status;

	status_init(&status);
	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"name\":\"BAD\",\"namespace\":\"web\"}}"),
				    NULL, &status, on_written, &told),
			 -EINVAL);
	assert_int_equal(status.reason, STATUS_INVALID);
	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"name\":\"c\",\"namespace\":\"gone\"}}"),
				    NULL, &status, on_written, &told),
			 -ENOENT);
	assert_string_equal(status.message, "namespaces \"gone\" not found");
	assert_int_equal(
		api_create(rig->api,
			   parse("{\"apiVersion\":\"v9\",\"kind\":\"Gizmo\",\"metadata\":{\"name\":\"c\"}}"),
			   NULL, &status, on_written, &told),
		-ENOENT);
	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"}}");
	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"name\":\"c\",\"namespace\":\"web\"}}"),
				    NULL, &status, on_written, &told),
			 0);
	rig_dispatch(rig);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, -EEXIST);
	assert_string_equal(told.message, "configmaps \"c\" already exists");
	status_done(&status);
}

static int set_a(void *ctx, struct json *object, const struct object *stored)
{
	assert_non_null(stored);
	assert_string_not_equal(json_path_str(object, "metadata.resourceVersion", ""), "");
	(*(unsigned *)ctx)++;
	return json_set_str(json_ensure(object, "data"), "a", "1");
}

struct counted {
	unsigned mutations;
	struct told told;
};

static int counted_set_a(void *ctx, struct json *object, const struct object *stored)
{
	return set_a(&((struct counted *)ctx)->mutations, object, stored);
}

static void counted_written(void *ctx, const struct api_written *written)
{
	on_written(&((struct counted *)ctx)->told, written);
}

static void mutations_are_repeated_when_a_race_is_lost(void **state)
{
	struct rig *rig = *state;
	struct counted counted = { 0 };

	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"}}");
	struct answer *other = start(rig, "PATCH", MAPS "/c", "{\"data\":{\"b\":\"2\"}}", 0);

	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, counted_set_a, NULL, NULL,
				    counted_written, &counted),
			 0);
	for (int i = 0; i < 4; i++)
		rig_dispatch(rig);
	assert_int_equal(counted.mutations, 2);
	assert_int_equal(counted.told.calls, 1);
	assert_int_equal(counted.told.code, 0);
	answer_free(other);
	other = ask(rig, "GET", MAPS "/c", NULL);
	assert_string_equal(text_at(other, "data.a"), "1");
	assert_string_equal(text_at(other, "data.b"), "2");
	answer_free(other);
}

static void a_mutation_that_changes_nothing_writes_nothing(void **state)
{
	struct rig *rig = *state;
	struct counted counted = { 0 };

	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"},\"data\":{\"a\":\"1\"}}");
	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, counted_set_a, NULL, NULL,
				    counted_written, &counted),
			 1);
	rig_dispatch(rig);
	assert_int_equal(counted.told.calls, 0);
}

static int leave(void *ctx, struct json *object, const struct object *stored)
{
	return 1;
}

static int refuse(void *ctx, struct json *object, const struct object *stored)
{
	return -EPERM;
}

static void mutations_may_leave_or_refuse(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };
	struct status status;

	status_init(&status);
	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, leave, NULL, &status, on_written,
				    &told),
			 -ENOENT);
	assert_string_equal(status.message, "configmaps \"c\" not found");
	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"}}");
	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, leave, NULL, &status, on_written,
				    &told),
			 1);
	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, refuse, NULL, &status, on_written,
				    &told),
			 -EPERM);
	assert_int_equal(told.calls, 0);
	status_done(&status);
}

static uint64_t mark(struct rig *rig, const char *name)
{
	struct buf value;
	uint64_t n = 0;

	buf_init(&value, 64);
	if (!cache_mark_get(rig->cache, name, &value))
		assert_int_equal(span_to_u64(buf_span(&value), &n), 0);
	buf_done(&value);
	return n;
}

static void extra_ops_commit_with_the_effect_or_without_one(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };
	struct cache_op op = { .type = CACHE_MARK, .mark = "outbox/n", .value = SPAN("7") };
	struct api_extra_ops extra = { &op, 1 };
	unsigned mutations = 0;

	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"}}");
	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, set_a, &extra, NULL, NULL, &mutations),
			 0);
	rig_dispatch(rig);
	assert_int_equal(mark(rig, "outbox/n"), 7);
	/* The same effect again: nothing to write, the sequence is kept all the same. */
	op.value = SPAN("8");
	uint64_t before = cache_revision(rig->cache);

	assert_int_equal(api_mutate(rig->api, &map_c, API_PART_OBJECT, leave, &extra, NULL, on_written,
				    &told),
			 0);
	rig_dispatch(rig);
	assert_int_equal(told.calls, 1);
	assert_int_equal(told.code, 0);
	assert_false(told.changed);
	assert_int_equal(mark(rig, "outbox/n"), 8);
	assert_int_equal(cache_revision(rig->cache), before);
}

static void extra_ops_commit_with_deletions_and_creates(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };
	struct cache_op op = { .type = CACHE_MARK, .mark = "outbox/n", .value = SPAN("9") };
	struct api_extra_ops extra = { &op, 1 };

	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\"}}");
	assert_int_equal(api_delete(rig->api, &map_c, NULL, &extra, NULL, on_written, &told), 0);
	rig_dispatch(rig);
	assert_int_equal(told.code, 0);
	assert_false(told.has_object);
	assert_int_equal(mark(rig, "outbox/n"), 9);
	/* Refused: neither. */
	op.value = SPAN("10");
	assert_int_equal(api_delete(rig->api, &map_c, NULL, &extra, NULL, on_written, &told), -ENOENT);
	assert_int_equal(mark(rig, "outbox/n"), 9);
	/* A create. */
	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"name\":\"c\",\"namespace\":\"web\"}}"),
				    &extra, NULL, on_written, &told),
			 0);
	rig_dispatch(rig);
	assert_int_equal(mark(rig, "outbox/n"), 10);
}

static int set_both(void *ctx, struct json *object, const struct object *stored)
{
	int err = json_set_str(json_ensure(object, "spec"), "nodeName", "n");

	return err ? err : json_set_str(json_ensure(object, "status"), "phase", "Running");
}

static void parts_keep_to_themselves(void **state)
{
	struct rig *rig = *state;
	const struct key key = { "pods", "web", "p" };
	struct answer *a;
	struct told told = { 0 };

	expect_code(rig, 201, "POST", PODS, POD("p", ""));
	assert_int_equal(api_mutate(rig->api, &key, API_PART_STATUS, set_both, NULL, NULL, on_written, &told),
			 0);
	rig_dispatch(rig);
	a = ask(rig, "GET", PODS "/p", NULL);
	assert_string_equal(text_at(a, "spec.nodeName"), "");
	assert_string_equal(text_at(a, "status.phase"), "Running");
	answer_free(a);
	assert_int_equal(api_mutate(rig->api, &key, API_PART_ALL, set_both, NULL, NULL, on_written, &told),
			 0);
	rig_dispatch(rig);
	a = ask(rig, "GET", PODS "/p", NULL);
	assert_string_equal(text_at(a, "spec.nodeName"), "n");
	answer_free(a);
}

static int finalize(void *ctx, struct json *object, const struct object *stored)
{
	return json_set(json_ensure(object, "spec"), "finalizers", json_new_array());
}

static void the_namespace_controller_can_finish_a_namespace(void **state)
{
	struct rig *rig = *state;
	const struct key key = { "namespaces", "", "web" };
	struct told told = { 0 };

	assert_int_equal(api_delete(rig->api, &key, NULL, NULL, NULL, on_written, &told), 0);
	rig_dispatch(rig);
	assert_int_equal(told.code, 0);
	assert_true(told.has_object);
	assert_int_equal(api_mutate(rig->api, &key, API_PART_ALL, finalize, NULL, NULL, on_written, &told),
			 0);
	rig_dispatch(rig);
	assert_int_equal(told.code, 0);
	assert_false(told.has_object);
	expect_code(rig, 404, "GET", "/api/v1/namespaces/web", NULL);
}

static void deletions_take_options(void **state)
{
	struct rig *rig = *state;
	const struct key key = { "pods", "web", "p" };
	struct api_delete_options options = { .if_uid = "other", .grace_s = -1 };
	struct told told = { 0 };
	struct answer *a;

	expect_code(rig, 201, "POST", PODS, POD("p", ""));
	expect_code(rig, 201, "POST", PODS "/p/binding", "{\"target\":{\"name\":\"n\"}}");
	assert_int_equal(api_delete(rig->api, &key, &options, NULL, NULL, on_written, &told), -ESTALE);
	options.if_uid = NULL;
	assert_int_equal(api_delete(rig->api, &key, &options, NULL, NULL, on_written, &told), 0);
	rig_dispatch(rig);
	a = ask(rig, "GET", PODS "/p", NULL);
	assert_int_equal(int_at(a, "metadata.deletionGracePeriodSeconds"), 30);
	answer_free(a);
	options.grace_s = 0;
	assert_int_equal(api_delete(rig->api, &key, &options, NULL, NULL, on_written, &told), 0);
	rig_dispatch(rig);
	expect_code(rig, 404, "GET", PODS "/p", NULL);
}

static void an_adopted_object_may_keep_its_uid(void **state)
{
	struct rig *rig = *state;

	create(rig, "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"c\","
		    "\"namespace\":\"web\",\"uid\":\"u-1\"}}");
	struct answer *a = ask(rig, "GET", MAPS "/c", NULL);

	assert_string_equal(text_at(a, "metadata.uid"), "u-1");
	answer_free(a);
}

static void the_end_of_the_server_tells_nobody_and_leaks_nothing(void **state)
{
	struct rig *rig = *state;
	struct told told = { 0 };

	assert_int_equal(api_create(rig->api,
				    parse("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{"
					  "\"name\":\"c\",\"namespace\":\"web\"}}"),
				    NULL, NULL, on_written, &told),
			 0);
	rig_restart_api(rig);
	rig_dispatch(rig);
	assert_int_equal(told.calls, 0);
	expect_code(rig, 200, "GET", MAPS "/c", NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(creates_answer_after_the_commit),
		TEST(creates_are_held_to_the_same_rules),
		TEST(mutations_are_repeated_when_a_race_is_lost),
		TEST(a_mutation_that_changes_nothing_writes_nothing),
		TEST(mutations_may_leave_or_refuse),
		TEST(extra_ops_commit_with_the_effect_or_without_one),
		TEST(extra_ops_commit_with_deletions_and_creates),
		TEST(parts_keep_to_themselves),
		TEST(the_namespace_controller_can_finish_a_namespace),
		TEST(deletions_take_options),
		TEST(an_adopted_object_may_keep_its_uid),
		TEST(the_end_of_the_server_tells_nobody_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
