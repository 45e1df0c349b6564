#include "cloud-hub/metrics.h"

#include "base/clock.h"

#define TEXT_MAX (64u * 1024)

static void add(struct buf *out, const char *name, const char *type, const char *help, uint64_t value)
{
	buf_addf(out, "# HELP holdfast_%s %s\n# TYPE holdfast_%s %s\nholdfast_%s %llu\n", name, help, name,
		 type, name, (unsigned long long)value);
}

static void add_store(struct buf *out, struct cache *cache)
{
	struct cache_stats s;

	cache_stats(cache, &s);
	add(out, "store_commits_total", "counter", "Durable commits, each a group of transactions.",
	    s.commits);
	add(out, "store_transactions_total", "counter", "Transactions committed.", s.transactions);
	add(out, "store_objects", "gauge", "Objects stored.", s.objects);
	add(out, "store_log_rows", "gauge", "Versions kept for watches and list continuations.", s.log_rows);
	add(out, "store_quarantined_rows", "gauge", "Rows whose checksum did not match.", s.quarantined);
	add(out, "store_queue_length", "gauge", "Transactions waiting for the writer.", s.queue_length);
	add(out, "store_disk_full", "gauge", "1 while the disk is full.", s.disk_full);
	add(out, "store_revision", "gauge", "Newest revision.", cache_revision(cache));
}

static void add_api(struct buf *out, const struct api *api)
{
	struct api_stats s;

	api_stats(api, &s);
	add(out, "api_requests_total", "counter", "Requests handled.", s.requests);
	add(out, "api_writes_total", "counter", "Writes committed.", s.writes);
	add(out, "api_conflicts_total", "counter", "Writes that lost a race.", s.conflicts);
	add(out, "api_watch_events_total", "counter", "Events sent to watches.", s.events);
	add(out, "api_watches", "gauge", "Watches open.", s.watches);
}

static void add_audit(struct buf *out, struct audit *audit)
{
	struct audit_stats s;

	audit_stats(audit, &s);
	add(out, "audit_lines_total", "counter", "Lines written to the audit log.", s.file.lines);
	add(out, "audit_lost_lines_total", "counter", "Lines that found no room in its queue or on the disk.",
	    s.file.lost);
	add(out, "audit_suppressed_lines_total", "counter",
	    "Lines about refusals beyond the rate that is kept for one user.", s.suppressed);
	add(out, "audit_trouble", "gauge", "1 while the audit log cannot be written.", s.file.trouble != 0);
}

static void add_gateway(struct buf *out, const struct gateway *gateway)
{
	struct gateway_stats s;

	gateway_stats(gateway, &s);
	add(out, "gateway_sessions", "gauge", "Edge-hubs connected.", s.sessions);
	add(out, "gateway_accepted_total", "counter", "Sessions opened.", s.accepted);
	add(out, "gateway_refused_total", "counter", "Connections refused.", s.refused);
	add(out, "gateway_joined_total", "counter", "Nodes joined.", s.joined);
	add(out, "gateway_renewed_total", "counter", "Certificates renewed.", s.renewed);
	add(out, "gateway_full_handshakes_total", "counter", "TLS handshakes with public-key work.",
	    s.handshakes_full);
	add(out, "gateway_resumed_handshakes_total", "counter", "TLS handshakes resumed by a ticket.",
	    s.handshakes_resumed);
	add(out, "gateway_deferred_handshakes_total", "counter", "Connections told to come back later.",
	    s.handshakes_deferred);
	add(out, "gateway_joins_deferred_total", "counter",
	    "Attempts to join that were told to come back later.", s.joins_deferred);
	add(out, "gateway_quarantined_total", "counter", "Nodes whose disk was found on two hosts.",
	    s.quarantined);
	add(out, "gateway_received_bytes_total", "counter", "Bytes received from edges.", s.bytes_in);
	add(out, "gateway_sent_bytes_total", "counter", "Bytes sent to edges.", s.bytes_out);
	add(out, "gateway_objects_sent_total", "counter", "Objects replicated.", s.objects_sent);
	add(out, "gateway_effects_applied_total", "counter", "Outbox entries applied.", s.effects_applied);
	add(out, "gateway_effects_refused_total", "counter", "Outbox entries refused.", s.effects_refused);
}

static void add_control(struct buf *out, const struct runner *runner)
{
	struct runner_stats s;

	runner_stats(runner, &s);
	add(out, "control_pods_scheduled_total", "counter", "Pods bound to a node.", s.scheduled);
	add(out, "control_pods_created_total", "counter", "Pods created by controllers.", s.pods_created);
	add(out, "control_pods_deleted_total", "counter", "Pods deleted by controllers.", s.pods_deleted);
	add(out, "control_objects_collected_total", "counter", "Objects removed by garbage collection.",
	    s.collected);
	add(out, "control_queue_length", "gauge", "Objects waiting for a controller.", s.queued);
	add(out, "control_damaged_objects", "gauge", "Objects that no controller could decode.", s.damaged);
}

static void add_restores(struct buf *out, const struct metrics *metrics)
{
	struct backup_desk_stats s;

	backup_desk_stats(metrics->backups, &s);
	add(out, "orphans", "gauge", "Objects that edges run or need and the store does not know.",
	    orphans_count(metrics->orphans));
	add(out, "nodes_held", "gauge", "Nodes left alone until what they run was compared with the store.",
	    holds_count(metrics->holds));
	add(out, "backups_total", "counter", "Backups made since the start.", s.made);
	add(out, "backups_failed_total", "counter", "Backups that failed since the start.", s.failed);
	add(out, "backup_last_timestamp_seconds", "gauge", "When the newest of them was made, 0 for none.",
	    (uint64_t)(s.last_wall_ms / 1000));
}

static void add_expiry(struct buf *out, const char *certificate, unsigned generation, int64_t left_ms)
{
	buf_addf(out, "holdfast_certificate_expiry_seconds{certificate=\"%s\",generation=\"%u\"} %lld\n",
		 certificate, generation, (long long)(left_ms / 1000));
}

/* Of authorities that are in use; of nodes' certificates `authority status` tells. */
static void add_certificates(struct buf *out, const struct metrics *metrics)
{
	int64_t now = clock_wall_ms();

	buf_add_str(out, "# HELP holdfast_certificate_expiry_seconds Time left; negative: expired.\n"
			 "# TYPE holdfast_certificate_expiry_seconds gauge\n");
	for (size_t i = 0; i < authority_generation_count(metrics->authority); i++) {
		struct authority_generation g = authority_generation_at(metrics->authority, i);

		if (g.state == AUTHORITY_RETIRED || g.state == AUTHORITY_DISTRUSTED)
			continue;
		add_expiry(out, "root", g.number, g.root_not_after_wall_ms - now);
		add_expiry(out, "branches", g.number, g.branch_not_after_wall_ms - now);
	}
	if (metrics->certificates)
		add_expiry(out, "hub", authority_current_number(metrics->authority),
			   certificates_hub_not_after(metrics->certificates) - now);
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	const struct metrics *metrics = ctx;
	struct buf out;

	(void)request;
	buf_init(&out, TEXT_MAX);
	add_store(&out, api_cache(metrics->api));
	add_api(&out, metrics->api);
	add_audit(&out, metrics->audit);
	add_gateway(&out, metrics->gateway);
	add_control(&out, metrics->runner);
	add_restores(&out, metrics);
	add_certificates(&out, metrics);
	if (buf_error(&out))
		responder->abort(responder_ctx);
	else
		responder->respond(responder_ctx, 200, "text/plain; version=0.0.4", NULL, 0, buf_span(&out));
	buf_done(&out);
}

int metrics_add(struct metrics *metrics)
{
	return api_route_add(metrics->api, "/metrics", false, serve, metrics);
}
