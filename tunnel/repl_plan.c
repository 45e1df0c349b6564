#include "tunnel/repl_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct span key_span(const struct key *key, char out[PLAN_KEY_MAX])
{
	int n = snprintf(out, PLAN_KEY_MAX, "%s/%s/%s", key->resource, key->ns, key->name);

	return span_make(out, n < 0 || n >= (int)PLAN_KEY_MAX ? 0 : (size_t)n);
}

void plan_init(struct plan *plan, uint8_t workload_rank)
{
	memset(plan, 0, sizeof(*plan));
	map_init(&plan->entries, 2 * REPL_OBJECTS_MAX);
	for (unsigned i = 0; i < PLAN_QUEUES; i++)
		list_init(&plan->queues[i]);
	list_init(&plan->fetches);
	plan->workload_rank = workload_rank;
}

static void free_entry(void *value)
{
	struct plan_entry *entry = value;

	free(entry->uid);
	free(entry->edge_uid);
	free(entry);
}

void plan_done(struct plan *plan)
{
	map_done(&plan->entries, free_entry);
}

struct plan_entry *plan_find(const struct plan *plan, const struct key *key)
{
	char text[PLAN_KEY_MAX];

	return map_get(&plan->entries, key_span(key, text));
}

static const char *copy_part(char **at, const char *part)
{
	size_t size = strlen(part) + 1;
	char *start = *at;

	memcpy(start, part, size);
	*at += size;
	return start;
}

int plan_entry(struct plan *plan, const struct key *key, uint8_t rank, struct plan_entry **out)
{
	char text[PLAN_KEY_MAX];
	struct span id = key_span(key, text);
	struct plan_entry *entry = map_get(&plan->entries, id);
	char *at;
	int err;

	if (!entry) {
		if (!id.len || strlen(key->resource) > MESSAGE_NAME_MAX ||
		    strlen(key->ns) > MESSAGE_NAME_MAX || strlen(key->name) > MESSAGE_NAME_MAX)
			return -EINVAL;
		entry = calloc(1, sizeof(*entry) + id.len + 1);
		if (!entry)
			return -ENOMEM;
		at = (char *)(entry + 1);
		entry->key.resource = copy_part(&at, key->resource);
		entry->key.ns = copy_part(&at, key->ns);
		entry->key.name = copy_part(&at, key->name);
		entry->bucket = (uint8_t)digest_bucket(&entry->key);
		err = map_put(&plan->entries, id, entry, NULL);
		if (err) {
			free(entry);
			return err;
		}
	}
	if (!list_is_linked(&entry->node))
		entry->rank = rank < REPL_RANKS ? rank : REPL_RANKS - 1;
	*out = entry;
	return 0;
}

static int set_uid(char **field, const char *uid)
{
	char *copy;

	if (*field && uid && strcmp(*field, uid) == 0)
		return 0;
	copy = uid ? span_dup(span_of(uid)) : NULL;
	if (uid && !copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int plan_set_member(struct plan *plan, struct plan_entry *entry, const char *uid, uint64_t revision)
{
	bool was = entry->uid != NULL;
	int err;

	if (!was && plan->members >= REPL_OBJECTS_MAX)
		return -ENOSPC;
	err = set_uid(&entry->uid, uid);
	if (err)
		return err;
	plan->members += !was;
	entry->revision = revision;
	entry->removal = PLAN_NOTHING;
	return 0;
}

void plan_unset_member(struct plan *plan, struct plan_entry *entry, enum plan_say how)
{
	plan->members -= entry->uid != NULL;
	free(entry->uid);
	entry->uid = NULL;
	entry->removal = (uint8_t)how;
}

int plan_set_edge(struct plan_entry *entry, const char *uid, uint64_t revision)
{
	entry->edge_revision = revision;
	return set_uid(&entry->edge_uid, uid);
}

void plan_clear_edge(struct plan_entry *entry)
{
	entry->edge_revision = 0;
	free(entry->edge_uid);
	entry->edge_uid = NULL;
}

int plan_edge_matches(struct plan_entry *entry)
{
	return plan_set_edge(entry, entry->uid, entry->revision);
}

void plan_set_orphan(struct plan *plan, struct plan_entry *entry, bool orphan)
{
	if (orphan != entry->orphan)
		plan->orphans += orphan ? 1 : (size_t)-1;
	entry->orphan = orphan;
	if (!orphan) {
		list_remove(&plan->fetches, &entry->fetch);
		entry->released = entry->fetching = false;
	}
}

/* Only what runs is worth holding back the cloud's object of the same key: a reference is better replaced. */
bool plan_is_held(const struct plan *plan, const struct plan_entry *entry)
{
	return entry->orphan && !entry->released && entry->uid && entry->rank >= plan->workload_rank &&
	       strcmp(entry->uid, entry->edge_uid) != 0;
}

static enum plan_say say_member(const struct plan *plan, const struct plan_entry *entry)
{
	if (plan_is_held(plan, entry))
		return PLAN_NOTHING;
	if (!entry->orphan && entry->edge_uid && entry->edge_revision == entry->revision &&
	    strcmp(entry->uid, entry->edge_uid) == 0)
		return PLAN_NOTHING;
	return PLAN_PUT;
}

enum plan_say plan_say(const struct plan *plan, const struct plan_entry *entry)
{
	if (entry->unknown)
		return PLAN_UNKNOWN;
	if (entry->uid)
		return say_member(plan, entry);
	if (!entry->edge_uid)
		return PLAN_NOTHING;
	if (entry->orphan)
		return entry->released ? entry->removal : PLAN_NOTHING;
	return entry->removal;
}

static enum plan_queue queue_of(const struct plan *plan, const struct plan_entry *entry, enum plan_say say)
{
	if (say == PLAN_UNKNOWN)
		return PLAN_Q_UNKNOWN;
	if (say == PLAN_PUT)
		return PLAN_Q_PUT + entry->rank;
	if (entry->rank >= plan->workload_rank)
		return PLAN_Q_STOP;
	return PLAN_Q_ERASE + (REPL_RANKS - 1 - entry->rank);
}

static void unqueue(struct plan_entry *entry)
{
	if (entry->queue)
		list_remove(entry->queue, &entry->node);
	entry->queue = NULL;
}

void plan_park(struct plan *plan, struct plan_entry *entry, enum plan_queue queue)
{
	if (entry->queue == &plan->queues[queue])
		return; /* an entry that changes again keeps its place */
	unqueue(entry);
	entry->queue = &plan->queues[queue];
	list_push(entry->queue, &entry->node);
}

bool plan_settle(struct plan *plan, struct plan_entry *entry)
{
	enum plan_say say = plan_say(plan, entry);
	char text[PLAN_KEY_MAX];

	if (say != PLAN_NOTHING) {
		plan_park(plan, entry, queue_of(plan, entry, say));
		return true;
	}
	unqueue(entry);
	if (entry->uid || entry->edge_uid)
		return false;
	plan_set_orphan(plan, entry, false);
	map_remove(&plan->entries, key_span(&entry->key, text));
	free_entry(entry);
	return false;
}

struct plan_entry *plan_first(const struct plan *plan)
{
	for (unsigned i = 0; i < PLAN_Q_COUNT; i++) {
		struct list_node *node = list_first(&plan->queues[i]);

		if (node)
			return container_of(node, struct plan_entry, node);
	}
	return NULL;
}

size_t plan_pending(const struct plan *plan)
{
	size_t count = 0;

	for (unsigned i = 0; i < PLAN_Q_COUNT; i++)
		count += plan->queues[i].count;
	return count;
}

static bool has_orphan_workload(const struct plan *plan)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	while (map_next(&plan->entries, &cursor, &id, &value)) {
		const struct plan_entry *entry = value;

		if ((entry->unknown || (entry->orphan && !entry->released)) &&
		    entry->rank >= plan->workload_rank)
			return true;
	}
	return false;
}

void plan_release_references(struct plan *plan)
{
	size_t cursor = 0;
	struct span id;
	void *value;

	if (!plan->orphans || has_orphan_workload(plan))
		return;
	while (map_next(&plan->entries, &cursor, &id, &value)) {
		struct plan_entry *entry = value;

		if (!entry->orphan || entry->released)
			continue;
		entry->released = true;
		entry->removal = PLAN_LEAVE;
		plan_settle(plan, entry);
	}
}

struct digest plan_digest(const struct plan *plan, uint32_t *out_count)
{
	struct digest digest = { 0, 0 };
	size_t cursor = 0;
	struct span id;
	void *value;

	*out_count = 0;
	while (map_next(&plan->entries, &cursor, &id, &value)) {
		const struct plan_entry *entry = value;

		if (!entry->uid || plan_is_held(plan, entry))
			continue;
		digest_xor(&digest, digest_row(&entry->key, entry->uid, entry->revision));
		(*out_count)++;
	}
	return digest;
}

void plan_buckets(const struct plan *plan, uint8_t out[DIGEST_BUCKETS * DIGEST_SIZE])
{
	struct digest buckets[DIGEST_BUCKETS] = { { 0, 0 } };
	size_t cursor = 0;
	struct span id;
	void *value;

	while (map_next(&plan->entries, &cursor, &id, &value)) {
		const struct plan_entry *entry = value;

		if (entry->uid && !plan_is_held(plan, entry))
			digest_xor(&buckets[entry->bucket],
				   digest_row(&entry->key, entry->uid, entry->revision));
	}
	for (unsigned i = 0; i < DIGEST_BUCKETS; i++)
		digest_store(buckets[i], out + i * DIGEST_SIZE);
}
