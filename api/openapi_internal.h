/* openapi_internal: what discovery.c and openapi*.c share. No other file includes it. */
#ifndef HOLDFAST_API_OPENAPI_INTERNAL_H
#define HOLDFAST_API_OPENAPI_INTERNAL_H

#include "api/kind.h"
#include "api/openapi_doc.h"

/* Clients choose what to send by it: the release whose API this is, and whose server it is. */
#define OPENAPI_GIT_VERSION "v1.32.0+holdfast." HOLDFAST_VERSION

unsigned openapi_subresource_verbs(const char *name);
/* Group versions in discovery order; *cursor starts at 0. */
bool openapi_next_version(size_t *cursor, const char **out_group, const char **out_version);

/* --- definitions (openapi_schema.c) --- */
struct definitions;
int definitions_new(struct definitions **out) must_check;
void definitions_free(struct definitions *set);
/* Collects the kinds of a group version (NULL: of all) and everything they hold. */
int definitions_collect(struct definitions *set, const char *group, const char *version) must_check;
/* Writes them as entries of the open object; `number` is the protobuf field of an entry. */
void definitions_write(struct doc *d, const struct definitions *set, unsigned number);
/* {"$ref": ...}, as value of `key` (NULL: list element). */
void definition_ref(struct doc *d, const char *key, const unsigned *path, const char *name);

/* --- paths --- */
struct parameter {
	const char *name;
	const char *type; /* string, integer, boolean */
};
enum operation_verb {
	OPERATION_LIST,
	OPERATION_LIST_ALL,
	OPERATION_CREATE,
	OPERATION_DELETE_COLLECTION,
	OPERATION_GET,
	OPERATION_UPDATE,
	OPERATION_PATCH,
	OPERATION_DELETE
};
struct operation {
	enum operation_verb verb;
	const char *method;		    /* "get" */
	unsigned number;		    /* in openapi.v2 PathItem */
	const char *id_verb;		    /* "list", "replace" */
	const char *action;		    /* x-kubernetes-action */
	const struct parameter *parameters; /* query, ended by name NULL */
};
struct operation_site {
	const struct operation *operation;
	const struct kind *kind; /* whose URL it is */
	const char *subresource; /* NULL */
	const struct kind *body; /* what is sent and answered */
};
struct path_events {
	void (*begin)(struct doc *d, const char *path, const struct kind *kind, bool in_namespace,
		      bool has_name);
	void (*operation)(struct doc *d, const struct operation_site *site);
};
/* Every URL of the kinds of a group version (NULL: of all); closes each path itself. */
void paths_write(struct doc *d, const char *group, const char *version, const struct path_events *events);
/* "listCoreV1NamespacedPod", "patchCoreV1NamespacedPodStatus" */
void operation_id(const struct operation_site *site, struct buf *out);
/* {"group":"","version":"v1","kind":"Pod"} */
void gvk_text(const struct kind *kind, struct buf *out);

#endif
