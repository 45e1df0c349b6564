#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cloud-hub/regions/membership.h"

#define MEMBERS 5

struct fixture {
	struct membership *m;
	struct x509_key *signer, *identity[MEMBERS];
	struct buf signer_spki, spki[MEMBERS];
	struct buf stored, keys; /* the Region's JSON, and the keys beside it */
	uint32_t floor;
};

static const char *const names[MEMBERS] = { "edge-0", "edge-1", "edge-2", "edge-3", "edge-4" };

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(membership_new("north", &f->m), 0);
	assert_int_equal(x509_key_new(&f->signer), 0);
	buf_init(&f->signer_spki, 256);
	assert_int_equal(x509_key_spki(f->signer, &f->signer_spki), 0);
	for (size_t i = 0; i < MEMBERS; i++) {
		buf_init(&f->spki[i], 256);
		assert_int_equal(x509_key_new(&f->identity[i]), 0);
		assert_int_equal(x509_key_spki(f->identity[i], &f->spki[i]), 0);
	}
	buf_init(&f->stored, ROSTER_BYTES_MAX);
	buf_init(&f->keys, 4096);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	membership_free(f->m);
	x509_key_free(f->signer);
	buf_done(&f->signer_spki);
	for (size_t i = 0; i < MEMBERS; i++) {
		x509_key_free(f->identity[i]);
		buf_done(&f->spki[i]);
	}
	buf_done(&f->stored);
	buf_done(&f->keys);
	free(f);
	return 0;
}

static void put(struct fixture *f, size_t i, const char *address, bool in_maintenance)
{
	struct membership_node node = { .name = names[i],
					.address_count = 1,
					.identity = buf_span(&f->spki[i]),
					.in_maintenance = in_maintenance };

	(void)snprintf(node.addresses[0], sizeof(node.addresses[0]), "%s:51005", address);
	assert_int_equal(membership_put(f->m, &node), 0);
}

static void prepare(struct fixture *f)
{
	int code;

	do
		code = membership_prepare(f->m, f->signer, f->floor, 2);
	while (code == 1);
	assert_int_equal(code, 0);
}

static void store(struct fixture *f)
{
	struct json *tree = NULL;

	assert_int_equal(json_parse(SPAN("{\"metadata\":{\"name\":\"north\"},\"spec\":{}}"), &tree, NULL), 0);
	prepare(f);
	assert_int_equal(membership_write(f->m, buf_span(&f->signer_spki), f->floor, tree), 0);
	buf_reset(&f->stored);
	buf_reset(&f->keys);
	assert_int_equal(json_write(tree, &f->stored), 0);
	assert_int_equal(membership_write_keys(f->m, &f->keys), 0);
	membership_written(f->m, true);
	json_free(tree);
}

static struct roster *roster_for(struct fixture *f, size_t i)
{
	struct roster *roster = NULL;
	struct err err = { 0 };

	if (roster_parse(buf_span(&f->stored), names[i], &roster, &err))
		fail_msg("%s", err_text(&err));
	return roster;
}

/* The newest key as member i opens it. */
static uint32_t open_newest(struct fixture *f, size_t i, uint8_t out[REGION_KEY_SIZE])
{
	struct roster *roster = roster_for(f, i);
	const struct roster_key *newest;
	struct region_key_to to = { "north", names[i], 0 };

	assert_true(roster->key_count > 0);
	newest = &roster->keys[roster->key_count - 1];
	to.generation = newest->generation;
	assert_int_equal(region_key_open(&to, newest->sealed, f->identity[i], buf_span(&f->signer_spki), out),
			 0);
	roster_free(roster);
	return to.generation;
}

static void restart(struct fixture *f)
{
	struct json *tree = NULL;

	membership_free(f->m);
	f->m = NULL;
	assert_int_equal(membership_new("north", &f->m), 0);
	assert_int_equal(json_parse(buf_span(&f->stored), &tree, NULL), 0);
	assert_int_equal(membership_load(f->m, tree, buf_span(&f->keys)), 0);
	json_free(tree);
}

static void every_member_gets_the_one_key_of_its_region(void **state)
{
	struct fixture *f = *state;
	uint8_t first[REGION_KEY_SIZE], other[REGION_KEY_SIZE];
	struct roster *roster;

	for (size_t i = 0; i < 3; i++)
		put(f, i, "10.0.0.1", false);
	assert_true(membership_is_due(f->m));
	store(f);
	assert_false(membership_is_due(f->m));
	assert_int_equal(open_newest(f, 0, first), 1);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(open_newest(f, i, other), 1);
		assert_memory_equal(first, other, sizeof(first));
	}
	roster = roster_for(f, 4); /* no member: no key of theirs */
	assert_int_equal(roster->count, 3);
	assert_int_equal(roster->version, 1);
	assert_int_equal(roster->key_count, 0);
	roster_free(roster);
}

static void a_region_of_one_has_no_key(void **state)
{
	struct fixture *f = *state;
	struct roster *roster;

	put(f, 0, "10.0.0.1", false);
	store(f);
	roster = roster_for(f, 0);
	assert_int_equal(roster->count, 1);
	assert_int_equal(roster->key_count, 0);
	roster_free(roster);
}

static void nothing_new_is_no_reason_to_write(void **state)
{
	struct fixture *f = *state;

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	put(f, 0, "10.0.0.1", false);
	membership_started(f->m, names[0], 7);
	assert_false(membership_is_due(f->m));
	restart(f);
	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	membership_settle(f->m);
	assert_false(membership_is_due(f->m));
}

static void only_the_changed_entry_is_newer(void **state)
{
	struct fixture *f = *state;
	struct roster *roster;

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	put(f, 1, "10.0.0.9", false);
	membership_started(f->m, names[0], 7);
	store(f);
	roster = roster_for(f, 0);
	assert_int_equal(roster->version, 2);
	assert_int_equal(roster_find(roster, names[0])->since, 1);
	assert_int_equal(roster_find(roster, names[0])->start, 7);
	assert_int_equal(roster_find(roster, names[1])->since, 2);
	assert_string_equal(roster_find(roster, names[1])->addresses[0], "10.0.0.9:51005");
	assert_int_equal(roster->keys[0].generation, 1);
	roster_free(roster);
}

static void a_change_during_the_write_is_written_next(void **state)
{
	struct fixture *f = *state;
	struct json *tree = json_new_object();

	put(f, 0, "10.0.0.1", false);
	prepare(f);
	assert_int_equal(membership_write(f->m, buf_span(&f->signer_spki), 0, tree), 0);
	put(f, 1, "10.0.0.2", false);
	membership_written(f->m, true);
	assert_true(membership_is_due(f->m));
	prepare(f);
	assert_int_equal(membership_write(f->m, buf_span(&f->signer_spki), 0, tree), 0);
	membership_written(f->m, false);
	assert_true(membership_is_due(f->m));
	json_free(tree);
}

static void who_leaves_does_not_know_the_next_key(void **state)
{
	struct fixture *f = *state;
	uint8_t before[REGION_KEY_SIZE], after[REGION_KEY_SIZE];
	struct roster *roster;

	for (size_t i = 0; i < 3; i++)
		put(f, i, "10.0.0.1", false);
	store(f);
	assert_int_equal(open_newest(f, 0, before), 1);
	membership_remove(f->m, names[2]);
	store(f);
	assert_int_equal(open_newest(f, 0, after), 2);
	assert_memory_not_equal(before, after, sizeof(before));
	roster = roster_for(f, 2);
	assert_int_equal(roster->key_count, 0);
	roster_free(roster);
	/* Both are good until all who are left have the new one. */
	roster = roster_for(f, 1);
	assert_int_equal(roster->key_count, 2);
	roster_free(roster);
	membership_acknowledged(f->m, names[0]);
	assert_false(membership_is_due(f->m));
	assert_true(membership_is_rotating(f->m));
	membership_acknowledged(f->m, names[1]);
	assert_true(membership_is_due(f->m));
	store(f);
	roster = roster_for(f, 1);
	assert_int_equal(roster->key_count, 1);
	assert_int_equal(roster->keys[0].generation, 2);
	roster_free(roster);
}

static void another_identity_is_another_member(void **state)
{
	struct fixture *f = *state;
	struct membership_node node = { .name = names[0], .identity = buf_span(&f->spki[4]) };
	uint8_t key[REGION_KEY_SIZE];

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	assert_int_equal(membership_put(f->m, &node), 0);
	store(f);
	assert_int_equal(open_newest(f, 1, key), 2);
	x509_key_free(f->identity[0]);
	f->identity[0] = f->identity[4];
	f->identity[4] = NULL;
	assert_int_equal(open_newest(f, 0, key), 2);
}

static void after_a_restart_the_keys_are_the_same(void **state)
{
	struct fixture *f = *state;
	uint8_t before[REGION_KEY_SIZE], after[REGION_KEY_SIZE];

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	(void)open_newest(f, 1, before);
	restart(f);
	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	put(f, 2, "10.0.0.3", false);
	membership_settle(f->m);
	store(f);
	assert_int_equal(open_newest(f, 2, after), 1);
	assert_memory_equal(before, after, sizeof(before));
}

static void who_left_while_the_hub_was_down_is_noticed(void **state)
{
	struct fixture *f = *state;
	uint8_t key[REGION_KEY_SIZE];

	for (size_t i = 0; i < 4; i++)
		put(f, i, "10.0.0.1", false);
	store(f);
	restart(f);
	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.1", false);
	membership_settle(f->m);
	assert_int_equal(membership_count(f->m), 2);
	assert_true(membership_is_due(f->m));
	store(f);
	assert_int_equal(open_newest(f, 0, key), 2);
}

/* A restore may have brought back keys and numbers that were used for others since. */
static void after_a_restore_keys_and_versions_are_above_all_before(void **state)
{
	struct fixture *f = *state;
	uint8_t key[REGION_KEY_SIZE];
	struct roster *roster;

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	restart(f);
	f->floor = 1u << 20;
	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.3", false);
	store(f);
	assert_int_equal(open_newest(f, 0, key), f->floor + 1);
	roster = roster_for(f, 0);
	assert_int_equal(roster->version, f->floor + 1);
	roster_free(roster);
}

static void through_many_rotations_a_roster_stays_readable(void **state)
{
	struct fixture *f = *state;
	uint8_t key[REGION_KEY_SIZE];
	struct roster *roster;

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
	for (uint32_t i = 2; i < 9; i++) {
		membership_rotate(f->m);
		store(f);
		assert_int_equal(open_newest(f, 0, key), i);
	}
	roster = roster_for(f, 0);
	assert_int_equal(roster->key_count, ROSTER_KEYS_MAX);
	roster_free(roster);
}

static void an_identity_that_is_no_key_counts_as_none(void **state)
{
	struct fixture *f = *state;
	struct membership_node node = { .name = names[4], .identity = SPAN("no key") };
	struct roster *roster;
	uint8_t key[REGION_KEY_SIZE];

	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	assert_int_equal(membership_put(f->m, &node), 0);
	store(f);
	assert_int_equal(open_newest(f, 1, key), 1);
	roster = roster_for(f, 4);
	assert_int_equal(roster_find(roster, names[4])->identity_len, 0);
	assert_int_equal(roster->key_count, 0);
	roster_free(roster);
	assert_int_equal(membership_put(f->m, &node), 0);
	assert_false(membership_is_due(f->m));
}

static void damaged_keys_are_said_to_be(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = { "{", "{\"keys\":[{\"generation\":0,\"key\":\"\"}]}",
					   "{\"keys\":[{\"generation\":1,\"key\":\"AAAA\"}]}",
					   "{\"keys\":[{\"generation\":1,\"key\":\"!\"}]}" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(membership_load(f->m, NULL, span_of(bad[i])), -EINVAL);
	put(f, 0, "10.0.0.1", false);
	put(f, 1, "10.0.0.2", false);
	store(f);
}

int main(void)
{
#define WITH_FIXTURE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(every_member_gets_the_one_key_of_its_region),
		WITH_FIXTURE(a_region_of_one_has_no_key),
		WITH_FIXTURE(nothing_new_is_no_reason_to_write),
		WITH_FIXTURE(only_the_changed_entry_is_newer),
		WITH_FIXTURE(a_change_during_the_write_is_written_next),
		WITH_FIXTURE(who_leaves_does_not_know_the_next_key),
		WITH_FIXTURE(another_identity_is_another_member),
		WITH_FIXTURE(after_a_restart_the_keys_are_the_same),
		WITH_FIXTURE(who_left_while_the_hub_was_down_is_noticed),
		WITH_FIXTURE(after_a_restore_keys_and_versions_are_above_all_before),
		WITH_FIXTURE(through_many_rotations_a_roster_stays_readable),
		WITH_FIXTURE(an_identity_that_is_no_key_counts_as_none),
		WITH_FIXTURE(damaged_keys_are_said_to_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
