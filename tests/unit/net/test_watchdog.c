/* The service manager's watchdog is fed by the loop: while it turns, and only for who was asked. */
#include "tests/unit/net/fixture.h"

#include <stdlib.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/watchdog.h"

struct manager {
	struct loop *loop;
	struct fdwatch *watch;
	int fd;
	unsigned fed;
};

static void on_readable(void *ctx)
{
	struct manager *manager = ctx;
	char text[64];
	ssize_t len = recv(manager->fd, text, sizeof(text) - 1, 0);

	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, "WATCHDOG=1");
	if (++manager->fed == 3)
		loop_stop(manager->loop);
}

/* An abstract socket of its own; the name goes into the environment as a manager would put it. */
static int set_up(void **state)
{
	struct manager *manager = calloc(1, sizeof(*manager));
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(name);
	char path[sizeof(name.sun_path) + 1];

	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager->fd, (struct sockaddr *)&name, sizeof(sa_family_t)),
			 0); /* the kernel picks one */
	assert_int_equal(getsockname(manager->fd, (struct sockaddr *)&name, &len), 0);
	snprintf(path, sizeof(path), "@%.*s", (int)(len - sizeof(sa_family_t) - 1), name.sun_path + 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	assert_int_equal(loop_new(&manager->loop), 0);
	assert_int_equal(fdwatch_new(manager->loop, manager->fd, on_readable, manager, &manager->watch), 0);
	*state = manager;
	return 0;
}

static int tear_down(void **state)
{
	struct manager *manager = *state;

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	fdwatch_close(manager->watch);
	loop_free(manager->loop);
	close(manager->fd);
	free(manager);
	return 0;
}

static void it_is_fed_while_the_loop_turns(void **state)
{
	struct manager *manager = *state;
	struct watchdog *watchdog;
	char pid[32];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_USEC", "40000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(watchdog_new(manager->loop, &watchdog), 0);
	assert_non_null(watchdog);
	assert_int_equal(loop_run(manager->loop), 0);
	assert_int_equal(manager->fed, 3);
	watchdog_close(watchdog);
}

static void nobody_asked_or_another_process_is_meant(void **state)
{
	struct manager *manager = *state;
	struct watchdog *watchdog;

	assert_int_equal(watchdog_new(manager->loop, &watchdog), 0);
	assert_null(watchdog);
	setenv("WATCHDOG_USEC", "40000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(watchdog_new(manager->loop, &watchdog), 0);
	assert_null(watchdog);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(watchdog_new(manager->loop, &watchdog), -EINVAL);
	watchdog_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_fed_while_the_loop_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nobody_asked_or_another_process_is_meant, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
