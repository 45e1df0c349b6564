/* runner_fixture: a whole cloud in one process and no time: cache, API and controllers under a clock the test turns. */
#ifndef TESTS_UNIT_CONTROL_RUNNER_FIXTURE_H
#define TESTS_UNIT_CONTROL_RUNNER_FIXTURE_H

#include "api/object_json.h"
#include "api/write.h"
#include "control/runner.h"

#define START_WALL_MS 1790000000000

struct cloud {
	char dir[64];
	struct cache *cache;
	struct api *api;
	struct runner *runner;
	uint64_t now_ms;
	int64_t wall_ms;
	const struct runner_defaults *defaults; /* of the next start */
	/* The same; with the cloud as ctx. */
	void (*exclusive)(void *ctx, const char *node);
	void (*neighbours)(void *ctx, const char *node, uint64_t now_ms, struct runner_neighbours *out);
	void (*say)(void *ctx, const char *node, uint64_t now_ms, char out[RUNNER_SAID_SIZE]);
	void *said; /* the test's own */
};

int cloud_setup(void **state);
int cloud_teardown(void **state);
void cloud_restart(struct cloud *c); /* the controllers only, as after a hub's restart */

void cloud_settle(struct cloud *c);	       /* until nothing is left to do now */
void cloud_pass(struct cloud *c, uint64_t ms); /* lets time go by in steps, settling */

/* JSON with ' for ". */
void cloud_create(struct cloud *c, const char *quoted);
int cloud_try_create(struct cloud *c, const char *quoted);
void cloud_delete(struct cloud *c, const char *resource, const char *ns, const char *name,
		  enum api_propagation propagation);
/* Replaces the value at `path` ("spec.template.spec") by JSON; settles. */
void cloud_set(struct cloud *c, const char *resource, const char *ns, const char *name, const char *path,
	       const char *quoted);
/* The tree, to be freed; NULL when there is none. */
struct json *cloud_get(struct cloud *c, const char *resource, const char *ns, const char *name);
bool cloud_has(struct cloud *c, const char *resource, const char *ns, const char *name);
/* A dotted path of an object as text in a static buffer: "" when absent. */
const char *cloud_field(struct cloud *c, const char *resource, const char *ns, const char *name,
			const char *path);
size_t cloud_count(struct cloud *c, const char *resource, const char *ns);
/* Status of a condition of an object, "" when absent. */
const char *cloud_condition(struct cloud *c, const char *resource, const char *ns, const char *name,
			    const char *type);

/* A ready node of 4 cpus and 8Gi with its link up. */
void cloud_node(struct cloud *c, const char *name);
/* What the node's agent would report: the pod's containers run and are ready (or not). */
void cloud_pod_status(struct cloud *c, const char *ns, const char *name, const char *phase, bool ready);
/* Every bound pod of the namespace becomes running and ready; deleted ones go, as nodes would have it. */
void cloud_play_nodes(struct cloud *c, const char *ns);
/* Calls each for every object of a kind in a namespace. */
void cloud_each(struct cloud *c, const char *resource, const char *ns,
		void (*each)(void *ctx, const struct json *tree), void *ctx);

#endif
