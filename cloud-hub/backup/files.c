#include "cloud-hub/backup/files.h"

#include "base/files.h"
#include "base/tar.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct file {
	struct list_node node;
	struct buf content;
	bool is_secret, is_fresh; /* fresh: made anew with each collection */
	char name[TAR_NAME_MAX + 1];
};

static struct file *file_of(struct list_node *node)
{
	return container_of(node, struct file, node);
}

void files_init(struct files *files)
{
	memset(files, 0, sizeof(*files));
	list_init(&files->all);
}

void files_done(struct files *files)
{
	struct list_node *node;

	while ((node = list_pop(&files->all))) {
		struct file *file = file_of(node);

		if (file->content.data)
			explicit_bzero(file->content.data, file->content.cap);
		buf_done(&file->content);
		free(file);
	}
	files->count = 0;
}

static struct file *add(struct files *files, const char *name, bool is_secret, struct err *err)
{
	struct file *file;

	if (files->count == ARCHIVE_FILES_MAX - 3 || !tar_name_ok(name)) { /* head, store and sum */
		(void)err_set(err, -E2BIG, "%s: too many files to back up, or one with such a name", name);
		return NULL;
	}
	file = calloc(1, sizeof(*file));
	if (!file || span_copy(span_of(name), file->name, sizeof(file->name))) {
		free(file);
		(void)err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	file->is_secret = is_secret;
	buf_init(&file->content, ARCHIVE_SMALL_MAX);
	list_push(&files->all, &file->node);
	files->count++;
	return file;
}

static bool is_key(const char *name)
{
	return span_has_suffix(span_of(name), SPAN(".key")) || span_has_suffix(span_of(name), SPAN(".keys"));
}

static int collect_file(struct files *files, const char *path, const char *name, struct err *err)
{
	struct file *file = add(files, name, is_key(name), err);
	int code = file ? file_read(path, &file->content) : err->code;

	return file && code ? err_set(err, code, "reading %s: %s", path, strerror(-code)) : code;
}

static bool is_passing(const char *name)
{
	/* Of a replacement that is under way or was cut short. */
	return name[0] == '.' || span_has_suffix(span_of(name), SPAN(".new")) ||
	       span_has_suffix(span_of(name), SPAN(".old"));
}

static int collect_dir(struct files *files, const char *path, const char *name, unsigned depth,
		       struct err *err);

static int collect_entry(struct files *files, const char *dir, const char *name, const char *entry,
			 unsigned depth, struct err *err)
{
	char path[PATH_MAX], full[PATH_MAX];
	struct stat st;
	int path_len = snprintf(path, sizeof(path), "%s/%s", dir, entry);
	int name_len = snprintf(full, sizeof(full), "%s/%s", name, entry);

	if (path_len < 0 || (size_t)path_len >= sizeof(path) || name_len < 0 ||
	    (size_t)name_len >= sizeof(full))
		return err_set(err, -ENAMETOOLONG, "%s: the path is too long", dir);
	if (lstat(path, &st))
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		return collect_dir(files, path, full, depth + 1, err);
	return S_ISREG(st.st_mode) ? collect_file(files, path, full, err) : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* In order of name, so that two collections can be compared. */
static int collect_dir(struct files *files, const char *path, const char *name, unsigned depth,
		       struct err *err)
{
	struct dirent **entries = NULL;
	int count, code = 0;

	if (depth > FILES_DEPTH_MAX)
		return err_set(err, -E2BIG, "%s: directories nested too deep", path);
	count = scandir(path, &entries, NULL, by_name);
	if (count < 0)
		return err_set(err, -errno, "%s: %s", path, strerror(errno));
	for (int i = 0; i < count; i++) {
		if (!code && !is_passing(entries[i]->d_name))
			code = collect_entry(files, path, name, entries[i]->d_name, depth, err);
		free(entries[i]);
	}
	free(entries);
	return code;
}

/* What signs the tokens of service accounts; a hub that was never asked for one has none. */
static int collect_token_keys(struct files *files, const char *data_dir, struct err *err)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/" FILES_TOKEN_KEYS, data_dir);

	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	return access(path, F_OK) ? 0 : collect_file(files, path, FILES_TOKEN_KEYS, err);
}

static int collect_keys(struct files *files, struct vault *vault, struct err *err)
{
	struct file *keyring = add(files, FILES_KEYRING, false, err), *key = NULL;
	struct vault_status status;
	int code;

	if (keyring)
		key = add(files, FILES_KEY, true, err);
	if (!key)
		return err->code;
	keyring->is_fresh = key->is_fresh = true;
	vault_status(vault, &status);
	files->newest_key = status.newest;
	files->keys = status.keys;
	code = vault_export(vault, &keyring->content, &key->content);
	return code ? err_set(err, code, "the data keys cannot be exported: %s", strerror(-code)) : 0;
}

int files_collect(struct files *files, const char *data_dir, struct vault *vault, const char *config,
		  struct err *err)
{
	struct err own = { 0 }; /* a caller that wants no sentence gets the code all the same */
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/" FILES_PKI, data_dir), code;

	err = err ? err : &own;
	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	code = collect_dir(files, path, FILES_PKI, 0, err);
	if (!code)
		code = collect_token_keys(files, data_dir, err);
	if (!code && vault)
		code = collect_keys(files, vault, err);
	if (!code && config)
		code = collect_file(files, config, FILES_CONFIG, err);
	return code;
}

bool files_same(const struct files *a, const struct files *b)
{
	struct list_node *other = list_first(&b->all);

	if (a->count != b->count || a->newest_key != b->newest_key || a->keys != b->keys)
		return false;
	list_for_each(&a->all, node) {
		const struct file *x = file_of(node), *y;

		if (!other)
			return false;
		y = file_of(other);
		if (strcmp(x->name, y->name) != 0 ||
		    (!x->is_fresh && !span_eq(buf_span(&x->content), buf_span(&y->content))))
			return false;
		other = list_next(&b->all, other);
	}
	return true;
}

int files_write(const struct files *files, struct archive_writer *writer, struct err *err)
{
	int code = 0;

	list_for_each(&files->all, node) {
		const struct file *file = file_of(node);

		if (!code)
			code = archive_add(writer, file->name, buf_span(&file->content), file->is_secret,
					   err);
	}
	return code;
}

const struct buf *files_find(const struct files *files, const char *name)
{
	list_for_each(&files->all, node)
		if (strcmp(file_of(node)->name, name) == 0)
			return &file_of(node)->content;
	return NULL;
}
