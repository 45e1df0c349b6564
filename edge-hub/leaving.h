/* leaving: the note that this machine is ceasing to be a node, from the decision until nothing of the node is left on it. While it is
 * there the hub does not run; `edge-hub leave` goes on with it. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_LEAVING_H
#define HOLDFAST_EDGE_HUB_LEAVING_H

#include <stdbool.h>

#include "base/err.h"

#define LEAVING_FILE "leaving" /* in the data directory */

struct leaving {
	char node[254];
	char runtime[512]; /* whose containers are to go */
	bool told;	   /* the cloud knows, and has forgotten the node */
	bool stopped;	   /* no container is left: only files are */
};

bool leaving_is(const char *data_dir);
/* -ENOENT: it is not leaving. */
int leaving_read(const char *data_dir, struct leaving *out, struct err *err) must_check;
/* Durable. */
int leaving_write(const char *data_dir, const struct leaving *leaving, struct err *err) must_check;
/* Removes all there is in the data directory: the keys first, the note last. Mount points are not crossed. */
int leaving_wipe(const char *data_dir, struct err *err) must_check;

#endif
