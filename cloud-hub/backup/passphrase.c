#include "cloud-hub/backup/passphrase.h"

#include "base/files.h"
#include "cloud-hub/backup/archive.h"

#include <errno.h>
#include <sys/stat.h>

#define FILE_MAX 4096u

void passphrase_wipe(struct buf *passphrase)
{
	if (passphrase->data)
		explicit_bzero(passphrase->data, passphrase->cap);
	buf_done(passphrase);
}

static int check_mode(const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st))
		return err_set(err, -errno, "the passphrase file %s: %s", path, strerror(errno));
	if (S_ISREG(st.st_mode) && st.st_mode & 077)
		return err_set(err, -EPERM,
			       "the passphrase file %s is open to others (mode %03o): chmod it to 600", path,
			       (unsigned)(st.st_mode & 0777));
	return 0;
}

int passphrase_read(const char *path, struct buf *out, struct err *err)
{
	struct span line, rest;
	struct buf text;
	int code = check_mode(path, err);

	if (code)
		return code;
	buf_init(&text, FILE_MAX);
	code = file_read(path, &text);
	if (code) {
		code = err_set(err, code, "the passphrase file %s: %s", path, strerror(-code));
	} else {
		(void)span_cut(buf_span(&text), '\n', &line, &rest);
		if (line.len && line.ptr[line.len - 1] == '\r')
			line.len--;
		if (line.len < ARCHIVE_PASSPHRASE_MIN || line.len > ARCHIVE_PASSPHRASE_MAX)
			code = err_set(err, -EINVAL, "the passphrase in %s must have %u to %u bytes", path,
				       ARCHIVE_PASSPHRASE_MIN, ARCHIVE_PASSPHRASE_MAX);
		else if (buf_add_span(out, line))
			code = err_set(err, -ENOMEM, "out of memory");
	}
	passphrase_wipe(&text);
	return code;
}
