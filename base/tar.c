#include "base/tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SIZE_OCTAL_MAX ((uint64_t)1 << 33) /* what eleven octal digits hold */
#define BASE_256 0x80u

/* The fields that are used, of the ustar header. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[100];
	char magic[6], version[2], uname[32], gname[32], devmajor[8], devminor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

unsigned tar_padding(uint64_t size)
{
	return (unsigned)((TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK);
}

bool tar_name_ok(const char *name)
{
	struct span rest = span_of(name), part = rest, after;

	if (!rest.len || rest.len > TAR_NAME_MAX)
		return false;
	for (bool more = true; more; rest = after) {
		more = span_cut(rest, '/', &part, &after);
		if (!more)
			part = rest;
		if (!part.len || span_is(part, ".") || span_is(part, ".."))
			return false;
	}
	for (const char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			return false;
	return true;
}

/* The sum of all bytes, those of the sum itself taken as blanks. */
static unsigned sum_of(const struct header *header)
{
	const uint8_t *bytes = (const uint8_t *)header;
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += bytes[i];
	for (size_t i = 0; i < sizeof(header->chksum); i++)
		sum += ' ' - (uint8_t)header->chksum[i];
	return sum;
}

/* Digits, with a NUL behind them. */
static void put_octal(char *field, size_t width, uint64_t value)
{
	field[--width] = '\0';
	while (width) {
		field[--width] = (char)('0' + (value & 7));
		value >>= 3;
	}
}

static void put_size(char field[12], uint64_t size)
{
	if (size < SIZE_OCTAL_MAX) {
		put_octal(field, 12, size);
		return;
	}
	memset(field, 0, 12);
	field[0] = (char)BASE_256;
	for (unsigned i = 0; i < 8; i++)
		field[4 + i] = (char)(size >> (56 - 8 * i));
}

int tar_header_write(const struct tar_entry *entry, uint8_t out[TAR_BLOCK])
{
	struct header header = { .typeflag = '0', .magic = "ustar", .version = { '0', '0' } };

	if (!tar_name_ok(entry->name) || entry->size > TAR_SIZE_MAX || entry->modified_s < 0 ||
	    (uint64_t)entry->modified_s >= SIZE_OCTAL_MAX)
		return -EINVAL;
	memcpy(header.name, entry->name, strlen(entry->name));
	put_octal(header.mode, sizeof(header.mode), 0600);
	put_octal(header.uid, sizeof(header.uid), 0);
	put_octal(header.gid, sizeof(header.gid), 0);
	put_size(header.size, entry->size);
	put_octal(header.mtime, sizeof(header.mtime), (uint64_t)entry->modified_s);
	memcpy(header.uname, "root", 4);
	memcpy(header.gname, "root", 4);
	put_octal(header.chksum, 7, sum_of(&header)); /* six digits, a NUL, a blank */
	header.chksum[7] = ' ';
	memcpy(out, &header, TAR_BLOCK);
	return 0;
}

/* Blanks may stand before the digits; a blank or NUL ends them. */
static int get_octal(const char *field, size_t width, uint64_t *out)
{
	size_t i = 0, digits = 0;

	*out = 0;
	while (i < width && field[i] == ' ')
		i++;
	for (; i < width && field[i] >= '0' && field[i] <= '7'; i++, digits++)
		*out = *out << 3 | (uint64_t)(field[i] - '0'); /* 12 digits are 36 bits */
	return digits && (i == width || field[i] == ' ' || field[i] == '\0') ? 0 : -EBADMSG;
}

static int get_size(const char field[12], uint64_t *out)
{
	if ((uint8_t)field[0] != BASE_256)
		return get_octal(field, 12, out);
	*out = 0;
	for (unsigned i = 1; i < 12; i++) {
		if (*out >> 56)
			return -EBADMSG;
		*out = *out << 8 | (uint8_t)field[i];
	}
	return *out > TAR_SIZE_MAX ? -EBADMSG : 0;
}

static bool is_zero(const uint8_t block[TAR_BLOCK])
{
	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (block[i])
			return false;
	return true;
}

int tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_entry *out)
{
	struct header header;
	uint64_t sum = 0, modified = 0;
	int code;

	if (is_zero(block))
		return 0;
	memcpy(&header, block, sizeof(header));
	memset(out, 0, sizeof(*out));
	code = get_octal(header.chksum, sizeof(header.chksum), &sum);
	if (code || sum != sum_of(&header) || memcmp(header.magic, "ustar", 5) != 0 ||
	    (header.typeflag != '0' && header.typeflag != '\0') || header.prefix[0] ||
	    header.name[sizeof(header.name) - 1])
		return -EBADMSG;
	memcpy(out->name, header.name, sizeof(out->name));
	code = get_size(header.size, &out->size);
	if (!code)
		code = get_octal(header.mtime, sizeof(header.mtime), &modified);
	out->modified_s = (int64_t)modified;
	return code || !tar_name_ok(out->name) ? -EBADMSG : 1;
}
