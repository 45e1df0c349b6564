#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define DAY_S 86400
#define YEAR_0_S (-62167219200ll)  /* 0000-01-01T00:00:00Z */
#define YEAR_9999_S 253402300799ll /* 9999-12-31T23:59:59Z */

static struct timespec ask(clockid_t id)
{
	struct timespec ts;

	assert_always(clock_gettime(id, &ts) == 0);
	return ts;
}

uint64_t clock_mono_ms(void)
{
	struct timespec ts = ask(CLOCK_BOOTTIME);

	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	struct timespec ts = ask(CLOCK_REALTIME);

	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

struct civil {
	int year, month, day, hour, minute, second;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counted in eras of 400 years that start in March. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_of(int64_t wall_s)
{
	int64_t clamped = wall_s < YEAR_0_S ? YEAR_0_S : wall_s > YEAR_9999_S ? YEAR_9999_S : wall_s;
	int64_t days = (clamped - (clamped < 0 ? DAY_S - 1 : 0)) / DAY_S;
	int second_of_day = (int)(clamped - days * DAY_S);
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t shifted_month = (5 * day_of_year + 2) / 153;
	int month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);

	return (struct civil){
		.year = (int)(year_of_era + era * 400 + (month <= 2)),
		.month = month,
		.day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1),
		.hour = second_of_day / 3600,
		.minute = second_of_day / 60 % 60,
		.second = second_of_day % 60,
	};
}

static int64_t floor_div(int64_t n, int64_t by)
{
	return n / by - (n % by < 0);
}

void clock_format(int64_t wall_ms, char out[CLOCK_TEXT_SIZE])
{
	struct civil c = civil_of(floor_div(wall_ms, 1000));

	(void)snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)c.year % 10000,
		       (unsigned)c.month % 100, (unsigned)c.day % 100, (unsigned)c.hour % 100,
		       (unsigned)c.minute % 100, (unsigned)c.second % 100);
}

void clock_format_micro(int64_t wall_us, char out[CLOCK_TEXT_SIZE])
{
	int64_t wall_s = floor_div(wall_us, 1000000);
	struct civil c = civil_of(wall_s);

	(void)snprintf(out, CLOCK_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%06uZ", (unsigned)c.year % 10000,
		       (unsigned)c.month % 100, (unsigned)c.day % 100, (unsigned)c.hour % 100,
		       (unsigned)c.minute % 100, (unsigned)c.second % 100,
		       (unsigned)(wall_us - wall_s * 1000000) % 1000000);
}

/* `digits` decimal digits and the character after them ('\0': none wanted), taken from the front. */
static int take(struct span *s, size_t digits, char after, int *out)
{
	size_t len = digits + (after ? 1 : 0);
	uint64_t n;

	if (s->len < len || span_to_u64(span_make(s->ptr, digits), &n) || (after && s->ptr[digits] != after))
		return -EINVAL;
	*out = (int)n;
	s->ptr += len;
	s->len -= len;
	return 0;
}

static int take_fraction_ms(struct span *s, int *out_ms)
{
	size_t i = 1;
	int ms = 0, weight = 100;

	*out_ms = 0;
	if (!s->len || s->ptr[0] != '.')
		return 0;
	for (; i < s->len && s->ptr[i] >= '0' && s->ptr[i] <= '9'; i++, weight /= 10)
		ms += (s->ptr[i] - '0') * weight;
	if (i == 1)
		return -EINVAL;
	*out_ms = ms;
	*s = span_make(s->ptr + i, s->len - i);
	return 0;
}

static int take_offset_s(struct span *s, int *out_s)
{
	char sign = s->len ? s->ptr[0] : '\0';
	int hour, minute;

	*out_s = 0;
	if (span_is(*s, "Z"))
		return 0;
	if (sign != '+' && sign != '-')
		return -EINVAL;
	*s = span_make(s->ptr + 1, s->len - 1);
	if (take(s, 2, ':', &hour) || take(s, 2, '\0', &minute) || s->len || hour > 23 || minute > 59)
		return -EINVAL;
	*out_s = (hour * 3600 + minute * 60) * (sign == '-' ? -1 : 1);
	return 0;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

int64_t clock_of_date(int year, int month, int day, int hour, int minute, int second)
{
	return (days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second) * 1000;
}

int clock_parse(struct span text, int64_t *out_wall_ms)
{
	struct civil c;
	int ms, offset_s;

	if (take(&text, 4, '-', &c.year) || take(&text, 2, '-', &c.month) || take(&text, 2, 'T', &c.day) ||
	    take(&text, 2, ':', &c.hour) || take(&text, 2, ':', &c.minute) ||
	    take(&text, 2, '\0', &c.second) || take_fraction_ms(&text, &ms) ||
	    take_offset_s(&text, &offset_s))
		return -EINVAL;
	if (c.month < 1 || c.month > 12 || c.day < 1 || c.day > days_in_month(c.year, c.month) ||
	    c.hour > 23 || c.minute > 59 || c.second > 59)
		return -EINVAL;
	*out_wall_ms = clock_of_date(c.year, c.month, c.day, c.hour, c.minute, c.second) -
		       (int64_t)offset_s * 1000 + ms;
	return 0;
}
