#include "cloud-hub/audit/audit.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/random.h"
#include "cloud-hub/audit/event.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "audit"
#define REFUSED_SLOTS 256u

/* One who is refused, in the present second; another one whose name falls into the slot takes it. */
struct refused {
	uint64_t who, second;
	unsigned count;
};

struct audit {
	struct audit_options options;
	struct log_file *file; /* NULL at level none */
	struct buf line;
	struct refused refused[REFUSED_SLOTS];
	uint64_t suppressed, lost_told; /* lost and suppressed lines that a line has spoken of */
};

int audit_level_parse(const char *text, enum audit_level *out)
{
	static const char *const names[] = {
		[AUDIT_NONE] = "none", [AUDIT_WRITES] = "writes", [AUDIT_ALL] = "all"
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum audit_level)i;
			return 0;
		}
	return -EINVAL;
}

/* Whoever is refused can be refused as often as he likes: he must not push the rest out of the log. */
static bool may_fail(struct audit *audit, const char *user)
{
	struct refused *slot = &audit->refused[hash64(span_of(user), 0) % REFUSED_SLOTS];
	uint64_t second = audit->options.mono_ms(audit->options.clock_ctx) / 1000;
	uint64_t who = hash64(span_of(user), 1);

	if (second != slot->second || who != slot->who)
		*slot = (struct refused){ .who = who, .second = second };
	if (slot->count++ < AUDIT_REFUSED_PER_S)
		return true;
	audit->suppressed++;
	return false;
}

static bool is_refusal(int code)
{
	return code == 401 || code == 403;
}

/* All lines lost so far, when some of them no line has told of; 0 otherwise. It is the sum because a line that tells may be lost
 * too. */
static uint64_t take_lost(struct audit *audit)
{
	struct log_file_stats stats;
	uint64_t all;

	log_file_stats(audit->file, &stats);
	all = stats.lost + audit->suppressed;
	if (all == audit->lost_told)
		return 0;
	audit->lost_told = all;
	return all;
}

static void keep(struct audit *audit, int code)
{
	if (code)
		log_error(MODULE, "line-not-made", "error=%d", code);
	else
		log_file_add(audit->file, buf_span(&audit->line));
	buf_reset(&audit->line);
}

void audit_outcome(void *ctx, const struct api_outcome *outcome)
{
	struct audit *audit = ctx;
	const struct api_identity *identity = outcome->what->identity;
	char id[RANDOM_UUID_SIZE];

	if (!audit || !audit->file || !event_is_wanted(audit->options.level, outcome))
		return;
	if (is_refusal(outcome->code) && !may_fail(audit, identity ? identity->user : ""))
		return;
	random_uuid(id);
	keep(audit, event_of_outcome(outcome, id, audit->options.wall_ms(audit->options.clock_ctx),
				     take_lost(audit), &audit->line));
}

void audit_note(struct audit *audit, const struct audit_note *note)
{
	char id[RANDOM_UUID_SIZE];

	if (!audit || !audit->file)
		return;
	if (is_refusal(note->code) && !may_fail(audit, note->user ? note->user : ""))
		return;
	random_uuid(id);
	keep(audit, event_of_note(note, id, audit->options.wall_ms(audit->options.clock_ctx),
				  take_lost(audit), &audit->line));
}

void audit_stats(struct audit *audit, struct audit_stats *out)
{
	*out = (struct audit_stats){ .suppressed = audit ? audit->suppressed : 0 };
	if (audit && audit->file)
		log_file_stats(audit->file, &out->file);
}

int audit_new(const struct audit_options *options, struct audit **out, struct err *err)
{
	struct audit *audit = calloc(1, sizeof(*audit));
	int code = 0;

	if (!audit)
		return err_set(err, -ENOMEM, "out of memory");
	audit->options = *options;
	buf_init(&audit->line, EVENT_LINE_MAX);
	if (options->level != AUDIT_NONE)
		code = log_file_open(&options->file, &audit->file, err);
	if (code) {
		audit_free(audit);
		return code;
	}
	*out = audit;
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	log_file_free(audit->file);
	buf_done(&audit->line);
	free(audit);
}
