#include "edge-hub/link/session_secret.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

struct session_secret {
	struct vault *vault;
	char path[PATH_MAX];
	uint8_t bytes[MESSAGE_SECRET_SIZE];
	size_t len;
};

/* What is on the disk is what is presented, whatever was meant to be there. */
static int load(struct session_secret *secret)
{
	struct buf bytes;
	int code;

	buf_init(&bytes, 4096);
	code = vault_file_read(secret->vault, secret->path, &bytes);
	if (!code && bytes.len != MESSAGE_SECRET_SIZE)
		code = -EBADMSG;
	secret->len = 0;
	if (!code) {
		memcpy(secret->bytes, bytes.data, MESSAGE_SECRET_SIZE);
		secret->len = MESSAGE_SECRET_SIZE;
	}
	if (bytes.data)
		explicit_bzero(bytes.data, bytes.cap);
	buf_done(&bytes);
	return code == -ENOENT ? 0 : code;
}

int session_secret_open(struct vault *vault, const char *data_dir, struct session_secret **out,
			struct err *err)
{
	struct session_secret *secret = calloc(1, sizeof(*secret));
	int len, code;

	if (!secret)
		return err_set(err, -ENOMEM, "out of memory");
	secret->vault = vault;
	len = snprintf(secret->path, sizeof(secret->path), "%s/" SESSION_SECRET_FILE, data_dir);
	if (len < 0 || (size_t)len >= sizeof(secret->path)) {
		free(secret);
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	}
	code = load(secret);
	if (code)
		(void)err_set(err, code, "reading %s: %s", secret->path, strerror(-code));
	*out = secret;
	return 0;
}

void session_secret_free(struct session_secret *secret)
{
	if (!secret)
		return;
	explicit_bzero(secret->bytes, sizeof(secret->bytes));
	free(secret);
}

struct span session_secret_peek(const struct session_secret *secret)
{
	return span_make(secret->bytes, secret->len);
}

int session_secret_keep(struct session_secret *secret, struct span next)
{
	int code = next.len == MESSAGE_SECRET_SIZE ? 0 : -EINVAL, again;

	if (!code)
		code = vault_file_write(secret->vault, secret->path, next);
	if (code) {
		again = load(secret); /* it may have got there all the same */
		return again ? again : code;
	}
	memcpy(secret->bytes, next.ptr, MESSAGE_SECRET_SIZE);
	secret->len = MESSAGE_SECRET_SIZE;
	return 0;
}
