/* Probes and hooks: exec through the runtime, HTTP, TCP, gRPC health checks and sleeps. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "edge-hub/pods/agent_internal.h"
#include "net/grpc.h"
#include "net/http.h"

#define OUTPUT_SHOWN 300u

/* One attempt. Lives until its last callback, which may come after the operation was dropped (op NULL then). */
struct hook {
	struct op *op;
	struct loop *loop;
	struct stream *stream;
	struct grpc_channel *channel;
	struct timer *timer;
	unsigned timeout_ms;
	bool asking; /* an answer comes that cannot be called off */
	char service[256];
};

static void hook_close(struct hook *hook)
{
	stream_close(hook->stream);
	if (hook->channel)
		grpc_channel_close(hook->channel);
	timer_close(hook->timer);
	hook->stream = NULL;
	hook->channel = NULL;
	hook->timer = NULL;
}

static void hook_end(struct hook *hook, int code, const char *message)
{
	struct op *op = hook->op;

	hook->op = NULL;
	hook_close(hook);
	if (op)
		op->extra = NULL;
	if (!hook->asking)
		free(hook);
	if (op)
		op_done(op, code, "", message);
}

void op_hook_drop(struct op *op)
{
	struct hook *hook = op->extra;

	op->extra = NULL;
	if (!hook)
		return;
	hook->op = NULL;
	hook_close(hook);
	if (!hook->asking)
		free(hook);
}

/* --- exec --- */
static void on_exec(void *ctx, const struct cri_answer *answer)
{
	struct op *op = ctx;
	const Runtime__V1__ExecSyncResponse *response = answer->body;
	bool probe = op->action.kind == ACTION_PROBE;
	char message[OUTPUT_SHOWN + 32];

	if (answer->code == -ETIME) {
		op_done(op, -EREMOTEIO, "", "command timed out");
	} else if (probe && cri_is_silence(answer->code)) {
		op_undecided(op); /* a runtime that hangs must not cost a container */
	} else if (answer->code) {
		op_done(op, cri_is_silence(answer->code) ? -EREMOTEIO : answer->code, "", answer->message);
	} else if (response->exit_code) {
		const ProtobufCBinaryData *said =
			response->stdout.len ? &response->stdout : &response->stderr;
		int shown = (int)(said->len < OUTPUT_SHOWN ? said->len : OUTPUT_SHOWN);

		snprintf(message, sizeof(message), "exit code %d: %.*s", response->exit_code, shown,
			 said->len ? (const char *)said->data : "");
		op_done(op, -EREMOTEIO, "", message);
	} else {
		op_done(op, 0, "", "");
	}
}

static void hook_exec(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	Runtime__V1__ExecSyncRequest request = RUNTIME__V1__EXEC_SYNC_REQUEST__INIT;
	int rc;

	request.container_id = op->id;
	request.cmd = (char **)(uintptr_t)handler->command.v;
	request.n_cmd = handler->command.n;
	request.timeout = (timeout_ms + 999) / 1000;
	rc = op_call(op, CRI_EXEC_SYNC, &request, timeout_ms + 5000, on_exec);
	if (rc && op->action.kind == ACTION_PROBE)
		op_undecided(op);
	else if (rc)
		op_done(op, -EREMOTEIO, "", "the runtime cannot be asked");
}

/* --- where to connect --- */
static int64_t port_of(const struct op *op, const struct handler *handler)
{
	const struct port_spec *ports = op_container(op)->ports.v;

	for (uint32_t i = 0; handler->port_name[0] && i < op_container(op)->ports.n; i++)
		if (strcmp(ports[i].name, handler->port_name) == 0)
			return ports[i].container_port;
	return handler->port;
}

static const char *host_of(const struct op *op, const struct handler *handler, char out[80])
{
	struct pod_world world;
	struct span first, rest;

	if (handler->host[0])
		return handler->host;
	agent_world(op->pod, &world);
	span_cut(span_of(world.spec->host_network ? (world.host_ip[0] ? world.host_ip : "127.0.0.1")
						  : world.pod_ips),
		 ',', &first, &rest);
	return span_copy(first, out, 80) ? "" : out;
}

/* False when there is nowhere to go. */
static bool address_of(const struct op *op, const struct handler *handler, char *out, size_t size)
{
	int64_t port = port_of(op, handler);
	const char *host;
	char ip[80];

	host = host_of(op, handler, ip);
	if (!host[0] || port < 1 || port > 65535)
		return false;
	return (size_t)snprintf(out, size, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, (int)port) < size;
}

static struct hook *hook_new(struct op *op, unsigned timeout_ms)
{
	struct hook *hook = calloc(1, sizeof(*hook));

	if (!hook)
		return NULL;
	hook->op = op;
	hook->loop = op->agent->loop;
	hook->timeout_ms = timeout_ms;
	op->extra = hook;
	return hook;
}

/* --- HTTP --- */
static void on_http(void *ctx, const struct http_client_answer *answer)
{
	struct hook *hook = ctx;
	char message[320];

	hook->asking = false;
	if (answer->status >= 200 && answer->status < 400) {
		hook_end(hook, 0, "");
		return;
	}
	if (answer->status)
		snprintf(message, sizeof(message), "HTTP probe failed with statuscode: %d", answer->status);
	else
		snprintf(message, sizeof(message), "Get: %s", err_text(&answer->err));
	hook_end(hook, -EREMOTEIO, message);
}

#define HOOK_HEADERS_MAX 40u

/* The name under "Host" is the client's own header: *out_host gets one that was asked for. */
static size_t headers_of(const struct handler *handler, struct http_header *out, const char **out_host)
{
	const struct pair *given = handler->headers.v;
	size_t n = 0;
	bool agent = false, accept = false;

	for (uint32_t i = 0; i < handler->headers.n && n < HOOK_HEADERS_MAX - 2; i++) {
		if (strcasecmp(given[i].key, "Host") == 0) {
			*out_host = given[i].value;
			continue;
		}
		agent |= strcasecmp(given[i].key, "User-Agent") == 0;
		accept |= strcasecmp(given[i].key, "Accept") == 0;
		out[n++] = (struct http_header){ span_of(given[i].key), span_of(given[i].value) };
	}
	if (!agent)
		out[n++] = (struct http_header){ SPAN("User-Agent"), SPAN("kube-probe/1.32") };
	if (!accept)
		out[n++] = (struct http_header){ SPAN("Accept"), SPAN("*/*") };
	return n;
}

static void hook_http(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	struct stream_options options = { .connect_timeout_ms = timeout_ms };
	struct http_header headers[HOOK_HEADERS_MAX];
	struct hook *hook;
	char address[300], target[2048];
	size_t header_count = headers_of(handler, headers, &options.tls_server_name);
	int rc = -EINVAL;

	hook = address_of(op, handler, address, sizeof(address)) ? hook_new(op, timeout_ms) : NULL;
	snprintf(target, sizeof(target), "%s%s", handler->path[0] == '/' ? "" : "/", handler->path);
	if (hook)
		rc = http_client_probe(hook->loop, address, &options, target, headers, header_count,
				       timeout_ms, on_http, hook);
	if (hook && !rc)
		hook->asking = true;
	else if (hook)
		hook_end(hook, -EREMOTEIO, "HTTP probe cannot be sent");
	else
		op_done(op, -EREMOTEIO, "", "there is no address to probe");
}

/* --- TCP --- */
static void on_tcp_open(void *ctx)
{
	hook_end(ctx, 0, "");
}

static void on_tcp_closed(void *ctx, const struct err *why)
{
	struct hook *hook = ctx;
	char message[300];

	hook->stream = NULL; /* frees itself */
	snprintf(message, sizeof(message), "%s", err_text(why));
	hook_end(hook, -EREMOTEIO, message);
}

static void on_tcp_data(void *ctx, struct span data)
{
}

static void hook_tcp(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	static const struct stream_events events = { .on_open = on_tcp_open,
						     .on_data = on_tcp_data,
						     .on_closed = on_tcp_closed };
	struct stream_options options = { .connect_timeout_ms = timeout_ms };
	struct err err = { 0 };
	struct hook *hook;
	char address[300];

	hook = address_of(op, handler, address, sizeof(address)) ? hook_new(op, timeout_ms) : NULL;
	if (!hook)
		op_done(op, -EREMOTEIO, "", "there is no address to probe");
	else if (stream_connect(hook->loop, address, &options, &events, hook, &hook->stream, &err))
		hook_end(hook, -EREMOTEIO, err_text(&err));
}

/* --- gRPC health checks: grpc.health.v1 --- */
static void on_health(void *ctx, const struct grpc_answer *answer)
{
	struct hook *hook = ctx;
	const char *body = answer->body.ptr;
	char message[300];

	/* HealthCheckResponse: field 1, an enum, SERVING is 1. */
	if (!answer->code && answer->body.len >= 2 && body[0] == 0x08 && body[1] == 0x01) {
		hook_end(hook, 0, "");
		return;
	}
	snprintf(message, sizeof(message), "service unhealthy: %s",
		 answer->code ? answer->message : "it says it does not serve");
	hook_end(hook, -EREMOTEIO, message);
}

static void ask_health(struct hook *hook)
{
	size_t len = strlen(hook->service);
	char request[260] = { 0 };
	struct span body = span_make(request, len ? len + 2 : 0);

	request[0] = 0x0a; /* field 1, a string shorter than 128 bytes */
	request[1] = (char)len;
	memcpy(request + 2, hook->service, len);
	if (grpc_unary(hook->channel, "/grpc.health.v1.Health/Check", body, hook->timeout_ms, on_health,
		       hook))
		hook_end(hook, -EREMOTEIO, "gRPC probe cannot be sent");
}

static void on_grpc_state(void *ctx, bool up)
{
	if (up)
		ask_health(ctx);
}

static void on_grpc_late(void *ctx)
{
	hook_end(ctx, -EREMOTEIO, "timeout: failed to connect service");
}

static void hook_grpc(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	struct hook *hook;
	struct err err = { 0 };
	char address[300];

	hook = address_of(op, handler, address, sizeof(address)) && strlen(handler->service) < 128
		       ? hook_new(op, timeout_ms)
		       : NULL;
	if (!hook) {
		op_done(op, -EREMOTEIO, "", "there is no address to probe");
		return;
	}
	memcpy(hook->service, handler->service, strlen(handler->service) + 1);
	if (timer_new(hook->loop, on_grpc_late, hook, &hook->timer) ||
	    grpc_channel_new(hook->loop, address, on_grpc_state, hook, &hook->channel, &err)) {
		hook_end(hook, -EREMOTEIO, "gRPC probe cannot be sent");
		return;
	}
	timer_start(hook->timer, timeout_ms);
}

/* --- sleep --- */
static void on_slept(void *ctx)
{
	hook_end(ctx, 0, "");
}

static void hook_sleep(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	int64_t seconds = handler->sleep_seconds < 0 ? 0 : handler->sleep_seconds;
	struct hook *hook = hook_new(op, timeout_ms);

	if (!hook) {
		op_done(op, -ENOMEM, "", "no memory");
	} else if (timer_new(hook->loop, on_slept, hook, &hook->timer)) {
		hook_end(hook, -ENOMEM, "no timer");
	} else {
		timer_start(hook->timer, seconds > timeout_ms / 1000 ? timeout_ms : (uint64_t)seconds * 1000);
	}
}

/* Certificates of pods are signed by nobody a node knows. Upstream therefore skips their verification; here no check is
 * ever skipped, so such a probe shows only that the port accepts connections, and that is said once. */
static void hook_https(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	struct pod_container *c = &op->pod->containers[op->action.slot];

	if (!c->https_told && !op->pod->detached)
		agent_event_of(op->pod, op_container(op)->name, true, "ProbeLimited",
			       "HTTPS probes and hooks check only that the port accepts connections");
	c->https_told = true;
	hook_tcp(op, handler, timeout_ms);
}

static void (*const kinds[])(struct op *op, const struct handler *handler, unsigned timeout_ms) = {
	[HANDLER_EXEC] = hook_exec, [HANDLER_HTTP] = hook_http,	  [HANDLER_TCP] = hook_tcp,
	[HANDLER_GRPC] = hook_grpc, [HANDLER_SLEEP] = hook_sleep,
};

void op_hook(struct op *op, const struct handler *handler, unsigned timeout_ms)
{
	if (!handler || handler->kind == HANDLER_NONE)
		op_done(op, 0, "", "");
	else if (handler->https)
		hook_https(op, handler, timeout_ms);
	else
		kinds[handler->kind](op, handler, timeout_ms);
}
