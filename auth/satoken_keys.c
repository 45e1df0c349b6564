#include "auth/satoken_keys.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/vault.h"
#include "base/map.h"
#include "net/crypt.h"

#define FILE_MAX (SATOKEN_KEYS_MAX * X509_PEM_MAX)

struct satoken_keys {
	struct vault *vault;
	char *path;
	struct x509_key *keys[SATOKEN_KEYS_MAX]; /* the newest first */
	char ids[SATOKEN_KEYS_MAX][JWT_KEY_ID_SIZE];
	size_t count;
	struct map verified; /* digest of a token -> itself */
};

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

/* In front of the others; the oldest goes when there are too many. */
static int put_first(struct satoken_keys *keys, struct x509_key *key_take)
{
	char id[JWT_KEY_ID_SIZE];
	int code = jwt_key_id(key_take, id);

	if (code) {
		x509_key_free(key_take);
		return code;
	}
	if (keys->count == SATOKEN_KEYS_MAX)
		x509_key_free(keys->keys[--keys->count]);
	memmove(keys->keys + 1, keys->keys, keys->count * sizeof(keys->keys[0]));
	memmove(keys->ids + 1, keys->ids, keys->count * sizeof(keys->ids[0]));
	keys->keys[0] = key_take;
	memcpy(keys->ids[0], id, sizeof(id));
	keys->count++;
	return 0;
}

/* Texts of several keys one behind the other, the newest first. */
static int parse(struct satoken_keys *keys, struct span text, struct err *err)
{
	static const char end[] = "-----END EC PRIVATE KEY-----";
	struct span pieces[SATOKEN_KEYS_MAX];
	size_t count = 0;
	int code = 0;

	while (text.len && count < SATOKEN_KEYS_MAX) {
		const char *at = memmem(text.ptr, text.len, end, sizeof(end) - 1);
		size_t len = at ? (size_t)(at - text.ptr) + sizeof(end) - 1 : 0;

		if (!at)
			break;
		if (len < text.len && text.ptr[len] == '\n')
			len++;
		pieces[count++] = span_make(text.ptr, len);
		text = span_make(text.ptr + len, text.len - len);
	}
	if (!count || text.len)
		return err_set(err, -EBADMSG, "the keys of service account tokens are damaged");
	while (!code && count) {
		struct x509_key *key = NULL;

		code = x509_key_parse(pieces[--count], &key, err);
		if (!code)
			code = put_first(keys, key);
	}
	return code;
}

static int store(const struct satoken_keys *keys, struct err *err)
{
	struct buf text;
	int code = 0;

	buf_init(&text, FILE_MAX);
	for (size_t i = 0; !code && i < keys->count; i++)
		code = x509_key_write(keys->keys[i], &text);
	if (!code)
		code = vault_file_write(keys->vault, keys->path, buf_span(&text));
	wipe(&text);
	return code ? err_set(err, code, "writing %s: %s", keys->path, strerror(-code)) : 0;
}

static int load(struct satoken_keys *keys, struct err *err)
{
	struct buf text;
	int code;

	buf_init(&text, FILE_MAX);
	code = vault_file_read(keys->vault, keys->path, &text);
	if (code == -ENOENT)
		code = satoken_keys_rotate(keys, err);
	else if (code)
		(void)err_set(err, code, "reading %s: %s", keys->path, strerror(-code));
	else
		code = parse(keys, buf_span(&text), err);
	wipe(&text);
	return code;
}

int satoken_keys_open(struct vault *vault, const char *path, struct satoken_keys **out, struct err *err)
{
	struct satoken_keys *keys = calloc(1, sizeof(*keys));
	int code;

	if (!keys)
		return err_set(err, -ENOMEM, "out of memory");
	keys->vault = vault;
	keys->path = span_dup(span_of(path));
	map_init(&keys->verified, SATOKEN_VERIFIED_MAX);
	code = keys->path ? load(keys, err) : err_set(err, -ENOMEM, "out of memory");
	if (code) {
		satoken_keys_free(keys);
		return code;
	}
	*out = keys;
	return 0;
}

void satoken_keys_free(struct satoken_keys *keys)
{
	if (!keys)
		return;
	for (size_t i = 0; i < keys->count; i++)
		x509_key_free(keys->keys[i]);
	map_done(&keys->verified, NULL);
	free(keys->path);
	free(keys);
}

int satoken_keys_rotate(struct satoken_keys *keys, struct err *err)
{
	struct satoken_keys next = *keys;
	struct x509_key *key = NULL;
	int code = x509_key_new(&key);

	if (code)
		return err_set(err, code, "a key for service account tokens cannot be made");
	/* On the disk first: a token signed by a key that is then lost would be good for nobody. */
	if (next.count == SATOKEN_KEYS_MAX)
		next.count--;
	memmove(next.keys + 1, next.keys, next.count * sizeof(next.keys[0]));
	next.keys[0] = key;
	next.count++;
	code = store(&next, err);
	if (code) {
		x509_key_free(key);
		return code;
	}
	map_done(&keys->verified, NULL); /* some may have been signed by the one that goes */
	map_init(&keys->verified, SATOKEN_VERIFIED_MAX);
	code = put_first(keys, key);
	return code ? err_set(err, code, "a key for service account tokens cannot be used") : 0;
}

size_t satoken_keys_count(const struct satoken_keys *keys)
{
	return keys->count;
}

int satoken_keys_sign(const struct satoken_keys *keys, const struct json *claims, struct buf *out)
{
	return jwt_sign(keys->keys[0], claims, out);
}

/* Without memory it is computed again the next time. */
static void remember(struct satoken_keys *keys, struct span digest)
{
	if (keys->verified.count == SATOKEN_VERIFIED_MAX) { /* all anew: rare, and costs a signature each */
		map_done(&keys->verified, NULL);
		map_init(&keys->verified, SATOKEN_VERIFIED_MAX);
	}
	if (map_put(&keys->verified, digest, keys, NULL))
		return;
}

bool satoken_keys_verify(struct satoken_keys *keys, const struct jwt *jwt, struct span text)
{
	uint8_t digest[CRYPT_SHA256_SIZE] = { 0 };
	struct span name = span_make(digest, sizeof(digest));
	bool is_good = false;

	crypt_sha256(text, digest);
	if (map_get(&keys->verified, name))
		return true;
	for (size_t i = 0; !is_good && i < keys->count; i++)
		is_good = strcmp(keys->ids[i], jwt->key_id) == 0 && jwt_is_signed_by(jwt, keys->keys[i]);
	if (is_good)
		remember(keys, name);
	return is_good;
}

int satoken_keys_write_jwks(const struct satoken_keys *keys, struct buf *out)
{
	int code = buf_add_str(out, "{\"keys\":[");

	for (size_t i = 0; !code && i < keys->count; i++) {
		if (i)
			(void)buf_add_char(out, ',');
		code = jwt_write_jwk(keys->keys[i], out);
	}
	return code ? code : buf_add_str(out, "]}");
}
