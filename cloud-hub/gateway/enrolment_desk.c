#include "cloud-hub/gateway/enrolment_desk.h"

#include "api/write.h"
#include "auth/enrol.h"
#include "auth/throttle.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "cloud-hub/gateway/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "enrolment"
#define RETRY_MS 2000u
#define REGION_LABEL "topology.kubernetes.io/region"

/* One join, from request to answer. */
struct application {
	struct enrolment_desk *desk;
	struct list_node node;
	struct edge *edge; /* one reference */
	Tunnel__JoinRequest *request;
	struct enrol_answer answer;
	struct buf chain;
};

/* A source may try a few dozen times at once: a site behind one address that is set up. A wrong token is worth that many tries. */
#define SOURCE_SHARE 10u
#define BURST_S 10u
#define WRONG_TOKEN_COST 9u

struct enrolment_desk {
	struct gateway *gateway;
	struct throttle *throttle; /* NULL: no limit */
	struct list waiting;
	struct application *current;
};

static void next(struct enrolment_desk *desk);

static void application_free(struct application *a)
{
	message_free(MSG_JOIN_REQUEST, a->request);
	buf_done(&a->chain);
	edge_unref(a->edge);
	free(a);
}

static void finish(struct application *a)
{
	struct enrolment_desk *desk = a->desk;

	application_free(a);
	if (desk) {
		desk->current = NULL;
		next(desk);
	}
}

static void refuse(struct application *a, enum refuse_reason reason, const char *text,
		   unsigned retry_after_ms)
{
	if (a->edge->state != EDGE_CLOSED)
		edge_refuse(a->edge, reason, text, retry_after_ms);
	finish(a);
}

/* --- the answer --- */

static void answer(struct application *a, const struct object *node)
{
	struct gateway *gateway = a->edge->gateway;
	struct span authority = authority_bundle_pem(gateway->options.authority);
	Tunnel__JoinResponse message = TUNNEL__JOIN_RESPONSE__INIT;

	message.chain.data = (uint8_t *)a->chain.data;
	message.chain.len = a->chain.len;
	message.authority.data = (uint8_t *)authority.ptr;
	message.authority.len = authority.len;
	message.clouds = gateway->clouds;
	while (gateway->clouds[message.n_clouds])
		message.n_clouds++;
	message.node = a->answer.enrolment.node_name;
	message.node_uid = node ? (char *)node->uid : (char *)"";
	message.region = a->answer.enrolment.region;
	message.wall_ms = clock_wall_ms();
	if (session_join_answer(a->edge->session, &message, gateway_now(gateway)))
		edge_refuse(a->edge, REFUSE_BUSY, "the answer could not be made", RETRY_MS);
	else
		edge_kick(a->edge);
}

/* What is stored beside the Node: the token's grant, and who owns the name. */
struct marks {
	char token[sizeof(TOKEN_MARK_PREFIX) + TOKEN_ID_SIZE],
		node[sizeof(ENROL_MARK_PREFIX) + TOKEN_NODE_NAME_SIZE],
		session[sizeof(FORK_MARK_PREFIX) + TOKEN_NODE_NAME_SIZE];
	struct buf grant, record;
	struct cache_op ops[3];
	size_t count;
};

static int marks_init(struct marks *marks, const struct application *a)
{
	int code;

	snprintf(marks->token, sizeof(marks->token), "%s%s", TOKEN_MARK_PREFIX, a->answer.grant.id);
	snprintf(marks->node, sizeof(marks->node), "%s%s", ENROL_MARK_PREFIX, a->answer.enrolment.node_name);
	snprintf(marks->session, sizeof(marks->session), "%s%s", FORK_MARK_PREFIX,
		 a->answer.enrolment.node_name);
	buf_init(&marks->grant, CACHE_MARK_MAX);
	buf_init(&marks->record, CACHE_MARK_MAX);
	code = token_grant_write(&a->answer.grant, &marks->grant);
	if (!code)
		code = enrolment_write(&a->answer.enrolment, &marks->record);
	marks->ops[0] = (struct cache_op){ .type = CACHE_MARK,
					   .mark = marks->token,
					   .value = buf_span(&marks->grant) };
	marks->ops[1] = (struct cache_op){ .type = CACHE_MARK,
					   .mark = marks->node,
					   .value = buf_span(&marks->record) };
	marks->count = 2;
	if (a->answer.starts_anew)
		marks->ops[marks->count++] = (struct cache_op){ .type = CACHE_MARK, .mark = marks->session };
	return code;
}

static void marks_done(struct marks *marks)
{
	buf_done(&marks->grant);
	buf_done(&marks->record);
}

static void store_marks(struct application *a);

static void note_joined(const struct application *a)
{
	char reason[64];
	struct audit_note note = { .verb = "join",
				   .user = "system:join-token",
				   .node = a->answer.enrolment.node_name,
				   .source = a->edge->stream ? stream_peer_address(a->edge->stream) : NULL,
				   .resource = "nodes",
				   .name = a->answer.enrolment.node_name,
				   .code = 200,
				   .reason = reason };

	snprintf(reason, sizeof(reason), "token %s", a->answer.enrolment.token_id);
	audit_note(a->edge->gateway->options.audit, &note);
}

/* The registration is committed: who worked under the name with another key does so no more. */
static void settle_in(const struct application *a)
{
	struct gateway *gateway = a->desk->gateway;
	const char *node = a->answer.enrolment.node_name;

	gateway->stats.joined++;
	note_joined(a);
	gateway_forget_stranger(gateway, node);
	if (a->answer.took_over)
		gateway_drop(gateway, node, REFUSE_IDENTITY, "another machine has taken over this node");
}

static void on_written(void *ctx, const struct api_written *written)
{
	struct application *a = ctx;

	if (a->desk)
		registry_written(a->desk->gateway->registry, a->answer.enrolment.node_name);
	if (written->code == -EEXIST && a->desk) {
		store_marks(a);
		return;
	}
	if (written->code) {
		log_error(MODULE, "not-stored", "node=%s error=\"%s\"", a->answer.enrolment.node_name,
			  written->status->message);
		refuse(a, REFUSE_BUSY, "the registration could not be stored", RETRY_MS);
		return;
	}
	log_info(MODULE, "joined", "node=%s region=%s generation=%u", a->answer.enrolment.node_name,
		 a->answer.enrolment.region[0] ? a->answer.enrolment.region : "-",
		 a->answer.enrolment.generation);
	if (a->desk)
		settle_in(a);
	if (a->edge->state != EDGE_CLOSED)
		answer(a, written->object);
	finish(a);
}

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct status status;
	struct api_written written = { .code = result->code, .status = &status };

	status_init(&status);
	if (result->code)
		(void)status_of_errno(&status, result->code);
	on_written(ctx, &written);
	status_done(&status);
}

static void store_marks(struct application *a)
{
	struct registry *registry = a->edge->gateway->registry;
	struct marks marks;
	int code = marks_init(&marks, a);

	if (!code)
		code = registry_writing(registry, &a->answer.enrolment);
	if (!code) {
		code = cache_submit(a->edge->gateway->options.cache, marks.ops, marks.count, on_committed, a);
		if (code)
			registry_written(registry, a->answer.enrolment.node_name);
	}
	if (code)
		refuse(a, REFUSE_BUSY, "the registration could not be stored", RETRY_MS);
	marks_done(&marks);
}

/* --- the record --- */

static int add_labels(struct json *labels, const struct application *a)
{
	const Tunnel__JoinRequest *request = a->request;
	int code = json_set_str(labels, "kubernetes.io/hostname", a->answer.enrolment.node_name);

	for (size_t i = 0; !code && i < request->n_labels; i++)
		code = json_set_str(labels, request->labels[i]->key, request->labels[i]->value);
	if (!code && a->answer.enrolment.region[0])
		code = json_set_str(labels, REGION_LABEL, a->answer.enrolment.region);
	return code;
}

static struct json *node_object(const struct application *a)
{
	struct json *node = json_new_object();
	struct json *labels;
	int code = -ENOMEM;

	if (!node)
		return NULL;
	labels = json_ensure(node, "metadata.labels");
	if (labels && !json_set_str(node, "apiVersion", "v1") && !json_set_str(node, "kind", "Node") &&
	    !json_set_str(json_get(node, "metadata"), "name", a->answer.enrolment.node_name))
		code = add_labels(labels, a);
	if (!code)
		return node;
	json_free(node);
	return NULL;
}

/* A Node that exists already keeps its labels, whatever was asked for: then the marks alone are stored. */
static void store(struct application *a)
{
	struct marks marks;
	struct api_extra_ops extra = { marks.ops, 0 };
	struct status status;
	struct registry *registry = a->edge->gateway->registry;
	struct json *node = NULL;
	int code = marks_init(&marks, a);

	extra.count = marks.count;
	status_init(&status);
	if (!code)
		code = registry_writing(registry, &a->answer.enrolment);
	if (!code) {
		node = node_object(a);
		code = node ? api_create(a->edge->gateway->api, node, &extra, &status, on_written, a)
			    : -ENOMEM;
		if (code)
			registry_written(registry, a->answer.enrolment.node_name);
	}
	if (code == -EEXIST)
		store_marks(a);
	else if (code)
		refuse(a, code == -EINVAL ? REFUSE_MALFORMED : REFUSE_BUSY,
		       status_is_failure(&status) ? status.message : "the registration could not be stored",
		       code == -EINVAL ? 0 : RETRY_MS);
	status_done(&status);
	marks_done(&marks);
}

/* --- the decision --- */

static int load_grant(struct gateway *gateway, const struct token *token, struct token_grant *out)
{
	char mark[sizeof(TOKEN_MARK_PREFIX) + TOKEN_ID_SIZE];
	struct buf record;
	int code;

	snprintf(mark, sizeof(mark), "%s%s", TOKEN_MARK_PREFIX, token->id);
	buf_init(&record, CACHE_MARK_MAX);
	code = cache_mark_get(gateway->options.cache, mark, &record);
	if (!code)
		code = token_grant_parse(buf_span(&record), out, NULL);
	buf_done(&record);
	return code;
}

static const enum refuse_reason reasons[] = {
	[ENROL_TOKEN_REFUSED] = REFUSE_TOKEN,	[ENROL_BAD_NAME] = REFUSE_NAME,
	[ENROL_BAD_REQUEST] = REFUSE_MALFORMED, [ENROL_NAME_TAKEN] = REFUSE_NAME,
	[ENROL_REVOKED] = REFUSE_REVOKED,	[ENROL_FAILED] = REFUSE_BUSY,
};

static bool labels_ok(const Tunnel__JoinRequest *request, struct err *err)
{
	for (size_t i = 0; i < request->n_labels; i++)
		if (!enrol_label_ok(request->labels[i]->key)) {
			(void)err_set(err, -EINVAL,
				      "the label %.253s is not a node's to give itself: it comes from the "
				      "token or the "
				      "operator",
				      request->labels[i]->key);
			return false;
		}
	return true;
}

/* Somebody who guesses, or has a token that is no good any more and does not notice. */
static void charge(const struct application *a)
{
	char source[64];

	if (!a->desk->throttle || a->edge->state == EDGE_CLOSED)
		return;
	throttle_source(stream_peer_address(a->edge->stream), source, sizeof(source));
	throttle_charge(a->desk->throttle, source, WRONG_TOKEN_COST, gateway_now(a->desk->gateway));
}

static void decide(struct application *a)
{
	struct gateway *gateway = a->edge->gateway;
	const Tunnel__JoinRequest *request = a->request;
	struct enrol_request ask = {
		.token_text = span_of(request->token),
		.csr_pem = span_make(request->csr.data, request->csr.len),
		.node_name = request->node,
		.region = request->region,
		.machine_id = request->machine_id,
		.old_key = span_make(request->old_key.data, request->old_key.len),
		.old_key_proof = span_make(request->old_key_proof.data, request->old_key_proof.len),
		.now_wall_ms = clock_wall_ms(),
	};
	struct token token;
	struct token_grant grant;
	struct enrolment known;
	struct err err = { 0 };
	int has_grant, has_known;
	enum enrol_verdict verdict;

	if (token_parse(ask.token_text, &token, &err)) {
		refuse(a, REFUSE_TOKEN, err_text(&err), 0);
		return;
	}
	if (!labels_ok(request, &err)) {
		refuse(a, REFUSE_MALFORMED, err_text(&err), 0);
		return;
	}
	has_grant = load_grant(gateway, &token, &grant);
	has_known = gateway_enrolment(gateway, request->node, &known);
	if ((has_grant && has_grant != -ENOENT) || (has_known && has_known != -ENOENT)) {
		refuse(a, REFUSE_BUSY, "the store cannot be read", RETRY_MS);
		return;
	}
	verdict = enrol_join(gateway->options.authority, &ask, has_grant ? NULL : &grant,
			     has_known ? NULL : &known, &a->answer, &a->chain, &err);
	if (verdict == ENROL_TOKEN_REFUSED)
		charge(a);
	if (verdict != ENROL_OK)
		refuse(a, reasons[verdict], err_text(&err), verdict == ENROL_FAILED ? RETRY_MS : 0);
	else
		store(a);
}

static void next(struct enrolment_desk *desk)
{
	struct list_node *node;

	while (!desk->current && (node = list_pop(&desk->waiting))) {
		desk->current = container_of(node, struct application, node);
		if (desk->current->edge->state == EDGE_CLOSED)
			finish(desk->current);
		else
			decide(desk->current);
	}
}

static bool may_try(struct enrolment_desk *desk, struct edge *edge)
{
	char source[64];
	unsigned wait;

	if (!desk->throttle)
		return true;
	throttle_source(stream_peer_address(edge->stream), source, sizeof(source));
	wait = throttle_take(desk->throttle, source, 1, gateway_now(desk->gateway));
	if (!wait)
		return true;
	desk->gateway->stats.joins_deferred++;
	edge_refuse(edge, REFUSE_BUSY, "too many have tried to join from here: come back later", wait);
	return false;
}

void enrolment_desk_take(struct enrolment_desk *desk, struct edge *edge, const Tunnel__JoinRequest *join)
{
	struct application *a = NULL;
	struct buf copy;
	void *request = NULL;

	if (!may_try(desk, edge))
		return;
	if (desk->waiting.count >= DESK_QUEUE_MAX || desk->gateway->stopping) {
		edge_refuse(edge, REFUSE_BUSY, "too many are joining: come back later", RETRY_MS);
		return;
	}
	buf_init(&copy, MESSAGE_CONTROL_MAX);
	if (!message_encode(MSG_JOIN_REQUEST, join, &copy) &&
	    !message_decode(MSG_JOIN_REQUEST, buf_span(&copy), &request))
		a = calloc(1, sizeof(*a));
	buf_done(&copy);
	if (!a) {
		message_free(MSG_JOIN_REQUEST, request);
		edge_refuse(edge, REFUSE_BUSY, "out of memory", RETRY_MS);
		return;
	}
	a->desk = desk;
	a->edge = edge;
	a->request = request;
	buf_init(&a->chain, MESSAGE_CONTROL_MAX);
	edge_ref(edge);
	list_push(&desk->waiting, &a->node);
	next(desk);
}

static int throttle_of(unsigned per_second, struct throttle **out)
{
	struct throttle_rate all = { per_second, per_second * BURST_S };
	struct throttle_rate source = { per_second / SOURCE_SHARE + 1, per_second };

	return per_second ? throttle_new(source, all, out) : 0;
}

int enrolment_desk_new(struct gateway *gateway, struct enrolment_desk **out)
{
	struct enrolment_desk *desk = calloc(1, sizeof(*desk));

	if (!desk)
		return -ENOMEM;
	desk->gateway = gateway;
	list_init(&desk->waiting);
	if (throttle_of(gateway->options.joins_per_second, &desk->throttle)) {
		free(desk);
		return -ENOMEM;
	}
	*out = desk;
	return 0;
}

void enrolment_desk_free(struct enrolment_desk *desk)
{
	struct list_node *node;

	if (!desk)
		return;
	while ((node = list_pop(&desk->waiting)))
		application_free(container_of(node, struct application, node));
	if (desk->current)
		desk->current->desk = NULL; /* its write is under way: it ends itself */
	throttle_free(desk->throttle);
	free(desk);
}
