/* The hub's side of the guard: that there is one, and that it knows. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "edge-hub/fence/guard.h"

/* Who holds the lock, as the kernel says; 0: nobody. */
static pid_t holder(const char *record_path, unsigned *out_version)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[320], text[16] = "";
	uint64_t version = 0;
	ssize_t n;
	int fd;

	if (snprintf(path, sizeof(path), "%s" GUARD_LOCK, record_path) >= (int)sizeof(path))
		return 0;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	n = pread(fd, text, sizeof(text), 0);
	if (fcntl(fd, F_GETLK, &lock) || lock.l_type == F_UNLCK)
		lock.l_pid = 0;
	close(fd);
	if (n <= 1 || span_to_u64(span_make(text, (size_t)n - 1), &version))
		version = 0;
	*out_version = (unsigned)version;
	return lock.l_pid > 0 ? lock.l_pid : 0;
}

bool guard_is_there(const char *record_path)
{
	unsigned version;

	return holder(record_path, &version) != 0;
}

void guard_tell(const char *record_path)
{
	unsigned version;
	pid_t pid = holder(record_path, &version);

	if (pid)
		(void)kill(pid, SIGUSR1);
}

/* In a process that shares nothing with this one any more but its descriptors. */
static void become(const char *record_path)
{
	char *const argv[] = { "edge-hub", GUARD_VERB, (char *)(uintptr_t)record_path, NULL };
	char *const environment[] = { NULL }; /* no sd_notify, no tracing, no allocator's settings */
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_IGN); /* whoever read our words may be gone */
	(void)signal(SIGHUP, SIG_IGN);
	if (setsid() < 0 || chdir("/"))
		_exit(1);
	execve("/proc/self/exe", argv, environment);
	_exit(1);
}

/* Twice, so that it is init's child and nobody here has to wait for it. */
static int start(const char *record_path)
{
	pid_t between = fork(), guard;
	int status;

	if (between < 0)
		return -errno;
	if (between == 0) {
		guard = fork();
		if (guard == 0)
			become(record_path);
		_exit(guard < 0);
	}
	while (waitpid(between, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EAGAIN;
}

int guard_ensure(const char *record_path)
{
	unsigned version;
	pid_t pid = holder(record_path, &version);

	if (pid && version == RECORD_VERSION)
		return 0;
	if (pid) /* of another release: it reads the record in another way */
		return kill(pid, SIGTERM) ? -errno : -EAGAIN;
	return start(record_path);
}
