/* endpoints: what stands behind a Service: EndpointSlices and Endpoints from its pods, or slices that mirror the Endpoints which
 * somebody wrote for a Service without selector. Pure: from what there is to what has to be written.
 *
 * Slices hold pods of one region each, named by the label GRAPH_REGION_LABEL; those of pods on nodes without region have no label.
 * So a node gets whole slices or none (auth/graph.h), and what changes in one region travels to that region only.
 * Rules: upstream's endpointslice, endpointslicemirroring and endpoint controllers. */
#ifndef HOLDFAST_CONTROL_ENDPOINTS_H
#define HOLDFAST_CONTROL_ENDPOINTS_H

#include "control/view.h"

#define ENDPOINTS_PER_SLICE_MAX 100u /* upstream's --max-endpoints-per-slice */
#define ENDPOINTS_OBJECT_MAX 1000u   /* addresses of one Endpoints object; beyond, an annotation says so */
#define ENDPOINTS_PODS_MAX 100000u   /* of one Service; the rest are left out */

#define LABEL_SERVICE_NAME "kubernetes.io/service-name"
#define LABEL_SLICE_MANAGER "endpointslice.kubernetes.io/managed-by"
#define SLICE_MANAGER "endpointslice-controller.k8s.io"
#define SLICE_MIRROR "endpointslicemirroring-controller.k8s.io"

/* What matters of a node here. */
struct endpoints_node {
	const char *region, *zone; /* "" for none */
	bool gone; /* nobody should be sent there: the node says so itself, or its region says that it is dead */
};
struct endpoints_input {
	const struct json *service;
	const struct pod_view *const *pods; /* that its selector chooses */
	size_t pod_count;
	/* False: nothing is known of the node. */
	bool (*node)(void *ctx, const char *name, struct endpoints_node *out);
	void *ctx;
	const struct json *const
		*slices; /* that have its name as label; those of other managers are left alone */
	size_t slice_count;
	const struct json *endpoints; /* of its name; NULL: there is none */
};
enum endpoints_action { ENDPOINTS_CREATE, ENDPOINTS_UPDATE, ENDPOINTS_DELETE };
struct endpoints_step {
	enum endpoints_action action;
	const char *resource;	   /* storage resource */
	const struct json *before; /* of the input; NULL: create */
	struct json *after;	   /* owned by the plan; NULL: delete */
};
struct endpoints_plan {
	struct endpoints_step *steps; /* deletions last: nobody is without an endpoint in between */
	size_t count, cap;
};
/* -ENOMEM, -EINVAL: no Service. The plan is empty when all is as it should be; endpoints_plan_done in any case. */
int endpoints_plan(const struct endpoints_input *input, struct endpoints_plan *out) must_check;
void endpoints_plan_done(struct endpoints_plan *plan);

/* Does the Service want its pods looked for? */
bool endpoints_has_selector(const struct json *service);

#endif
