#include "tests/unit/cache/store.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_MS 1700000000000

static void count_wake(void *ctx)
{
	struct store *s = ctx;

	__atomic_add_fetch(&s->wakes, 1, __ATOMIC_RELAXED);
}

int store_try_open(struct store *s, struct err *err)
{
	return cache_open(&s->options, &s->cache, err);
}

void store_open(struct store *s)
{
	struct err err = { 0 };
	int code = store_try_open(s, &err);

	if (code < 0)
		fail_msg("cache_open: %s", err_text(&err));
}

void store_close(struct store *s)
{
	cache_close(s->cache);
	s->cache = NULL;
}

void store_reopen(struct store *s)
{
	store_close(s);
	store_open(s);
}

int store_setup(void **state)
{
	struct store *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	(void)snprintf(s->dir, sizeof(s->dir), "/tmp/holdfast-cache-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->path, sizeof(s->path), "%s/store.db", s->dir);
	s->options = (struct cache_options){
		.path = s->path, .inline_commits = true, .wake = count_wake, .wake_ctx = s
	};
	s->now_ms = START_MS;
	store_open(s);
	*state = s;
	return 0;
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

int store_teardown(void **state)
{
	struct store *s = *state;

	cache_close(s->cache);
	remove_dir(s->dir);
	free(s);
	return 0;
}

void store_dispatch(struct store *s)
{
	cache_dispatch(s->cache, s->now_ms);
}

void outcome_done(void *ctx, const struct cache_result *result)
{
	struct outcome *outcome = ctx;

	outcome->calls++;
	outcome->code = result->code;
	outcome->failed_op = result->failed_op;
	outcome->revision = result->revision;
	outcome->object_revision = result->object ? result->object->revision : 0;
}

struct outcome store_run(struct store *s, struct cache_op *ops, size_t count)
{
	struct outcome outcome = { 0 };

	assert_int_equal(cache_submit(s->cache, ops, count, outcome_done, &outcome), 0);
	assert_int_equal(outcome.calls, 0); /* never from inside */
	store_dispatch(s);
	assert_int_equal(outcome.calls, 1);
	return outcome;
}

struct object *thing(const char *resource, const char *ns, const char *name, const char *uid,
		     const char *body, const char *node)
{
	struct object *object;
	struct buf fields;

	buf_init(&fields, 256);
	if (node)
		assert_int_equal(pairs_add(&fields, "spec.nodeName", node), 0);
	object = object_new(&(struct object){ .key = { resource, ns, name },
					      .uid = uid,
					      .body = span_of(body),
					      .fields = buf_span(&fields) });
	assert_non_null(object);
	buf_done(&fields);
	return object;
}

struct object *pod(const char *name, const char *uid, const char *body)
{
	return thing("pods", "ns", name, uid, body, NULL);
}

uint64_t put(struct store *s, const char *name, const char *body)
{
	struct cache_op op = { .type = CACHE_PUT, .object = pod(name, "uid", body) };
	struct outcome outcome = store_run(s, &op, 1);

	assert_int_equal(outcome.code, 0);
	return outcome.object_revision;
}

uint64_t delete_pod(struct store *s, const char *name)
{
	struct cache_op op = { .type = CACHE_DELETE, .key = { "pods", "ns", name } };
	struct outcome outcome = store_run(s, &op, 1);

	assert_int_equal(outcome.code, 0);
	return outcome.revision;
}

int get(struct store *s, const char *name, uint64_t *out_revision, char body[64])
{
	struct key key = { "pods", "ns", name };
	struct object *object = NULL;
	int code = cache_get(s->cache, &key, &object);

	if (code == 0) {
		assert_true(key_eq(&object->key, &key));
		if (out_revision)
			*out_revision = object->revision;
		if (body)
			assert_int_equal(span_copy(object->body, body, 64), 0);
		object_unref(object);
	}
	return code;
}

static int add_object(void *ctx, struct object *object)
{
	struct listing *l = ctx;

	(void)buf_addf(&l->text, "%s/%s=%.*s@%llu ", object->key.ns, object->key.name, SPAN_ARG(object->body),
		       (unsigned long long)object->revision);
	(void)snprintf(l->last_ns, sizeof(l->last_ns), "%s", object->key.ns);
	(void)snprintf(l->last_name, sizeof(l->last_name), "%s", object->key.name);
	return ++l->count == l->stop_after;
}

int list_into(struct store *s, const struct cache_list *list, struct listing *out)
{
	buf_done(&out->text);
	*out = (struct listing){ .stop_after = out->stop_after };
	buf_init(&out->text, 1 << 20);
	return cache_list(s->cache, list, add_object, out, &out->revision);
}

const char *list_text(struct store *s, const struct cache_list *list, struct listing *out)
{
	assert_int_equal(list_into(s, list, out), 0);
	return buf_cstr(&out->text);
}

static int journal_change(void *ctx, const struct change *change)
{
	static const char letters[] = { 'A', 'M', 'D', 'L' };
	struct journal *j = ctx;
	const struct object *object = change->object;

	assert_int_equal(object->revision, change->revision);
	assert_true(change->revision > j->last);
	assert_true((change->type == CHANGE_ADDED) == (change->previous == NULL));
	if (change->previous)
		assert_true(key_eq(&change->previous->key, &object->key));
	j->last = change->revision;
	(void)buf_addf(&j->text, "%c %s/%s=%.*s@%llu ", letters[change->type], object->key.ns,
		       object->key.name, SPAN_ARG(object->body), (unsigned long long)change->revision);
	j->changes++;
	return j->pause_every && j->changes % j->pause_every == 0;
}

static void journal_gone(void *ctx)
{
	struct journal *j = ctx;

	j->gone++;
}

const struct cache_watch_events journal_events = { .on_change = journal_change, .on_gone = journal_gone };

void journal_init(struct journal *j)
{
	*j = (struct journal){ 0 };
	buf_init(&j->text, 1 << 20);
}

const char *journal_take(struct journal *j)
{
	const char *text = buf_cstr(&j->text);

	assert_non_null(text);
	j->text.len = 0;
	return text;
}
