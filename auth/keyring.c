#include "auth/keyring.h"

#include <errno.h>

#include "base/json.h"
#include "base/random.h"
#include "base/text.h"

#define FORMAT 1
#define BOUND_SIZE (KEYRING_ID_SIZE + 4)

static const char *const wrap_names[] = { [VAULT_FILE] = "file", [VAULT_TPM2] = "tpm2" };

void keyring_init(struct keyring *ring, enum vault_wrap wrap)
{
	memset(ring, 0, sizeof(*ring));
	ring->wrap = wrap;
	random_bytes(ring->id, sizeof(ring->id));
}

/* --- the file --- */

static int take_bytes(const struct json *object, const char *field, uint8_t *out, size_t size,
		      size_t *out_len)
{
	struct buf bytes;
	int code;

	buf_init(&bytes, size);
	code = text_unbase64(&bytes, json_span(json_get(object, field)));
	if (!code) {
		memcpy(out, bytes.data ? bytes.data : "", bytes.len);
		*out_len = bytes.len;
	}
	buf_done(&bytes);
	return code == -ENOMEM ? code : code ? -EBADMSG : 0;
}

static int take_exact(const struct json *object, const char *field, uint8_t *out, size_t size)
{
	size_t len = 0;
	int code = take_bytes(object, field, out, size, &len);

	return code ? code : len == size ? 0 : -EBADMSG;
}

static int take_number(const struct json *object, const char *field, uint32_t *out)
{
	int64_t number = json_path_int(object, field, 0);

	*out = (uint32_t)number;
	return number < 1 || number > UINT32_MAX ? -EBADMSG : 0;
}

static int take_keys(const struct json *list, struct keyring *out)
{
	uint32_t before = 0;
	int code = json_count(list) < 1 || json_count(list) > KEYRING_KEYS_MAX ? -EBADMSG : 0;

	for (size_t i = 0; !code && i < json_count(list); i++) {
		struct keyring_key *key = &out->keys[i];

		code = take_number(json_at(list, i), "number", &key->number);
		if (!code && key->number <= before)
			code = -EBADMSG;
		if (!code)
			code = take_exact(json_at(list, i), "wrapped", key->wrapped, sizeof(key->wrapped));
		before = key->number;
		out->count = i + 1;
	}
	return !code && before > out->highest ? -EBADMSG : code;
}

static int take_wrap(const struct json *tree, struct keyring *out)
{
	const char *name = json_path_str(tree, "wrap", "");
	int code = 0;

	if (!strcmp(name, wrap_names[VAULT_TPM2])) {
		out->wrap = VAULT_TPM2;
		code = take_bytes(tree, "tpm", out->tpm, sizeof(out->tpm), &out->tpm_len);
		return !code && !out->tpm_len ? -EBADMSG : code;
	}
	out->wrap = VAULT_FILE;
	return strcmp(name, wrap_names[VAULT_FILE]) != 0 ? -EBADMSG : code;
}

static int decode(const struct json *tree, struct keyring *out)
{
	int64_t format = json_path_int(tree, "format", 0);
	int code = format > FORMAT ? -EPROTO : format < FORMAT ? -EBADMSG : 0;

	if (!code)
		code = take_exact(tree, "id", out->id, sizeof(out->id));
	if (!code)
		code = take_wrap(tree, out);
	if (!code)
		code = take_number(tree, "highest", &out->highest);
	return code ? code : take_keys(json_get(tree, "keys"), out);
}

int keyring_parse(struct span text, struct keyring *out)
{
	struct json *tree = NULL;
	int code = text.len > KEYRING_FILE_MAX ? -EBADMSG : json_parse(text, &tree, NULL);

	memset(out, 0, sizeof(*out));
	if (code)
		return code == -ENOMEM ? code : -EBADMSG;
	code = decode(tree, out);
	json_free(tree);
	return code;
}

static int set_bytes(struct json *object, const char *field, const uint8_t *bytes, size_t len)
{
	struct buf text;
	int code;

	buf_init(&text, KEYRING_FILE_MAX);
	code = text_base64(&text, span_make(bytes, len));
	if (!code)
		code = json_set(object, field, json_new_span(buf_span(&text)));
	buf_done(&text);
	return code;
}

static int append_key(struct json *list, const struct keyring_key *key)
{
	struct json *entry = json_new_object();
	int code = entry ? json_set_int(entry, "number", key->number) : -ENOMEM;

	if (!code)
		code = set_bytes(entry, "wrapped", key->wrapped, sizeof(key->wrapped));
	if (!code) {
		code = json_append(list, entry);
		entry = NULL;
	}
	json_free(entry);
	return code;
}

static int encode(const struct keyring *ring, struct json *tree)
{
	struct json *list = json_new_array();
	int code = list ? json_set_int(tree, "format", FORMAT) : -ENOMEM;

	if (!code)
		code = set_bytes(tree, "id", ring->id, sizeof(ring->id));
	if (!code)
		code = json_set_str(tree, "wrap", wrap_names[ring->wrap]);
	if (!code && ring->tpm_len)
		code = set_bytes(tree, "tpm", ring->tpm, ring->tpm_len);
	if (!code)
		code = json_set_int(tree, "highest", ring->highest);
	for (size_t i = 0; !code && i < ring->count; i++)
		code = append_key(list, &ring->keys[i]);
	if (!code) {
		code = json_set(tree, "keys", list);
		list = NULL;
	}
	json_free(list);
	return code;
}

int keyring_write(const struct keyring *ring, struct buf *out)
{
	struct json *tree = json_new_object();
	int code = tree ? encode(ring, tree) : -ENOMEM;

	if (!code)
		code = json_write(tree, out);
	json_free(tree);
	return code ? code : buf_add_char(out, '\n');
}

/* --- the keys --- */

static struct span bound_of(const struct keyring *ring, uint32_t number, uint8_t out[BOUND_SIZE])
{
	memcpy(out, ring->id, KEYRING_ID_SIZE);
	for (unsigned i = 0; i < 4; i++)
		out[KEYRING_ID_SIZE + i] = (uint8_t)(number >> (24 - 8 * i));
	return span_make(out, BOUND_SIZE);
}

int keyring_wrap(struct keyring *ring, size_t index, const uint8_t wrapping[CRYPT_KEY_SIZE],
		 const uint8_t key[CRYPT_KEY_SIZE])
{
	uint8_t bound[BOUND_SIZE];
	struct buf wrapped;
	int code;

	buf_init(&wrapped, KEYRING_WRAPPED_SIZE);
	code = crypt_seal(wrapping, bound_of(ring, ring->keys[index].number, bound),
			  span_make(key, CRYPT_KEY_SIZE), &wrapped);
	if (!code)
		memcpy(ring->keys[index].wrapped, wrapped.data, KEYRING_WRAPPED_SIZE);
	buf_done(&wrapped);
	return code;
}

int keyring_add(struct keyring *ring, const uint8_t wrapping[CRYPT_KEY_SIZE], uint8_t out_key[CRYPT_KEY_SIZE])
{
	int code;

	if (ring->count == KEYRING_KEYS_MAX || ring->highest == UINT32_MAX)
		return -ENOSPC;
	random_bytes(out_key, CRYPT_KEY_SIZE);
	ring->keys[ring->count].number = ring->highest + 1;
	code = keyring_wrap(ring, ring->count, wrapping, out_key);
	if (code)
		return code;
	ring->highest++;
	ring->count++;
	return 0;
}

int keyring_open(const struct keyring *ring, size_t index, const uint8_t wrapping[CRYPT_KEY_SIZE],
		 uint8_t out_key[CRYPT_KEY_SIZE])
{
	const struct keyring_key *key = &ring->keys[index];
	uint8_t bound[BOUND_SIZE];
	struct buf plain;
	int code;

	buf_init(&plain, CRYPT_KEY_SIZE + 1);
	code = crypt_open(wrapping, bound_of(ring, key->number, bound),
			  span_make(key->wrapped, sizeof(key->wrapped)), &plain);
	if (!code)
		memcpy(out_key, plain.data, CRYPT_KEY_SIZE);
	if (plain.data)
		explicit_bzero(plain.data, plain.cap);
	buf_done(&plain);
	return code;
}

void keyring_keep_newest(struct keyring *ring)
{
	if (ring->count < 2)
		return;
	ring->keys[0] = ring->keys[ring->count - 1];
	explicit_bzero(&ring->keys[1], (KEYRING_KEYS_MAX - 1) * sizeof(ring->keys[1]));
	ring->count = 1;
}
