/* archive_internal: what writer and reader share. Private to cloud-hub/backup/archive*.c. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_ARCHIVE_INTERNAL_H
#define HOLDFAST_CLOUD_HUB_BACKUP_ARCHIVE_INTERNAL_H

#include "base/tar.h"
#include "cloud-hub/backup/archive.h"
#include "net/crypt.h"

#define ARCHIVE_PIECE (64u * 1024)
#define ARCHIVE_SUM_MAX 256u
#define ARCHIVE_END_BLOCKS 2u /* of zeros */

/* The content of ARCHIVE_SUM. `key` NULL: nothing is sealed. */
int archive_sum_text(const struct crypt_digest *digest, const uint8_t *key, struct buf *out) must_check;

#endif
