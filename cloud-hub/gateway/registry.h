/* registry: the records of nodes (auth/enrol.h) as they are, or as a write under way will make them: whoever reads, changes and
 * writes one never undoes a change that was submitted before. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_REGISTRY_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_REGISTRY_H

#include "auth/enrol.h"
#include "cache/cache.h"

struct registry;

int registry_new(struct cache *cache, struct registry **out) must_check;
/* Writes under way go on, and their callers hear -ECANCELED now. */
void registry_free(struct registry *registry);

/* -ENOENT: no such node; -EINVAL: unreadable. */
int registry_get(const struct registry *registry, const char *node, struct enrolment *out) must_check;
/* Stores the record; `done` (may be NULL) is called when that is durable or has failed. */
int registry_put(struct registry *registry, const struct enrolment *record, void (*done)(void *ctx, int code),
		 void *ctx) must_check;
/* For who submits the write itself, with others in one transaction: between these two the record is as given. */
int registry_writing(struct registry *registry, const struct enrolment *record) must_check;
void registry_written(struct registry *registry, const char *node);

#endif
