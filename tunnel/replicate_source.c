#include "tunnel/source_internal.h"

#include <errno.h>
#include <stdlib.h>

void source_kick(struct repl_source *source)
{
	mux_kick(source->options.mux, MUX_REPLICATION);
}

int repl_source_new(const struct repl_source_options *options, struct repl_source **out)
{
	const Tunnel__Cursor *cursor = options->cursor;
	struct repl_source *source;

	assert_always(options->rank_of && options->get && options->mux &&
		      options->workload_rank < REPL_RANKS);
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

void source_judge(struct repl_source *source, struct plan_entry *entry)
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

void source_go_live(struct repl_source *source)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	source->phase = SOURCE_LIVE;
	source->orphans_changed = true;
	while (map_next(&source->plan.entries, &cursor, &id, &value))
		source_judge(source, value);
	source_kick(source);
}

int source_assume_equal(struct repl_source *source)
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

int source_begin(struct repl_source *source)
{
	uint32_t count;
	struct digest root;
	int err;

	if (source->phase != SOURCE_COLLECTING || !source->set_given || !source->orphans_given)
		return 0;
	if (!source->has_rows) {
		source_go_live(source);
		return 0;
	}
	root = plan_digest(&source->plan, &count);
	source->unchanged = digest_eq(root, source->edge_root) && count == source->edge_objects;
	if (source->unchanged) {
		err = source_assume_equal(source);
		if (!err)
			source_go_live(source);
		return err;
	}
	source->phase = SOURCE_COMPARING;
	source->digests_due = true;
	source_kick(source);
	return 0;
}

int repl_source_ready(struct repl_source *source, uint64_t revision)
{
	if (revision > source->position)
		source->position = revision;
	source->set_given = true;
	return source_begin(source);
}

/* --- announcements --- */

static void changed(struct repl_source *source, struct plan_entry *entry)
{
	if (source->phase != SOURCE_LIVE)
		return;
	if (plan_settle(&source->plan, entry))
		source->complete = false;
	if (!source->complete)
		source_kick(source);
}

int repl_source_put(struct repl_source *source, const struct key *key, uint8_t rank, const char *uid,
		    uint64_t revision)
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
	if (source->phase == SOURCE_LIVE && !source->complete)
		source_kick(source);
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

const struct mux_channel_ops repl_source_channel = { .on_message = source_hear, .supply = source_say };

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
	out->synced = source->phase == SOURCE_LIVE && source->complete && !out->pending && !out->waiting &&
		      !out->batches_in_flight;
}
