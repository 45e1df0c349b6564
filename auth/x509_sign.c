/* x509_sign: bare signatures: proof that somebody holds a key, outside of certificates. */
#include "auth/x509_mbed.h"

#include <errno.h>

int x509_key_spki(const struct x509_key *key, struct buf *out_der)
{
	uint8_t spki[X509_SPKI_MAX];
	int len = x509_pk_spki(&key->pk, spki);

	return len < 0 ? len : buf_add(out_der, spki + sizeof(spki) - len, (size_t)len);
}

int x509_sign(const struct x509_key *key, struct span bytes, struct buf *out_signature)
{
	uint8_t signature[MBEDTLS_PK_SIGNATURE_MAX_SIZE];
	size_t len = 0;
	int code = key->has_private ? x509_pk_sign(&key->pk, bytes.ptr, bytes.len, signature, &len) : -EINVAL;

	return code ? code : buf_add(out_signature, signature, len);
}

int x509_check_signature(struct span spki_der, struct span bytes, struct span signature,
			 uint8_t out_key_sha256[X509_SHA256_SIZE])
{
	uint8_t hash[X509_SHA256_SIZE];
	mbedtls_pk_context pk;
	int code;

	if (!spki_der.len || spki_der.len > X509_SPKI_MAX)
		return -EINVAL;
	mbedtls_pk_init(&pk);
	code = mbedtls_pk_parse_public_key(&pk, (const unsigned char *)spki_der.ptr, spki_der.len);
	if (code)
		code = x509_fail(NULL, -EINVAL, code, "public key");
	else if (!x509_pk_is_p256(&pk))
		code = -EINVAL;
	x509_sha256(bytes.ptr, bytes.len, hash);
	if (!code && mbedtls_pk_verify(&pk, MBEDTLS_MD_SHA256, hash, sizeof(hash),
				       (const unsigned char *)signature.ptr, signature.len))
		code = -EKEYREJECTED;
	mbedtls_pk_free(&pk);
	if (!code) /* of the bytes as they are registered, however they were written here */
		x509_sha256(spki_der.ptr, spki_der.len, out_key_sha256);
	return code;
}
