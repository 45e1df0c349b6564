/* kind: the Kubernetes kinds as data. One table for each kind carries everything the API knows about it;
 * discovery, OpenAPI, validation, defaulting, patches, tables and protobuf transcoding are read from it.
 *
 * Tables are constant and shared; any thread. Source of names, numbers and merge keys: k8s.io/api,
 * generated.proto and the patchStrategy tags of release 1.32. */
#ifndef HOLDFAST_API_KIND_H
#define HOLDFAST_API_KIND_H

#include "base/json.h"

/* --- schemas: the fields of a message --- */
enum field_type {
	FIELD_STRING,
	FIELD_BYTES,      /* base64 in JSON (Secret.data) */
	FIELD_BOOL,
	FIELD_INT32,
	FIELD_INT64,
	FIELD_DOUBLE,
	FIELD_MESSAGE,    /* `schema` */
	FIELD_TIME,       /* metav1.Time */
	FIELD_MICRO_TIME, /* metav1.MicroTime */
	FIELD_QUANTITY,   /* resource.Quantity; string or number in JSON */
	FIELD_INT_OR_STRING,
	FIELD_RAW,        /* any JSON (runtime.RawExtension, FieldsV1) */
};
enum field_shape { FIELD_SINGLE, FIELD_LIST, FIELD_MAP }; /* maps are string -> type */
enum field_flags {
	FIELD_REQUIRED = 1 << 0,
	FIELD_ATOMIC = 1 << 1,      /* strategic merge replaces it whole (patchStrategy: replace, x-kubernetes-list-type atomic) */
	FIELD_RETAIN_KEYS = 1 << 2, /* patchStrategy retainKeys */
	FIELD_READ_ONLY = 1 << 3,   /* set by the server */
};
struct schema;
struct field {
	const char *name;            /* JSON */
	unsigned number;             /* protobuf */
	enum field_type type;
	enum field_shape shape;
	unsigned flags;
	const struct schema *schema; /* FIELD_MESSAGE */
	const char *merge_key;       /* lists merged by key (patchMergeKey), "" for lists of scalars merged as sets; NULL: replaced */
	const char *default_json;    /* simple default as JSON text, NULL: none */
};
struct schema {
	const char *name;            /* "io.k8s.api.core.v1.PodSpec": its OpenAPI definition name */
	const struct field *fields;
	size_t field_count;
	/* Inline embedding in protobuf (e.g. VolumeSource in Volume): JSON fields of `inlined` appear here, protobuf nests it at inline_number. */
	const struct schema *inlined;
	unsigned inline_number;
};
const struct field *schema_field(const struct schema *schema, struct span name); /* searches inlined too; NULL */

/* --- problems: what is wrong with an object, as upstream's field errors --- */
struct problems;
enum problem_type { PROBLEM_REQUIRED, PROBLEM_INVALID, PROBLEM_NOT_SUPPORTED, PROBLEM_DUPLICATE, PROBLEM_FORBIDDEN,
		    PROBLEM_TOO_LONG, PROBLEM_TOO_MANY, PROBLEM_NOT_FOUND, PROBLEM_TYPE, PROBLEM_UNKNOWN_FIELD };
#define PROBLEMS_MAX 64u
struct problems *problems_new(void) must_check;
void problems_free(struct problems *p);
size_t problems_count(const struct problems *p);
/* `path` like "spec.containers[0].name"; the message becomes "path: Invalid value: \"x\": detail" as upstream words it. */
void problems_add(struct problems *p, enum problem_type type, const char *path, const char *bad_value, const char *detail, ...)
	printf_like(5, 6);
/* Status.details.causes [{reason, message, field}], and the joined one-line message; both for a Status of reason Invalid. */
struct json *problems_causes(const struct problems *p) must_check;
int problems_text(const struct problems *p, struct buf *out);

/* --- kinds --- */
struct column {
	const char *name;        /* "READY" is written as upstream's "Ready" */
	const char *type;        /* "string", "integer", "date" */
	const char *format;      /* "name" for the name column, else "" */
	int priority;            /* 0, or 1 for -o wide */
	const char *description;
	/* Appends the JSON value of the cell. now_wall_ms for ages (rendered as kubectl does: "5m", "3d4h"). */
	int (*cell)(const struct json *object, int64_t now_wall_ms, struct buf *out);
};
enum kind_verbs { VERB_CREATE = 1, VERB_DELETE = 2, VERB_DELETECOLLECTION = 4, VERB_GET = 8, VERB_LIST = 16, VERB_PATCH = 32,
		  VERB_UPDATE = 64, VERB_WATCH = 128, VERB_ALL = 255 };
struct kind {
	const char *group;            /* "" for core */
	const char *version;
	const char *kind, *list_kind; /* "Pod", "PodList" */
	const char *plural, *singular;
	const char *const *short_names; /* NULL-ended */
	const char *const *categories;  /* NULL-ended; "all" */
	bool namespaced;
	const char *storage;          /* storage resource, "pods", "daemonsets.apps"; aliases (events.k8s.io Event) share one */
	unsigned verbs;
	const char *const *subresources; /* NULL-ended: "status", "binding", "eviction" */
	const struct schema *schema;
	const struct column *columns;
	size_t column_count;
	bool has_generation;          /* metadata.generation counts changes of spec */
	/* Fills what simple defaults cannot. NULL: none. */
	int (*set_defaults)(struct json *object);
	/* New against old (NULL on create), after defaulting and generic metadata checks. */
	void (*validate)(const struct json *object, const struct json *old, struct problems *problems);
	/* Indexed fields beyond metadata, packed with pairs_add in order of name ("spec.nodeName", "status.phase"). */
	int (*index_fields)(const struct json *object, struct buf *packed);
	const char *const *field_selectors; /* NULL-ended: the keys a client may select on, metadata.name/.namespace included */
	/* Converts between this and the storage form when the group's version is an alias (events.k8s.io). NULL: same form. */
	int (*to_storage)(struct json *object);
	int (*from_storage)(struct json *object);
};
/* All kinds in discovery order. */
const struct kind *const *kinds(size_t *count);
const struct kind *kind_of_plural(struct span group, struct span version, struct span plural); /* NULL */
const struct kind *kind_of_name(struct span group, struct span version, struct span kind);
/* The one whose form is stored for this storage resource. */
const struct kind *kind_of_storage(const char *storage);

/* --- what the tables do --- */
/* Unknown fields and wrong types below `path` (""), duplicates excepted. strict: PROBLEM_UNKNOWN_FIELD, else unknown fields are kept
 * out of problems and dropped from the object, as upstream prunes built-in kinds (fieldValidation Ignore/Warn; *out_dropped gets
 * warning texts, may be NULL). Normalizes quantities? No: text is preserved. */
int schema_check(const struct schema *schema, struct json *object, bool strict, struct problems *problems,
		 struct problems *out_dropped) must_check;
int schema_default(const struct schema *schema, struct json *object) must_check; /* simple defaults, recursively, where parents exist */
/* k8s\0 + runtime.Unknown envelope of one object. *out_kind is found by the envelope's apiVersion and kind. -EINVAL, -E2BIG. */
int kind_decode_protobuf(struct span body, const struct kind **out_kind, struct json **out, struct err *err) must_check;
/* A message body without envelope (DeleteOptions and friends are decoded by name with this). */
int schema_decode_protobuf(const struct schema *schema, struct span body, struct json **out, struct err *err) must_check;
/* Options and reviews that are not stored kinds: "DeleteOptions", "CreateOptions", "PatchOptions", "UpdateOptions", "Status", "Table". NULL. */
const struct schema *schema_of_name(const char *kind);
/* ObjectMeta rules common to all kinds: name (DNS-1123 subdomain or label per kind), generateName, namespace, labels, annotations,
 * finalizers, ownerReferences, immutable fields against old. */
void kind_validate_meta(const struct kind *kind, const struct json *object, const struct json *old, struct problems *problems);

#endif
