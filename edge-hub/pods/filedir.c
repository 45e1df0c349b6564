#include "edge-hub/pods/filedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"

#define DATA "..data"
#define DATA_NEW "..data_tmp"
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- the set --- */
void file_set_init(struct file_set *set)
{
	*set = (struct file_set){ 0 };
	arena_init(&set->arena, FILEDIR_BYTES_MAX);
}

void file_set_done(struct file_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		explicit_bzero((char *)(uintptr_t)set->v[i].data.ptr, set->v[i].data.len);
	arena_done(&set->arena);
	free(set->v);
	*set = (struct file_set){ 0 };
}

static bool is_good_path(const char *path)
{
	struct span rest = span_of(path), head;
	bool more = true, first = true;

	if (!path[0] || path[0] == '/' || strlen(path) > 4000)
		return false;
	while (more) {
		more = span_cut(rest, '/', &head, &rest);
		if (!head.len || span_is(head, ".") || span_is(head, "..") || head.len > 255)
			return false;
		if (first && span_has_prefix(head, SPAN("..")))
			return false; /* ours */
		first = false;
	}
	return true;
}

int file_set_add(struct file_set *set, const char *path, struct span data, unsigned mode)
{
	struct file file = { .mode = mode };
	size_t at = 0;

	if (!is_good_path(path))
		return -EINVAL;
	while (at < set->n && strcmp(set->v[at].path, path) != 0)
		at++;
	if (at == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 8;
		struct file *v = cap <= FILEDIR_FILES_MAX ? realloc(set->v, cap * sizeof(*v)) : NULL;

		if (!v)
			return cap <= FILEDIR_FILES_MAX ? -ENOMEM : -E2BIG;
		set->v = v;
		set->cap = cap;
	}
	file.path = arena_str(&set->arena, span_of(path));
	file.data = span_make(arena_str(&set->arena, data), data.len);
	if (!file.path || !file.data.ptr)
		return set->arena.error;
	set->v[at] = file;
	set->n += at == set->n;
	return 0;
}

/* --- is it so already? --- */
static bool file_is_same(int data_fd, const struct file *file, gid_t gid)
{
	int fd = openat(data_fd, file->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char chunk[4096];
	struct stat st;
	size_t at = 0;
	bool same;

	if (fd < 0)
		return false;
	same = !fstat(fd, &st) && S_ISREG(st.st_mode) && (size_t)st.st_size == file->data.len &&
	       (st.st_mode & 07777) == file->mode && (gid == (gid_t)-1 || st.st_gid == gid);
	while (same && at < file->data.len) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		same = n > 0 && (size_t)n <= file->data.len - at &&
		       memcmp(chunk, file->data.ptr + at, (size_t)n) == 0;
		at += n > 0 ? (size_t)n : 0;
	}
	explicit_bzero(chunk, sizeof(chunk));
	close(fd);
	return same;
}

static size_t count_files(int dir_fd)
{
	int fd = dup(dir_fd);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	size_t count = 0;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return SIZE_MAX;
	}
	rewinddir(dir);
	while ((entry = readdir(dir))) {
		struct stat st;
		int sub;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(st.st_mode)) {
			count++;
			continue;
		}
		sub = openat(dir_fd, entry->d_name, DIR_FLAGS);
		count += sub >= 0 ? count_files(sub) : 1;
		if (sub >= 0)
			close(sub);
	}
	closedir(dir);
	return count;
}

static bool is_current(int root, const struct file_set *set, gid_t gid)
{
	int data = openat(root, DATA, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool same = data >= 0;

	for (size_t i = 0; same && i < set->n; i++)
		same = file_is_same(data, &set->v[i], gid);
	if (same)
		same = count_files(data) == set->n;
	if (data >= 0)
		close(data);
	return same;
}

/* --- writing --- */
static int write_all(int fd, struct span data)
{
	while (data.len) {
		ssize_t n = write(fd, data.ptr, data.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data = span_make(data.ptr + n, data.len - (size_t)n);
	}
	return 0;
}

static int make_parents(int dir, const char *path, gid_t gid)
{
	const char *slash = path;
	char part[4096];

	while ((slash = strchr(slash, '/'))) {
		if (span_copy(span_make(path, (size_t)(slash - path)), part, sizeof(part)))
			return -ENAMETOOLONG;
		if (mkdirat(dir, part, 0755)) {
			if (errno != EEXIST)
				return -errno;
		} else if (gid != (gid_t)-1 && fchownat(dir, part, (uid_t)-1, gid, AT_SYMLINK_NOFOLLOW)) {
			return -errno;
		}
		slash++;
	}
	return 0;
}

static int write_file(int dir, const struct file *file, gid_t gid)
{
	int rc = make_parents(dir, file->path, gid);
	int fd =
		rc ? -1 : openat(dir, file->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (rc)
		return rc;
	if (fd < 0)
		return -errno;
	rc = write_all(fd, file->data);
	if (!rc && gid != (gid_t)-1 && fchown(fd, (uid_t)-1, gid))
		rc = -errno;
	if (!rc && fchmod(fd, file->mode))
		rc = -errno;
	close(fd);
	return rc;
}

static int remove_at(int parent, const char *name, dev_t device, unsigned depth);

static int write_version(int root, const char *name, const struct file_set *set, gid_t gid)
{
	int rc = mkdirat(root, name, 0755) ? -errno : 0;
	int dir = rc ? -1 : openat(root, name, DIR_FLAGS);

	if (rc)
		return rc;
	if (dir < 0)
		return -errno;
	if (gid != (gid_t)-1 && fchown(dir, (uid_t)-1, gid))
		rc = -errno;
	for (size_t i = 0; !rc && i < set->n; i++)
		rc = write_file(dir, &set->v[i], gid);
	close(dir);
	return rc;
}

static int swap_in(int root, const char *name)
{
	(void)unlinkat(root, DATA_NEW, 0); /* left by a crash */
	if (symlinkat(name, root, DATA_NEW) || renameat(root, DATA_NEW, root, DATA))
		return -errno;
	return 0;
}

static int link_names(int root, const struct file_set *set)
{
	for (size_t i = 0; i < set->n; i++) {
		char name[256], target[300];
		struct span head, rest;

		span_cut(span_of(set->v[i].path), '/', &head, &rest);
		if (span_copy(head, name, sizeof(name)))
			return -ENAMETOOLONG;
		snprintf(target, sizeof(target), DATA "/%s", name);
		if (symlinkat(target, root, name) && errno != EEXIST)
			return -errno;
	}
	return 0;
}

static bool is_wanted(const struct file_set *set, const char *name, const char *version)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, DATA) == 0 ||
	    strcmp(name, version) == 0)
		return true;
	for (size_t i = 0; i < set->n; i++) {
		struct span head, rest;

		span_cut(span_of(set->v[i].path), '/', &head, &rest);
		if (span_is(head, name))
			return true;
	}
	return false;
}

static int drop_old(int root, const struct file_set *set, const char *version)
{
	int fd = dup(root), rc = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	if (!dir || fstat(root, &st)) {
		rc = -errno;
		if (!dir && fd >= 0)
			close(fd);
		if (dir)
			closedir(dir);
		return rc;
	}
	rewinddir(dir);
	while (!rc && (entry = readdir(dir)))
		if (!is_wanted(set, entry->d_name, version))
			rc = remove_at(root, entry->d_name, st.st_dev, 0);
	closedir(dir);
	return rc;
}

int filedir_write(const char *path, const struct file_set *set, gid_t gid, bool *out_changed, struct err *err)
{
	int root = open(path, DIR_FLAGS);
	char version[40];
	uint64_t number;
	int rc;

	*out_changed = false;
	if (root < 0)
		return err_set(err, -errno, "%s cannot be opened", path);
	if (is_current(root, set, gid)) {
		rc = link_names(root, set); /* a crash may have come between the two */
		close(root);
		return rc ? err_set(err, rc, "links in %s cannot be made", path) : 0;
	}
	random_bytes(&number, sizeof(number));
	snprintf(version, sizeof(version), "..v%016llx", (unsigned long long)number);
	rc = write_version(root, version, set, gid);
	if (!rc)
		rc = swap_in(root, version);
	if (!rc)
		rc = link_names(root, set);
	if (!rc)
		rc = drop_old(root, set, version);
	close(root);
	*out_changed = !rc;
	return rc ? err_set(err, rc, "files in %s cannot be written", path) : 0;
}

/* --- trees --- */
int filedir_make(const char *path, unsigned mode)
{
	char part[4096];
	const char *slash = path + 1;
	bool more = true;

	if (path[0] != '/')
		return -EINVAL;
	while (more) {
		slash = strchr(slash, '/');
		more = slash != NULL;
		if (span_copy(span_make(path, more ? (size_t)(slash - path) : strlen(path)), part,
			      sizeof(part)))
			return -ENAMETOOLONG;
		if (part[0] && mkdir(part, mode) && errno != EEXIST)
			return -errno;
		slash = more ? slash + 1 : NULL;
	}
	return 0;
}

static int remove_inside(int parent, const char *name, dev_t device, unsigned depth)
{
	int fd = openat(parent, name, DIR_FLAGS), rc = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!dir) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (!rc && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_at(dirfd(dir), entry->d_name, device, depth + 1);
	closedir(dir);
	return rc;
}

static int remove_at(int parent, const char *name, dev_t device, unsigned depth)
{
	struct stat st;
	int rc;

	if (depth > 200)
		return -ELOOP;
	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlinkat(parent, name, 0) && errno != ENOENT ? -errno : 0;
	if (st.st_dev != device)
		return -EBUSY;
	rc = remove_inside(parent, name, device, depth);
	if (!rc && unlinkat(parent, name, AT_REMOVEDIR) && errno != ENOENT)
		rc = -errno;
	return rc;
}

int filedir_remove(const char *path)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	return remove_at(AT_FDCWD, path, st.st_dev, 0);
}
