/* What verdicts come to: who may vote, what counts for how long, and which majority decides. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "healthcheck/electorate.h"

#define NOW 100000u

struct region {
	struct roster *roster;
	struct electorate *electorate;
	uint64_t sequence;
};

/* Members m0.. of which `in_maintenance` is one (none: -1); m0's entry changed in version 5. */
static struct roster *roster(unsigned members, int in_maintenance)
{
	struct roster *out = NULL;
	struct buf text;

	buf_init(&text, 1 << 16);
	(void)buf_add_str(
		&text, "{\"metadata\":{\"name\":\"r\"},\"status\":{\"roster\":{\"version\":8,\"members\":[");
	for (unsigned i = 0; i < members; i++)
		(void)buf_addf(&text,
			       "%s{\"name\":\"m%u\",\"identity\":\"AA\",\"since\":%u,\"start\":3,"
			       "\"maintenance\":%s}",
			       i ? "," : "", i, i ? 1 : 5, (int)i == in_maintenance ? "true" : "false");
	(void)buf_add_str(&text, "]}}}");
	assert_int_equal(roster_parse(buf_span(&text), "m0", &out, NULL), 0);
	buf_done(&text);
	return out;
}

static struct region region(unsigned members, int in_maintenance)
{
	struct region r = { .roster = roster(members, in_maintenance) };

	assert_int_equal(electorate_new(&r.electorate), 0);
	assert_int_equal(electorate_set_roster(r.electorate, r.roster), 0);
	return r;
}

static void done(struct region *r)
{
	electorate_free(r->electorate);
	roster_free(r->roster);
}

static struct verdict verdict(struct region *r, const char *voter, const char *subject,
			      enum verdict_word word)
{
	struct verdict v = { .word = word,
			     .roster_version = 8,
			     .voter_start = 1,
			     .sequence = ++r->sequence,
			     .subject_start = 3 };

	roster_id(voter, v.voter);
	roster_id(subject, v.subject);
	return v;
}

static int say(struct region *r, const char *voter, const char *subject, enum verdict_word word)
{
	struct verdict v = verdict(r, voter, subject, word);

	return electorate_take(r->electorate, &v, NOW);
}

static struct electorate_count count(struct region *r, const char *subject, uint64_t now)
{
	struct electorate_count c;

	electorate_count(r->electorate, subject, now, &c);
	return c;
}

static void death_needs_a_strict_majority_and_two_voters(void **state)
{
	struct region five = region(5, -1), three = region(3, -1), two = region(2, -1);

	(void)state;
	assert_int_equal(count(&five, "m0", NOW).word, ELECTORATE_SILENT);
	assert_int_equal(say(&five, "m1", "m0", VERDICT_DEAD), 1);
	assert_int_equal(say(&five, "m2", "m0", VERDICT_DEAD), 1);
	assert_int_equal(count(&five, "m0", NOW).electors, 4);
	assert_int_equal(count(&five, "m0", NOW).word, ELECTORATE_UNDECIDED); /* half is no majority */
	assert_int_equal(say(&five, "m3", "m0", VERDICT_ALIVE), 1);
	assert_int_equal(say(&five, "m4", "m0", VERDICT_DEAD), 1);
	assert_int_equal(count(&five, "m0", NOW).word, ELECTORATE_DEAD);

	assert_int_equal(say(&three, "m1", "m0", VERDICT_DEAD), 1);
	assert_int_equal(count(&three, "m0", NOW).word, ELECTORATE_UNDECIDED);
	assert_int_equal(say(&three, "m2", "m0", VERDICT_DEAD), 1);
	assert_int_equal(count(&three, "m0", NOW).word, ELECTORATE_DEAD);

	assert_int_equal(say(&two, "m1", "m0", VERDICT_DEAD), 1); /* all there are, and one voter only */
	assert_int_equal(count(&two, "m0", NOW).electors, 1);
	assert_int_equal(count(&two, "m0", NOW).word, ELECTORATE_UNDECIDED);
	done(&five);
	done(&three);
	done(&two);
}

static void a_host_that_answers_one_of_the_majority_is_not_dead(void **state)
{
	struct region r = region(4, -1);

	(void)state;
	assert_int_equal(say(&r, "m1", "m0", VERDICT_DEAD), 1);
	assert_int_equal(say(&r, "m2", "m0", VERDICT_AGENT_DOWN), 1);
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_AGENT_DOWN);
	assert_int_equal(say(&r, "m2", "m0", VERDICT_ALIVE), 1);
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_UNDECIDED);
	assert_int_equal(say(&r, "m3", "m0", VERDICT_ALIVE), 1);
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_ALIVE);
	done(&r);
}

static void only_electors_are_heard(void **state)
{
	struct region r = region(4, 1);

	(void)state;
	assert_int_equal(say(&r, "m1", "m0", VERDICT_DEAD), -EACCES); /* in maintenance */
	assert_int_equal(say(&r, "m0", "m0", VERDICT_ALIVE), -EACCES);
	assert_int_equal(say(&r, "m9", "m0", VERDICT_DEAD), -EACCES);
	assert_int_equal(say(&r, "m0", "m9", VERDICT_DEAD), -EACCES);
	assert_int_equal(say(&r, "m2", "m1", VERDICT_DEAD), -EACCES);
	assert_int_equal(count(&r, "m0", NOW).electors, 2);
	assert_int_equal(say(&r, "m2", "m0", VERDICT_DEAD), 1);
	assert_int_equal(say(&r, "m3", "m0", VERDICT_DEAD), 1);
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_DEAD);
	done(&r);
}

static void words_expire_and_newer_ones_replace_older(void **state)
{
	struct region r = region(3, -1);
	struct verdict old = verdict(&r, "m1", "m0", VERDICT_DEAD),
		       new = verdict(&r, "m1", "m0", VERDICT_ALIVE);
	unsigned ttl = health_settings_default.verdict_ttl_ms;

	(void)state;
	new.age_ms = 1000;
	new.carried_ms = 500;
	assert_int_equal(electorate_take(r.electorate, &new, NOW), 1);
	assert_int_equal(electorate_take(r.electorate, &new, NOW), 0);
	assert_int_equal(electorate_take(r.electorate, &old, NOW), 0); /* a replay changes nothing */
	assert_int_equal(count(&r, "m0", NOW).until_ms, NOW + ttl - 1500);
	assert_int_equal(count(&r, "m0", NOW + ttl - 1501).alive, 1);
	assert_int_equal(count(&r, "m0", NOW + ttl - 1500).word, ELECTORATE_SILENT);
	new.sequence++;
	new.carried_ms = ttl;
	assert_int_equal(electorate_take(r.electorate, &new, NOW), -ESTALE);
	done(&r);
}

static void a_voter_must_know_where_the_subject_is(void **state)
{
	struct region r = region(3, -1);
	struct verdict v = verdict(&r, "m1", "m0", VERDICT_DEAD);

	(void)state;
	v.roster_version = 4; /* m0 moved in 5 */
	assert_int_equal(electorate_take(r.electorate, &v, NOW), -ESTALE);
	v.roster_version = 5;
	assert_int_equal(electorate_take(r.electorate, &v, NOW), 1);
	v.sequence++;
	v.subject_start = 2; /* and has started anew since */
	assert_int_equal(electorate_take(r.electorate, &v, NOW), -ESTALE);
	done(&r);
}

static void who_leaves_takes_its_words_along(void **state)
{
	struct region r = region(4, -1);
	struct roster *smaller = roster(3, -1);

	(void)state;
	assert_int_equal(say(&r, "m3", "m0", VERDICT_DEAD), 1);
	assert_int_equal(say(&r, "m1", "m0", VERDICT_DEAD), 1);
	assert_int_equal(say(&r, "m1", "m3", VERDICT_DEAD), 1);
	assert_int_equal(electorate_set_roster(r.electorate, smaller), 0);
	assert_int_equal(count(&r, "m0", NOW).dead, 1);
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_UNDECIDED);
	electorate_forget(r.electorate, "m0");
	assert_int_equal(count(&r, "m0", NOW).word, ELECTORATE_SILENT);
	done(&r);
	roster_free(smaller);
}

static void carriers_add_for_how_long_they_kept_it(void **state)
{
	struct region r = region(3, -1);
	struct verdict in = verdict(&r, "m1", "m0", VERDICT_DEAD), out;
	uint8_t kept[VERDICT_BYTES_MAX], shortest[4] = { 1, 2, 3, 4 };
	struct buf bytes;

	(void)state;
	buf_init(&bytes, VERDICT_BYTES_MAX);
	in.signature_len = 9;
	in.carried_ms = 5;
	assert_int_equal(verdict_write(&in, &bytes), 0);
	memcpy(kept, bytes.data, bytes.len);
	verdict_kept(kept, bytes.len, 700);
	assert_int_equal(verdict_parse(span_make(kept, bytes.len), &out), 0);
	assert_int_equal(out.carried_ms, 705);
	assert_int_equal(out.sequence, in.sequence);
	assert_true(verdict_is_same(buf_span(&bytes), span_make(kept, bytes.len)));
	verdict_kept(kept, bytes.len, UINT64_MAX / 2);
	assert_int_equal(verdict_parse(span_make(kept, bytes.len), &out), 0);
	assert_int_equal(out.carried_ms, UINT32_MAX);
	kept[bytes.len - 1] ^= 1;
	assert_false(verdict_is_same(buf_span(&bytes), span_make(kept, bytes.len)));
	verdict_kept(shortest, sizeof(shortest), 700);
	assert_int_equal(shortest[3], 4);
	buf_done(&bytes);
	done(&r);
}

static void verdicts_come_back_as_they_were(void **state)
{
	struct region r = region(3, -1);
	struct verdict in = verdict(&r, "m1", "m0", VERDICT_AGENT_DOWN), out;
	struct buf bytes, signed_before, signed_after;

	(void)state;
	in.signature_len = 71;
	in.signature[70] = 9;
	in.silent_ms = 70000;
	in.probes = 3;
	in.tcp = 2;
	in.carried_ms = 5;
	buf_init(&bytes, VERDICT_BYTES_MAX);
	buf_init(&signed_before, 512);
	buf_init(&signed_after, 512);
	assert_int_equal(verdict_write(&in, &bytes), 0);
	assert_int_equal(verdict_parse(buf_span(&bytes), &out), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	out.carried_ms = 4000; /* what carriers add is not signed */
	assert_int_equal(verdict_signed_bytes("r", &in, &signed_before), 0);
	assert_int_equal(verdict_signed_bytes("r", &out, &signed_after), 0);
	assert_true(span_eq(buf_span(&signed_before), buf_span(&signed_after)));
	for (size_t len = 0; len < 70; len++)
		assert_int_equal(verdict_parse(span_make(bytes.data, len), &out), -EBADMSG);
	bytes.data[16] = 4; /* no such word */
	assert_int_equal(verdict_parse(buf_span(&bytes), &out), -EBADMSG);
	buf_done(&bytes);
	buf_done(&signed_before);
	buf_done(&signed_after);
	done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(death_needs_a_strict_majority_and_two_voters),
		cmocka_unit_test(a_host_that_answers_one_of_the_majority_is_not_dead),
		cmocka_unit_test(only_electors_are_heard),
		cmocka_unit_test(words_expire_and_newer_ones_replace_older),
		cmocka_unit_test(a_voter_must_know_where_the_subject_is),
		cmocka_unit_test(who_leaves_takes_its_words_along),
		cmocka_unit_test(carriers_add_for_how_long_they_kept_it),
		cmocka_unit_test(verdicts_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
