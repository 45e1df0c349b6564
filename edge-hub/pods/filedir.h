/* filedir: a directory whose files change all at once, as readers of mounted ConfigMaps and Secrets expect it: names
 * are symbolic links into "..data", itself a link to a directory that is replaced by one rename.
 *
 * Blocking file I/O, no paths are followed out of the directory. Also the safe removal of whole trees. */
#ifndef HOLDFAST_EDGE_HUB_PODS_FILEDIR_H
#define HOLDFAST_EDGE_HUB_PODS_FILEDIR_H

#include <sys/types.h>

#include "base/span.h"
#include "edge-hub/pods/arena.h"

#define FILEDIR_FILES_MAX 4096u
#define FILEDIR_BYTES_MAX (8u * 1024 * 1024)

struct file {
	const char *path; /* relative, no "..", no leading "..": checked by filedir_add */
	struct span data;
	unsigned mode;
};
struct file_set {
	struct arena arena;
	struct file *v;
	size_t n, cap;
};
void file_set_init(struct file_set *set);
void file_set_done(struct file_set *set); /* wipes the data */
/* Copies; a path already there is replaced. -EINVAL, -E2BIG, -ENOMEM. */
int file_set_add(struct file_set *set, const char *path, struct span data, unsigned mode) must_check;

/* Makes the directory `path` (which exists) show exactly these files; gid -1: as it is. *out_changed: something was different. */
int filedir_write(const char *path, const struct file_set *set, gid_t gid, bool *out_changed,
		  struct err *err) must_check;

/* mkdir -p of an absolute path, each directory with this mode. */
int filedir_make(const char *path, unsigned mode) must_check;
/* Removes a tree, following nothing, crossing no mount point (-EBUSY when there is one). 0 when it is not there. */
int filedir_remove(const char *path) must_check;

#endif
