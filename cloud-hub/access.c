#include "cloud-hub/access.h"

#include "base/clock.h"

#include <errno.h>
#include <stdlib.h>

struct access {
	const struct authz *authz;
	const struct api_identity *admin; /* whoever can open the unix socket */
};

static int authenticate(void *ctx, const struct http_request *request, const struct api_identity **out)
{
	struct access *access = ctx;
	struct err err;

	*out = NULL;
	if (!request->peer) {
		*out = access->admin;
		return 0;
	}
	if (!request->peer->has_cert)
		return 0;
	return authn_of_peer(request->peer, clock_wall_ms(), out, &err);
}

static void release(void *ctx, const struct api_identity *identity)
{
	struct access *access = ctx;

	if (identity != access->admin)
		identity_free(identity);
}

static bool authorize(void *ctx, const struct api_attributes *what, char *why_not, size_t size)
{
	struct access *access = ctx;

	return authz_check(access->authz, what, why_not, size);
}

/* A pod without a service account runs as its namespace's default one (upstream's ServiceAccount admission). */
static int admit_pod(struct json *pod)
{
	struct json *spec = json_get(pod, "spec");

	if (!json_is(spec, JSON_OBJECT) || json_get(spec, "serviceAccountName"))
		return 0;
	if (json_set_str(spec, "serviceAccountName", "default"))
		return -ENOMEM;
	return json_set_str(spec, "serviceAccount",
			    "default"); /* its old name, which defaulting keeps equal */
}

static int admit(void *ctx, const struct api_attributes *what, const struct kind *kind, struct json *object,
		 const struct json *old, struct status *status)
{
	struct access *access = ctx;
	struct err err = { 0 };

	if (!what->internal && authz_admit(access->authz, what, object, old, &err))
		return status_forbidden(status, status_about(kind, what->name), "%s", err_text(&err));
	if (object && !old && what->subresource[0] == '\0' && strcmp(kind->storage, "pods") == 0 &&
	    admit_pod(object))
		return status_of_errno(status, -ENOMEM);
	return 0;
}

int access_new(const struct authz *authz, struct access **out)
{
	static const char *const groups[] = { AUTHORITY_ADMIN_GROUP, NULL };
	struct access *access = calloc(1, sizeof(*access));
	int code;

	if (!access)
		return -ENOMEM;
	access->authz = authz;
	code = identity_new(AUTHORITY_ADMIN_USER, groups, &access->admin);
	if (code) {
		free(access);
		return code;
	}
	*out = access;
	return 0;
}

void access_free(struct access *access)
{
	if (!access)
		return;
	identity_free(access->admin);
	free(access);
}

struct api_http_auth access_http_auth(struct access *access)
{
	return (struct api_http_auth){ .authenticate = authenticate, .release = release, .ctx = access };
}

struct api_hooks access_hooks(struct access *access)
{
	return (struct api_hooks){ .ctx = access, .authorize = authorize, .admit = admit };
}
