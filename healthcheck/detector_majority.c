/* Who is on this node's side: what lets it go on with what must run only once (healthcheck/fence.h).
 *
 * Why a proof of majority and a majority of electors that call this node dead exclude each other. Let V be the members that count (not in
 * maintenance), n of them others than this node S. A proof of time p is made of S and of answers of floor(|V| / 2) others, each given at p or
 * later by a member that said in it that it holds S for alive; so each of these heard S answer a probe of its own, and the path works both
 * ways. A majority against S takes floor(n / 2) + 1 of the n. Together these are n + 1, so some elector E is in both. E's word of death is
 * then either older than its answer, and was withdrawn by it: it ends at the cloud when E says the next word, and after verdictTTL even if it
 * cannot; or it is younger, and E gave it after suspecting S for the time of suspicion, in which S went on without its proof. So the cloud,
 * which counts T from when a majority began to say dead, and starts over when the majority falls, never counts from before p.
 *
 * Where that ends: both must mean the same V. A member that answers by a newer roster does not count here, because who is in V may have
 * changed; and the cloud asks the electorate that S knew. Answers carried by others do not count: they do not tell that E hears S. */
#include <stdlib.h>

#include "healthcheck/detector_internal.h"

/* Versions are compared as they are carried, in their low bits. */
static bool is_later(uint32_t version, uint64_t than)
{
	return (int32_t)(version - (uint32_t)than) > 0;
}

void detector_majority_heard(struct detector *d, size_t index, const struct datagram *datagram)
{
	struct peer *peer = d->peers[index];

	if (!(datagram->flags & DATAGRAM_SEES_YOU) || is_later(datagram->roster_version, d->roster->version))
		return;
	peer->proof_ms = peer->probe.sent_ms;
	if (d->settled && !is_later(datagram->roster_version, d->settled))
		peer->settled_ms = peer->probe.sent_ms;
}

void detector_set_settled(struct detector *d, uint64_t roster_version)
{
	d->settled = roster_version;
}

bool detector_has_majority(const struct detector *d)
{
	size_t total = 0, with = 0;

	for (size_t i = 0; d->roster && i < d->roster->count; i++) {
		if (d->roster->members[i].in_maintenance)
			continue;
		total++;
		with += detector_is_self(d, i) || d->peers[i]->view == DETECTOR_ALIVE;
	}
	return with * 2 > total;
}

static int newest_first(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? 1 : x > y ? -1 : 0;
}

static uint64_t proof_of(const struct peer *peer)
{
	return peer->proof_ms;
}

static uint64_t settled_proof_of(const struct peer *peer)
{
	return peer->settled_ms;
}

static bool majority_of(const struct detector *d, uint64_t (*of)(const struct peer *peer), uint64_t *out_ms)
{
	uint64_t proofs[ROSTER_MEMBERS_MAX];
	size_t others = 0, self = 0, needed;
	bool is_member = false;

	for (size_t i = 0; d->roster && i < d->roster->count; i++) {
		bool counts = !d->roster->members[i].in_maintenance;

		if (detector_is_self(d, i)) {
			is_member = true;
			self = counts;
		} else if (counts) {
			proofs[others++] = of(d->peers[i]);
		}
	}
	needed = (others + self) / 2 + 1 - self;
	if (!is_member || !needed || needed > others)
		return false;
	qsort(proofs, others, sizeof(proofs[0]), newest_first);
	*out_ms = proofs[needed - 1];
	return *out_ms != 0;
}

bool detector_majority_proof(const struct detector *d, uint64_t *out_ms)
{
	return majority_of(d, proof_of, out_ms);
}

bool detector_majority_settled(const struct detector *d, uint64_t *out_ms)
{
	return majority_of(d, settled_proof_of, out_ms);
}

void detector_roll_call(struct detector *d, uint64_t every_ms)
{
	d->roll_call_ms = every_ms;
}
