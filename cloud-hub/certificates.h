/* certificates: what the hub itself shows and hands out: its server certificate, for the API and the tunnels, and the administrator's
 * kubeconfig; renewed at half of their life while it serves. Warns, in the log and by an Event, when an authority is to end
 * within months. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_CERTIFICATES_H
#define HOLDFAST_CLOUD_HUB_CERTIFICATES_H

#include "api/http.h"
#include "auth/authority.h"
#include "cloud-hub/gateway/gateway.h"

struct certificates;

struct certificates_options {
	struct loop *loop;
	struct authority *authority;
	struct gateway *gateway;
	struct api *api;	  /* for Events */
	const char *const *names; /* advertised; NULL-ended, borrowed */
	const char *kubeconfig;	  /* path; copied */
};
/* Issues the first certificate. */
int certificates_new(const struct certificates_options *options, struct certificates **out,
		     struct err *err) must_check;
void certificates_free(struct certificates *certificates);
/* For the API's listener; as long as the module. */
struct tls_context *certificates_tls(const struct certificates *certificates);
/* The API listens, at `server` ("https://HOST:PORT"; copied): writes the kubeconfig, and keeps everything fresh from now on. */
int certificates_serve(struct certificates *certificates, struct api_http *http, const char *server,
		       struct err *err) must_check;
/* The authority has changed: shows and hands out what is right now, and tells the edges. What fails is logged and tried again. */
void certificates_changed(struct certificates *certificates);
int64_t certificates_hub_not_after(const struct certificates *certificates); /* wall ms */

#endif
