/* policy: what the cloud does about a node of a region when it cannot be reached: the part of the Region object's spec that its members
 * have no use for. Pure. Defaults and their reasons are in docs/health.md. */
#ifndef HOLDFAST_HEALTHCHECK_POLICY_H
#define HOLDFAST_HEALTHCHECK_POLICY_H

#include "base/json.h"

struct health_policy {
	uint64_t grace_ms;	/* gracePeriod, 5 s: from dead to NoExecute */
	uint64_t agent_down_ms; /* agentDownDelay: from agent down to NoExecute; 0: never */
	int64_t toleration_s;	/* defaultTolerationSeconds, 30: of pods that say nothing themselves */
	uint64_t dark_ms;	/* darkAfter, 5 min: until evict_dark or evict_small acts */
	bool evict_dark;	/* darkPolicy: no report from the region at all */
	bool evict_small;	/* smallPolicy: too few neighbours for a majority */
	unsigned rate;		/* evictionRate, 6: nodes a minute */
};
extern const struct health_policy health_policy_default;

/* From a Region's spec (NULL: defaults). -EINVAL with what is wrong; *out then has the defaults. */
int health_policy_read(const struct json *spec, struct health_policy *out, struct err *err) must_check;

#endif
