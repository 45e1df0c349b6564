#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/files.h"
#include "cloud-hub/gateway/tickets.h"
#include "tests/tools/tempdir.h"

#define DAY 86400000ll
#define NOW 1800000000000ll

static struct vault *vault;
static char dir[64], vault_dir[96], path[96];

static int setup(void **state)
{
	struct vault_options options = { .dir = vault_dir, .wrap = VAULT_FILE };

	snprintf(dir, sizeof(dir), "/tmp/holdfast-tickets-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(vault_dir, sizeof(vault_dir), "%s/vault", dir);
	snprintf(path, sizeof(path), "%s/tickets", dir);
	assert_int_equal(vault_open(&options, &vault, NULL), 0);
	return 0;
}

static int teardown(void **state)
{
	vault_free(vault);
	assert_int_equal(tempdir_remove(vault_dir), 0);
	assert_int_equal(tempdir_remove(dir), 0);
	return 0;
}

static struct tickets *open_at(int64_t now, bool expect_lost)
{
	struct tickets *tickets = NULL;
	struct err err = { 0 };
	bool lost = false;

	if (tickets_open(vault, path, DAY, now, &lost, &tickets, &err))
		fail_msg("%s", err_text(&err));
	assert_int_equal(lost, expect_lost);
	return tickets;
}

static void turn(struct tickets *tickets, int64_t now, bool expect_changed)
{
	bool changed = !expect_changed;

	assert_int_equal(tickets_turn(tickets, now, &changed), 0);
	assert_int_equal(changed, expect_changed);
}

static void keys_outlive_a_restart_and_are_sealed(void **state)
{
	uint8_t before[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE],
		after[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE];
	struct tickets *tickets = open_at(NOW, false);
	struct buf raw;

	assert_int_equal(tickets_keys(tickets, before), 1);
	tickets_free(tickets);
	tickets = open_at(NOW + DAY / 2, false);
	assert_int_equal(tickets_keys(tickets, after), 1);
	assert_memory_equal(before[0], after[0], TLS_TICKET_KEY_SIZE);
	tickets_free(tickets);
	buf_init(&raw, 1 << 16);
	assert_int_equal(file_read(path, &raw), 0);
	assert_true(vault_is_sealed(buf_span(&raw)));
	assert_null(memmem(raw.data, raw.len, "holdfast tickets", 16));
	buf_done(&raw);
}

static void a_new_key_seals_each_day_and_old_ones_go_when_they_open_nothing(void **state)
{
	uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE], first[TLS_TICKET_KEY_SIZE];
	struct tickets *tickets = open_at(NOW, false);

	assert_int_equal(tickets_keys(tickets, keys), 1);
	memcpy(first, keys[0], sizeof(first));
	turn(tickets, NOW + DAY - 1, false);
	turn(tickets, NOW + DAY, true);
	assert_int_equal(tickets_keys(tickets, keys), 2);
	assert_memory_not_equal(keys[0], first, sizeof(first));
	assert_memory_equal(keys[1], first, sizeof(first));
	turn(tickets, NOW + 2 * DAY - 1, false);
	turn(tickets, NOW + 2 * DAY, true);
	assert_int_equal(tickets_keys(tickets, keys), 2);
	assert_memory_not_equal(keys[1], first, sizeof(first));
	tickets_free(tickets);
	/* Away for a month: nothing that it has opens anything. */
	tickets = open_at(NOW + 30 * DAY, false);
	assert_int_equal(tickets_keys(tickets, keys), 1);
	tickets_free(tickets);
}

static void keys_from_the_future_are_not_used(void **state)
{
	uint8_t before[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE],
		after[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE];
	struct tickets *tickets = open_at(NOW + 400 * DAY, false);

	tickets_keys(tickets, before);
	tickets_free(tickets);
	tickets = open_at(NOW, false);
	assert_int_equal(tickets_keys(tickets, after), 1);
	assert_memory_not_equal(before[0], after[0], TLS_TICKET_KEY_SIZE);
	tickets_free(tickets);
}

static void a_damaged_file_is_begun_anew(void **state)
{
	static const char *const plain[] = { "", "holdfast tickets 2\n", "holdfast tickets 1\n1 00\n",
					     "holdfast tickets 1\nx", "holdfast tickets 1\n1" };
	struct tickets *tickets = open_at(NOW, false);

	tickets_free(tickets);
	assert_int_equal(file_write(path, SPAN("nonsense"), 0600), 0);
	tickets_free(open_at(NOW, true));
	tickets_free(open_at(NOW, false));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		assert_int_equal(vault_file_write(vault, path, span_of(plain[i])), 0);
		tickets_free(open_at(NOW, true));
	}
}

static void without_a_vault_they_are_forgotten(void **state)
{
	struct tickets *tickets = NULL;
	uint8_t keys[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE];
	bool lost = true;

	assert_int_equal(tickets_open(NULL, "", DAY, NOW, &lost, &tickets, NULL), 0);
	assert_false(lost);
	assert_int_equal(tickets_keys(tickets, keys), 1);
	turn(tickets, NOW + DAY, true);
	tickets_free(tickets);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(keys_outlive_a_restart_and_are_sealed),
		test(a_new_key_seals_each_day_and_old_ones_go_when_they_open_nothing),
		test(keys_from_the_future_are_not_used),
		test(a_damaged_file_is_begun_anew),
		test(without_a_vault_they_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
