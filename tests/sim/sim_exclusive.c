/* sim_exclusive: what must run only once never runs twice, and goes on elsewhere when its node is gone: the production cores of nodes and cloud
 * in a simulated region with a cloud, tunnels that break each for itself, clocks that drift against each other, and hosts that crash and freeze.
 *
 *   sim_exclusive
 *   sim_exclusive SCENARIO [--seed N] [--count N] [--members N] [--verbose]
 *
 * Every run checks, all the time: each role runs on one node at most; nobody is evicted but by a majority of the others, and two at least, whose
 * words of death came and have not expired. Scenarios add what has to happen, or must not. A failure prints the seed that replays it. */
#include <stdlib.h>
#include <time.h>

#include "base/options.h"
#include "tests/sim/council.h"

struct run {
	uint64_t seed;
	unsigned members;
	bool verbose;
};

struct world {
	struct region *region;
	struct fleet fleet;
	struct council council;
	bool blocked[FLEET_NODES_MAX][FLEET_NODES_MAX];
	unsigned victim;
	unsigned wrongly; /* evicted others */
};

/* Of all seeds: a scenario in which nothing happens proves nothing. */
struct totals {
	uint64_t evictions, freed, closings;
};

#define T_MS 20000u
#define WARM_MS 45000u
/* From a crash: noticed by all (12 s), the tunnel's end, the question and the answer, the grace; and a cloud that is waited for. */
#define EVICT_BOUND_MS 30000u
/* And from there: T by the slowest clock, drift and margin, another round of words, a start elsewhere. */
#define FREE_BOUND_MS (EVICT_BOUND_MS + T_MS * 11 / 10 + 10000u + 20000u)

static bool may_pass(const struct region *region, unsigned from, unsigned to)
{
	const struct world *w = container_of((const struct fleet *)region->ctx, struct world, fleet);

	return !w->blocked[from][to];
}

static void start(struct world *w, const struct run *run, unsigned members)
{
	struct region_options options = { .members = run->members ? run->members : members,
					  .delay_min_ms = 0,
					  .delay_max_ms = 3,
					  .loss_pc = 1,
					  .settings = health_settings_default,
					  .verbose = run->verbose };

	memset(w, 0, sizeof(*w));
	if (options.members > FLEET_NODES_MAX)
		options.members = FLEET_NODES_MAX;
	w->region = region_new(run->seed, &options);
	/* Any two clocks are 4 % apart at most. */
	for (unsigned i = 0; i < options.members; i++) {
		region_crash(w->region, i);
		w->region->hosts[i].drift_ppm = (int)sim_below(&w->region->sim, 40001) - 20000;
		w->region->hosts[i].clock_ms = 1000 + sim_below(&w->region->sim, 1u << 30);
		region_boot(w->region, i);
	}
	fleet_init(&w->fleet, w->region, T_MS);
	w->region->may_pass = may_pass;
	council_init(&w->council, &w->fleet, T_MS);
	w->council.drift_ppm = (int)sim_below(w->fleet.sim, 40001) - 20000;
	w->council.late_pc = (unsigned)sim_below(w->fleet.sim, 10);
	region_run(w->region, WARM_MS);
	for (unsigned role = 0; role < FLEET_ROLES; role++)
		sim_check(w->fleet.sim, fleet_running(&w->fleet, role) == 1, "role %u does not run", role);
}

static void end(struct world *w)
{
	council_stop(&w->council);
	fleet_done(&w->fleet);
	region_free(w->region);
	council_done(&w->council); /* its rosters are what all of them went by */
}

static void pass(struct world *w, uint64_t ms)
{
	region_run(w->region, ms);
}

static unsigned pick(struct world *w)
{
	return (unsigned)sim_below(w->fleet.sim, w->fleet.count);
}

static unsigned holder(const struct world *w, unsigned role)
{
	return w->council.roles[role].node;
}

static void isolate(struct world *w, unsigned node, bool is_alone)
{
	for (unsigned i = 0; i < w->fleet.count; i++)
		w->blocked[i][node] = w->blocked[node][i] = is_alone && i != node;
}

static void all_run(struct world *w)
{
	for (unsigned role = 0; role < FLEET_ROLES; role++)
		sim_check(w->fleet.sim, fleet_running(&w->fleet, role) == 1, "role %u does not run", role);
}

/* The victim may be twice, when words about it expire on their way. */
static void on_evict(struct council *council, unsigned node)
{
	struct world *w = container_of(council, struct world, council);

	w->wrongly += node != w->victim;
}

static unsigned begin(struct world *w)
{
	w->victim = holder(w, pick(w) % FLEET_ROLES);
	w->council.on_evict = on_evict;
	return w->victim;
}

static void nobody_was_evicted(struct world *w)
{
	sim_check(w->fleet.sim, w->council.evictions == 0, "%llu were evicted",
		  (unsigned long long)w->council.evictions);
}

/* --- scenarios --- */

static void crash(struct world *w)
{
	unsigned victim = begin(w);

	pass(w, sim_below(w->fleet.sim, 5000));
	fleet_crash(&w->fleet, victim);
	pass(w, EVICT_BOUND_MS);
	sim_check(w->fleet.sim, w->council.nodes[victim].is_tainted, "m%u crashed and is not evicted",
		  victim);
	pass(w, FREE_BOUND_MS - EVICT_BOUND_MS);
	all_run(w);
	sim_check(w->fleet.sim, w->council.freed > 0, "nothing was freed");
	fleet_boot(&w->fleet, victim);
	pass(w, 60000);
	all_run(w);
	sim_check(w->fleet.sim, !w->wrongly && !w->council.nodes[victim].is_tainted,
		  "m%u is back and not taken for alive", victim);
}

/* Behind a broken switch, with its containers running; its tunnel may have gone long before, when its neighbours still saw it. */
static void cut_off(struct world *w)
{
	unsigned victim = begin(w);

	w->fleet.nodes[victim].is_cut = true;
	pass(w, sim_chance(w->fleet.sim, 50) ? sim_below(w->fleet.sim, 120000) : 0);
	isolate(w, victim, true);
	pass(w, FREE_BOUND_MS + sim_below(w->fleet.sim, 60000));
	all_run(w);
	sim_check(w->fleet.sim, w->council.freed > 0 && w->fleet.closings > 0, "nothing was freed");
	/* Its LAN is back first: a majority that knows that it was given up opens nothing. */
	isolate(w, victim, false);
	pass(w, sim_below(w->fleet.sim, 60000));
	all_run(w);
	w->fleet.nodes[victim].is_cut = false;
	pass(w, 60000);
	all_run(w);
	sim_check(w->fleet.sim, !w->wrongly, "somebody else was evicted");
}

/* The hub stands still; the guard does not. */
static void frozen(struct world *w)
{
	unsigned victim = begin(w);

	region_freeze(w->region, victim, FREE_BOUND_MS + sim_below(w->fleet.sim, 60000));
	pass(w, FREE_BOUND_MS + 120000);
	all_run(w);
	sim_check(w->fleet.sim, !w->wrongly, "somebody else was evicted");
}

/* Tunnels break, neighbours see each other: nothing is moved and nothing is stopped. */
static void tunnels(struct world *w)
{
	for (unsigned i = 0; i < 100; i++) {
		unsigned node = pick(w);

		w->fleet.nodes[node].is_cut = !w->fleet.nodes[node].is_cut;
		pass(w, 500 + sim_below(w->fleet.sim, 12000));
		all_run(w);
	}
	nobody_was_evicted(w);
	sim_check(w->fleet.sim, w->fleet.closings == 0, "a fence closed, with a majority");
}

/* The whole region loses its tunnels. It may lose its power, too. */
static void dark(struct world *w)
{
	for (unsigned i = 0; i < w->fleet.count; i++)
		w->fleet.nodes[i].is_cut = true;
	pass(w, 180000);
	all_run(w);
	sim_check(w->fleet.sim, w->fleet.closings == 0, "a fence closed, with a majority");
	for (unsigned i = 0; i < w->fleet.count; i++)
		fleet_crash(&w->fleet, i);
	pass(w, 30000 + sim_below(w->fleet.sim, 60000));
	for (unsigned i = 0; i < w->fleet.count; i++)
		fleet_boot(&w->fleet, i);
	pass(w, 60000);
	all_run(w); /* with the cloud away */
	for (unsigned i = 0; i < w->fleet.count; i++)
		w->fleet.nodes[i].is_cut = false;
	pass(w, 60000);
	nobody_was_evicted(w);
	all_run(w);
}

/* One that is cut off while the roster changes around it until its old majority is no more. */
static void shrink(struct world *w)
{
	unsigned half = w->fleet.count / 2, role = pick(w) % FLEET_ROLES;
	unsigned victim = holder(w, role);
	unsigned with = 0;

	for (unsigned i = 0; i < w->fleet.count; i++) {
		unsigned side = i == victim || with < half ? 1 : 0;

		with += side && i != victim;
		w->region->hosts[i].side = side;
		w->fleet.nodes[i].is_cut = side;
	}
	w->region->cut = REGION_SPLIT;
	pass(w, 20000);
	/* The operator gives up those of its side, but for it: the others are the majority of what is left. */
	for (unsigned i = 0; i < w->fleet.count; i++)
		if (i != victim && w->region->hosts[i].side)
			council_move(&w->council, i, false);
	pass(w, 300000);
	sim_check(w->fleet.sim, w->council.nodes[victim].is_tainted, "it is dead to all that are left");
	sim_check(w->fleet.sim, w->fleet.nodes[victim].runs[role].is_running, "it has its majority still");
	for (unsigned i = 0; i < w->fleet.count; i++)
		w->fleet.nodes[i].is_cut = false;
	w->region->cut = REGION_WHOLE;
	pass(w, 60000);
	all_run(w);
}

/* --- everything at once --- */

static void toggle_tunnel(struct world *w)
{
	unsigned node = pick(w);

	w->fleet.nodes[node].is_cut = !w->fleet.nodes[node].is_cut;
}

static void cut_region(struct world *w)
{
	w->region->cut = (enum region_cut)sim_below(w->fleet.sim, 3);
	for (unsigned i = 0; i < w->fleet.count; i++)
		w->region->hosts[i].side = (unsigned)sim_below(w->fleet.sim, 2);
}

static void cut_one_way(struct world *w)
{
	unsigned a = pick(w), b = pick(w);

	w->blocked[a][b] = !w->blocked[a][b];
}

static void lose_one(struct world *w)
{
	unsigned node = pick(w);

	isolate(w, node, true);
	w->fleet.nodes[node].is_cut = true;
}

static void crash_one(struct world *w)
{
	fleet_crash(&w->fleet, pick(w));
}

static void boot_one(struct world *w)
{
	fleet_boot(&w->fleet, pick(w));
}

static void kill_hub(struct world *w)
{
	fleet_kill_hub(&w->fleet, pick(w));
}

static void freeze_one(struct world *w)
{
	unsigned node = pick(w);

	if (region_works(w->region, node))
		region_freeze(w->region, node, 1000 + sim_below(w->fleet.sim, 90000));
}

static void toggle_cloud(struct world *w)
{
	if (w->council.is_running)
		council_stop(&w->council);
	else
		council_start(&w->council);
}

static void maintain(struct world *w)
{
	unsigned node = pick(w);

	council_maintain(&w->council, node, !w->council.nodes[node].in_maintenance);
}

static void move(struct world *w)
{
	unsigned node = pick(w);

	council_move(&w->council, node, !w->council.nodes[node].is_here);
}

static void set_limit(struct world *w)
{
	static const unsigned limits[] = { 10000, 15000, 20000, 40000 };

	council_set_fence(&w->council, limits[sim_below(w->fleet.sim, 4)]);
}

static void jump(struct world *w)
{
	w->council.wall_offset_ms += (int64_t)sim_below(w->fleet.sim, 600000) - 300000;
}

static void heal(struct world *w)
{
	memset(w->blocked, 0, sizeof(w->blocked));
	w->region->cut = REGION_WHOLE;
	council_start(&w->council);
	for (unsigned i = 0; i < w->fleet.count; i++) {
		w->fleet.nodes[i].is_cut = false;
		fleet_boot(&w->fleet, i);
	}
}

static void settle_down(struct world *w)
{
	heal(w);
	for (unsigned i = 0; i < w->fleet.count; i++) {
		council_maintain(&w->council, i, false);
		council_move(&w->council, i, true);
	}
	pass(w, 30000 + sim_below(w->fleet.sim, 60000));
}

static void chaos(struct world *w)
{
	static void (*const events[])(struct world *) = {
		toggle_tunnel, toggle_tunnel, toggle_tunnel, cut_region, cut_region, cut_one_way, cut_one_way,
		lose_one,      lose_one,      crash_one,     boot_one,	 boot_one,   kill_hub,	  freeze_one,
		toggle_cloud,  maintain,      move,	     set_limit,	 jump,	     heal,
	};

	for (unsigned round = 0; round < 4; round++) {
		unsigned count = 5 + (unsigned)sim_below(w->fleet.sim, 30);

		while (count--) {
			events[sim_below(w->fleet.sim, sizeof(events) / sizeof(events[0]))](w);
			pass(w, 200 + sim_below(w->fleet.sim, sim_chance(w->fleet.sim, 20) ? 90000 : 10000));
		}
		settle_down(w);
	}
	heal(w);
	pass(w, 240000); /* frozen ones thaw, everybody comes back */
	all_run(w);
}

/* A few faults, and then long enough for their consequences: the roster, T and the cloud change while somebody is away. */
static void away(struct world *w)
{
	static void (*const meanwhile[])(struct world *) = { maintain,	    move,     set_limit, toggle_cloud,
							     toggle_tunnel, boot_one, cut_region };

	for (unsigned round = 0; round < 4; round++) {
		unsigned count = 1 + (unsigned)sim_below(w->fleet.sim, 6);

		lose_one(w);
		while (count--) {
			pass(w, sim_below(w->fleet.sim, 20000));
			meanwhile[sim_below(w->fleet.sim, sizeof(meanwhile) / sizeof(meanwhile[0]))](w);
		}
		pass(w, 30000 + sim_below(w->fleet.sim, 90000));
		settle_down(w);
	}
	pass(w, 120000);
	all_run(w);
}

static const struct option_spec options[] = {
	{ "seed", 0, "N", "1", 0, "first seed" },
	{ "count", 0, "N", "4", 0, "how many seeds" },
	{ "members", 0, "N", "0", 0, "how many members; 0: as the scenario says" },
	{ "verbose", 0, NULL, NULL, 0, "tell what happens" },
	{ 0 },
};

static const struct scenario {
	const char *name, *help;
	void (*play)(struct world *w);
	unsigned members[4]; /* one of these, by seed */
} scenarios[] = {
	{ "crash", "a machine is gone, and comes back", crash, { 3, 4, 5, 7 } },
	{ "cut-off",
	  "a machine is alone, and its LAN comes back before its tunnel",
	  cut_off,
	  { 3, 4, 5, 7 } },
	{ "frozen", "a hub stands still", frozen, { 3, 5, 6, 7 } },
	{ "tunnels", "tunnels come and go", tunnels, { 3, 4, 7, 12 } },
	{ "dark", "the region loses the cloud, then its power", dark, { 3, 4, 5, 9 } },
	{ "shrink", "half of the region is removed while it is cut off", shrink, { 5, 7, 9, 11 } },
	{ "away", "roster, T and cloud change while somebody is away", away, { 3, 4, 5, 7 } },
	{ "chaos", "everything at once", chaos, { 3, 4, 5, 7 } },
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static uint64_t number(const struct options *given, const char *name)
{
	uint64_t n = 0;

	if (span_to_u64(span_of(options_get(given, name)), &n)) {
		fprintf(stderr, "sim_exclusive: --%s wants a number\n", name);
		exit(OPTIONS_EXIT_USAGE);
	}
	return n;
}

static void play_one(const struct scenario *s, const struct run *run, struct totals *totals)
{
	struct world w;

	start(&w, run, s->members[run->seed % 4]);
	s->play(&w);
	totals->evictions += w.council.evictions;
	totals->freed += w.council.freed;
	totals->closings += w.fleet.closings;
	end(&w);
}

static int play(const struct options *given, void *ctx)
{
	struct run run = { number(given, "seed"), (unsigned)number(given, "members"),
			   options_given(given, "verbose") };
	uint64_t left = number(given, "count");
	struct totals totals = { 0 };
	clock_t began = clock();
	size_t which = 0;

	(void)ctx;
	if (run.members == 1 || run.members > FLEET_NODES_MAX) {
		fprintf(stderr, "sim_exclusive: --members from 2 to %u\n", FLEET_NODES_MAX);
		return OPTIONS_EXIT_USAGE;
	}
	while (strcmp(scenarios[which].name, options_verb(given)->name) != 0)
		which++;
	printf("%s seed=%llu count=%llu\n", scenarios[which].name, (unsigned long long)run.seed,
	       (unsigned long long)left);
	fflush(stdout);
	for (; left; left--, run.seed++)
		play_one(&scenarios[which], &run, &totals);
	printf("  %llu evicted, %llu roles freed, %llu fences closed, %.1f s of CPU\n",
	       (unsigned long long)totals.evictions, (unsigned long long)totals.freed,
	       (unsigned long long)totals.closings, (double)(clock() - began) / CLOCKS_PER_SEC);
	return OPTIONS_EXIT_OK;
}

int main(int argc, char *argv[])
{
	struct verb_spec verbs[SCENARIOS + 1] = { 0 };
	struct program_spec program = { "sim_exclusive",
					"what must run only once, in a simulated region with its cloud",
					HOLDFAST_VERSION, verbs, NULL };
	int code = 0;

	for (size_t i = 0; i < SCENARIOS; i++)
		verbs[i] = (struct verb_spec){
			.name = scenarios[i].name, .options = options, .help = scenarios[i].help, .run = play
		};
	if (argc > 1)
		return options_main(&program, argc, argv, NULL);
	for (size_t i = 0; i < SCENARIOS && !code; i++) { /* without arguments: every scenario */
		char *one[] = { argv[0], (char *)scenarios[i].name, NULL };

		code = options_main(&program, 2, one, NULL);
	}
	return code;
}
