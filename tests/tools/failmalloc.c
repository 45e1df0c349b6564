#include "tests/tools/failmalloc.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#define WALK_MAX 1000000ul

static struct {
	bool armed;
	enum failmalloc_mode mode;
	unsigned long nth, seen, failed;
} state;

static bool must_fail(void)
{
	if (!state.armed)
		return false;
	state.seen++;
	if (state.seen != state.nth && (state.mode == FAILMALLOC_ONCE || state.seen < state.nth))
		return false;
	state.failed++;
	errno = ENOMEM;
	return true;
}

#ifdef HOLDFAST_FAILMALLOC_WRAP
#define OURS(name) __wrap_##name
#define THEIRS(name) __real_##name
#else
#define OURS(name) name
#define THEIRS(name) __libc_##name
#endif

void *THEIRS(malloc)(size_t size);
void *THEIRS(calloc)(size_t count, size_t size);
void *THEIRS(realloc)(void *old, size_t size);
void *OURS(malloc)(size_t size);
void *OURS(calloc)(size_t count, size_t size);
void *OURS(realloc)(void *old, size_t size);
void *OURS(reallocarray)(void *old, size_t count, size_t size);

void *OURS(malloc)(size_t size)
{
	return must_fail() ? NULL : THEIRS(malloc)(size);
}

void *OURS(calloc)(size_t count, size_t size)
{
	return must_fail() ? NULL : THEIRS(calloc)(count, size);
}

void *OURS(realloc)(void *old, size_t size)
{
	return must_fail() ? NULL : THEIRS(realloc)(old, size);
}

void *OURS(reallocarray)(void *old, size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total) || must_fail())
		return NULL;
	return THEIRS(realloc)(old, total);
}

void failmalloc_arm(unsigned long nth, enum failmalloc_mode mode)
{
	state.mode = mode;
	state.nth = nth;
	state.seen = state.failed = 0;
	state.armed = true;
}

unsigned long failmalloc_disarm(void)
{
	state.armed = false;
	return state.failed;
}

static void complain(const char *what, unsigned long nth, enum failmalloc_mode mode, int rc)
{
	fprintf(stderr, "failmalloc: %s: allocation %lu%s, result %d\n", what, nth,
		mode == FAILMALLOC_FROM ? " and all after it" : "", rc);
	abort();
}

static unsigned long walk(int (*body)(void *ctx), void *ctx, enum failmalloc_mode mode)
{
	bool reported = false;

	for (unsigned long nth = 1; nth < WALK_MAX; nth++) {
		unsigned long failed;
		int rc;

		failmalloc_arm(nth, mode);
		rc = body(ctx);
		failed = failmalloc_disarm();
		reported |= rc == -ENOMEM;
		if (!failed && rc)
			complain("failed although nothing ran out", nth, mode, rc);
		if (failed && rc && rc != -ENOMEM)
			complain("not reported as -ENOMEM", nth, mode, rc);
		if (failed)
			continue;
		if (nth > 1 && !reported)
			complain("no failure was ever reported", nth, mode, rc);
		return nth - 1;
	}
	complain("no end", WALK_MAX, mode, 0);
	return 0;
}

unsigned long failmalloc_walk(int (*body)(void *ctx), void *ctx)
{
	unsigned long once = walk(body, ctx, FAILMALLOC_ONCE);
	unsigned long from = walk(body, ctx, FAILMALLOC_FROM);

	return once > from ? once : from;
}
