#include "edge-hub/cloud_side.h"

#include "base/log.h"
#include "edge-hub/egress.h"
#include "edge-hub/link/kept_session.h"
#include "edge-hub/link/session_secret.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "hub"

struct cloud_side {
	struct cloud_side_options options;
	char session_file[PATH_MAX];
	struct proxy *proxy; /* on the way; NULL: none */
	struct session_secret *secret;
	struct uplink *uplink;
	struct renewer *renewer;
};

static void on_clouds(void *ctx, const char *const *clouds)
{
	const struct cloud_side *side = ctx;
	const struct cloud_side_options *o = &side->options;
	struct err err = { 0 };

	if (identity_save_clouds(o->settings->data_dir, o->vault, o->identity, clouds, &err))
		log_warn(MODULE, "clouds-not-saved", "error=\"%s\"", err_text(&err));
}

static void on_state(void *ctx, bool up, const char *local_address)
{
	const struct cloud_side *side = ctx;

	side->options.on_state(side->options.ctx, up, local_address);
}

static void on_left(void *ctx)
{
	const struct cloud_side *side = ctx;

	side->options.on_left(side->options.ctx);
}

static void on_verdict_want(void *ctx, const char *const *names, size_t count)
{
	const struct cloud_side *side = ctx;

	side->options.on_verdict_want(side->options.ctx, names, count);
}

static void on_refused(void *ctx)
{
	struct cloud_side *side = ctx;

	if (side->renewer)
		renewer_refused(side->renewer);
}

static int on_authority(void *ctx, const Tunnel__Authority *message)
{
	struct cloud_side *side = ctx;

	return renewer_told(side->renewer, message);
}

static void on_identity(void *ctx)
{
	struct cloud_side *side = ctx;

	uplink_identity_changed(side->uplink);
}

/* A secret that is lost keeps no node away by itself: the cloud judges. */
static int open_secret(struct cloud_side *side, struct err *err)
{
	const struct cloud_side_options *o = &side->options;
	int code = session_secret_open(o->vault, o->settings->data_dir, &side->secret, err);

	if (!code && err->code)
		log_error(MODULE, "session-secret-lost", "error=\"%s\"", err_text(err));
	if (!code)
		*err = (struct err){ 0 };
	return code;
}

static int open_uplink(struct cloud_side *side, struct err *err)
{
	const struct cloud_side_options *o = &side->options;
	struct uplink_options options = {
		.loop = o->loop,
		.identity = o->identity,
		.sink = o->sink,
		.outbox = o->outbox,
		.timekeeper = o->timekeeper,
		.boot_id = o->facts->boot_id,
		.incarnation = o->incarnation,
		.machine_id = o->facts->machine_id,
		.secret = side->secret,
		.ping_interval_ms = (unsigned)o->settings->ping_interval_ms,
		.backoff_cap_ms = (unsigned)o->settings->backoff_cap_ms,
		.vault = o->vault,
		.session_file = side->session_file,
		.proxy = side->proxy,
		.on_state = on_state,
		.on_refused = on_refused,
		.on_authority = on_authority,
		.on_clouds = on_clouds,
		.on_left = on_left,
		.on_verdict_want = on_verdict_want,
		.health_identity = o->health_identity,
		.health_port = o->health_port,
		.ctx = side,
	};

	return uplink_new(&options, &side->uplink, err);
}

static int open_renewer(struct cloud_side *side, struct err *err)
{
	const struct cloud_side_options *o = &side->options;
	struct renewer_options options = { .loop = o->loop,
					   .data_dir = o->settings->data_dir,
					   .vault = o->vault,
					   .identity = o->identity,
					   .timekeeper = o->timekeeper,
					   .proxy = side->proxy,
					   .on_changed = on_identity,
					   .ctx = side };

	return renewer_new(&options, &side->renewer, err);
}

int cloud_side_new(const struct cloud_side_options *options, struct cloud_side **out, struct err *err)
{
	struct cloud_side *side = calloc(1, sizeof(*side));
	int code;

	if (!side)
		return err_set(err, -ENOMEM, "out of memory");
	side->options = *options;
	code = egress_proxy(options->settings, options->identity, &side->proxy, err);
	if (!code)
		code = settings_path(options->settings, KEPT_SESSION_FILE, side->session_file, err);
	if (!code)
		code = open_secret(side, err);
	if (!code)
		code = open_uplink(side, err);
	if (!code)
		code = open_renewer(side, err);
	if (code)
		cloud_side_free(side);
	else
		*out = side;
	return code;
}

void cloud_side_start(struct cloud_side *side)
{
	uplink_start(side->uplink);
	renewer_start(side->renewer);
}

void cloud_side_kick(struct cloud_side *side)
{
	uplink_kick(side->uplink);
}

struct uplink *cloud_side_uplink(const struct cloud_side *side)
{
	return side->uplink;
}

struct renewer *cloud_side_renewer(const struct cloud_side *side)
{
	return side->renewer;
}

void cloud_side_free(struct cloud_side *side)
{
	if (!side)
		return;
	renewer_free(side->renewer);
	side->renewer = NULL;
	uplink_free(side->uplink);
	session_secret_free(side->secret);
	proxy_unref(side->proxy);
	free(side);
}
