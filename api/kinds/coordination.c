/* Fields of Lease. */
#include "api/kinds/schemas.h"

static const struct field coordination_lease_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_coordination_lease_spec),
};
const struct schema schema_coordination_lease =
	SCHEMA("io.k8s.api.coordination.v1.Lease", coordination_lease_fields);

static const struct field coordination_lease_spec_fields[] = {
	FIELD("acquireTime", 3, MICRO_TIME, SINGLE),
	FIELD("holderIdentity", 1, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("leaseDurationSeconds", 2, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("leaseTransitions", 5, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("preferredHolder", 7, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("renewTime", 4, MICRO_TIME, SINGLE),
	FIELD("strategy", 6, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
};
const struct schema schema_coordination_lease_spec =
	SCHEMA("io.k8s.api.coordination.v1.LeaseSpec", coordination_lease_spec_fields);
