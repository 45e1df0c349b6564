#include "api/list_token.h"

#include <errno.h>

#include "base/bigend.h"
#include "base/text.h"

#define TOKEN_VERSION 1

int list_token_write(const struct list_token *token, struct buf *out)
{
	struct buf raw;

	buf_init(&raw, LIST_TOKEN_MAX);
	buf_add_char(&raw, TOKEN_VERSION);
	buf_add(&raw, token->epoch, sizeof(token->epoch));
	bigend_add(&raw, token->revision, 8);
	bigend_add(&raw, token->remaining, 8);
	buf_add(&raw, token->ns, strlen(token->ns) + 1);
	buf_add(&raw, token->name, strlen(token->name) + 1);
	int err = buf_error(&raw);

	if (!err)
		err = text_base64url(out, buf_span(&raw));
	buf_done(&raw);
	return err;
}

static int take_text(struct span *rest, char *out, size_t size)
{
	const char *end = memchr(rest->ptr, '\0', rest->len);

	if (!end)
		return -EINVAL;
	struct span text = span_make(rest->ptr, (size_t)(end - rest->ptr));

	*rest = span_make(end + 1, rest->len - text.len - 1);
	return span_is_utf8(text) && !span_copy(text, out, size) ? 0 : -EINVAL;
}

static int parse(struct span raw, struct list_token *out)
{
	const size_t fixed = 1 + CACHE_EPOCH_SIZE + 16;

	if (raw.len <= fixed || raw.ptr[0] != TOKEN_VERSION)
		return -EINVAL;
	memcpy(out->epoch, raw.ptr + 1, CACHE_EPOCH_SIZE);
	out->revision = bigend_load(raw.ptr + 1 + CACHE_EPOCH_SIZE, 8);
	out->remaining = bigend_load(raw.ptr + 1 + CACHE_EPOCH_SIZE + 8, 8);
	raw = span_make(raw.ptr + fixed, raw.len - fixed);
	if (take_text(&raw, out->ns, sizeof(out->ns)) || !raw.len ||
	    take_text(&raw, out->name, sizeof(out->name)))
		return -EINVAL;
	return raw.len || !out->name[0] ? -EINVAL : 0;
}

int list_token_read(struct span text, struct list_token *out)
{
	struct buf raw;

	if (!text.len || text.len > LIST_TOKEN_MAX)
		return -EINVAL;
	buf_init(&raw, LIST_TOKEN_MAX);
	int err = text_unbase64(&raw, text);

	if (!err)
		err = parse(buf_span(&raw), out);
	buf_done(&raw);
	return err ? -EINVAL : 0;
}
