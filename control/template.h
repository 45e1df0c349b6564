/* template: a pod made of a workload's spec.template. Pure. */
#ifndef HOLDFAST_CONTROL_TEMPLATE_H
#define HOLDFAST_CONTROL_TEMPLATE_H

#include "base/json.h"

/* A controller's owner reference. NULL without memory. */
struct json *owner_reference(const char *api_version, const char *kind, const char *name,
			     const char *uid) must_check;
/* The pod, owned by the workload and without a node, ready for api_create. NULL without memory. */
struct json *template_pod(const struct json *workload, const char *api_version, const char *kind) must_check;

#define TEMPLATE_HASH_SIZE 16
/* The name of the template's present state: a hash of it and of status.collisionCount, of letters that make no words. -ENOMEM. */
int template_hash(const struct json *workload, char out[TEMPLATE_HASH_SIZE]) must_check;

#endif
