/* region_verdicts: what members say of each other: checked, counted, told. */
#include "base/log.h"
#include "cloud-hub/regions/regions_internal.h"

#define MODULE REGIONS_MODULE
#define COMPLAIN_MS 10000u

/* Checking a signature takes as long as a thousand datagrams. */
static bool may_check(struct region *region)
{
	uint64_t now = regions_now(region->regions);

	if (now - region->check_ms >= 1000) {
		region->check_ms = now;
		region->checks = 0;
	}
	return region->checks++ < REGIONS_CHECKS_PER_S;
}

static int check(const struct region *region, const struct verdict *verdict,
		 const struct roster_member *voter)
{
	uint8_t signer[X509_SHA256_SIZE];
	struct buf bytes;
	int code;

	buf_init(&bytes, 512);
	code = verdict_signed_bytes(region->name, verdict, &bytes);
	if (!code)
		code = x509_check_signature(span_make(voter->identity, voter->identity_len), buf_span(&bytes),
					    span_make(verdict->signature, verdict->signature_len), signer);
	buf_done(&bytes);
	return code;
}

/* What is said of a start of its hub before the last is history, whatever the roster knew. */
static bool is_history(const struct regions *regions, const struct verdict *verdict,
		       const struct roster_member *subject)
{
	const struct region_node *node = regions_node(regions, subject->name);

	return node && verdict->word != VERDICT_ALIVE && verdict->subject_start &&
	       verdict->subject_start < node->start;
}

/* Once in a while: whoever forges one forges many. */
static void complain_of(struct region *region, const struct roster_member *voter,
			const struct roster_member *subject, const char *carrier)
{
	uint64_t now = regions_now(region->regions);

	if (region->complained_ms && now - region->complained_ms < COMPLAIN_MS)
		return;
	region->complained_ms = now;
	log_warn(MODULE, "forged-verdict", "region=%s voter=%s subject=%s carrier=%s total=%llu",
		 region->name, voter->name, subject->name, carrier,
		 (unsigned long long)region->figures.forged);
}

static void take_verdict(struct regions *regions, struct region *region, const char *carrier,
			 struct span bytes)
{
	const struct roster_member *voter, *subject;
	struct verdict verdict;
	int code;

	if (verdict_parse(bytes, &verdict)) {
		region->figures.refused++;
		return;
	}
	voter = roster_find_id(region->roster, verdict.voter);
	subject = roster_find_id(region->roster, verdict.subject);
	if (!voter || !subject || !voter->identity_len || is_history(regions, &verdict, subject)) {
		region->figures.refused++;
		return;
	}
	if (!may_check(region)) {
		region->figures.deferred++;
		return;
	}
	if (check(region, &verdict, voter)) {
		region->figures.forged++;
		complain_of(region, voter, subject, carrier);
		return;
	}
	code = electorate_take(region->electorate, &verdict, regions_now(regions));
	region->figures.taken += code == 1;
	region->figures.refused += code < 0;
	if (code != 1)
		return;
	region_tell_verdicts(region);
	regions_tell(regions, subject->name);
	/* The tunnel of a machine that lost its power looks up until its next ping is overdue. */
	if (verdict.word == VERDICT_DEAD)
		gateway_probe(regions->options.gateway, subject->name);
}

void regions_verdicts(struct regions *regions, const char *name, const char *region_name,
		      const struct span *verdicts, size_t count)
{
	const struct region_node *node = regions_node(regions, name);

	/* A node speaks for its own region and no other. */
	if (!node || !node->region || !node->region->roster || strcmp(node->region->name, region_name) != 0) {
		regions->gone.refused += count;
		return;
	}
	for (size_t i = 0; i < count; i++)
		take_verdict(regions, node->region, name, verdicts[i]);
}

void regions_neighbours(void *ctx, const char *name, uint64_t now_ms, struct runner_neighbours *out)
{
	static const enum nodelife_electorate words[] = {
		[ELECTORATE_SILENT] = NODELIFE_SILENT,	       [ELECTORATE_UNDECIDED] = NODELIFE_UNDECIDED,
		[ELECTORATE_ALIVE] = NODELIFE_ALIVE,	       [ELECTORATE_DEAD] = NODELIFE_DEAD,
		[ELECTORATE_AGENT_DOWN] = NODELIFE_AGENT_DOWN,
	};
	const struct region_node *node = regions_node(ctx, name);
	struct electorate_count count;

	*out = (struct runner_neighbours){ .policy = health_policy_default,
					   .proof_ms = FREEING_UNKNOWN,
					   .until_ms = UINT64_MAX };
	if (!node || !node->region)
		return;
	if (!node->is_judged) { /* nobody is asked, so nobody's silence says anything */
		out->policy = node->region->policy;
		out->policy.evict_dark = out->policy.evict_small = false;
		return;
	}
	electorate_count(node->region->electorate, name, now_ms, &count);
	out->word = words[count.word];
	out->electors = count.electors;
	out->only_dead = count.dead && !count.alive && !count.agent_down;
	out->policy = node->region->policy;
	out->fence_ms = node->fence_ms;
	out->proof_ms = count.word == ELECTORATE_DEAD ? region_node_proof(node, now_ms) : FREEING_UNKNOWN;
	out->until_ms = count.until_ms;
	if (node->in_maintenance) /* its silence says nothing */
		out->policy.evict_dark = out->policy.evict_small = false;
}

struct walk {
	const struct region *region;
	int (*each)(void *ctx, const struct regions_verdict *v);
	void *ctx;
};

static int walk_one(void *ctx, const struct roster_member *voter, const struct roster_member *about,
		    const struct verdict *verdict, uint64_t taken_ms)
{
	const struct walk *walk = ctx;
	uint64_t age = (uint64_t)verdict->age_ms + verdict->carried_ms,
		 ttl = walk->region->roster->settings.verdict_ttl_ms;
	struct regions_verdict v = {
		walk->region->name, voter, about, verdict, taken_ms, taken_ms + (ttl > age ? ttl - age : 0)
	};

	return walk->each(walk->ctx, &v);
}

int regions_each_verdict(const struct regions *regions, const char *name,
			 int (*each)(void *ctx, const struct regions_verdict *v), void *ctx)
{
	const struct region *one = name ? regions_find(regions, span_of(name)) : NULL;
	struct walk walk = { one, each, ctx };
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	if (one)
		return electorate_each(one->electorate, NULL, regions_now(regions), walk_one, &walk);
	while (!name && !code && map_next(&regions->regions, &cursor, &key, &value)) {
		walk.region = value;
		code = electorate_each(walk.region->electorate, NULL, regions_now(regions), walk_one, &walk);
	}
	return code;
}

void regions_on_verdicts(struct regions *regions, void (*fn)(void *ctx, const char *region), void *ctx)
{
	regions->on_verdicts = fn;
	regions->on_verdicts_ctx = ctx;
}
