/* probe: when a probe of one container is due and what its answers add up to. A pure core.
 *
 * Rules: k8s.io/api core/v1, Probe; defaults are applied by spec. One probe is under way at a time. */
#ifndef HOLDFAST_EDGE_HUB_PODS_PROBE_H
#define HOLDFAST_EDGE_HUB_PODS_PROBE_H

#include "edge-hub/pods/spec.h"

enum probe_verdict { PROBE_UNDECIDED, PROBE_PASSED, PROBE_FAILED };

struct probe_state {
	uint64_t due_ms;	     /* UINT64_MAX: stopped */
	int64_t successes, failures; /* in a row */
	bool busy;
	enum probe_verdict verdict;
};

/* A container began at started_ms (may lie before now_ms: adopted); `ready` is the verdict it had before a restart of this process. */
void probe_begin(struct probe_state *state, const struct probe_spec *spec, uint64_t started_ms,
		 uint64_t now_ms, bool passed_before, uint64_t spread);
void probe_stop(struct probe_state *state);
bool probe_is_due(const struct probe_state *state, uint64_t now_ms);
void probe_sent(struct probe_state *state);
/* Returns whether the verdict changed. */
bool probe_answered(struct probe_state *state, const struct probe_spec *spec, bool success, uint64_t now_ms);

#endif
