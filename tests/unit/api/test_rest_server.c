/* Who may ask, what is served beside resources, and what the daemon adds. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/object_json.h"
#include "api/recent.h"
#include "tests/unit/api/rig.h"

static void nobody_is_unauthorized(void **state)
{
	struct rig *rig = *state;

	rig->anonymous = true;
	expect_status(rig, 401, "Unauthorized", "Unauthorized", "GET", MAPS, NULL);
	expect_status(rig, 401, "Unauthorized", "Unauthorized", "GET", "/api", NULL);
	expect_status(rig, 401, "Unauthorized", "Unauthorized", "GET", "/no/such/path", NULL);
	expect_status(rig, 401, "Unauthorized", "Unauthorized", "GET", "/%zz", NULL);
	expect_code(rig, 200, "GET", "/healthz", NULL);
	expect_code(rig, 200, "GET", "/livez", NULL);
	expect_code(rig, 200, "GET", "/readyz", NULL);
}

static void denials_say_who_and_what(void **state)
{
	struct rig *rig = *state;

	rig->denied_verb = "list";
	expect_status(rig, 403, "Forbidden",
		      "pods is forbidden: User \"admin\" cannot list resource \"pods\" in API group \"\" in "
		      "the namespace \"web\": no such grant",
		      "GET", PODS, NULL);
	expect_status(rig, 403, "Forbidden",
		      "daemonsets.apps is forbidden: User \"admin\" cannot list resource \"daemonsets\" in "
		      "API group \"apps\" at the cluster scope",
		      "GET", "/apis/apps/v1/daemonsets", NULL);
	rig->denied_verb = "get";
	expect_status(rig, 403, "Forbidden",
		      "pods \"p\" is forbidden: User \"admin\" cannot get resource \"pods/status\" in API "
		      "group \"\" in the namespace \"web\"",
		      "GET", PODS "/p/status", NULL);
	expect_status(rig, 403, "Forbidden", "forbidden: User \"admin\" cannot get path \"/version\"", "GET",
		      "/version", NULL);
	rig->denied_verb = "watch";
	expect_status(rig, 403, "Forbidden", "cannot watch resource", "GET", PODS "?watch=true", NULL);
	rig->denied_verb = "deletecollection";
	expect_status(rig, 403, "Forbidden", "cannot deletecollection resource", "DELETE", PODS, NULL);
}

static void without_an_authorizer_nothing_is_allowed(void **state)
{
	struct rig *rig = *state;

	rig->options.hooks.authorize = NULL;
	rig_restart_api(rig);
	expect_status(rig, 403, "Forbidden", "cannot list resource", "GET", MAPS, NULL);
	expect_status(rig, 403, "Forbidden", "cannot get path", "GET", "/apis", NULL);
	expect_code(rig, 200, "GET", "/healthz", NULL);
}

static void paths_that_lead_nowhere(void **state)
{
	static const struct {
		int code;
		const char *method, *path;
	} cases[] = {
		{ 404, "GET", "/nowhere" },
		{ 404, "GET", "/api/v2/pods" },
		{ 404, "GET", "/api/v1/gadgets" },
		{ 404, "GET", "/apis/none.example/v1" },
		{ 404, "GET", "/apis/apps/v9" },
		{ 404, "GET", "/api/v1/namespaces/web/nodes" },
		{ 404, "GET", "/api/v1/pods/p" },
		{ 404, "GET", PODS "/p/frobnicate" },
		{ 404, "GET", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p/q/r" },
		{ 405, "POST", "/api/v1/pods" },
		{ 405, "POST", PODS "/p" },
		{ 405, "POST", "/api" },
		{ 405, "FROB", PODS },
		{ 405, "OPTIONS", PODS },
		{ 405, "GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews" },
		{ 400, "GET", "/api/v1/namespaces/web/pods/%zz" },
		{ 400, "GET", "/api/v1/namespaces/web/pods/%00" },
		{ 400, "GET", "/api/v1/namespaces/web/pods/%ff" },
		{ 400, "GET", PODS "?limit=%zz" },
		{ 400, "GET", PODS "?labelSelector=%00" },
		{ 400, "GET", PODS "?timeoutSeconds=soon" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect_code(*state, cases[i].code, cases[i].method, cases[i].path,
			    cases[i].method[0] == 'P' ? "{}" : NULL);
}

static void slashes_and_heads_are_forgiven(void **state)
{
	expect_code(*state, 200, "GET", "/api/", NULL);
	expect_code(*state, 200, "GET", "//api//v1/namespaces/", NULL);
	expect_code(*state, 200, "HEAD", MAPS, NULL);
	expect_code(*state, 200, "GET", "/api/v1/namespaces/w%65b/pods", NULL);
}

static void discovery_is_served_in_both_shapes(void **state)
{
	struct rig *rig = *state;
	struct answer *a = ask(rig, "GET", "/api", NULL);

	assert_string_equal(text_at(a, "kind"), "APIVersions");
	answer_free(a);
	a = ask(rig, "GET", "/apis/apps/v1", NULL);
	assert_string_equal(text_at(a, "kind"), "APIResourceList");
	answer_free(a);
	a = ask(rig, "GET", "/apis/apps", NULL);
	assert_string_equal(text_at(a, "kind"), "APIGroup");
	answer_free(a);
	rig->accept =
		"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
		"application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
	a = ask(rig, "GET", "/apis", NULL);
	assert_string_equal(a->type, "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
	assert_string_equal(text_at(a, "kind"), "APIGroupDiscoveryList");
	answer_free(a);
	rig->accept = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";
	a = ask(rig, "GET", "/api", NULL);
	assert_string_equal(text_at(a, "apiVersion"), "apidiscovery.k8s.io/v2beta1");
	answer_free(a);
}

static void documents_have_etags(void **state)
{
	struct rig *rig = *state;
	struct answer *a = ask(rig, "GET", "/openapi/v2", NULL);
	char etag[64];

	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "swagger"), "2.0");
	const char *at = strstr(buf_cstr(&a->headers), "ETag: ");

	assert_non_null(at);
	(void)snprintf(etag, sizeof(etag), "%.*s", (int)strcspn(at + 6, "\n"), at + 6);
	answer_free(a);
	rig->if_none_match = etag;
	a = ask(rig, "GET", "/openapi/v2", NULL);
	assert_int_equal(a->code, 304);
	assert_int_equal(a->body.len, 0);
	answer_free(a);
	rig->if_none_match = NULL;
	rig->accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
	a = ask(rig, "GET", "/openapi/v2", NULL);
	assert_int_equal(a->code, 200);
	assert_string_equal(a->type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
	assert_true(a->body.len > 1000 && a->body.data[0] == '\n');
	answer_free(a);
	rig->accept = NULL;
	a = ask(rig, "GET", "/openapi/v3/apis/apps/v1?hash=x", NULL);
	assert_int_equal(a->code, 200);
	assert_true(json_path(answer_json(a), "components.schemas") != NULL);
	answer_free(a);
	expect_code(rig, 200, "GET", "/openapi/v3", NULL);
	expect_code(rig, 200, "GET", "/openapi/v3/api/v1", NULL);
	expect_code(rig, 404, "GET", "/openapi/v3/apis/none/v1", NULL);
	expect_code(rig, 200, "GET", "/version", NULL);
	expect_code(rig, 200, "GET", "/", NULL);
}

static bool not_ready(void *ctx, struct buf *out)
{
	return buf_add_str(out, "store: opening\n") != 0;
}

static void readiness_is_asked_for(void **state)
{
	struct rig *rig = *state;

	rig->options.hooks.ready = not_ready;
	rig_restart_api(rig);
	struct answer *a = ask(rig, "GET", "/readyz", NULL);

	assert_int_equal(a->code, 503);
	assert_string_equal(buf_cstr(&a->body), "store: opening\n");
	answer_free(a);
	expect_code(rig, 200, "GET", "/livez", NULL);
}

/* --- a replica's API --- */

static void set_feed(struct rig *rig, const char *resource, enum feed_state feed)
{
	struct cache_op op = cache_op_feed(resource, feed);

	assert_int_equal(cache_submit(rig->cache, &op, 1, NULL, NULL), 0);
	rig_dispatch(rig);
}

static void only_complete_feeds_answer(void **state)
{
	struct rig *rig = *state;
	struct answer *a;

	rig->options.gated = true;
	rig_restart_api(rig);
	set_feed(rig, "configmaps", FEED_SYNCING);
	a = ask(rig, "GET", MAPS, NULL);
	assert_int_equal(a->code, 503);
	assert_string_equal(text_at(a, "reason"), "ServiceUnavailable");
	assert_int_equal(int_at(a, "details.retryAfterSeconds"), 2);
	assert_true(has_header(a, "Retry-After: 2"));
	answer_free(a);
	expect_code(rig, 503, "GET", MAPS "/c", NULL);
	expect_code(rig, 503, "GET", MAPS "?watch=true", NULL);
	set_feed(rig, "configmaps", FEED_COMPLETE);
	expect_code(rig, 200, "GET", MAPS, NULL);
	set_feed(rig, "configmaps", FEED_DAMAGED);
	expect_code(rig, 503, "GET", MAPS, NULL);
}

static void a_read_only_server_says_so(void **state)
{
	struct rig *rig = *state;

	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
	rig->options.read_only = "this node's API is a replica; write to the cloud";
	rig_restart_api(rig);
	expect_status(rig, 403, "Forbidden", "this node's API is a replica", "POST", MAPS, CONFIG("d", ""));
	expect_status(rig, 403, "Forbidden", "this node's API is a replica", "DELETE", MAPS "/c", NULL);
	expect_status(rig, 403, "Forbidden", "this node's API is a replica", "PATCH", MAPS "/c", "{}");
	expect_code(rig, 200, "GET", MAPS "/c", NULL);
}

struct taken {
	const struct api_responder *responder;
	void *ctx;
	unsigned gone, drained, asked;
	char verb[32];
};

static void on_gone(void *ctx)
{
	((struct taken *)ctx)->gone++;
}

static void on_drain(void *ctx)
{
	((struct taken *)ctx)->drained++;
}

static bool forward(void *ctx, const struct api_attributes *what, const struct api_request *request,
		    const struct api_responder *responder, void *responder_ctx)
{
	struct taken *taken = ctx;

	taken->asked++;
	(void)snprintf(taken->verb, sizeof(taken->verb), "%s", what->verb);
	if (strcmp(what->resource, "pods"))
		return false;
	taken->responder = responder;
	taken->ctx = responder_ctx;
	api_call_watch(responder_ctx, on_gone, on_drain, taken);
	return true;
}

static void writes_can_be_forwarded(void **state)
{
	struct rig *rig = *state;
	struct taken taken = { 0 };
	struct api_stats stats;

	api_on_write(rig->api, forward, &taken);
	expect_code(rig, 201, "POST", MAPS, CONFIG("c", ""));
	assert_int_equal(taken.asked, 1);
	expect_code(rig, 200, "GET", PODS, NULL);
	assert_int_equal(taken.asked, 1);
	/* Answered later. */
	struct answer *a = start(rig, "DELETE", PODS "/p", NULL, 0);

	assert_string_equal(taken.verb, "delete");
	assert_false(a->ended);
	taken.responder->respond(taken.ctx, 202, "application/json", NULL, 0, SPAN("{}"));
	assert_int_equal(a->code, 202);
	answer_free(a);
	/* The client leaves first: the forwarder hears of it, and its answer goes nowhere. */
	a = start(rig, "DELETE", PODS "/p", NULL, 0);
	assert_non_null(a->call);
	answer_free(a);
	assert_int_equal(taken.gone, 1);
	taken.responder->begin(taken.ctx, 200, "application/json", NULL, 0);
	struct span piece = SPAN("x");

	assert_int_equal(taken.responder->write(taken.ctx, &piece, 1), -EPIPE);
	taken.responder->end(taken.ctx);
	api_stats(rig->api, &stats);
	assert_int_equal(stats.calls, 0);
	/* The server leaves first. */
	a = start(rig, "DELETE", PODS "/p", NULL, 0);
	rig_restart_api(rig);
	assert_true(a->aborted);
	assert_int_equal(taken.gone, 2);
	taken.responder->abort(taken.ctx);
	answer_free(a);
}

static void serve_log(void *ctx, const struct api_attributes *what, const struct object *stored,
		      const struct api_request *request, const struct api_responder *responder,
		      void *responder_ctx)
{
	struct taken *taken = ctx;
	struct span piece = SPAN("line\n");

	assert_string_equal(what->subresource, "log");
	assert_string_equal(stored->key.name, "p");
	api_call_watch(responder_ctx, on_gone, on_drain, taken);
	responder->begin(responder_ctx, 200, "text/plain", NULL, 0);
	assert_int_equal(responder->write(responder_ctx, &piece, 1), 0);
	taken->responder = responder;
	taken->ctx = responder_ctx;
}

static void subresources_can_be_served_elsewhere(void **state)
{
	struct rig *rig = *state;
	struct taken taken = { 0 };

	expect_code(rig, 404, "GET", PODS "/p/log", NULL);
	assert_int_equal(api_serve_add(rig->api, "", "pods", "log", serve_log, &taken), 0);
	expect_status(rig, 404, "NotFound", "pods \"p\" not found", "GET", PODS "/p/log", NULL);
	expect_code(rig, 201, "POST", PODS, POD("p", ""));
	struct answer *a = start(rig, "GET", PODS "/p/log?follow=true", NULL, 0);

	assert_string_equal(buf_cstr(&a->body), "line\n");
	assert_false(a->ended);
	api_call_drained(a->call);
	assert_int_equal(taken.drained, 1);
	taken.responder->end(taken.ctx);
	assert_true(a->ended);
	answer_free(a);
}

static int review(void *ctx, const struct api_attributes *what, struct json *object,
		  const struct object *stored, struct status *status)
{
	assert_null(stored);
	if (!strcmp(json_path_str(object, "spec.resourceAttributes.verb", ""), "fail"))
		return status_set(status, STATUS_BAD_REQUEST, "no such verb");
	return json_set_bool(json_ensure(object, "status"), "allowed", true);
}

static int token(void *ctx, const struct api_attributes *what, struct json *object,
		 const struct object *stored, struct status *status)
{
	assert_string_equal(stored->key.name, "sa");
	return json_set_str(json_ensure(object, "status"), "token", "t");
}

static void reviews_and_tokens_are_computed(void **state)
{
	struct rig *rig = *state;
	struct answer *a;

	assert_int_equal(api_compute_add(rig->api, "authorization.k8s.io", "selfsubjectaccessreviews", "",
					 review, NULL),
			 0);
	a = ask(rig, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		"{\"spec\":{\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"pods\"}}}");
	assert_int_equal(a->code, 201);
	assert_true(json_path_bool(answer_json(a), "status.allowed", false));
	assert_string_equal(text_at(a, "kind"), "SelfSubjectAccessReview");
	answer_free(a);
	expect_status(rig, 400, "BadRequest", "no such verb", "POST",
		      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		      "{\"spec\":{\"resourceAttributes\":{\"verb\":\"fail\"}}}");
	expect_code(rig, 405, "POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
		    "{\"spec\":{}}");
	assert_int_equal(api_compute_add(rig->api, "", "serviceaccounts", "token", token, NULL), 0);
	expect_code(rig, 404, "POST", "/api/v1/namespaces/web/serviceaccounts/sa/token",
		    "{\"spec\":{\"audiences\":[\"x\"]}}");
	expect_code(rig, 201, "POST", "/api/v1/namespaces/web/serviceaccounts",
		    "{\"metadata\":{\"name\":\"sa\"}}");
	a = ask(rig, "POST", "/api/v1/namespaces/web/serviceaccounts/sa/token",
		"{\"apiVersion\":\"authentication.k8s.io/"
		"v1\",\"kind\":\"TokenRequest\",\"spec\":{\"audiences\":[\"x\"]}}");
	assert_int_equal(a->code, 201);
	assert_string_equal(text_at(a, "status.token"), "t");
	answer_free(a);
}

static void serve_metrics(void *ctx, const struct api_request *request, const struct api_responder *responder,
			  void *responder_ctx)
{
	responder->respond(responder_ctx, 200, "text/plain", NULL, 0, SPAN("up 1\n"));
}

static void routes_are_exact_or_prefixes_and_authorized(void **state)
{
	struct rig *rig = *state;

	assert_int_equal(api_route_add(rig->api, "/metrics", false, serve_metrics, NULL), 0);
	assert_int_equal(api_route_add(rig->api, "/open/", true, serve_metrics, NULL), 0);
	expect_code(rig, 200, "GET", "/metrics", NULL);
	expect_code(rig, 404, "GET", "/metrics2", NULL);
	expect_code(rig, 200, "GET", "/open/anything", NULL);
	rig->anonymous = true;
	expect_code(rig, 401, "GET", "/metrics", NULL);
	expect_code(rig, 200, "GET", "/open/anything", NULL);
}

/* --- objects in memory --- */

struct leases {
	struct object *a, *c;
	unsigned puts;
};

static int list_leases(void *ctx, const char *name, cache_each_fn *each, void *each_ctx)
{
	struct leases *leases = ctx;
	struct object *all[] = { leases->a, leases->c };

	for (size_t i = 0; i < 2; i++)
		if ((!name || !strcmp(name, all[i]->key.name)) && each(each_ctx, all[i]))
			break;
	return 0;
}

static int put_lease(void *ctx, const struct object *object)
{
	struct leases *leases = ctx;

	if (strcmp(object->key.name, "a"))
		return -ENOENT;
	leases->puts++;
	object_unref(leases->a);
	leases->a = object_ref(object);
	return 0;
}

static struct object *lease(const char *name, const char *holder)
{
	char text[512];
	struct object *object = NULL;

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"web\",\"uid\":\"u-%s\"},\"spec\":{"
		       "\"holderIdentity\":\"%s\"}}",
		       name, name, holder);
	assert_int_equal(object_from_body("leases.coordination.k8s.io", span_of(text), 0, &object), 0);
	return object;
}
#define LEASES "/apis/coordination.k8s.io/v1/namespaces/web/leases"

static void set_up_memory(struct rig *rig, struct leases *leases)
{
	struct api_virtual provider = { .resource = "leases.coordination.k8s.io",
					.ns = "web",
					.list = list_leases,
					.put = put_lease,
					.ctx = leases };

	*leases = (struct leases){ lease("a", "memory"), lease("c", "memory"), 0 };
	expect_code(rig, 201, "POST", LEASES,
		    "{\"metadata\":{\"name\":\"b\"},\"spec\":{\"holderIdentity\":\"store\"}}");
	expect_code(rig, 201, "POST", LEASES,
		    "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"holderIdentity\":\"store\"}}");
	assert_int_equal(api_virtual_set(rig->api, &provider), 0);
}

static void objects_in_memory_stand_before_stored_ones(void **state)
{
	struct rig *rig = *state;
	struct leases leases;
	struct answer *a;
	char text[4096], target[1024];

	set_up_memory(rig, &leases);
	a = ask(rig, "GET", LEASES "/c", NULL);
	assert_string_equal(text_at(a, "spec.holderIdentity"), "memory");
	assert_int_equal(revision_of(a), cache_revision(rig->cache));
	answer_free(a);
	a = ask(rig, "GET", LEASES, NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "a,b,c");
	assert_string_equal(text_at(a, "items.2.spec.holderIdentity"), "memory");
	answer_free(a);
	/* In pages too. */
	a = ask(rig, "GET", LEASES "?limit=2", NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "a,b");
	(void)snprintf(target, sizeof(target), LEASES "?limit=2&continue=%s",
		       text_at(a, "metadata.continue"));
	answer_free(a);
	a = ask(rig, "GET", target, NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "c");
	answer_free(a);
	object_unref(leases.a);
	object_unref(leases.c);
}

/* --- what lives in memory alone --- */

#define VERDICTS "/apis/health.holdfast.io/v1/verdicts"
#define VERDICTS_STORAGE "verdicts.health.holdfast.io"
#define FIRST 1000000u

/* Verdicts about n0 by these voters, while they are there. */
struct verdicts {
	struct recent *recent;
	struct object *by[3];
};

static struct object *verdict(const char *voter, const char *word)
{
	struct object *object = NULL;
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "{\"metadata\":{\"name\":\"n0.%s\",\"uid\":\"u-%s\"},\"spec\":{\"subject\":\"n0\","
		       "\"voter\":\"%s\",\"word\":\"%s\"}}",
		       voter, voter, voter, word);
	assert_int_equal(object_from_body(VERDICTS_STORAGE, span_of(text), 0, &object), 0);
	return object;
}

static int list_verdicts(void *ctx, const char *name, cache_each_fn *each, void *each_ctx)
{
	const struct verdicts *verdicts = ctx;
	int code = 0;

	for (size_t i = 0; !code && i < 3; i++)
		if (verdicts->by[i] && (!name || strcmp(name, verdicts->by[i]->key.name) == 0))
			code = each(each_ctx, verdicts->by[i]);
	return code;
}

static uint64_t verdicts_revision(void *ctx)
{
	return recent_revision(((struct verdicts *)ctx)->recent);
}

static int verdicts_changes(void *ctx, uint64_t after,
			    int (*each)(void *each_ctx, const struct change *change), void *each_ctx)
{
	return recent_each(((struct verdicts *)ctx)->recent, after, each, each_ctx);
}

static void say(struct rig *rig, struct verdicts *verdicts, size_t i, const char *word)
{
	static const char *const voters[] = { "n1", "n2", "n3" };
	struct object *object = verdict(voters[i], word ? word : ""), *now = NULL;
	enum change_type type = !word ? CHANGE_DELETED : verdicts->by[i] ? CHANGE_MODIFIED : CHANGE_ADDED;

	assert_int_equal(recent_add(verdicts->recent, type, object, &now), 0);
	object_unref(object);
	object_unref(verdicts->by[i]);
	verdicts->by[i] = now;
	api_virtual_moved(rig->api, VERDICTS_STORAGE);
}

static void set_up_verdicts(struct rig *rig, struct verdicts *verdicts)
{
	struct api_virtual provider = { .resource = VERDICTS_STORAGE,
					.ns = "",
					.list = list_verdicts,
					.ctx = verdicts,
					.revision = verdicts_revision,
					.changes = verdicts_changes };

	*verdicts = (struct verdicts){ 0 };
	assert_int_equal(recent_new(4, FIRST, &verdicts->recent), 0);
	assert_int_equal(api_virtual_set(rig->api, &provider), 0);
	say(rig, verdicts, 0, "dead");
	say(rig, verdicts, 1, "alive");
}

static void drop_verdicts(struct verdicts *verdicts)
{
	for (size_t i = 0; i < 3; i++)
		object_unref(verdicts->by[i]);
	recent_free(verdicts->recent);
}

static void what_is_in_memory_alone_is_watched_from_any_revision_that_is_known(void **state)
{
	struct rig *rig = *state;
	struct verdicts verdicts;
	struct answer *a;
	char text[4096];

	set_up_verdicts(rig, &verdicts);
	a = ask(rig, "GET", VERDICTS, NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "n0.n1,n0.n2");
	assert_int_equal(revision_of(a), FIRST + 2);
	assert_string_equal(text_at(a, "items.1.metadata.resourceVersion"), "1000002");
	answer_free(a);
	a = ask(rig, "GET", VERDICTS "/n0.n1", NULL);
	assert_int_equal(revision_of(a), FIRST + 1);
	answer_free(a);
	/* From that list on, what happened meanwhile included. */
	say(rig, &verdicts, 0, NULL);
	a = start(rig, "GET", VERDICTS "?watch=true&resourceVersion=1000002", NULL, 0);
	say(rig, &verdicts, 2, "dead");
	say(rig, &verdicts, 1, "dead");
	assert_string_equal(events_of(a, text, sizeof(text)),
			    "DELETED n0.n1@1000003,ADDED n0.n3@1000004,MODIFIED n0.n2@1000005");
	answer_free(a);
	/* From the present state. */
	a = start(rig, "GET", VERDICTS "?watch=true&fieldSelector=spec.voter=n3", NULL, 0);
	assert_string_equal(events_of(a, text, sizeof(text)), "ADDED n0.n3@1000004");
	say(rig, &verdicts, 1, "alive");
	say(rig, &verdicts, 2, "alive");
	assert_string_equal(events_of(a, text, sizeof(text)), "MODIFIED n0.n3@1000007");
	answer_free(a);
	/* What fell out, and what another run counted. */
	a = ask(rig, "GET", VERDICTS "?watch=true&resourceVersion=1000002", NULL);
	assert_non_null(strstr(buf_cstr(&a->body), "\"code\":410"));
	answer_free(a);
	a = ask(rig, "GET", VERDICTS "?watch=true&resourceVersion=999", NULL);
	assert_non_null(strstr(buf_cstr(&a->body), "\"code\":410"));
	answer_free(a);
	a = ask(rig, "GET", VERDICTS "?watch=true&resourceVersion=2000000", NULL);
	assert_non_null(strstr(buf_cstr(&a->body), "\"code\":410"));
	answer_free(a);
	drop_verdicts(&verdicts);
}

static void a_slow_watcher_of_memory_catches_up_or_is_told_that_it_cannot(void **state)
{
	struct rig *rig = *state;
	struct verdicts verdicts;
	struct answer *a;
	char text[4096];

	set_up_verdicts(rig, &verdicts);
	a = start(rig, "GET", VERDICTS "?watch=true&resourceVersion=1000002", NULL, 1);
	say(rig, &verdicts, 0, "alive"); /* and now it is full */
	say(rig, &verdicts, 0, "dead");
	say(rig, &verdicts, 1, NULL);
	assert_string_equal(events_of(a, text, sizeof(text)), "MODIFIED n0.n1@1000003");
	a->full_from = 0;
	api_call_drained(a->call);
	assert_string_equal(events_of(a, text, sizeof(text)), "MODIFIED n0.n1@1000004,DELETED n0.n2@1000005");
	answer_free(a);
	a = start(rig, "GET", VERDICTS "?watch=true&resourceVersion=1000005", NULL, 1);
	for (unsigned i = 0; i < 6; i++)
		say(rig, &verdicts, 0, "alive");
	a->full_from = 0;
	api_call_drained(a->call);
	assert_non_null(strstr(buf_cstr(&a->body), "\"code\":410"));
	assert_true(a->ended);
	answer_free(a);
	drop_verdicts(&verdicts);
}

static void pages_of_what_is_in_memory_alone_go_on_behind_the_last(void **state)
{
	struct rig *rig = *state;
	struct verdicts verdicts;
	struct answer *a;
	char text[4096], target[1024];

	set_up_verdicts(rig, &verdicts);
	a = ask(rig, "GET", VERDICTS "?limit=1", NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "n0.n1");
	(void)snprintf(target, sizeof(target), VERDICTS "?limit=5&continue=%s",
		       text_at(a, "metadata.continue"));
	answer_free(a);
	say(rig, &verdicts, 2, "dead");
	a = ask(rig, "GET", target, NULL);
	assert_string_equal(names_of(a, text, sizeof(text)), "n0.n2,n0.n3");
	answer_free(a);
	expect_code(rig, 410, "GET", VERDICTS "?resourceVersion=1000001&resourceVersionMatch=Exact", NULL);
	expect_code(rig, 200, "GET", VERDICTS "?resourceVersion=1000001", NULL);
	drop_verdicts(&verdicts);
}

static void objects_in_memory_are_watched_and_renewed(void **state)
{
	struct rig *rig = *state;
	struct leases leases;
	struct answer *a;
	char text[4096], expected[256];

	set_up_memory(rig, &leases);
	a = start(rig, "GET", LEASES "?watch=true", NULL, 0);
	rig_dispatch(rig);
	assert_non_null(strstr(events_of(a, text, sizeof(text)), "ADDED a@"));
	api_virtual_changed(rig->api, CHANGE_MODIFIED, leases.a);
	(void)snprintf(expected, sizeof(expected), "MODIFIED a@%" PRIu64, cache_revision(rig->cache));
	assert_string_equal(events_of(a, text, sizeof(text)), expected);
	answer_free(a);
	/* Renewed without a commit. */
	uint64_t before = cache_revision(rig->cache);

	a = ask(rig, "PATCH", LEASES "/a", "{\"spec\":{\"holderIdentity\":\"renewed\"}}");
	assert_int_equal(a->code, 200);
	assert_string_equal(text_at(a, "spec.holderIdentity"), "renewed");
	answer_free(a);
	assert_int_equal(leases.puts, 1);
	assert_int_equal(cache_revision(rig->cache), before);
	/* What memory does not want is stored. */
	expect_code(rig, 200, "PATCH", LEASES "/b", "{\"spec\":{\"holderIdentity\":\"other\"}}");
	assert_true(cache_revision(rig->cache) > before);
	object_unref(leases.a);
	object_unref(leases.c);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, rig_setup, rig_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nobody_is_unauthorized),
		TEST(denials_say_who_and_what),
		TEST(without_an_authorizer_nothing_is_allowed),
		TEST(paths_that_lead_nowhere),
		TEST(slashes_and_heads_are_forgiven),
		TEST(discovery_is_served_in_both_shapes),
		TEST(documents_have_etags),
		TEST(readiness_is_asked_for),
		TEST(only_complete_feeds_answer),
		TEST(a_read_only_server_says_so),
		TEST(writes_can_be_forwarded),
		TEST(subresources_can_be_served_elsewhere),
		TEST(reviews_and_tokens_are_computed),
		TEST(routes_are_exact_or_prefixes_and_authorized),
		TEST(objects_in_memory_stand_before_stored_ones),
		TEST(objects_in_memory_are_watched_and_renewed),
		TEST(what_is_in_memory_alone_is_watched_from_any_revision_that_is_known),
		TEST(a_slow_watcher_of_memory_catches_up_or_is_told_that_it_cannot),
		TEST(pages_of_what_is_in_memory_alone_go_on_behind_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
