#include "net/outq.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_MIN 1024u
#define CHUNK_MAX (16u * 1024) /* one TLS record */

struct outq_chunk {
	struct outq_chunk *next;
	char *data; /* `own`, or memory taken over */
	size_t start, end, cap;
	char own[];
};

void outq_init(struct outq *q, size_t max_bytes)
{
	*q = (struct outq){ .max = max_bytes };
}

static void chunk_free(struct outq_chunk *chunk)
{
	if (chunk->data != chunk->own)
		free(chunk->data);
	free(chunk);
}

void outq_done(struct outq *q)
{
	while (q->first) {
		struct outq_chunk *chunk = q->first;

		q->first = chunk->next;
		chunk_free(chunk);
	}
	q->last = NULL;
	q->bytes = 0;
}

static struct outq_chunk *chunk_new(size_t want)
{
	size_t cap = want < CHUNK_MIN ? CHUNK_MIN : want > CHUNK_MAX ? CHUNK_MAX : want;
	struct outq_chunk *chunk = malloc(sizeof(*chunk) + cap);

	if (!chunk)
		return NULL;
	*chunk = (struct outq_chunk){ .cap = cap };
	chunk->data = chunk->own;
	return chunk;
}

static void append(struct outq *q, struct outq_chunk *chunk)
{
	if (q->last)
		q->last->next = chunk;
	else
		q->first = chunk;
	q->last = chunk;
}

static size_t room_at_end(const struct outq *q)
{
	return q->last && q->last->data == q->last->own ? q->last->cap - q->last->end : 0;
}

/* Adds empty chunks until `total` bytes fit behind what is there; *first_new is where they begin. */
static int make_room(struct outq *q, size_t total, struct outq_chunk **first_new)
{
	struct outq_chunk *tail = NULL;
	size_t room = room_at_end(q);

	*first_new = NULL;
	while (room < total) {
		struct outq_chunk *chunk = chunk_new(total - room);

		if (!chunk) {
			while (*first_new) {
				tail = (*first_new)->next;
				chunk_free(*first_new);
				*first_new = tail;
			}
			return -ENOMEM;
		}
		room += chunk->cap;
		if (tail)
			tail->next = chunk;
		else
			*first_new = chunk;
		tail = chunk;
	}
	return 0;
}

int outq_add(struct outq *q, const struct span *pieces, size_t count)
{
	struct outq_chunk *spare;
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if (pieces[i].len > q->max - total)
			return -EAGAIN;
		total += pieces[i].len;
	}
	if (q->bytes > q->max || total > q->max - q->bytes)
		return -EAGAIN;
	if (make_room(q, total, &spare))
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct span rest = pieces[i];

		while (rest.len) {
			size_t n = room_at_end(q);

			if (!n) {
				struct outq_chunk *next;

				assert_always(spare); /* make_room counted them */
				next = spare->next;
				spare->next = NULL;
				append(q, spare);
				spare = next;
				continue;
			}
			n = n < rest.len ? n : rest.len;
			memcpy(q->last->data + q->last->end, rest.ptr, n);
			q->last->end += n;
			rest = span_make(rest.ptr + n, rest.len - n);
		}
	}
	q->bytes += total;
	return 0;
}

int outq_take(struct outq *q, char *data, size_t len)
{
	struct outq_chunk *chunk;

	if (!len) {
		free(data);
		return 0;
	}
	chunk = malloc(sizeof(*chunk));
	if (!chunk) {
		free(data);
		return -ENOMEM;
	}
	*chunk = (struct outq_chunk){ .data = data, .end = len, .cap = len };
	append(q, chunk);
	q->bytes += len;
	return 0;
}

struct span outq_front(const struct outq *q)
{
	if (!q->first)
		return span_make(NULL, 0);
	return span_make(q->first->data + q->first->start, q->first->end - q->first->start);
}

size_t outq_peek(const struct outq *q, struct span *out, size_t max)
{
	size_t n = 0;

	for (const struct outq_chunk *chunk = q->first; chunk && n < max; chunk = chunk->next)
		out[n++] = span_make(chunk->data + chunk->start, chunk->end - chunk->start);
	return n;
}

void outq_consume(struct outq *q, size_t len)
{
	assert_always(len <= q->bytes);
	q->bytes -= len;
	while (len) {
		struct outq_chunk *chunk = q->first;
		size_t n;

		assert_always(chunk);
		n = chunk->end - chunk->start;
		if (len < n) {
			chunk->start += len;
			return;
		}
		len -= n;
		q->first = chunk->next;
		if (!q->first)
			q->last = NULL;
		chunk_free(chunk);
	}
}
