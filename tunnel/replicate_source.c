#include "tunnel/replicate_source.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/repl_plan.h"

#define FETCH_ROWS 256u

enum phase {
	COLLECTING, /* until the initial set is given, and the orphans are named */
	COMPARING,  /* bucket digests sent, or about to be */
	LIVE,
};

struct flight {
	uint64_t number, position;
	bool complete;
};

struct repl_source {
	struct repl_source_options options;
	uint8_t epoch[CACHE_EPOCH_SIZE];
	struct plan plan;
	enum phase phase;
	struct digest edge_root;
	uint32_t edge_objects;
	bool has_rows;       /* the edge had any */
	bool unbroken;
	bool unchanged;
	bool set_given, orphans_given;
	bool digests_due;
	unsigned bucket;     /* lowest that may still be reported */
	uint32_t rows_seen;
	uint64_t position;   /* all changes up to it were announced */
	uint64_t ahead;      /* highest revision sent, maybe before its announcement */
	bool orphans_changed;

	bool batch_open;
	size_t batch_ops, batch_bytes;
	uint64_t batch_number;
	struct flight flights[REPL_BATCHES_IN_FLIGHT];
	size_t flight_first, flight_count;
	uint64_t feeds_sent; /* by index in options.feeds */
	bool complete;       /* the last batch completes the set, and nothing was announced since */
	uint64_t watermark;
	uint64_t puts, removals, unknowns, bytes;
};

static void kick(struct repl_source *source)
{
	mux_kick(source->options.mux, MUX_REPLICATION);
}

int repl_source_new(const struct repl_source_options *options, struct repl_source **out)
{
	const Tunnel__Cursor *cursor = options->cursor;
	struct repl_source *source;

	assert_always(options->rank_of && options->get && options->mux && options->workload_rank < REPL_RANKS);
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->options = *options;
	source->options.cursor = NULL;
	memcpy(source->epoch, options->epoch, sizeof(source->epoch));
	source->orphans_given = true;
	if (cursor) {
		source->edge_root = digest_load(cursor->root.data);
		source->edge_objects = cursor->objects;
		source->has_rows = cursor->objects > 0;
		source->orphans_given = cursor->orphans == 0;
		source->unbroken = options->unbroken && cursor->epoch.len;
	}
	/* A new replica has nothing that absence could be wrong about. */
	if (!cursor || (!cursor->objects && !cursor->orphans && !cursor->epoch.len))
		source->unbroken = true;
	plan_init(&source->plan, options->workload_rank);
	*out = source;
	return 0;
}

void repl_source_free(struct repl_source *source)
{
	if (!source)
		return;
	plan_done(&source->plan);
	free(source);
}

/* --- going live --- */

/* How did a row of the edge leave the set, on a time line without a break? */
static void classify(struct repl_source *source, struct plan_entry *entry)
{
	struct object *object = NULL;
	int err = source->options.get(source->options.ctx, &entry->key, &object);

	if (err == -ENOENT)
		entry->removal = PLAN_GONE;
	else if (!err && (!entry->edge_uid[0] || strcmp(object->uid, entry->edge_uid) == 0))
		entry->removal = PLAN_LEAVE;
	else if (!err)
		entry->removal = PLAN_GONE;
	/* else nothing is concluded from what cannot be read; the next comparison asks again */
	object_unref(object);
}

static void judge(struct repl_source *source, struct plan_entry *entry)
{
	bool same = entry->uid && entry->edge_uid && strcmp(entry->uid, entry->edge_uid) == 0;

	if (entry->edge_uid && !entry->orphan && !same) {
		if (!source->unbroken && !entry->edge_uid[0])
			plan_clear_edge(entry); /* unreadable there, unknown here: nothing to say about it */
		else if (!source->unbroken)
			entry->unknown = !entry->uid || entry->rank >= source->options.workload_rank;
		else if (!entry->uid && entry->removal == PLAN_NOTHING)
			classify(source, entry);
	}
	plan_settle(&source->plan, entry);
}

static void go_live(struct repl_source *source)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	source->phase = LIVE;
	source->orphans_changed = true;
	while (map_next(&source->plan.entries, &cursor, &id, &value))
		judge(source, value);
	kick(source);
}

/* What the set is now, the edge is taken to have, until it says otherwise. */
static int assume_equal(struct repl_source *source)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	while (map_next(&source->plan.entries, &cursor, &id, &value)) {
		struct plan_entry *entry = value;
		int err = entry->uid && !entry->orphan ? plan_edge_matches(entry) : 0;

		if (err)
			return err;
	}
	return 0;
}

static int begin(struct repl_source *source)
{
	uint32_t count;
	struct digest root;
	int err;

	if (source->phase != COLLECTING || !source->set_given || !source->orphans_given)
		return 0;
	if (!source->has_rows) {
		go_live(source);
		return 0;
	}
	root = plan_digest(&source->plan, &count);
	source->unchanged = digest_eq(root, source->edge_root) && count == source->edge_objects;
	if (source->unchanged) {
		err = assume_equal(source);
		if (!err)
			go_live(source);
		return err;
	}
	source->phase = COMPARING;
	source->digests_due = true;
	kick(source);
	return 0;
}

int repl_source_ready(struct repl_source *source, uint64_t revision)
{
	if (revision > source->position)
		source->position = revision;
	source->set_given = true;
	return begin(source);
}

/* --- announcements --- */

static void changed(struct repl_source *source, struct plan_entry *entry)
{
	if (source->phase != LIVE)
		return;
	if (plan_settle(&source->plan, entry))
		source->complete = false;
	if (!source->complete)
		kick(source);
}

int repl_source_put(struct repl_source *source, const struct key *key, uint8_t rank, const char *uid, uint64_t revision)
{
	struct plan_entry *entry;
	int err = plan_entry(&source->plan, key, rank, &entry);

	if (err)
		return err;
	/* What was fetched ahead of its announcements is newer than some of them. */
	if (!entry->uid || revision >= entry->revision)
		err = plan_set_member(&source->plan, entry, uid, revision);
	if (err)
		return err;
	if (entry->edge_uid && strcmp(entry->edge_uid, uid) == 0)
		entry->unknown = false;
	changed(source, entry);
	return 0;
}

static void remove_member(struct repl_source *source, const struct key *key, enum plan_say how)
{
	struct plan_entry *entry = plan_find(&source->plan, key);

	if (!entry || (!entry->uid && entry->removal == PLAN_GONE))
		return;
	plan_unset_member(&source->plan, entry, how);
	changed(source, entry);
}

int repl_source_leave(struct repl_source *source, const struct key *key)
{
	remove_member(source, key, PLAN_LEAVE);
	return 0;
}

int repl_source_gone(struct repl_source *source, const struct key *key, const char *uid)
{
	remove_member(source, key, PLAN_GONE);
	return 0;
}

void repl_source_position(struct repl_source *source, uint64_t revision)
{
	if (revision <= source->position)
		return;
	source->position = revision;
	list_for_each(&source->plan.queues[PLAN_Q_WAITING], node)
		(void)plan_settle(&source->plan, container_of(node, struct plan_entry, node));
	if (source->phase == LIVE && !source->complete)
		kick(source);
}

int repl_source_release(struct repl_source *source, const struct key *key, const char *uid)
{
	struct plan_entry *entry = plan_find(&source->plan, key);

	if (!entry || !entry->orphan || strcmp(entry->edge_uid, uid) != 0)
		return -ENOENT;
	entry->released = true;
	entry->removal = PLAN_GONE;
	source->orphans_changed = true;
	changed(source, entry);
	return 0;
}

/* --- what the edge says --- */

static int on_rows(struct repl_source *source, const Tunnel__BucketKeys *message)
{
	for (size_t i = 0; i < message->n_rows; i++) {
		const Tunnel__Row *row = message->rows[i];
		struct key key = message_key(row->key);
		struct plan_entry *entry;
		int err;

		if (digest_bucket(&key) != message->bucket || ++source->rows_seen > REPL_OBJECTS_MAX)
			return -EBADMSG;
		err = plan_entry(&source->plan, &key, source->options.rank_of(source->options.ctx, key.resource),
				 &entry);
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

	if (source->phase != COMPARING || source->digests_due)
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
		go_live(source);
	return 0;
}

static int on_ack(struct repl_source *source, const void *message)
{
	const Tunnel__Ack *ack = message;
	bool moved = false;

	if (ack->number > source->batch_number)
		return -EPROTO;
	while (source->flight_count && source->flights[source->flight_first].number <= ack->number) {
		const struct flight *flight = &source->flights[source->flight_first];

		if (flight->complete) {
			source->watermark = flight->position;
			moved = true;
		}
		source->flight_first = (source->flight_first + 1) % REPL_BATCHES_IN_FLIGHT;
		source->flight_count--;
	}
	if (moved && source->options.on_watermark)
		source->options.on_watermark(source->options.ctx, source->watermark);
	kick(source);
	return 0;
}

static int on_refetch(struct repl_source *source, const void *message)
{
	const Tunnel__Refetch *m = message;

	for (size_t i = 0; i < m->n_keys; i++) {
		struct key key = message_key(m->keys[i]);
		struct plan_entry *entry;
		int err = plan_entry(&source->plan, &key, source->options.rank_of(source->options.ctx, key.resource),
				     &entry);

		if (err)
			return err;
		if (entry->orphan)
			continue;
		err = plan_set_edge(entry, "", 0);
		if (err)
			return err;
		if (source->phase != LIVE)
			continue;
		source->complete = false;
		judge(source, entry);
	}
	kick(source);
	return 0;
}

static void met_orphan(struct repl_source *source, struct plan_entry *entry)
{
	plan_set_orphan(&source->plan, entry, true);
	source->orphans_changed = true;
	if (source->options.on_orphan &&
	    source->options.on_orphan(source->options.ctx, &entry->key, entry->edge_uid, entry->edge_revision)) {
		entry->fetching = true;
		list_push(&source->plan.fetches, &entry->fetch);
		kick(source);
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
		int err = plan_entry(&source->plan, &key, source->options.rank_of(source->options.ctx, key.resource),
				     &entry);

		if (!err && (entry->orphan || source->plan.orphans >= REPL_ORPHANS_MAX))
			err = -EBADMSG;
		if (!err)
			err = plan_set_edge(entry, m->rows[i]->uid, m->rows[i]->revision);
		if (err)
			return err;
		met_orphan(source, entry);
	}
	source->orphans_given = m->end;
	return begin(source);
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
	{ MSG_BUCKET_KEYS, on_bucket_keys },	   { MSG_ACK, on_ack },
	{ MSG_REFETCH, on_refetch },		   { MSG_ORPHAN_LIST, on_orphan_list },
	{ MSG_ORPHAN_OBJECT, on_orphan_object },
};

static int on_message(void *ctx, uint16_t kind, struct span bytes)
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

/* --- what is said to the edge --- */

static int supply_message(struct repl_source *source, struct mux_message *out, uint16_t kind, const void *message)
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

	/* The set may have moved since begin(): what is sent is what the answer will be compared with. */
	err = assume_equal(source);
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

/* What is fetched can be newer than announced. A reference names nothing itself and goes as it is, because a pod may need it in
 * this very batch; a workload may name what was not announced yet, and waits. */
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
	out->bytes = source->options.encode ? source->options.encode(source->options.ctx, object) :
					      message_encode_put(object);
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
	int n = entry->removal == PLAN_GONE ? supply_gone(source, entry, out) : supply_leave(source, entry, out);

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
	met_orphan(source, entry);
	plan_settle(&source->plan, entry);
	return 1;
}

static int supply_entry(struct repl_source *source, struct plan_entry *entry, struct mux_message *out)
{
	switch (plan_say(&source->plan, entry)) {
	case PLAN_PUT:
		return supply_put(source, entry, out);
	case PLAN_GONE:
	case PLAN_LEAVE:
		return supply_removal(source, entry, out);
	case PLAN_UNKNOWN:
		return supply_unknown(source, entry, out);
	case PLAN_NOTHING:
		break;
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
	return !plan_first(&source->plan) && !source->plan.queues[PLAN_Q_WAITING].count &&
	       source->ahead <= source->position;
}

static int supply_batch_end(struct repl_source *source, struct mux_message *out)
{
	bool complete = is_complete(source);
	Tunnel__BatchEnd message = TUNNEL__BATCH_END__INIT;
	char *feeds[REPL_FEEDS_MAX];

	message.number = ++source->batch_number;
	message.position = source->position > source->ahead ? source->position : source->ahead;
	/* Under a new epoch the edge would take absence for deletion: not before every unknown row is marked. */
	if (source->unbroken || !source->plan.queues[PLAN_Q_UNKNOWN].count) {
		message.epoch.data = source->epoch;
		message.epoch.len = sizeof(source->epoch);
	}
	if (complete) {
		message.complete = true;
		message.feeds = feeds;
		message.n_feeds = fresh_feeds(source, feeds);
	}
	source->complete = complete;
	source->flights[(source->flight_first + source->flight_count++) % REPL_BATCHES_IN_FLIGHT] =
		(struct flight){ message.number, message.position, complete };
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
	/* An empty batch says that the set is complete: at the start, and when what was waited for turned out to be nothing. */
	if (source->batch_open || (!source->complete && is_complete(source)))
		return supply_batch_end(source, out);
	return 0;
}

static int supply(void *ctx, struct mux_message *out)
{
	struct repl_source *source = ctx;

	if (source->digests_due)
		return supply_digests(source, out);
	if (source->phase != LIVE)
		return 0;
	if (source->orphans_changed && !source->plan.queues[PLAN_Q_UNKNOWN].count) {
		source->orphans_changed = false;
		plan_release_references(&source->plan);
	}
	if (source->plan.fetches.count)
		return supply_fetch(source, out);
	return supply_batch(source, out);
}

const struct mux_channel_ops repl_source_channel = { .on_message = on_message, .supply = supply };

void repl_source_stats(const struct repl_source *source, struct repl_source_stats *out)
{
	*out = (struct repl_source_stats){
		.objects = source->plan.members,
		.pending = plan_pending(&source->plan),
		.waiting = source->plan.queues[PLAN_Q_WAITING].count,
		.unreadable = source->plan.queues[PLAN_Q_UNREADABLE].count,
		.orphans = source->plan.orphans,
		.batches_in_flight = source->flight_count,
		.diverged = source->has_rows && !source->unbroken,
		.unchanged = source->unchanged,
		.watermark = source->watermark,
		.puts = source->puts,
		.removals = source->removals,
		.unknowns = source->unknowns,
		.bytes = source->bytes,
	};
	out->synced = source->phase == LIVE && source->complete && !out->pending && !out->waiting &&
		      !out->batches_in_flight;
}
