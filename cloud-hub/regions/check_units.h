/* check_units: whom the ConfigMap edge-health-config of a TKE Edge user (SuperEdge's edge-health, docs/components/edge-health.md and
 * pkg/edge-health/check/check.go) wants to be judged by neighbours: all, or the units that it lists. A unit is a region here, or a
 * NodeUnit, by the label that SuperEdge gives to its nodes. Pure; one thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_CHECK_UNITS_H
#define HOLDFAST_CLOUD_HUB_REGIONS_CHECK_UNITS_H

#include "base/json.h"

#define CHECK_UNITS_CONFIG "edge-health-config"
#define CHECK_UNITS_MAX 1024u
#define CHECK_UNITS_LABEL_VALUE "nodeunits.superedge.io" /* of a label whose key is the unit's name */

struct check_units {
	char *list; /* names, each ended by NUL; NULL: all are judged */
	size_t count;
	bool is_cluster; /* one membership of all nodes is asked for, which there is not */
};
/* Is it this ConfigMap that counts? It has to bear the label that SuperEdge's informer looks for. */
bool check_units_is_meant(const struct json *config_map);
/* -EINVAL: err says which key is wrong; *out is empty then. */
int check_units_read(const struct json *config_map, struct check_units *out, struct err *err) must_check;
void check_units_done(struct check_units *units);
/* Is a node of this region with these labels judged? */
bool check_units_has(const struct check_units *units, const char *region, const struct json *labels);
bool check_units_same(const struct check_units *a, const struct check_units *b);

#endif
