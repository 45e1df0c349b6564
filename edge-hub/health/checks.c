#include "edge-hub/health/checks.h"

#include <errno.h>

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

void checks_write(const struct score *score, struct buf *out)
{
	buf_addf(out, "{\"percent\":%u,\"lateMs\":%llu,\"checks\":[", score_percent(score),
		 (unsigned long long)score->late_ms);
	for (size_t i = 0; i < score->count; i++) {
		const struct score_check *check = &score->checks[i];

		buf_addf(out, "%s{\"name\":\"%s\",\"passing\":%s,\"why\":", i ? "," : "", check->name,
			 check->is_failing ? "false" : "true");
		buf_add_json_str(out, span_of(check->text));
		buf_add_char(out, '}');
	}
	buf_add_str(out, "]}");
}
