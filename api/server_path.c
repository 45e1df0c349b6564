/* Requests that name no resource: discovery, OpenAPI, health, version, and what the daemon added. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/openapi.h"
#include "api/server_internal.h"
#include "base/hash.h"

#define DOCUMENT_MAX (16u * 1024 * 1024)
/* Asked for with an @, which is no media type that a client can parse back. */
#define OPENAPI_PROTOBUF_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"

/* --- documents, rendered once --- */

static int render_aggregated(struct api_call *call, bool legacy, struct buf *out)
{
	return discovery_aggregated(legacy, call->accept.version, out);
}

static int render_api(struct api_call *call, struct buf *out)
{
	return call->accept.form == FORM_DISCOVERY ? render_aggregated(call, true, out)
						   : discovery_api_versions(out);
}

static int render_apis(struct api_call *call, struct buf *out)
{
	return call->accept.form == FORM_DISCOVERY ? render_aggregated(call, false, out)
						   : discovery_groups(out);
}

static int render_group(struct api_call *call, struct buf *out)
{
	return discovery_group(span_of(call->request.what.group), out);
}

static int render_resources(struct api_call *call, struct buf *out)
{
	return discovery_resources(span_of(call->request.what.group), span_of(call->request.what.version),
				   out);
}

static int render_openapi_v2(struct api_call *call, struct buf *out)
{
	return call->accept.form == FORM_OPENAPI_PROTOBUF ? openapi_v2_protobuf(out) : openapi_v2_json(out);
}

static int render_openapi_v3_index(struct api_call *call, struct buf *out)
{
	return openapi_v3_index(out);
}

/* /openapi/v3/api/v1, /openapi/v3/apis/G/V */
static int render_openapi_v3(struct api_call *call, struct buf *out)
{
	struct span group, version, rest = span_of(call->request.what.path + strlen("/openapi/v3/"));

	if (span_has_prefix(rest, SPAN("api/")))
		return openapi_v3(SPAN(""), span_make(rest.ptr + 4, rest.len - 4), out);
	if (!span_has_prefix(rest, SPAN("apis/")))
		return -ENOENT;
	rest = span_make(rest.ptr + 5, rest.len - 5);
	if (!span_cut(rest, '/', &group, &version))
		return -ENOENT;
	return openapi_v3(group, version, out);
}

static int render_version(struct api_call *call, struct buf *out)
{
	return discovery_version(out);
}

/* What can be asked for at "/", as upstream's index. */
static int render_index(struct api_call *call, struct buf *out)
{
	const struct api *api = call->api;

	buf_add_str(out, "{\"paths\":[\"/api\",\"/api/v1\",\"/apis\",\"/healthz\",\"/livez\",\"/openapi/"
			 "v2\",\"/openapi/v3\","
			 "\"/readyz\",\"/version\"");
	for (size_t i = 0; i < api->route_count; i++) {
		buf_add_char(out, ',');
		buf_add_json_str(out, span_of(api->routes[i].path));
	}
	buf_add_str(out, "]}");
	return buf_error(out);
}

enum document_match { MATCH_PATH, MATCH_PREFIX };
static const struct document {
	enum document_match match;
	const char *path;
	size_t depth; /* segments; 0: any */
	enum accept_set accepts;
	int (*render)(struct api_call *call, struct buf *out);
} documents[] = {
	{ MATCH_PATH, "/", 0, ACCEPT_JSON_ONLY, render_index },
	{ MATCH_PATH, "/version", 0, ACCEPT_JSON_ONLY, render_version },
	{ MATCH_PATH, "/openapi/v2", 0, ACCEPT_OPENAPI, render_openapi_v2 },
	{ MATCH_PATH, "/openapi/v3", 0, ACCEPT_JSON_ONLY, render_openapi_v3_index },
	{ MATCH_PREFIX, "/openapi/v3/", 0, ACCEPT_JSON_ONLY, render_openapi_v3 },
	{ MATCH_PREFIX, "/api", 1, ACCEPT_DISCOVERY, render_api },
	{ MATCH_PREFIX, "/api/", 2, ACCEPT_JSON_ONLY, render_resources },
	{ MATCH_PREFIX, "/apis", 1, ACCEPT_DISCOVERY, render_apis },
	{ MATCH_PREFIX, "/apis/", 2, ACCEPT_JSON_ONLY, render_group },
	{ MATCH_PREFIX, "/apis/", 3, ACCEPT_JSON_ONLY, render_resources },
};

static const struct document *find_document(const struct request *request)
{
	const char *path = request->what.path;

	for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++) {
		const struct document *document = &documents[i];

		if (document->match == MATCH_PATH
			    ? strcmp(path, document->path) != 0
			    : strncmp(path, document->path, strlen(document->path)) != 0)
			continue;
		if (document->match == MATCH_PREFIX && document->depth == 1 &&
		    strcmp(path, document->path) != 0)
			continue;
		if (!document->depth || document->depth == request->depth)
			return document;
	}
	return NULL;
}

/* Rendered anew, or as kept. Only what was rendered is kept, so strange paths cost nothing lasting. */
static int get_document(struct api_call *call, const struct document *document, const struct buf **out)
{
	struct map *kept = &call->api->documents;
	struct buf key, *text;

	buf_init(&key, REQUEST_PATH_MAX + 64);
	int err =
		buf_addf(&key, "%d %s %s", call->accept.form, call->accept.version, call->request.what.path);
	struct span name = buf_span(&key);

	*out = err ? NULL : map_get(kept, name);
	if (err || *out)
		goto out;
	text = calloc(1, sizeof(*text));
	if (!text) {
		err = -ENOMEM;
		goto out;
	}
	buf_init(text, DOCUMENT_MAX);
	err = document->render(call, text);
	if (!err)
		err = buf_error(text);
	if (!err)
		err = map_put(kept, name, text, NULL);
	if (err) {
		buf_done(text);
		free(text);
	} else {
		*out = text;
	}
out:
	buf_done(&key);
	return err;
}

static const char *document_type(const struct accept *accept, char *scratch, size_t size)
{
	if (accept->form == FORM_OPENAPI_PROTOBUF)
		return OPENAPI_PROTOBUF_TYPE;
	if (accept->form != FORM_DISCOVERY)
		return "application/json";
	snprintf(scratch, size, "application/json;g=apidiscovery.k8s.io;v=%s;as=APIGroupDiscoveryList",
		 accept->version);
	return scratch;
}

static void respond_document(struct api_call *call, const struct buf *document)
{
	char type[128], etag[32];
	struct span body = buf_span(document);

	snprintf(etag, sizeof(etag), "\"%016llX\"", (unsigned long long)hash64(body, 0));
	const struct api_header headers[] = { { SPAN("ETag"), span_of(etag) },
					      { SPAN("Vary"), SPAN("Accept") },
					      { SPAN("Cache-Control"), SPAN("public") } };
	bool known = span_eq(call->from->if_none_match, span_of(etag));

	call_enter(call);
	call_tell(call, known ? 304 : 200);
	call->responder.respond(call->ctx, known ? 304 : 200,
				document_type(&call->accept, type, sizeof(type)), headers, 3,
				known ? SPAN("") : body);
	call->over = true;
	call_leave(call);
}

static void serve_document(struct api_call *call, const struct document *document)
{
	const struct buf *text = NULL;
	struct status status;
	int err;

	status_init(&status);
	if (strcmp(call->request.what.verb, "get") != 0 && strcmp(call->request.what.verb, "head") != 0)
		err = status_set(&status, STATUS_METHOD_NOT_ALLOWED,
				 "the server does not allow this method on the requested resource");
	else if (accept_choose(call->from->accept, document->accepts, &call->accept))
		err = status_set(&status, STATUS_NOT_ACCEPTABLE,
				 "only the following media types are accepted: application/json");
	else if ((err = get_document(call, document, &text)) == -ENOENT)
		status_no_resource(&status);
	else if (err == -ENOSYS) /* a "not found" is what clients take for "do without" */
		status_set(&status, STATUS_NOT_FOUND,
			   "this build serves no OpenAPI documents (HOLDFAST_OPENAPI); the full one does");
	else if (err)
		status_of_errno(&status, err);
	if (err)
		call_status(call, &status);
	else
		respond_document(call, text);
	status_done(&status);
}

/* --- health --- */

static void serve_health(struct api_call *call)
{
	const struct api_hooks *hooks = &call->api->options.hooks;
	bool readyz = !strncmp(call->request.what.path, "/readyz", 7), ready = true;
	struct buf text;

	buf_init(&text, 64u * 1024);
	if (readyz && hooks->ready)
		ready = hooks->ready(hooks->ctx, &text);
	if (ready) {
		buf_reset(&text);
		buf_add_str(&text, "ok");
	}
	call_respond(call, ready ? 200 : 503, "text/plain; charset=utf-8", buf_span(&text));
	buf_done(&text);
}

void serve_path(struct api_call *call)
{
	const char *path = call->request.what.path;
	const struct api_route *route = route_of(call->api, path);
	const struct document *document = find_document(&call->request);
	struct status status;

	if (route) {
		call_hand_over(call);
		route->fn(route->ctx, call->from, &call_handed_over, call);
	} else if (is_health_path(path)) {
		serve_health(call);
	} else if (document) {
		serve_document(call, document);
	} else {
		status_init(&status);
		status_no_resource(&status);
		call_status(call, &status);
		status_done(&status);
	}
}
