/* digest: how two inventories are compared without sending them: 128 bits for each row of (key, uid, cloud
 * revision), combined by XOR, so that a set's digest follows each change at constant cost. For honest
 * parties: the ends have authenticated each other. Part of the wire format. */
#ifndef HOLDFAST_TUNNEL_DIGEST_H
#define HOLDFAST_TUNNEL_DIGEST_H

#include "cache/object.h"

#define DIGEST_BUCKETS 256u
#define DIGEST_SIZE 16u

struct digest {
	uint64_t a, b;
};

struct digest digest_row(const struct key *key, const char *uid, uint64_t revision);
unsigned digest_bucket(const struct key *key); /* < DIGEST_BUCKETS, by key alone */
static inline void digest_xor(struct digest *into, struct digest row)
{
	into->a ^= row.a;
	into->b ^= row.b;
}
static inline bool digest_eq(struct digest x, struct digest y)
{
	return x.a == y.a && x.b == y.b;
}
void digest_store(struct digest digest, uint8_t out[DIGEST_SIZE]); /* network byte order */
struct digest digest_load(const uint8_t in[DIGEST_SIZE]);

#endif
