#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/random.h"
#include "tests/tools/failmalloc.h"

static struct span key_of(int n, char text[16])
{
	(void)snprintf(text, 16, "key-%d", n);
	return span_of(text);
}

static void what_was_put_is_found(void **state)
{
	int a = 1, b = 2;
	void *old;
	struct map map;

	map_init(&map, 10);
	assert_null(map_get(&map, SPAN("a")));
	assert_int_equal(map_put(&map, SPAN("a"), &a, &old), 0);
	assert_null(old);
	assert_int_equal(map_put(&map, SPAN("a\0b"), &b, NULL), 0);
	assert_ptr_equal(map_get(&map, SPAN("a")), &a);
	assert_ptr_equal(map_get(&map, SPAN("a\0b")), &b);
	assert_int_equal(map_put(&map, SPAN("a"), &b, &old), 0);
	assert_ptr_equal(old, &a);
	assert_int_equal(map.count, 2);
	assert_ptr_equal(map_remove(&map, SPAN("a")), &b);
	assert_null(map_remove(&map, SPAN("a")));
	assert_null(map_get(&map, SPAN("a")));
	map_done(&map, NULL);
}

static void the_empty_key_is_a_key(void **state)
{
	int a;
	struct map map;

	map_init(&map, 10);
	assert_int_equal(map_put(&map, SPAN(""), &a, NULL), 0);
	assert_ptr_equal(map_get(&map, span_make(NULL, 0)), &a);
	map_done(&map, NULL);
}

static void a_full_map_refuses_new_keys_only(void **state)
{
	int a;
	struct map map;

	map_init(&map, 2);
	assert_int_equal(map_put(&map, SPAN("1"), &a, NULL), 0);
	assert_int_equal(map_put(&map, SPAN("2"), &a, NULL), 0);
	assert_int_equal(map_put(&map, SPAN("3"), &a, NULL), -ENOSPC);
	assert_int_equal(map_put(&map, SPAN("2"), &a, NULL), 0);
	map_remove(&map, SPAN("1"));
	assert_int_equal(map_put(&map, SPAN("3"), &a, NULL), 0);
	map_done(&map, NULL);
}

/* Against a plain array as the model. */
static void random_work_agrees_with_a_model(void **state)
{
	static int values[500];
	bool present[500] = { false };
	size_t count = 0;
	struct rng rng;
	struct map map;
	char text[16];

	rng_seed(&rng, 42);
	map_init(&map, 500);
	for (int step = 0; step < 50000; step++) {
		int n = (int)rng_below(&rng, 500);

		if (rng_below(&rng, 2)) {
			assert_int_equal(map_put(&map, key_of(n, text), &values[n], NULL), 0);
			count += !present[n];
			present[n] = true;
		} else {
			assert_ptr_equal(map_remove(&map, key_of(n, text)), present[n] ? &values[n] : NULL);
			count -= present[n];
			present[n] = false;
		}
		assert_int_equal(map.count, count);
		assert_true(map.cap <= 2048); /* churn does not grow it */
	}
	for (int n = 0; n < 500; n++)
		assert_ptr_equal(map_get(&map, key_of(n, text)), present[n] ? &values[n] : NULL);
	map_done(&map, NULL);
}

static void a_walk_goes_in_order_of_insertion_and_may_remove(void **state)
{
	static int values[100];
	struct map map;
	struct span key;
	void *value;
	size_t cursor = 0;
	char text[16];
	int seen = 0;

	map_init(&map, 100);
	for (int n = 0; n < 100; n++)
		assert_int_equal(map_put(&map, key_of(n, text), &values[n], NULL), 0);
	while (map_next(&map, &cursor, &key, &value)) {
		assert_ptr_equal(value, &values[seen]);
		assert_true(span_eq(key, key_of(seen, text)));
		if (seen++ % 2)
			map_remove(&map, key_of(seen - 1, text));
	}
	assert_int_equal(seen, 100);
	assert_int_equal(map.count, 50);
	map_done(&map, NULL);
}

static int freed;
static void count_free(void *value)
{
	freed++;
	free(value);
}

static void ending_frees_each_value_once(void **state)
{
	struct map map;
	char text[16];

	freed = 0;
	map_init(&map, 100);
	for (int n = 0; n < 20; n++)
		assert_int_equal(map_put(&map, key_of(n, text), malloc(1), NULL), 0);
	free(map_remove(&map, SPAN("key-3")));
	map_done(&map, count_free);
	assert_int_equal(freed, 19);
	map_done(&map, count_free);
	assert_int_equal(freed, 19);
}

static int fill(void *ctx)
{
	struct map map;
	char text[16];
	int rc = 0;

	map_init(&map, 1000);
	for (int n = 0; n < 100 && !rc; n++) {
		rc = map_put(&map, key_of(n, text), ctx, NULL);
		if (map.count != (size_t)n + !rc || (!rc && map_get(&map, key_of(n, text)) != ctx))
			rc = -EPROTO;
		if (n && map_get(&map, key_of(0, text)) != ctx)
			rc = -EPROTO;
	}
	map_done(&map, NULL);
	return rc;
}

static void memory_running_out_leaves_the_map_whole(void **state)
{
	int value;

	assert_true(failmalloc_walk(fill, &value) > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_found),
		cmocka_unit_test(the_empty_key_is_a_key),
		cmocka_unit_test(a_full_map_refuses_new_keys_only),
		cmocka_unit_test(random_work_agrees_with_a_model),
		cmocka_unit_test(a_walk_goes_in_order_of_insertion_and_may_remove),
		cmocka_unit_test(ending_frees_each_value_once),
		cmocka_unit_test(memory_running_out_leaves_the_map_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
