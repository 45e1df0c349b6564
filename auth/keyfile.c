#include "auth/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/pkidir.h"
#include "base/random.h"
#include "base/text.h"

#define TEXT_MAX 256u /* the digits, and whatever white space an editor put around them */

int keyfile_write(const uint8_t key[CRYPT_KEY_SIZE], struct buf *out)
{
	int code = text_hex(out, span_make(key, CRYPT_KEY_SIZE));

	return code ? code : buf_add_char(out, '\n');
}

static int check_owner(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st))
		return err_set(err, -errno, "cannot look at the key file %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EPERM, "the key file %s is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(err, -EPERM,
			       "the key file %s belongs to another user (uid %u): chown it to root", path,
			       (unsigned)st.st_uid);
	if (st.st_mode & 077)
		return err_set(err, -EPERM, "the key file %s is open to others (mode %03o): chmod it to 600",
			       path, (unsigned)(st.st_mode & 0777));
	return 0;
}

static struct span without_space(struct span text)
{
	while (text.len && strchr(" \t\r\n", text.ptr[text.len - 1]))
		text.len--;
	return span_trim(text);
}

int keyfile_parse(struct span text, uint8_t out[CRYPT_KEY_SIZE])
{
	struct buf key;
	int code;

	buf_init(&key, CRYPT_KEY_SIZE);
	code = text_unhex(&key, without_space(text));
	if (!code && key.len != CRYPT_KEY_SIZE)
		code = -EBADMSG;
	if (!code)
		memcpy(out, key.data, CRYPT_KEY_SIZE);
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&key);
	return code == -ENOMEM ? code : code ? -EBADMSG : 0;
}

static int read_text(int fd, uint8_t out[CRYPT_KEY_SIZE])
{
	char text[TEXT_MAX];
	size_t len = 0;
	ssize_t got;
	int code = 0;

	do {
		got = read(fd, text + len, sizeof(text) - len);
		if (got > 0)
			len += (size_t)got;
	} while ((got > 0 && len < sizeof(text)) || (got < 0 && errno == EINTR));
	if (got < 0)
		code = -errno;
	else
		code = keyfile_parse(span_make(text, len), out);
	explicit_bzero(text, sizeof(text));
	return code;
}

int keyfile_read(const char *path, uint8_t out[CRYPT_KEY_SIZE], struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), code;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, -ENOENT,
			       "the key file %s is not there: bring it back (is its disk mounted?)", path);
	if (fd < 0)
		return err_set(err, -errno, "cannot read the key file %s: %s", path, strerror(errno));
	code = check_owner(fd, path, err);
	if (!code) {
		code = read_text(fd, out);
		if (code == -EBADMSG)
			(void)err_set(err, code,
				      "the key file %s does not hold a key of 64 hexadecimal digits", path);
		else if (code)
			(void)err_set(err, code, "cannot read the key file %s: %s", path, strerror(-code));
	}
	close(fd);
	return code;
}

static int make_text(const char *path, struct span text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600), code = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text.ptr, text.len) != (ssize_t)text.len || fsync(fd))
		code = errno ? -errno : -EIO;
	if (close(fd) && !code)
		code = -errno;
	if (!code)
		code = pkidir_sync_parent(path);
	if (code)
		(void)unlink(path); /* half a key must not be found next time */
	return code;
}

int keyfile_make(const char *path, uint8_t out[CRYPT_KEY_SIZE], struct err *err)
{
	struct buf text;
	int code;

	random_bytes(out, CRYPT_KEY_SIZE);
	buf_init(&text, TEXT_MAX);
	code = keyfile_write(out, &text);
	if (!code)
		code = make_text(path, buf_span(&text));
	if (text.data)
		explicit_bzero(text.data, text.cap);
	buf_done(&text);
	return code ? err_set(err, code, "cannot make the key file %s: %s", path, strerror(-code)) : 0;
}
