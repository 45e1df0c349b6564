#include "auth/x509.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include <mbedtls/asn1write.h>
#include <mbedtls/oid.h>

#include "auth/x509_mbed.h"
#include "base/clock.h"
#include "base/random.h"

/* Certificates are written as DER here rather than through mbedtls_x509write_crt: that interface differs between 2.28 and 3.6, keeps one
 * attribute of a kind (so only one organization) and, in 2.28, knows neither alternative names nor extended key usages. Like
 * mbedTLS's own, DER is written from the end of the buffer to its front. Structure: RFC 5280 section 4.1. */

struct der {
	unsigned char *pos, *start;
	int error;
};

#define OID_SERVER_AUTH MBEDTLS_OID_SERVER_AUTH
#define OID_CLIENT_AUTH MBEDTLS_OID_CLIENT_AUTH
/* RFC 5480 section 2.1.1, RFC 5758 section 3.2 */
static const char OID_ECDSA_SHA256[] = "\x2a\x86\x48\xce\x3d\x04\x03\x02";

static size_t der_len(struct der *d, int rc)
{
	if (rc < 0 && !d->error)
		d->error = rc;
	return rc < 0 ? 0 : (size_t)rc;
}

static size_t der_raw(struct der *d, const void *bytes, size_t len)
{
	return der_len(d, mbedtls_asn1_write_raw_buffer(&d->pos, d->start, bytes, len));
}

/* Puts tag and length in front of the `len` bytes last written. */
static size_t der_wrap(struct der *d, unsigned char tag, size_t len)
{
	size_t head = der_len(d, mbedtls_asn1_write_len(&d->pos, d->start, len));

	return len + head + der_len(d, mbedtls_asn1_write_tag(&d->pos, d->start, tag));
}

static size_t der_sequence(struct der *d, size_t len)
{
	return der_wrap(d, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE, len);
}

static size_t der_primitive(struct der *d, unsigned char tag, const void *bytes, size_t len)
{
	return der_wrap(d, tag, der_raw(d, bytes, len));
}

static size_t der_oid(struct der *d, const char *oid, size_t len)
{
	return der_primitive(d, MBEDTLS_ASN1_OID, oid, len);
}

/* --- names --- */

static bool name_ok(const char *name)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 :._@/-";
	size_t len = strlen(name);

	return len && len <= X509_NAME_MAX && strspn(name, allowed) == len;
}

static int check_names(const struct x509_request *r, struct err *err)
{
	size_t i;

	if (!r->common_name || !name_ok(r->common_name))
		return err_set(err, -EINVAL, "certificate: a name that cannot be used as common name");
	for (i = 0; r->organizations && r->organizations[i]; i++)
		if (i >= X509_ORGANIZATIONS_MAX || !name_ok(r->organizations[i]))
			return err_set(err, -EINVAL, "certificate: organization %zu cannot be used", i);
	for (i = 0; r->names && r->names[i]; i++)
		if (i >= X509_SANS_MAX || !name_ok(r->names[i]))
			return err_set(err, -EINVAL, "certificate: alternative name %zu cannot be used", i);
	return 0;
}

static size_t der_rdn(struct der *d, const char *oid, size_t oid_len, const char *value)
{
	size_t len = der_primitive(d, MBEDTLS_ASN1_UTF8_STRING, value, strlen(value));

	len += der_oid(d, oid, oid_len);
	len = der_sequence(d, len);
	return der_wrap(d, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET, len);
}

static size_t der_subject(struct der *d, const struct x509_request *r)
{
	size_t len = der_rdn(d, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN), r->common_name);
	size_t count = 0;

	while (r->organizations && r->organizations[count])
		count++;
	while (count--)
		len += der_rdn(d, MBEDTLS_OID_AT_ORGANIZATION, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION),
			       r->organizations[count]);
	return der_sequence(d, len);
}

/* --- extensions --- */

/* The `len` bytes last written are an extension's value. */
static size_t der_extension(struct der *d, const char *oid, size_t oid_len, bool critical, size_t len)
{
	len = der_wrap(d, MBEDTLS_ASN1_OCTET_STRING, len);
	if (critical)
		len += der_len(d, mbedtls_asn1_write_bool(&d->pos, d->start, 1));
	len += der_oid(d, oid, oid_len);
	return der_sequence(d, len);
}
#define DER_EXTENSION(d, oid, critical, len) der_extension(d, oid, MBEDTLS_OID_SIZE(oid), critical, len)

static size_t der_basic_constraints(struct der *d, const struct x509_request *r)
{
	size_t len = 0;

	if (r->use == X509_USE_AUTHORITY)
		len += der_len(d, mbedtls_asn1_write_int(&d->pos, d->start, 0));
	if (r->use != X509_USE_LEAF)
		len += der_len(d, mbedtls_asn1_write_bool(&d->pos, d->start, 1));
	return DER_EXTENSION(d, MBEDTLS_OID_BASIC_CONSTRAINTS, true, der_sequence(d, len));
}

static size_t der_key_usage(struct der *d, const struct x509_request *r)
{
	/* bit 0 digitalSignature; bits 5 and 6 keyCertSign and cRLSign; the first byte counts unused bits */
	static const uint8_t leaf[] = { 7, 0x80 }, authority[] = { 1, 0x06 };
	const uint8_t *bits = r->use == X509_USE_LEAF ? leaf : authority;

	return DER_EXTENSION(d, MBEDTLS_OID_KEY_USAGE, true,
			     der_primitive(d, MBEDTLS_ASN1_BIT_STRING, bits, 2));
}

static size_t der_extended_usage(struct der *d, const struct x509_request *r)
{
	size_t len = 0;

	if (!r->server && !r->client)
		return 0;
	if (r->client)
		len += der_oid(d, OID_CLIENT_AUTH, MBEDTLS_OID_SIZE(OID_CLIENT_AUTH));
	if (r->server)
		len += der_oid(d, OID_SERVER_AUTH, MBEDTLS_OID_SIZE(OID_SERVER_AUTH));
	return DER_EXTENSION(d, MBEDTLS_OID_EXTENDED_KEY_USAGE, false, der_sequence(d, len));
}

static size_t der_alternative_name(struct der *d, const char *name)
{
	uint8_t address[16];

	if (inet_pton(AF_INET, name, address) == 1)
		return der_primitive(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7, address, 4);
	if (inet_pton(AF_INET6, name, address) == 1)
		return der_primitive(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 7, address, 16);
	return der_primitive(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 2, name, strlen(name));
}

static size_t der_alternative_names(struct der *d, const struct x509_request *r)
{
	size_t count = 0, len = 0;

	while (r->names && r->names[count])
		count++;
	if (!count)
		return 0;
	while (count--)
		len += der_alternative_name(d, r->names[count]);
	return DER_EXTENSION(d, MBEDTLS_OID_SUBJECT_ALT_NAME, false, der_sequence(d, len));
}

/* Key identifiers are the first 160 bits of the SHA-256 of the SubjectPublicKeyInfo (RFC 7093 section 2, method 4). */
static size_t der_key_ids(struct der *d, const struct x509_key *subject, const struct x509_key *issuer)
{
	uint8_t digest[X509_SHA256_SIZE];
	size_t len;

	if (x509_key_digest(issuer, digest))
		d->error = MBEDTLS_ERR_X509_INVALID_FORMAT;
	len = der_primitive(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | 0, digest, 20);
	len = DER_EXTENSION(d, MBEDTLS_OID_AUTHORITY_KEY_IDENTIFIER, false, der_sequence(d, len));
	if (x509_key_digest(subject, digest))
		d->error = MBEDTLS_ERR_X509_INVALID_FORMAT;
	return len + DER_EXTENSION(d, MBEDTLS_OID_SUBJECT_KEY_IDENTIFIER, false,
				   der_primitive(d, MBEDTLS_ASN1_OCTET_STRING, digest, 20));
}

static size_t der_extensions(struct der *d, const struct x509_request *r, const struct x509_key *subject,
			     const struct x509_key *issuer)
{
	size_t len = der_key_ids(d, subject, issuer);

	len += der_alternative_names(d, r);
	len += der_extended_usage(d, r);
	len += der_key_usage(d, r);
	len += der_basic_constraints(d, r);
	len = der_sequence(d, len);
	return der_wrap(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 3, len);
}

/* --- the certificate --- */

/* UTCTime up to 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5). */
static size_t der_time(struct der *d, int64_t wall_ms)
{
	char iso[CLOCK_TEXT_SIZE], digits[CLOCK_TEXT_SIZE];
	size_t n = 0;
	bool utc;

	clock_format(wall_ms, iso);
	for (const char *c = iso; *c; c++)
		if (*c >= '0' && *c <= '9')
			digits[n++] = *c;
	digits[n++] = 'Z';
	if (n != 15) {
		d->error = MBEDTLS_ERR_X509_INVALID_DATE;
		return 0;
	}
	utc = memcmp(digits, "2050", 4) < 0;
	return der_primitive(d, utc ? MBEDTLS_ASN1_UTC_TIME : MBEDTLS_ASN1_GENERALIZED_TIME,
			     digits + (utc ? 2 : 0), n - (utc ? 2 : 0));
}

static size_t der_serial(struct der *d)
{
	uint8_t serial[X509_SERIAL_SIZE + 1] = { 0 };

	do {
		random_bytes(serial + 1, X509_SERIAL_SIZE);
	} while (serial[1] == 0); /* a shorter form would be needed: draw again */
	if (serial[1] & 0x80)
		return der_primitive(d, MBEDTLS_ASN1_INTEGER, serial, X509_SERIAL_SIZE + 1);
	return der_primitive(d, MBEDTLS_ASN1_INTEGER, serial + 1, X509_SERIAL_SIZE);
}

static size_t der_algorithm(struct der *d)
{
	return der_sequence(d, der_oid(d, OID_ECDSA_SHA256, sizeof(OID_ECDSA_SHA256) - 1));
}

static size_t der_body(struct der *d, const struct x509_request *r, const struct x509_key *subject,
		       const mbedtls_x509_crt *issuer, const struct x509_key *issuer_key)
{
	uint8_t spki[X509_SPKI_MAX];
	int spki_len = x509_pk_spki(&subject->pk, spki);
	size_t len = der_extensions(d, r, subject, issuer_key), part;

	if (spki_len < 0) {
		d->error = spki_len;
		return 0;
	}
	len += der_raw(d, spki + sizeof(spki) - spki_len, (size_t)spki_len);
	len += der_subject(d, r);
	part = der_time(d, r->not_after_wall_ms);
	part += der_time(d, r->not_before_wall_ms);
	len += der_sequence(d, part);
	len += issuer ? der_raw(d, issuer->subject_raw.p, issuer->subject_raw.len) : der_subject(d, r);
	len += der_algorithm(d);
	len += der_serial(d);
	part = der_len(d, mbedtls_asn1_write_int(&d->pos, d->start, 2)); /* version 3 */
	len += der_wrap(d, MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED | 0, part);
	return der_sequence(d, len);
}

static int sign_body(struct der *body, size_t body_len, const struct x509_key *issuer_key,
		     struct buf *out_pem, struct err *err)
{
	uint8_t sig[MBEDTLS_PK_SIGNATURE_MAX_SIZE + 1], bytes[X509_DER_MAX];
	struct der d = { bytes + sizeof(bytes), bytes, 0 };
	size_t sig_len = 0, len;
	int rc = x509_pk_sign(&issuer_key->pk, body->pos, body_len, sig + 1, &sig_len);

	if (rc)
		return err_set(err, rc, "certificate: signing failed");
	sig[0] = 0; /* no unused bits */
	len = der_primitive(&d, MBEDTLS_ASN1_BIT_STRING, sig, sig_len + 1);
	len += der_algorithm(&d);
	len += der_raw(&d, body->pos, body_len);
	len = der_sequence(&d, len);
	if (d.error)
		return x509_fail(err, -EMSGSIZE, d.error, "certificate: too large");
	rc = x509_pem("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", d.pos, len, out_pem);
	return rc ? err_set(err, rc, "certificate: cannot be written") : 0;
}

int x509_issue(const struct x509_request *request, const struct x509_key *subject, struct span issuer_pem,
	       const struct x509_key *issuer_key, struct buf *out_pem, struct err *err)
{
	uint8_t bytes[X509_DER_MAX];
	struct der d = { bytes + sizeof(bytes), bytes, 0 };
	bool self_signed = request->use == X509_USE_ROOT;
	mbedtls_x509_crt issuer;
	size_t len;
	int rc = check_names(request, err);

	if (rc)
		return rc;
	if (!issuer_key->has_private || request->not_after_wall_ms <= request->not_before_wall_ms)
		return err_set(err, -EINVAL, "certificate: no private key, or no time to be valid in");
	mbedtls_x509_crt_init(&issuer);
	if (!self_signed)
		rc = x509_crt_of_pem(issuer_pem, &issuer, err);
	if (!rc) {
		len = der_body(&d, request, subject, self_signed ? NULL : &issuer, issuer_key);
		rc = d.error ? x509_fail(err, -EMSGSIZE, d.error, "certificate: too large")
			     : sign_body(&d, len, issuer_key, out_pem, err);
	}
	mbedtls_x509_crt_free(&issuer);
	return rc;
}
