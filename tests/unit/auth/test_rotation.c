/* A rotation, and a first sealing, killed at every change that they make to the disk. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/rotation.h"
#include "auth/store_seal.h"
#include "base/files.h"
#include "tests/tools/cutpower.h"
#include "tests/tools/tempdir.h"

#define SECRET "hunter2-the-plain-text"
#define BODY "{\"kind\":\"Secret\",\"data\":\"" SECRET "\"}"
#define NOW_MS 1790000000000
#define ROWS 6
#define FILE_MAX_BYTES (16u << 20)

struct place {
	char base[64], store[96], good[112], damaged[112], file[96], vault[96];
};
struct hub {
	struct vault *vault;
	struct cache_seal seal;
	struct cache *cache;
	struct rotation *rotation;
	unsigned told_done, told_failed;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	(void)snprintf(p->base, sizeof(p->base), "/tmp/holdfast-rotation-XXXXXX");
	if (!mkdtemp(p->base))
		return -1;
	(void)snprintf(p->store, sizeof(p->store), "%s/store.db", p->base);
	(void)snprintf(p->good, sizeof(p->good), "%s/store.db.good", p->base);
	(void)snprintf(p->damaged, sizeof(p->damaged), "%s/store.db.damaged", p->base);
	(void)snprintf(p->file, sizeof(p->file), "%s/identity", p->base);
	(void)snprintf(p->vault, sizeof(p->vault), "%s/vault", p->base);
	*state = p;
	return 0;
}

static void clear(const struct place *p)
{
	(void)tempdir_remove(p->vault);
	(void)tempdir_remove(p->base);
}

static int teardown(void **state)
{
	struct place *p = *state;

	clear(p);
	free(p);
	return 0;
}

/* --- a hub with no network --- */

static void on_change(void *ctx, enum rotation_phase phase, const struct err *err)
{
	struct hub *hub = ctx;

	(void)err;
	hub->told_done += phase == ROTATION_IDLE;
	hub->told_failed += phase == ROTATION_FAILED;
}

static int hub_open(struct hub *hub, const struct place *p, bool sealed, struct err *err)
{
	struct vault_settings settings = { .data_dir = p->base, .wrap = "file" };
	struct cache_options cache = { .path = p->store,
				       .seal = sealed ? &hub->seal : NULL,
				       .inline_commits = true };
	struct rotation_options rotation = {
		.data_dir = p->base, .good_path = p->good, .on_change = on_change, .ctx = hub
	};
	int code;

	*hub = (struct hub){ 0 };
	code = sealed ? vault_open_data(&settings, &hub->vault, err) : 0;
	if (!code && sealed) {
		hub->seal = store_seal(hub->vault);
		code = vault_file_settle(hub->vault, p->file);
	}
	if (!code)
		code = cache_open(&cache, &hub->cache, err);
	if (!code && sealed) {
		rotation.vault = hub->vault;
		rotation.cache = hub->cache;
		code = rotation_new(&rotation, &hub->rotation);
	}
	return code;
}

static void hub_close(struct hub *hub)
{
	rotation_stop(hub->rotation);
	cache_close(hub->cache);
	rotation_free(hub->rotation);
	vault_free(hub->vault);
}

static void turn(struct hub *hub)
{
	cache_dispatch(hub->cache, NOW_MS);
	rotation_step(hub->rotation, 0);
}

static bool is_rotating(const struct hub *hub)
{
	struct rotation_status status;

	rotation_status(hub->rotation, &status);
	return status.phase != ROTATION_IDLE;
}

static void run_rotation(struct hub *hub)
{
	turn(hub);
	for (int i = 0; i < 1000 && is_rotating(hub); i++)
		turn(hub);
}

static void ignore(void *ctx, int code)
{
	*(int *)ctx = code;
}

static int write_all(struct hub *hub, const struct place *p)
{
	int code = 0, copied = 1;

	for (int i = 0; !code && i < ROWS; i++) {
		char name[16];
		struct cache_op ops[2] = { { .type = CACHE_PUT },
					   { .type = CACHE_MARK, .value = SPAN(SECRET) } };

		(void)snprintf(name, sizeof(name), "outbox/entry/%d", i);
		ops[1].mark = name;
		ops[0].object = object_new(&(struct object){
			.key = { "secrets", "ns", name + 13 }, .uid = "uid", .body = SPAN(BODY) });
		code = cache_submit(hub->cache, ops, 2, NULL, NULL);
		cache_dispatch(hub->cache, NOW_MS);
	}
	if (!code)
		code = cache_snapshot(hub->cache, p->good, ignore, &copied);
	cache_dispatch(hub->cache, NOW_MS);
	return code ? code : copied;
}

static struct buf content_of(const char *path)
{
	struct buf out;

	buf_init(&out, FILE_MAX_BYTES);
	if (file_read(path, &out) == -ENOENT)
		buf_reset(&out);
	return out;
}

static void expect_nowhere(const struct place *p, const char *bytes, size_t len)
{
	const char *const paths[] = { p->store, p->good, p->damaged, p->file };
	char beside[160];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		for (int suffix = 0; suffix < 4; suffix++) {
			static const char *const suffixes[] = { "", "-wal", ".old", ".new" };
			struct buf content;

			(void)snprintf(beside, sizeof(beside), "%s%s", paths[i], suffixes[suffix]);
			content = content_of(beside);
			if (content.len && memmem(content.data, content.len, bytes, len))
				fail_msg("%s holds it", beside);
			buf_done(&content);
		}
}

static void expect_all(struct hub *hub, const struct place *p)
{
	struct buf out;

	buf_init(&out, 4096);
	for (int i = 0; i < ROWS; i++) {
		char name[16];
		struct key key = { "secrets", "ns", name + 13 };
		struct object *object = NULL;

		(void)snprintf(name, sizeof(name), "outbox/entry/%d", i);
		assert_int_equal(cache_get(hub->cache, &key, &object), 0);
		assert_true(span_is(object->body, BODY));
		object_unref(object);
		buf_reset(&out);
		assert_int_equal(cache_mark_get(hub->cache, name, &out), 0);
		assert_true(span_is(buf_span(&out), SECRET));
	}
	buf_reset(&out);
	assert_int_equal(vault_file_read(hub->vault, p->file, &out), 0);
	assert_true(span_is(buf_span(&out), SECRET));
	buf_done(&out);
}

static uint32_t newest_key(const struct hub *hub, size_t *out_keys)
{
	struct vault_status status;

	vault_status(hub->vault, &status);
	*out_keys = status.keys;
	return status.newest;
}

/* Runs `body` in a child that is ended at its nth change of the disk; true when it got to its end. */
static bool run_cut(int (*body)(const struct place *p), const struct place *p, unsigned long nth)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		cutpower_arm(nth);
		_exit(body(p));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CUTPOWER_EXIT)
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static int prepare(const struct place *p, bool sealed)
{
	struct hub hub;
	int code = file_write(p->file, SPAN(SECRET), 0600);

	if (!code)
		code = hub_open(&hub, p, sealed, NULL);
	if (!code)
		code = write_all(&hub, p);
	hub_close(&hub);
	return code;
}

/* --- rotation --- */

static int rotate(const struct place *p)
{
	struct hub hub;
	struct err err = { 0 };
	int code = hub_open(&hub, p, true, &err);

	if (!code)
		code = rotation_start(hub.rotation, &err);
	if (!code)
		run_rotation(&hub);
	code = code || is_rotating(&hub) || hub.told_failed;
	hub_close(&hub);
	if (code)
		fprintf(stderr, "%s\n", err_text(&err));
	return code != 0;
}

/* Whatever was cut short: the next hub opens everything at once, ends it by itself, and only the new key is left. */
static void expect_whole_again(const struct place *p, unsigned long nth)
{
	struct hub hub;
	struct err err = { 0 };
	uint32_t newest;
	size_t keys;

	if (hub_open(&hub, p, true, &err))
		fail_msg("cut at %lu: %s", nth, err_text(&err));
	expect_all(&hub, p);
	run_rotation(&hub);
	assert_false(is_rotating(&hub));
	assert_int_equal(hub.told_failed, 0);
	newest = newest_key(&hub, &keys);
	assert_int_equal(keys, 1);
	assert_true(newest == 1 || newest == 2);
	if (newest == 2)
		expect_nowhere(p, "HfS\1\0\0\0\1", 8);
	expect_all(&hub, p);
	hub_close(&hub);
}

static void a_rotation_killed_at_any_place_is_ended_by_the_next_hub(void **state)
{
	struct place *p = *state;
	unsigned long nth = 0;
	bool is_whole = false;

	while (!is_whole && nth < 5000) {
		assert_int_equal(prepare(p, true), 0);
		is_whole = run_cut(rotate, p, ++nth);
		expect_whole_again(p, nth);
		/* The copy serves too, with the one key that is left. */
		assert_int_equal(truncate(p->store, 0), 0);
		expect_whole_again(p, nth);
		clear(p);
		assert_int_equal(mkdir(p->base, 0700), 0);
	}
	print_message("killed at %lu places\n", nth - 1);
	assert_true(is_whole && nth > 20);
}

/* --- a first sealing --- */

static int seal_first(const struct place *p)
{
	struct hub hub;
	int code = hub_open(&hub, p, true, NULL);

	hub_close(&hub);
	return code != 0;
}

static void a_first_sealing_killed_at_any_place_is_ended_by_the_next_hub(void **state)
{
	struct place *p = *state;
	unsigned long nth = 0;
	bool is_whole = false;

	while (!is_whole && nth < 5000) {
		struct hub hub;

		assert_int_equal(prepare(p, false), 0);
		assert_int_equal(file_write(p->damaged, SPAN("remains: " SECRET), 0600), 0);
		is_whole = run_cut(seal_first, p, ++nth);
		assert_int_equal(hub_open(&hub, p, true, NULL), 0);
		expect_all(&hub, p);
		expect_nowhere(p, SECRET, sizeof(SECRET) - 1);
		hub_close(&hub);
		expect_nowhere(p, SECRET, sizeof(SECRET) - 1);
		assert_int_equal(access(p->good, F_OK), 0);
		clear(p);
		assert_int_equal(mkdir(p->base, 0700), 0);
	}
	print_message("killed at %lu places\n", nth - 1);
	assert_true(is_whole && nth > 20);
}

/* --- trouble --- */

static void a_copy_that_cannot_be_made_keeps_the_old_key_until_it_can(void **state)
{
	struct place *p = *state;
	struct rotation_status status;
	struct hub hub;
	char blocker[128];
	size_t keys;

	assert_int_equal(prepare(p, true), 0);
	assert_int_equal(hub_open(&hub, p, true, NULL), 0);
	(void)snprintf(blocker, sizeof(blocker), "%s.tmp", p->good);
	assert_int_equal(mkdir(blocker, 0700), 0);
	assert_int_equal(rotation_start(hub.rotation, NULL), 0);
	for (int i = 0; i < 20; i++)
		turn(&hub);
	rotation_status(hub.rotation, &status);
	assert_int_equal(status.phase, ROTATION_FAILED);
	assert_string_not_equal(status.last_error, "");
	assert_int_equal(newest_key(&hub, &keys), 2);
	assert_int_equal(keys, 2);
	expect_all(&hub, p);
	assert_int_equal(rmdir(blocker), 0);
	rotation_step(hub.rotation, ROTATION_RETRY_MS);
	for (int i = 0; i < 20; i++)
		turn(&hub);
	assert_false(is_rotating(&hub));
	assert_int_equal(newest_key(&hub, &keys), 2);
	assert_int_equal(keys, 1);
	assert_int_equal(hub.told_done, 1);
	expect_all(&hub, p);
	hub_close(&hub);
}

static void what_is_written_meanwhile_is_sealed_with_the_new_key(void **state)
{
	struct place *p = *state;
	struct hub hub;

	assert_int_equal(prepare(p, true), 0);
	assert_int_equal(hub_open(&hub, p, true, NULL), 0);
	assert_int_equal(rotation_start(hub.rotation, NULL), 0);
	assert_int_equal(rotation_start(hub.rotation, NULL), 0); /* asked twice: one is under way */
	assert_int_equal(write_all(&hub, p), 0);
	run_rotation(&hub);
	assert_int_equal(write_all(&hub, p), 0);
	expect_all(&hub, p);
	expect_nowhere(p, "HfS\1\0\0\0\1", 8);
	hub_close(&hub);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_rotation_killed_at_any_place_is_ended_by_the_next_hub),
		TEST(a_first_sealing_killed_at_any_place_is_ended_by_the_next_hub),
		TEST(a_copy_that_cannot_be_made_keeps_the_old_key_until_it_can),
		TEST(what_is_written_meanwhile_is_sealed_with_the_new_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
