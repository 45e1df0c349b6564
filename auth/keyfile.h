/* keyfile: a file of one 256-bit key, as 64 hexadecimal digits, that only its owner may read. Blocking. */
#ifndef HOLDFAST_AUTH_KEYFILE_H
#define HOLDFAST_AUTH_KEYFILE_H

#include "base/buf.h"
#include "net/crypt.h"

/* -ENOENT; -EPERM: of another user, or readable by others; -EBADMSG: not a key. err says which and what to do. */
int keyfile_read(const char *path, uint8_t out[CRYPT_KEY_SIZE], struct err *err) must_check;
/* A new random key; durable. The directory must exist. -EEXIST. */
int keyfile_make(const char *path, uint8_t out[CRYPT_KEY_SIZE], struct err *err) must_check;
int keyfile_parse(struct span text,
		  uint8_t out[CRYPT_KEY_SIZE]) must_check; /* its content; -EBADMSG, -EINVAL, -ENOMEM */
/* The text of a file for `key`, appended. */
int keyfile_write(const uint8_t key[CRYPT_KEY_SIZE], struct buf *out) must_check;

#endif
