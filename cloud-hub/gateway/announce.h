/* announce: an Event that the hub itself writes, for kubectl to show. Nobody waits for it; what cannot be written is logged. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_ANNOUNCE_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_ANNOUNCE_H

#include "api/server.h"

struct announcement {		 /* all borrowed */
	const char *kind, *name; /* of what it is about */
	const char *about_ns,
		*uid;	  /* the same; NULL: something without a namespace, whose name stands for its uid */
	const char *ns;	  /* that the Event goes to: "default" or "kube-system" */
	const char *type; /* "Normal", "Warning" */
	const char *reason, *message;
};
void announce(struct api *api, const struct announcement *what);

#endif
