/* aggregate: ClusterRoles that take their rules from others (aggregationRule): who has to look again when a role changes, and
 * what the rules come to. Pure. Semantics: upstream's clusterroleaggregation controller (1.32). */
#ifndef HOLDFAST_CONTROL_AGGREGATE_H
#define HOLDFAST_CONTROL_AGGREGATE_H

#include "base/json.h"
#include "base/map.h"
#include "cache/object.h"

#define AGGREGATE_ROLES_MAX 200000u /* roles that gather, and roles that one of them takes from */

struct aggregate;
int aggregate_new(struct aggregate **out) must_check;
void aggregate_free(struct aggregate *aggregate); /* NULL is fine */

/* The name of a role that gathers and may have to change; told more than once at times. */
typedef void aggregate_each_fn(void *ctx, const char *name);
/* The ClusterRole is now like this. -ENOMEM, -ENOSPC; -EINVAL: its selectors cannot be read, and it gathers nothing. */
int aggregate_see(struct aggregate *aggregate, const struct object *role, const struct json *tree,
		  aggregate_each_fn *each, void *ctx) must_check;
void aggregate_lose(struct aggregate *aggregate, const char *name, aggregate_each_fn *each, void *ctx);

/* Does the role `gatherer` gather at all? */
bool aggregate_gathers(const struct aggregate *aggregate, const char *gatherer);
/* Does it take rules from this role? 1: yes, and the gatherer is told when that role changes; 0; negative. */
int aggregate_takes(struct aggregate *aggregate, const char *gatherer, const struct object *role) must_check;

/* The rules put together: add the roles taken from, in order of name. */
struct gathering {
	struct json *rules;
	struct map seen; /* each rule counts once */
};
int gathering_init(struct gathering *gathering) must_check;
void gathering_done(struct gathering *gathering);
int gathering_add(struct gathering *gathering, const struct json *role) must_check;
/* Writes them into the gatherer's tree: 0 changed, 1 it says so already, negative. */
int gathering_apply(const struct gathering *gathering, struct json *tree) must_check;

#endif
