/* Bodies are normalized one way, and what the cache needs is pulled out beside them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>

#include "api/object_json.h"
#include "api/selector.h"

static struct object *build(const char *text)
{
	struct object *object = NULL;

	assert_int_equal(object_from_body("pods", span_of(text), 7, &object), 0);
	return object;
}

static void bodies_are_normalized(void **state)
{
	struct object *object = build("{\"spec\":{\"nodeName\":\"n\",\"x\":1.50},\"metadata\":{\"zeta\":1,"
				      "\"labels\":{\"b\":\"2\",\"a\":\"1\"},"
				      "\"resourceVersion\":\"99\",\"namespace\":\"web\",\"name\":\"p\","
				      "\"uid\":\"u\",\"deletionTimestamp\":null},"
				      "\"status\":{}}");
	struct buf out;

	assert_string_equal(object->key.resource, "pods");
	assert_string_equal(object->key.ns, "web");
	assert_string_equal(object->key.name, "p");
	assert_string_equal(object->uid, "u");
	assert_int_equal(object->origin, 7);
	buf_init(&out, 65536);
	assert_int_equal(buf_add_span(&out, object->body), 0);
	assert_string_equal(
		buf_cstr(&out),
		"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"web\","
		"\"uid\":\"u\",\"labels\":{\"b\":"
		"\"2\",\"a\":\"1\"},\"zeta\":1},\"spec\":{\"nodeName\":\"n\",\"x\":1.50},\"status\":{}}");
	/* The same object from its own body is the same bytes. */
	struct object *again = build(buf_cstr(&out));

	assert_true(span_eq(again->body, object->body));
	object_unref(again);
	buf_reset(&out);
	object->revision = 12;
	assert_int_equal(object_write(object, &out), 0);
	assert_non_null(strstr(buf_cstr(&out), "\"metadata\":{\"resourceVersion\":\"12\",\"name\":\"p\""));
	buf_done(&out);
	object_unref(object);
}

static void what_is_indexed_is_pulled_out(void **state)
{
	struct object *object = build("{\"metadata\":{\"name\":\"p\",\"namespace\":\"web\",\"generation\":4,"
				      "\"labels\":{\"b\":\"2\",\"a\":\"1\"},"
				      "\"ownerReferences\":[{\"uid\":\"o1\"},{\"uid\":\"o2\"},{}]},\"spec\":{"
				      "\"nodeName\":\"n\"},\"status\":{\"phase\":"
				      "\"Running\"}}");

	assert_int_equal(object->generation, 4);
	assert_int_equal(object->labels.len, 8);
	assert_memory_equal(object->labels.ptr,
			    "a\0"
			    "1\0b\0"
			    "2\0",
			    8);
	assert_int_equal(object->owners.len, 6);
	assert_memory_equal(object->owners.ptr, "o1\0o2\0", 6);
	assert_string_equal(pairs_get(object->fields, "spec.nodeName"), "n");
	assert_string_equal(pairs_get(object->fields, "status.phase"), "Running");
	object_unref(object);
}

static void trees_come_back_with_their_revision(void **state)
{
	struct object *object = build("{\"metadata\":{\"name\":\"p\",\"namespace\":\"web\"},\"spec\":{}}");
	struct json *tree = NULL;

	assert_int_equal(object_to_json(object, &tree), 0);
	assert_null(json_path(tree, "metadata.resourceVersion"));
	json_free(tree);
	object->revision = 5;
	assert_int_equal(object_to_json(object, &tree), 0);
	assert_string_equal(json_path_str(tree, "metadata.resourceVersion", ""), "5");
	json_free(tree);
	object_unref(object);
}

static void what_is_no_object_is_refused(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"[]",
		"7",
		"{\"metadata\":{}}",
		"{\"metadata\":{\"name\":\"\"}}",
		"{\"metadata\":{\"name\":7}}",
		"{\"metadata\":{\"name\":\"p\",\"labels\":[]}}",
		"{\"metadata\":{\"name\":\"p\",\"labels\":{\"a\":1}}}",
		"{\"metadata\":{\"name\":\"p\",\"ownerReferences\":{}}}",
		"{",
		"",
	};
	struct object *object = NULL;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		assert_int_equal(object_from_body("pods", span_of(bodies[i]), 0, &object), -EINVAL);
		assert_null(object);
	}
	assert_int_equal(object_from_body("gizmos", SPAN("{\"metadata\":{\"name\":\"p\"}}"), 0, &object),
			 -EINVAL);
}

static void selectors_see_names_and_indexed_fields(void **state)
{
	struct object *object = build("{\"metadata\":{\"name\":\"p\",\"namespace\":\"web\",\"labels\":{\"a\":"
				      "\"1\"}},\"spec\":{\"nodeName\":\"n\"}}");
	struct selector *labels = NULL, *fields = NULL;

	assert_true(object_selected(object, NULL, NULL));
	assert_int_equal(selector_parse_labels(SPAN("a=1"), &labels, NULL), 0);
	assert_int_equal(selector_parse_fields(SPAN("metadata.name=p,spec.nodeName=n,metadata.namespace!=x"),
					       &fields, NULL),
			 0);
	assert_true(object_selected(object, labels, fields));
	selector_free(fields);
	assert_int_equal(selector_parse_fields(SPAN("metadata.name=q"), &fields, NULL), 0);
	assert_false(object_selected(object, labels, fields));
	selector_free(labels);
	selector_free(fields);
	object_unref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_are_normalized),
		cmocka_unit_test(what_is_indexed_is_pulled_out),
		cmocka_unit_test(trees_come_back_with_their_revision),
		cmocka_unit_test(what_is_no_object_is_refused),
		cmocka_unit_test(selectors_see_names_and_indexed_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
