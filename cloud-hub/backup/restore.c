#include "cloud-hub/backup/restore.h"

#include "auth/authority.h"
#include "auth/store_seal.h"
#include "base/files.h"
#include "cache/copy.h"
#include "cloud-hub/backup/files.h"
#include "cloud-hub/backup/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What comes out of the archive on its way into the directory that is built. */
struct unpacking {
	const char *dir;
	int store_fd;
	struct buf keyring, key;
	bool has_config;
};

static int path_in(const char *dir, const char *name, char out[PATH_MAX], struct err *err)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return len < 0 || len >= PATH_MAX
		       ? err_set(err, -ENAMETOOLONG, "the data directory's name is too long")
		       : 0;
}

/* --- out of the archive --- */

static int keep(struct buf *out, struct span content, struct err *err)
{
	return buf_add_span(out, content) ? err_set(err, -EBADMSG, "the data keys in the backup are damaged")
					  : 0;
}

static int on_small(void *ctx, const char *name, struct span content, struct err *err)
{
	struct unpacking *u = ctx;
	char path[PATH_MAX];
	int code;

	if (strcmp(name, FILES_KEYRING) == 0)
		return keep(&u->keyring, content, err);
	if (strcmp(name, FILES_KEY) == 0)
		return keep(&u->key, content, err);
	if (strcmp(name, FILES_CONFIG) == 0) {
		name = RESTORE_CONFIG;
		u->has_config = true;
	}
	code = path_in(u->dir, name, path, err);
	if (code)
		return code;
	code = file_write(path, content, 0600);
	return code ? err_set(err, code, "writing %s: %s", path, strerror(-code)) : 0;
}

static int on_store(void *ctx, struct span piece, struct err *err)
{
	struct unpacking *u = ctx;
	int code = file_write_all(u->store_fd, piece);

	return code ? err_set(err, code, "writing the store: %s", strerror(-code)) : 0;
}

static int unpack(const struct restore_options *options, struct unpacking *u, struct archive_head *head,
		  struct err *err)
{
	struct archive_sink sink = { .small = on_small, .store = on_store, .ctx = u };
	char store[PATH_MAX];
	int code = path_in(u->dir, ARCHIVE_STORE, store, err);

	if (code)
		return code;
	u->store_fd = open(store, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (u->store_fd < 0)
		return err_set(err, -errno, "%s: %s", store, strerror(errno));
	code = archive_read_file(options->file, options->passphrase, &sink, head, err);
	if (!code && fsync(u->store_fd))
		code = err_set(err, -errno, "%s: %s", store, strerror(errno));
	(void)close(u->store_fd);
	return code;
}

/* --- making it live --- */

static struct vault_settings vault_in(const struct restore_options *options, const char *dir)
{
	struct vault_settings settings = options->vault;

	settings.data_dir = dir;
	return settings;
}

/* The data keys, wrapped for this machine. */
static int place_keys(const struct restore_options *options, const struct unpacking *u, struct vault **out,
		      struct err *err)
{
	struct vault_settings settings = vault_in(options, u->dir);
	char dir[PATH_MAX];
	struct vault_options import = { .dir = dir, .key_file = settings.key_file };
	int code = path_in(u->dir, "vault", dir, err);

	if (!code && u->keyring.len)
		code = vault_import(&import, buf_span(&u->keyring), buf_span(&u->key), err);
	return code ? code : vault_open_data(&settings, out, err);
}

/* The authority's files belong together, and its keys open. */
static int check_authority(const char *dir, struct vault *vault, int64_t now_wall_ms, struct err *err)
{
	struct authority *authority = NULL;
	char pki[PATH_MAX];
	int code = path_in(dir, FILES_PKI, pki, err);

	if (!code && access(pki, F_OK))
		code = err_set(err, -EBADMSG, "the backup holds no authority");
	if (!code)
		code = authority_open(pki, vault, now_wall_ms, &authority, err);
	authority_free(authority);
	return code;
}

static int open_store(const char *dir, struct vault *vault, struct cache_seal *seal, struct cache **out,
		      struct err *err)
{
	char path[PATH_MAX];
	struct cache_options options = { .path = path, .inline_commits = true, .seal = seal };
	int code = path_in(dir, ARCHIVE_STORE, path, err);

	*seal = store_seal(vault);
	return code ? code : cache_open(&options, out, err);
}

/* The replaced cluster's newer word on who is out. What is wrong with it keeps no restore from going on: it is why one restores. */
static int take_revocations(const struct restore_options *options, struct cache *to,
			    struct restore_report *report)
{
	struct vault_settings settings = options->vault;
	struct err *err = &report->revocations;
	struct cache_seal seal;
	struct vault *vault = NULL;
	struct cache *from = NULL;
	char path[PATH_MAX];
	int code = path_in(settings.data_dir, "vault", path, err);

	if (!code && access(path, F_OK))
		code = err_set(err, -ENOENT, "it has no keys");
	if (!code)
		code = vault_open_data(&settings, &vault, err);
	if (!code && !path_in(settings.data_dir, ARCHIVE_STORE, path, err) && access(path, F_OK))
		code = err_set(err, -ENOENT, "it has no store");
	if (!code)
		code = open_store(settings.data_dir, vault, &seal, &from, err);
	if (!code)
		code = restored_take_revocations(from, to, &report->counts, err);
	cache_close(from);
	vault_free(vault);
	return code;
}

static int branch_store(const char *dir, struct restore_report *report, struct err *err)
{
	char path[PATH_MAX];
	struct cache_copy copy;
	int code = path_in(dir, ARCHIVE_STORE, path, err);

	if (!code)
		code = cache_copy_check(path, &copy, err);
	if (!code && copy.revision != report->head.revision)
		code = err_set(err, -EBADMSG, "the backup's store is not the one that its head describes");
	return code ? code : cache_copy_branch(path, &report->revision, err);
}

static int settle_store(const struct restore_options *options, const char *dir, struct vault *vault,
			struct restore_report *report, struct err *err)
{
	struct restored_facts facts = { .now_wall_ms = options->now_wall_ms,
					.made_wall_ms = report->head.made_wall_ms,
					.revision = report->head.revision,
					.epoch = report->head.epoch };
	struct cache_seal seal;
	struct cache *cache = NULL;
	int code = branch_store(dir, report, err);

	if (!code)
		code = open_store(dir, vault, &seal, &cache, err);
	if (!code)
		code = restored_apply(cache, &facts, &report->counts, err);
	if (!code && report->replaced)
		report->revocations.code = take_revocations(options, cache, report);
	cache_close(cache);
	return code;
}

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

static int build(const struct restore_options *options, const char *dir, struct restore_report *report,
		 struct err *err)
{
	struct unpacking u = { .dir = dir, .store_fd = -1 };
	struct vault *vault = NULL;
	int code;

	buf_init(&u.keyring, ARCHIVE_SMALL_MAX);
	buf_init(&u.key, ARCHIVE_SMALL_MAX);
	code = unpack(options, &u, &report->head, err);
	if (!code)
		code = place_keys(options, &u, &vault, err);
	if (!code)
		code = check_authority(dir, vault, options->now_wall_ms, err);
	if (!code)
		code = settle_store(options, dir, vault, report, err);
	report->has_config = u.has_config;
	vault_free(vault);
	wipe(&u.key);
	wipe(&u.keyring);
	return code;
}

int restore(const struct restore_options *options, struct restore_report *out, struct err *err)
{
	struct place *place = NULL;
	int code;

	memset(out, 0, sizeof(*out));
	code = place_open(options->vault.data_dir, options->force, options->now_wall_ms, &place, err);
	if (code)
		return code;
	out->replaced = place_has_cluster(place);
	code = build(options, place_building(place), out, err);
	if (!code)
		code = place_exchange(place, out->before, err);
	place_close(place);
	return code;
}
