/* Binding: a pod is given its node, once. */
#include <errno.h>

#include "api/write_internal.h"
#include "base/clock.h"

static int set_scheduled(const struct write *write, struct json *tree)
{
	struct json *status = json_ensure(tree, "status"), *conditions = json_get(status, "conditions"),
		    *condition = NULL;
	char now[CLOCK_TEXT_SIZE];
	int err = 0;

	clock_format(api_wall_ms(write->api), now);
	if (!json_is(conditions, JSON_ARRAY)) {
		err = json_set(status, "conditions", json_new_array());
		conditions = json_get(status, "conditions");
	}
	for (size_t i = 0; !err && i < json_count(conditions); i++)
		if (!strcmp(json_str(json_get(json_at(conditions, i), "type"), ""), "PodScheduled"))
			condition = json_at(conditions, i);
	if (!err && !condition) {
		err = json_append(conditions, json_new_object());
		condition = json_at(conditions, json_count(conditions) - 1);
	}
	if (!err)
		err = json_set_str(condition, "type", "PodScheduled");
	if (!err)
		err = json_set_str(condition, "status", "True");
	if (!err)
		err = json_set_str(condition, "lastTransitionTime", now);
	(void)json_remove(condition, "reason");
	(void)json_remove(condition, "message");
	return err;
}

static int copy_annotations(const struct json *binding, struct json *tree)
{
	const struct json *annotations = json_path(binding, "metadata.annotations");
	struct json_iter it = json_iter(annotations);
	int err = 0;

	while (!err && json_next(&it))
		err = json_set(json_ensure(tree, "metadata.annotations"), it.key, json_copy(it.value));
	return err;
}

int write_bind(struct write *write, const struct json *binding, struct json *tree)
{
	const char *node = json_path_str(binding, "target.name", ""),
		   *kind = json_path_str(binding, "target.kind", "Node");
	const char *uid = json_path_str(binding, "metadata.uid", ""),
		   *own = json_path_str(tree, "metadata.uid", "");
	const char *before = json_path_str(tree, "spec.nodeName", "");
	struct status_about about = write_about(write);

	about.resource = "pods/binding";
	if (!node[0] || (kind[0] && strcmp(kind, "Node") != 0))
		return status_set(&write->status, STATUS_INVALID,
				  "Binding \"%s\" is invalid: target.name: Required value: "
				  "a binding names a Node",
				  write->name);
	if (uid[0] && strcmp(uid, own) != 0)
		return status_conflict(&write->status, about,
				       "Precondition failed: UID in precondition: %s, UID in object meta: %s",
				       uid, own);
	if (json_path(tree, "metadata.deletionTimestamp"))
		return status_conflict(&write->status, about,
				       "pod %s is being deleted, cannot be assigned to a host", write->name);
	if (before[0])
		return status_conflict(&write->status, about, "pod %s is already assigned to node \"%s\"",
				       write->name, before);
	int err = json_set_str(json_ensure(tree, "spec"), "nodeName", node);

	if (!err)
		err = copy_annotations(binding, tree);
	if (!err)
		err = set_scheduled(write, tree);
	return err ? status_of_errno(&write->status, err) : 0;
}
