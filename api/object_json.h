/* object_json: from a JSON tree to a struct object and back. Everyone who writes objects into a cache
 * comes through here, so that bodies are normalized one way. Pure. */
#ifndef HOLDFAST_API_OBJECT_JSON_H
#define HOLDFAST_API_OBJECT_JSON_H

#include "api/kind.h"
#include "cache/object.h"

#define OBJECT_BODY_MAX JSON_MAX_BYTES

/* `tree` must be in storage form, and `kind` the one of that form (kind_of_storage). The body is written
 * compactly with apiVersion, kind and metadata first, metadata in a fixed order, resourceVersion left out;
 * uid, generation, labels, owners and index fields are pulled out beside it. The tree stays the caller's
 * and is not changed. revision and origin are 0. -EINVAL: no metadata.name, or parts of the wrong type;
 * -EMSGSIZE; -ENOMEM. */
int object_from_json(const struct kind *kind, const struct json *tree, struct object **out) must_check;
/* The same with origin set: a replica that has only the body (as the tunnel carries it) and the cloud's
 * revision. */
int object_from_body(const char *storage, struct span body, uint64_t origin, struct object **out) must_check;

/* Parses the body; with metadata.resourceVersion set when the object has a revision. */
int object_to_json(const struct object *object, struct json **out) must_check;

/* What the spec says and what clients see differ when a kind is an alias: converts a tree in storage form
 * to `kind`'s. */
int object_convert(const struct kind *kind, struct json *tree) must_check;

/* Does the object match these selectors (either may be NULL)? Fields include metadata.name and
 * metadata.namespace. */
struct selector;
bool object_selected(const struct object *object, const struct selector *labels,
		     const struct selector *fields);

#endif
