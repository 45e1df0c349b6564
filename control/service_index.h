/* service_index: which pods each Service chooses, and which slices it has, so that a change concerns only those it concerns.
 * Fed in the order of the store. Pure. */
#ifndef HOLDFAST_CONTROL_SERVICE_INDEX_H
#define HOLDFAST_CONTROL_SERVICE_INDEX_H

#include "control/cluster.h"

struct service_index;

#define SERVICE_INDEX_MAX 200000u

int service_index_new(struct service_index **out) must_check;
void service_index_free(struct service_index *index);

/* The Service of this selector (a map of labels; NULL or empty: none). Its pods are looked up in the cluster when the selector is
 * another than before. -ENOMEM, -ENOSPC. */
int service_index_see(struct service_index *index, const char *ns, const char *name,
		      const struct json *selector, const struct cluster *cluster) must_check;
void service_index_lose(struct service_index *index, const char *ns, const char *name);

/* Calls `concerned` with each Service that chose the pod before or chooses it now. `labels` packed; of a pod that is gone none. */
typedef void service_concerned_fn(void *ctx, const char *ns, const char *service);
int service_index_pod(struct service_index *index, const char *ns, const char *pod, bool gone,
		      struct span labels, service_concerned_fn *concerned, void *ctx) must_check;
/* The same without a change of the pod: of its node, say. */
void service_index_each(const struct service_index *index, const char *ns, const char *pod,
			service_concerned_fn *concerned, void *ctx);

/* With each Service that chooses no pods by itself and has slices all the same: they mirror what somebody wrote. */
void service_index_each_mirrored(const struct service_index *index, service_concerned_fn *concerned,
				 void *ctx);

/* A slice that has the Service's name as label came or went. */
int service_index_slice(struct service_index *index, const char *ns, const char *service, const char *slice,
			bool gone) must_check;
/* False: no such Service; names of pods or slices of it otherwise, with *cursor starting at 0. */
bool service_index_next_pod(const struct service_index *index, const char *ns, const char *service,
			    size_t *cursor, struct span *out);
bool service_index_next_slice(const struct service_index *index, const char *ns, const char *service,
			      size_t *cursor, struct span *out);

#endif
