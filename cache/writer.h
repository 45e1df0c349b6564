/* writer: the queue in front of the engine and the thread that commits what is in it, a group at a time.
 *
 * Callers are on the loop's thread; the engine's writer side is called from the thread inside (or, inline,
 * from writer_run). Also here: what is done about a full disk and a failed commit. */
#ifndef HOLDFAST_CACHE_WRITER_H
#define HOLDFAST_CACHE_WRITER_H

#include "cache/txn.h"

#define WRITER_GROUP_MAX 1024u	    /* transactions in one commit */
#define WRITER_GROUP_OPS_MAX 16384u /* and ops */
#define WRITER_SPACE_RETRY_MS 5000  /* between looks whether a full disk has room again */

struct writer;

struct writer_options {
	struct engine *engine;
	struct engine_state state;
	size_t queue_max;
	bool is_inline, has_ballast;
	void (*wake)(void *ctx);
	void *wake_ctx;
};

struct writer_status {
	struct engine_state state; /* newest committed, which may be ahead of what was delivered */
	uint64_t transactions;
	size_t pending; /* submitted and not yet taken back */
	bool read_only, disk_full, wants_tending;
};

int writer_new(const struct writer_options *options, struct writer **out) must_check;
void writer_free(struct writer *writer); /* after writer_stop, with everything taken */
/* Takes the transaction. -EAGAIN, -EROFS (not taken then). `is_own`: the service's, beyond the queue's
 * limit. */
int writer_submit(struct writer *writer, struct txn *txn, bool is_own) must_check;
/* Inline: commits all that is queued now. Threaded: nothing. */
void writer_run(struct writer *writer, int64_t now_wall_ms);
/* Asks for care without transactions: the log's age, a full disk, the write-ahead log. */
void writer_care(struct writer *writer);
void writer_take(struct writer *writer, struct list *out); /* finished transactions, in order */
void writer_status(struct writer *writer, struct writer_status *out);
void writer_stop(struct writer *writer); /* commits what is queued, ends the thread */

#endif
