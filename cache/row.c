#include "cache/row.h"

#include <errno.h>

#include "base/hash.h"

#define ROW_OVERHEAD_BYTES 96u /* integers, indexes and page slack, roughly */

static void put_le(unsigned char *out, uint64_t n)
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (unsigned char)(n >> (8 * i));
}

static uint32_t fold(uint64_t h)
{
	return (uint32_t)(h ^ (h >> 32));
}

static uint64_t hash_spans(uint64_t seed, const struct span *spans, size_t count)
{
	for (size_t i = 0; i < count; i++)
		seed = hash64(spans[i], seed + spans[i].len);
	return seed;
}

static uint32_t head_sum(const struct row *row)
{
	const uint64_t numbers[] = { row->revision,	    row->previous,
				     row->log_offset,	    (uint64_t)row->wall_ms,
				     (uint64_t)row->change, (uint64_t)row->generation,
				     row->origin,	    (uint64_t)row->splice,
				     row->is_whole };
	const struct span texts[] = { row->resource, row->ns, row->name, row->uid };
	unsigned char packed[sizeof(numbers)];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		put_le(packed + 8 * i, numbers[i]);
	return fold(hash_spans(hash64(span_make(packed, sizeof(packed)), 0), texts, 4));
}

static uint32_t body_sum(const struct row *row)
{
	const struct span parts[] = { row->labels, row->fields, row->owners, row->body };

	return fold(
		hash_spans(row->revision, parts, 4)); /* the revision, so that bodies cannot swap places */
}

void row_seal(struct row *row)
{
	row->checksum = (uint64_t)head_sum(row) << 32 | body_sum(row);
}

struct row row_of(const struct object *object, enum change_type change, uint64_t previous, int64_t wall_ms)
{
	return (struct row){
		.revision = object->revision,
		.previous = previous,
		.wall_ms = wall_ms,
		.change = change,
		.resource = span_of(object->key.resource),
		.ns = span_of(object->key.ns),
		.name = span_of(object->key.name),
		.uid = span_of(object->uid),
		.generation = object->generation,
		.origin = object->origin,
		.splice = object->splice,
		.labels = object->labels,
		.fields = object->fields,
		.owners = object->owners,
		.body = object->body,
		.is_whole = true,
	};
}

size_t row_size(const struct row *row)
{
	return ROW_OVERHEAD_BYTES + 2 * (row->resource.len + row->ns.len + row->name.len + row->uid.len) +
	       row->labels.len + row->fields.len + row->owners.len + row->body.len;
}

bool row_is_of(const struct row *row, const struct key *key)
{
	return span_is(row->name, key->name) && span_is(row->ns, key->ns) &&
	       span_is(row->resource, key->resource);
}

static bool is_text(struct span s)
{
	return s.len == 0 || !memchr(s.ptr, '\0', s.len);
}

int row_check_head(const struct row *row)
{
	bool is_sound = (uint32_t)(row->checksum >> 32) == head_sum(row) && row->revision != 0 &&
			row->previous < row->revision && row->change >= CHANGE_ADDED &&
			row->change <= CHANGE_LEFT && is_text(row->resource) && is_text(row->ns) &&
			is_text(row->name) && is_text(row->uid);

	return is_sound ? 0 : -EBADMSG;
}

int row_check(const struct row *row)
{
	bool is_sound = row_check_head(row) == 0 && (uint32_t)row->checksum == body_sum(row) &&
			pairs_valid(row->labels) && pairs_valid(row->fields) &&
			(row->owners.len == 0 || row->owners.ptr[row->owners.len - 1] == '\0') &&
			row->splice >= 0 && row->splice <= UINT32_MAX &&
			(uint64_t)row->splice <= row->body.len;

	return is_sound ? 0 : -EBADMSG;
}

static int copy_with_keys(const struct row *row, struct span body, char *texts, struct object **out)
{
	const struct span spans[] = { row->resource, row->ns, row->name, row->uid };
	const char *strings[4];
	struct object object = {
		.revision = row->revision,
		.origin = row->origin,
		.generation = row->generation,
		.labels = row->labels,
		.fields = row->fields,
		.owners = row->owners,
		.body = body,
		.splice = (uint32_t)row->splice,
	};

	for (int i = 0; i < 4; i++) {
		strings[i] = texts;
		if (spans[i].len)
			memcpy(texts, spans[i].ptr, spans[i].len);
		texts[spans[i].len] = '\0';
		texts += spans[i].len + 1;
	}
	object.key = (struct key){ strings[0], strings[1], strings[2] };
	object.uid = strings[3];
	*out = object_new(&object);
	return *out ? 0 : -ENOMEM;
}

#define KEY_TEXTS_MAX 4096u

int row_to_object(const struct row *row, struct object **out)
{
	return row_to_object_with(row, row->body, out);
}

int row_to_object_with(const struct row *row, struct span body, struct object **out)
{
	char texts[KEY_TEXTS_MAX]; /* the names of Kubernetes end at 253 bytes each */
	size_t room = row->resource.len + row->ns.len + row->name.len + row->uid.len + 4;

	if (room > sizeof(texts) || row_check(row) < 0 || (uint64_t)row->splice > body.len)
		return -EBADMSG;
	return copy_with_keys(row, body, texts, out);
}
