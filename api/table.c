#include "api/table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

static void say(char out[TABLE_AGE_SIZE], int64_t big, const char *big_unit, int64_t small,
		const char *small_unit)
{
	if (small)
		(void)snprintf(out, TABLE_AGE_SIZE, "%lld%s%lld%s", (long long)big, big_unit,
			       (long long)small, small_unit);
	else
		(void)snprintf(out, TABLE_AGE_SIZE, "%lld%s", (long long)big, big_unit);
}

void table_duration(int64_t seconds, char out[TABLE_AGE_SIZE])
{
	int64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;

	if (seconds < -1)
		(void)snprintf(out, TABLE_AGE_SIZE, "<invalid>");
	else if (seconds < 0)
		say(out, 0, "s", 0, "");
	else if (seconds < 120)
		say(out, seconds, "s", 0, "");
	else if (minutes < 10)
		say(out, minutes, "m", seconds % 60, "s");
	else if (minutes < 180)
		say(out, minutes, "m", 0, "");
	else if (hours < 8)
		say(out, hours, "h", minutes % 60, "m");
	else if (hours < 48)
		say(out, hours, "h", 0, "");
	else if (days < 8)
		say(out, days, "d", hours % 24, "h");
	else if (days < 2 * 365)
		say(out, days, "d", 0, "");
	else if (days < 8 * 365)
		say(out, days / 365, "y", days % 365, "d");
	else
		say(out, days / 365, "y", 0, "");
}

/* Towards the past, as a clock that is a moment ahead must not turn 0 s into 1 s ahead. */
static int64_t floor_seconds(int64_t ms)
{
	return ms >= 0 ? ms / 1000 : -((-ms + 999) / 1000);
}

void table_since(const char *time, int64_t now_wall_ms, char out[TABLE_AGE_SIZE])
{
	int64_t then;

	if (clock_parse(span_of(time ? time : ""), &then))
		(void)snprintf(out, TABLE_AGE_SIZE, "<unknown>");
	else
		table_duration(floor_seconds(now_wall_ms - then), out);
}

int table_text(struct buf *out, const char *text)
{
	return buf_add_json_str(out, span_of(text));
}

int table_or_none(struct buf *out, const char *text)
{
	return table_text(out, text[0] ? text : "<none>");
}

int table_number(struct buf *out, int64_t number)
{
	return buf_addf(out, "%lld", (long long)number);
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int table_labels(struct buf *out, const struct json *labels)
{
	size_t count = json_count(labels), i = 0;
	struct json_iter it = json_iter(labels);
	const char **keys;
	struct buf text;
	int rc = 0;

	if (!count)
		return table_text(out, "<none>");
	keys = calloc(count, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	while (i < count && json_next(&it))
		keys[i++] = it.key;
	qsort(keys, count, sizeof(*keys), compare_text);
	buf_init(&text, JSON_MAX_BYTES);
	for (i = 0; !rc && i < count; i++)
		rc = buf_addf(&text, "%s%s=%s", i ? "," : "", keys[i],
			      json_str(json_get(labels, keys[i]), ""));
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	free(keys);
	return rc;
}

int table_members(struct buf *out, const struct json *list, const char *member)
{
	struct buf text;
	int rc = 0;

	buf_init(&text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < json_count(list); i++)
		rc = buf_addf(&text, "%s%s", i ? "," : "", json_str(json_get(json_at(list, i), member), ""));
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

int table_name(const struct json *object, int64_t now_wall_ms, struct buf *out)
{
	return table_text(out, json_path_str(object, "metadata.name", ""));
}

int table_age(const struct json *object, int64_t now_wall_ms, struct buf *out)
{
	char age[TABLE_AGE_SIZE];

	table_since(json_path_str(object, "metadata.creationTimestamp", NULL), now_wall_ms, age);
	return table_text(out, age);
}
