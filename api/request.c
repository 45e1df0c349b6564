#include "api/request.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "net/http.h"

#define FIELD_KEYS_MAX SELECTOR_TERMS_MAX

/* --- path --- */

/* Decodes `path` into request->text as NUL-terminated segments. */
static int split_path(struct span path, struct request *request,
		      const char *segments[REQUEST_SEGMENTS_MAX + 1], struct status *status)
{
	struct buf part;
	size_t at = 0, size = path.len + REQUEST_SEGMENTS_MAX + 2; /* twice: the segments, and joined again */
	int err = 0;

	if (path.len > REQUEST_PATH_MAX)
		return status_set(status, STATUS_BAD_REQUEST, "the path is longer than %u bytes",
				  REQUEST_PATH_MAX);
	request->text = calloc(2, size);
	if (!request->text)
		return status_of_errno(status, -ENOMEM);
	buf_init(&part, REQUEST_PATH_MAX);
	while (!err && path.len) {
		struct span head;

		span_cut(path, '/', &head, &path);
		if (!head.len)
			continue;
		buf_reset(&part);
		if (http_unescape(head, false, &part) || memchr(part.data, '\0', part.len) ||
		    !span_is_utf8(buf_span(&part)))
			err = status_set(status, STATUS_BAD_REQUEST, "the path is not percent-encoded UTF-8");
		else if (request->depth == REQUEST_SEGMENTS_MAX)
			err = status_no_resource(status);
		if (err)
			break;
		segments[request->depth++] = request->text + at;
		memcpy(request->text + at, part.data, part.len);
		at += part.len + 1;
	}
	buf_done(&part);
	return err;
}

/* The decoded path as one string, for requests that name no resource. */
static const char *join_path(const struct request *request, const char *const *segments, size_t raw_len)
{
	char *joined = request->text + raw_len + REQUEST_SEGMENTS_MAX + 2, *at = joined;

	for (size_t i = 0; i < request->depth; i++) {
		size_t len = strlen(segments[i]);

		*at++ = '/';
		memcpy(at, segments[i], len);
		at += len;
	}
	if (at == joined)
		*at++ = '/';
	*at = '\0';
	return joined;
}

/* What follows the version: [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE]]. */
static void parse_resource(struct request *request, const char *const *segments, size_t count)
{
	struct api_attributes *what = &request->what;
	bool own = count <= 2 || !strcmp(segments[2], "status") || !strcmp(segments[2], "finalize");

	if (!strcmp(segments[0], "namespaces") && count > 1 && !(count <= 3 && own)) {
		what->ns = segments[1];
		request->namespaced_path = true;
		segments += 2;
		count -= 2;
	}
	what->resource = segments[0];
	if (count > 1)
		what->name = segments[1];
	if (count > 2)
		what->subresource = segments[2];
	/* pods/x/proxy/rest/of/path: whoever serves the subresource reads the rest from the path */
	if (!strcmp(what->resource, "namespaces") && !request->namespaced_path)
		what->ns = what->name;
}

static void parse_path(struct request *request, const char *const *segments)
{
	struct api_attributes *what = &request->what;
	size_t count = request->depth, skip;

	if (count && segments[0] && !strcmp(segments[0], "api")) {
		what->version = count > 1 ? segments[1] : "";
		skip = 2;
	} else if (count && !strcmp(segments[0], "apis")) {
		what->group = count > 1 ? segments[1] : "";
		what->version = count > 2 ? segments[2] : "";
		skip = 3;
	} else {
		return;
	}
	if (count <= skip)
		return;
	if (!strcmp(segments[skip], "watch") && count > skip + 1) {
		request->options.watch = true;
		skip++;
	}
	what->is_resource = true;
	parse_resource(request, segments + skip, count - skip);
	request->kind = kind_of_plural(span_of(what->group), span_of(what->version), span_of(what->resource));
}

/* --- query --- */

typedef int set_fn(struct request *request, struct span value, struct status *status);

static bool truth(struct span value)
{
	return !(span_is(value, "0") || (value.len == 5 && !strncasecmp(value.ptr, "false", 5)));
}

static int set_labels(struct request *request, struct span value, struct status *status)
{
	struct err err = { 0 };

	selector_free(request->options.labels);
	request->options.labels = NULL;
	if (selector_parse_labels(value, &request->options.labels, &err))
		return status_set(status, STATUS_BAD_REQUEST, "unable to parse requirement: %s",
				  err_text(&err));
	return 0;
}

static int set_fields(struct request *request, struct span value, struct status *status)
{
	struct err err = { 0 };

	selector_free(request->options.fields);
	request->options.fields = NULL;
	if (selector_parse_fields(value, &request->options.fields, &err))
		return status_set(status, STATUS_BAD_REQUEST, "invalid field selector: %s", err_text(&err));
	return 0;
}

static int set_u64(const char *name, struct span value, uint64_t *out, struct status *status)
{
	if (!value.len)
		return 0;
	if (span_to_u64(value, out))
		return status_set(status, STATUS_BAD_REQUEST,
				  "%s: Invalid value: \"%.*s\": not a non-negative integer", name,
				  (int)(value.len > 64 ? 64 : value.len), value.ptr);
	return 0;
}

static int set_limit(struct request *request, struct span value, struct status *status)
{
	return set_u64("limit", value, &request->options.limit, status);
}

static int set_timeout(struct request *request, struct span value, struct status *status)
{
	return set_u64("timeoutSeconds", value, &request->options.timeout_s, status);
}

static int set_continue(struct request *request, struct span value, struct status *status)
{
	free(request->options.continue_token);
	request->options.continue_token = value.len ? span_dup(value) : NULL;
	return value.len && !request->options.continue_token ? status_of_errno(status, -ENOMEM) : 0;
}

static int set_revision(struct request *request, struct span value, struct status *status)
{
	request->options.has_revision = value.len > 0;
	return set_u64("resourceVersion", value, &request->options.revision, status);
}

static int set_match(struct request *request, struct span value, struct status *status)
{
	if (span_is(value, "Exact"))
		request->options.match = MATCH_EXACT;
	else if (span_is(value, "NotOlderThan"))
		request->options.match = MATCH_NOT_OLDER;
	else if (value.len)
		return status_set(
			status, STATUS_INVALID,
			"ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: "
			"Unsupported value: \"%.*s\": supported values: \"Exact\", \"NotOlderThan\"",
			(int)(value.len > 64 ? 64 : value.len), value.ptr);
	return 0;
}

static int set_watch(struct request *request, struct span value, struct status *status)
{
	request->options.watch = truth(value);
	return 0;
}

static int set_bookmarks(struct request *request, struct span value, struct status *status)
{
	request->options.bookmarks = truth(value);
	return 0;
}

static int set_initial(struct request *request, struct span value, struct status *status)
{
	request->options.send_initial = truth(value) ? TRI_TRUE : TRI_FALSE;
	return 0;
}

static int set_force(struct request *request, struct span value, struct status *status)
{
	request->options.force = truth(value);
	return 0;
}

static int set_dry_run(struct request *request, struct span value, struct status *status)
{
	if (!value.len)
		return 0;
	if (!span_is(value, "All"))
		return status_set(status, STATUS_INVALID,
				  "dryRun: Unsupported value: \"%.*s\": supported values: \"All\"",
				  (int)(value.len > 64 ? 64 : value.len), value.ptr);
	request->options.dry_run = true;
	return 0;
}

static int set_validation(struct request *request, struct span value, struct status *status)
{
	if (span_is(value, "Strict"))
		request->options.validation = VALIDATION_STRICT;
	else if (span_is(value, "Ignore"))
		request->options.validation = VALIDATION_IGNORE;
	else if (!value.len || span_is(value, "Warn"))
		request->options.validation = VALIDATION_WARN;
	else
		return status_set(status, STATUS_INVALID,
				  "fieldValidation: Unsupported value: \"%.*s\": "
				  "supported values: \"Ignore\", \"Strict\", \"Warn\"",
				  (int)(value.len > 64 ? 64 : value.len), value.ptr);
	return 0;
}

static int set_include(struct request *request, struct span value, struct status *status)
{
	if (span_is(value, "None"))
		request->options.include = INCLUDE_NONE;
	else if (span_is(value, "Object"))
		request->options.include = INCLUDE_OBJECT;
	else if (!value.len || span_is(value, "Metadata"))
		request->options.include = INCLUDE_METADATA;
	else
		return status_set(status, STATUS_BAD_REQUEST, "unrecognized includeObject value");
	return 0;
}

static int set_grace(struct request *request, struct span value, struct status *status)
{
	if (span_to_i64(value, &request->options.grace_s))
		return status_set(status, STATUS_BAD_REQUEST,
				  "gracePeriodSeconds: Invalid value: not an integer");
	request->options.has_grace = true;
	return 0;
}

static int set_propagation(struct request *request, struct span value, struct status *status)
{
	if (span_copy(value, request->options.propagation, sizeof(request->options.propagation)))
		return status_set(
			status, STATUS_INVALID,
			"DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "
			"Unsupported value: supported values: \"Foreground\", \"Background\", \"Orphan\"");
	return 0;
}

static int set_orphan(struct request *request, struct span value, struct status *status)
{
	request->options.orphan = truth(value) ? TRI_TRUE : TRI_FALSE;
	return 0;
}

static const struct {
	const char *name;
	set_fn *set;
} parameters[] = {
	{ "labelSelector", set_labels },
	{ "fieldSelector", set_fields },
	{ "limit", set_limit },
	{ "continue", set_continue },
	{ "resourceVersion", set_revision },
	{ "resourceVersionMatch", set_match },
	{ "watch", set_watch },
	{ "allowWatchBookmarks", set_bookmarks },
	{ "sendInitialEvents", set_initial },
	{ "timeoutSeconds", set_timeout },
	{ "dryRun", set_dry_run },
	{ "force", set_force },
	{ "fieldValidation", set_validation },
	{ "includeObject", set_include },
	{ "gracePeriodSeconds", set_grace },
	{ "propagationPolicy", set_propagation },
	{ "orphanDependents", set_orphan },
};

static int apply_parameter(struct request *request, struct span key, struct span value, struct status *status)
{
	if (memchr(value.ptr, '\0', value.len) || !span_is_utf8(value))
		return status_set(status, STATUS_BAD_REQUEST, "a query parameter is not UTF-8 text");
	for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
		if (span_is(key, parameters[i].name))
			return parameters[i].set(request, value, status);
	return 0; /* unknown ones are ignored, as upstream does */
}

static int parse_query(struct span query, struct request *request, struct status *status)
{
	struct buf key, value;
	size_t cursor = 0;
	int err = 0, next;

	if (query.len > REQUEST_QUERY_MAX)
		return status_set(status, STATUS_BAD_REQUEST, "the query is longer than %u bytes",
				  REQUEST_QUERY_MAX);
	buf_init(&key, REQUEST_QUERY_MAX);
	buf_init(&value, REQUEST_QUERY_MAX);
	while (!err && !(next = http_query_next(query, &cursor, &key, &value)))
		err = apply_parameter(request, buf_span(&key),
				      span_make(value.len ? value.data : "", value.len), status);
	if (!err && next != -ENOENT)
		err = status_set(status, STATUS_BAD_REQUEST, "the query is not well-formed");
	buf_done(&key);
	buf_done(&value);
	return err;
}

/* --- verb --- */

static const struct {
	const char *method, *verb, *verb_without_name, *verb_of_path;
} methods[] = {
	{ "GET", "get", "list", "get" },
	{ "HEAD", "get", "list", "head" },
	{ "POST", "create", "create", "post" },
	{ "PUT", "update", "update", "put" },
	{ "PATCH", "patch", "patch", "patch" },
	{ "DELETE", "delete", "deletecollection", "delete" },
	{ "OPTIONS", "options", "options", "options" },
	{ "CONNECT", "connect", "connect", "connect" },
};

static int find_verb(struct span method, struct request *request, struct status *status)
{
	struct api_attributes *what = &request->what;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (!span_is(method, methods[i].method))
			continue;
		what->verb = !what->is_resource ? methods[i].verb_of_path
			     : what->name[0]	? methods[i].verb
						: methods[i].verb_without_name;
		if (what->is_resource && !what->subresource[0] && request->options.watch &&
		    (!strcmp(what->verb, "list") || !strcmp(what->verb, "get")))
			what->verb = "watch";
		return 0;
	}
	return status_set(status, STATUS_METHOD_NOT_ALLOWED,
			  "the server does not allow this method on the requested resource");
}

/* Which fields may be selected on is the kind's to say; the keys become those that are indexed. */
static int check_fields(const struct request *request, struct status *status)
{
	const char *key;

	for (size_t i = 0; request->kind && (key = selector_key(request->options.fields, i)); i++) {
		const char *indexed = kind_field_key(request->kind, key);

		if (!indexed)
			return status_set(status, STATUS_BAD_REQUEST, "field label not supported: %s", key);
		if (strcmp(indexed, key) != 0 && selector_rename(request->options.fields, i, indexed))
			return status_of_errno(status, -ENOMEM);
	}
	return 0;
}

int request_parse(const struct api_request *from, struct request *request, struct status *status)
{
	const char *segments[REQUEST_SEGMENTS_MAX + 1] = { NULL };

	memset(request, 0, sizeof(*request));
	request->what = (struct api_attributes){
		.identity = from->identity,
		.verb = "",
		.path = "",
		.group = "",
		.version = "",
		.resource = "",
		.subresource = "",
		.ns = "",
		.name = "",
	};
	int err = split_path(from->path, request, segments, status);

	if (err)
		return err;
	parse_path(request, segments);
	if (!request->what.is_resource)
		request->what.path = join_path(request, segments, from->path.len);
	err = parse_query(from->query, request, status);
	if (!err)
		err = find_verb(from->method, request, status);
	if (!err && request->options.fields)
		err = check_fields(request, status);
	request->what.labels = request->options.labels;
	request->what.fields = request->options.fields;
	request->what.dry_run = request->options.dry_run;
	return err;
}

void request_done(struct request *request)
{
	selector_free(request->options.labels);
	selector_free(request->options.fields);
	free(request->options.continue_token);
	free(request->text);
	memset(request, 0, sizeof(*request));
}

/* --- options that belong together --- */

static const char *initial_problem(const struct request_options *o)
{
	if (o->send_initial == TRI_UNSET)
		return NULL;
	if (!o->watch)
		return "sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list";
	if (o->match != MATCH_NOT_OLDER)
		return "sendInitialEvents: Forbidden: sendInitialEvents requires setting "
		       "resourceVersionMatch to NotOlderThan";
	return NULL;
}

static const char *match_problem(const struct request_options *o)
{
	if (o->match == MATCH_UNSET)
		return NULL;
	if (o->watch && o->send_initial == TRI_UNSET)
		return "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless "
		       "sendInitialEvents is provided";
	if (o->watch)
		return NULL;
	if (!o->has_revision)
		return "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless "
		       "resourceVersion is provided";
	if (o->continue_token)
		return "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is "
		       "provided";
	if (o->match == MATCH_EXACT && o->revision == 0)
		return "resourceVersionMatch: Forbidden: resourceVersionMatch \"exact\" is forbidden for "
		       "resourceVersion \"0\"";
	return NULL;
}

int request_check_list(const struct request *request, struct status *status)
{
	const char *problem = initial_problem(&request->options);

	if (!problem)
		problem = match_problem(&request->options);
	if (!problem)
		return 0;
	return status_set(status, STATUS_INVALID, "ListOptions.meta.k8s.io \"\" is invalid: %s", problem);
}
