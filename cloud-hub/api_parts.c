#include "cloud-hub/api_parts.h"

#include "base/clock.h"
#include "cloud-hub/authorities.h"
#include "cloud-hub/backup/desk.h"
#include "cloud-hub/leases.h"
#include "cloud-hub/nodes.h"
#include "cloud-hub/orphans.h"
#include "cloud-hub/reviews.h"
#include "cloud-hub/satokens.h"
#include "cloud-hub/services/services.h"
#include "cloud-hub/tokens.h"
#include "cloud-hub/users.h"

#include <errno.h>
#include <string.h>

static uint64_t mono_ms(void *ctx)
{
	return loop_now_ms(ctx);
}

static int64_t wall_ms(void *ctx)
{
	(void)ctx;
	return clock_wall_ms();
}

static bool node_works(void *ctx, const char *node, const char *key_sha256)
{
	return gateway_node_works(ctx, node, key_sha256);
}

static int open_satokens(struct api_parts *parts, const struct api_parts_options *o, struct err *err)
{
	char path[PATH_MAX];
	int code = settings_path(o->settings, SATOKENS_FILE, path, err);

	return code ? code : satokens_new(o->cache, o->vault, path, &parts->satokens, err);
}

/* What may be written is said by access; what a Service gets with it, by services. */
static int admit(void *ctx, const struct api_attributes *what, const struct kind *kind, struct json *object,
		 const struct json *old, struct status *status)
{
	struct api_parts *parts = ctx;
	struct api_hooks access = access_hooks(parts->access);
	int code = access.admit(access.ctx, what, kind, object, old, status);

	return code ? code
		    : services_admit(parts->services, loop_now_ms(parts->loop), what, kind, object, old,
				     status);
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why, size_t size)
{
	struct api_parts *parts = ctx;
	struct api_hooks access = access_hooks(parts->access);

	return access.authorize(access.ctx, what, why, size);
}

static void on_outcome(void *ctx, const struct api_outcome *outcome)
{
	struct api_parts *parts = ctx;
	struct api_hooks access = access_hooks(parts->access);

	access.outcome(access.ctx, outcome);
}

/* The API itself, and whom it asks about each request. */
static int open_api(struct api_parts *parts, const struct api_parts_options *o)
{
	struct access_options access = { .authz = o->authz,
					 .audit = o->audit,
					 .satokens = parts->satokens,
					 .node_works = node_works,
					 .ctx = o->gateway };
	struct api_options api = {
		.cache = o->cache, .mono_ms = mono_ms, .wall_ms = wall_ms, .clock_ctx = o->loop
	};
	int code = users_new(o->cache, o->authority, &parts->users);

	access.users = parts->users;
	if (!code)
		code = access_new(&access, &parts->access);
	if (code)
		return code;
	api.hooks = (struct api_hooks){
		.ctx = parts, .authorize = authorize, .admit = admit, .outcome = on_outcome
	};
	return api_new(&api, &parts->api);
}

static int add_nouns(struct api_parts *parts, const struct api_parts_options *o)
{
	struct api *api = parts->api;
	struct nodes_options nodes = {
		.api = api, .gateway = o->gateway, .on_revoked = o->on_revoked, .ctx = o->ctx
	};
	int code = reviews_add(api, o->authz);

	if (!code)
		code = tokens_new(api, o->authority, &parts->tokens);
	if (!code)
		code = users_serve(parts->users, api, o->on_revoked, o->ctx);
	if (!code)
		code = satokens_serve(parts->satokens, api);
	if (!code)
		code = nodes_new(&nodes, &parts->nodes);
	if (!code)
		code = orphans_new(api, o->gateway, &parts->orphans);
	if (!code)
		code = secrets_api_add(api, o->secrets);
	if (!code)
		code = authorities_new(o->loop, api, o->authority, &parts->authorities);
	if (!code)
		code = leases_new(o->loop, api, o->gateway, &parts->leases);
	return code;
}

static int add_backups(struct api_parts *parts, const struct api_parts_options *o, struct err *err)
{
	const struct settings *s = o->settings;
	struct backup_desk_options options = { .loop = o->loop,
					       .api = parts->api,
					       .vault = o->vault,
					       .data_dir = s->data_dir,
					       .config = s->config_file,
					       .dir = s->backup_dir,
					       .every_ms = s->backup_dir ? s->backup_every_ms : 0,
					       .keep = (size_t)s->backup_keep,
					       .passphrase_file = s->backup_passphrase_file };
	int code = backup_desk_new(&options, &parts->backups);

	return code ? err_set(err, code, "setting up backups: %s", strerror(-code)) : 0;
}

int api_parts_init(struct api_parts *parts, const struct api_parts_options *options, struct err *err)
{
	int code;

	*parts = (struct api_parts){ .loop = options->loop };
	code = services_new(options->cache, options->settings->service_range, &parts->services, err);
	if (!code)
		code = open_satokens(parts, options, err);
	if (code)
		return code;
	code = open_api(parts, options);
	if (!code)
		code = add_nouns(parts, options);
	if (code)
		return err_set(err, code, "setting up the API: %s", strerror(-code));
	return add_backups(parts, options, err);
}

void api_parts_stop(struct api_parts *parts)
{
	backup_desk_stop(parts->backups);
	authorities_free(parts->authorities);
	parts->authorities = NULL;
}

void api_parts_free(struct api_parts *parts)
{
	leases_free(parts->leases);
	backup_desk_free(parts->backups);
	orphans_free(parts->orphans);
	nodes_free(parts->nodes);
	tokens_free(parts->tokens);
	api_free(parts->api);
	access_free(parts->access);
	users_free(parts->users);
	satokens_free(parts->satokens);
	services_free(parts->services);
	*parts = (struct api_parts){ 0 };
}
