#include "edge-hub/outbox/restamp.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define MARK_MAX 128u

int restamp_mark(struct json *event, const char *boot_id, uint64_t first_mono_ms, uint64_t last_mono_ms)
{
	struct json *meta = json_ensure(event, "metadata");
	struct json *annotations = meta ? json_ensure(meta, "annotations") : NULL;
	char text[MARK_MAX];

	snprintf(text, sizeof(text), "%s %" PRIu64 " %" PRIu64, boot_id[0] ? boot_id : "-", first_mono_ms,
		 last_mono_ms);
	return annotations ? json_set_str(annotations, RESTAMP_MARK, text) : -ENOMEM;
}

static int64_t began_of(const struct restamp *now)
{
	return now->wall_ms - (int64_t)now->mono_ms;
}

/* What a time comes to: exactly, where the mark is of this boot (mono_ms not NULL). */
static int set_time(struct json *event, const char *name, const struct restamp *now, const uint64_t *mono_ms)
{
	int64_t wall_ms = mono_ms ? began_of(now) + (int64_t)*mono_ms : 0;
	char text[CLOCK_TEXT_SIZE];

	if (!mono_ms &&
	    (clock_parse(span_of(json_path_str(event, name, "")), &wall_ms) || wall_ms > began_of(now)))
		wall_ms = began_of(now);
	clock_format(wall_ms, text);
	return json_set_str(event, name, text);
}

static int rewrite(struct json *event, const struct restamp *now)
{
	struct json *meta = json_get(event, "metadata"), *annotations = json_get(meta, "annotations");
	struct span boot, first, rest = span_of(json_str(json_get(annotations, RESTAMP_MARK), ""));
	uint64_t mono[2] = { 0, 0 };
	bool ours;
	int code;

	(void)span_cut(rest, ' ', &boot, &rest);
	(void)span_cut(rest, ' ', &first, &rest);
	ours = span_is(boot, now->boot_id) && !span_to_u64(first, &mono[0]) && !span_to_u64(rest, &mono[1]) &&
	       mono[0] <= mono[1] && mono[1] <= now->mono_ms;
	code = set_time(event, "firstTimestamp", now, ours ? &mono[0] : NULL);
	if (!code)
		code = set_time(event, "lastTimestamp", now, ours ? &mono[1] : NULL);
	(void)json_remove(annotations, RESTAMP_MARK);
	if (!json_count(annotations))
		(void)json_remove(meta, "annotations");
	return code;
}

int restamp_event(struct span body, const struct restamp *now, struct buf *out)
{
	struct json *event = NULL;
	int code;

	/* Nearly all are without: they are not worth a parse. */
	if (!memmem(body.ptr, body.len, RESTAMP_MARK, sizeof(RESTAMP_MARK) - 1))
		return -ENOENT;
	code = json_parse(body, &event, NULL);
	if (!code && !json_is(json_get(json_path(event, "metadata.annotations"), RESTAMP_MARK), JSON_STRING))
		code = -ENOENT;
	if (!code)
		code = rewrite(event, now);
	if (!code)
		code = json_write(event, out);
	json_free(event);
	return code;
}
