/* The gRPC client against a real containerd with a private root, state and socket. Skips where there is none. */
#include "tests/unit/net/fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/grpc.h"

#define CONTAINERD "/usr/bin/containerd"
#define CRI "/runtime.v1.RuntimeService/"
#define START_MS 20000u

extern char **environ;

static struct {
	char dir[64], config[96], log[96], address[96];
	pid_t pid;
} runtime;

struct result {
	bool came;
	int code;
	unsigned status;
	char message[512];
	struct buf body;
};

struct fix {
	struct loop *loop;
	struct grpc_channel *channel;
	bool up, down;
	struct result result;
};

static void write_config(void)
{
	FILE *file = fopen(runtime.config, "w");

	assert_non_null(file);
	assert_true(fprintf(file,
			    "version = 2\nroot = \"%s/root\"\nstate = \"%s/state\"\n"
			    "disabled_plugins = [\"io.containerd.snapshotter.v1.btrfs\", "
			    "\"io.containerd.snapshotter.v1.zfs\","
			    " \"io.containerd.snapshotter.v1.devmapper\", "
			    "\"io.containerd.snapshotter.v1.aufs\"]\n"
			    "[grpc]\n  address = \"%s/c.sock\"\n"
			    "[plugins.\"io.containerd.grpc.v1.cri\"]\n  restrict_oom_score_adj = true\n",
			    runtime.dir, runtime.dir, runtime.dir) > 0);
	assert_int_equal(fclose(file), 0);
}

static void start_containerd(void)
{
	char *argv[] = { CONTAINERD, "--config", runtime.config, NULL };
	posix_spawn_file_actions_t actions;

	assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
	posix_spawn_file_actions_addopen(&actions, 1, runtime.log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	assert_int_equal(posix_spawn(&runtime.pid, CONTAINERD, &actions, NULL, argv, environ), 0);
	posix_spawn_file_actions_destroy(&actions);
}

static void stop_containerd(int number)
{
	if (runtime.pid <= 0)
		return;
	kill(runtime.pid, SIGCONT);
	kill(runtime.pid, number);
	waitpid(runtime.pid, NULL, 0);
	runtime.pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int start_runtime(void **state)
{
	snprintf(runtime.dir, sizeof(runtime.dir), "/tmp/holdfast-ctd-XXXXXX");
	assert_non_null(mkdtemp(runtime.dir));
	snprintf(runtime.config, sizeof(runtime.config), "%s/config.toml", runtime.dir);
	snprintf(runtime.log, sizeof(runtime.log), "%s/log", runtime.dir);
	snprintf(runtime.address, sizeof(runtime.address), "unix://%s/c.sock", runtime.dir);
	write_config();
	start_containerd();
	return 0;
}

static int stop_runtime(void **state)
{
	stop_containerd(SIGTERM);
	nftw(runtime.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	return 0;
}

static void on_state(void *ctx, bool up)
{
	struct fix *fix = ctx;

	fix->up = up;
	fix->down = !up;
}

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	buf_init(&fix->result.body, 1 << 20);
	assert_int_equal(grpc_channel_new(fix->loop, runtime.address, on_state, fix, &fix->channel, NULL), 0);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	grpc_channel_close(fix->channel);
	loop_free(fix->loop);
	buf_done(&fix->result.body);
	free(fix);
	return 0;
}

static void on_answer(void *ctx, const struct grpc_answer *answer)
{
	struct result *result = ctx;

	result->came = true;
	result->code = answer->code;
	result->status = answer->status;
	snprintf(result->message, sizeof(result->message), "%s", answer->message);
	buf_reset(&result->body);
	assert_int_equal(buf_add_span(&result->body, answer->body), 0);
}

static void call(struct fix *fix, const char *method, struct span request, unsigned timeout_ms)
{
	fix->result.came = false;
	assert_int_equal(grpc_unary(fix->channel, method, request, timeout_ms, on_answer, &fix->result), 0);
	run_until(fix->loop, &fix->result.came);
}

/* VersionRequest{version: "v1"} until the CRI plugin answers: it starts a little after the socket. */
static void wait_for_version(struct fix *fix)
{
	uint64_t until = loop_now_ms(fix->loop) + START_MS;

	do {
		call(fix, CRI "Version", SPAN("\x0a\x02v1"), 3000);
		if (fix->result.code)
			run_for(fix->loop, 50);
	} while (fix->result.code && loop_now_ms(fix->loop) < until);
	if (fix->result.code)
		fail_msg("containerd does not answer: %d %s (%s)", fix->result.code, fix->result.message,
			 grpc_channel_error(fix->channel));
}

static void version_is_answered(void **state)
{
	struct fix *fix = *state;

	wait_for_version(fix);
	/* runtime_name = 2, runtime_api_version = 4 */
	assert_non_null(memmem(fix->result.body.data, fix->result.body.len,
			       "\x12\x0a"
			       "containerd",
			       12));
	assert_non_null(memmem(fix->result.body.data, fix->result.body.len, "\x22\x02v1", 4));
}

static void errors_carry_status_and_message(void **state)
{
	struct fix *fix = *state;

	wait_for_version(fix);
	call(fix, CRI "ContainerStatus",
	     SPAN("\x0a\x04"
		  "nope"),
	     3000);
	assert_int_equal(fix->result.code, -EREMOTEIO);
	assert_int_equal(fix->result.status, 5);
	assert_non_null(strstr(fix->result.message, "nope"));
	call(fix, CRI "NoSuchMethod", SPAN(""), 3000);
	assert_int_equal(fix->result.code, -EREMOTEIO);
	assert_int_equal(fix->result.status, 12);
	call(fix, CRI "Version", SPAN("\xff\xff"), 3000); /* no protobuf */
	assert_int_equal(fix->result.code, -EREMOTEIO);
	call(fix, CRI "ListContainers", SPAN(""), 3000);
	assert_int_equal(fix->result.code, 0);
	assert_int_equal(fix->result.body.len, 0);
}

static void hanging_runtime_is_noticed(void **state)
{
	struct fix *fix = *state;

	wait_for_version(fix);
	kill(runtime.pid, SIGSTOP);
	assert_int_equal(waitpid(runtime.pid, NULL, WUNTRACED),
			 runtime.pid); /* until it has really stopped */
	call(fix, CRI "Version", SPAN(""), 200);
	kill(runtime.pid, SIGCONT);
	assert_int_equal(fix->result.code, -ETIMEDOUT);
	call(fix, CRI "Version", SPAN(""), 5000);
	assert_int_equal(fix->result.code, 0);
}

static void killed_runtime_comes_back(void **state)
{
	struct fix *fix = *state;

	wait_for_version(fix);
	stop_containerd(SIGKILL);
	run_until(fix->loop, &fix->down);
	call(fix, CRI "Version", SPAN(""), 1000);
	assert_int_equal(fix->result.code, -ENOTCONN);
	start_containerd();
	wait_for_version(fix);
	assert_true(fix->up);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(version_is_answered),
		test(errors_carry_status_and_message),
		test(hanging_runtime_is_noticed),
		test(killed_runtime_comes_back),
	};

	if (access(CONTAINERD, X_OK) || getuid() != 0) {
		printf("skipped: needs root and " CONTAINERD "\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, start_runtime, stop_runtime);
}
