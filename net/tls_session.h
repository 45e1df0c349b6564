/* tls_session: one end of one TLS connection, without a socket: ciphertext is fed in, ciphertext
 * goes out through a function that may say -EAGAIN, plaintext is read and written. */
#ifndef HOLDFAST_NET_TLS_SESSION_H
#define HOLDFAST_NET_TLS_SESSION_H

#include <sys/types.h>

#include "net/tls.h"

struct tls_session;

/* Bytes taken, -EAGAIN, or negative errno. */
typedef ssize_t (*tls_send)(void *ctx, const void *data, size_t len);

/* server_name: the name a client asks for and verifies; NULL for a server's end. */
int tls_session_new(struct tls_context *context, const char *server_name, tls_send send, void *ctx,
		    struct tls_session **out, struct err *err) must_check;
void tls_session_free(struct tls_session *session);

/* Borrows `bytes` as the next input, until they are used up or tls_session_keep has copied the rest. -ENOMEM. */
int tls_session_feed(struct tls_session *session, struct span bytes) must_check;
int tls_session_keep(struct tls_session *session) must_check;
/* All of it that no one has read yet: before the handshake begins, whatever has come. */
struct span tls_session_input(const struct tls_session *session);
bool tls_session_has_input(const struct tls_session *session); /* kept, or already decrypted */
bool tls_session_wants_write(
	const struct tls_session *session); /* the last call stopped because sending would block */

/* 0: done; -EAGAIN: feed more, or wait until sending is possible; else refused, and err says why. */
int tls_session_shake(struct tls_session *session, struct err *err) must_check;
/* Bytes read; 0 after the peer's orderly end; -EAGAIN; else broken. */
ssize_t tls_session_read(struct tls_session *session, char *out, size_t size, struct err *err) must_check;
/* Plain bytes taken; -EAGAIN: call again with at least the same bytes; else broken. */
ssize_t tls_session_write(struct tls_session *session, struct span plain, struct err *err) must_check;
/* Says goodbye (close_notify). -EAGAIN: once more. */
int tls_session_bye(struct tls_session *session) must_check;
/* Server: would this ticket, shown for this name, be taken? No public-key work. */
bool tls_session_opens_ticket(const struct tls_session *session, struct span ticket, struct span server_name);
bool tls_session_used_ticket(const struct tls_session *session); /* server: it took the client's ticket */
/* Server, after the handshake: appends a fresh ticket for this very session, under the newest key. -ENOTSUP: no tickets here. */
int tls_session_ticket_make(struct tls_session *session, struct buf *out) must_check;
/* Client: the saved session has this ticket from now on. -ESTALE: another session has been saved since. */
int tls_session_ticket_take(struct tls_session *session, struct span ticket) must_check;
const struct tls_peer *
tls_session_peer(const struct tls_session *session); /* NULL before the handshake is done */

#endif
