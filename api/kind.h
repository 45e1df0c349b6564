/* kind: the Kubernetes kinds as data. One table for each kind carries everything the API knows about it;
 * discovery, OpenAPI, validation, defaulting, patches, tables and protobuf transcoding are read from it.
 *
 * Tables are constant and shared; any thread. Source of names, numbers and merge keys: k8s.io/api,
 * generated.proto and the patchStrategy tags of release 1.32. */
#ifndef HOLDFAST_API_KIND_H
#define HOLDFAST_API_KIND_H

#include "api/problems.h"
#include "base/json.h"

/* --- schemas: the fields of a message --- */
enum field_type {
	FIELD_STRING,
	FIELD_BYTES, /* base64 in JSON (Secret.data) */
	FIELD_BOOL,
	FIELD_INT32,
	FIELD_INT64,
	FIELD_DOUBLE,
	FIELD_MESSAGE,	  /* `schema` */
	FIELD_TIME,	  /* metav1.Time */
	FIELD_MICRO_TIME, /* metav1.MicroTime */
	FIELD_QUANTITY,	  /* resource.Quantity; string or number in JSON */
	FIELD_INT_OR_STRING,
	FIELD_RAW,	   /* any JSON (runtime.RawExtension, FieldsV1) */
	FIELD_STRING_LIST, /* list of strings as the value of a map (authentication's ExtraValue) */
};
enum field_shape { FIELD_SINGLE, FIELD_LIST, FIELD_MAP }; /* maps are string -> type */
enum field_flags {
	FIELD_REQUIRED = 1 << 0,     /* named in OpenAPI's `required`; its zero is a value */
	FIELD_ATOMIC = 1 << 1,	     /* strategic merge replaces it whole (patchStrategy: replace) */
	FIELD_RETAIN_KEYS = 1 << 2,  /* patchStrategy retainKeys */
	FIELD_READ_ONLY = 1 << 3,    /* set by the server */
	FIELD_KEEP_ZERO = 1 << 4,    /* zero is a value and not the same as absent (a Go pointer) */
	FIELD_APPLY_ATOMIC = 1 << 5, /* server-side apply owns this object, map or list as one */
	FIELD_APPLY_SET = 1 << 6,    /* server-side apply: list of scalars merged as a set */
};
struct schema;
struct field {
	const char *name;	     /* JSON */
	const struct schema *schema; /* FIELD_MESSAGE */
	const char *
		merge_key; /* lists merged by key (patchMergeKey), "" for lists of scalars merged as sets; NULL: replaced */
	const char *
		apply_keys; /* server-side apply's keys of a list, comma between, where they are not `merge_key`; else NULL */
	const char *default_json; /* simple default as JSON text, NULL: none */
	enum field_type type : 8;
	enum field_shape shape : 8;
	unsigned flags : 16;
	unsigned number; /* protobuf; 0: not there (apiVersion and kind, which travel in the envelope) */
};
struct schema {
	const char *name;	    /* "io.k8s.api.core.v1.PodSpec": its OpenAPI definition name */
	const struct field *fields; /* in order of name */
	size_t field_count;
	/* Inline embedding in protobuf (e.g. VolumeSource in Volume): JSON fields of `inlined` appear here, protobuf nests it at inline_number. */
	const struct schema *inlined;
	unsigned inline_number;
};
const struct field *schema_field(const struct schema *schema,
				 struct span name); /* searches inlined too; NULL */

/* --- kinds --- */
struct column {
	const char *name;   /* "READY" is written as upstream's "Ready" */
	const char *type;   /* "string", "integer", "date" */
	const char *format; /* "name" for the name column, else "" */
	int priority;	    /* 0, or 1 for -o wide */
	const char *description;
	/* Appends the JSON value of the cell. now_wall_ms for ages (rendered as kubectl does: "5m", "3d4h"). */
	int (*cell)(const struct json *object, int64_t now_wall_ms, struct buf *out);
};
enum kind_verbs {
	VERB_CREATE = 1,
	VERB_DELETE = 2,
	VERB_DELETECOLLECTION = 4,
	VERB_GET = 8,
	VERB_LIST = 16,
	VERB_PATCH = 32,
	VERB_UPDATE = 64,
	VERB_WATCH = 128,
	VERB_ALL = 255
};
struct kind {
	const char *group; /* "" for core */
	const char *version;
	bool of_any_group;	      /* options, which clients send under any group and version */
	const char *kind, *list_kind; /* "Pod", "PodList" */
	const char *plural, *singular;
	const char *const *short_names; /* NULL-ended */
	const char *const *categories;	/* NULL-ended; "all" */
	bool namespaced;
	const char *
		storage; /* storage resource, "pods", "daemonsets.apps"; aliases (events.k8s.io Event) share one;
				       * NULL: asked and answered, not stored (reviews, bindings, evictions, options) */
	unsigned verbs;
	const char *const *subresources; /* NULL-ended: "status", "binding", "eviction" */
	const struct schema *schema;
	const struct column *columns;
	size_t column_count;
	bool has_generation; /* metadata.generation counts changes of spec */
	/* Fills what simple defaults cannot. NULL: none. */
	int (*set_defaults)(struct json *object);
	const char *(*check_name)(struct span name); /* api/names.h; NULL: DNS-1123 subdomain */
	/* New against old (NULL on create), after defaulting and generic metadata checks. This and index_fields see storage form. */
	void (*validate)(const struct json *object, const struct json *old, struct problems *problems);
	/* Indexed fields beyond metadata, packed with pairs_add in order of name ("spec.nodeName", "status.phase"). */
	int (*index_fields)(const struct json *object, struct buf *packed);
	const char *const *
		field_selectors; /* NULL-ended: the keys a client may select on, metadata.name/.namespace included */
	const char *const *field_aliases; /* NULL-ended pairs (key a client uses, indexed key); NULL: none */
	/* Converts between this and the storage form when the group's version is an alias (events.k8s.io). NULL: same form. */
	int (*to_storage)(struct json *object);
	int (*from_storage)(struct json *object);
};
/* All kinds that have a URL (plural), in discovery order. */
const struct kind *const *kinds(size_t *count);
const struct kind *kind_of_plural(struct span group, struct span version, struct span plural); /* NULL */
/* Also those without a URL of their own: bodies of subresources (Eviction, TokenRequest) and options, which clients
 * send under any group and version (DeleteOptions). NULL. */
const struct kind *kind_of_name(struct span group, struct span version, struct span kind);
/* The one whose form is stored for this storage resource. */
const struct kind *kind_of_storage(const char *storage);
/* What clients send to a subresource of the kind ("binding": Binding; "status": the kind itself). NULL: not known. */
const struct kind *kind_of_subresource(const struct kind *kind, const char *subresource);
/* The indexed key behind the key of a field selector; NULL when the kind cannot be selected by it. */
const char *kind_field_key(const struct kind *kind, const char *key);
/* "v1", "apps/v1": what apiVersion says. */
int kind_api_version(const struct kind *kind, struct buf *out);

/* --- what the tables do --- */
/* Wrong types (PROBLEM_TYPE) and unknown fields below the root. strict: PROBLEM_UNKNOWN_FIELD, else unknown fields are
 * dropped from the object, as upstream prunes built-in kinds (fieldValidation Ignore and Warn; `out_dropped` gets them as
 * PROBLEM_UNKNOWN_FIELD, may be NULL). Nulls are dropped too, and quantities given as numbers become strings of the same text. Both kinds of problem are
 * upstream's 400 BadRequest, not 422: see schema_check_text. */
int schema_check(const struct schema *schema, struct json *object, bool strict, struct problems *problems,
		 struct problems *out_dropped) must_check;
/* The sentence for a Status of reason BadRequest after schema_check found problems:
 * `Pod in version "v1" cannot be handled as a Pod: strict decoding error: unknown field "spec.foo"`. */
int schema_check_text(const struct kind *kind, const struct problems *problems, struct buf *out);
int schema_default(const struct schema *schema,
		   struct json *object) must_check; /* simple defaults, recursively, where parents exist */
/* k8s\0 + runtime.Unknown envelope of one object. *out_kind is found by the envelope's apiVersion and kind. -EINVAL, -E2BIG. */
int kind_decode_protobuf(struct span body, const struct kind **out_kind, struct json **out,
			 struct err *err) must_check;
/* A message body without envelope. */
int schema_decode_protobuf(const struct schema *schema, struct span body, struct json **out,
			   struct err *err) must_check;
/* Options and reviews that are not stored kinds: "DeleteOptions", "CreateOptions", "PatchOptions", "UpdateOptions", "Status". NULL. */
const struct schema *schema_of_name(const char *kind);
/* Fills what is absent: schema_default, then the kind's set_defaults. */
int kind_default(const struct kind *kind, struct json *object) must_check;
/* Everything: kind_validate_meta, then the kind's validate. */
void kind_validate(const struct kind *kind, const struct json *object, const struct json *old,
		   struct problems *problems);
/* ObjectMeta rules common to all kinds: name, generateName, namespace, labels, annotations, finalizers, ownerReferences,
 * immutable fields against old. generateName must have become a name already. */
void kind_validate_meta(const struct kind *kind, const struct json *object, const struct json *old,
			struct problems *problems);

#endif
