#include "tests/bench/load.h"

#include "base/files.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

uint64_t load_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t thread_cpu_ns(long pid, const char *thread)
{
	char path[PATH_MAX];
	struct buf text;
	struct span first, rest;
	uint64_t ns = 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/task/%s/schedstat", pid, thread);
	buf_init(&text, 256);
	if (file_read(path, &text) == 0) {
		(void)span_cut(buf_span(&text), ' ', &first, &rest);
		if (span_to_u64(first, &ns))
			ns = 0;
	}
	buf_done(&text);
	return ns;
}

uint64_t load_cpu_us(long pid)
{
	char path[64];
	uint64_t ns = 0;
	DIR *dir;

	if (!pid)
		pid = getpid();
	(void)snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (entry->d_name[0] != '.')
			ns += thread_cpu_ns(pid, entry->d_name);
	(void)closedir(dir);
	return ns / 1000;
}

uint64_t load_resident_bytes(long pid)
{
	char path[64];
	struct buf text;
	struct span first, rest;
	uint64_t pages = 0;

	(void)snprintf(path, sizeof(path), "/proc/%ld/statm", pid);
	buf_init(&text, 256);
	if (file_read(path, &text) == 0) {
		(void)span_cut(buf_span(&text), ' ', &first, &rest);
		(void)span_cut(rest, ' ', &first, &rest);
		if (span_to_u64(first, &pages))
			pages = 0;
	}
	buf_done(&text);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

void samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? samples->room * 2 : 1024;
		samples->values = reallocarray(samples->values, samples->room, sizeof(double));
		assert_always(samples->values);
	}
	samples->values[samples->count++] = value;
}

void samples_done(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){ 0 };
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void samples_print(struct samples *samples)
{
	size_t n = samples->count;

	if (!n) {
		printf("{\"n\":0}");
		return;
	}
	qsort(samples->values, n, sizeof(double), by_value);
	printf("{\"min\":%.3f,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f,\"n\":%zu}", samples->values[0],
	       samples->values[n / 2], samples->values[(n * 99) / 100], samples->values[n - 1], n);
}

static int read_option(const struct options *options, const char *name, struct buf *out, struct err *err)
{
	const char *path = options_get(options, name);
	int code = path ? file_read(path, out) : 0;

	return code ? err_set(err, code, "reading %s: %s", path, strerror(-code)) : 0;
}

int load_tls(const struct options *options, struct tls_context **out, struct err *err)
{
	struct buf ca, cert, key;
	int code;

	*out = NULL;
	if (!options_given(options, "ca"))
		return 0;
	buf_init(&ca, LOAD_FILE_MAX);
	buf_init(&cert, LOAD_FILE_MAX);
	buf_init(&key, LOAD_FILE_MAX);
	code = read_option(options, "ca", &ca, err);
	if (!code)
		code = read_option(options, "cert", &cert, err);
	if (!code)
		code = read_option(options, "key", &key, err);
	if (!code) {
		struct tls_client_options tls = { .ca_pem = buf_span(&ca),
						  .cert_chain_pem = buf_span(&cert),
						  .key_pem = buf_span(&key) };

		code = tls_client_new(&tls, out, err);
	}
	buf_done(&ca);
	buf_done(&cert);
	buf_done(&key);
	return code;
}

int load_fill(struct span text, uint64_t number, struct buf *out)
{
	static uint64_t count;
	static uint32_t run;
	struct span head;

	if (!run)
		random_bytes(&run, sizeof(run));
	buf_reset(out);
	count++;
	while (span_cut(text, '@', &head, &text)) {
		struct span word;

		buf_add_span(out, head);
		(void)span_cut(text, '@', &word, &text);
		if (span_is(word, "NAME"))
			buf_addf(out, "n%06x%09llx", run & 0xffffff, (unsigned long long)count);
		else
			buf_addf(out, "%llu", (unsigned long long)number);
	}
	buf_add_span(out, head);
	return buf_error(out);
}

unsigned load_number(const struct options *options, const char *name)
{
	uint64_t value = 0;

	if (span_to_u64(span_of(options_get(options, name)), &value) || value > UINT_MAX) {
		fprintf(stderr, "--%s is not a number\n", name);
		exit(OPTIONS_EXIT_USAGE);
	}
	return (unsigned)value;
}
