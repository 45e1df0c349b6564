/* limit: by which T this node fences itself, and how it comes to another. Pure. One thread.
 *
 * The cloud waits for the greatest T that this node may go by, so another T is in force at once and told afterwards. Not to fence itself any more
 * is different: the cloud has to know it first, for good, or it would free what goes on running here. */
#ifndef HOLDFAST_EDGE_HUB_FENCE_LIMIT_H
#define HOLDFAST_EDGE_HUB_FENCE_LIMIT_H

#include "base/buf.h"

#define LIMIT_PINGS \
	3u /* T is at least so many of the link's pings: else it would close between two of them */
#define LIMIT_MAX_MS (24u * 60 * 60 * 1000)

struct limit {
	unsigned in_force_ms; /* 0: this node does not fence itself */
	unsigned told_ms;     /* what the cloud is to be told */
	uint64_t told_off_ms; /* when it began to be told 0 while a T is in force; 0: it is not */
	unsigned ping_ms;
};
/* `is_off`: in an earlier life it did not fence itself, as the cloud knows. `before_ms`: else by which T, 0: not known. */
void limit_init(struct limit *limit, uint64_t before_ms, bool is_off, unsigned ping_ms);
/* `wanted_ms`: as its region has it, 0: nobody takes its place there. `proof_ms`: when the last answer of the cloud was asked for. True: in_force_ms is another. */
bool limit_step(struct limit *limit, unsigned wanted_ms, uint64_t proof_ms, uint64_t now_ms);

#endif
