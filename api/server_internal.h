/* server_internal: what the sources behind api/server.h and api/write.h share. Nobody else includes it. */
#ifndef HOLDFAST_API_SERVER_INTERNAL_H
#define HOLDFAST_API_SERVER_INTERNAL_H

#include "api/object_json.h"
#include "api/request.h"
#include "api/write.h"
#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/timerq.h"

#define API_ROUTES_MAX 32u
#define API_HANDLERS_MAX 32u
#define API_VIRTUALS_MAX 4u
#define API_DOCUMENTS_MAX 256u
#define API_ANSWER_MAX (16u * 1024 * 1024)
#define API_WARNINGS_MAX 16u
#define API_HEADERS_MAX (API_WARNINGS_MAX + 4u)
#define API_REASON_SIZE 512u

struct api_route {
	char *path;
	bool open;
	api_route_fn *fn;
	void *ctx;
};
struct api_handler {
	char *group, *resource, *subresource;
	api_compute_fn *compute;
	api_serve_fn *serve;
	void *ctx;
};
struct rendered { /* the last watch event rendered other than as stored: many watchers want the same */
	const struct object *object;
	const struct kind *kind;
	int form, include;
	char version[16];
	struct buf text;
};

struct api {
	struct api_options options;
	struct list calls, writes, watches;
	struct timerq timers;
	struct map documents; /* rendered discovery and OpenAPI, by path */
	struct api_route routes[API_ROUTES_MAX];
	struct api_handler handlers[API_HANDLERS_MAX];
	struct api_virtual virtuals[API_VIRTUALS_MAX];
	size_t route_count, handler_count, virtual_count;
	api_forward_fn *forward;
	void *forward_ctx;
	void (*on_due)(void *ctx);
	void *on_due_ctx;
	struct rng rng;
	struct rendered rendered;
	struct api_stats stats;
};

/* --- how the client wants its answer --- */
enum accept_form { FORM_JSON, FORM_TABLE, FORM_PARTIAL, FORM_DISCOVERY, FORM_OPENAPI_PROTOBUF };
struct accept {
	enum accept_form form;
	char version[16]; /* of the form: "v1", "v1beta1", "v2" */
};
enum accept_set { ACCEPT_OBJECTS, ACCEPT_DISCOVERY, ACCEPT_OPENAPI, ACCEPT_JSON_ONLY };
/* The first range of the header that we can serve. -ENOTSUP: none (406). */
int accept_choose(struct span header, enum accept_set offered, struct accept *out) must_check;

/* --- calls --- */
struct call_ops {
	void (*drained)(struct api_call *call); /* may be NULL */
	void (*cancel)(struct api_call *call);	/* lets go of call->state; no answer follows */
};
struct api_call {
	struct list_node node;
	struct api *api; /* NULL: gone, while somebody else still answers */
	struct api_responder responder;
	void *ctx;
	const struct api_request *from;
	struct request request;
	struct accept accept;
	const struct call_ops *ops; /* NULL: nothing is waiting */
	void *state;
	struct problems *warnings;	   /* fields dropped from the body; NULL for none */
	void (*handed_on_gone)(void *ctx); /* of whoever answers instead of us */
	void (*handed_on_drain)(void *ctx);
	void *handed_ctx;
	unsigned busy; /* nested entries; freed when it falls to 0 and the call is over */
	bool begun, over;
	bool told; /* the outcome hook has heard of it */
	int64_t received_wall_ms;
	bool decided, allowed;	      /* by authorization, */
	char reason[API_REASON_SIZE]; /* for this reason */
	const struct object *shown;   /* what the answer is about, while it is given */
};
void call_enter(struct api_call *call);
void call_leave(struct api_call *call); /* may free it */
/* Somebody else answers, through call_handed_over with the call as its context; it ends the answer exactly
 * once, and the call is kept until then. */
void call_hand_over(struct api_call *call);
void call_take_back(struct api_call *call);
extern const struct api_responder call_handed_over;
void call_respond(struct api_call *call, int code, const char *content_type, struct span body);
void call_status(struct api_call *call, const struct status *status);
/* Answers with the stored object in the form asked for. */
void call_object(struct api_call *call, int code, const struct object *object);
void call_tree(struct api_call *call, int code,
	       const struct json *tree); /* plain JSON, a tree in the request's form */
void call_scale(struct api_call *call, const struct object *workload); /* 200, its Scale */
void call_tell(struct api_call *call, int code);		       /* the outcome hook, once */
void call_begin(struct api_call *call, int code, const char *content_type);
int call_write(struct api_call *call, const struct span *pieces, size_t count); /* 0, 1, negative: over */
void call_end(struct api_call *call);
void call_abort(struct api_call *call);
struct status_about call_about(const struct api_call *call);

/* --- rendering (list_render.c) --- */
#define EVENT_MAX (8u * 1024 * 1024)
struct render {
	const struct kind *kind;
	const struct accept *accept;
	enum request_include include;
	int64_t now_wall_ms;
};
bool render_is_raw(const struct render *render); /* the stored body goes out as it is */
/* One object by itself; a table has its columns only when asked for. */
int render_object(const struct render *render, const struct object *object, bool with_columns,
		  struct buf *out);
int render_item(const struct render *render, const struct object *object,
		struct buf *out);				    /* in a list: a table's row */
int render_list_head(const struct render *render, struct buf *out); /* up to the first item */
int render_bookmark(const struct render *render, uint64_t revision, bool initial_end, struct buf *out);
struct render call_render(const struct api_call *call);

/* --- verbs --- */
void verb_get(struct api_call *call);
void verb_list(struct api_call *call);
void verb_watch(struct api_call *call);
void verb_write(struct api_call *call); /* create, update, patch, delete and their subresources */
void verb_deletecollection(struct api_call *call);
void call_compute(struct api_call *call,
		  const struct api_handler *handler); /* by a compute of the daemon's */
void serve_path(struct api_call *call);		      /* everything that is no resource */

bool is_health_path(const char *path); /* /healthz, /livez, /readyz and below */

/* --- bodies (server_body.c) --- */
/* The request's body as an object of `kind`, decoded from JSON or protobuf and checked against the schema. */
int body_object(struct api_call *call, const struct kind *kind, struct json **out,
		struct status *status) must_check;
/* The same for options and subresource bodies, which clients send under any group and version. `out` stays
 * NULL on an empty body. */
int body_options(struct api_call *call, const struct kind *kind, struct json **out,
		 struct status *status) must_check;
/* Wrong types are refused; unknown fields too when the request is strict, else they are dropped and warned
 * of. */
int body_check(struct api_call *call, const struct kind *kind, struct json *tree,
	       struct status *status) must_check;
enum body_type {
	BODY_JSON,
	BODY_PROTOBUF,
	BODY_JSON_PATCH,
	BODY_MERGE_PATCH,
	BODY_STRATEGIC_PATCH,
	BODY_APPLY_PATCH,
	BODY_OTHER
};
enum body_type body_type(struct span content_type);
int body_json(struct span body, struct json **out, struct status *status) must_check;

/* --- what stands beside the store: handlers, and objects in memory, which go before stored ones --- */
const struct api_virtual *virtual_of(const struct api *api, const char *resource, const char *ns);
/* The same if it has a revision of its own; NULL. */
const struct api_virtual *memory_of(const struct api *api, const char *resource);
/* What the daemon added for this resource and subresource; NULL. */
const struct api_route *route_of(const struct api *api, const char *path);
const struct api_handler *handler_of(const struct api *api, const struct api_attributes *what);
int api_read(struct api *api, const struct key *key, struct object **out) must_check;
/* All objects in memory of a resource and namespace (NULL: all), in order. */
struct memory {
	struct object **objects;
	size_t count, next;
};
int memory_gather(struct memory *memory, struct api *api, const char *resource, const char *ns) must_check;
bool memory_has(const struct memory *memory, const struct key *key);
void memory_done(struct memory *memory);
bool list_is_future(struct api *api, const char *resource,
		    uint64_t revision); /* nothing has that revision yet */
int list_too_large(struct status *status, const struct api *api, uint64_t asked);
/* A copy with another revision. */
struct object *virtual_stamp(const struct object *object, uint64_t revision) must_check;

#endif
