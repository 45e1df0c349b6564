/* tar: the 512-byte headers of a POSIX archive (pax interchange manual page of POSIX.1-2017, "ustar"), plain files only.
 *
 * Pure. An archive is, for each file, a header block and the content padded with zeros to whole blocks; two blocks of zeros
 * end it. Sizes beyond eight gigabytes are written as GNU tar does (base-256). */
#ifndef HOLDFAST_BASE_TAR_H
#define HOLDFAST_BASE_TAR_H

#include "base/err.h"
#include "base/span.h"

#define TAR_BLOCK 512u
#define TAR_NAME_MAX 99u
#define TAR_SIZE_MAX ((uint64_t)1 << 62)

struct tar_entry {
	char name[TAR_NAME_MAX + 1]; /* relative, of plain components: neither empty nor "." or ".." */
	uint64_t size;
	int64_t modified_s; /* since 1970, not negative */
};
/* Mode 0600, owned by root. -EINVAL: the name, size or time cannot be written. */
int tar_header_write(const struct tar_entry *entry, uint8_t out[TAR_BLOCK]) must_check;
/* 1: an entry; 0: a block of zeros, which ends an archive; -EBADMSG: damaged, or not a plain file with such a name. */
int tar_header_read(const uint8_t block[TAR_BLOCK], struct tar_entry *out) must_check;
/* Zeros behind a content of this size. */
unsigned tar_padding(uint64_t size);
bool tar_name_ok(const char *name);

#endif
