/* passphrase: read from a file that only its owner may read; the first line counts. */
#ifndef HOLDFAST_CLOUD_HUB_BACKUP_PASSPHRASE_H
#define HOLDFAST_CLOUD_HUB_BACKUP_PASSPHRASE_H

#include "base/buf.h"

/* Appends. `out` is the caller's to wipe. -EPERM: others may read it; -EINVAL: too short or too long. */
int passphrase_read(const char *path, struct buf *out, struct err *err) must_check;
void passphrase_wipe(struct buf *passphrase); /* and frees */

#endif
