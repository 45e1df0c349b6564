#include "cloud-hub/nodes.h"

#include "api/names.h"
#include "auth/enrol.h"
#include "auth/fork.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/reply.h"
#include "tunnel/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "nodes"
#define LIST_MAX (3u * 1024 * 1024)
#define AFTER "after="

struct nodes {
	struct nodes_options options;
};

/* A decision on its way into the store. */
struct decision {
	struct nodes *nodes;
	const struct api_responder *responder;
	void *responder_ctx;
	char node[GATEWAY_NODE_SIZE];
	const char *word; /* what it is called when it is done */
	void (*done)(const struct decision *decision);
};

static struct decision *decision_new(struct nodes *nodes, const char *node, const char *word,
				     void (*done)(const struct decision *decision),
				     const struct api_responder *responder, void *responder_ctx)
{
	struct decision *decision = calloc(1, sizeof(*decision));

	if (!decision) {
		reply_refuse(responder, responder_ctx, STATUS_INTERNAL_ERROR, "out of memory");
		return NULL;
	}
	*decision = (struct decision){ nodes, responder, responder_ctx, .word = word, .done = done };
	snprintf(decision->node, sizeof(decision->node), "%s", node);
	return decision;
}

static void end_decision(void *ctx, int code)
{
	struct decision *decision = ctx;
	struct buf body;

	buf_init(&body, REPLY_MAX);
	if (!code) {
		log_info(MODULE, decision->word, "node=%s", decision->node);
		if (decision->nodes->options.gateway)
			decision->done(decision);
		buf_addf(&body, "{\"%s\":", decision->word);
		buf_add_json_str(&body, span_of(decision->node));
		buf_add_str(&body, "}\n");
		reply_json(decision->responder, decision->responder_ctx, 200, buf_span(&body));
	} else {
		reply_refuse(decision->responder, decision->responder_ctx, STATUS_INTERNAL_ERROR,
			     code == -ENOSPC ? "the disk is full" : "the store did not take it");
	}
	buf_done(&body);
	free(decision);
}

static void on_committed(void *ctx, const struct cache_result *result)
{
	end_decision(ctx, result->code);
}

static void put_record(struct decision *decision, const struct enrolment *record)
{
	int code = gateway_put_enrolment(decision->nodes->options.gateway, record, end_decision, decision);

	if (code)
		end_decision(decision, code);
}

/* --- revoke --- */

static void revoked(const struct decision *decision)
{
	const struct nodes_options *options = &decision->nodes->options;

	gateway_drop(options->gateway, decision->node, REFUSE_REVOKED, "the operator revoked this node");
	if (options->on_revoked)
		options->on_revoked(options->ctx);
}

static void revoke(struct nodes *nodes, const char *node, const struct json *body,
		   const struct api_responder *responder, void *ctx)
{
	struct enrolment known;
	struct decision *decision;

	(void)body;
	if (gateway_enrolment(nodes->options.gateway, node, &known)) {
		reply_refuse(responder, ctx, STATUS_NOT_FOUND, "no such node is registered");
		return;
	}
	decision = decision_new(nodes, node, "revoked", revoked, responder, ctx);
	known.revoked = true;
	known.has_previous_key = false;
	if (decision)
		put_record(decision, &known);
}

/* --- confirm --- */

static void confirmed(const struct decision *decision)
{
	gateway_forget_stranger(decision->nodes->options.gateway, decision->node);
}

static int region_of(const struct json *body, const struct gateway_stranger *stranger, char *out, size_t size)
{
	struct span region = span_of(json_path_str(body, "region", stranger->region));

	return (region.len && name_label_value(region)) || span_copy(region, out, size) ? -EINVAL : 0;
}

static void confirm(struct nodes *nodes, const char *node, const struct json *body,
		    const struct api_responder *responder, void *ctx)
{
	const struct gateway_stranger *stranger = gateway_stranger(nodes->options.gateway, node);
	struct enrolment known = { .node_name = "" };
	struct decision *decision;
	bool registered = !gateway_enrolment(nodes->options.gateway, node, &known);

	if (registered && (known.revoked || !stranger || !stranger->unconfirmed))
		reply_refuse(responder, ctx, STATUS_CONFLICT,
			     known.revoked ? "the node is revoked" : "the node is registered");
	else if (!stranger)
		reply_refuse(responder, ctx, STATUS_NOT_FOUND,
			     "no such node has come since this hub started; it tries again within minutes");
	else if (!stranger->unconfirmed)
		reply_refuse(responder, ctx, STATUS_CONFLICT,
			     "the store was not restored from a backup: give the node a join token instead");
	else if ((!registered && region_of(body, stranger, known.region, sizeof(known.region))) ||
		 span_copy(span_of(node), known.node_name, sizeof(known.node_name)))
		reply_refuse(responder, ctx, STATUS_BAD_REQUEST, "the region must be a label value");
	else if ((decision = decision_new(nodes, node, "confirmed", confirmed, responder, ctx))) {
		memcpy(known.key_sha256, stranger->key_sha256, sizeof(known.key_sha256));
		known.has_previous_key = false;
		known.identity_len = 0;		/* comes with its next Hello */
		known.generation += registered; /* the name goes to another key than the backup's */
		span_copy_or_nothing(span_of(stranger->machine_id), known.machine_id,
				     sizeof(known.machine_id));
		known.joined_wall_ms = known.issued_wall_ms = clock_wall_ms();
		known.not_after_wall_ms = stranger->not_after_wall_ms;
		put_record(decision, &known);
	}
}

/* --- release --- */

static void released(const struct decision *decision)
{
	gateway_tell_released(decision->nodes->options.gateway, decision->node);
}

static bool matches(const struct json *body, const struct fork_host *host)
{
	const char *machine = json_path_str(body, "machineId", host->machine_id),
		   *boot = json_path_str(body, "bootId", host->boot_id),
		   *address = json_path_str(body, "address", host->address);

	return strcmp(machine, host->machine_id) == 0 && strcmp(boot, host->boot_id) == 0 &&
	       strcmp(address, host->address) == 0;
}

/* The one host that fits what was said: its index, or -ENOENT (none), -EINVAL (several). */
static int find_host(const struct fork *fork, const struct json *body)
{
	int found = -ENOENT;

	for (size_t i = 0; i <= fork->host_count; i++) {
		if (!matches(body, i ? &fork->hosts[i - 1] : &fork->holder))
			continue;
		if (found != -ENOENT)
			return -EINVAL;
		found = (int)i;
	}
	return found;
}

static void store_fork(struct decision *decision, const struct fork *fork)
{
	char mark[sizeof(FORK_MARK_PREFIX) + GATEWAY_NODE_SIZE];
	struct cache_op op = { .type = CACHE_MARK, .mark = mark };
	struct buf record;
	int code;

	snprintf(mark, sizeof(mark), "%s%s", FORK_MARK_PREFIX, decision->node);
	buf_init(&record, CACHE_MARK_MAX);
	code = fork_write(fork, &record);
	op.value = buf_span(&record);
	if (!code)
		code = cache_submit(api_cache(decision->nodes->options.api), &op, 1, on_committed, decision);
	buf_done(&record);
	if (code)
		end_decision(decision, code);
}

static void release(struct nodes *nodes, const char *node, const struct json *body,
		    const struct api_responder *responder, void *ctx)
{
	struct decision *decision;
	struct fork fork;
	int host;

	if (gateway_fork(nodes->options.gateway, node, &fork) || !fork.quarantined) {
		reply_refuse(responder, ctx, STATUS_CONFLICT, "the node is not quarantined");
		return;
	}
	host = find_host(&fork, body);
	if (host < 0 || fork_release(&fork, (size_t)host)) {
		reply_refuse(
			responder, ctx, STATUS_BAD_REQUEST,
			host == -ENOENT
				? "no such host: cloud-hub node show lists them"
				: "several hosts fit: say --machine-id, --boot-id and --address until one is "
				  "left");
		return;
	}
	decision = decision_new(nodes, node, "released", released, responder, ctx);
	if (decision)
		store_fork(decision, &fork);
}

/* --- remove --- */

static void removed(const struct decision *decision)
{
	revoked(decision);
}

static void remove_node(struct nodes *nodes, const char *node, const struct json *body,
			const struct api_responder *responder, void *ctx)
{
	struct enrolment known;
	struct decision *decision;
	int code;

	(void)body;
	if (gateway_enrolment(nodes->options.gateway, node, &known)) {
		reply_refuse(responder, ctx, STATUS_NOT_FOUND, "no such node is registered");
		return;
	}
	decision = decision_new(nodes, node, "removed", removed, responder, ctx);
	if (!decision)
		return;
	code = gateway_remove(nodes->options.gateway, node, end_decision, decision);
	if (code)
		end_decision(decision, code);
}

/* --- routes --- */

static const struct {
	const char *verb;
	void (*run)(struct nodes *nodes, const char *node, const struct json *body,
		    const struct api_responder *responder, void *ctx);
} decisions[] = {
	{ "revoke", revoke }, { "confirm", confirm }, { "release", release }, { "remove", remove_node }
};

static void decide(struct nodes *nodes, const char *node, struct span verb, const struct api_request *request,
		   const struct api_responder *responder, void *ctx)
{
	struct json *body = NULL;
	struct err err = { 0 };

	if (request->body.len && json_parse(request->body, &body, &err)) {
		reply_refuse(responder, ctx, STATUS_BAD_REQUEST, err_text(&err));
		return;
	}
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (span_is(verb, decisions[i].verb)) {
			decisions[i].run(nodes, node, body, responder, ctx);
			json_free(body);
			return;
		}
	json_free(body);
	reply_refuse(responder, ctx, STATUS_NOT_FOUND, "nodes are revoked, confirmed, released or removed");
}

static void show(struct nodes *nodes, const char *node, struct span query,
		 const struct api_responder *responder, void *ctx)
{
	char after[GATEWAY_NODE_SIZE] = "";
	struct buf out;
	int code;

	if (span_has_prefix(query, SPAN(AFTER)))
		span_copy_or_nothing(span_make(query.ptr + strlen(AFTER), query.len - strlen(AFTER)), after,
				     sizeof(after));

	buf_init(&out, LIST_MAX);
	code = *node ? nodes_view_one(nodes->options.gateway, node, &out)
		     : nodes_view_all(nodes->options.gateway, api_cache(nodes->options.api), after, &out);
	if (!code)
		reply_json(responder, ctx, 200, buf_span(&out));
	else
		reply_refuse(responder, ctx, code == -ENOENT ? STATUS_NOT_FOUND : STATUS_INTERNAL_ERROR,
			     code == -ENOENT ? "no such node is registered, nor has one come"
					     : "the records of nodes cannot be read");
	buf_done(&out);
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct nodes *nodes = ctx;
	struct span name = request->path, verb;
	char node[GATEWAY_NODE_SIZE] = "";

	name.ptr += strlen(NODES_PATH);
	name.len -= strlen(NODES_PATH);
	if (name.len) { /* the slash */
		name.ptr++;
		name.len--;
	}
	(void)span_cut(name, '/', &name, &verb);
	if (span_copy(name, node, sizeof(node)) || (*node && !enrol_node_name_ok(node)))
		reply_refuse(responder, responder_ctx, STATUS_NOT_FOUND, "that is no node's name");
	else if (span_is(request->method, "GET") && !verb.len)
		show(nodes, node, request->query, responder, responder_ctx);
	else if (span_is(request->method, "POST") && *node && verb.len)
		decide(nodes, node, verb, request, responder, responder_ctx);
	else
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "nodes take GET, and POST of a decision about one");
}

int nodes_new(const struct nodes_options *options, struct nodes **out)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));
	int code;

	if (!nodes)
		return -ENOMEM;
	nodes->options = *options;
	code = api_route_add(options->api, NODES_PATH, false, serve, nodes);
	if (!code)
		code = api_route_add(options->api, NODES_PATH "/", false, serve, nodes);
	if (code) {
		free(nodes);
		return code;
	}
	*out = nodes;
	return 0;
}

void nodes_detach(struct nodes *nodes)
{
	if (nodes)
		nodes->options.gateway = NULL;
}

void nodes_free(struct nodes *nodes)
{
	free(nodes);
}
