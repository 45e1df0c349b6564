#include "healthcheck/datagram.h"

#include <errno.h>

#include "base/bigend.h"

#define HEAD_SIZE 24u
#define ITEM_HEAD 2u

/* --- writing: network byte order --- */

static const struct item_shape {
	bool about, from, incarnation, start; /* which fields it has */
	uint8_t size;			      /* of these */
	uint8_t tail_max;		      /* what may follow them: a signature, a verdict */
} shapes[] = {
	[DATAGRAM_SUSPECT] = { true, true, true, false, 8 + 8 + 4, 0 },
	[DATAGRAM_ALIVE] = { true, false, true, true, 8 + 4 + 8, DATAGRAM_SIGNATURE_MAX },
	[DATAGRAM_WANT] = { true, false, false, false, 8, 0 },
	[DATAGRAM_VERDICT] = { false, false, false, false, 0, DATAGRAM_VERDICT_MAX },
	[DATAGRAM_GONE] = { true, true, true, false, 8 + 8 + 4, 0 },
	[DATAGRAM_BACK] = { true, false, false, true, 8 + 8, 0 },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static struct span tail_of(const struct datagram_item *item)
{
	return item->type == DATAGRAM_VERDICT ? item->verdict
					      : span_make(item->signature, item->signature_len);
}

static size_t item_size(const struct datagram_item *item)
{
	return shapes[item->type].size + (shapes[item->type].tail_max ? tail_of(item).len : 0);
}

static void add_item(struct buf *out, const struct datagram_item *item)
{
	const struct item_shape *shape = &shapes[item->type];

	(void)bigend_add(out, item->type, 1);
	(void)bigend_add(out, item_size(item), 1);
	if (shape->about)
		(void)buf_add(out, item->about, ROSTER_ID_SIZE);
	if (shape->from)
		(void)buf_add(out, item->from, ROSTER_ID_SIZE);
	if (shape->incarnation)
		(void)bigend_add(out, item->incarnation, 4);
	if (shape->start)
		(void)bigend_add(out, item->start, 8);
	if (shape->tail_max)
		(void)buf_add_span(out, tail_of(item));
}

int datagram_write(const struct datagram *d, struct buf *out, size_t *out_items)
{
	size_t start = out->len, count = 0;

	(void)bigend_add(out, d->kind, 1);
	(void)bigend_add(out, d->flags, 1);
	(void)bigend_add(out, d->score, 1);
	(void)bigend_add(out, 0, 1);
	(void)bigend_add(out, d->nonce, 4);
	(void)bigend_add(out, d->roster_version, 4);
	(void)bigend_add(out, d->incarnation, 4);
	(void)buf_add(out, d->target, ROSTER_ID_SIZE);
	for (; count < d->item_count; count++) {
		size_t size = item_size(&d->items[count]);

		if (size > UINT8_MAX || out->len - start + ITEM_HEAD + size > DATAGRAM_PLAIN_MAX)
			break;
		add_item(out, &d->items[count]);
	}
	if (out_items)
		*out_items = count;
	return buf_error(out);
}

/* --- reading --- */

static uint64_t take_number(struct span *s, unsigned bytes)
{
	uint64_t n = bigend_load(s->ptr, bytes);

	*s = span_make(s->ptr + bytes, s->len - bytes);
	return n;
}

static void take_bytes(struct span *s, uint8_t *out, size_t len)
{
	memcpy(out, s->ptr, len);
	*s = span_make(s->ptr + len, s->len - len);
}

static void take_item(struct span bytes, uint8_t type, struct datagram_item *item)
{
	const struct item_shape *shape = &shapes[type];

	*item = (struct datagram_item){ .type = type };
	if (shape->about)
		take_bytes(&bytes, item->about, ROSTER_ID_SIZE);
	if (shape->from)
		take_bytes(&bytes, item->from, ROSTER_ID_SIZE);
	if (shape->incarnation)
		item->incarnation = (uint32_t)take_number(&bytes, 4);
	if (shape->start)
		item->start = take_number(&bytes, 8);
	if (type == DATAGRAM_VERDICT) {
		item->verdict = bytes;
	} else if (shape->tail_max) {
		item->signature_len = bytes.len;
		take_bytes(&bytes, item->signature, bytes.len);
	}
}

static bool fits(uint8_t type, uint8_t size)
{
	const struct item_shape *shape = &shapes[type];

	return size >= shape->size && size <= shape->size + shape->tail_max &&
	       (!shape->tail_max || size > shape->size);
}

int datagram_parse(struct span bytes, struct datagram *out)
{
	*out = (struct datagram){ .kind = 0 };
	if (bytes.len < HEAD_SIZE || bytes.len > DATAGRAM_PLAIN_MAX)
		return -EBADMSG;
	out->kind = (enum datagram_kind)take_number(&bytes, 1);
	out->flags = (uint8_t)take_number(&bytes, 1);
	out->score = (uint8_t)take_number(&bytes, 1);
	(void)take_number(&bytes, 1); /* for later releases */
	out->nonce = (uint32_t)take_number(&bytes, 4);
	out->roster_version = (uint32_t)take_number(&bytes, 4);
	out->incarnation = (uint32_t)take_number(&bytes, 4);
	take_bytes(&bytes, out->target, ROSTER_ID_SIZE);
	if (out->kind < DATAGRAM_PING || out->kind > DATAGRAM_NACK)
		return -EBADMSG;
	while (bytes.len) {
		uint8_t type, size;

		if (bytes.len < ITEM_HEAD)
			return -EBADMSG;
		type = (uint8_t)take_number(&bytes, 1);
		size = (uint8_t)take_number(&bytes, 1);
		if (size > bytes.len)
			return -EBADMSG;
		if (type > 0 && type < SHAPES) {
			if (!fits(type, size))
				return -EBADMSG;
			if (out->item_count < DATAGRAM_ITEMS_MAX)
				take_item(span_make(bytes.ptr, size), type, &out->items[out->item_count++]);
		}
		bytes = span_make(bytes.ptr + size, bytes.len - size);
	}
	return 0;
}

int datagram_alive_bytes(const char *region, const char *name, uint64_t start, uint32_t incarnation,
			 struct buf *out)
{
	(void)buf_add_str(out, "holdfast alive 1");
	(void)buf_add(out, region, strlen(region) + 1); /* with its end, so that nothing can move over */
	(void)buf_add(out, name, strlen(name) + 1);
	(void)bigend_add(out, start, 8);
	(void)bigend_add(out, incarnation, 4);
	return buf_error(out);
}
