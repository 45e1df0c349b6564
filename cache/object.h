/* object: one version of one stored object, immutable and shared by reference.
 *
 * The cache knows nothing of JSON: whoever writes pulls out uid, labels, indexed fields and owners
 * and hands them over beside the body. One heap block holds everything; references are atomic,
 * because versions cross from the writer thread to the loop. */
#ifndef HOLDFAST_CACHE_OBJECT_H
#define HOLDFAST_CACHE_OBJECT_H

#include "base/buf.h"

/* Where an object lives. `resource` is the *storage* resource with its group, in the field's form: "pods",
 * "configmaps", "daemonsets.apps", "leases.coordination.k8s.io". `ns` is "" for cluster-scoped kinds. */
struct key {
	const char *resource;
	const char *ns;
	const char *name;
};
bool key_eq(const struct key *a, const struct key *b);
int key_cmp(const struct key *a, const struct key *b); /* by resource, namespace, name, bytewise */
/* "resource/ns/name" in out, for maps and messages. */
int key_text(const struct key *key, struct buf *out);

/* Packed string pairs, "key\0value\0key\0value\0", sorted by key: labels and indexed fields. */
const char *pairs_get(struct span packed, const char *key); /* NULL when absent */
bool pairs_next(struct span packed, size_t *cursor, const char **out_key, const char **out_value);
int pairs_add(struct buf *packed, const char *key, const char *value); /* caller adds in order of keys */
bool pairs_valid(struct span packed); /* whole pairs only, keys strictly rising */

struct object {
	struct key key;
	const char *uid;   /* "" only in tests */
	uint64_t revision; /* of this store; 0 before the commit gave one */
	uint64_t origin;   /* in a replica: the cloud's revision of the same state; 0 in the cloud */
	int64_t generation;
	struct span labels; /* packed pairs */
	struct span fields; /* packed pairs, "metadata.name" and "metadata.namespace" not included */
	struct span owners; /* uids of owner references, NUL-terminated one after another */
	struct span body;   /* normalized JSON without metadata.resourceVersion */
	/* Offset in body just after `"metadata":{`, where resourceVersion goes in; 0: nowhere. */
	uint32_t splice;
};

/* Copies everything in `from` (its key strings too); one reference for the caller. NULL without memory. */
struct object *object_new(const struct object *from) must_check;
struct object *object_ref(const struct object *object);
void object_unref(const struct object *object); /* NULL is fine */
/* The same object under `revision`: in place when the reference taken is the only one, else a copy. NULL
 * without memory (the reference is gone then too). For engines, which give revisions. */
struct object *object_stamp(struct object *object_take, uint64_t revision) must_check;
bool object_same(const struct object *a, const struct object *b); /* in everything but the revision */

/* The body with `"resourceVersion":"N",` spliced in (without the comma into empty metadata); what clients
 * see. */
int object_write(const struct object *object, struct buf *out);
/* The same as three spans for a gathering write; `scratch` holds the middle one. */
void object_parts(const struct object *object, char scratch[48], struct span out[3]);

#endif
