#include "tunnel/sink_talk.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/message.h"

#define ROWS_PER_MESSAGE 256u
#define FETCHES_MAX 1024u

struct queued {
	struct list_node node;
	uint16_t kind;
	struct blob *bytes;
};

struct fetch {
	struct list_node node;
	Tunnel__OrphanFetch *message;
	size_t next;
};

void sink_talk_init(struct sink_talk *talk)
{
	memset(talk, 0, sizeof(*talk));
	list_init(&talk->queue);
	list_init(&talk->fetches);
}

void sink_talk_stop(struct sink_talk *talk)
{
	list_for_each(&talk->queue, node) {
		struct queued *queued = container_of(node, struct queued, node);

		blob_unref(queued->bytes);
		free(queued);
	}
	list_for_each(&talk->fetches, node) {
		struct fetch *fetch = container_of(node, struct fetch, node);

		message_free(MSG_ORPHAN_FETCH, fetch->message);
		free(fetch);
	}
	sink_talk_init(talk);
}

void sink_talk_start(struct sink_talk *talk, bool has_orphans)
{
	sink_talk_stop(talk);
	talk->orphans_due = has_orphans;
}

void sink_talk_ack(struct sink_talk *talk, uint64_t number)
{
	talk->ack = number;
}

static int enqueue(struct sink_talk *talk, uint16_t kind, const void *message)
{
	struct queued *queued = calloc(1, sizeof(*queued));

	if (!queued)
		return -ENOMEM;
	queued->kind = kind;
	queued->bytes = message_blob(kind, message);
	if (!queued->bytes) {
		free(queued);
		return -ENOMEM;
	}
	list_push(&talk->queue, &queued->node);
	return 0;
}

int sink_talk_refetch(struct sink_talk *talk, const struct key *key)
{
	Tunnel__Refetch message = TUNNEL__REFETCH__INIT;
	Tunnel__Key wire, *pointer = &wire;

	message_set_key(&wire, key);
	message.keys = &pointer;
	message.n_keys = 1;
	return enqueue(talk, MSG_REFETCH, &message);
}

/* --- inventories --- */

/* Rows collected for one message. */
struct page {
	Tunnel__Row rows[ROWS_PER_MESSAGE];
	Tunnel__Key keys[ROWS_PER_MESSAGE];
	Tunnel__Row *pointers[ROWS_PER_MESSAGE];
	size_t count;
};

static void page_add(struct page *page, const struct sink_row *row)
{
	size_t i = page->count++;

	message_set_key(&page->keys[i], &row->key);
	tunnel__row__init(&page->rows[i]);
	page->rows[i].key = &page->keys[i];
	page->rows[i].uid = row->uid;
	page->rows[i].revision = row->origin;
	page->pointers[i] = &page->rows[i];
}

static int send_orphan_page(struct sink_talk *talk, struct page *page, bool end)
{
	Tunnel__OrphanList message = TUNNEL__ORPHAN_LIST__INIT;

	message.rows = page->pointers;
	message.n_rows = page->count;
	message.end = end;
	page->count = 0;
	return enqueue(talk, MSG_ORPHAN_LIST, &message);
}

static int send_orphans(struct sink_talk *talk, const struct sink_index *index)
{
	struct page *page = calloc(1, sizeof(*page));
	struct sink_row *row;
	size_t cursor = 0;
	int err = 0;

	if (!page)
		return -ENOMEM;
	while (!err && sink_index_next(index, &cursor, &row)) {
		if (!row->orphan)
			continue;
		page_add(page, row);
		if (page->count == ROWS_PER_MESSAGE)
			err = send_orphan_page(talk, page, false);
	}
	if (!err)
		err = send_orphan_page(talk, page, true);
	free(page);
	return err;
}

static int send_bucket_page(struct sink_talk *talk, struct page *page, unsigned bucket, bool end)
{
	Tunnel__BucketKeys message = TUNNEL__BUCKET_KEYS__INIT;

	message.bucket = bucket;
	message.rows = page->pointers;
	message.n_rows = page->count;
	message.bucket_end = end;
	page->count = 0;
	return enqueue(talk, MSG_BUCKET_KEYS, &message);
}

static int send_bucket(struct sink_talk *talk, const struct sink_index *index, unsigned bucket)
{
	struct page *page = calloc(1, sizeof(*page));
	struct sink_row *row;
	size_t cursor = 0;
	int err = 0;

	if (!page)
		return -ENOMEM;
	while (!err && sink_index_next(index, &cursor, &row)) {
		if (row->bucket != bucket || row->orphan)
			continue;
		page_add(page, row);
		if (page->count == ROWS_PER_MESSAGE)
			err = send_bucket_page(talk, page, bucket, false);
	}
	if (!err)
		err = send_bucket_page(talk, page, bucket, true);
	free(page);
	return err;
}

/* The keys of the next bucket that differs, or the end of the comparison. */
static int compare_next(struct sink_talk *talk, const struct sink_index *index)
{
	Tunnel__BucketKeys message = TUNNEL__BUCKET_KEYS__INIT;

	while (talk->bucket < DIGEST_BUCKETS) {
		unsigned bucket = talk->bucket++;

		if (talk->differs[bucket / 8] >> bucket % 8 & 1)
			return send_bucket(talk, index, bucket);
	}
	talk->comparing = false;
	message.end = true;
	return enqueue(talk, MSG_BUCKET_KEYS, &message);
}

/* --- what the cloud asks --- */

static void on_digests(struct sink_talk *talk, const struct sink_index *index,
		       const Tunnel__BucketDigests *message)
{
	memset(talk->differs, 0, sizeof(talk->differs));
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		if (!digest_eq(digest_load(message->digests.data + i * DIGEST_SIZE), index->buckets[i]))
			talk->differs[i / 8] |= (uint8_t)(1u << i % 8);
	talk->bucket = 0;
	talk->comparing = true;
}

static int on_fetch(struct sink_talk *talk, Tunnel__OrphanFetch *message)
{
	struct fetch *fetch;

	if (talk->fetches.count >= FETCHES_MAX)
		return -EPROTO;
	fetch = calloc(1, sizeof(*fetch));
	if (!fetch)
		return -ENOMEM;
	fetch->message = message;
	list_push(&talk->fetches, &fetch->node);
	return 0;
}

int sink_talk_on_message(struct sink_talk *talk, const struct sink_index *index, uint16_t kind,
			 struct span bytes)
{
	void *message;
	int err = message_decode(kind, bytes, &message);

	if (err)
		return err;
	if (kind == MSG_ORPHAN_FETCH) {
		err = on_fetch(talk, message);
		if (err)
			message_free(kind, message);
		return err;
	}
	if (talk->comparing)
		err = -EPROTO;
	else
		on_digests(talk, index, message);
	message_free(kind, message);
	return err;
}

/* --- what is said next --- */

static int supply_queued(struct sink_talk *talk, struct mux_message *out)
{
	struct queued *queued = container_of(list_pop(&talk->queue), struct queued, node);

	out->kind = queued->kind;
	out->bytes = queued->bytes;
	free(queued);
	return 1;
}

static int supply_ack(struct sink_talk *talk, struct mux_message *out)
{
	Tunnel__Ack message = TUNNEL__ACK__INIT;

	message.number = talk->acked = talk->ack;
	out->kind = MSG_ACK;
	out->bytes = message_blob(MSG_ACK, &message);
	return out->bytes ? 1 : -ENOMEM;
}

static struct blob *encode_orphan(const struct object *object)
{
	Tunnel__OrphanObject message = TUNNEL__ORPHAN_OBJECT__INIT;
	struct blob *put = message_encode_put(object);
	struct blob *out = NULL;
	void *decoded;

	if (put && message_decode(MSG_PUT, blob_span(put), &decoded) == 0) {
		message.object = decoded;
		out = message_blob(MSG_ORPHAN_OBJECT, &message);
		message_free(MSG_PUT, decoded);
	}
	blob_unref(put);
	return out;
}

/* The next orphan that was asked for and is still there; 0: none. */
static int supply_fetched(struct sink_talk *talk, const struct sink_index *index, struct cache *cache,
			  struct mux_message *out)
{
	list_for_each(&talk->fetches, node) {
		struct fetch *fetch = container_of(node, struct fetch, node);

		while (fetch->next < fetch->message->n_rows) {
			const Tunnel__Row *wanted = fetch->message->rows[fetch->next++];
			struct key key = message_key(wanted->key);
			const struct sink_row *row = sink_index_find(index, &key);
			struct object *object;

			/* The batch that makes it an orphan here may still be on its way to the disk. */
			if (!row || cache_get(cache, &key, &object))
				continue;
			if (strcmp(object->uid, wanted->uid) != 0) {
				object_unref(object);
				continue;
			}
			out->kind = MSG_ORPHAN_OBJECT;
			out->bytes = encode_orphan(object);
			object_unref(object);
			return out->bytes ? 1 : -ENOMEM;
		}
		list_remove(&talk->fetches, node);
		message_free(MSG_ORPHAN_FETCH, fetch->message);
		free(fetch);
	}
	return 0;
}

int sink_talk_supply(struct sink_talk *talk, const struct sink_index *index, struct cache *cache,
		     struct mux_message *out)
{
	int err = 0;

	if (talk->orphans_due) {
		talk->orphans_due = false;
		err = send_orphans(talk, index);
	}
	if (!err && talk->comparing && !talk->queue.count)
		err = compare_next(talk, index);
	if (err)
		return err;
	if (talk->queue.count)
		return supply_queued(talk, out);
	if (talk->ack > talk->acked)
		return supply_ack(talk, out);
	return supply_fetched(talk, index, cache, out);
}
