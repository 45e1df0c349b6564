/* spec: a Pod's JSON body, decoded once into a validated struct.
 *
 * One arena holds everything; strings are never NULL. Immutable after decoding. What the agent cannot
 * honour is not an error but a sentence in `unsupported`: the pod then waits with that reason instead of
 * running without something it asked for. Field names: k8s.io/api core/v1. */
#ifndef HOLDFAST_EDGE_HUB_PODS_SPEC_H
#define HOLDFAST_EDGE_HUB_PODS_SPEC_H

#include "edge-hub/pods/decode.h"

#define SPEC_CONTAINERS_MAX 32u /* app and init containers each */
#define SPEC_VOLUMES_MAX 64u
#define SPEC_BYTES_MAX (2u * 1024 * 1024)

/* --- environment --- */
enum env_source { ENV_VALUE, ENV_FIELD, ENV_RESOURCE, ENV_CONFIG_MAP, ENV_SECRET, ENV_UNKNOWN };
struct env_var {
	const char *name, *value;
	enum env_source source;
	const char *ref;       /* object's name; container's name for ENV_RESOURCE ("" itself) */
	const char *key;       /* key, field path or resource */
	int64_t divisor_milli; /* ENV_RESOURCE; 0: one */
	bool optional;
};
struct env_from {
	const char *prefix, *config_map, *secret; /* one of the last two */
	bool optional;
};

/* --- probes and hooks --- */
enum handler_kind { HANDLER_NONE, HANDLER_EXEC, HANDLER_HTTP, HANDLER_TCP, HANDLER_GRPC, HANDLER_SLEEP };
struct handler {
	enum handler_kind kind;
	struct strs command;
	const char *host, *path, *service; /* http, tcp host; http path; grpc service */
	bool https;
	int64_t port; /* 0 when it is a name */
	const char *port_name;
	struct decoded_list headers; /* struct pair */
	int64_t sleep_seconds;
};
enum probe_kind { PROBE_STARTUP, PROBE_LIVENESS, PROBE_READINESS, PROBE_KINDS };
struct probe_spec {
	struct handler handler;
	int64_t initial_delay_s, timeout_s, period_s, success_threshold, failure_threshold;
	struct opt_int grace_s;
};

/* --- containers --- */
struct mount_spec {
	const char *name, *mount_path, *sub_path, *sub_path_expr;
	bool read_only;
	int propagation; /* enum MountPropagation of CRI */
};
struct port_spec {
	const char *name, *host_ip;
	int64_t container_port, host_port;
	int protocol; /* enum Protocol of CRI */
};
struct resource_spec {
	struct opt_int cpu_request_milli, cpu_limit_milli, memory_request, memory_limit, storage_request,
		storage_limit;
};
enum seccomp_kind { SECCOMP_UNSET, SECCOMP_RUNTIME_DEFAULT, SECCOMP_UNCONFINED, SECCOMP_LOCALHOST };
struct seccomp_spec {
	int kind;
	const char *localhost;
};
struct selinux_spec {
	const char *user, *role, *type, *level;
};
struct container_security {
	struct opt_int run_as_user, run_as_group;
	struct opt_bool run_as_non_root, privileged, read_only_root, allow_escalation;
	struct strs cap_add, cap_drop;
	struct seccomp_spec seccomp;
	struct selinux_spec selinux;
	bool proc_mount_unmasked;
};
enum pull_policy { PULL_UNSET, PULL_ALWAYS, PULL_IF_NOT_PRESENT, PULL_NEVER };
enum restart_policy { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
struct container_spec {
	const char *name, *image, *working_dir;
	struct strs command, args;
	struct decoded_list env;      /* struct env_var */
	struct decoded_list env_from; /* struct env_from */
	struct decoded_list mounts;   /* struct mount_spec */
	struct decoded_list ports;    /* struct port_spec */
	struct resource_spec resources;
	struct container_security security;
	struct probe_spec *probes[PROBE_KINDS]; /* NULL: none */
	struct handler *post_start, *pre_stop;
	int pull_policy;
	const char *message_path;
	bool message_from_logs;
	bool stdin_open, stdin_once, tty;
	bool init, sidecar; /* a sidecar is an init container with restartPolicy Always */
	uint32_t hash;	    /* of what makes a running container outdated: name and image */
};

/* --- volumes --- */
enum volume_kind {
	VOLUME_UNSUPPORTED,
	VOLUME_EMPTY_DIR,
	VOLUME_HOST_PATH,
	VOLUME_CONFIG_MAP,
	VOLUME_SECRET,
	VOLUME_DOWNWARD,
	VOLUME_PROJECTED,
};
struct key_path {
	const char *key, *path;
	struct opt_int mode;
};
struct downward_item {
	const char *path, *field; /* or resource: */
	const char *container, *resource;
	int64_t divisor_milli;
	struct opt_int mode;
};
enum source_kind { SOURCE_CONFIG_MAP, SOURCE_SECRET, SOURCE_DOWNWARD, SOURCE_TOKEN, SOURCE_UNSUPPORTED };
struct volume_source { /* one source of files; projected volumes have several, the other kinds one */
	enum source_kind kind;
	const char *name;
	bool optional;
	struct decoded_list items;    /* struct key_path */
	struct decoded_list downward; /* struct downward_item */
	const char *token_path, *token_audience;
	int64_t token_expiration_s;
};
struct volume_spec {
	const char *name;
	enum volume_kind kind;
	const char *kind_name; /* "configMap", for messages */
	int64_t default_mode;
	struct decoded_list sources; /* struct volume_source */
	bool memory;		     /* emptyDir medium */
	struct opt_int size_limit;
	const char *host_path, *host_path_type;
};

/* --- the pod --- */
enum dns_policy { DNS_CLUSTER_FIRST, DNS_CLUSTER_FIRST_HOST_NET, DNS_DEFAULT, DNS_NONE };
enum qos_class { QOS_GUARANTEED, QOS_BURSTABLE, QOS_BEST_EFFORT };
struct host_alias {
	const char *ip;
	struct strs names;
};
struct pod_security {
	struct opt_int run_as_user, run_as_group, fs_group;
	struct opt_bool run_as_non_root;
	bool fs_group_on_root_mismatch;
	struct decoded_list supplemental_groups; /* int64_t */
	struct decoded_list sysctls;		 /* struct pair */
	struct seccomp_spec seccomp;
	struct selinux_spec selinux;
};

/* What the last known status said; where the runtime has forgotten, it still counts. */
enum pod_phase { PHASE_PENDING, PHASE_RUNNING, PHASE_SUCCEEDED, PHASE_FAILED, PHASE_UNKNOWN };
#define SPEC_FENCED "Fenced" /* the reason of waiting of what fencing stopped */
struct prior_container {
	const char *name, *container_id; /* without "containerd://" */
	int64_t restart_count;
	bool ready, started;
	bool ran; /* running or terminated */
	bool fenced;
};
struct prior_condition {
	const char *type;
	int status; /* 0 False, 1 True, 2 Unknown */
	struct opt_int since_ms;
};
struct prior_status {
	int phase;
	const char *reason, *message;
	struct opt_int start_time_ms;
	struct decoded_list containers, init_containers; /* struct prior_container */
	struct decoded_list conditions;			 /* struct prior_condition */
};

struct pod_spec {
	struct arena arena;
	const char *ns, *name, *uid;
	struct pair_list labels, annotations;
	bool deleting;
	bool exclusive; /* there must never be two of it: control/eviction.h */
	struct opt_int deletion_grace_s;

	struct container_spec *containers;    /* init containers first, in order, then app containers */
	uint32_t init_count, container_count; /* the second counts all */
	struct decoded_list volumes;	      /* struct volume_spec */
	int restart_policy;
	int64_t grace_s;
	struct opt_int active_deadline_s;
	int dns_policy;
	struct {
		struct strs servers, searches;
		struct decoded_list options; /* struct pair */
	} dns;
	bool host_network, host_pid, host_ipc, share_process_ns;
	const char *hostname, *subdomain, *service_account, *node_name, *runtime_class;
	bool set_hostname_as_fqdn;
	struct pod_security security;
	struct decoded_list host_aliases;    /* struct host_alias */
	struct decoded_list pull_secrets;    /* struct pair: key is the name */
	struct decoded_list readiness_gates; /* struct pair: key is the condition's type */
	enum qos_class qos;
	struct prior_status prior;
	char unsupported[160]; /* "" when everything asked for can be done */
};

/* Decodes a whole Pod. ns, name and uid must be there and fit in a path. -EINVAL, -E2BIG, -ENOMEM. The spec is freed with spec_free. */
int spec_decode(struct span body, struct pod_spec **out, struct err *err) must_check;
/* The least that lets a pod be stopped: what the runtime's labels say. */
int spec_minimal(const char *ns, const char *name, const char *uid, int64_t grace_s,
		 const char *const *containers, size_t count, struct pod_spec **out) must_check;
void spec_free(struct pod_spec *spec);

const struct container_spec *spec_container(const struct pod_spec *spec, const char *name); /* NULL */
const struct volume_spec *spec_volume(const struct pod_spec *spec, const char *name);	    /* NULL */
/* Whether the pod names this object in its environment or volumes. */
bool spec_refers(const struct pod_spec *spec, bool secret, const char *name);
/* A name that is safe as one path component: not empty, not "." or "..", no '/', at most 253 bytes. */
bool spec_is_component(const char *name);
/* The requests and limits of the whole pod, as the scheduler counts them. */
void spec_pod_resources(const struct pod_spec *spec, struct resource_spec *out);
enum qos_class spec_qos(const struct pod_spec *spec);

#endif
