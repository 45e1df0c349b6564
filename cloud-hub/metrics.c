#include "cloud-hub/metrics.h"

#include "base/clock.h"
#include "base/figures.h"

#include <stdio.h>
#include <stdlib.h>

#define TEXT_MAX (2u * 1024 * 1024) /* with the figures of REGIONS_APART regions */

static void add_store(struct buf *out, struct cache *cache)
{
	struct cache_stats s;

	cache_stats(cache, &s);
	figures_add(out, "store_commits_total", "counter", "Durable commits, each a group of transactions.",
		    s.commits);
	figures_add(out, "store_transactions_total", "counter", "Transactions committed.", s.transactions);
	figures_add(out, "store_objects", "gauge", "Objects stored.", s.objects);
	figures_add(out, "store_log_rows", "gauge", "Versions kept for watches and list continuations.",
		    s.log_rows);
	figures_add(out, "store_quarantined_rows", "gauge", "Rows whose checksum did not match.",
		    s.quarantined);
	figures_add(out, "store_queue_length", "gauge", "Transactions waiting for the writer.",
		    s.queue_length);
	figures_add(out, "store_disk_full", "gauge", "1 while the disk is full.", s.disk_full);
	figures_add(out, "store_revision", "gauge", "Newest revision.", cache_revision(cache));
}

static void add_api(struct buf *out, const struct api *api)
{
	struct api_stats s;

	api_stats(api, &s);
	figures_add(out, "api_requests_total", "counter", "Requests handled.", s.requests);
	figures_add(out, "api_writes_total", "counter", "Writes committed.", s.writes);
	figures_add(out, "api_conflicts_total", "counter", "Writes that lost a race.", s.conflicts);
	figures_add(out, "api_watch_events_total", "counter", "Events sent to watches.", s.events);
	figures_add(out, "api_watches", "gauge", "Watches open.", s.watches);
}

static void add_audit(struct buf *out, struct audit *audit)
{
	struct audit_stats s;

	audit_stats(audit, &s);
	figures_add(out, "audit_lines_total", "counter", "Lines written to the audit log.", s.file.lines);
	figures_add(out, "audit_lost_lines_total", "counter",
		    "Lines that found no room in its queue or on the disk.", s.file.lost);
	figures_add(out, "audit_suppressed_lines_total", "counter",
		    "Lines about refusals beyond the rate that is kept for one user.", s.suppressed);
	figures_add(out, "audit_trouble", "gauge", "1 while the audit log cannot be written.",
		    s.file.trouble != 0);
}

static void add_gateway(struct buf *out, const struct gateway *gateway)
{
	struct gateway_stats s;

	gateway_stats(gateway, &s);
	figures_add(out, "gateway_sessions", "gauge", "Edge-hubs connected.", s.sessions);
	figures_add(out, "gateway_accepted_total", "counter", "Sessions opened.", s.accepted);
	figures_add(out, "gateway_refused_total", "counter", "Connections refused.", s.refused);
	figures_add(out, "gateway_joined_total", "counter", "Nodes joined.", s.joined);
	figures_add(out, "gateway_renewed_total", "counter", "Certificates renewed.", s.renewed);
	figures_add(out, "gateway_full_handshakes_total", "counter", "TLS handshakes with public-key work.",
		    s.handshakes_full);
	figures_add(out, "gateway_resumed_handshakes_total", "counter", "TLS handshakes resumed by a ticket.",
		    s.handshakes_resumed);
	figures_add(out, "gateway_deferred_handshakes_total", "counter",
		    "Connections told to come back later.", s.handshakes_deferred);
	figures_add(out, "gateway_joins_deferred_total", "counter",
		    "Attempts to join that were told to come back later.", s.joins_deferred);
	figures_add(out, "gateway_quarantined_total", "counter", "Nodes whose disk was found on two hosts.",
		    s.quarantined);
	figures_add(out, "gateway_received_bytes_total", "counter", "Bytes received from edges.", s.bytes_in);
	figures_add(out, "gateway_sent_bytes_total", "counter", "Bytes sent to edges.", s.bytes_out);
	figures_add(out, "gateway_objects_sent_total", "counter", "Objects replicated.", s.objects_sent);
	figures_add(out, "gateway_effects_applied_total", "counter", "Outbox entries applied.",
		    s.effects_applied);
	figures_add(out, "gateway_effects_refused_total", "counter", "Outbox entries refused.",
		    s.effects_refused);
}

static void add_control(struct buf *out, const struct runner *runner)
{
	struct runner_stats s;

	runner_stats(runner, &s);
	figures_add(out, "control_pods_scheduled_total", "counter", "Pods bound to a node.", s.scheduled);
	figures_add(out, "control_pods_created_total", "counter", "Pods created by controllers.",
		    s.pods_created);
	figures_add(out, "control_pods_deleted_total", "counter", "Pods deleted by controllers.",
		    s.pods_deleted);
	figures_add(out, "control_objects_collected_total", "counter",
		    "Objects removed by garbage collection.", s.collected);
	figures_add(out, "control_queue_length", "gauge", "Objects waiting for a controller.", s.queued);
	figures_add(out, "control_damaged_objects", "gauge", "Objects that no controller could decode.",
		    s.damaged);
}

static void add_restores(struct buf *out, const struct metrics *metrics)
{
	struct backup_desk_stats s;

	backup_desk_stats(metrics->backups, &s);
	figures_add(out, "orphans", "gauge", "Objects that edges run or need and the store does not know.",
		    orphans_count(metrics->orphans));
	figures_add(out, "nodes_held", "gauge",
		    "Nodes left alone until what they run was compared with the store.",
		    holds_count(metrics->holds));
	figures_add(out, "backups_total", "counter", "Backups made since the start.", s.made);
	figures_add(out, "backups_failed_total", "counter", "Backups that failed since the start.", s.failed);
	figures_add(out, "backup_last_timestamp_seconds", "gauge",
		    "When the newest of them was made, 0 for none.", (uint64_t)(s.last_wall_ms / 1000));
}

static void add_expiry(struct buf *out, const char *certificate, unsigned generation, int64_t left_ms)
{
	char number[16];
	const struct figures_label labels[] = { { "certificate", certificate },
						{ "generation", number },
						{ 0 } };

	snprintf(number, sizeof(number), "%u", generation);
	figures_sample(out, "certificate_expiry_seconds", labels, left_ms / 1000);
}

/* Of authorities that are in use; of nodes' certificates `authority status` tells. */
static void add_certificates(struct buf *out, const struct metrics *metrics)
{
	int64_t now = clock_wall_ms();

	figures_head(out, "certificate_expiry_seconds", "gauge", "Time left; negative: expired.");
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

/* --- regions --- */

static const struct {
	const char *name, *type, *help;
	size_t offset;
	bool is_size; /* a size_t, else a uint64_t */
} region_figures[] = {
#define FIGURE(name, type, help, field, is_size)                                   \
	{                                                                          \
		name, type, help, offsetof(struct regions_figures, field), is_size \
	}
	FIGURE("region_regions", "gauge", "Regions behind these figures: 1, or all that share \"*\".",
	       regions, true),
	FIGURE("region_members", "gauge", "Nodes that belong to the region.", members, true),
	FIGURE("region_members_connected", "gauge", "Members whose tunnel is up.", connected, true),
	FIGURE("region_members_in_maintenance", "gauge", "Members that neither vote nor are voted on.",
	       in_maintenance, true),
	FIGURE("region_verdicts_taken_total", "counter", "Verdicts that were news.", taken, false),
	FIGURE("region_verdicts_refused_total", "counter",
	       "Verdicts that were malformed, stale, or of who may not give them.", refused, false),
	FIGURE("region_verdicts_forged_total", "counter", "Verdicts whose signature was not their voter's.",
	       forged, false),
	FIGURE("region_verdicts_deferred_total", "counter",
	       "Verdicts that came faster than signatures are checked, and are said again.", deferred, false),
	FIGURE("region_key_rotations_total", "counter", "New keys made for the region.", rotations, false),
	FIGURE("region_evictions_begun_total", "counter", "Nodes whose pods began to be evicted.",
	       evictions.begun, false),
	FIGURE("region_evictions_held", "gauge", "Nodes to be evicted that wait for the region's rate.",
	       evictions.held, true),
#undef FIGURE
};

struct region_row {
	char name[ROSTER_REGION_SIZE];
	struct regions_figures figures;
};
struct region_rows {
	struct region_row rows[REGIONS_APART + 1];
	size_t count;
};

static void keep_row(void *ctx, const char *region, const struct regions_figures *figures)
{
	struct region_rows *rows = ctx;
	struct region_row *row = &rows->rows[rows->count++];

	(void)snprintf(row->name, sizeof(row->name), "%s", region);
	row->figures = *figures;
}

static void add_region_figure(struct buf *out, const struct region_rows *rows, size_t figure)
{
	figures_head(out, region_figures[figure].name, region_figures[figure].type,
		     region_figures[figure].help);
	for (size_t i = 0; i < rows->count; i++) {
		const char *at = (const char *)&rows->rows[i].figures + region_figures[figure].offset;
		const struct figures_label labels[] = { { "region", rows->rows[i].name }, { 0 } };

		figures_sample(out, region_figures[figure].name, labels,
			       region_figures[figure].is_size ? (int64_t) * (const size_t *)at
							      : (int64_t) * (const uint64_t *)at);
	}
}

static void add_region_words(struct buf *out, const struct region_row *row)
{
	for (size_t i = 0; i < ELECTORATE_WORDS; i++) {
		const struct figures_label labels[] = {
			{ "region", row->name },
			{ "word", electorate_word_name((enum electorate_word)i) },
			{ 0 },
		};

		figures_sample(out, "region_members_disconnected", labels, (int64_t)row->figures.said[i]);
	}
}

/* Left out without memory for it. */
static void add_regions(struct buf *out, const struct metrics *metrics)
{
	struct region_rows *rows = calloc(1, sizeof(*rows));

	if (!rows)
		return;
	regions_each_figures(metrics->regions, metrics->runner, keep_row, rows);
	for (size_t i = 0; i < sizeof(region_figures) / sizeof(region_figures[0]); i++)
		add_region_figure(out, rows, i);
	figures_head(out, "region_members_disconnected", "gauge",
		     "Members whose tunnel is down, by what their neighbours say.");
	for (size_t i = 0; i < rows->count; i++)
		add_region_words(out, &rows->rows[i]);
	free(rows);
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
	add_regions(&out, metrics);
	add_restores(&out, metrics);
	add_certificates(&out, metrics);
	figures_process(&out);
	if (buf_error(&out))
		responder->abort(responder_ctx);
	else
		responder->respond(responder_ctx, 200, FIGURES_CONTENT_TYPE, NULL, 0, buf_span(&out));
	buf_done(&out);
}

int metrics_add(struct metrics *metrics)
{
	return api_route_add(metrics->api, "/metrics", false, serve, metrics);
}
