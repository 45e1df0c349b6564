/* One call: its answer, whoever gives it, and its end. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/scale.h"
#include "api/server_internal.h"

#define JSON_TYPE "application/json"

/* --- the answer --- */

void call_enter(struct api_call *call)
{
	call->busy++;
}

static void call_free(struct api_call *call)
{
	if (call->api)
		list_remove(&call->api->calls, &call->node);
	request_done(&call->request);
	problems_free(call->warnings);
	free(call);
}

void call_leave(struct api_call *call)
{
	assert_always(call->busy > 0);
	if (--call->busy == 0 && call->over)
		call_free(call);
}

void call_tell(struct api_call *call, int code)
{
	const struct api_hooks *hooks = call->api ? &call->api->options.hooks : NULL;
	const struct api_attributes *what = &call->request.what;
	struct api_outcome outcome = { .request = call->from,
				       .what = what,
				       .name = call->shown ? call->shown->key.name : what->name,
				       .code = code,
				       .decided = call->decided,
				       .allowed = call->allowed,
				       .reason = call->reason,
				       .received_wall_ms = call->received_wall_ms };

	if (call->told || !hooks)
		return;
	call->told = true;
	if (hooks->outcome)
		hooks->outcome(hooks->ctx, &outcome);
}

/* From here on nothing more is answered; what waits for the store or the client is let go. */
static void call_over(struct api_call *call)
{
	const struct call_ops *ops = call->ops;

	call_tell(call, 0);
	call->over = true;
	call->ops = NULL;
	if (ops)
		ops->cancel(call);
}

struct status_about call_about(const struct api_call *call)
{
	const struct api_attributes *what = &call->request.what;

	if (call->request.kind)
		return status_about(call->request.kind, what->name);
	return (struct status_about){
		.group = what->group, .resource = what->resource, .kind = "", .name = what->name
	};
}

struct headers {
	struct api_header list[API_HEADERS_MAX];
	size_t count;
	struct buf text[API_WARNINGS_MAX];
	size_t text_count;
	char retry_after[16];
};

static void add_header(struct headers *headers, const char *name, struct span value)
{
	if (headers->count < API_HEADERS_MAX)
		headers->list[headers->count++] = (struct api_header){ span_of(name), value };
}

/* RFC 7234 section 5.5: 299 - "text", quotes and backslashes escaped. */
static void add_warning(struct headers *headers, const char *message)
{
	struct buf *text = &headers->text[headers->text_count];

	if (headers->text_count == API_WARNINGS_MAX)
		return;
	buf_init(text, 4096);
	headers->text_count++;
	buf_add_str(text, "299 - \"");
	for (; *message; message++) {
		if (*message == '"' || *message == '\\')
			buf_add_char(text, '\\');
		buf_add_char(text, (unsigned char)*message < ' ' ? ' ' : *message);
	}
	buf_add_char(text, '"');
	if (!buf_error(text))
		add_header(headers, "Warning", buf_span(text));
}

static void headers_collect(struct headers *headers, const struct api_call *call, unsigned retry_after_s)
{
	struct problem problem;

	headers->count = headers->text_count = 0;
	add_header(headers, "Cache-Control", SPAN("no-cache, private"));
	for (size_t i = 0; call->warnings && problems_at(call->warnings, i, &problem); i++)
		add_warning(headers, problem.text);
	if (retry_after_s) {
		snprintf(headers->retry_after, sizeof(headers->retry_after), "%u", retry_after_s);
		add_header(headers, "Retry-After", span_of(headers->retry_after));
	}
}

static void headers_done(struct headers *headers)
{
	for (size_t i = 0; i < headers->text_count; i++)
		buf_done(&headers->text[i]);
}

static void respond(struct api_call *call, int code, const char *content_type, unsigned retry_after_s,
		    struct span body)
{
	struct headers headers;

	assert_always(!call->begun);
	if (call->over)
		return;
	call_enter(call);
	call_tell(call, code);
	headers_collect(&headers, call, retry_after_s);
	call->responder.respond(call->ctx, code, content_type, headers.list, headers.count, body);
	headers_done(&headers);
	call_over(call);
	call_leave(call);
}

void call_respond(struct api_call *call, int code, const char *content_type, struct span body)
{
	respond(call, code, content_type, 0, body);
}

void call_status(struct api_call *call, const struct status *status)
{
	struct buf body;

	buf_init(&body, API_ANSWER_MAX);
	if (status_write(status, &body))
		buf_reset(&body); /* without memory the code alone must do */
	respond(call, status->code, JSON_TYPE, status->retry_after_s, buf_span(&body));
	buf_done(&body);
}

static void respond_buf(struct api_call *call, int code, int err, struct buf *body)
{
	struct status status;

	if (!err && !buf_error(body)) {
		call_respond(call, code, JSON_TYPE, buf_span(body));
		return;
	}
	status_init(&status);
	status_of_errno(&status, err ? err : buf_error(body));
	call_status(call, &status);
	status_done(&status);
}

struct render call_render(const struct api_call *call)
{
	return (struct render){
		.kind = call->request.kind,
		.accept = &call->accept,
		.include = call->request.options.include,
		.now_wall_ms = api_wall_ms(call->api),
	};
}

void call_object(struct api_call *call, int code, const struct object *object)
{
	struct render render = call_render(call);
	struct buf body;

	buf_init(&body, API_ANSWER_MAX);
	call_enter(call);
	call->shown = object;
	respond_buf(call, code, render_object(&render, object, true, &body), &body);
	call->shown = NULL;
	call_leave(call);
	buf_done(&body);
}

void call_tree(struct api_call *call, int code, const struct json *tree)
{
	struct buf body;

	buf_init(&body, API_ANSWER_MAX);
	respond_buf(call, code, json_write(tree, &body), &body);
	buf_done(&body);
}

void call_scale(struct api_call *call, const struct object *workload)
{
	struct json *tree = NULL, *scale = NULL;
	struct status status;
	int err = object_to_json(workload, &tree);

	status_init(&status);
	if (!err && !(scale = scale_of(tree)))
		err = -ENOMEM;
	call_enter(call);
	call->shown = workload;
	if (err) {
		status_of_errno(&status, err);
		call_status(call, &status);
	} else {
		call_tree(call, 200, scale);
	}
	call->shown = NULL;
	call_leave(call);
	json_free(scale);
	json_free(tree);
	status_done(&status);
}

void call_begin(struct api_call *call, int code, const char *content_type)
{
	struct headers headers;

	assert_always(!call->begun && !call->over);
	call->begun = true;
	call_tell(call, code);
	headers_collect(&headers, call, 0);
	call->responder.begin(call->ctx, code, content_type, headers.list, headers.count);
	headers_done(&headers);
}

int call_write(struct api_call *call, const struct span *pieces, size_t count)
{
	if (call->over)
		return -EPIPE;
	call_enter(call);
	int full = call->responder.write(call->ctx, pieces, count);

	if (call->over)
		full = -EPIPE; /* the client went away meanwhile */
	call_leave(call);
	return full;
}

void call_end(struct api_call *call)
{
	if (call->over)
		return;
	call_enter(call);
	call->responder.end(call->ctx);
	call_over(call);
	call_leave(call);
}

void call_abort(struct api_call *call)
{
	if (call->over)
		return;
	call_enter(call);
	call->responder.abort(call->ctx);
	call_over(call);
	call_leave(call);
}

/* --- answers by somebody else --- */

static void handed_drained(struct api_call *call)
{
	if (call->handed_on_drain)
		call->handed_on_drain(call->handed_ctx);
}

static void handed_cancel(struct api_call *call)
{
	if (call->handed_on_gone)
		call->handed_on_gone(call->handed_ctx);
}

static const struct call_ops handed_ops = { handed_drained, handed_cancel };

void call_hand_over(struct api_call *call)
{
	call_enter(call);
	call->ops = &handed_ops;
}

void call_take_back(struct api_call *call)
{
	call->ops = NULL;
	call_leave(call);
}

void api_call_watch(struct api_call *call, void (*on_gone)(void *ctx), void (*on_drain)(void *ctx), void *ctx)
{
	call->handed_on_gone = on_gone;
	call->handed_on_drain = on_drain;
	call->handed_ctx = ctx;
}

static void handed_respond(void *ctx, int code, const char *content_type, const struct api_header *headers,
			   size_t count, struct span body)
{
	struct api_call *call = ctx;

	call->ops = NULL;
	if (!call->over) {
		call_tell(call, code);
		call->responder.respond(call->ctx, code, content_type, headers, count, body);
		call->over = true;
	}
	call_leave(call);
}

static void handed_begin(void *ctx, int code, const char *content_type, const struct api_header *headers,
			 size_t count)
{
	struct api_call *call = ctx;

	call->begun = true;
	call_tell(call, code);
	if (!call->over)
		call->responder.begin(call->ctx, code, content_type, headers, count);
}

static int handed_write(void *ctx, const struct span *pieces, size_t count)
{
	return call_write(ctx, pieces, count);
}

static void handed_end(void *ctx)
{
	struct api_call *call = ctx;

	call->ops = NULL;
	call_end(call);
	call_leave(call);
}

static void handed_abort(void *ctx)
{
	struct api_call *call = ctx;

	call->ops = NULL;
	call_abort(call);
	call_leave(call);
}

const struct api_responder call_handed_over = { handed_respond, handed_begin, handed_write, handed_end,
						handed_abort };

/* --- from outside --- */

void api_call_drained(struct api_call *call)
{
	call_enter(call);
	if (!call->over && call->ops && call->ops->drained)
		call->ops->drained(call);
	call_leave(call);
}

void api_call_gone(struct api_call *call)
{
	call_enter(call);
	if (!call->over)
		call_over(call);
	call_leave(call);
}
