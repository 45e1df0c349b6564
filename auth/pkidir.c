#include "auth/pkidir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int path_join(char out[PKIDIR_PATH_MAX], const char *dir, const char *separator, const char *name)
{
	int n = snprintf(out, PKIDIR_PATH_MAX, "%s%s%s", dir, separator, name);

	return n < 0 || (size_t)n >= PKIDIR_PATH_MAX ? -ENAMETOOLONG : 0;
}

int pkidir_lock(const char *dir, int *out_fd, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	int fd, rc = path_join(path, dir, ".lock", "");

	if (rc)
		return err_set(err, rc, "%s: path too long", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, -errno, "cannot open %s", path);
	while (flock(fd, LOCK_EX)) {
		rc = -errno;
		if (rc == -EINTR)
			continue;
		(void)close(fd);
		return err_set(err, rc, "cannot lock %s", path);
	}
	*out_fd = fd;
	return 0;
}

bool pkidir_exists(const char *dir)
{
	struct stat st;

	return stat(dir, &st) == 0 || errno != ENOENT; /* what cannot be looked at must not be made anew */
}

static int write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t n = write(fd, content.ptr, content.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		content.ptr += n;
		content.len -= (size_t)n;
	}
	return 0;
}

static int file_create(const char *path, struct span content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return -errno;
	rc = write_all(fd, content);
	if (!rc && fsync(fd))
		rc = -errno;
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

static int dir_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return -errno;
	rc = fsync(fd) ? -errno : 0;
	(void)close(fd);
	return rc;
}

int pkidir_sync_parent(const char *path)
{
	char parent[PKIDIR_PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (!slash)
		return dir_sync(".");
	if (slash == path)
		return dir_sync("/");
	if (span_copy(span_make(path, (size_t)(slash - path)), parent, sizeof(parent)))
		return -ENAMETOOLONG;
	return dir_sync(parent);
}

/* Only files lie in it: what an attempt cut short may have left. */
static int dir_remove(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!rc && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlinkat(dirfd(dir), entry->d_name, 0))
			rc = -errno;
	(void)closedir(dir);
	return !rc && rmdir(path) ? -errno : rc;
}

static int dir_fill(const char *dir, const struct pkidir_file *files, size_t count)
{
	char path[PKIDIR_PATH_MAX];
	int rc = mkdir(dir, 0700) ? -errno : 0;

	for (size_t i = 0; !rc && i < count; i++) {
		rc = path_join(path, dir, "/", files[i].name);
		if (!rc)
			rc = file_create(path, files[i].content);
	}
	return rc ? rc : dir_sync(dir);
}

int pkidir_create(const char *dir, const struct pkidir_file *files, size_t count, struct err *err)
{
	char temporary[PKIDIR_PATH_MAX];
	int rc = path_join(temporary, dir, ".new", "");

	if (!rc)
		rc = dir_remove(temporary);
	if (!rc)
		rc = dir_fill(temporary, files, count);
	if (!rc && rename(temporary, dir))
		rc = -errno;
	if (!rc)
		rc = pkidir_sync_parent(dir);
	return rc ? err_set(err, rc, "cannot create %s: %s", dir, strerror(-rc)) : 0;
}

int pkidir_remove(const char *dir, struct err *err)
{
	int rc = dir_remove(dir);

	return rc ? err_set(err, rc, "cannot remove %s: %s", dir, strerror(-rc)) : 0;
}

int pkidir_read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		rc = buf_reserve(out, 4096);
		if (rc)
			break;
		n = read(fd, out->data + out->len, 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			rc = -errno;
		if (n <= 0)
			break;
		out->len += (size_t)n;
	}
	(void)close(fd);
	return rc;
}

int pkidir_read(const char *dir, const char *name, struct buf *out, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	int rc = path_join(path, dir, "/", name);

	if (!rc)
		rc = pkidir_read_file(path, out);
	return rc ? err_set(err, rc, "cannot read %s/%s: %s", dir, name, strerror(-rc)) : 0;
}

int pkidir_replace(const char *path, struct span content, struct err *err)
{
	char temporary[PKIDIR_PATH_MAX];
	int rc = path_join(temporary, path, ".new", "");

	if (!rc && unlink(temporary) && errno != ENOENT)
		rc = -errno;
	if (!rc)
		rc = file_create(temporary, content);
	if (!rc && rename(temporary, path))
		rc = -errno;
	if (!rc)
		rc = pkidir_sync_parent(path);
	return rc ? err_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}
