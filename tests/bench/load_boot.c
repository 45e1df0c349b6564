/* load_boot: how long a program takes from exec until it answers 200 on its unix socket: starts it, asks without pause, stops it.
 *
 * Blocking calls and nothing between, so that the figure is the program's. Prints one line of JSON. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/load.h"

#define PATIENCE_US (20u * 1000000)
#define ANSWER_MAX (4u << 20)

struct boot {
	const char *socket, *path;
	char *const *argv;
	struct samples listening, served;
	size_t answer_bytes;
};

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (span_copy(span_of(path), address.sun_path, sizeof(address.sun_path)))
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Asks once, reads until the server closes. 200: true. */
static bool ask(struct boot *boot, int fd)
{
	struct buf text;
	bool good = false;

	buf_init(&text, ANSWER_MAX);
	if (!buf_addf(&text, "GET %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n", boot->path) &&
	    write(fd, text.data, text.len) == (ssize_t)text.len) {
		buf_reset(&text);
		while (!buf_reserve(&text, 65536)) {
			ssize_t got = read(fd, text.data + text.len, 65536);

			if (got <= 0)
				break;
			text.len += (size_t)got;
		}
		good = text.len > 12 && !memcmp(text.data + 8, " 200", 4);
		boot->answer_bytes = text.len;
	}
	buf_done(&text);
	return good;
}

static pid_t spawn(char *const *argv)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDWR);
	if (null >= 0 && dup2(null, 1) >= 0 && dup2(null, 2) >= 0)
		(void)execv(argv[0], argv);
	_exit(127);
}

static bool measure(struct boot *boot)
{
	uint64_t began = load_now_us(), accepted = 0, now;
	pid_t pid = spawn(boot->argv);
	bool served = false;
	int status;

	do {
		int fd = dial(boot->socket);

		now = load_now_us();
		if (fd < 0)
			continue;
		if (!accepted)
			accepted = now;
		served = ask(boot, fd);
		(void)close(fd);
		now = load_now_us();
	} while (pid > 0 && !served && now - began < PATIENCE_US && waitpid(pid, &status, WNOHANG) == 0);
	if (pid > 0) {
		(void)kill(pid, SIGTERM);
		(void)waitpid(pid, &status, 0);
	}
	if (!served)
		return false;
	samples_add(&boot->listening, (double)(accepted - began) / 1000);
	samples_add(&boot->served, (double)(now - began) / 1000);
	return true;
}

static int run(const struct options *options, void *ctx)
{
	char *argv[16] = { NULL };
	struct boot boot = { .socket = options_get(options, "socket"),
			     .path = options_get(options, "path"),
			     .argv = argv };
	unsigned times = load_number(options, "times");
	bool good = true;

	(void)ctx;
	for (size_t i = 0; i < options_argument_count(options) && i < 15; i++)
		argv[i] = (char *)options_argument(options, i);
	for (unsigned i = 0; good && i < times; i++)
		good = measure(&boot);
	if (good) {
		printf("{\"answerBytes\":%zu,\"listeningMs\":", boot.answer_bytes);
		samples_print(&boot.listening);
		printf(",\"servedMs\":");
		samples_print(&boot.served);
		printf("}\n");
	} else {
		fprintf(stderr, "load_boot: %s did not answer\n", argv[0]);
	}
	samples_done(&boot.listening);
	samples_done(&boot.served);
	return good ? OPTIONS_EXIT_OK : OPTIONS_EXIT_FAILED;
}

static const struct option_spec run_options[] = {
	{ "socket", 0, "PATH", NULL, OPTION_REQUIRED, "unix socket of the program" },
	{ "path", 0, "PATH", NULL, OPTION_REQUIRED, "what to ask for" },
	{ "times", 0, "N", "10", 0, "how often" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "run",
	  .options = run_options,
	  .arguments = "PROGRAM [ARGUMENT...]",
	  .min_arguments = 1,
	  .max_arguments = 15,
	  .help = "start, ask until it answers, stop; several times",
	  .run = run },
	{ 0 },
};

int main(int argc, char *argv[])
{
	static const struct program_spec program = { .name = "load_boot",
						     .summary = "from exec to an answer",
						     .version = HOLDFAST_VERSION,
						     .verbs = verbs };

	return options_main(&program, argc, argv, NULL);
}
