/* sink_index: which rows of the cloud a replica holds, in memory, with their digests always up to date.
 * Internal to replicate_sink. Orphans are in it, but not in the digests. */
#ifndef HOLDFAST_TUNNEL_SINK_INDEX_H
#define HOLDFAST_TUNNEL_SINK_INDEX_H

#include "base/map.h"
#include "tunnel/digest.h"

struct sink_row {
	struct key key;
	char *uid;
	uint64_t origin;
	struct digest digest;
	uint8_t bucket;
	bool orphan;
};

struct sink_index {
	struct map rows;
	struct digest root;
	struct digest buckets[DIGEST_BUCKETS];
	size_t orphans;
};

#define SINK_KEY_MAX 1024u

void sink_index_init(struct sink_index *index);
void sink_index_done(struct sink_index *index);
/* The text of a key in `out`; empty when the key is longer than the wire allows. */
struct span sink_key(const struct key *key, char out[SINK_KEY_MAX]);
struct sink_row *sink_index_find(const struct sink_index *index, const struct key *key);
/* The row now is this version; an orphan of another uid is none any more. */
int sink_index_set(struct sink_index *index, const struct key *key, const char *uid,
		   uint64_t origin) must_check;
void sink_index_remove(struct sink_index *index, const struct key *key);
void sink_index_mark(struct sink_index *index, struct sink_row *row, bool orphan);
bool sink_index_next(const struct sink_index *index, size_t *cursor, struct sink_row **out);

#endif
