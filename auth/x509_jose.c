/* x509_jose: signatures over bytes in the form that JOSE wants (r and s side by side), and a key's point. */
#include "auth/x509.h"

#include <errno.h>

#include <mbedtls/asn1.h>
#include <mbedtls/pk.h>

#include "auth/x509_mbed.h"

#define HALF (X509_SIGNATURE_SIZE / 2)
#define DER_MAX (X509_SIGNATURE_SIZE + 16)

/* One INTEGER of the SEQUENCE that ECDSA signatures are in X.509's world (RFC 3279 section 2.2.3), as HALF bytes. */
static int take_integer(uint8_t **at, const uint8_t *end, uint8_t out[HALF])
{
	size_t len;

	if (mbedtls_asn1_get_tag(at, end, &len, MBEDTLS_ASN1_INTEGER))
		return -EIO;
	while (len > HALF && **at == 0) {
		(*at)++;
		len--;
	}
	if (len > HALF)
		return -EIO;
	memset(out, 0, HALF);
	memcpy(out + HALF - len, *at, len);
	*at += len;
	return 0;
}

int x509_key_sign(const struct x509_key *key, struct span bytes, uint8_t out[X509_SIGNATURE_SIZE])
{
	uint8_t der[MBEDTLS_PK_SIGNATURE_MAX_SIZE], *at = der, *end;
	size_t len = 0, inside;
	int code = key->has_private ? x509_pk_sign(&key->pk, bytes.ptr, bytes.len, der, &len) : -EINVAL;

	if (code)
		return code;
	end = der + len;
	if (mbedtls_asn1_get_tag(&at, end, &inside, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE))
		return -EIO;
	code = take_integer(&at, end, out);
	return code ? code : take_integer(&at, end, out + HALF);
}

/* Written in front of *at; a leading zero keeps it positive. */
static size_t put_integer(uint8_t **at, const uint8_t in[HALF])
{
	size_t skip = 0, len;
	bool pad;

	while (skip < HALF - 1 && in[skip] == 0)
		skip++;
	pad = in[skip] & 0x80;
	len = HALF - skip;
	*at -= len;
	memcpy(*at, in + skip, len);
	if (pad)
		*--*at = 0;
	len += pad;
	*--*at = (uint8_t)len;
	*--*at = MBEDTLS_ASN1_INTEGER;
	return len + 2;
}

bool x509_key_verify(const struct x509_key *key, struct span bytes, const uint8_t sig[X509_SIGNATURE_SIZE])
{
	uint8_t der[DER_MAX], hash[X509_SHA256_SIZE], *at = der + sizeof(der);
	size_t len = put_integer(&at, sig + HALF);

	len += put_integer(&at, sig);
	*--at = (uint8_t)len; /* at most 70: one byte holds it */
	*--at = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;
	x509_sha256(bytes.ptr, bytes.len, hash);
	return mbedtls_pk_verify((mbedtls_pk_context *)&key->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash), at,
				 len + 2) == 0;
}

int x509_key_point(const struct x509_key *key, uint8_t out[X509_POINT_SIZE])
{
	uint8_t spki[X509_SPKI_MAX];
	int len = x509_pk_spki(&key->pk, spki);

	/* Of a P-256 key it ends in the uncompressed point: 04, x, y (RFC 5480 section 2.2). */
	if (len < X509_POINT_SIZE + 1 || spki[sizeof(spki) - X509_POINT_SIZE - 1] != 0x04)
		return len < 0 ? len : -EINVAL;
	memcpy(out, spki + sizeof(spki) - X509_POINT_SIZE, X509_POINT_SIZE);
	return 0;
}
