/* region: the members of a simulated region, each with the production detector, on a network that loses, delays, doubles, reorders
 * and cuts, and with hosts that crash, lose their hub, or are slow.
 *
 * Datagrams are written and parsed as on the wire; sealing is left out, and signatures are taken for good. */
#ifndef HOLDFAST_TESTS_SIM_REGION_H
#define HOLDFAST_TESTS_SIM_REGION_H

#include "base/list.h"
#include "healthcheck/detector.h"
#include "healthcheck/envelope.h"
#include "tests/sim/simulator.h"

#define REGION_MEMBERS_MAX ROSTER_MEMBERS_MAX

struct region_options {
	unsigned members;
	unsigned delay_min_ms, delay_max_ms; /* one way; reorders by itself when they differ */
	unsigned loss_pc, double_pc;
	unsigned slow_pc, slow_ms; /* so many datagrams take so much longer */
	struct health_settings settings;
	struct detector_options detector; /* self, start and seed are set here */
	bool no_tcp;			  /* TCP is dropped too */
	bool verbose;
};

struct region_host {
	struct region *region;
	unsigned index;
	char name[32];
	const struct roster_member *member; /* its place in the roster */
	struct detector *detector;
	struct sim_timer tick, thaw;
	struct list inbox;  /* of a frozen host */
	struct list outbox; /* of one whose messages are held up */
	bool is_down, hub_down, is_frozen, is_blocked;
	uint64_t start;
	uint64_t works_since_ms;
	unsigned side;			  /* of a cut */
	unsigned in_loss_pc, out_loss_pc; /* of what is sent to it, and of what it sends; TCP's packets too */
	uint64_t datagrams, bytes;	  /* sent, headers of IP and UDP and the envelope included */
	uint64_t false_dead;		  /* this host thought a member dead that was not */
	uint64_t changed_ms[REGION_MEMBERS_MAX]; /* when its view of that member changed last */
	int drift_ppm;				 /* its clock is so much faster than the world's */
	uint64_t clock_ms;			 /* and began at this */
	const struct roster
		*roster; /* that it goes by; the region's unless set before region_boot, or by region_give */
};

#define REGION_WRONG_MS 3000u /* what was seen while it was away may still be said for so long */

enum region_cut {
	REGION_WHOLE,
	REGION_SPLIT,
	REGION_ONE_WAY /* from side 1 to side 0 nothing gets through */
};

struct region {
	struct sim sim;
	struct region_options options;
	struct roster roster;
	struct region_host *hosts;
	enum region_cut cut;
	/* Every wrong word of death, as it is spoken: about a member that has worked for REGION_WRONG_MS. May be NULL. */
	void (*on_false_dead)(struct region *region, struct region_host *voter, unsigned subject);
	/* DETECTOR_CARRY and DETECTOR_WANTED; NULL: nobody cares. */
	void (*on_action)(struct region_host *host, const struct detector_action *action);
	bool (*may_pass)(const struct region *region, unsigned from, unsigned to); /* beside the cut; NULL */
	void *ctx;
	uint64_t lost, delivered;
};

struct region *region_new(uint64_t seed, const struct region_options *options);
void region_free(struct region *region);
void region_run(struct region *region, uint64_t ms);

void region_crash(struct region *region, unsigned host);    /* the machine: nothing answers */
void region_kill_hub(struct region *region, unsigned host); /* the kernel refuses */
void region_boot(struct region *region, unsigned host);
void region_freeze(struct region *region, unsigned host, uint64_t ms);
/* What it sends and what it is sent waits for so long, while its timers go on: as in the experiments of the Lifeguard paper. */
void region_block(struct region *region, unsigned host, uint64_t ms);

/* The host's monotonic clock, and the world's time at which it shows this. */
uint64_t region_clock(const struct region_host *host);
uint64_t region_time(const struct region_host *host, uint64_t clock_ms);
/* Another roster for a host, borrowed; in force now if its hub runs. */
void region_give(struct region_host *host, const struct roster *roster);
/* Something was done with its detector from outside. */
void region_pump(struct region_host *host);

enum detector_view region_view(const struct region *region, unsigned of, unsigned about);
bool region_works(const struct region *region, unsigned host); /* up, with its hub, not frozen */
/* Members with that view of it, among those that work; *out_last_ms: when the last of them came to it. */
unsigned region_count(const struct region *region, unsigned about, enum detector_view view,
		      uint64_t *out_first_ms, uint64_t *out_last_ms);
/* Do a strict majority of the electorate, and at least two, hold it for dead? */
bool region_majority_dead(const struct region *region, unsigned about);

#endif
