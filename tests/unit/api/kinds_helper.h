/* What the tests of the kind tables share: parsing and printing trees, going through the checks as a write does. */
#ifndef HOLDFAST_TESTS_KINDS_HELPER_H
#define HOLDFAST_TESTS_KINDS_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "api/kind.h"

static inline struct json *parse_json(const char *text)
{
	struct err err = { 0 };
	struct json *v = NULL;

	if (json_parse(span_of(text), &v, &err))
		fail_msg("%s: %s", text, err_text(&err));
	return v;
}

/* True when they are equal; prints both otherwise. */
static inline bool is_json(const struct json *v, const char *expected)
{
	struct json *want = parse_json(expected);
	bool equal = json_equal(v, want);
	struct buf text;

	if (!equal) {
		buf_init(&text, JSON_MAX_BYTES);
		assert_int_equal(json_write(v, &text), 0);
		print_error("got  %s\nwant %s\n", buf_cstr(&text), expected);
		buf_done(&text);
	}
	json_free(want);
	return equal;
}

static inline const struct kind *core_kind(const char *name)
{
	const struct kind *kind = kind_of_name(SPAN(""), SPAN("v1"), span_of(name));

	assert_non_null(kind);
	return kind;
}

/* The complaints about `object` (taken) after defaulting, as one text in *out. */
static inline void validated(const struct kind *kind, struct json *object, const struct json *old,
			     struct buf *out)
{
	struct problems *problems = problems_new();

	assert_int_equal(schema_check(kind->schema, object, true, problems, NULL), 0);
	assert_int_equal(kind_default(kind, object), 0);
	kind_validate(kind, object, old, problems);
	buf_reset(out);
	assert_int_equal(problems_text(problems, out), 0);
	problems_free(problems);
	json_free(object);
}

#endif
