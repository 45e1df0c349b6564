#include "api/protobuf.h"

#include <errno.h>

#define NUMBER_MAX ((1u << 29) - 1)

int wire_varint(struct span *rest, uint64_t *out)
{
	uint64_t value = 0;

	for (size_t i = 0; i < 10 && i < rest->len; i++) {
		uint8_t byte = (uint8_t)rest->ptr[i];

		if (i == 9 && byte > 1)
			return -EINVAL;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*rest = span_make(rest->ptr + i + 1, rest->len - i - 1);
			*out = value;
			return 0;
		}
	}
	return -EINVAL;
}

static int take_fixed(struct span *rest, size_t size, uint64_t *out)
{
	if (rest->len < size)
		return -EINVAL;
	*out = 0;
	for (size_t i = size; i-- > 0;)
		*out = *out << 8 | (uint8_t)rest->ptr[i];
	*rest = span_make(rest->ptr + size, rest->len - size);
	return 0;
}

static int take_bytes(struct span *rest, struct span *out)
{
	uint64_t len;

	if (wire_varint(rest, &len) || len > rest->len)
		return -EINVAL;
	*out = span_make(rest->ptr, (size_t)len);
	*rest = span_make(rest->ptr + len, rest->len - (size_t)len);
	return 0;
}

int wire_next(struct span *rest, struct wire_field *out)
{
	uint64_t tag;
	int rc = -EINVAL;

	if (!rest->len)
		return 0;
	if (wire_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > NUMBER_MAX)
		return -EINVAL;
	*out = (struct wire_field){ .number = (unsigned)(tag >> 3), .type = (enum wire_type)(tag & 7) };
	switch (out->type) {
	case WIRE_VARINT: rc = wire_varint(rest, &out->value); break;
	case WIRE_FIXED64: rc = take_fixed(rest, 8, &out->value); break;
	case WIRE_BYTES: rc = take_bytes(rest, &out->bytes); break;
	case WIRE_FIXED32: rc = take_fixed(rest, 4, &out->value); break;
	}
	return rc ? rc : 1;
}

static int put_varint(struct buf *out, uint64_t value)
{
	char bytes[10];
	size_t len = 0;

	do {
		bytes[len++] = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
		value >>= 7;
	} while (value);
	return buf_add(out, bytes, len);
}

int wire_put_varint(struct buf *out, unsigned number, uint64_t value)
{
	int rc = put_varint(out, (uint64_t)number << 3 | WIRE_VARINT);

	return rc ? rc : put_varint(out, value);
}

int wire_put_head(struct buf *out, unsigned number, size_t len)
{
	int rc = put_varint(out, (uint64_t)number << 3 | WIRE_BYTES);

	return rc ? rc : put_varint(out, len);
}

int wire_put_bytes(struct buf *out, unsigned number, struct span bytes)
{
	int rc = wire_put_head(out, number, bytes.len);

	return rc ? rc : buf_add_span(out, bytes);
}
