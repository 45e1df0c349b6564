/* facts: what this machine is: capacity, identity, operating system, and how hard pressed it is now.
 *
 * Read from /proc, /sys and /etc below a root, so that tests read fixtures. Nothing is kept here. */
#ifndef HOLDFAST_EDGE_HUB_NODE_FACTS_H
#define HOLDFAST_EDGE_HUB_NODE_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct node_facts {
	unsigned cpus;
	uint64_t memory_bytes;
	uint64_t disk_bytes; /* of the file system that holds the data directory */
	char machine_id[64], system_uuid[64], boot_id[64]; /* "" where the machine has none */
	char kernel[128], os_image[128], architecture[32]; /* as Go names it: amd64, arm64, arm */
	char hostname[65];
};
/* `root` "" for the machine itself. disk is any path on the file system to measure. -EIO when not even the number of
 * processors or the memory can be told. */
int node_facts_read(const char *root, const char *disk, struct node_facts *out, struct err *err) must_check;

struct node_pressure {
	uint64_t memory_available_bytes;
	uint64_t disk_available_bytes, disk_total_bytes;
	uint64_t disk_inodes_free, disk_inodes;
	uint64_t pids_used, pids_max;
};
int node_pressure_read(const char *root, const char *disk, struct node_pressure *out) must_check;

/* The address a packet to `toward` (an IP address; NULL: any public one) would be sent from, without sending any. -ENETUNREACH. */
int node_address(const char *toward, char *out, unsigned long out_size) must_check;

#endif
