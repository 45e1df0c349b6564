#include "tunnel/sink_index.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tunnel/replicate_source.h"

void sink_index_init(struct sink_index *index)
{
	memset(index, 0, sizeof(*index));
	map_init(&index->rows, REPL_OBJECTS_MAX + REPL_ORPHANS_MAX);
}

static void free_row(void *value)
{
	struct sink_row *row = value;

	free(row->uid);
	free(row);
}

void sink_index_done(struct sink_index *index)
{
	map_done(&index->rows, free_row);
}

struct span sink_key(const struct key *key, char out[SINK_KEY_MAX])
{
	int n = snprintf(out, SINK_KEY_MAX, "%s/%s/%s", key->resource, key->ns, key->name);

	return span_make(out, n < 0 || n >= (int)SINK_KEY_MAX ? 0 : (size_t)n);
}

struct sink_row *sink_index_find(const struct sink_index *index, const struct key *key)
{
	char text[SINK_KEY_MAX];

	return map_get(&index->rows, sink_key(key, text));
}

/* Adds the row to the digests, or takes it out again: XOR is its own inverse. */
static void toggle(struct sink_index *index, const struct sink_row *row)
{
	if (row->orphan || !row->uid)
		return;
	digest_xor(&index->root, row->digest);
	digest_xor(&index->buckets[row->bucket], row->digest);
}

static const char *copy_part(char **at, const char *part)
{
	size_t size = strlen(part) + 1;
	char *start = *at;

	memcpy(start, part, size);
	*at += size;
	return start;
}

static int add_row(struct sink_index *index, const struct key *key, struct sink_row **out)
{
	char text[SINK_KEY_MAX];
	struct span id = sink_key(key, text);
	struct sink_row *row;
	char *at;
	int err;

	if (!id.len)
		return -EINVAL;
	row = calloc(1, sizeof(*row) + id.len + 1);
	if (!row)
		return -ENOMEM;
	at = (char *)(row + 1);
	row->key.resource = copy_part(&at, key->resource);
	row->key.ns = copy_part(&at, key->ns);
	row->key.name = copy_part(&at, key->name);
	row->bucket = (uint8_t)digest_bucket(key);
	err = map_put(&index->rows, id, row, NULL);
	if (err) {
		free(row);
		return err;
	}
	*out = row;
	return 0;
}

int sink_index_set(struct sink_index *index, const struct key *key, const char *uid, uint64_t origin)
{
	struct sink_row *row = sink_index_find(index, key);
	char *copy = span_dup(span_of(uid));
	int err;

	if (!copy)
		return -ENOMEM;
	if (!row) {
		err = add_row(index, key, &row);
		if (err) {
			free(copy);
			return err;
		}
	}
	toggle(index, row);
	if (row->orphan && strcmp(row->uid, uid) != 0) {
		row->orphan = false;
		index->orphans--;
	}
	free(row->uid);
	row->uid = copy;
	row->origin = origin;
	row->digest = digest_row(key, uid, origin);
	toggle(index, row);
	return 0;
}

void sink_index_remove(struct sink_index *index, const struct key *key)
{
	char text[SINK_KEY_MAX];
	struct sink_row *row = map_remove(&index->rows, sink_key(key, text));

	if (!row)
		return;
	toggle(index, row);
	index->orphans -= row->orphan;
	free_row(row);
}

void sink_index_mark(struct sink_index *index, struct sink_row *row, bool orphan)
{
	if (row->orphan == orphan)
		return;
	toggle(index, row);
	row->orphan = orphan;
	index->orphans += orphan ? 1 : (size_t)-1;
	toggle(index, row);
}

bool sink_index_next(const struct sink_index *index, size_t *cursor, struct sink_row **out)
{
	struct span id;
	void *value;

	if (!map_next(&index->rows, cursor, &id, &value))
		return false;
	*out = value;
	return true;
}
