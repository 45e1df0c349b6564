/* tempdir: takes a test's directory away with everything in it (files only), and fails the test when something stays. */
#ifndef HOLDFAST_TESTS_TOOLS_TEMPDIR_H
#define HOLDFAST_TESTS_TOOLS_TEMPDIR_H

/* 0, or -1 with errno set. */
int tempdir_remove(const char *path);

#endif
