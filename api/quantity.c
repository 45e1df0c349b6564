#include "api/quantity.h"

#include <errno.h>

/* Exact decimals: digits[0..count) * 10^-scale, most significant first. Binary suffixes are at most 2^60, 19 digits more. */
#define QUANTITY_TEXT_MAX 64u
#define DIGITS_MAX (QUANTITY_TEXT_MAX + 24u)
#define EXPONENT_MAX 64
#define NANO 9

enum family { FAMILY_DECIMAL, FAMILY_BINARY, FAMILY_EXPONENT };
struct number {
	uint8_t digits[DIGITS_MAX];
	size_t count;
	int scale;
	bool negative;
	enum family family;
};

static const struct {
	const char *text;
	int ten;  /* power of ten */
	int kilo; /* power of 1024 */
} suffixes[] = {
	{ "", 0, 0 },	{ "n", -9, 0 }, { "u", -6, 0 }, { "m", -3, 0 }, { "k", 3, 0 },	{ "M", 6, 0 },
	{ "G", 9, 0 },	{ "T", 12, 0 }, { "P", 15, 0 }, { "E", 18, 0 }, { "Ki", 0, 1 }, { "Mi", 0, 2 },
	{ "Gi", 0, 3 }, { "Ti", 0, 4 }, { "Pi", 0, 5 }, { "Ei", 0, 6 },
};
#define SUFFIX_COUNT (sizeof(suffixes) / sizeof(suffixes[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Sign and digits with one optional point, taken from the front of *text. */
static int parse_digits(struct span *text, struct number *out)
{
	bool point = false, any = false;
	size_t i = 0;

	if (text->len && (text->ptr[0] == '-' || text->ptr[0] == '+')) {
		out->negative = text->ptr[0] == '-';
		i = 1;
	}
	for (; i < text->len && (is_digit(text->ptr[i]) || (text->ptr[i] == '.' && !point)); i++) {
		if (text->ptr[i] == '.') {
			point = true;
			continue;
		}
		any = true;
		out->scale += point;
		if (out->count || text->ptr[i] != '0')
			out->digits[out->count++] = (uint8_t)(text->ptr[i] - '0');
	}
	*text = span_make(text->ptr + i, text->len - i);
	return any ? 0 : -EINVAL;
}

/* In place; room was left for it. */
static void multiply(struct number *n, unsigned factor)
{
	unsigned carry = 0;

	for (size_t i = n->count; i-- > 0;) {
		unsigned v = n->digits[i] * factor + carry;

		n->digits[i] = v % 10;
		carry = v / 10;
	}
	while (carry) {
		memmove(n->digits + 1, n->digits, n->count);
		n->digits[0] = carry % 10;
		n->count++;
		carry /= 10;
	}
}

static int apply_suffix(struct number *n, struct span suffix)
{
	int64_t exponent;

	for (size_t i = 0; i < SUFFIX_COUNT; i++) {
		if (!span_is(suffix, suffixes[i].text))
			continue;
		n->scale -= suffixes[i].ten;
		n->family = suffixes[i].kilo ? FAMILY_BINARY : FAMILY_DECIMAL;
		for (int k = 0; n->count && k < suffixes[i].kilo; k++)
			multiply(n, 1024);
		return 0;
	}
	if (suffix.len < 2 || (suffix.ptr[0] != 'e' && suffix.ptr[0] != 'E'))
		return -EINVAL;
	suffix = span_make(suffix.ptr + 1, suffix.len - 1);
	if (suffix.len > 1 && suffix.ptr[0] == '+' && is_digit(suffix.ptr[1]))
		suffix = span_make(suffix.ptr + 1, suffix.len - 1);
	if (span_to_i64(suffix, &exponent) || exponent > EXPONENT_MAX || exponent < -EXPONENT_MAX)
		return -EINVAL;
	n->scale -= (int)exponent;
	n->family = FAMILY_EXPONENT;
	return 0;
}

/* Adds one unit in the last place. */
static void increment(struct number *n)
{
	size_t i = n->count;

	while (i > 0 && n->digits[i - 1] == 9)
		n->digits[--i] = 0;
	if (i > 0) {
		n->digits[i - 1]++;
		return;
	}
	memmove(n->digits + 1, n->digits, n->count);
	n->digits[0] = 1;
	n->count++;
}

/* Cuts digits below 10^-scale, away from zero. */
static void round_up(struct number *n, int scale)
{
	bool rest = false;

	while (n->scale > scale && n->count) {
		rest = rest || n->digits[--n->count];
		n->scale--;
	}
	if (n->scale > scale)
		n->scale = scale;
	if (rest)
		increment(n);
}

static int parse(struct span text, struct number *out)
{
	int rc;

	memset(out, 0, sizeof(*out));
	if (!text.len || text.len > QUANTITY_TEXT_MAX)
		return -EINVAL;
	rc = parse_digits(&text, out);
	if (!rc)
		rc = apply_suffix(out, text);
	if (!rc)
		round_up(out, NANO);
	return rc;
}

/* n * 10^scale as an integer, saturating. */
static int64_t to_integer(struct number *n, int scale)
{
	uint64_t value = 0, limit = (uint64_t)INT64_MAX + n->negative;

	round_up(n, scale);
	for (size_t i = 0; i < n->count + (size_t)(scale - n->scale); i++) {
		uint8_t digit = i < n->count ? n->digits[i] : 0;

		if (value > (limit - digit) / 10) {
			value = limit;
			break;
		}
		value = value * 10 + digit;
		if (!value && i >= n->count)
			break;
	}
	return n->negative ? (int64_t)(0 - value) : (int64_t)value;
}

int quantity_parse_milli(struct span text, int64_t *out)
{
	struct number n;
	int rc = parse(text, &n);

	if (!rc)
		*out = to_integer(&n, 3);
	return rc;
}

int quantity_parse(struct span text, int64_t *out)
{
	struct number n;
	int rc = parse(text, &n);

	if (!rc)
		*out = to_integer(&n, 0);
	return rc;
}

static void strip_zeros(struct number *n)
{
	while (n->count && !n->digits[n->count - 1]) {
		n->count--;
		n->scale--;
	}
}

static const char *suffix_of(int ten, int kilo)
{
	for (size_t i = 0; i < SUFFIX_COUNT; i++)
		if (suffixes[i].ten == ten && suffixes[i].kilo == kilo)
			return suffixes[i].text;
	return NULL;
}

static int write_decimal(struct number *n, struct buf *out)
{
	const char *suffix;
	int rc = n->negative ? buf_add_char(out, '-') : 0;

	/* The greatest power of 1000 that leaves a whole number. */
	strip_zeros(n);
	while (n->scale % 3 && n->count < DIGITS_MAX) {
		n->digits[n->count++] = 0;
		n->scale++;
	}
	for (size_t i = 0; !rc && i < n->count; i++)
		rc = buf_add_char(out, (char)('0' + n->digits[i]));
	if (rc || !n->scale)
		return rc;
	suffix = n->family == FAMILY_EXPONENT ? NULL : suffix_of(-n->scale, 0);
	return suffix ? buf_add_str(out, suffix) : buf_addf(out, "e%d", -n->scale);
}

/* False when it is no whole number of at least 1024, which upstream writes in the decimal family. */
static bool write_binary(const struct number *n, struct buf *out, int *out_rc)
{
	struct number whole = *n;
	int kilo = 0;
	int64_t value;

	strip_zeros(&whole);
	if (whole.scale > 0)
		return false;
	value = to_integer(&whole, 0);
	if (value > -1024 && value < 1024)
		return false;
	while (value % 1024 == 0 && kilo < 6) {
		value /= 1024;
		kilo++;
	}
	*out_rc = buf_addf(out, "%lld%s", (long long)value, suffix_of(0, kilo));
	return true;
}

int quantity_canonical(struct span text, struct buf *out)
{
	struct number n;
	int rc = parse(text, &n);

	if (rc)
		return rc;
	if (!n.count)
		return buf_add_char(out, '0');
	if (n.family == FAMILY_BINARY && write_binary(&n, out, &rc))
		return rc;
	return write_decimal(&n, out);
}
