#include "auth/vault_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"

#define OLD ".old"
#define LEVELS_MAX 4
#define ENTRIES_MAX 4096u /* in one directory */

/* --- replacing so that the old bytes are gone --- */

int vault_replace(const char *path, struct span content)
{
	int code = file_hold(path), ended;

	if (code)
		return code;
	code = file_write(path, content, 0600);
	ended = file_let_go(path);
	return code ? code : ended;
}

/* --- sealed files --- */

static int bound_of(const char *path, struct buf *out)
{
	const char *slash = strrchr(path, '/');

	(void)buf_add(out, "file", sizeof("file"));
	return buf_add_str(out, slash ? slash + 1 : path);
}

int vault_file_seal(struct vault *vault, const char *name, struct span plain, struct buf *out)
{
	struct buf bound;
	int code;

	buf_init(&bound, VAULT_BOUND_MAX);
	code = bound_of(name, &bound);
	if (!code)
		code = vault_seal(vault, buf_span(&bound), plain, out);
	buf_done(&bound);
	return code;
}

static int write_file(struct vault *vault, const char *path, struct span plain, bool replaces)
{
	struct buf sealed;
	int code;

	buf_init(&sealed, VAULT_FILE_MAX + VAULT_OVERHEAD);
	code = vault_file_seal(vault, path, plain, &sealed);
	if (!code)
		code = replaces ? vault_replace(path, buf_span(&sealed))
				: file_write(path, buf_span(&sealed), 0600);
	buf_done(&sealed);
	return code;
}

int vault_file_write(struct vault *vault, const char *path, struct span plain)
{
	int code;

	if (plain.len > VAULT_FILE_MAX)
		return -EMSGSIZE;
	pthread_mutex_lock(&vault->files);
	code = write_file(vault, path, plain, false);
	pthread_mutex_unlock(&vault->files);
	return code;
}

static int unseal_file(struct vault *vault, const char *path, struct span sealed, struct buf *out)
{
	struct buf bound;
	int code;

	buf_init(&bound, VAULT_BOUND_MAX);
	code = bound_of(path, &bound);
	if (!code)
		code = vault_unseal(vault, buf_span(&bound), sealed, out);
	buf_done(&bound);
	return code;
}

int vault_file_read(struct vault *vault, const char *path, struct buf *out)
{
	struct buf sealed;
	int code;

	buf_init(&sealed, VAULT_FILE_MAX + VAULT_OVERHEAD);
	pthread_mutex_lock(&vault->files);
	code = file_read(path, &sealed);
	pthread_mutex_unlock(&vault->files);
	if (!code)
		code = unseal_file(vault, path, buf_span(&sealed), out);
	buf_done(&sealed);
	return code;
}

static int settle(struct vault *vault, const char *path, struct buf *content, struct buf *plain)
{
	struct vault_status status;
	int code = file_let_go(path);

	if (!code)
		code = file_read(path, content);
	if (code)
		return code == -ENOENT ? 0 : code;
	vault_status(vault, &status);
	if (!vault_is_sealed(buf_span(content)))
		return write_file(vault, path, buf_span(content), true);
	if (vault_key_of(buf_span(content)) == status.newest)
		return 0;
	code = unseal_file(vault, path, buf_span(content), plain);
	return code ? code : write_file(vault, path, buf_span(plain), true);
}

int vault_file_settle(struct vault *vault, const char *path)
{
	struct buf content, plain;
	int code;

	buf_init(&content, VAULT_FILE_MAX + VAULT_OVERHEAD);
	buf_init(&plain, VAULT_FILE_MAX + VAULT_OVERHEAD);
	pthread_mutex_lock(&vault->files);
	code = settle(vault, path, &content, &plain);
	pthread_mutex_unlock(&vault->files);
	if (content.data)
		explicit_bzero(content.data, content.cap);
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	buf_done(&content);
	return code;
}

/* --- all sealed files of a directory --- */

static bool file_is_sealed(const char *path)
{
	char head[8] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	ssize_t got = fd < 0 ? -1 : read(fd, head, sizeof(head));

	if (fd >= 0)
		close(fd);
	return got == (ssize_t)sizeof(head) && vault_key_of(span_make(head, sizeof(head)));
}

struct walk {
	struct vault *vault; /* NULL: only to find one */
	char *found;
	const char *const *skip;
	struct err *err;
	int levels;
};

static int walk_dir(struct walk *walk, const char *path);

static bool is_skipped(const struct walk *walk, const char *name)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return true;
	for (size_t i = 0; walk->skip && walk->skip[i]; i++)
		if (!strcmp(name, walk->skip[i]))
			return true;
	/* What a replacement cut short left behind goes with the file it is of; what is being written goes its way. */
	return span_has_suffix(span_of(name), SPAN(OLD)) || span_has_suffix(span_of(name), SPAN(".new"));
}

static int walk_entry(struct walk *walk, const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat st;
	int len = snprintf(path, sizeof(path), "%s/%s", dir, name), code;

	if (len < 0 || (size_t)len >= sizeof(path))
		return 0; /* nothing of ours is that deep */
	if (lstat(path, &st))
		return errno == ENOENT ? 0 : err_set(walk->err, -errno, "cannot look at %s", path);
	if (S_ISDIR(st.st_mode))
		return walk_dir(walk, path);
	if (!S_ISREG(st.st_mode) || !file_is_sealed(path))
		return 0;
	if (!walk->vault) {
		memcpy(walk->found, path, (size_t)len + 1);
		return 1;
	}
	code = vault_file_settle(walk->vault, path);
	return code ? err_set(walk->err, code, "cannot seal %s anew: %s", path, strerror(-code)) : 0;
}

static int walk_dir(struct walk *walk, const char *path)
{
	struct dirent *entry;
	size_t seen = 0;
	int code = 0;
	DIR *dir;

	if (walk->levels == LEVELS_MAX)
		return 0;
	dir = opendir(path);
	if (!dir)
		return err_set(walk->err, -errno, "cannot read the directory %s", path);
	walk->levels++;
	while (!code && (entry = readdir(dir))) {
		if (seen++ == ENTRIES_MAX)
			code = err_set(walk->err, -EMFILE, "too many files in %s", path);
		else if (!is_skipped(walk, entry->d_name))
			code = walk_entry(walk, path, entry->d_name);
	}
	walk->levels--;
	closedir(dir);
	return code;
}

int vault_settle_files(struct vault *vault, const char *dir, const char *const *skip, struct err *err)
{
	struct walk walk = { .vault = vault, .skip = skip, .err = err };

	return walk_dir(&walk, dir);
}

bool vault_find_sealed(const char *dir, char out[PATH_MAX])
{
	static const char *const skip[] = { "pods", NULL };
	struct walk walk = { .found = out, .skip = skip };

	return walk_dir(&walk, dir) == 1;
}
