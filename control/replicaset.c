#include "control/replicaset.h"

#include <errno.h>
#include <stdlib.h>

#include "control/condition.h"

static int decode(const struct json *tree, struct replicaset *rs)
{
	const struct json *meta = json_get(tree, "metadata"), *spec = json_get(tree, "spec");
	int rc;

	rs->ns = arena_str(&rs->arena, json_str(json_get(meta, "namespace"), ""));
	rs->name = arena_str(&rs->arena, json_str(json_get(meta, "name"), ""));
	rs->uid = arena_str(&rs->arena, json_str(json_get(meta, "uid"), ""));
	if (!rs->ns || !rs->name || !rs->uid)
		return -ENOMEM;
	if (!*rs->name || !*rs->uid || !json_is(json_path(spec, "template.spec"), JSON_OBJECT) ||
	    !json_is(json_get(spec, "selector"), JSON_OBJECT))
		return -EINVAL;
	rs->generation = json_int(json_get(meta, "generation"), 0);
	rs->deleting = json_get(meta, "deletionTimestamp") != NULL;
	rs->replicas = json_int(json_get(spec, "replicas"), 1);
	rs->min_ready_s = json_int(json_get(spec, "minReadySeconds"), 0);
	if (rs->replicas < 0)
		return -EINVAL;
	rc = labels_of(json_path(spec, "template.metadata.labels"), &rs->arena, &rs->template_labels);
	return rc ? rc : selector_of_json(json_get(spec, "selector"), &rs->selector, NULL);
}

int replicaset_of(const struct json *tree, struct replicaset **out)
{
	struct replicaset *rs = calloc(1, sizeof(*rs));
	int rc;

	if (!rs)
		return -ENOMEM;
	rc = decode(tree, rs);
	if (!rc && selector_is_empty(rs->selector))
		rc = -EINVAL; /* it would take every pod of its namespace */
	if (rc) {
		replicaset_free(rs);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	*out = rs;
	return 0;
}

void replicaset_free(struct replicaset *rs)
{
	if (!rs)
		return;
	selector_free(rs->selector);
	arena_done(&rs->arena);
	free(rs);
}

/* --- status --- */

int replicaset_write_status(struct json *tree, const struct replicaset_counts *counts, int64_t generation,
			    struct replicaset_failure failure, int64_t now_wall_ms)
{
	const struct status_number fields[] = {
		{ "replicas", counts->replicas, false },
		{ "fullyLabeledReplicas", counts->fully_labeled, true },
		{ "readyReplicas", counts->ready, true },
		{ "availableReplicas", counts->available, true },
		{ "observedGeneration", generation, true },
	};
	int changed = status_numbers_set(tree, fields, sizeof(fields) / sizeof(fields[0])), rc;

	if (changed < 0)
		return changed;
	rc = failure.reason ? condition_set(tree, CONDITION_REPLICA_FAILURE, "True", failure.reason,
					    failure.message, now_wall_ms)
			    : condition_remove(tree, CONDITION_REPLICA_FAILURE);
	return rc < 0 ? rc : changed | rc;
}
