/* When the cloud may give away what a node ran exclusively. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "healthcheck/freeing.h"

static void a_node_that_never_told_may_keep_it_for_good(void **state)
{
	(void)state;
	assert_int_equal(freeing_limit_given(0, 60000), 0);
	assert_int_equal(freeing_limit_hello(0, 60000), 0);
	assert_int_equal(freeing_limit_told(90000, 0, 60000, true), 0);
}

static void every_limit_given_since_it_told_counts(void **state)
{
	unsigned kept = freeing_limit_hello(60000, 60000);

	(void)state;
	assert_int_equal(kept, 60000);
	kept = freeing_limit_given(kept, 300000); /* raised, and taken back before it could tell */
	kept = freeing_limit_given(kept, 30000);
	assert_int_equal(kept, 300000);
	assert_int_equal(freeing_limit_hello(60000, 30000), 60000); /* it is back and never had it */
	assert_int_equal(freeing_limit_hello(60000, 90000), 90000); /* goes to it at once */
}

static void what_it_tells_lowers_it_when_nothing_else_is_on_its_way(void **state)
{
	(void)state;
	assert_int_equal(freeing_limit_told(300000, 30000, 30000, false), 300000);
	assert_int_equal(freeing_limit_told(300000, 30000, 30000, true), 30000);
	assert_int_equal(freeing_limit_told(300000, 45000, 30000, true),
			 300000); /* an older one, or its own */
	assert_int_equal(freeing_limit_told(30000, 60000, 30000, true), 60000);
}

/* --- since when a node is alone --- */

#define NOW 1000000u
#define NEWEST 10u /* the node can have rosters up to that version */

struct world {
	struct roster_member members[9];
	struct roster roster;
	struct electorate *electorate;
	struct roster_past *past;
	struct freeing_node node;
	uint64_t sequence;
};

static const char *name_of(size_t i)
{
	static const char *const names[] = { "s", "a", "b", "c", "d", "e", "f", "g", "h" };

	return names[i];
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct roster_member *)a)->id, ((const struct roster_member *)b)->id,
		      ROSTER_ID_SIZE);
}

/* The first is the node. */
static void build(struct world *w, size_t members)
{
	memset(w, 0, sizeof(*w));
	for (size_t i = 0; i < members; i++) {
		struct roster_member *m = &w->members[i];

		(void)snprintf(m->name, sizeof(m->name), "%s", name_of(i));
		roster_id(m->name, m->id);
		m->identity_len = m->address_count = 1;
	}
	qsort(w->members, members, sizeof(w->members[0]), by_id);
	w->roster = (struct roster){ .version = NEWEST + 1,
				     .members = w->members,
				     .count = members,
				     .settings = health_settings_default };
	assert_int_equal(electorate_new(&w->electorate), 0);
	assert_int_equal(electorate_set_roster(w->electorate, &w->roster), 0);
	assert_int_equal(roster_past_new(&w->past), 0);
	w->node = (struct freeing_node){ .name = "s", .oldest = NEWEST, .newest = NEWEST };
}

static void tear(struct world *w)
{
	electorate_free(w->electorate);
	roster_past_free(w->past);
}

static void say(struct world *w, const char *voter, enum verdict_word word, uint32_t version,
		uint32_t silent_ms)
{
	struct verdict v = { .word = word,
			     .roster_version = version,
			     .voter_start = 1,
			     .sequence = ++w->sequence,
			     .silent_ms = silent_ms };

	roster_id(voter, v.voter);
	roster_id("s", v.subject);
	assert_int_equal(electorate_take(w->electorate, &v, NOW), 1);
}

static uint64_t proof(struct world *w)
{
	return freeing_proof(w->electorate, &w->roster, w->past, &w->node, NOW);
}

static void the_youngest_sign_of_a_majority_that_is_apart_counts(void **state)
{
	struct world w;

	(void)state;
	build(&w, 5);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 10500);
	assert_int_equal(proof(&w), FREEING_UNKNOWN); /* with c and d it has a majority */
	say(&w, "c", VERDICT_DEAD, NEWEST + 1, 42000);
	assert_int_equal(proof(&w), NOW - 10000); /* b's clock may be fast */
	tear(&w);
}

static void who_answers_it_still_is_no_reason_when_it_is_too_few(void **state)
{
	struct world w;

	(void)state;
	build(&w, 5);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "c", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "d", VERDICT_ALIVE, NEWEST + 1, 0);
	assert_int_equal(proof(&w), NOW - 20000);
	tear(&w);
}

static void a_word_by_a_roster_that_the_node_may_have_can_be_old(void **state)
{
	struct world w;

	(void)state;
	build(&w, 3);
	say(&w, "a", VERDICT_DEAD, NEWEST, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 21000);
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 21000);
	assert_int_equal(proof(&w), NOW - 20000);
	tear(&w);
}

static void one_that_lies_cannot_make_it_earlier(void **state)
{
	struct world w;

	(void)state;
	build(&w, 5);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 10500);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 10500);
	say(&w, "c", VERDICT_DEAD, NEWEST + 1, UINT32_MAX - 1); /* silent since ever, it says */
	assert_int_equal(proof(&w), NOW - 10000);
	tear(&w);
	build(&w, 5);
	say(&w, "c", VERDICT_DEAD, NEWEST + 1, UINT32_MAX - 1);
	say(&w, "a", VERDICT_ALIVE, NEWEST + 1, 0);
	say(&w, "b", VERDICT_ALIVE, NEWEST + 1, 0);
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	tear(&w);
}

/* Started anew after it had vouched for the node. */
static void who_never_saw_it_says_nothing_of_before(void **state)
{
	struct world w;

	(void)state;
	build(&w, 3);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, UINT32_MAX);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 21000);
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	tear(&w);
}

static void note(struct world *w, uint64_t version, const char *name, bool is_in)
{
	uint8_t id[ROSTER_ID_SIZE];

	roster_id(name, id);
	roster_past_note(w->past, version, id, is_in);
}

/* s, a and b are cut off, and a and b are removed: c and d are the whole electorate now, and say dead; but the node has its majority. */
static void removed_members_still_make_a_majority_for_who_does_not_know(void **state)
{
	struct world w;

	(void)state;
	build(&w, 3); /* a and b stand for c and d: who is left */
	note(&w, NEWEST + 1, "x", false);
	note(&w, NEWEST + 1, "y", false);
	say(&w, "a", VERDICT_DEAD, NEWEST + 2, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 2, 21000);
	w.roster.version = NEWEST + 2;
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	w.node.oldest = w.node.newest = NEWEST + 1; /* it went after that */
	assert_int_equal(proof(&w), NOW - 20000);
	tear(&w);
}

/* Two that the node never heard of do not speak against a majority of those it knows. */
static void new_members_do_not_outvote_those_it_knows(void **state)
{
	struct world w;

	(void)state;
	build(&w, 5);
	note(&w, NEWEST + 1, "c", true);
	note(&w, NEWEST + 1, "d", true);
	say(&w, "b", VERDICT_DEAD, NEWEST + 2, 21000);
	say(&w, "c", VERDICT_DEAD, NEWEST + 2, 21000);
	say(&w, "d", VERDICT_DEAD, NEWEST + 2, 21000);
	assert_int_equal(proof(&w), FREEING_UNKNOWN); /* s and a are two of three */
	say(&w, "a", VERDICT_DEAD, NEWEST + 2, 21000);
	assert_int_equal(proof(&w), NOW - 20000);
	tear(&w);
}

/* Members in maintenance answer its probes, but do not count for it; unless it does not know that they are. */
static void members_in_maintenance_do_not_count_once_the_node_knows(void **state)
{
	struct world w;

	(void)state;
	build(&w, 5);
	for (size_t i = 0; i < 5; i++)
		w.members[i].in_maintenance = w.members[i].name[0] == 'c' || w.members[i].name[0] == 'd';
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 21000);
	assert_int_equal(proof(&w), NOW - 20000);
	note(&w, NEWEST + 1, "c", false);
	note(&w, NEWEST + 1, "d", false);
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	tear(&w);
}

static void of_a_node_whose_roster_is_not_known_nothing_is_told(void **state)
{
	struct world w;

	(void)state;
	build(&w, 3);
	say(&w, "a", VERDICT_DEAD, NEWEST + 1, 21000);
	say(&w, "b", VERDICT_DEAD, NEWEST + 1, 21000);
	w.node.oldest = 0; /* it may go by another region's */
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	w.node.oldest = 5;
	assert_int_equal(proof(&w), NOW - 20000);
	roster_past_forget(w.past, 6); /* more changes than are kept */
	assert_int_equal(proof(&w), FREEING_UNKNOWN);
	tear(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_never_told_may_keep_it_for_good),
		cmocka_unit_test(every_limit_given_since_it_told_counts),
		cmocka_unit_test(what_it_tells_lowers_it_when_nothing_else_is_on_its_way),
		cmocka_unit_test(the_youngest_sign_of_a_majority_that_is_apart_counts),
		cmocka_unit_test(who_answers_it_still_is_no_reason_when_it_is_too_few),
		cmocka_unit_test(a_word_by_a_roster_that_the_node_may_have_can_be_old),
		cmocka_unit_test(one_that_lies_cannot_make_it_earlier),
		cmocka_unit_test(who_never_saw_it_says_nothing_of_before),
		cmocka_unit_test(removed_members_still_make_a_majority_for_who_does_not_know),
		cmocka_unit_test(new_members_do_not_outvote_those_it_knows),
		cmocka_unit_test(members_in_maintenance_do_not_count_once_the_node_knows),
		cmocka_unit_test(of_a_node_whose_roster_is_not_known_nothing_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
