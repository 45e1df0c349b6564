/* Events of both groups are one in the store, in the form of core/v1. */
#include <errno.h>

#include "api/kind_internal.h"

static const struct {
	const char *core, *newer;
} names[] = {
	{ "involvedObject", "regarding" },
	{ "message", "note" },
	{ "source", "deprecatedSource" },
	{ "firstTimestamp", "deprecatedFirstTimestamp" },
	{ "lastTimestamp", "deprecatedLastTimestamp" },
	{ "count", "deprecatedCount" },
	{ "reportingComponent", "reportingController" },
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

static int rename_member(struct json *object, const char *from, const char *to)
{
	struct json *value = json_get(object, from), *copy;
	int rc;

	if (!value)
		return 0;
	copy = json_copy(value);
	rc = json_set(object, to, copy);
	if (!rc)
		(void)json_remove(object, from);
	return rc;
}

int event_to_core(struct json *object)
{
	int rc = json_set_str(object, "apiVersion", "v1");

	for (size_t i = 0; !rc && i < NAME_COUNT; i++)
		rc = rename_member(object, names[i].newer, names[i].core);
	return rc;
}

int event_from_core(struct json *object)
{
	int rc = json_set_str(object, "apiVersion", "events.k8s.io/v1");

	for (size_t i = 0; !rc && i < NAME_COUNT; i++)
		rc = rename_member(object, names[i].core, names[i].newer);
	return rc;
}
