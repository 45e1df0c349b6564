/* A backup from anywhere: read with and without a passphrase; nothing that is not whole is taken for one. */
#include "cloud-hub/backup/archive.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size, at;
	size_t given; /* bytes that came out */
};

static ssize_t pull(void *ctx, void *out, size_t size)
{
	struct input *in = ctx;
	size_t left = in->size - in->at, got = size < left ? size : left;

	memcpy(out, in->data + in->at, got);
	in->at += got;
	return (ssize_t)got;
}

static int on_small(void *ctx, const char *name, struct span content, struct err *err)
{
	struct input *in = ctx;

	if (!name[0] || name[0] == '/')
		abort();
	in->given += content.len;
	return 0;
}

static int on_store(void *ctx, struct span piece, struct err *err)
{
	struct input *in = ctx;

	in->given += piece.len;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct archive_sink sink = { .small = on_small, .store = on_store };
	struct input in = { .data = data, .size = size };
	struct archive_source source = { pull, &in, "input" };
	struct archive_head head;
	struct err err = { 0 };

	sink.ctx = &in;
	if (archive_read(&source, SPAN(""), &sink, &head, &err) == 0 && (in.at != size || in.given > size))
		abort();
	in.at = in.given = 0;
	sink.small = NULL;
	if (archive_read(&source, SPAN(""), &sink, NULL, NULL) == 0 && in.at != size)
		abort();
	return 0;
}
