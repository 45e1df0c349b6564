#include "cache/seal.h"

#include <errno.h>

#include "cache/row.h"

#define BOUND_MAX 4096u
#define PROOF "holdfast store"

static bool is_one_of(const char *const *names, struct span text, bool as_prefix)
{
	for (; *names; names++)
		if (as_prefix ? span_has_prefix(text, span_of(*names)) : span_is(text, *names))
			return true;
	return false;
}

bool seal_covers(const struct cache_seal *seal, const struct row *row)
{
	return seal && row->is_whole && row->change != CHANGE_LEFT &&
	       is_one_of(seal->resources, row->resource, false);
}

bool seal_covers_mark(const struct cache_seal *seal, struct span mark)
{
	return seal && is_one_of(seal->marks, mark, true);
}

/* What follows a text cannot be taken for a part of it: names hold no NUL. */
static int bind_row(const struct row *row, struct buf *bound)
{
	const struct span texts[] = { SPAN("row"), row->resource, row->ns, row->name, row->uid };
	uint8_t revision[8];

	for (unsigned i = 0; i < 8; i++)
		revision[i] = (uint8_t)(row->revision >> (8 * i));
	buf_init(bound, BOUND_MAX);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		(void)buf_add_span(bound, texts[i]);
		(void)buf_add_char(bound, '\0');
	}
	(void)buf_add(bound, revision, sizeof(revision));
	return buf_error(bound);
}

static int bind_mark(struct span mark, struct buf *bound)
{
	buf_init(bound, BOUND_MAX);
	(void)buf_add(bound, "mark", sizeof("mark"));
	(void)buf_add_span(bound, mark);
	return buf_error(bound);
}

int seal_row(const struct cache_seal *seal, const struct row *row, struct buf *out)
{
	struct buf bound;
	int code = bind_row(row, &bound);

	buf_init(out, row->body.len + SEAL_OVERHEAD_MAX);
	if (!code)
		code = seal->seal(seal->ctx, buf_span(&bound), row->body, out);
	buf_done(&bound);
	return code;
}

int unseal_row(const struct cache_seal *seal, const struct row *row, struct buf *out)
{
	struct buf bound;
	int code = bind_row(row, &bound);

	buf_init(out, row->body.len + 1);
	if (!code)
		code = seal->unseal(seal->ctx, buf_span(&bound), row->body, out);
	buf_done(&bound);
	return code == -ENOKEY || code == -EMSGSIZE ? -EBADMSG : code;
}

int seal_mark(const struct cache_seal *seal, struct span mark, struct span value, struct buf *out)
{
	struct buf bound;
	int code = bind_mark(mark, &bound);

	buf_init(out, value.len + SEAL_OVERHEAD_MAX);
	if (!code)
		code = seal->seal(seal->ctx, buf_span(&bound), value, out);
	buf_done(&bound);
	return code;
}

int unseal_mark(const struct cache_seal *seal, struct span mark, struct span value, struct buf *out)
{
	struct buf bound;
	int code = bind_mark(mark, &bound);

	if (!code)
		code = seal->unseal(seal->ctx, buf_span(&bound), value, out);
	buf_done(&bound);
	return code == -ENOKEY ? -EBADMSG : code;
}

int seal_proof(const struct cache_seal *seal, struct buf *out)
{
	return seal->seal(seal->ctx, SPAN("proof"), SPAN(PROOF), out);
}

int seal_prove(const struct cache_seal *seal, struct span proof)
{
	struct buf plain;
	int code;

	buf_init(&plain, proof.len + 1);
	code = seal->unseal(seal->ctx, SPAN("proof"), proof, &plain);
	if (!code && !span_is(buf_span(&plain), PROOF))
		code = -EBADMSG;
	buf_done(&plain);
	return code == -EBADMSG || code == -EMSGSIZE ? -ENOKEY : code;
}

void seal_wipe(struct buf *plain)
{
	if (plain->data)
		explicit_bzero(plain->data, plain->cap);
	buf_done(plain);
}
