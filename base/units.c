#include "base/units.h"

#include <errno.h>
#include <inttypes.h>

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit duration_units[] = {
	{ "d", 86400000 }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

static const struct unit size_units[] = {
	{ "Ti", 1ull << 40 },
	{ "T", 1000000000000ull },
	{ "Gi", 1ull << 30 },
	{ "G", 1000000000 },
	{ "Mi", 1ull << 20 },
	{ "M", 1000000 },
	{ "Ki", 1ull << 10 },
	{ "k", 1000 },
	{ "", 1 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A number and the letters behind it, from the front of *s. */
static int take_part(struct span *s, uint64_t *out_number, struct span *out_unit)
{
	size_t digits = 0, letters = 0;
	int rc;

	while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9')
		digits++;
	rc = span_to_u64(span_make(s->ptr, digits), out_number);
	if (rc)
		return rc;
	while (digits + letters < s->len &&
	       (s->ptr[digits + letters] < '0' || s->ptr[digits + letters] > '9'))
		letters++;
	*out_unit = span_make(s->ptr + digits, letters);
	*s = span_make(s->ptr + digits + letters, s->len - digits - letters);
	return 0;
}

int units_duration_ms(struct span text, uint64_t *out_ms)
{
	uint64_t total = 0;
	size_t next = 0;

	if (span_is(text, "0")) {
		*out_ms = 0;
		return 0;
	}
	do {
		struct span unit;
		uint64_t n, ms;
		int rc = take_part(&text, &n, &unit);

		if (rc)
			return rc;
		while (next < COUNT(duration_units) && !span_is(unit, duration_units[next].name))
			next++;
		if (next == COUNT(duration_units))
			return -EINVAL;
		if (__builtin_mul_overflow(n, duration_units[next++].factor, &ms) ||
		    __builtin_add_overflow(total, ms, &total))
			return -ERANGE;
	} while (text.len);
	*out_ms = total;
	return 0;
}

int units_size_bytes(struct span text, uint64_t *out_bytes)
{
	struct span unit;
	uint64_t n;
	int rc = take_part(&text, &n, &unit);

	if (rc || text.len)
		return rc ? rc : -EINVAL;
	for (size_t i = 0; i < COUNT(size_units); i++)
		if (span_is(unit, size_units[i].name))
			return __builtin_mul_overflow(n, size_units[i].factor, out_bytes) ? -ERANGE : 0;
	return -EINVAL;
}

int units_add_duration(struct buf *out, uint64_t ms)
{
	if (!ms)
		return buf_add_char(out, '0');
	for (size_t i = 0; i < COUNT(duration_units) && ms; i++) {
		uint64_t n = ms / duration_units[i].factor;

		if (n)
			(void)buf_addf(out, "%" PRIu64 "%s", n, duration_units[i].name);
		ms %= duration_units[i].factor;
	}
	return buf_error(out);
}

int units_add_size(struct buf *out, uint64_t bytes)
{
	size_t i = 0;

	while (bytes ? bytes % size_units[i].factor != 0 : size_units[i].factor > 1)
		i++;
	return buf_addf(out, "%" PRIu64 "%s", bytes / size_units[i].factor, size_units[i].name);
}
