#include "tests/unit/api/rig.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define START_WALL_MS 1700000000000
#define BODY_MAX (64u * 1024 * 1024)

static uint64_t mono(void *ctx)
{
	return ((struct rig *)ctx)->mono_ms;
}

static int64_t wall(void *ctx)
{
	return ((struct rig *)ctx)->wall_ms;
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why_not, size_t size)
{
	struct rig *rig = ctx;

	if (!rig->denied_verb || strcmp(rig->denied_verb, what->verb))
		return true;
	(void)snprintf(why_not, size, "no such grant");
	return false;
}

static int admit(void *ctx, const struct api_attributes *what, const struct kind *kind, struct json *object,
		 const struct json *old, struct status *status)
{
	struct rig *rig = ctx;

	json_free(rig->last_admitted);
	rig->last_admitted = json_copy(object);
	if (object && json_path(object, "metadata.annotations.forbidden"))
		return status_forbidden(status, status_about(kind, what->name),
					"the rig admits no such thing");
	if (object && json_path(object, "metadata.annotations.touched"))
		return json_set_str(json_ensure(object, "metadata.annotations"), "touched", "yes");
	return 0;
}

static void open_all(struct rig *rig)
{
	struct err err = { 0 };

	if (cache_open(&rig->cache_options, &rig->cache, &err))
		fail_msg("cache_open: %s", err_text(&err));
	rig->options.cache = rig->cache;
	assert_int_equal(api_new(&rig->options, &rig->api), 0);
}

void rig_reopen(struct rig *rig)
{
	api_free(rig->api);
	cache_close(rig->cache);
	open_all(rig);
}

void rig_restart_api(struct rig *rig)
{
	api_free(rig->api);
	assert_int_equal(api_new(&rig->options, &rig->api), 0);
}

int rig_setup(void **state)
{
	static const char *const groups[] = { "system:masters", NULL };
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	(void)snprintf(rig->dir, sizeof(rig->dir), "/tmp/holdfast-api-XXXXXX");
	assert_non_null(mkdtemp(rig->dir));
	(void)snprintf(rig->path, sizeof(rig->path), "%s/store.db", rig->dir);
	rig->cache_options = (struct cache_options){ .path = rig->path, .inline_commits = true };
	rig->wall_ms = START_WALL_MS;
	rig->mono_ms = 1000;
	rig->user = (struct api_identity){ .user = "admin", .groups = groups, .uid = "" };
	rig->options = (struct api_options){
		.hooks = { .ctx = rig, .authorize = authorize, .admit = admit },
		.mono_ms = mono,
		.wall_ms = wall,
		.clock_ctx = rig,
	};
	open_all(rig);
	expect_code(rig, 201, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"default\"}}");
	expect_code(rig, 201, "POST", "/api/v1/namespaces", "{\"metadata\":{\"name\":\"web\"}}");
	*state = rig;
	return 0;
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

int rig_teardown(void **state)
{
	struct rig *rig = *state;

	api_free(rig->api);
	cache_close(rig->cache);
	json_free(rig->last_admitted);
	remove_dir(rig->dir);
	free(rig);
	return 0;
}

void rig_dispatch(struct rig *rig)
{
	cache_dispatch(rig->cache, rig->wall_ms);
}

void rig_pass(struct rig *rig, uint64_t ms)
{
	rig->mono_ms += ms;
	rig->wall_ms += (int64_t)ms;
	api_tick(rig->api);
	rig_dispatch(rig);
}

/* --- the responder --- */

static void note_head(struct answer *answer, int code, const char *type, const struct api_header *headers,
		      size_t count)
{
	assert_false(answer->began);
	answer->began = true;
	answer->code = code;
	(void)snprintf(answer->type, sizeof(answer->type), "%s", type);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(buf_addf(&answer->headers, "%.*s: %.*s\n", SPAN_ARG(headers[i].name),
					  SPAN_ARG(headers[i].value)),
				 0);
}

static void on_respond(void *ctx, int code, const char *type, const struct api_header *headers, size_t count,
		       struct span body)
{
	struct answer *answer = ctx;

	note_head(answer, code, type, headers, count);
	assert_int_equal(buf_add_span(&answer->body, body), 0);
	answer->ended = true;
	answer->call = NULL;
}

static void on_begin(void *ctx, int code, const char *type, const struct api_header *headers, size_t count)
{
	note_head(ctx, code, type, headers, count);
}

static int on_write(void *ctx, const struct span *pieces, size_t count)
{
	struct answer *answer = ctx;

	assert_true(answer->began && !answer->ended && !answer->aborted);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(buf_add_span(&answer->body, pieces[i]), 0);
	answer->writes++;
	return answer->full_from && answer->writes >= answer->full_from;
}

static void on_end(void *ctx)
{
	struct answer *answer = ctx;

	assert_true(answer->began && !answer->ended && !answer->aborted);
	answer->ended = true;
	answer->call = NULL;
}

static void on_abort(void *ctx)
{
	struct answer *answer = ctx;

	assert_false(answer->ended || answer->aborted);
	answer->aborted = true;
	answer->call = NULL;
}

static const struct api_responder responder = { on_respond, on_begin, on_write, on_end, on_abort };

static struct answer *begin(struct rig *rig, const char *method, const char *target, struct span body,
			    unsigned full_from)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	char *copy = malloc(body.len + 1);

	assert_non_null(answer);
	assert_non_null(copy);
	memcpy(copy, body.len ? body.ptr : "", body.len);
	buf_init(&answer->headers, 64u * 1024);
	buf_init(&answer->body, BODY_MAX);
	answer->full_from = full_from;
	answer->target = span_dup(span_of(target));
	assert_non_null(answer->target);
	answer->request = (struct api_request){
		.method = span_of(method),
		.body = span_make(copy, body.len),
		.identity = rig->anonymous ? NULL : &rig->user,
		.accept = span_of(rig->accept),
		.if_none_match = span_of(rig->if_none_match),
		.content_type = span_of(rig->content_type	   ? rig->content_type
					: !strcmp(method, "PATCH") ? "application/merge-patch+json"
								   : "application/json"),
	};
	span_cut(span_of(answer->target), '?', &answer->request.path, &answer->request.query);
	struct api_call *call = api_handle(rig->api, &answer->request, &responder, answer);

	if (!answer->ended && !answer->aborted)
		answer->call = call;
	else
		assert_null(call);
	return answer;
}

struct answer *start(struct rig *rig, const char *method, const char *target, const char *body,
		     unsigned full_from)
{
	return begin(rig, method, target, span_of(body), full_from);
}

struct answer *ask_bytes(struct rig *rig, const char *method, const char *target, struct span body)
{
	struct answer *answer = begin(rig, method, target, body, 0);

	for (unsigned i = 0; i < 64 && !answer->ended && !answer->aborted; i++)
		rig_dispatch(rig);
	return answer;
}

struct answer *ask(struct rig *rig, const char *method, const char *target, const char *body)
{
	return ask_bytes(rig, method, target, span_of(body));
}

void answer_free(struct answer *answer)
{
	if (answer->call)
		api_call_gone(answer->call);
	buf_done(&answer->headers);
	buf_done(&answer->body);
	json_free(answer->json);
	free((char *)answer->request.body.ptr);
	free(answer->target);
	free(answer);
}

void expect_code(struct rig *rig, int code, const char *method, const char *target, const char *body)
{
	struct answer *answer = ask(rig, method, target, body);

	if (answer->code != code)
		fail_msg("%s %s: %d instead of %d: %s", method, target, answer->code, code,
			 buf_cstr(&answer->body));
	assert_true(answer->ended);
	answer_free(answer);
}

void expect_status(struct rig *rig, int code, const char *reason, const char *message, const char *method,
		   const char *target, const char *body)
{
	struct answer *answer = ask(rig, method, target, body);

	if (answer->code != code || strcmp(text_at(answer, "reason"), reason) ||
	    !strstr(text_at(answer, "message"), message))
		fail_msg("%s %s: %d %s: %s\ninstead of %d %s: %s", method, target, answer->code,
			 text_at(answer, "reason"), text_at(answer, "message"), code, reason, message);
	assert_string_equal(text_at(answer, "kind"), "Status");
	assert_string_equal(text_at(answer, "status"), "Failure");
	assert_int_equal(int_at(answer, "code"), code);
	answer_free(answer);
}

/* --- looking at answers --- */

const struct json *answer_json(struct answer *answer)
{
	struct err err = { 0 };

	if (!answer->json && json_parse(buf_span(&answer->body), &answer->json, &err))
		fail_msg("not JSON (%s): %s", err_text(&err), buf_cstr(&answer->body));
	return answer->json;
}

const char *text_at(struct answer *answer, const char *path)
{
	return json_path_str(answer_json(answer), path, "");
}

int64_t int_at(struct answer *answer, const char *path)
{
	return json_path_int(answer_json(answer), path, -1);
}

size_t count_at(struct answer *answer, const char *path)
{
	return json_count(json_path(answer_json(answer), path));
}

bool has_header(struct answer *answer, const char *line_part)
{
	const char *text = buf_cstr(&answer->headers);

	return text && strstr(text, line_part);
}

uint64_t revision_of(struct answer *answer)
{
	uint64_t revision = 0;

	assert_int_equal(span_to_u64(span_of(text_at(answer, "metadata.resourceVersion")), &revision), 0);
	return revision;
}

const char *names_of(struct answer *answer, char *out, size_t size)
{
	const struct json *items = json_get(answer_json(answer), "items");
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < json_count(items); i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? "," : "",
				       json_path_str(json_at(items, i), "metadata.name", "?"));
	return out;
}

static size_t add_event(struct span line, char *out, size_t size)
{
	struct json *event = NULL;
	struct err err = { 0 };

	if (json_parse(line, &event, &err))
		fail_msg("not an event (%s): %.*s", err_text(&err), SPAN_ARG(line));
	const struct json *object = json_get(event, "object");
	int len = json_is(json_get(object, "code"), JSON_INT)
			  ? snprintf(out, size, "%s %" PRId64, json_path_str(event, "type", "?"),
				     json_path_int(object, "code", 0))
			  : snprintf(out, size, "%s %s@%s", json_path_str(event, "type", "?"),
				     json_path_str(object, "metadata.name", ""),
				     json_path_str(object, "metadata.resourceVersion", "?"));

	json_free(event);
	assert_true(len > 0 && (size_t)len < size);
	return (size_t)len;
}

const char *events_of(struct answer *answer, char *out, size_t size)
{
	struct span rest = buf_span(&answer->body), line;
	size_t at = 0;

	out[0] = '\0';
	while (span_cut(rest, '\n', &line, &rest)) {
		if (at)
			out[at++] = ',';
		at += add_event(line, out + at, size - at - 1);
	}
	assert_int_equal(rest.len, 0);
	buf_reset(&answer->body);
	return out;
}
