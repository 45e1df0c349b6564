#include "edge-hub/storage.h"

#include "auth/store_seal.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/startup.h"
#include "cache/cache.h"
#include "edge-hub/outbox/outbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "hub"
#define STARTS_MARK "hub/starts"
#define TURNS_MAX 1000u /* of waiting for commits, TURN_MS each */
#define TURN_MS 10u

struct storage {
	const struct settings *settings;
	int lock_fd;
	struct vault *vault;
	struct cache_seal seal;
	struct cache *cache;
	struct store_keeper *keeper;
	uint64_t starts;
};

static void on_trouble(void *ctx, int code)
{
	(void)ctx;
	/* Pods are kept running from what is in memory; the disk is a person's business. */
	if (code)
		log_error(MODULE,
			  code == -EROFS    ? "replica-read-only"
			  : code == -ENOSPC ? "disk-full"
					    : "replica-not-copied",
			  "error=\"%s\"", strerror(-code));
	else
		log_info(MODULE, "disk-has-room", "the replica is written again");
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
	code = startup_lock("edge-hub", settings->data_dir, &storage->lock_fd, err);
	if (!code)
		code = open_vault(storage, err);
	if (code)
		storage_free(storage);
	else
		*out = storage;
	return code;
}

/* A damaged file without a copy: put aside for whoever wants to look, and an empty replica in its place. Containers keep
 * running, because an empty replica proves nothing; the cloud fills it, and they are adopted. */
static int open_anew(const struct cache_options *options, struct cache **out, struct err *err)
{
	static const char *const beside[] = { "-wal", "-shm", ".check" };
	char name[PATH_MAX + 16];

	log_error(MODULE, "replica-lost", "error=\"%s\": starting with an empty one", err_text(err));
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", options->path, beside[i]);
		(void)unlink(name);
	}
	snprintf(name, sizeof(name), "%s.damaged", options->path);
	if (rename(options->path, name))
		return err_set(err, -errno, "putting %s aside: %s", options->path, strerror(errno));
	*err = (struct err){ 0 };
	return cache_open(options, out, err);
}

struct commit {
	bool done;
	int code;
};

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct commit *commit = ctx;

	commit->done = true;
	commit->code = result->code;
}

/* A copy is older than what was lost: it names pods that have gone and lacks some that run, and its reports bear numbers that
 * others have used since. */
static int distrust_copy(struct storage *storage, struct err *err)
{
	static const char *const feeds[] = { "nodes",	   "namespaces", "serviceaccounts",
					     "configmaps", "secrets",	 "pods" };
	struct cache_op ops[sizeof(feeds) / sizeof(feeds[0]) + 1];
	struct commit commit = { 0 };
	size_t count = 0;
	int code;

	for (; count < sizeof(feeds) / sizeof(feeds[0]); count++)
		ops[count] = cache_op_feed(feeds[count], FEED_SYNCING);
	ops[count++] = (struct cache_op){ .type = CACHE_MARK, .mark = OUTBOX_STATE_MARK };
	code = cache_submit(storage->cache, ops, count, on_committed, &commit);
	for (unsigned i = 0; !code && !commit.done && i < TURNS_MAX; i++) {
		cache_dispatch(storage->cache, clock_wall_ms());
		if (!commit.done)
			usleep(TURN_MS * 1000); /* the writer thread is at it */
	}
	if (!code)
		code = commit.done ? commit.code : -ETIMEDOUT;
	return code ? err_set(err, code, "marking the recovered replica: %s", strerror(-code)) : 0;
}

/* How often this data directory was started: told to the cloud, which thereby notices a copy of it. */
static int count_start(struct storage *storage, struct err *err)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = STARTS_MARK };
	struct buf text;
	int code;

	buf_init(&text, 32);
	code = cache_mark_get(storage->cache, STARTS_MARK, &text);
	if (!code)
		code = span_to_u64(buf_span(&text), &storage->starts);
	if (code == -ENOENT || code == -EINVAL)
		code = 0;
	storage->starts++;
	buf_reset(&text);
	buf_addf(&text, "%" PRIu64, storage->starts);
	op.value = buf_span(&text);
	if (!code)
		code = cache_submit(storage->cache, &op, 1, NULL, NULL);
	buf_done(&text);
	return code ? err_set(err, code, "counting this start: %s", strerror(-code)) : 0;
}

static int open_store(struct storage *storage, const struct cache_options *options, struct err *err)
{
	struct cache_stats stats;
	int code = cache_open(options, &storage->cache, err);

	if (code == -EBADMSG)
		code = open_anew(options, &storage->cache, err);
	if (code)
		return err_wrap(err, "opening the replica %s", options->path);
	cache_stats(storage->cache, &stats);
	if (!stats.recovered)
		return 0;
	log_error(MODULE, "replica-recovered",
		  "path=%s: the file was damaged, the last good copy took its place", options->path);
	return distrust_copy(storage, err);
}

static int open_keeper(struct storage *storage, struct loop *loop, const char *path, struct err *err)
{
	static const char *const skip[] = { "pods", NULL };
	struct store_keeper_options options = { .loop = loop,
						.vault = storage->vault,
						.cache = storage->cache,
						.data_dir = storage->settings->data_dir,
						.store_path = path,
						.skip = skip,
						.on_trouble = on_trouble,
						.on_rotation = on_rotation };
	int code = store_keeper_new(&options, &storage->keeper);

	return code ? err_set(err, code, "looking after the replica: %s", strerror(-code)) : 0;
}

int storage_open(struct storage *storage, struct loop *loop, void (*wake)(void *ctx), void *ctx,
		 struct err *err)
{
	char path[PATH_MAX];
	struct cache_options options = { .path = path,
					 .seal = &storage->seal,
					 .ballast_bytes = storage->settings->ballast_bytes,
					 .wake = wake,
					 .wake_ctx = ctx };
	int code = settings_path(storage->settings, "replica.db", path, err);

	if (!code)
		code = open_store(storage, &options, err);
	if (!code)
		code = open_keeper(storage, loop, path, err);
	return code ? code : count_start(storage, err);
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

uint64_t storage_starts(const struct storage *storage)
{
	return storage->starts;
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

void storage_drain(struct storage *storage, bool (*is_busy)(void *ctx), void *ctx)
{
	struct cache_stats stats;

	for (unsigned i = 0; i < TURNS_MAX; i++) {
		cache_dispatch(storage->cache, clock_wall_ms());
		cache_stats(storage->cache, &stats);
		if (!stats.queue_length && !(is_busy && is_busy(ctx)))
			return;
		usleep(TURN_MS * 1000); /* the writer thread is at it */
	}
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
