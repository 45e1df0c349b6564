/* views: pods and nodes for the tests of the cores, from JSON with ' for ". */
#ifndef TESTS_UNIT_CONTROL_VIEWS_H
#define TESTS_UNIT_CONTROL_VIEWS_H

#include "base/json.h"
#include "control/cluster.h"

struct json *quoted_json(const char *quoted);
struct pod_view *make_pod(const char *quoted);
struct node_view *make_node(const char *quoted);
/* {"metadata":{"name":NAME,...}} with labels, spec and status given as quoted members ("'taints':[...]"). */
void put_node(struct cluster *cluster, const char *name, const char *labels, const char *spec,
	      const char *allocatable);
void put_pod(struct cluster *cluster, const char *name, const char *node, const char *spec);

#endif
