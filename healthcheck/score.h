/* score: how well this node is itself, from what it can see without others: its runtime answers, its disk takes writes, its clock
 * and memory are sane, its loop is not late, and the checks that the operator defines pass. It says so in its status, and it
 * suspects others less while it is in trouble. Pure: told results, it answers. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_SCORE_H
#define HOLDFAST_HEALTHCHECK_SCORE_H

#include "base/buf.h"

#define SCORE_CHECKS_MAX 32u
#define SCORE_NAME_SIZE 64u
#define SCORE_TEXT_SIZE 256u

struct score_check {
	char name[SCORE_NAME_SIZE];
	unsigned weight; /* of the whole; 0: shown, not counted */
	bool is_failing;
	bool is_unasked;		    /* it cannot be asked: what it was, it stays */
	bool is_known;			    /* it has had a result that says something */
	unsigned failures, passes, unasked; /* in a row */
	uint64_t since_ms;
	char text[SCORE_TEXT_SIZE]; /* why it fails, or cannot be asked */
};
struct score {
	struct score_check checks[SCORE_CHECKS_MAX];
	size_t count;
	uint64_t late_ms; /* how late the loop was, smoothed */
};
void score_init(struct score *score);
int score_add(struct score *score, const char *name,
	      unsigned weight) must_check; /* -ENOSPC, -EEXIST, -EINVAL */
/* One result; the check changes its state after `threshold` of a kind in a row. True: it changed. */
bool score_result(struct score *score, const char *name, bool passed, const char *text, unsigned threshold,
		  uint64_t now_ms);
/* It could not be asked, which counts neither way. True: it changed. */
bool score_unasked(struct score *score, const char *name, const char *text, unsigned threshold,
		   uint64_t now_ms);
bool score_is_known(const struct score *score); /* each check has said something */
/* The loop ran this late. */
void score_late(struct score *score, uint64_t late_ms);
unsigned score_percent(const struct score *score); /* 100: all well */
unsigned score_trouble(const struct score *score); /* 0..DETECTOR_SCORE_MAX, for detector_set_trouble */

#endif
