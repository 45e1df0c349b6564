#include "auth/authority.h"

#include <errno.h>

#include "auth/pkidir.h"
#include "base/text.h"

/* Strings go in as JSON strings, which YAML takes as they are, so that no name can break out of its line. */
static void add_field(struct buf *out, const char *indent, const char *key, const char *value)
{
	(void)buf_addf(out, "%s%s: ", indent, key);
	(void)buf_add_json_str(out, span_of(value));
	(void)buf_add_char(out, '\n');
}

static void add_data(struct buf *out, const char *key, struct span pem)
{
	(void)buf_addf(out, "    %s: ", key);
	(void)text_base64(out, pem);
	(void)buf_add_char(out, '\n');
}

int kubeconfig_write(const struct kubeconfig *config, struct buf *out)
{
	(void)buf_add_str(out, "apiVersion: v1\nkind: Config\nclusters:\n- cluster:\n");
	add_data(out, "certificate-authority-data", config->ca_pem);
	add_field(out, "    ", "server", config->server);
	add_field(out, "  ", "name", config->cluster);
	(void)buf_add_str(out, "contexts:\n- context:\n");
	add_field(out, "    ", "cluster", config->cluster);
	add_field(out, "    ", "user", config->user);
	add_field(out, "  ", "name", config->cluster);
	add_field(out, "", "current-context", config->cluster);
	(void)buf_add_str(out, "preferences: {}\nusers:\n- name: ");
	(void)buf_add_json_str(out, span_of(config->user));
	(void)buf_add_str(out, "\n  user:\n");
	add_data(out, "client-certificate-data", config->cert_pem);
	add_data(out, "client-key-data", config->key_pem);
	return buf_error(out);
}

/* The rest of the line behind `key` in text written by kubeconfig_write; empty when there is none. */
static struct span find_value(struct span text, struct span key)
{
	struct span line;

	while (text.len) {
		(void)span_cut(text, '\n', &line, &text);
		line = span_trim(line);
		if (span_has_prefix(line, key))
			return span_trim(span_make(line.ptr + key.len, line.len - key.len));
	}
	return SPAN("");
}

static bool data_is(struct span text, struct span key, struct span expected_pem)
{
	struct buf expected;
	bool same;

	buf_init(&expected, PKIDIR_FILE_MAX);
	same = !text_base64(&expected, expected_pem) && span_eq(find_value(text, key), buf_span(&expected));
	buf_done(&expected);
	return same;
}

static bool server_is(struct span text, const char *server)
{
	struct buf expected;
	bool same;

	buf_init(&expected, PKIDIR_FILE_MAX);
	same = !buf_add_json_str(&expected, span_of(server)) &&
	       span_eq(find_value(text, SPAN("server:")), buf_span(&expected));
	buf_done(&expected);
	return same;
}

static bool cert_is_fresh(const struct authority *a, struct span text, int64_t now_wall_ms)
{
	struct x509_facts facts;
	struct buf pem;
	bool fresh;

	buf_init(&pem, PKIDIR_FILE_MAX);
	fresh = !text_unbase64(&pem, find_value(text, SPAN("client-certificate-data:"))) &&
		!x509_read(buf_span(&pem), &facts, NULL) &&
		authority_generation_of(a, AUTHORITY_CLIENTS, facts.issuer) == authority_current_number(a) &&
		now_wall_ms >= facts.not_before_wall_ms && /* else made by a clock that was ahead */
		now_wall_ms < authority_renew_at(facts.not_before_wall_ms, facts.not_after_wall_ms);
	buf_done(&pem);
	return fresh;
}

static bool is_current(const struct authority *a, const char *path, const char *server, int64_t now_wall_ms)
{
	struct buf text;
	bool current;

	buf_init(&text, PKIDIR_FILE_MAX);
	current = !pkidir_read_file(path, &text) &&
		  data_is(buf_span(&text), SPAN("certificate-authority-data:"), authority_bundle_pem(a)) &&
		  server_is(buf_span(&text), server) && cert_is_fresh(a, buf_span(&text), now_wall_ms);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_done(&text);
	return current;
}

int authority_admin_kubeconfig(struct authority *a, const char *path, const char *server, int64_t now_wall_ms,
			       bool *out_written, struct err *err)
{
	static const char *const groups[] = { AUTHORITY_ADMIN_GROUP, NULL };
	struct buf chain, key, text;
	int rc;

	if (out_written)
		*out_written = false;
	if (is_current(a, path, server, now_wall_ms))
		return 0;
	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&key, X509_PEM_MAX);
	buf_init(&text, PKIDIR_FILE_MAX);
	rc = authority_issue_client(a, AUTHORITY_ADMIN_USER, groups, now_wall_ms, &chain, &key, err);
	if (!rc) {
		struct kubeconfig config = { "holdfast",       AUTHORITY_ADMIN_USER,
					     server,	       authority_bundle_pem(a),
					     buf_span(&chain), buf_span(&key) };

		rc = kubeconfig_write(&config, &text);
		rc = rc ? err_set(err, rc, "cannot write a kubeconfig")
			: pkidir_replace(path, buf_span(&text), err);
	}
	if (!rc && out_written)
		*out_written = true;
	if (key.data)
		explicit_bzero(key.data, key.cap);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_done(&chain);
	buf_done(&key);
	buf_done(&text);
	return rc;
}
