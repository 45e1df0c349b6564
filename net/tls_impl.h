/* tls_impl: the inside of TLS contexts, shared by tls.c (making them), tls_session.c (connections),
 * tls_ticket.c (resumption) and tls_verify.c (judging certificates). Private to these. */
#ifndef HOLDFAST_NET_TLS_IMPL_H
#define HOLDFAST_NET_TLS_IMPL_H

#include <mbedtls/oid.h>
#include <mbedtls/ssl.h>
#include <mbedtls/version.h>
#include <mbedtls/x509_crt.h>

#include "net/crypt.h"
#include "net/tls_session.h"

struct tls_identity {
	char *name; /* NULL: the default */
	mbedtls_x509_crt chain, client_ca;
	mbedtls_pk_context key;
	enum tls_client_auth client_auth;
	bool accept_expired;
	uint8_t id[CRYPT_SHA256_SIZE]; /* of what it demands of a client: tickets are bound to it */
};

struct tls_ticket_key {
	uint8_t id[4];
	uint8_t key[TLS_TICKET_KEY_SIZE];
};

struct tls_context {
	unsigned refs;
	bool is_server;
	struct tls_clock clock;
	mbedtls_ssl_config conf;
	struct tls_session *active; /* in a handshake step just now: for callbacks that are not told */

	/* server */
	struct tls_identity *identities;
	size_t identity_count;
	struct tls_ticket_key ticket_keys[TLS_TICKET_KEYS_MAX];
	size_t ticket_key_count;
	unsigned ticket_lifetime_s;

	/* client */
	mbedtls_x509_crt ca, own_chain;
	mbedtls_pk_context own_key;
	bool has_ca, has_pin;
	uint8_t pin[CRYPT_SHA256_SIZE];
	uint8_t trust_id[CRYPT_SHA256_SIZE]; /* of ca_pem and pin: a saved session is bound to it */
	mbedtls_ssl_session saved;
	char *saved_name; /* NULL: nothing saved */
};

/* What was found wrong with the peer's chain, for the sentence. */
struct tls_verdict {
	uint32_t flags; /* MBEDTLS_X509_BADCERT_* of all certificates */
	bool began;
	mbedtls_x509_time limit; /* the date that was passed or not reached */
};

struct tls_session {
	mbedtls_ssl_context ssl;
	struct tls_context *context;
	tls_send send;
	void *ctx;
	struct span in; /* ciphertext not yet read by mbedTLS; in `kept` or borrowed */
	char *kept;
	size_t unsent_len; /* plain bytes of the record that waits for the kernel */
	bool send_blocked, done, ticket_used;
	uint8_t ticket_identity[CRYPT_SHA256_SIZE];
	const struct tls_identity *identity; /* server: chosen by SNI */
	struct tls_verdict verdict;
	char *server_name;
	struct tls_peer peer;
	char *peer_text; /* holds the names peer points to */
	const char **organizations;
};

int tls_random(void *ctx, unsigned char *out, size_t len);
const struct tls_identity *tls_identity_find(const struct tls_context *context, struct span name);

/* tls_verify.c */
int tls_verify_step(void *session, mbedtls_x509_crt *crt, int depth, uint32_t *flags); /* mbedTLS' f_vrfy */
/* Why the handshake ended with mbedTLS' code `rc`, as a sentence; returns the errno. */
int tls_explain(const struct tls_session *session, int rc, struct err *err);
/* After the handshake: is what mbedTLS let pass enough? Fills session->peer. */
int tls_judge(struct tls_session *session, struct err *err) must_check;
int64_t tls_time_wall_ms(const mbedtls_x509_time *time);
/* MBEDTLS_X509_BADCERT_EXPIRED and _FUTURE by the context's clock. */
uint32_t tls_check_dates(const struct tls_context *context, const mbedtls_x509_crt *crt);

/* tls_ticket.c */
mbedtls_ssl_ticket_write_t tls_ticket_write;
mbedtls_ssl_ticket_parse_t tls_ticket_parse;
int tls_resume_offer(
	struct tls_session
		*session); /* client: before the handshake. 0 also when there is nothing to offer */
void tls_resume_keep(struct tls_session *session); /* client: after it */
void tls_resume_forget(struct tls_context *context);

#endif
