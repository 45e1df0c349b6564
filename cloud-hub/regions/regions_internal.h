/* regions_internal: what the sources of regions share: regions.c (life, nodes), region_verdicts.c, region_store.c (Region objects, keys),
 * region_want.c (who is asked about whom), region_figures.c, region_said.c (for people), region_record.c (for
 * the audit log). Private to cloud-hub/regions. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_REGIONS_INTERNAL_H
#define HOLDFAST_CLOUD_HUB_REGIONS_REGIONS_INTERNAL_H

#include "base/list.h"
#include "base/map.h"
#include "base/timerq.h"
#include "cloud-hub/regions/check_units.h"
#include "cloud-hub/regions/membership.h"
#include "cloud-hub/regions/regions.h"
#include "healthcheck/freeing.h"
#include "healthcheck/policy.h"

#define REGIONS_MODULE "regions"
#define REGIONS_MARK_SIZE (sizeof(REGIONS_PAST_PREFIX) + ROSTER_REGION_SIZE)
#define REGIONS_MARK_PREFIX "health/region/"
#define REGIONS_PAST_PREFIX \
	"health/rosters/" /* and the region: roster_past, with each roster and when all have seen it */
#define REGIONS_SIGNER_MARK "health/signer"
#define REGIONS_GONE_MARK "health/gone" /* the highest version of a roster of a region that went */

struct region {
	struct regions *regions;
	struct membership *membership;
	struct electorate *electorate;
	struct roster *roster; /* as stored last; NULL: not yet */
	struct health_policy policy;
	bool is_stored, is_edited; /* the object exists; an operator gave it a spec */
	bool is_writing;
	uint64_t revision;	 /* of the object */
	uint64_t fence_revision; /* with which it has the T it has */
	uint64_t retry_ms;	 /* no write before */
	uint64_t check_ms;	 /* when checks were counted from */
	unsigned checks;
	uint64_t complained_ms; /* of a forged verdict, last; 0: never */
	bool want_due;
	bool past_due;			/* its mark says more than is true */
	bool is_apart;			/* its figures are */
	struct regions_figures figures; /* what is counted up */
	uint64_t wanted;		/* hash of the list asked for last, 0: empty */
	struct timerq_node timer;
	char name[ROSTER_REGION_SIZE];
};

struct region_node {
	struct region *region; /* NULL: alone */
	bool is_up, in_maintenance;
	bool is_judged; /* by its neighbours: region_units.c */
	uint64_t down_since_ms;
	uint64_t start;			       /* of its hub; 0: not known */
	uint64_t oldest_roster, newest_roster; /* that it may go by, of its region; see struct freeing_node */
	unsigned fence_told_ms;		       /* as it said last in this connection */
	unsigned fence_ms;		       /* as its record has it (auth/enrol.h) */
	char name[];
};

#define REGION_UNITS_PLACES 2u
struct region_units { /* the ConfigMap edge-health-config of one namespace, as it was understood last */
	struct check_units units;
	bool is_there;
};

struct regions {
	struct regions_options options;
	struct cache *cache;
	struct cache_watch *node_watch, *region_watch, *units_watch;
	struct region_units places[REGION_UNITS_PLACES];
	struct x509_key *signer;
	struct buf signer_spki;
	uint32_t floor;	       /* of numbers */
	uint64_t gone_version; /* as REGIONS_GONE_MARK */
	struct map regions, nodes;
	struct timerq due;
	struct timer *timer;
	uint64_t started_ms;
	bool is_stopped, is_loading;
	struct list writes;
	size_t apart;	    /* regions whose figures are kept apart */
	uint64_t record_ms; /* when records were counted from */
	unsigned records;
	void (*on_verdicts)(void *ctx, const char *region);
	void *on_verdicts_ctx;
	struct regions_figures gone; /* counted for regions that are no more, or for none */
};

uint64_t regions_now(const struct regions *regions);
struct region *regions_find(const struct regions *regions, struct span name);
struct region_node *regions_node(const struct regions *regions, const char *name);
/* Looks at the region at that time, or before. */
void region_look(struct region *region, uint64_t at_ms);
/* Tells that what is known of the node, or of all the region's members, has changed. */
void regions_tell(const struct regions *regions, const char *node);
void region_tell(const struct region *region);
void region_tell_verdicts(const struct region *region);

/* region_store.c */
int regions_open_signer(struct regions *regions) must_check;
int region_load_keys(struct region *region, const struct json *tree) must_check;
/* Writes what is due. When to look again, TIMERQ_NEVER. */
uint64_t region_store(struct region *region);
void regions_forget_writes(struct regions *regions);

/* region_figures.c: the region goes. */
void region_figures_gone(struct region *region);

/* region_fence.c: the T of the node, which may go by its region's from now on, is kept; `region` (NULL: none) has another T than before; and
 * those that turn out to go by it for good. When to look again. */
void region_node_fence(struct regions *regions, struct region_node *node);
void region_fence_changed(struct region *region);
uint64_t region_fence_settle(struct region *region);

/* The node has just become a member. */
void region_node_joined(struct region_node *node);
int region_load_past(struct region *region) must_check;
/* Since when the node is with no majority of its region. */
uint64_t region_node_proof(const struct region_node *node, uint64_t now_ms);

/* region_want.c: the same. */
uint64_t region_want(struct region *region);

/* region_units.c: who is judged by neighbours at all. Opened before nodes are read. */
int region_units_open(struct regions *regions) must_check;
void region_units_close(struct regions *regions);
void region_units_done(struct regions *regions);
bool regions_judges(const struct regions *regions, const char *region, const struct json *labels);

#endif
