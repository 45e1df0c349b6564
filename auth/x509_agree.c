/* x509_agree: a secret that two keys share. */
#include "auth/x509_mbed.h"

#include <errno.h>

#include <mbedtls/ecdh.h>

static int agree(const struct x509_key *own, const mbedtls_pk_context *peer, uint8_t out[X509_AGREED_SIZE])
{
	mbedtls_ecp_keypair *a = mbedtls_pk_ec(own->pk), *b = mbedtls_pk_ec(*peer);
	mbedtls_mpi z;
	int code;

	mbedtls_mpi_init(&z);
	code = mbedtls_ecdh_compute_shared(&a->MBEDTLS_PRIVATE(grp), &z, &b->MBEDTLS_PRIVATE(Q),
					   &a->MBEDTLS_PRIVATE(d), x509_rng, NULL);
	if (!code)
		code = mbedtls_mpi_write_binary(&z, out, X509_AGREED_SIZE);
	mbedtls_mpi_free(&z);
	return code ? x509_fail(NULL, -EINVAL, code, "key agreement") : 0;
}

int x509_agree(const struct x509_key *own, struct span spki_der, uint8_t out[X509_AGREED_SIZE])
{
	mbedtls_pk_context pk;
	int code;

	if (!own->has_private || !spki_der.len || spki_der.len > X509_SPKI_MAX)
		return -EINVAL;
	mbedtls_pk_init(&pk);
	code = mbedtls_pk_parse_public_key(&pk, (const unsigned char *)spki_der.ptr, spki_der.len);
	if (code)
		code = x509_fail(NULL, -EINVAL, code, "public key");
	else
		code = x509_pk_is_p256(&pk) ? agree(own, &pk, out) : -EINVAL;
	mbedtls_pk_free(&pk);
	return code;
}
