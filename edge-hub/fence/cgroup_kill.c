#include "edge-hub/fence/cgroup_kill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270 /* linux/magic.h CGROUP2_SUPER_MAGIC */
#define DEPTH_MAX 8

/* As getdents64(2) gives them. */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

struct killing {
	const char *tail; /* the last part of the group's path, which its processes name as theirs */
	struct cgroup_killed *out;
};

static int open_in(int dir, const char *name, int flags)
{
	return openat(dir, name, flags | O_CLOEXEC);
}

static bool put(int dir, const char *file, const char *text)
{
	int fd = open_in(dir, file, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) > 0;

	if (fd >= 0)
		close(fd);
	return done;
}

/* A number may be another process's by now: its own word on where it is decides, through a handle that stays its own. */
static void kill_one(struct killing *k, long pid)
{
	static char text[16384];
	char path[64];
	int handle = pid > 1 ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1, fd;
	ssize_t n;

	if (handle < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%ld/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (strstr(text, k->tail) && syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0) == 0)
		k->out->killed++;
	close(handle);
}

static void kill_listed(struct killing *k, int dir)
{
	static char text[32768];
	int fd = open_in(dir, "cgroup.procs", O_RDONLY);
	long pid = 0;
	ssize_t n;

	if (fd < 0)
		return;
	/* The numbers may be cut where a buffer ends: they are put together digit by digit. */
	while ((n = read(fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (text[i] >= '0' && text[i] <= '9') {
				pid = pid * 10 + (text[i] - '0');
				continue;
			}
			k->out->found += pid > 0;
			kill_one(k, pid);
			pid = 0;
		}
	}
	close(fd);
}

/* Depth first: what is below goes with it. Takes `dir`. */
static void kill_tree(struct killing *k, int dir, int depth)
{
	static char entries[DEPTH_MAX][4096];
	long n;

	kill_listed(k, dir);
	(void)put(dir, "freezer.state", "THAWED"); /* version 1: the signal waits until then */
	while (depth < DEPTH_MAX &&
	       (n = syscall(SYS_getdents64, dir, entries[depth], sizeof(entries[0]))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *entry = (const struct entry *)(void *)(entries[depth] + at);
			int below = -1;

			at += entry->length;
			if (entry->type == DT_DIR && entry->name[0] != '.')
				below = open_in(dir, entry->name, O_RDONLY | O_DIRECTORY);
			if (below >= 0)
				kill_tree(k, below, depth + 1);
		}
	}
	close(dir);
}

static void kill_in(struct killing *k, int hierarchy, const char *group)
{
	int dir = open_in(hierarchy, group[0] == '/' ? group + 1 : group, O_RDONLY | O_DIRECTORY);

	if (dir < 0)
		return;
	k->out->is_there = true;
	(void)put(dir, "cgroup.kill", "1"); /* version 2 from Linux 5.14 on: all at once */
	kill_tree(k, dir, 0);
}

static void kill_everywhere(struct killing *k, int mounts, const char *group)
{
	static char entries[8192];
	long n;

	if (lseek(mounts, 0, SEEK_SET) < 0)
		return;
	while ((n = syscall(SYS_getdents64, mounts, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < n;) {
			const struct entry *entry = (const struct entry *)(void *)(entries + at);
			int hierarchy = -1;

			at += entry->length;
			if (entry->name[0] != '.')
				hierarchy = open_in(mounts, entry->name, O_RDONLY | O_DIRECTORY);
			if (hierarchy < 0)
				continue;
			kill_in(k, hierarchy, group);
			close(hierarchy);
		}
	}
}

int cgroup_kill(const char *mounts, const char *group, struct cgroup_killed *out)
{
	struct killing k = { .tail = strrchr(group, '/'), .out = out };
	int dir = k.tail ? open(mounts, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	struct statfs fs;

	*out = (struct cgroup_killed){ 0 };
	if (dir < 0)
		return k.tail ? -errno : -EINVAL;
	if (fstatfs(dir, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_MAGIC)
		kill_in(&k, dir, group);
	else
		kill_everywhere(&k, dir, group);
	close(dir);
	return 0;
}
