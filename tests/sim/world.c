#include "tests/sim/world.h"

#include <stdlib.h>

#include "tests/sim/cloud_session.h"

#define STEP_MS 100u

static void on_action(void *ctx);

struct world *world_new(uint64_t seed, unsigned edges, struct wire_options wire, bool verbose)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_always(world && edges <= CLOUD_EDGES_MAX);
	sim_init(&world->sim, seed);
	world->sim.verbose = verbose;
	cloud_init(&world->cloud, &world->sim);
	world->edges = calloc(edges, sizeof(*world->edges));
	assert_always(world->edges);
	world->edge_count = edges;
	for (unsigned i = 0; i < edges; i++)
		edge_init(&world->edges[i], &world->sim, &world->cloud, i, wire);
	world->action = (struct sim_timer){ .fire = on_action, .ctx = world };
	return world;
}

void world_free(struct world *world)
{
	for (unsigned i = 0; i < world->edge_count; i++)
		edge_done(&world->edges[i]);
	cloud_done(&world->cloud);
	sim_done(&world->sim);
	free(world->edges);
	free(world);
}

void world_start(struct world *world)
{
	cloud_start(&world->cloud);
	for (unsigned i = 0; i < world->edge_count; i++)
		edge_start(&world->edges[i]);
}

/* --- writes --- */

static const char *ref_text(unsigned ref, char out[64])
{
	(void)snprintf(out, 64, "%s/shop/%s-%u", ref % 2 ? "secrets" : "configmaps",
		       ref % 2 ? "secret" : "config", ref);
	return out;
}

static void body_text(struct world *world, char *out, size_t size)
{
	int n = snprintf(out, size, "{\"version\":%llu,\"fill\":\"", (unsigned long long)++world->versions);
	size_t fill = (size_t)sim_below(&world->sim, sim_chance(&world->sim, 5) ? size - 64 : 200);

	memset(out + n, 'x', fill);
	(void)snprintf(out + n + fill, size - (size_t)n - fill, "\"}");
}

bool world_put_ref(struct world *world, unsigned ref)
{
	char text[64], uid[32], body[40000];

	if (!world->refs[ref].exists)
		world->refs[ref].uid = ++world->uids;
	(void)snprintf(uid, sizeof(uid), "uid-%llu", (unsigned long long)world->refs[ref].uid);
	body_text(world, body, sizeof(body));
	if (!cloud_put(&world->cloud, ref_text(ref, text), uid, 0, NULL, body))
		return false;
	world->refs[ref].exists = true;
	return true;
}

static bool delete_ref(struct world *world, unsigned ref)
{
	char text[64];

	if (!world->refs[ref].exists || world->refs[ref].users ||
	    !cloud_delete(&world->cloud, ref_text(ref, text)))
		return false;
	world->refs[ref].exists = false;
	return true;
}

static void use(struct world *world, const unsigned refs[2], int by)
{
	for (int i = 0; i < 2; i++)
		if (refs[i] < WORLD_REFS_MAX)
			world->refs[refs[i]].users += (unsigned)by;
}

bool world_put_pod(struct world *world, unsigned pod, unsigned node, unsigned ref_a, unsigned ref_b,
		   bool new_uid)
{
	char text[64], uid[32], refs[160] = "", one[64], body[40000];
	struct world_pod *p = &world->pods[pod];
	struct world_pod next = { true, node, { ref_a, ref_b }, p->uid };

	for (int i = 0; i < 2; i++) {
		size_t len = strlen(refs);

		if (next.refs[i] < WORLD_REFS_MAX)
			(void)snprintf(refs + len, sizeof(refs) - len, "%s%s", len ? " " : "",
				       ref_text(next.refs[i], one));
	}
	if (!p->exists || new_uid)
		next.uid = ++world->uids;
	(void)snprintf(text, sizeof(text), "pods/shop/pod-%u", pod);
	(void)snprintf(uid, sizeof(uid), "uid-%llu", (unsigned long long)next.uid);
	body_text(world, body, sizeof(body));
	if (!cloud_put(&world->cloud, text, uid, node, refs, body))
		return false;
	if (p->exists)
		use(world, p->refs, -1);
	*p = next;
	use(world, p->refs, 1);
	return true;
}

bool world_delete_pod(struct world *world, unsigned pod)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "pods/shop/pod-%u", pod);
	if (!world->pods[pod].exists || !cloud_delete(&world->cloud, text))
		return false;
	world->pods[pod].exists = false;
	use(world, world->pods[pod].refs, -1);
	return true;
}

/* --- actions --- */

static unsigned any_ref(struct world *world)
{
	unsigned ref = (unsigned)sim_below(&world->sim, WORLD_REFS_MAX);

	return world->refs[ref].exists ? ref : WORLD_REFS_MAX;
}

static struct edge *any_edge(struct world *world)
{
	return &world->edges[sim_below(&world->sim, world->edge_count)];
}

static void write_ref(struct world *world)
{
	(void)world_put_ref(world, (unsigned)sim_below(&world->sim, WORLD_REFS_MAX));
}

static void erase_ref(struct world *world)
{
	(void)delete_ref(world, (unsigned)sim_below(&world->sim, WORLD_REFS_MAX));
}

/* A new reference and a pod that names it, one right after the other. */
static void write_both(struct world *world)
{
	unsigned slots = world->edge_count * 4 < WORLD_PODS_MAX ? world->edge_count * 4 : WORLD_PODS_MAX;
	unsigned pod = (unsigned)sim_below(&world->sim, slots),
		 ref = (unsigned)sim_below(&world->sim, WORLD_REFS_MAX);

	if (world_put_ref(world, ref))
		(void)world_put_pod(world, pod,
				    world->pods[pod].exists ? world->pods[pod].node : any_edge(world)->id,
				    ref, any_ref(world), false);
}

static void write_pod(struct world *world)
{
	unsigned slots = world->edge_count * 4 < WORLD_PODS_MAX ? world->edge_count * 4 : WORLD_PODS_MAX;
	unsigned pod = (unsigned)sim_below(&world->sim, slots);
	struct world_pod *p = &world->pods[pod];

	(void)world_put_pod(world, pod, p->exists ? p->node : any_edge(world)->id, any_ref(world),
			    any_ref(world), false);
}

static void replace_pod(struct world *world)
{
	unsigned slots = world->edge_count * 4 < WORLD_PODS_MAX ? world->edge_count * 4 : WORLD_PODS_MAX;
	unsigned pod = (unsigned)sim_below(&world->sim, slots);
	unsigned node = world->pods[pod].node;

	if (world_delete_pod(world, pod))
		(void)world_put_pod(world, pod, node, any_ref(world), any_ref(world), true);
}

static void erase_pod(struct world *world)
{
	unsigned slots = world->edge_count * 4 < WORLD_PODS_MAX ? world->edge_count * 4 : WORLD_PODS_MAX;

	(void)world_delete_pod(world, (unsigned)sim_below(&world->sim, slots));
}

static void report(struct world *world)
{
	struct edge *edge = any_edge(world);

	for (uint64_t n = 1 + sim_below(&world->sim, 20); n; n--)
		edge_report(edge);
}

static void cut(struct world *world)
{
	struct edge *edge = any_edge(world);

	if (edge->wire)
		wire_break(edge->wire, sim_chance(&world->sim, 40));
}

static void stall(struct world *world)
{
	struct edge *edge = any_edge(world);

	if (edge->wire)
		wire_stall(edge->wire, world->sim.now_ms + sim_below(&world->sim, 20000));
}

static void flip_network(struct world *world)
{
	struct edge *edge = any_edge(world);

	edge_network(edge, !edge->network_up, sim_chance(&world->sim, 50));
}

static void power_edge(struct world *world)
{
	struct sim *sim = &world->sim;

	edge_crash_at(any_edge(world), 1 + sim_below(sim, 40), sim_below(sim, 3000),
		      100 + sim_below(sim, 30000));
}

static void restart_edge(struct world *world)
{
	struct edge *edge = any_edge(world);

	if (!edge->is_up || edge->doom.fire)
		return;
	edge_stop(edge);
	edge_start(edge);
}

static void power_cloud(struct world *world)
{
	if (sim_chance(&world->sim, 10))
		cloud_crash(&world->cloud, 100 + sim_below(&world->sim, 20000));
}

static const struct {
	void (*act)(struct world *world);
	unsigned weight;
	bool trouble;
} acts[] = {
	{ write_ref, 20, false },  { erase_ref, 10, false },  { write_both, 20, false },
	{ write_pod, 20, false },  { replace_pod, 5, false }, { erase_pod, 8, false },
	{ report, 10, false },	   { cut, 6, true },	      { stall, 3, true },
	{ flip_network, 4, true }, { power_edge, 4, true },   { restart_edge, 2, true },
	{ power_cloud, 3, true },
};

static void act(struct world *world)
{
	unsigned total = 0, at;

	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		total += !acts[i].trouble || world->trouble ? acts[i].weight : 0;
	at = (unsigned)sim_below(&world->sim, total);
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++) {
		unsigned weight = !acts[i].trouble || world->trouble ? acts[i].weight : 0;

		if (at < weight) {
			acts[i].act(world);
			return;
		}
		at -= weight;
	}
}

static void on_action(void *ctx)
{
	struct world *world = ctx;

	if (!world->action_ms)
		return;
	world->actions++;
	act(world);
	sim_at(&world->sim, &world->action,
	       world->sim.now_ms + 1 + sim_below(&world->sim, 2 * world->action_ms));
}

void world_set_action(struct world *world, unsigned action_ms, bool trouble)
{
	world->action_ms = action_ms;
	world->trouble = trouble;
	sim_at(&world->sim, &world->action, action_ms ? world->sim.now_ms + action_ms : TIMERQ_NEVER);
}

static bool all_quiet(struct world *world)
{
	for (unsigned i = 0; i < world->edge_count; i++)
		if (!cloud_edge_is_quiet(&world->cloud, i) || !edge_is_synced(&world->edges[i]))
			return false;
	return true;
}

void world_explain(struct world *world)
{
	for (unsigned i = 0; i < world->edge_count; i++) {
		const struct edge *edge = &world->edges[i];
		struct cloud_session *s = world->cloud.sets[i].session;
		struct repl_source_stats stats = { 0 };

		if (cloud_edge_is_quiet(&world->cloud, i) && edge_is_synced(edge))
			continue;
		if (s && s->source)
			repl_source_stats(s->source, &stats);
		fprintf(stderr,
			"  %s: up=%d link=%s synced=%d outbox=%llu/%llu; cloud: up=%d session=%d synced=%d "
			"pending=%zu "
			"waiting=%zu unreadable=%zu orphans=%zu flying=%zu\n",
			edge->name, edge->is_up, edge->is_up ? link_state_name(link_state(edge->link)) : "-",
			edge->is_up && repl_sink_synced(edge->sink), (unsigned long long)edge->outbox_acked,
			(unsigned long long)edge->outbox_last, world->cloud.is_up, s != NULL, stats.synced,
			stats.pending, stats.waiting, stats.unreadable, stats.orphans,
			stats.batches_in_flight);
	}
}

uint64_t world_settle(struct world *world, uint64_t limit_ms)
{
	uint64_t since = world->sim.now_ms;

	world_set_action(world, 0, false);
	world->cloud.lag_percent = 0;
	for (unsigned i = 0; i < world->edge_count; i++) {
		world->edges[i].break_percent = 0;
		edge_network(&world->edges[i], true, false);
	}
	while (!all_quiet(world)) {
		if (world->sim.now_ms - since >= limit_ms)
			world_explain(world);
		sim_check(&world->sim, world->sim.now_ms - since < limit_ms, "not converged in %llu ms",
			  (unsigned long long)limit_ms);
		sim_run_until(&world->sim, world->sim.now_ms + STEP_MS);
	}
	for (unsigned i = 0; i < world->edge_count; i++)
		cloud_check_edge(&world->cloud, &world->edges[i]);
	return world->sim.now_ms - since;
}
