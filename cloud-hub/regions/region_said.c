/* region_said: what the neighbours of a node say of it, in a sentence for people. */
#include "cloud-hub/regions/regions_internal.h"

#include <inttypes.h>

struct saying {
	enum verdict_word word;
	uint64_t now_ms;
	size_t count;
	struct buf *out;
};

static int name_one(void *ctx, const struct roster_member *voter, const struct roster_member *about,
		    const struct verdict *verdict, uint64_t taken_ms)
{
	struct saying *saying = ctx;
	uint64_t silent_s = (saying->now_ms - taken_ms + verdict->age_ms + verdict->carried_ms +
			     (uint64_t)verdict->silent_ms) /
			    1000;

	if (verdict->word != saying->word || saying->count++ >= REGIONS_SAID_NAMES)
		return 0;
	(void)buf_addf(saying->out, "%s%s", saying->count > 1 ? ", " : "", voter->name);
	if (verdict->silent_ms == UINT32_MAX)
		(void)buf_add_str(saying->out, " (never saw it)");
	else
		(void)buf_addf(saying->out, " (saw it %" PRIu64 " s before)", silent_s);
	return 0;
}

static void list_voters(const struct electorate *electorate, const char *subject, enum verdict_word word,
			uint64_t now_ms, struct buf *out)
{
	struct saying saying = { .word = word, .now_ms = now_ms, .out = out };

	(void)buf_addf(out, "%s: ", verdict_word_name(word));
	(void)!electorate_each(electorate, subject, now_ms, name_one, &saying);
	if (!saying.count)
		(void)buf_add_str(out, "none");
	else if (saying.count > REGIONS_SAID_NAMES)
		(void)buf_addf(out, " and %zu more", saying.count - REGIONS_SAID_NAMES);
	(void)buf_add_str(out, "; ");
}

void regions_said(void *ctx, const char *name, uint64_t now_ms, char out[RUNNER_SAID_SIZE])
{
	static const enum verdict_word words[] = { VERDICT_DEAD, VERDICT_AGENT_DOWN, VERDICT_ALIVE };
	const struct region_node *node = regions_node(ctx, name);
	struct electorate_count count;
	struct buf text;

	out[0] = '\0';
	if (!node || !node->region)
		return;
	buf_init(&text, RUNNER_SAID_SIZE - 1);
	electorate_count(node->region->electorate, name, now_ms, &count);
	if (!node->is_judged)
		(void)buf_add_str(&text, CHECK_UNITS_CONFIG
				  " does not list its unit: what neighbours say does not count.");
	else if (!count.electors)
		(void)buf_add_str(&text, "It has no neighbours that could say anything.");
	else if (count.word == ELECTORATE_SILENT)
		(void)buf_addf(&text, "None of %zu neighbours says anything.", count.electors);
	else
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			list_voters(node->region->electorate, name, words[i], now_ms, &text);
	if (node->is_judged && count.word != ELECTORATE_SILENT)
		(void)buf_addf(&text, "%zu of %zu neighbours heard.",
			       count.dead + count.agent_down + count.alive, count.electors);
	/* What found no room is left out at the end: long names of many neighbours. */
	span_copy_or_nothing(buf_span(&text), out, RUNNER_SAID_SIZE);
	buf_done(&text);
}
