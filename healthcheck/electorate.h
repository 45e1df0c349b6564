/* electorate: the verdicts about the members of one region, and what they come to. The cloud keeps one for each region; the
 * rules of the count are documented with examples in docs/health.md. Pure. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_ELECTORATE_H
#define HOLDFAST_HEALTHCHECK_ELECTORATE_H

#include "healthcheck/verdict.h"

struct electorate;

#define ELECTORATE_VERDICTS_MAX (64u * 1024)

enum electorate_word {
	ELECTORATE_SILENT, /* no unexpired word at all */
	ELECTORATE_UNDECIDED,
	ELECTORATE_ALIVE, /* a strict majority of the electorate */
	ELECTORATE_AGENT_DOWN, /* a strict majority says agent down or dead, and at least one of these that the host answers */
	ELECTORATE_DEAD, /* a strict majority, and at least two voters */
};
#define ELECTORATE_WORDS (ELECTORATE_DEAD + 1)
const char *electorate_word_name(enum electorate_word word);

int electorate_new(struct electorate **out) must_check;
void electorate_free(struct electorate *electorate);
/* Borrowed until the next call. Verdicts by and about who left are dropped. */
int electorate_set_roster(struct electorate *electorate, const struct roster *roster) must_check;
/* A verdict whose signature was checked. 1: news; 0: an older or equal word; -EACCES: not an elector, in maintenance, about itself or
 * about nobody of the roster; -ESTALE: expired, about an earlier start of the subject than `subject's` in the roster, or by a roster
 * that is too old (the voter may not know the subject's new address). */
int electorate_take(struct electorate *electorate, const struct verdict *verdict, uint64_t now_ms) must_check;
struct electorate_count {
	size_t electors; /* who may vote on it: the roster without it and without those in maintenance */
	size_t alive, agent_down, dead;
	enum electorate_word word;
	uint64_t until_ms; /* the count changes by expiry at this time; UINT64_MAX: never */
};
void electorate_count(struct electorate *electorate, const char *subject, uint64_t now_ms,
		      struct electorate_count *out);
/* The unexpired verdicts about `subject` (NULL: about all). `each` returns 0 to go on. */
int electorate_each(const struct electorate *electorate, const char *subject, uint64_t now_ms,
		    int (*each)(void *ctx, const struct roster_member *voter,
				const struct roster_member *about, const struct verdict *verdict,
				uint64_t taken_ms),
		    void *ctx) must_check;
/* The tunnel of this node is back: words about its earlier silence are void. */
void electorate_forget(struct electorate *electorate, const char *subject);

#endif
