#include "runner_fixture.h"

#include "tests/tools/tempdir.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static uint64_t mono(void *ctx)
{
	return ((struct cloud *)ctx)->now_ms;
}

static int64_t wall(void *ctx)
{
	return ((struct cloud *)ctx)->wall_ms;
}

static void start_runner(struct cloud *c)
{
	struct runner_options options = { .api = c->api,
					  .seed = 7,
					  .defaults = c->defaults,
					  .neighbours = c->neighbours,
					  .exclusive = c->exclusive,
					  .said = c->say,
					  .neighbours_ctx = c };

	assert_int_equal(runner_new(&options, c->now_ms, c->wall_ms, &c->runner, NULL), 0);
}

int cloud_setup(void **state)
{
	struct cloud *c = calloc(1, sizeof(*c));
	char path[96];
	struct cache_options cache = { .path = path, .inline_commits = true };
	struct api_options api = { .mono_ms = mono, .wall_ms = wall, .clock_ctx = c };
	struct err err = { 0 };

	(void)snprintf(c->dir, sizeof(c->dir), "/tmp/holdfast-control-XXXXXX");
	assert_non_null(mkdtemp(c->dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", c->dir);
	c->now_ms = 1000000;
	c->wall_ms = START_WALL_MS;
	if (cache_open(&cache, &c->cache, &err))
		fail_msg("%s", err.msg);
	api.cache = c->cache;
	assert_int_equal(api_new(&api, &c->api), 0);
	start_runner(c);
	cloud_settle(c);
	*state = c;
	return 0;
}

int cloud_teardown(void **state)
{
	struct cloud *c = *state;

	runner_free(c->runner);
	cache_close(c->cache); /* the last completions want the API alive */
	api_free(c->api);
	assert_int_equal(tempdir_remove(c->dir), 0);
	free(c);
	return 0;
}

void cloud_restart(struct cloud *c)
{
	cloud_settle(c);
	runner_free(c->runner);
	start_runner(c);
	cloud_settle(c);
}

void cloud_settle(struct cloud *c)
{
	for (unsigned i = 0; i < 5000; i++) {
		uint64_t revision = cache_revision(c->cache);
		struct runner_stats stats;

		cache_dispatch(c->cache, c->wall_ms);
		runner_step(c->runner, c->now_ms, c->wall_ms);
		cache_dispatch(c->cache, c->wall_ms);
		runner_stats(c->runner, &stats);
		if (revision == cache_revision(c->cache) && !stats.in_flight &&
		    runner_next(c->runner) > c->now_ms)
			return;
	}
	fail_msg("the controllers do not come to rest");
}

void cloud_pass(struct cloud *c, uint64_t ms)
{
	uint64_t end = c->now_ms + ms;

	cloud_settle(c);
	while (c->now_ms < end) {
		uint64_t next = runner_next(c->runner);
		uint64_t step = next <= c->now_ms ? 1 : next - c->now_ms;

		if (step > end - c->now_ms)
			step = end - c->now_ms;
		c->now_ms += step;
		c->wall_ms += (int64_t)step;
		cloud_settle(c);
	}
}

static struct json *parse(const char *quoted)
{
	char *text = strdup(quoted);
	struct json *tree = NULL;
	struct err err = { 0 };

	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	if (json_parse(span_of(text), &tree, &err))
		fail_msg("%s in %s", err.msg, text);
	free(text);
	return tree;
}

static void keep_code(void *ctx, const struct api_written *written)
{
	*(int *)ctx = written->code;
}

int cloud_try_create(struct cloud *c, const char *quoted)
{
	struct status status;
	int code = 1, rc;

	status_init(&status);
	rc = api_create(c->api, parse(quoted), NULL, &status, keep_code, &code);
	if (rc) {
		if (rc < 0 && rc != -EEXIST)
			print_message("%s\n", status.message);
		status_done(&status);
		return rc;
	}
	status_done(&status);
	for (unsigned i = 0; i < 10 && code == 1; i++)
		cache_dispatch(c->cache, c->wall_ms);
	return code;
}

void cloud_create(struct cloud *c, const char *quoted)
{
	assert_int_equal(cloud_try_create(c, quoted), 0);
	cloud_settle(c);
}

void cloud_delete(struct cloud *c, const char *resource, const char *ns, const char *name,
		  enum api_propagation propagation)
{
	const struct key key = { resource, ns, name };
	struct api_delete_options options = { .grace_s = -1, .propagation = propagation };
	int code = 1;

	assert_int_equal(api_delete(c->api, &key, &options, NULL, NULL, keep_code, &code), 0);
	cloud_settle(c);
	assert_int_equal(code, 0);
}

struct setting {
	const char *path;
	struct json *value;
	int code;
};

static void keep_setting_code(void *ctx, const struct api_written *written)
{
	((struct setting *)ctx)->code = written->code;
}

static int set_path(void *ctx, struct json *tree, const struct object *stored)
{
	const struct setting *setting = ctx;
	char path[128];
	char *dot;

	(void)snprintf(path, sizeof(path), "%s", setting->path);
	dot = strrchr(path, '.');
	if (!dot)
		return json_set(tree, path, json_copy(setting->value));
	*dot = '\0';
	return json_set(json_ensure(tree, path), dot + 1, json_copy(setting->value));
}

void cloud_set(struct cloud *c, const char *resource, const char *ns, const char *name, const char *path,
	       const char *quoted)
{
	const struct key key = { resource, ns, name };
	struct setting setting = { path, parse(quoted), 1 };
	struct status status;
	int rc;

	status_init(&status);
	rc = api_mutate(c->api, &key, API_PART_ALL, set_path, NULL, &status, keep_setting_code, &setting);
	if (rc)
		fail_msg("%s: %d %s", path, rc, status.message);
	status_done(&status);
	cloud_settle(c);
	assert_int_equal(setting.code, 0);
	json_free(setting.value);
}

struct json *cloud_get(struct cloud *c, const char *resource, const char *ns, const char *name)
{
	const struct key key = { resource, ns, name };
	struct object *object = NULL;
	struct json *tree = NULL;

	if (cache_get(c->cache, &key, &object))
		return NULL;
	assert_int_equal(object_to_json(object, &tree), 0);
	object_unref(object);
	return tree;
}

bool cloud_has(struct cloud *c, const char *resource, const char *ns, const char *name)
{
	struct json *tree = cloud_get(c, resource, ns, name);

	json_free(tree);
	return tree != NULL;
}

const char *cloud_field(struct cloud *c, const char *resource, const char *ns, const char *name,
			const char *path)
{
	static char text[2048];
	struct json *tree = cloud_get(c, resource, ns, name);
	const struct json *value = json_path(tree, path);
	struct buf out;

	text[0] = '\0';
	if (json_is(value, JSON_STRING)) {
		(void)snprintf(text, sizeof(text), "%s", json_str(value, ""));
	} else if (value) {
		buf_init(&out, sizeof(text) - 1);
		(void)json_write(value, &out);
		(void)snprintf(text, sizeof(text), "%s", buf_cstr(&out));
		buf_done(&out);
	}
	json_free(tree);
	return text;
}

static int count_one(void *ctx, struct object *object)
{
	++*(size_t *)ctx;
	return 0;
}

size_t cloud_count(struct cloud *c, const char *resource, const char *ns)
{
	struct cache_list list = { .resource = resource, .ns = ns };
	size_t count = 0;

	assert_int_equal(cache_list(c->cache, &list, count_one, &count, NULL), 0);
	return count;
}

const char *cloud_condition(struct cloud *c, const char *resource, const char *ns, const char *name,
			    const char *type)
{
	static char status[32];
	struct json *tree = cloud_get(c, resource, ns, name);
	const struct json *list = json_path(tree, "status.conditions");

	status[0] = '\0';
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_get(json_at(list, i), "type"), ""), type) == 0)
			(void)snprintf(status, sizeof(status), "%s",
				       json_str(json_get(json_at(list, i), "status"), ""));
	json_free(tree);
	return status;
}

void cloud_node(struct cloud *c, const char *name)
{
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s','labels':{'kubernetes.io/"
		       "hostname':'%s'}}}",
		       name, name);
	cloud_create(c, text);
	cloud_set(c, "nodes", "", name, "status.allocatable",
		  "{'cpu':'4','memory':'8Gi','ephemeral-storage':'100Gi','pods':'110'}");
	cloud_set(c, "nodes", "", name, "status.conditions",
		  "[{'type':'Ready','status':'True','reason':'KubeletReady','message':'','lastTransitionTime'"
		  ":'2026-01-01T00:00:00Z'}]");
	runner_link(c->runner, name, true, c->now_ms);
	cloud_settle(c);
}

void cloud_pod_status(struct cloud *c, const char *ns, const char *name, const char *phase, bool ready)
{
	char text[1024], now[CLOCK_TEXT_SIZE];

	clock_format(c->wall_ms, now);
	(void)snprintf(text, sizeof(text),
		       "{'phase':'%s','conditions':[{'type':'PodScheduled','status':'True','"
		       "lastTransitionTime':'%s'},"
		       "{'type':'Ready','status':'%s','lastTransitionTime':'%s'}]}",
		       phase, now, ready ? "True" : "False", now);
	cloud_set(c, "pods", ns, name, "status", text);
}

struct names {
	char list[256][128];
	bool deleting[256];
	size_t count;
};

static int note_pod(void *ctx, struct object *object)
{
	struct names *names = ctx;
	struct json *tree = NULL;

	assert_int_equal(object_to_json(object, &tree), 0);
	if (*json_path_str(tree, "spec.nodeName", "") &&
	    (json_path(tree, "metadata.deletionTimestamp") ||
	     strcmp(json_path_str(tree, "status.phase", ""), "Pending") == 0)) {
		names->deleting[names->count] = json_path(tree, "metadata.deletionTimestamp") != NULL;
		(void)snprintf(names->list[names->count++], sizeof(names->list[0]), "%s", object->key.name);
	}
	json_free(tree);
	return names->count == 256;
}

void cloud_play_nodes(struct cloud *c, const char *ns)
{
	struct names *names = calloc(1, sizeof(*names));
	struct cache_list list = { .resource = "pods", .ns = ns };

	assert_int_equal(cache_list(c->cache, &list, note_pod, names, NULL), 0);
	for (size_t i = 0; i < names->count; i++) {
		const struct key key = { "pods", ns, names->list[i] };
		struct api_delete_options now = { .grace_s = 0 };

		if (names->deleting[i])
			assert_int_equal(api_delete(c->api, &key, &now, NULL, NULL, NULL, NULL), 0);
		else
			cloud_pod_status(c, ns, names->list[i], "Running", true);
		cloud_settle(c);
	}
	free(names);
	cloud_settle(c);
}

struct each_call {
	void (*each)(void *ctx, const struct json *tree);
	void *ctx;
};

static int each_one(void *ctx, struct object *object)
{
	struct each_call *call = ctx;
	struct json *tree = NULL;

	assert_int_equal(object_to_json(object, &tree), 0);
	call->each(call->ctx, tree);
	json_free(tree);
	return 0;
}

void cloud_each(struct cloud *c, const char *resource, const char *ns,
		void (*each)(void *ctx, const struct json *tree), void *ctx)
{
	struct cache_list list = { .resource = resource, .ns = ns };
	struct each_call call = { each, ctx };

	assert_int_equal(cache_list(c->cache, &list, each_one, &call, NULL), 0);
}
