#include "cloud-hub/storage.h"

#include "auth/store_seal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/startup.h"
#include "cache/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "hub"

struct storage {
	const struct settings *settings;
	int lock_fd;
	struct vault *vault;
	struct cache_seal seal;
	struct cache *cache;
	struct store_keeper *keeper;
	bool recovered;
};

static void on_trouble(void *ctx, int code)
{
	(void)ctx;
	if (code)
		log_error(MODULE,
			  code == -EROFS    ? "store-read-only"
			  : code == -ENOSPC ? "disk-full"
					    : "store-not-copied",
			  "error=\"%s\"", strerror(-code));
	else
		log_info(MODULE, "disk-has-room", "writes are taken again");
}

static void on_rotation(void *ctx, enum rotation_phase phase, const struct err *err)
{
	(void)ctx;
	if (phase == ROTATION_FAILED)
		log_error(MODULE, "data-key-not-rotated", "error=\"%s\": it is tried again", err_text(err));
	else
		log_info(MODULE, "data-key-rotation", "state=%s",
			 phase == ROTATION_IDLE ? "done" : "under-way");
}

static int open_vault(struct storage *storage, struct err *err)
{
	struct vault_settings settings = { .data_dir = storage->settings->data_dir,
					   .key_file = storage->settings->secrets_key_file,
					   .wrap = storage->settings->secrets_wrap,
					   .tpm = storage->settings->secrets_tpm };
	struct vault_status status;
	int code = vault_open_data(&settings, &storage->vault, err);

	if (code)
		return code;
	storage->seal = store_seal(storage->vault);
	vault_status(storage->vault, &status);
	log_info(MODULE, "vault", "wrap=%s key=%u", vault_wrap_name(status.wrap), (unsigned)status.newest);
	return 0;
}

int storage_new(const struct settings *settings, struct storage **out, struct err *err)
{
	struct storage *storage = calloc(1, sizeof(*storage));
	int code;

	if (!storage)
		return err_set(err, -ENOMEM, "out of memory");
	storage->settings = settings;
	storage->lock_fd = -1;
	/* A second hub would hand out revisions of its own. */
	code = startup_lock("cloud-hub", settings->data_dir, &storage->lock_fd, err);
	if (!code)
		code = open_vault(storage, err);
	if (code)
		storage_free(storage);
	else
		*out = storage;
	return code;
}

static int open_keeper(struct storage *storage, struct loop *loop, const char *path, struct err *err)
{
	struct store_keeper_options options = { .loop = loop,
						.vault = storage->vault,
						.cache = storage->cache,
						.data_dir = storage->settings->data_dir,
						.store_path = path,
						.on_trouble = on_trouble,
						.on_rotation = on_rotation };
	int code = store_keeper_new(&options, &storage->keeper);

	return code ? err_set(err, code, "looking after the store: %s", strerror(-code)) : 0;
}

int storage_open(struct storage *storage, struct loop *loop, void (*wake)(void *ctx), void *ctx,
		 struct err *err)
{
	const struct settings *settings = storage->settings;
	char path[PATH_MAX];
	struct cache_options options = {
		.path = path,
		.log_max_age_ms = settings->watch_window_ms,
		.log_max_bytes = settings->watch_window_bytes,
		.ballast_bytes = settings->ballast_bytes,
		.seal = &storage->seal,
		.page_cache_bytes = settings->store_memory_bytes,
		.wake = wake,
		.wake_ctx = ctx,
	};
	struct cache_stats stats;
	int code = settings_path(settings, "store.db", path, err);

	if (code)
		return code;
	code = cache_open(&options, &storage->cache, err);
	if (code)
		return err_wrap(err, "opening the store %s", path);
	cache_stats(storage->cache, &stats);
	storage->recovered = stats.recovered;
	if (stats.recovered)
		log_error(MODULE, "store-recovered",
			  "path=%s: the file was damaged, the last good copy took its place", path);
	return open_keeper(storage, loop, path, err);
}

struct vault *storage_vault(const struct storage *storage)
{
	return storage->vault;
}

struct cache *storage_cache(const struct storage *storage)
{
	return storage->cache;
}

struct secrets_api *storage_secrets(const struct storage *storage)
{
	return store_keeper_secrets(storage->keeper);
}

bool storage_is_recovered(const struct storage *storage)
{
	return storage->recovered;
}

void storage_start(struct storage *storage)
{
	store_keeper_start(storage->keeper);
}

void storage_dispatch(struct storage *storage)
{
	cache_dispatch(storage->cache, clock_wall_ms());
	store_keeper_step(storage->keeper);
}

void storage_stop(struct storage *storage)
{
	if (storage)
		store_keeper_stop(storage->keeper);
}

void storage_close(struct storage *storage)
{
	if (!storage)
		return;
	cache_close(storage->cache);
	storage->cache = NULL;
}

void storage_free(struct storage *storage)
{
	if (!storage)
		return;
	storage_close(storage);
	store_keeper_free(storage->keeper);
	vault_free(storage->vault);
	if (storage->lock_fd >= 0)
		close(storage->lock_fd);
	free(storage);
}
