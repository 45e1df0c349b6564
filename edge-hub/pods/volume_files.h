/* volume_files: what files a configMap, secret, downwardAPI or projected volume consists of. No file I/O. */
#ifndef HOLDFAST_EDGE_HUB_PODS_VOLUME_FILES_H
#define HOLDFAST_EDGE_HUB_PODS_VOLUME_FILES_H

#include "edge-hub/pods/env.h"
#include "edge-hub/pods/filedir.h"

/* -ENOENT, -EAGAIN: an object or key it names is missing (err says which). */
int volume_files_collect(const struct pod_world *world, const struct volume_spec *volume,
			 struct file_set *out, struct err *err) must_check;

#endif
