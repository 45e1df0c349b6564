#include "cloud-hub/hub.h"

#include "api/http.h"
#include "auth/authority.h"
#include "auth/authz.h"
#include "auth/graph.h"
#include "auth/rbac.h"
#include "auth/rbac_policy.h"
#include "auth/secrets_api.h"
#include "auth/store_seal.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/random.h"
#include "base/timerq.h"
#include "cache/care.h"
#include "cloud-hub/access.h"
#include "cloud-hub/addresses.h"
#include "cloud-hub/backup/desk.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/authorities.h"
#include "cloud-hub/certificates.h"
#include "cloud-hub/gateway/gateway.h"
#include "cloud-hub/holds.h"
#include "cloud-hub/leases.h"
#include "cloud-hub/metrics.h"
#include "cloud-hub/nodes.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/orphans.h"
#include "cloud-hub/reviews.h"
#include "cloud-hub/satokens.h"
#include "cloud-hub/tokens.h"
#include "cloud-hub/users.h"
#include "control/runner.h"
#include "net/watchdog.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ADVERTISED_MAX 16u
#define CLOSE_GRACE_MS 2000u
#define RECHECK_MS 5000u /* how long a watch may outlive the right to it */
#define MODULE "hub"

struct hub {
	const struct settings *settings;
	const struct hub_reload *reload;
	int lock_fd;
	struct loop *loop;
	struct signals *signals;
	struct wakeup *wakeup;	/* the store or a controller has something */
	struct timer *deadline; /* of the controllers */
	struct timer *care_timer;
	struct watchdog *watchdog;
	struct timer *recheck_timer; /* may those who watch go on? */
	struct care *care;
	struct vault *vault;
	struct cache_seal seal; /* of the store */
	struct rotation *rotation;
	struct secrets_api secrets;
	char good[PATH_MAX + 8]; /* path of the store's last-good copy */
	struct authority *authority;
	struct cache *cache;
	struct cache_watch *watch; /* feeds the graph */
	struct graph *graph;
	struct rbac *rbac;
	bool roles_lack; /* memory ran out for some of them */
	struct authz *authz;
	struct audit *audit;
	struct access *access;
	struct users *users;
	struct satokens *satokens;
	struct api *api;
	struct api_http *http;
	struct certificates *certificates;
	struct authorities *authorities;
	struct tokens *tokens;
	struct nodes *nodes;
	struct leases *leases;
	struct orphans *orphans;
	struct holds *holds;
	struct backup_desk *backups;
	struct metrics metrics;
	struct gateway *gateway;
	char ticket_file[PATH_MAX];
	struct runner *runner;
};

static int path_in(const struct hub *hub, const char *name, char out[PATH_MAX])
{
	int len = snprintf(out, PATH_MAX, "%s/%s", hub->settings->data_dir, name);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* --- the pump: store, controllers, and back --- */

static void pump(struct hub *hub)
{
	uint64_t next, now;

	cache_dispatch(hub->cache, clock_wall_ms());
	care_disk(hub->care);
	rotation_step(hub->rotation, loop_now_ms(hub->loop));
	if (!hub->runner)
		return; /* closing */
	runner_step(hub->runner, loop_now_ms(hub->loop), clock_wall_ms());
	gateway_advanced(hub->gateway, cache_watch_position(hub->watch));
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

static void on_store_trouble(void *ctx, int code)
{
	(void)ctx;
	if (code)
		log_error(MODULE,
			  code == -EROFS    ? "store-read-only"
			  : code == -ENOSPC ? "disk-full"
					    : "store-not-copied",
			  "error=\"%s\"", strerror(-code));
	else
		log_info(MODULE, "disk-has-room", "writes are taken again");
}

static void on_care(void *ctx)
{
	struct hub *hub = ctx;
	uint64_t now = loop_now_ms(hub->loop);

	timer_start(hub->care_timer, care_step(hub->care, now, clock_wall_ms()) - now);
	rotation_step(hub->rotation, now);
}

/* Newer than the graph, so that the watch tells some of it again, which changes nothing. */
static int load_rbac(struct hub *hub)
{
	struct rbac_stats stats;
	uint64_t revision;
	int code = rbac_load(hub->rbac, hub->cache, &revision);

	rbac_stats(hub->rbac, &stats);
	if (stats.skipped)
		log_error(MODULE, "rbac-skipped-objects", "count=%llu: they grant nothing",
			  (unsigned long long)stats.skipped);
	return code;
}

static void recheck(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->roles_lack)
		hub->roles_lack = load_rbac(hub) != 0;
	access_recheck(hub->access, hub->api);
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

static void on_node_deleted(struct hub *hub, const char *node);

static int on_change(void *ctx, const struct change *change)
{
	struct hub *hub = ctx;
	int code = graph_apply(hub->graph, change);

	if (change->type == CHANGE_DELETED && strcmp(change->object->key.resource, "nodes") == 0)
		on_node_deleted(hub, change->object->key.name);

	if (code)
		log_error(MODULE, "graph-skipped-object", "resource=%s namespace=%s name=%s error=%d",
			  change->object->key.resource, change->object->key.ns, change->object->key.name,
			  code);
	code = rbac_apply(hub->rbac, change);
	if (code)
		log_error(MODULE, "rbac-skipped-object",
			  "resource=%s namespace=%s name=%s error=%d: grants nothing",
			  change->object->key.resource, change->object->key.ns, change->object->key.name,
			  code);
	hub->roles_lack = hub->roles_lack || code == -ENOMEM;
	return 0;
}

static void on_link(void *ctx, const char *node, bool up)
{
	struct hub *hub = ctx;

	if (!hub->runner)
		return; /* closing */
	if (up)
		orphans_forget(hub->orphans, node); /* it reports them anew */
	runner_link(hub->runner, node, up, loop_now_ms(hub->loop));
	leases_link_changed(hub->leases, node);
	wakeup_send(hub->wakeup);
}

static void on_orphan(void *ctx, const char *node, const struct object *object)
{
	struct hub *hub = ctx;

	orphans_found(hub->orphans, node, object);
}

static void on_authority(void *ctx)
{
	struct hub *hub = ctx;

	if (hub->authorities)
		authorities_progress(hub->authorities);
}

static void on_hold(void *ctx, const char *node, bool held)
{
	struct hub *hub = ctx;

	if (!hub->runner)
		return;
	if (!held)
		orphans_forget(hub->orphans, node); /* they are decided */
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
static void on_node_deleted(struct hub *hub, const char *node)
{
	if (hub->runner && holds_has(hub->holds, node) && !gateway_is_up(hub->gateway, node))
		on_hold(hub, node, false);
}

/* --- opening, in order --- */

/* One hub for a data directory: a second one would hand out revisions of its own. */
static int lock_data_dir(struct hub *hub, struct err *err)
{
	const char *dir = hub->settings->data_dir;
	int code = file_lock_dir(dir, 0700, &hub->lock_fd);

	if (code == -EBUSY)
		return err_set(err, code, "another cloud-hub is running with %s", dir);
	return code ? err_set(err, code, "opening the data directory %s: %s", dir, strerror(-code)) : 0;
}

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
		code = timer_new(hub->loop, on_care, hub, &hub->care_timer);
	if (!code)
		code = watchdog_new(hub->loop, &hub->watchdog);
	if (!code)
		code = timer_new(hub->loop, recheck, hub, &hub->recheck_timer);
	return code ? err_set(err, code, "setting up the event loop: %s", strerror(-code)) : 0;
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
	struct rotation_options rotation = { .vault = hub->vault,
					     .cache = hub->cache,
					     .data_dir = hub->settings->data_dir,
					     .good_path = hub->good,
					     .on_change = on_rotation };
	struct cache_stats stats;
	int code;

	cache_stats(hub->cache, &stats);
	if (stats.recovered)
		log_error(MODULE, "store-recovered",
			  "path=%s: the file was damaged, the last good copy took its place", path);
	code = holds_new(hub->cache, stats.recovered, &hub->holds);
	if (code)
		return err_set(err, code, "reading which nodes are held: %s", strerror(-code));
	snprintf(hub->good, sizeof(hub->good), "%s.good", path);
	code = care_new(hub->cache, hub->good, loop_now_ms(hub->loop), on_store_trouble, hub, &hub->care);
	if (!code)
		code = rotation_new(&rotation, &hub->rotation);
	hub->secrets = (struct secrets_api){ hub->vault, hub->rotation };
	return code ? err_set(err, code, "out of memory") : 0;
}

static int open_store(struct hub *hub, struct err *err)
{
	char path[PATH_MAX];
	struct cache_options options = {
		.path = path,
		.log_max_age_ms = hub->settings->watch_window_ms,
		.log_max_bytes = hub->settings->watch_window_bytes,
		.ballast_bytes = hub->settings->ballast_bytes,
		.seal = &hub->seal,
		.page_cache_bytes = hub->settings->store_memory_bytes,
		.wake = wake,
		.wake_ctx = hub,
	};
	int code = path_in(hub, "store.db", path);

	if (code)
		return err_set(err, code, "the data directory's name is too long");
	code = cache_open(&options, &hub->cache, err);
	return code ? err_wrap(err, "opening the store %s", path) : open_care(hub, path, err);
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

static int open_authority(struct hub *hub, struct err *err)
{
	char path[PATH_MAX];
	int code = path_in(hub, "pki", path);

	struct authority_lifetimes lifetimes = { .hub_ms = (int64_t)hub->settings->hub_lifetime_ms,
						 .node_ms = (int64_t)hub->settings->node_lifetime_ms,
						 .client_ms = (int64_t)hub->settings->client_lifetime_ms };

	if (code)
		return err_set(err, code, "the data directory's name is too long");
	code = authority_open(path, hub->vault, clock_wall_ms(), &hub->authority, err);
	if (!code)
		authority_set_lifetimes(hub->authority, &lifetimes);
	return code;
}

static int open_gateway(struct hub *hub, struct err *err)
{
	struct gateway_options options = {
		.loop = hub->loop,
		.cache = hub->cache,
		.authority = hub->authority,
		.listen = hub->settings->tunnel_listen,
		.sessions_max = (size_t)hub->settings->sessions_max,
		.vault = hub->vault,
		.ticket_file = hub->ticket_file,
		.ticket_lifetime_ms = hub->settings->ticket_lifetime_ms,
		.full_handshakes_per_second = (unsigned)hub->settings->full_handshakes_per_second,
		.joins_per_second = (unsigned)hub->settings->joins_per_second,
		.audit = hub->audit,
		.on_link = on_link,
		.on_authority = on_authority,
		.on_hold = on_hold,
		.is_held = is_held,
		.on_orphan = on_orphan,
		.ctx = hub,
	};
	int code = path_in(hub, "tickets", hub->ticket_file);

	if (code)
		return err_set(err, code, "the data directory's name is too long");
	return gateway_new(&options, &hub->gateway, err);
}

static int open_graph(struct hub *hub, struct err *err)
{
	static const struct cache_watch_events events = { .on_change = on_change };
	uint64_t revision = 0;
	int code = graph_new(&gateway_graph_events, hub->gateway, &hub->graph);

	if (!code)
		code = graph_load(hub->graph, hub->cache, &revision);
	if (!code)
		code = rbac_new(&hub->rbac);
	if (!code)
		code = load_rbac(hub);
	if (!code)
		code = cache_watch_open(hub->cache, NULL, NULL, revision, &events, hub, &hub->watch);
	return code ? err_set(err, code, "reading the store: %s", strerror(-code)) : 0;
}

static int open_backups(struct hub *hub, struct err *err)
{
	const struct settings *s = hub->settings;
	struct backup_desk_options options = { .loop = hub->loop,
					       .api = hub->api,
					       .vault = hub->vault,
					       .data_dir = s->data_dir,
					       .config = s->config_file,
					       .dir = s->backup_dir,
					       .every_ms = s->backup_dir ? s->backup_every_ms : 0,
					       .keep = (size_t)s->backup_keep,
					       .passphrase_file = s->backup_passphrase_file };
	int code = backup_desk_new(&options, &hub->backups);

	return code ? err_set(err, code, "setting up backups: %s", strerror(-code)) : 0;
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

	if (audit_level_parse(hub->settings->audit_level, &options.level))
		return err_set(err, -EINVAL, "audit.level must be none, writes or all");
	if (path_in(hub, "audit/audit.log", path))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	return audit_new(&options, &hub->audit, err);
}

static bool node_works(void *ctx, const char *node, const char *key_sha256)
{
	struct hub *hub = ctx;

	return gateway_node_works(hub->gateway, node, key_sha256);
}

static int open_satokens(struct hub *hub, struct err *err)
{
	char path[PATH_MAX];

	return path_in(hub, SATOKENS_FILE, path)
		       ? err_set(err, -ENAMETOOLONG, "the data directory's name is too long")
		       : satokens_new(hub->cache, hub->vault, path, &hub->satokens, err);
}

static int open_access(struct hub *hub)
{
	struct access_options options = { .authz = hub->authz,
					  .audit = hub->audit,
					  .users = hub->users,
					  .satokens = hub->satokens,
					  .node_works = node_works,
					  .ctx = hub };

	return access_new(&options, &hub->access);
}

static int open_nodes(struct hub *hub)
{
	struct nodes_options options = {
		.api = hub->api, .gateway = hub->gateway, .on_revoked = recheck, .ctx = hub
	};

	return nodes_new(&options, &hub->nodes);
}

static int open_api(struct hub *hub, struct err *err)
{
	struct api_options options = {
		.cache = hub->cache, .mono_ms = mono_of, .wall_ms = wall_of, .clock_ctx = hub
	};
	int code = authz_new(hub->graph, hub->rbac, &hub->authz);

	if (!code)
		code = users_new(hub->cache, hub->authority, &hub->users);
	if (!code)
		code = open_access(hub);
	if (!code) {
		options.hooks = access_hooks(hub->access);
		code = api_new(&options, &hub->api);
	}
	if (!code)
		code = reviews_add(hub->api, hub->authz);
	if (!code)
		code = tokens_new(hub->api, hub->authority, &hub->tokens);
	if (!code)
		code = users_serve(hub->users, hub->api, recheck, hub);
	if (!code)
		code = satokens_serve(hub->satokens, hub->api);
	if (!code)
		code = open_nodes(hub);
	if (!code)
		code = orphans_new(hub->api, hub->gateway, &hub->orphans);
	if (!code)
		code = secrets_api_add(hub->api, &hub->secrets);
	if (!code)
		code = authorities_new(hub->loop, hub->api, hub->authority, &hub->authorities);
	if (!code)
		code = leases_new(hub->loop, hub->api, hub->gateway, &hub->leases);
	return code ? err_set(err, code, "setting up the API: %s", strerror(-code)) : 0;
}

static void hold_at_start(void *ctx, const char *node)
{
	struct hub *hub = ctx;

	runner_hold(hub->runner, node, true, loop_now_ms(hub->loop));
}

static int open_runner(struct hub *hub, struct err *err)
{
	static const struct runner_defaults roles = { rbac_default_count, rbac_default_key, rbac_default_make,
						      rbac_default_mend };
	struct runner_options options = {
		.defaults = &roles,
		.api = hub->api,
		.start_grace_ms = hub->settings->start_grace_ms,
		.link_grace_ms = hub->settings->link_grace_ms,
		.event_ttl_ms = hub->settings->event_ttl_ms,
		.component = "cloud-hub",
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

static int open_certificates(struct hub *hub, const char *const *advertise, struct err *err)
{
	char path[PATH_MAX];
	struct certificates_options options = { .loop = hub->loop,
						.authority = hub->authority,
						.gateway = hub->gateway,
						.names = advertise,
						.kubeconfig = path };
	int code = path_in(hub, "admin.kubeconfig", path);

	return code ? err_set(err, code, "the data directory's name is too long")
		    : certificates_new(&options, &hub->certificates, err);
}

/* Where kubeconfigs point to: the first advertised address, with the port that was bound. */
static int serve_certificates(struct hub *hub, const char *host, const char *address, struct err *err)
{
	char server[512];
	const char *port = strrchr(address, ':');
	int len = snprintf(server, sizeof(server), strchr(host, ':') ? "https://[%s]%s" : "https://%s%s",
			   host, port ? port : "");
	int code = len < 0 || (size_t)len >= sizeof(server) ? -ENAMETOOLONG : 0;

	if (!code)
		code = users_set_server(hub->users, server);
	return code ? err_set(err, code, "the advertised address is too long")
		    : certificates_serve(hub->certificates, hub->http, server, err);
}

static int listen_api(struct hub *hub, const char *const *advertise, struct err *err)
{
	char socket[PATH_MAX];
	struct api_http_auth auth = access_http_auth(hub->access);
	struct http_server_options tls_options = { .connections_max = API_WATCHES_MAX };
	struct http_server_options plain = { .connections_max = 64 };
	const char *address = NULL;
	int code = open_certificates(hub, advertise, err);
	int len = snprintf(socket, sizeof(socket), "unix://%s/%s", hub->settings->data_dir, OPERATE_SOCKET);

	if (code)
		return code;
	if (len < 0 || (size_t)len >= sizeof(socket))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	code = api_http_new(hub->api, hub->loop, &auth, &hub->http);
	if (code)
		return err_set(err, code, "out of memory");
	tls_options.stream.tls = certificates_tls(hub->certificates);
	code = api_http_listen(hub->http, hub->settings->api_listen, &tls_options, &address, err);
	if (code)
		return err_wrap(err, "listening for the API at %s", hub->settings->api_listen);
	code = serve_certificates(hub, advertise[0], address, err);
	if (code)
		return code;
	log_info(MODULE, "api", "address=%s", address);
	code = api_http_listen(hub->http, socket, &plain, NULL, err);
	return code ? err_wrap(err, "listening at %s", socket) : 0;
}

/* What clients are told to dial: as configured, else the host in the listening addresses, else this machine's name. */
static void advertised(const struct settings *settings, char hostname[256],
		       const char *out[ADVERTISED_MAX + 1])
{
	size_t count = 0;

	for (; count < settings->advertise.count && count < ADVERTISED_MAX; count++)
		out[count] = settings->advertise.items[count];
	if (!count) {
		if (gethostname(hostname, 255))
			snprintf(hostname, 256, "localhost");
		hostname[255] = '\0';
		out[count++] = "127.0.0.1"; /* kubectl on this machine */
		out[count++] = hostname;
	}
	out[count] = NULL;
}

static int hub_open(struct hub *hub, const char *const *advertise, struct err *err)
{
	int code = lock_data_dir(hub, err);

	if (!code)
		code = open_loop(hub, err);
	if (!code)
		code = open_vault(hub, err);
	if (!code)
		code = open_audit(hub, err);
	if (!code)
		code = open_authority(hub, err);
	if (!code)
		code = open_store(hub, err);
	if (!code)
		code = open_gateway(hub, err);
	if (!code)
		code = open_graph(hub, err);
	if (!code)
		code = open_satokens(hub, err);
	if (!code)
		code = open_api(hub, err);
	if (!code)
		code = open_backups(hub, err);
	if (!code)
		code = open_runner(hub, err);
	if (!code) {
		hub->metrics =
			(struct metrics){ hub->audit, hub->api,	    hub->gateway,   hub->runner, hub->orphans,
					  hub->holds, hub->backups, hub->authority, NULL };
		code = metrics_add(&hub->metrics);
		if (code)
			(void)err_set(err, code, "out of memory");
	}
	if (!code)
		code = listen_api(hub, advertise, err);
	if (!code)
		code = gateway_listen(hub->gateway, hub->graph, hub->api, err);
	if (!code)
		code = tell_addresses(hub, hub->settings, err);
	if (!code)
		authorities_start(hub->authorities, hub->certificates);
	hub->metrics.certificates = hub->certificates;
	return code;
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

	if (!hub->http || timer_new(hub->loop, on_grace_over, hub, &grace))
		return;
	timer_start(grace, 2 * CLOSE_GRACE_MS);
	api_http_close(hub->http, CLOSE_GRACE_MS, on_http_closed, hub);
	(void)loop_run(hub->loop);
	timer_close(grace);
}

/* In reverse; every part may be missing. */
static void hub_close(struct hub *hub)
{
	rotation_stop(hub->rotation);
	if (hub->gateway)
		gateway_stop(hub->gateway);
	backup_desk_stop(hub->backups);
	runner_free(hub->runner);
	hub->runner = NULL;
	timer_close(hub->deadline);
	timer_close(hub->care_timer);
	watchdog_close(hub->watchdog);
	authorities_free(hub->authorities);
	hub->authorities = NULL;
	certificates_free(hub->certificates);
	timer_close(hub->recheck_timer);
	signals_close(hub->signals);
	finish_answers(hub);
	nodes_detach(hub->nodes);
	gateway_free(hub->gateway);
	if (hub->watch)
		cache_watch_close(hub->watch);
	cache_close(hub->cache); /* the last completions want the API alive */
	care_free(hub->care);
	rotation_free(hub->rotation);
	leases_free(hub->leases);
	backup_desk_free(hub->backups);
	holds_free(hub->holds);
	orphans_free(hub->orphans);
	nodes_free(hub->nodes);
	tokens_free(hub->tokens);
	api_free(hub->api);
	wakeup_close(hub->wakeup); /* no writer thread is left that could use it */
	access_free(hub->access);
	users_free(hub->users);
	satokens_free(hub->satokens);
	authz_free(hub->authz);
	rbac_free(hub->rbac);
	graph_free(hub->graph);
	authority_free(hub->authority);
	audit_free(hub->audit);
	vault_free(hub->vault);
	loop_free(hub->loop);
	if (hub->lock_fd >= 0)
		close(hub->lock_fd);
}

int hub_run(const struct settings *settings, const struct hub_reload *reload, struct err *err)
{
	struct hub hub = { .settings = settings, .reload = reload, .lock_fd = -1 };
	const char *advertise[ADVERTISED_MAX + 1];
	char hostname[256];
	int code;

	advertised(settings, hostname, advertise);
	code = hub_open(&hub, advertise, err);
	if (!code) {
		wakeup_send(hub.wakeup);
		timer_start(hub.care_timer, CARE_STEP_MS);
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
