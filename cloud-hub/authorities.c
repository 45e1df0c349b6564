#include "cloud-hub/authorities.h"

#include "auth/enrol.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "authority"
#define SOON_MS 300u   /* records that change together are looked at together */
#define LOOK_MS 30000u /* while a rotation is under way: whatever was missed */
#define NAMED_MAX 100u /* nodes named in a status; the others are counted */

struct authorities {
	struct loop *loop;
	struct api *api;
	struct authority *authority;
	struct certificates *certificates;
	struct timer *timer;
};

/* --- how far the nodes are --- */

struct names {
	struct buf json; /* "a","b" */
	size_t count;
};

struct survey {
	struct authorities *a;
	size_t registered, acknowledged, renewed;
	struct names unacknowledged, unrenewed, late;
	int64_t now_wall_ms;
};

static void survey_init(struct survey *s, struct authorities *a)
{
	*s = (struct survey){ .a = a, .now_wall_ms = clock_wall_ms() };
	buf_init(&s->unacknowledged.json, REPLY_MAX / 4);
	buf_init(&s->unrenewed.json, REPLY_MAX / 4);
	buf_init(&s->late.json, REPLY_MAX / 4);
}

static void survey_done(struct survey *s)
{
	buf_done(&s->unacknowledged.json);
	buf_done(&s->unrenewed.json);
	buf_done(&s->late.json);
}

static void name(struct names *names, const char *node)
{
	if (names->count++ >= NAMED_MAX)
		return;
	if (names->json.len)
		(void)buf_add_char(&names->json, ',');
	(void)buf_add_json_str(&names->json, span_of(node));
}

/* Past three quarters of its certificate's life a node should long have renewed it: it is away, or its clock is wrong. */
static bool is_late(const struct survey *s, const struct enrolment *e)
{
	return e->issued_wall_ms && e->not_after_wall_ms > e->issued_wall_ms &&
	       s->now_wall_ms > e->issued_wall_ms + (e->not_after_wall_ms - e->issued_wall_ms) / 4 * 3;
}

static int survey_one(void *ctx, const char *mark, struct span value)
{
	struct survey *s = ctx;
	struct enrolment e;

	(void)mark;
	if (enrolment_parse(value, &e, NULL) || e.revoked)
		return 0; /* a damaged record opens nothing, so it need not be waited for */
	s->registered++;
	if (memcmp(e.bundle_sha256, authority_bundle_sha256(s->a->authority), X509_SHA256_SIZE) == 0)
		s->acknowledged++;
	else
		name(&s->unacknowledged, e.node_name);
	if (e.authority == authority_current_number(s->a->authority))
		s->renewed++;
	else
		name(&s->unrenewed, e.node_name);
	if (is_late(s, &e))
		name(&s->late, e.node_name);
	return 0;
}

static int survey(struct survey *s)
{
	return cache_mark_list(api_cache(s->a->api), ENROL_MARK_PREFIX, survey_one, s);
}

/* --- steps --- */

static int step(struct authorities *a, int (*take)(struct authority *authority, struct err *err),
		const char *what, struct err *err)
{
	int code = take(a->authority, err);

	if (code) {
		log_error(MODULE, "step-failed", "step=%s error=\"%s\"", what, err_text(err));
		return code;
	}
	log_info(MODULE, what, "current=%u", authority_current_number(a->authority));
	certificates_changed(a->certificates);
	timer_start(a->timer, SOON_MS);
	return 0;
}

/* The step that is due, if all nodes are ready for it. */
static void look(struct authorities *a)
{
	struct survey s;
	struct err err = { 0 };

	if (!authority_has(a->authority, AUTHORITY_NEXT) && !authority_has(a->authority, AUTHORITY_PREVIOUS))
		return;
	timer_start(a->timer, LOOK_MS);
	survey_init(&s, a);
	if (survey(&s))
		log_error(MODULE, "nodes-not-read", "error=\"the records of the nodes cannot be read\"");
	else if (authority_has(a->authority, AUTHORITY_NEXT) && s.acknowledged == s.registered)
		(void)step(a, authority_switch, "switched", &err);
	else if (authority_has(a->authority, AUTHORITY_PREVIOUS) && s.renewed == s.registered)
		(void)step(a, authority_finish, "finished", &err);
	survey_done(&s);
}

static void on_timer(void *ctx)
{
	look(ctx);
}

void authorities_progress(struct authorities *a)
{
	if (authority_has(a->authority, AUTHORITY_NEXT) || authority_has(a->authority, AUTHORITY_PREVIOUS))
		timer_start(a->timer, SOON_MS);
}

/* --- the operator --- */

static void refuse(const struct api_responder *responder, void *ctx, int code, const struct err *err)
{
	reply_refuse(responder, ctx, code == -EBUSY ? STATUS_CONFLICT : STATUS_INTERNAL_ERROR, err_text(err));
}

static void add_generation(struct buf *out, const struct authority_generation *g)
{
	char root[CLOCK_TEXT_SIZE], branch[CLOCK_TEXT_SIZE];

	clock_format(g->root_not_after_wall_ms, root);
	clock_format(g->branch_not_after_wall_ms, branch);
	(void)buf_addf(out,
		       "{\"number\":%u,\"state\":\"%s\",\"rootExpires\":\"%s\",\"branchesExpire\":\"%s\"",
		       g->number, authority_state_name(g->state), root, branch);
	(void)buf_add_str(out, ",\"sha256\":\"");
	(void)text_hex(out, span_make(g->pin, X509_SHA256_SIZE));
	(void)buf_add_str(out, "\"}");
}

static void add_names(struct buf *out, const char *field, const struct names *names)
{
	(void)buf_addf(out, ",\"%s\":{\"count\":%zu,\"names\":[", field, names->count);
	(void)buf_add_span(out, buf_span(&names->json));
	(void)buf_add_str(out, "]}");
}

static const char *phase(const struct authority *a)
{
	if (authority_has(a, AUTHORITY_NEXT))
		return "spreading";
	return authority_has(a, AUTHORITY_PREVIOUS) ? "renewing" : "stable";
}

static int write_status(const struct survey *s, struct buf *out)
{
	const struct authority *authority = s->a->authority;
	char hub[CLOCK_TEXT_SIZE] = "";

	if (s->a->certificates)
		clock_format(certificates_hub_not_after(s->a->certificates), hub);
	(void)buf_addf(out, "{\"phase\":\"%s\",\"hubExpires\":\"%s\",\"generations\":[", phase(authority),
		       hub);
	for (size_t i = 0; i < authority_generation_count(authority); i++) {
		struct authority_generation g = authority_generation_at(authority, i);

		if (i)
			(void)buf_add_char(out, ',');
		add_generation(out, &g);
	}
	(void)buf_addf(out, "],\"nodes\":%zu,\"acknowledged\":%zu,\"renewed\":%zu", s->registered,
		       s->acknowledged, s->renewed);
	add_names(out, "notAcknowledged", &s->unacknowledged);
	add_names(out, "notRenewed", &s->unrenewed);
	add_names(out, "late", &s->late);
	return buf_add_str(out, "}\n");
}

static void answer(struct authorities *a, const struct api_responder *responder, void *ctx)
{
	struct survey s;
	struct buf out;

	survey_init(&s, a);
	buf_init(&out, REPLY_MAX);
	if (survey(&s) || write_status(&s, &out))
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR,
			     "the records of the nodes cannot be read");
	else
		reply_json(responder, ctx, 200, buf_span(&out));
	buf_done(&out);
	survey_done(&s);
}

static int rotate(struct authority *authority, struct err *err)
{
	return authority_rotate(authority, clock_wall_ms(), err);
}

struct wish {
	bool force, distrust;
};

static int wish_of(struct span body, struct wish *out, struct err *err)
{
	struct json *tree = NULL;
	int code = body.len ? json_parse(body, &tree, err) : 0;

	if (!code)
		*out = (struct wish){ json_path_bool(tree, "force", false),
				      json_path_bool(tree, "distrustOld", false) };
	json_free(tree);
	return code;
}

static int ready(struct authorities *a, bool force, bool switching, struct err *err)
{
	struct survey s;
	size_t missing;
	int code;

	if (force)
		return 0;
	survey_init(&s, a);
	code = survey(&s);
	missing = s.registered - (switching ? s.acknowledged : s.renewed);
	survey_done(&s);
	if (code)
		return err_set(err, code, "the records of the nodes cannot be read");
	if (!missing)
		return 0;
	return err_set(
		err, -EBUSY,
		"%zu of the nodes have not %s (see cloud-hub authority status); --force goes on without them",
		missing, switching ? "stored the new authority" : "renewed their certificates under it");
}

/* The step that is due; with distrust all that are. */
static int finish(struct authorities *a, const struct wish *wish, struct err *err)
{
	bool switching = authority_has(a->authority, AUTHORITY_NEXT);
	bool retiring = authority_has(a->authority, AUTHORITY_PREVIOUS);
	int code = 0;

	if (!switching && !retiring && !wish->distrust)
		return err_set(err, -EBUSY, "no rotation is under way");
	if (switching || retiring)
		code = ready(a, wish->force, switching, err);
	if (!code && switching)
		code = step(a, authority_switch, "switched", err);
	else if (!code && retiring && !wish->distrust)
		code = step(a, authority_finish, "finished", err);
	if (!code && wish->distrust)
		code = step(a, authority_distrust_old, "old-distrusted", err);
	return code;
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct authorities *a = ctx;
	struct span path = request->path;
	struct wish wish = { 0 };
	struct err err = { 0 };
	int code = 0;

	path = span_make(path.ptr + strlen(AUTHORITIES_PATH), path.len - strlen(AUTHORITIES_PATH));
	if (span_is(request->method, "GET") && !path.len) {
		answer(a, responder, responder_ctx);
		return;
	}
	if (!span_is(request->method, "POST") || !a->certificates) {
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "the authority takes GET, and POST of rotate and finish");
		return;
	}
	if (wish_of(request->body, &wish, &err)) {
		reply_refuse(responder, responder_ctx, STATUS_BAD_REQUEST, err_text(&err));
		return;
	}
	if (span_is(path, "/rotate"))
		code = step(a, rotate, "rotated", &err);
	else if (span_is(path, "/finish"))
		code = finish(a, &wish, &err);
	else
		code = err_set(&err, -EBUSY, "the authority takes rotate and finish");
	if (code)
		refuse(responder, responder_ctx, code, &err);
	else
		answer(a, responder, responder_ctx);
}

void authorities_start(struct authorities *a, struct certificates *certificates)
{
	a->certificates = certificates;
	authorities_progress(a); /* one that was under way when the hub stopped */
}

int authorities_new(struct loop *loop, struct api *api, struct authority *authority, struct authorities **out)
{
	struct authorities *a = calloc(1, sizeof(*a));
	int code;

	if (!a)
		return -ENOMEM;
	*a = (struct authorities){ .loop = loop, .api = api, .authority = authority };
	code = timer_new(loop, on_timer, a, &a->timer);
	if (!code)
		code = api_route_add(api, AUTHORITIES_PATH, false, serve, a);
	if (!code)
		code = api_route_add(api, AUTHORITIES_PATH "/", false, serve, a);
	if (code) {
		authorities_free(a);
		return code;
	}
	*out = a;
	return 0;
}

void authorities_free(struct authorities *a)
{
	if (!a)
		return;
	timer_close(a->timer);
	free(a);
}
