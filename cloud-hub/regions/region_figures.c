/* region_figures: what is counted about regions, for metrics. */
#include "cloud-hub/regions/regions_internal.h"

static void add(struct regions_figures *sum, const struct regions_figures *one)
{
	sum->taken += one->taken;
	sum->refused += one->refused;
	sum->forged += one->forged;
	sum->deferred += one->deferred;
	sum->rotations += one->rotations;
	sum->regions += one->regions;
	sum->members += one->members;
	sum->connected += one->connected;
	sum->in_maintenance += one->in_maintenance;
	for (size_t i = 0; i < ELECTORATE_WORDS; i++)
		sum->said[i] += one->said[i];
	sum->evictions.begun += one->evictions.begun;
	sum->evictions.held += one->evictions.held;
}

void region_figures_gone(struct region *region)
{
	add(&region->regions->gone, &region->figures);
	region->regions->apart -= region->is_apart;
}

static void count_member(struct region *region, const struct region_node *node, struct regions_figures *out)
{
	struct electorate_count count;

	out->members++;
	if (!node)
		return;
	out->in_maintenance += node->in_maintenance;
	out->connected += node->is_up;
	if (node->is_up)
		return;
	electorate_count(region->electorate, node->name, regions_now(region->regions), &count);
	out->said[count.word]++;
}

static void figures_of(struct region *region, const struct runner *runner, struct regions_figures *out)
{
	size_t cursor = 0;
	const char *name;

	*out = region->figures;
	out->regions = 1;
	if (runner)
		runner_evictions(runner, region->name, &out->evictions);
	while ((name = membership_next(region->membership, &cursor)))
		count_member(region, regions_node(region->regions, name), out);
}

void regions_each_figures(struct regions *regions, const struct runner *runner,
			  void (*each)(void *ctx, const char *region, const struct regions_figures *figures),
			  void *ctx)
{
	struct regions_figures others = regions->gone, one;
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&regions->regions, &cursor, &key, &value)) {
		struct region *region = value;

		figures_of(region, runner, &one);
		if (region->is_apart)
			each(ctx, region->name, &one);
		else
			add(&others, &one);
	}
	each(ctx, "*", &others);
}
