#include "cloud-hub/access.h"

#include "auth/impersonate.h"
#include "auth/podrefs.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/satokens.h"
#include "cloud-hub/users.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define MODULE "access"
#define ROLES_WHY_MAX (64u * 1024)

struct access {
	struct access_options options;
	const struct api_identity *admin; /* whoever can open the unix socket */
};

/* Is what the caller once proved still worth anything? */
static bool is_good(const struct access *access, const struct api_identity *identity)
{
	const char *node = identity_node(identity), *key = identity_extra(identity, IDENTITY_NODE_KEY);

	if (identity->by && !is_good(access, identity->by))
		return false;
	if (access->options.users &&
	    users_is_revoked(access->options.users, identity_extra(identity, IDENTITY_CREDENTIAL)))
		return false;
	if (access->options.satokens && !satokens_is_bound(access->options.satokens, identity))
		return false;
	/* A node's name without a key is somebody else's word (impersonation), and was judged with him. */
	return !node || !key || !access->options.node_works ||
	       access->options.node_works(access->options.ctx, node, key);
}

/* The token behind "Authorization: Bearer"; empty when there is none. */
static struct span bearer_of(const struct http_request *request)
{
	struct span value = span_trim(http_header(request, "Authorization")), scheme, token;

	if (!span_cut(value, ' ', &scheme, &token) || scheme.len != 6 ||
	    strncasecmp(scheme.ptr, "bearer", 6) != 0)
		return SPAN("");
	return span_trim(token);
}

static int prove_token(struct access *access, const struct http_request *request, struct span token,
		       const struct api_identity **out)
{
	struct err err = { 0 };
	int code = access->options.satokens ? satokens_identify(access->options.satokens, token, out, &err)
					    : -EKEYREJECTED;

	if (code)
		log_info(MODULE, "token-refused", "source=%s why=\"%s\"", request->peer_address,
			 err_text(&err));
	return code;
}

static int prove(struct access *access, const struct http_request *request, const struct api_identity **out)
{
	struct err err;
	int code;

	*out = NULL;
	if (!request->peer) {
		*out = access->admin;
		return 0;
	}
	/* Credentials that are none, or of a kind not taken here, are bad ones: their owner thinks that they count. */
	if (!request->peer->has_cert && http_header(request, "Authorization").ptr)
		return prove_token(access, request, bearer_of(request), out);
	if (!request->peer->has_cert) { /* who shows nothing gets what everybody gets */
		*out = identity_anonymous();
		return 0;
	}
	code = authn_of_peer(request->peer, clock_wall_ms(), out, &err);
	if (!code && !is_good(access, *out)) {
		identity_free(*out);
		*out = NULL;
		code = -EKEYREVOKED;
	}
	return code;
}

/* The caller goes on as whom he asked to be taken for, or gets an answer that says why not. */
static int take_for(struct access *access, const struct http_request *request,
		    const struct api_identity **who, struct status *refusal)
{
	struct impersonate_denied denied;
	struct err err = { 0 };
	int code = *who == access->admin ? identity_copy(access->admin, who) : 0;

	if (code) {
		*who = access->admin;
		return status_of_errno(refusal, code);
	}
	code = impersonate(access->options.authz, request, *who, who, &denied, &err);
	if (code == -EACCES)
		return api_denied(refusal, &denied.asked, denied.why);
	return code ? status_set(refusal, code == -ENOMEM ? STATUS_SERVICE_UNAVAILABLE : STATUS_BAD_REQUEST,
				 "%s", err_text(&err))
		    : 0;
}

static int authenticate(void *ctx, const struct http_request *request, const struct api_identity **out,
			struct status *refusal)
{
	struct access *access = ctx;
	int code = prove(access, request, out);

	if (!code && *out && impersonate_is_asked(request))
		(void)take_for(access, request, out, refusal);
	return code;
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

	return authz_check(access->options.authz, what, why_not, size);
}

/* A pod without a service account runs as its namespace's default one (upstream's ServiceAccount admission); mirrors of static pods
 * have none. */
static int admit_pod(struct json *pod)
{
	struct json *spec = json_get(pod, "spec");

	if (!json_is(spec, JSON_OBJECT) || json_get(spec, "serviceAccountName") || podrefs_is_mirror(pod))
		return 0;
	if (json_set_str(spec, "serviceAccountName", "default"))
		return -ENOMEM;
	return json_set_str(spec, "serviceAccount",
			    "default"); /* its old name, which defaulting keeps equal */
}

/* Nobody grants what he does not hold. */
static int admit_roles(const struct access *access, const struct api_attributes *what,
		       const struct kind *kind, const struct json *object, const struct json *old,
		       struct status *status)
{
	const char *name = json_path_str(object, "metadata.name", what->name);
	struct buf why;
	int code;

	buf_init(&why, ROLES_WHY_MAX);
	code = authz_admit_roles(access->options.authz, what, object, old, &why);
	if (code == -EACCES)
		code = status_forbidden(status, status_about(kind, name), "%s", buf_cstr(&why));
	else if (code == -ENOENT)
		code = status_set(status, STATUS_NOT_FOUND, "%s", buf_cstr(&why));
	else if (code)
		code = status_of_errno(status, code);
	buf_done(&why);
	return code;
}

static int admit(void *ctx, const struct api_attributes *what, const struct kind *kind, struct json *object,
		 const struct json *old, struct status *status)
{
	struct access *access = ctx;
	struct err err = { 0 };
	int code = what->internal ? 0 : admit_roles(access, what, kind, object, old, status);

	if (code)
		return code;
	if (!what->internal && authz_admit(access->options.authz, what, object, old, &err))
		return status_forbidden(status, status_about(kind, what->name), "%s", err_text(&err));
	if (object && !old && what->subresource[0] == '\0' && strcmp(kind->storage, "pods") == 0 &&
	    admit_pod(object))
		return status_of_errno(status, -ENOMEM);
	return 0;
}

static void on_outcome(void *ctx, const struct api_outcome *outcome)
{
	struct access *access = ctx;

	audit_outcome(access->options.audit, outcome);
}

int access_new(const struct access_options *options, struct access **out)
{
	static const char *const groups[] = { AUTHORITY_ADMIN_GROUP, NULL };
	struct access *access = calloc(1, sizeof(*access));
	int code;

	if (!access)
		return -ENOMEM;
	access->options = *options;
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
	return (struct api_hooks){
		.ctx = access, .authorize = authorize, .admit = admit, .outcome = on_outcome
	};
}

static bool may_go_on(void *ctx, const struct api_attributes *what)
{
	struct access *access = ctx;
	char reason[AUTHZ_REASON_SIZE] = "";

	return is_good(access, what->identity) && authorize(access, what, reason, sizeof(reason));
}

void access_recheck(struct access *access, struct api *api)
{
	api_end_watches_unless(api, may_go_on, access);
}
