/* checks: what this node knows against itself, in a score (healthcheck/score.h): its runtime answers, its disk takes writes, its clock is
 * right, its memory suffices, its loop is in time. Pure: told what was seen. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_CHECKS_H
#define HOLDFAST_EDGE_HUB_HEALTH_CHECKS_H

#include "healthcheck/score.h"

#define CHECKS_MEMORY_MIN_PC 5u	  /* of the machine's memory available */
#define CHECKS_STALLED_MAX_PC 40u /* of the time in which everything waited for memory (PSI, "full avg10") */
#define CHECKS_THRESHOLD 2u	  /* looks of a kind in a row, so that a moment is no trouble */

struct checks_seen {
	bool runtime_ready;
	const char *runtime_why; /* "" when it is */
	bool disk_full, disk_read_only;
	bool clock_wrong;
	uint64_t memory_bytes, memory_available_bytes; /* 0: not known */
	unsigned memory_stalled_pc;
	uint64_t late_ms; /* how late the loop looked */
};
int checks_init(struct score *score) must_check;
bool checks_is_built_in(const char *name);
/* True: a check changed. */
bool checks_look(struct score *score, const struct checks_seen *seen, uint64_t now_ms);
/* "full avg10=12.34 ..." of /proc/pressure/memory, whole percent; 0 without. */
unsigned checks_stalled(struct span pressure);
/* What the node says of itself to the cloud (condition ChecksFailing): 1 a check fails, 2 none does and one cannot be asked, 0 all is well,
 * -1 not all of them have said something yet. Reason in CamelCase, of the first that fails or cannot be asked; message with each of these
 * and the score, cut where it does not fit. */
#define CHECKS_REASON_SIZE 48u
#define CHECKS_MESSAGE_SIZE 256u
struct checks_summary {
	int value;
	char reason[CHECKS_REASON_SIZE], message[CHECKS_MESSAGE_SIZE];
};
void checks_summarize(const struct score *score, struct checks_summary *out);
/* A JSON object: percent, and the checks with why they fail. Appends. */
void checks_write(const struct score *score, struct buf *out);

#endif
