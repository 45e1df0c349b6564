#include "api/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct reason {
	const char *name;
	int code;
	int err;
};
static const struct reason reasons[STATUS_REASON_COUNT] = {
	[STATUS_SUCCESS] = { "", 200, 0 },
	[STATUS_BAD_REQUEST] = { "BadRequest", 400, -EINVAL },
	[STATUS_UNAUTHORIZED] = { "Unauthorized", 401, -EPERM },
	[STATUS_FORBIDDEN] = { "Forbidden", 403, -EACCES },
	[STATUS_NOT_FOUND] = { "NotFound", 404, -ENOENT },
	[STATUS_METHOD_NOT_ALLOWED] = { "MethodNotAllowed", 405, -ENOTSUP },
	[STATUS_NOT_ACCEPTABLE] = { "NotAcceptable", 406, -ENOTSUP },
	[STATUS_ALREADY_EXISTS] = { "AlreadyExists", 409, -EEXIST },
	[STATUS_CONFLICT] = { "Conflict", 409, -ESTALE },
	[STATUS_GONE] = { "Gone", 410, -ERANGE },
	[STATUS_EXPIRED] = { "Expired", 410, -ERANGE },
	[STATUS_TOO_LARGE] = { "RequestEntityTooLarge", 413, -E2BIG },
	[STATUS_UNSUPPORTED_MEDIA_TYPE] = { "UnsupportedMediaType", 415, -EINVAL },
	[STATUS_INVALID] = { "Invalid", 422, -EINVAL },
	[STATUS_TOO_MANY_REQUESTS] = { "TooManyRequests", 429, -EAGAIN },
	[STATUS_INTERNAL_ERROR] = { "InternalError", 500, -EIO },
	[STATUS_SERVICE_UNAVAILABLE] = { "ServiceUnavailable", 503, -EBUSY },
	[STATUS_TIMEOUT] = { "Timeout", 504, -ETIMEDOUT },
};

void status_init(struct status *status)
{
	status->reason = STATUS_SUCCESS;
	status->code = 200;
	status->retry_after_s = 0;
	status->message[0] = status->name[0] = status->group[0] = status->kind[0] = '\0';
	status->uid[0] = status->continue_token[0] = '\0';
	status->causes = NULL;
}

void status_done(struct status *status)
{
	json_free(status->causes);
	status_init(status);
}

bool status_is_failure(const struct status *status)
{
	return status->reason != STATUS_SUCCESS;
}

struct status_about status_about(const struct kind *kind, const char *name)
{
	return (struct status_about){
		.group = kind->group,
		.resource = kind->plural,
		.kind = kind->kind,
		.name = name ? name : "",
	};
}

static void copy_text(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text ? text : "", size - 1);

	memcpy(out, text ? text : "", len);
	out[len] = '\0';
}

static void set_reason(struct status *status, enum status_reason reason)
{
	status_done(status);
	status->reason = reason;
	status->code = reasons[reason].code;
}

static void set_about(struct status *status, struct status_about about)
{
	copy_text(status->name, sizeof(status->name), about.name);
	copy_text(status->group, sizeof(status->group), about.group);
	copy_text(status->kind, sizeof(status->kind), about.resource);
}

/* A cut message must stay UTF-8: drop the broken tail. */
static void trim_utf8(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && !span_is_utf8(span_make(text, len)))
		text[--len] = '\0';
}

int(status_set)(struct status *status, enum status_reason reason, const char *fmt, ...)
{
	va_list args;

	set_reason(status, reason);
	va_start(args, fmt);
	vsnprintf(status->message, sizeof(status->message), fmt, args);
	va_end(args);
	trim_utf8(status->message);
	return reasons[reason].err;
}

/* "pods", "daemonsets.apps" */
static void qualified(struct status_about about, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s", about.resource, about.group[0] ? "." : "", about.group);
}

int status_not_found(struct status *status, struct status_about about)
{
	char what[STATUS_NAME_MAX];

	qualified(about, what, sizeof(what));
	int code = status_set(status, STATUS_NOT_FOUND, "%s \"%s\" not found", what, about.name);

	set_about(status, about);
	return code;
}

int status_no_resource(struct status *status)
{
	return status_set(status, STATUS_NOT_FOUND, "the server could not find the requested resource");
}

int status_exists(struct status *status, struct status_about about)
{
	char what[STATUS_NAME_MAX];

	qualified(about, what, sizeof(what));
	int code = status_set(status, STATUS_ALREADY_EXISTS, "%s \"%s\" already exists", what, about.name);

	set_about(status, about);
	return code;
}

int status_conflict(struct status *status, struct status_about about, const char *fmt, ...)
{
	char what[STATUS_NAME_MAX], why[STATUS_MESSAGE_MAX / 2];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	qualified(about, what, sizeof(what));
	int code = status_set(status, STATUS_CONFLICT, "Operation cannot be fulfilled on %s \"%s\": %s", what,
			      about.name, why);

	set_about(status, about);
	return code;
}

int status_modified(struct status *status, struct status_about about)
{
	return status_conflict(status, about,
			       "the object has been modified; "
			       "please apply your changes to the latest version and try again");
}

int status_forbidden(struct status *status, struct status_about about, const char *fmt, ...)
{
	char what[STATUS_NAME_MAX], why[STATUS_MESSAGE_MAX];
	va_list args;
	int code;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	qualified(about, what, sizeof(what));
	if (about.name[0])
		code = status_set(status, STATUS_FORBIDDEN, "%s \"%s\" is forbidden: %s", what, about.name,
				  why);
	else
		code = status_set(status, STATUS_FORBIDDEN, "%s is forbidden: %s", what, why);
	set_about(status, about);
	return code;
}

int status_invalid(struct status *status, struct status_about about, const struct problems *problems)
{
	struct buf text;

	buf_init(&text, STATUS_MESSAGE_MAX * 16);
	int err = problems_text(problems, &text);
	const char *words = err ? "too many problems to list" : buf_cstr(&text);
	char what[STATUS_NAME_MAX];

	snprintf(what, sizeof(what), "%s%s%s", about.kind, about.group[0] ? "." : "", about.group);
	err = status_set(status, STATUS_INVALID, "%s \"%s\" is invalid: %s", what, about.name,
			 words ? words : "");
	set_about(status, about);
	copy_text(status->kind, sizeof(status->kind), about.kind);
	status->causes = problems_causes(problems);
	buf_done(&text);
	return err;
}

int status_success(struct status *status, struct status_about about, const char *uid)
{
	set_reason(status, STATUS_SUCCESS);
	set_about(status, about);
	copy_text(status->uid, sizeof(status->uid), uid);
	return 0;
}

int status_cause(struct status *status, const char *reason, const char *message, const char *field)
{
	struct json *cause = json_new_object();
	int err;

	if (!status->causes)
		status->causes = json_new_array();
	err = json_set_str(cause, "reason", reason);
	if (!err)
		err = json_set_str(cause, "message", message);
	if (!err && field)
		err = json_set_str(cause, "field", field);
	if (!err && !status->causes)
		err = -ENOMEM;
	if (err) {
		json_free(cause);
		return err;
	}
	return json_append(status->causes, cause);
}

int(status_of_errno)(struct status *status, int code)
{
	switch (code) {
	case -EAGAIN:
		status_set(status, STATUS_TOO_MANY_REQUESTS,
			   "too many writes are waiting for the store, please try again later");
		status->retry_after_s = 1;
		break;
	case -EROFS:
		status_set(status, STATUS_SERVICE_UNAVAILABLE,
			   "the store is read-only after an I/O error and needs attention");
		status->retry_after_s = 30;
		break;
	case -ENOSPC:
		status_set(status, STATUS_SERVICE_UNAVAILABLE, "the disk under the store is full");
		status->retry_after_s = 30;
		break;
	case -ENOMEM:
		status_set(status, STATUS_SERVICE_UNAVAILABLE, "out of memory, please try again later");
		status->retry_after_s = 5;
		break;
	case -EBADMSG:
		status_set(status, STATUS_INTERNAL_ERROR, "the stored object is damaged and in quarantine");
		break;
	case -EMSGSIZE:
	case -E2BIG:
		status_set(status, STATUS_TOO_LARGE,
			   "the object is larger than the limit of %u bytes or too deeply nested",
			   JSON_MAX_BYTES);
		break;
	default:
		status_set(status, STATUS_INTERNAL_ERROR, "Internal error occurred: %s", strerror(-code));
		break;
	}
	return code ? code : -EIO;
}

const char *status_reason_name(enum status_reason reason)
{
	return reason < STATUS_REASON_COUNT ? reasons[reason].name : "";
}

static void add_member(struct buf *out, bool *first, const char *name, const char *value)
{
	if (!value[0])
		return;
	buf_addf(out, "%s\"%s\":", *first ? "" : ",", name);
	/* Names may come from outside; what is not UTF-8 is left out rather than spoiling the answer. */
	buf_add_json_str(out, span_is_utf8(span_of(value)) ? span_of(value) : SPAN("?"));
	*first = false;
}

static bool has_details(const struct status *status)
{
	return status->name[0] || status->group[0] || status->kind[0] || status->uid[0] || status->causes ||
	       status->retry_after_s;
}

static void add_details(const struct status *status, struct buf *out)
{
	bool first = true;

	buf_add_str(out, ",\"details\":{");
	add_member(out, &first, "name", status->name);
	add_member(out, &first, "group", status->group);
	add_member(out, &first, "kind", status->kind);
	add_member(out, &first, "uid", status->uid);
	if (status->causes) {
		buf_addf(out, "%s\"causes\":", first ? "" : ",");
		json_write(status->causes, out);
		first = false;
	}
	if (status->retry_after_s)
		buf_addf(out, "%s\"retryAfterSeconds\":%u", first ? "" : ",", status->retry_after_s);
	buf_add_char(out, '}');
}

int status_write(const struct status *status, struct buf *out)
{
	bool first = true;

	buf_add_str(out, "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{");
	add_member(out, &first, "continue", status->continue_token);
	buf_addf(out, "},\"status\":\"%s\"", status_is_failure(status) ? "Failure" : "Success");
	first = false;
	add_member(out, &first, "message", status->message);
	add_member(out, &first, "reason", reasons[status->reason].name);
	if (has_details(status))
		add_details(status, out);
	if (status_is_failure(status))
		buf_addf(out, ",\"code\":%d", status->code);
	buf_add_char(out, '}');
	return buf_error(out);
}
