/* spec_internal: the field tables that spec.c, spec_container.c and spec_volume.c share. */
#ifndef HOLDFAST_EDGE_HUB_PODS_SPEC_INTERNAL_H
#define HOLDFAST_EDGE_HUB_PODS_SPEC_INTERNAL_H

#include "edge-hub/pods/spec.h"

#define F(struct_, json_, type_, member_, ...)                                                               \
	{                                                                                                    \
		.name = (json_), .type = (type_), .offset = offsetof(struct struct_, member_), ##__VA_ARGS__ \
	}

extern const struct decode_table spec_container_table; /* struct container_spec */
/* One entry of spec.volumes. */
int spec_decode_volume(struct decoder *d, const struct json *object, struct volume_spec *out) must_check;
extern const struct decode_table spec_seccomp_table; /* struct seccomp_spec */
extern const struct decode_table spec_selinux_table; /* struct selinux_spec */

/* A relative path without "..", for files in a volume and for subPath. */
bool spec_is_inside(const char *path);

#endif
