#include "cloud-hub/api_server.h"

#include "base/log.h"
#include "cloud-hub/operate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MODULE "hub"
#define ADVERTISED_MAX 16u
#define OPERATORS_MAX 64u /* connections at the socket */

struct api_server {
	struct api_server_options options;
	struct certificates *certificates;
	struct api_http *http;
	const char *names[ADVERTISED_MAX + 1];
	char hostname[256];
};

/* What clients are told to dial: as configured, else this machine's addresses for itself. */
static void advertise(struct api_server *server)
{
	const struct config_list *configured = &server->options.settings->advertise;
	size_t count = 0;

	for (; count < configured->count && count < ADVERTISED_MAX; count++)
		server->names[count] = configured->items[count];
	if (!count) {
		if (gethostname(server->hostname, sizeof(server->hostname) - 1))
			(void)snprintf(server->hostname, sizeof(server->hostname), "localhost");
		server->names[count++] = "127.0.0.1"; /* kubectl on this machine */
		server->names[count++] = server->hostname;
	}
	server->names[count] = NULL;
}

static int open_certificates(struct api_server *server, struct err *err)
{
	char path[PATH_MAX];
	struct certificates_options options = { .loop = server->options.loop,
						.authority = server->options.authority,
						.gateway = server->options.gateway,
						.api = server->options.api,
						.names = server->names,
						.kubeconfig = path };
	int code = settings_path(server->options.settings, "admin.kubeconfig", path, err);

	return code ? code : certificates_new(&options, &server->certificates, err);
}

/* Where kubeconfigs point to: the first advertised address, with the port that was bound. */
static int serve_certificates(struct api_server *server, const char *address, struct err *err)
{
	char url[512];
	const char *host = server->names[0];
	const char *port = strrchr(address, ':');
	int len = snprintf(url, sizeof(url), strchr(host, ':') ? "https://[%s]%s" : "https://%s%s", host,
			   port ? port : "");
	int code = len < 0 || (size_t)len >= sizeof(url) ? -ENAMETOOLONG : 0;

	if (!code)
		code = users_set_server(server->options.users, url);
	return code ? err_set(err, code, "the advertised address is too long")
		    : certificates_serve(server->certificates, server->http, url, err);
}

static int listen_tls(struct api_server *server, struct err *err)
{
	const char *listen = server->options.settings->api_listen, *address = NULL;
	struct http_server_options options = { .connections_max = API_WATCHES_MAX };
	int code;

	options.stream.tls = certificates_tls(server->certificates);
	code = api_http_listen(server->http, listen, &options, &address, err);
	if (code)
		return err_wrap(err, "listening for the API at %s", listen);
	code = serve_certificates(server, address, err);
	if (!code)
		log_info(MODULE, "api", "address=%s", address);
	return code;
}

static int listen_operators(struct api_server *server, struct err *err)
{
	char path[PATH_MAX], socket[PATH_MAX + 8];
	struct http_server_options options = { .connections_max = OPERATORS_MAX };
	int code = settings_path(server->options.settings, OPERATE_SOCKET, path, err);

	if (code)
		return code;
	(void)snprintf(socket, sizeof(socket), "unix://%s", path);
	code = api_http_listen(server->http, socket, &options, NULL, err);
	return code ? err_wrap(err, "listening at %s", socket) : 0;
}

int api_server_new(const struct api_server_options *options, struct api_server **out, struct err *err)
{
	struct api_server *server = calloc(1, sizeof(*server));
	int code;

	if (!server)
		return err_set(err, -ENOMEM, "out of memory");
	server->options = *options;
	advertise(server);
	*out = server; /* even when it fails: what listens must be closed */
	code = open_certificates(server, err);
	if (code)
		return code;
	code = api_http_new(options->api, options->loop, &options->auth, &server->http);
	if (code)
		return err_set(err, code, "out of memory");
	code = listen_tls(server, err);
	return code ? code : listen_operators(server, err);
}

struct certificates *api_server_certificates(const struct api_server *server)
{
	return server->certificates;
}

void api_server_close(struct api_server *server, unsigned grace_ms, void (*on_closed)(void *ctx), void *ctx)
{
	certificates_free(server->certificates);
	server->certificates = NULL;
	api_http_close(server->http, grace_ms, on_closed, ctx);
	server->http = NULL;
}

void api_server_free(struct api_server *server)
{
	if (!server)
		return;
	certificates_free(server->certificates);
	free(server);
}
