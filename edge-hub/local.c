#include "edge-hub/local.h"

#include "api/http.h"
#include "auth/graph.h"
#include "base/clock.h"
#include "base/figures.h"
#include "base/json.h"
#include "edge-hub/departure.h"
#include "edge-hub/health/checks.h"
#include "edge-hub/metrics.h"
#include "edge-hub/services/withdrawals.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define CLOSE_GRACE_MS 500u
#define STATUS_MAX (512u * 1024) /* of a region with as many members as there may be */
#define READ_ONLY "this is a node's replica of the cloud's store; send writes to the cloud-hub"

struct local {
	struct local_options options;
	struct api *api;
	struct api_http *http;
	const struct agent *agent;
	const struct uplink *uplink;
	const struct renewer *renewer;
	const struct peers *peers;
	const struct score *score;
	const struct fencing *fencing;
	const struct withdrawals *withdrawals;
};

/* Whoever opens a socket of mode 0600 in a directory of mode 0700 is root on this machine. */
static const char *const groups[] = { "system:masters", "system:authenticated", NULL };
static const struct api_identity root = { .user = "root", .groups = groups, .uid = "" };

static int authenticate(void *ctx, const struct http_request *request, const struct api_identity **out,
			struct status *refusal)
{
	(void)ctx;
	(void)refusal;
	(void)request;
	*out = &root;
	return 0;
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why_not, size_t size)
{
	(void)ctx;
	(void)what;
	(void)why_not;
	(void)size;
	return true;
}

static uint64_t mono_of(void *ctx)
{
	struct local *local = ctx;

	return loop_now_ms(local->options.loop);
}

static int64_t wall_of(void *ctx)
{
	struct local *local = ctx;

	return timekeeper_stamp_ms(local->options.timekeeper);
}

/* --- status --- */

static const char *const feed_states[] = { [FEED_ABSENT] = "absent",
					   [FEED_SYNCING] = "syncing",
					   [FEED_COMPLETE] = "complete",
					   [FEED_DAMAGED] = "damaged" };

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, "\"%s\":", name);
	buf_add_json_str(out, span_of(value ? value : ""));
}

static void add_link(const struct local *local, struct buf *out)
{
	struct uplink_status s = { .state = LINK_STOPPED };

	if (local->uplink)
		uplink_status(local->uplink, &s);
	buf_add_str(out, "\"link\":{");
	add_text(out, "state", s.state == LINK_READY ? "up" : link_state_name(s.state));
	buf_add_char(out, ',');
	add_text(out, "cloud", s.cloud);
	buf_add_char(out, ',');
	add_text(out, "proxy", s.proxy);
	buf_add_char(out, ',');
	add_text(out, "lastError", s.last_error);
	buf_add_char(out, ',');
	add_text(out, "refused", s.refused ? refuse_reason_name(s.refused) : "");
	buf_addf(out,
		 ",\"secondsInState\":%llu,\"connects\":%llu,\"bytesIn\":%llu,\"bytesOut\":%llu,\"rttMs\":%u,"
		 "\"resumed\":%s}",
		 (unsigned long long)(s.since_ms ? (loop_now_ms(local->options.loop) - s.since_ms) / 1000
						 : 0),
		 (unsigned long long)s.connects, (unsigned long long)s.bytes_in,
		 (unsigned long long)s.bytes_out, s.rtt_ms, s.resumed ? "true" : "false");
}

static void add_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE] = "";

	if (wall_ms)
		clock_format(wall_ms, text);
	add_text(out, name, text);
}

static void add_certificate(const struct local *local, struct buf *out)
{
	struct renewer_status s = { .last_error = "" };

	if (local->renewer)
		renewer_status(local->renewer, &s);
	buf_add_str(out, "\"certificate\":{");
	add_time(out, "notBefore", s.not_before_wall_ms);
	buf_add_char(out, ',');
	add_time(out, "notAfter", s.not_after_wall_ms);
	buf_add_char(out, ',');
	add_text(out, "lastError", s.last_error);
	buf_add_char(out, '}');
}

static void add_clock(const struct local *local, struct buf *out)
{
	struct timekeeper_status s;

	timekeeper_status(local->options.timekeeper, &s);
	buf_add_str(out, "\"clock\":{");
	add_text(out, "state", walltime_state_name(s.state));
	buf_add_char(out, ',');
	add_time(out, "time", s.wall_ms);
	buf_add_char(out, ',');
	add_time(out, "floor", s.floor_ms);
	buf_addf(out, ",\"machineAheadSeconds\":%lld,\"toldSecondsAgo\":%lld}", (long long)s.skew_ms / 1000,
		 s.word_age_ms == UINT64_MAX ? -1LL : (long long)(s.word_age_ms / 1000));
}

static int count_pod(void *ctx, const struct key *key, const char *uid)
{
	size_t *pods = ctx;

	(void)uid;
	*pods += strcmp(key->resource, "pods") == 0;
	return 0;
}

static void add_replica(const struct local *local, struct buf *out)
{
	const char *const *resources = graph_resources();
	struct repl_sink_stats sink;
	struct cache_stats store;
	size_t orphan_pods = 0;
	bool complete = true;

	repl_sink_stats(local->options.sink, &sink);
	cache_stats(local->options.cache, &store);
	repl_sink_orphans(local->options.sink, count_pod, &orphan_pods);
	buf_addf(out,
		 "\"replica\":{\"revision\":%llu,\"cloudRevision\":%llu,\"completeAsOf\":%llu,\"rows\":%zu,"
		 "\"orphans\":%zu,\"orphanPods\":%zu,"
		 "\"commits\":%llu,\"quarantined\":%llu,\"diskFull\":%s,\"feeds\":{",
		 (unsigned long long)cache_revision(local->options.cache), (unsigned long long)sink.position,
		 (unsigned long long)sink.watermark, sink.rows, sink.orphans, orphan_pods,
		 (unsigned long long)store.commits, (unsigned long long)store.quarantined,
		 store.disk_full ? "true" : "false");
	for (size_t i = 0; resources[i]; i++) {
		enum feed_state state = cache_feed(local->options.cache, resources[i]);

		complete = complete && state == FEED_COMPLETE;
		buf_addf(out, "%s\"%s\":\"%s\"", i ? "," : "", resources[i], feed_states[state]);
	}
	buf_addf(out, "},\"complete\":%s}", complete ? "true" : "false");
}

static void add_outbox(const struct local *local, struct buf *out)
{
	struct outbox_stats s;

	outbox_stats(local->options.outbox, &s);
	buf_addf(out,
		 "\"outbox\":{\"entries\":%zu,\"bytes\":%llu,\"reported\":%llu,\"acknowledged\":%llu,"
		 "\"droppedEvents\":%llu,"
		 "\"refused\":%llu}",
		 s.entries, (unsigned long long)s.bytes, (unsigned long long)s.reported,
		 (unsigned long long)s.acked, (unsigned long long)s.dropped_events,
		 (unsigned long long)s.refused);
}

static void add_agent(const struct local *local, struct buf *out)
{
	struct agent_runtime runtime = { .version = "", .message = "" };
	struct agent_stats s = { 0 };

	if (local->agent) {
		agent_runtime(local->agent, &runtime);
		agent_stats(local->agent, &s);
	}
	buf_addf(out, "\"runtime\":{\"up\":%s,\"ready\":%s,\"networkReady\":%s,",
		 runtime.up ? "true" : "false", runtime.ready ? "true" : "false",
		 runtime.network_ready ? "true" : "false");
	add_text(out, "version", runtime.version);
	buf_add_char(out, ',');
	add_text(out, "message", runtime.message);
	buf_addf(out, "},\"pods\":{\"count\":%u,\"runningContainers\":%u,\"restarts\":%llu,\"stops\":%llu}",
		 s.pods, s.running_containers, (unsigned long long)s.restarts, (unsigned long long)s.stops);
}

static void add_services(const struct local *local, struct buf *out)
{
	struct withdrawals_stats s;

	withdrawals_stats(local->withdrawals, &s);
	buf_addf(out, ",\"services\":{\"withdrawnEndpoints\":%zu}", s.endpoints);
}

static void serve_status(void *ctx, const struct api_request *request, const struct api_responder *responder,
			 void *responder_ctx)
{
	const struct local *local = ctx;
	struct buf out;

	(void)request;
	buf_init(&out, STATUS_MAX);
	buf_add_char(&out, '{');
	add_text(&out, "node", local->options.identity->node);
	buf_add_char(&out, ',');
	add_text(&out, "region", local->options.identity->region);
	buf_add_str(&out, ",\"version\":\"" HOLDFAST_VERSION "\",");
	add_link(local, &out);
	buf_add_char(&out, ',');
	add_clock(local, &out);
	buf_add_char(&out, ',');
	add_certificate(local, &out);
	buf_add_char(&out, ',');
	add_replica(local, &out);
	buf_add_char(&out, ',');
	add_outbox(local, &out);
	buf_add_char(&out, ',');
	add_agent(local, &out);
	if (local->peers) {
		buf_add_str(&out, ",\"health\":");
		peers_write(local->peers, &out);
	} else if (local->score) {
		buf_add_str(&out, ",\"health\":{\"enabled\":false,\"self\":");
		checks_write(local->score, &out);
		buf_add_char(&out, '}');
	}
	if (local->fencing) {
		buf_add_str(&out, ",\"fence\":");
		fencing_write(local->fencing, &out);
	}
	if (local->withdrawals)
		add_services(local, &out);
	buf_add_str(&out, "}\n");
	if (buf_error(&out))
		responder->abort(responder_ctx);
	else
		responder->respond(responder_ctx, 200, "application/json", NULL, 0, buf_span(&out));
	buf_done(&out);
}

static void serve_metrics(void *ctx, const struct api_request *request, const struct api_responder *responder,
			  void *responder_ctx)
{
	const struct local *local = ctx;
	const struct metrics_sources sources = { &local->options, local->agent,	     local->uplink,
						 local->renewer,  local->peers,	     local->score,
						 local->fencing,  local->withdrawals };
	struct buf out;

	(void)request;
	buf_init(&out, METRICS_MAX);
	if (metrics_write(&sources, &out))
		responder->abort(responder_ctx);
	else
		responder->respond(responder_ctx, 200, FIGURES_CONTENT_TYPE, NULL, 0, buf_span(&out));
	buf_done(&out);
}

/* --- life --- */

int local_new(const struct local_options *options, struct local **out, struct err *err)
{
	struct local *local = calloc(1, sizeof(*local));
	struct http_server_options server = { .connections_max = 64 };
	struct api_http_auth auth = { .authenticate = authenticate };
	struct api_options api = { .cache = options->cache,
				   .hooks = { .authorize = authorize },
				   .mono_ms = mono_of,
				   .wall_ms = wall_of,
				   .gated = true,
				   .read_only = READ_ONLY,
				   .watches_max = 256 };
	char socket[PATH_MAX];
	int len = snprintf(socket, sizeof(socket), "unix://%s/" LOCAL_SOCKET, options->data_dir), code;

	if (!local)
		return err_set(err, -ENOMEM, "out of memory");
	local->options = *options;
	api.clock_ctx = local;
	code = len < 0 || (size_t)len >= sizeof(socket)
		       ? err_set(err, -ENAMETOOLONG, "the data directory's name is too long")
		       : 0;
	if (!code && (api_new(&api, &local->api) ||
		      api_route_add(local->api, LOCAL_STATUS_PATH, false, serve_status, local) ||
		      api_route_add(local->api, METRICS_PATH, false, serve_metrics, local) ||
		      secrets_api_add(local->api, options->secrets) ||
		      departure_serve(options->departure, local->api) ||
		      api_http_new(local->api, options->loop, &auth, &local->http)))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code)
		code = api_http_listen(local->http, socket, &server, NULL, err);
	if (code) {
		local_free(local);
		return code;
	}
	*out = local;
	return 0;
}

void local_show(struct local *local, const struct agent *agent, const struct uplink *uplink,
		const struct renewer *renewer)
{
	local->renewer = renewer;
	local->agent = agent;
	local->uplink = uplink;
}

void local_show_health(struct local *local, const struct peers *peers, const struct score *score)
{
	local->peers = peers;
	local->score = score;
}

void local_show_fence(struct local *local, const struct fencing *fencing)
{
	local->fencing = fencing;
}

void local_show_withdrawals(struct local *local, const struct withdrawals *withdrawals)
{
	local->withdrawals = withdrawals;
}

void local_close(struct local *local, void (*on_closed)(void *ctx), void *ctx)
{
	if (!local)
		return;
	local_show(local, NULL, NULL, NULL);
	local_show_health(local, NULL, NULL);
	local_show_fence(local, NULL);
	local_show_withdrawals(local, NULL);
	api_http_close(local->http, CLOSE_GRACE_MS, on_closed, ctx);
	local->http = NULL;
}

void local_free(struct local *local)
{
	if (!local)
		return;
	if (local->http)
		api_http_close(local->http, 0, NULL, NULL);
	api_free(local->api);
	free(local);
}
