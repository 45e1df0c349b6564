#include "base/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK 4096u

/* Reads once. *out_got is 0 at the end, and -EMSGSIZE says that there is more than the buffer may hold. */
static int read_some(int fd, struct buf *out, size_t *out_got)
{
	size_t room = out->max - out->len < CHUNK ? out->max - out->len : CHUNK;
	char beyond;
	ssize_t got;
	int code = buf_reserve(out, room);

	if (code)
		return code;
	do
		got = room ? read(fd, out->data + out->len, room) : read(fd, &beyond, 1);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (got && !room)
		return -EMSGSIZE;
	out->len += (size_t)got;
	*out_got = (size_t)got;
	return 0;
}

int file_read(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), code = 0;
	size_t got = 1;

	if (fd < 0)
		return -errno;
	while (!code && got)
		code = read_some(fd, out, &got);
	close(fd);
	return code;
}

int file_make_dirs(const char *path, mode_t mode)
{
	char copy[PATH_MAX];
	int code = span_copy(span_of(path), copy, sizeof(copy));

	if (code)
		return code;
	for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(copy, mode) && errno != EEXIST ? -errno : 0;
}

int file_write_all(int fd, struct span content)
{
	while (content.len) {
		ssize_t sent = write(fd, content.ptr, content.len);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		content.ptr += sent;
		content.len -= (size_t)sent;
	}
	return 0;
}

int file_sync_dir(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), code;

	if (fd < 0)
		return -errno;
	code = fsync(fd) ? -errno : 0;
	close(fd);
	return code;
}

int file_sync_parent(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int code;

	if (!slash || slash == path)
		return file_sync_dir(slash ? "/" : ".");
	code = span_copy(span_make(path, (size_t)(slash - path)), dir, sizeof(dir));
	return code ? code : file_sync_dir(dir);
}

int file_write(const char *path, struct span content, mode_t mode)
{
	char dir[PATH_MAX], temporary[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int len = snprintf(temporary, sizeof(temporary), "%s.new", path), fd, code;

	if (!slash || slash == path || len < 0 || (size_t)len >= sizeof(temporary))
		return -ENAMETOOLONG;
	code = span_copy(span_make(path, (size_t)(slash - path)), dir, sizeof(dir));
	if (!code)
		code = file_make_dirs(dir, 0700);
	if (code)
		return code;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	code = fchmod(fd, mode) ? -errno : file_write_all(fd, content);
	if (!code && fsync(fd))
		code = -errno;
	if (close(fd) && !code)
		code = -errno;
	if (!code && rename(temporary, path))
		code = -errno;
	if (code) {
		(void)unlink(temporary);
		return code;
	}
	return file_sync_dir(dir);
}

static int overwrite(int fd)
{
	static const char zeros[4096];
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	for (off_t at = 0; at < st.st_size;) {
		size_t len =
			(size_t)(st.st_size - at) < sizeof(zeros) ? (size_t)(st.st_size - at) : sizeof(zeros);
		ssize_t done = pwrite(fd, zeros, len, at);

		if (done < 0 && errno != EINTR)
			return -errno;
		at += done > 0 ? done : 0;
	}
	return fsync(fd) ? -errno : 0;
}

int file_shred(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), code;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	code = overwrite(fd);
	close(fd);
	return unlink(path) && !code ? -errno : code;
}

static int old_path(const char *path, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s.old", path);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int file_let_go(const char *path)
{
	struct stat now, before;
	char old[PATH_MAX];
	int code = old_path(path, old);

	if (code)
		return code;
	if (lstat(old, &before))
		return errno == ENOENT ? 0 : -errno;
	if (lstat(path, &now))
		return errno == ENOENT ? file_shred(old) : -errno; /* it was removed since */
	if (now.st_ino == before.st_ino && now.st_dev == before.st_dev)
		return unlink(old) ? -errno : 0;
	return file_shred(old);
}

int file_hold(const char *path)
{
	char old[PATH_MAX];
	int code = old_path(path, old);

	if (!code)
		code = file_let_go(path);
	if (code || link(path, old) == 0 || errno == ENOENT || errno == EPERM || errno == EOPNOTSUPP)
		return code;
	return -errno;
}

int file_absolute(const char *path, char *out, size_t size)
{
	char here[PATH_MAX];
	int len;

	if (path[0] != '/' && !getcwd(here, sizeof(here)))
		return -errno;
	len = path[0] == '/' ? snprintf(out, size, "%s", path) : snprintf(out, size, "%s/%s", here, path);
	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

int file_lock_dir(const char *dir, mode_t mode, int *out_fd)
{
	char path[PATH_MAX];
	int len = snprintf(path, sizeof(path), "%s/lock", dir), code, fd;

	if (len < 0 || (size_t)len >= sizeof(path))
		return -ENAMETOOLONG;
	code = file_make_dirs(dir, mode);
	if (code)
		return code;
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		code = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return code;
	}
	*out_fd = fd;
	return 0;
}
