#include "base/text.h"

#include <errno.h>

static const char alphabet_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int encode64(struct buf *out, struct span bytes, const char *alphabet, bool pad)
{
	const unsigned char *p = (const unsigned char *)bytes.ptr;
	size_t left = bytes.len, start = out->len;
	int rc;

	for (; left; p += 3) {
		size_t n = left < 3 ? left : 3;
		uint32_t bits = (uint32_t)p[0] << 16 | (n > 1 ? (uint32_t)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
		char quad[4] = { alphabet[bits >> 18], alphabet[bits >> 12 & 63],
				 n > 1 ? alphabet[bits >> 6 & 63] : '=', n > 2 ? alphabet[bits & 63] : '=' };

		rc = buf_add(out, quad, pad ? 4 : n + 1);
		if (rc) {
			out->len = start;
			return rc;
		}
		left -= n;
	}
	return 0;
}

int text_base64(struct buf *out, struct span bytes)
{
	return encode64(out, bytes, alphabet_std, true);
}

int text_base64url(struct buf *out, struct span bytes)
{
	return encode64(out, bytes, alphabet_url, false);
}

static int value64(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* Padding, when there, must complete the last group of four. */
static int strip_padding(struct span *text)
{
	size_t len = text->len;

	while (len && text->len - len < 2 && text->ptr[len - 1] == '=')
		len--;
	if ((len != text->len && text->len % 4) || len % 4 == 1)
		return -EINVAL;
	text->len = len;
	return 0;
}

int text_unbase64(struct buf *out, struct span text)
{
	uint32_t bits = 0;
	unsigned have = 0;
	size_t start = out->len;
	int rc = strip_padding(&text);

	for (size_t i = 0; i < text.len && !rc; i++) {
		int v = value64(text.ptr[i]);

		if (v < 0) {
			rc = -EINVAL;
			break;
		}
		bits = (bits << 6 | (uint32_t)v) & 0xffffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			rc = buf_add_char(out, (char)(bits >> have & 0xff));
		}
	}
	if (!rc && (bits & ((1u << have) - 1)))
		rc = -EINVAL; /* left-over bits must be zero: one text for one value */
	if (rc)
		out->len = start;
	return rc;
}

int text_hex(struct buf *out, struct span bytes)
{
	static const char digits[] = "0123456789abcdef";
	size_t start = out->len;

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char b = (unsigned char)bytes.ptr[i];
		char pair[2] = { digits[b >> 4], digits[b & 15] };
		int rc = buf_add(out, pair, 2);

		if (rc) {
			out->len = start;
			return rc;
		}
	}
	return 0;
}

int text_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int text_unhex(struct buf *out, struct span text)
{
	size_t start = out->len;
	int rc = text.len % 2 ? -EINVAL : 0;

	for (size_t i = 0; i < text.len && !rc; i += 2) {
		int high = text_hex_digit(text.ptr[i]), low = text_hex_digit(text.ptr[i + 1]);

		rc = high < 0 || low < 0 ? -EINVAL : buf_add_char(out, (char)(high << 4 | low));
	}
	if (rc)
		out->len = start;
	return rc;
}
