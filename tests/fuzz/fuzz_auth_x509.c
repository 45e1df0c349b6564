/* Certificates, keys and signing requests from outside. */
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
	return 0;
}
