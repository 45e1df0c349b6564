/* server: the Kubernetes REST API over one cache, without a transport.
 *
 * api_handle() takes a request as spans and answers through a responder; api/http.h binds both to
 * net/http.h, tests and simulations call it directly, the gateway forwards edges' requests to it.
 * Owner: the daemon. One thread, the cache's. Time comes from the clock given. The cache stays its
 * owner's, who calls cache_dispatch(); answers to writes come from there, after the commit. */
#ifndef HOLDFAST_API_SERVER_H
#define HOLDFAST_API_SERVER_H

#include "api/kind.h"
#include "api/selector.h"
#include "api/status.h"
#include "cache/cache.h"

struct api;
struct api_call;

/* --- who asks, and for what --- */
struct api_extra {
	const char *key;
	const char *const *values; /* NULL-ended */
};
struct api_identity {
	const char *user;	       /* "system:node:edge-1" */
	const char *const *groups;     /* NULL-ended, may be NULL */
	const char *uid;	       /* "" */
	const struct api_extra *extra; /* ended by key NULL, may be NULL */
	const struct api_identity *by; /* who asks in this one's name (impersonation); NULL: nobody does */
};

/* What a request wants to do, for authorization and admission. Strings are "" where they do not apply. */
struct api_attributes {
	const struct api_identity *identity;
	/* get list watch create update patch delete deletecollection; of paths the method in lower case */
	const char *verb;
	bool is_resource;
	const char *path; /* when !is_resource */
	const char *group, *version, *resource, *subresource, *ns, *name;
	const struct selector *labels, *fields; /* of list, watch, deletecollection; NULL otherwise */
	bool dry_run;
	bool internal; /* from api/write.h: already decided, only admission sees it */
};

/* Words the 403 of somebody who may not do this, as upstream does; `why` may be "". Returns -EACCES. */
int api_denied(struct status *status, const struct api_attributes *what, const char *why);

struct api_request;
/* What became of a request, for the audit log. All borrowed for the call. */
struct api_outcome {
	const struct api_request *request; /* its body is of no concern here */
	const struct api_attributes *what; /* empty strings as far as the request could not be read */
	const char *name;		   /* of the object, also of one created under a name made here; "" */
	int code;	    /* HTTP status of the answer; 0: there was none, the client went away before */
	bool decided;	    /* authorization was asked, */
	bool allowed;	    /* and said this, */
	const char *reason; /* for this reason; "" */
	int64_t received_wall_ms;
};

struct api_hooks {
	void *ctx;
	/* True: allowed. Either way `why` (empty on entry) may say why. NULL denies everything but the health
	 * paths. */
	bool (*authorize)(void *ctx, const struct api_attributes *what, char *why, size_t size);
	/* Before validation of a create (old NULL), update or delete (object NULL): may change `object`,
	 * in storage form. 0, or negative with `status` set (status_forbidden and the like). NULL: nothing
	 * to add. */
	int (*admit)(void *ctx, const struct api_attributes *what, const struct kind *kind,
		     struct json *object, const struct json *old, struct status *status);
	/* Appends one line for each failing check; returns whether the server is ready. NULL: ready. */
	bool (*ready)(void *ctx, struct buf *out);
	/* Once for each request, when its status is known: of a write after its commit, of a watch when it begins. May
	 * be NULL. */
	void (*outcome)(void *ctx, const struct api_outcome *outcome);
};

struct api_options {
	struct cache *cache;
	struct api_hooks hooks;
	uint64_t (*mono_ms)(void *ctx); /* required: the clocks */
	int64_t (*wall_ms)(void *ctx);
	void *clock_ctx;
	/* A replica's API: only resources whose feed is complete answer, others 503 with Retry-After. */
	bool gated;
	/* Writes are refused with this sentence (403 Forbidden); NULL: writes are served. */
	const char *read_only;
	size_t watches_max; /* 0: API_WATCHES_MAX */
};
#define API_WATCHES_MAX 16384u
#define API_BOOKMARK_MS 60000u
#define API_WATCH_MIN_MS (30u * 60 * 1000) /* a watch without timeoutSeconds lasts this to twice this */

int api_new(const struct api_options *options, struct api **out) must_check;
/* Aborts calls under way (responders hear abort). Writes already submitted commit, and nobody is told. */
void api_free(struct api *api);
struct cache *api_cache(const struct api *api);
int64_t api_wall_ms(const struct api *api);

/* --- calls --- */
struct api_header {
	struct span name, value;
};
/* All spans as on the wire; valid until the answer has ended (or api_call_gone). */
struct api_request {
	struct span method, path, query; /* path and query still percent-encoded */
	struct span content_type, accept, if_none_match;
	struct span body;
	const char *source;		     /* the client's address, for the audit log; NULL: unknown */
	struct span user_agent;		     /* what it says it is; "" */
	const struct api_identity *identity; /* NULL: nobody: 401 except for the health paths */
	/* The caller claims what he may not (impersonation): answered with this instead; only needed by api_handle. NULL. */
	const struct status *refusal;
};

#define API_PIECES_MAX 8u
/* The answer's way out. Called from within api_handle (reads), cache_dispatch (writes, watches), api_tick,
 * api_call_drained and api_free. Either respond once, or begin, write..., and then end or abort. */
struct api_responder {
	void (*respond)(void *ctx, int code, const char *content_type, const struct api_header *headers,
			size_t count, struct span body);
	void (*begin)(void *ctx, int code, const char *content_type, const struct api_header *headers,
		      size_t count);
	/* At most API_PIECES_MAX pieces, borrowed for the call. 0: taken; 1: taken, wait for
	 * api_call_drained; negative: nobody listens any more (api_call_gone follows or has come). */
	int (*write)(void *ctx, const struct span *pieces, size_t count);
	void (*end)(void *ctx);
	/* The answer cannot be completed: cut it so that it is not taken for whole. */
	void (*abort)(void *ctx);
};
/* NULL: the answer has already ended (or memory ran out, and it says so). Else the call stays valid until
 * the responder has heard respond, end or abort, or api_call_gone was called. */
struct api_call *api_handle(struct api *api, const struct api_request *request,
			    const struct api_responder *responder, void *ctx);
void api_call_drained(struct api_call *call);
void api_call_gone(struct api_call *call); /* the client went away: no responder call follows */

/* --- time: bookmarks and timeouts of watches --- */
uint64_t api_next_due(const struct api *api); /* mono; TIMERQ_NEVER when nothing waits */
void api_tick(struct api *api);
/* Called when api_next_due() may have become earlier. One listener. */
void api_on_due(struct api *api, void (*fn)(void *ctx), void *ctx);

/* Ends every watch in good order: clients come back elsewhere or later. */
void api_end_watches(struct api *api);
/* Ends those whose watcher may not go on: rights are asked for when a watch begins, and may be lost while it lasts. */
void api_end_watches_unless(struct api *api, bool (*may_go_on)(void *ctx, const struct api_attributes *what),
			    void *ctx);

/* --- what the daemon adds --- */
/* Those who answer instead of the API (routes, served subresources, forwarded writes) get the request, a
 * responder and its context. The answer must be ended exactly once: respond, end or abort, at once or
 * later. The request's spans are valid until then or until the client goes away, after which write says
 * -EPIPE and the rest does nothing. `responder_ctx` is the call: */
void api_call_watch(struct api_call *call, void (*on_gone)(void *ctx), void (*on_drain)(void *ctx),
		    void *ctx); /* each may be NULL */

/* A path outside /api and /apis, exact or, ending in "/", a prefix. Authorized as a non-resource path
 * unless `open`. */
typedef void api_route_fn(void *ctx, const struct api_request *request, const struct api_responder *responder,
			  void *responder_ctx);
int api_route_add(struct api *api, const char *path, bool open, api_route_fn *fn, void *ctx) must_check;

/* A create whose answer is computed rather than stored: reviews (resource "selfsubjectaccessreviews", no
 * subresource) and subresources ("serviceaccounts", "token"). `object` is the body, checked against its
 * schema, and becomes the answer. `stored` is the parent of a subresource, else NULL. 0, or negative with
 * status set. */
typedef int api_compute_fn(void *ctx, const struct api_attributes *what, struct json *object,
			   const struct object *stored, struct status *status);
int api_compute_add(struct api *api, const char *group, const char *resource, const char *subresource,
		    api_compute_fn *fn, void *ctx) must_check;

/* A subresource served elsewhere, whole (pods/log, pods/exec, nodes/proxy), every verb. It answers through
 * the responder. */
typedef void api_serve_fn(void *ctx, const struct api_attributes *what, const struct object *stored,
			  const struct api_request *request, const struct api_responder *responder,
			  void *responder_ctx);
int api_serve_add(struct api *api, const char *group, const char *resource, const char *subresource,
		  api_serve_fn *fn, void *ctx) must_check;

/* Writes that a replica cannot decide: asked first for every write of a resource (create, update, patch,
 * delete, subresources). True: it has taken the request and answers through the responder, now or later.
 * Not asked: reads. */
typedef bool api_forward_fn(void *ctx, const struct api_attributes *what, const struct api_request *request,
			    const struct api_responder *responder, void *responder_ctx);
void api_on_write(struct api *api, api_forward_fn *fn, void *ctx);

/* Objects that live in memory instead of the store (Leases of nodes): they stand before stored ones of the
 * same key. */
struct api_virtual {
	const char *resource; /* storage resource, "leases.coordination.k8s.io" */
	const char *ns;	      /* the one namespace they live in; "" for a cluster-scoped kind */
	/* Calls `each` for the object named, or for all in order of name when name is NULL. The objects'
	 * revision is set by the API: rendered at the list's revision. */
	int (*list)(void *ctx, const char *name, cache_each_fn *each, void *each_ctx);
	/* A create, update or patch of such an object (storage form, validated); 0: taken; -ENOENT: not
	 * one of ours, store it; else refused. NULL: all go to the store. */
	int (*put)(void *ctx, const struct object *object);
	void *ctx;
	/* NULL, or the objects have a revision of their own, in a count of the provider's (api/recent.h): the newest. The store then has
	 * nothing of the kind, and watches resume from what `changes` still knows. */
	uint64_t (*revision)(void *ctx);
	/* As recent_each. */
	int (*changes)(void *ctx, uint64_t after, int (*each)(void *each_ctx, const struct change *change),
		       void *each_ctx);
};
int api_virtual_set(struct api *api, const struct api_virtual *provider) must_check;
/* The object changed in memory: watchers get a MODIFIED (or ADDED, DELETED) event of the current revision. */
void api_virtual_changed(struct api *api, enum change_type type, const struct object *object);
/* Of a kind with a revision of its own: there are new changes. */
void api_virtual_moved(struct api *api, const char *resource);

struct api_stats {
	uint64_t requests, writes, conflicts, events, watches_expired;
	size_t calls, watches;
};
void api_stats(const struct api *api, struct api_stats *out);

#endif
