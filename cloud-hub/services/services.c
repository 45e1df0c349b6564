#include "cloud-hub/services/services.h"

#include "base/log.h"
#include "cloud-hub/services/prepare.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "services"
#define RESOURCE "services"
#define OWNER_MAX 512u /* namespace and name */

struct services {
	struct cache *cache;
	struct cache_watch *watch;
	struct claims *claims;
};

static int owner_of(const char *ns, const char *name, struct buf *out)
{
	return buf_addf(out, "%s/%s", ns, name);
}

/* --- following the store --- */

static int see(struct services *services, const struct object *object)
{
	struct json *tree = NULL;
	struct buf owner;
	int code = json_parse(object->body, &tree, NULL);

	buf_init(&owner, OWNER_MAX);
	if (!code)
		code = owner_of(object->key.ns, object->key.name, &owner);
	if (!code)
		code = claims_see(services->claims, buf_cstr(&owner), tree);
	buf_done(&owner);
	json_free(tree);
	if (code)
		log_error(MODULE, "not-read", "service=%s/%s error=%d", object->key.ns, object->key.name,
			  code);
	return 0;
}

static void lose(struct services *services, const struct object *object)
{
	struct buf owner;

	buf_init(&owner, OWNER_MAX);
	if (!owner_of(object->key.ns, object->key.name, &owner))
		claims_lose(services->claims, buf_cstr(&owner));
	buf_done(&owner);
}

static int on_change(void *ctx, const struct change *change)
{
	struct services *services = ctx;

	if (change->type == CHANGE_DELETED || change->type == CHANGE_LEFT)
		lose(services, change->object);
	else
		(void)see(services, change->object);
	return 0;
}

static int see_one(void *ctx, struct object *object)
{
	return see(ctx, object);
}

static void on_gone(void *ctx);

static int follow(struct services *services)
{
	static const struct cache_watch_events events = { on_change, on_gone };
	const struct cache_list list = { .resource = RESOURCE };
	uint64_t revision = 0;
	int code = cache_list(services->cache, &list, see_one, services, &revision);

	return code ? code
		    : cache_watch_open(services->cache, RESOURCE, NULL, revision, &events, services,
				       &services->watch);
}

/* The watch fell out of the log: what was missed may have freed something, which stays claimed until the next start. */
static void on_gone(void *ctx)
{
	struct services *services = ctx;
	int code;

	cache_watch_close(services->watch);
	services->watch = NULL;
	code = follow(services);
	if (code)
		log_error(MODULE, "not-followed", "error=%d", code);
}

int services_new(struct cache *cache, const char *range, struct services **out, struct err *err)
{
	struct services *services = calloc(1, sizeof(*services));
	uint64_t seed;
	int code;

	if (!services)
		return err_set(err, -ENOMEM, "out of memory");
	services->cache = cache;
	random_bytes(&seed, sizeof(seed));
	code = claims_new(range, seed, &services->claims, err);
	if (!code) {
		code = follow(services);
		if (code)
			(void)err_set(err, code, "reading the Services of the store: %s", strerror(-code));
	}
	if (code) {
		services_detach(services);
		services_free(services);
		return code;
	}
	*out = services;
	return 0;
}

void services_detach(struct services *services)
{
	if (!services)
		return;
	cache_watch_close(services->watch);
	services->watch = NULL;
}

void services_free(struct services *services)
{
	if (!services)
		return;
	claims_free(services->claims);
	free(services);
}

void services_stats(const struct services *services, struct claims_stats *out)
{
	claims_stats(services->claims, out);
}

/* --- writes --- */

/* What validation will refuse anyway claims nothing. */
static bool is_valid(const struct kind *kind, const struct json *object)
{
	struct problems *problems = problems_new();
	bool valid = false;

	if (problems) {
		kind->validate(object, NULL, problems);
		valid = !problems_count(problems);
	}
	problems_free(problems);
	return valid;
}

static int prepare(struct services *services, uint64_t now_ms, const struct kind *kind, struct json *object,
		   const struct json *old, struct status *status)
{
	const char *name = json_path_str(object, "metadata.name", "");
	struct problems *problems = problems_new();
	struct buf owner;
	int code;

	buf_init(&owner, OWNER_MAX);
	code = problems ? owner_of(json_path_str(object, "metadata.namespace", ""), name, &owner) : -ENOMEM;
	if (!code)
		code = service_prepare(services->claims, buf_cstr(&owner), now_ms, object, old, problems);
	if (code)
		code = status_of_errno(status, code);
	else if (problems_count(problems))
		code = status_invalid(status, status_about(kind, name), problems);
	buf_done(&owner);
	problems_free(problems);
	return code;
}

int services_admit(struct services *services, uint64_t now_ms, const struct api_attributes *what,
		   const struct kind *kind, struct json *object, const struct json *old,
		   struct status *status)
{
	if (!object || !kind->storage || strcmp(kind->storage, RESOURCE) != 0 || what->subresource[0])
		return 0;
	if (!old && !is_valid(kind, object))
		return 0; /* and it says why, next */
	return prepare(services, now_ms, kind, object, old, status);
}
