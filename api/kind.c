#include "api/kind.h"

#include <errno.h>

#include "api/kind_internal.h"

const struct kind *const *kinds(size_t *count)
{
	*count = kind_list_count;
	return kind_list;
}

const struct kind *kind_of_plural(struct span group, struct span version, struct span plural)
{
	for (size_t i = 0; i < kind_list_count; i++) {
		const struct kind *k = kind_list[i];

		if (span_is(plural, k->plural) && span_is(group, k->group) && span_is(version, k->version))
			return k;
	}
	return NULL;
}

const struct kind *kind_of_name(struct span group, struct span version, struct span kind)
{
	for (size_t i = 0; i < kind_list_count + kind_bodies_count; i++) {
		const struct kind *k = i < kind_list_count ? kind_list[i] : kind_bodies[i - kind_list_count];

		if (span_is(kind, k->kind) &&
		    (k->of_any_group || (span_is(group, k->group) && span_is(version, k->version))))
			return k;
	}
	return NULL;
}

const struct kind *kind_of_storage(const char *storage)
{
	for (size_t i = 0; i < kind_list_count; i++) {
		const struct kind *k = kind_list[i];

		if (k->storage && !k->to_storage && !strcmp(k->storage, storage))
			return k;
	}
	return NULL;
}

const struct kind *kind_of_subresource(const struct kind *kind, const char *subresource)
{
	static const struct {
		const char *name;
		struct span group, version, kind; /* kind empty: the parent itself */
	} bodies[] = {
		{ "status", { "", 0 }, { "", 0 }, { "", 0 } },
		{ "finalize", { "", 0 }, { "", 0 }, { "", 0 } },
		{ "ephemeralcontainers", { "", 0 }, { "", 0 }, { "", 0 } },
		{ "scale", { "autoscaling", 11 }, { "v1", 2 }, { "Scale", 5 } },
		{ "binding", { "", 0 }, { "v1", 2 }, { "Binding", 7 } },
		{ "eviction", { "policy", 6 }, { "v1", 2 }, { "Eviction", 8 } },
		{ "token", { "authentication.k8s.io", 21 }, { "v1", 2 }, { "TokenRequest", 12 } },
	};

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (strcmp(bodies[i].name, subresource) != 0)
			continue;
		return bodies[i].kind.len ? kind_of_name(bodies[i].group, bodies[i].version, bodies[i].kind)
					  : kind;
	}
	return NULL;
}

const char *kind_field_key(const struct kind *kind, const char *key)
{
	for (const char *const *known = kind->field_selectors; known && *known; known++)
		if (!strcmp(*known, key))
			return *known;
	for (const char *const *pair = kind->field_aliases; pair && pair[0]; pair += 2)
		if (!strcmp(pair[0], key))
			return pair[1];
	return NULL;
}

int kind_api_version(const struct kind *kind, struct buf *out)
{
	return buf_addf(out, "%s%s%s", kind->group, kind->group[0] ? "/" : "", kind->version);
}

const struct schema *schema_of_name(const char *kind)
{
	for (size_t i = 0; i < kind_bodies_count; i++)
		if (kind_bodies[i]->of_any_group && !strcmp(kind_bodies[i]->kind, kind))
			return kind_bodies[i]->schema;
	return NULL;
}

int kind_default(const struct kind *kind, struct json *object)
{
	int rc = schema_default(kind->schema, object);

	return rc || !kind->set_defaults ? rc : kind->set_defaults(object);
}

void kind_validate(const struct kind *kind, const struct json *object, const struct json *old,
		   struct problems *problems)
{
	kind_validate_meta(kind, object, old, problems);
	if (kind->validate)
		kind->validate(object, old, problems);
}
