/* JSON bodies of every kind: checked, defaulted, validated against themselves, shown; and a second check finds nothing new. */
#include <stdlib.h>

#include "api/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct kind *kind, const struct json *object)
{
	struct buf cell;

	buf_init(&cell, 16 * JSON_MAX_BYTES);
	for (size_t i = 0; i < kind->column_count; i++)
		(void)kind->columns[i].cell(object, 1700000000000, &cell);
	if (kind->index_fields)
		(void)kind->index_fields(object, &cell);
	buf_done(&cell);
}

static void run_kind(const struct kind *kind, const struct json *tree)
{
	struct problems *first = problems_new(), *second = problems_new();
	struct json *object = json_copy(tree);

	if (!first || !second || !object || schema_check(kind->schema, object, false, first, NULL) ||
	    schema_check(kind->schema, object, true, second, NULL))
		abort();
	if (problems_count(first) != problems_count(second)) /* what was unknown is gone */
		abort();
	if (!problems_count(first)) {
		if (kind_default(kind, object))
			abort();
		if (!kind->to_storage) {
			kind_validate(kind, object, NULL, first);
			kind_validate(kind, object, tree, first);
		}
		show(kind, object);
		show(kind, tree);
	}
	problems_free(first);
	problems_free(second);
	json_free(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kind *const *all;
	struct json *tree;
	size_t count;

	if (json_parse(span_make(data, size), &tree, NULL))
		return 0;
	all = kinds(&count);
	for (size_t i = 0; i < count; i++)
		run_kind(all[i], tree);
	json_free(tree);
	return 0;
}
