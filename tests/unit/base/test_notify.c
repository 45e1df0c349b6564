#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/notify.h"

/* A bound datagram socket, as the service manager has. name: with '@' for the abstract namespace. */
static int listen_at(const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && strlen(name) < sizeof(at.sun_path));
	memcpy(at.sun_path, name, strlen(name));
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))),
			 0);
	return fd;
}

static void assert_heard(const char *name)
{
	char heard[64] = "";
	int fd = listen_at(name);

	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	assert_int_equal(notify_send("READY=1\nSTATUS=serving"), 0);
	assert_int_equal(recv(fd, heard, sizeof(heard) - 1, MSG_DONTWAIT), 22);
	assert_string_equal(heard, "READY=1\nSTATUS=serving");
	(void)close(fd);
}

static void the_manager_hears_the_state_at_a_path_and_at_an_abstract_name(void **state)
{
	char dir[] = "/tmp/holdfast-notify-XXXXXX", name[64];

	assert_non_null(mkdtemp(dir));
	(void)snprintf(name, sizeof(name), "%s/notify", dir);
	assert_heard(name);
	(void)unlink(name);
	(void)rmdir(dir);
	(void)snprintf(name, sizeof(name), "@holdfast-notify-%d", (int)getpid());
	assert_heard(name);
}

/* Its socket's queue is full: a hub that waited would stop with it. */
static void a_manager_that_does_not_read_is_not_waited_for(void **state)
{
	char name[64];
	int fd, code = 0;

	(void)state;
	(void)snprintf(name, sizeof(name), "@holdfast-notify-full-%d", (int)getpid());
	fd = listen_at(name);
	assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
	for (int i = 0; i < 100000 && !code; i++)
		code = notify_send("WATCHDOG=1");
	assert_int_equal(code, -EAGAIN);
	(void)close(fd);
}

static void without_a_manager_nothing_happens(void **state)
{
	assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
	assert_int_equal(notify_send("READY=1"), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", "", 1), 0);
	assert_int_equal(notify_send("READY=1"), 0);
}

static void a_manager_that_is_gone_is_reported(void **state)
{
	assert_int_equal(setenv("NOTIFY_SOCKET", "/tmp/holdfast-no-such-directory/notify", 1), 0);
	assert_int_equal(notify_send("READY=1"), -ENOENT);
	assert_int_equal(setenv("NOTIFY_SOCKET", "vsock:1:2", 1), 0);
	assert_int_equal(notify_send("READY=1"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manager_hears_the_state_at_a_path_and_at_an_abstract_name),
		cmocka_unit_test(a_manager_that_does_not_read_is_not_waited_for),
		cmocka_unit_test(without_a_manager_nothing_happens),
		cmocka_unit_test(a_manager_that_is_gone_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
