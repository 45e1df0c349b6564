/* placement: where a pod may and would rather run, decoded once from its spec and matched against nodes:
 * nodeSelector, node affinity, taints and tolerations. Shared by the scheduler and the DaemonSet controller. Pure.
 * Rules: k8s.io/api core/v1 documentation of these fields, release 1.32. */
#ifndef HOLDFAST_CONTROL_PLACEMENT_H
#define HOLDFAST_CONTROL_PLACEMENT_H

#include "base/json.h"
#include "control/arena.h"

#define TAINT_NOT_READY "node.kubernetes.io/not-ready"
#define TAINT_UNREACHABLE "node.kubernetes.io/unreachable"
#define TAINT_UNSCHEDULABLE "node.kubernetes.io/unschedulable"
#define TAINT_MEMORY_PRESSURE "node.kubernetes.io/memory-pressure"
#define TAINT_DISK_PRESSURE "node.kubernetes.io/disk-pressure"
#define TAINT_PID_PRESSURE "node.kubernetes.io/pid-pressure"
#define TAINT_NETWORK_UNAVAILABLE "node.kubernetes.io/network-unavailable"

#define PLACEMENT_LIST_MAX \
	512u /* terms, requirements, values, tolerations, taints: longer lists are -E2BIG */

enum taint_effect { EFFECT_NO_SCHEDULE = 1, EFFECT_PREFER_NO_SCHEDULE = 2, EFFECT_NO_EXECUTE = 4 };
struct taint {
	const char *key, *value;
	unsigned effect; /* one of enum taint_effect, 0: unknown, and then ignored */
};
struct toleration {
	const char *key, *value; /* key "": every taint, when exists */
	bool exists;
	unsigned effect; /* 0: every effect */
};

enum requirement_op {
	REQUIRE_IN,
	REQUIRE_NOT_IN,
	REQUIRE_EXISTS,
	REQUIRE_ABSENT,
	REQUIRE_GT,
	REQUIRE_LT,
	REQUIRE_NEVER
};
struct requirement {
	const char *key;
	enum requirement_op op; /* REQUIRE_NEVER: an operator we do not know: matches nothing */
	const char *const *values;
	size_t value_count;
};
struct placement_term {
	const struct requirement *labels, *fields; /* all must hold; a term without any matches nothing */
	size_t label_count, field_count;
	int64_t weight; /* of preferred terms */
};
struct placement {
	struct span selector; /* packed pairs, all of which the node's labels must have */
	bool has_required;
	const struct placement_term *required; /* one must hold, when has_required */
	const struct placement_term *preferred;
	size_t required_count, preferred_count;
	const struct toleration *tolerations;
	size_t toleration_count;
};

/* What is matched against. */
struct placement_node {
	const char *name;
	struct span labels; /* packed pairs */
	const struct taint *taints;
	size_t taint_count;
};

/* From a PodSpec. Texts are copied into the arena. -EINVAL: of a wrong shape; -E2BIG, -ENOMEM. */
int placement_decode(const struct json *pod_spec, struct arena *arena, struct placement *out) must_check;
int taints_decode(const struct json *list, struct arena *arena, const struct taint **out,
		  size_t *out_count) must_check;

/* nodeSelector and required affinity. */
bool placement_fits(const struct placement *p, const struct placement_node *node);
/* The first taint with one of `effects` that nothing tolerates; NULL when there is none. */
const struct taint *placement_untolerated(const struct placement *p, const struct placement_node *node,
					  unsigned effects);
/* Sum of the weights of preferred terms that match. */
int64_t placement_preference(const struct placement *p, const struct placement_node *node);
/* When every required term names nodes (matchFields metadata.name In [...]): may this pod only run on `node`'s like? The only name,
 * when there is just one; NULL otherwise. */
const char *placement_only_node(const struct placement *p);
unsigned taint_effect_parse(const char *text);
const char *taint_effect_name(unsigned effect);

#endif
