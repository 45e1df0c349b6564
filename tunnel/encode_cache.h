/* encode_cache: the encodings of recently sent objects, so that one change fanned out to a thousand sessions
 * is encoded once. Bounded by bytes, least recently used first out. One per loop; not thread-safe (the blobs
 * in it are). */
#ifndef HOLDFAST_TUNNEL_ENCODE_CACHE_H
#define HOLDFAST_TUNNEL_ENCODE_CACHE_H

#include "cache/object.h"
#include "tunnel/blob.h"

struct encode_cache;

#define ENCODE_CACHE_BYTES (16u * 1024 * 1024) /* what hubs use */
#define ENCODE_CACHE_ENTRIES_MAX 65536u

struct encode_cache *encode_cache_new(size_t max_bytes) must_check; /* NULL without memory */
void encode_cache_free(struct encode_cache *cache);
/* The Put of this version of the object; one reference for the caller. NULL without memory. */
struct blob *encode_cache_put(struct encode_cache *cache, const struct object *object) must_check;
uint64_t encode_cache_hits(const struct encode_cache *cache);
uint64_t encode_cache_misses(const struct encode_cache *cache);

#endif
