#include "tests/tools/testcerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <mbedtls/ecp.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "base/buf.h"
#include "base/random.h"

#define PEM_SIZE 4096u

static int test_random(void *ctx, unsigned char *out, size_t len)
{
	random_bytes(out, len);
	return 0;
}

static void parse_key(mbedtls_pk_context *key, const char *pem)
{
	mbedtls_pk_init(key);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	assert_always(!mbedtls_pk_parse_key(key, (const unsigned char *)pem, strlen(pem) + 1, NULL, 0,
					    test_random, NULL));
#else
	assert_always(!mbedtls_pk_parse_key(key, (const unsigned char *)pem, strlen(pem) + 1, NULL, 0));
#endif
}

static void make_key(mbedtls_pk_context *key)
{
	mbedtls_pk_init(key);
	assert_always(!mbedtls_pk_setup(key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY)));
	assert_always(!mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(*key), test_random, NULL));
}

static void time_text(int days, char out[16])
{
	time_t when = time(NULL) + (time_t)days * 86400;
	struct tm tm;

	gmtime_r(&when, &tm);
	strftime(out, 16, "%Y%m%d%H%M%S", &tm);
}

/* One level of DER: everything here is shorter than 128 bytes. */
static size_t der_wrap(unsigned char tag, const void *inner, size_t len, unsigned char *out)
{
	assert_always(len < 126);
	out[0] = tag;
	out[1] = (unsigned char)len;
	memmove(out + 2, inner, len);
	return len + 2;
}

/* mbedTLS 2.28 has no setters for these two. */
static void set_usage(mbedtls_x509write_cert *crt, enum testcert_kind kind)
{
	const char *oid = kind == TESTCERT_SERVER ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
	unsigned char inner[128], all[128];
	size_t len = der_wrap(0x06, oid, sizeof(MBEDTLS_OID_SERVER_AUTH) - 1, inner);

	len = der_wrap(0x30, inner, len, all);
	assert_always(!mbedtls_x509write_crt_set_extension(crt, MBEDTLS_OID_EXTENDED_KEY_USAGE,
							   sizeof(MBEDTLS_OID_EXTENDED_KEY_USAGE) - 1, 0, all,
							   len));
}

static void set_dns_name(mbedtls_x509write_cert *crt, const char *name)
{
	unsigned char inner[128], all[128];
	size_t len = der_wrap(0x82, name, strlen(name), inner);

	len = der_wrap(0x30, inner, len, all);
	assert_always(!mbedtls_x509write_crt_set_extension(crt, MBEDTLS_OID_SUBJECT_ALT_NAME,
							   sizeof(MBEDTLS_OID_SUBJECT_ALT_NAME) - 1, 0, all,
							   len));
}

static char *subject_text(const struct testcert_options *options)
{
	struct buf text;

	buf_init(&text, 1024);
	if (options->organization)
		buf_addf(&text, "O=%s,", options->organization);
	buf_addf(&text, "CN=%s", options->common_name);
	return buf_take(&text, NULL);
}

static void fill(mbedtls_x509write_cert *crt, const struct testcert_options *options)
{
	bool dated = options->from_days || options->to_days;
	char from[16], to[16];
	unsigned char serial_bytes[8];

	time_text(dated ? options->from_days : -1, from);
	time_text(dated ? options->to_days : 30, to);
	assert_always(!mbedtls_x509write_crt_set_validity(crt, from, to));
	random_bytes(serial_bytes, sizeof(serial_bytes));
	serial_bytes[0] = serial_bytes[0] >> 1 | 1;
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	assert_always(!mbedtls_x509write_crt_set_serial_raw(crt, serial_bytes, sizeof(serial_bytes)));
#else
	mbedtls_mpi serial;

	mbedtls_mpi_init(&serial);
	assert_always(!mbedtls_mpi_read_binary(&serial, serial_bytes, sizeof(serial_bytes)));
	assert_always(!mbedtls_x509write_crt_set_serial(crt, &serial));
	mbedtls_mpi_free(&serial);
#endif
	mbedtls_x509write_crt_set_version(crt, MBEDTLS_X509_CRT_VERSION_3);
	mbedtls_x509write_crt_set_md_alg(crt, MBEDTLS_MD_SHA256);
	assert_always(!mbedtls_x509write_crt_set_basic_constraints(crt, options->kind == TESTCERT_CA, -1));
	if (options->kind == TESTCERT_CA)
		assert_always(!mbedtls_x509write_crt_set_key_usage(crt, MBEDTLS_X509_KU_KEY_CERT_SIGN |
										MBEDTLS_X509_KU_CRL_SIGN));
	if (options->kind != TESTCERT_CA || options->clients_only)
		set_usage(crt, options->kind);
	if (options->dns_name)
		set_dns_name(crt, options->dns_name);
}

static void write_out(mbedtls_x509write_cert *crt, mbedtls_pk_context *key, const struct testcert *issuer,
		      struct testcert *out)
{
	unsigned char *pem = calloc(1, PEM_SIZE);
	mbedtls_x509_crt parsed;
	struct buf chain;

	assert_always(pem != NULL);
	assert_always(!mbedtls_x509write_crt_pem(crt, pem, PEM_SIZE, test_random, NULL));
	out->cert_pem = span_dup(span_of((char *)pem));
	assert_always(!mbedtls_pk_write_key_pem(key, pem, PEM_SIZE));
	out->key_pem = span_dup(span_of((char *)pem));
	buf_init(&chain, 1u << 16);
	buf_addf(&chain, "%s%s", out->cert_pem, issuer ? issuer->chain_pem : "");
	out->chain_pem = buf_take(&chain, NULL);
	mbedtls_x509_crt_init(&parsed);
	assert_always(
		!mbedtls_x509_crt_parse(&parsed, (unsigned char *)out->cert_pem, strlen(out->cert_pem) + 1));
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	assert_always(!mbedtls_sha256(parsed.raw.p, parsed.raw.len, out->der_sha256, 0));
#else
	assert_always(!mbedtls_sha256_ret(parsed.raw.p, parsed.raw.len, out->der_sha256, 0));
#endif
	mbedtls_x509_crt_free(&parsed);
	free(pem);
}

void testcert_make(const struct testcert *issuer, const struct testcert_options *options,
		   struct testcert *out)
{
	mbedtls_x509write_cert crt;
	mbedtls_pk_context key, issuer_key;

	*out = (struct testcert){ 0 };
	mbedtls_x509write_crt_init(&crt);
	make_key(&key);
	out->subject = subject_text(options);
	mbedtls_pk_init(&issuer_key);
	if (issuer)
		parse_key(&issuer_key, issuer->key_pem);
	fill(&crt, options);
	mbedtls_x509write_crt_set_subject_key(&crt, &key);
	mbedtls_x509write_crt_set_issuer_key(&crt, issuer ? &issuer_key : &key);
	assert_always(!mbedtls_x509write_crt_set_subject_name(&crt, out->subject));
	assert_always(!mbedtls_x509write_crt_set_issuer_name(&crt, issuer ? issuer->subject : out->subject));
	write_out(&crt, &key, issuer, out);
	mbedtls_x509write_crt_free(&crt);
	mbedtls_pk_free(&key);
	mbedtls_pk_free(&issuer_key);
}

void testcert_done(struct testcert *cert)
{
	free(cert->cert_pem);
	free(cert->key_pem);
	free(cert->chain_pem);
	free(cert->subject);
	*cert = (struct testcert){ 0 };
}
