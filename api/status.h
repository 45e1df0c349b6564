/* status: metav1.Status, the answer to everything that went wrong (and to some of what went right).
 *
 * A small builder: one function for each of upstream's reasons, which sets code, reason, message and
 * details in upstream's words (k8s.io/apimachinery/pkg/api/errors). Embedded in its owner;
 * status_init allocates nothing. Pure. */
#ifndef HOLDFAST_API_STATUS_H
#define HOLDFAST_API_STATUS_H

#include <errno.h>

#include "api/kind.h"

#define STATUS_MESSAGE_MAX 2048u
#define STATUS_NAME_MAX 320u

enum status_reason {
	STATUS_SUCCESS,
	STATUS_BAD_REQUEST,
	STATUS_UNAUTHORIZED,
	STATUS_FORBIDDEN,
	STATUS_NOT_FOUND,
	STATUS_METHOD_NOT_ALLOWED,
	STATUS_NOT_ACCEPTABLE,
	STATUS_ALREADY_EXISTS,
	STATUS_CONFLICT,
	STATUS_GONE,
	STATUS_EXPIRED,
	STATUS_TOO_LARGE,
	STATUS_UNSUPPORTED_MEDIA_TYPE,
	STATUS_INVALID,
	STATUS_TOO_MANY_REQUESTS,
	STATUS_INTERNAL_ERROR,
	STATUS_SERVICE_UNAVAILABLE,
	STATUS_TIMEOUT,
	STATUS_REASON_COUNT,
};

struct status {
	enum status_reason reason;
	int code;		/* HTTP */
	unsigned retry_after_s; /* 0: none; also the Retry-After header */
	char message[STATUS_MESSAGE_MAX];
	char name[STATUS_NAME_MAX];  /* details.name, "" for none */
	char group[STATUS_NAME_MAX]; /* details.group */
	char kind[STATUS_NAME_MAX];  /* details.kind: the plural resource, or the kind for Invalid */
	char uid[64];		     /* details.uid */
	char continue_token[1024];   /* metadata.continue, for Expired lists */
	struct json *causes;	     /* details.causes, owned; NULL for none */
};

void status_init(struct status *status); /* success, 200 */
void status_done(struct status *status); /* frees the causes */
bool status_is_failure(const struct status *status);

/* What to name in messages: "pods", "daemonsets.apps". */
struct status_about {
	const char *group;    /* "" for core */
	const char *resource; /* plural */
	const char *kind;     /* "Pod": used by Invalid */
	const char *name;     /* "" where there is none */
};
struct status_about status_about(const struct kind *kind, const char *name);

/* Each sets the status and returns the negative errno that stands for it inside the house, so that
 * `return status_...(...)` reads well: -ENOENT, -EEXIST, -ESTALE (Conflict), -EINVAL (BadRequest, Invalid), -EACCES, -ERANGE
 * (Expired), -EAGAIN ... */
int status_set(struct status *status, enum status_reason reason, const char *fmt, ...) printf_like(3, 4);
int status_not_found(struct status *status, struct status_about about);
int status_no_resource(struct status *status); /* "the server could not find the requested resource" */
int status_exists(struct status *status, struct status_about about);
int status_conflict(struct status *status, struct status_about about, const char *fmt, ...) printf_like(3, 4);
int status_modified(struct status *status,
		    struct status_about about); /* the conflict of a stale resourceVersion */
int status_forbidden(struct status *status, struct status_about about, const char *fmt, ...)
	printf_like(3, 4);
/* Takes its causes from `problems`, which stays the caller's. */
int status_invalid(struct status *status, struct status_about about, const struct problems *problems);
int status_success(struct status *status, struct status_about about, const char *uid);
int status_cause(struct status *status, const char *reason, const char *message, const char *field);
/* A negative errno of the store or of memory that nobody gave words to. */
int status_of_errno(struct status *status, int code);
#ifdef __clang_analyzer__ /* which does not see into status.c that a code other than 0 comes back */
#define status_set(status, reason, ...) ((void)status_set(status, reason, __VA_ARGS__), -EINVAL)
#define status_of_errno(status, code) ((void)status_of_errno(status, code), -EIO)
#endif

const char *status_reason_name(enum status_reason reason);	/* "NotFound" */
int status_write(const struct status *status, struct buf *out); /* the JSON object */

#endif
