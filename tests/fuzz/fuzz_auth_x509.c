/* Certificates, keys, signing requests and bundles of authorities from outside. */
#include "auth/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span pem = span_make(data, size);
	struct x509_key *key = NULL;
	struct x509_facts facts;
	struct err err;

	if (!x509_csr_key(pem, &key, &err)) {
		x509_key_free(key);
		key = NULL;
	}
	if (!x509_key_parse(pem, &key, &err)) {
		(void)x509_matches(pem, key);
		x509_key_free(key);
	}
	if (!x509_read(pem, &facts, &err)) {
		int rc = x509_verify(pem, pem, true, "cloud-hub.holdfast", 1790000000000, &err);

		assert_always(rc <= 0);
	}
	/* What begins with a root that can be read has that root in it. */
	if (!x509_bundle_check(pem, &err) && !x509_read(pem, &facts, &err))
		assert_always(x509_bundle_has(pem, facts.cert_sha256));
	(void)!x509_bundle_follows(pem, pem, pem, &err);
	(void)!x509_read_der(pem, &facts, &err);
	return 0;
}
