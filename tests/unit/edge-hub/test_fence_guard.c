/* The guard: what it decides, and that what it ends is ended. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "edge-hub/fence/cgroup_kill.h"
#include "edge-hub/fence/guard.h"

#define OVER (1000 + 60000 + GUARD_LAG_MS)

static struct record record; /* too big for a stack */

static void it_waits_until_the_hub_had_its_time(void **state)
{
	uint64_t due;

	record.head = (struct record_head){ .armed = true, .proof_ms = 1000, .limit_ms = 60000 };
	assert_int_equal(guard_decide(&record, 0, 5000, &due), GUARD_WAIT);
	assert_int_equal(due, OVER);
	assert_int_equal(guard_decide(&record, 0, OVER - 1, &due), GUARD_WAIT);
	assert_int_equal(guard_decide(&record, 0, OVER, &due), GUARD_KILL);
	assert_int_equal(due, OVER + GUARD_AGAIN_MS);
}

static void damage_neither_hurries_it_nor_stops_it(void **state)
{
	uint64_t due;

	record.head = (struct record_head){ .armed = true, .proof_ms = 1000, .limit_ms = 60000 };
	assert_int_equal(guard_decide(&record, -EBADMSG, OVER - 1, &due), GUARD_WAIT);
	assert_int_equal(guard_decide(&record, -EBADMSG, OVER, &due), GUARD_KILL);
}

static void it_ends_when_there_is_nothing_to_guard(void **state)
{
	uint64_t due;

	record.head = (struct record_head){ .armed = true, .proof_ms = 1000, .limit_ms = 60000 };
	assert_int_equal(guard_decide(&record, -ESTALE, 5000, &due), GUARD_END);
	record.head.armed = false;
	assert_int_equal(guard_decide(&record, 0, OVER + 1, &due), GUARD_END);
}

/* --- real control groups --- */

struct group {
	char mounts[32]; /* what holds the hierarchies, or is the only one */
	char dirs[16][160];
	size_t count;
	char path[64];
};

static int write_to(const char *dir, const char *file, const char *text)
{
	char path[256];
	int fd, rc;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY);
	rc = fd >= 0 && write(fd, text, strlen(text)) > 0 ? 0 : -1;
	if (fd >= 0)
		close(fd);
	return rc;
}

static void add_dir(struct group *g, const char *hierarchy, const char *path)
{
	char *dir = g->dirs[g->count];

	if (g->count < 16 &&
	    snprintf(dir, sizeof(g->dirs[0]), "%s%s", hierarchy, path) < (int)sizeof(g->dirs[0]) &&
	    (mkdir(dir, 0755) == 0))
		g->count++;
}

/* "/kubepods-PID/pod-test-PID/inner" in the hierarchy for freezing, or in the only one there is. */
static bool make_group(struct group *g, const char *hierarchy, const char *mounts)
{
	char path[96];

	*g = (struct group){ 0 };
	snprintf(g->mounts, sizeof(g->mounts), "%s", mounts);
	snprintf(path, sizeof(path), "/kubepods-test-%d", (int)getpid());
	add_dir(g, hierarchy, path);
	snprintf(g->path, sizeof(g->path), "/kubepods-test-%d/pod-test-%d", (int)getpid(), (int)getpid());
	add_dir(g, hierarchy, g->path);
	snprintf(path, sizeof(path), "%s/inner", g->path);
	add_dir(g, hierarchy, path);
	return g->count == 3;
}

static void drop_group(struct group *g)
{
	while (g->count)
		rmdir(g->dirs[--g->count]);
}

static pid_t start_in(const char *dir)
{
	pid_t pid = fork();
	char text[16];

	if (pid == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	snprintf(text, sizeof(text), "%d", (int)pid);
	if (pid > 0 && write_to(dir, "cgroup.procs", text)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -1;
	}
	return pid;
}

static void kill_them(const char *hierarchy, const char *mounts, bool frozen)
{
	struct cgroup_killed killed;
	struct group g;
	pid_t outer, inner;
	int status;

	if (!make_group(&g, hierarchy, mounts)) {
		drop_group(&g);
		skip(); /* not allowed here */
	}
	inner = start_in(g.dirs[2]);
	outer = inner > 0 ? start_in(g.dirs[1]) : -1;
	if (inner < 0) {
		drop_group(&g);
		skip();
	}
	if (frozen)
		assert_int_equal(write_to(g.dirs[2], "freezer.state", "FROZEN"), 0);
	assert_int_equal(cgroup_kill(g.mounts, g.path, &killed), 0);
	assert_true(killed.is_there);
	assert_int_equal(waitpid(inner, &status, 0), inner);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	if (outer > 0) /* version 2 has none beside groups, where controllers are on */
		assert_int_equal(waitpid(outer, &status, 0), outer);
	assert_int_equal(cgroup_kill(g.mounts, g.path, &killed), 0);
	assert_int_equal(killed.found, 0);
	drop_group(&g);
	assert_int_equal(cgroup_kill(g.mounts, g.path, &killed), 0);
	assert_false(killed.is_there);
}

static void processes_of_version_1_are_ended(void **state)
{
	kill_them("/sys/fs/cgroup/pids", "/sys/fs/cgroup", false);
}

static void frozen_ones_too(void **state)
{
	kill_them("/sys/fs/cgroup/freezer", "/sys/fs/cgroup", true);
}

static void processes_of_version_2_are_ended(void **state)
{
	const char *root = access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup"
									    : "/sys/fs/cgroup/unified";

	kill_them(root, root, false);
}

static void a_group_that_is_not_there_is_no_error(void **state)
{
	struct cgroup_killed killed;

	assert_int_equal(cgroup_kill("/sys/fs/cgroup", "/kubepods/pod-nobody-has", &killed), 0);
	assert_int_equal(killed.found, 0);
	assert_int_equal(cgroup_kill("/nowhere", "/kubepods/pod-nobody-has", &killed), -ENOENT);
}

/* Whoever has a group's place but names another one as his own is left alone. */
static void a_number_in_a_strange_list_is_not_killed(void **state)
{
	char root[] = "/tmp/holdfast-guard-XXXXXX", path[128], text[16];
	struct cgroup_killed killed;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof(path), "%s/h", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/h/podstranger", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/h/podstranger/cgroup.procs", root);
	close(open(path, O_CREAT | O_WRONLY, 0600));
	snprintf(text, sizeof(text), "%d\n", (int)pid);
	snprintf(path, sizeof(path), "%s/h/podstranger", root);
	assert_int_equal(write_to(path, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_kill(root, "/podstranger", &killed), 0);
	assert_int_equal(killed.found, 1);
	assert_int_equal(killed.killed, 0);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	snprintf(path, sizeof(path), "%s/h/podstranger/cgroup.procs", root);
	unlink(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_until_the_hub_had_its_time),
		cmocka_unit_test(damage_neither_hurries_it_nor_stops_it),
		cmocka_unit_test(it_ends_when_there_is_nothing_to_guard),
		cmocka_unit_test(processes_of_version_1_are_ended),
		cmocka_unit_test(frozen_ones_too),
		cmocka_unit_test(processes_of_version_2_are_ended),
		cmocka_unit_test(a_group_that_is_not_there_is_no_error),
		cmocka_unit_test(a_number_in_a_strange_list_is_not_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
