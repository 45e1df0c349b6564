#include "tests/unit/net/fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/process.h"
#include "tests/tools/failmalloc.h"

struct seen {
	struct process_end end;
	char output[PROCESS_OUTPUT_MAX + 1];
	bool ended;
};

static void on_end(void *ctx, const struct process_end *end)
{
	struct seen *seen = ctx;

	assert_false(seen->ended);
	seen->end = *end;
	assert_true(end->output.len <= PROCESS_OUTPUT_MAX);
	if (end->output.len)
		memcpy(seen->output, end->output.ptr, end->output.len);
	seen->output[end->output.len] = '\0';
	seen->ended = true;
}

static const char *const env[] = { "PATH=/usr/bin:/bin", "ONLY=this", NULL };

static int begin(struct loop *loop, const char *const *argv, unsigned timeout_ms, struct seen *seen,
		 struct process **out)
{
	const struct process_options options = {
		.argv = argv, .env = env, .dir = "/", .timeout_ms = timeout_ms
	};

	*seen = (struct seen){ .ended = false };
	return process_run(loop, &options, on_end, seen, out);
}

static void run(const char *const *argv, unsigned timeout_ms, struct seen *seen)
{
	struct process *process = NULL;
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(begin(loop, argv, timeout_ms, seen, &process), 0);
	run_until(loop, &seen->ended);
	loop_free(loop);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left to be buried */
	assert_int_equal(errno, ECHILD);
}

static void shell(const char *script, unsigned timeout_ms, struct seen *seen)
{
	const char *const argv[] = { "/bin/sh", "-c", script, NULL };

	run(argv, timeout_ms, seen);
}

static void what_it_said_and_how_it_ended_is_told(void **state)
{
	struct seen seen;

	shell("echo out; echo err >&2; echo again > /dev/stdout; exit 3", 5000, &seen);
	assert_int_equal(seen.end.code, 0);
	assert_int_equal(seen.end.status, 3);
	assert_int_equal(seen.end.signal, 0);
	assert_false(seen.end.timed_out);
	assert_string_equal(seen.output, "out\nerr\nagain\n");
	shell("kill -TERM $$", 5000, &seen);
	assert_int_equal(seen.end.status, 0);
	assert_int_equal(seen.end.signal, SIGTERM);
}

static void it_has_only_what_it_was_given(void **state)
{
	static const char *const say_env[] = { "/usr/bin/env", NULL };
	int open_fd = open("/dev/null", O_RDONLY); /* a library's, not close-on-exec */
	char expected[64];
	struct seen seen;

	run(say_env, 5000, &seen);
	assert_string_equal(seen.output, "PATH=/usr/bin:/bin\nONLY=this\n");
	/* Not through a pipe, of which the shell itself would hold an end for a moment. */
	shell("ls /proc/$$/fd; pwd; cat; sed -n 's/^Sig[BI][a-z]*://p' /proc/self/status | tr "
	      "-d '\\t\\n'",
	      5000, &seen);
	(void)snprintf(expected, sizeof(expected), "0\n1\n2\n/\n%s%s", "0000000000000000",
		       "0000000000000000");
	assert_string_equal(seen.output, expected);
	(void)close(open_fd);
}

static void what_is_no_program_is_said_to_be_none(void **state)
{
	static const char *const missing[] = { "/nonexistent/program", NULL };
	static const char *const data[] = { "/etc/passwd", NULL };
	struct seen seen;

	run(missing, 5000, &seen);
	assert_int_equal(seen.end.code, -ENOENT);
	run(data, 5000, &seen);
	assert_int_equal(seen.end.code, -EACCES);
}

static void at_the_deadline_it_is_killed_with_its_children(void **state)
{
	uint64_t began = clock_mono_ms();
	struct seen seen;
	struct span first, rest;
	int64_t pid;
	pid_t child;

	shell("trap '' TERM; sleep 1000 & echo $!; wait", 1500, &seen);
	assert_true(seen.end.timed_out);
	assert_int_equal(seen.end.signal, SIGKILL);
	assert_in_range(clock_mono_ms() - began, 1499, 9000);
	assert_true(span_cut(span_of(seen.output), '\n', &first, &rest));
	assert_int_equal(span_to_i64(first, &pid), 0);
	child = (pid_t)pid;
	assert_true(child > 1);
	for (int i = 0; i < 500 && kill(child, 0) == 0; i++) { /* init buries it */
		char path[64], text[256] = "";
		int fd;

		(void)snprintf(path, sizeof(path), "/proc/%d/stat", child);
		fd = open(path, O_RDONLY);
		if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0 || strstr(text, ") Z "))
			child = 0x7ffffff0;
		if (fd >= 0)
			(void)close(fd);
		(void)usleep(10000);
	}
	assert_int_equal(kill(child, 0), -1);
}

static void what_it_leaves_behind_goes_with_it(void **state)
{
	uint64_t began = clock_mono_ms();
	struct seen seen;

	shell("sleep 1000 & exit 0", 8000, &seen); /* which holds the pipe */
	assert_false(seen.end.timed_out);
	assert_int_equal(seen.end.status, 0);
	assert_in_range(clock_mono_ms() - began, 0, 5000);
}

static void who_talks_without_end_is_cut_short(void **state)
{
	struct seen seen;

	shell("exec yes", 1500, &seen);
	assert_true(seen.end.timed_out);
	assert_int_equal(strlen(seen.output), PROCESS_OUTPUT_MAX);
}

static void many_run_at_once_each_with_its_own_end(void **state)
{
	enum { MANY = 20 };
	struct process *processes[MANY];
	struct seen seen[MANY];
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	for (int i = 0; i < MANY; i++) {
		char script[32];
		const char *const argv[] = { "/bin/sh", "-c", script, NULL };

		(void)snprintf(script, sizeof(script), "exit %d", i);
		assert_int_equal(begin(loop, argv, 9000, &seen[i], &processes[i]), 0);
	}
	for (int i = 0; i < MANY; i++) {
		run_until(loop, &seen[i].ended);
		assert_int_equal(seen[i].end.status, i);
	}
	loop_free(loop);
}

static void closing_kills_and_says_nothing(void **state)
{
	static const char *const argv[] = { "/bin/sleep", "1000", NULL };
	struct process *process = NULL;
	struct seen seen;
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(begin(loop, argv, 100000, &seen, &process), 0);
	process_close(process);
	process_close(NULL);
	(void)loop_run(loop); /* ends when it is buried */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(begin(loop, argv, 100000, &seen, &process), 0);
	process_close(process);
	loop_free(loop); /* in the middle of it */
	assert_false(seen.ended);
	(void)waitpid(-1, NULL, 0);
}

static int run_once(void *ctx)
{
	static const char *const argv[] = { "/bin/true", NULL };
	struct process *process = NULL;
	struct seen seen;
	int code = begin(ctx, argv, 5000, &seen, &process);

	(void)loop_run(ctx); /* until it has ended */
	assert_true(code || seen.ended);
	return code;
}

/* libuv cannot do without memory at some places of its own, so its loop is there and warm before. */
static void memory_running_out_is_reported(void **state)
{
	struct loop *loop;

	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(run_once(loop), 0);
	assert_true(failmalloc_walk(run_once, loop) > 2);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_said_and_how_it_ended_is_told),
		cmocka_unit_test(it_has_only_what_it_was_given),
		cmocka_unit_test(what_is_no_program_is_said_to_be_none),
		cmocka_unit_test(at_the_deadline_it_is_killed_with_its_children),
		cmocka_unit_test(what_it_leaves_behind_goes_with_it),
		cmocka_unit_test(who_talks_without_end_is_cut_short),
		cmocka_unit_test(many_run_at_once_each_with_its_own_end),
		cmocka_unit_test(closing_kills_and_says_nothing),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
