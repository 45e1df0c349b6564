/* Both names of a call are stood in for, so none must be renamed to the other here. */
#undef _FILE_OFFSET_BITS
#undef _TIME_BITS

#include "tests/tools/cutpower.h"

#include <dlfcn.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

static unsigned long left; /* 0: not armed */

void cutpower_arm(unsigned long nth)
{
	__atomic_store_n(&left, nth, __ATOMIC_SEQ_CST);
}

static void count(void)
{
	if (__atomic_load_n(&left, __ATOMIC_SEQ_CST) && !__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST))
		_exit(CUTPOWER_EXIT);
}

/* The real function is looked up on each call: nothing to initialise, and it is only a test. */
#define STAND_IN(type, name, parameters, arguments)        \
	type name parameters;                              \
	type name parameters                               \
	{                                                  \
		type(*real) parameters;                    \
		*(void **)&real = dlsym(RTLD_NEXT, #name); \
		count();                                   \
		return real arguments;                     \
	}

STAND_IN(ssize_t, write, (int fd, const void *bytes, size_t len), (fd, bytes, len))
STAND_IN(ssize_t, pwrite, (int fd, const void *bytes, size_t len, off_t at), (fd, bytes, len, at))
STAND_IN(ssize_t, pwrite64, (int fd, const void *bytes, size_t len, off64_t at), (fd, bytes, len, at))
STAND_IN(int, fsync, (int fd), (fd))
STAND_IN(int, fdatasync, (int fd), (fd))
STAND_IN(int, ftruncate, (int fd, off_t len), (fd, len))
STAND_IN(int, ftruncate64, (int fd, off64_t len), (fd, len))
STAND_IN(int, rename, (const char *from, const char *to), (from, to))
STAND_IN(int, link, (const char *from, const char *to), (from, to))
STAND_IN(int, unlink, (const char *path), (path))
