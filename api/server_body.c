/* Request bodies: from bytes to a checked tree. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "api/server_internal.h"

static const struct {
	const char *name;
	enum body_type type;
} types[] = {
	{ "", BODY_JSON },
	{ "application/json", BODY_JSON },
	{ "application/vnd.kubernetes.protobuf", BODY_PROTOBUF },
	{ "application/json-patch+json", BODY_JSON_PATCH },
	{ "application/merge-patch+json", BODY_MERGE_PATCH },
	{ "application/strategic-merge-patch+json", BODY_STRATEGIC_PATCH },
	{ "application/apply-patch+yaml", BODY_APPLY_PATCH },
};

enum body_type body_type(struct span content_type)
{
	struct span type, parameters;

	span_cut(content_type, ';', &type, &parameters);
	type = span_trim(type);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (type.len == strlen(types[i].name) &&
		    !strncasecmp(type.ptr ? type.ptr : "", types[i].name, type.len))
			return types[i].type;
	return BODY_OTHER;
}

static int unsupported(struct status *status)
{
	return status_set(status, STATUS_UNSUPPORTED_MEDIA_TYPE,
			  "the body of the request was in an unknown format - accepted "
			  "media types include: application/json, application/vnd.kubernetes.protobuf");
}

static int body_too_large(struct status *status)
{
	return status_set(status, STATUS_TOO_LARGE, "Request entity too large: limit is %u", JSON_MAX_BYTES);
}

/* Sizes are checked before: -E2BIG is depth here, and that is a malformed body. */
static int decode_error(struct status *status, int code, const struct err *err)
{
	if (code == -ENOMEM)
		return status_of_errno(status, code);
	return status_set(status, STATUS_BAD_REQUEST, "the body of the request could not be decoded: %s",
			  err_text(err));
}

int body_json(struct span body, struct json **out, struct status *status)
{
	if (body.len > JSON_MAX_BYTES)
		return body_too_large(status);
	struct err err = { 0 };
	int code = json_parse(body, out, &err);

	return code ? decode_error(status, code, &err) : 0;
}

/* apiVersion and kind of a JSON body, or what the URL implies where the body leaves them out. */
static int check_type(const struct kind *kind, struct json *tree, struct status *status)
{
	char expected[STATUS_NAME_MAX];
	const struct json *version = json_get(tree, "apiVersion"), *name = json_get(tree, "kind");

	if (!json_is(tree, JSON_OBJECT))
		return status_set(status, STATUS_BAD_REQUEST,
				  "the body of the request must be a JSON object, not %s",
				  json_type_name(json_type(tree)));
	snprintf(expected, sizeof(expected), "%s%s%s", kind->group, kind->group[0] ? "/" : "", kind->version);
	if (name && strcmp(json_str(name, ""), kind->kind) != 0)
		return status_set(status, STATUS_BAD_REQUEST,
				  "%s in version \"%s\" cannot be handled as a %s: the kind in the "
				  "data does not match the resource of the request",
				  json_str(name, "?"), json_str(version, expected), kind->kind);
	if (version && strcmp(json_str(version, ""), expected) != 0)
		return status_set(status, STATUS_BAD_REQUEST,
				  "the API version in the data (%s) does not match the expected API "
				  "version (%s)",
				  json_str(version, "?"), expected);
	int err = json_set_str(tree, "apiVersion", expected);

	if (!err)
		err = json_set_str(tree, "kind", kind->kind);
	return err ? status_of_errno(status, err) : 0;
}

static int schema_problem(const struct kind *kind, const struct problems *problems, struct status *status)
{
	struct buf text;

	buf_init(&text, STATUS_MESSAGE_MAX * 16);
	int err = schema_check_text(kind, problems, &text);
	const char *words = err ? NULL : buf_cstr(&text);

	err = status_set(status, STATUS_BAD_REQUEST, "%s",
			 words ? words : "the body does not fit its schema");
	buf_done(&text);
	return err;
}

int body_check(struct api_call *call, const struct kind *kind, struct json *tree, struct status *status)
{
	enum request_validation mode = call->request.options.validation;
	struct problems *problems = problems_new();

	if (!problems)
		return status_of_errno(status, -ENOMEM);
	if (mode == VALIDATION_WARN && !call->warnings)
		call->warnings = problems_new();
	int err = schema_check(kind->schema, tree, mode == VALIDATION_STRICT, problems,
			       mode == VALIDATION_WARN ? call->warnings : NULL);

	if (err)
		err = status_of_errno(status, err);
	else if (problems_count(problems))
		err = schema_problem(kind, problems, status);
	problems_free(problems);
	return err;
}

static int decode_protobuf(struct span body, const struct kind *kind, struct json **out,
			   struct status *status)
{
	const struct kind *found = NULL;
	struct err err = { 0 };
	int code = kind_decode_protobuf(body, &found, out, &err);

	if (code)
		return decode_error(status, code, &err);
	if (found != kind) {
		json_free(*out);
		*out = NULL;
		return status_set(status, STATUS_BAD_REQUEST,
				  "%s in version \"%s\" cannot be handled as a %s", found->kind,
				  found->version, kind->kind);
	}
	return 0;
}

static int decode(const struct api_call *call, const struct kind *kind, struct json **out,
		  struct status *status)
{
	struct span body = call->from->body;

	*out = NULL;
	if (body.len > JSON_MAX_BYTES)
		return status_set(status, STATUS_TOO_LARGE, "Request entity too large: limit is %u",
				  JSON_MAX_BYTES);
	switch (body_type(call->from->content_type)) {
	case BODY_JSON: return body_json(body, out, status);
	case BODY_PROTOBUF: return decode_protobuf(body, kind, out, status);
	default: return unsupported(status);
	}
}

int body_object(struct api_call *call, const struct kind *kind, struct json **out, struct status *status)
{
	int err = decode(call, kind, out, status);

	if (!err)
		err = check_type(kind, *out, status);
	if (!err)
		err = body_check(call, kind, *out, status);
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}

int body_options(struct api_call *call, const struct kind *kind, struct json **out, struct status *status)
{
	*out = NULL;
	if (!call->from->body.len)
		return 0;
	int err = decode(call, kind, out, status);

	if (!err && !json_is(*out, JSON_OBJECT))
		err = status_set(status, STATUS_BAD_REQUEST, "the body of the request must be a JSON object");
	if (!err && strcmp(json_str(json_get(*out, "kind"), kind->kind), kind->kind) != 0)
		err = status_set(status, STATUS_BAD_REQUEST, "%s cannot be handled as a %s",
				 json_str(json_get(*out, "kind"), "?"), kind->kind);
	if (!err)
		err = body_check(call, kind, *out, status);
	if (err) {
		json_free(*out);
		*out = NULL;
	}
	return err;
}
