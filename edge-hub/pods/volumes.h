/* volumes: the volumes of one pod on disk, below DATA/pods/<uid>. Blocking file I/O and mounts; no policy.
 *
 *     volumes/<name>          emptyDir, and the files of configMap, secret, downwardAPI, projected (see pods/filedir.h)
 *     subpaths/<container>/N  bind mounts for mounts with a subPath
 *     containers/<container>  termination messages
 *     hosts                   the pod's /etc/hosts
 *
 * What holds secrets is a tmpfs: such a volume is never on disk. */
#ifndef HOLDFAST_EDGE_HUB_PODS_VOLUMES_H
#define HOLDFAST_EDGE_HUB_PODS_VOLUMES_H

#include "edge-hub/pods/env.h"

struct volumes {
	const char *data_dir; /* absolute */
	bool no_mounts;	      /* refuse what needs mount(2), with -EPERM (tests without privileges) */
};

/* DATA/pods/<uid>, plus "/rest" when rest is not NULL. */
int volumes_path(const struct volumes *v, const char *uid, const char *rest, struct buf *out) must_check;
/* Makes and fills every volume of the pod. Idempotent. -ENOENT, -EAGAIN: an object it names is missing (err says which). */
int volumes_prepare(const struct volumes *v, const struct pod_world *world, struct err *err) must_check;
/* Brings the files of volumes up to date after an object changed. *out_changed when something did. */
int volumes_refresh(const struct volumes *v, const struct pod_world *world, bool *out_changed,
		    struct err *err) must_check;
/* The host path to mount for this mount of a container; index is its place in the container's list. `env` expands subPathExpr. */
int volumes_mount_path(const struct volumes *v, const struct pod_world *world,
		       const struct container_spec *container, uint32_t index, const struct env_list *env,
		       struct buf *out, struct err *err) must_check;
/* Whether containers may only read it whatever the mount says. */
bool volumes_is_read_only(const struct volume_spec *volume);
/* An empty file for a container's last words, and what is in it (at most 4096 bytes). */
int volumes_message_file(const struct volumes *v, const char *uid, const char *container, unsigned attempt,
			 struct buf *out_path) must_check;
int volumes_read_message(const struct volumes *v, const char *uid, const char *container, unsigned attempt,
			 struct buf *out) must_check;
/* Writes the pod's /etc/hosts; its path in out. */
int volumes_hosts_file(const struct volumes *v, const struct pod_world *world, const char *hostname,
		       struct buf *out_path) must_check;
/* Unmounts and removes everything of a pod. 0 when there is nothing. May take long: not for the loop's thread. */
int volumes_remove(const char *data_dir, const char *uid) must_check;

#endif
