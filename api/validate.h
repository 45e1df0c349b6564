/* validate: the small words validation is written in. Internal to api/.
 *
 * A struct validation is the place of the walk and the list of complaints. Functions take the object that holds the
 * field and the field's name, which becomes the path. Rules and wording: k8s.io/kubernetes pkg/apis/core/validation. */
#ifndef HOLDFAST_API_VALIDATE_H
#define HOLDFAST_API_VALIDATE_H

#include "api/path.h"

struct validation {
	struct problems *problems;
	struct path path;
};
#define VALIDATION(complaints, at)                                                   \
	{                                                                            \
		.problems = complaints, .path = {.text = at, .len = sizeof(at) - 1 } \
	}

#define MSG_NOT_NEGATIVE "must be greater than or equal to 0"
#define MSG_POSITIVE "must be greater than 0"
#define MSG_PORT "must be between 1 and 65535, inclusive"
#define MSG_IMMUTABLE "field is immutable"

/* A complaint about object's field; field NULL: about the place itself. The value shown is the field's. */
void complain(struct validation *v, enum problem_type type, const struct json *object, const char *field,
	      const char *detail, ...) printf_like(5, 6);

typedef const char *name_fn(struct span s);
const char *text_of(const struct json *object, const char *field); /* "" when absent */
bool need_text(struct validation *v, const struct json *object, const char *field,
	       const char *detail); /* present and not "" */
void check_text(struct validation *v, const struct json *object, const char *field,
		name_fn *fn); /* where not "" */
bool need_name(struct validation *v, const struct json *object, const char *field, name_fn *fn); /* both */
/* NULL-ended choices. Where not "". */
bool check_choice(struct validation *v, const struct json *object, const char *field,
		  const char *const *choices);
bool need_choice(struct validation *v, const struct json *object, const char *field,
		 const char *const *choices);
void check_range(struct validation *v, const struct json *object, const char *field, int64_t low,
		 int64_t high);
void check_least(struct validation *v, const struct json *object, const char *field,
		 int64_t least);						     /* 0 or 1 */
void check_port(struct validation *v, const struct json *object, const char *field); /* number or name */
/* whole_at_most: no more than 100 %. */
void check_int_or_percent(struct validation *v, const struct json *object, const char *field,
			  bool whole_at_most);
void check_ip(struct validation *v, const struct json *object, const char *field);

/* Walks of the members: `fn` runs with the path at "field[i]". */
typedef void validate_item_fn(struct validation *v, const struct json *item, void *ctx);
void each_item(struct validation *v, const struct json *object, const char *field, validate_item_fn *fn,
	       void *ctx);
void below(struct validation *v, const struct json *object, const char *field, validate_item_fn *fn,
	   void *ctx); /* if present */
/* Complains about items whose `key` came before. */
void check_unique(struct validation *v, const struct json *object, const char *field, const char *key);
/* Exactly one member of `object` out of `choices` (NULL-ended); how many there are. */
size_t count_of(const struct json *object, const char *const *choices);

/* Does a part of the path lead up ("..")? */
bool path_climbs(const char *path);

/* Shared rules. */
void validate_labels(struct validation *v, const struct json *object, const char *field);
void validate_label_selector(struct validation *v, const struct json *object, const char *field);
void validate_selector_item(struct validation *v, const struct json *selector,
			    void *ctx); /* a label selector in a list */
void validate_pod_spec(struct validation *v, const struct json *spec);
void validate_volumes(struct validation *v, const struct json *spec);
void validate_container(struct validation *v, const struct json *container, const struct json *spec,
			bool is_init);
void validate_env(struct validation *v, const struct json *container);
void validate_probes(struct validation *v, const struct json *container, bool is_init);
void validate_scheduling(struct validation *v, const struct json *spec);
void validate_resources(struct validation *v, const struct json *container);
void validate_resource_list(struct validation *v, const struct json *object, const char *field);
void validate_key_items(struct validation *v,
			const struct json *source); /* items of ConfigMap and Secret volumes */
void validate_field_ref(struct validation *v, const struct json *ref, void *ctx);
void validate_resource_ref(struct validation *v, const struct json *ref, void *ctx);
extern const char *const downward_volume_fields[], *const downward_env_fields[];

#endif
