/* err: a negative errno together with a sentence for a person.
 *
 * Owner: the caller; an `struct err` lives on the stack and needs no clean-up. Every function that
 * takes one accepts NULL. Any thread. Functions that cannot leave a person wondering return a
 * plain negative errno instead. */
#ifndef HOLDFAST_BASE_ERR_H
#define HOLDFAST_BASE_ERR_H

#include <stddef.h>

#define must_check __attribute__((warn_unused_result))
#define printf_like(fmt, args) __attribute__((format(printf, fmt, args)))

struct err {
	int code;      /* negative errno, 0 when unset */
	char msg[256]; /* NUL-terminated, one line, no secrets */
};

/* Sets code (a negative errno) and message; returns code, so that `return err_set(...)` reads well. */
int err_set(struct err *err, int code, const char *fmt, ...) printf_like(3, 4);
#ifdef __clang_analyzer__ /* which does not see into err.c that the code comes back */
#define err_set(err, code, ...) ((void)err_set(err, code, __VA_ARGS__), (code))
#endif

/* Puts context in front of the message already there ("opening store: disk full"); returns the code, -EIO when err is NULL. */
int err_wrap(struct err *err, const char *fmt, ...) printf_like(2, 3);

/* The message, or the errno's text when none was set. Never NULL. */
const char *err_text(const struct err *err);

/* A bug, not bad input: prints where and aborts. Kept in release builds. */
#define assert_always(cond) ((cond) ? (void)0 : err_bug(#cond, __FILE__, __LINE__))
_Noreturn void err_bug(const char *what, const char *file, int line);

#endif
