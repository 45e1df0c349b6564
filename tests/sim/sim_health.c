/* sim_health: what a region promises about its members, kept by the production detector in a simulated network.
 *
 *   sim_health
 *   sim_health SCENARIO [--seed N] [--count N] [--members N] [--verbose]
 *
 * Every run checks: a crashed member is found dead by every working one within the bound; a member whose host answers is never
 * called dead; no live, reachable member stays dead beyond the bound of refutation; no majority ever holds a live member for
 * dead. A failure prints the seed that replays it. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/options.h"
#include "tests/sim/region.h"

struct run {
	uint64_t seed;
	unsigned members;
	bool verbose;
};

#define WARM_MS(members) (10000u + 1000u * (members)) /* everybody has probed everybody once, twice most */

static struct region_options lan(const struct run *run, unsigned members)
{
	return (struct region_options){ .members = run->members ? run->members : members,
					.delay_min_ms = 0,
					.delay_max_ms = 2,
					.settings = health_settings_default,
					.verbose = run->verbose };
}

static void no_majority(struct region *region, struct region_host *voter, unsigned subject)
{
	(void)voter;
	sim_check(&region->sim, !region_majority_dead(region, subject),
		  "a majority holds %s for dead, which works", region->hosts[subject].name);
}

static struct region *warm(const struct run *run, const struct region_options *options)
{
	struct region *region = region_new(run->seed, options);

	region->on_false_dead = no_majority;
	region_run(region, WARM_MS(options->members));
	return region;
}

/* Everybody that works sees everybody that works as alive. */
static void expect_all_alive(struct region *region)
{
	for (unsigned a = 0; a < region->options.members; a++)
		for (unsigned b = 0; b < region->options.members; b++)
			if (a != b && region_works(region, a) && region_works(region, b))
				sim_check(&region->sim, region_view(region, a, b) == DETECTOR_ALIVE,
					  "%s sees %s as %s", region->hosts[a].name, region->hosts[b].name,
					  detector_view_name(region_view(region, a, b)));
}

static unsigned working(const struct region *region)
{
	unsigned count = 0;

	for (unsigned i = 0; i < region->options.members; i++)
		count += region_works(region, i);
	return count;
}

/* All that work come to this view of it within the bound. Returns how long the last took. */
static uint64_t expect_seen(struct region *region, unsigned about, enum detector_view view, uint64_t bound_ms)
{
	uint64_t from = region->sim.now_ms, last = 0;

	for (;;) {
		unsigned voters = working(region) - region_works(region, about);
		unsigned seen = region_count(region, about, view, NULL, &last);

		if (seen == voters)
			return last > from ? last - from : 0;
		sim_check(&region->sim, region->sim.now_ms < from + bound_ms,
			  "%u of %u see %s as %s after %llu ms", seen, voters, region->hosts[about].name,
			  detector_view_name(view), (unsigned long long)bound_ms);
		region_run(region, 20);
	}
}

static void quiet(const struct run *run)
{
	struct region_options options = lan(run, 30);
	struct region *region = warm(run, &options);
	uint64_t sent = 0, bytes = 0, before = 0;

	expect_all_alive(region);
	for (unsigned i = 0; i < options.members; i++)
		before += region->hosts[i].datagrams;
	region_run(region, 600000);
	expect_all_alive(region);
	for (unsigned i = 0; i < options.members; i++) {
		sent += region->hosts[i].datagrams;
		bytes += region->hosts[i].bytes;
		sim_check(&region->sim, region->hosts[i].false_dead == 0, "a quiet region lost a member");
	}
	printf("  %u members, quiet: %.2f datagrams per member and second\n", options.members,
	       (double)(sent - before) / options.members / 600);
	(void)bytes;
	region_free(region);
}

static void crash(const struct run *run)
{
	struct region_options options = lan(run, 30);
	struct region *region = warm(run, &options);
	unsigned victim = (unsigned)sim_below(&region->sim, options.members);
	uint64_t took;

	region_run(region, sim_below(&region->sim, 2000));
	region_crash(region, victim);
	took = expect_seen(region, victim, DETECTOR_DEAD, 12000);
	region_run(region, 30000);
	expect_all_alive(region);
	region_boot(region, victim);
	printf("  %u members: crash seen by all in %llu ms, back in %llu ms\n", options.members,
	       (unsigned long long)took,
	       (unsigned long long)expect_seen(region, victim, DETECTOR_ALIVE, WARM_MS(options.members)));
	region_free(region);
}

static void agent_down(const struct run *run)
{
	struct region_options options = lan(run, 12);
	struct region *region = warm(run, &options);
	uint64_t took;

	region_kill_hub(region, 0);
	took = expect_seen(region, 0, DETECTOR_AGENT_DOWN, 12000);
	region_run(region, 60000);
	sim_check(&region->sim, region_count(region, 0, DETECTOR_DEAD, NULL, NULL) == 0,
		  "a host that answers is dead to some");
	region_crash(region, 0); /* and then the host goes too */
	printf("  %u members: agent down seen by all in %llu ms; then the host's end in %llu ms\n",
	       options.members, (unsigned long long)took,
	       (unsigned long long)expect_seen(region, 0, DETECTOR_DEAD, 5 * WARM_MS(options.members)));
	region_free(region);
}

/* Loss, doubling, reordering, slow datagrams, slow members and crashes, all at once. */
static void trouble(const struct run *run)
{
	struct region_options options = lan(run, 24);
	struct region *region;
	uint64_t wrong = 0, worst = 0;

	options.loss_pc = 10;
	options.double_pc = 5;
	options.delay_max_ms = 30;
	options.slow_pc = 2;
	options.slow_ms = 300;
	region = warm(run, &options);
	for (int round = 0; round < 8; round++) {
		unsigned victim = (unsigned)sim_below(&region->sim, options.members);
		unsigned slow = (unsigned)sim_below(&region->sim, options.members);
		uint64_t took;

		if (slow != victim)
			region_freeze(region, slow, 500 + sim_below(&region->sim, 1500));
		region_crash(region, victim);
		took = expect_seen(region, victim, DETECTOR_DEAD, 40000);
		worst = took > worst ? took : worst;
		region_boot(region, victim);
		(void)expect_seen(region, victim, DETECTOR_ALIVE, 4 * WARM_MS(options.members));
		region_run(region, 10000);
	}
	for (unsigned i = 0; i < options.members; i++)
		wrong += region->hosts[i].false_dead;
	printf("  %u members, 10 %% lost: the slowest of 8 crashes seen by all in %llu ms; wrong words of "
	       "death: %llu\n",
	       options.members, (unsigned long long)worst, (unsigned long long)wrong);
	region_free(region);
}

/* A region in two halves, symmetric or one way, and whole again. */
static void split(const struct run *run, enum region_cut cut)
{
	struct region_options options = lan(run, 15);
	struct region *region = warm(run, &options);
	unsigned small = options.members / 3;

	for (unsigned i = 0; i < options.members; i++)
		region->hosts[i].side = i < small;
	region->on_false_dead =
		NULL; /* cut off is dead to the others; the cloud's table tells the two apart */
	region->cut = cut;
	region_run(region, 60000);
	if (cut == REGION_SPLIT)
		for (unsigned i = 0; i < options.members; i++)
			sim_check(&region->sim,
				  detector_has_majority(region->hosts[i].detector) == (i >= small),
				  "%s: majority", region->hosts[i].name);
	region->cut = REGION_WHOLE;
	for (unsigned i = 0; i < options.members; i++)
		(void)expect_seen(region, i, DETECTOR_ALIVE, 2 * WARM_MS(options.members));
	region_run(region, 30000);
	expect_all_alive(region);
	printf("  %u members, %s: whole again\n", options.members, cut == REGION_SPLIT ? "split" : "one way");
	region_free(region);
}

static void split_both_ways(const struct run *run)
{
	split(run, REGION_SPLIT);
}

static void split_one_way(const struct run *run)
{
	split(run, REGION_ONE_WAY);
}

/* SIGSTOP: the kernel still accepts, the hub says nothing. */
static void frozen(const struct run *run)
{
	struct region_options options = lan(run, 12);
	struct region *region = warm(run, &options);

	region_freeze(region, 3, 20000);
	region_run(region, 19000);
	sim_check(&region->sim, region_count(region, 3, DETECTOR_DEAD, NULL, NULL) == 0,
		  "a frozen hub's host answers");
	sim_check(&region->sim,
		  region_count(region, 3, DETECTOR_AGENT_DOWN, NULL, NULL) == options.members - 1,
		  "a frozen hub is agent down");
	region_run(region, 1500);
	for (unsigned i = 0; i < options.members; i++)
		if (i != 3)
			sim_check(&region->sim, region_view(region, 3, i) == DETECTOR_ALIVE,
				  "thawed, it takes the others for %s",
				  detector_view_name(region_view(region, 3, i)));
	(void)expect_seen(region, 3, DETECTOR_ALIVE, WARM_MS(options.members));
	printf("  %u members: frozen and thawed\n", options.members);
	region_free(region);
}

static const struct option_spec options[] = {
	{ "seed", 0, "N", "1", 0, "first seed" },
	{ "count", 0, "N", "1", 0, "how many seeds" },
	{ "members", 0, "N", "0", 0, "how many members; 0: as the scenario says" },
	{ "verbose", 0, NULL, NULL, 0, "tell what happens" },
	{ 0 },
};

static const struct scenario {
	const char *name, *help;
	void (*play)(const struct run *run);
} scenarios[] = {
	{ "quiet", "nothing happens, and nothing is said of it", quiet },
	{ "crash", "a machine is gone, and comes back", crash },
	{ "agent-down", "a hub is gone, then its machine", agent_down },
	{ "trouble", "loss, delay, doubles, slow members and crashes", trouble },
	{ "split", "two halves, and whole again", split_both_ways },
	{ "one-way", "one direction is cut", split_one_way },
	{ "frozen", "a hub stopped for 20 s", frozen },
};
#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static uint64_t number(const struct options *given, const char *name)
{
	uint64_t n = 0;

	if (span_to_u64(span_of(options_get(given, name)), &n)) {
		fprintf(stderr, "sim_health: --%s wants a number\n", name);
		exit(OPTIONS_EXIT_USAGE);
	}
	return n;
}

static int play(const struct options *given, void *ctx)
{
	struct run run = { number(given, "seed"), (unsigned)number(given, "members"),
			   options_given(given, "verbose") };
	size_t which = 0;

	(void)ctx;
	if (run.members == 1 || run.members > REGION_MEMBERS_MAX) {
		fprintf(stderr, "sim_health: --members from 2 to %u\n", REGION_MEMBERS_MAX);
		return OPTIONS_EXIT_USAGE;
	}
	while (strcmp(scenarios[which].name, options_verb(given)->name) != 0)
		which++;
	for (uint64_t left = number(given, "count"); left; left--, run.seed++) {
		clock_t start = clock();

		printf("%s seed=%llu\n", scenarios[which].name, (unsigned long long)run.seed);
		fflush(stdout);
		scenarios[which].play(&run);
		printf("  %.1f s of CPU\n", (double)(clock() - start) / CLOCKS_PER_SEC);
	}
	return OPTIONS_EXIT_OK;
}

int main(int argc, char *argv[])
{
	struct verb_spec verbs[SCENARIOS + 1] = { 0 };
	struct program_spec program = { "sim_health", "a region's members in a simulated network",
					HOLDFAST_VERSION, verbs, NULL };
	int code = 0;

	for (size_t i = 0; i < SCENARIOS; i++)
		verbs[i] = (struct verb_spec){
			.name = scenarios[i].name, .options = options, .help = scenarios[i].help, .run = play
		};
	if (argc > 1)
		return options_main(&program, argc, argv, NULL);
	for (size_t i = 0; i < SCENARIOS && !code; i++) { /* without arguments: every scenario once */
		char *one[] = { argv[0], (char *)scenarios[i].name, NULL };

		code = options_main(&program, 2, one, NULL);
	}
	return code;
}
