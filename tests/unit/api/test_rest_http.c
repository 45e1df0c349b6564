/* The binding to HTTP: requests and answers over a real socket, streams, clients that leave, the end. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/http.h"
#include "base/clock.h"

#define GIVE_UP_MS 20000u

struct house {
	char dir[64], path[96];
	struct loop *loop;
	struct wakeup *wakeup;
	struct timer *give_up;
	struct cache *cache;
	struct api *api;
	struct api_http *http;
	const char *address;
	struct buf seen; /* of the raw stream */
	const char *waited_for;
	unsigned released;
	int status;
	struct buf body;
};

static void on_wake(void *ctx)
{
	struct house *house = ctx;

	cache_dispatch(house->cache, clock_wall_ms());
}

static void wake(void *ctx)
{
	wakeup_send(((struct house *)ctx)->wakeup);
}

static void on_give_up(void *ctx)
{
	fail_msg("nothing came for %u ms", GIVE_UP_MS);
}

static uint64_t mono(void *ctx)
{
	return clock_mono_ms();
}

static int64_t wall(void *ctx)
{
	return clock_wall_ms();
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why_not, size_t size)
{
	return !strcmp(what->identity->user, "good");
}

static const struct api_identity good = { .user = "good", .uid = "" }, other = { .user = "other", .uid = "" };

static int authenticate(void *ctx, const struct http_request *request, const struct api_identity **out,
			struct status *refusal)
{
	struct span token = http_header(request, "Authorization");

	if (!token.ptr)
		return 0;
	if (span_is(token, "Bearer bad"))
		return -EACCES;
	*out = span_is(token, "Bearer good") ? &good : &other;
	return 0;
}

static void release(void *ctx, const struct api_identity *identity)
{
	assert_true(identity == &good || identity == &other);
	((struct house *)ctx)->released++;
}

static int setup(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	struct err err = { 0 };

	assert_non_null(house);
	(void)snprintf(house->dir, sizeof(house->dir), "/tmp/holdfast-http-XXXXXX");
	assert_non_null(mkdtemp(house->dir));
	(void)snprintf(house->path, sizeof(house->path), "%s/store.db", house->dir);
	buf_init(&house->seen, 64u * 1024 * 1024);
	buf_init(&house->body, 1024u * 1024);
	assert_int_equal(loop_new(&house->loop), 0);
	assert_int_equal(wakeup_new(house->loop, on_wake, house, &house->wakeup), 0);
	assert_int_equal(timer_new(house->loop, on_give_up, house, &house->give_up), 0);
	timer_start(house->give_up, GIVE_UP_MS);
	const struct cache_options cache = { .path = house->path, .wake = wake, .wake_ctx = house };

	if (cache_open(&cache, &house->cache, &err))
		fail_msg("%s", err_text(&err));
	const struct api_options options = {
		.cache = house->cache,
		.hooks = { .authorize = authorize },
		.mono_ms = mono,
		.wall_ms = wall,
	};
	const struct api_http_auth auth = { authenticate, release, house };
	const struct http_server_options server = { 0 };

	assert_int_equal(api_new(&options, &house->api), 0);
	assert_int_equal(api_http_new(house->api, house->loop, &auth, &house->http), 0);
	if (api_http_listen(house->http, "127.0.0.1:0", &server, &house->address, &err))
		fail_msg("%s", err_text(&err));
	*state = house;
	return 0;
}

static void on_closed(void *ctx)
{
	loop_stop(((struct house *)ctx)->loop);
}

static void remove_dir(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir);
	(void)rmdir(path);
}

static int teardown(void **state)
{
	struct house *house = *state;

	api_http_close(house->http, 100, on_closed, house);
	assert_int_equal(loop_run(house->loop), 0);
	api_free(house->api);
	cache_close(house->cache);
	timer_close(house->give_up);
	wakeup_close(house->wakeup);
	loop_free(house->loop);
	buf_done(&house->seen);
	buf_done(&house->body);
	remove_dir(house->dir);
	free(house);
	return 0;
}

static void on_answer(void *ctx, const struct http_client_answer *answer)
{
	struct house *house = ctx;

	house->status = answer->status;
	buf_reset(&house->body);
	assert_int_equal(buf_add_span(&house->body, answer->body), 0);
	loop_stop(house->loop);
}

static int request(struct house *house, const char *method, const char *target, const char *token,
		   const char *body)
{
	struct http_header headers[] = { { SPAN("Content-Type"), SPAN("application/json") },
					 { SPAN("Authorization"), span_of(token) } };
	const struct stream_options options = { 0 };

	assert_int_equal(http_client_request(house->loop, house->address, &options, method, target, headers,
					     token ? 2 : 1, span_of(body), 5000, on_answer, house),
			 0);
	house->status = -1;
	(void)loop_run(house->loop);
	return house->status;
}

static void requests_are_answered_with_their_identity(void **state)
{
	struct house *house = *state;

	assert_int_equal(request(house, "POST", "/api/v1/namespaces", "Bearer good",
				 "{\"metadata\":{\"name\":\"web\"}}"),
			 201);
	assert_int_equal(request(house, "GET", "/api/v1/namespaces/web", "Bearer good", NULL), 200);
	assert_non_null(strstr(buf_cstr(&house->body), "\"name\":\"web\""));
	assert_int_equal(request(house, "GET", "/api/v1/namespaces", "Bearer good", NULL), 200);
	assert_non_null(strstr(buf_cstr(&house->body), "NamespaceList"));
	assert_int_equal(house->released, 3);
	assert_int_equal(request(house, "GET", "/api/v1/namespaces", "Bearer other", NULL), 403);
	assert_int_equal(request(house, "GET", "/api/v1/namespaces", "Bearer bad", NULL), 401);
	assert_int_equal(request(house, "GET", "/api/v1/namespaces", NULL, NULL), 401);
	assert_int_equal(request(house, "GET", "/healthz", NULL, NULL), 200);
	assert_int_equal(house->released, 4);
}

static void what_http_refuses_is_a_status_too(void **state)
{
	struct house *house = *state;
	char *big = malloc(HTTP_BODY_MAX + 2);

	assert_non_null(big);
	memset(big, 'x', HTTP_BODY_MAX + 1);
	big[HTTP_BODY_MAX + 1] = '\0';
	assert_int_equal(request(house, "POST", "/api/v1/namespaces", "Bearer good", big), 413);
	assert_non_null(strstr(buf_cstr(&house->body), "\"reason\":\"RequestEntityTooLarge\""));
	free(big);
}

/* --- a client that streams --- */

static void on_data(void *ctx, struct span data)
{
	struct house *house = ctx;

	assert_int_equal(buf_add_span(&house->seen, data), 0);
	if (house->waited_for && strstr(buf_cstr(&house->seen), house->waited_for))
		loop_stop(house->loop);
}

static void on_open(void *ctx)
{
	loop_stop(((struct house *)ctx)->loop);
}

static void on_end(void *ctx, const struct err *why)
{
	fail_msg("the server hung up: %s", err_text(why));
}

static const struct stream_events events = { .on_open = on_open, .on_data = on_data, .on_closed = on_end };

static void wait_for(struct house *house, const char *text)
{
	house->waited_for = text;
	if (!strstr(buf_cstr(&house->seen), text))
		(void)loop_run(house->loop);
	buf_reset(&house->seen);
}

static struct stream *open_watch(struct house *house, const char *target)
{
	const struct stream_options options = { 0 };
	struct stream *stream = NULL;
	struct buf text;

	assert_int_equal(stream_connect(house->loop, house->address, &options, &events, house, &stream, NULL),
			 0);
	(void)loop_run(house->loop);
	buf_init(&text, 4096);
	assert_int_equal(buf_addf(&text, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n",
				  target),
			 0);
	assert_int_equal(stream_write(stream, buf_span(&text)), 0);
	buf_done(&text);
	return stream;
}

static void changes_stream_to_a_watcher(void **state)
{
	struct house *house = *state;
	struct stream *stream = open_watch(house, "/api/v1/namespaces?watch=true");

	wait_for(house, "200 OK");
	assert_int_equal(request(house, "POST", "/api/v1/namespaces", "Bearer good",
				 "{\"metadata\":{\"name\":\"web\"}}"),
			 201);
	wait_for(house, "{\"type\":\"ADDED\",\"object\":");
	/* A second of life is enough: the server's timer ends it. */
	stream_close(stream);
	stream = open_watch(house, "/api/v1/namespaces?watch=true&timeoutSeconds=1");
	wait_for(house, "\r\n0\r\n\r\n");
	stream_close(stream);
}

static void a_watcher_that_hangs_up_is_forgotten(void **state)
{
	struct house *house = *state;
	struct stream *stream = open_watch(house, "/api/v1/namespaces?watch=true");
	struct api_stats stats;

	wait_for(house, "200 OK");
	api_stats(house->api, &stats);
	assert_int_equal(stats.watches, 1);
	stream_close(stream);
	/* Each answer is a turn of the loop: the server notices in one of them, or the test gives up. */
	while (stats.watches) {
		assert_int_equal(request(house, "GET", "/healthz", NULL, NULL), 200);
		api_stats(house->api, &stats);
	}
	assert_int_equal(stats.calls, 0);
}

static void closing_ends_watches(void **state)
{
	struct house *house = *state;
	struct stream *stream = open_watch(house, "/api/v1/namespaces?watch=true");
	struct api_stats stats;

	wait_for(house, "200 OK");
	api_end_watches(house->api);
	wait_for(house, "0\r\n\r\n");
	api_stats(house->api, &stats);
	assert_int_equal(stats.watches, 0);
	stream_close(stream);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_are_answered_with_their_identity),
		TEST(what_http_refuses_is_a_status_too),
		TEST(changes_stream_to_a_watcher),
		TEST(a_watcher_that_hangs_up_is_forgotten),
		TEST(closing_ends_watches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
