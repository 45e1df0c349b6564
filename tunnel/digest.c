#include "tunnel/digest.h"

#include "base/bigend.h"
#include "base/hash.h"

#define SEED_A UINT64_C(0x686f6c6466617374)
#define SEED_B UINT64_C(0x7265706c69636173)
#define SEED_BUCKET UINT64_C(0x6275636b657473)

/* Parts are chained through the seed; hashing each with its length keeps "ab"+"c" apart from "a"+"bc". */
static uint64_t hash_part(const char *part, uint64_t seed)
{
	struct span s = span_of(part ? part : "");

	return hash64(s, seed * UINT64_C(0x9e3779b97f4a7c15) + s.len + 1);
}

static uint64_t hash_key(const struct key *key, uint64_t seed)
{
	return hash_part(key->name, hash_part(key->ns, hash_part(key->resource, seed)));
}

static uint64_t hash_row(const struct key *key, const char *uid, uint64_t revision, uint64_t seed)
{
	uint8_t number[8];

	bigend_store(revision, 8, number);
	return hash64(span_make(number, sizeof(number)), hash_part(uid, hash_key(key, seed)));
}

struct digest digest_row(const struct key *key, const char *uid, uint64_t revision)
{
	return (struct digest){ hash_row(key, uid, revision, SEED_A), hash_row(key, uid, revision, SEED_B) };
}

unsigned digest_bucket(const struct key *key)
{
	return (unsigned)(hash_key(key, SEED_BUCKET) >> 32) % DIGEST_BUCKETS;
}

void digest_store(struct digest digest, uint8_t out[DIGEST_SIZE])
{
	bigend_store(digest.a, 8, out);
	bigend_store(digest.b, 8, out + 8);
}

struct digest digest_load(const uint8_t in[DIGEST_SIZE])
{
	return (struct digest){ bigend_load(in, 8), bigend_load(in + 8, 8) };
}
