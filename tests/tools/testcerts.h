/* testcerts: certificates made when a test runs, so that no key lies in the tree. P-256, mbedTLS inside.
 *
 * Build it into a test with SOURCES ${CMAKE_SOURCE_DIR}/tests/tools/testcerts.c and PRIVATE holdfast::tls.
 * Everything asserts on failure: a test without its certificates has nothing to say. */
#ifndef HOLDFAST_TESTS_TOOLS_TESTCERTS_H
#define HOLDFAST_TESTS_TOOLS_TESTCERTS_H

#include "base/span.h"

enum testcert_kind { TESTCERT_CA, TESTCERT_SERVER, TESTCERT_CLIENT };

struct testcert {
	char *cert_pem; /* this certificate alone */
	char *key_pem;
	char *chain_pem; /* this certificate, then its issuers up to and including the root */
	char *subject;	 /* as mbedTLS writes it, "O=nodes,CN=node-1" */
	uint8_t der_sha256[32];
};

struct testcert_options {
	enum testcert_kind kind;
	const char *common_name;
	const char *organization; /* NULL: none. One: mbedTLS' writer keeps only the last of several */
	const char *dns_name;	  /* subjectAltName; NULL: none */
	bool clients_only;	  /* of a CA: its extended key usage is clientAuth; else it has none */
	int from_days, to_days;	  /* validity, counted from now; both 0: yesterday to in 30 days */
};

/* issuer NULL: self-signed. */
void testcert_make(const struct testcert *issuer, const struct testcert_options *options,
		   struct testcert *out);
void testcert_done(struct testcert *cert);

#endif
