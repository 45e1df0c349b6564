#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/random.h"

static void uuids_are_version_4_and_differ(void **state)
{
	char a[RANDOM_UUID_SIZE], b[RANDOM_UUID_SIZE];

	random_uuid(a);
	random_uuid(b);
	assert_int_equal(strlen(a), 36);
	assert_int_equal(strspn(a, "0123456789abcdef-"), 36);
	assert_int_equal(a[14], '4');
	assert_non_null(strchr("89ab", a[19]));
	assert_string_not_equal(a, b);
}

static void one_seed_gives_one_sequence(void **state)
{
	struct rng a, b, c;

	rng_seed(&a, 1);
	rng_seed(&b, 1);
	rng_seed(&c, 2);
	assert_true(rng_next(&a) == rng_next(&b));
	assert_true(rng_next(&a) == rng_next(&b));
	assert_true(rng_next(&a) != rng_next(&c));
}

static void draws_stay_below_their_bound_and_reach_all_of_it(void **state)
{
	struct rng rng;
	unsigned seen[6] = { 0 };

	rng_seed(&rng, 3);
	for (int i = 0; i < 6000; i++) {
		uint64_t n = rng_below(&rng, 6);

		assert_true(n < 6);
		seen[n]++;
	}
	for (int i = 0; i < 6; i++)
		assert_in_range(seen[i], 800, 1200);
	assert_true(rng_below(&rng, 0) == 0);
	assert_true(rng_below(&rng, 1) == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uuids_are_version_4_and_differ),
		cmocka_unit_test(one_seed_gives_one_sequence),
		cmocka_unit_test(draws_stay_below_their_bound_and_reach_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
