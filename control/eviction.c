#include "control/eviction.h"

#define MINUTE_MS 60000u

static bool fits(const struct json *toleration, const char *taint_key)
{
	const char *key = json_path_str(toleration, "key", ""),
		   *op = json_path_str(toleration, "operator", ""),
		   *effect = json_path_str(toleration, "effect", "");

	if (*effect && strcmp(effect, "NoExecute") != 0)
		return false;
	if (!*key)
		return strcmp(op, "Exists") == 0;
	/* Our taints have no value. */
	return strcmp(key, taint_key) == 0 &&
	       (strcmp(op, "Exists") == 0 || !*json_path_str(toleration, "value", ""));
}

bool eviction_after(const struct json *pod, const char *taint_key, int64_t default_s, int64_t *out_s)
{
	const struct json *list = json_path(pod, "spec.tolerations");

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *toleration = json_at(list, i), *seconds;

		if (!fits(toleration, taint_key))
			continue;
		seconds = json_get(toleration, "tolerationSeconds");
		*out_s = json_int(seconds, 0) > 0 ? json_int(seconds, 0) : 0;
		return json_is(seconds, JSON_INT);
	}
	*out_s = default_s;
	return true;
}

bool eviction_is_exclusive(const struct json *pod)
{
	const struct json *annotations = json_path(pod, "metadata.annotations"),
			  *owners = json_path(pod, "metadata.ownerReferences");

	if (strcmp(json_str(json_get(annotations, ANNOTATION_EXCLUSIVE), ""), "true") == 0)
		return true;
	for (size_t i = 0; i < json_count(owners); i++)
		if (json_path_bool(json_at(owners, i), "controller", false) &&
		    strcmp(json_path_str(json_at(owners, i), "kind", ""), "StatefulSet") == 0)
			return true;
	return false;
}

bool eviction_take(struct eviction_rate *rate, unsigned per_minute, uint64_t now_ms, uint64_t *out_due_ms)
{
	*out_due_ms = rate->next_ms;
	if (now_ms < rate->next_ms)
		return false;
	rate->next_ms = now_ms + MINUTE_MS / (per_minute ? per_minute : 1);
	return true;
}
