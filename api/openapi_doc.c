#include "api/openapi_doc.h"

#include <errno.h>

#include "api/protobuf.h"

/* Lengths are written after the fact into room of fixed size: a varint may have leading zeroes. */
#define LENGTH_SIZE 4u

/* Text that its maker had no memory for. */
static bool is_missing(struct doc *d, const char *text)
{
	if (!text && !d->out->error)
		d->out->error = -ENOMEM;
	return !text;
}

static void comma(struct doc *d)
{
	char last = d->out->len ? d->out->data[d->out->len - 1] : '{';

	if (last != '{' && last != '[' && last != ':')
		(void)buf_add_char(d->out, ',');
}

static void begin(struct doc *d, const char *key)
{
	comma(d);
	if (!key)
		return;
	(void)buf_add_json_str(d->out, span_of(key));
	(void)buf_add_char(d->out, ':');
}

static void open_message(struct doc *d, unsigned number)
{
	assert_always(d->depth < DOC_DEPTH_MAX);
	(void)wire_put_head(d->out, number, 0);
	if (d->out->len)
		d->out->len--; /* the length 0 makes room for the real one */
	d->starts[d->depth++] = d->out->len;
	(void)buf_add(d->out, "\x80\x80\x80\x00", LENGTH_SIZE);
}

static void close_message(struct doc *d)
{
	size_t start = d->starts[--d->depth], len;
	char *at;

	if (d->out->error)
		return;
	len = d->out->len - start - LENGTH_SIZE;
	at = d->out->data + start;
	if (len >> (7 * LENGTH_SIZE)) {
		d->out->error = -EMSGSIZE;
		return;
	}
	for (size_t i = 0; i < LENGTH_SIZE; i++)
		at[i] = (char)(((len >> (7 * i)) & 0x7f) | (i + 1 < LENGTH_SIZE ? 0x80 : 0));
}

static void descend(struct doc *d, const unsigned *path, uint8_t already)
{
	assert_always(d->open < DOC_DEPTH_MAX);
	d->climbs[d->open] = already;
	for (; *path; path++) {
		open_message(d, *path);
		d->climbs[d->open]++;
	}
	d->open++;
}

void doc_open(struct doc *d, const char *key, const unsigned *path)
{
	if (d->protobuf) {
		descend(d, path, 0);
		return;
	}
	begin(d, key);
	(void)buf_add_char(d->out, '{');
	d->open++;
}

void doc_entry(struct doc *d, unsigned number, const char *name, const unsigned *path)
{
	if (is_missing(d, name))
		name = "";
	if (!d->protobuf) {
		doc_open(d, name, path);
		return;
	}
	open_message(d, number);
	(void)wire_put_bytes(d->out, 1, span_of(name));
	open_message(d, 2);
	descend(d, path, 2);
}

void doc_close(struct doc *d)
{
	assert_always(d->open > 0);
	d->open--;
	if (!d->protobuf) {
		(void)buf_add_char(d->out, '}');
		return;
	}
	while (d->climbs[d->open]--)
		close_message(d);
}

void doc_text(struct doc *d, const char *key, unsigned number, const char *value)
{
	if (is_missing(d, value))
		return;
	if (d->protobuf) {
		(void)wire_put_bytes(d->out, number, span_of(value));
		return;
	}
	begin(d, key);
	(void)buf_add_json_str(d->out, span_of(value));
}

void doc_flag(struct doc *d, const char *key, unsigned number, bool value)
{
	if (d->protobuf) {
		(void)wire_put_varint(d->out, number, value);
		return;
	}
	begin(d, key);
	(void)buf_add_str(d->out, value ? "true" : "false");
}

void doc_list(struct doc *d, const char *key)
{
	if (d->protobuf)
		return;
	begin(d, key);
	(void)buf_add_char(d->out, '[');
}

void doc_list_end(struct doc *d)
{
	if (!d->protobuf)
		(void)buf_add_char(d->out, ']');
}

void doc_extension(struct doc *d, unsigned number, const char *key, const char *json_text)
{
	if (is_missing(d, json_text))
		return;
	if (d->protobuf) {
		open_message(d, number);
		(void)wire_put_bytes(d->out, 1, span_of(key));
		open_message(d, 2);
		(void)wire_put_bytes(d->out, 2, span_of(json_text));
		close_message(d);
		close_message(d);
		return;
	}
	begin(d, key);
	(void)buf_add_str(d->out, json_text);
}
