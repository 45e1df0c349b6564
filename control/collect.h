/* collect: the garbage collector's core: which objects depend on which, and what is to happen to a dependent when
 * its owners go. Pure. Rules: Kubernetes documentation "Garbage Collection" and the ownerReferences field (1.32). */
#ifndef HOLDFAST_CONTROL_COLLECT_H
#define HOLDFAST_CONTROL_COLLECT_H

#include "base/json.h"
#include "cache/object.h"

#define COLLECT_OBJECTS_MAX 4000000u
#define COLLECT_OWNERS_MAX 64u /* owner references of one object that are looked at */
#define FINALIZER_ORPHAN "orphan"
#define FINALIZER_FOREGROUND "foregroundDeletion"

/* --- who depends on whom --- */
struct collect_index;
int collect_index_new(struct collect_index **out) must_check;
void collect_index_free(struct collect_index *index);
/* The object is now like this. *out_owned: it names owners, and is to be judged. -ENOMEM. */
int collect_see(struct collect_index *index, const struct object *object, bool *out_owned) must_check;
void collect_forget(struct collect_index *index, const struct key *key);
/* Everything that names this uid as an owner; stops at the first nonzero answer and returns it. */
int collect_dependents(const struct collect_index *index, const char *uid,
		       int (*each)(void *ctx, const struct key *key), void *ctx) must_check;
size_t collect_count(const struct collect_index *index);

/* --- judging one dependent --- */
enum collect_owner {
	COLLECT_PRESENT, /* lives, or is being deleted without waiting for dependents */
	COLLECT_WAITING, /* is being deleted in the foreground: waits for its dependents */
	COLLECT_ABSENT,	 /* there is no object of that key, or it has another uid */
	COLLECT_UNCLEAR, /* cannot be told (a kind unknown here, a damaged row): treated as present */
};
typedef enum collect_owner collect_lookup_fn(void *ctx, const struct json *owner_reference);

enum collect_verdict {
	COLLECT_KEEP,
	COLLECT_PRUNE,	/* some owners are gone, others live: drop the references in `gone` */
	COLLECT_DELETE, /* no owner is left */
};
struct collect_judgement {
	enum collect_verdict verdict;
	bool foreground; /* COLLECT_DELETE: because its owner waits, so it waits for its own dependents too */
	const char *gone[COLLECT_OWNERS_MAX]; /* uids, borrowed from the tree */
	size_t gone_count;
};
void collect_judge(const struct json *dependent, collect_lookup_fn *lookup, void *ctx,
		   struct collect_judgement *out);

/* --- an owner being deleted --- */
enum collect_policy { COLLECT_NOTHING, COLLECT_ORPHAN, COLLECT_FOREGROUND };
/* What its finalizers ask of the collector: COLLECT_NOTHING unless it is being deleted. */
enum collect_policy collect_policy_of(const struct json *object);
/* Does the dependent hold up the foreground deletion of this owner? */
bool collect_blocks(const struct json *dependent, const char *owner_uid);
/* Removes owner references by uid; 1 when there were any. */
int collect_drop_owner(struct json *dependent, const char *uid) must_check;
int collect_drop_finalizer(struct json *object, const char *name) must_check; /* 1 when it was there */

#endif
