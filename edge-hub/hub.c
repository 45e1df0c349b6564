#include "edge-hub/hub.h"

#include "auth/secrets_api.h"
#include "auth/store_seal.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/notify.h"
#include "cache/care.h"
#include "edge-hub/departure.h"
#include "edge-hub/egress.h"
#include "edge-hub/link/kept_session.h"
#include "edge-hub/link/renewer.h"
#include "edge-hub/link/uplink.h"
#include "edge-hub/local.h"
#include "edge-hub/outbox/events.h"
#include "edge-hub/pods/agent.h"
#include "edge-hub/replica/node_sync.h"
#include "edge-hub/replica/pod_sync.h"
#include "edge-hub/replica/reports.h"
#include "net/watchdog.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODULE "hub"
#define STARTS_MARK "hub/starts"
#define COMMIT_RETRY_MS 3000u
#define CLOSE_TURNS_MAX 1000u /* of waiting for commits at the end, CLOSE_TURN_MS each */
#define CLOSE_TURN_MS 10u
#define CLOSE_GRACE_MS 3000u

struct hub {
	const struct settings *settings;
	struct identity identity;
	struct vault *vault;
	struct cache_seal seal; /* of the replica */
	struct rotation *rotation;
	struct secrets_api secrets;
	char good[PATH_MAX + 8]; /* path of the replica's last-good copy */
	int lock_fd;
	struct loop *loop;
	struct signals *signals;
	struct wakeup *wakeup;
	struct timer *retry, *care_timer;
	struct watchdog *watchdog;
	struct care *care;
	struct cache *cache;
	struct cache_watch *watch;
	struct repl_sink *sink;
	struct outbox *outbox;
	struct events *events;
	struct reports *reports;
	struct pod_sync *pods;
	struct node_sync *node;
	struct agent *agent;
	struct local *local;
	char session_file[PATH_MAX];
	struct proxy *proxy; /* on the way to the cloud; NULL: none */
	struct session_secret *secret;
	struct departure *departure;
	struct uplink *uplink;
	struct renewer *renewer;
	struct timekeeper *timekeeper;
	uint64_t incarnation;
	bool synced;
	unsigned closing; /* parts that have yet to say that they are closed */
};

static int path_in(const struct hub *hub, const char *name, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s/%s", hub->settings->data_dir, name);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* --- the pump --- */

static void wake(void *ctx)
{
	struct hub *hub = ctx;

	wakeup_send(hub->wakeup);
}

static void on_wake(void *ctx)
{
	struct hub *hub = ctx;

	cache_dispatch(hub->cache, clock_wall_ms());
	care_disk(hub->care);
	rotation_step(hub->rotation, loop_now_ms(hub->loop));
	if (hub->uplink)
		uplink_kick(hub->uplink); /* acknowledgements and reports that the commit released */
}

static int on_change(void *ctx, const struct change *change)
{
	struct hub *hub = ctx;

	pod_sync_changed(hub->pods, change);
	reports_row_changed(hub->reports, change);
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

static void on_store_trouble(void *ctx, int code)
{
	(void)ctx;
	/* Pods are kept running from what is in memory; the disk is a person's business. */
	if (code)
		log_error(MODULE,
			  code == -EROFS    ? "replica-read-only"
			  : code == -ENOSPC ? "disk-full"
					    : "replica-not-copied",
			  "error=\"%s\"", strerror(-code));
	else
		log_info(MODULE, "disk-has-room", "the replica is written again");
}

static void on_care(void *ctx)
{
	struct hub *hub = ctx;
	uint64_t now = loop_now_ms(hub->loop);

	timer_start(hub->care_timer, care_step(hub->care, now, clock_wall_ms()) - now);
	rotation_step(hub->rotation, now);
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
}

static void on_clock_moved(void *ctx, const struct walltime_move *move)
{
	struct hub *hub = ctx;

	agent_clock_moved(hub->agent, move);
	node_sync_clock_moved(hub->node, move);
}

static void on_clouds(void *ctx, const char *const *clouds)
{
	struct hub *hub = ctx;
	struct err err = { 0 };

	if (identity_save_clouds(hub->settings->data_dir, hub->vault, &hub->identity, clouds, &err))
		log_warn(MODULE, "clouds-not-saved", "error=\"%s\"", err_text(&err));
}

static void on_refused(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->renewer)
		renewer_refused(hub->renewer);
}

static int on_authority(void *ctx, const Tunnel__Authority *message)
{
	struct hub *hub = ctx;

	return renewer_told(hub->renewer, message);
}

static void on_identity(void *ctx)
{
	struct hub *hub = ctx;

	uplink_identity_changed(hub->uplink);
}

static void on_report_ready(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->uplink)
		uplink_kick(hub->uplink);
}

/* --- opening, in order --- */

/* One hub for a data directory. */
static int lock_data_dir(struct hub *hub, struct err *err)
{
	const char *dir = hub->settings->data_dir;
	int code = file_lock_dir(dir, 0700, &hub->lock_fd);

	if (code == -EBUSY)
		return err_set(err, code, "another edge-hub is running with %s", dir);
	return code ? err_set(err, code, "opening the data directory %s: %s", dir, strerror(-code)) : 0;
}

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
		code = timer_new(hub->loop, on_care, hub, &hub->care_timer);
	if (!code)
		code = watchdog_new(hub->loop, &hub->watchdog);
	return code ? err_set(err, code, "setting up the event loop: %s", strerror(-code)) : 0;
}

/* How often this data directory was started: told to the cloud, which thereby notices a copy of it. */
static int count_start(struct hub *hub, struct err *err)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = STARTS_MARK };
	struct buf text;
	int code;

	buf_init(&text, 32);
	code = cache_mark_get(hub->cache, STARTS_MARK, &text);
	if (!code)
		code = span_to_u64(buf_span(&text), &hub->incarnation);
	if (code == -ENOENT || code == -EINVAL)
		code = 0;
	hub->incarnation++;
	buf_reset(&text);
	buf_addf(&text, "%" PRIu64, hub->incarnation);
	op.value = buf_span(&text);
	if (!code)
		code = cache_submit(hub->cache, &op, 1, NULL, NULL);
	buf_done(&text);
	return code ? err_set(err, code, "counting this start: %s", strerror(-code)) : 0;
}

/* A damaged file without a copy: put aside for whoever wants to look, and an empty replica in its place. Containers keep
 * running, because an empty replica proves nothing; the cloud fills it, and they are adopted. */
static int open_anew(const struct cache_options *options, struct cache **out, struct err *err)
{
	static const char *const beside[] = { "-wal", "-shm", ".check" };
	char name[PATH_MAX + 16];

	log_error(MODULE, "replica-lost", "error=\"%s\": starting with an empty one", err_text(err));
	for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", options->path, beside[i]);
		(void)unlink(name);
	}
	snprintf(name, sizeof(name), "%s.damaged", options->path);
	if (rename(options->path, name))
		return err_set(err, -errno, "putting %s aside: %s", options->path, strerror(errno));
	*err = (struct err){ 0 };
	return cache_open(options, out, err);
}

struct commit {
	bool done;
	int code;
};

static void on_committed(void *ctx, const struct cache_result *result)
{
	struct commit *commit = ctx;

	commit->done = true;
	commit->code = result->code;
}

/* A copy is older than what was lost: it names pods that have gone and lacks some that run, and its reports bear numbers that
 * others have used since. */
static int distrust_copy(struct hub *hub, struct err *err)
{
	static const char *const feeds[] = { "nodes",	   "namespaces", "serviceaccounts",
					     "configmaps", "secrets",	 "pods" };
	struct cache_op ops[sizeof(feeds) / sizeof(feeds[0]) + 1];
	struct commit commit = { 0 };
	size_t count = 0;
	int code;

	for (; count < sizeof(feeds) / sizeof(feeds[0]); count++)
		ops[count] = cache_op_feed(feeds[count], FEED_SYNCING);
	ops[count++] = (struct cache_op){ .type = CACHE_MARK, .mark = OUTBOX_STATE_MARK };
	code = cache_submit(hub->cache, ops, count, on_committed, &commit);
	for (unsigned i = 0; !code && !commit.done && i < CLOSE_TURNS_MAX; i++) {
		cache_dispatch(hub->cache, clock_wall_ms());
		if (!commit.done)
			usleep(CLOSE_TURN_MS * 1000); /* the writer thread is at it */
	}
	if (!code)
		code = commit.done ? commit.code : -ETIMEDOUT;
	return code ? err_set(err, code, "marking the recovered replica: %s", strerror(-code)) : 0;
}

static void on_rotation(void *ctx, enum rotation_phase phase, const struct err *err)
{
	(void)ctx;
	if (phase == ROTATION_FAILED)
		log_error(MODULE, "data-key-not-rotated", "error=\"%s\": it is tried again", err_text(err));
	else
		log_info(MODULE, "data-key-rotation", "state=%s",
			 phase == ROTATION_IDLE ? "done" : "under-way");
}

static int open_care(struct hub *hub, const char *path, struct err *err)
{
	static const char *const skip[] = { "pods", NULL };
	struct rotation_options rotation = { .vault = hub->vault,
					     .cache = hub->cache,
					     .data_dir = hub->settings->data_dir,
					     .skip = skip,
					     .good_path = hub->good,
					     .on_change = on_rotation };
	struct cache_stats stats;
	int code = 0;

	cache_stats(hub->cache, &stats);
	if (stats.recovered) {
		log_error(MODULE, "replica-recovered",
			  "path=%s: the file was damaged, the last good copy took its place", path);
		code = distrust_copy(hub, err);
	}
	if (code)
		return code;
	snprintf(hub->good, sizeof(hub->good), "%s.good", path);
	code = care_new(hub->cache, hub->good, loop_now_ms(hub->loop), on_store_trouble, hub, &hub->care);
	if (!code)
		code = rotation_new(&rotation, &hub->rotation);
	hub->secrets = (struct secrets_api){ hub->vault, hub->rotation };
	return code ? err_set(err, code, "out of memory") : 0;
}

static int open_replica(struct hub *hub, struct err *err)
{
	static const struct cache_watch_events watch = { .on_change = on_change };
	static const struct repl_sink_events sink = { .on_synced = on_synced,
						      .on_orphan = on_orphan,
						      .on_failed = on_commit_failed };
	char path[PATH_MAX];
	struct cache_options options = { .path = path,
					 .seal = &hub->seal,
					 .ballast_bytes = hub->settings->ballast_bytes,
					 .wake = wake,
					 .wake_ctx = hub };
	int code = path_in(hub, "replica.db", path);

	if (code)
		return err_set(err, code, "the data directory's name is too long");
	code = cache_open(&options, &hub->cache, err);
	if (code == -EBADMSG)
		code = open_anew(&options, &hub->cache, err);
	if (code)
		return err_wrap(err, "opening the replica %s", path);
	cache_on_damaged(hub->cache, on_damaged, hub);
	code = open_care(hub, path, err);
	if (!code)
		code = count_start(hub, err);
	if (code)
		return code;
	code = repl_sink_new(hub->cache, &sink, hub, &hub->sink);
	if (!code)
		code = cache_watch_open(hub->cache, NULL, NULL, cache_revision(hub->cache), &watch, hub,
					&hub->watch);
	if (code)
		return err_set(err, code, "reading the replica: %s", strerror(-code));
	return outbox_open(hub->cache, hub->settings->outbox_max, &hub->outbox, err);
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
	struct local_options options = { hub->loop, hub->cache,	 &hub->identity,  hub->settings->data_dir,
					 hub->sink, hub->outbox, hub->timekeeper, &hub->secrets,
					 NULL };
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
	struct pod_sync_options pods = {
		.cache = hub->cache, .timekeeper = hub->timekeeper, .on_runtime = on_runtime, .ctx = hub
	};
	struct node_sync_options node = { .loop = hub->loop,
					  .cache = hub->cache,
					  .node = hub->identity.node,
					  .data_dir = hub->settings->data_dir,
					  .timekeeper = hub->timekeeper,
					  .check_ms = hub->settings->node_check_ms };

	if (events_new(hub->loop, hub->outbox, hub->timekeeper, hub->identity.node, &hub->events) ||
	    reports_new(hub->loop, hub->cache, hub->outbox, &hub->reports))
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

static int open_secret(struct hub *hub, struct err *err)
{
	int code = session_secret_open(hub->vault, hub->settings->data_dir, &hub->secret, err);

	if (!code && err->code)
		log_error(MODULE, "session-secret-lost", "error=\"%s\"", err_text(err));
	if (!code)
		*err = (struct err){ 0 };
	return code;
}

static int open_uplink(struct hub *hub, struct err *err)
{
	struct uplink_options options = {
		.loop = hub->loop,
		.identity = &hub->identity,
		.sink = hub->sink,
		.outbox = hub->outbox,
		.timekeeper = hub->timekeeper,
		.boot_id = node_sync_facts(hub->node)->boot_id,
		.incarnation = hub->incarnation,
		.machine_id = node_sync_facts(hub->node)->machine_id,
		.ping_interval_ms = (unsigned)hub->settings->ping_interval_ms,
		.backoff_cap_ms = (unsigned)hub->settings->backoff_cap_ms,
		.on_state = on_link_state,
		.on_refused = on_refused,
		.on_authority = on_authority,
		.on_clouds = on_clouds,
		.on_left = on_left,
		.ctx = hub,
	};
	int code = egress_proxy(hub->settings, &hub->identity, &hub->proxy, err);

	options.proxy = hub->proxy;
	options.vault = hub->vault;
	options.session_file = hub->session_file;
	if (!code)
		code = path_in(hub, KEPT_SESSION_FILE, hub->session_file);
	if (!code)
		code = open_secret(hub, err);
	options.secret = hub->secret;
	if (!code)
		code = uplink_new(&options, &hub->uplink, err);
	timekeeper_on_moved(hub->timekeeper, on_clock_moved, hub);
	if (!code)
		outbox_on_ready(hub->outbox, on_report_ready, hub);
	return code;
}

static int open_renewer(struct hub *hub, struct err *err)
{
	struct renewer_options options = { .loop = hub->loop,
					   .data_dir = hub->settings->data_dir,
					   .vault = hub->vault,
					   .identity = &hub->identity,
					   .timekeeper = hub->timekeeper,
					   .proxy = hub->proxy,
					   .on_changed = on_identity,
					   .ctx = hub };

	return renewer_new(&options, &hub->renewer, err);
}

static int open_vault(struct hub *hub, struct err *err)
{
	struct vault_settings settings = { .data_dir = hub->settings->data_dir,
					   .key_file = hub->settings->secrets_key_file,
					   .wrap = hub->settings->secrets_wrap,
					   .tpm = hub->settings->secrets_tpm };
	struct vault_status status;
	int code = vault_open_data(&settings, &hub->vault, err);

	if (code)
		return code;
	hub->seal = store_seal(hub->vault);
	vault_status(hub->vault, &status);
	log_info(MODULE, "vault", "wrap=%s key=%u", vault_wrap_name(status.wrap), (unsigned)status.newest);
	return 0;
}

static int hub_open(struct hub *hub, struct err *err)
{
	int code = leaving_is(hub->settings->data_dir)
			   ? err_set(err, -EPERM, "this machine is leaving: edge-hub leave goes on with it")
			   : identity_exists(hub->settings->data_dir, err);

	if (!code)
		code = lock_data_dir(hub, err);
	if (!code)
		code = timekeeper_new(hub->settings->data_dir, hub->settings->clock_patience_ms,
				      &hub->timekeeper, err);
	if (!code)
		code = open_vault(hub, err);
	if (!code)
		code = identity_load(hub->settings->data_dir, hub->vault, &hub->identity, err);
	if (!code)
		code = open_loop(hub, err);
	if (!code)
		code = open_replica(hub, err);
	if (!code)
		code = open_local(hub, err);
	if (!code)
		code = open_reports(hub, err);
	if (!code)
		code = open_agent(hub, err);
	if (!code)
		code = open_uplink(hub, err);
	if (!code)
		code = open_renewer(hub, err);
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

/* What is queued for the disk gets there: cache_close commits it, but completions want their owners alive. */
static void drain(struct hub *hub)
{
	struct cache_stats stats;

	if (hub->sink && repl_sink_save(hub->sink, on_saved, hub) < 0)
		log_warn(MODULE, "cursor-not-saved", "error=%d", -EIO);
	for (unsigned i = 0; i < CLOSE_TURNS_MAX; i++) {
		cache_dispatch(hub->cache, clock_wall_ms());
		cache_stats(hub->cache, &stats);
		if (!stats.queue_length && !(hub->sink && repl_sink_busy(hub->sink)))
			return;
		usleep(CLOSE_TURN_MS * 1000); /* the writer thread is at it */
	}
}

static void hub_close(struct hub *hub)
{
	rotation_stop(hub->rotation);
	renewer_free(hub->renewer);
	hub->renewer = NULL;
	if (hub->departure)
		departure_show(hub->departure, NULL);
	uplink_free(hub->uplink);
	hub->uplink = NULL;
	session_secret_free(hub->secret);
	proxy_unref(hub->proxy);
	close_parts(hub);
	timer_close(hub->retry);
	timer_close(hub->care_timer);
	watchdog_close(hub->watchdog);
	signals_close(hub->signals);
	if (hub->cache)
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
	cache_close(hub->cache);
	care_free(hub->care);
	rotation_free(hub->rotation);
	outbox_free(hub->outbox);
	wakeup_close(hub->wakeup); /* no writer thread is left that could use it */
	loop_free(hub->loop);
	timekeeper_free(hub->timekeeper);
	identity_done(&hub->identity);
	vault_free(hub->vault);
	if (hub->lock_fd >= 0)
		close(hub->lock_fd);
}

int hub_run(const struct settings *settings, struct err *err)
{
	struct hub hub = { .settings = settings, .lock_fd = -1 };
	int code;

	identity_init(&hub.identity);
	code = hub_open(&hub, err);
	if (!code) {
		local_show(hub.local, hub.agent, hub.uplink, hub.renewer);
		departure_show(hub.departure, hub.uplink);
		uplink_start(hub.uplink);
		renewer_start(hub.renewer);
		timer_start(hub.care_timer, CARE_STEP_MS);
		wakeup_send(hub.wakeup);
		log_info(MODULE, "serving", "version=%s node=%s data=%s start=%" PRIu64, HOLDFAST_VERSION,
			 hub.identity.node, settings->data_dir, hub.incarnation);
		(void)notify_send("READY=1");
		code = loop_run(hub.loop);
		(void)notify_send("STOPPING=1");
		if (code)
			(void)err_set(err, code, "the event loop failed: %s", strerror(-code));
	}
	hub_close(&hub);
	return code;
}
