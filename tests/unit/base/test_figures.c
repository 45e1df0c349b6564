#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/figures.h"

static void a_figure_has_its_head_and_its_value(void **state)
{
	struct buf out;

	buf_init(&out, 4096);
	figures_add(&out, "things_total", "counter", "Things seen.", UINT64_MAX);
	assert_string_equal(buf_cstr(&out), "# HELP holdfast_things_total Things seen.\n"
					    "# TYPE holdfast_things_total counter\n"
					    "holdfast_things_total 18446744073709551615\n");
	buf_done(&out);
}

static void labels_are_escaped(void **state)
{
	const struct figures_label labels[] = { { "a", "x\"y\\z\n" }, { "b", "" }, { 0 } },
				   none[] = { { 0 } };
	struct buf out;

	buf_init(&out, 4096);
	figures_sample(&out, "t", labels, -5);
	figures_sample(&out, "t", none, 7);
	assert_string_equal(buf_cstr(&out), "holdfast_t{a=\"x\\\"y\\\\z\\n\",b=\"\"} -5\nholdfast_t 7\n");
	buf_done(&out);
}

static void the_process_knows_its_memory(void **state)
{
	const char *value;
	struct buf out;
	uint64_t bytes;

	buf_init(&out, 4096);
	figures_process(&out);
	value = strstr(buf_cstr(&out), "\nprocess_resident_memory_bytes ");
	assert_non_null(value);
	value += sizeof("\nprocess_resident_memory_bytes ") - 1;
	assert_int_equal(span_to_u64(span_make(value, strlen(value) - 1), &bytes), 0);
	assert_in_range(bytes, 100 * 1024, 1ull << 36);
	buf_done(&out);
}

static void a_full_buffer_says_so(void **state)
{
	struct buf out;

	buf_init(&out, 20);
	figures_add(&out, "things_total", "counter", "Things seen.", 1);
	assert_int_not_equal(buf_error(&out), 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_figure_has_its_head_and_its_value),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(the_process_knows_its_memory),
		cmocka_unit_test(a_full_buffer_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
