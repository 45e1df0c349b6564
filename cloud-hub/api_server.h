/* api_server: the API where clients reach it: over TLS under the advertised names, and at the operator's socket; with the certificate
 * that it shows and the administrator's kubeconfig, which says where it is. What is served is the api's business. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_API_SERVER_H
#define HOLDFAST_CLOUD_HUB_API_SERVER_H

#include "cloud-hub/certificates.h"
#include "cloud-hub/settings.h"
#include "cloud-hub/users.h"

struct api_server;

struct api_server_options { /* borrowed */
	const struct settings *settings;
	struct loop *loop;
	struct api *api;
	struct api_http_auth auth;
	struct authority *authority;
	struct gateway *gateway; /* is given the certificate too */
	struct users *users;	 /* are told where the API is */
};
/* Listens. */
int api_server_new(const struct api_server_options *options, struct api_server **out,
		   struct err *err) must_check;
struct certificates *api_server_certificates(const struct api_server *server);
/* Renews nothing more, ends watches, and lets answers under way finish for grace_ms; then on_closed, once. */
void api_server_close(struct api_server *server, unsigned grace_ms, void (*on_closed)(void *ctx), void *ctx);
void api_server_free(struct api_server *server); /* after the loop's last turn; NULL is fine */

#endif
