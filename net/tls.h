/* tls: what a TLS end believes and shows: contexts for clients and servers, and the peer's identity.
 * mbedTLS inside (2.28 and 3.6); TLS 1.2 and later, ECDHE with AEAD suites, P-256.
 *
 * A context is immutable once made, shared by reference by many streams of one loop. PEM in. */
#ifndef HOLDFAST_NET_TLS_H
#define HOLDFAST_NET_TLS_H

#include "base/buf.h"

struct tls_context;

enum tls_client_auth { TLS_CLIENT_NONE, TLS_CLIENT_OPTIONAL, TLS_CLIENT_REQUIRED };

/* One identity of a server, chosen by SNI. */
struct tls_server_name {
	const char *name;              /* exact; NULL: when no other matches (also: no SNI) */
	struct span cert_chain_pem;
	struct span key_pem;
	struct span client_ca_pem;     /* trusted for client certificates; empty: none is asked for */
	enum tls_client_auth client_auth;
};
/* A TLS_CLIENT_OPTIONAL client that shows a certificate of another authority, or an expired one, is refused in the handshake. */
int tls_server_new(const struct tls_server_name *names, size_t count, struct tls_context **out, struct err *err) must_check;

struct tls_client_options {
	struct span ca_pem;            /* required: there is no way to skip verification */
	struct span cert_chain_pem;    /* ours; empty: none */
	struct span key_pem;
	/* Instead of ca_pem alone: the peer's root must have this SHA-256 (of its DER), as a join token pins it. Then ca_pem may be
	 * empty and the root comes from the handshake's chain. NULL: not used. */
	const uint8_t *pin_root_sha256;
	/* The clock is known to be unset (no RTC, first boot): certificates not yet valid are accepted. */
	bool clock_unset;
};
int tls_client_new(const struct tls_client_options *options, struct tls_context **out, struct err *err) must_check;
struct tls_context *tls_ref(struct tls_context *context);
void tls_unref(struct tls_context *context);

/* What the handshake proved. Borrowed from the stream. */
struct tls_peer {
	bool has_cert;                 /* a certificate was shown and verified against client_ca_pem (server) or ca_pem (client) */
	const char *common_name;       /* "" without */
	const char *const *organizations; /* NULL-ended */
	const uint8_t *cert_der;       /* the leaf */
	size_t cert_der_len;
	uint8_t key_sha256[32];        /* of the leaf's SubjectPublicKeyInfo */
	int64_t not_after_wall_ms;
	const char *server_name;       /* server side: the SNI asked for, "" if none */
};

#endif
