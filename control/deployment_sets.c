/* Single ReplicaSets of a Deployment: made, told apart, resized, marked. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/kind.h"
#include "base/clock.h"
#include "control/deployment_internal.h"
#include "control/template.h"

#define REVISIONS_MAX 2000u /* characters of history in one annotation */
#define NAME_MAX_SIZE 300u

/* Annotations of the Deployment that are not the set's; what it is sized for it says itself. */
static const char *const own_annotations[] = {
	"kubectl.kubernetes.io/last-applied-configuration",
	ANNOTATION_REVISION,
	ANNOTATION_REVISIONS,
	ANNOTATION_WANTED,
	ANNOTATION_MOST,
	"deprecated.deployment.rollback.to",
};

static bool is_own_annotation(const char *key)
{
	for (size_t i = 0; i < sizeof(own_annotations) / sizeof(own_annotations[0]); i++)
		if (strcmp(own_annotations[i], key) == 0)
			return true;
	return false;
}

static const char *annotation(const struct json *tree, const char *key)
{
	return json_str(json_get(json_path(tree, "metadata.annotations"), key), "");
}

static bool number_of(const struct json *tree, const char *key, int64_t *out)
{
	struct span text = span_of(annotation(tree, key));

	return text.len && !span_to_i64(text, out);
}

bool set_number(const struct deployment_set *set, const char *key, int64_t *out)
{
	return number_of(set->tree, key, out);
}

/* 1: it changed. */
static int annotate(struct json *tree, const char *key, const char *value)
{
	struct json *annotations;

	if (strcmp(annotation(tree, key), value) == 0 &&
	    json_get(json_path(tree, "metadata.annotations"), key))
		return 0;
	annotations = json_ensure(tree, "metadata.annotations");
	if (!annotations || json_set_str(annotations, key, value))
		return -ENOMEM;
	return 1;
}

static int annotate_number(struct json *tree, const char *key, int64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	return annotate(tree, key, text);
}

/* --- which is which --- */

/* Members that clients written in Go send empty where there was none, since their types have no "none" for them; empty means the same.
 * Elsewhere an empty object is a choice (emptyDir, securityContext). */
static bool may_be_absent(const char *key, const struct json *value)
{
	static const char *const plain[] = { "resources", "metadata",	  "labels",  "annotations",
					     "limits",	  "nodeSelector", "requests" };

	if (json_is(value, JSON_NULL) || (json_is(value, JSON_ARRAY) && !json_count(value)))
		return true;
	if (!json_is(value, JSON_OBJECT) || json_count(value))
		return false;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (strcmp(plain[i], key) == 0)
			return true;
	return false;
}

/* As deep as a parsed tree can be (JSON_MAX_DEPTH). */
static void prune(struct json *tree)
{
	struct json_iter it = json_iter(tree);

	for (size_t i = 0; json_is(tree, JSON_ARRAY) && i < json_count(tree); i++)
		prune(json_at(tree, i));
	while (json_is(tree, JSON_OBJECT) && json_next(&it)) {
		prune(it.value);
		if (may_be_absent(it.key, it.value))
			(void)json_remove(tree, it.key);
	}
}

/* Without the label that tells sets apart. NULL without memory. */
static struct json *bare_template(const struct json *tree)
{
	struct json *copy = json_copy(json_path(tree, "spec.template")), *labels;

	if (!copy)
		return NULL;
	labels = json_path(copy, "metadata.labels");
	(void)json_remove(labels, LABEL_TEMPLATE_HASH);
	prune(copy);
	return copy;
}

/* What a later release fills in by default must not count as another template. NULL without memory. */
static struct json *complete_template(const struct json *template)
{
	const struct kind *kind = kind_of_storage("replicasets.apps");
	struct json *tree = json_new_object(), *spec = json_ensure(tree, "spec"), *complete = NULL;

	if (spec && !json_set(spec, "template", json_copy(template)) && !kind_default(kind, tree))
		complete = json_copy(json_path(tree, "spec.template"));
	prune(complete);
	json_free(tree);
	return complete;
}

/* 1: the same; 0; -ENOMEM. */
static int is_same_template(const struct json *a, const struct json *b)
{
	struct json *x = bare_template(a), *y = bare_template(b), *v, *w;
	int same = x && y ? json_equal(x, y) : -ENOMEM;

	if (same == 0) {
		v = complete_template(x);
		w = complete_template(y);
		same = v && w ? json_equal(v, w) : -ENOMEM;
		json_free(v);
		json_free(w);
	}
	json_free(x);
	json_free(y);
	return same;
}

static int oldest_first(const void *a, const void *b)
{
	const struct deployment_set *x = *(struct deployment_set *const *)a,
				    *y = *(struct deployment_set *const *)b;

	if (x->created_wall_ms != y->created_wall_ms)
		return x->created_wall_ms < y->created_wall_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void decode_set(struct deployment_set *set)
{
	const struct json *status = json_get(set->tree, "status");

	set->name = json_path_str(set->tree, "metadata.name", "");
	set->was = set->replicas = json_path_int(set->tree, "spec.replicas", 1);
	set->has = json_int(json_get(status, "replicas"), 0);
	set->ready = json_int(json_get(status, "readyReplicas"), 0);
	set->available = json_int(json_get(status, "availableReplicas"), 0);
	set->current = set->changed = set->remove = false;
	if (!set_number(set, ANNOTATION_REVISION, &set->revision))
		set->revision = 0;
	if (clock_parse(json_span(json_path(set->tree, "metadata.creationTimestamp")), &set->created_wall_ms))
		set->created_wall_ms = 0;
}

int sets_decode(struct rollout *r, struct deployment_set *sets)
{
	for (size_t i = 0; i < r->count; i++) {
		decode_set(&sets[i]);
		r->all[i] = &sets[i];
	}
	qsort(r->all, r->count, sizeof(struct deployment_set *), oldest_first);
	/* Of several of the present template the oldest, so that all looks choose the same. */
	for (size_t i = 0; !r->current && i < r->count; i++) {
		int same = is_same_template(r->all[i]->tree, r->tree);

		if (same < 0)
			return same;
		if (same)
			r->current = r->all[i];
	}
	if (r->current)
		r->current->current = true;
	return 0;
}

static int64_t next_revision(const struct rollout *r)
{
	int64_t newest = 0;

	for (size_t i = 0; i < r->count; i++)
		if (r->all[i] != r->current && r->all[i]->revision > newest)
			newest = r->all[i]->revision;
	return newest + 1;
}

/* --- sizes --- */

static int mark_size(const struct rollout *r, struct json *tree)
{
	int a = annotate_number(tree, ANNOTATION_WANTED, r->d->replicas), b;

	b = a < 0 ? a : annotate_number(tree, ANNOTATION_MOST, r->d->replicas + rollout_surge(r->d));
	return b < 0 ? b : a | b;
}

int set_resize(const struct rollout *r, struct deployment_set *set, int64_t replicas)
{
	int changed;

	if (replicas < 0)
		replicas = 0;
	if (replicas == set->replicas && !set->replicas)
		return 0; /* empty ones are left as they were */
	changed = mark_size(r, set->tree);
	if (changed < 0)
		return changed;
	if (replicas != set->replicas) {
		set->replicas = replicas;
		changed = 1;
		if (json_set_int(json_get(set->tree, "spec"), "replicas", replicas))
			return -ENOMEM;
	}
	set->changed = set->changed || changed;
	return 0;
}

/* --- the current one --- */

/* What users write on the Deployment (change-cause) shows in the history. */
static int copy_annotations(const struct json *from, struct json *to)
{
	struct json_iter it = json_iter(json_path(from, "metadata.annotations"));
	int changed = 0;

	while (json_next(&it)) {
		int rc = is_own_annotation(it.key) ? 0 : annotate(to, it.key, json_str(it.value, ""));

		if (rc < 0)
			return rc;
		changed |= rc;
	}
	return changed;
}

/* A template that came back gets a new number, and remembers its former ones, the latest that fit. */
static int renumber(struct json *set, int64_t revision)
{
	const char *history = annotation(set, ANNOTATION_REVISIONS);
	int64_t former;
	struct buf text;
	int rc;

	if (!number_of(set, ANNOTATION_REVISION, &former))
		return annotate_number(set, ANNOTATION_REVISION, revision);
	if (former >= revision)
		return 0;
	buf_init(&text, REVISIONS_MAX + 64);
	while (strlen(history) > REVISIONS_MAX - 24)
		history = strchr(history, ',') ? strchr(history, ',') + 1 : "";
	rc = buf_addf(&text, "%s%s%" PRId64, history, *history ? "," : "", former);
	if (!rc)
		rc = annotate(set, ANNOTATION_REVISIONS, buf_cstr(&text));
	buf_done(&text);
	return rc < 0 ? rc : annotate_number(set, ANNOTATION_REVISION, revision);
}

/* The Deployment says which revision is its current one. */
static int mark_revision(struct rollout *r, const struct json *set)
{
	int rc = annotate(r->tree, ANNOTATION_REVISION, annotation(set, ANNOTATION_REVISION));

	r->plan->changed = r->plan->changed || rc > 0;
	return rc < 0 ? rc : 0;
}

int set_refresh_current(struct rollout *r)
{
	struct deployment_set *set = r->current;
	int changed, rc;

	if (!set)
		return 0;
	changed = copy_annotations(r->tree, set->tree);
	rc = changed < 0 ? changed : renumber(set->tree, next_revision(r));
	if (rc < 0)
		return rc;
	changed |= rc;
	if (json_path_int(set->tree, "spec.minReadySeconds", 0) != r->d->min_ready_s) {
		changed = 1;
		if (json_set_int(json_get(set->tree, "spec"), "minReadySeconds", r->d->min_ready_s))
			return -ENOMEM;
	}
	set->changed = set->changed || changed;
	return mark_revision(r, set->tree);
}

static int fill_meta(const struct rollout *r, struct json *set, const char *hash)
{
	struct json *meta = json_ensure(set, "metadata"), *owners = json_new_array();
	char name[NAME_MAX_SIZE];
	int rc = meta && owners ? json_append(owners, owner_reference(DEPLOYMENT_API_VERSION, DEPLOYMENT_KIND,
								      r->d->name, r->d->uid))
				: -ENOMEM;

	(void)snprintf(name, sizeof(name), "%.240s-%s", r->d->name, hash);
	if (rc) {
		json_free(owners);
		return rc;
	}
	rc = json_set(meta, "ownerReferences", owners);
	if (!rc)
		rc = json_set_str(meta, "name", name);
	return rc ? rc : json_set_str(meta, "namespace", r->d->ns);
}

static int fill_spec(const struct rollout *r, struct json *set, const char *hash, int64_t replicas)
{
	struct json *spec = json_ensure(set, "spec"), *labels, *match;
	int rc = spec ? json_set_int(spec, "replicas", replicas) : -ENOMEM;

	if (!rc && r->d->min_ready_s)
		rc = json_set_int(spec, "minReadySeconds", r->d->min_ready_s);
	if (!rc)
		rc = json_set(spec, "selector", json_copy(json_path(r->tree, "spec.selector")));
	if (!rc)
		rc = json_set(spec, "template", json_copy(json_path(r->tree, "spec.template")));
	labels = rc ? NULL : json_ensure(spec, "template.metadata.labels");
	match = rc ? NULL : json_ensure(spec, "selector.matchLabels");
	if (!rc)
		rc = labels && match ? json_set_str(match, LABEL_TEMPLATE_HASH, hash) : -ENOMEM;
	if (!rc)
		rc = json_set_str(labels, LABEL_TEMPLATE_HASH, hash);
	return rc ? rc : json_set(json_get(set, "metadata"), "labels", json_copy(labels));
}

static int fill(const struct rollout *r, struct json *set, int64_t replicas)
{
	char hash[TEMPLATE_HASH_SIZE];
	int rc = template_hash(r->tree, hash);

	if (!rc)
		rc = json_set_str(set, "apiVersion", "apps/v1");
	if (!rc)
		rc = json_set_str(set, "kind", "ReplicaSet");
	if (!rc)
		rc = fill_meta(r, set, hash);
	if (!rc)
		rc = fill_spec(r, set, hash, replicas);
	if (!rc)
		rc = copy_annotations(r->tree, set);
	if (rc >= 0)
		rc = annotate_number(set, ANNOTATION_REVISION, next_revision(r));
	if (rc >= 0)
		rc = mark_size(r, set);
	return rc < 0 ? rc : 0;
}

int set_make(struct rollout *r, int64_t replicas)
{
	int rc;

	r->plan->create = json_new_object();
	rc = r->plan->create ? fill(r, r->plan->create, replicas) : -ENOMEM;
	return rc ? rc : mark_revision(r, r->plan->create);
}
