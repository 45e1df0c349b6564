/* region_world: a region of several nodes' parts in its health, in one process and on real sockets of the loopback, each with a replica of
 * its own, and a cloud's hand that writes the Region object. For tests. */
#ifndef HOLDFAST_TESTS_EDGE_HUB_REGION_WORLD_H
#define HOLDFAST_TESTS_EDGE_HUB_REGION_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "edge-hub/health/peers_internal.h"
#include "healthcheck/electorate.h"

#define WORLD_NODES_MAX 7u
#define WORLD_PATIENCE_MS 60000u /* emulated hubs on a busy machine took more than 20 s */

struct world;
struct world_node {
	struct world *world;
	char name[32], path[128];
	struct cache *cache;
	struct node_key key;
	struct peers *peers;
	char address[ROSTER_ADDRESS_SIZE];
	bool no_tunnel;
	/* Verdicts that it handed to the cloud. */
	struct electorate *heard;
	unsigned verdicts, bad;
};
struct world {
	char dir[64];
	struct loop *loop;
	struct timer *timer;
	struct world_node nodes[WORLD_NODES_MAX];
	unsigned count;
	struct x509_key *signer;
	uint8_t keys[3][REGION_KEY_SIZE];   /* of generations 1 to 3 */
	char stranger[ROSTER_ADDRESS_SIZE]; /* a member more that no node plays; "" none */
	bool (*until)(struct world *world);
	uint64_t deadline_ms;
	bool done;
};
struct world *world_new(unsigned nodes);
void world_free(struct world *world);
/* Writes the Region object into that node's replica, with keys first..last. */
void world_roster(struct world *world, struct world_node *node, unsigned version, unsigned first_key,
		  unsigned last_key);
void world_start(struct world *world, struct world_node *node, uint64_t start);
/* Runs the loop until it is so; fails the test when it never is. */
void world_until(struct world *world, bool (*until)(struct world *world));
void world_run(struct world *world, unsigned ms);

#endif
