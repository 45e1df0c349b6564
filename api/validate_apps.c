/* Rules of the kinds of apps/v1. */
#include "api/kind_internal.h"
#include "api/selector.h"
#include "api/validate.h"

/* ctx: the kind as the complaint names it. */
static void validate_template(struct validation *v, const struct json *template, void *ctx)
{
	static const char *const policies[] = { "Always", NULL };
	const struct json *spec = json_get(template, "spec");
	size_t mark = path_field(&v->path, "metadata");

	validate_labels(v, json_get(template, "metadata"), "labels");
	path_back(&v->path, mark);
	mark = path_field(&v->path, "spec");
	validate_pod_spec(v, spec);
	(void)check_choice(v, spec, "restartPolicy", policies);
	if (json_get(spec, "activeDeadlineSeconds"))
		complain(v, PROBLEM_FORBIDDEN, spec, "activeDeadlineSeconds",
			 "activeDeadlineSeconds in %s is not Supported", (const char *)ctx);
	path_back(&v->path, mark);
}

static void validate_selector(struct validation *v, const struct json *spec, const char *kind)
{
	const struct json *selector = json_get(spec, "selector"),
			  *labels = json_path(spec, "template.metadata.labels");
	struct selector *parsed = NULL;
	size_t mark;

	if (!json_is(selector, JSON_OBJECT)) {
		complain(v, PROBLEM_REQUIRED, spec, "selector", "%s", "");
		return;
	}
	validate_label_selector(v, spec, "selector");
	if (!json_count(json_get(selector, "matchLabels")) &&
	    !json_count(json_get(selector, "matchExpressions")))
		complain(v, PROBLEM_INVALID, spec, "selector", "empty selector is invalid for %s", kind);
	mark = path_field(&v->path, "template.metadata");
	if (json_get(spec, "template") && !selector_of_json(selector, &parsed, NULL) &&
	    !selector_match_json(parsed, labels))
		complain(v, PROBLEM_INVALID, json_path(spec, "template.metadata"), "labels",
			 "`selector` does not match template `labels`");
	path_back(&v->path, mark);
	selector_free(parsed);
}

static bool is_nothing(const struct json *value)
{
	const char *text = json_str(value, "0");

	return json_is(value, JSON_STRING) ? text[strspn(text, "0")] == '%' || !text[strspn(text, "0")]
					   : !json_int(value, 0);
}

static void validate_rolling(struct validation *v, const struct json *rolling, void *ctx)
{
	bool unavailable = !is_nothing(json_get(rolling, "maxUnavailable")),
	     surge = !is_nothing(json_get(rolling, "maxSurge"));

	check_int_or_percent(v, rolling, "maxUnavailable", true);
	check_int_or_percent(v, rolling, "maxSurge", true);
	if (unavailable && surge)
		complain(v, PROBLEM_INVALID, rolling, "maxSurge",
			 "may not be set when maxUnavailable is non-zero");
	if (!unavailable && !surge)
		complain(v, PROBLEM_REQUIRED, rolling, "maxUnavailable", "cannot be 0 when maxSurge is 0");
}

static void validate_strategy(struct validation *v, const struct json *strategy, void *ctx)
{
	static const char *const types[] = { "OnDelete", "RollingUpdate", NULL };

	if (!check_choice(v, strategy, "type", types) ||
	    strcmp(text_of(strategy, "type"), "RollingUpdate") != 0)
		return;
	if (!json_get(strategy, "rollingUpdate"))
		complain(v, PROBLEM_REQUIRED, strategy, "rollingUpdate", "%s", "");
	below(v, strategy, "rollingUpdate", validate_rolling, NULL);
}

/* What every workload with a template has. `for_selector` and `for_template` are the kind in upstream's two spellings. */
static void validate_workload(struct validation *v, const struct json *spec, const struct json *old,
			      const char *for_selector, const char *for_template)
{
	validate_selector(v, spec, for_selector);
	if (!json_get(spec, "template"))
		complain(v, PROBLEM_REQUIRED, spec, "template", "%s", "");
	below(v, spec, "template", validate_template, (void *)for_template);
	check_least(v, spec, "minReadySeconds", 0);
	if (old && !json_equal(json_get(spec, "selector"), json_path(old, "spec.selector")))
		complain(v, PROBLEM_INVALID, spec, "selector", MSG_IMMUTABLE);
}

void daemon_set_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *spec = json_get(object, "spec");
	struct validation v = VALIDATION(problems, "spec");

	validate_workload(&v, spec, old, "daemonset", "DaemonSet");
	below(&v, spec, "updateStrategy", validate_strategy, NULL);
	check_least(&v, spec, "revisionHistoryLimit", 0);
}

/* Upstream says "deployment" of ReplicaSets too. */
void replica_set_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *spec = json_get(object, "spec");
	struct validation v = VALIDATION(problems, "spec");

	validate_workload(&v, spec, old, "deployment", "ReplicaSet");
	check_least(&v, spec, "replicas", 0);
}

static void validate_deployment_rolling(struct validation *v, const struct json *rolling, void *ctx)
{
	check_int_or_percent(v, rolling, "maxUnavailable", true);
	check_int_or_percent(v, rolling, "maxSurge", false);
	if (is_nothing(json_get(rolling, "maxUnavailable")) && is_nothing(json_get(rolling, "maxSurge")))
		complain(v, PROBLEM_INVALID, rolling, "maxUnavailable", "may not be 0 when `maxSurge` is 0");
}

static void validate_deployment_strategy(struct validation *v, const struct json *strategy, void *ctx)
{
	static const char *const types[] = { "Recreate", "RollingUpdate", NULL };

	if (!check_choice(v, strategy, "type", types))
		return;
	if (strcmp(text_of(strategy, "type"), "RollingUpdate") == 0)
		below(v, strategy, "rollingUpdate", validate_deployment_rolling, NULL);
	else if (json_get(strategy, "rollingUpdate"))
		complain(v, PROBLEM_FORBIDDEN, strategy, "rollingUpdate",
			 "may not be specified when strategy `type` is 'Recreate'");
}

void deployment_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	const struct json *spec = json_get(object, "spec");
	int64_t deadline = json_int(json_get(spec, "progressDeadlineSeconds"), 0);
	struct validation v = VALIDATION(problems, "spec");

	validate_workload(&v, spec, old, "deployment", "ReplicaSet");
	below(&v, spec, "strategy", validate_deployment_strategy, NULL);
	check_least(&v, spec, "replicas", 0);
	check_least(&v, spec, "revisionHistoryLimit", 0);
	check_least(&v, spec, "progressDeadlineSeconds", 0);
	if (json_get(spec, "progressDeadlineSeconds") && deadline >= 0 &&
	    deadline <= json_int(json_get(spec, "minReadySeconds"), 0))
		complain(&v, PROBLEM_INVALID, spec, "progressDeadlineSeconds",
			 "must be greater than minReadySeconds");
}

void scale_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "spec");

	check_least(&v, json_get(object, "spec"), "replicas", 0);
}

void controller_revision_validate(const struct json *object, const struct json *old,
				  struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");

	check_least(&v, object, "revision", 0);
	if (!json_get(object, "data"))
		complain(&v, PROBLEM_REQUIRED, object, "data", "data is mandatory");
	if (old && !json_equal(json_get(object, "data"), json_get(old, "data")))
		complain(&v, PROBLEM_INVALID, object, "data", MSG_IMMUTABLE);
}
