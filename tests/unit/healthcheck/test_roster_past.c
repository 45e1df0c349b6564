/* Who counted in a region before. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "healthcheck/roster_past.h"

#define MEMBERS 8

/* Members are "a", "b", ...; a set is told as its letters in order. */
struct seen {
	char sets[16][MEMBERS + 1];
	size_t count;
};

static const uint8_t *id_of(char letter)
{
	static uint8_t ids[256][ROSTER_ID_SIZE];
	const char name[2] = { letter, '\0' };

	roster_id(name, ids[(unsigned char)letter]);
	return ids[(unsigned char)letter];
}

static int see(void *ctx, const struct roster_past_set *set)
{
	struct seen *seen = ctx;
	char *text = seen->sets[seen->count++];

	for (char letter = 'a'; letter < 'a' + MEMBERS; letter++)
		for (size_t i = 0; i < set->count; i++)
			if (memcmp(set->ids[i], id_of(letter), ROSTER_ID_SIZE) == 0)
				*text++ = letter;
	*text = '\0';
	return 0;
}

static int look(const struct roster_past *past, const char *letters, const char *idle, uint64_t oldest,
		uint64_t newest, struct seen *seen)
{
	struct roster_member members[MEMBERS] = { 0 };
	struct roster now = { .members = members };

	for (; *letters; letters++) {
		struct roster_member *member = &members[now.count++];

		memcpy(member->id, id_of(*letters), ROSTER_ID_SIZE);
		member->in_maintenance = strchr(idle, *letters) != NULL;
	}
	*seen = (struct seen){ .count = 0 };
	return roster_past_each(past, &now, oldest, newest, see, seen);
}

static struct roster_past *make(void)
{
	struct roster_past *past;

	assert_int_equal(roster_past_new(&past), 0);
	/* 3: abc; 4: d came; 6: a left and e came; 7: b into maintenance. */
	roster_past_forget(past, 3);
	roster_past_note(past, 4, id_of('d'), true);
	roster_past_note(past, 6, id_of('a'), false);
	roster_past_note(past, 6, id_of('e'), true);
	roster_past_note(past, 7, id_of('b'), false);
	return past;
}

static void each_set_that_a_member_may_go_by_is_seen(void **state)
{
	struct roster_past *past = make();
	struct seen seen;

	(void)state;
	assert_int_equal(look(past, "bcde", "b", 3, 9, &seen), 0);
	assert_int_equal(seen.count, 4);
	assert_string_equal(seen.sets[0], "cde");
	assert_string_equal(seen.sets[1], "bcde");
	assert_string_equal(seen.sets[2], "abcd");
	assert_string_equal(seen.sets[3], "abc");
	assert_int_equal(look(past, "bcde", "b", 5, 6, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.sets[0], "bcde");
	assert_string_equal(seen.sets[1], "abcd");
	assert_int_equal(look(past, "bcde", "b", 8, 9, &seen), 0);
	assert_int_equal(seen.count, 1);
	assert_int_equal(look(past, "bcde", "b", 2, 9, &seen), -ERANGE);
	roster_past_free(past);
}

static void what_all_have_seen_is_forgotten(void **state)
{
	struct roster_past *past = make();
	struct seen seen;

	(void)state;
	roster_past_forget(past, 6);
	assert_int_equal(look(past, "bcde", "b", 5, 9, &seen), -ERANGE);
	assert_int_equal(look(past, "bcde", "b", 6, 9, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_int_equal(roster_past_last(past), 7);
	roster_past_forget(past, 7);
	assert_int_equal(roster_past_last(past), 0);
	assert_int_equal(roster_past_base(past), 7);
	roster_past_free(past);
}

static void a_change_that_was_never_stored_undoes_nothing(void **state)
{
	struct roster_past *past;
	struct seen seen;

	(void)state;
	assert_int_equal(roster_past_new(&past), 0);
	roster_past_note(past, 2, id_of('d'), true);  /* not stored */
	roster_past_note(past, 2, id_of('b'), false); /* not stored */
	roster_past_note(past, 2, id_of('c'), true);
	assert_int_equal(look(past, "abc", "", 1, 2, &seen), 0);
	assert_int_equal(seen.count, 2);
	assert_string_equal(seen.sets[0], "abc");
	assert_string_equal(seen.sets[1], "ab");
	roster_past_free(past);
}

static void who_came_since_may_go_by_anything(void **state)
{
	struct roster_past *past = make();

	(void)state;
	assert_int_equal(roster_past_known(past, id_of('e')), 0);
	assert_int_equal(roster_past_known(past, id_of('b')), 3);
	assert_int_equal(roster_past_known(past, id_of('c')), 3);
	roster_past_free(past);
}

static void it_has_an_end(void **state)
{
	struct roster_past *past;

	(void)state;
	assert_int_equal(roster_past_new(&past), 0);
	for (uint64_t i = 1; i <= ROSTER_PAST_CHANGES_MAX + 5; i++)
		roster_past_note(past, i, id_of('a'), i % 2);
	assert_int_equal(roster_past_base(past), 5);
	assert_int_equal(roster_past_known(past, id_of('b')), 0);
	roster_past_forget(past, ROSTER_PAST_CHANGES_MAX + 5);
	assert_int_equal(roster_past_known(past, id_of('b')), ROSTER_PAST_CHANGES_MAX + 5);
	roster_past_free(past);
}

static void it_is_read_as_it_was_written(void **state)
{
	static const char *const damaged[] = {
		"",
		"[]",
		"{}",
		"{\"base\":-1,\"changes\":[]}",
		"{\"base\":1,\"changes\":{}}",
		"{\"base\":1,\"changes\":[[\"00\",2,true]]}",
		"{\"base\":1,\"changes\":[[\"0011223344556677\",2]]}",
		"{\"base\":1,\"changes\":[[\"0011223344556677\",0,true]]}",
		"{\"base\":1,\"changes\":[[\"0011223344556677\",3,true],[\"0011223344556677\",2,true]]}",
		"{\"base\":1,\"changes\":[7]}",
	};
	struct roster_past *past = make(), *again;
	struct buf text, twice;

	(void)state;
	buf_init(&text, ROSTER_PAST_BYTES_MAX);
	buf_init(&twice, ROSTER_PAST_BYTES_MAX);
	assert_int_equal(roster_past_new(&again), 0);
	assert_int_equal(roster_past_write(past, &text), 0);
	assert_int_equal(roster_past_read(again, buf_span(&text)), 0);
	for (size_t i = 0; i < sizeof(damaged) / sizeof(damaged[0]); i++)
		assert_int_equal(roster_past_read(again, span_of(damaged[i])), -EINVAL);
	assert_int_equal(roster_past_write(again, &twice), 0);
	assert_true(span_eq(buf_span(&text), buf_span(&twice)));
	buf_done(&text);
	buf_done(&twice);
	roster_past_free(past);
	roster_past_free(again);
}

static void the_longest_one_fits(void **state)
{
	struct roster_past *past;
	struct buf text;

	(void)state;
	buf_init(&text, ROSTER_PAST_BYTES_MAX);
	assert_int_equal(roster_past_new(&past), 0);
	for (uint64_t i = 0; i < ROSTER_PAST_CHANGES_MAX; i++)
		roster_past_note(past, INT64_MAX - 5000 + i, id_of('a'), false);
	assert_int_equal(roster_past_write(past, &text), 0);
	buf_done(&text);
	roster_past_free(past);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_set_that_a_member_may_go_by_is_seen),
		cmocka_unit_test(what_all_have_seen_is_forgotten),
		cmocka_unit_test(a_change_that_was_never_stored_undoes_nothing),
		cmocka_unit_test(who_came_since_may_go_by_anything),
		cmocka_unit_test(it_has_an_end),
		cmocka_unit_test(it_is_read_as_it_was_written),
		cmocka_unit_test(the_longest_one_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
