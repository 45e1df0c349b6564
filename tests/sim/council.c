#include "tests/sim/council.h"

#include <stdio.h>
#include <stdlib.h>

#define MARK_MAX ROSTER_PAST_BYTES_MAX
#define ASK_AGAIN_MS 5000u
#define LATE_MS 40000u

/* A verdict that lay somewhere. */
struct late {
	struct list_node node;
	uint64_t due_ms;
	size_t len;
	uint8_t bytes[VERDICT_BYTES_MAX];
};

uint64_t council_clock(const struct council *c)
{
	int64_t now = (int64_t)c->sim->now_ms;

	return (uint64_t)(now + now * c->drift_ppm / 1000000) + 7000000;
}

static int64_t wall(const struct council *c)
{
	return sim_wall_ms(c->sim) + c->wall_offset_ms;
}

static const char *name_of(const struct council *c, unsigned node)
{
	return c->fleet->nodes[node].host->name;
}

static unsigned index_of(const struct council *c, const uint8_t id[ROSTER_ID_SIZE])
{
	unsigned i = 0;
	uint8_t own[ROSTER_ID_SIZE];

	for (; i < c->fleet->count; i++) {
		roster_id(name_of(c, i), own);
		if (memcmp(own, id, ROSTER_ID_SIZE) == 0)
			break;
	}
	return i;
}

/* --- rosters: what cloud-hub/regions does --- */

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct roster_member *)a)->id, ((const struct roster_member *)b)->id,
		      ROSTER_ID_SIZE);
}

static struct roster *keep(struct council *c, struct roster *roster)
{
	c->rosters = realloc(c->rosters, (c->roster_count + 1) * sizeof(struct roster *));
	sim_check(c->sim, c->rosters != NULL, "no memory");
	c->rosters[c->roster_count++] = roster;
	return roster;
}

static struct roster *roster_new(struct council *c, const char *region, uint64_t version, unsigned fence_ms)
{
	struct roster *roster = calloc(1, sizeof(*roster));

	sim_check(c->sim, roster && (roster->members = calloc(FLEET_NODES_MAX, sizeof(*roster->members))),
		  "no memory");
	(void)snprintf(roster->region, sizeof(roster->region), "%s", region);
	roster->version = version;
	roster->settings = c->fleet->region->options.settings;
	roster->settings.fence_ms = fence_ms;
	return keep(c, roster);
}

static void add_member(struct council *c, struct roster *roster, unsigned node, const struct roster *before,
		       bool is_touched)
{
	const struct roster_member *known = before ? roster_find(before, name_of(c, node)) : NULL;
	struct roster_member *m = &roster->members[roster->count++];

	*m = *roster_find(&c->fleet->region->roster, name_of(c, node));
	m->in_maintenance = c->nodes[node].in_maintenance;
	m->start = c->nodes[node].start;
	m->since = known && known->in_maintenance == m->in_maintenance && !is_touched ? known->since
										      : roster->version;
}

static void note(struct council *c, unsigned node, bool is_in)
{
	uint8_t id[ROSTER_ID_SIZE];

	roster_id(name_of(c, node), id);
	roster_past_note(c->past, c->roster->version + 1, id, is_in);
	c->is_roster_due = true;
}

static void store_mark(struct council *c)
{
	buf_reset(&c->mark);
	sim_check(c->sim, roster_past_write(c->past, &c->mark) == 0, "no memory");
}

static void write_roster(struct council *c, uint64_t version, int touched)
{
	struct roster *roster = roster_new(c, "here", version, c->fence_ms);

	for (unsigned i = 0; i < c->fleet->count; i++)
		if (c->nodes[i].is_here)
			add_member(c, roster, i, c->roster, (int)i == touched);
	qsort(roster->members, roster->count, sizeof(*roster->members), by_id);
	c->roster = roster;
	c->roster_revision = ++c->revision;
	sim_check(c->sim, electorate_set_roster(c->electorate, roster) == 0, "no memory");
	store_mark(c);
	c->is_roster_due = false;
	c->is_mark_due = true;
	sim_log(c->sim, "cloud: roster %llu of %zu", (unsigned long long)version, roster->count);
}

static unsigned fence_of(const struct council *c, const struct council_node *node)
{
	return node->is_here ? c->fence_ms : node->alone->settings.fence_ms;
}

static void move_alone(struct council *c, unsigned node)
{
	static const unsigned limits[] = { 15000, 40000, 90000 };
	struct council_node *n = &c->nodes[node];

	n->alone = roster_new(c, name_of(c, node), 1 + sim_below(c->sim, 50), limits[sim_below(c->sim, 3)]);
	add_member(c, n->alone, node, NULL, true);
}

void council_move(struct council *c, unsigned node, bool is_here)
{
	struct council_node *n = &c->nodes[node];

	if (n->is_here == is_here || !c->is_running)
		return;
	sim_log(c->sim, "cloud: %s moves %s", name_of(c, node), is_here ? "here" : "away");
	n->is_here = is_here;
	if (!n->in_maintenance)
		note(c, node, is_here);
	c->is_roster_due = true;
	if (is_here) {
		n->oldest = 0;
		n->newest = c->roster->version;
	} else {
		electorate_forget(c->electorate, name_of(c, node));
		move_alone(c, node);
	}
	n->fence_ms = freeing_limit_given(n->fence_ms, fence_of(c, n));
	c->revision++;
}

void council_maintain(struct council *c, unsigned node, bool in_maintenance)
{
	struct council_node *n = &c->nodes[node];

	if (n->in_maintenance == in_maintenance || !c->is_running)
		return;
	n->in_maintenance = in_maintenance;
	if (n->is_here)
		note(c, node, !in_maintenance);
}

/* The Region's spec: its roster is the same. */
static void give_limit(struct council *c)
{
	struct roster *roster = roster_new(c, "here", c->roster->version, c->fence_ms);

	memcpy(roster->members, c->roster->members, c->roster->count * sizeof(*roster->members));
	roster->count = c->roster->count;
	c->roster = roster;
	c->roster_revision = ++c->revision;
	sim_check(c->sim, electorate_set_roster(c->electorate, roster) == 0, "no memory");
}

void council_set_fence(struct council *c, unsigned fence_ms)
{
	if (!c->is_running || fence_ms == c->fence_ms)
		return;
	c->fence_ms = fence_ms;
	for (unsigned i = 0; i < c->fleet->count; i++)
		if (c->nodes[i].is_here)
			c->nodes[i].fence_ms = freeing_limit_given(c->nodes[i].fence_ms, fence_ms);
	give_limit(c);
	c->fence_revision = c->revision;
}

static void settle(struct council *c)
{
	uint64_t oldest = c->roster->version;

	for (unsigned i = 0; i < c->fleet->count; i++) {
		struct council_node *n = &c->nodes[i];

		if (!n->is_here)
			continue;
		if (n->is_up && n->acked >= c->roster_revision)
			n->oldest = c->roster->version;
		if (n->is_up && n->told_ms == c->fence_ms && n->fence_ms != c->fence_ms)
			n->fence_ms = freeing_limit_told(n->fence_ms, c->fence_ms, c->fence_ms,
							 n->acked >= c->fence_revision);
		if (n->oldest < oldest)
			oldest = n->oldest;
	}
	roster_past_forget(c->past, oldest);
	if (c->is_mark_due && !roster_past_last(c->past) && oldest) {
		store_mark(c);
		c->is_mark_due = false;
	}
}

/* --- links --- */

static void link_down(struct council *c, struct council_node *n)
{
	n->is_up = false;
	sim_log(c->sim, "cloud: the tunnel of %s is down", name_of(c, (unsigned)(n - c->nodes)));
	n->since_ms = council_clock(c);
	n->newest = c->roster->version;
	n->acked = n->sent = n->send_step = 0;
}

static void hear_hello(struct council *c, unsigned node, const struct letter *letter)
{
	struct council_node *n = &c->nodes[node];

	if (letter->session <= n->session)
		return;
	if (n->is_up)
		link_down(c, n);
	n->session = letter->session;
	if (letter->number > n->start)
		n->start = letter->number;
	n->told_ms = letter->fence_ms;
	n->fence_ms = freeing_limit_hello(letter->fence_ms, fence_of(c, n));
	n->is_up = true;
	sim_log(c->sim, "cloud: the tunnel of %s is up", name_of(c, node));
	n->heard_ms = n->since_ms = council_clock(c);
	c->wanted_ms = 0;
	electorate_forget(c->electorate, name_of(c, node));
	for (unsigned i = 0; i < c->fleet->count; i++)
		c->words_until_ms[i][node] = 0;
}

/* A replica is brought up to date in steps, between which the tunnel may break. */
static void send_step(struct council *c, unsigned node)
{
	struct council_node *n = &c->nodes[node];
	struct letter letter = { .session = n->session };
	bool is_roster;

	if (!n->send_step) {
		if (n->sent == c->revision)
			return;
		n->sending = c->revision;
	}
	if (sim_chance(c->sim, 50))
		return;
	is_roster = (n->send_step == 0) == (n->sending % 2 == 0);
	if (n->send_step == 2) {
		letter.kind = LETTER_END;
		letter.number = n->sending;
	} else if (is_roster) {
		letter.kind = LETTER_ROSTER;
		letter.roster = n->is_here ? c->roster : n->alone;
	} else {
		letter.kind = LETTER_PODS;
		for (unsigned i = 0; i < FLEET_ROLES; i++)
			if (c->roles[i].uid && c->roles[i].node == node)
				letter.pods[i] =
					(struct fleet_pod){ c->roles[i].uid, c->roles[i].is_deleting };
	}
	/* What changed while it was under way is sent again. */
	if (n->send_step == 2 && n->sending == c->revision)
		n->sent = n->sending;
	if (n->send_step < 2 || n->sending == c->revision)
		fleet_send(&c->fleet->nodes[node], &letter);
	n->send_step = (n->send_step + 1) % 3;
}

static void ask(struct council *c, uint64_t now)
{
	uint32_t wanted = 0;

	for (unsigned i = 0; i < c->fleet->count; i++) {
		const struct council_node *n = &c->nodes[i];

		if (n->is_here && !n->is_up && !n->in_maintenance && now >= n->since_ms + 1000 &&
		    now >= c->started_ms + COUNCIL_START_GRACE_MS / 2)
			wanted |= 1u << i;
	}
	if (wanted == c->wanted && now < c->wanted_ms + ASK_AGAIN_MS)
		return;
	c->wanted = wanted;
	c->wanted_ms = now;
	for (unsigned i = 0; i < c->fleet->count; i++)
		if (c->nodes[i].is_here && c->nodes[i].is_up)
			fleet_send(&c->fleet->nodes[i], &(struct letter){ .kind = LETTER_WANT,
									  .session = c->nodes[i].session,
									  .wanted = wanted });
}

/* --- what is said --- */

static void count_beside(struct council *c, const struct verdict *v, uint64_t now)
{
	unsigned voter = index_of(c, v->voter), subject = index_of(c, v->subject);

	c->words[voter][subject] = v->word;
	c->words_until_ms[voter][subject] = now + c->roster->settings.verdict_ttl_ms;
}

static void take_verdict(struct council *c, struct span bytes)
{
	uint64_t now = council_clock(c);
	struct verdict v;
	unsigned subject;

	sim_check(c->sim, verdict_parse(bytes, &v) == 0, "a verdict of ours is malformed");
	subject = index_of(c, v.subject);
	if (v.word != VERDICT_ALIVE && v.subject_start && v.subject_start < c->nodes[subject].start)
		return;
	if (electorate_take(c->electorate, &v, now) == 1)
		count_beside(c, &v, now);
}

static void hear_verdict(struct council *c, const struct letter *letter)
{
	struct late *late;

	if (!sim_chance(c->sim, c->late_pc)) {
		take_verdict(c, span_make(letter->verdict, letter->verdict_len));
		return;
	}
	late = calloc(1, sizeof(*late));
	sim_check(c->sim, late != NULL, "no memory");
	late->due_ms = c->sim->now_ms + sim_below(c->sim, LATE_MS);
	late->len = letter->verdict_len;
	memcpy(late->bytes, letter->verdict, letter->verdict_len);
	list_push(&c->late, &late->node);
}

static void take_late(struct council *c)
{
	for (size_t n = c->late.count; n--;) {
		struct late *late = container_of(list_pop(&c->late), struct late, node);

		if (late->due_ms > c->sim->now_ms) {
			list_push(&c->late, &late->node);
			continue;
		}
		if (c->is_running)
			take_verdict(c, span_make(late->bytes, late->len));
		free(late);
	}
}

/* --- what is decided --- */

static void check_majority(struct council *c, unsigned node, uint64_t now)
{
	unsigned electors = 0, dead = 0;

	for (unsigned i = 0; i < c->fleet->count; i++) {
		const struct roster_member *m = roster_find(c->roster, name_of(c, i));

		if (i == node || !m || m->in_maintenance)
			continue;
		electors++;
		dead += c->words[i][node] == VERDICT_DEAD && now < c->words_until_ms[i][node];
	}
	sim_check(c->sim, dead >= 2 && dead * 2 > electors, "%s is given up by %u of %u", name_of(c, node),
		  dead, electors);
}

static void begin_eviction(struct council *c, unsigned node, uint64_t now)
{
	struct council_node *n = &c->nodes[node];

	check_majority(c, node, now);
	sim_log(c->sim, "cloud: %s is evicted", name_of(c, node));
	c->evictions++;
	n->is_tainted = true;
	n->tainted_wall_ms = wall(c);
	if (c->on_evict)
		c->on_evict(c, node);
}

static struct nodelife_decision decide(struct council *c, unsigned node, uint64_t now)
{
	static const enum nodelife_electorate words[] = {
		[ELECTORATE_SILENT] = NODELIFE_SILENT,	       [ELECTORATE_UNDECIDED] = NODELIFE_UNDECIDED,
		[ELECTORATE_ALIVE] = NODELIFE_ALIVE,	       [ELECTORATE_DEAD] = NODELIFE_DEAD,
		[ELECTORATE_AGENT_DOWN] = NODELIFE_AGENT_DOWN,
	};
	struct council_node *n = &c->nodes[node];
	struct electorate_count count;
	struct nodelife_evidence e;
	uint64_t due, since;

	electorate_count(c->electorate, name_of(c, node), now, &count);
	if (n->word != words[count.word]) {
		n->word = words[count.word];
		n->word_since_ms = now;
		sim_log(c->sim, "cloud: of %s is said: %s (%zu dead of %zu)", name_of(c, node),
			electorate_word_name(count.word), count.dead, count.electors);
	}
	since = n->since_ms > n->word_since_ms ? n->since_ms : n->word_since_ms;
	e = (struct nodelife_evidence){
		.link = nodelife_link(n->is_up, n->since_ms, c->started_ms, COUNCIL_START_GRACE_MS,
				      n->word == NODELIFE_DEAD ? 0 : COUNCIL_LINK_GRACE_MS, now, &due),
		.electorate = n->word,
		.electors = count.electors,
		.only_dead = count.dead && !count.alive && !count.agent_down,
		.since_ms = now - since,
		.policy = &c->policy,
	};
	return nodelife_decide(e);
}

static void free_role(struct council *c, struct council_role *role, uint64_t now)
{
	unsigned node = role->node;
	const struct council_node *n = &c->nodes[node];
	const struct freeing_node about = { name_of(c, node), n->oldest, n->newest };
	uint64_t proof = freeing_proof(c->electorate, c->roster, c->past, &about, now);

	if (!n->fence_ms)
		return;
	if (proof == FREEING_UNKNOWN) {
		if (c->roster->version <= n->newest)
			write_roster(c, c->roster->version + 1, (int)node);
		return;
	}
	if (now < fence_free_at(proof > n->since_ms ? proof : n->since_ms, n->fence_ms))
		return;
	sim_log(c->sim, "cloud: uid %llu of %s is free", (unsigned long long)role->uid, name_of(c, node));
	c->freed++;
	c->revision++;
	*role = (struct council_role){ .since_ms = c->sim->now_ms };
}

static void empty(struct council *c, unsigned node, const struct nodelife_decision *decision, uint64_t now)
{
	struct council_node *n = &c->nodes[node];

	for (unsigned i = 0; i < FLEET_ROLES; i++) {
		struct council_role *role = &c->roles[i];

		if (!role->uid || role->node != node)
			continue;
		if (role->is_deleting) {
			if (decision->dead && !n->is_up && n->word == NODELIFE_DEAD)
				free_role(c, role, now);
		} else if (wall(c) >= n->tainted_wall_ms + COUNCIL_TOLERATION_MS) {
			role->is_deleting = true;
			c->revision++;
		}
	}
}

static void judge(struct council *c, unsigned node, uint64_t now)
{
	struct council_node *n = &c->nodes[node];
	struct nodelife_decision decision = decide(c, node, now);
	uint64_t due;

	if (!decision.evict) {
		n->is_evicting = false;
		if (decision.ready != NODELIFE_KEEP)
			n->is_tainted = false;
		return;
	}
	if (!n->is_evicting) {
		n->is_evicting = n->is_tainted || eviction_take(&c->rate, c->policy.rate, now, &due);
		if (n->is_evicting && !n->is_tainted)
			begin_eviction(c, node, now);
	}
	if (n->is_evicting)
		empty(c, node, &decision, now);
}

static void give(struct council *c, struct council_role *role)
{
	unsigned from = (unsigned)sim_below(c->sim, c->fleet->count);

	for (unsigned i = 0; i < c->fleet->count; i++) {
		unsigned node = (from + i) % c->fleet->count;
		const struct council_node *n = &c->nodes[node];

		if (!n->is_here || !n->is_up || n->in_maintenance || n->is_tainted)
			continue;
		*role = (struct council_role){ .uid = ++c->uids, .node = node, .since_ms = c->sim->now_ms };
		c->revision++;
		sim_log(c->sim, "cloud: uid %llu to %s", (unsigned long long)role->uid, name_of(c, node));
		return;
	}
}

/* --- events --- */

static void on_letter(void *ctx, struct fleet_node *from, const struct letter *letter)
{
	struct council *c = ctx;
	struct council_node *n = &c->nodes[from->index];
	struct council_role *role = &c->roles[letter->role];

	if (!c->is_running)
		return;
	if (letter->kind == LETTER_HELLO) {
		hear_hello(c, from->index, letter);
		return;
	}
	if (!n->is_up || letter->session != n->session)
		return;
	n->heard_ms = council_clock(c);
	switch (letter->kind) {
	case LETTER_PING:
		fleet_send(from, &(struct letter){ .kind = LETTER_PONG,
						   .session = n->session,
						   .number = letter->number });
		break;
	case LETTER_FENCE:
		n->told_ms = letter->fence_ms;
		n->fence_ms = freeing_limit_told(n->fence_ms, letter->fence_ms, fence_of(c, n),
						 n->is_here && n->acked >= c->fence_revision);
		break;
	case LETTER_ACK: n->acked = letter->number; break;
	case LETTER_VERDICT: hear_verdict(c, letter); break;
	case LETTER_STOPPED:
		if (role->uid == letter->number && role->is_deleting && role->node == from->index) {
			*role = (struct council_role){ .since_ms = c->sim->now_ms };
			c->revision++;
		}
		break;
	default: break;
	}
}

static void on_tick(void *ctx)
{
	struct council *c = ctx;
	uint64_t now = council_clock(c);

	take_late(c);
	if (!c->is_running)
		return;
	for (unsigned i = 0; i < c->fleet->count; i++)
		if (c->nodes[i].is_up && now > c->nodes[i].heard_ms + COUNCIL_LINK_TIMEOUT_MS)
			link_down(c, &c->nodes[i]);
	if (c->is_roster_due && sim_chance(c->sim, 10))
		write_roster(c, c->roster->version + 1, -1);
	settle(c);
	ask(c, now);
	for (unsigned i = 0; i < c->fleet->count; i++) {
		if (c->nodes[i].is_here)
			judge(c, i, now);
		if (c->nodes[i].is_up)
			send_step(c, i);
	}
	for (unsigned i = 0; i < FLEET_ROLES; i++)
		if (!c->roles[i].uid)
			give(c, &c->roles[i]);
}

/* --- life --- */

void council_stop(struct council *c)
{
	if (!c->is_running)
		return;
	sim_log(c->sim, "cloud: stops");
	c->is_running = false;
	electorate_free(c->electorate);
	roster_past_free(c->past);
	c->electorate = NULL;
	c->past = NULL;
}

static void forget(struct council *c, unsigned node)
{
	struct council_node *n = &c->nodes[node];
	uint8_t id[ROSTER_ID_SIZE];
	const struct roster_member *stored = roster_find(c->roster, name_of(c, node));
	bool was_in = stored && !stored->in_maintenance, is_in = n->is_here && !n->in_maintenance;

	roster_id(name_of(c, node), id);
	n->is_up = n->is_evicting = false;
	n->session = n->acked = n->sent = n->send_step = n->told_ms = 0;
	n->since_ms = n->word_since_ms = c->started_ms;
	n->word = NODELIFE_SILENT;
	n->newest = c->roster->version;
	n->oldest = stored ? roster_past_known(c->past, id) : 0;
	if (was_in != is_in)
		note(c, node, is_in);
	c->is_roster_due |= n->is_here != (stored != NULL);
}

void council_start(struct council *c)
{
	if (c->is_running)
		return;
	sim_log(c->sim, "cloud: starts");
	sim_check(c->sim, electorate_new(&c->electorate) == 0 && roster_past_new(&c->past) == 0, "no memory");
	if (c->mark.len)
		sim_check(c->sim, roster_past_read(c->past, buf_span(&c->mark)) == 0,
			  "its own mark is damaged");
	sim_check(c->sim, electorate_set_roster(c->electorate, c->roster) == 0, "no memory");
	memset(c->words_until_ms, 0, sizeof(c->words_until_ms));
	c->is_running = c->is_mark_due = true;
	c->is_roster_due = false;
	c->started_ms = council_clock(c);
	c->fence_revision = c->revision; /* which change brought T is not known any more */
	c->wanted = 0;
	c->wanted_ms = 0;
	c->rate = (struct eviction_rate){ 0 };
	for (unsigned i = 0; i < c->fleet->count; i++)
		forget(c, i);
}

void council_init(struct council *c, struct fleet *fleet, unsigned fence_ms)
{
	*c = (struct council){ .fleet = fleet, .sim = fleet->sim, .fence_ms = fence_ms };
	buf_init(&c->mark, MARK_MAX);
	list_init(&c->late);
	c->policy = health_policy_default;
	c->policy.grace_ms = 2000;
	c->policy.rate = 60;
	for (unsigned i = 0; i < fleet->count; i++)
		c->nodes[i].is_here = true;
	c->roster = roster_new(c, "here", 0, fence_ms);
	council_start(c);
	write_roster(c, 1, -1);
	/* As if all had been there and known. */
	for (unsigned i = 0; i < fleet->count; i++) {
		fleet->nodes[i].fence_ms = fence_ms;
		region_give(fleet->nodes[i].host, c->roster);
	}
	fleet->on_letter = on_letter;
	fleet->on_tick = on_tick;
	fleet->ctx = c;
}

void council_done(struct council *c)
{
	struct list_node *at;

	while ((at = list_pop(&c->late)))
		free(container_of(at, struct late, node));
	for (size_t i = 0; i < c->roster_count; i++) {
		free(c->rosters[i]->members);
		free(c->rosters[i]);
	}
	free(c->rosters);
	buf_done(&c->mark);
}
