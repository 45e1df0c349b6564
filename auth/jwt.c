#include "auth/jwt.h"

#include <errno.h>

#include "base/text.h"

#define ALGORITHM "ES256"

/* Exactly what text_base64url writes: another spelling of the same bytes would be another token with the same signature. */
static int decode(struct span text, struct buf *out)
{
	struct buf again;
	int code = text_unbase64(out, text);

	buf_init(&again, JWT_MAX);
	if (!code)
		code = text_base64url(&again, buf_span(out));
	if (!code && !span_eq(buf_span(&again), text))
		code = -EINVAL;
	buf_done(&again);
	return code;
}

static int decode_object(struct span text, const char *what, struct json **out, struct err *err)
{
	struct buf bytes;
	int code;

	buf_init(&bytes, JWT_MAX);
	code = decode(text, &bytes);
	if (code && code != -ENOMEM)
		code = err_set(err, -EINVAL, "token: its %s is not base64url", what);
	if (!code)
		code = json_parse(buf_span(&bytes), out, NULL);
	if (!code && !json_is(*out, JSON_OBJECT))
		code = -EINVAL;
	buf_done(&bytes);
	if (!code || code == -ENOMEM)
		return code;
	return err_set(err, -EINVAL, "token: its %s is not a JSON object", what);
}

static int read_header(const struct json *header, struct jwt *out, struct err *err)
{
	struct json_iter it = json_iter(header);

	while (json_next(&it))
		if (strcmp(it.key, "alg") != 0 && strcmp(it.key, "kid") != 0 && strcmp(it.key, "typ") != 0)
			return err_set(err, -EINVAL, "token: its header says more than is understood");
	if (strcmp(json_path_str(header, "alg", ""), ALGORITHM) != 0)
		return err_set(err, -EINVAL, "token: not signed with " ALGORITHM);
	if (json_get(header, "typ") && strcmp(json_path_str(header, "typ", ""), "JWT") != 0)
		return err_set(err, -EINVAL, "token: of another type");
	if (span_copy(json_span(json_get(header, "kid")), out->key_id, sizeof(out->key_id)) ||
	    !out->key_id[0])
		return err_set(err, -EINVAL, "token: it does not name its key");
	return 0;
}

static int read_signature(struct span text, struct jwt *out, struct err *err)
{
	struct buf bytes;
	int code;

	buf_init(&bytes, 2 * JWT_SIGNATURE_SIZE);
	code = decode(text, &bytes);
	if (!code && bytes.len != JWT_SIGNATURE_SIZE)
		code = -EINVAL;
	if (!code)
		memcpy(out->signature, bytes.data, JWT_SIGNATURE_SIZE);
	buf_done(&bytes);
	if (!code || code == -ENOMEM)
		return code;
	return err_set(err, -EINVAL, "token: its signature has the wrong size or spelling");
}

int jwt_parse(struct span text, struct jwt *out, struct err *err)
{
	struct span header_text, claims_text, signature, rest;
	struct json *header = NULL;
	int code;

	*out = (struct jwt){ .claims = NULL };
	if (text.len > JWT_MAX)
		return err_set(err, -EINVAL, "token: longer than %u bytes", JWT_MAX);
	if (!span_cut(text, '.', &header_text, &rest) || !span_cut(rest, '.', &claims_text, &signature) ||
	    memchr(signature.ptr, '.', signature.len))
		return err_set(err, -EINVAL, "token: it does not have three parts");
	out->signed_part = span_make(text.ptr, text.len - signature.len - 1);
	code = decode_object(header_text, "header", &header, err);
	if (!code)
		code = read_header(header, out, err);
	json_free(header);
	if (!code)
		code = read_signature(signature, out, err);
	return code ? code : decode_object(claims_text, "payload", &out->claims, err);
}

void jwt_done(struct jwt *jwt)
{
	json_free(jwt->claims);
	jwt->claims = NULL;
}

bool jwt_is_signed_by(const struct jwt *jwt, const struct x509_key *key)
{
	return x509_key_verify(key, jwt->signed_part, jwt->signature);
}

int jwt_key_id(const struct x509_key *key, char out[JWT_KEY_ID_SIZE])
{
	uint8_t digest[X509_SHA256_SIZE];
	struct buf text;
	int code = x509_key_digest(key, digest);

	if (code)
		return code;
	buf_init(&text, JWT_KEY_ID_SIZE);
	code = text_base64url(&text, span_make(digest, sizeof(digest)));
	if (!code)
		code = span_copy(buf_span(&text), out, JWT_KEY_ID_SIZE);
	buf_done(&text);
	return code;
}

int jwt_sign(const struct x509_key *key, const struct json *claims, struct buf *out)
{
	char key_id[JWT_KEY_ID_SIZE];
	uint8_t signature[JWT_SIGNATURE_SIZE];
	size_t start = out->len;
	struct buf text;
	int code = jwt_key_id(key, key_id);

	buf_init(&text, JWT_MAX);
	(void)buf_addf(&text, "{\"alg\":\"" ALGORITHM "\",\"kid\":\"%s\"}", key_id);
	(void)text_base64url(out, buf_span(&text));
	(void)buf_add_char(out, '.');
	buf_reset(&text);
	if (!code)
		code = json_write(claims, &text);
	(void)text_base64url(out, buf_span(&text));
	buf_done(&text);
	if (!code)
		code = buf_error(out);
	if (!code && out->len - start > JWT_MAX - 2 * JWT_SIGNATURE_SIZE)
		code = -EMSGSIZE;
	if (!code)
		code = x509_key_sign(key, span_make(out->data + start, out->len - start), signature);
	if (!code)
		code = buf_add_char(out, '.');
	return code ? code : text_base64url(out, span_make(signature, sizeof(signature)));
}

int jwt_write_jwk(const struct x509_key *key, struct buf *out)
{
	char key_id[JWT_KEY_ID_SIZE];
	uint8_t point[X509_POINT_SIZE];
	int code = jwt_key_id(key, key_id);

	if (!code)
		code = x509_key_point(key, point);
	if (code)
		return code;
	(void)buf_addf(out,
		       "{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\",\"alg\":\"" ALGORITHM
		       "\",\"x\":\"",
		       key_id);
	(void)text_base64url(out, span_make(point, X509_POINT_SIZE / 2));
	(void)buf_add_str(out, "\",\"y\":\"");
	(void)text_base64url(out, span_make(point + X509_POINT_SIZE / 2, X509_POINT_SIZE / 2));
	(void)buf_add_str(out, "\"}");
	return buf_error(out);
}
