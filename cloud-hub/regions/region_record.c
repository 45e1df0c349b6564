/* region_record: what the members of a region came to say of one of them, kept with what it rests on: lines of the audit log. */
#include "base/text.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/regions/regions_internal.h"

#define EVIDENCE_MAX (REGIONS_RECORDED * 2u * VERDICT_BYTES_MAX)
#define REASON_MAX 1024u

static const char *const names[] = {
	[NODELIFE_SILENT] = "nothing", [NODELIFE_UNDECIDED] = "undecided",   [NODELIFE_ALIVE] = "alive",
	[NODELIFE_DEAD] = "dead",      [NODELIFE_AGENT_DOWN] = "agent-down",
};

struct evidence {
	enum nodelife_electorate word;
	bool agrees; /* those that do are wanted now, or else the others */
	size_t count;
	struct buf *out;
};

static bool agrees(enum verdict_word word, enum nodelife_electorate with)
{
	switch (with) {
	case NODELIFE_DEAD: return word == VERDICT_DEAD;
	case NODELIFE_AGENT_DOWN: return word != VERDICT_ALIVE;
	case NODELIFE_ALIVE: return word == VERDICT_ALIVE;
	case NODELIFE_UNDECIDED:
	case NODELIFE_SILENT: break;
	}
	return true;
}

/* As it was carried, so that whoever has the roster of that time can check who signed it. */
static int add_one(void *ctx, const struct roster_member *voter, const struct roster_member *about,
		   const struct verdict *verdict, uint64_t taken_ms)
{
	struct evidence *evidence = ctx;
	struct buf bytes;

	if (agrees(verdict->word, evidence->word) != evidence->agrees || evidence->count >= REGIONS_RECORDED)
		return 0;
	buf_init(&bytes, VERDICT_BYTES_MAX);
	if (!verdict_write(verdict, &bytes)) {
		(void)buf_add_str(evidence->out, evidence->count++ ? "," : "");
		(void)text_base64(evidence->out, buf_span(&bytes));
	}
	buf_done(&bytes);
	return 0;
}

static bool may_add_evidence(struct regions *regions, uint64_t now_ms)
{
	if (now_ms - regions->record_ms >= 1000) {
		regions->record_ms = now_ms;
		regions->records = 0;
	}
	return regions->records++ < REGIONS_RECORDS_PER_S;
}

static void add_evidence(const struct electorate *electorate, const char *node, enum nodelife_electorate word,
			 uint64_t now_ms, struct buf *out)
{
	struct evidence evidence = { .word = word, .agrees = true, .out = out };

	(void)!electorate_each(electorate, node, now_ms, add_one, &evidence);
	evidence.agrees = false;
	(void)!electorate_each(electorate, node, now_ms, add_one, &evidence);
}

void regions_record(void *ctx, const char *name, enum nodelife_electorate was, enum nodelife_electorate is,
		    uint64_t now_ms)
{
	struct regions *regions = ctx;
	const struct region_node *node = regions_node(regions, name);
	struct audit_note note = {
		.verb = "judge", .node = name, .resource = "nodes", .name = name, .code = 200
	};
	char said[RUNNER_SAID_SIZE];
	struct buf reason, evidence;

	if (!regions->options.audit || !node || !node->region)
		return;
	buf_init(&reason, REASON_MAX);
	buf_init(&evidence, EVIDENCE_MAX);
	regions_said(regions, name, now_ms, said);
	(void)buf_addf(&reason, "region %s: %s, was %s. %s", node->region->name, names[is], names[was], said);
	if (may_add_evidence(regions, now_ms))
		add_evidence(node->region->electorate, name, is, now_ms, &evidence);
	note.reason = buf_cstr(&reason);
	note.evidence = evidence.len ? buf_cstr(&evidence) : NULL;
	audit_note(regions->options.audit, &note);
	buf_done(&reason);
	buf_done(&evidence);
}
