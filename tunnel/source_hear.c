/* replicate_source: what the edge says. */
#include "tunnel/source_internal.h"

#include <errno.h>

static int on_rows(struct repl_source *source, const Tunnel__BucketKeys *message)
{
	for (size_t i = 0; i < message->n_rows; i++) {
		const Tunnel__Row *row = message->rows[i];
		struct key key = message_key(row->key);
		struct plan_entry *entry;
		int err;

		if (digest_bucket(&key) != message->bucket || ++source->rows_seen > REPL_OBJECTS_MAX)
			return -EBADMSG;
		err = plan_entry(&source->plan, &key,
				 source->options.rank_of(source->options.ctx, key.resource), &entry);
		if (!err && !entry->orphan)
			err = plan_set_edge(entry, row->uid, row->revision);
		if (err)
			return err;
	}
	return 0;
}

/* A bucket that the edge reports on holds what it reports, and nothing else. */
static void forget_bucket(struct repl_source *source, unsigned bucket)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	while (map_next(&source->plan.entries, &cursor, &id, &value)) {
		struct plan_entry *entry = value;

		if (!entry->orphan && entry->bucket == bucket)
			plan_clear_edge(entry);
	}
}

static int on_bucket_keys(struct repl_source *source, const void *message)
{
	const Tunnel__BucketKeys *m = message;
	int err;

	if (source->phase != SOURCE_COMPARING || source->digests_due)
		return -EPROTO;
	if ((m->n_rows || m->bucket_end) && m->bucket + 1 < source->bucket)
		return -EPROTO;
	if (m->bucket + 1 > source->bucket && (m->n_rows || m->bucket_end)) {
		forget_bucket(source, m->bucket);
		source->bucket = m->bucket + 1;
	}
	err = on_rows(source, m);
	if (err)
		return err;
	if (m->end)
		source_go_live(source);
	return 0;
}

static int on_ack(struct repl_source *source, const void *message)
{
	const Tunnel__Ack *ack = message;
	bool moved = false;

	if (ack->number > source->batch_number)
		return -EPROTO;
	while (source->flight_count && source->flights[source->flight_first].number <= ack->number) {
		const struct source_flight *flight = &source->flights[source->flight_first];

		if (flight->complete) {
			source->watermark = flight->watermark;
			moved = true;
		}
		source->flight_first = (source->flight_first + 1) % REPL_BATCHES_IN_FLIGHT;
		source->flight_count--;
	}
	if (moved && source->options.on_watermark)
		source->options.on_watermark(source->options.ctx, source->watermark);
	source_kick(source);
	return 0;
}

static int on_refetch(struct repl_source *source, const void *message)
{
	const Tunnel__Refetch *m = message;

	for (size_t i = 0; i < m->n_keys; i++) {
		struct key key = message_key(m->keys[i]);
		struct plan_entry *entry;
		int err = plan_entry(&source->plan, &key,
				     source->options.rank_of(source->options.ctx, key.resource), &entry);

		if (err)
			return err;
		if (entry->orphan)
			continue;
		err = plan_set_edge(entry, "", 0);
		if (err)
			return err;
		if (source->phase != SOURCE_LIVE)
			continue;
		source->complete = false;
		source_judge(source, entry);
	}
	source_kick(source);
	return 0;
}

void source_met_orphan(struct repl_source *source, struct plan_entry *entry)
{
	plan_set_orphan(&source->plan, entry, true);
	source->orphans_changed = true;
	if (source->options.on_orphan && source->options.on_orphan(source->options.ctx, &entry->key,
								   entry->edge_uid, entry->edge_revision)) {
		entry->fetching = true;
		list_push(&source->plan.fetches, &entry->fetch);
		source_kick(source);
	}
}

static int on_orphan_list(struct repl_source *source, const void *message)
{
	const Tunnel__OrphanList *m = message;

	if (source->orphans_given)
		return -EPROTO;
	for (size_t i = 0; i < m->n_rows; i++) {
		struct key key = message_key(m->rows[i]->key);
		struct plan_entry *entry;
		int err = plan_entry(&source->plan, &key,
				     source->options.rank_of(source->options.ctx, key.resource), &entry);

		if (!err && (entry->orphan || source->plan.orphans >= REPL_ORPHANS_MAX))
			err = -EBADMSG;
		if (!err)
			err = plan_set_edge(entry, m->rows[i]->uid, m->rows[i]->revision);
		if (err)
			return err;
		source_met_orphan(source, entry);
	}
	source->orphans_given = m->end;
	return source_begin(source);
}

static int on_orphan_object(struct repl_source *source, const void *message)
{
	const Tunnel__Put *put = ((const Tunnel__OrphanObject *)message)->object;
	struct key key = message_key(put->key);
	struct plan_entry *entry = plan_find(&source->plan, &key);
	struct object *object;

	if (!entry || !entry->orphan || !entry->fetching || strcmp(entry->edge_uid, put->uid) != 0)
		return 0; /* decided meanwhile */
	entry->fetching = false;
	object = message_put_object(put);
	if (!object)
		return -ENOMEM;
	if (source->options.on_orphan_object)
		source->options.on_orphan_object(source->options.ctx, object);
	object_unref(object);
	return 0;
}

static const struct {
	uint16_t kind;
	int (*handle)(struct repl_source *source, const void *message);
} handlers[] = {
	{ MSG_BUCKET_KEYS, on_bucket_keys },
	{ MSG_ACK, on_ack },
	{ MSG_REFETCH, on_refetch },
	{ MSG_ORPHAN_LIST, on_orphan_list },
	{ MSG_ORPHAN_OBJECT, on_orphan_object },
};

int source_hear(void *ctx, uint16_t kind, struct span bytes)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++) {
		void *message;
		int err;

		if (handlers[i].kind != kind)
			continue;
		err = message_decode(kind, bytes, &message);
		if (err)
			return err;
		err = handlers[i].handle(ctx, message);
		message_free(kind, message);
		return err;
	}
	return message_known(kind) ? -EPROTO : 0;
}
