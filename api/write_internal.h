/* write_internal: one write on its way: read, compute, check, submit, and again when a race was lost.
 *
 * Shared by the REST verbs and api/write.h. A struct write lives until its outcome was told. Internal to
 * api/. */
#ifndef HOLDFAST_API_WRITE_INTERNAL_H
#define HOLDFAST_API_WRITE_INTERNAL_H

#include "api/server_internal.h"

enum write_type { WRITE_CREATE, WRITE_UPDATE, WRITE_DELETE };
/* Beside API_PART_*: what the server's own subresources touch. */
#define WRITE_PART_FINALIZE 100 /* spec.finalizers of a namespace */
#define WRITE_PART_BINDING 101	/* spec.nodeName and one condition of a pod */

struct write;
/* Changes or replaces *tree (storage form, a copy of `old`; for a create the object itself). 0: go on; 1:
 * leave it; negative: refused, with write->status set. For WRITE_DELETE, write->removes says whether the
 * object goes at once. */
typedef int write_compute_fn(struct write *write, struct json **tree, const struct json *old,
			     const struct object *stored);
/* The outcome of a write that write_run() left under way, once. write->api is NULL when the server went
 * away meanwhile. */
typedef void write_finish_fn(struct write *write, int code);

struct write {
	struct list_node node; /* api->writes while submitted */
	struct api *api;       /* NULL once the api is gone */
	enum write_type type;
	int part;			   /* enum api_part, or WRITE_PART_* */
	const struct kind *kind;	   /* as the writer speaks */
	const struct kind *stored_kind;	   /* as it is stored */
	const struct api_attributes *what; /* NULL once the asker is gone: then nothing is tried again */
	struct api_attributes own;	   /* what an in-process write shows to admission */
	char *ns, *name;
	bool may_retry, dry_run, is_internal;
	bool removes; /* this attempt takes the object out of the store */
	unsigned attempts;
	struct cache_op *extra; /* copies, with a reference each */
	size_t extra_count;
	struct object *stored;	/* the state this attempt is based on */
	struct object *outcome; /* what to show: the state now stored, or the last one */
	bool changed;
	uint64_t revision;
	struct json *fresh; /* WRITE_CREATE: the object */
	struct status status;
	write_compute_fn *compute;
	write_finish_fn *finish;
	void *ctx;
};

/* Starts empty; ns and name are copied. NULL without memory. */
struct write *write_new(struct api *api, enum write_type type, const struct kind *kind, const char *ns,
			const char *name) must_check;
void write_free(struct write *write);
/* 0: under way, finish comes later. 1: nothing to commit, write->outcome is what stands (or would, in a
 * dry run). Negative: refused, write->status says why. Unless 0, the write stays the caller's to free. */
int write_run(struct write *write) must_check;
void writes_orphan(struct api *api);
struct status_about write_about(const struct write *write);

/* --- write_object.c: what the server adds to and keeps of objects --- */
int write_prepare_create(struct write *write, struct json *tree) must_check;
int write_prepare_update(struct write *write, struct json *tree, const struct json *old) must_check;
int write_choose_name(struct write *write,
		      struct json *tree) must_check; /* from generateName, anew at each call */
bool write_is_over(const struct json *tree); /* deletion has begun and nothing holds the object any more */
int write_to_storage(const struct kind *kind, struct json *tree) must_check;
bool kind_has_status(const struct kind *kind);

/* --- write_delete.c --- */
struct write_delete {
	char if_uid[64];
	uint64_t if_revision;
	bool has_grace;
	int64_t grace_s;
	bool has_propagation;
	enum api_propagation propagation;
};
/* A write_compute_fn's body: marks the object or says that it goes. */
int write_delete_compute(struct write *write, const struct write_delete *options, struct json *tree,
			 const struct json *old, const struct object *stored) must_check;
int write_delete_options(const struct request_options *query, const struct json *body,
			 struct write_delete *out, struct status *status) must_check;

/* --- write_pod.c --- */
int write_bind(struct write *write, const struct json *binding, struct json *tree) must_check;

#endif
