/* metrics: the hub's figures as Prometheus text, at /metrics of the API. Loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_METRICS_H
#define HOLDFAST_CLOUD_HUB_METRICS_H

#include "api/server.h"
#include "cloud-hub/audit/audit.h"
#include "cloud-hub/backup/desk.h"
#include "cloud-hub/certificates.h"
#include "cloud-hub/gateway/gateway.h"
#include "cloud-hub/holds.h"
#include "cloud-hub/orphans.h"
#include "cloud-hub/regions/regions.h"
#include "control/runner.h"

struct metrics {
	struct audit *audit;
	struct api *api;
	struct gateway *gateway;
	struct runner *runner;
	struct regions *regions;
	struct orphans *orphans;
	struct holds *holds;
	struct backup_desk *backups;
	const struct authority *authority;
	const struct certificates *certificates; /* NULL until there are some */
};
/* Adds the route; *metrics must outlive the api. */
int metrics_add(struct metrics *metrics) must_check;

#endif
