/* voter: about whom the cloud wants to hear, or should, and when to say it (again): at once, when the view changes, and before the last word
 * expires.
 * Pure: told the time and what this node sees, it names the words to say. One thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_VOTER_H
#define HOLDFAST_EDGE_HUB_HEALTH_VOTER_H

#include "healthcheck/verdict.h"

struct voter;

#define VOTER_SUBJECTS_MAX \
	256u /* as many as one message of the tunnel names; more are the cloud's to ask about later */

int voter_new(const char *self, uint64_t start, struct voter **out) must_check;
void voter_free(struct voter *voter);

/* The cloud's own list, which holds until the next or until the tunnel is down (then as long as one heard from a neighbour).
 * Unknown names wait for the roster that has them. */
void voter_want(struct voter *voter, const char *const *names, size_t count, uint64_t now_ms);
void voter_tunnel_down(struct voter *voter, unsigned ttl_ms, uint64_t now_ms);
/* A neighbour says that the cloud wants to hear: for two lifetimes of a verdict. True: it was not wanted before. */
bool voter_heard_want(struct voter *voter, const char *name, unsigned ttl_ms, uint64_t now_ms);

/* A member is dead in this node's view, and the own tunnel is up: the cloud does not ask about one whose tunnel is up too, and is told
 * unasked, until it is seen otherwise or the own tunnel is down. At most VOTER_OWN_MAX at a time: who is cut off itself sees all others so. */
#define VOTER_OWN_MAX 8u
void voter_saw_dead(struct voter *voter, const char *name, uint64_t now_ms);

/* The next word that is due, unsigned; false: none. Call it again until it says so, at the deadline and when a view has changed. */
bool voter_next(struct voter *voter, const struct detector *detector, const struct roster *roster,
		uint64_t now_ms, struct verdict *out);
uint64_t voter_deadline(const struct voter *voter); /* UINT64_MAX: nothing wanted */
/* Names that the cloud asked this node itself about, to be told to neighbours now and then. NULL: none is due. */
const char *voter_next_to_spread(struct voter *voter, unsigned ttl_ms, uint64_t now_ms);

bool voter_is_wanted(const struct voter *voter, const char *name);
/* What was last said about it; false: nothing. */
bool voter_said(const struct voter *voter, const char *name, enum verdict_word *out_word,
		uint64_t *out_said_ms);
size_t voter_count(const struct voter *voter);

#endif
