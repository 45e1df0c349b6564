/* An open store looked after on a real loop: a rotation that an operator began ends without the hub doing more than it always does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/store_keeper.h"
#include "auth/store_seal.h"
#include "base/clock.h"
#include "tests/tools/tempdir.h"

#define BODY "{\"kind\":\"Secret\"}"
#define PATIENCE_MS 20000u

struct hub {
	char base[64], store[96], vault_dir[96];
	struct loop *loop;
	struct wakeup *wakeup;
	struct timer *patience;
	struct vault *vault;
	struct cache_seal seal;
	struct cache *cache;
	struct store_keeper *keeper;
	unsigned told_begun, told_done, told_failed;
};

static void on_wake(void *ctx)
{
	struct hub *hub = ctx;

	cache_dispatch(hub->cache, clock_wall_ms());
	store_keeper_step(hub->keeper);
	if (hub->told_done)
		loop_stop(hub->loop);
}

static void wake(void *ctx)
{
	wakeup_send(((struct hub *)ctx)->wakeup);
}

static void on_patience_over(void *ctx)
{
	loop_stop(((struct hub *)ctx)->loop);
}

static void on_rotation(void *ctx, enum rotation_phase phase, const struct err *err)
{
	struct hub *hub = ctx;

	(void)err;
	hub->told_begun += phase == ROTATION_ROWS;
	hub->told_done += phase == ROTATION_IDLE;
	hub->told_failed += phase == ROTATION_FAILED;
	wake(hub);
}

static void hub_open(struct hub *hub)
{
	struct vault_settings settings = { .data_dir = hub->base, .wrap = "file" };
	struct cache_options cache = {
		.path = hub->store, .seal = &hub->seal, .wake = wake, .wake_ctx = hub
	};
	struct store_keeper_options keeper = {
		.data_dir = hub->base, .store_path = hub->store, .on_rotation = on_rotation, .ctx = hub
	};
	struct err err = { 0 };

	assert_int_equal(loop_new(&hub->loop), 0);
	assert_int_equal(wakeup_new(hub->loop, on_wake, hub, &hub->wakeup), 0);
	assert_int_equal(timer_new(hub->loop, on_patience_over, hub, &hub->patience), 0);
	assert_int_equal(vault_open_data(&settings, &hub->vault, &err), 0);
	hub->seal = store_seal(hub->vault);
	assert_int_equal(cache_open(&cache, &hub->cache, &err), 0);
	keeper.loop = hub->loop;
	keeper.vault = hub->vault;
	keeper.cache = hub->cache;
	assert_int_equal(store_keeper_new(&keeper, &hub->keeper), 0);
}

static void hub_close(struct hub *hub)
{
	store_keeper_stop(hub->keeper);
	timer_close(hub->patience);
	cache_close(hub->cache);
	wakeup_close(hub->wakeup);
	loop_free(hub->loop);
	store_keeper_free(hub->keeper);
	vault_free(hub->vault);
}

static int setup(void **state)
{
	struct hub *hub = calloc(1, sizeof(*hub));

	(void)snprintf(hub->base, sizeof(hub->base), "/tmp/holdfast-keeper-XXXXXX");
	if (!mkdtemp(hub->base))
		return -1;
	(void)snprintf(hub->store, sizeof(hub->store), "%s/store.db", hub->base);
	(void)snprintf(hub->vault_dir, sizeof(hub->vault_dir), "%s/vault", hub->base);
	hub_open(hub);
	*state = hub;
	return 0;
}

static int teardown(void **state)
{
	struct hub *hub = *state;

	hub_close(hub);
	(void)tempdir_remove(hub->vault_dir);
	(void)tempdir_remove(hub->base);
	free(hub);
	return 0;
}

static void write_secret(struct hub *hub)
{
	struct object secret = { .key = { "secrets", "default", "one" }, .uid = "uid", .body = SPAN(BODY) };
	struct cache_op op = { .type = CACHE_PUT, .object = object_new(&secret) };

	assert_non_null(op.object);
	assert_int_equal(cache_submit(hub->cache, &op, 1, NULL, NULL), 0);
}

static void a_rotation_ends_by_itself(void **state)
{
	struct hub *hub = *state;
	struct secrets_api *secrets = store_keeper_secrets(hub->keeper);
	struct vault_status before, after;
	struct err err = { 0 };

	write_secret(hub);
	assert_ptr_equal(secrets->vault, hub->vault);
	vault_status(hub->vault, &before);
	store_keeper_start(hub->keeper);
	assert_int_equal(rotation_start(secrets->rotation, &err), 0);
	timer_start(hub->patience, PATIENCE_MS);
	assert_int_equal(loop_run(hub->loop), 0);
	assert_int_equal(hub->told_failed, 0);
	assert_true(hub->told_begun > 0);
	assert_int_equal(hub->told_done, 1);
	vault_status(hub->vault, &after);
	assert_true(after.newest > before.newest);
	assert_int_equal(after.keys, 1);
}

static void what_was_stopped_begins_nothing(void **state)
{
	struct hub *hub = *state;
	struct rotation *rotation = store_keeper_secrets(hub->keeper)->rotation;
	struct rotation_status status;
	struct err err = { 0 };

	assert_int_equal(rotation_start(rotation, &err), 0);
	store_keeper_stop(hub->keeper);
	store_keeper_step(hub->keeper);
	rotation_status(rotation, &status);
	assert_int_equal(hub->told_done, 0);
	assert_int_not_equal(status.phase, ROTATION_IDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_rotation_ends_by_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_stopped_begins_nothing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
