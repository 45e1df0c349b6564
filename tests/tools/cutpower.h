/* cutpower: ends this process at its nth change of the disk, as kill -9 at that place would.
 *
 * Linked into a test program, it stands in front of the C library's write, pwrite, fsync, fdatasync, ftruncate, rename, link and unlink for
 * the whole process, shared libraries (SQLite) included. What the kernel was given before stays, as after a kill; the nth
 * call itself does not happen. Arm it in a child process only. */
#ifndef HOLDFAST_TESTS_TOOLS_CUTPOWER_H
#define HOLDFAST_TESTS_TOOLS_CUTPOWER_H

#define CUTPOWER_EXIT 77

void cutpower_arm(unsigned long nth); /* 1: the next one */

#endif
