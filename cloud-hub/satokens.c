#include "cloud-hub/satokens.h"

#include "api/object_json.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "satokens"

struct satokens {
	struct cache *cache;
	struct satoken_keys *keys;
};

/* The API's own audience. */
static const char *const own_audience[] = { SATOKEN_ISSUER, NULL };

/* --- objects --- */

static int deletion_of(const struct object *object, int64_t *out)
{
	static const char word[] = "\"deletionTimestamp\"";
	struct json *tree = NULL;
	int code;

	*out = 0;
	if (!memmem(object->body.ptr, object->body.len, word, sizeof(word) - 1))
		return 0; /* as of nearly all: no need to parse it */
	code = object_to_json(object, &tree);
	if (!code && json_path(tree, "metadata.deletionTimestamp"))
		code = clock_parse(span_of(json_path_str(tree, "metadata.deletionTimestamp", "")), out);
	json_free(tree);
	return code;
}

static int find(void *ctx, const struct key *key, struct satoken_object *out)
{
	struct satokens *satokens = ctx;
	struct object *object = NULL;
	int code = cache_get(satokens->cache, key, &object);

	if (!code)
		code = span_copy(span_of(object->uid), out->uid, sizeof(out->uid));
	if (!code)
		code = deletion_of(object, &out->deletion_wall_ms);
	object_unref(object);
	return code;
}

/* --- asked for --- */

/* One request for a token, as it is put together. Strings are borrowed from the body and from the objects. */
struct asking {
	struct satokens *satokens;
	const struct api_attributes *what;
	struct json *body;
	struct status *status;
	struct satoken_terms terms;
	const char *audiences[SATOKEN_AUDIENCES_MAX + 1];
	struct object *bound, *node;
	struct json *pod;
};

static int bad(struct asking *asking, const char *why)
{
	return status_set(asking->status, STATUS_BAD_REQUEST, "%s", why);
}

static int read_audiences(struct asking *asking)
{
	const struct json *list = json_path(asking->body, "spec.audiences");
	size_t count = json_count(list);

	if (count > SATOKEN_AUDIENCES_MAX)
		return bad(asking, "spec.audiences: too many");
	asking->audiences[0] = SATOKEN_ISSUER;
	for (size_t i = 0; i < count; i++) {
		asking->audiences[i] = json_str(json_at(list, i), "");
		if (!asking->audiences[i][0] || strlen(asking->audiences[i]) > 255)
			return bad(asking, "spec.audiences: each has 1 to 255 bytes");
	}
	asking->terms.audiences = asking->audiences;
	return 0;
}

static int read_lifetime(struct asking *asking, int64_t now_wall_ms)
{
	int64_t seconds = json_path_int(asking->body, "spec.expirationSeconds", SATOKEN_TTL_DEFAULT_S);

	/* Upstream's words (pkg/apis/authentication/validation). */
	if (seconds < SATOKEN_TTL_MIN_S)
		return status_set(
			asking->status, STATUS_INVALID,
			"TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: "
			"Invalid value: %lld: may not specify a duration less than 10 minutes",
			(long long)seconds);
	if (seconds > 1LL << 32)
		return status_set(
			asking->status, STATUS_INVALID,
			"TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: "
			"Too long: may not specify a duration larger than 2^32 seconds");
	if (seconds > SATOKEN_TTL_MAX_S)
		seconds = SATOKEN_TTL_MAX_S;
	asking->terms.issued_wall_ms = now_wall_ms;
	asking->terms.expires_wall_ms = now_wall_ms + seconds * 1000;
	return 0;
}

static int read_bound(struct asking *asking, const char *resource, const char *ns, const char *name,
		      struct satoken_ref *out)
{
	const char *uid = json_path_str(asking->body, "spec.boundObjectRef.uid", "");
	const struct key key = { resource, ns, name };
	int code = cache_get(asking->satokens->cache, &key, &asking->bound);

	if (code == -ENOENT)
		return status_not_found(asking->status, (struct status_about){ "", resource, "", name });
	if (code)
		return status_of_errno(asking->status, code);
	if (*uid && strcmp(uid, asking->bound->uid) != 0)
		return status_conflict(asking->status, (struct status_about){ "", resource, "", name },
				       "the UID in the bound object reference (%s) does not match the UID in "
				       "record. The object might have been deleted and then recreated",
				       uid);
	*out = (struct satoken_ref){ asking->bound->key.name, asking->bound->uid };
	return 0;
}

/* The node of a pod that runs somewhere is told too, where there is such a Node. */
static void add_node(struct asking *asking)
{
	const struct key key = { "nodes", "", json_path_str(asking->pod, "spec.nodeName", "") };

	if (*key.name && cache_get(asking->satokens->cache, &key, &asking->node) == 0)
		asking->terms.node = (struct satoken_ref){ asking->node->key.name, asking->node->uid };
}

static int bind_pod(struct asking *asking, const char *name)
{
	int code = read_bound(asking, "pods", asking->what->ns, name, &asking->terms.pod);

	if (code)
		return code;
	code = object_to_json(asking->bound, &asking->pod);
	if (code)
		return status_of_errno(asking->status, code);
	if (strcmp(json_path_str(asking->pod, "spec.serviceAccountName", ""), asking->what->name) != 0)
		return status_set(asking->status, STATUS_BAD_REQUEST,
				  "cannot bind token for serviceaccount \"%s\" to pod running with different "
				  "serviceaccount name.",
				  asking->what->name);
	add_node(asking);
	return 0;
}

static int bind(struct asking *asking)
{
	const struct json *ref = json_path(asking->body, "spec.boundObjectRef");
	const char *kind = json_path_str(ref, "kind", ""), *version = json_path_str(ref, "apiVersion", ""),
		   *name = json_path_str(ref, "name", "");

	if (!ref)
		return 0;
	if (strcmp(version, "v1") == 0 && strcmp(kind, "Pod") == 0)
		return bind_pod(asking, name);
	if (strcmp(version, "v1") == 0 && strcmp(kind, "Secret") == 0)
		return read_bound(asking, "secrets", asking->what->ns, name, &asking->terms.secret);
	if (strcmp(version, "v1") == 0 && strcmp(kind, "Node") == 0)
		return read_bound(asking, "nodes", "", name, &asking->terms.node);
	return status_set(asking->status, STATUS_BAD_REQUEST,
			  "cannot bind token to object of type %s, Kind=%s", version, kind);
}

/* A node gets tokens for pods bound to itself, bound to these pods (upstream's NodeRestriction admission, and its words). */
static int check_node(struct asking *asking)
{
	const char *node = identity_node(asking->what->identity);
	struct status_about about = { "", "serviceaccounts", "", asking->what->name };

	if (!node)
		return 0;
	if (!asking->terms.pod.name)
		return status_forbidden(asking->status, about, "node requested token not bound to a pod");
	if (!json_path_str(asking->body, "spec.boundObjectRef.uid", "")[0])
		return status_forbidden(asking->status, about,
					"node requested token with a pod binding without a uid");
	if (strcmp(json_path_str(asking->pod, "spec.nodeName", ""), node) != 0)
		return status_forbidden(asking->status, about,
					"node requested token bound to a pod scheduled on a different node");
	return 0;
}

static int fill_answer(struct asking *asking)
{
	const struct satoken_terms *terms = &asking->terms;
	struct json *status = json_ensure(asking->body, "status"), *spec = json_ensure(asking->body, "spec"),
		    *audiences = json_new_array();
	char expires[CLOCK_TEXT_SIZE];
	struct buf token;
	int code = status && spec ? 0 : -ENOMEM;

	for (size_t i = 0; !code && terms->audiences[i]; i++)
		code = json_append(audiences, json_new_str(terms->audiences[i]));
	if (code) {
		json_free(audiences);
		return code;
	}
	clock_format(terms->expires_wall_ms, expires);
	buf_init(&token, JWT_MAX);
	code = satoken_issue(asking->satokens->keys, terms,
			     &token); /* before the strings it needs are replaced */
	if (!code)
		code = json_set(status, "token", json_new_span(buf_span(&token)));
	if (!code)
		code = json_set_str(status, "expirationTimestamp", expires);
	buf_done(&token);
	if (code) {
		json_free(audiences);
		return code;
	}
	code = json_set(spec, "audiences", audiences);
	return code ? code
		    : json_set_int(spec, "expirationSeconds",
				   (terms->expires_wall_ms - terms->issued_wall_ms) / 1000);
}

static int request_token(void *ctx, const struct api_attributes *what, struct json *object,
			 const struct object *stored, struct status *status)
{
	struct asking asking = { .satokens = ctx, .what = what, .body = object, .status = status };
	int code = read_audiences(&asking);

	asking.terms.ns = what->ns;
	asking.terms.account = (struct satoken_ref){ stored->key.name, stored->uid };
	if (!code)
		code = read_lifetime(&asking, clock_wall_ms());
	if (!code)
		code = bind(&asking);
	if (!code)
		code = check_node(&asking);
	if (!code) {
		code = fill_answer(&asking);
		if (code)
			(void)status_of_errno(status, code);
	}
	json_free(asking.pod);
	object_unref(asking.bound);
	object_unref(asking.node);
	return code;
}

/* --- shown --- */

static int identify(struct satokens *satokens, struct span token, const char *const *audiences,
		    const struct api_identity **out, struct json **matched, struct err *err)
{
	const struct satoken_check check = {
		.audiences = audiences, .now_wall_ms = clock_wall_ms(), .find = find, .ctx = satokens
	};

	return satoken_identify(satokens->keys, token, &check, out, matched, err);
}

int satokens_identify(struct satokens *satokens, struct span token, const struct api_identity **out,
		      struct err *err)
{
	return identify(satokens, token, own_audience, out, NULL, err);
}

bool satokens_is_bound(struct satokens *satokens, const struct api_identity *identity)
{
	return satoken_is_bound(identity, clock_wall_ms(), find, satokens);
}

static int set_user(struct json *status, const struct api_identity *identity)
{
	struct json *user = json_ensure(status, "user"), *groups = json_new_array(),
		    *extra = user ? json_ensure(user, "extra") : NULL;
	int code = extra ? json_set_str(user, "username", identity->user) : -ENOMEM;

	for (size_t i = 0; !code && identity->groups[i]; i++)
		code = json_append(groups, json_new_str(identity->groups[i]));
	if (code) {
		json_free(groups);
		return code;
	}
	code = json_set(user, "groups", groups);
	if (!code)
		code = json_set_str(user, "uid", identity->uid);
	for (const struct api_extra *e = identity->extra; !code && e && e->key; e++) {
		struct json *values = json_new_array();

		code = json_append(values, json_new_str(e->values[0]));
		if (code)
			json_free(values);
		else
			code = json_set(extra, e->key, values);
	}
	return code;
}

static int review_token(void *ctx, const struct api_attributes *what, struct json *object,
			const struct object *stored, struct status *status)
{
	struct satokens *satokens = ctx;
	const struct json *asked = json_path(object, "spec.audiences");
	const char *audiences[SATOKEN_AUDIENCES_MAX + 1] = { NULL };
	const struct api_identity *identity = NULL;
	struct json *matched = NULL, *answer = json_ensure(object, "status");
	struct err err = { 0 };
	int code;

	(void)what;
	(void)stored;
	if (!answer)
		return status_of_errno(status, -ENOMEM);
	if (json_count(asked) > SATOKEN_AUDIENCES_MAX)
		return status_set(status, STATUS_BAD_REQUEST, "spec.audiences: too many");
	for (size_t i = 0; i < json_count(asked); i++)
		audiences[i] = json_str(json_at(asked, i), "");
	code = identify(satokens, json_span(json_path(object, "spec.token")),
			json_count(asked) ? audiences : own_audience, &identity, &matched, &err);
	if (code == -EKEYREJECTED) {
		code = json_set_bool(answer, "authenticated", false);
		if (!code)
			code = json_set_str(answer, "error", err_text(&err));
	} else if (!code) {
		code = json_set(answer, "audiences", matched);
		if (!code)
			code = json_set_bool(answer, "authenticated", true);
		if (!code)
			code = set_user(answer, identity);
	}
	identity_free(identity);
	return code ? status_of_errno(status, code) : 0;
}

/* --- keys --- */

static void serve_keys(void *ctx, const struct api_request *request, const struct api_responder *responder,
		       void *responder_ctx)
{
	struct satokens *satokens = ctx;
	struct buf body;

	if (!span_is(request->method, "GET") && !span_is(request->method, "HEAD")) {
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED, "keys are read with GET");
		return;
	}
	buf_init(&body, REPLY_MAX);
	if (satoken_keys_write_jwks(satokens->keys, &body))
		reply_refuse(responder, responder_ctx, STATUS_INTERNAL_ERROR, "the keys cannot be shown");
	else
		responder->respond(responder_ctx, 200, "application/jwk-set+json", NULL, 0, buf_span(&body));
	buf_done(&body);
}

static void serve_configuration(void *ctx, const struct api_request *request,
				const struct api_responder *responder, void *responder_ctx)
{
	(void)ctx;
	(void)request;
	reply_json(responder, responder_ctx, 200,
		   SPAN("{\"issuer\":\"" SATOKEN_ISSUER "\",\"jwks_uri\":\"" SATOKEN_ISSUER
			"/openid/v1/jwks\",\"response_types_supported\":[\"id_token\"],"
			"\"subject_types_supported\":[\"public\"],\"id_token_signing_alg_values_supported\":["
			"\"ES256\"]}"));
}

static void serve_rotate(void *ctx, const struct api_request *request, const struct api_responder *responder,
			 void *responder_ctx)
{
	struct satokens *satokens = ctx;
	struct err err = { 0 };
	struct buf body;

	if (!span_is(request->method, "POST")) {
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED, "a rotation takes POST");
		return;
	}
	if (satoken_keys_rotate(satokens->keys, &err)) {
		reply_refuse(responder, responder_ctx, STATUS_INTERNAL_ERROR, err_text(&err));
		return;
	}
	log_info(MODULE, "rotated", "keys=%zu", satoken_keys_count(satokens->keys));
	buf_init(&body, REPLY_MAX);
	buf_addf(&body, "{\"keys\":%zu}\n", satoken_keys_count(satokens->keys));
	reply_json(responder, responder_ctx, 200, buf_span(&body));
	buf_done(&body);
}

/* --- life --- */

int satokens_new(struct cache *cache, struct vault *vault, const char *path, struct satokens **out,
		 struct err *err)
{
	struct satokens *satokens = calloc(1, sizeof(*satokens));
	int code;

	if (!satokens)
		return err_set(err, -ENOMEM, "out of memory");
	satokens->cache = cache;
	code = satoken_keys_open(vault, path, &satokens->keys, err);
	if (code) {
		free(satokens);
		return code;
	}
	*out = satokens;
	return 0;
}

void satokens_free(struct satokens *satokens)
{
	if (!satokens)
		return;
	satoken_keys_free(satokens->keys);
	free(satokens);
}

int satokens_serve(struct satokens *satokens, struct api *api)
{
	static const struct {
		const char *path;
		api_route_fn *fn;
	} routes[] = {
		{ "/openid/v1/jwks", serve_keys },
		{ "/.well-known/openid-configuration", serve_configuration },
		{ TOKEN_KEYS_PATH, serve_keys },
		{ TOKEN_KEYS_PATH "/rotate", serve_rotate },
	};
	int code = api_compute_add(api, "", "serviceaccounts", "token", request_token, satokens);

	if (!code)
		code = api_compute_add(api, "authentication.k8s.io", "tokenreviews", "", review_token,
				       satokens);
	for (size_t i = 0; !code && i < sizeof(routes) / sizeof(routes[0]); i++)
		code = api_route_add(api, routes[i].path, false, routes[i].fn, satokens);
	return code;
}
