/* Rows as they may lie on a damaged disk: the input is cut into the columns; with the first byte even the
 * checksum is made to fit, so that the checks behind it are reached. */
#include <stdint.h>
#include <stdlib.h>

#include "cache/row.h"

struct input {
	const uint8_t *data;
	size_t left;
};

static uint64_t take_number(struct input *in)
{
	uint64_t n = 0;
	size_t len = in->left ? *in->data % 9 : 0;

	for (size_t i = 0; i <= len && in->left; i++, in->left--)
		n = n << 8 | *in->data++;
	return n;
}

static struct span take_span(struct input *in)
{
	size_t len = in->left ? *in->data : 0;
	struct span s;

	if (in->left) {
		in->data++;
		in->left--;
	}
	if (len > in->left)
		len = in->left;
	s = span_make(in->data, len);
	in->data += len;
	in->left -= len;
	return s;
}

static void use(struct object *object, const struct row *row)
{
	const char *key, *value;
	size_t cursor = 0;
	struct row again;
	struct buf out;

	while (pairs_next(object->labels, &cursor, &key, &value))
		assert_always(pairs_get(object->labels, key) == value);
	buf_init(&out, 1 << 16);
	assert_always(object_write(object, &out) == 0);
	assert_always(out.len >= object->body.len);
	assert_always(row_is_of(row, &object->key));
	/* What was read is written the same. */
	again = row_of(object, (enum change_type)row->change, row->previous, row->wall_ms);
	again.log_offset = row->log_offset;
	again.is_whole = row->is_whole;
	row_seal(&again);
	assert_always(again.checksum == row->checksum);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint64_t flags = take_number(&in);
	struct object *object = NULL;
	struct row row = { .revision = take_number(&in),
			   .previous = take_number(&in),
			   .log_offset = take_number(&in),
			   .wall_ms = (int64_t)take_number(&in),
			   .change = (int64_t)take_number(&in) };

	row.generation = (int64_t)take_number(&in);
	row.origin = take_number(&in);
	row.splice = (int64_t)take_number(&in);
	row.checksum = take_number(&in);
	row.is_whole = flags & 2;
	row.resource = take_span(&in);
	row.ns = take_span(&in);
	row.name = take_span(&in);
	row.uid = take_span(&in);
	row.labels = take_span(&in);
	row.fields = take_span(&in);
	row.owners = take_span(&in);
	row.body = span_make(in.data, in.left);
	if (!(flags & 1))
		row_seal(&row);
	(void)pairs_valid(row.body);
	(void)pairs_get(row.body, "a");
	if (row_to_object(&row, &object) == 0)
		use(object, &row);
	object_unref(object);
	return 0;
}
