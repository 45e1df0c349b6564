/* The verbs "user ...": the key of a certificate is made here, in the operator's process, and goes nowhere but to stdout. */
#include "auth/authority.h"
#include "base/units.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"
#include "cloud-hub/users.h"

#include <errno.h>
#include <stdio.h>

#define BODY_MAX (64u * 1024)
#define KUBECONFIG_MAX (256u * 1024)

struct creation {
	const struct options *options;
	struct x509_key *key;
};

static int complain(const char *what)
{
	fprintf(stderr, "cloud-hub: %s\n", what);
	return OPTIONS_EXIT_FAILED;
}

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

static int show_kubeconfig(const struct json *answer, void *ctx)
{
	const struct creation *creation = ctx;
	const char *server = options_get(creation->options, "server");
	struct kubeconfig config = { .cluster = "holdfast",
				     .user = json_path_str(answer, "name", ""),
				     .server = server ? server : json_path_str(answer, "server", ""),
				     .ca_pem = json_span(json_get(answer, "authority")),
				     .cert_pem = json_span(json_get(answer, "certificate")) };
	struct buf key, text;
	int exit_code = OPTIONS_EXIT_OK;

	buf_init(&key, X509_PEM_MAX);
	buf_init(&text, KUBECONFIG_MAX);
	if (x509_key_write(creation->key, &key))
		exit_code = complain("the key cannot be written");
	config.key_pem = buf_span(&key);
	if (!exit_code && kubeconfig_write(&config, &text))
		exit_code = complain("the kubeconfig cannot be written");
	if (!exit_code && (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout)))
		exit_code = complain("writing to stdout failed");
	if (!exit_code)
		fprintf(stderr, "cloud-hub: %s is good until %s\n", config.user,
			json_path_str(answer, "expires", ""));
	wipe(&key);
	wipe(&text);
	return exit_code;
}

static int user_request(const struct options *options, const struct x509_key *key, struct json *body)
{
	struct json *groups = json_new_array();
	const char *group;
	uint64_t ttl_ms = 0;
	struct buf csr;
	int code = json_set(body, "groups", groups);

	for (size_t i = 0; !code && (group = options_nth(options, "group", i)); i++)
		code = json_append(groups, json_new_str(group));
	if (!code && (units_duration_ms(span_of(options_get(options, "ttl")), &ttl_ms) || ttl_ms < 1000)) {
		fprintf(stderr, "cloud-hub: --ttl wants a duration such as 12h or 90d\n");
		return -EINVAL;
	}
	buf_init(&csr, X509_PEM_MAX);
	if (!code)
		code = x509_csr_write(key, "user", &csr);
	if (!code)
		code = json_set(body, "csr", json_new_span(buf_span(&csr)));
	buf_done(&csr);
	if (!code)
		code = json_set_str(body, "name", options_argument(options, 0));
	if (!code)
		code = json_set_int(body, "ttlSeconds", (int64_t)(ttl_ms / 1000));
	return code ? code
		    : json_set_bool(body, "allowSystemGroups", options_given(options, "allow-system-groups"));
}

int operate_user_create(const struct options *options, void *ctx)
{
	struct creation creation = { .options = options };
	const char *server = options_get(options, "server");
	struct json *body = json_new_object();
	struct buf text;
	int exit_code, code = body ? x509_key_new(&creation.key) : -ENOMEM;

	(void)ctx;
	buf_init(&text, BODY_MAX);
	if (!code && server && !span_has_prefix(span_of(server), SPAN("https://"))) {
		fprintf(stderr, "cloud-hub: --server wants a URL that begins with https://\n");
		code = -EINVAL;
	}
	if (!code)
		code = user_request(options, creation.key, body);
	if (code == -EINVAL)
		exit_code = OPTIONS_EXIT_USAGE;
	else if (code || json_write(body, &text))
		exit_code = complain("the request cannot be made");
	else
		exit_code =
			operate_ask(options, "POST", USERS_PATH, buf_span(&text), show_kubeconfig, &creation);
	buf_done(&text);
	x509_key_free(creation.key);
	json_free(body);
	return exit_code;
}

static int show_users(const struct json *answer, void *ctx)
{
	const struct json *items = json_get(answer, "items");

	(void)ctx;
	printf("%-24s %-22s %-22s %-14s %s\n", "NAME", "EXPIRES", "REVOKED", "CERTIFICATE", "GROUPS");
	for (size_t i = 0; i < json_count(items); i++) {
		const struct json *item = json_at(items, i), *groups = json_get(item, "groups");
		const char *revoked = json_path_str(item, "revoked", "");

		printf("%-24s %-22s %-22s %-14.12s ", json_path_str(item, "name", ""),
		       json_path_str(item, "expires", ""), revoked[0] ? revoked : "-",
		       json_path_str(item, "certSha256", ""));
		for (size_t g = 0; g < json_count(groups); g++)
			printf("%s%s", g ? "," : "", json_str(json_at(groups, g), ""));
		printf("\n");
	}
	return OPTIONS_EXIT_OK;
}

int operate_user_list(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "GET", USERS_PATH, SPAN(""), show_users, NULL);
}

static int show_revoked(const struct json *answer, void *ctx)
{
	(void)ctx;
	printf("%lld certificate(s) revoked\n", (long long)json_path_int(answer, "revoked", 0));
	return OPTIONS_EXIT_OK;
}

int operate_user_revoke(const struct options *options, void *ctx)
{
	char target[256];
	int len = snprintf(target, sizeof(target), USERS_PATH "/%s", options_argument(options, 0));

	(void)ctx;
	if (len < 0 || (size_t)len >= sizeof(target) || strpbrk(options_argument(options, 0), " /?#%\r\n")) {
		fprintf(stderr, "cloud-hub: that is no user name\n");
		return OPTIONS_EXIT_USAGE;
	}
	return operate_ask(options, "DELETE", target, SPAN(""), show_revoked, NULL);
}
