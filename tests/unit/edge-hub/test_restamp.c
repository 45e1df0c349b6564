#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge-hub/outbox/restamp.h"

#define NOW 1800000000000ll /* 2027-01-15T08:00:00Z */
#define EVENT \
	"{\"metadata\":{\"name\":\"e\"%s},\"firstTimestamp\":\"%s\",\"lastTimestamp\":\"%s\",\"count\":2}"

static const struct restamp now = { .boot_id = "this-boot", .mono_ms = 100000, .wall_ms = NOW };

/* An event that happened 40 and 10 seconds before `now` if its boot is this one, as it leaves the node. */
static int sent(const char *boot, const char *stamp, struct buf *out)
{
	struct json *tree = NULL;
	struct buf text;
	int code;

	buf_init(&text, 4096);
	buf_addf(&text, EVENT, "", stamp, stamp);
	assert_int_equal(json_parse(buf_span(&text), &tree, NULL), 0);
	assert_int_equal(restamp_mark(tree, boot, 60000, 90000), 0);
	buf_reset(&text);
	assert_int_equal(json_write(tree, &text), 0);
	json_free(tree);
	buf_init(out, 4096);
	code = restamp_event(buf_span(&text), &now, out);
	buf_done(&text);
	return code;
}

static void expect(const char *boot, const char *stamp, const char *first, const char *last)
{
	struct buf out, want;

	assert_int_equal(sent(boot, stamp, &out), 0);
	buf_init(&want, 4096);
	buf_addf(&want, EVENT, "", first, last);
	assert_string_equal(buf_cstr(&out), buf_cstr(&want));
	buf_done(&out);
	buf_done(&want);
}

static void an_event_of_this_boot_gets_its_true_times(void **state)
{
	expect("this-boot", "1970-01-01T00:01:00Z", "2027-01-15T07:59:20Z", "2027-01-15T07:59:50Z");
	expect("this-boot", "2031-01-01T00:01:00Z", "2027-01-15T07:59:20Z", "2027-01-15T07:59:50Z");
}

static void an_event_of_an_earlier_boot_is_not_later_than_this_boot(void **state)
{
	expect("another", "2031-01-01T00:01:00Z", "2027-01-15T07:58:20Z", "2027-01-15T07:58:20Z");
	expect("another", "2026-12-24T00:01:00Z", "2026-12-24T00:01:00Z", "2026-12-24T00:01:00Z");
	expect("", "2026-12-24T00:01:00Z", "2026-12-24T00:01:00Z", "2026-12-24T00:01:00Z");
	expect("another", "never", "2027-01-15T07:58:20Z", "2027-01-15T07:58:20Z");
}

static void what_bears_no_mark_is_left_alone(void **state)
{
	struct buf text, out;

	buf_init(&text, 4096);
	buf_init(&out, 4096);
	buf_addf(&text, EVENT, "", "1970-01-01T00:01:00Z", "1970-01-01T00:01:00Z");
	assert_int_equal(restamp_event(buf_span(&text), &now, &out), -ENOENT);
	assert_int_equal(restamp_event(SPAN("{\"message\":\"holdfast.io/stamped-at\"}"), &now, &out),
			 -ENOENT);
	assert_int_not_equal(restamp_event(SPAN("{\"holdfast.io/stamped-at\":"), &now, &out), 0);
	assert_int_equal(out.len, 0);
	buf_done(&text);
	buf_done(&out);
}

static void other_annotations_stay(void **state)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(restamp_event(SPAN("{\"metadata\":{\"annotations\":{\"a\":\"b\",\"" RESTAMP_MARK
					    "\":\"x 1 2\"}}}"),
				       &now, &out),
			 0);
	assert_non_null(strstr(buf_cstr(&out), "\"annotations\":{\"a\":\"b\"}"));
	buf_done(&out);
}

static void marks_that_cannot_be_are_not_believed(void **state)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(restamp_event(SPAN("{\"metadata\":{\"annotations\":{\"" RESTAMP_MARK
					    "\":\"this-boot 5 99999999999\"}}}"),
				       &now, &out),
			 0);
	assert_non_null(strstr(buf_cstr(&out), "\"lastTimestamp\":\"2027-01-15T07:58:20Z\""));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_of_this_boot_gets_its_true_times),
		cmocka_unit_test(an_event_of_an_earlier_boot_is_not_later_than_this_boot),
		cmocka_unit_test(what_bears_no_mark_is_left_alone),
		cmocka_unit_test(other_annotations_stay),
		cmocka_unit_test(marks_that_cannot_be_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
