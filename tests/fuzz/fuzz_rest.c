/* Requests against a server that holds a namespace, a pod and a ConfigMap: each is "METHOD TARGET CONTENT-TYPE-LETTER\n" and a
 * body up to a NUL. Whatever they say, each ends or is a watch, answers with a known code, and JSON bodies parse. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/server.h"

#define REQUESTS_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
	int code;
	bool over, streams;
	struct buf body;
};

static void on_respond(void *ctx, int code, const char *type, const struct api_header *headers, size_t count,
		       struct span body)
{
	struct heard *heard = ctx;
	struct json *tree = NULL;

	if (heard->over || heard->streams)
		abort();
	heard->over = true;
	heard->code = code;
	if (!strncmp(type, "application/json", 16) && body.len && body.len <= JSON_MAX_BYTES &&
	    json_parse(body, &tree, NULL))
		abort();
	json_free(tree);
}

static void on_begin(void *ctx, int code, const char *type, const struct api_header *headers, size_t count)
{
	struct heard *heard = ctx;

	heard->code = code;
	heard->streams = true;
}

static int on_write(void *ctx, const struct span *pieces, size_t count)
{
	struct heard *heard = ctx;

	if (heard->over || !heard->streams || count > API_PIECES_MAX)
		abort();
	for (size_t i = 0; i < count; i++)
		if (buf_add_span(&heard->body, pieces[i]))
			abort();
	return 0;
}

static void on_end(void *ctx)
{
	struct heard *heard = ctx;

	if (heard->over)
		abort();
	heard->over = true;
}

static const struct api_responder responder = { on_respond, on_begin, on_write, on_end, on_end };

static uint64_t mono(void *ctx)
{
	return 1000;
}

static int64_t wall(void *ctx)
{
	return 1700000000000;
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why_not, size_t size)
{
	return true;
}

static const struct api_identity user = { .user = "fuzz", .uid = "" };

static struct span type_of(char letter)
{
	switch (letter) {
	case 's': return SPAN("application/strategic-merge-patch+json");
	case 'm': return SPAN("application/merge-patch+json");
	case 'p': return SPAN("application/json-patch+json");
	case 'b': return SPAN("application/vnd.kubernetes.protobuf");
	default: return SPAN("application/json");
	}
}

static void run(struct api *api, struct cache *cache, struct span method, struct span target, char letter,
		struct span body)
{
	struct api_request request = {
		.method = method, .content_type = type_of(letter), .body = body, .identity = &user
	};
	struct heard heard = { 0 };

	if (letter == 't')
		request.accept = SPAN("application/json;as=Table;v=v1;g=meta.k8s.io");
	buf_init(&heard.body, 64u * 1024 * 1024);
	span_cut(target, '?', &request.path, &request.query);
	struct api_call *call = api_handle(api, &request, &responder, &heard);

	for (int i = 0; i < 70 && !heard.over; i++)
		cache_dispatch(cache, wall(NULL));
	if (!heard.over && !heard.streams)
		abort(); /* only a watch goes on */
	if (!heard.over)
		api_call_gone(call);
	if (heard.code < 200 || heard.code > 504)
		abort();
	buf_done(&heard.body);
}

static void run_all(struct api *api, struct cache *cache, struct span rest)
{
	for (int i = 0; i < REQUESTS_MAX && rest.len; i++) {
		struct span one, line, body, method, target, letter;

		span_cut(rest, '\0', &one, &rest);
		span_cut(one, '\n', &line, &body);
		span_cut(line, ' ', &method, &line);
		span_cut(line, ' ', &target, &letter);
		/* Protobuf is full of NULs: it takes the rest. */
		if (letter.len && letter.ptr[0] == 'b') {
			body = span_make(body.ptr, body.len + (rest.len ? rest.len + 1 : 0));
			rest = SPAN("");
		}
		run(api, cache, method, target, letter.len ? letter.ptr[0] : ' ', body);
	}
}

static const char seed[] =
	"POST /api/v1/namespaces\n{\"metadata\":{\"name\":\"web\"}}\0"
	"POST /api/v1/namespaces/web/configmaps\n{\"metadata\":{\"name\":\"c\"},\"data\":{\"a\":\"1\"}}\0"
	"POST "
	"/api/v1/namespaces/web/"
	"pods\n{\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"c\","
	"\"image\":\"i\"}]}}\0";

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char dir[64], path[80];
	struct cache *cache = NULL;
	struct api *api = NULL;

	/* In memory: a store is opened for every input. */
	(void)snprintf(dir, sizeof(dir), "%s/holdfast-fuzz-XXXXXX",
		       access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(dir))
		abort();
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	const struct cache_options store = { .path = path, .inline_commits = true };

	if (cache_open(&store, &cache, NULL))
		abort();
	const struct api_options options = {
		.cache = cache,
		.hooks = { .authorize = authorize },
		.mono_ms = mono,
		.wall_ms = wall,
	};

	if (api_new(&options, &api))
		abort();
	run_all(api, cache, span_make(seed, sizeof(seed) - 1));
	run_all(api, cache, span_make(data, size));
	api_free(api);
	cache_close(cache);
	remove_dir(dir);
	return 0;
}
