/* bench_health: what peer health costs and how soon it knows, in simulated regions of the production detector; printed as the tables of
 * docs/health.md.
 *
 *   bench_health [sizes|lifeguard|mesh] [--full]
 *
 * sizes      detection, dissemination, messages and bytes for 8 to 1,000 members
 * lifeguard  the interval experiment of the Lifeguard paper (Dadgar, Phillips, Currey 2017, section V): 128 members, C of them
 *            anomalous for D ms, well for I ms, over and over for two minutes; false positives summed over the grid
 * mesh       SuperEdge's full mesh by its published algorithm and defaults (see docs/health.md), for the same crash */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/region.h"

#define SECOND_MS 1000u
#define TRIALS 9

struct run {
	bool full;
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static uint64_t median(uint64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

static struct region_options lan(unsigned members)
{
	return (struct region_options){
		.members = members, .delay_min_ms = 0, .delay_max_ms = 2, .settings = health_settings_default
	};
}

/* --- sizes --- */

struct crash {
	uint64_t first_ms, last_ms;
};

static struct crash crash(struct region *region, unsigned victim)
{
	uint64_t from, first = 0, last = 0;
	struct crash result;
	unsigned others = region->options.members - 1;

	region_run(region, sim_below(&region->sim, 2 * SECOND_MS));
	from = region->sim.now_ms;
	region_crash(region, victim);
	while (region_count(region, victim, DETECTOR_DEAD, &first, &last) < others) {
		sim_check(&region->sim, region->sim.now_ms < from + 120 * SECOND_MS, "not all see the crash");
		region_run(region, 50);
	}
	result = (struct crash){ first - from, last - from };
	region_boot(region, victim);
	return result;
}

static void totals(const struct region *region, uint64_t *datagrams, uint64_t *bytes)
{
	*datagrams = *bytes = 0;
	for (unsigned i = 0; i < region->options.members; i++) {
		*datagrams += region->hosts[i].datagrams;
		*bytes += region->hosts[i].bytes;
	}
}

static void size_line(unsigned members)
{
	struct region_options options = lan(members);
	struct region *region = region_new(members, &options);
	uint64_t first[TRIALS], last[TRIALS], datagrams, bytes, datagrams_before, bytes_before, wrong = 0;
	unsigned trials = members > 200 ? 3 : TRIALS, quiet_s = members > 200 ? 60 : 600;

	region_run(region, (30 + members / 4) * SECOND_MS); /* everybody has met everybody */
	totals(region, &datagrams_before, &bytes_before);
	region_run(region, quiet_s * SECOND_MS);
	totals(region, &datagrams, &bytes);
	region->options.loss_pc = 1;
	region_run(region, quiet_s * SECOND_MS);
	region->options.loss_pc = 0;
	for (unsigned i = 0; i < members; i++)
		wrong += region->hosts[i].false_dead;
	for (unsigned i = 0; i < trials; i++) {
		struct crash seen = crash(region, (unsigned)sim_below(&region->sim, members));

		first[i] = seen.first_ms;
		last[i] = seen.last_ms;
		region_run(region, 20 * SECOND_MS);
	}
	printf("| %u | %.1f s | %.1f s | %llu | %.2f | %.0f |\n", members,
	       (double)median(first, trials) / 1000, (double)median(last, trials) / 1000,
	       (unsigned long long)wrong, (double)(datagrams - datagrams_before) / members / quiet_s,
	       (double)(bytes - bytes_before) / members / quiet_s);
	fflush(stdout);
	region_free(region);
}

static void sizes(const struct run *run)
{
	static const unsigned members[] = { 8, 32, 128, 512, 1000 };

	(void)run;
	printf("\n| members | first word of death | all survivors | wrong words in as long at 1 %% loss | "
	       "datagrams per member and s | bytes per "
	       "member and s |\n|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		size_line(members[i]);
}

/* --- the Lifeguard experiment --- */

struct tally {
	uint64_t wrong, wrong_at_healthy, datagrams, bytes;
};

struct experiment {
	struct tally *tally;
	unsigned anomalous; /* the first so many members */
};

static void count_wrong(struct region *region, struct region_host *voter, unsigned subject)
{
	struct experiment *e = region->ctx;

	if (subject < e->anomalous)
		return; /* it was away: that is no false positive */
	e->tally->wrong++;
	e->tally->wrong_at_healthy += voter->index >= e->anomalous;
}

static const struct protocol {
	const char *name;
	unsigned alpha_pc;
	struct detector_options options;
} protocols[] = {
	{ "SWIM, alpha 5",
	  500,
	  { .no_local_health = true,
	    .no_dogpile = true,
	    .no_buddy = true,
	    .gossip_is_evidence = true,
	    .at_random = true } },
	{ "SWIM with all of Lifeguard, alpha 5, beta 6",
	  500,
	  { .gossip_is_evidence = true, .at_random = true } },
	{ "Holdfast, its defaults", 75, { 0 } },
	{ "Holdfast, alpha 5, beta 6", 500, { 0 } },
};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

static void one_experiment(const struct protocol *protocol, unsigned anomalous, unsigned away_ms,
			   unsigned well_ms, uint64_t seed, struct tally *tally)
{
	struct experiment e = { tally, anomalous };
	struct region_options options = lan(128);
	struct region *region;
	uint64_t end, datagrams, bytes, datagrams_before, bytes_before;

	options.settings.suspicion_alpha_pc = protocol->alpha_pc;
	options.settings.tcp_fallback = protocol->alpha_pc != 500 || !protocol->options.at_random;
	options.detector = protocol->options;
	region = region_new(seed, &options);
	region_run(region, 60 * SECOND_MS);
	region->ctx = &e;
	region->on_false_dead = count_wrong;
	totals(region, &datagrams_before, &bytes_before);
	end = region->sim.now_ms + 120 * SECOND_MS;
	while (region->sim.now_ms < end) {
		for (unsigned i = 0; i < anomalous; i++)
			region_freeze(region, i, away_ms);
		region_run(region, away_ms + well_ms);
	}
	totals(region, &datagrams, &bytes);
	tally->datagrams += datagrams - datagrams_before;
	tally->bytes += bytes - bytes_before;
	region_free(region);
}

static void lifeguard(const struct run *run)
{
	static const unsigned counts[] = { 1, 4, 8, 12, 16, 20, 24, 28, 32 };
	static const unsigned away[] = { 128, 512, 2048, 8192, 16384, 32768 };
	static const unsigned well[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384 };
	struct tally tallies[PROTOCOLS] = { 0 };
	unsigned step = run->full ? 1 : 3;

	for (size_t p = 0; p < PROTOCOLS; p++)
		for (size_t c = 0; c < 9; c += run->full ? 1 : 2)
			for (size_t d = 0; d < 6; d += run->full ? 1 : 2)
				for (size_t i = 0; i < 8; i += step)
					one_experiment(&protocols[p], counts[c], away[d], well[i],
						       1 + c * 100 + d * 10 + i, &tallies[p]);
	printf("\n| protocol | false positives | of these at healthy members | datagrams | bytes "
	       "|\n|---|---|---|---|---|\n");
	for (size_t p = 0; p < PROTOCOLS; p++)
		printf("| %s | %llu | %llu | %.1f %% | %.1f %% |\n", protocols[p].name,
		       (unsigned long long)tallies[p].wrong, (unsigned long long)tallies[p].wrong_at_healthy,
		       100.0 * (double)tallies[p].datagrams / (double)tallies[0].datagrams,
		       100.0 * (double)tallies[p].bytes / (double)tallies[0].bytes);
	printf("%s grid; the paper, all of it and ten times: SWIM 339,002 and 1,326; Lifeguard 5,193 and 25; "
	       "messages 110.6 %%, bytes 98 %%\n",
	       run->full ? "The whole" : "A part of the");
}

/* --- SuperEdge's full mesh --- */

struct mesh {
	unsigned members;
	uint64_t check_ms, timeout_ms, retries, communicate_ms, vote_ms;
};

/* When every survivor's vote has turned: each checks all others every period, tries a silent one again, tells all others of what it
 * found every so often, and counts what it heard every so often. */
static uint64_t mesh_detects(const struct mesh *mesh, struct rng *rng)
{
	uint64_t last = 0, *told = calloc(mesh->members, sizeof(*told));
	unsigned survivors = mesh->members - 1;

	for (unsigned i = 0; i < survivors; i++)
		told[i] = rng_below(rng, mesh->check_ms) + mesh->timeout_ms * mesh->retries +
			  rng_below(rng, mesh->communicate_ms);
	qsort(told, survivors, sizeof(*told), by_value);
	for (unsigned i = 0; i < survivors; i++) {
		uint64_t counted = told[mesh->members / 2] + rng_below(rng, mesh->vote_ms);

		last = counted > last ? counted : last;
	}
	free(told);
	return last;
}

static void mesh(const struct run *run)
{
	/* pkg/edge-health: healthcheckperiod 10, plugin timeout 5 and retrytime 3, communicateperiod 60 in code and 10 in its documents,
	 * voteperiod 10. */
	static const uint64_t communicate_s[] = { 10, 60 };
	static const unsigned members[] = { 8, 32, 128, 512, 1000 };

	(void)run;
	printf("\n| members | communicate every | all survivors' votes (median) | probes and reports per "
	       "member and s |\n|---|---|---|---|\n");
	for (size_t m = 0; m < 5; m++)
		for (size_t c = 0; c < 2; c++) {
			struct mesh model = {
				members[m],    10 * SECOND_MS, 5 * SECOND_MS, 3, communicate_s[c] * SECOND_MS,
				10 * SECOND_MS
			};
			uint64_t times[101];
			struct rng rng;

			rng_seed(&rng, members[m]);
			for (size_t i = 0; i < 101; i++)
				times[i] = mesh_detects(&model, &rng);
			printf("| %u | %llu s | %.0f s | %.1f |\n", members[m],
			       (unsigned long long)communicate_s[c], (double)median(times, 101) / 1000,
			       (members[m] - 1) / 10.0 + (double)(members[m] - 1) / (double)communicate_s[c]);
		}
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(const struct run *run);
	} parts[] = { { "sizes", sizes }, { "mesh", mesh }, { "lifeguard", lifeguard } };
	const char *wanted = NULL;
	struct run run = { 0 };
	bool found = false;

	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--full") == 0)
			run.full = true;
		else
			wanted = argv[i];
	for (size_t i = 0; i < 3; i++)
		if (!wanted || strcmp(wanted, parts[i].name) == 0) {
			found = true;
			parts[i].run(&run);
		}
	if (!found)
		fprintf(stderr, "usage: bench_health [sizes|lifeguard|mesh] [--full]\n");
	return found ? 0 : 2;
}
