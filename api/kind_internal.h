/* kind_internal: the functions that stand in the kind records (kind_list.c), by file. No other module includes it. */
#ifndef HOLDFAST_API_KIND_INTERNAL_H
#define HOLDFAST_API_KIND_INTERNAL_H

#include "api/kind.h"

extern const struct kind *const kind_list[];
extern const size_t kind_list_count;
/* Bodies of subresources and options: kinds without a URL. */
extern const struct kind *const kind_bodies[];
extern const size_t kind_bodies_count;

/* kind_defaults.c */
int daemon_set_defaults(struct json *object);
int namespace_defaults(struct json *object);
int node_defaults(struct json *object);
int deployment_defaults(struct json *object);
int replica_set_defaults(struct json *object);
int role_binding_defaults(struct json *object);
int secret_defaults(struct json *object);
/* kind_pod_defaults.c */
int pod_defaults(struct json *object);
int pod_template_defaults(struct json *spec);
/* kind_service_defaults.c */
int service_defaults(struct json *object);

/* kind_fields.c */
int event_index(const struct json *object, struct buf *packed);
int namespace_index(const struct json *object, struct buf *packed);
int node_index(const struct json *object, struct buf *packed);
int pod_index(const struct json *object, struct buf *packed);
int secret_index(const struct json *object, struct buf *packed);
int service_index(const struct json *object, struct buf *packed);
int verdict_index(const struct json *object, struct buf *packed);

/* kind_events.c: events.k8s.io/v1 from and to core/v1 */
int event_to_core(struct json *object);
int event_from_core(struct json *object);

/* table_*.c */
#define POD_COLUMNS 9
#define NODE_COLUMNS 10
#define DAEMON_SET_COLUMNS 11
#define DEPLOYMENT_COLUMNS 8
#define REPLICA_SET_COLUMNS 8
#define CONFIG_MAP_COLUMNS 3
#define SECRET_COLUMNS 4
#define NAMESPACE_COLUMNS 3
#define SERVICE_ACCOUNT_COLUMNS 3
#define EVENT_COLUMNS 10
#define LEASE_COLUMNS 3
#define CONTROLLER_REVISION_COLUMNS 4
#define REGION_COLUMNS 5
#define VERDICT_COLUMNS 8
#define ROLE_COLUMNS 2
#define ROLE_BINDING_COLUMNS 6
#define SERVICE_COLUMNS 7
#define ENDPOINTS_COLUMNS 3
#define ENDPOINT_SLICE_COLUMNS 5
extern const struct column pod_columns[POD_COLUMNS];
extern const struct column node_columns[NODE_COLUMNS];
extern const struct column daemon_set_columns[DAEMON_SET_COLUMNS];
extern const struct column deployment_columns[DEPLOYMENT_COLUMNS];
extern const struct column replica_set_columns[REPLICA_SET_COLUMNS];
extern const struct column config_map_columns[CONFIG_MAP_COLUMNS];
extern const struct column secret_columns[SECRET_COLUMNS];
extern const struct column namespace_columns[NAMESPACE_COLUMNS];
extern const struct column service_account_columns[SERVICE_ACCOUNT_COLUMNS];
extern const struct column event_columns[EVENT_COLUMNS];
extern const struct column lease_columns[LEASE_COLUMNS];
extern const struct column controller_revision_columns[CONTROLLER_REVISION_COLUMNS];
extern const struct column region_columns[REGION_COLUMNS];
extern const struct column verdict_columns[VERDICT_COLUMNS];
extern const struct column role_columns[ROLE_COLUMNS];
extern const struct column role_binding_columns[ROLE_BINDING_COLUMNS];
extern const struct column service_columns[SERVICE_COLUMNS];
extern const struct column endpoints_columns[ENDPOINTS_COLUMNS];
extern const struct column endpoint_slice_columns[ENDPOINT_SLICE_COLUMNS];

/* validate_*.c */
typedef void validate_fn(const struct json *object, const struct json *old, struct problems *problems);
validate_fn pod_validate, node_validate, daemon_set_validate, config_map_validate, secret_validate,
	namespace_validate, service_account_validate, event_validate, lease_validate,
	controller_revision_validate, role_validate, cluster_role_validate, role_binding_validate,
	cluster_role_binding_validate, region_validate, replica_set_validate, deployment_validate,
	scale_validate, service_validate, endpoints_validate, endpoint_slice_validate;
/* validate_health.c */
const char *region_name(struct span name);

#endif
