/* Resumption: sealed tickets on the server, the last session on the client.
 *
 * A ticket holds when it was issued, when the client's certificate ends, what its name demanded of clients, and the
 * session with that certificate: so a resumed client is as known as a fresh one, and a ticket of a name that asks
 * for nothing opens no other. */
#include <errno.h>
#include <stdlib.h>

#include <mbedtls/platform.h>
#include <mbedtls/platform_util.h>

#include "base/clock.h"
#include "net/tls_impl.h"

#define TICKET_PLAIN_MAX (12u * 1024) /* a session with one certificate; the library's record holds 16 KB */
#define TICKET_CLOCK_SLACK_MS 60000   /* issued in the future by less: the clock was set back a little */

struct ticket_head {
	int64_t issued_wall_ms;
	int64_t expires_wall_ms; /* the certificate's end; INT64_MAX without one */
	uint8_t identity[CRYPT_SHA256_SIZE];
};

static const struct span bound = { "holdfast ticket 1", 17 };

static int fill_ticket(const struct tls_identity *identity, const mbedtls_ssl_session *ssl_session,
		       struct buf *plain)
{
	struct ticket_head head = { .issued_wall_ms = clock_wall_ms(), .expires_wall_ms = INT64_MAX };
	size_t len;

	if (ssl_session->peer_cert)
		head.expires_wall_ms = tls_time_wall_ms(&ssl_session->peer_cert->valid_to);
	memcpy(head.identity, identity->id, sizeof(head.identity));
	buf_add(plain, &head, sizeof(head));
	if (buf_reserve(plain, TICKET_PLAIN_MAX - sizeof(head)))
		return -ENOMEM;
	if (mbedtls_ssl_session_save(ssl_session, (unsigned char *)plain->data + plain->len,
				     plain->cap - plain->len, &len))
		return -EMSGSIZE;
	plain->len += len;
	return buf_error(plain);
}

static int seal_ticket(const struct tls_context *context, const struct tls_identity *identity,
		       const mbedtls_ssl_session *ssl_session, struct buf *out)
{
	const struct tls_ticket_key *key = &context->ticket_keys[0];
	struct buf plain;
	int rc;

	buf_init(&plain, TICKET_PLAIN_MAX + 64);
	rc = fill_ticket(identity, ssl_session, &plain);
	if (!rc)
		rc = buf_add(out, key->id, sizeof(key->id));
	if (!rc)
		rc = crypt_seal(key->key, bound, buf_span(&plain), out);
	if (plain.data)
		mbedtls_platform_zeroize(plain.data, plain.cap);
	buf_done(&plain);
	return rc;
}

int tls_ticket_write(void *ctx, const mbedtls_ssl_session *ssl_session, unsigned char *start,
		     const unsigned char *end, size_t *out_len, uint32_t *out_lifetime)
{
	struct tls_context *context = ctx;
	struct buf sealed;
	int rc;

	*out_len = 0;
	*out_lifetime = context->ticket_lifetime_s;
	if (!context->active->identity)
		return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
	buf_init(&sealed, 2 * TICKET_PLAIN_MAX);
	rc = seal_ticket(context, context->active->identity, ssl_session, &sealed);
	if (!rc && sealed.len > (size_t)(end - start))
		rc = -EMSGSIZE;
	if (!rc) {
		memcpy(start, sealed.data, sealed.len);
		*out_len = sealed.len;
	}
	buf_done(&sealed);
	return rc ? MBEDTLS_ERR_SSL_INTERNAL_ERROR : 0; /* no ticket then: the library sends an empty one */
}

int tls_session_ticket_make(struct tls_session *session, struct buf *out)
{
	const struct tls_context *context = session->context;

	if (!context->is_server || !context->ticket_key_count || !session->identity || !session->done ||
	    !session->ssl.session)
		return -ENOTSUP;
	return seal_ticket(context, session->identity, session->ssl.session, out);
}

static int open_ticket(const struct tls_context *context, struct span ticket, struct buf *plain)
{
	for (size_t i = 0; i < context->ticket_key_count; i++) {
		const struct tls_ticket_key *key = &context->ticket_keys[i];

		if (ticket.len > sizeof(key->id) && !memcmp(ticket.ptr, key->id, sizeof(key->id)))
			return crypt_open(key->key, bound,
					  span_make(ticket.ptr + sizeof(key->id),
						    ticket.len - sizeof(key->id)),
					  plain);
	}
	return -EBADMSG;
}

static bool is_ticket_fresh(const struct tls_context *context, const struct ticket_head *head)
{
	int64_t now = clock_wall_ms();

	return now < head->expires_wall_ms &&
	       now < head->issued_wall_ms + (int64_t)context->ticket_lifetime_s * 1000 &&
	       head->issued_wall_ms < now + TICKET_CLOCK_SLACK_MS;
}

static bool is_ticket_for(const struct tls_context *context, const struct ticket_head *head,
			  const struct tls_identity *identity)
{
	return identity && is_ticket_fresh(context, head) &&
	       !memcmp(identity->id, head->identity, sizeof(head->identity));
}

bool tls_session_opens_ticket(const struct tls_session *session, struct span ticket, struct span server_name)
{
	const struct tls_context *context = session->context;
	struct ticket_head head;
	struct buf plain;
	bool good;

	buf_init(&plain, 2 * TICKET_PLAIN_MAX);
	good = ticket.len && !open_ticket(context, ticket, &plain) && plain.len >= sizeof(head);
	if (good) {
		memcpy(&head, plain.data, sizeof(head));
		good = is_ticket_for(context, &head, tls_identity_find(context, server_name));
	}
	if (plain.data)
		mbedtls_platform_zeroize(plain.data, plain.cap);
	buf_done(&plain);
	return good;
}

/* Whatever is wrong with a ticket, the answer is a full handshake. */
int tls_ticket_parse(void *ctx, mbedtls_ssl_session *ssl_session, unsigned char *ticket, size_t len)
{
	struct tls_context *context = ctx;
	struct tls_session *session = context->active;
	struct ticket_head head;
	struct buf plain;
	int rc = MBEDTLS_ERR_SSL_INVALID_MAC;

	buf_init(&plain, 2 * TICKET_PLAIN_MAX);
	if (open_ticket(context, span_make(ticket, len), &plain) || plain.len < sizeof(head))
		goto out;
	memcpy(&head, plain.data, sizeof(head));
	rc = MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
	if (!is_ticket_for(context, &head, session->identity))
		goto out;
	rc = mbedtls_ssl_session_load(ssl_session, (unsigned char *)plain.data + sizeof(head),
				      plain.len - sizeof(head));
	if (!rc) {
		session->ticket_used = true;
		/* The name may still change if it comes after the ticket: tls_judge looks again. */
		memcpy(session->ticket_identity, head.identity, sizeof(head.identity));
	}
out:
	if (plain.data)
		mbedtls_platform_zeroize(plain.data, plain.cap);
	buf_done(&plain);
	return rc;
}

/* The client's side */

void tls_resume_forget(struct tls_context *context)
{
	mbedtls_ssl_session_free(&context->saved);
	mbedtls_ssl_session_init(&context->saved);
	free(context->saved_name);
	context->saved_name = NULL;
}

int tls_resume_offer(struct tls_session *session)
{
	struct tls_context *context = session->context;

	if (!context->saved_name || strcmp(context->saved_name, session->server_name) != 0)
		return 0;
	/* A certificate that has expired since must not slip in through its old session. */
	if (context->saved.peer_cert && tls_check_dates(context, context->saved.peer_cert)) {
		tls_resume_forget(context);
		return 0;
	}
	return mbedtls_ssl_set_session(&session->ssl, &context->saved);
}

void tls_resume_keep(struct tls_session *session)
{
	struct tls_context *context = session->context;

	tls_resume_forget(context);
	context->saved_name = span_dup(span_of(session->server_name));
	/* Without one the next handshake is a full one: nothing else is lost. */
	if (context->saved_name && mbedtls_ssl_get_session(&session->ssl, &context->saved))
		tls_resume_forget(context);
}

int tls_session_ticket_take(struct tls_session *session, struct span ticket)
{
	struct tls_context *context = session->context;
	mbedtls_ssl_session *saved = &context->saved;
	unsigned char *copy;

	if (context->is_server || !session->done || !session->ssl.session || !ticket.len ||
	    ticket.len > TICKET_PLAIN_MAX)
		return -EINVAL;
	if (!context->saved_name || strcmp(context->saved_name, session->server_name) != 0 ||
	    memcmp(saved->master, session->ssl.session->master, sizeof(saved->master)) != 0)
		return -ESTALE;
	copy = mbedtls_calloc(1, ticket.len); /* the library frees it */
	if (!copy)
		return -ENOMEM;
	memcpy(copy, ticket.ptr, ticket.len);
	if (saved->ticket)
		mbedtls_platform_zeroize(saved->ticket, saved->ticket_len);
	mbedtls_free(saved->ticket);
	saved->ticket = copy;
	saved->ticket_len = ticket.len;
	return 0;
}

int tls_client_save_session(const struct tls_context *context, struct buf *out)
{
	size_t name_len, len = 0;
	int rc;

	if (!context->saved_name)
		return -ENOENT;
	name_len = strlen(context->saved_name) + 1;
	buf_add(out, context->trust_id, sizeof(context->trust_id));
	buf_add(out, context->saved_name, name_len);
	rc = buf_reserve(out, TICKET_PLAIN_MAX);
	if (rc)
		return rc;
	if (mbedtls_ssl_session_save(&context->saved, (unsigned char *)out->data + out->len,
				     out->cap - out->len, &len))
		return -EMSGSIZE;
	out->len += len;
	return buf_error(out);
}

int tls_client_load_session(struct tls_context *context, struct span saved)
{
	const size_t id_len = sizeof(context->trust_id);
	struct span name, rest;

	if (saved.len < id_len || memcmp(saved.ptr, context->trust_id, id_len) != 0 ||
	    !span_cut(span_make(saved.ptr + id_len, saved.len - id_len), '\0', &name, &rest))
		return -ESTALE;
	tls_resume_forget(context);
	if (mbedtls_ssl_session_load(&context->saved, (const unsigned char *)rest.ptr, rest.len)) {
		tls_resume_forget(context);
		return -ESTALE;
	}
	context->saved_name = span_dup(name);
	return context->saved_name ? 0 : -ENOMEM;
}
