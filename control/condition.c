#include "control/condition.h"

#include <errno.h>

#include "base/clock.h"

struct json *condition_of(const struct json *object, const char *type)
{
	struct json *list = json_path(object, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_get(json_at(list, i), "type"), ""), type) == 0)
			return json_at(list, i);
	return NULL;
}

const char *condition_status(const struct json *object, const char *type)
{
	return json_str(json_get(condition_of(object, type), "status"), "");
}

const char *condition_reason(const struct json *object, const char *type)
{
	return json_str(json_get(condition_of(object, type), "reason"), "");
}

static struct json *want_condition(struct json *object, const char *type)
{
	struct json *status = json_ensure(object, "status"), *found = condition_of(object, type), *list;

	if (found)
		return found;
	if (!status || (!json_is(json_get(status, "conditions"), JSON_ARRAY) &&
			json_set(status, "conditions", json_new_array())))
		return NULL;
	list = json_get(status, "conditions");
	if (json_append(list, json_new_object()))
		return NULL;
	return json_set_str(json_at(list, json_count(list) - 1), "type", type)
		       ? NULL
		       : json_at(list, json_count(list) - 1);
}

static int set_or_remove(struct json *object, const char *key, const char *value)
{
	if (*value)
		return json_set_str(object, key, value);
	(void)json_remove(object, key);
	return 0;
}

int condition_set(struct json *object, const char *type, const char *status, const char *reason,
		  const char *message, int64_t now_wall_ms)
{
	struct json *condition = want_condition(object, type);
	bool moved = strcmp(json_str(json_get(condition, "status"), ""), status) != 0;
	char now[CLOCK_TEXT_SIZE];

	if (!condition)
		return -ENOMEM;
	if (!moved && strcmp(json_str(json_get(condition, "reason"), ""), reason) == 0 &&
	    strcmp(json_str(json_get(condition, "message"), ""), message) == 0)
		return 0;
	clock_format(now_wall_ms, now);
	if ((moved && json_set_str(condition, "lastTransitionTime", now)) ||
	    json_set_str(condition, "status", status) || set_or_remove(condition, "reason", reason) ||
	    set_or_remove(condition, "message", message))
		return -ENOMEM;
	return 1;
}

bool condition_remove(struct json *object, const char *type)
{
	struct json *list = json_path(object, "status.conditions");

	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_get(json_at(list, i), "type"), ""), type) == 0)
			return json_remove_at(list, i);
	return false;
}

int status_numbers_set(struct json *object, const struct status_number *fields, size_t count)
{
	struct json *status = json_ensure(object, "status");
	int changed = 0;

	if (!status)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (json_int(json_get(status, fields[i].name), -1) == fields[i].value)
			continue;
		if (fields[i].optional && !fields[i].value) {
			changed |= json_remove(status, fields[i].name);
			continue;
		}
		if (json_set_int(status, fields[i].name, fields[i].value))
			return -ENOMEM;
		changed = 1;
	}
	return changed;
}
