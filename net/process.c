#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/loop_uv.h"

#define READS_PER_TURN 4u /* who talks without end gets no more of the loop */
#define OLD_FDS_MAX 4096  /* closed one by one where the kernel has no close_range (before 5.9) */

/* libuv's own uv_spawn waits until the program is loaded: a disk that hangs would hang the daemon. */
struct process {
	struct loop_orphan orphan; /* one that is closed, and not buried yet */
	struct loop *loop;
	pid_t pid;
	struct signals *children; /* SIGCHLD */
	struct timer *timer;
	struct poller *poller;
	int out_fd;    /* what it says; -1: all has been read */
	int failed_fd; /* why it was not begun */
	struct buf output;
	bool timed_out;
	void (*on_end)(void *ctx, const struct process_end *end); /* NULL: closed */
	void *ctx;
};

/* --- the child, which shares the daemon's memory image: nothing but system calls --- */

struct child {
	const struct process_options *options;
	pid_t daemon;
	int out_fd, failed_fd;
};

static void close_others(int but)
{
	if (close_range(3, (unsigned)but - 1, 0) == 0 && close_range((unsigned)but + 1, ~0u, 0) == 0)
		return;
	for (int fd = 3; fd < OLD_FDS_MAX; fd++)
		if (fd != but)
			(void)close(fd);
}

/* The daemon may be the last one that is to be killed when memory runs out; this is not. */
static void be_as_others(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, "0", 1);
	(void)close(fd);
}

static int move_up(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 4);
}

static int set_up(const struct child *c, int out_fd, int failed_fd)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) || nothing < 0 || out_fd < 0)
		return -errno;
	if (getppid() != c->daemon)
		return -ESRCH; /* it died before */
	if (dup2(nothing, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(out_fd, 2) < 0)
		return -errno;
	close_others(failed_fd);
	be_as_others();
	return chdir(c->options->dir) ? -errno : 0;
}

static void reset_signals(void)
{
	const struct sigaction as_ever = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int n = 1; n < NSIG; n++)
		(void)sigaction(n, &as_ever, NULL); /* some cannot be changed, and were not */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void be_child(const struct child *c)
{
	int failed_fd = move_up(c->failed_fd), out_fd = move_up(c->out_fd);
	int code;

	reset_signals();
	code = failed_fd < 0 ? -errno : set_up(c, out_fd, failed_fd);
	if (!code) {
		(void)execve(c->options->argv[0], (char *const *)(uintptr_t)c->options->argv,
			     (char *const *)(uintptr_t)c->options->env);
		code = -errno;
	}
	(void)!write(failed_fd < 0 ? c->failed_fd : failed_fd, &code, sizeof(code));
	_exit(127);
}

/* Signals wait meanwhile: the daemon's handlers would write into its pipes from the child. */
static int fork_child(struct process *p, const struct child *child)
{
	sigset_t all, before;
	int code = 0;

	(void)sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return -EINVAL;
	p->pid = fork();
	if (p->pid == 0)
		be_child(child);
	if (p->pid < 0)
		code = -errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code;
}

/* --- what it says --- */

static void close_output(struct process *p)
{
	poller_close(p->poller);
	p->poller = NULL;
	if (p->out_fd >= 0)
		(void)close(p->out_fd);
	p->out_fd = -1;
}

static void read_output(struct process *p)
{
	ssize_t n = -1;

	for (unsigned i = 0; p->out_fd >= 0 && i < READS_PER_TURN; i++) {
		size_t room = PROCESS_OUTPUT_MAX - p->output.len;

		n = read(p->out_fd, p->loop->read_buf, LOOP_READ_SIZE);
		if (n <= 0)
			break;
		if (room) /* without memory it says less */
			(void)!buf_add(&p->output, p->loop->read_buf, (size_t)n < room ? (size_t)n : room);
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_output(p);
}

static void on_output(void *ctx, bool readable, bool writable)
{
	read_output(ctx);
}

/* --- its end --- */

static void release(struct process *p)
{
	close_output(p);
	timer_close(p->timer);
	signals_close(p->children);
	if (p->failed_fd >= 0)
		(void)close(p->failed_fd);
	buf_done(&p->output);
	free(p);
}

static void kill_group(const struct process *p)
{
	/* Its group has its number from setsid on; before that the child is alone. */
	(void)kill(-p->pid, SIGKILL);
	(void)kill(p->pid, SIGKILL);
}

static void on_late(void *ctx)
{
	struct process *p = ctx;

	p->timed_out = true;
	kill_group(p);
}

static void tell(struct process *p, const siginfo_t *how)
{
	struct process_end end = { .timed_out = p->timed_out };
	int code = 0;

	if (read(p->failed_fd, &code, sizeof(code)) == (ssize_t)sizeof(code))
		end.code = code < 0 ? code : -EIO;
	end.status = how->si_code == CLD_EXITED ? how->si_status : 0;
	end.signal = how->si_code == CLD_EXITED ? 0 : how->si_status;
	read_output(p);
	end.output = buf_span(&p->output);
	p->on_end(p->ctx, &end);
}

/* Some child of the daemon has ended. Its number stays its own until it is buried, so its group is killed before. */
static void on_child(void *ctx, int number)
{
	struct process *p = ctx;
	siginfo_t how = { 0 };

	if (waitid(P_PID, (id_t)p->pid, &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid == 0)
		return;
	kill_group(p);
	(void)waitpid(p->pid, NULL, WNOHANG);
	if (p->on_end)
		tell(p, &how);
	else
		list_remove(&p->loop->orphans, &p->orphan.node);
	release(p);
}

/* The loop ends first: it is killed already, and whoever inherits the daemon's children buries it. */
static void on_loop_end(struct loop_orphan *orphan)
{
	struct process *p = container_of(orphan, struct process, orphan);

	list_remove(&p->loop->orphans, &orphan->node);
	release(p);
}

void process_close(struct process *p)
{
	if (!p)
		return;
	kill_group(p);
	close_output(p);
	timer_close(p->timer);
	p->timer = NULL;
	p->on_end = NULL;
	list_push(&p->loop->orphans, &p->orphan.node);
}

/* --- its beginning --- */

static int begin(struct process *p, const struct process_options *options, int out_fd, int failed_fd)
{
	static const int set[] = { SIGCHLD, 0 };
	struct child child = { options, getpid(), out_fd, failed_fd };
	int code = poller_new(p->loop, p->out_fd, on_output, p, &p->poller);

	if (!code)
		code = timer_new(p->loop, on_late, p, &p->timer);
	if (!code)
		code = signals_new(p->loop, set, on_child, p, &p->children);
	if (!code)
		code = fork_child(p, &child);
	if (code)
		return code;
	poller_want(p->poller, true, false);
	timer_start(p->timer, options->timeout_ms);
	return 0;
}

static int open_pipe(int *out_read, int *out_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	*out_read = fds[0];
	*out_write = fds[1];
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) ? -errno : 0;
}

int process_run(struct loop *loop, const struct process_options *options,
		void (*on_end)(void *ctx, const struct process_end *end), void *ctx, struct process **out)
{
	struct process *p = calloc(1, sizeof(*p));
	int code, out_fd = -1, failed_fd = -1;

	if (!p)
		return -ENOMEM;
	*p = (struct process){ .loop = loop,
			       .out_fd = -1,
			       .failed_fd = -1,
			       .on_end = on_end,
			       .ctx = ctx,
			       .orphan.close = on_loop_end };
	buf_init(&p->output, PROCESS_OUTPUT_MAX);
	code = open_pipe(&p->out_fd, &out_fd);
	if (!code)
		code = open_pipe(&p->failed_fd, &failed_fd);
	if (!code)
		code = begin(p, options, out_fd, failed_fd);
	if (out_fd >= 0)
		(void)close(out_fd);
	if (failed_fd >= 0)
		(void)close(failed_fd);
	if (code)
		release(p);
	else
		*out = p;
	return code;
}
