/* What every object must get right. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "api/kind.h"
#include "api/names.h"
#include "api/validate.h"

#define ANNOTATIONS_MAX_BYTES (256u * 1024)

/* The name that will grow out of the prefix must be possible: a trailing dash is no end yet. */
static const char *check_prefix(const struct kind *kind, struct span prefix)
{
	char masked[NAME_SUBDOMAIN_MAX + 2];
	name_fn *fn = kind->check_name ? kind->check_name : name_dns_subdomain;

	if (span_copy(prefix, masked, sizeof(masked)))
		return "must be no more than 253 characters";
	if (prefix.len > 1 && masked[prefix.len - 1] == '-')
		masked[prefix.len - 1] = 'a';
	return fn(span_of(masked));
}

static void validate_names(struct validation *v, const struct kind *kind, const struct json *meta)
{
	struct span prefix = json_span(json_get(meta, "generateName"));
	const char *reason = prefix.len ? check_prefix(kind, prefix) : NULL;

	if (reason)
		complain(v, PROBLEM_INVALID, meta, "generateName", "%s", reason);
	if (need_text(v, meta, "name", "name or generateName is required"))
		check_text(v, meta, "name", kind->check_name ? kind->check_name : name_dns_subdomain);
	if (!kind->namespaced && text_of(meta, "namespace")[0])
		complain(v, PROBLEM_FORBIDDEN, meta, "namespace", "not allowed on this type");
	else if (kind->namespaced)
		(void)need_name(v, meta, "namespace", name_dns_label);
}

static const char *annotation_key(const char *key)
{
	char lower[NAME_SUBDOMAIN_MAX + NAME_LABEL_MAX + 2];

	if (span_copy(span_of(key), lower, sizeof(lower)))
		return "name part must be no more than 63 characters";
	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	return name_qualified(span_of(lower));
}

static void validate_annotations(struct validation *v, const struct json *meta)
{
	size_t mark = path_field(&v->path, "annotations"), total = 0;

	for (struct json_iter it = json_iter(json_get(meta, "annotations")); json_next(&it);) {
		const char *reason = annotation_key(it.key);

		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, it.key, "%s", reason);
		total += strlen(it.key) + json_span(it.value).len;
	}
	if (total > ANNOTATIONS_MAX_BYTES)
		problems_add(v->problems, PROBLEM_TOO_LONG, v->path.text, NULL,
			     "may not be more than %u bytes", ANNOTATIONS_MAX_BYTES);
	path_back(&v->path, mark);
}

static bool holds(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_str(json_at(list, i), ""), text))
			return true;
	return false;
}

static void validate_finalizers(struct validation *v, const struct json *meta, const struct json *old_meta)
{
	const struct json *list = json_get(meta, "finalizers"), *before = json_get(old_meta, "finalizers");
	size_t mark = path_field(&v->path, "finalizers");

	for (size_t i = 0; i < json_count(list); i++) {
		const char *name = json_str(json_at(list, i), ""), *reason = name_qualified(span_of(name));

		if (reason)
			problems_add(v->problems, PROBLEM_INVALID, v->path.text, name, "%s", reason);
		if (json_get(old_meta, "deletionTimestamp") && !holds(before, name))
			problems_add(v->problems, PROBLEM_FORBIDDEN, v->path.text, NULL,
				     "no new finalizers can be added if the object is being deleted, found "
				     "new finalizers "
				     "[]string{\"%s\"}",
				     name);
	}
	if (holds(list, "orphan") && holds(list, "foregroundDeletion"))
		problems_add_json(v->problems, PROBLEM_INVALID, v->path.text, list,
				  "finalizer orphan and foregroundDeletion cannot be both set");
	path_back(&v->path, mark);
}

static void validate_owner(struct validation *v, const struct json *owner, void *ctx)
{
	static const char *const fields[] = { "apiVersion", "kind", "name", "uid" };
	static const char *const words[] = { "version", "kind", "name", "uid" };

	for (size_t i = 0; i < 4; i++)
		if (!text_of(owner, fields[i])[0])
			complain(v, PROBLEM_INVALID, owner, fields[i], "%s must not be empty", words[i]);
	if (!strcmp(text_of(owner, "kind"), "Event") && !strcmp(text_of(owner, "apiVersion"), "v1"))
		complain(v, PROBLEM_INVALID, owner, NULL,
			 "/v1, Kind=Event is disallowed from being an owner");
}

static void validate_owners(struct validation *v, const struct json *meta)
{
	const struct json *owners = json_get(meta, "ownerReferences"), *first = NULL;

	each_item(v, meta, "ownerReferences", validate_owner, NULL);
	for (size_t i = 0; i < json_count(owners); i++) {
		const struct json *owner = json_at(owners, i);

		if (!json_bool(json_get(owner, "controller"), false))
			continue;
		if (first)
			complain(v, PROBLEM_INVALID, meta, "ownerReferences",
				 "Only one reference can have Controller set to true. Found \"true\" in "
				 "references for %s/%s and "
				 "%s/%s",
				 text_of(first, "kind"), text_of(first, "name"), text_of(owner, "kind"),
				 text_of(owner, "name"));
		first = first ? first : owner;
	}
}

static void validate_identity(struct validation *v, const struct json *meta, const struct json *old_meta)
{
	static const char *const fields[] = { "name", "namespace", "uid", "creationTimestamp" };

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct json *before = json_get(old_meta, fields[i]);

		if (before && !json_equal(json_get(meta, fields[i]), before))
			complain(v, PROBLEM_INVALID, meta, fields[i], MSG_IMMUTABLE);
	}
}

void kind_validate_meta(const struct kind *kind, const struct json *object, const struct json *old,
			struct problems *problems)
{
	const struct json *meta = json_get(object, "metadata"), *old_meta = json_get(old, "metadata");
	struct validation v = VALIDATION(problems, "metadata");

	if (old)
		validate_identity(&v, meta, old_meta);
	else
		validate_names(&v, kind, meta);
	check_least(&v, meta, "generation", 0);
	validate_labels(&v, meta, "labels");
	validate_annotations(&v, meta);
	validate_owners(&v, meta);
	validate_finalizers(&v, meta, old_meta);
}
