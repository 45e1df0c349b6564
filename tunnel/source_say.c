/* replicate_source: what is said to the edge, chosen when the mux can take it. */
#include "tunnel/source_internal.h"

#include <errno.h>

#define FETCH_ROWS 256u

static int supply_message(struct repl_source *source, struct mux_message *out, uint16_t kind,
			  const void *message)
{
	out->bytes = message_blob(kind, message);
	if (!out->bytes)
		return -ENOMEM;
	out->kind = kind;
	source->bytes += blob_span(out->bytes).len;
	return 1;
}

static int supply_digests(struct repl_source *source, struct mux_message *out)
{
	uint8_t digests[DIGEST_BUCKETS * DIGEST_SIZE];
	Tunnel__BucketDigests message = TUNNEL__BUCKET_DIGESTS__INIT;
	int err;

	/* The set may have moved since source_begin(): what is sent is what the answer will be compared with. */
	err = source_assume_equal(source);
	if (err)
		return err;
	plan_buckets(&source->plan, digests);
	message.digests.data = digests;
	message.digests.len = sizeof(digests);
	source->digests_due = false;
	return supply_message(source, out, MSG_BUCKET_DIGESTS, &message);
}

static int supply_fetch(struct repl_source *source, struct mux_message *out)
{
	Tunnel__OrphanFetch message = TUNNEL__ORPHAN_FETCH__INIT;
	Tunnel__Row rows[FETCH_ROWS];
	Tunnel__Key keys[FETCH_ROWS];
	Tunnel__Row *pointers[FETCH_ROWS];
	struct list_node *node;

	message.rows = pointers;
	while (message.n_rows < FETCH_ROWS && (node = list_pop(&source->plan.fetches))) {
		struct plan_entry *entry = container_of(node, struct plan_entry, fetch);
		size_t i = message.n_rows++;

		message_set_key(&keys[i], &entry->key);
		tunnel__row__init(&rows[i]);
		rows[i].key = &keys[i];
		rows[i].uid = entry->edge_uid;
		pointers[i] = &rows[i];
	}
	return supply_message(source, out, MSG_ORPHAN_FETCH, &message);
}

/* What is fetched can be newer than announced. A reference names nothing itself and goes as it is, because a
 * pod may need it in this very batch; a workload may name what was not announced yet, and waits. */
static int fetch(struct repl_source *source, struct plan_entry *entry, struct object **out)
{
	bool runs = entry->rank >= source->options.workload_rank;
	int err;

	if (runs && entry->revision > source->position)
		return -ENOENT;
	err = source->options.get(source->options.ctx, &entry->key, out);
	if (err)
		return err;
	if ((*out)->revision > entry->revision && !runs)
		return plan_set_member(&source->plan, entry, (*out)->uid, (*out)->revision);
	if ((*out)->revision == entry->revision)
		return 0;
	return (*out)->revision > entry->revision ? -ENOENT : -EBADMSG;
}

/* 0: not now; the entry went to another queue. */
static int supply_put(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	struct object *object = NULL;
	int err = fetch(source, entry, &object);

	if (err) {
		object_unref(object);
		plan_park(&source->plan, entry, err == -ENOENT ? PLAN_Q_WAITING : PLAN_Q_UNREADABLE);
		return err == -ENOMEM ? err : 0;
	}
	if (object->revision > source->ahead)
		source->ahead = object->revision;
	out->bytes = source->options.encode ? source->options.encode(source->options.ctx, object)
					    : message_encode_put(object);
	object_unref(object);
	if (!out->bytes)
		return -ENOMEM;
	out->kind = MSG_PUT;
	source->bytes += blob_span(out->bytes).len;
	source->puts++;
	source->orphans_changed |= entry->orphan;
	plan_set_orphan(&source->plan, entry, false);
	err = plan_edge_matches(entry);
	plan_settle(&source->plan, entry);
	return err ? err : 1;
}

static int supply_gone(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	Tunnel__Gone message = TUNNEL__GONE__INIT;
	Tunnel__Key key;

	message_set_key(&key, &entry->key);
	message.key = &key;
	message.uid = entry->edge_uid;
	message.released = entry->orphan;
	return supply_message(source, out, MSG_GONE, &message);
}

static int supply_leave(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	Tunnel__Leave message = TUNNEL__LEAVE__INIT;
	Tunnel__Key key;

	message_set_key(&key, &entry->key);
	message.key = &key;
	message.released = entry->orphan;
	return supply_message(source, out, MSG_LEAVE, &message);
}

static int supply_removal(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	int n = entry->removal == PLAN_GONE ? supply_gone(source, entry, out)
					    : supply_leave(source, entry, out);

	if (n < 0)
		return n;
	source->removals++;
	source->orphans_changed |= entry->orphan;
	plan_set_orphan(&source->plan, entry, false);
	plan_clear_edge(entry);
	plan_settle(&source->plan, entry);
	return 1;
}

static int supply_unknown(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	Tunnel__Unknown message = TUNNEL__UNKNOWN__INIT;
	Tunnel__Key key;
	int n;

	message_set_key(&key, &entry->key);
	message.key = &key;
	message.uid = entry->edge_uid;
	n = supply_message(source, out, MSG_UNKNOWN, &message);
	if (n < 0)
		return n;
	source->unknowns++;
	entry->unknown = false;
	source_met_orphan(source, entry);
	plan_settle(&source->plan, entry);
	return 1;
}

static int supply_entry(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	switch (plan_say(&source->plan, entry)) {
	case PLAN_PUT: return supply_put(source, entry, out);
	case PLAN_GONE:
	case PLAN_LEAVE: return supply_removal(source, entry, out);
	case PLAN_UNKNOWN: return supply_unknown(source, entry, out);
	case PLAN_NOTHING: break;
	}
	plan_settle(&source->plan, entry);
	return 0;
}

static bool feed_readable(const struct repl_source *source, const char *feed)
{
	list_for_each(&source->plan.queues[PLAN_Q_UNREADABLE], node) {
		const struct plan_entry *entry = container_of(node, struct plan_entry, node);

		if (strcmp(entry->key.resource, feed) == 0)
			return false;
	}
	return true;
}

/* Feeds become complete once in a session; one with an object that the cloud cannot read does not. */
static size_t fresh_feeds(struct repl_source *source, char *out[REPL_FEEDS_MAX])
{
	const char *const *feeds = source->options.feeds;
	size_t count = 0;

	for (size_t i = 0; feeds && feeds[i] && i < REPL_FEEDS_MAX; i++) {
		if (source->feeds_sent >> i & 1 || !feed_readable(source, feeds[i]))
			continue;
		source->feeds_sent |= UINT64_C(1) << i;
		out[count++] = (char *)feeds[i];
	}
	return count;
}

static bool is_complete(const struct repl_source *source)
{
	return !plan_first(&source->plan) && !source->plan.queues[PLAN_Q_WAITING].count;
}

static int supply_batch_end(struct repl_source *source, struct mux_message *out)
{
	bool complete = is_complete(source);
	Tunnel__BatchEnd message = TUNNEL__BATCH_END__INIT;
	char *feeds[REPL_FEEDS_MAX];

	message.number = ++source->batch_number;
	message.position = source->position > source->ahead ? source->position : source->ahead;
	/* Under a new epoch the edge would take absence for deletion: not before every unknown row is
	 * marked. */
	if (source->unbroken || !source->plan.queues[PLAN_Q_UNKNOWN].count) {
		message.epoch.data = source->epoch;
		message.epoch.len = sizeof(source->epoch);
	}
	if (complete) {
		message.complete = true;
		message.watermark = source->position;
		message.feeds = feeds;
		message.n_feeds = fresh_feeds(source, feeds);
	}
	source->complete = complete;
	source->flights[(source->flight_first + source->flight_count++) % REPL_BATCHES_IN_FLIGHT] =
		(struct source_flight){ message.number, source->position, complete };
	source->batch_open = false;
	source->batch_ops = source->batch_bytes = 0;
	return supply_message(source, out, MSG_BATCH_END, &message);
}

static int supply_batch(struct repl_source *source, struct mux_message *out)
{
	struct plan_entry *entry;

	if (!source->batch_open && source->flight_count == REPL_BATCHES_IN_FLIGHT)
		return 0; /* the next ack kicks */
	if (source->batch_ops >= REPL_BATCH_OPS || source->batch_bytes >= REPL_BATCH_BYTES)
		return supply_batch_end(source, out);
	while ((entry = plan_first(&source->plan))) {
		int n = supply_entry(source, entry, out);

		if (n < 0)
			return n;
		if (n == 0)
			continue;
		source->batch_open = true;
		source->batch_ops++;
		source->batch_bytes += blob_span(out->bytes).len;
		return 1;
	}
	/* An empty batch says that the set is complete: at the start, and when what was waited for turned out
	 * to be nothing. */
	if (source->batch_open || (!source->complete && is_complete(source)))
		return supply_batch_end(source, out);
	return 0;
}

int source_say(void *ctx, struct mux_message *out)
{
	struct repl_source *source = ctx;

	if (source->digests_due)
		return supply_digests(source, out);
	if (source->phase != SOURCE_LIVE)
		return 0;
	if (source->orphans_changed && !source->plan.queues[PLAN_Q_UNKNOWN].count) {
		source->orphans_changed = false;
		plan_release_references(&source->plan);
	}
	if (source->plan.fetches.count)
		return supply_fetch(source, out);
	return supply_batch(source, out);
}
