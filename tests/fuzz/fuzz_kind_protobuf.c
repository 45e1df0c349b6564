/* Protobuf bodies: what decodes is JSON of the kind's form, and can be defaulted, validated and shown. */
#include <stdlib.h>

#include "api/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct kind *kind, const struct json *object)
{
	struct buf cell;

	buf_init(&cell, 8 * JSON_MAX_BYTES);
	for (size_t i = 0; i < kind->column_count; i++)
		(void)kind->columns[i].cell(object, 1700000000000, &cell);
	if (kind->index_fields)
		(void)kind->index_fields(object, &cell);
	buf_done(&cell);
}

static void use(const struct kind *kind, struct json *object)
{
	struct problems *problems = problems_new();
	struct problem problem;

	if (!problems || schema_check(kind->schema, object, true, problems, NULL))
		abort();
	for (size_t i = 0; problems_at(problems, i, &problem); i++)
		if (problem.type == PROBLEM_UNKNOWN_FIELD)
			abort();
	if (!problems_count(problems)) {
		if (kind_default(kind, object))
			abort();
		kind_validate(kind, object, NULL, problems);
		show(kind, object);
	}
	problems_free(problems);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct kind *kind;
	struct json *object;
	struct err err;

	if (kind_decode_protobuf(span_make(data, size), &kind, &object, &err))
		return 0;
	if (!kind->to_storage)
		use(kind, object);
	json_free(object);
	return 0;
}
