/* patch: the three ways to say what changes: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386), and
 * strategic merge patch, whose merge keys come from the schema
 * (k8s.io/apimachinery/pkg/util/strategicpatch). Pure.
 *
 * On success *tree is the patched document (maybe another tree than before); on failure it may be half
 * patched and is still the caller's. -EINVAL: the patch cannot be applied, err says why; -ESTALE: a JSON
 * Patch test failed; -E2BIG: the result grew past the limits; -ENOMEM. */
#ifndef HOLDFAST_API_PATCH_H
#define HOLDFAST_API_PATCH_H

#include "api/kind.h"

#define PATCH_OPS_MAX 10000u
#define PATCH_COPY_BYTES_MAX JSON_MAX_BYTES

int patch_json(struct json **tree, const struct json *patch, struct err *err) must_check;
int patch_merge(struct json **tree, const struct json *patch, struct err *err) must_check;
/* `schema` of the document; unknown fields merge as in patch_merge. */
int patch_strategic(const struct schema *schema, struct json **tree, const struct json *patch,
		    struct err *err) must_check;

#endif
