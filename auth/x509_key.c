#include "auth/x509.h"

#include <errno.h>
#include <stdlib.h>

#include <mbedtls/ecp.h>
#include <mbedtls/error.h>
#include <mbedtls/md.h>
#include <mbedtls/pem.h>
#include <mbedtls/platform_util.h>
#include <mbedtls/x509_csr.h>

#include "auth/x509_mbed.h"
#include "base/random.h"
#include "net/crypt.h"

#define PEM_TEXT_MAX (X509_DER_MAX * 3 / 2 + 256)

int x509_rng(void *ctx, unsigned char *out, size_t len)
{
	random_bytes(out, len);
	return 0;
}

/* Every module of mbedTLS has its own number for a failed allocation; the low-level ones fit in 7 bits. */
static bool is_out_of_memory(int foreign)
{
	return foreign == MBEDTLS_ERR_PK_ALLOC_FAILED || foreign == MBEDTLS_ERR_X509_ALLOC_FAILED ||
	       foreign == MBEDTLS_ERR_PEM_ALLOC_FAILED || foreign == MBEDTLS_ERR_ECP_ALLOC_FAILED ||
	       foreign == MBEDTLS_ERR_MD_ALLOC_FAILED || foreign == MBEDTLS_ERR_ASN1_ALLOC_FAILED ||
	       foreign == MBEDTLS_ERR_MPI_ALLOC_FAILED;
}

int x509_fail(struct err *err, int code, int foreign, const char *what)
{
	if (is_out_of_memory(foreign))
		return err_set(err, -ENOMEM, "%s: out of memory", what);
	return err_set(err, code, "%s (mbedTLS -0x%04x)", what, (unsigned)-foreign);
}

void x509_sha256(const void *bytes, size_t len, uint8_t out[X509_SHA256_SIZE])
{
	crypt_sha256(span_make(bytes, len), out);
}

bool x509_pk_is_p256(const mbedtls_pk_context *pk)
{
	return mbedtls_pk_get_type(pk) == MBEDTLS_PK_ECKEY &&
	       mbedtls_pk_ec(*pk)->MBEDTLS_PRIVATE(grp).id == MBEDTLS_ECP_DP_SECP256R1;
}

int x509_pk_spki(const mbedtls_pk_context *pk, uint8_t out[X509_SPKI_MAX])
{
	int rc = mbedtls_pk_write_pubkey_der((mbedtls_pk_context *)pk, out, X509_SPKI_MAX);

	return rc > 0 ? rc : x509_fail(NULL, -EINVAL, rc, "public key");
}

int x509_pk_sign(const mbedtls_pk_context *pk, const void *bytes, size_t len, uint8_t *sig, size_t *out_len)
{
	uint8_t hash[X509_SHA256_SIZE];
	mbedtls_pk_context *ctx = (mbedtls_pk_context *)pk;
	int rc;

	x509_sha256(bytes, len, hash);
#if MBEDTLS_VERSION_MAJOR >= 3
	rc = mbedtls_pk_sign(ctx, MBEDTLS_MD_SHA256, hash, sizeof(hash), sig, MBEDTLS_PK_SIGNATURE_MAX_SIZE,
			     out_len, x509_rng, NULL);
#else
	rc = mbedtls_pk_sign(ctx, MBEDTLS_MD_SHA256, hash, sizeof(hash), sig, out_len, x509_rng, NULL);
#endif
	return rc ? x509_fail(NULL, -EIO, rc, "signing") : 0;
}

int x509_pem(const char *header, const char *footer, const uint8_t *der, size_t len, struct buf *out)
{
	unsigned char text[PEM_TEXT_MAX];
	size_t used = 0;
	int rc = mbedtls_pem_write_buffer(header, footer, der, len, text, sizeof(text), &used);

	if (rc)
		return x509_fail(NULL, -EMSGSIZE, rc, "PEM");
	rc = used ? buf_add(out, text, used - 1) : -EINVAL; /* the NUL is counted */
	mbedtls_platform_zeroize(text, sizeof(text));
	return rc;
}

static struct x509_key *key_alloc(void)
{
	struct x509_key *key = calloc(1, sizeof(*key));

	if (key)
		mbedtls_pk_init(&key->pk);
	return key;
}

void x509_key_free(struct x509_key *key)
{
	if (!key)
		return;
	mbedtls_pk_free(&key->pk);
	free(key);
}

int x509_key_new(struct x509_key **out)
{
	struct x509_key *key = key_alloc();
	int rc;

	if (!key)
		return -ENOMEM;
	rc = mbedtls_pk_setup(&key->pk, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
	if (!rc)
		rc = mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key->pk), x509_rng, NULL);
	if (rc) {
		x509_key_free(key);
		return x509_fail(NULL, -EIO, rc, "new key");
	}
	key->has_private = true;
	*out = key;
	return 0;
}

/* mbedTLS's PEM parsers want the NUL counted, and a span has none. */
static int pem_text(struct span pem, char **out, struct err *err)
{
	if (!pem.len || pem.len > X509_CHAIN_MAX || memchr(pem.ptr, '\0', pem.len))
		return err_set(err, -EINVAL, "not PEM text");
	*out = span_dup(pem);
	return *out ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static void pem_text_free(char *text, size_t len)
{
	if (text)
		mbedtls_platform_zeroize(text, len);
	free(text);
}

static int key_parse_text(struct x509_key *key, const char *text, size_t len)
{
	const unsigned char *bytes = (const unsigned char *)text;

#if MBEDTLS_VERSION_MAJOR >= 3
	return mbedtls_pk_parse_key(&key->pk, bytes, len + 1, NULL, 0, x509_rng, NULL);
#else
	return mbedtls_pk_parse_key(&key->pk, bytes, len + 1, NULL, 0);
#endif
}

int x509_key_parse(struct span pem, struct x509_key **out, struct err *err)
{
	struct x509_key *key = NULL;
	char *text = NULL;
	int rc = pem_text(pem, &text, err);

	if (rc)
		return rc;
	key = key_alloc();
	if (!key) {
		pem_text_free(text, pem.len);
		return err_set(err, -ENOMEM, "out of memory");
	}
	rc = key_parse_text(key, text, pem.len);
	pem_text_free(text, pem.len);
	if (rc)
		rc = x509_fail(err, -EINVAL, rc, "not a private key");
	else if (!x509_pk_is_p256(&key->pk))
		rc = err_set(err, -EINVAL, "not a P-256 key");
	if (rc) {
		x509_key_free(key);
		return rc;
	}
	key->has_private = true;
	*out = key;
	return 0;
}

int x509_key_write(const struct x509_key *key, struct buf *out_pem)
{
	unsigned char text[2048];
	int rc;

	if (!key->has_private)
		return -EINVAL;
	rc = mbedtls_pk_write_key_pem((mbedtls_pk_context *)&key->pk, text, sizeof(text));
	if (rc)
		rc = x509_fail(NULL, -EINVAL, rc, "writing a key");
	else
		rc = buf_add_str(out_pem, (const char *)text);
	mbedtls_platform_zeroize(text, sizeof(text));
	return rc;
}

int x509_key_digest(const struct x509_key *key, uint8_t out[X509_SHA256_SIZE])
{
	uint8_t spki[X509_SPKI_MAX];
	int len = x509_pk_spki(&key->pk, spki);

	if (len < 0)
		return len;
	x509_sha256(spki + sizeof(spki) - len, (size_t)len, out);
	return 0;
}

/* --- signing requests --- */

int x509_csr_write(const struct x509_key *key, const char *common_name, struct buf *out_pem)
{
	mbedtls_x509write_csr csr;
	unsigned char text[4096];
	char subject[X509_NAME_MAX + 4];
	int len = snprintf(subject, sizeof(subject), "CN=%s", common_name);
	int rc;

	if (!key->has_private || len < 4 || (size_t)len >= sizeof(subject) ||
	    strpbrk(common_name, ",=+\\\"<>;#"))
		return -EINVAL;
	mbedtls_x509write_csr_init(&csr);
	mbedtls_x509write_csr_set_md_alg(&csr, MBEDTLS_MD_SHA256);
	mbedtls_x509write_csr_set_key(&csr, (mbedtls_pk_context *)&key->pk);
	rc = mbedtls_x509write_csr_set_subject_name(&csr, subject);
	if (!rc)
		rc = mbedtls_x509write_csr_pem(&csr, text, sizeof(text), x509_rng, NULL);
	mbedtls_x509write_csr_free(&csr);
	return rc ? x509_fail(NULL, -EINVAL, rc, "signing request")
		  : buf_add_str(out_pem, (const char *)text);
}

/* mbedTLS parses requests without looking at their signature: possession of the key is proved here. */
static int csr_check_signature(mbedtls_x509_csr *csr, struct err *err)
{
	uint8_t hash[X509_SHA256_SIZE];
	int rc;

	if (!x509_pk_is_p256(&csr->pk))
		return err_set(err, -EINVAL, "signing request: not a P-256 key");
	if (csr->MBEDTLS_PRIVATE(sig_md) != MBEDTLS_MD_SHA256)
		return err_set(err, -EINVAL, "signing request: not signed with SHA-256");
	x509_sha256(csr->cri.p, csr->cri.len, hash);
	rc = mbedtls_pk_verify(&csr->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), csr->MBEDTLS_PRIVATE(sig).p,
			       csr->MBEDTLS_PRIVATE(sig).len);
	return rc ? x509_fail(err, -EINVAL, rc, "signing request: its signature does not match its key") : 0;
}

int x509_csr_key(struct span pem, struct x509_key **out, struct err *err)
{
	mbedtls_x509_csr csr;
	struct x509_key *key = NULL;
	char *text = NULL;
	int rc;

	if (pem.len > X509_PEM_MAX)
		return err_set(err, -EINVAL, "signing request: longer than %u bytes", X509_PEM_MAX);
	rc = pem_text(pem, &text, err);
	if (rc)
		return rc;
	mbedtls_x509_csr_init(&csr);
	rc = mbedtls_x509_csr_parse(&csr, (const unsigned char *)text, pem.len + 1);
	pem_text_free(text, pem.len);
	rc = rc ? x509_fail(err, -EINVAL, rc, "not a signing request") : csr_check_signature(&csr, err);
	if (!rc && !(key = key_alloc()))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (!rc) { /* moved: the request must not free it too */
		key->pk = csr.pk;
		mbedtls_pk_init(&csr.pk);
		*out = key;
	}
	mbedtls_x509_csr_free(&csr);
	return rc;
}

/* --- certificates, as far as both reading and writing need them --- */

int x509_crt_of_pem(struct span pem, mbedtls_x509_crt *crt, struct err *err)
{
	char *text = NULL;
	int rc = pem_text(pem, &text, err);

	if (rc)
		return rc;
	rc = mbedtls_x509_crt_parse(crt, (const unsigned char *)text, pem.len + 1);
	pem_text_free(text, pem.len);
	if (rc > 0) /* some of several did not parse */
		return err_set(err, -EINVAL, "%d of the certificates cannot be read", rc);
	return rc ? x509_fail(err, -EINVAL, rc, "not a certificate") : 0;
}
