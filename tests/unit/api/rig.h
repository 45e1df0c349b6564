/* rig: an API over an inline cache in a directory of its own, asked without a transport, and what it
 * answered. */
#ifndef HOLDFAST_TESTS_API_RIG_H
#define HOLDFAST_TESTS_API_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "api/server.h"
#include "api/write.h"

struct rig {
	char dir[64], path[96];
	struct cache_options cache_options;
	struct api_options options;
	struct cache *cache;
	struct api *api;
	uint64_t mono_ms;
	int64_t wall_ms;
	struct api_identity user;
	const char *denied_verb;    /* the authorizer refuses this verb; NULL: allows all */
	struct json *last_admitted; /* what the admission hook saw last */
	const char *accept, *content_type, *if_none_match; /* of the requests that follow; NULL: none, JSON */
	bool anonymous;
};

int rig_setup(void **state); /* cmocka fixtures: a rig with namespace "default" and 'web' in *state */
int rig_teardown(void **state);
void rig_reopen(struct rig *rig);      /* closes and opens both the API and the store */
void rig_restart_api(struct rig *rig); /* a new API with rig->options over the same cache */
void rig_dispatch(struct rig *rig);
void rig_pass(struct rig *rig, uint64_t ms); /* time goes by */

struct answer {
	int code;
	char type[160];
	struct buf headers, body; /* "Name: value\n"... */
	struct json *json;	  /* of the whole body, parsed when first asked for */
	struct api_call *call;	  /* while it goes on */
	char *target;
	struct api_request request;
	bool began, ended, aborted;
	unsigned writes, full_from; /* write number full_from (from 1) and later say "full"; 0: never */
};
/* Asks and dispatches until the answer has ended or nothing moves any more. Free with answer_free. */
struct answer *ask(struct rig *rig, const char *method, const char *target, const char *body);
struct answer *ask_bytes(struct rig *rig, const char *method, const char *target, struct span body);
/* The same without dispatching, with slow reading from the full_from-th write on. */
struct answer *start(struct rig *rig, const char *method, const char *target, const char *body,
		     unsigned full_from);
void answer_free(struct answer *answer); /* one still going on is told that its client went away */
/* Asks, checks the code, and throws the answer away. */
void expect_code(struct rig *rig, int code, const char *method, const char *target, const char *body);
/* An error: code, reason and a part of the message. */
void expect_status(struct rig *rig, int code, const char *reason, const char *message, const char *method,
		   const char *target, const char *body);

const struct json *answer_json(struct answer *answer);
const char *text_at(struct answer *answer, const char *path); /* "" when absent */
int64_t int_at(struct answer *answer, const char *path);      /* -1 when absent */
size_t count_at(struct answer *answer, const char *path);
bool has_header(struct answer *answer, const char *line_part);
const char *names_of(struct answer *answer, char *out, size_t size); /* "a,b,c": metadata.name of items */
/* The events of a watch, "ADDED a@4,MODIFIED a@5,BOOKMARK @7", taken out of the body. */
const char *events_of(struct answer *answer, char *out, size_t size);
uint64_t revision_of(struct answer *answer); /* metadata.resourceVersion */

/* Bodies. */
#define POD(name, more)                                                                    \
	"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\"" more \
	"},\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
#define CONFIG(name, more) \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"" name "\"" more "}}"
#define DAEMONSET(name)                                                                             \
	"{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"" name         \
	"\"},\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"x\"}},\"template\":{\"metadata\":{" \
	"\"labels\":{\"app\":\"x\"}},"                                                              \
	"\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}"
#define PODS "/api/v1/namespaces/web/pods"
#define MAPS "/api/v1/namespaces/web/configmaps"
#define SETS "/apis/apps/v1/namespaces/web/daemonsets"

#endif
