#include "auth/x509.h"

#include <errno.h>
#include <stdio.h>

#include <mbedtls/oid.h>

#include "auth/x509_mbed.h"
#include "base/clock.h"
#include "net/crypt.h"

int64_t x509_wall_ms(const mbedtls_x509_time *t)
{
	char text[64];
	int64_t wall_ms = 0;
	int n = snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02dZ", t->year, t->mon, t->day,
			 t->hour, t->min, t->sec);

	if (n < 0 || (size_t)n >= sizeof(text) || clock_parse(span_make(text, (size_t)n), &wall_ms))
		return 0;
	return wall_ms;
}

static bool has_usage(const mbedtls_x509_crt *crt, bool as_server)
{
	return as_server
		       ? !mbedtls_x509_crt_check_extended_key_usage(crt, MBEDTLS_OID_SERVER_AUTH,
								    MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH))
		       : !mbedtls_x509_crt_check_extended_key_usage(crt, MBEDTLS_OID_CLIENT_AUTH,
								    MBEDTLS_OID_SIZE(
									    MBEDTLS_OID_CLIENT_AUTH));
}

static bool oid_is(const mbedtls_asn1_buf *oid, const char *text, size_t len)
{
	return oid->len == len && memcmp(oid->p, text, len) == 0;
}

/* Names are compared as text everywhere else: one that is not plain ASCII could look like another. */
static int copy_name(const mbedtls_asn1_buf *value, char *out, size_t size)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->p[i] < 0x20 || value->p[i] > 0x7e)
			return -EINVAL;
	return span_copy(span_make(value->p, value->len), out, size);
}

/* Only authorities of our own making are told apart by it: anything odd is no name at all. */
static void read_issuer(const mbedtls_x509_crt *crt, struct x509_facts *out)
{
	for (const mbedtls_x509_name *n = &crt->issuer; n; n = n->next)
		if (oid_is(&n->oid, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN)) &&
		    copy_name(&n->val, out->issuer, sizeof(out->issuer)))
			out->issuer[0] = '\0';
}

static int read_subject(const mbedtls_x509_crt *crt, struct x509_facts *out)
{
	for (const mbedtls_x509_name *n = &crt->subject; n; n = n->next) {
		int rc = 0;

		if (oid_is(&n->oid, MBEDTLS_OID_AT_CN, MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN))) {
			rc = out->common_name[0]
				     ? -EINVAL
				     : copy_name(&n->val, out->common_name, sizeof(out->common_name));
		} else if (oid_is(&n->oid, MBEDTLS_OID_AT_ORGANIZATION,
				  MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_ORGANIZATION))) {
			if (out->organization_count == X509_ORGANIZATIONS_MAX)
				return -EINVAL;
			rc = copy_name(&n->val, out->organizations[out->organization_count++],
				       sizeof(out->organizations[0]));
		}
		if (rc)
			return -EINVAL;
	}
	return 0;
}

static int read_crt(const mbedtls_x509_crt *crt, struct x509_facts *out)
{
	uint8_t spki[X509_SPKI_MAX];
	int len = x509_pk_spki(&crt->pk, spki);

	if (len < 0 || crt->serial.len > sizeof(out->serial) || read_subject(crt, out))
		return -EINVAL;
	read_issuer(crt, out);
	x509_sha256(spki + sizeof(spki) - len, (size_t)len, out->key_sha256);
	x509_sha256(crt->raw.p, crt->raw.len, out->cert_sha256);
	memcpy(out->serial, crt->serial.p, crt->serial.len);
	out->serial_len = crt->serial.len;
	out->not_before_wall_ms = x509_wall_ms(&crt->valid_from);
	out->not_after_wall_ms = x509_wall_ms(&crt->valid_to);
	out->is_authority = crt->MBEDTLS_PRIVATE(ca_istrue);
	out->server = has_usage(crt, true);
	out->client = has_usage(crt, false);
	return 0;
}

static int read_checked(const mbedtls_x509_crt *crt, struct x509_facts *out, struct err *err)
{
	if (!x509_pk_is_p256(&crt->pk))
		return err_set(err, -EINVAL, "certificate: not a P-256 key");
	return read_crt(crt, out) ? err_set(err, -EINVAL, "certificate: its names or serial cannot be used")
				  : 0;
}

int x509_read(struct span pem, struct x509_facts *out, struct err *err)
{
	mbedtls_x509_crt crt;
	int rc;

	*out = (struct x509_facts){ .common_name = "" };
	mbedtls_x509_crt_init(&crt);
	rc = x509_crt_of_pem(pem, &crt, err);
	if (!rc)
		rc = read_checked(&crt, out, err);
	mbedtls_x509_crt_free(&crt);
	return rc;
}

int x509_read_der(struct span der, struct x509_facts *out, struct err *err)
{
	mbedtls_x509_crt crt;
	int rc;

	*out = (struct x509_facts){ .common_name = "" };
	mbedtls_x509_crt_init(&crt);
	rc = mbedtls_x509_crt_parse_der(&crt, (const unsigned char *)der.ptr, der.len);
	rc = rc ? x509_fail(err, -EINVAL, rc, "not a certificate") : read_checked(&crt, out, err);
	mbedtls_x509_crt_free(&crt);
	return rc;
}

/* --- bundles --- */

/* mbedTLS takes any trusted certificate at its word: that it signed itself is looked at here. */
static int check_root(const mbedtls_x509_crt *crt, size_t number, struct err *err)
{
	uint8_t hash[X509_SHA256_SIZE];

	if (!x509_pk_is_p256(&crt->pk) || !crt->MBEDTLS_PRIVATE(ca_istrue))
		return err_set(err, -EINVAL, "authority %zu of the bundle is none, or not of P-256", number);
	if (crt->subject_raw.len != crt->issuer_raw.len ||
	    memcmp(crt->subject_raw.p, crt->issuer_raw.p, crt->subject_raw.len) != 0 ||
	    crt->MBEDTLS_PRIVATE(sig_md) != MBEDTLS_MD_SHA256)
		return err_set(err, -EINVAL, "authority %zu of the bundle is no root", number);
	x509_sha256(crt->tbs.p, crt->tbs.len, hash);
	if (mbedtls_pk_verify((mbedtls_pk_context *)&crt->pk, MBEDTLS_MD_SHA256, hash, sizeof(hash),
			      crt->MBEDTLS_PRIVATE(sig).p, crt->MBEDTLS_PRIVATE(sig).len))
		return err_set(err, -EINVAL, "authority %zu of the bundle did not sign itself", number);
	return 0;
}

int x509_bundle_check(struct span pem, struct err *err)
{
	mbedtls_x509_crt first;
	size_t count = 0;
	int rc;

	mbedtls_x509_crt_init(&first);
	rc = x509_crt_of_pem(pem, &first, err);
	for (const mbedtls_x509_crt *crt = &first; !rc && crt; crt = crt->next) {
		if (count == X509_BUNDLE_MAX)
			rc = err_set(err, -EINVAL, "more than %u authorities in the bundle", X509_BUNDLE_MAX);
		else
			rc = check_root(crt, ++count, err);
	}
	mbedtls_x509_crt_free(&first);
	return rc;
}

bool x509_bundle_has(struct span pem, const uint8_t cert_sha256[X509_SHA256_SIZE])
{
	mbedtls_x509_crt first;
	bool found = false;

	mbedtls_x509_crt_init(&first);
	if (!x509_crt_of_pem(pem, &first, NULL))
		for (const mbedtls_x509_crt *crt = &first; !found && crt; crt = crt->next) {
			uint8_t digest[X509_SHA256_SIZE];

			x509_sha256(crt->raw.p, crt->raw.len, digest);
			found = crypt_equal(span_make(digest, sizeof(digest)),
					    span_make(cert_sha256, X509_SHA256_SIZE));
		}
	mbedtls_x509_crt_free(&first);
	return found;
}

struct verify_terms {
	int64_t now_wall_ms;
	bool as_server;
};

/* mbedTLS reads the system's clock and checks usages of leaves only: the time here is the caller's, and an intermediate that is not
 * meant for a usage cannot lend it to a leaf. */
static int verify_step(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	const struct verify_terms *terms = ctx;

	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	if (x509_wall_ms(&crt->valid_to) < terms->now_wall_ms)
		*flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	if (x509_wall_ms(&crt->valid_from) > terms->now_wall_ms)
		*flags |= MBEDTLS_X509_BADCERT_FUTURE;
	if (!has_usage(crt, terms->as_server))
		*flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
	if (depth > 0 && !crt->MBEDTLS_PRIVATE(ca_istrue))
		*flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	return 0;
}

static const char *verify_text(uint32_t flags)
{
	static const struct {
		uint32_t flag;
		const char *text;
	} texts[] = {
		{ MBEDTLS_X509_BADCERT_NOT_TRUSTED, "signed by another authority" },
		{ MBEDTLS_X509_BADCERT_EXPIRED, "expired" },
		{ MBEDTLS_X509_BADCERT_FUTURE, "not valid yet" },
		{ MBEDTLS_X509_BADCERT_CN_MISMATCH, "issued for another name" },
		{ MBEDTLS_X509_BADCERT_EXT_KEY_USAGE, "not meant for this use" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (flags & texts[i].flag)
			return texts[i].text;
	return "not acceptable";
}

int x509_verify(struct span chain_pem, struct span trusted_pem, bool as_server, const char *name,
		int64_t now_wall_ms, struct err *err)
{
	struct verify_terms terms = { now_wall_ms, as_server };
	mbedtls_x509_crt chain, trusted;
	uint32_t flags = 0;
	int rc;

	mbedtls_x509_crt_init(&chain);
	mbedtls_x509_crt_init(&trusted);
	rc = x509_crt_of_pem(chain_pem, &chain, err);
	if (!rc)
		rc = x509_crt_of_pem(trusted_pem, &trusted, err);
	if (rc)
		goto out;
	rc = mbedtls_x509_crt_verify(&chain, &trusted, NULL, name, &flags, verify_step, &terms);
	if (rc == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
		rc = err_set(err, -EKEYREJECTED, "certificate: %s", verify_text(flags));
	else if (rc)
		rc = x509_fail(err, -EKEYREJECTED, rc, "certificate: verification failed");
out:
	mbedtls_x509_crt_free(&chain);
	mbedtls_x509_crt_free(&trusted);
	return rc;
}

bool x509_matches(struct span cert_pem, const struct x509_key *key)
{
	struct x509_facts facts;
	uint8_t digest[X509_SHA256_SIZE];

	return !x509_read(cert_pem, &facts, NULL) && !x509_key_digest(key, digest) &&
	       crypt_equal(span_make(facts.key_sha256, sizeof(digest)), span_make(digest, sizeof(digest)));
}

/* --- following --- */

static int undated_step(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	if (!crt->MBEDTLS_PRIVATE(ca_istrue))
		*flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	return 0;
}

static bool is_same_authority(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b)
{
	return a->subject_raw.len == b->subject_raw.len &&
	       memcmp(a->subject_raw.p, b->subject_raw.p, a->subject_raw.len) == 0 &&
	       a->pk_raw.len == b->pk_raw.len && memcmp(a->pk_raw.p, b->pk_raw.p, a->pk_raw.len) == 0;
}

/* Crosses are in order, newest first: behind each one are those that may sign it. */
static bool is_crossed(const mbedtls_x509_crt *root, mbedtls_x509_crt *crosses, mbedtls_x509_crt *trusted)
{
	for (mbedtls_x509_crt *cross = crosses; cross && cross->raw.p; cross = cross->next) {
		uint32_t flags = 0;

		if (is_same_authority(root, cross) &&
		    !mbedtls_x509_crt_verify(cross, trusted, NULL, NULL, &flags, undated_step, NULL))
			return true;
	}
	return false;
}

static bool is_among(const mbedtls_x509_crt *root, const mbedtls_x509_crt *trusted)
{
	for (; trusted; trusted = trusted->next)
		if (root->raw.len == trusted->raw.len &&
		    memcmp(root->raw.p, trusted->raw.p, root->raw.len) == 0)
			return true;
	return false;
}

int x509_bundle_follows(struct span bundle, struct span crosses, struct span trusted, struct err *err)
{
	mbedtls_x509_crt roots, between, known;
	size_t number = 0;
	int rc = x509_bundle_check(bundle, err);

	if (rc)
		return rc;
	mbedtls_x509_crt_init(&roots);
	mbedtls_x509_crt_init(&between);
	mbedtls_x509_crt_init(&known);
	rc = x509_crt_of_pem(bundle, &roots, err);
	if (!rc)
		rc = x509_crt_of_pem(trusted, &known, err);
	if (!rc && crosses.len)
		rc = x509_crt_of_pem(crosses, &between, err);
	for (const mbedtls_x509_crt *root = &roots; !rc && root; root = root->next) {
		number++;
		if (!is_among(root, &known) && !is_crossed(root, &between, &known))
			rc = err_set(err, -EKEYREJECTED,
				     "authority %zu of the bundle does not follow from one that is trusted",
				     number);
	}
	mbedtls_x509_crt_free(&roots);
	mbedtls_x509_crt_free(&between);
	mbedtls_x509_crt_free(&known);
	return rc;
}
