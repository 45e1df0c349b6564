/* Fields of CustomResourceDefinition, as far as a server says that it has none: kubectl lists them to tell an unknown kind from
 * a custom one. */
#include "api/kinds/schemas.h"

static const struct field apiextensions_definition_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, RAW, SINGLE),
	FIELD("status", 3, RAW, SINGLE),
};
const struct schema schema_apiextensions_definition =
	SCHEMA("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
	       apiextensions_definition_fields);
