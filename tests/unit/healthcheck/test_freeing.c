/* When the cloud may give away what a node ran exclusively. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "healthcheck/freeing.h"

static void a_node_that_never_told_may_keep_it_for_good(void **state)
{
	(void)state;
	assert_int_equal(freeing_limit_given(0, 60000), 0);
	assert_int_equal(freeing_limit_hello(0, 60000), 0);
	assert_int_equal(freeing_limit_told(90000, 0, 60000, true), 0);
}

static void every_limit_given_since_it_told_counts(void **state)
{
	unsigned kept = freeing_limit_hello(60000, 60000);

	(void)state;
	assert_int_equal(kept, 60000);
	kept = freeing_limit_given(kept, 300000); /* raised, and taken back before it could tell */
	kept = freeing_limit_given(kept, 30000);
	assert_int_equal(kept, 300000);
	assert_int_equal(freeing_limit_hello(60000, 30000), 60000); /* it is back and never had it */
	assert_int_equal(freeing_limit_hello(60000, 90000), 90000); /* goes to it at once */
}

static void what_it_tells_lowers_it_when_nothing_else_is_on_its_way(void **state)
{
	(void)state;
	assert_int_equal(freeing_limit_told(300000, 30000, 30000, false), 300000);
	assert_int_equal(freeing_limit_told(300000, 30000, 30000, true), 30000);
	assert_int_equal(freeing_limit_told(300000, 45000, 30000, true),
			 300000); /* an older one, or its own */
	assert_int_equal(freeing_limit_told(30000, 60000, 30000, true), 60000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_that_never_told_may_keep_it_for_good),
		cmocka_unit_test(every_limit_given_since_it_told_counts),
		cmocka_unit_test(what_it_tells_lowers_it_when_nothing_else_is_on_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
