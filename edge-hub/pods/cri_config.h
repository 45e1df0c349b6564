/* cri_config: a pod's spec as the runtime wants it: sandbox and container configurations of CRI. No I/O.
 *
 * Names of labels and annotations are a kubelet's, so that crictl and friends find what they look for. */
#ifndef HOLDFAST_EDGE_HUB_PODS_CRI_CONFIG_H
#define HOLDFAST_EDGE_HUB_PODS_CRI_CONFIG_H

#include "edge-hub/pods/cri.pb-c.h"
#include "edge-hub/pods/env.h"

#define LABEL_POD_NAME "io.kubernetes.pod.name"
#define LABEL_POD_NAMESPACE "io.kubernetes.pod.namespace"
#define LABEL_POD_UID "io.kubernetes.pod.uid"
#define LABEL_CONTAINER "io.kubernetes.container.name"
#define ANNOTATION_HASH "io.kubernetes.container.hash"
#define ANNOTATION_RESTARTS "io.kubernetes.container.restartCount"
#define ANNOTATION_MESSAGE_PATH "io.kubernetes.container.terminationMessagePath"
#define ANNOTATION_MESSAGE_POLICY "io.kubernetes.container.terminationMessagePolicy"
#define ANNOTATION_GRACE "io.kubernetes.pod.terminationGracePeriod"

struct config_options {
	const char *log_dir;	 /* /var/log/pods */
	const char *cluster_dns; /* comma-separated, "" none */
	const char *cluster_domain;
	const char *seccomp_dir;       /* Localhost profiles */
	struct span resolv_conf;       /* the host's, as text */
	const char *cgroup_parent;     /* of this pod, as the runtime's cgroup driver writes it */
	int64_t memory_capacity_bytes; /* for oom_score_adj */
};
struct config_mount { /* beside what the container asks for */
	const char *container_path, *host_path;
	bool read_only;
};

/* Everything lives in the arena. NULL when it is full. */
Runtime__V1__PodSandboxConfig *config_sandbox(struct arena *arena, const struct config_options *options,
					      const struct pod_spec *spec, unsigned attempt) must_check;
/* cri_dns.c */
Runtime__V1__DNSConfig *config_dns(struct arena *arena, const struct config_options *options,
				   const struct pod_spec *spec) must_check;
struct config_container {
	const struct container_spec *container;
	unsigned attempt, restart_count;
	const char *image; /* what the runtime knows it by */
	const struct env_list *env;
	const char *const *mount_paths;	  /* host path of each of the container's mounts */
	const struct config_mount *extra; /* ended by container_path NULL */
};
Runtime__V1__ContainerConfig *config_container(struct arena *arena, const struct config_options *options,
					       const struct pod_spec *spec,
					       const struct config_container *what) must_check;

/* "/kubepods/burstable/pod<uid>", or the slice of it. */
int config_cgroup_parent(const char *cgroup_root, bool systemd, const struct pod_spec *spec,
			 struct buf *out) must_check;
/* Where that is below a hierarchy, with either driver: "/kubepods/burstable/podUID". */
int config_cgroup_path(const char *cgroup_root, bool systemd, const struct pod_spec *spec,
		       struct buf *out) must_check;
/* The name the pod's containers see; "" with the host's network. */
int config_hostname(const struct pod_spec *spec, const char *cluster_domain, struct buf *out) must_check;
/* LOG_DIR/<ns>_<name>_<uid>. */
int config_log_dir(const char *log_dir, const struct pod_spec *spec, struct buf *out) must_check;
int64_t config_cpu_shares(const struct resource_spec *r);
int64_t config_cpu_quota(const struct resource_spec *r); /* per 100 ms; 0: none */
/* -997 for guaranteed pods, 1000 for best effort ones, in between by share of memory: as a kubelet. A runtime without
 * CAP_SYS_RESOURCE cannot lower it below its own: such a containerd needs restrict_oom_score_adj = true. */
int config_oom_score(const struct pod_spec *spec, const struct resource_spec *r,
		     int64_t memory_capacity_bytes);

#endif
