#include "net/crypt.h"

#include <errno.h>
#include <stdlib.h>

#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/pkcs5.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#include "base/random.h"

#define NONCE_SIZE 12u
#define TAG_SIZE 16u

void crypt_sha256(struct span bytes, uint8_t out[CRYPT_SHA256_SIZE])
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	int rc = mbedtls_sha256((const uint8_t *)bytes.ptr, bytes.len, out, 0);
#else
	int rc = mbedtls_sha256_ret((const uint8_t *)bytes.ptr, bytes.len, out, 0);
#endif

	assert_always(rc == 0); /* the software implementation cannot fail */
}

struct crypt_digest {
	mbedtls_sha256_context sha;
};

/* As above: the software implementation cannot fail. */
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define SHA256_STARTS(sha) mbedtls_sha256_starts(sha, 0)
#define SHA256_UPDATE(sha, data, len) mbedtls_sha256_update(sha, data, len)
#define SHA256_FINISH(sha, out) mbedtls_sha256_finish(sha, out)
#else
#define SHA256_STARTS(sha) mbedtls_sha256_starts_ret(sha, 0)
#define SHA256_UPDATE(sha, data, len) mbedtls_sha256_update_ret(sha, data, len)
#define SHA256_FINISH(sha, out) mbedtls_sha256_finish_ret(sha, out)
#endif

int crypt_digest_new(struct crypt_digest **out)
{
	struct crypt_digest *digest = calloc(1, sizeof(*digest));

	if (!digest)
		return -ENOMEM;
	mbedtls_sha256_init(&digest->sha);
	assert_always(SHA256_STARTS(&digest->sha) == 0);
	*out = digest;
	return 0;
}

void crypt_digest_add(struct crypt_digest *digest, struct span bytes)
{
	assert_always(SHA256_UPDATE(&digest->sha, (const uint8_t *)bytes.ptr, bytes.len) == 0);
}

void crypt_digest_peek(const struct crypt_digest *digest, uint8_t out[CRYPT_SHA256_SIZE])
{
	mbedtls_sha256_context copy;

	mbedtls_sha256_init(&copy);
	mbedtls_sha256_clone(&copy, &digest->sha);
	assert_always(SHA256_FINISH(&copy, out) == 0);
	mbedtls_sha256_free(&copy);
}

void crypt_digest_free(struct crypt_digest *digest)
{
	if (!digest)
		return;
	mbedtls_sha256_free(&digest->sha);
	free(digest);
}

int crypt_stretch(struct span passphrase, struct span salt, uint32_t iterations, uint8_t out[CRYPT_KEY_SIZE])
{
#if MBEDTLS_VERSION_NUMBER >= 0x03030000
	return mbedtls_pkcs5_pbkdf2_hmac_ext(MBEDTLS_MD_SHA512, (const uint8_t *)passphrase.ptr,
					     passphrase.len, (const uint8_t *)salt.ptr, salt.len, iterations,
					     CRYPT_KEY_SIZE, out)
		       ? -ENOMEM
		       : 0;
#else
	mbedtls_md_context_t md;
	int rc;

	mbedtls_md_init(&md);
	rc = mbedtls_md_setup(&md, mbedtls_md_info_from_type(MBEDTLS_MD_SHA512), 1);
	if (!rc)
		rc = mbedtls_pkcs5_pbkdf2_hmac(&md, (const uint8_t *)passphrase.ptr, passphrase.len,
					       (const uint8_t *)salt.ptr, salt.len, iterations,
					       CRYPT_KEY_SIZE, out);
	mbedtls_md_free(&md);
	return rc ? -ENOMEM : 0;
#endif
}

int crypt_hmac_sha256(struct span key, struct span bytes, uint8_t out[CRYPT_SHA256_SIZE])
{
	const mbedtls_md_info_t *md = mbedtls_md_info_from_type(MBEDTLS_MD_SHA256);

	return mbedtls_md_hmac(md, (const uint8_t *)key.ptr, key.len, (const uint8_t *)bytes.ptr, bytes.len,
			       out)
		       ? -ENOMEM
		       : 0;
}

bool crypt_equal(struct span a, struct span b)
{
	volatile unsigned char differ = 0;

	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		differ |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
	return differ == 0;
}

int crypt_seal(const uint8_t key[CRYPT_KEY_SIZE], struct span bound, struct span plain, struct buf *out)
{
	mbedtls_gcm_context gcm;
	uint8_t *at;
	int rc = buf_reserve(out, plain.len + CRYPT_SEAL_OVERHEAD);

	if (rc)
		return rc;
	at = (uint8_t *)out->data + out->len;
	random_bytes(at, NONCE_SIZE);
	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, CRYPT_KEY_SIZE * 8);
	if (!rc)
		rc = mbedtls_gcm_crypt_and_tag(&gcm, MBEDTLS_GCM_ENCRYPT, plain.len, at, NONCE_SIZE,
					       (const uint8_t *)bound.ptr, bound.len,
					       (const uint8_t *)plain.ptr, at + NONCE_SIZE, TAG_SIZE,
					       at + NONCE_SIZE + plain.len);
	mbedtls_gcm_free(&gcm);
	if (rc)
		return -ENOMEM;
	out->len += plain.len + CRYPT_SEAL_OVERHEAD;
	return 0;
}

int crypt_open(const uint8_t key[CRYPT_KEY_SIZE], struct span bound, struct span sealed, struct buf *out)
{
	const uint8_t *in = (const uint8_t *)sealed.ptr;
	mbedtls_gcm_context gcm;
	size_t plain_len;
	int rc;

	if (sealed.len < CRYPT_SEAL_OVERHEAD)
		return -EBADMSG;
	plain_len = sealed.len - CRYPT_SEAL_OVERHEAD;
	rc = buf_reserve(out, plain_len + 1); /* +1: a place to write to also when nothing was sealed */
	if (rc)
		return rc;
	mbedtls_gcm_init(&gcm);
	rc = mbedtls_gcm_setkey(&gcm, MBEDTLS_CIPHER_ID_AES, key, CRYPT_KEY_SIZE * 8);
	if (rc)
		rc = -ENOMEM;
	else if (mbedtls_gcm_auth_decrypt(&gcm, plain_len, in, NONCE_SIZE, (const uint8_t *)bound.ptr,
					  bound.len, in + NONCE_SIZE + plain_len, TAG_SIZE, in + NONCE_SIZE,
					  (uint8_t *)out->data + out->len))
		rc = -EBADMSG;
	mbedtls_gcm_free(&gcm);
	if (!rc)
		out->len += plain_len;
	return rc;
}
