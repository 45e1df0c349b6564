#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/json.h"
#include "tests/tools/failmalloc.h"

static struct json *parsed(const char *text)
{
	struct err err = { 0 };
	struct json *v;

	if (json_parse(span_of(text), &v, &err))
		fail_msg("%s: %s", text, err_text(&err));
	return v;
}

static void assert_written(const struct json *v, const char *text)
{
	struct buf out;

	buf_init(&out, 100000);
	assert_int_equal(json_write(v, &out), 0);
	assert_string_equal(buf_cstr(&out), text);
	buf_done(&out);
}

static void text_survives_a_round_trip(void **state)
{
	static const char *const cases[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"1.0",
		"1e3",
		"0.10",
		"-1.5E-3",
		"9223372036854775807",
		"-9223372036854775808",
		"9223372036854775808",
		"18446744073709551615",
		"18446744073709551616",
		"-9223372036854775809",
		"123456789012345678901234567890",
		"1e308",
		"5e-324",
		"\"\"",
		"\"a\\nb\\u0000c\xc3\xa9\"",
		"[]",
		"{}",
		"[[],{},null]",
		"{\"z\":1,\"a\":{\"b\":[1,2.50]},\"\":null}",
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *v = parsed(cases[i]);
		struct json *copy = json_copy(v);

		assert_written(v, cases[i]);
		assert_written(copy, cases[i]);
		assert_true(json_equal(v, copy));
		json_free(v);
		json_free(copy);
	}
}

static void what_is_not_strict_json_is_refused(void **state)
{
	static const struct span cases[] = {
		SPAN(""),
		SPAN(" "),
		SPAN("nul"),
		SPAN("nullx"),
		SPAN("NaN"),
		SPAN("Infinity"),
		SPAN("-"),
		SPAN("01"),
		SPAN("-01"),
		SPAN("1."),
		SPAN(".5"),
		SPAN("1e"),
		SPAN("1e+"),
		SPAN("+1"),
		SPAN("0x10"),
		SPAN("1e999"),
		SPAN("[1,]"),
		SPAN("[,1]"),
		SPAN("[1 2]"),
		SPAN("["),
		SPAN("{"),
		SPAN("{\"a\"}"),
		SPAN("{\"a\":}"),
		SPAN("{\"a\":1,}"),
		SPAN("{a:1}"),
		SPAN("{'a':1}"),
		SPAN("'a'"),
		SPAN("{1:2}"),
		SPAN("\"abc"),
		SPAN("\"a\nb\""),
		SPAN("\"\\x\""),
		SPAN("\"\\u12\""),
		SPAN("\"\\u12g4\""),
		SPAN("\"\\"),
		SPAN("1 2"),
		SPAN("{} x"),
		SPAN("1\0"),
		SPAN("[1]\0"),
		SPAN("\0"),
		SPAN("\"\xff\""),
		SPAN("\"\xed\xa0\x80\""),
		SPAN("{\"a\\u0000b\":1}"),
		SPAN("// x\n1"),
		SPAN("1 /* x */"),
		SPAN("\xef\xbb\xbf"
		     "1"),
		SPAN("[1]]"),
	};
	struct json *v;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(json_parse(cases[i], &v, &err), -EINVAL);
		assert_null(v);
		assert_true(err.msg[0]);
	}
}

static void an_error_says_where(void **state)
{
	struct err err = { 0 };
	struct json *v;

	assert_int_equal(json_parse(SPAN("{\n  \"a\": 1\n  \"b\": 2\n}"), &v, &err), -EINVAL);
	assert_string_equal(err.msg, "JSON line 3 column 3: expected ',' or '}'");
}

static void escapes_become_utf8(void **state)
{
	struct json *v = parsed("\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\\/\\\"\\b\\f\\n\\r\\t\\u0000\"");

	assert_true(span_eq(json_span(v), SPAN("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\"\b\f\n\r\t\0")));
	json_free(v);
}

static void half_a_surrogate_becomes_the_replacement_character(void **state)
{
	struct json *v = parsed("\"\\ud800x\\udc00\\ud83d\\ud83d\\ude00\"");

	assert_true(span_is(json_span(v), "\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd\xf0\x9f\x98\x80"));
	json_free(v);
}

static void depth_and_length_have_limits(void **state)
{
	char deep[2 * (JSON_MAX_DEPTH + 1)];
	struct json *v;
	char *large;

	memset(deep, '[', JSON_MAX_DEPTH + 1);
	memset(deep + JSON_MAX_DEPTH + 1, ']', JSON_MAX_DEPTH + 1);
	assert_int_equal(json_parse(span_make(deep, sizeof(deep)), &v, NULL), -E2BIG);
	assert_int_equal(json_parse(span_make(deep + 1, sizeof(deep) - 2), &v, NULL), 0);
	json_free(v);
	large = malloc(JSON_MAX_BYTES + 1);
	assert_non_null(large);
	memset(large, ' ', JSON_MAX_BYTES + 1);
	large[0] = '1';
	assert_int_equal(json_parse(span_make(large, JSON_MAX_BYTES + 1), &v, NULL), -E2BIG);
	assert_int_equal(json_parse(span_make(large, JSON_MAX_BYTES), &v, NULL), 0);
	json_free(v);
	free(large);
}

static void a_key_given_twice_keeps_its_last_value(void **state)
{
	struct json *v = parsed("{\"a\":1,\"b\":2,\"a\":{\"c\":3}}");

	assert_written(v, "{\"a\":{\"c\":3},\"b\":2}");
	json_free(v);
}

static void getters_walk_through_absent_and_other_types(void **state)
{
	struct json *v =
		parsed("{\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[80]}],\"on\":true,\"x\":null,"
		       "\"f\":1.5,\"big\":18446744073709551615}}");

	assert_string_equal(json_path_str(v, "spec.containers.0.name", "?"), "c");
	assert_string_equal(json_path_str(v, "spec.containers.1.name", "?"), "?");
	assert_string_equal(json_path_str(v, "spec.on.name", "?"), "?");
	assert_string_equal(json_path_str(v, "spec.containers.x", "?"), "?");
	assert_int_equal(json_path_int(v, "spec.containers.0.ports.0", -1), 80);
	assert_int_equal(json_path_int(v, "spec.f", -1), -1);
	assert_true(json_double(json_path(v, "spec.f"), 0) == 1.5);
	assert_true(json_path_bool(v, "spec.on", false));
	assert_int_equal(json_type(json_path(v, "spec.x")), JSON_NULL);
	assert_int_equal(json_type(json_path(v, "spec.y")), JSON_ABSENT);
	assert_int_equal(json_type(json_path(v, "spec.big")), JSON_INT);
	assert_null(json_get(NULL, "a"));
	assert_null(json_at(v, 0));
	assert_int_equal(json_count(NULL), 0);
	assert_int_equal(json_count(json_get(v, "spec")), 5);
	assert_int_equal(json_span(NULL).len, 0);
	assert_string_equal(json_type_name(json_type(v)), "object");
	json_free(v);
}

static void trees_are_built_in_order(void **state)
{
	struct json *v = json_new_object(), *list = json_new_array();

	assert_int_equal(json_set_str(v, "kind", "Pod"), 0);
	assert_int_equal(json_set_int(v, "n", -5), 0);
	assert_int_equal(json_set_bool(v, "b", true), 0);
	assert_int_equal(json_append(list, json_new_str("b")), 0);
	assert_int_equal(json_insert(list, 0, json_new_str("a")), 0);
	assert_int_equal(json_insert(list, 2, json_new_null()), 0);
	assert_int_equal(json_insert(list, 1, json_new_number(SPAN("1.50"))), 0);
	assert_int_equal(json_insert(list, 9, json_new_int(1)), -EINVAL);
	assert_int_equal(json_set(v, "list", list), 0);
	assert_int_equal(json_set_str(v, "kind", "Node"), 0);
	assert_written(v, "{\"kind\":\"Node\",\"n\":-5,\"b\":true,\"list\":[\"a\",1.50,\"b\",null]}");
	assert_int_equal(json_replace(list, 1, json_new_object()), 0);
	assert_int_equal(json_replace(list, 4, json_new_object()), -EINVAL);
	assert_true(json_remove_at(list, 0));
	assert_false(json_remove_at(list, 3));
	assert_true(json_remove(v, "n"));
	assert_false(json_remove(v, "n"));
	assert_written(v, "{\"kind\":\"Node\",\"b\":true,\"list\":[{},\"b\",null]}");
	json_free(v);
}

static void setters_refuse_what_cannot_be(void **state)
{
	struct json *v = json_new_object();

	assert_int_equal(json_set(v, "a", NULL), -ENOMEM);
	assert_int_equal(json_append(v, json_new_int(1)), -EINVAL);
	assert_int_equal(json_set(NULL, "a", json_new_int(1)), -EINVAL);
	assert_int_equal(json_set(v, "\xff", json_new_int(1)), -EINVAL);
	assert_null(json_new_span(SPAN("\xff")));
	assert_null(json_new_number(SPAN("1x")));
	assert_null(json_new_number(SPAN("")));
	assert_int_equal(json_count(v), 0);
	json_free(v);
}

static void ensuring_a_path_makes_its_parents_once(void **state)
{
	struct json *v = json_new_object(), *labels;

	labels = json_ensure(v, "metadata.labels");
	assert_non_null(labels);
	assert_ptr_equal(json_ensure(v, "metadata.labels"), labels);
	assert_int_equal(json_set_str(labels, "a", "b"), 0);
	assert_null(json_ensure(v, "metadata.labels.a"));
	assert_null(json_ensure(v, "metadata.labels.a.c"));
	assert_written(v, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}");
	json_free(v);
}

static void a_walk_may_remove_the_current_entry(void **state)
{
	struct json *v = parsed("{\"a\":1,\"b\":null,\"c\":3}");
	struct json_iter it = json_iter(v);
	char keys[8] = "";
	size_t n = 0;

	while (json_next(&it)) {
		keys[n++] = it.key[0];
		if (it.key[0] == 'b') {
			assert_int_equal(json_type(it.value), JSON_NULL);
			assert_true(json_remove(v, "b"));
		}
	}
	assert_string_equal(keys, "abc");
	assert_written(v, "{\"a\":1,\"c\":3}");
	it = json_iter(NULL);
	assert_false(json_next(&it));
	json_free(v);
}

static void equality_is_by_value(void **state)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true },
		{ "[1,2]", "[2,1]", false },
		{ "[1]", "[1,1]", false },
		{ "1", "1.0", true },
		{ "1e3", "1000", true },
		{ "0.1", "0.10", true },
		{ "1", "\"1\"", false },
		{ "null", "false", false },
		{ "{\"a\":null}", "{}", false },
		{ "{\"a\":null}", "{\"b\":null}", false },
		{ "18446744073709551615", "18446744073709551614", false },
		{ "9223372036854775807", "9223372036854775808", false },
		{ "\"a\\u0000b\"", "\"a\\u0000c\"", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *a = parsed(cases[i].a), *b = parsed(cases[i].b);

		assert_int_equal(json_equal(a, b), cases[i].equal);
		json_free(a);
		json_free(b);
	}
	assert_true(json_equal(NULL, NULL));
	assert_false(json_equal(NULL, json_new_null()));
}

static void writing_past_a_ceiling_leaves_nothing_behind(void **state)
{
	struct json *v = parsed("[1,2,3,4,5,6]");
	struct buf out;

	buf_init(&out, 10);
	assert_int_equal(buf_add_str(&out, "x"), 0);
	assert_int_equal(json_write(v, &out), -EMSGSIZE);
	assert_true(span_is(buf_span(&out), "x"));
	buf_done(&out);
	json_free(v);
}

static int read_change_and_write(void *ctx)
{
	static const char text[] =
		"{\"a\":[1,2.5,\"x\\ny\",{\"b\":null}],\"c\":18446744073709551615,\"d\":{\"e\":true}}";
	struct json *v = NULL, *copy = NULL;
	struct buf out;
	int rc = json_parse(span_of(text), &v, NULL);

	buf_init(&out, 1000);
	if (rc)
		goto out;
	rc = -ENOMEM;
	copy = json_copy(v);
	if (!copy || !json_ensure(copy, "metadata.labels") || json_set_str(copy, "k", "v"))
		goto out;
	rc = json_insert(json_get(copy, "a"), 1, json_new_str("in"));
	if (!rc)
		rc = json_write(copy, &out);
	if (!rc && !span_has_suffix(buf_span(&out), SPAN("\"metadata\":{\"labels\":{}},\"k\":\"v\"}")))
		rc = -EPROTO;
out:
	json_free(v);
	json_free(copy);
	buf_done(&out);
	return rc;
}

static void memory_running_out_is_reported(void **state)
{
	assert_true(failmalloc_walk(read_change_and_write, NULL) > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_survives_a_round_trip),
		cmocka_unit_test(what_is_not_strict_json_is_refused),
		cmocka_unit_test(an_error_says_where),
		cmocka_unit_test(escapes_become_utf8),
		cmocka_unit_test(half_a_surrogate_becomes_the_replacement_character),
		cmocka_unit_test(depth_and_length_have_limits),
		cmocka_unit_test(a_key_given_twice_keeps_its_last_value),
		cmocka_unit_test(getters_walk_through_absent_and_other_types),
		cmocka_unit_test(trees_are_built_in_order),
		cmocka_unit_test(setters_refuse_what_cannot_be),
		cmocka_unit_test(ensuring_a_path_makes_its_parents_once),
		cmocka_unit_test(a_walk_may_remove_the_current_entry),
		cmocka_unit_test(equality_is_by_value),
		cmocka_unit_test(writing_past_a_ceiling_leaves_nothing_behind),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
