#include "edge-hub/pods/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270 /* linux/magic.h CGROUP2_SUPER_MAGIC */
#define PATH_BYTES 4096

static const char *const controllers[] = { "cpu", "memory", "pids", "cpuset" };

static bool is_v2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == CGROUP2_MAGIC;
}

static int put(const char *dir, const char *file, const char *text)
{
	char path[PATH_BYTES];
	int fd, rc = 0;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int put_number(const char *dir, const char *file, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	return put(dir, file, text);
}

/* A new cpuset of version 1 has neither processors nor memory; processes could not enter it. */
static void inherit_cpuset(const char *parent, const char *dir)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };

	for (size_t i = 0; i < 2; i++) {
		char path[PATH_BYTES], text[1024];
		ssize_t n;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", parent, files[i]);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
		if (n <= 0)
			continue;
		text[n] = '\0';
		(void)put(dir, files[i], text); /* fails where it is inherited already */
	}
}

enum flavour { FLAVOUR_PLAIN, FLAVOUR_CPUSET, FLAVOUR_V2 };

/* mkdir -p of `parent` below a hierarchy. */
static int make_dirs(const char *hierarchy, const char *parent, enum flavour flavour, char out[PATH_BYTES])
{
	struct span rest = span_of(parent), head;
	bool more = true;

	snprintf(out, PATH_BYTES, "%s", hierarchy);
	while (more) {
		char above[PATH_BYTES];
		size_t len = strlen(out);

		more = span_cut(rest, '/', &head, &rest);
		if (!head.len)
			continue;
		if (len + head.len + 2 > PATH_BYTES)
			return -ENAMETOOLONG;
		memcpy(above, out, len + 1);
		if (flavour == FLAVOUR_V2)
			for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
				char text[16];

				snprintf(text, sizeof(text), "+%s", controllers[i]);
				(void)put(above, "cgroup.subtree_control",
					  text); /* not every controller is there */
			}
		snprintf(out + len, PATH_BYTES - len, "/%.*s", SPAN_ARG(head));
		if (mkdir(out, 0755) && errno != EEXIST)
			return -errno;
		if (flavour == FLAVOUR_CPUSET)
			inherit_cpuset(above, out);
	}
	return 0;
}

static void keep_first(int *first, int rc)
{
	*first = *first ? *first : rc;
}

static int limit_v2(const char *dir, const struct cgroup_limits *l)
{
	/* The mapping of shares to weights is the runtimes' (opencontainers/runc, ConvertCPUSharesToCgroupV2Value). */
	int64_t weight = 1 + ((l->cpu_shares - 2) * 9999) / 262142;
	char text[64];
	int first = put_number(dir, "cpu.weight", weight);

	if (l->cpu_quota_us)
		snprintf(text, sizeof(text), "%lld 100000", (long long)l->cpu_quota_us);
	else
		snprintf(text, sizeof(text), "max 100000");
	keep_first(&first, put(dir, "cpu.max", text));
	if (l->memory_bytes)
		keep_first(&first, put_number(dir, "memory.max", l->memory_bytes));
	else
		keep_first(&first, put(dir, "memory.max", "max"));
	return first;
}

static int limit_v1(const char *controller, const char *dir, const struct cgroup_limits *l)
{
	int first = 0;

	if (strcmp(controller, "memory") == 0)
		return put_number(dir, "memory.limit_in_bytes", l->memory_bytes ? l->memory_bytes : -1);
	if (strcmp(controller, "cpu") != 0)
		return 0;
	keep_first(&first, put_number(dir, "cpu.shares", l->cpu_shares));
	keep_first(&first, put_number(dir, "cpu.cfs_period_us", 100000));
	keep_first(&first, put_number(dir, "cpu.cfs_quota_us", l->cpu_quota_us ? l->cpu_quota_us : -1));
	return first;
}

int cgroup_make(const char *mounts, const char *parent, const struct cgroup_limits *limits)
{
	char hierarchy[PATH_BYTES], dir[PATH_BYTES];
	int first = 0;

	if (is_v2(mounts)) {
		first = make_dirs(mounts, parent, FLAVOUR_V2, dir);
		return first ? first : limit_v2(dir, limits);
	}
	for (size_t i = 0; i < sizeof(controllers) / sizeof(controllers[0]); i++) {
		int rc;

		snprintf(hierarchy, sizeof(hierarchy), "%s/%s", mounts, controllers[i]);
		if (access(hierarchy, F_OK))
			continue;
		rc = make_dirs(hierarchy, parent,
			       strcmp(controllers[i], "cpuset") == 0 ? FLAVOUR_CPUSET : FLAVOUR_PLAIN, dir);
		keep_first(&first, rc ? rc : limit_v1(controllers[i], dir, limits));
	}
	return first;
}

static int remove_group(const char *dir, unsigned depth)
{
	DIR *handle = depth < 8 ? opendir(dir) : NULL;
	struct dirent *entry;
	int first = 0;

	if (!handle)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(handle))) {
		char path[PATH_BYTES];

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name) < sizeof(path))
			keep_first(&first, remove_group(path, depth + 1));
	}
	closedir(handle);
	if (rmdir(dir) && errno != ENOENT)
		keep_first(&first, -errno);
	return first;
}

int cgroup_remove(const char *mounts, const char *parent)
{
	/* The runtime makes groups in every hierarchy there is, not only in those limited here. */
	DIR *handle = is_v2(mounts) ? NULL : opendir(mounts);
	char path[PATH_BYTES];
	struct dirent *entry;
	int first = 0;

	if (!handle) {
		snprintf(path, sizeof(path), "%s%s%s", mounts, parent[0] == '/' ? "" : "/", parent);
		return remove_group(path, 0);
	}
	while ((entry = readdir(handle))) {
		if (entry->d_name[0] == '.')
			continue;
		if ((size_t)snprintf(path, sizeof(path), "%s/%s%s%s", mounts, entry->d_name,
				     parent[0] == '/' ? "" : "/", parent) < sizeof(path))
			keep_first(&first, remove_group(path, 0));
	}
	closedir(handle);
	return first;
}
