#include "edge-hub/identity.h"

#include "base/json.h"
#include "net/crypt.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIR_NAME "identity"
#define FILE_NAME "node.json"
#define FORMAT 1

void identity_init(struct identity *identity)
{
	memset(identity, 0, sizeof(*identity));
	buf_init(&identity->chain, IDENTITY_FILE_MAX);
	buf_init(&identity->key, IDENTITY_FILE_MAX);
	buf_init(&identity->authority, IDENTITY_FILE_MAX);
}

static void drop_clouds(struct identity *identity)
{
	for (size_t i = 0; identity->clouds[i]; i++) {
		free(identity->clouds[i]);
		identity->clouds[i] = NULL;
	}
}

void identity_done(struct identity *identity)
{
	if (identity->key.data)
		explicit_bzero(identity->key.data, identity->key.cap);
	buf_done(&identity->chain);
	buf_done(&identity->key);
	buf_done(&identity->authority);
	drop_clouds(identity);
	free(identity->node);
	free(identity->region);
	free(identity->runtime);
	free(identity->proxy);
	if (identity->proxy_credentials)
		explicit_bzero(identity->proxy_credentials, strlen(identity->proxy_credentials));
	free(identity->proxy_credentials);
	free(identity->no_proxy);
	identity_init(identity);
}

void identity_authority_sha256(const struct identity *identity, uint8_t out[32])
{
	crypt_sha256(buf_span(&identity->authority), out);
}

int identity_set_text(char **field, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*field);
	*field = copy;
	return 0;
}

int identity_set_clouds(struct identity *identity, const char *const *clouds, size_t count)
{
	drop_clouds(identity);
	for (size_t i = 0; i < count && i < IDENTITY_CLOUDS_MAX; i++) {
		identity->clouds[i] = strdup(clouds[i]);
		if (!identity->clouds[i])
			return -ENOMEM;
	}
	return 0;
}

static int path_of(const char *data_dir, char out[PATH_MAX], struct err *err)
{
	int len = snprintf(out, PATH_MAX, "%s/" DIR_NAME "/" FILE_NAME, data_dir);

	return len < 0 || len >= PATH_MAX
		       ? err_set(err, -ENAMETOOLONG, "the data directory's name is too long")
		       : 0;
}

static int take_pem(const struct json *tree, const char *field, struct buf *out)
{
	struct span text = json_span(json_get(tree, field));

	return text.len ? buf_add_span(out, text) : -EBADMSG;
}

static int decode(const struct json *tree, struct identity *out)
{
	const struct json *clouds = json_get(tree, "clouds");
	const char *list[IDENTITY_CLOUDS_MAX];
	size_t count = json_count(clouds);
	int code;

	if (json_path_int(tree, "format", 0) != FORMAT || !json_path_str(tree, "node", NULL) || !count)
		return -EBADMSG;
	if (count > IDENTITY_CLOUDS_MAX)
		count = IDENTITY_CLOUDS_MAX;
	for (size_t i = 0; i < count; i++) {
		list[i] = json_str(json_at(clouds, i), NULL);
		if (!list[i])
			return -EBADMSG;
	}
	code = identity_set_clouds(out, list, count);
	if (!code)
		code = identity_set_text(&out->node, json_path_str(tree, "node", ""));
	if (!code)
		code = identity_set_text(&out->region, json_path_str(tree, "region", ""));
	if (!code)
		code = identity_set_text(&out->runtime, json_path_str(tree, "runtime", ""));
	if (!code)
		code = identity_set_text(&out->proxy, json_path_str(tree, "proxy", ""));
	if (!code)
		code = identity_set_text(&out->proxy_credentials,
					 json_path_str(tree, "proxyCredentials", ""));
	if (!code)
		code = identity_set_text(&out->no_proxy, json_path_str(tree, "noProxy", ""));
	if (!code)
		code = take_pem(tree, "chain", &out->chain);
	if (!code)
		code = take_pem(tree, "key", &out->key);
	return code ? code : take_pem(tree, "authority", &out->authority);
}

static int not_joined(const char *path, struct err *err)
{
	return err_set(err, -ENOENT,
		       "this machine has not joined a cloud (%s is not there): run edge-hub join first",
		       path);
}

int identity_exists(const char *data_dir, struct err *err)
{
	char path[PATH_MAX];
	int code = path_of(data_dir, path, err);

	if (code)
		return code;
	if (access(path, F_OK) == 0)
		return 0;
	return errno == ENOENT ? not_joined(path, err)
			       : err_set(err, -errno, "reading %s: %s", path, strerror(errno));
}

int identity_load(const char *data_dir, struct vault *vault, struct identity *out, struct err *err)
{
	char path[PATH_MAX];
	struct json *tree = NULL;
	struct buf text;
	int code;

	identity_init(out);
	code = path_of(data_dir, path, err);
	if (code)
		return code;
	buf_init(&text, IDENTITY_FILE_MAX);
	code = vault_file_settle(vault, path);
	if (!code)
		code = vault_file_read(vault, path, &text);
	if (code == -ENOENT)
		code = not_joined(path, err);
	else if (code && code != -EBADMSG && code != -ENOKEY)
		code = err_set(err, code, "reading %s: %s", path, strerror(-code));
	else if (code || json_parse(buf_span(&text), &tree, err) || (code = decode(tree, out)))
		code = err_set(
			err, -EBADMSG,
			"%s is damaged, or was sealed by another vault than the one beside it: restore it, "
			"or join again with a token for this node",
			path);
	json_free(tree);
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_done(&text);
	if (code)
		identity_done(out);
	return code;
}

/* Left out when there is none, as in most installations. */
static int encode_proxy(const struct identity *identity, struct json *tree)
{
	const struct {
		const char *field, *value;
	} texts[] = { { "proxy", identity->proxy },
		      { "proxyCredentials", identity->proxy_credentials },
		      { "noProxy", identity->no_proxy } };
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value && texts[i].value[0])
			code = json_set_str(tree, texts[i].field, texts[i].value);
	return code;
}

static int encode(const struct identity *identity, struct buf *out)
{
	struct json *tree = json_new_object(), *clouds = json_new_array();
	int code = tree ? json_set_int(tree, "format", FORMAT) : -ENOMEM;

	for (size_t i = 0; !code && identity->clouds[i]; i++)
		code = clouds ? json_append(clouds, json_new_str(identity->clouds[i])) : -ENOMEM;
	if (!code)
		code = json_set_str(tree, "node", identity->node);
	if (!code)
		code = json_set_str(tree, "region", identity->region ? identity->region : "");
	if (!code)
		code = json_set_str(tree, "runtime", identity->runtime ? identity->runtime : "");
	if (!code)
		code = encode_proxy(identity, tree);
	if (!code)
		code = json_set(tree, "chain", json_new_span(buf_span(&identity->chain)));
	if (!code)
		code = json_set(tree, "authority", json_new_span(buf_span(&identity->authority)));
	if (!code)
		code = json_set(tree, "key", json_new_span(buf_span(&identity->key)));
	if (!code) {
		code = json_set(tree, "clouds", clouds);
		clouds = NULL;
	}
	if (!code)
		code = json_write(tree, out);
	json_free(clouds);
	json_free(tree);
	return code;
}

int identity_save(const char *data_dir, struct vault *vault, const struct identity *identity, struct err *err)
{
	char path[PATH_MAX];
	struct buf text;
	int code = path_of(data_dir, path, err);

	if (code)
		return code;
	buf_init(&text, IDENTITY_FILE_MAX);
	code = encode(identity, &text);
	if (!code)
		code = vault_file_write(vault, path, buf_span(&text));
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_done(&text);
	return code ? err_set(err, code, "writing %s: %s", path, strerror(-code)) : 0;
}

int identity_save_clouds(const char *data_dir, struct vault *vault, struct identity *identity,
			 const char *const *clouds, struct err *err)
{
	size_t count = 0;
	int code;

	while (clouds[count])
		count++;
	code = identity_set_clouds(identity, clouds, count);
	return code ? err_set(err, code, "out of memory") : identity_save(data_dir, vault, identity, err);
}
