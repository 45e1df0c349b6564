/* operate_backup: the verbs backup and restore. They work on the data directory of a hub that runs (which then does it) or does not.
 * Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_OPERATE_BACKUP_H
#define HOLDFAST_CLOUD_HUB_OPERATE_BACKUP_H

#include "base/options.h"
#include "cloud-hub/settings.h"

/* Settings: the data directory and how its vault opens. Return exit codes. */
int operate_backup(const struct options *options, const struct settings *settings);
int operate_restore(const struct options *options, const struct settings *settings);

#endif
