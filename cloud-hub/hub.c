#include "cloud-hub/hub.h"

#include "auth/authority.h"
#include "auth/rbac_policy.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/random.h"
#include "base/timerq.h"
#include "cloud-hub/addresses.h"
#include "cloud-hub/api_parts.h"
#include "cloud-hub/api_server.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/authorities.h"
#include "cloud-hub/gateway/gateway.h"
#include "cloud-hub/holds.h"
#include "cloud-hub/leases.h"
#include "cloud-hub/metrics.h"
#include "cloud-hub/nodes.h"
#include "cloud-hub/orphans.h"
#include "cloud-hub/region_desk.h"
#include "cloud-hub/regions/verdict_view.h"
#include "cloud-hub/rights.h"
#include "cloud-hub/services/services.h"
#include "cloud-hub/storage.h"
#include "control/runner.h"
#include "net/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define CLOSE_GRACE_MS 2000u
#define RECHECK_MS 5000u /* how long a watch may outlive the right to it */
#define MODULE "hub"

struct hub {
	const struct settings *settings;
	const struct hub_reload *reload;
	struct storage *storage;
	struct loop *loop;
	struct signals *signals;
	struct wakeup *wakeup;	/* the store or a controller has something */
	struct timer *deadline; /* of the controllers */
	struct watchdog *watchdog;
	struct timer *recheck_timer; /* may those who watch go on? */
	struct audit *audit;
	struct authority *authority;
	struct holds *holds;
	struct gateway *gateway;
	char ticket_file[PATH_MAX];
	struct rights *rights;
	struct api_parts parts;
	struct regions *regions;
	struct verdict_view *verdicts;
	struct runner *runner;
	struct metrics metrics;
	struct api_server *server;
};

/* --- the pump: store, controllers, and back --- */

static void pump(struct hub *hub)
{
	uint64_t next, now;

	storage_dispatch(hub->storage);
	if (!hub->runner)
		return; /* closing */
	runner_step(hub->runner, loop_now_ms(hub->loop), clock_wall_ms());
	gateway_advanced(hub->gateway, rights_position(hub->rights));
	next = runner_next(hub->runner);
	now = loop_now_ms(hub->loop);
	if (next == TIMERQ_NEVER)
		timer_stop(hub->deadline);
	else
		timer_start(hub->deadline, next > now ? next - now : 0);
}

static void on_wake(void *ctx)
{
	pump(ctx);
}

static void wake(void *ctx)
{
	struct hub *hub = ctx;

	wakeup_send(hub->wakeup);
}

static void recheck(void *ctx)
{
	struct hub *hub = ctx;

	rights_mend(hub->rights);
	access_recheck(hub->parts.access, hub->parts.api);
	timer_start(hub->recheck_timer, RECHECK_MS);
}

static int tell_addresses(struct hub *hub, const struct settings *settings, struct err *err)
{
	char *addresses[ADDRESSES_MAX + 1];
	int code = addresses_make(settings, gateway_address(hub->gateway), addresses, err);

	if (code)
		return code;
	code = gateway_set_clouds(hub->gateway, (const char *const *)addresses);
	addresses_free(addresses);
	return code ? err_set(err, code, "out of memory") : 0;
}

/* What else the file says is for the next start. */
static void load_again(struct hub *hub)
{
	struct settings settings;
	struct err err = { 0 };
	int code = hub->reload->load(hub->reload->ctx, &settings, &err);

	if (!code) {
		code = tell_addresses(hub, &settings, &err);
		config_done(&settings_table, &settings);
	}
	if (code)
		log_error(MODULE, "not-reloaded", "error=\"%s\"", err_text(&err));
	else
		log_info(MODULE, "reloaded", "what=addresses");
}

static void on_signal(void *ctx, int number)
{
	struct hub *hub = ctx;

	if (number == SIGHUP) {
		load_again(hub);
		return;
	}
	log_info(MODULE, "stopping", "signal=%d", number);
	loop_stop(hub->loop);
}

static void on_link(void *ctx, const char *node, bool up)
{
	struct hub *hub = ctx;

	if (!hub->runner)
		return; /* closing */
	if (up)
		orphans_forget(hub->parts.orphans, node); /* it reports them anew */
	runner_link(hub->runner, node, up, loop_now_ms(hub->loop));
	regions_link(hub->regions, node, up);
	leases_link_changed(hub->parts.leases, node);
	wakeup_send(hub->wakeup);
}

static void on_start(void *ctx, const char *node, uint64_t start)
{
	struct hub *hub = ctx;

	if (hub->runner)
		regions_started(hub->regions, node, start);
}

static void on_fence(void *ctx, const char *node, unsigned fence_ms, bool is_hello)
{
	struct hub *hub = ctx;

	if (hub->runner)
		regions_fence(hub->regions, node, fence_ms, is_hello);
}

static void on_verdicts(void *ctx, const char *node, const char *region, const struct span *verdicts,
			size_t count)
{
	struct hub *hub = ctx;

	if (hub->runner)
		regions_verdicts(hub->regions, node, region, verdicts, count);
}

static void on_neighbours(void *ctx, const char *node)
{
	struct hub *hub = ctx;

	if (!hub->runner)
		return;
	runner_neighbours_changed(hub->runner, node, loop_now_ms(hub->loop));
	wakeup_send(hub->wakeup);
}

static void on_revoked(void *ctx)
{
	struct hub *hub = ctx;

	recheck(hub);
	if (hub->runner)
		regions_recheck(hub->regions);
}

static void on_orphan(void *ctx, const char *node, const struct object *object)
{
	struct hub *hub = ctx;

	orphans_found(hub->parts.orphans, node, object);
}

static void on_authority(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->parts.authorities)
		authorities_progress(hub->parts.authorities);
}

static void on_hold(void *ctx, const char *node, bool held)
{
	struct hub *hub = ctx;

	if (!hub->runner)
		return;
	if (!held)
		orphans_forget(hub->parts.orphans, node); /* they are decided */
	holds_set(hub->holds, node, held);
	runner_hold(hub->runner, node, held, loop_now_ms(hub->loop));
	wakeup_send(hub->wakeup);
}

static bool is_held(void *ctx, const char *node)
{
	struct hub *hub = ctx;

	return holds_has(hub->holds, node);
}

/* Nobody will come to reconcile it: its pods are the controllers' again. */
static void on_node_deleted(void *ctx, const char *node)
{
	struct hub *hub = ctx;

	if (hub->runner && holds_has(hub->holds, node) && !gateway_is_up(hub->gateway, node))
		on_hold(hub, node, false);
}

/* --- opening, in order --- */

static int open_loop(struct hub *hub, struct err *err)
{
	static const int set[] = { SIGTERM, SIGINT, SIGHUP, 0 };
	int code = loop_new(&hub->loop);

	if (!code)
		code = signals_new(hub->loop, set, on_signal, hub, &hub->signals);
	if (!code)
		code = wakeup_new(hub->loop, on_wake, hub, &hub->wakeup);
	if (!code)
		code = timer_new(hub->loop, on_wake, hub, &hub->deadline);
	if (!code)
		code = watchdog_new(hub->loop, &hub->watchdog);
	if (!code)
		code = timer_new(hub->loop, recheck, hub, &hub->recheck_timer);
	return code ? err_set(err, code, "setting up the event loop: %s", strerror(-code)) : 0;
}

static int open_authority(struct hub *hub, struct err *err)
{
	char path[PATH_MAX];
	struct authority_lifetimes lifetimes = { .hub_ms = (int64_t)hub->settings->hub_lifetime_ms,
						 .node_ms = (int64_t)hub->settings->node_lifetime_ms,
						 .client_ms = (int64_t)hub->settings->client_lifetime_ms };
	int code = settings_path(hub->settings, "pki", path, err);

	if (!code)
		code = authority_open(path, storage_vault(hub->storage), clock_wall_ms(), &hub->authority,
				      err);
	if (!code)
		authority_set_lifetimes(hub->authority, &lifetimes);
	return code;
}

static int open_store(struct hub *hub, struct err *err)
{
	int code = storage_open(hub->storage, hub->loop, wake, hub, err);

	if (code)
		return code;
	code = holds_new(storage_cache(hub->storage), storage_is_recovered(hub->storage), &hub->holds);
	return code ? err_set(err, code, "reading which nodes are held: %s", strerror(-code)) : 0;
}

static int open_gateway(struct hub *hub, struct err *err)
{
	struct gateway_options options = {
		.loop = hub->loop,
		.cache = storage_cache(hub->storage),
		.authority = hub->authority,
		.listen = hub->settings->tunnel_listen,
		.sessions_max = (size_t)hub->settings->sessions_max,
		.vault = storage_vault(hub->storage),
		.ticket_file = hub->ticket_file,
		.ticket_lifetime_ms = hub->settings->ticket_lifetime_ms,
		.full_handshakes_per_second = (unsigned)hub->settings->full_handshakes_per_second,
		.joins_per_second = (unsigned)hub->settings->joins_per_second,
		.audit = hub->audit,
		.on_link = on_link,
		.on_start = on_start,
		.on_fence = on_fence,
		.on_verdicts = on_verdicts,
		.on_authority = on_authority,
		.on_hold = on_hold,
		.is_held = is_held,
		.on_orphan = on_orphan,
		.ctx = hub,
	};
	int code = settings_path(hub->settings, "tickets", hub->ticket_file, err);

	return code ? code : gateway_new(&options, &hub->gateway, err);
}

static int open_rights(struct hub *hub, struct err *err)
{
	struct rights_options options = { .cache = storage_cache(hub->storage),
					  .events = &gateway_graph_events,
					  .events_ctx = hub->gateway,
					  .on_node_deleted = on_node_deleted,
					  .ctx = hub };

	return rights_new(&options, &hub->rights, err);
}

static uint64_t mono_of(void *ctx)
{
	struct hub *hub = ctx;

	return loop_now_ms(hub->loop);
}

static int64_t wall_of(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static int open_audit(struct hub *hub, struct err *err)
{
	char path[PATH_MAX];
	struct audit_options options = { .file = { .path = path,
						   .size_bytes = hub->settings->audit_size_bytes,
						   .files = (unsigned)hub->settings->audit_files },
					 .mono_ms = mono_of,
					 .wall_ms = wall_of,
					 .clock_ctx = hub };
	int code;

	if (audit_level_parse(hub->settings->audit_level, &options.level))
		return err_set(err, -EINVAL, "audit.level must be none, writes or all");
	code = settings_path(hub->settings, "audit/audit.log", path, err);
	return code ? code : audit_new(&options, &hub->audit, err);
}

static int open_api(struct hub *hub, struct err *err)
{
	struct api_parts_options options = { .settings = hub->settings,
					     .loop = hub->loop,
					     .cache = storage_cache(hub->storage),
					     .vault = storage_vault(hub->storage),
					     .secrets = storage_secrets(hub->storage),
					     .authority = hub->authority,
					     .gateway = hub->gateway,
					     .audit = hub->audit,
					     .authz = rights_authz(hub->rights),
					     .on_revoked = on_revoked,
					     .ctx = hub };

	return api_parts_init(&hub->parts, &options, err);
}

static void hold_at_start(void *ctx, const char *node)
{
	struct hub *hub = ctx;

	runner_hold(hub->runner, node, true, loop_now_ms(hub->loop));
}

static int open_regions(struct hub *hub, struct err *err)
{
	struct regions_options options = { .loop = hub->loop,
					   .api = hub->parts.api,
					   .gateway = hub->gateway,
					   .audit = hub->audit,
					   .start_grace_ms = hub->settings->start_grace_ms,
					   .changed = on_neighbours,
					   .ctx = hub };

	int code = regions_new(&options, &hub->regions, err);

	if (code)
		return code;
	code = verdict_view_new(hub->loop, hub->parts.api, hub->regions, &hub->verdicts);
	if (!code)
		code = region_desk_add(hub->parts.api, hub->regions);
	return code ? err_set(err, code, "out of memory") : 0;
}

static int open_runner(struct hub *hub, struct err *err)
{
	static const struct runner_defaults roles = { rbac_default_count, rbac_default_key, rbac_default_make,
						      rbac_default_mend };
	struct runner_options options = {
		.defaults = &roles,
		.api = hub->parts.api,
		.start_grace_ms = hub->settings->start_grace_ms,
		.link_grace_ms = hub->settings->link_grace_ms,
		.event_ttl_ms = hub->settings->event_ttl_ms,
		.component = "cloud-hub",
		.neighbours = regions_neighbours,
		.exclusive = regions_exclusive,
		.said = regions_said,
		.word = regions_record,
		.neighbours_ctx = hub->regions,
		.wake = wake,
		.wake_ctx = hub,
	};
	int code;

	random_bytes(&options.seed, sizeof(options.seed));
	code = runner_new(&options, loop_now_ms(hub->loop), clock_wall_ms(), &hub->runner, err);
	if (code)
		return code;
	holds_each(hub->holds, hold_at_start, hub); /* before the first step */
	if (holds_count(hub->holds))
		log_warn(MODULE, "nodes-held", "count=%zu: left alone until they have reported what they run",
			 holds_count(hub->holds));
	return 0;
}

static int open_metrics(struct hub *hub, struct err *err)
{
	int code;

	hub->metrics = (struct metrics){ .audit = hub->audit,
					 .api = hub->parts.api,
					 .gateway = hub->gateway,
					 .runner = hub->runner,
					 .regions = hub->regions,
					 .orphans = hub->parts.orphans,
					 .holds = hub->holds,
					 .backups = hub->parts.backups,
					 .authority = hub->authority };
	code = metrics_add(&hub->metrics);
	return code ? err_set(err, code, "out of memory") : 0;
}

static int open_server(struct hub *hub, struct err *err)
{
	struct api_server_options options = { .settings = hub->settings,
					      .loop = hub->loop,
					      .api = hub->parts.api,
					      .auth = access_http_auth(hub->parts.access),
					      .authority = hub->authority,
					      .gateway = hub->gateway,
					      .users = hub->parts.users };

	return api_server_new(&options, &hub->server, err);
}

static int open_tunnel(struct hub *hub, struct err *err)
{
	int code = gateway_listen(hub->gateway, rights_graph(hub->rights), hub->parts.api, err);

	return code ? code : tell_addresses(hub, hub->settings, err);
}

static int hub_open(struct hub *hub, struct err *err)
{
	static int (*const steps[])(struct hub * hub, struct err * err) = {
		open_loop, open_audit,	 open_authority, open_store,   open_gateway, open_rights,
		open_api,  open_regions, open_runner,	 open_metrics, open_server,  open_tunnel,
	};
	int code = storage_new(hub->settings, &hub->storage, err);

	for (size_t i = 0; !code && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](hub, err);
	if (code)
		return code;
	hub->metrics.certificates = api_server_certificates(hub->server);
	authorities_start(hub->parts.authorities, api_server_certificates(hub->server));
	return 0;
}

static void on_http_closed(void *ctx)
{
	struct hub *hub = ctx;

	loop_stop(hub->loop);
}

static void on_grace_over(void *ctx)
{
	on_http_closed(ctx);
}

/* Answers under way get a little time, during which the store goes on committing and completing. */
static void finish_answers(struct hub *hub)
{
	struct timer *grace = NULL;

	if (!hub->server || timer_new(hub->loop, on_grace_over, hub, &grace))
		return;
	timer_start(grace, 2 * CLOSE_GRACE_MS);
	api_server_close(hub->server, CLOSE_GRACE_MS, on_http_closed, hub);
	(void)loop_run(hub->loop);
	timer_close(grace);
}

/* In reverse; every part may be missing. */
static void hub_close(struct hub *hub)
{
	storage_stop(hub->storage);
	if (hub->gateway)
		gateway_stop(hub->gateway);
	api_parts_stop(&hub->parts);
	runner_free(hub->runner);
	hub->runner = NULL;
	regions_stop(hub->regions);
	timer_close(hub->deadline);
	watchdog_close(hub->watchdog);
	timer_close(hub->recheck_timer);
	signals_close(hub->signals);
	finish_answers(hub);
	nodes_detach(hub->parts.nodes);
	services_detach(hub->parts.services);
	gateway_free(hub->gateway);
	rights_close(hub->rights);
	storage_close(hub->storage); /* the last completions want the API alive */
	verdict_view_free(hub->verdicts);
	regions_free(hub->regions);
	api_parts_free(&hub->parts);
	holds_free(hub->holds);
	wakeup_close(hub->wakeup); /* no writer thread is left that could use it */
	rights_free(hub->rights);
	authority_free(hub->authority);
	audit_free(hub->audit);
	api_server_free(hub->server);
	loop_free(hub->loop);
	storage_free(hub->storage);
}

int hub_run(const struct settings *settings, const struct hub_reload *reload, struct err *err)
{
	struct hub hub = { .settings = settings, .reload = reload };
	int code = hub_open(&hub, err);

	if (!code) {
		wakeup_send(hub.wakeup);
		storage_start(hub.storage);
		timer_start(hub.recheck_timer, RECHECK_MS);
		log_info(MODULE, "serving", "version=%s tunnel=%s data=%s", HOLDFAST_VERSION,
			 gateway_address(hub.gateway), settings->data_dir);
		(void)notify_send("READY=1");
		code = loop_run(hub.loop);
		(void)notify_send("STOPPING=1");
		if (code)
			(void)err_set(err, code, "the event loop failed: %s", strerror(-code));
	}
	hub_close(&hub);
	return code;
}
