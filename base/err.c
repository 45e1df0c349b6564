#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int(err_set)(struct err *err, int code, const char *fmt, ...)
{
	va_list args;

	if (!err)
		return code;
	err->code = code;
	va_start(args, fmt);
	(void)vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char tail[sizeof(err->msg)];
	va_list args;
	size_t len;
	int n;

	if (!err)
		return -EIO; /* there was an error, and nobody to keep which */
	(void)snprintf(tail, sizeof(tail), "%s", err_text(err));
	va_start(args, fmt);
	n = vsnprintf(err->msg, sizeof(err->msg), fmt, args);
	va_end(args);
	len = n < 0 ? 0 : strnlen(err->msg, sizeof(err->msg) - 1);
	(void)snprintf(err->msg + len, sizeof(err->msg) - len, ": %s", tail);
	return err->code;
}

const char *err_text(const struct err *err)
{
	const char *text = NULL;

	if (err && err->msg[0])
		return err->msg;
	if (err && err->code < 0)
		text = strerrordesc_np(-err->code);
	return text ? text : "unknown error";
}

_Noreturn void err_bug(const char *what, const char *file, int line)
{
	fprintf(stderr, "bug: %s:%d: %s\n", file, line, what);
	abort();
}
