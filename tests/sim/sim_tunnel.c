/* sim_tunnel: the tunnel's promises, kept by the production code in a simulated world.
 *
 *   sim_tunnel
 * sim_tunnel SCENARIO [--seed N] [--count N] [--edges N] [--verbose]
 *
 * Runs every scenario once, or one with `count` seeds from `seed` on, and prints them; a failure prints the seed that
 * replays it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/options.h"
#include "tests/sim/cloud_session.h"
#include "tests/sim/world.h"

#define MINUTE_MS (60u * 1000)
#define HOUR_MS (60u * MINUTE_MS)
#define DAY_MS (24u * HOUR_MS)

struct run {
	uint64_t seed;
	unsigned edges; /* 0: the scenario's own number */
	bool verbose;
};

static const struct wire_options lan = { .delay_ms = 5, .bytes_per_ms = 12500 };

/* Random writes, broken links and lost power on both sides; then quiet: every replica is its set. */
static void converge(const struct run *run)
{
	struct world *world = world_new(run->seed, run->edges ? run->edges : 12, lan, run->verbose);
	uint64_t took, crashes = 0, connections = 0, deleted = 0, left = 0, reports = 0;

	world->cloud.lag_percent = 20;
	for (unsigned i = 0; i < world->edge_count; i++) {
		world->edges[i].break_percent = 40;
		world->edges[i].ping_interval_ms = 10000;
	}
	world_start(world);
	for (int round = 0; round < 3; round++) {
		world->cloud.lag_percent = 20;
		for (unsigned i = 0; i < world->edge_count; i++)
			world->edges[i].break_percent = 40;
		world_set_action(world, 4000 / world->edge_count + 1, true);
		sim_run_until(&world->sim, world->sim.now_ms + 5 * MINUTE_MS);
		took = world_settle(world, 10 * MINUTE_MS);
	}
	for (unsigned i = 0; i < world->edge_count; i++) {
		const struct edge *edge = &world->edges[i];

		crashes += edge->crashes;
		connections += edge->connections;
		deleted += edge->deleted;
		left += edge->left;
		reports += edge->outbox_last;
		for (uint64_t n = 1; n <= edge->outbox_last; n++)
			sim_check(&world->sim, cloud_has_applied(&world->cloud, edge, n),
				  "%s: report %llu was lost", edge->name, (unsigned long long)n);
	}
	printf("  %u edges, %llu actions, %llu connections, %llu crashes, %llu deleted, %llu left, %llu "
	       "reports once each; "
	       "last settled in %llu ms\n",
	       world->edge_count, (unsigned long long)world->actions, (unsigned long long)connections,
	       (unsigned long long)crashes, (unsigned long long)deleted, (unsigned long long)left,
	       (unsigned long long)reports, (unsigned long long)took);
	world_free(world);
}

static void restart_all(struct world *world)
{
	for (unsigned i = 0; i < world->edge_count; i++) {
		if (!sim_chance(&world->sim, 30) || !world->edges[i].is_up || world->edges[i].doom.fire)
			continue;
		if (sim_chance(&world->sim, 50)) {
			edge_stop(&world->edges[i]);
			edge_start(&world->edges[i]);
		} else {
			edge_crash(&world->edges[i], 1000);
		}
	}
	if (sim_chance(&world->sim, 20)) {
		cloud_stop(&world->cloud);
		cloud_start(&world->cloud);
	}
}

/* A store put back to an older copy: nothing at the edge counts as deleted, orphans are known, and released
 * when told. */
static void restore(const struct run *run)
{
	struct world *world = world_new(run->seed, run->edges ? run->edges : 8, lan, run->verbose);
	uint64_t deleted = 0, orphans = 0;
	unsigned released = 0;

	world_start(world);
	world_set_action(world, 100, false);
	sim_run_until(&world->sim, world->sim.now_ms + MINUTE_MS);
	(void)world_settle(world, 5 * MINUTE_MS);
	cloud_backup(&world->cloud);
	world_set_action(world, 100, true);
	sim_run_until(&world->sim, world->sim.now_ms + MINUTE_MS);
	world_set_action(world, 0, false);
	sim_cancel(&world->sim, &world->cloud.reboot);
	cloud_stop(&world->cloud);
	for (unsigned i = 0; i < world->edge_count; i++)
		deleted += world->edges[i].deleted;
	cloud_restore(&world->cloud);
	for (unsigned i = 0; i < world->edge_count; i++) {
		world->edges[i].outbox_last = world->edges[i].outbox_acked =
			0; /* reports are not the subject here */
		edge_network(&world->edges[i], true, false);
	}
	for (int round = 0; round < 20; round++) {
		sim_run_until(&world->sim, world->sim.now_ms + 30000);
		/* Orphans survive whatever happens while the operator thinks about them. */
		if (round < 15)
			restart_all(world);
	}
	for (unsigned i = 0; i < world->edge_count; i++) {
		struct repl_sink_stats stats;

		if (!edge_is_synced(&world->edges[i]))
			world_explain(world);
		sim_check(&world->sim, edge_is_synced(&world->edges[i]), "%s did not come back",
			  world->edges[i].name);
		repl_sink_stats(world->edges[i].sink, &stats);
		orphans += stats.orphans;
		deleted -= world->edges[i].deleted;
	}
	sim_check(&world->sim, deleted == 0, "the restored cloud deleted something");
	for (unsigned i = 0; i < world->edge_count; i++)
		released += cloud_release_orphans(&world->cloud, &world->edges[i]);
	(void)world_settle(world, 5 * MINUTE_MS);
	printf("  %u edges, %llu sessions on a broken time line, %llu orphans kept, %u released\n",
	       world->edge_count, (unsigned long long)world->cloud.diverged, (unsigned long long)orphans,
	       released);
	world_free(world);
}

/* A week in which the cloud is busy and none of it concerns these edges: no commits, no comparison after the
 * daily break. */
static void idle_week(const struct run *run)
{
	struct world *world = world_new(run->seed, run->edges ? run->edges : 4, lan, run->verbose);
	uint64_t commits[CLOUD_EDGES_MAX], bytes = 0, compared;

	world_start(world);
	for (unsigned i = 0; i < 8; i++)
		(void)world_put_ref(world, i);
	for (unsigned i = 0; i < world->edge_count; i++)
		for (unsigned pod = 0; pod < 10; pod++)
			(void)world_put_pod(world, i * 10 + pod, i, pod % 8, (pod + 1) % 8, false);
	(void)world_settle(world, 5 * MINUTE_MS);
	/* The replica's own log of the first synchronization grows old and is trimmed; that is no part of an
	 * idle week. */
	sim_run_until(&world->sim, world->sim.now_ms + HOUR_MS);
	for (unsigned i = 0; i < world->edge_count; i++) {
		commits[i] = edge_commits(&world->edges[i]);
		world->edges[i].bytes_in = world->edges[i].bytes_out = 0;
	}
	compared = world->cloud.sessions_started - world->cloud.unchanged;
	for (unsigned day = 0; day < 7; day++) {
		for (unsigned minute = 0; minute < 24 * 60; minute++) {
			(void)world_put_ref(world, 8 + (unsigned)sim_below(&world->sim, 20));
			sim_run_until(&world->sim, world->sim.now_ms + MINUTE_MS);
		}
		for (unsigned i = 0; i < world->edge_count; i++)
			if (world->edges[i].wire)
				wire_break(world->edges[i].wire, day % 2);
		if (day == 3) {
			cloud_stop(&world->cloud);
			cloud_start(&world->cloud);
		}
	}
	(void)world_settle(world, 5 * MINUTE_MS);
	for (unsigned i = 0; i < world->edge_count; i++) {
		sim_check(&world->sim, edge_commits(&world->edges[i]) == commits[i],
			  "%s committed %llu times in an idle week", world->edges[i].name,
			  (unsigned long long)(edge_commits(&world->edges[i]) - commits[i]));
		bytes += world->edges[i].bytes_in + world->edges[i].bytes_out;
	}
	sim_check(&world->sim, world->cloud.sessions_started - world->cloud.unchanged == compared,
		  "a reconnection compared buckets");
	sim_check(&world->sim, world->cloud.sessions_started > 7u * world->edge_count,
		  "the links did not break");
	bytes /= 7u * 24 * world->edge_count;
	printf("  %u edges, 0 commits, %llu reconnections and no comparison, %llu bytes an idle hour before "
	       "TLS and TCP\n",
	       world->edge_count, (unsigned long long)(world->cloud.sessions_started - world->edge_count),
	       (unsigned long long)bytes);
	/* Each of the 240 pings and pongs adds about 29 bytes of TLS and 80 of TCP and IP, its ACK
	 * included. */
	sim_check(&world->sim, bytes + 240u * 109 < 40 * 1024, "an idle hour is too expensive");
	world_free(world);
}

/* From the write in the cloud to the change at the edge, the longest of some. */
static uint64_t longest_delay(struct world *world, unsigned samples)
{
	uint64_t longest = 0;

	for (unsigned i = 0; i < samples; i++) {
		uint64_t written, changes = world->edges[0].changes;

		sim_run_until(&world->sim, world->sim.now_ms + 100 + sim_below(&world->sim, 200));
		written = world->sim.now_ms;
		sim_check(&world->sim, world_put_ref(world, 0), "write");
		while (world->edges[0].changes == changes) {
			sim_check(&world->sim, world->sim.now_ms - written < MINUTE_MS,
				  "the change does not arrive");
			sim_run_until(&world->sim, world->sim.now_ms + 1);
		}
		if (world->edges[0].last_change_ms - written > longest)
			longest = world->edges[0].last_change_ms - written;
	}
	return longest;
}

/* A stalled bulk stream, and one at full speed, on 10 Mbit/s: what they cost a change of the desired
 * state. */
static void bulk(const struct run *run)
{
	static const struct wire_options slow = { .delay_ms = 20, .bytes_per_ms = 1250 };
	struct world *world = world_new(run->seed, 1, slow, run->verbose);
	uint64_t alone, stalled, busy, since, bytes;

	world_start(world);
	sim_check(&world->sim,
		  world_put_ref(world, 0) && world_put_pod(world, 0, 0, 0, WORLD_REFS_MAX, false), "write");
	(void)world_settle(world, MINUTE_MS);
	alone = longest_delay(world, 100);
	sim_check(&world->sim, cloud_bulk(&world->cloud, 0, "stall"), "open");
	sim_run_until(&world->sim, world->sim.now_ms + 1000);
	stalled = longest_delay(world, 100);
	sim_check(&world->sim, world->edges[0].bulk_bytes == MUX_CREDIT_START,
		  "a stalled stream got more than its credit");
	sim_check(&world->sim, cloud_bulk(&world->cloud, 0, "drain"), "open");
	sim_run_until(&world->sim, world->sim.now_ms + 2000);
	since = world->sim.now_ms;
	bytes = world->edges[0].bulk_bytes;
	busy = longest_delay(world, 200);
	bytes = (world->edges[0].bulk_bytes - bytes) / (world->sim.now_ms - since);
	printf("  longest delay alone %llu ms, beside a stalled stream %llu ms, beside that and one at %llu "
	       "kB/s %llu ms\n",
	       (unsigned long long)alone, (unsigned long long)stalled, (unsigned long long)bytes,
	       (unsigned long long)busy);
	sim_check(&world->sim, stalled < alone + 50 && busy < alone + 50,
		  "bulk delays control by 50 ms or more");
	sim_check(&world->sim, bytes > 1000, "bulk does not fill the link");
	world_free(world);
}

/* One change among 10,000 objects, after a long absence. */
static void ten_thousand(const struct run *run)
{
	struct world *world = world_new(run->seed, 1, lan, run->verbose);
	struct edge *edge = &world->edges[0];
	char text[64];

	world_start(world);
	sim_check(&world->sim,
		  cloud_fill(&world->cloud, "pods/a-namespace-of-usual-length/workload-7d4b9c-", 0, 10000),
		  "write");
	(void)world_settle(world, 10 * MINUTE_MS);
	edge_network(edge, false, false);
	sim_run_until(&world->sim, world->sim.now_ms + 30u * DAY_MS);
	(void)snprintf(text, sizeof(text), "pods/a-namespace-of-usual-length/workload-7d4b9c-%llu",
		       (unsigned long long)sim_below(&world->sim, 10000));
	sim_check(&world->sim, cloud_put(&world->cloud, text, "changed", 0, "", "{\"spec\":\"changed\"}"),
		  "write");
	edge->bytes_in = edge->bytes_out = edge->changes = 0;
	(void)world_settle(world, 10 * MINUTE_MS);
	printf("  %llu bytes down, %llu up, %llu changes\n", (unsigned long long)edge->bytes_in,
	       (unsigned long long)edge->bytes_out, (unsigned long long)edge->changes);
	sim_check(&world->sim, edge->changes == 1, "more than one change");
	sim_check(&world->sim, edge->bytes_in + edge->bytes_out < 64 * 1024, "too many bytes");
	world_free(world);
}

static const struct option_spec options[] = {
	{ "seed", 0, "N", "1", 0, "first seed" },
	{ "count", 0, "N", "1", 0, "how many seeds" },
	{ "edges", 0, "N", "0", 0, "how many edges; 0: as the scenario says" },
	{ "verbose", 0, NULL, NULL, 0, "tell what happens" },
	{ 0 },
};

static uint64_t number(const struct options *given, const char *name)
{
	uint64_t n = 0;

	if (span_to_u64(span_of(options_get(given, name)), &n)) {
		fprintf(stderr, "sim_tunnel: --%s wants a number\n", name);
		exit(OPTIONS_EXIT_USAGE);
	}
	return n;
}

static int run_scenario(const struct options *given, void (*scenario)(const struct run *run))
{
	struct run run = { number(given, "seed"), (unsigned)number(given, "edges"),
			   options_given(given, "verbose") };

	for (uint64_t left = number(given, "count"); left; left--, run.seed++) {
		clock_t start = clock();

		printf("%s seed=%llu\n", options_verb(given)->name, (unsigned long long)run.seed);
		fflush(stdout);
		scenario(&run);
		printf("  %.1f s of CPU\n", (double)(clock() - start) / CLOCKS_PER_SEC);
	}
	return 0;
}

#define SCENARIO(name)                                                \
	static int run_##name(const struct options *given, void *ctx) \
	{                                                             \
		return run_scenario(given, name);                     \
	}
SCENARIO(converge)
SCENARIO(restore)
SCENARIO(idle_week)
SCENARIO(bulk)
SCENARIO(ten_thousand)

int main(int argc, char *argv[])
{
	static const struct verb_spec verbs[] = {
		{ "converge", options, NULL, 0, 0, "random writes and failures, then quiet", run_converge },
		{ "restore", options, NULL, 0, 0, "the cloud's store put back to an older copy",
		  run_restore },
		{ "idle-week", options, NULL, 0, 0, "a week of churn elsewhere", run_idle_week },
		{ "bulk", options, NULL, 0, 0, "bulk streams beside the desired state", run_bulk },
		{ "ten-thousand", options, NULL, 0, 0, "one change among 10,000 objects", run_ten_thousand },
		{ 0 },
	};
	static const struct program_spec program = { "sim_tunnel", "the tunnel in a simulated world",
						     HOLDFAST_VERSION, verbs, NULL };

	/* Without arguments: every scenario once. */
	for (size_t i = 0; argc == 1 && verbs[i].name; i++) {
		char *one[] = { argv[0], (char *)verbs[i].name, NULL };
		int code = options_main(&program, 2, one, NULL);

		if (code || !verbs[i + 1].name)
			return code;
	}
	return options_main(&program, argc, argv, NULL);
}
