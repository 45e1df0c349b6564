/* write: the way controllers, the gateway and other in-process users write objects: the same metadata
 * fill-in, defaults, admission, validation, generation and finalizer rules as over REST, without
 * authorization, which the caller has already decided.
 *
 * Each returns 0: submitted, and `done` is called once from cache_dispatch(), after the commit. Or it
 * returns something else, and `done` is never called:
 *     1   nothing to write (the callback left it, or nothing changed) and no extra ops were given
 *     <0  refused: -ENOENT, -EEXIST, -EINVAL (invalid), -EACCES (forbidden), -EAGAIN (queue full) ...;
 *         `status` (may be NULL, the caller's, initialised) says it in words
 * Extra ops are committed in the same transaction, also when the object needs no write: the gateway stores
 * an outbox sequence with its effect. They are copied, and objects in them are taken, whatever is
 * returned. */
#ifndef HOLDFAST_API_WRITE_H
#define HOLDFAST_API_WRITE_H

#include "api/server.h"

#define API_WRITE_RETRIES 5u
#define API_EXTRA_OPS_MAX 64u

struct api_written {
	int code;	   /* 0, or negative errno as above; -ESTALE after API_WRITE_RETRIES lost races */
	bool changed;	   /* false: the object needed no write */
	uint64_t revision; /* of the object (or of the transaction when it was deleted) */
	const struct object *object; /* the state now stored, borrowed; NULL after removal or failure */
	const struct status *status; /* never NULL; says failures in words */
};
typedef void api_written_fn(void *ctx, const struct api_written *written);

struct api_extra_ops {
	struct cache_op *ops;
	size_t count;
};

/* What a mutation may touch; the rest of the tree is put back to what it was. */
enum api_part {
	API_PART_OBJECT, /* as a PUT of the object: status is kept when the kind has the subresource */
	API_PART_STATUS, /* as a PUT of the status subresource */
	API_PART_ALL,	 /* both at once; also spec.finalizers of namespaces and spec.nodeName of pods */
};
/* Changes the tree (storage form, with metadata.resourceVersion) in place. 0: write it; 1: leave it;
 * negative: refuse with this. Called from within api_mutate, and again from cache_dispatch when a race was
 * lost: it must not keep the tree. */
typedef int api_mutate_fn(void *ctx, struct json *object, const struct object *stored);
int api_mutate(struct api *api, const struct key *key, enum api_part part, api_mutate_fn *mutate,
	       const struct api_extra_ops *extra, struct status *status, api_written_fn *done,
	       void *ctx) must_check;

/* `object_take` carries apiVersion, kind and metadata.namespace; generateName works. The tree is taken
 * whatever happens. */
int api_create(struct api *api, struct json *object_take, const struct api_extra_ops *extra,
	       struct status *status, api_written_fn *done, void *ctx) must_check;

enum api_propagation { API_BACKGROUND, API_FOREGROUND, API_ORPHAN };
struct api_delete_options {
	const char *if_uid;   /* NULL: any */
	uint64_t if_revision; /* 0: any */
	int64_t grace_s;      /* negative: the object's own */
	enum api_propagation propagation;
};
/* Marks for deletion or removes, by the rules for finalizers and for bound pods. `options` may be NULL. */
int api_delete(struct api *api, const struct key *key, const struct api_delete_options *options,
	       const struct api_extra_ops *extra, struct status *status, api_written_fn *done,
	       void *ctx) must_check;

#endif
