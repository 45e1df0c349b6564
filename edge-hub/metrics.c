#include "edge-hub/metrics.h"

#include "auth/graph.h"
#include "base/figures.h"
#include "edge-hub/services/withdrawals.h"

static void add_link(struct buf *out, const struct metrics_sources *m)
{
	struct uplink_status s;

	uplink_status(m->uplink, &s);
	figures_add(out, "link_up", "gauge", "1 while the cloud is connected.", s.state == LINK_READY);
	figures_add(out, "link_connects_total", "counter", "Sessions opened with the cloud.", s.connects);
	figures_add(out, "link_received_bytes_total", "counter", "Bytes received from the cloud.",
		    s.bytes_in);
	figures_add(out, "link_sent_bytes_total", "counter", "Bytes sent to the cloud.", s.bytes_out);
	figures_add(out, "link_round_trip_milliseconds", "gauge", "Newest round trip to the cloud.",
		    s.rtt_ms);
	figures_add(out, "link_state_seconds", "gauge", "Time since the link last went up or down.",
		    s.since_ms ? (loop_now_ms(m->local->loop) - s.since_ms) / 1000 : 0);
}

static bool is_complete(struct cache *cache)
{
	const char *const *resources = graph_resources();
	bool complete = true;

	for (size_t i = 0; resources[i]; i++)
		complete = complete && cache_feed(cache, resources[i]) == FEED_COMPLETE;
	return complete;
}

static void add_replica(struct buf *out, const struct metrics_sources *m)
{
	struct repl_sink_stats sink;
	struct cache_stats store;

	repl_sink_stats(m->local->sink, &sink);
	cache_stats(m->local->cache, &store);
	figures_add(out, "replica_complete", "gauge", "1 while everything this node needs is on its disk.",
		    is_complete(m->local->cache));
	figures_add(out, "replica_objects", "gauge", "Objects replicated.", sink.rows);
	figures_add(out, "replica_orphans", "gauge", "Objects that the cloud does not know.", sink.orphans);
	figures_add(out, "replica_cloud_revision", "gauge", "Newest revision of the cloud known here.",
		    sink.position);
	figures_add(out, "replica_complete_revision", "gauge", "Revision of the cloud it is complete as of.",
		    sink.watermark);
	figures_add(out, "store_commits_total", "counter", "Durable commits, each a group of transactions.",
		    store.commits);
	figures_add(out, "store_transactions_total", "counter", "Transactions committed.",
		    store.transactions);
	figures_add(out, "store_quarantined_rows", "gauge", "Rows whose checksum did not match.",
		    store.quarantined);
	figures_add(out, "store_disk_full", "gauge", "1 while the disk is full.", store.disk_full);
}

static void add_outbox(struct buf *out, const struct metrics_sources *m)
{
	struct outbox_stats s;

	outbox_stats(m->local->outbox, &s);
	figures_add(out, "outbox_entries", "gauge", "Reports waiting for the cloud.", s.entries);
	figures_add(out, "outbox_bytes", "gauge", "Bytes of these.", s.bytes);
	figures_add(out, "outbox_reported_total", "counter", "Reports made.", s.reported);
	figures_add(out, "outbox_acknowledged_total", "counter", "Reports that the cloud committed.",
		    s.acked);
	figures_add(out, "outbox_dropped_events_total", "counter", "Events dropped because it was full.",
		    s.dropped_events);
	figures_add(out, "outbox_refused_total", "counter", "Reports that the cloud refused.", s.refused);
}

static void add_pods(struct buf *out, const struct metrics_sources *m)
{
	struct agent_runtime runtime;
	struct agent_stats s;

	agent_runtime(m->agent, &runtime);
	agent_stats(m->agent, &s);
	figures_add(out, "runtime_up", "gauge", "1 while the container runtime answers.", runtime.up);
	figures_add(out, "pods", "gauge", "Pods here, stopping ones included.", s.pods);
	figures_add(out, "containers_running", "gauge", "Containers that run.", s.running_containers);
	figures_add(out, "container_restarts_total", "counter", "Containers started again.", s.restarts);
	figures_add(out, "container_stops_total", "counter", "Containers stopped.", s.stops);
	figures_add(out, "runtime_calls_total", "counter", "Calls to the container runtime.",
		    s.runtime_calls);
	figures_add(out, "runtime_failures_total", "counter", "Calls that failed.", s.runtime_failures);
}

static void add_clock(struct buf *out, const struct metrics_sources *m)
{
	static const struct figures_label none[] = { { 0 } };
	struct timekeeper_status s;

	timekeeper_status(m->local->timekeeper, &s);
	figures_head(out, "clock_state", "gauge", "1 for how much this machine's clock is believed.");
	for (int state = WALLTIME_UNSET; state <= WALLTIME_SKEWED; state++) {
		const struct figures_label labels[] = { { "state", walltime_state_name(state) }, { 0 } };

		figures_sample(out, "clock_state", labels, s.state == (enum walltime_state)state);
	}
	figures_head(out, "clock_skew_milliseconds", "gauge",
		     "How far this machine's clock is ahead of the cloud's.");
	figures_sample(out, "clock_skew_milliseconds", none, s.skew_ms);
}

static void add_certificate(struct buf *out, const struct metrics_sources *m)
{
	const struct figures_label labels[] = { { "certificate", "node" }, { 0 } };
	int64_t now = timekeeper_wall_ms(m->local->timekeeper);
	struct renewer_status s;

	renewer_status(m->renewer, &s);
	if (!now)
		return; /* nobody knows */
	figures_head(out, "certificate_expiry_seconds", "gauge", "Time left; negative: expired.");
	figures_sample(out, "certificate_expiry_seconds", labels, (s.not_after_wall_ms - now) / 1000);
}

static void add_views(struct buf *out, const struct detector_stats *d)
{
	const struct {
		const char *view;
		size_t count;
	} views[] = { { "alive", d->alive },
		      { "suspect", d->suspect },
		      { "agent-down", d->agent_down },
		      { "dead", d->dead },
		      { "unknown", d->unknown } };

	figures_head(out, "health_members", "gauge",
		     "Neighbours of the region by what this node sees of them.");
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		const struct figures_label labels[] = { { "view", views[i].view }, { 0 } };

		figures_sample(out, "health_members", labels, (int64_t)views[i].count);
	}
}

static void add_refused(struct buf *out, const struct peers_stats *s)
{
	figures_head(out, "health_refused_total", "counter", "Datagrams of neighbours refused, by why.");
	for (int i = ENVELOPE_OK + 1; i < ENVELOPE_REFUSALS; i++) {
		const struct figures_label labels[] = {
			{ "reason", envelope_refusal_name((enum envelope_refusal)i) }, { 0 }
		};

		figures_sample(out, "health_refused_total", labels, (int64_t)s->refused[i]);
	}
}

static void add_health(struct buf *out, const struct metrics_sources *m)
{
	struct peers_stats s;

	peers_stats(m->peers, &s);
	add_views(out, &s.detector);
	add_refused(out, &s);
	figures_add(out, "health_with_tunnel", "gauge", "Neighbours that say they reach the cloud.",
		    s.detector.with_tunnel);
	figures_add(out, "health_majority", "gauge", "1 while this node sees most of its region alive.",
		    peers_has_majority(m->peers));
	figures_add(out, "health_roster_version", "gauge", "Of the roster that this node goes by.",
		    s.roster_version);
	figures_add(out, "health_key_generation", "gauge", "Of the region's key that it seals with.",
		    s.key_generation);
	figures_add(out, "health_sent_total", "counter", "Datagrams sent to neighbours.", s.sent);
	figures_add(out, "health_received_total", "counter", "Datagrams received.", s.received);
	figures_add(out, "health_sent_bytes_total", "counter", "Bytes of these, without headers.",
		    s.bytes_sent);
	figures_add(out, "health_received_bytes_total", "counter", "Bytes received.", s.bytes_received);
	figures_add(out, "health_tcp_probes_total", "counter", "Neighbours asked by TCP.", s.tcp_probes);
	figures_add(out, "health_verdicts_total", "counter", "Signed words about neighbours.",
		    s.verdicts_said);
	figures_add(out, "health_verdicts_carried_total", "counter", "Words of others passed to the cloud.",
		    s.verdicts_carried);
}

static void add_checks(struct buf *out, const struct score *score)
{
	figures_add(out, "health_score", "gauge", "Of this node itself, by its own checks; 100: all well.",
		    score_percent(score));
	figures_head(out, "health_check", "gauge",
		     "1 while it passes, 0 while it fails, -1: cannot be asked.");
	for (size_t i = 0; i < score->count; i++) {
		const struct score_check *check = &score->checks[i];
		const struct figures_label labels[] = { { "name", check->name }, { 0 } };
		int64_t value = check->is_failing ? 0 : 1;

		figures_sample(out, "health_check", labels, check->is_unasked && value ? -1 : value);
	}
}

static void add_fence(struct buf *out, const struct metrics_sources *m)
{
	struct fencing_status s;

	fencing_status(m->fencing, &s);
	figures_add(out, "fence_open", "gauge", "1 while pods of which there must never be two may run here.",
		    s.is_open || !s.limit_ms);
	figures_add(out, "fence_limit_seconds", "gauge",
		    "How long they may after the last contact; 0: this node does not fence itself.",
		    s.limit_ms / 1000);
	figures_add(out, "fence_left_seconds", "gauge", "How long they may from now on without contact.",
		    s.left_ms / 1000);
	figures_add(out, "fence_closings_total", "counter", "How often such pods had to end.", s.closings);
	figures_add(out, "fence_pods", "gauge", "Pods of which there must never be two.", s.pods);
	figures_add(out, "fence_guarded", "gauge", "1 while a process of its own watches over them.",
		    s.is_guarded);
}

static void add_services(struct buf *out, const struct metrics_sources *m)
{
	struct withdrawals_stats s;

	withdrawals_stats(m->withdrawals, &s);
	figures_add(out, "services_withdrawn_endpoints", "gauge",
		    "Endpoints on dead neighbours that are not ready here.", (int64_t)s.endpoints);
	figures_add(out, "services_slices_rewritten_total", "counter",
		    "EndpointSlices changed on this node for that.", s.rewritten);
	figures_add(out, "services_failures_total", "counter",
		    "Such changes that failed and are tried again.", s.failures);
}

int metrics_write(const struct metrics_sources *sources, struct buf *out)
{
	if (sources->uplink)
		add_link(out, sources);
	add_replica(out, sources);
	add_outbox(out, sources);
	if (sources->agent)
		add_pods(out, sources);
	add_clock(out, sources);
	if (sources->renewer)
		add_certificate(out, sources);
	if (sources->peers)
		add_health(out, sources);
	if (sources->score)
		add_checks(out, sources->score);
	if (sources->fencing)
		add_fence(out, sources);
	if (sources->withdrawals)
		add_services(out, sources);
	figures_process(out);
	return buf_error(out);
}
