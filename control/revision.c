#include "control/revision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "control/daemonset.h"

/* The template with the marker that makes a strategic merge replace it whole. */
static struct json *marked_template(const struct json *ds)
{
	struct json *copy = json_copy(json_path(ds, "spec.template"));

	if (copy && json_set_str(copy, "$patch", "replace")) {
		json_free(copy);
		return NULL;
	}
	return copy;
}

bool revision_is_current(const struct json *ds, const struct json *revision)
{
	struct json *template = marked_template(ds);
	bool same = template && json_equal(template, json_path(revision, "data.spec.template"));

	json_free(template);
	return same;
}

static int64_t number_of(const struct json *revision)
{
	return json_int(json_get(revision, "revision"), 0);
}

static const char *hash_of(const struct json *revision)
{
	return json_str(json_get(json_path(revision, "metadata.labels"), LABEL_REVISION_HASH), "");
}

static int set_revision_labels(struct json *meta, const struct json *ds, const char *hash)
{
	const struct json *labels = json_path(ds, "spec.template.metadata.labels");
	const struct json *annotations = json_path(ds, "metadata.annotations");
	int rc = labels ? json_set(meta, "labels", json_copy(labels)) : 0;

	if (!rc && annotations)
		rc = json_set(meta, "annotations", json_copy(annotations));
	if (!rc && annotations) /* the applied configuration of the DaemonSet is not the revision's */
		(void)json_remove(json_get(meta, "annotations"),
				  "kubectl.kubernetes.io/last-applied-configuration");
	return rc ? rc : json_set_str(json_ensure(meta, "labels"), LABEL_REVISION_HASH, hash);
}

static int fill_revision_meta(struct json *meta, const struct json *ds, const char *hash)
{
	struct json *owners = json_new_array();
	char name[REVISION_NAME_SIZE];
	int n = snprintf(name, sizeof(name), "%s-%s", json_path_str(ds, "metadata.name", ""), hash);
	int rc = owners ? json_append(owners, owner_reference(DAEMONSET_API_VERSION, DAEMONSET_KIND,
							      json_path_str(ds, "metadata.name", ""),
							      json_path_str(ds, "metadata.uid", "")))
			: -ENOMEM;

	if (rc || n < 0 || (size_t)n >= sizeof(name)) {
		json_free(owners);
		return rc ? rc : -EINVAL;
	}
	rc = json_set(meta, "ownerReferences", owners);
	if (!rc)
		rc = json_set_str(meta, "name", name);
	if (!rc)
		rc = json_set_str(meta, "namespace", json_path_str(ds, "metadata.namespace", ""));
	return rc ? rc : set_revision_labels(meta, ds, hash);
}

static struct json *new_revision(const struct json *ds, const char *hash, int64_t number)
{
	struct json *tree = json_new_object();
	int rc = tree ? json_set_str(tree, "apiVersion", "apps/v1") : -ENOMEM;

	if (!rc)
		rc = json_set_str(tree, "kind", "ControllerRevision");
	if (!rc)
		rc = fill_revision_meta(json_ensure(tree, "metadata"), ds, hash);
	if (!rc)
		rc = json_set(json_ensure(tree, "data.spec"), "template", marked_template(ds));
	if (!rc)
		rc = json_set_int(tree, "revision", number);
	if (!rc)
		return tree;
	json_free(tree);
	return NULL;
}

/* --- history --- */

static int by_number(const void *a, const void *b, void *ctx)
{
	const struct revision *revisions = ctx;
	int64_t x = number_of(revisions[*(const size_t *)a].tree),
		y = number_of(revisions[*(const size_t *)b].tree);

	return x < y ? -1 : x > y;
}

/* Those that no pod carries and that are not current, oldest first, as many as there are too many. */
static int choose_drops(const struct json *ds, const struct revision *revisions, size_t count,
			const char *current, struct revision_plan *out)
{
	int64_t limit = json_path_int(ds, "spec.revisionHistoryLimit", DAEMONSET_HISTORY_DEFAULT);
	size_t keep = limit < 0 ? 0 : (size_t)limit, idle = 0;

	out->drop = calloc(count ? count : 1, sizeof(*out->drop));
	if (!out->drop)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		if (!revisions[i].in_use && strcmp(hash_of(revisions[i].tree), current) != 0)
			out->drop[idle++] = i;
	qsort_r(out->drop, idle, sizeof(*out->drop), by_number, (void *)revisions);
	out->drop_count = idle > keep ? idle - keep : 0;
	return 0;
}

int revision_plan(const struct json *ds, const struct revision *revisions, size_t count,
		  struct revision_plan *out)
{
	const struct json *current = NULL;
	int64_t newest = 0;
	int rc;

	*out = (struct revision_plan){ .number = 0 };
	if (!json_is(json_path(ds, "spec.template"), JSON_OBJECT))
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		if (number_of(revisions[i].tree) > newest)
			newest = number_of(revisions[i].tree);
		if (revision_is_current(ds, revisions[i].tree) &&
		    (!current || number_of(revisions[i].tree) > number_of(current)))
			current = revisions[i].tree;
	}
	if (current) {
		(void)snprintf(out->hash, sizeof(out->hash), "%s", hash_of(current));
		out->number = number_of(current);
		if (out->number < newest) {
			out->number = newest + 1;
			(void)snprintf(out->raise, sizeof(out->raise), "%s",
				       json_path_str(current, "metadata.name", ""));
		}
		return choose_drops(ds, revisions, count, out->hash, out);
	}
	rc = template_hash(ds, out->hash);
	out->number = newest + 1;
	if (!rc) {
		out->create = new_revision(ds, out->hash, out->number);
		rc = out->create ? choose_drops(ds, revisions, count, out->hash, out) : -ENOMEM;
	}
	if (rc)
		revision_plan_done(out);
	return rc;
}

void revision_plan_done(struct revision_plan *plan)
{
	json_free(plan->create);
	free(plan->drop);
	*plan = (struct revision_plan){ .number = 0 };
}
