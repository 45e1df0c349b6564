#include "net/tls_session.h"

#include <errno.h>
#include <stdlib.h>

#include "net/tls_impl.h"

static int bio_send(void *ctx, const unsigned char *data, size_t len)
{
	struct tls_session *session = ctx;
	ssize_t n = session->send(session->ctx, data, len);

	session->send_blocked = n == -EAGAIN;
	if (n == -EAGAIN)
		return MBEDTLS_ERR_SSL_WANT_WRITE;
	return n < 0 ? MBEDTLS_ERR_SSL_CONN_EOF : (int)n;
}

static int bio_recv(void *ctx, unsigned char *data, size_t len)
{
	struct tls_session *session = ctx;
	size_t n = len < session->in.len ? len : session->in.len;

	if (!n)
		return MBEDTLS_ERR_SSL_WANT_READ;
	memcpy(data, session->in.ptr, n);
	session->in = span_make(session->in.ptr + n, session->in.len - n);
	if (!session->in.len) {
		free(session->kept);
		session->kept = NULL;
	}
	return (int)n;
}

int tls_session_new(struct tls_context *context, const char *server_name, tls_send send, void *ctx,
		    struct tls_session **out, struct err *err)
{
	struct tls_session *session = calloc(1, sizeof(*session));

	if (!session)
		return err_set(err, -ENOMEM, "no memory for TLS");
	session->context = tls_ref(context);
	session->send = send;
	session->ctx = ctx;
	mbedtls_ssl_init(&session->ssl);
	if (mbedtls_ssl_setup(&session->ssl, &context->conf))
		goto no_memory;
	mbedtls_ssl_set_bio(&session->ssl, session, bio_send, bio_recv, NULL);
	mbedtls_ssl_set_verify(&session->ssl, tls_verify_step, session);
	if (context->is_server) {
		session->identity = tls_identity_find(context, SPAN(""));
	} else {
		session->server_name = span_dup(span_of(server_name));
		if (!session->server_name || mbedtls_ssl_set_hostname(&session->ssl, server_name) ||
		    tls_resume_offer(session))
			goto no_memory;
	}
	*out = session;
	return 0;
no_memory:
	tls_session_free(session);
	return err_set(err, -ENOMEM, "no memory for TLS");
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	mbedtls_ssl_free(&session->ssl);
	free(session->kept);
	free(session->server_name);
	free(session->peer_text);
	free(session->organizations);
	tls_unref(session->context);
	free(session);
}

/* Input */

static int keep_with(struct tls_session *session, struct span more)
{
	size_t len = session->in.len + more.len;
	char *all = malloc(len);

	if (!all)
		return -ENOMEM;
	memcpy(all, session->in.ptr, session->in.len);
	if (more.len)
		memcpy(all + session->in.len, more.ptr, more.len);
	free(session->kept);
	session->kept = all;
	session->in = span_make(all, len);
	return 0;
}

int tls_session_feed(struct tls_session *session, struct span bytes)
{
	if (session->in.len)
		return keep_with(session, bytes);
	session->in = bytes;
	return 0;
}

int tls_session_keep(struct tls_session *session)
{
	if (!session->in.len || session->kept)
		return 0;
	return keep_with(session, span_make(NULL, 0));
}

struct span tls_session_input(const struct tls_session *session)
{
	return session->in;
}

bool tls_session_used_ticket(const struct tls_session *session)
{
	return session->ticket_used;
}

bool tls_session_has_input(const struct tls_session *session)
{
	return session->in.len > 0 || mbedtls_ssl_check_pending(&session->ssl);
}

bool tls_session_wants_write(const struct tls_session *session)
{
	return session->send_blocked;
}

static bool would_block(int rc)
{
	return rc == MBEDTLS_ERR_SSL_WANT_READ || rc == MBEDTLS_ERR_SSL_WANT_WRITE;
}

static int fail(struct tls_session *session, int rc, struct err *err)
{
	if (rc == MBEDTLS_ERR_SSL_CONN_EOF)
		return err_set(err, -ECONNRESET, "the peer has gone");
	return tls_explain(session, rc, err);
}

static void refuse(struct tls_session *session)
{
	/* The peer is told as well as it can be; it is not our concern whether it hears. */
	(void)mbedtls_ssl_send_alert_message(&session->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
					     MBEDTLS_SSL_ALERT_MSG_HANDSHAKE_FAILURE);
}

int tls_session_shake(struct tls_session *session, struct err *err)
{
	int rc;

	session->send_blocked = false;
	session->context->active = session;
	rc = mbedtls_ssl_handshake(&session->ssl);
	session->context->active = NULL;
	if (would_block(rc))
		return -EAGAIN;
	if (rc) {
		rc = fail(session, rc, err);
		if (rc == -ENOKEY && session->context->is_server)
			refuse(session); /* mbedTLS is silent in this case */
		return rc;
	}
	rc = tls_judge(session, err);
	if (rc) {
		refuse(session);
		return rc;
	}
	session->done = true;
	if (!session->context->is_server)
		tls_resume_keep(session);
	return 0;
}

ssize_t tls_session_read(struct tls_session *session, char *out, size_t size, struct err *err)
{
	int rc = mbedtls_ssl_read(&session->ssl, (unsigned char *)out, size);

	if (rc > 0)
		return rc;
	if (would_block(rc))
		return -EAGAIN;
	if (rc == 0 || rc == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY)
		return 0;
	return fail(session, rc, err);
}

ssize_t tls_session_write(struct tls_session *session, struct span plain, struct err *err)
{
	/* A record that waits must be finished with the same length, even if more has been queued behind it. */
	size_t len = session->unsent_len ? session->unsent_len : plain.len;
	int rc;

	session->send_blocked = false;
	rc = mbedtls_ssl_write(&session->ssl, (const unsigned char *)plain.ptr, len);
	if (would_block(rc)) {
		session->unsent_len = len;
		return -EAGAIN;
	}
	session->unsent_len = 0;
	return rc < 0 ? fail(session, rc, err) : rc;
}

int tls_session_bye(struct tls_session *session)
{
	int rc = mbedtls_ssl_close_notify(&session->ssl);

	if (would_block(rc))
		return -EAGAIN;
	return rc ? -EPIPE : 0;
}

const struct tls_peer *tls_session_peer(const struct tls_session *session)
{
	return session->done ? &session->peer : NULL;
}
