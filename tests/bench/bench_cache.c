/* Figures of the cache: durable writes per second, lists, fan-out to watches. usage: bench_cache
 * [DIRECTORY [sealed]]
 *
 * The store is made in a new directory under DIRECTORY (the current one otherwise), on the disk to be
 * measured. "sealed": every body is sealed by a vault, as those of Secrets are. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "auth/store_seal.h"
#include "base/clock.h"
#include "cache/cache.h"
#include "tests/tools/tempdir.h"

#define BODY_BYTES 2048
#define OBJECTS 10000
#define WATCHERS 1000
#define WRITE_MS 3000

struct bench {
	struct cache *cache;
	char dir[4096], path[4200];
	int wake_fd;
	char body[BODY_BYTES];
	uint64_t submitted, completed, failed;
};

static uint64_t now_us(clockid_t clock)
{
	struct timespec ts;

	(void)clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void wake(void *ctx)
{
	const struct bench *b = ctx;
	uint64_t one = 1;

	assert_always(write(b->wake_fd, &one, sizeof(one)) == sizeof(one));
}

static void turn(struct bench *b)
{
	struct pollfd pfd = { .fd = b->wake_fd, .events = POLLIN };
	uint64_t count;

	assert_always(poll(&pfd, 1, -1) == 1 && read(b->wake_fd, &count, sizeof(count)) == sizeof(count));
	cache_dispatch(b->cache, clock_wall_ms());
}

static void done(void *ctx, const struct cache_result *result)
{
	struct bench *b = ctx;

	b->completed++;
	b->failed += result->code != 0;
}

static void submit(struct bench *b, const char *resource, uint64_t n)
{
	struct cache_op op = { .type = CACHE_PUT };
	char name[32];

	(void)snprintf(name, sizeof(name), "web-%05llu", (unsigned long long)(n % OBJECTS));
	memcpy(b->body + 64, &b->submitted, sizeof(b->submitted)); /* never equal to what is there */
	op.object = object_new(&(struct object){ .key = { resource, "default", name },
						 .uid = name,
						 .labels = SPAN("app\0web\0"),
						 .fields = SPAN("spec.nodeName\0edge-1\0"),
						 .body = span_make(b->body, sizeof(b->body)) });
	assert_always(op.object && cache_submit(b->cache, &op, 1, done, b) == 0);
	b->submitted++;
}

static void measure_writes(struct bench *b, unsigned outstanding)
{
	struct cache_stats before, after;
	uint64_t start = now_us(CLOCK_MONOTONIC), cpu = now_us(CLOCK_PROCESS_CPUTIME_ID),
		 first = b->completed, us, count;

	cache_stats(b->cache, &before);
	while ((us = now_us(CLOCK_MONOTONIC) - start) < WRITE_MS * 1000ull) {
		while (b->submitted - b->completed < outstanding)
			submit(b, "pods", b->submitted);
		turn(b);
	}
	while (b->completed < b->submitted)
		turn(b);
	us = now_us(CLOCK_MONOTONIC) - start;
	cpu = now_us(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	cache_stats(b->cache, &after);
	count = b->completed - first;
	printf("writes, %2u outstanding: %8.0f/s durable, %6.1f to a commit, %5.1f us CPU each\n",
	       outstanding, (double)count * 1e6 / (double)us,
	       (double)count / (double)(after.commits - before.commits), (double)cpu / (double)count);
}

static void fill(struct bench *b)
{
	for (uint64_t n = 0; n < OBJECTS; n++) {
		submit(b, "pods", n);
		if (n % 1000 == 999)
			while (b->completed < b->submitted)
				turn(b);
	}
}

struct sum {
	uint64_t count, bytes;
};

static int add(void *ctx, struct object *object)
{
	struct sum *sum = ctx;

	sum->count++;
	sum->bytes += object->body.len;
	return 0;
}

static void measure_list(struct bench *b, const char *label, uint64_t revision)
{
	struct sum sum = { 0 };
	struct cache_list list = { .resource = "pods", .revision = revision };
	uint64_t start = now_us(CLOCK_MONOTONIC), us;

	assert_always(cache_list(b->cache, &list, add, &sum, NULL) == 0);
	us = now_us(CLOCK_MONOTONIC) - start;
	printf("list %s: %llu objects in %6.1f ms, %6.1f MB/s\n", label, (unsigned long long)sum.count,
	       (double)us / 1000, (double)sum.bytes / (double)us);
}

static void measure_get(struct bench *b)
{
	uint64_t start = now_us(CLOCK_MONOTONIC), us;
	struct object *object;
	char name[32];

	for (int i = 0; i < OBJECTS; i++) {
		(void)snprintf(name, sizeof(name), "web-%05d", i * 7919 % OBJECTS);
		assert_always(cache_get(b->cache, &(struct key){ "pods", "default", name }, &object) == 0);
		object_unref(object);
	}
	us = now_us(CLOCK_MONOTONIC) - start;
	printf("get: %6.1f us each\n", (double)us / OBJECTS);
}

static int count_change(void *ctx, const struct change *change)
{
	(*(uint64_t *)ctx)++;
	return 0;
}

static void measure_fan_out(struct bench *b)
{
	static const struct cache_watch_events events = { .on_change = count_change };
	struct cache_watch *watches[WATCHERS];
	uint64_t told = 0, start, us;

	for (int i = 0; i < WATCHERS; i++)
		assert_always(cache_watch_open(b->cache, "nodes", NULL, cache_revision(b->cache), &events,
					       &told, &watches[i]) == 0);
	start = now_us(CLOCK_PROCESS_CPUTIME_ID);
	for (int i = 0; i < 100; i++)
		submit(b, "nodes", (uint64_t)i);
	while (b->completed < b->submitted)
		turn(b);
	us = now_us(CLOCK_PROCESS_CPUTIME_ID) - start;
	assert_always(told == 100ull * WATCHERS);
	printf("fan-out of a change to %d watches: %6.1f ns CPU for each delivery\n", WATCHERS,
	       (double)us * 1000 / (double)told);
	for (int i = 0; i < WATCHERS; i++)
		cache_watch_close(watches[i]);
}

static void print_memory(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS", 5) == 0)
			printf("%s", line);
	if (file)
		(void)fclose(file);
}

static void clean_up(struct bench *b)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", ".lock" };
	char path[4300];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", b->path, suffixes[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/vault", b->dir);
	(void)tempdir_remove(path);
	(void)rmdir(b->dir);
}

/* All that is measured counts as secret. */
static struct vault *open_vault(const struct bench *b, struct cache_seal *out)
{
	static const char *const resources[] = { "pods", "nodes", NULL };
	struct vault_settings settings = { .data_dir = b->dir, .wrap = "file" };
	struct vault *vault = NULL;
	struct err err = { 0 };

	if (vault_open_data(&settings, &vault, &err)) {
		fprintf(stderr, "%s\n", err_text(&err));
		exit(1);
	}
	*out = store_seal(vault);
	out->resources = resources;
	return vault;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct cache_options options = { .path = b.path, .wake = wake, .wake_ctx = &b };
	struct vault *vault = NULL;
	struct cache_seal seal;
	struct err err = { 0 };

	(void)snprintf(b.dir, sizeof(b.dir), "%s/bench-cache-XXXXXX", argc > 1 ? argv[1] : ".");
	b.wake_fd = eventfd(0, EFD_CLOEXEC);
	if (b.wake_fd < 0 || !mkdtemp(b.dir)) {
		perror(b.dir);
		return 1;
	}
	(void)snprintf(b.path, sizeof(b.path), "%s/store.db", b.dir);
	memset(b.body, 'x', sizeof(b.body));
	if (argc > 2 && strcmp(argv[2], "sealed") == 0) {
		vault = open_vault(&b, &seal);
		options.seal = &seal;
	}
	if (cache_open(&options, &b.cache, &err) < 0) {
		fprintf(stderr, "%s\n", err_text(&err));
		return 1;
	}
	measure_writes(&b, 1);
	measure_writes(&b, 64);
	fill(&b);
	measure_list(&b, "newest", 0);
	measure_list(&b, "newest again", 0);
	submit(&b, "pods", 1);
	while (b.completed < b.submitted)
		turn(&b);
	measure_list(&b, "one revision back", cache_revision(b.cache) - 1);
	measure_get(&b);
	measure_fan_out(&b);
	print_memory();
	cache_close(b.cache);
	vault_free(vault);
	clean_up(&b);
	return b.failed ? 1 : 0;
}
