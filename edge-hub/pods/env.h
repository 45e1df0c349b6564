/* env: the environment of a container: where values come from, $(VAR) expansion, and the fields and resources of
 * the pod that variables and downward API files may name. No I/O: objects are asked for through `lookup`.
 *
 * Rules: k8s.io/api core/v1, EnvVar, EnvVarSource, Container.command. */
#ifndef HOLDFAST_EDGE_HUB_PODS_ENV_H
#define HOLDFAST_EDGE_HUB_PODS_ENV_H

#include "cache/object.h"
#include "edge-hub/pods/spec.h"

#define ENV_BYTES_MAX (1024u * 1024)
#define ENV_VARS_MAX 4096u

struct pod_world {
	const struct pod_spec *spec;
	const char *node_name, *host_ip;
	const char *pod_ips; /* comma-separated */
	int64_t allocatable_cpu_milli, allocatable_memory_bytes;
	/* As agent_callbacks.lookup, in the pod's namespace. */
	int (*lookup)(void *ctx, const char *resource, const char *name, const struct object **out);
	/* A service account token; -ENOSYS. */
	int (*token)(void *ctx, const char *audience, int64_t expiration_s, struct buf *out);
	void *ctx;
};

struct env_list {
	struct arena arena;
	struct env_entry {
		const char *name, *value;
	} * v;
	size_t n, cap;
};
/* envFrom first, then env in order, a later name replacing an earlier one. -ENOENT or -EAGAIN: something it names is not
 * there (err says what); -EINVAL. */
int env_resolve(const struct pod_world *world, const struct container_spec *container, struct env_list *out,
		struct err *err) must_check;
void env_done(struct env_list *list);
const char *env_get(const struct env_list *list, const char *name); /* NULL */
/* $(NAME) becomes its value when it has one and stays as it is otherwise; $$ is a dollar. */
int env_expand(struct span text, const struct env_list *list, struct buf *out) must_check;
/* The same for $(NAME) that must all be known (subPathExpr): -ENOENT. */
int env_expand_known(struct span text, const struct env_list *list, struct buf *out) must_check;
/* "metadata.name", "status.podIP", "metadata.labels['k']", ...: appended to out. -EINVAL: not a field one may name. */
int env_field(const struct pod_world *world, const char *path, struct buf *out) must_check;
/* "limits.cpu" and so on, in units of the divisor, rounded up. -EINVAL. */
int env_resource(const struct pod_world *world, const struct container_spec *container, const char *resource,
		 int64_t divisor_milli, struct buf *out) must_check;

#endif
