#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/random.h"
#include "base/timerq.h"

static void the_earliest_leaves_first_and_only_when_due(void **state)
{
	struct timerq_node a = { 0 }, b = { 0 }, c = { 0 };
	struct timerq q;

	timerq_init(&q);
	assert_true(timerq_next(&q) == TIMERQ_NEVER);
	assert_int_equal(timerq_set(&q, &a, 30), 0);
	assert_int_equal(timerq_set(&q, &b, 10), 0);
	assert_int_equal(timerq_set(&q, &c, 20), 0);
	assert_true(timerq_next(&q) == 10);
	assert_null(timerq_pop(&q, 9));
	assert_ptr_equal(timerq_pop(&q, 10), &b);
	assert_ptr_equal(timerq_pop(&q, 100), &c);
	assert_ptr_equal(timerq_pop(&q, 100), &a);
	assert_null(timerq_pop(&q, 100));
	timerq_done(&q);
}

static void setting_again_moves(void **state)
{
	struct timerq_node a = { 0 }, b = { 0 };
	struct timerq q;

	timerq_init(&q);
	assert_int_equal(timerq_set(&q, &a, 10), 0);
	assert_int_equal(timerq_set(&q, &b, 20), 0);
	assert_int_equal(timerq_set(&q, &a, 30), 0);
	assert_int_equal(q.count, 2);
	assert_true(timerq_next(&q) == 20);
	assert_int_equal(timerq_set(&q, &a, 5), 0);
	assert_true(timerq_next(&q) == 5);
	timerq_done(&q);
	assert_int_equal(a.slot, 0);
}

static void cancelling_what_is_not_queued_is_harmless(void **state)
{
	struct timerq_node a = { 0 };
	struct timerq q;

	timerq_init(&q);
	timerq_cancel(&q, &a);
	assert_int_equal(timerq_set(&q, &a, 1), 0);
	timerq_cancel(&q, &a);
	timerq_cancel(&q, &a);
	assert_true(timerq_next(&q) == TIMERQ_NEVER);
	timerq_done(&q);
}

static void random_work_agrees_with_a_model(void **state)
{
	struct timerq_node nodes[200] = { 0 };
	struct timerq_node *node;
	uint64_t now = 0;
	struct rng rng;
	struct timerq q;

	rng_seed(&rng, 7);
	timerq_init(&q);
	for (int step = 0; step < 20000; step++) {
		uint64_t least = TIMERQ_NEVER;

		node = &nodes[rng_below(&rng, 200)];
		switch (rng_below(&rng, 4)) {
		case 0:
		case 1: assert_int_equal(timerq_set(&q, node, now + rng_below(&rng, 1000)), 0); break;
		case 2: timerq_cancel(&q, node); break;
		case 3:
			now += rng_below(&rng, 50);
			while ((node = timerq_pop(&q, now)))
				assert_true(node->due_ms <= now && !node->slot);
		}
		for (int i = 0; i < 200; i++)
			if (nodes[i].slot && nodes[i].due_ms < least)
				least = nodes[i].due_ms;
		assert_true(timerq_next(&q) == least);
	}
	timerq_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_earliest_leaves_first_and_only_when_due),
		cmocka_unit_test(setting_again_moves),
		cmocka_unit_test(cancelling_what_is_not_queued_is_harmless),
		cmocka_unit_test(random_work_agrees_with_a_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
