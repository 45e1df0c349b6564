/* record: what of the fence outlives the hub: until when pods of which there must never be two may run here, and in which control groups their
 * processes are. A small file in a run directory (tmpfs: no commit, gone with the machine), written by the hub, read by the guard
 * (guard.h) and by the next hub of the same boot.
 *
 * Two places for the head and two for the list are written in turn, each with a checksum, so a reader finds the one before or the one
 * after. Reading allocates nothing. Any thread, one writer. */
#ifndef HOLDFAST_EDGE_HUB_FENCE_RECORD_H
#define HOLDFAST_EDGE_HUB_FENCE_RECORD_H

#include "base/buf.h"

#define RECORD_VERSION 1u
#define RECORD_GROUPS_MAX (96u * 1024) /* bytes of paths; 512 pods of the longest kind have 70 KiB */
#define RECORD_GROUP_SIZE 512u	       /* of one path */
#define RECORD_BOOT_SIZE 40u

struct record_head {
	bool armed; /* there is something to watch over */
	uint64_t proof_ms, limit_ms;
};
struct record {
	struct record_head head;
	size_t groups_len;
	char groups[RECORD_GROUPS_MAX]; /* paths below a hierarchy, each with its NUL */
};

/* Opens it, or makes it with its directory. -errno. */
int record_open(const char *path, int *out_fd) must_check;
/* The newest state. -EBADMSG: nothing in it is whole; -ESTALE: of another boot or another version, or never written. Then *out is as it was. */
int record_read(int fd, const char *boot, struct record *out) must_check;
/* Only a control group of a pod may be named: the guard kills what is in it. */
bool record_is_group(const char *path);
/* The next path after `group` (NULL: the first); NULL past the last. */
const char *record_next(const struct record *record, const char *group);

struct record_writer {
	int fd; /* borrowed */
	char boot[RECORD_BOOT_SIZE];
	uint64_t sequence;
	unsigned list;
	size_t groups_len;
	uint64_t groups_sum;
};
/* Goes on after what is there. */
void record_writer_init(struct record_writer *writer, int fd, const char *boot);
/* `groups` as in the record. In force with the next head. -E2BIG, -EINVAL (a path that is none of a pod), -errno. */
int record_write_groups(struct record_writer *writer, struct span groups) must_check;
int record_write_head(struct record_writer *writer, const struct record_head *head) must_check;

#endif
