/* patching: one document, one patch, and what must come of them. */
#ifndef HOLDFAST_TESTS_API_PATCHING_H
#define HOLDFAST_TESTS_API_PATCHING_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "api/patch.h"

struct patch_case {
	const char *document, *patch;
	const char *result; /* NULL: refused */
	int code;	    /* when refused */
};
/* schema NULL but for strategic patches. */
typedef int patch_fn(const struct schema *schema, struct json **tree, const struct json *patch,
		     struct err *err);

static inline struct json *patching_parse(const char *text)
{
	struct json *tree = NULL;
	struct err err = { 0 };

	if (json_parse(span_of(text), &tree, &err))
		fail_msg("%s: %s", text, err_text(&err));
	return tree;
}

static inline void patching_run(const struct patch_case *c, const struct schema *schema, patch_fn *apply)
{
	struct json *tree = patching_parse(c->document), *patch = patching_parse(c->patch);
	struct err err = { 0 };
	int code = apply(schema, &tree, patch, &err);
	struct buf text;

	buf_init(&text, 1024u * 1024);
	assert_int_equal(json_write(tree, &text), 0);
	if (code != (c->result ? 0 : c->code))
		fail_msg("%s on %s: code %d (%s)", c->patch, c->document, code, err_text(&err));
	if (c->result) {
		struct json *want = patching_parse(c->result);

		if (!json_equal(tree, want))
			fail_msg("%s on %s:\n   %s\nnot %s", c->patch, c->document, buf_cstr(&text),
				 c->result);
		json_free(want);
	}
	buf_done(&text);
	json_free(tree);
	json_free(patch);
}

#endif
