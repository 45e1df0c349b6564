/* Judging certificates: the steps mbedTLS asks us about, the last look after the handshake, and the
 * sentences that say what was wrong. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <mbedtls/error.h>

#include "base/clock.h"
#include "net/tls_impl.h"

#define PEER_TEXT_MAX 4096u
#define PEER_ORGANIZATIONS_MAX 32u

int64_t tls_time_wall_ms(const mbedtls_x509_time *t)
{
	return clock_of_date(t->year, t->mon, t->day, t->hour, t->min, t->sec);
}

uint32_t tls_check_dates(const struct tls_context *context, const mbedtls_x509_crt *crt)
{
	const struct tls_clock *clock = &context->clock;
	int64_t now = clock->expiry_ms ? clock->expiry_ms(clock->ctx) : clock_wall_ms();
	uint32_t flags = 0;

	if (tls_time_wall_ms(&crt->valid_to) < now)
		flags |= MBEDTLS_X509_BADCERT_EXPIRED;
	if (!clock->expiry_ms && tls_time_wall_ms(&crt->valid_from) > now)
		flags |= MBEDTLS_X509_BADCERT_FUTURE;
	return flags;
}

static bool is_pinned(const struct tls_context *context, const mbedtls_x509_crt *crt)
{
	uint8_t digest[CRYPT_SHA256_SIZE];

	crypt_sha256(span_make(crt->raw.p, crt->raw.len), digest);
	return crypt_equal(span_make(digest, sizeof(digest)), span_make(context->pin, sizeof(context->pin)));
}

/* An authority for one use lends no other one to what it signed; one without the extension is for all. */
static void check_usage(const struct tls_context *context, const mbedtls_x509_crt *crt, uint32_t *flags)
{
	static const char client[] = MBEDTLS_OID_CLIENT_AUTH, server[] = MBEDTLS_OID_SERVER_AUTH;
	const char *oid = context->is_server ? client : server;

	if (mbedtls_x509_crt_check_extended_key_usage(crt, oid, sizeof(client) - 1))
		*flags |= MBEDTLS_X509_BADCERT_EXT_KEY_USAGE;
}

static void judge_step(struct tls_session *session, const mbedtls_x509_crt *crt, uint32_t *flags)
{
	const struct tls_context *context = session->context;
	struct tls_verdict *verdict = &session->verdict;

	*flags &= ~(uint32_t)(MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE);
	*flags |= tls_check_dates(context, crt);
	if (session->identity && session->identity->accept_expired)
		*flags &= ~(uint32_t)MBEDTLS_X509_BADCERT_EXPIRED;
	if (context->has_pin && context->has_ca && !verdict->began && !is_pinned(context, crt))
		*flags |= MBEDTLS_X509_BADCERT_NOT_TRUSTED; /* the top of the chain comes first */
	check_usage(context, crt, flags);
	verdict->began = true;
	if (*flags & MBEDTLS_X509_BADCERT_EXPIRED)
		verdict->limit = crt->valid_to;
	else if (*flags & MBEDTLS_X509_BADCERT_FUTURE)
		verdict->limit = crt->valid_from;
	verdict->flags |= *flags;
}

static int pinned_step(void *session, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	judge_step(session, crt, flags);
	return 0;
}

/* With nothing but a pin mbedTLS has nothing to trust: its own judgement is put aside, and the chain that begins at `leaf` is
 * verified anew towards the one certificate that is pinned. */
static int verify_pinned(struct tls_session *session, mbedtls_x509_crt *leaf, uint32_t *flags)
{
	mbedtls_x509_crt *pinned = leaf, anchor;
	int rc;

	*flags = MBEDTLS_X509_BADCERT_NOT_TRUSTED;
	session->verdict.began = true;
	while (pinned && !is_pinned(session->context, pinned))
		pinned = pinned->next;
	if (pinned) {
		mbedtls_x509_crt_init(
			&anchor); /* by itself: what follows it in the chain is not to be trusted */
		rc = mbedtls_x509_crt_parse_der(&anchor, pinned->raw.p, pinned->raw.len);
		if (!rc)
			rc = mbedtls_x509_crt_verify_with_profile(leaf, &anchor, NULL,
								  &mbedtls_x509_crt_profile_next,
								  session->server_name, flags, pinned_step,
								  session);
		mbedtls_x509_crt_free(&anchor);
		if (rc && rc != MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)
			return rc;
	}
	session->verdict.flags |= *flags;
	return *flags ? MBEDTLS_ERR_X509_CERT_VERIFY_FAILED : 0;
}

int tls_verify_step(void *ctx, mbedtls_x509_crt *crt, int depth, uint32_t *flags)
{
	struct tls_session *session = ctx;
	const struct tls_context *context = session->context;

	if (context->has_pin && !context->has_ca) {
		*flags = 0;
		return depth ? 0 : verify_pinned(session, crt, flags);
	}
	judge_step(session, crt, flags);
	/* Where mbedTLS verifies only optionally it would go on: stop it here. */
	if (depth == 0 && session->verdict.flags && context->is_server &&
	    session->identity->client_auth == TLS_CLIENT_OPTIONAL)
		return MBEDTLS_ERR_X509_CERT_VERIFY_FAILED;
	return 0;
}

/* Sentences */

static int explain_flags(const struct tls_session *session, uint32_t flags, struct err *err)
{
	const struct tls_context *context = session->context;
	const char *whose = context->is_server ? "the client's certificate" : "the server's certificate";
	const mbedtls_x509_time *limit = &session->verdict.limit;
	const uint32_t dates = MBEDTLS_X509_BADCERT_EXPIRED | MBEDTLS_X509_BADCERT_FUTURE;
	bool clock = !context->is_server && !(flags & ~dates);

	if (flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED)
		return err_set(err, -EKEYREJECTED, "%s is not signed by %s", whose,
			       context->has_pin ? "the pinned authority" : "a trusted authority");
	if (flags & MBEDTLS_X509_BADCERT_EXPIRED)
		return err_set(err, clock ? -ETIME : -EKEYEXPIRED, "%s expired on %04d-%02d-%02d", whose,
			       limit->year, limit->mon, limit->day);
	if (flags & MBEDTLS_X509_BADCERT_FUTURE)
		return err_set(err, clock ? -ETIME : -EKEYREJECTED,
			       "%s is not valid before %04d-%02d-%02d: is the clock right?", whose,
			       limit->year, limit->mon, limit->day);
	if (flags & MBEDTLS_X509_BADCERT_CN_MISMATCH)
		return err_set(err, -EKEYREJECTED, "%s is not for the name %s", whose, session->server_name);
	if (flags & (MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | MBEDTLS_X509_BADCERT_KEY_USAGE))
		return err_set(err, -EKEYREJECTED, "%s is not meant for a %s", whose,
			       context->is_server ? "client" : "server");
	if (flags & MBEDTLS_X509_BADCERT_MISSING)
		return err_set(err, -ENOKEY, "the %s showed no certificate",
			       context->is_server ? "client" : "server");
	if (flags &
	    (MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY))
		return err_set(err, -EKEYREJECTED, "%s uses a key or signature that is too weak", whose);
	return err_set(err, -EKEYREJECTED, "%s was not accepted (flags %#x)", whose, flags);
}

static const struct {
	unsigned char alert;
	int code;
	const char *sentence;
} alerts[] = {
	{ 40, -ECONNREFUSED,
	  "the peer refused the handshake: no common cipher suite, or it wants a certificate" },
	{ 41, -ENOKEY, "the peer wants a certificate" },
	{ 42, -EKEYREJECTED, "the peer refused our certificate" },
	{ 43, -EKEYREJECTED, "the peer refused our certificate: it is not meant for this use" },
	{ 44, -EKEYREJECTED, "the peer says that our certificate is revoked" },
	{ 45, -EKEYEXPIRED, "the peer says that our certificate has expired" },
	{ 46, -EKEYREJECTED, "the peer refused our certificate" },
	{ 48, -EKEYREJECTED, "the peer does not know the authority that signed our certificate" },
	{ 49, -EACCES, "the peer refused our certificate: access denied" },
	{ 70, -EPROTONOSUPPORT, "the peer speaks no version of TLS that we do" },
	{ 112, -ECONNREFUSED, "the peer does not know the name we asked for" },
	{ 116, -ENOKEY, "the peer wants a certificate" },
};

static int explain_alert(const struct tls_session *session, struct err *err)
{
	unsigned char alert = session->ssl.in_msg[1];

	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (alerts[i].alert == alert)
			return err_set(err, alerts[i].code, "%s", alerts[i].sentence);
	return err_set(err, -EPROTO, "the peer ended TLS with alert %u", alert);
}

static bool is_certificate_error(int rc)
{
	return rc == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || rc == MBEDTLS_ERR_X509_FATAL_ERROR ||
#if MBEDTLS_VERSION_NUMBER >= 0x03000000
	       rc == MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
#else
	       rc == MBEDTLS_ERR_SSL_BAD_HS_CERTIFICATE;
#endif
}

int tls_explain(const struct tls_session *session, int rc, struct err *err)
{
	uint32_t flags = session->verdict.flags, result = mbedtls_ssl_get_verify_result(&session->ssl);
	char text[128] = "";

	if (is_certificate_error(rc) && (flags || result))
		return explain_flags(session, flags ? flags : result, err);
	if (rc == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE)
		return explain_alert(session, err);
#if MBEDTLS_VERSION_NUMBER < 0x03000000
	if (rc == MBEDTLS_ERR_SSL_NO_CLIENT_CERTIFICATE)
		return explain_flags(session, MBEDTLS_X509_BADCERT_MISSING, err);
#else
	if (result != UINT32_MAX && (result & MBEDTLS_X509_BADCERT_MISSING))
		return explain_flags(session, MBEDTLS_X509_BADCERT_MISSING, err);
#endif
	if (session->context->is_server && !session->identity)
		return err_set(err, -ECONNREFUSED, "the client asked for the unknown name \"%.100s\"",
			       session->server_name ? session->server_name : "");
	if (rc == MBEDTLS_ERR_SSL_ALLOC_FAILED)
		return err_set(err, -ENOMEM, "no memory for TLS");
	mbedtls_strerror(rc, text, sizeof(text));
	return err_set(err, -EPROTO, "not understood, is this TLS? %s", text);
}

/* The peer */

static bool is_plain_text(const mbedtls_x509_buf *value)
{
	for (size_t i = 0; i < value->len; i++)
		if (value->p[i] < 0x20 || value->p[i] == 0x7f)
			return false;
	return true;
}

/* Common name and organizations as strings. A name that two readers could read differently is refused. */
static int read_names(struct tls_session *session, const mbedtls_x509_crt *crt)
{
	struct tls_peer *peer = &session->peer;
	size_t at[PEER_ORGANIZATIONS_MAX], orgs = 0, cn = 0;
	bool has_cn = false;
	struct buf text;

	buf_init(&text, PEER_TEXT_MAX);
	buf_add_char(&text, '\0'); /* what "" points to */
	for (const mbedtls_x509_name *name = &crt->subject; name && name->oid.p; name = name->next) {
		bool is_cn = MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0;
		bool is_org = MBEDTLS_OID_CMP(MBEDTLS_OID_AT_ORGANIZATION, &name->oid) == 0;

		if (!is_cn && !is_org)
			continue;
		if (!is_plain_text(&name->val) || (is_cn && has_cn) ||
		    (is_org && orgs == PEER_ORGANIZATIONS_MAX)) {
			buf_done(&text);
			return -EINVAL;
		}
		if (is_cn)
			cn = text.len;
		else
			at[orgs++] = text.len;
		has_cn |= is_cn;
		buf_add(&text, name->val.p, name->val.len);
		buf_add_char(&text, '\0');
	}
	session->peer_text = buf_take(&text, NULL);
	session->organizations = calloc(orgs + 1, sizeof(*session->organizations));
	if (!session->peer_text || !session->organizations)
		return -ENOMEM;
	for (size_t i = 0; i < orgs; i++)
		session->organizations[i] = session->peer_text + at[i];
	peer->common_name = session->peer_text + cn;
	peer->organizations = session->organizations;
	return 0;
}

static const char *const no_organizations[] = { NULL };

static int know_peer(struct tls_session *session, struct err *err)
{
	const mbedtls_x509_crt *crt = mbedtls_ssl_get_peer_cert(&session->ssl);
	struct tls_peer *peer = &session->peer;
	int rc;

	peer->common_name = "";
	peer->organizations = no_organizations;
	peer->server_name = session->server_name ? session->server_name : "";
	if (!crt)
		return 0;
	rc = read_names(session, crt);
	if (rc)
		return err_set(err, rc, "the name in the peer's certificate is ambiguous");
	peer->has_cert = true;
	peer->cert_der = crt->raw.p;
	peer->cert_der_len = crt->raw.len;
	peer->not_before_wall_ms = tls_time_wall_ms(&crt->valid_from);
	peer->not_after_wall_ms = tls_time_wall_ms(&crt->valid_to);
	peer->expired = tls_check_dates(session->context, crt) & MBEDTLS_X509_BADCERT_EXPIRED;
	crypt_sha256(span_make(crt->pk_raw.p, crt->pk_raw.len), peer->key_sha256);
	return 0;
}

int tls_judge(struct tls_session *session, struct err *err)
{
	const struct tls_context *context = session->context;
	uint32_t result = mbedtls_ssl_get_verify_result(&session->ssl);
	bool has_cert = mbedtls_ssl_get_peer_cert(&session->ssl) != NULL;

	if (!context->is_server) {
		if (result || !has_cert)
			return explain_flags(session, result ? result : MBEDTLS_X509_BADCERT_MISSING, err);
		/* A full handshake asks us about each certificate; a resumed one does not. */
		session->peer.resumed = !session->verdict.began;
		return know_peer(session, err);
	}
	if (!session->identity)
		return err_set(err, -ECONNREFUSED, "the client asked for no name that is served here");
	if (session->ticket_used &&
	    memcmp(session->ticket_identity, session->identity->id, sizeof(session->ticket_identity)) != 0)
		return err_set(err, -EACCES, "the client resumed a session of another name");
	if (has_cert && result)
		return explain_flags(session, result, err);
	if (!has_cert && session->identity->client_auth == TLS_CLIENT_REQUIRED)
		return explain_flags(session, MBEDTLS_X509_BADCERT_MISSING, err);
	session->peer.resumed = session->ticket_used;
	return know_peer(session, err);
}
