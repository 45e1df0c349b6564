/* An authority that will end is spoken of months ahead, once a day, and while it matters. */
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cloud-hub/ending.h"

#define NOW_MS 1790000000000
#define DAY_MS (24 * 60 * 60 * (int64_t)1000)
#define END_MS (NOW_MS + AUTHORITY_BRANCH_DAYS * DAY_MS) /* of the branches; the root lives longer */

struct place {
	char base[64], pki[96];
	struct authority *authority;
	struct ending ending;
	char said[256]; /* "GENERATION:DAYS " for each */
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	struct err err = { 0 };

	assert_non_null(p);
	*state = p;
	(void)snprintf(p->base, sizeof(p->base), "/tmp/holdfast-ending-XXXXXX");
	if (!mkdtemp(p->base))
		return -1;
	(void)snprintf(p->pki, sizeof(p->pki), "%s/pki", p->base);
	return authority_open(p->pki, NULL, NOW_MS, &p->authority, &err);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct place *p = *state;
	int code;

	authority_free(p->authority);
	code = nftw(p->base, remove_one, 8,
		    FTW_DEPTH | FTW_PHYS); /* later generations have directories of their own */
	free(p);
	return code;
}

static void note(void *ctx, unsigned generation, int64_t days)
{
	struct place *p = ctx;
	size_t len = strlen(p->said);

	(void)snprintf(p->said + len, sizeof(p->said) - len, "%u:%lld ", generation, (long long)days);
}

static void expect(struct place *p, int64_t now_wall_ms, const char *said)
{
	p->said[0] = 0;
	ending_look(&p->ending, p->authority, now_wall_ms, note, p);
	assert_string_equal(p->said, said);
}

static void it_is_said_half_a_year_before_the_branches_end_and_once_a_day(void **state)
{
	struct place *p = *state;

	expect(p, NOW_MS, "");
	expect(p, END_MS - 182 * DAY_MS, "");
	expect(p, END_MS - 180 * DAY_MS, "1:180 ");
	expect(p, END_MS - 180 * DAY_MS + 60 * 60 * 1000, "");
	expect(p, END_MS - 179 * DAY_MS - 1, "");
	expect(p, END_MS - 179 * DAY_MS, "1:179 ");
	expect(p, END_MS - 170 * DAY_MS, "1:170 "); /* the hub was off for a while */
	expect(p, END_MS + 3 * DAY_MS, "1:-3 ");
}

static void a_clock_set_back_does_not_silence_it(void **state)
{
	struct place *p = *state;

	expect(p, END_MS + 3000 * DAY_MS, "1:-3000 ");
	expect(p, END_MS - 10 * DAY_MS, "1:10 ");
	expect(p, END_MS - 11 * DAY_MS, "1:11 ");
	expect(p, NOW_MS, "");
}

static void a_successor_ends_it(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };

	assert_int_equal(authority_rotate(p->authority, END_MS - 100 * DAY_MS, &err), 0);
	expect(p, END_MS - 100 * DAY_MS, "1:100 "); /* it signs still */
	assert_int_equal(authority_switch(p->authority, &err), 0);
	expect(p, END_MS - 99 * DAY_MS, "1:99 "); /* what it signed is in use */
	assert_int_equal(authority_finish(p->authority, &err), 0);
	expect(p, END_MS - 98 * DAY_MS, "");
	assert_int_equal(authority_distrust_old(p->authority, &err), 0);
	expect(p, END_MS - 97 * DAY_MS, "");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_said_half_a_year_before_the_branches_end_and_once_a_day),
		TEST(a_clock_set_back_does_not_silence_it),
		TEST(a_successor_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
