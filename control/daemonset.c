#include "control/daemonset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/condition.h"
#include "control/template.h"

/* What every daemon pod tolerates. Upstream's list; and, since an edge node is often away, also that it is not scheduled to while
 * cut off or not ready: its pod then waits for it in the cloud. The last one is for pods in the host's network only. */
static const struct {
	struct toleration toleration;
	bool host_network;
} daemon_tolerations[] = {
	{ { TAINT_NOT_READY, "", true, EFFECT_NO_EXECUTE }, false },
	{ { TAINT_UNREACHABLE, "", true, EFFECT_NO_EXECUTE }, false },
	{ { TAINT_NOT_READY, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_UNREACHABLE, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_DISK_PRESSURE, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_MEMORY_PRESSURE, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_PID_PRESSURE, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_UNSCHEDULABLE, "", true, EFFECT_NO_SCHEDULE }, false },
	{ { TAINT_NETWORK_UNAVAILABLE, "", true, EFFECT_NO_SCHEDULE }, true },
};
#define DAEMON_TOLERATIONS (sizeof(daemon_tolerations) / sizeof(daemon_tolerations[0]))

/* --- decoding --- */

static int add_tolerations(struct daemonset *ds, bool host_network)
{
	size_t had = ds->placement.toleration_count;
	struct toleration *all = arena_array(&ds->arena, had + DAEMON_TOLERATIONS, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (had)
		memcpy(all, ds->placement.tolerations, had * sizeof(*all));
	for (size_t i = 0; i < DAEMON_TOLERATIONS; i++)
		if (host_network || !daemon_tolerations[i].host_network)
			all[had++] = daemon_tolerations[i].toleration;
	ds->placement.tolerations = all;
	ds->placement.toleration_count = had;
	return 0;
}

static int decode_template(const struct json *spec, struct daemonset *ds)
{
	const struct json *pod = json_path(spec, "template.spec");
	int rc = json_is(pod, JSON_OBJECT) ? placement_decode(pod, &ds->arena, &ds->placement) : -EINVAL;

	if (!rc)
		rc = add_tolerations(ds, json_bool(json_get(pod, "hostNetwork"), false));
	ds->template_node = arena_str(&ds->arena, json_str(json_get(pod, "nodeName"), ""));
	return rc ? rc : ds->template_node ? 0 : -ENOMEM;
}

static int decode_strategy(const struct json *spec, struct daemonset *ds)
{
	const struct json *rolling = json_path(spec, "updateStrategy.rollingUpdate");
	int rc = share_decode(json_get(rolling, "maxUnavailable"), (struct share){ 1, false }, 100,
			      &ds->max_unavailable);

	ds->on_delete = strcmp(json_path_str(spec, "updateStrategy.type", "RollingUpdate"), "OnDelete") == 0;
	return rc ? rc
		  : share_decode(json_get(rolling, "maxSurge"), (struct share){ 0, false }, 100,
				 &ds->max_surge);
}

static int decode(const struct json *tree, struct daemonset *ds)
{
	const struct json *meta = json_get(tree, "metadata"), *spec = json_get(tree, "spec");
	int rc;

	ds->ns = arena_str(&ds->arena, json_str(json_get(meta, "namespace"), ""));
	ds->name = arena_str(&ds->arena, json_str(json_get(meta, "name"), ""));
	ds->uid = arena_str(&ds->arena, json_str(json_get(meta, "uid"), ""));
	if (!ds->ns || !ds->name || !ds->uid)
		return -ENOMEM;
	if (!*ds->name || !*ds->uid)
		return -EINVAL;
	ds->generation = json_int(json_get(meta, "generation"), 0);
	ds->deleting = json_get(meta, "deletionTimestamp") != NULL;
	ds->min_ready_s = json_int(json_get(spec, "minReadySeconds"), 0);
	ds->history_limit = json_int(json_get(spec, "revisionHistoryLimit"), DAEMONSET_HISTORY_DEFAULT);
	ds->collision_count = json_path_int(tree, "status.collisionCount", 0);
	rc = selector_of_json(json_get(spec, "selector"), &ds->selector, NULL);
	if (!rc)
		rc = decode_strategy(spec, ds);
	return rc ? rc : decode_template(spec, ds);
}

int daemonset_of(const struct json *tree, struct daemonset **out)
{
	struct daemonset *ds = calloc(1, sizeof(*ds));
	int rc;

	if (!ds)
		return -ENOMEM;
	rc = decode(tree, ds);
	if (rc) {
		daemonset_free(ds);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	*out = ds;
	return 0;
}

void daemonset_free(struct daemonset *ds)
{
	if (!ds)
		return;
	selector_free(ds->selector);
	arena_done(&ds->arena);
	free(ds);
}

/* --- eligibility --- */

struct daemonset_fit daemonset_fits(const struct daemonset *ds, const struct cluster_node *node)
{
	/* Nothing is concluded from a node that cannot be read, is being reconciled, or is on its way out. */
	if (!node->view || node->damaged || node->held || node->view->deleting)
		return (struct daemonset_fit){ false, true };
	if ((*ds->template_node && strcmp(ds->template_node, node->name) != 0) ||
	    !placement_fits(&ds->placement, &node->view->at))
		return (struct daemonset_fit){ false, false };
	if (placement_untolerated(&ds->placement, &node->view->at, EFFECT_NO_EXECUTE))
		return (struct daemonset_fit){ false, false };
	return (struct daemonset_fit){
		!placement_untolerated(&ds->placement, &node->view->at, EFFECT_NO_SCHEDULE), true
	};
}

/* --- the pod --- */

/* {matchFields: [{key: metadata.name, operator: In, values: [node]}]} */
static struct json *name_term(const char *node)
{
	struct json *term = json_new_object(), *fields = json_new_array(), *field = json_new_object(),
		    *values = json_new_array();
	int rc = term && fields && field && values ? 0 : -ENOMEM;

	if (!rc)
		rc = json_append(values, json_new_str(node));
	if (!rc)
		rc = json_set_str(field, "key", "metadata.name");
	if (!rc)
		rc = json_set_str(field, "operator", "In");
	if (rc) {
		json_free(term);
		json_free(fields);
		json_free(field);
		json_free(values);
		return NULL;
	}
	rc = json_set(field, "values", values);
	if (!rc)
		rc = json_append(fields, field);
	else
		json_free(field);
	if (!rc)
		rc = json_set(term, "matchFields", fields);
	else
		json_free(fields);
	if (rc) {
		json_free(term);
		return NULL;
	}
	return term;
}

/* Pinned to its node: the required terms of the template were used to choose it and are replaced, as upstream does. */
static int pin(struct json *spec, const char *node)
{
	struct json *required =
		json_ensure(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
	struct json *terms = json_new_array();
	int rc;

	if (!required || !terms) {
		json_free(terms);
		return -ENOMEM;
	}
	rc = json_append(terms, name_term(node));
	if (rc) {
		json_free(terms);
		return rc;
	}
	return json_set(required, "nodeSelectorTerms", terms);
}

static bool has_toleration(const struct json *list, const struct toleration *t)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_at(list, i);

		if (strcmp(json_str(json_get(item, "key"), ""), t->key) == 0 &&
		    strcmp(json_str(json_get(item, "operator"), ""), "Exists") == 0 &&
		    strcmp(json_str(json_get(item, "effect"), ""), taint_effect_name(t->effect)) == 0)
			return true;
	}
	return false;
}

static int add_toleration(struct json *list, const struct toleration *t)
{
	struct json *item = json_new_object();
	int rc = item ? json_set_str(item, "key", t->key) : -ENOMEM;

	if (!rc)
		rc = json_set_str(item, "operator", "Exists");
	if (!rc)
		rc = json_set_str(item, "effect", taint_effect_name(t->effect));
	if (rc) {
		json_free(item);
		return rc;
	}
	return json_append(list, item);
}

static int tolerate(struct json *spec)
{
	bool host_network = json_bool(json_get(spec, "hostNetwork"), false);
	struct json *list = json_get(spec, "tolerations");
	int rc = 0;

	if (!json_is(list, JSON_ARRAY)) {
		rc = json_set(spec, "tolerations", json_new_array());
		list = json_get(spec, "tolerations");
	}
	for (size_t i = 0; !rc && i < DAEMON_TOLERATIONS; i++)
		if ((host_network || !daemon_tolerations[i].host_network) &&
		    !has_toleration(list, &daemon_tolerations[i].toleration))
			rc = add_toleration(list, &daemon_tolerations[i].toleration);
	return rc;
}

static int set_labels(struct json *meta, const char *hash, int64_t revision)
{
	struct json *labels = json_ensure(meta, "labels");
	char number[24];

	(void)snprintf(number, sizeof(number), "%lld", (long long)revision);
	if (!labels || json_set_str(labels, LABEL_REVISION_HASH, hash))
		return -ENOMEM;
	return json_set_str(labels, LABEL_TEMPLATE_GENERATION, number);
}

struct json *daemonset_pod(const struct json *ds_tree, const char *node, const char *hash, int64_t revision)
{
	struct json *pod = template_pod(ds_tree, DAEMONSET_API_VERSION, DAEMONSET_KIND);
	int rc = pod ? set_labels(json_get(pod, "metadata"), hash, revision) : -ENOMEM;

	if (!rc)
		rc = pin(json_get(pod, "spec"), node);
	if (!rc)
		rc = tolerate(json_get(pod, "spec"));
	if (!rc)
		return pod;
	json_free(pod);
	return NULL;
}

/* --- status --- */

int daemonset_write_status(struct json *ds_tree, const struct daemonset_counts *counts, int64_t generation)
{
	const struct status_number fields[] = {
		{ "currentNumberScheduled", counts->current, false },
		{ "numberMisscheduled", counts->misscheduled, false },
		{ "desiredNumberScheduled", counts->desired, false },
		{ "numberReady", counts->ready, false },
		{ "observedGeneration", generation, true },
		{ "updatedNumberScheduled", counts->updated, true },
		{ "numberAvailable", counts->available, true },
		{ "numberUnavailable", counts->unavailable, true },
	};

	return status_numbers_set(ds_tree, fields, sizeof(fields) / sizeof(fields[0]));
}
