#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/share.h"
#include "views.h"

static int decoded(const char *quoted, struct share *out)
{
	struct json *tree = quoted_json(quoted);
	int rc = share_decode(json_get(tree, "v"), (struct share){ 7, false }, 100, out);

	json_free(tree);
	return rc;
}

static void numbers_and_percentages_are_read(void **state)
{
	struct share share;

	assert_int_equal(decoded("{}", &share), 0);
	assert_int_equal(share.value, 7);
	assert_int_equal(decoded("{'v':3}", &share), 0);
	assert_int_equal(share.value, 3);
	assert_false(share.percent);
	assert_int_equal(decoded("{'v':-3}", &share), 0);
	assert_int_equal(share.value, 0);
	assert_int_equal(decoded("{'v':'25%'}", &share), 0);
	assert_int_equal(share.value, 25);
	assert_true(share.percent);
	assert_int_equal(decoded("{'v':'101%'}", &share), -EINVAL);
	assert_int_equal(decoded("{'v':'-1%'}", &share), -EINVAL);
	assert_int_equal(decoded("{'v':'25'}", &share), -EINVAL);
	assert_int_equal(decoded("{'v':'%'}", &share), -EINVAL);
}

static void a_percentage_is_rounded_as_asked(void **state)
{
	const struct share quarter = { 25, true }, three = { 3, false };

	assert_int_equal(share_up(quarter, 10), 3);
	assert_int_equal(share_down(quarter, 10), 2);
	assert_int_equal(share_up(quarter, 8), 2);
	assert_int_equal(share_down(quarter, 3), 0);
	assert_int_equal(share_up(quarter, 0), 0);
	assert_int_equal(share_up(three, 10), 3);
	assert_int_equal(share_down(three, 1), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_percentages_are_read),
		cmocka_unit_test(a_percentage_is_rounded_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
