#include "edge-hub/pods/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/span.h"
#include "edge-hub/pods/filedir.h"

#define UNMOUNT_ROUNDS 4096u

bool mounts_is_mount_point(const char *path)
{
	struct stat here, parent;
	char up[4200];

	if (lstat(path, &here) || !S_ISDIR(here.st_mode))
		return false;
	snprintf(up, sizeof(up), "%s/..", path);
	return !lstat(up, &parent) && here.st_dev != parent.st_dev;
}

/* openat2 with RESOLVE_BENEATH (Linux 5.6). On older kernels links are refused altogether: less, but never out. */
static int open_beneath(int base, const char *inside)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, base, inside, &how, sizeof(how));
	struct span rest = span_of(inside), head;
	bool more = true;

	if (fd >= 0 || errno != ENOSYS)
		return fd >= 0 ? fd : -errno;
	fd = dup(base);
	while (fd >= 0 && more) {
		char name[256];
		struct stat st;
		int next;

		more = span_cut(rest, '/', &head, &rest);
		if (!head.len)
			continue;
		next = span_copy(head, name, sizeof(name))
			       ? -1
			       : openat(fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (next >= 0 && (fstat(next, &st) || S_ISLNK(st.st_mode))) {
			close(next);
			next = -1;
			errno = ELOOP;
		}
		close(fd);
		fd = next;
	}
	return fd >= 0 ? fd : -errno;
}

/* mkdir -p of what is missing, through descriptors that were opened beneath. */
static int make_beneath(int base, const char *inside)
{
	struct span rest = span_of(inside), head;
	char so_far[4096];
	bool more = true;

	while (more) {
		size_t end;
		int parent, rc;

		more = span_cut(rest, '/', &head, &rest);
		end = (size_t)(head.ptr + head.len - inside);
		if (!head.len)
			continue;
		if (end >= sizeof(so_far) || head.len > 255)
			return -ENAMETOOLONG;
		memcpy(so_far, inside, end);
		so_far[end] = '\0';
		so_far[end - head.len] = '\0'; /* the parent, "" for the first */
		parent = so_far[0] ? open_beneath(base, so_far) : dup(base);
		if (parent < 0)
			return parent;
		so_far[end - head.len] = head.ptr[0];
		rc = mkdirat(parent, so_far + end - head.len, 0750) && errno != EEXIST ? -errno : 0;
		close(parent);
		if (rc)
			return rc;
	}
	return 0;
}

static int make_target(int source, const char *target)
{
	char parent[4096];
	const char *slash = strrchr(target, '/');
	struct stat st;
	int rc, fd;

	if (fstat(source, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return filedir_make(target, 0750);
	if (span_copy(span_make(target, (size_t)(slash - target)), parent, sizeof(parent)))
		return -ENAMETOOLONG;
	rc = filedir_make(parent, 0750);
	fd = rc ? -1 : open(target, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (!rc && fd < 0)
		rc = -errno;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int clear_target(const char *target)
{
	struct stat st;

	while (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	if (lstat(target, &st))
		return 0;
	return (S_ISDIR(st.st_mode) ? rmdir(target) : unlink(target)) ? -errno : 0;
}

int mounts_bind_beneath(const char *base, const char *inside, const char *target, struct err *err)
{
	int root = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char link[64];
	int source, rc;

	if (root < 0)
		return err_set(err, -errno, "volume of subPath \"%s\" cannot be opened", inside);
	source = open_beneath(root, inside);
	if (source == -ENOENT) {
		rc = make_beneath(root, inside);
		source = rc ? rc : open_beneath(root, inside);
	}
	close(root);
	if (source < 0)
		return err_set(err, source, "subPath \"%s\" cannot be used: %s", inside, strerror(-source));
	rc = clear_target(target);
	if (!rc)
		rc = make_target(source, target);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", source);
	if (!rc && mount(link, target, NULL, MS_BIND | MS_REC, NULL))
		rc = -errno;
	close(source);
	return rc ? err_set(err, rc, "subPath \"%s\" cannot be mounted: %s", inside, strerror(-rc)) : 0;
}

/* Mount points in /proc/self/mountinfo have blanks and backslashes as \ooo (proc(5)). */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' && s[3] >= '0' &&
		    s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* The last mount point below path in `out`: later ones lie on top. */
static int last_below(const char *path, char *out, size_t size)
{
	FILE *info = fopen("/proc/self/mountinfo", "re");
	size_t len = strlen(path), cap = 0;
	char *line = NULL, point[4096];
	int found = 0;

	if (!info)
		return -errno;
	while (getline(&line, &cap, info) > 0) {
		struct span rest = span_of(line), field = { 0 };

		for (int i = 0; i < 5; i++)
			span_cut(rest, ' ', &field, &rest);
		if (span_copy(field, point, sizeof(point)))
			continue;
		unescape(point);
		if (strncmp(point, path, len) != 0 || point[len] != '/' || strlen(point) >= size)
			continue;
		memcpy(out, point, strlen(point) + 1);
		found = 1;
	}
	free(line);
	fclose(info);
	return found;
}

int mounts_unmount_below(const char *path)
{
	char point[4096];

	for (unsigned i = 0; i < UNMOUNT_ROUNDS; i++) {
		int found = last_below(path, point, sizeof(point));

		if (found <= 0)
			return found;
		if (umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW) && errno != EINVAL)
			return -errno;
	}
	return -EBUSY;
}
