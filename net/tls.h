/* tls: what a TLS end believes and shows: contexts for clients and servers, and the peer's identity.
 * mbedTLS inside (2.28 and 3.6), TLS 1.2 with ECDHE and AEAD suites, P-256. TLS 1.3 stays off with 3.6 too:
 * its tickets there forget the peer's certificate, and a resumed node must still be known.
 *
 * What a context believes and shows is fixed once made; inside it changes only what resumption needs. It is shared by
 * reference by many streams of ONE loop. PEM in. Each connection costs about 40 KB while it is open: the library
 * as packaged keeps two whole records for it. */
#ifndef HOLDFAST_NET_TLS_H
#define HOLDFAST_NET_TLS_H

#include "base/buf.h"

struct tls_context;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

#define TLS_NAMES_MAX 64u

/* Which certificates have expired, and that only: those that ended before expiry_ms(ctx), asked for each of them. Without it the
 * machine's clock judges, and when they begin as well. */
struct tls_clock {
	int64_t (*expiry_ms)(void *ctx);
	void *ctx;
};

/* One identity of a server, chosen by SNI. */
struct tls_server_name {
	const char *name; /* exact, case does not count; NULL: when no other matches (also: no SNI) */
	struct span cert_chain_pem;
	struct span key_pem;
	struct span client_ca_pem; /* trusted for client certificates; empty: none is asked for */
	enum tls_client_auth client_auth;
	/* Clients whose certificate has run out are let in all the same, and tls_peer.expired says so: whoever accepts decides
	 * what such a client may do. */
	bool accept_expired;
};
/* A TLS_CLIENT_OPTIONAL client that shows a certificate of another authority, or an expired one, is refused in the handshake.
 * So is one whose extended key usage does not include clientAuth. Without an identity named NULL, unknown names are refused. */
int tls_server_new(const struct tls_server_name *names, size_t count, struct tls_context **out,
		   struct err *err) must_check;

/* Session tickets: on by default under a random key, so that a client resumes until the context goes. A ticket is good
 * for the name it was issued under, keeps the client's certificate, and dies with it; resumption proves the key again
 * but not that the certificate has not been revoked since: whoever accepts must check the peer each time. */
#define TLS_TICKET_KEY_SIZE 32
#define TLS_TICKET_KEYS_MAX 4u
#define TLS_TICKET_LIFETIME_S (24u * 60 * 60)
struct tls_server_options {
	/* Stored keys, so that a restarted server (or its twin) resumes its clients: the first seals, all open. NULL: random. */
	const uint8_t (*ticket_keys)[TLS_TICKET_KEY_SIZE];
	size_t ticket_key_count;
	unsigned ticket_lifetime_s; /* 0: TLS_TICKET_LIFETIME_S */
	bool no_tickets;
	struct tls_clock clock; /* judges client certificates */
};
int tls_server_new_with(const struct tls_server_name *names, size_t count,
			const struct tls_server_options *options, struct tls_context **out,
			struct err *err) must_check;
/* Replaces the keys (rotation): same meaning as in the options. -EINVAL: none, or more than TLS_TICKET_KEYS_MAX. */
int tls_server_set_ticket_keys(struct tls_context *context, const uint8_t (*keys)[TLS_TICKET_KEY_SIZE],
			       size_t count) must_check;

struct tls_client_options {
	struct span ca_pem;	    /* required: there is no way to skip verification */
	struct span cert_chain_pem; /* ours; empty: none */
	struct span key_pem;
	/* Instead of ca_pem alone: the peer's root must have this SHA-256 (of its DER), as a join token pins it. Then ca_pem may be
	 * empty: the certificate of that hash among those that the server sends is what its chain has to end at, whatever else it
	 * sends (while authorities change, roots old and new). NULL: not used. */
	const uint8_t *pin_root_sha256;
	struct tls_clock clock; /* judges the server's */
};
/* Verified of every server: its chain, the name asked for (a DNS name: addresses are not supported), its dates, serverAuth.
 * A server that is refused for its dates alone, either way, ends its stream with -ETIME: that may be this machine's clock. */
int tls_client_new(const struct tls_client_options *options, struct tls_context **out,
		   struct err *err) must_check;
/* A client resumes its last session with the same name by itself. These two carry it over a restart. The bytes are secret
 * (they hold the session's key): seal them. -ENOENT: no session yet; -ESTALE: of other options, or not understood. */
int tls_client_save_session(const struct tls_context *context, struct buf *out) must_check;
int tls_client_load_session(struct tls_context *context, struct span saved) must_check;

struct tls_context *tls_ref(struct tls_context *context);
void tls_unref(struct tls_context *context); /* NULL is fine */

/* What the handshake proved. Borrowed from the stream. */
struct tls_peer {
	bool has_cert; /* a certificate was shown and verified against client_ca_pem (server) or ca_pem (client) */
	const char *common_name;	  /* "" without */
	const char *const *organizations; /* NULL-ended */
	const uint8_t *cert_der;	  /* the leaf */
	size_t cert_der_len;
	uint8_t key_sha256[32]; /* of the leaf's SubjectPublicKeyInfo */
	int64_t not_before_wall_ms, not_after_wall_ms;
	bool expired; /* only under a name that accepts it */
	const char
		*server_name; /* server side: the SNI asked for, "" if none; client side: the name verified */
	bool resumed;	      /* no full handshake: the certificate is the one of the session before */
};

#endif
