#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/selector.h"
#include "cache/object.h"

static struct json *parse_json(const char *text)
{
	struct json *v;

	assert_int_equal(json_parse(span_of(text), &v, NULL), 0);
	return v;
}

static void labels_match_as_upstream(void **state)
{
	static const struct {
		const char *selector;
		bool matches; /* {app: web, tier: "", rank: "7"} */
	} cases[] = {
		{ "", true },
		{ "app=web", true },
		{ "app==web", true },
		{ " app = web , rank ", true },
		{ "app=db", false },
		{ "app!=db", true },
		{ "app!=web", false },
		{ "zone!=eu", true },
		{ "app in (web, db)", true },
		{ "app in (db)", false },
		{ "app notin (db)", true },
		{ "zone notin (eu,us)", true },
		{ "tier=", true },
		{ "tier", true },
		{ "zone", false },
		{ "!zone", true },
		{ "!app", false },
		{ "tier in (,x)", true },
		{ "tier in ()", true },
		{ "rank>6", true },
		{ "rank>7", false },
		{ "rank<8", true },
		{ "app>1", false },
		{ "in=web", false },
		{ "in notin (in,notin)", true },
	};
	struct json *labels = parse_json("{\"app\":\"web\",\"rank\":\"7\",\"tier\":\"\"}");
	struct buf packed;

	buf_init(&packed, 1000);
	assert_int_equal(pairs_add(&packed, "app", "web"), 0);
	assert_int_equal(pairs_add(&packed, "rank", "7"), 0);
	assert_int_equal(pairs_add(&packed, "tier", ""), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selector *s;

		assert_int_equal(selector_parse_labels(span_of(cases[i].selector), &s, NULL), 0);
		assert_int_equal(selector_match_json(s, labels), cases[i].matches);
		assert_int_equal(selector_match(s, buf_span(&packed)), cases[i].matches);
		selector_free(s);
	}
	buf_done(&packed);
	json_free(labels);
}

static void bad_label_selectors_are_refused_with_a_reason(void **state)
{
	static const struct {
		const char *selector, *reason;
	} cases[] = {
		{ "a=b=c", "',' or 'end of string'" },
		{ "a,", "identifier after ','" },
		{ "=a", "found '=', expected: !, identifier" },
		{ "a in b", "'('" },
		{ "a in (b", "',' or ')'" },
		{ "a b", "in, notin" },
		{ "a=b c", "found 'c'" },
		{ "-a=b", "name part must consist" },
		{ "a=-b", "a valid label must be" },
		{ "a=b,,c", "identifier" },
		{ "a>x", "must be an integer" },
		{ "!", "identifier" },
		{ "a/b/c", "a qualified name must" },
		{ "!a=b", "',' or 'end of string'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct selector *s;
		struct err err = { 0 };

		assert_int_equal(selector_parse_labels(span_of(cases[i].selector), &s, &err), -EINVAL);
		assert_non_null(strstr(err.msg, cases[i].reason));
	}
}

static void a_selector_has_a_limit(void **state)
{
	struct selector *s;
	struct buf text;

	buf_init(&text, 10000);
	for (unsigned i = 0; i <= SELECTOR_TERMS_MAX; i++)
		assert_int_equal(buf_addf(&text, "%sk%u=v", i ? "," : "", i), 0);
	assert_int_equal(selector_parse_labels(buf_span(&text), &s, NULL), -EINVAL);
	assert_int_equal(selector_parse_fields(buf_span(&text), &s, NULL), -EINVAL);
	buf_done(&text);
}

static void fields_match_and_unescape(void **state)
{
	struct selector *s;
	struct buf packed;

	buf_init(&packed, 1000);
	assert_int_equal(pairs_add(&packed, "reason", "a,b=c\\d"), 0);
	assert_int_equal(pairs_add(&packed, "spec.nodeName", "n1"), 0);
	assert_int_equal(
		selector_parse_fields(SPAN("spec.nodeName=n1,reason==a\\,b\\=c\\\\d,status.phase!=Failed"),
				      &s, NULL),
		0);
	assert_true(selector_match(s, buf_span(&packed)));
	assert_string_equal(selector_requires(s, "spec.nodeName"), "n1");
	assert_null(selector_requires(s, "status.phase"));
	assert_string_equal(selector_key(s, 2), "status.phase");
	assert_null(selector_key(s, 3));
	selector_free(s);

	/* What is absent is empty: how unscheduled pods are found. */
	assert_int_equal(selector_parse_fields(SPAN("spec.other="), &s, NULL), 0);
	assert_true(selector_match(s, buf_span(&packed)));
	selector_free(s);

	assert_int_equal(selector_parse_fields(SPAN("metadata.name=x,metadata.namespace!=y,spec.nodeName=n1"),
					       &s, NULL),
			 0);
	assert_true(selector_match_fields(s, "x", "z", buf_span(&packed)));
	assert_false(selector_match_fields(s, "x", "y", buf_span(&packed)));
	assert_false(selector_match_fields(s, "w", "z", buf_span(&packed)));
	assert_int_equal(selector_rename(s, 2, "reason"), 0);
	assert_false(selector_match_fields(s, "x", "z", buf_span(&packed)));
	selector_free(s);
	buf_done(&packed);
}

static void bad_field_selectors_are_refused(void **state)
{
	static const char *const bad[] = { "a", "a=b=c", "a=b\\x", "a=b\\", "a!b" };
	struct selector *s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(selector_parse_fields(span_of(bad[i]), &s, NULL), -EINVAL);
}

static void label_selector_objects_match(void **state)
{
	struct json *labels = parse_json("{\"app\":\"web\"}");
	struct json *object =
		parse_json("{\"matchLabels\":{\"app\":\"web\"},\"matchExpressions\":["
			   "{\"key\":\"zone\",\"operator\":\"DoesNotExist\"},"
			   "{\"key\":\"app\",\"operator\":\"In\",\"values\":[\"db\",\"web\"]}]}");
	struct json *bad = parse_json(
		"{\"matchExpressions\":[{\"key\":\"a\",\"operator\":\"Near\",\"values\":[\"x\"]}]}");
	struct json *empty = parse_json("{}");
	struct selector *s;

	assert_int_equal(selector_of_json(object, &s, NULL), 0);
	assert_true(selector_match_json(s, labels));
	assert_false(selector_match_json(s, empty));
	selector_free(s);

	assert_int_equal(selector_of_json(empty, &s, NULL), 0);
	assert_true(selector_is_empty(s));
	assert_true(selector_match_json(s, labels));
	selector_free(s);

	assert_int_equal(selector_of_json(NULL, &s, NULL), 0);
	assert_false(selector_is_empty(s));
	assert_false(selector_match_json(s, labels));
	selector_free(s);

	assert_int_equal(selector_of_json(bad, &s, NULL), -EINVAL);
	assert_int_equal(selector_of_map(labels, &s), 0);
	assert_true(selector_match_json(s, labels));
	assert_false(selector_match_json(s, empty));
	selector_free(s);
	json_free(labels);
	json_free(object);
	json_free(bad);
	json_free(empty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_match_as_upstream),
		cmocka_unit_test(bad_label_selectors_are_refused_with_a_reason),
		cmocka_unit_test(a_selector_has_a_limit),
		cmocka_unit_test(fields_match_and_unescape),
		cmocka_unit_test(bad_field_selectors_are_refused),
		cmocka_unit_test(label_selector_objects_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
