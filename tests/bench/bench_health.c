/* bench_health: what peer health costs and how soon it knows, in simulated regions of the production detector; printed as the tables of
 * docs/health.md.
 *
 *   bench_health [sizes|lifeguard|rapid|mesh]... [--full] [--where] [--only N] [--every N]
 *
 * sizes      detection, dissemination, messages and bytes for 8 to 1,000 members
 * lifeguard  the interval experiment of the Lifeguard paper (Dadgar, Phillips, Currey 2017, section V): 128 members, C of them
 *            anomalous for D ms, well for I ms, over and over for two minutes; false positives summed over the grid
 * rapid      the cases of the Rapid paper (Suresh and others 2018, section 7): some members hear nothing, on and off, or four of five
 *            of their datagrams are lost
 * mesh       SuperEdge's full mesh by its published algorithm and defaults (see docs/health.md), for the same crash
 *
 * --full takes the whole of a grid, --every N each N-th point of it, --where tells on standard error what each point came to and took, --only N
 * takes one of the protocols, counted from 0. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/sim/region.h"

#define SECOND_MS 1000u
#define TRIALS 100u
/* Regions of more than LARGE take long to simulate: fewer crashes and a shorter time of quiet, but with --full. */
#define LARGE 200u
#define TRIALS_LARGE 20u
#define EVERY UINT64_MAX

struct run {
	bool full, where;
	uint64_t only;	/* of the protocols */
	uint64_t every; /* of the points of a grid */
};

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Of values in order; the p-th of a hundred. */
static double seconds_at(const uint64_t *values, size_t count, unsigned percent)
{
	return (double)values[(count - 1) * percent / 100] / SECOND_MS;
}

static struct region_options lan(unsigned members)
{
	return (struct region_options){
		.members = members, .delay_min_ms = 0, .delay_max_ms = 2, .settings = health_settings_default
	};
}

/* --- sizes --- */

struct crashes {
	uint64_t first_ms[TRIALS], last_ms[TRIALS];
};

static void crash(struct region *region, unsigned victim, uint64_t *out_first_ms, uint64_t *out_last_ms)
{
	uint64_t from, first = 0, last = 0;
	unsigned others = region->options.members - 1;

	region_run(region, sim_below(&region->sim, 2 * SECOND_MS));
	from = region->sim.now_ms;
	region_crash(region, victim);
	while (region_count(region, victim, DETECTOR_DEAD, &first, &last) < others) {
		sim_check(&region->sim, region->sim.now_ms < from + 120 * SECOND_MS, "not all see the crash");
		region_run(region, 50);
	}
	*out_first_ms = first - from;
	*out_last_ms = last - from;
	region_boot(region, victim);
}

static void totals(const struct region *region, uint64_t *datagrams, uint64_t *bytes)
{
	*datagrams = *bytes = 0;
	for (unsigned i = 0; i < region->options.members; i++) {
		*datagrams += region->hosts[i].datagrams;
		*bytes += region->hosts[i].bytes;
	}
}

/* Everybody has met everybody, also who was just started. */
static void meet(struct region *region)
{
	region_run(region, (15 + region->options.members / 8) * SECOND_MS);
}

static uint64_t wrong_words(const struct region *region)
{
	uint64_t wrong = 0;

	for (unsigned i = 0; i < region->options.members; i++)
		wrong += region->hosts[i].false_dead;
	return wrong;
}

static void size_line(unsigned members, unsigned quiet_s, unsigned trials)
{
	struct region_options options = lan(members);
	struct region *region = region_new(members, &options);
	uint64_t datagrams, bytes, datagrams_before, bytes_before;
	struct crashes seen;

	meet(region);
	totals(region, &datagrams_before, &bytes_before);
	region_run(region, quiet_s * SECOND_MS);
	totals(region, &datagrams, &bytes);
	region->options.loss_pc = 1;
	region_run(region, quiet_s * SECOND_MS);
	region->options.loss_pc = 0;
	meet(region);
	for (unsigned i = 0; i < trials; i++) {
		crash(region, (unsigned)sim_below(&region->sim, members), &seen.first_ms[i],
		      &seen.last_ms[i]);
		meet(region);
	}
	qsort(seen.first_ms, trials, sizeof(seen.first_ms[0]), by_value);
	qsort(seen.last_ms, trials, sizeof(seen.last_ms[0]), by_value);
	printf("| %u | %u | %.1f s | %.1f s | %.1f s | %.1f s | %u + %u | %llu | %.2f | %.0f |\n", members,
	       trials, seconds_at(seen.first_ms, trials, 50), seconds_at(seen.last_ms, trials, 50),
	       seconds_at(seen.last_ms, trials, 99), seconds_at(seen.last_ms, trials, 100), quiet_s / 60,
	       quiet_s / 60, (unsigned long long)wrong_words(region),
	       (double)(datagrams - datagrams_before) / members / quiet_s,
	       (double)(bytes - bytes_before) / members / quiet_s);
	fflush(stdout);
	region_free(region);
}

static void sizes(const struct run *run)
{
	static const unsigned members[] = { 8, 32, 128, 512, 1000 };

	printf("\n| members | crashes | first word of death, median | all survivors: median | 99th "
	       "percentile | worst | "
	       "minutes without and with 1 %% loss | wrong words in all | datagrams per member and s | "
	       "bytes per member and s |\n|---|---|---|---|---|---|---|---|---|---|\n");
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		bool is_short = members[i] > LARGE && !run->full;

		size_line(members[i], is_short ? 60 : 600, is_short ? TRIALS_LARGE : TRIALS);
	}
}

/* --- the Lifeguard experiment --- */

struct tally {
	unsigned experiments;
	uint64_t wrong, wrong_at_healthy, majorities, datagrams, bytes;
};

struct experiment {
	struct tally *tally;
	unsigned troubled; /* the first so many members */
};

static void count_wrong(struct region *region, struct region_host *voter, unsigned subject)
{
	struct experiment *e = region->ctx;

	if (subject < e->troubled)
		return; /* it was away: that is no false positive */
	e->tally->wrong++;
	e->tally->wrong_at_healthy += voter->index >= e->troubled;
	e->tally->majorities += region_majority_dead(region, subject);
}

static void add(struct tally *to, const struct tally *one)
{
	to->experiments++;
	to->wrong += one->wrong;
	to->wrong_at_healthy += one->wrong_at_healthy;
	to->majorities += one->majorities;
	to->datagrams += one->datagrams;
	to->bytes += one->bytes;
}

/* From here on what is said, and what is sent, counts. */
static void begin(struct region *region, struct experiment *e)
{
	uint64_t datagrams, bytes;

	region->ctx = e;
	region->on_false_dead = count_wrong;
	totals(region, &datagrams, &bytes);
	e->tally->datagrams -= datagrams;
	e->tally->bytes -= bytes;
}

static void end(struct region *region, const struct experiment *e)
{
	uint64_t datagrams, bytes;

	totals(region, &datagrams, &bytes);
	e->tally->datagrams += datagrams;
	e->tally->bytes += bytes;
	region_free(region);
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

struct point {
	unsigned anomalous, away_ms, well_ms;
	uint64_t seed;
};

static struct region_options under(const struct protocol *protocol, unsigned members)
{
	struct region_options options = lan(members);

	options.settings.suspicion_alpha_pc = protocol->alpha_pc;
	options.detector = protocol->options;
	if (protocol->options.at_random) { /* as in the paper: memberlist's settings */
		options.settings.tcp_fallback = false;
		options.settings.probe_timeout_ms = 500;
	}
	return options;
}

static void one_experiment(const struct protocol *protocol, const struct point *at, struct tally *tally)
{
	struct experiment e = { tally, at->anomalous };
	struct region_options options = under(protocol, 128);
	struct region *region = region_new(at->seed, &options);
	uint64_t until;

	region_run(region, 60 * SECOND_MS);
	begin(region, &e);
	until = region->sim.now_ms + 120 * SECOND_MS;
	while (region->sim.now_ms < until) {
		for (unsigned i = 0; i < at->anomalous; i++)
			region_block(region, i, at->away_ms);
		region_run(region, at->away_ms + at->well_ms);
	}
	end(region, &e);
}

static void one_grid(const struct run *run, const struct protocol *protocol, struct tally *tally)
{
	static const unsigned counts[] = { 1, 4, 8, 12, 16, 20, 24, 28, 32 };
	static const unsigned away[] = { 128, 512, 2048, 8192, 16384, 32768 };
	static const unsigned well[] = { 1, 4, 16, 64, 256, 1024, 4096, 16384 };

	size_t number = 0;

	for (size_t c = 0; c < 9; c += run->full ? 1 : 4)
		for (size_t d = run->full ? 0 : 1; d < 6; d += run->full ? 1 : 2)
			for (size_t i = run->full ? 0 : 1; i < 8; i += run->full ? 1 : 3) {
				struct point at = { counts[c], away[d], well[i], 1 + c * 100 + d * 10 + i };
				struct tally one = { 0 };
				clock_t began = clock();

				if (number++ % run->every)
					continue;
				one_experiment(protocol, &at, &one);
				add(tally, &one);
				if (run->where)
					fprintf(stderr,
						"%s: C=%u D=%u I=%u: %llu wrong, %llu at healthy, %llu "
						"datagrams, %.1f s\n",
						protocol->name, at.anomalous, at.away_ms, at.well_ms,
						(unsigned long long)one.wrong,
						(unsigned long long)one.wrong_at_healthy,
						(unsigned long long)one.datagrams,
						(double)(clock() - began) / CLOCKS_PER_SEC);
			}
}

static void tally_line(const char *name, const struct tally *tally, const struct tally *base)
{
	printf("| %s | %u | %llu | %.1f | %llu | %llu | %.1f %% | %.1f %% |\n", name, tally->experiments,
	       (unsigned long long)tally->wrong, (double)tally->wrong / tally->experiments,
	       (unsigned long long)tally->wrong_at_healthy, (unsigned long long)tally->majorities,
	       100.0 * (double)tally->datagrams / (double)base->datagrams,
	       100.0 * (double)tally->bytes / (double)base->bytes);
	fflush(stdout);
}

static void lifeguard(const struct run *run)
{
	struct tally tallies[PROTOCOLS] = { 0 };

	printf("\n| protocol | experiments | false positives | per experiment | of them at healthy members | "
	       "by a majority | datagrams | bytes |\n|---|---|---|---|---|---|---|---|\n"
	       "| the paper: SWIM | 4,320 | 339,002 | 78.5 | 1,326 | | 100 %% | 100 %% |\n"
	       "| the paper: all of Lifeguard | 4,320 | 5,193 | 1.2 | 25 | | 110.6 %% | 98 %% |\n");
	for (size_t p = 0; p < PROTOCOLS; p++) {
		if (run->only != EVERY && run->only != p)
			continue;
		one_grid(run, &protocols[p], &tallies[p]);
		tally_line(protocols[p].name, &tallies[p], &tallies[run->only == EVERY ? 0 : p]);
	}
}

/* --- Rapid's cases --- */

#define RAPID_MEMBERS 128u
#define RAPID_S 240u
#define RAPID_FLIP_S 20u

static const struct ailment {
	const char *name;
	unsigned troubled, in_loss_pc, out_loss_pc;
	bool on_and_off;
} ailments[] = {
	{ "1 hears nothing, 20 s on and 20 s off", 1, 100, 0, true },
	{ "13 hear nothing, 20 s on and 20 s off", 13, 100, 0, true },
	{ "1 loses 80 % of what it sends", 1, 0, 80, false },
	{ "13 lose 80 % of what they send", 13, 0, 80, false },
	{ "1 loses 80 % of what it sends and of what it is sent", 1, 80, 80, false },
	{ "13 lose 80 % of what they send and of what they are sent", 13, 80, 80, false },
};

static void one_ailment(const struct ailment *ailment, const struct protocol *protocol, struct tally *tally)
{
	struct experiment e = { tally, ailment->troubled };
	struct region_options options = under(protocol, RAPID_MEMBERS);
	struct region *region = region_new(RAPID_MEMBERS, &options);

	region_run(region, 60 * SECOND_MS);
	begin(region, &e);
	for (unsigned s = 0; s < RAPID_S; s += RAPID_FLIP_S) {
		bool is_on = !ailment->on_and_off || s / RAPID_FLIP_S % 2 == 0;

		for (unsigned i = 0; i < ailment->troubled; i++) {
			region->hosts[i].in_loss_pc = is_on ? ailment->in_loss_pc : 0;
			region->hosts[i].out_loss_pc = is_on ? ailment->out_loss_pc : 0;
		}
		region_run(region, RAPID_FLIP_S * SECOND_MS);
	}
	end(region, &e);
}

static void rapid(const struct run *run)
{
	static const size_t compared[] = { 1, 2 }; /* Lifeguard, and ours */

	printf("\n| of %u members, for %u min | protocol | false positives about the others | of them at the "
	       "others | "
	       "by a majority | datagrams per member and s |\n|---|---|---|---|---|---|\n",
	       RAPID_MEMBERS, RAPID_S / 60);
	for (size_t a = 0; a < sizeof(ailments) / sizeof(ailments[0]); a++)
		for (size_t p = 0; p < 2; p++) {
			const struct protocol *protocol = &protocols[compared[p]];
			struct tally tally = { 0 };

			if (run->only != EVERY && run->only != compared[p])
				continue;

			one_ailment(&ailments[a], protocol, &tally);
			printf("| %s | %s | %llu | %llu | %llu | %.1f |\n", ailments[a].name, protocol->name,
			       (unsigned long long)tally.wrong, (unsigned long long)tally.wrong_at_healthy,
			       (unsigned long long)tally.majorities,
			       (double)tally.datagrams / RAPID_MEMBERS / RAPID_S);
			fflush(stdout);
		}
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
			qsort(times, 101, sizeof(times[0]), by_value);
			printf("| %u | %llu s | %.0f s | %.1f |\n", members[m],
			       (unsigned long long)communicate_s[c], seconds_at(times, 101, 50),
			       (members[m] - 1) / 10.0 + (double)(members[m] - 1) / (double)communicate_s[c]);
		}
}

static const struct part {
	const char *name;
	void (*run)(const struct run *run);
} parts[] = { { "sizes", sizes }, { "mesh", mesh }, { "lifeguard", lifeguard }, { "rapid", rapid } };
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static bool flag(const char *arg, struct run *run)
{
	if (strcmp(arg, "--full") == 0)
		run->full = true;
	else if (strcmp(arg, "--where") == 0)
		run->where = true;
	else
		return false;
	return true;
}

int main(int argc, char *argv[])
{
	bool wanted[PARTS] = { false };
	struct run run = { .only = EVERY, .every = 1 };
	int named = 0;

	for (int i = 1; i < argc; i++) {
		size_t which = 0;

		if (flag(argv[i], &run))
			continue;
		if (strcmp(argv[i], "--only") == 0 && i + 1 < argc &&
		    span_to_u64(span_of(argv[i + 1]), &run.only) == 0 && run.only < PROTOCOLS) {
			i++;
			continue;
		}
		if (strcmp(argv[i], "--every") == 0 && i + 1 < argc &&
		    span_to_u64(span_of(argv[i + 1]), &run.every) == 0 && run.every) {
			i++;
			continue;
		}
		while (which < PARTS && strcmp(argv[i], parts[which].name) != 0)
			which++;
		if (which == PARTS) {
			fprintf(stderr, "usage: bench_health [sizes|mesh|lifeguard|rapid]... [--full] "
					"[--where] [--only N] [--every N]\n");
			return 2;
		}
		wanted[which] = true;
		named++;
	}
	for (size_t i = 0; i < PARTS; i++)
		if (!named || wanted[i])
			parts[i].run(&run);
	return 0;
}
