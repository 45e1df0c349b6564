#include "edge-hub/health/node_key.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

static int make(struct vault *vault, const char *path, struct x509_key **out, struct err *err)
{
	struct buf pem;
	int code = x509_key_new(out);

	buf_init(&pem, X509_PEM_MAX);
	if (!code)
		code = x509_key_write(*out, &pem);
	if (!code)
		code = vault_file_write(vault, path, buf_span(&pem));
	wipe(&pem);
	return code ? err_set(err, code, "making the health key %s: %s", path, strerror(-code)) : 0;
}

static int load(struct vault *vault, const char *path, struct x509_key **out, struct err *err)
{
	struct buf pem;
	int code;

	buf_init(&pem, X509_PEM_MAX);
	code = vault_file_read(vault, path, &pem);
	if (code && code != -ENOENT)
		(void)err_set(err, code, "reading the health key %s: %s", path, strerror(-code));
	if (!code && x509_key_parse(buf_span(&pem), out, err))
		code = err_wrap(err, "reading the health key %s", path);
	wipe(&pem);
	return code;
}

int node_key_open(struct vault *vault, const char *data_dir, struct node_key *out, struct err *err)
{
	char path[PATH_MAX];
	struct buf spki;
	int len = snprintf(path, sizeof(path), "%s/" NODE_KEY_FILE, data_dir), code;

	*out = (struct node_key){ 0 };
	if (len < 0 || (size_t)len >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	code = load(vault, path, &out->key, err);
	if (code == -ENOENT)
		code = make(vault, path, &out->key, err);
	if (code)
		goto out;
	buf_init(&spki, NODE_KEY_SPKI_MAX);
	code = x509_key_spki(out->key, &spki);
	if (!code) {
		memcpy(out->spki, spki.data, spki.len);
		out->spki_len = spki.len;
	} else {
		(void)err_set(err, code, "the health key %s: %s", path, strerror(-code));
	}
	buf_done(&spki);
out:
	if (code)
		node_key_done(out);
	return code;
}

void node_key_done(struct node_key *key)
{
	x509_key_free(key->key);
	*key = (struct node_key){ 0 };
}
