#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdlib.h>

#define JSON_TYPE "application/json"

/* An answer that waits for the store. */
struct pending {
	const struct api_responder *responder;
	void *responder_ctx;
	void (*done)(void *ctx, int code);
	void *ctx;
	struct buf body;
	int code;
};

void reply_json(const struct api_responder *responder, void *ctx, int code, struct span body)
{
	responder->respond(ctx, code, JSON_TYPE, NULL, 0, body);
}

void reply_status(const struct api_responder *responder, void *ctx, struct status *status)
{
	struct buf body;

	buf_init(&body, REPLY_MAX);
	if (status_write(status, &body) == 0)
		reply_json(responder, ctx, status->code, buf_span(&body));
	else
		responder->abort(ctx);
	buf_done(&body);
	status_done(status);
}

void reply_refuse(const struct api_responder *responder, void *ctx, enum status_reason reason,
		  const char *why)
{
	struct status status;

	status_init(&status);
	(void)status_set(&status, reason, "%s", why);
	reply_status(responder, ctx, &status);
}

static void reply_errno(const struct api_responder *responder, void *ctx, int code)
{
	struct status status;

	status_init(&status);
	(void)status_of_errno(&status, code);
	reply_status(responder, ctx, &status);
}

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct pending *pending = ctx;

	if (pending->done)
		pending->done(pending->ctx, result->code);
	if (result->code == 0)
		reply_json(pending->responder, pending->responder_ctx, pending->code,
			   buf_span(&pending->body));
	else
		reply_errno(pending->responder, pending->responder_ctx, result->code);
	buf_done(&pending->body);
	free(pending);
}

void reply_after_commit(struct cache *cache, struct cache_op *ops, size_t count, int code,
			struct buf *body_take, const struct api_responder *responder, void *responder_ctx,
			void (*done)(void *ctx, int code), void *ctx)
{
	struct pending *pending = calloc(1, sizeof(*pending));
	int result = -ENOMEM;

	if (pending) {
		*pending = (struct pending){ responder, responder_ctx, done, ctx, *body_take, code };
		result = cache_submit(cache, ops, count, on_committed, pending);
	}
	if (result) {
		free(pending);
		buf_done(body_take);
		if (done)
			done(ctx, result);
		reply_errno(responder, responder_ctx, result);
	}
}
