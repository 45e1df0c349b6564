#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/workqueue.h"

static int setup(void **state)
{
	struct workqueue *q = calloc(1, sizeof(*q));

	workqueue_init(q);
	*state = q;
	return 0;
}

static int teardown(void **state)
{
	workqueue_done_all(*state);
	free(*state);
	return 0;
}

static void a_key_comes_once_however_often_it_is_asked_for(void **state)
{
	struct workqueue *q = *state;
	struct workqueue_item *item;

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(workqueue_add(q, 2, "a"), 0);
	assert_true(workqueue_next(q) == 0);
	item = workqueue_take(q, 0);
	assert_string_equal(workqueue_key(item), "a");
	assert_int_equal(workqueue_class(item), 2);
	assert_null(workqueue_take(q, 0));
	workqueue_done(q, item, false, 0, 0);
	assert_null(workqueue_take(q, 0));
	assert_int_equal(workqueue_count(q), 0);
	assert_true(workqueue_next(q) == TIMERQ_NEVER);
}

static void classes_keep_their_keys_apart(void **state)
{
	struct workqueue *q = *state;

	assert_int_equal(workqueue_add(q, 0, "a"), 0);
	assert_int_equal(workqueue_add(q, 1, "a"), 0);
	assert_int_equal(workqueue_count(q), 2);
}

static void asked_for_meanwhile_it_comes_again_afterwards(void **state)
{
	struct workqueue *q = *state;
	struct workqueue_item *item;

	assert_int_equal(workqueue_add(q, 0, "a"), 0);
	item = workqueue_take(q, 0);
	assert_int_equal(workqueue_add(q, 0, "a"), 0);
	assert_null(workqueue_take(q, 0)); /* never twice at a time */
	workqueue_done(q, item, false, 0, 0);
	item = workqueue_take(q, 0);
	assert_non_null(item);
	workqueue_done(q, item, false, 0, 0);
	assert_int_equal(workqueue_count(q), 0);
}

static void failures_wait_longer_and_longer(void **state)
{
	struct workqueue *q = *state;
	uint64_t now = 0, last = 0;

	assert_int_equal(workqueue_add(q, 0, "a"), 0);
	for (unsigned i = 0; i < 20; i++) {
		struct workqueue_item *item = workqueue_take(q, now);
		uint64_t due;

		assert_non_null(item);
		workqueue_done(q, item, true, now, UINT64_MAX - 1);
		assert_int_equal(workqueue_add(q, 0, "a"), 0); /* does not cut the wait short */
		assert_null(workqueue_take(q, now));
		due = workqueue_next(q);
		assert_in_range(due - now, WORKQUEUE_BACKOFF_MS / 2, WORKQUEUE_BACKOFF_MAX_MS);
		assert_true(due - now >= last / 2);
		last = due - now;
		now = due;
	}
	assert_in_range(last, WORKQUEUE_BACKOFF_MAX_MS / 2, WORKQUEUE_BACKOFF_MAX_MS);
	workqueue_done(q, workqueue_take(q, now), false, now, 0);
	assert_int_equal(workqueue_count(q), 0);
}

static void a_deadline_may_only_move_forward(void **state)
{
	struct workqueue *q = *state;
	struct workqueue_item *item;

	assert_int_equal(workqueue_add_at(q, 0, "a", 500), 0);
	assert_int_equal(workqueue_add_at(q, 0, "a", 900), 0);
	assert_true(workqueue_next(q) == 500);
	assert_int_equal(workqueue_add_at(q, 0, "a", 300), 0);
	assert_true(workqueue_next(q) == 300);
	assert_null(workqueue_take(q, 299));
	assert_int_equal(workqueue_add(q, 0, "a"), 0);
	item = workqueue_take(q, 0);
	assert_non_null(item);
	assert_int_equal(workqueue_add_at(q, 0, "a", 800), 0);
	assert_int_equal(workqueue_add_at(q, 0, "a", 700), 0);
	workqueue_done(q, item, false, 0, 0);
	assert_true(workqueue_next(q) == 700);
}

static void too_long_keys_are_refused(void **state)
{
	char key[WORKQUEUE_KEY_MAX + 2];

	memset(key, 'x', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	assert_int_equal(workqueue_add(*state, 0, key), -ENOMEM);
	key[WORKQUEUE_KEY_MAX] = '\0';
	assert_int_equal(workqueue_add(*state, 0, key), 0);
}

/* Whatever order things come in, no request is lost: after the last one of a key it is worked on once more. */
static void nothing_asked_for_is_lost(void **state)
{
	struct workqueue *q = *state;
	bool wanted[8] = { false };
	struct workqueue_item *taken[8] = { NULL };
	uint64_t now = 0;
	struct rng rng;

	rng_seed(&rng, 5);
	for (unsigned step = 0; step < 50000; step++) {
		size_t i = rng_below(&rng, 8);
		char key[2] = { (char)('a' + i), '\0' };
		struct workqueue_item *item;

		now += rng_below(&rng, 50);
		if (rng_below(&rng, 3) == 0) {
			assert_int_equal(workqueue_add_at(q, 0, key,
							  rng_below(&rng, 2) ? now + rng_below(&rng, 100)
									     : 0),
					 0);
			wanted[i] = true;
		} else if (taken[i]) {
			bool failed = rng_below(&rng, 4) == 0;

			wanted[i] = wanted[i] || failed;
			workqueue_done(q, taken[i], failed, now, rng_next(&rng));
			taken[i] = NULL;
		} else if ((item = workqueue_take(q, now))) {
			i = (size_t)(*workqueue_key(item) - 'a');
			assert_null(taken[i]);
			taken[i] = item;
			wanted[i] = false;
		}
	}
	for (size_t i = 0; i < 8; i++)
		if (taken[i])
			workqueue_done(q, taken[i], false, now, 0);
	for (struct workqueue_item *item; (item = workqueue_take(q, UINT64_MAX - 1));
	     workqueue_done(q, item, false, now, 0))
		wanted[*workqueue_key(item) - 'a'] = false;
	for (size_t i = 0; i < 8; i++)
		assert_false(wanted[i]);
	assert_int_equal(workqueue_count(q), 0);
}

int main(void)
{
#define WITH(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH(a_key_comes_once_however_often_it_is_asked_for),
		WITH(classes_keep_their_keys_apart),
		WITH(asked_for_meanwhile_it_comes_again_afterwards),
		WITH(failures_wait_longer_and_longer),
		WITH(a_deadline_may_only_move_forward),
		WITH(too_long_keys_are_refused),
		WITH(nothing_asked_for_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
