#include "edge-hub/pods/spec.h"

/* The sums over a pod's containers; rules of k8s.io/component-helpers, resource.PodRequests. */

static void add(struct opt_int *to, const struct opt_int *what)
{
	if (what->set && !__builtin_add_overflow(to->value, what->value, &to->value))
		to->set = true;
}

static void raise_to(struct opt_int *to, const struct opt_int *what)
{
	if (what->set && (!to->set || what->value > to->value))
		*to = *what;
}

struct sums {
	struct opt_int running, sidecars, init_peak;
	bool some_unlimited;
};

static void count_one(struct sums *sums, const struct container_spec *c, const struct opt_int *what)
{
	struct opt_int with_sidecars = sums->sidecars;

	if (!c->init || c->sidecar)
		sums->some_unlimited |= !what->set;
	if (c->sidecar)
		add(&sums->sidecars, what);
	else if (c->init)
		add(&with_sidecars, what);
	else
		add(&sums->running, what);
	if (c->init && !c->sidecar)
		raise_to(&sums->init_peak, &with_sidecars);
}

/* A limit counts for the pod only when every container has one. */
static struct opt_int total(const struct pod_spec *spec, size_t offset, bool limit)
{
	struct sums sums = { 0 };

	for (uint32_t i = 0; i < spec->container_count; i++)
		count_one(&sums, &spec->containers[i],
			  (const struct opt_int *)((const char *)&spec->containers[i].resources + offset));
	add(&sums.running, &sums.sidecars);
	raise_to(&sums.running, &sums.init_peak);
	if (limit && sums.some_unlimited)
		return (struct opt_int){ 0 };
	return sums.running;
}

#define TOTAL(member, limit) total(spec, offsetof(struct resource_spec, member), limit)

void spec_pod_resources(const struct pod_spec *spec, struct resource_spec *out)
{
	*out = (struct resource_spec){
		.cpu_request_milli = TOTAL(cpu_request_milli, false),
		.cpu_limit_milli = TOTAL(cpu_limit_milli, true),
		.memory_request = TOTAL(memory_request, false),
		.memory_limit = TOTAL(memory_limit, true),
		.storage_request = TOTAL(storage_request, false),
		.storage_limit = TOTAL(storage_limit, true),
	};
}

static bool positive(const struct opt_int *n)
{
	return n->set && n->value > 0;
}

static bool guaranteed(const struct resource_spec *r)
{
	return positive(&r->cpu_limit_milli) && positive(&r->memory_limit) &&
	       r->cpu_request_milli.value == r->cpu_limit_milli.value &&
	       r->memory_request.value == r->memory_limit.value;
}

enum qos_class spec_qos(const struct pod_spec *spec)
{
	bool any = false, all = true;

	for (uint32_t i = 0; i < spec->container_count; i++) {
		const struct resource_spec *r = &spec->containers[i].resources;

		any |= positive(&r->cpu_request_milli) || positive(&r->memory_request) ||
		       positive(&r->cpu_limit_milli) || positive(&r->memory_limit);
		all &= guaranteed(r);
	}
	if (!any)
		return QOS_BEST_EFFORT;
	return all ? QOS_GUARANTEED : QOS_BURSTABLE;
}
