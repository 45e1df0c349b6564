/* pair: a cloud's store and an edge's replica on one disk in memory, and the session between them, carried by
 * hand.
 *
 * The test plays the gateway: it says which keys are in the edge's set. */
#ifndef HOLDFAST_TESTS_TUNNEL_PAIR_H
#define HOLDFAST_TESTS_TUNNEL_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/map.h"
#include "cache/cache.h"
#include "tests/tools/faultyvfs.h"
#include "tunnel/encode_cache.h"
#include "tunnel/replicate_sink.h"
#include "tunnel/replicate_source.h"

#define PAIR_WORKLOAD 6

struct pair {
	struct faultyvfs *disk;
	struct cache *cloud, *edge;
	const char *cloud_path;
	struct map set; /* key text -> itself */
	struct encode_cache *encoded;
	struct repl_sink *sink;
	struct repl_source *source;
	struct mux *cloud_mux, *edge_mux;
	struct cache_watch *watch;
	struct buf seen;    /* what watchers saw: "A pods/ns/a ", A, M, D or L, and U when the uid changed */
	struct buf orphans; /* what the cloud was told: "ORPHAN pods/ns/a uid " and "OBJECT pods/ns/a " */
	uint64_t down, up;  /* bytes on the wire */
	uint64_t watermark; /* as acknowledged to the cloud */
	uint64_t synced;    /* at the edge */
	int failed;	    /* last code of the sink's on_failed */
	int get_code;	    /* for the source's get of `unreadable` */
	const char *unreadable;
	bool lag; /* announcements are held back: pair_put does not tell the source */
	bool connected;
};

int pair_setup(void **state);
int pair_teardown(void **state);

struct key pair_key(const char *text); /* "pods/ns/name"; valid until a few calls later */
/* Writes into the cloud's store. uid NULL: "uid-" and the key. Tells the source if the key is in the set. */
uint64_t pair_put(struct pair *p, const char *key, const char *uid, const char *body);
/* Objects "PREFIX0" and on, in few commits, all of them in the set. Before pair_connect. */
void pair_fill(struct pair *p, const char *prefix, unsigned count, const char *body);
void pair_delete(struct pair *p, const char *key);
void pair_enter(struct pair *p, const char *key);
void pair_leave(struct pair *p, const char *key);
void pair_announce(struct pair *p, const char *key); /* what `lag` held back */

void pair_connect(struct pair *p);
void pair_cut(struct pair *p);
/* Carries records and dispatches both stores until nothing moves. */
void pair_settle(struct pair *p);
/* The same for a world in which things fail: the first error ends it, and the connection. */
int pair_try(struct pair *p);
int pair_try_connect(struct pair *p);
/* At most so many records in each direction. */
void pair_step(struct pair *p, unsigned records);
void pair_step_uncommitted(struct pair *p, unsigned records); /* the edge's disk is slow: nothing commits */
void pair_restart_edge(struct pair *p);			      /* without a clean stop */
void pair_restart_cloud(struct pair *p);		      /* a new epoch */
/* The cloud's store as it was at pair_backup. */
void pair_backup(struct pair *p);
void pair_restore(struct pair *p);

const char *pair_seen(struct pair *p);	  /* and forgets it */
const char *pair_orphans(struct pair *p); /* the same for what the cloud was told */
bool pair_has(struct pair *p, const char *key);
void pair_check_equal(struct pair *p); /* the replica is the set, feeds complete */
uint64_t pair_edge_commits(struct pair *p);

#endif
