#include "edge-hub/fence/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "edge-hub/fence/cgroup_kill.h"

#define MODULE "guard"
#define MOUNTS "/sys/fs/cgroup"
#define ROUNDS 200u /* of looking again whether they have gone */
#define ROUND_NS 10000000
#define BOOT_FILE "/proc/sys/kernel/random/boot_id"

/* One for the process, made before anything can go wrong: nothing is allocated afterwards. */
struct guard {
	int record_fd, lock_fd, timer_fd, signal_fd;
	char boot[RECORD_BOOT_SIZE];
	struct record good, next;
	uint64_t busy_ms; /* when it last found or expected something */
};

/* --- deciding --- */

enum guard_step guard_decide(const struct record *record, int read, uint64_t now_ms, uint64_t *out_due_ms)
{
	uint64_t over = record->head.proof_ms + record->head.limit_ms + GUARD_LAG_MS;

	*out_due_ms = over;
	/* Another boot's, or nobody's: the processes in it are gone with what ran them. */
	if (read == -ESTALE || !record->head.armed)
		return GUARD_END;
	if (now_ms < over)
		return GUARD_WAIT;
	*out_due_ms = now_ms + GUARD_AGAIN_MS;
	return GUARD_KILL;
}

/* --- killing --- */

static unsigned pass(const struct record *record, unsigned *out_killed)
{
	struct cgroup_killed killed;
	unsigned found = 0;

	for (const char *group = record_next(record, NULL); group; group = record_next(record, group)) {
		if (cgroup_kill(MOUNTS, group, &killed))
			continue; /* said by what is left */
		found += killed.found;
		*out_killed += killed.killed;
	}
	return found;
}

static void kill_all(struct guard *g, uint64_t now_ms)
{
	const struct timespec pause = { .tv_nsec = ROUND_NS };
	unsigned killed = 0, left = pass(&g->good, &killed);

	if (left)
		g->busy_ms = now_ms;
	for (unsigned i = 0; left && i < ROUNDS; i++) {
		nanosleep(&pause, NULL); /* nothing tells when the last one has gone */
		left = pass(&g->good, &killed);
	}
	if (left)
		log_error(MODULE, "still-there", "processes=%u: they hang in the kernel", left);
	else if (killed)
		log_warn(MODULE, "ended", "signals=%u: pods that must run only once, on a node that is alone",
			 killed);
}

/* --- the process --- */

static void read_anew(struct guard *g, int *out_code)
{
	*out_code = record_read(g->record_fd, g->boot, &g->next);
	if (*out_code)
		return;
	g->good.head = g->next.head;
	g->good.groups_len = g->next.groups_len;
	memcpy(g->good.groups, g->next.groups,
	       g->next.groups_len); /* the rest is memory that was never touched */
}

static void wait_until(const struct guard *g, uint64_t due_ms)
{
	const struct itimerspec when = { .it_value = { .tv_sec = (time_t)(due_ms / 1000),
						       .tv_nsec = (long)(due_ms % 1000) * 1000000 } };
	struct pollfd fds[] = { { .fd = g->timer_fd, .events = POLLIN },
				{ .fd = g->signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	(void)timerfd_settime(g->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
	if (poll(fds, 2, -1) > 0 && fds[1].revents)
		(void)!read(g->signal_fd, &info, sizeof(info));
}

static int run(struct guard *g)
{
	int code;

	g->busy_ms = clock_mono_ms();
	for (;;) {
		uint64_t now = clock_mono_ms(), due;
		enum guard_step step;

		read_anew(g, &code);
		step = guard_decide(&g->good, code, now, &due);
		if (step == GUARD_END)
			return 0;
		if (step == GUARD_KILL)
			kill_all(g, now);
		else
			g->busy_ms = now;
		if (now - g->busy_ms > GUARD_IDLE_MS)
			return 0;
		wait_until(g, due);
	}
}

/* The lock is the process's: nobody has to clean up after it, and the kernel tells who holds it. */
static int take_lock(const char *record_path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[320], text[16];
	int fd, len;

	if (snprintf(path, sizeof(path), "%s" GUARD_LOCK, record_path) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%u\n", RECORD_VERSION);
	if (fcntl(fd, F_SETLK, &lock) || pwrite(fd, text, (size_t)len, 0) != len) {
		int code = -errno;

		close(fd);
		return code;
	}
	return fd;
}

static int prepare(struct guard *g, const char *record_path)
{
	sigset_t told;
	int boot, code;
	ssize_t n;

	/* Before the lock is taken: who holds it can be told. */
	sigemptyset(&told);
	sigaddset(&told, SIGUSR1);
	if (sigprocmask(SIG_BLOCK, &told, NULL))
		return -errno;
	g->signal_fd = signalfd(-1, &told, SFD_CLOEXEC);
	g->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
	boot = open(BOOT_FILE, O_RDONLY | O_CLOEXEC);
	n = boot >= 0 ? read(boot, g->boot, sizeof(g->boot) - 1) : -1;
	if (boot >= 0)
		close(boot);
	if (g->signal_fd < 0 || g->timer_fd < 0 || n <= 0)
		return -EIO;
	g->boot[strcspn(g->boot, "\n")] = '\0';
	code = record_open(record_path, &g->record_fd);
	if (code)
		return code;
	g->lock_fd = take_lock(record_path);
	return g->lock_fd < 0 ? g->lock_fd : 0;
}

int guard_main(const char *record_path)
{
	static struct guard guard; /* not on the heap, and too big for the stack */
	int code = prepare(&guard, record_path);

	if (code == -EAGAIN || code == -EACCES)
		return 0; /* there is one */
	if (!code && record_read(guard.record_fd, guard.boot, &guard.good))
		code = -EBADMSG;
	if (code) {
		log_error(MODULE, "not-started", "error=\"%s\"", strerror(-code));
		return 1;
	}
	(void)prctl(PR_SET_NAME, GUARD_VERB);
	/* What it touches stays in memory; not all that the program could ever touch. */
	if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		log_warn(MODULE, "not-locked", "error=\"%s\"", strerror(errno));
	return run(&guard);
}
