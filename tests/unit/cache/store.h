/* store: an inline cache in a directory of its own, and the shortest way to write into it and see what
 * comes of it. */
#ifndef HOLDFAST_TESTS_CACHE_STORE_H
#define HOLDFAST_TESTS_CACHE_STORE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "cache/cache.h"

struct store {
	char dir[64];
	char path[96];
	struct cache_options options;
	struct cache *cache;
	int64_t now_ms; /* wall time told to cache_dispatch */
	unsigned wakes;
};

int store_setup(void **state); /* cmocka fixtures: an open store in *state */
int store_teardown(void **state);
void store_open(struct store *s);
int store_try_open(struct store *s, struct err *err);
void store_close(struct store *s);
void store_reopen(struct store *s);
void store_dispatch(struct store *s);

/* What became of one transaction. */
struct outcome {
	unsigned calls;
	int code;
	size_t failed_op;
	uint64_t revision, object_revision;
};
struct outcome store_run(struct store *s, struct cache_op *ops, size_t count);
cache_done_fn outcome_done; /* ctx: struct outcome */

/* An object "pods", namespace "ns", with the body and uid given; one reference. */
struct object *pod(const char *name, const char *uid, const char *body);
struct object *thing(const char *resource, const char *ns, const char *name, const char *uid,
		     const char *body, const char *node); /* field spec.nodeName = node unless NULL */
uint64_t put(struct store *s, const char *name, const char *body); /* a pod; its revision; asserts success */
uint64_t delete_pod(struct store *s, const char *name);
int get(struct store *s, const char *name, uint64_t *out_revision, char body[64]); /* code of cache_get */

/* All that a list gives, as "ns/name=body@revision " texts. */
struct listing {
	struct buf text;
	uint64_t revision;
	size_t count, stop_after;
	char last_ns[64], last_name[64];
};
int list_into(struct store *s, const struct cache_list *list, struct listing *out); /* initialises out */
const char *list_text(struct store *s, const struct cache_list *list,
		      struct listing *out); /* asserts success */

/* All that a watch was told, as "A ns/name=body@revision " texts: A, M, D or L. */
struct journal {
	struct buf text;
	unsigned changes, gone, pause_every;
	uint64_t last;
	struct cache_watch *watch;
};
extern const struct cache_watch_events journal_events;
void journal_init(struct journal *j);
const char *
journal_take(struct journal *j); /* the text so far, which is then forgotten; valid until the next change */

#endif
