/* reply: how the hub's own routes (/holdfast/v1/...) answer: a Status that refuses, or JSON, at once or after a commit. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_REPLY_H
#define HOLDFAST_CLOUD_HUB_REPLY_H

#include "api/server.h"

#define REPLY_MAX (1u * 1024 * 1024)

/* Takes what status holds. */
void reply_status(const struct api_responder *responder, void *ctx, struct status *status);
void reply_refuse(const struct api_responder *responder, void *ctx, enum status_reason reason,
		  const char *why);
void reply_json(const struct api_responder *responder, void *ctx, int code, struct span body);

/* Submits the ops as one transaction; answers `code` with the body (taken, whatever happens) after the commit, or says why not.
 * `done` (may be NULL) is called first, once, with what became of it (0: durable). */
void reply_after_commit(struct cache *cache, struct cache_op *ops, size_t count, int code,
			struct buf *body_take, const struct api_responder *responder, void *responder_ctx,
			void (*done)(void *ctx, int code), void *ctx);

#endif
