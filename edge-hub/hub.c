#include "edge-hub/hub.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "cache/cache.h"
#include "edge-hub/cloud_side.h"
#include "edge-hub/departure.h"
#include "edge-hub/fence/fencing.h"
#include "edge-hub/health_side.h"
#include "edge-hub/leaving.h"
#include "edge-hub/local.h"
#include "edge-hub/outbox/events.h"
#include "edge-hub/own_health.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/replica/node_sync.h"
#include "edge-hub/replica/pod_sync.h"
#include "edge-hub/replica/reports.h"
#include "edge-hub/services/withdrawals.h"
#include "edge-hub/storage.h"
#include "net/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#define MODULE "hub"
#define COMMIT_RETRY_MS 3000u
#define CLOSE_GRACE_MS 3000u

struct hub {
	const struct settings *settings;
	struct identity identity;
	struct storage *storage;
	struct loop *loop;
	struct signals *signals;
	struct wakeup *wakeup;
	struct timer *retry;
	struct watchdog *watchdog;
	struct cache_watch *watch;
	struct repl_sink *sink;
	struct outbox *outbox;
	struct events *events;
	struct reports *reports;
	struct pod_sync *pods;
	struct node_sync *node;
	struct agent *agent;
	struct local *local;
	struct departure *departure;
	struct cloud_side *cloud;
	struct own_health *own_health;
	struct health_side *health;
	struct fencing *fencing;
	struct withdrawals *withdrawals;
	struct timekeeper *timekeeper;
	bool synced;
	unsigned closing; /* parts that have yet to say that they are closed */
};

/* --- the pump --- */

static void wake(void *ctx)
{
	struct hub *hub = ctx;

	wakeup_send(hub->wakeup);
}

static void on_wake(void *ctx)
{
	struct hub *hub = ctx;

	storage_dispatch(hub->storage);
	if (hub->cloud)
		cloud_side_kick(hub->cloud); /* acknowledgements and reports that the commit released */
}

static int on_change(void *ctx, const struct change *change)
{
	struct hub *hub = ctx;

	pod_sync_changed(hub->pods, change);
	reports_row_changed(hub->reports, change);
	if (hub->withdrawals)
		withdrawals_row_changed(hub->withdrawals, change);
	if (hub->health)
		health_side_changed(hub->health, change->object->key.resource);
	return 0;
}

static void on_signal(void *ctx, int number)
{
	struct hub *hub = ctx;

	log_info(MODULE, "stopping", "signal=%d", number);
	loop_stop(hub->loop);
}

/* --- the replica speaks --- */

static void on_synced(void *ctx, uint64_t revision)
{
	struct hub *hub = ctx;

	if (!hub->synced)
		log_info(MODULE, "synced", "cloud-revision=%" PRIu64, revision);
	hub->synced = true;
	pod_sync_feed_changed(hub->pods);
	if (hub->fencing)
		fencing_look(hub->fencing);
}

static void on_orphan(void *ctx, const struct key *key, const char *uid, bool orphaned)
{
	struct hub *hub = ctx;

	if (orphaned)
		log_warn(MODULE, "orphaned", "namespace=%s name=%s uid=%s", key->ns, key->name, uid);
	else
		log_info(MODULE, "orphan-decided", "namespace=%s name=%s uid=%s", key->ns, key->name, uid);
	if (hub->agent)
		agent_recheck_unknown(hub->agent);
}

static void on_commit_failed(void *ctx, int code)
{
	struct hub *hub = ctx;

	log_error(MODULE, "replica-not-written", "error=\"%s\" retry_ms=%u", strerror(-code),
		  COMMIT_RETRY_MS);
	if (hub->retry) /* else the hub is ending, and the cloud sends it again */
		timer_start(hub->retry, COMMIT_RETRY_MS);
}

static void on_retry(void *ctx)
{
	struct hub *hub = ctx;

	repl_sink_retry(hub->sink);
}

static void on_damaged(void *ctx, const struct key *key)
{
	struct hub *hub = ctx;

	log_error(MODULE, "row-damaged", "resource=%s namespace=%s name=%s", key->resource, key->ns,
		  key->name);
	if (repl_sink_refetch(hub->sink, key))
		log_error(MODULE, "too-many-damaged-rows", "resource=%s", key->resource);
}

/* --- agent and link speak --- */

static void on_runtime(void *ctx, const struct agent_runtime *runtime)
{
	struct hub *hub = ctx;

	log_debug(MODULE, "runtime", "up=%d version=%s ready=%d network=%d message=\"%s\"", runtime->up,
		  runtime->version ? runtime->version : "", runtime->ready, runtime->network_ready,
		  runtime->message ? runtime->message : "");
	node_sync_runtime(hub->node, runtime);
}

static void on_link_state(void *ctx, bool up, const char *local_address)
{
	struct hub *hub = ctx;

	hub->synced = false; /* said once for each connection */
	if (up)
		node_sync_address(hub->node, local_address);
	if (hub->health)
		health_side_tunnel(hub->health, up);
	if (hub->fencing)
		fencing_look(hub->fencing);
	withdrawals_link(hub->withdrawals, up);
}

static void on_verdict_want(void *ctx, const char *const *names, size_t count)
{
	struct hub *hub = ctx;

	health_side_want(hub->health, names, count);
}

static void on_clock_moved(void *ctx, const struct walltime_move *move)
{
	struct hub *hub = ctx;

	agent_clock_moved(hub->agent, move);
	node_sync_clock_moved(hub->node, move);
}

static void on_report_ready(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->cloud)
		cloud_side_kick(hub->cloud);
}

/* --- opening, in order --- */

static int open_loop(struct hub *hub, struct err *err)
{
	static const int set[] = { SIGTERM, SIGINT, 0 };
	int code = loop_new(&hub->loop);

	if (!code)
		code = signals_new(hub->loop, set, on_signal, hub, &hub->signals);
	if (!code)
		code = wakeup_new(hub->loop, on_wake, hub, &hub->wakeup);
	if (!code)
		code = timer_new(hub->loop, on_retry, hub, &hub->retry);
	if (!code)
		code = watchdog_new(hub->loop, &hub->watchdog);
	return code ? err_set(err, code, "setting up the event loop: %s", strerror(-code)) : 0;
}

static int open_replica(struct hub *hub, struct err *err)
{
	static const struct cache_watch_events watch = { .on_change = on_change };
	static const struct repl_sink_events sink = { .on_synced = on_synced,
						      .on_orphan = on_orphan,
						      .on_failed = on_commit_failed };
	struct cache *cache;
	int code = storage_open(hub->storage, hub->loop, wake, hub, err);

	if (code)
		return code;
	cache = storage_cache(hub->storage);
	code = repl_sink_new(cache, &sink, hub, &hub->sink);
	if (!code)
		code = cache_watch_open(cache, NULL, NULL, cache_revision(cache), &watch, hub, &hub->watch);
	if (code)
		return err_set(err, code, "reading the replica: %s", strerror(-code));
	cache_on_damaged(cache, on_damaged, hub);
	return outbox_open(cache, hub->settings->outbox_max, &hub->outbox, err);
}

static const char *runtime_of(const struct hub *hub)
{
	if (hub->settings->runtime)
		return hub->settings->runtime;
	return hub->identity.runtime && hub->identity.runtime[0] ? hub->identity.runtime : SETTINGS_RUNTIME;
}

static void on_leaving(void *ctx)
{
	struct hub *hub = ctx;

	loop_stop(hub->loop);
}

static void on_left(void *ctx)
{
	struct hub *hub = ctx;

	departure_left(hub->departure);
}

static int open_local(struct hub *hub, struct err *err)
{
	struct local_options options = { .loop = hub->loop,
					 .cache = storage_cache(hub->storage),
					 .identity = &hub->identity,
					 .data_dir = hub->settings->data_dir,
					 .sink = hub->sink,
					 .outbox = hub->outbox,
					 .timekeeper = hub->timekeeper,
					 .secrets = storage_secrets(hub->storage) };
	struct departure_options departure = { .loop = hub->loop,
					       .data_dir = hub->settings->data_dir,
					       .runtime = runtime_of(hub),
					       .identity = &hub->identity,
					       .on_end = on_leaving,
					       .ctx = hub };

	if (departure_new(&departure, &hub->departure))
		return err_set(err, -ENOMEM, "out of memory");
	options.departure = hub->departure;
	return local_new(&options, &hub->local, err);
}

static int open_reports(struct hub *hub, struct err *err)
{
	struct pod_sync_options pods = { .cache = storage_cache(hub->storage),
					 .timekeeper = hub->timekeeper,
					 .on_runtime = on_runtime,
					 .ctx = hub };
	struct node_sync_options node = { .loop = hub->loop,
					  .cache = storage_cache(hub->storage),
					  .node = hub->identity.node,
					  .data_dir = hub->settings->data_dir,
					  .timekeeper = hub->timekeeper,
					  .check_ms = hub->settings->node_check_ms };

	if (events_new(hub->loop, hub->outbox, hub->timekeeper, hub->identity.node, &hub->events) ||
	    reports_new(hub->loop, storage_cache(hub->storage), hub->outbox, &hub->reports))
		return err_set(err, -ENOMEM, "out of memory");
	pods.reports = node.reports = hub->reports;
	pods.events = node.events = hub->events;
	if (pod_sync_new(&pods, &hub->pods))
		return err_set(err, -ENOMEM, "out of memory");
	return node_sync_new(&node, &hub->node, err);
}

static int open_agent(struct hub *hub, struct err *err)
{
	struct agent_options options = {
		.runtime = runtime_of(hub),
		.data_dir = hub->settings->data_dir,
		.log_dir = hub->settings->log_dir,
		.node_name = hub->identity.node,
		.host_ip = "",
		.cluster_dns = hub->settings->cluster_dns,
		.cluster_domain = hub->settings->cluster_domain,
		.log_max_bytes = hub->settings->log_max_bytes,
		.log_files = (unsigned)hub->settings->log_files,
	};
	int64_t disk;
	int code;

	node_allocatable(node_sync_facts(hub->node), &options.allocatable_cpu_milli,
			 &options.allocatable_memory_bytes, &disk);
	code = agent_new(hub->loop, &options, &pod_sync_callbacks, hub->pods, &hub->agent, err);
	if (!code)
		code = pod_sync_start(hub->pods, hub->agent, err);
	if (!code)
		node_sync_start(hub->node, hub->agent);
	return code;
}

static int open_cloud(struct hub *hub, struct err *err)
{
	struct cloud_side_options options = { .settings = hub->settings,
					      .loop = hub->loop,
					      .vault = storage_vault(hub->storage),
					      .identity = &hub->identity,
					      .sink = hub->sink,
					      .outbox = hub->outbox,
					      .timekeeper = hub->timekeeper,
					      .facts = node_sync_facts(hub->node),
					      .incarnation = storage_starts(hub->storage),
					      .health_identity = health_side_identity(hub->health),
					      .health_port = health_side_port(hub->health),
					      .on_state = on_link_state,
					      .on_verdict_want = on_verdict_want,
					      .on_left = on_left,
					      .ctx = hub };
	int code = cloud_side_new(&options, &hub->cloud, err);

	timekeeper_on_moved(hub->timekeeper, on_clock_moved, hub);
	if (!code)
		outbox_on_ready(hub->outbox, on_report_ready, hub);
	return code;
}

static void on_trouble(void *ctx, unsigned trouble)
{
	struct hub *hub = ctx;

	if (hub->health)
		health_side_trouble(hub->health, trouble);
}

static int open_own_health(struct hub *hub, struct err *err)
{
	struct own_health_options options = { .settings = hub->settings,
					      .loop = hub->loop,
					      .cache = storage_cache(hub->storage),
					      .agent = hub->agent,
					      .timekeeper = hub->timekeeper,
					      .node_sync = hub->node,
					      .events = hub->events,
					      .node = hub->identity.node,
					      .on_trouble = on_trouble,
					      .ctx = hub };

	return own_health_new(&options, &hub->own_health, err);
}

static enum detector_view view_of(void *ctx, const char *member)
{
	const struct hub *hub = ctx;
	const struct peers *peers = hub->health ? health_side_peers(hub->health) : NULL;

	return peers ? peers_view(peers, member) : DETECTOR_UNKNOWN;
}

static void on_view(void *ctx, const char *member)
{
	struct hub *hub = ctx;

	withdrawals_view(hub->withdrawals, member);
}

static int open_withdrawals(struct hub *hub, struct err *err)
{
	const struct withdrawals_options options = { .loop = hub->loop,
						     .cache = storage_cache(hub->storage),
						     .node = hub->identity.node,
						     .view = view_of,
						     .ctx = hub };
	int code = withdrawals_new(&options, &hub->withdrawals);

	return code ? err_set(err, code, "out of memory") : 0;
}

static int open_health(struct hub *hub, struct err *err)
{
	struct health_side_options options = { .settings = hub->settings,
					       .loop = hub->loop,
					       .cache = storage_cache(hub->storage),
					       .vault = storage_vault(hub->storage),
					       .identity = &hub->identity,
					       .start = storage_starts(hub->storage),
					       .score = own_health_score(hub->own_health),
					       .on_view = on_view,
					       .ctx = hub };

	return health_side_new(&options, &hub->health, err);
}

static int open_fence(struct hub *hub, struct err *err)
{
	struct fencing_options options = { .loop = hub->loop,
					   .agent = hub->agent,
					   .sink = hub->sink,
					   .data_dir = hub->settings->data_dir,
					   .boot_id = node_sync_facts(hub->node)->boot_id,
					   .ping_interval_ms = (unsigned)hub->settings->ping_interval_ms,
					   .peers = health_side_peers(hub->health) };

	return fencing_new(&options, &hub->fencing, err);
}

static int open_identity(struct hub *hub, struct err *err)
{
	const char *dir = hub->settings->data_dir;
	int code = timekeeper_new(dir, hub->settings->clock_patience_ms, &hub->timekeeper, err);

	return code ? code : identity_load(dir, storage_vault(hub->storage), &hub->identity, err);
}

static int hub_open(struct hub *hub, struct err *err)
{
	static int (*const steps[])(struct hub * hub, struct err * err) = {
		open_identity,	 open_loop,	   open_replica, open_local, open_reports, open_agent,
		open_own_health, open_withdrawals, open_health,	 open_fence, open_cloud,
	};
	int code = leaving_is(hub->settings->data_dir)
			   ? err_set(err, -EPERM, "this machine is leaving: edge-hub leave goes on with it")
			   : identity_exists(hub->settings->data_dir, err);

	if (!code)
		code = storage_new(hub->settings, &hub->storage, err);
	for (size_t i = 0; !code && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](hub, err);
	return code;
}

/* --- closing, in reverse --- */

static void on_part_closed(void *ctx)
{
	struct hub *hub = ctx;

	if (--hub->closing == 0)
		loop_stop(hub->loop);
}

static void on_grace_over(void *ctx)
{
	struct hub *hub = ctx;

	loop_stop(hub->loop);
}

/* Answers under way go out, the agent ends its calls to the runtime; containers stay as they are. */
static void close_parts(struct hub *hub)
{
	struct timer *grace = NULL;

	hub->closing = (hub->local != NULL) + (hub->agent != NULL);
	if (!hub->closing || timer_new(hub->loop, on_grace_over, hub, &grace))
		return;
	timer_start(grace, CLOSE_GRACE_MS);
	pod_sync_stop(hub->pods);
	node_sync_stop(hub->node);
	local_close(hub->local, on_part_closed, hub);
	if (hub->agent)
		agent_close(hub->agent, on_part_closed, hub);
	hub->agent = NULL;
	(void)loop_run(hub->loop);
	timer_close(grace);
}

static void on_saved(void *ctx, int code)
{
	(void)ctx;
	if (code)
		log_warn(MODULE, "cursor-not-saved", "error=%d", code);
}

static bool is_sink_busy(void *ctx)
{
	const struct hub *hub = ctx;

	return hub->sink && repl_sink_busy(hub->sink);
}

/* What is queued for the disk gets there: storage_close commits it, but completions want their owners alive. */
static void drain(struct hub *hub)
{
	if (hub->sink && repl_sink_save(hub->sink, on_saved, hub) < 0)
		log_warn(MODULE, "cursor-not-saved", "error=%d", -EIO);
	storage_drain(hub->storage, is_sink_busy, hub);
}

static void hub_close(struct hub *hub)
{
	storage_stop(hub->storage);
	if (hub->local) /* it answers who has asked after these have gone */
		local_show(hub->local, NULL, NULL, NULL);
	if (hub->departure)
		departure_show(hub->departure, NULL);
	if (hub->local)
		local_show_health(hub->local, NULL, NULL);
	if (hub->local)
		local_show_fence(hub->local, NULL);
	if (hub->local)
		local_show_withdrawals(hub->local, NULL);
	fencing_free(hub->fencing); /* what runs goes on, guarded */
	hub->fencing = NULL;
	if (hub->health)
		health_side_uplink(hub->health, NULL);
	cloud_side_free(hub->cloud);
	hub->cloud = NULL;
	withdrawals_stop(hub->withdrawals);
	health_side_free(hub->health);
	hub->health = NULL;
	own_health_free(hub->own_health);
	hub->own_health = NULL;
	close_parts(hub);
	timer_close(hub->retry);
	hub->retry = NULL;
	watchdog_close(hub->watchdog);
	signals_close(hub->signals);
	if (hub->storage && storage_cache(hub->storage))
		drain(hub);
	node_sync_free(hub->node);
	pod_sync_free(hub->pods);
	reports_free(hub->reports);
	events_free(hub->events);
	if (hub->watch)
		cache_watch_close(hub->watch);
	departure_free(hub->departure);
	local_free(hub->local); /* its watches and the sink's are the cache's to deliver */
	if (hub->sink && !repl_sink_busy(hub->sink))
		repl_sink_free(hub->sink); /* else the disk hangs: what is left goes with the process */
	storage_close(hub->storage);
	withdrawals_free(hub->withdrawals);
	outbox_free(hub->outbox);
	wakeup_close(hub->wakeup); /* no writer thread is left that could use it */
	loop_free(hub->loop);
	timekeeper_free(hub->timekeeper);
	identity_done(&hub->identity);
	storage_free(hub->storage);
}

int hub_run(const struct settings *settings, struct err *err)
{
	struct hub hub = { .settings = settings };
	int code;

	identity_init(&hub.identity);
	code = hub_open(&hub, err);
	if (!code) {
		local_show(hub.local, hub.agent, cloud_side_uplink(hub.cloud), cloud_side_renewer(hub.cloud));
		local_show_health(hub.local, health_side_peers(hub.health), own_health_score(hub.own_health));
		local_show_fence(hub.local, hub.fencing);
		local_show_withdrawals(hub.local, hub.withdrawals);
		fencing_uplink(hub.fencing, cloud_side_uplink(hub.cloud));
		health_side_uplink(hub.health, cloud_side_uplink(hub.cloud));
		departure_show(hub.departure, cloud_side_uplink(hub.cloud));
		cloud_side_start(hub.cloud);
		storage_start(hub.storage);
		wakeup_send(hub.wakeup);
		log_info(MODULE, "serving", "version=%s node=%s data=%s start=%" PRIu64, HOLDFAST_VERSION,
			 hub.identity.node, settings->data_dir, storage_starts(hub.storage));
		(void)notify_send("READY=1");
		code = loop_run(hub.loop);
		(void)notify_send("STOPPING=1");
		if (code)
			(void)err_set(err, code, "the event loop failed: %s", strerror(-code));
	}
	hub_close(&hub);
	return code;
}
