#include "edge-hub/outbox/outbox.h"

#include "base/list.h"
#include "base/log.h"
#include "base/random.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "outbox"
#define MARK_SIZE (sizeof(OUTBOX_MARK_PREFIX) + 17)
#define STATE_MAX 128u
#define ACK_OPS_MAX 256u /* removals in one transaction */

/* What is kept in memory of an entry; its body stays in the store. */
struct item {
	struct list_node node;
	uint64_t sequence;
	uint64_t bytes;
	enum outbox_effect effect;
	bool durable, offered; /* offered: may have been sent; never changed from then on */
	char *identity;	       /* uid, or the name where there is none: what coalesces */
};

struct outbox {
	struct cache *cache;
	uint64_t max_bytes, next_sequence, acked;
	char incarnation[RANDOM_UUID_SIZE];
	struct list items; /* rising sequence */
	struct outbox_sender *sender;
	struct buf reading; /* the entry last given to the sender */
	struct buf sending; /* its body, when that was exchanged */
	int (*on_sending)(void *ctx, const struct outbox_entry *entry, struct buf *out);
	void *on_sending_ctx;
	void *decoded;
	void (*on_ready)(void *ctx);
	void *on_ready_ctx;
	struct outbox_stats stats;
	unsigned writes; /* under way */
};

/* A put on its way to the disk. */
struct write {
	struct outbox *outbox;
	uint64_t sequence;
	cache_done_fn *done;
	void *ctx;
};

static void mark_of(uint64_t sequence, char out[MARK_SIZE])
{
	snprintf(out, MARK_SIZE, OUTBOX_MARK_PREFIX "%016" PRIx64, sequence);
}

static struct item *item_of(struct list_node *node)
{
	return node ? container_of(node, struct item, node) : NULL;
}

static void drop(struct outbox *outbox, struct item *item)
{
	list_remove(&outbox->items, &item->node);
	outbox->stats.bytes -= item->bytes;
	free(item->identity);
	free(item);
}

static struct item *find(const struct outbox *outbox, uint64_t sequence)
{
	list_for_each(&outbox->items, node)
		if (item_of(node)->sequence == sequence)
			return item_of(node);
	return NULL;
}

static struct item *append(struct outbox *outbox, uint64_t sequence, enum outbox_effect effect,
			   const char *identity, uint64_t bytes)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return NULL;
	*item = (struct item){
		.sequence = sequence, .effect = effect, .bytes = bytes, .identity = strdup(identity)
	};
	if (!item->identity) {
		free(item);
		return NULL;
	}
	list_push(&outbox->items, &item->node);
	outbox->stats.bytes += bytes;
	return item;
}

static const char *identity_of(const char *uid, const char *name)
{
	return uid && uid[0] ? uid : name;
}

/* --- the sender's view --- */

static void exchange_body(struct outbox *outbox, struct outbox_entry *entry)
{
	buf_reset(&outbox->sending);
	if (outbox->on_sending && !outbox->on_sending(outbox->on_sending_ctx, entry, &outbox->sending))
		entry->body = buf_span(&outbox->sending);
}

static int next(void *ctx, uint64_t after, struct outbox_entry *out)
{
	struct outbox *outbox = ctx;

	list_for_each(&outbox->items, node) {
		struct item *item = item_of(node);
		char mark[MARK_SIZE];
		Tunnel__OutboxEntry *entry;
		int code;

		if (item->sequence <= after)
			continue;
		if (!item->durable)
			return -ENOENT; /* commit before sending */
		mark_of(item->sequence, mark);
		message_free(MSG_OUTBOX_ENTRY, outbox->decoded);
		outbox->decoded = NULL;
		buf_reset(&outbox->reading);
		code = cache_mark_get(outbox->cache, mark, &outbox->reading);
		if (!code)
			code = message_decode(MSG_OUTBOX_ENTRY, buf_span(&outbox->reading), &outbox->decoded);
		if (code) {
			/* A damaged record cannot be sent, ever; what it said is computed anew and reported when it differs. */
			log_error(MODULE, "unreadable", "sequence=%" PRIu64 " error=%d", item->sequence,
				  code);
			drop(outbox, item);
			continue;
		}
		entry = outbox->decoded;
		item->offered = true;
		*out = (struct outbox_entry){ .sequence = item->sequence,
					      .effect = entry->effect,
					      .key = message_key(entry->key),
					      .uid = entry->uid,
					      .body = span_make(entry->body.data, entry->body.len),
					      .base = entry->base_revision };
		exchange_body(outbox, out);
		return 0;
	}
	return -ENOENT;
}

static int state_text(const struct outbox *outbox, char out[STATE_MAX])
{
	int len = snprintf(out, STATE_MAX, "%s %" PRIu64, outbox->incarnation, outbox->acked);

	return len > 0 && len < (int)STATE_MAX ? len : -EINVAL;
}

static void on_removed(void *ctx, const struct cache_result *result)
{
	struct outbox *outbox = ctx;

	outbox->writes--;
	if (result->code)
		log_warn(MODULE, "removal-failed", "error=%d", result->code); /* a repeat is harmless */
}

/* Removes what is acknowledged, together with how far that is: a sequence is never used twice. */
static void acked(void *ctx, uint64_t sequence)
{
	struct outbox *outbox = ctx;
	struct cache_op ops[ACK_OPS_MAX];
	char marks[ACK_OPS_MAX][MARK_SIZE], state[STATE_MAX];
	size_t count = 1;
	int len;

	if (sequence <= outbox->acked)
		return;
	outbox->acked = sequence;
	if (outbox->next_sequence <= sequence)
		outbox->next_sequence = sequence + 1; /* this disk was put back to an older state */
	len = state_text(outbox, state);
	ops[0] = (struct cache_op){ .type = CACHE_MARK,
				    .mark = OUTBOX_STATE_MARK,
				    .value = span_make(state, (size_t)len) };
	list_for_each(&outbox->items, node) {
		struct item *item = item_of(node);

		if (item->sequence > sequence || count == ACK_OPS_MAX)
			break; /* what is left over is removed by the next one */
		mark_of(item->sequence, marks[count]);
		ops[count] = (struct cache_op){ .type = CACHE_MARK, .mark = marks[count] };
		count++;
		outbox->stats.acked++;
		drop(outbox, item);
	}
	if (cache_submit(outbox->cache, ops, count, on_removed, outbox) == 0)
		outbox->writes++;
}

static void on_result(void *ctx, const struct outbox_result *result)
{
	struct outbox *outbox = ctx;

	if (!result->code)
		return;
	outbox->stats.refused++;
	log_warn(MODULE, "refused-by-cloud", "sequence=%" PRIu64 " status=%d reason=\"%s\"", result->sequence,
		 result->code, result->reason);
}

static const struct outbox_queue queue = { .next = next, .acked = acked, .on_result = on_result };

/* --- putting --- */

static void on_written(void *ctx, const struct cache_result *result)
{
	struct write *write = ctx;
	struct outbox *outbox = write->outbox;
	struct item *item = find(outbox, write->sequence);

	outbox->writes--;
	if (item && result->code)
		drop(outbox, item);
	else if (item)
		item->durable = true;
	if (!result->code) {
		outbox_sender_kick(outbox->sender);
		if (outbox->on_ready)
			outbox->on_ready(outbox->on_ready_ctx);
	}
	if (write->done)
		write->done(write->ctx, result);
	free(write);
}

/* The waiting entry that a newer state of the same thing makes pointless; NULL: none, or it may have been sent. */
static struct item *replaceable(const struct outbox *outbox, enum outbox_effect effect, const char *identity)
{
	struct item *found = NULL;

	if (effect != OUTBOX_STATUS && effect != OUTBOX_NODE && effect != OUTBOX_EVENT)
		return NULL;
	list_for_each(&outbox->items, node) {
		struct item *item = item_of(node);

		if (item->effect == effect && item->durable && !item->offered &&
		    strcmp(item->identity, identity) == 0)
			found = item;
	}
	return found;
}

static struct item *oldest_event(const struct outbox *outbox)
{
	list_for_each(&outbox->items, node)
		if (item_of(node)->effect == OUTBOX_EVENT && item_of(node)->durable)
			return item_of(node);
	return NULL;
}

static bool is_full(const struct outbox *outbox, uint64_t more)
{
	return outbox->stats.bytes + more > outbox->max_bytes || outbox->items.count >= OUTBOX_ENTRIES_MAX;
}

static int encode(const struct outbox_report *report, uint64_t sequence, struct buf *out)
{
	Tunnel__OutboxEntry entry = TUNNEL__OUTBOX_ENTRY__INIT;
	Tunnel__Key key = TUNNEL__KEY__INIT;

	if (report->body.len > OUTBOX_BODY_MAX)
		return -EMSGSIZE;
	message_set_key(&key, &report->key);
	entry.sequence = sequence;
	entry.effect = report->effect;
	entry.key = &key;
	entry.uid = (char *)(report->uid ? report->uid : "");
	entry.body.data = (uint8_t *)report->body.ptr;
	entry.body.len = report->body.len;
	entry.base_revision = report->base;
	return message_encode(MSG_OUTBOX_ENTRY, &entry, out);
}

static void release(struct cache_op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		object_unref(ops[i].object);
}

int outbox_put(struct outbox *outbox, const struct outbox_report *report, struct cache_op *with,
	       size_t with_count, cache_done_fn *done, void *ctx)
{
	const char *identity = identity_of(report->uid, report->key.name);
	struct item *old = replaceable(outbox, report->effect, identity), *event = NULL, *item = NULL;
	struct cache_op ops[OUTBOX_WITH_MAX + 3];
	char marks[3][MARK_SIZE];
	size_t count = 0;
	struct write *write = calloc(1, sizeof(*write));
	struct buf record;
	uint64_t sequence = outbox->next_sequence;
	int code;

	assert_always(with_count <= OUTBOX_WITH_MAX);
	buf_init(&record, CACHE_MARK_MAX);
	code = write ? encode(report, sequence, &record) : -ENOMEM;
	if (!code && is_full(outbox, record.len)) {
		event = oldest_event(outbox);
		if (event == old)
			event = NULL;
		if (!event && !old && report->effect == OUTBOX_EVENT) {
			outbox->stats.dropped_events++;
			code = -ENOSPC;
		}
	}
	if (!code) {
		item = append(outbox, sequence, report->effect, identity, record.len);
		code = item ? 0 : -ENOMEM;
	}
	if (code) {
		release(with, with_count);
	} else {
		for (; count < with_count; count++)
			ops[count] = with[count];
		mark_of(sequence, marks[0]);
		ops[count++] =
			(struct cache_op){ .type = CACHE_MARK, .mark = marks[0], .value = buf_span(&record) };
		if (old) {
			mark_of(old->sequence, marks[1]);
			ops[count++] = (struct cache_op){ .type = CACHE_MARK, .mark = marks[1] };
		}
		if (event) {
			mark_of(event->sequence, marks[2]);
			ops[count++] = (struct cache_op){ .type = CACHE_MARK, .mark = marks[2] };
		}
		*write = (struct write){ outbox, sequence, done, ctx };
		code = cache_submit(outbox->cache, ops, count, on_written, write);
	}
	buf_done(&record);
	if (code) {
		if (item)
			drop(outbox, item);
		free(write);
		return code;
	}
	outbox->next_sequence++;
	outbox->writes++;
	outbox->stats.reported++;
	if (old) {
		outbox->stats.replaced++;
		drop(outbox, old);
	}
	if (event) {
		outbox->stats.dropped_events++;
		drop(outbox, event);
	}
	return 0;
}

/* --- life --- */

static int load_state(struct outbox *outbox)
{
	struct span name, sequence;
	struct buf state;
	int code;

	buf_init(&state, STATE_MAX);
	code = cache_mark_get(outbox->cache, OUTBOX_STATE_MARK, &state);
	if (!code) {
		code = span_cut(buf_span(&state), ' ', &name, &sequence)
			       ? span_copy(name, outbox->incarnation, sizeof(outbox->incarnation))
			       : -EBADMSG;
		if (!code)
			code = span_to_u64(sequence, &outbox->acked);
	}
	buf_done(&state);
	return code;
}

static int new_incarnation(struct outbox *outbox)
{
	char state[STATE_MAX];
	struct cache_op op = { .type = CACHE_MARK, .mark = OUTBOX_STATE_MARK };
	int len;

	random_uuid(outbox->incarnation);
	len = state_text(outbox, state);
	op.value = span_make(state, (size_t)len);
	return cache_submit(outbox->cache, &op, 1, NULL, NULL);
}

static int load_entry(void *ctx, const char *mark, struct span value)
{
	struct outbox *outbox = ctx;
	void *message = NULL;
	Tunnel__OutboxEntry *entry;
	struct item *item;

	(void)mark;
	if (message_decode(MSG_OUTBOX_ENTRY, value, &message)) {
		log_error(MODULE, "unreadable-entry", "mark=%s", mark);
		return 0; /* the others are still good */
	}
	entry = message;
	if (entry->sequence <= outbox->acked) {
		message_free(MSG_OUTBOX_ENTRY, message);
		return 0;
	}
	item = append(outbox, entry->sequence, entry->effect, identity_of(entry->uid, entry->key->name),
		      value.len);
	if (item) {
		item->durable = true;
		item->offered = true; /* who knows what was sent before */
		if (entry->sequence >= outbox->next_sequence)
			outbox->next_sequence = entry->sequence + 1;
	}
	message_free(MSG_OUTBOX_ENTRY, message);
	return item ? 0 : -ENOMEM;
}

int outbox_open(struct cache *cache, uint64_t max_bytes, struct outbox **out, struct err *err)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));
	int code;

	if (!outbox)
		return err_set(err, -ENOMEM, "out of memory");
	outbox->cache = cache;
	outbox->max_bytes = max_bytes;
	list_init(&outbox->items);
	buf_init(&outbox->reading, CACHE_MARK_MAX);
	buf_init(&outbox->sending, OUTBOX_BODY_MAX);
	code = load_state(outbox);
	if (code == -ENOENT || code == -EBADMSG)
		code = new_incarnation(outbox);
	outbox->next_sequence = outbox->acked + 1;
	if (!code)
		code = cache_mark_list(cache, OUTBOX_MARK_PREFIX, load_entry, outbox);
	if (!code)
		code = outbox_sender_new(&queue, outbox, &outbox->sender);
	if (code) {
		outbox_free(outbox);
		return err_set(err, code, "reading the outbox: %s", strerror(-code));
	}
	*out = outbox;
	return 0;
}

void outbox_free(struct outbox *outbox)
{
	if (!outbox)
		return;
	outbox_sender_free(outbox->sender);
	message_free(MSG_OUTBOX_ENTRY, outbox->decoded);
	list_for_each(&outbox->items, node)
		drop(outbox, item_of(node));
	buf_done(&outbox->reading);
	buf_done(&outbox->sending);
	free(outbox);
}

const char *outbox_incarnation(const struct outbox *outbox)
{
	return outbox->incarnation;
}

uint64_t outbox_acked(const struct outbox *outbox)
{
	return outbox->acked;
}

void outbox_attach(struct outbox *outbox, struct mux *mux, uint64_t applied)
{
	outbox_sender_attach(outbox->sender, mux, applied);
}

void outbox_detach(struct outbox *outbox)
{
	outbox_sender_detach(outbox->sender);
}

void outbox_on_ready(struct outbox *outbox, void (*fn)(void *ctx), void *ctx)
{
	outbox->on_ready = fn;
	outbox->on_ready_ctx = ctx;
}

void outbox_on_sending(struct outbox *outbox,
		       int (*fn)(void *ctx, const struct outbox_entry *entry, struct buf *out), void *ctx)
{
	outbox->on_sending = fn;
	outbox->on_sending_ctx = ctx;
}

void outbox_stats(const struct outbox *outbox, struct outbox_stats *out)
{
	*out = outbox->stats;
	out->entries = outbox->items.count;
}
