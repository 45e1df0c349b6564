/* Sealed datagrams: nobody outside reads, forges or replays them; keys change while they are used. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "healthcheck/envelope.h"

struct pair {
	struct roster *roster;
	struct envelope *a, *b;
	struct buf sealed, plain;
	const struct roster_member *sender;
	uint64_t start;
};

static const struct envelope_key first = { 1, { 1 } }, second = { 2, { 2 } };

static struct roster *roster(uint64_t a_start)
{
	char text[512];
	struct roster *out = NULL;

	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"east\"},\"status\":{\"roster\":{\"version\":1,\"members\":[{"
		 "\"name\":\"a\","
		 "\"start\":%u},{\"name\":\"b\"}]}}}",
		 (unsigned)a_start);
	assert_int_equal(roster_parse(span_of(text), "a", &out, NULL), 0);
	return out;
}

static struct envelope *member(const char *region, const char *name, uint64_t start, const struct roster *of,
			       const struct envelope_key *key)
{
	struct envelope *e = NULL;

	assert_int_equal(envelope_new(region, name, start, &e), 0);
	assert_int_equal(envelope_set_roster(e, of), 0);
	assert_int_equal(envelope_set_keys(e, key, 1, key->generation), 0);
	return e;
}

static int set_up(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	p->roster = roster(0);
	p->a = member("east", "a", 5, p->roster, &first);
	p->b = member("east", "b", 9, p->roster, &first);
	buf_init(&p->sealed, ENVELOPE_MAX);
	buf_init(&p->plain, DATAGRAM_PLAIN_MAX);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;

	envelope_free(p->a);
	envelope_free(p->b);
	roster_free(p->roster);
	buf_done(&p->sealed);
	buf_done(&p->plain);
	free(p);
	return 0;
}

static void seal(struct pair *p, struct envelope *by, const char *text)
{
	buf_reset(&p->sealed);
	assert_int_equal(envelope_seal(by, span_of(text), &p->sealed), 0);
}

static enum envelope_refusal open_at(struct pair *p, struct envelope *at)
{
	buf_reset(&p->plain);
	return envelope_open(at, buf_span(&p->sealed), &p->plain, &p->sender, &p->start);
}

static void what_is_sealed_opens_once(void **state)
{
	struct pair *p = *state;

	seal(p, p->a, "hello");
	assert_int_equal(open_at(p, p->b), ENVELOPE_OK);
	assert_true(span_is(buf_span(&p->plain), "hello"));
	assert_string_equal(p->sender->name, "a");
	assert_int_equal(p->start, 5);
	assert_int_equal(open_at(p, p->b), ENVELOPE_REPLAYED);
	assert_int_equal(p->plain.len, 0);
	assert_int_equal(envelope_counts(p->b)[ENVELOPE_REPLAYED], 1);
}

static void reordered_is_fine_and_far_behind_is_not(void **state)
{
	struct pair *p = *state;
	struct buf early, late;

	buf_init(&early, ENVELOPE_MAX);
	buf_init(&late, ENVELOPE_MAX);
	assert_int_equal(envelope_seal(p->a, SPAN("1"), &late), 0);
	assert_int_equal(envelope_seal(p->a, SPAN("2"), &early), 0);
	seal(p, p->a, "3");
	assert_int_equal(open_at(p, p->b), ENVELOPE_OK);
	assert_int_equal(envelope_open(p->b, buf_span(&early), &p->plain, &p->sender, &p->start),
			 ENVELOPE_OK);
	for (unsigned i = 0; i < ENVELOPE_WINDOW; i++) {
		seal(p, p->a, "on");
		assert_int_equal(open_at(p, p->b), ENVELOPE_OK);
	}
	assert_int_equal(envelope_open(p->b, buf_span(&late), &p->plain, &p->sender, &p->start),
			 ENVELOPE_REPLAYED);
	assert_int_equal(envelope_open(p->b, buf_span(&early), &p->plain, &p->sender, &p->start),
			 ENVELOPE_REPLAYED);
	buf_done(&early);
	buf_done(&late);
}

static void every_changed_byte_is_noticed(void **state)
{
	struct pair *p = *state;

	seal(p, p->a, "hello");
	for (size_t i = 0; i < p->sealed.len; i++) {
		p->sealed.data[i] ^= 1;
		assert_int_not_equal(open_at(p, p->b), ENVELOPE_OK);
		p->sealed.data[i] ^= 1;
	}
	assert_int_equal(open_at(p, p->b), ENVELOPE_OK); /* and nothing of that did harm */
}

static void other_regions_strangers_and_echoes_are_refused(void **state)
{
	struct pair *p = *state;
	struct envelope *west = member("west", "a", 5, p->roster, &first);
	struct envelope *stranger = member("east", "c", 5, p->roster, &first);

	seal(p, west, "x");
	assert_int_equal(open_at(p, p->b), ENVELOPE_FORGED);
	seal(p, stranger, "x");
	assert_int_equal(open_at(p, p->b), ENVELOPE_UNKNOWN_SENDER);
	seal(p, p->b, "x");
	assert_int_equal(open_at(p, p->b), ENVELOPE_UNKNOWN_SENDER);
	envelope_free(west);
	envelope_free(stranger);
}

static void an_earlier_start_is_over_for_good(void **state)
{
	struct pair *p = *state;
	struct envelope *again = member("east", "a", 6, p->roster, &first);
	struct envelope *copy = member("east", "a", 6, p->roster, &first);
	struct roster *newer = roster(7);

	seal(p, again, "x");
	assert_int_equal(open_at(p, p->b), ENVELOPE_OK);
	seal(p, p->a, "x");
	assert_int_equal(open_at(p, p->b), ENVELOPE_OLD_START);
	seal(p, copy, "x"); /* the same start twice: the first one heard stays */
	assert_int_equal(open_at(p, p->b), ENVELOPE_OLD_START);
	assert_int_equal(envelope_set_roster(p->b, newer), 0);
	seal(p, again, "x"); /* the cloud knows of a later one */
	assert_int_equal(open_at(p, p->b), ENVELOPE_OLD_START);
	envelope_free(again);
	envelope_free(copy);
	assert_int_equal(envelope_set_roster(p->a, newer), 0);
	roster_free(p->roster);
	p->roster = newer;
}

static void keys_change_while_both_are_in_use(void **state)
{
	struct pair *p = *state;
	const struct envelope_key both[] = { first, second };

	assert_int_equal(envelope_set_keys(p->a, both, 2, 2), 0);
	seal(p, p->a, "new");
	assert_int_equal(open_at(p, p->b), ENVELOPE_UNKNOWN_KEY);
	assert_int_equal(envelope_wanted_key(p->b), 2);
	seal(p, p->b, "old");
	assert_int_equal(open_at(p, p->a), ENVELOPE_OK); /* who is behind is still heard */
	assert_int_equal(envelope_set_keys(p->b, both, 2, 2), 0);
	assert_int_equal(envelope_wanted_key(p->b), 0);
	seal(p, p->a, "new");
	assert_int_equal(open_at(p, p->b), ENVELOPE_OK);
	assert_int_equal(envelope_set_keys(p->a, &second, 1, 2), 0);
	assert_int_equal(envelope_set_keys(p->b, both, 2, 1), 0);
	seal(p, p->b, "old");
	assert_int_equal(open_at(p, p->a), ENVELOPE_UNKNOWN_KEY); /* retired */
	assert_int_equal(envelope_wanted_key(p->a), 0);		  /* and nothing to fetch */
	assert_int_equal(envelope_set_keys(p->a, both, 2, 3), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_sealed_opens_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reordered_is_fine_and_far_behind_is_not, set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_changed_byte_is_noticed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_regions_strangers_and_echoes_are_refused, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_earlier_start_is_over_for_good, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keys_change_while_both_are_in_use, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
