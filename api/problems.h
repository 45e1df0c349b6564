/* problems: what is wrong with an object, collected with the paths of the fields, in upstream's words.
 *
 * Owner: the caller. The first PROBLEMS_MAX are kept, the rest counted. Running out of memory counts as a
 * problem, so that an object is never taken for valid because a complaint could not be stored.
 * Wording: k8s.io/apimachinery/pkg/util/validation/field. */
#ifndef HOLDFAST_API_PROBLEMS_H
#define HOLDFAST_API_PROBLEMS_H

#include "base/json.h"

struct problems;
enum problem_type {
	PROBLEM_REQUIRED,
	PROBLEM_INVALID,
	PROBLEM_NOT_SUPPORTED,
	PROBLEM_DUPLICATE,
	PROBLEM_FORBIDDEN,
	PROBLEM_TOO_LONG,
	PROBLEM_TOO_MANY,
	PROBLEM_NOT_FOUND,
	PROBLEM_TYPE,
	PROBLEM_UNKNOWN_FIELD
};
#define PROBLEMS_MAX 64u
#define PROBLEM_PATH_MAX 512u /* longer paths and messages are cut */
#define PROBLEM_TEXT_MAX 1024u

struct problems *problems_new(void) must_check;
void problems_free(struct problems *p);
size_t problems_count(const struct problems *p); /* all of them, also those past PROBLEMS_MAX */
/* `path` like "spec.containers[0].name"; the message becomes "path: Invalid value: \"x\": detail" as upstream words it. `bad_value`
 * is quoted; NULL leaves it out. `detail` may be "". A PROBLEM_UNKNOWN_FIELD has only a path, a PROBLEM_TYPE only a detail. */
void problems_add(struct problems *p, enum problem_type type, const char *path, const char *bad_value,
		  const char *detail, ...) printf_like(5, 6);
/* The same with a JSON value: strings are quoted, numbers bare. */
void problems_add_json(struct problems *p, enum problem_type type, const char *path,
		       const struct json *bad_value, const char *detail, ...) printf_like(5, 6);
void problems_add_int(struct problems *p, enum problem_type type, const char *path, int64_t bad_value,
		      const char *detail, ...) printf_like(5, 6);
/* Status.details.causes [{reason, message, field}], and the joined one-line message "[a, b]"; both for a Status of reason Invalid. */
struct json *problems_causes(const struct problems *p) must_check;
int problems_text(const struct problems *p, struct buf *out);

/* Walk. Valid until the next problems_add. */
struct problem {
	enum problem_type type;
	const char *path;
	const char *
		text; /* without the path: `Invalid value: "x": detail`; of an unknown field `unknown field "spec.foo"` */
};
bool problems_at(const struct problems *p, size_t index, struct problem *out);

#endif
