#include "edge-hub/link/kept_session.h"

#include <string.h>

#define SESSION_MAX (64u * 1024)

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

int kept_session_load(struct vault *vault, const char *path, struct tls_context *tls)
{
	struct buf session;
	int code;

	buf_init(&session, SESSION_MAX);
	code = vault_file_read(vault, path, &session);
	if (!code)
		code = tls_client_load_session(tls, buf_span(&session));
	wipe(&session);
	return code;
}

int kept_session_save(struct vault *vault, const char *path, const struct tls_context *tls)
{
	struct buf session;
	int code;

	buf_init(&session, SESSION_MAX);
	code = tls_client_save_session(tls, &session);
	if (!code)
		code = vault_file_write(vault, path, buf_span(&session));
	wipe(&session);
	return code;
}
