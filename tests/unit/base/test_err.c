#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/err.h"

static void setting_returns_the_code_and_keeps_the_message(void **state)
{
	struct err err = { 0 };

	assert_int_equal(err_set(&err, -ENOSPC, "disk %s", "full"), -ENOSPC);
	assert_int_equal(err.code, -ENOSPC);
	assert_string_equal(err_text(&err), "disk full");
}

static void wrapping_puts_context_in_front(void **state)
{
	struct err err = { 0 };

	err_set(&err, -EIO, "disk full");
	assert_int_equal(err_wrap(&err, "opening %s", "store"), -EIO);
	assert_string_equal(err_text(&err), "opening store: disk full");
}

static void a_long_message_is_cut_and_stays_terminated(void **state)
{
	struct err err = { 0 };
	char text[600];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EIO, "%s", text);
	err_wrap(&err, "%s", text);
	assert_int_equal(strlen(err_text(&err)), sizeof(err.msg) - 1);
}

static void without_a_message_the_errno_speaks(void **state)
{
	struct err err = { .code = -ENOENT };

	assert_string_equal(err_text(&err), "No such file or directory");
	err_wrap(&err, "cert");
	assert_string_equal(err_text(&err), "cert: No such file or directory");
}

static void nobody_listening_is_fine(void **state)
{
	assert_int_equal(err_set(NULL, -EPERM, "no"), -EPERM);
	assert_int_equal(err_wrap(NULL, "no"), -EIO);
	assert_non_null(err_text(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(setting_returns_the_code_and_keeps_the_message),
		cmocka_unit_test(wrapping_puts_context_in_front),
		cmocka_unit_test(a_long_message_is_cut_and_stays_terminated),
		cmocka_unit_test(without_a_message_the_errno_speaks),
		cmocka_unit_test(nobody_listening_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
