#include "auth/authz.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/authority.h"
#include "auth/authz_node.h"
#include "auth/rbac_admit.h"

struct authz {
	const struct graph *graph;
	const struct rbac *rbac;
};

int authz_new(const struct graph *graph, const struct rbac *rbac, struct authz **out)
{
	struct authz *authz = calloc(1, sizeof(*authz));

	if (!authz)
		return -ENOMEM;
	authz->graph = graph;
	authz->rbac = rbac;
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

static enum authz_opinion node(const struct authz *authz, const struct api_attributes *what,
			       struct authz_reason *reason)
{
	const char *name = identity_node(what->identity);

	return name && what->is_resource ? authz_node(authz->graph, name, what, reason) : AUTHZ_NO_OPINION;
}

static enum authz_opinion roles(const struct authz *authz, const struct api_attributes *what,
				struct authz_reason *reason)
{
	if (!authz->rbac)
		return AUTHZ_NO_OPINION;
	return rbac_allows(authz->rbac, what, reason->text, reason->size) ? AUTHZ_ALLOW : AUTHZ_DENY;
}

/* Asked in order; the first opinion counts. */
static enum authz_opinion (*const chain[])(const struct authz *authz, const struct api_attributes *what,
					   struct authz_reason *reason) = { superuser, node, roles };

static enum authz_opinion ask_chain(const struct authz *authz, const struct api_attributes *what,
				    struct authz_reason *why)
{
	if (!what->identity)
		return authz_say(why, AUTHZ_DENY, "nobody");
	for (size_t i = 0; i < sizeof(chain) / sizeof(chain[0]); i++) {
		enum authz_opinion opinion = chain[i](authz, what, why);

		if (opinion != AUTHZ_NO_OPINION)
			return opinion;
	}
	return authz_say(why, AUTHZ_DENY, "%s", "");
}

/* Names of roles and users may be long and of any alphabet: what was cut must stay UTF-8. */
static void trim(char *text)
{
	size_t len = strlen(text);

	while (len && !span_is_utf8(span_make(text, len)))
		text[--len] = '\0';
}

bool authz_check(const struct authz *authz, const struct api_attributes *what, char *reason, size_t size)
{
	struct authz_reason why = { reason, size };
	enum authz_opinion opinion = ask_chain(authz, what, &why);

	trim(reason);
	return opinion == AUTHZ_ALLOW;
}

int authz_rules_held(const struct authz *authz, const struct api_identity *who, const char *ns,
		     rbac_each_fn *each, void *ctx, bool *out_complete)
{
	int code = 0;

	*out_complete = !identity_node(who);
	if (identity_in_group(who, AUTHORITY_ADMIN_GROUP))
		for (size_t i = 0; !code && i < sizeof(rbac_everything) / sizeof(rbac_everything[0]); i++)
			code = each(ctx, &rbac_everything[i]);
	return code || !authz->rbac ? code : rbac_rules_held(authz->rbac, who, ns, each, ctx);
}

int authz_admit(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		const struct json *old, struct err *err)
{
	const char *name = what->identity ? identity_node(what->identity) : NULL;

	if (!name || identity_in_group(what->identity, AUTHORITY_ADMIN_GROUP))
		return 0;
	return authz_node_admit(authz->graph, name, what, object, old, err);
}

int authz_admit_roles(const struct authz *authz, const struct api_attributes *what, const struct json *object,
		      const struct json *old, struct buf *out_why)
{
	if (!authz->rbac || !what->identity || identity_in_group(what->identity, AUTHORITY_ADMIN_GROUP))
		return 0;
	return rbac_admit(authz->rbac, authz, what, object, old, out_why);
}
