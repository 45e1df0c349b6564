/* verdict: one member's signed, first-hand word about another. Pure; signing and checking are the caller's (auth/x509).
 *
 * A verdict expires; its age is what the voter signed plus what its carriers add. */
#ifndef HOLDFAST_HEALTHCHECK_VERDICT_H
#define HOLDFAST_HEALTHCHECK_VERDICT_H

#include "healthcheck/detector.h"

enum verdict_word { VERDICT_ALIVE = 1, VERDICT_AGENT_DOWN = 2, VERDICT_DEAD = 3 };
const char *verdict_word_name(enum verdict_word word); /* "alive", "agent-down", "dead" */

#define VERDICT_BYTES_MAX DATAGRAM_VERDICT_MAX

struct verdict {
	uint8_t voter[ROSTER_ID_SIZE], subject[ROSTER_ID_SIZE];
	enum verdict_word word;
	uint32_t roster_version;	/* that the voter goes by (low bits) */
	uint64_t voter_start, sequence; /* rise: an older word never replaces a newer one */
	uint64_t subject_start;		/* of its hub, as last seen; 0: never */
	uint32_t subject_incarnation;
	uint32_t age_ms; /* since the evidence was complete, when signed */
	/* The evidence. */
	/* Since the subject's last direct sign of life, or since the voter last told it that it holds it for alive, which the subject may go
	 * by (freeing.h); UINT32_MAX: never. */
	uint32_t silent_ms;
	uint16_t probes, asked, answers;
	uint8_t tcp;   /* enum detector_tcp + 1; 0: not tried */
	uint8_t score; /* the voter's own trouble and local health multiplier, for who reads it */
	uint8_t signature[DATAGRAM_SIGNATURE_MAX];
	size_t signature_len;
	uint32_t
		carried_ms; /* that it waited with its carriers, added by them; not signed. What it spent on the way is not in it */
};
/* What is signed ("holdfast verdict 1", region, all fields but signature and carried_ms), and the whole as carried. */
int verdict_signed_bytes(const char *region, const struct verdict *verdict, struct buf *out) must_check;
int verdict_write(const struct verdict *verdict, struct buf *out) must_check;
int verdict_parse(struct span bytes, struct verdict *out) must_check; /* -EBADMSG */
/* A carrier has kept the encoded verdict for so long. What is none is left alone. */
void verdict_kept(uint8_t *bytes, size_t len, uint64_t ms);
/* The same word, however long each of the two was carried? */
bool verdict_is_same(struct span a, struct span b);
/* From what the node saw; false when that is no verdict (unknown, suspect). Not yet signed. */
bool verdict_of_sight(const struct detector_sight *sight, uint64_t now_ms, struct verdict *out);

#endif
