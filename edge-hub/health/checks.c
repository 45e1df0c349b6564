#include "edge-hub/health/checks.h"

#include <errno.h>
#include <stdio.h>

/* A runtime or a clock that is wrong makes a node no slower, a machine without memory very. */
static const struct {
	const char *name;
	unsigned weight;
} known[] = { { "runtime", 10 }, { "clock", 10 }, { "disk", 20 }, { "memory", 60 } };

int checks_init(struct score *score)
{
	int code = 0;

	score_init(score);
	for (size_t i = 0; !code && i < sizeof(known) / sizeof(known[0]); i++)
		code = score_add(score, known[i].name, known[i].weight);
	return code;
}

bool checks_is_built_in(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].name, name) == 0)
			return true;
	return false;
}

bool checks_look(struct score *score, const struct checks_seen *s, uint64_t now_ms)
{
	bool short_of_memory =
		s->memory_bytes && s->memory_available_bytes < s->memory_bytes / 100 * CHECKS_MEMORY_MIN_PC;
	bool stalled = s->memory_stalled_pc > CHECKS_STALLED_MAX_PC, changed;

	changed = score_result(score, "runtime", s->runtime_ready, s->runtime_why, CHECKS_THRESHOLD, now_ms);
	changed |= score_result(score, "clock", !s->clock_wrong, "not set, or far from the cloud's",
				CHECKS_THRESHOLD, now_ms);
	changed |= score_result(score, "disk", !s->disk_full && !s->disk_read_only,
				s->disk_full ? "full" : "takes no writes", CHECKS_THRESHOLD, now_ms);
	changed |= score_result(score, "memory", !short_of_memory && !stalled,
				short_of_memory ? "nearly none available" : "everything waits for memory",
				CHECKS_THRESHOLD, now_ms);
	score_late(score, s->late_ms);
	return changed;
}

unsigned checks_stalled(struct span pressure)
{
	static const char mark[] = "full avg10=";
	struct span line, rest = pressure, whole, fraction;
	uint64_t percent = 0;

	while (rest.len) {
		(void)span_cut(rest, '\n', &line, &rest);
		if (line.len < sizeof(mark) || memcmp(line.ptr, mark, sizeof(mark) - 1) != 0)
			continue;
		line = span_make(line.ptr + sizeof(mark) - 1, line.len - (sizeof(mark) - 1));
		if (!span_cut(line, '.', &whole, &fraction) || span_to_u64(whole, &percent) || percent > 100)
			return 0;
		return (unsigned)percent;
	}
	return 0;
}

/* --- words for others --- */

/* "data-disk" with "Failing": DataDiskFailing */
static void camel(const char *name, const char *what, char *out, size_t size)
{
	bool is_first = true;
	size_t len = 0;

	for (; *name && len + strlen(what) + 1 < size; name++) {
		if (*name == '-') {
			is_first = true;
			continue;
		}
		out[len++] = is_first && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
		is_first = false;
	}
	snprintf(out + len, size - len, "%s", what);
}

/* Room for three that say why, or for many names. */
#define WHY_MAX 60

static void add_to_message(const struct score_check *check, bool is_first, struct checks_summary *out)
{
	size_t len = strlen(out->message);

	snprintf(out->message + len, sizeof(out->message) - len, "%s%s%s%.*s", is_first ? "" : "; ",
		 check->name, check->text[0] ? ": " : "", WHY_MAX, check->text);
}

static bool is_to_be_told(const struct score_check *check)
{
	return check->is_failing || check->is_unasked;
}

void checks_summarize(const struct score *score, struct checks_summary *out)
{
	const struct score_check *first = NULL;

	*out = (struct checks_summary){ .value = score_is_known(score) ? 0 : -1 };
	for (size_t i = 0; i < score->count; i++)
		if (is_to_be_told(&score->checks[i]) &&
		    (!first || (!first->is_failing && score->checks[i].is_failing)))
			first = &score->checks[i];
	snprintf(out->message, sizeof(out->message), "score %u of 100%s", score_percent(score),
		 first ? "; " : "");
	if (!first) {
		snprintf(out->reason, sizeof(out->reason), "ChecksPassing");
		return;
	}
	if (first->is_failing)
		out->value = 1; /* whatever the others will say */
	else if (out->value == 0)
		out->value = 2;
	camel(first->name, first->is_failing ? "Failing" : "NotAsked", out->reason, sizeof(out->reason));
	add_to_message(first, true, out);
	for (size_t i = 0; i < score->count; i++)
		if (is_to_be_told(&score->checks[i]) && &score->checks[i] != first)
			add_to_message(&score->checks[i], false, out);
}

static const char *state_of(const struct score_check *check)
{
	if (check->is_failing)
		return "failing";
	return check->is_unasked ? "not-asked" : "passing";
}

void checks_write(const struct score *score, struct buf *out)
{
	buf_addf(out, "{\"percent\":%u,\"lateMs\":%llu,\"checks\":[", score_percent(score),
		 (unsigned long long)score->late_ms);
	for (size_t i = 0; i < score->count; i++) {
		const struct score_check *check = &score->checks[i];

		buf_addf(out, "%s{\"name\":\"%s\",\"passing\":%s,\"state\":\"%s\",\"weight\":%u,\"why\":",
			 i ? "," : "", check->name, check->is_failing ? "false" : "true", state_of(check),
			 check->weight);
		buf_add_json_str(out, span_of(check->text));
		buf_add_char(out, '}');
	}
	buf_add_str(out, "]}");
}
