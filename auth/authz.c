#include "auth/authz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/authority.h"
#include "auth/authz_node.h"

struct authz {
	const struct graph *graph;
};

int authz_new(const struct graph *graph, struct authz **out)
{
	struct authz *authz = calloc(1, sizeof(*authz));

	if (!authz)
		return -ENOMEM;
	authz->graph = graph;
	*out = authz;
	return 0;
}

void authz_free(struct authz *authz)
{
	free(authz);
}

bool authz_text_in(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(text, *list) == 0)
			return true;
	return false;
}

enum authz_opinion authz_say(struct authz_reason *reason, enum authz_opinion opinion, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(reason->text, reason->size, fmt, args);
	va_end(args);
	return opinion;
}

/* --- the chain --- */

static enum authz_opinion superuser(const struct authz *authz, const struct api_attributes *what,
				    struct authz_reason *reason)
{
	if (!identity_in_group(what->identity, AUTHORITY_ADMIN_GROUP))
		return AUTHZ_NO_OPINION;
	return authz_say(reason, AUTHZ_ALLOW, "member of " AUTHORITY_ADMIN_GROUP);
}

/* Upstream's system:public-info-viewer, and for those who proved who they are system:discovery. */
static enum authz_opinion open_paths(const struct authz *authz, const struct api_attributes *what,
				     struct authz_reason *reason)
{
	static const char *const to_all[] = {
		"/healthz", "/livez", "/readyz", "/version", "/version/", NULL
	};
	static const char *const to_authenticated[] = { "/api",	    "/api/",	 "/apis", "/apis/",
							"/openapi", "/openapi/", NULL };
	static const char *const trees[] = { "/api/", "/apis/", "/openapi/" };

	if (what->is_resource || (strcmp(what->verb, "get") != 0 && strcmp(what->verb, "head") != 0))
		return AUTHZ_NO_OPINION;
	if (authz_text_in(what->path, to_all))
		return authz_say(reason, AUTHZ_ALLOW, "open to everyone");
	if (!identity_in_group(what->identity, "system:authenticated"))
		return AUTHZ_NO_OPINION;
	if (authz_text_in(what->path, to_authenticated))
		return authz_say(reason, AUTHZ_ALLOW, "discovery");
	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		if (span_has_prefix(span_of(what->path), span_of(trees[i])))
			return authz_say(reason, AUTHZ_ALLOW, "discovery");
	return AUTHZ_NO_OPINION;
}

/* Upstream's system:basic-user: everybody may ask about himself. */
static enum authz_opinion self_reviews(const struct authz *authz, const struct api_attributes *what,
				       struct authz_reason *reason)
{
	static const char *const reviews[] = { "selfsubjectaccessreviews", "selfsubjectrulesreviews",
					       "selfsubjectreviews", NULL };

	if (!what->is_resource || strcmp(what->verb, "create") != 0 ||
	    !authz_text_in(what->resource, reviews) ||
	    !identity_in_group(what->identity, "system:authenticated"))
		return AUTHZ_NO_OPINION;
	return authz_say(reason, AUTHZ_ALLOW, "a question about oneself");
}

static enum authz_opinion node(const struct authz *authz, const struct api_attributes *what,
			       struct authz_reason *reason)
{
	const char *name = identity_node(what->identity);

	return name && what->is_resource ? authz_node(authz->graph, name, what, reason) : AUTHZ_NO_OPINION;
}

/* Asked in order; the first opinion counts. RBAC takes its place at the end. */
static enum authz_opinion (*const chain[])(const struct authz *authz, const struct api_attributes *what,
					   struct authz_reason *reason) = { superuser, open_paths,
									    self_reviews, node };

bool authz_check(const struct authz *authz, const struct api_attributes *what, char *reason, size_t size)
{
	struct authz_reason why = { reason, size };

	if (!what->identity) {
		(void)authz_say(&why, AUTHZ_DENY, "nobody");
		return false;
	}
	for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
		enum authz_opinion opinion = chain[i](authz, what, &why);

		if (opinion != AUTHZ_NO_OPINION)
			return opinion == AUTHZ_ALLOW;
	}
	(void)authz_say(&why, AUTHZ_DENY, "%s", "");
	return false;
}

int authz_admit(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		const struct json *old, struct err *err)
{
	const char *name = what->identity ? identity_node(what->identity) : NULL;

	if (!name || identity_in_group(what->identity, AUTHORITY_ADMIN_GROUP))
		return 0;
	return authz_node_admit(name, what, object, old, err);
}
