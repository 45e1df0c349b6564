#include "net/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include <mbedtls/error.h>
#include <mbedtls/platform_util.h>
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#include <psa/crypto.h>
#endif

#include "base/random.h"
#include "net/tls_impl.h"

/* With AES in hardware GCM is several times faster; without it ChaCha20 is. */
static const int suites_aes[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	0,
};
static const int suites_chacha[] = {
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	MBEDTLS_TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
	MBEDTLS_TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	0,
};

static bool has_fast_aes(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_cpu_supports("aes");
#else
	return false; /* 2.28 does not use ARM's instructions */
#endif
}

int tls_random(void *ctx, unsigned char *out, size_t len)
{
	random_bytes(out, len);
	return 0;
}

/* P-256 first: the library would begin with its slowest curve. */
static void conf_algorithms(mbedtls_ssl_config *conf)
{
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	static const uint16_t groups[] = { MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1,
					   MBEDTLS_SSL_IANA_TLS_GROUP_SECP384R1,
					   MBEDTLS_SSL_IANA_TLS_GROUP_NONE };
	static const uint16_t signatures[] = { MBEDTLS_TLS1_3_SIG_ECDSA_SECP256R1_SHA256,
					       MBEDTLS_TLS1_3_SIG_ECDSA_SECP384R1_SHA384,
					       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA256,
					       MBEDTLS_TLS1_3_SIG_RSA_PKCS1_SHA384, MBEDTLS_TLS1_3_SIG_NONE };

	mbedtls_ssl_conf_groups(conf, groups);
	mbedtls_ssl_conf_sig_algs(conf, signatures);
	mbedtls_ssl_conf_min_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
	mbedtls_ssl_conf_max_tls_version(conf, MBEDTLS_SSL_VERSION_TLS1_2);
#else
	static const mbedtls_ecp_group_id curves[] = { MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1,
						       MBEDTLS_ECP_DP_NONE };
	static const int hashes[] = { MBEDTLS_MD_SHA256, MBEDTLS_MD_SHA384, MBEDTLS_MD_SHA512,
				      MBEDTLS_MD_NONE };

	mbedtls_ssl_conf_curves(conf, curves);
	mbedtls_ssl_conf_sig_hashes(conf, hashes);
	mbedtls_ssl_conf_min_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
	mbedtls_ssl_conf_max_version(conf, MBEDTLS_SSL_MAJOR_VERSION_3, MBEDTLS_SSL_MINOR_VERSION_3);
#endif
	mbedtls_ssl_conf_ciphersuites(conf, has_fast_aes() ? suites_aes : suites_chacha);
	mbedtls_ssl_conf_cert_profile(conf, &mbedtls_x509_crt_profile_next);
}

static struct tls_context *context_new(bool is_server, struct err *err)
{
	struct tls_context *context = calloc(1, sizeof(*context));

	if (!context) {
		err_set(err, -ENOMEM, "no memory for a TLS context");
		return NULL;
	}
	context->refs = 1;
	context->is_server = is_server;
	mbedtls_ssl_config_init(&context->conf);
	mbedtls_x509_crt_init(&context->ca);
	mbedtls_x509_crt_init(&context->own_chain);
	mbedtls_pk_init(&context->own_key);
	mbedtls_ssl_session_init(&context->saved);
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	if (psa_crypto_init() != PSA_SUCCESS) {
		err_set(err, -EIO, "starting the cryptography of mbedTLS failed");
		goto fail;
	}
#endif
	if (mbedtls_ssl_config_defaults(&context->conf,
					is_server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
					MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT)) {
		err_set(err, -ENOMEM, "no memory for a TLS context");
		goto fail;
	}
	mbedtls_ssl_conf_rng(&context->conf, tls_random, NULL);
	conf_algorithms(&context->conf);
	return context;
fail:
	tls_unref(context);
	return NULL;
}

struct tls_context *tls_ref(struct tls_context *context)
{
	context->refs++;
	return context;
}

void tls_unref(struct tls_context *context)
{
	if (!context || --context->refs)
		return;
	for (size_t i = 0; i < context->identity_count; i++) {
		struct tls_identity *identity = &context->identities[i];

		mbedtls_x509_crt_free(&identity->chain);
		mbedtls_x509_crt_free(&identity->client_ca);
		mbedtls_pk_free(&identity->key);
		free(identity->name);
	}
	free(context->identities);
	tls_resume_forget(context);
	mbedtls_x509_crt_free(&context->ca);
	mbedtls_x509_crt_free(&context->own_chain);
	mbedtls_pk_free(&context->own_key);
	mbedtls_ssl_config_free(&context->conf);
	mbedtls_platform_zeroize(context->ticket_keys, sizeof(context->ticket_keys));
	free(context);
}

/* PEM */

static int fail_pem(struct err *err, const char *what, const char *whose, int rc)
{
	char text[128] = "";

	mbedtls_strerror(rc, text, sizeof(text));
	return err_set(err, -EINVAL, "the %s of %s cannot be read: %s", what, whose, text);
}

/* mbedTLS wants the NUL counted in. */
static int parse_chain(mbedtls_x509_crt *chain, struct span pem, const char *what, const char *whose,
		       struct err *err)
{
	char *text = span_dup(pem);
	int rc;

	if (!text)
		return err_set(err, -ENOMEM, "no memory for a certificate");
	rc = mbedtls_x509_crt_parse(chain, (const unsigned char *)text, pem.len + 1);
	free(text);
	if (rc > 0)
		return err_set(err, -EINVAL, "the %s of %s holds %d certificates that cannot be read", what,
			       whose, rc);
	return rc ? fail_pem(err, what, whose, rc) : 0;
}

static int parse_key(mbedtls_pk_context *key, struct span pem, const mbedtls_x509_crt *cert,
		     const char *whose, struct err *err)
{
	char *text = span_dup(pem);
	int rc;

	if (!text)
		return err_set(err, -ENOMEM, "no memory for a key");
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	rc = mbedtls_pk_parse_key(key, (const unsigned char *)text, pem.len + 1, NULL, 0, tls_random, NULL);
	if (!rc)
		rc = mbedtls_pk_check_pair(&cert->pk, key, tls_random, NULL);
#else
	rc = mbedtls_pk_parse_key(key, (const unsigned char *)text, pem.len + 1, NULL, 0);
	if (!rc)
		rc = mbedtls_pk_check_pair(&cert->pk, key);
#endif
	mbedtls_platform_zeroize(text, pem.len);
	free(text);
	return rc ? fail_pem(err, "key", whose, rc) : 0;
}

/* Servers */

static int choose_identity(void *ctx, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len)
{
	static const int modes[] = {
		[TLS_CLIENT_NONE] = MBEDTLS_SSL_VERIFY_NONE,
		[TLS_CLIENT_OPTIONAL] = MBEDTLS_SSL_VERIFY_OPTIONAL,
		[TLS_CLIENT_REQUIRED] = MBEDTLS_SSL_VERIFY_REQUIRED,
	};
	struct tls_context *context = ctx;
	struct tls_session *session = context->active;
	const struct tls_identity *identity = tls_identity_find(context, span_make(name, len));

	free(session->server_name);
	session->server_name = span_dup(span_make(name, len));
	session->identity = identity;
	if (!identity || !session->server_name)
		return -1;
	mbedtls_ssl_set_hs_authmode(ssl, modes[identity->client_auth]);
	mbedtls_ssl_set_hs_ca_chain(ssl, (mbedtls_x509_crt *)&identity->client_ca, NULL);
	return mbedtls_ssl_set_hs_own_cert(ssl, (mbedtls_x509_crt *)&identity->chain,
					   (mbedtls_pk_context *)&identity->key);
}

const struct tls_identity *tls_identity_find(const struct tls_context *context, struct span name)
{
	const struct tls_identity *fallback = NULL;

	for (size_t i = 0; i < context->identity_count; i++) {
		const struct tls_identity *identity = &context->identities[i];

		if (!identity->name)
			fallback = identity;
		else if (strlen(identity->name) == name.len && name.len &&
			 !strncasecmp(identity->name, name.ptr, name.len))
			return identity;
	}
	return fallback;
}

static int identity_fill(struct tls_identity *identity, const struct tls_server_name *name, struct err *err)
{
	const char *whose = name->name ? name->name : "the default server";
	struct buf demands;
	int rc;

	mbedtls_x509_crt_init(&identity->chain);
	mbedtls_x509_crt_init(&identity->client_ca);
	mbedtls_pk_init(&identity->key);
	identity->client_auth = name->client_auth;
	identity->accept_expired = name->accept_expired;
	if (name->name && !(identity->name = span_dup(span_of(name->name))))
		return err_set(err, -ENOMEM, "no memory for a TLS name");
	rc = parse_chain(&identity->chain, name->cert_chain_pem, "certificate", whose, err);
	if (!rc)
		rc = parse_key(&identity->key, name->key_pem, &identity->chain, whose, err);
	if (rc)
		return rc;
	if (name->client_auth != TLS_CLIENT_NONE) {
		if (!name->client_ca_pem.len)
			return err_set(err, -EINVAL,
				       "%s asks for client certificates but trusts no authority", whose);
		rc = parse_chain(&identity->client_ca, name->client_ca_pem, "client authority", whose, err);
		if (rc)
			return rc;
	}
	buf_init(&demands, 1u << 20);
	buf_addf(&demands, "%s|%d|%d|", name->name ? name->name : "", name->client_auth,
		 name->accept_expired);
	buf_add_span(&demands, name->client_auth != TLS_CLIENT_NONE ? name->client_ca_pem : SPAN(""));
	rc = buf_error(&demands);
	crypt_sha256(buf_span(&demands), identity->id);
	buf_done(&demands);
	return rc ? err_set(err, rc, "the client authority of %s is too large", whose) : 0;
}

static int use_default(struct tls_context *context)
{
	const struct tls_identity *identity = tls_identity_find(context, SPAN(""));
	static const int modes[] = { MBEDTLS_SSL_VERIFY_NONE, MBEDTLS_SSL_VERIFY_OPTIONAL,
				     MBEDTLS_SSL_VERIFY_REQUIRED };

	/* Without SNI the callback is not called: the configuration's own values count. */
	if (!identity)
		return 0;
	mbedtls_ssl_conf_authmode(&context->conf, modes[identity->client_auth]);
	mbedtls_ssl_conf_ca_chain(&context->conf, (mbedtls_x509_crt *)&identity->client_ca, NULL);
	return mbedtls_ssl_conf_own_cert(&context->conf, (mbedtls_x509_crt *)&identity->chain,
					 (mbedtls_pk_context *)&identity->key);
}

int tls_server_set_ticket_keys(struct tls_context *context, const uint8_t (*keys)[TLS_TICKET_KEY_SIZE],
			       size_t count)
{
	if (!count || count > TLS_TICKET_KEYS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		struct tls_ticket_key *slot = &context->ticket_keys[i];
		uint8_t digest[CRYPT_SHA256_SIZE];

		memcpy(slot->key, keys[i], sizeof(slot->key));
		crypt_sha256(span_make(slot->key, sizeof(slot->key)), digest);
		memcpy(slot->id, digest, sizeof(slot->id));
	}
	context->ticket_key_count = count;
	return 0;
}

static int setup_tickets(struct tls_context *context, const struct tls_server_options *options)
{
	uint8_t fresh[1][TLS_TICKET_KEY_SIZE];
	int rc;

	if (options->no_tickets)
		return 0;
	context->ticket_lifetime_s =
		options->ticket_lifetime_s ? options->ticket_lifetime_s : TLS_TICKET_LIFETIME_S;
	if (options->ticket_keys) {
		rc = tls_server_set_ticket_keys(context, options->ticket_keys, options->ticket_key_count);
	} else {
		random_bytes(fresh, sizeof(fresh));
		rc = tls_server_set_ticket_keys(context, fresh, 1);
		mbedtls_platform_zeroize(fresh, sizeof(fresh));
	}
	mbedtls_ssl_conf_session_tickets_cb(&context->conf, tls_ticket_write, tls_ticket_parse, context);
	return rc;
}

int tls_server_new_with(const struct tls_server_name *names, size_t count,
			const struct tls_server_options *options, struct tls_context **out, struct err *err)
{
	struct tls_context *context;
	int rc = 0;

	if (!count || count > TLS_NAMES_MAX)
		return err_set(err, -EINVAL, "a TLS server has 1 to %u names", TLS_NAMES_MAX);
	context = context_new(true, err);
	if (!context)
		return -ENOMEM;
	context->clock = options->clock;
	context->identities = calloc(count, sizeof(*context->identities));
	if (!context->identities)
		rc = err_set(err, -ENOMEM, "no memory for the names of a TLS server");
	while (!rc && context->identity_count < count) {
		struct tls_identity *identity = &context->identities[context->identity_count];

		rc = identity_fill(identity, &names[context->identity_count], err);
		context->identity_count++;
	}
	if (!rc && (use_default(context) || setup_tickets(context, options)))
		rc = err_set(err, -EINVAL, "no memory, or too many ticket keys");
	if (rc) {
		tls_unref(context);
		return rc;
	}
	mbedtls_ssl_conf_sni(&context->conf, choose_identity, context);
	/* Which authorities we trust is nobody's business, and clients that filter by it choose wrongly with intermediates. */
	mbedtls_ssl_conf_cert_req_ca_list(&context->conf, MBEDTLS_SSL_CERT_REQ_CA_LIST_DISABLED);
	*out = context;
	return 0;
}

int tls_server_new(const struct tls_server_name *names, size_t count, struct tls_context **out,
		   struct err *err)
{
	const struct tls_server_options defaults = { 0 };

	return tls_server_new_with(names, count, &defaults, out, err);
}

/* Clients */

static int client_trust(struct tls_context *context, const struct tls_client_options *options,
			struct err *err)
{
	struct buf trust;
	int rc = 0;

	context->has_ca = options->ca_pem.len > 0;
	context->has_pin = options->pin_root_sha256 != NULL;
	if (!context->has_ca && !context->has_pin)
		return err_set(err, -EINVAL,
			       "a TLS client needs an authority or a pin to verify the server with");
	if (context->has_ca)
		rc = parse_chain(&context->ca, options->ca_pem, "authority", "this client", err);
	if (rc)
		return rc;
	if (options->pin_root_sha256)
		memcpy(context->pin, options->pin_root_sha256, sizeof(context->pin));
	buf_init(&trust, 1u << 20);
	buf_add(&trust, context->pin, sizeof(context->pin));
	buf_add_span(&trust, options->ca_pem);
	buf_add_span(&trust, options->cert_chain_pem);
	rc = buf_error(&trust);
	crypt_sha256(buf_span(&trust), context->trust_id);
	buf_done(&trust);
	if (rc)
		return err_set(err, rc, "the authorities of a TLS client are too large");
	if (context->has_ca)
		mbedtls_ssl_conf_ca_chain(&context->conf, &context->ca, NULL);
	/* With a pin alone mbedTLS has nothing to trust and would not even try: tls_verify_step and tls_judge do it. */
	mbedtls_ssl_conf_authmode(&context->conf, context->has_ca ? MBEDTLS_SSL_VERIFY_REQUIRED
								  : MBEDTLS_SSL_VERIFY_OPTIONAL);
	return 0;
}

static int client_identity(struct tls_context *context, const struct tls_client_options *options,
			   struct err *err)
{
	int rc;

	if (!options->cert_chain_pem.len)
		return 0;
	rc = parse_chain(&context->own_chain, options->cert_chain_pem, "certificate", "this client", err);
	if (!rc)
		rc = parse_key(&context->own_key, options->key_pem, &context->own_chain, "this client", err);
	if (!rc && mbedtls_ssl_conf_own_cert(&context->conf, &context->own_chain, &context->own_key))
		rc = err_set(err, -ENOMEM, "no memory for a client certificate");
	return rc;
}

int tls_client_new(const struct tls_client_options *options, struct tls_context **out, struct err *err)
{
	struct tls_context *context = context_new(false, err);
	int rc;

	if (!context)
		return -ENOMEM;
	context->clock = options->clock;
	rc = client_trust(context, options, err);
	if (!rc)
		rc = client_identity(context, options, err);
	if (rc) {
		tls_unref(context);
		return rc;
	}
	mbedtls_ssl_conf_session_tickets(&context->conf, MBEDTLS_SSL_SESSION_TICKETS_ENABLED);
	*out = context;
	return 0;
}
