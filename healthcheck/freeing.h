/* freeing: when the cloud may give away what a node runs exclusively, the other half of healthcheck/fence: it has to wait for as long as the
 * node may keep it. Pure. One thread. */
#ifndef HOLDFAST_HEALTHCHECK_FREEING_H
#define HOLDFAST_HEALTHCHECK_FREEING_H

#include "healthcheck/electorate.h"
#include "healthcheck/roster_past.h"

/* The longest T by which a node may fence itself, 0: it may not do so at all. Kept durably, because T can be changed while the node is away.
 * `kept`: what was kept so far; `region`: T of its region now. */

/* The node says `told` in a Hello: a new connection, so nothing else is on its way to it but what its region has now. */
unsigned freeing_limit_hello(unsigned told, unsigned region);
/* It says so in a connection: other values may be on their way. `is_settled`: what its region has now is in its replica. */
unsigned freeing_limit_told(unsigned kept, unsigned told, unsigned region, bool is_settled);
/* Its region (or the region that it belongs to from now on) has this T, which goes to the node. */
unsigned freeing_limit_given(unsigned kept, unsigned region);

#define FREEING_UNKNOWN UINT64_MAX

/* What is known of a node that is away: the rosters that it may go by. */
struct freeing_node {
	const char *name;
	uint64_t oldest; /* version that it is known to have had; 0: not known, or of another region */
	uint64_t newest; /* that it can have got before its tunnel went down */
};
/* The latest time at which the node can have had proof of being with a majority of its region, on the cloud's clock; FREEING_UNKNOWN: that cannot
 * be told, and it may have it now. The roster of the electorate is `roster`.
 *
 * Why this holds. The word of a member that says dead, and signs that by a roster which the node cannot have, tells since when that member has
 * neither heard it nor vouched for it (verdict.silent_ms); and from that roster on its answers are none to the node, which counts nobody that
 * knows more than itself (detector_majority.c). So it was no part of a majority after that time and will be none, however late the word came
 * and whatever the member sees later: nothing is assumed about transit. When the others are too few to make a majority with the node,
 * by each roster that the node may go by, then no proof is younger than the youngest of these times. A clock of a voter that runs fast makes
 * its silence look longer, by FENCE_DRIFT_PC at most. What somebody else says, or one that lies about its own silence, moves the result only
 * later. Who lies about being no part of a majority that it is part of can end it, where no other is in both. */
uint64_t freeing_proof(const struct electorate *electorate, const struct roster *roster,
		       const struct roster_past *past, const struct freeing_node *node, uint64_t now_ms);

#endif
