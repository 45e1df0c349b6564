/* authz_node: the rules for nodes. Private to auth/. Pure. */
#ifndef HOLDFAST_AUTH_AUTHZ_NODE_H
#define HOLDFAST_AUTH_AUTHZ_NODE_H

#include "auth/authz.h"

enum authz_opinion { AUTHZ_NO_OPINION, AUTHZ_ALLOW, AUTHZ_DENY };
struct authz_reason {
	char *text;
	size_t size;
};
/* Sets the reason; returns the opinion. */
enum authz_opinion authz_say(struct authz_reason *reason, enum authz_opinion opinion, const char *fmt, ...)
	printf_like(3, 4);
bool authz_text_in(const char *text, const char *const *list); /* NULL-ended */

/* Of resource requests by the node `name`; graph may be NULL. Always an opinion: what is not listed is denied. */
enum authz_opinion authz_node(const struct graph *graph, const char *name, const struct api_attributes *what,
			      struct authz_reason *reason);
int authz_node_admit(const struct graph *graph, const char *name, const struct api_attributes *what,
		     const struct json *object, const struct json *old, struct err *err) must_check;

#endif
