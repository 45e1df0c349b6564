/* template: a pod made of a workload's spec.template. Pure. */
#ifndef HOLDFAST_CONTROL_TEMPLATE_H
#define HOLDFAST_CONTROL_TEMPLATE_H

#include "base/json.h"

/* A controller's owner reference. NULL without memory. */
struct json *owner_reference(const char *api_version, const char *kind, const char *name,
			     const char *uid) must_check;
/* The pod, owned by the workload and without a node, ready for api_create. NULL without memory. */
struct json *template_pod(const struct json *workload, const char *api_version, const char *kind) must_check;

#endif
