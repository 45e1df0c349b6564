#include "cloud-hub/backup/make.h"

#include "auth/store_seal.h"
#include "auth/x509.h"
#include "base/clock.h"
#include "base/text.h"
#include "cache/copy.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int stop_at_head(void *ctx, const struct archive_head *head, struct err *err)
{
	return -ECANCELED;
}

int backup_may_write(const char *path, struct err *err)
{
	struct archive_sink sink = { .head = stop_at_head };
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && archive_read_file(path, SPAN(""), &sink, NULL, NULL) == -ECANCELED)
		return 0;
	return err_set(err, -EEXIST, "%s is there already and is no backup: it is left alone", path);
}

int backup_generation(struct cache *cache, uint64_t *out)
{
	struct buf text;
	int code;

	*out = 0;
	buf_init(&text, 64);
	code = cache_mark_get(cache, BACKUP_GENERATION_MARK, &text);
	if (!code)
		code = span_to_u64(buf_span(&text), out);
	buf_done(&text);
	return code == -ENOENT ? 0 : code;
}

static int hex_into(char *out, size_t size, const void *bytes, size_t len)
{
	struct buf text;
	int code;

	buf_init(&text, size);
	code = text_hex(&text, span_make(bytes, len));
	if (!code)
		code = span_copy(buf_span(&text), out, size);
	buf_done(&text);
	return code;
}

/* Named by its root certificate; empty when that cannot be read, which is not for a backup to judge. */
static void name_cluster(const struct files *files, struct archive_head *head)
{
	const struct buf *root = files_find(files, FILES_PKI "/root.crt");
	struct x509_facts facts;

	if (!root || x509_read(buf_span(root), &facts, NULL) ||
	    hex_into(head->cluster, sizeof(head->cluster), facts.cert_sha256, sizeof(facts.cert_sha256)))
		head->cluster[0] = '\0';
}

static int describe(const struct backup_source *source, struct archive_head *head, struct err *err)
{
	struct cache_copy copy;
	int code = cache_copy_check(source->store_copy, &copy, err);

	if (code)
		return code;
	*head = (struct archive_head){ .made_wall_ms = source->now_wall_ms,
				       .revision = copy.revision,
				       .objects = copy.objects,
				       .generation = source->generation };
	(void)snprintf(head->software, sizeof(head->software), "%s", HOLDFAST_VERSION);
	name_cluster(source->files, head);
	code = hex_into(head->epoch, sizeof(head->epoch), copy.epoch, sizeof(copy.epoch));
	return code ? err_set(err, code, "out of memory") : 0;
}

int backup_write(const char *path, const struct backup_source *source, struct span passphrase,
		 struct backup_made *out, struct err *err)
{
	struct archive_writer *writer = NULL;
	int code = backup_may_write(path, err);

	if (!code)
		code = describe(source, &out->head, err);
	if (!code)
		code = archive_create(path, &out->head, passphrase, &writer, err);
	if (!code)
		code = files_write(source->files, writer, err);
	if (!code)
		code = archive_add_store(writer, source->store_copy, err);
	if (code) {
		archive_abandon(writer);
		return code;
	}
	return archive_finish(writer, &out->size_bytes, err);
}

/* --- of a hub that does not run --- */

static void on_copied(void *ctx, int code)
{
	*(int *)ctx = code;
}

static int copy_store(const char *data_dir, struct vault *vault, const char *to, uint64_t *out_generation,
		      struct err *err)
{
	char path[PATH_MAX];
	struct cache_seal seal = store_seal(vault);
	struct cache_options options = { .path = path, .inline_commits = true, .seal = &seal };
	struct cache *cache = NULL;
	int len = snprintf(path, sizeof(path), "%s/" ARCHIVE_STORE, data_dir), code, copied = -EIO;

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	if (access(path, F_OK))
		return err_set(err, -errno, "%s: %s", path,
			       strerror(errno)); /* not made for being backed up */
	code = cache_open(&options, &cache, err);
	if (code)
		return code;
	code = backup_generation(cache, out_generation);
	if (!code)
		code = cache_snapshot(cache, to, on_copied, &copied);
	if (!code) {
		cache_dispatch(cache, clock_wall_ms());
		code = copied;
	}
	cache_close(cache);
	return code ? err_set(err, code, "copying the store %s to %s: %s", path, to, strerror(-code)) : 0;
}

int backup_stopped_hub(const struct backup_offline *from, const char *path, struct span passphrase,
		       struct backup_made *out, struct err *err)
{
	char copy[PATH_MAX];
	struct vault *vault = NULL;
	struct files files;
	struct backup_source source = { copy, &files, 0, clock_wall_ms() };
	int len = snprintf(copy, sizeof(copy), "%s.store", path), code;

	if (len < 0 || (size_t)len >= sizeof(copy))
		return err_set(err, -ENAMETOOLONG, "the backup's name is too long");
	files_init(&files);
	code = backup_may_write(path, err);
	if (!code)
		code = vault_open_data(&from->vault, &vault, err);
	if (!code)
		code = files_collect(&files, from->vault.data_dir, vault, from->config, err);
	if (!code)
		code = copy_store(from->vault.data_dir, vault, copy, &source.generation, err);
	if (!code) {
		code = backup_write(path, &source, passphrase, out, err);
		(void)unlink(copy);
	}
	files_done(&files);
	vault_free(vault);
	return code;
}
