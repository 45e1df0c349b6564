/* Rules of tolerations, affinity and spreading. */
#include "api/names.h"
#include "api/validate.h"

static void toleration(struct validation *v, const struct json *item, void *ctx)
{
	static const char *const operators[] = { "Equal", "Exists", NULL };
	static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };
	const char *op = text_of(item, "operator");

	check_text(v, item, "key", name_qualified);
	if (!text_of(item, "key")[0] && strcmp(op, "Exists") != 0)
		complain(v, PROBLEM_INVALID, item, "operator",
			 "operator must be Exists when `key` is empty, which means \"match all values and "
			 "all keys\"");
	if (json_get(item, "tolerationSeconds") && strcmp(text_of(item, "effect"), "NoExecute") != 0)
		complain(v, PROBLEM_INVALID, item, "effect",
			 "effect must be 'NoExecute' when `tolerationSeconds` is set");
	if (!strcmp(op, "Exists") && text_of(item, "value")[0])
		complain(v, PROBLEM_INVALID, item, "operator",
			 "value must be empty when `operator` is 'Exists'");
	if (strcmp(op, "Exists") != 0)
		check_text(v, item, "value", name_label_value);
	(void)check_choice(v, item, "operator", operators);
	(void)check_choice(v, item, "effect", effects);
}

static void node_requirement(struct validation *v, const struct json *item, void *ctx)
{
	const char *op = text_of(item, "operator");
	size_t count = json_count(json_get(item, "values"));

	(void)need_name(v, item, "key", name_qualified);
	if (!strcmp(op, "In") || !strcmp(op, "NotIn")) {
		if (!count)
			complain(v, PROBLEM_REQUIRED, item, "values",
				 "must be specified when `operator` is 'In' or 'NotIn'");
	} else if (!strcmp(op, "Exists") || !strcmp(op, "DoesNotExist")) {
		if (count)
			complain(v, PROBLEM_FORBIDDEN, item, "values",
				 "may not be specified when `operator` is 'Exists' or 'DoesNotExist'");
	} else if (!strcmp(op, "Gt") || !strcmp(op, "Lt")) {
		if (count != 1)
			complain(v, PROBLEM_REQUIRED, item, "values",
				 "must be specified single value when `operator` is 'Lt' or 'Gt'");
	} else {
		complain(v, PROBLEM_INVALID, item, "operator", "not a valid selector operator");
	}
}

static void node_term(struct validation *v, const struct json *term, void *ctx)
{
	each_item(v, term, "matchExpressions", node_requirement, NULL);
}

static void node_selector(struct validation *v, const struct json *selector, void *ctx)
{
	if (!json_count(json_get(selector, "nodeSelectorTerms")))
		complain(v, PROBLEM_REQUIRED, selector, "nodeSelectorTerms",
			 "must have at least one node selector term");
	each_item(v, selector, "nodeSelectorTerms", node_term, NULL);
}

static void check_weight(struct validation *v, const struct json *item)
{
	int64_t weight = json_int(json_get(item, "weight"), 0);

	if (weight < 1 || weight > 100)
		complain(v, PROBLEM_INVALID, item, "weight", "must be in the range 1-100");
}

static void preferred_node(struct validation *v, const struct json *item, void *ctx)
{
	check_weight(v, item);
	below(v, item, "preference", node_term, NULL);
}

static void node_affinity(struct validation *v, const struct json *affinity, void *ctx)
{
	below(v, affinity, "requiredDuringSchedulingIgnoredDuringExecution", node_selector, NULL);
	each_item(v, affinity, "preferredDuringSchedulingIgnoredDuringExecution", preferred_node, NULL);
}

static void pod_term(struct validation *v, const struct json *term, void *ctx)
{
	validate_label_selector(v, term, "labelSelector");
	validate_label_selector(v, term, "namespaceSelector");
	if (need_text(v, term, "topologyKey", "can not be empty"))
		check_text(v, term, "topologyKey", name_qualified);
}

static void preferred_pod(struct validation *v, const struct json *item, void *ctx)
{
	check_weight(v, item);
	below(v, item, "podAffinityTerm", pod_term, NULL);
}

static void pod_affinity(struct validation *v, const struct json *affinity, void *ctx)
{
	each_item(v, affinity, "requiredDuringSchedulingIgnoredDuringExecution", pod_term, NULL);
	each_item(v, affinity, "preferredDuringSchedulingIgnoredDuringExecution", preferred_pod, NULL);
}

static void affinity_of(struct validation *v, const struct json *affinity, void *ctx)
{
	below(v, affinity, "nodeAffinity", node_affinity, NULL);
	below(v, affinity, "podAffinity", pod_affinity, NULL);
	below(v, affinity, "podAntiAffinity", pod_affinity, NULL);
}

static void spread(struct validation *v, const struct json *item, void *ctx)
{
	static const char *const actions[] = { "DoNotSchedule", "ScheduleAnyway", NULL };

	if (json_int(json_get(item, "maxSkew"), 0) < 1)
		complain(v, PROBLEM_INVALID, item, "maxSkew", "must be greater than zero");
	if (need_text(v, item, "topologyKey", "can not be empty"))
		check_text(v, item, "topologyKey", name_qualified);
	(void)need_choice(v, item, "whenUnsatisfiable", actions);
	validate_label_selector(v, item, "labelSelector");
}

static void gate(struct validation *v, const struct json *item, void *ctx)
{
	(void)need_name(v, item, "name", name_qualified);
}

static void readiness_gate(struct validation *v, const struct json *item, void *ctx)
{
	const char *reason = name_qualified(json_span(json_get(item, "conditionType")));

	if (reason)
		complain(v, PROBLEM_INVALID, item, "conditionType", "%s", reason);
}

void validate_scheduling(struct validation *v, const struct json *spec)
{
	each_item(v, spec, "tolerations", toleration, NULL);
	below(v, spec, "affinity", affinity_of, NULL);
	each_item(v, spec, "topologySpreadConstraints", spread, NULL);
	each_item(v, spec, "schedulingGates", gate, NULL);
	check_unique(v, spec, "schedulingGates", "name");
	each_item(v, spec, "readinessGates", readiness_gate, NULL);
}
