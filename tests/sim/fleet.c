#include "tests/sim/fleet.h"

#include <stdlib.h>

#define TIMEOUT_MS (2u * FLEET_PING_MS)
#define GUARD_AGAIN_MS 1000u

/* --- letters --- */

static void drop_letters(struct list *list)
{
	struct list_node *at;

	while ((at = list_pop(list)))
		free(container_of(at, struct letter, node));
}

static void post(struct fleet_node *node, struct list *list, const struct letter *letter)
{
	struct letter *copy = malloc(sizeof(*copy));

	sim_check(node->fleet->sim, copy != NULL, "no memory");
	*copy = *letter;
	copy->node = (struct list_node){ NULL, NULL };
	copy->due_ms = node->fleet->sim->now_ms + node->wire_delay_ms;
	list_push(list, &copy->node);
}

void fleet_send(struct fleet_node *node, const struct letter *letter)
{
	post(node, &node->down, letter);
}

static void say(struct fleet_node *node, struct letter letter)
{
	letter.session = node->session;
	post(node, &node->up, &letter);
}

static struct letter *next_letter(const struct fleet_node *node, struct list *list)
{
	struct letter *letter = list_first(list) ? container_of(list_first(list), struct letter, node) : NULL;

	if (!letter || node->is_cut || letter->due_ms > node->fleet->sim->now_ms)
		return NULL;
	list_remove(list, &letter->node);
	return letter;
}

/* --- the tunnel --- */

static bool works(const struct fleet_node *node)
{
	return region_works(node->fleet->region, node->index);
}

static void hang_up(struct fleet_node *node, uint64_t now)
{
	node->session = 0;
	node->is_up = node->is_caught_up = false;
	node->dial_ms = now + 500 + sim_below(node->fleet->sim, 1500);
	voter_tunnel_down(node->voter, node->host->roster->settings.verdict_ttl_ms, now);
	detector_set_tunnel(node->host->detector, false);
}

static void keep_link(struct fleet_node *node, uint64_t now)
{
	if (!node->session && now >= node->dial_ms && !node->is_cut) {
		node->session = ++node->fleet->sessions;
		node->heard_ms = node->pinged_ms = now;
		node->told_ms = node->fence_ms;
		memset(node->stopped, 0, sizeof(node->stopped)); /* said again */
		say(node, (struct letter){ .kind = LETTER_HELLO,
					   .fence_ms = node->fence_ms,
					   .number = node->host->start });
		say(node, (struct letter){ .kind = LETTER_PING, .number = now });
	}
	if (node->session && now > node->heard_ms + TIMEOUT_MS)
		hang_up(node, now);
	if (node->session && now >= node->pinged_ms + FLEET_PING_MS) {
		node->pinged_ms = now;
		say(node, (struct letter){ .kind = LETTER_PING, .number = now });
	}
	if (node->is_up && node->told_ms != node->fence_ms) {
		node->told_ms = node->fence_ms;
		say(node, (struct letter){ .kind = LETTER_FENCE, .fence_ms = node->fence_ms });
	}
}

static void hear_want(struct fleet_node *node, uint32_t wanted, uint64_t now)
{
	const char *names[FLEET_NODES_MAX];
	size_t count = 0;

	for (unsigned i = 0; i < node->fleet->count; i++)
		if (wanted >> i & 1)
			names[count++] = node->fleet->nodes[i].host->name;
	voter_want(node->voter, names, count, now);
}

static void hear_roster(struct fleet_node *node, const struct roster *roster)
{
	/* Versions of different regions have nothing to do with each other. */
	if (strcmp(roster->region, node->host->roster->region) != 0)
		node->settled = 0;
	node->fence_ms = roster->settings.fence_ms;
	region_give(node->host, roster);
}

static void hear(struct fleet_node *node, const struct letter *letter, uint64_t now)
{
	if (letter->session != node->session)
		return; /* of a connection that is given up */
	node->heard_ms = now;
	switch (letter->kind) {
	case LETTER_PONG:
		node->is_up = true;
		detector_set_tunnel(node->host->detector, true);
		if (letter->number > node->proof_ms)
			node->proof_ms = letter->number;
		break;
	case LETTER_ROSTER: hear_roster(node, letter->roster); break;
	case LETTER_PODS: memcpy(node->pods, letter->pods, sizeof(node->pods)); break;
	case LETTER_END:
		node->is_caught_up = true;
		node->settled = node->host->roster->version;
		say(node, (struct letter){ .kind = LETTER_ACK, .number = letter->number });
		break;
	case LETTER_WANT: hear_want(node, letter->wanted, now); break;
	default: break;
	}
}

/* --- what it says of others --- */

static void carry(struct fleet_node *node, struct span bytes)
{
	struct letter letter = { .kind = LETTER_VERDICT, .verdict_len = bytes.len };

	memcpy(letter.verdict, bytes.ptr, bytes.len);
	say(node, letter);
}

static void speak(struct fleet_node *node, uint64_t now)
{
	struct detector *detector = node->host->detector;
	unsigned ttl_ms = node->host->roster->settings.verdict_ttl_ms;
	struct verdict verdict;
	struct buf bytes;
	const char *name;

	buf_init(&bytes, VERDICT_BYTES_MAX);
	while (voter_next(node->voter, detector, node->host->roster, now, &verdict)) {
		verdict.signature_len = 8;
		buf_reset(&bytes);
		sim_check(node->fleet->sim, verdict_write(&verdict, &bytes) == 0, "a verdict is too long");
		if (node->is_up)
			carry(node, buf_span(&bytes));
		else
			(void)!detector_say_verdict(detector, buf_span(&bytes), now);
	}
	buf_done(&bytes);
	while ((name = voter_next_to_spread(node->voter, ttl_ms, now)))
		(void)!detector_say_want(detector, name, now);
}

static void on_action(struct region_host *host, const struct detector_action *action)
{
	struct fleet *fleet = host->region->ctx;
	struct fleet_node *node = &fleet->nodes[host->index];

	if (action->type == DETECTOR_WANTED)
		(void)voter_heard_want(node->voter, action->member->name,
				       host->roster->settings.verdict_ttl_ms, region_clock(host));
	else if (node->is_up)
		carry(node, action->item->verdict);
}

/* --- the fence, its pods and the guard --- */

static void step_fence(struct fleet_node *node, uint64_t now)
{
	struct detector *detector = node->host->detector;
	enum fence_state before = node->fence.state;
	uint64_t proof = 0, deadline;
	bool is_with;

	detector_set_settled(detector, node->settled);
	fence_set_limit(&node->fence, node->fence_ms);
	fence_tunnel(&node->fence, node->is_up, node->is_caught_up, node->proof_ms);
	is_with = detector_majority_proof(detector, &proof);
	fence_majority(&node->fence, is_with, proof);
	if (detector_majority_settled(detector, &proof))
		fence_settled(&node->fence, proof);
	if (fence_step(&node->fence, now, &deadline) != before && before == FENCE_OPEN) {
		node->fleet->closings++;
		if (node->session)
			hang_up(node, now); /* what was decided meanwhile comes with a new one */
	}
	detector_roll_call(detector, now > node->proof_ms + node->fence_ms / 3 ? node->fence_ms / 4 : 0);
	if (node->fence.state != before)
		sim_log(node->fleet->sim, "%s: its fence is %s, proof %lld ms ago", node->host->name,
			node->fence.state == FENCE_OPEN ? "open" : "closed",
			(long long)(now - node->fence.proof_ms));
	node->record_limit_ms = node->fence_ms;
	if (node->fence.state == FENCE_OPEN)
		node->record_proof_ms = node->fence.proof_ms;
}

static void stop_run(struct fleet_node *node, struct fleet_run *run, uint64_t now, uint64_t within_ms)
{
	uint64_t due = now + sim_below(node->fleet->sim, within_ms + 1);

	run->start_ms = 0;
	if (run->is_running && (!run->stop_ms || due < run->stop_ms))
		run->stop_ms = due;
}

static void step_role(struct fleet_node *node, unsigned role, uint64_t now)
{
	const struct fleet_pod *pod = &node->pods[role];
	struct fleet_run *run = &node->runs[role];
	bool is_wanted = pod->uid && !pod->is_deleting && node->fence.state == FENCE_OPEN;

	if (run->uid && (!is_wanted || run->uid != pod->uid) && (run->is_running || run->start_ms)) {
		if (!run->stop_ms)
			stop_run(node, run, now, FLEET_STOP_MS);
	} else if (is_wanted && !run->is_running && !run->start_ms) {
		*run = (struct fleet_run){ .uid = pod->uid,
					   .start_ms = now + 200 + sim_below(node->fleet->sim, 1300) };
	} else if (pod->uid && pod->is_deleting && node->is_up && node->stopped[role] != pod->uid) {
		node->stopped[role] = pod->uid;
		say(node, (struct letter){ .kind = LETTER_STOPPED, .role = role, .number = pod->uid });
	}
}

/* What was asked of the runtime happens, whatever becomes of the hub. */
static void step_runtime(struct fleet_node *node, uint64_t now)
{
	bool is_over =
		node->record_proof_ms && now >= node->record_proof_ms + node->record_limit_ms + FLEET_STOP_MS;

	for (unsigned role = 0; role < FLEET_ROLES; role++) {
		struct fleet_run *run = &node->runs[role];

		if (run->start_ms && now >= run->start_ms) {
			run->start_ms = 0;
			run->is_running = true;
			sim_log(node->fleet->sim, "%s: runs uid %llu", node->host->name,
				(unsigned long long)run->uid);
		}
		if (run->is_running && ((run->stop_ms && now >= run->stop_ms) || is_over)) {
			sim_log(node->fleet->sim, "%s: %s uid %llu", node->host->name,
				is_over ? "killed" : "stopped", (unsigned long long)run->uid);
			*run = (struct fleet_run){ .uid = 0 };
		}
	}
}

/* --- time --- */

static void step_hub(struct fleet_node *node, uint64_t now)
{
	struct letter *letter;

	keep_link(node, now);
	while ((letter = next_letter(node, &node->down))) {
		hear(node, letter, now);
		free(letter);
	}
	step_fence(node, now);
	for (unsigned role = 0; role < FLEET_ROLES; role++)
		step_role(node, role, now);
	speak(node, now);
	region_pump(node->host);
}

unsigned fleet_running(const struct fleet *fleet, unsigned role)
{
	unsigned count = 0;

	for (unsigned i = 0; i < fleet->count; i++)
		count += fleet->nodes[i].runs[role].is_running;
	return count;
}

static void check(struct fleet *fleet)
{
	for (unsigned role = 0; role < FLEET_ROLES; role++) {
		unsigned running = fleet_running(fleet, role);

		if (running > fleet->most_running)
			fleet->most_running = running;
		sim_check(fleet->sim, running <= 1, "role %u runs on %u nodes", role, running);
	}
}

static void on_tick(void *ctx)
{
	struct fleet *fleet = ctx;
	struct letter *letter;

	for (unsigned i = 0; i < fleet->count; i++) {
		struct fleet_node *node = &fleet->nodes[i];
		uint64_t now = region_clock(node->host);

		while ((letter = next_letter(node, &node->up))) {
			fleet->on_letter(fleet->ctx, node, letter);
			free(letter);
		}
		if (node->host->is_down)
			continue;
		if (works(node))
			step_hub(node, now);
		step_runtime(node, now);
	}
	check(fleet);
	fleet->on_tick(fleet->ctx);
	sim_at(fleet->sim, &fleet->tick, fleet->sim->now_ms + FLEET_TICK_MS);
}

/* --- life --- */

static void start_hub(struct fleet_node *node)
{
	uint64_t now = region_clock(node->host), proof = node->record_proof_ms;

	if (proof && now >= proof + node->record_limit_ms)
		proof = 0;
	sim_check(node->fleet->sim, voter_new(node->host->name, node->host->start, &node->voter) == 0,
		  "no memory");
	fence_init(&node->fence, node->fence_ms, proof);
	node->session = 0;
	node->proof_ms = 0;
	node->is_up = node->is_caught_up = false;
	node->dial_ms = now + sim_below(node->fleet->sim, 1000);
}

static void stop_hub(struct fleet_node *node)
{
	voter_free(node->voter);
	node->voter = NULL;
}

void fleet_crash(struct fleet *fleet, unsigned index)
{
	struct fleet_node *node = &fleet->nodes[index];

	if (node->host->is_down)
		return;
	region_crash(fleet->region, index);
	stop_hub(node);
	memset(node->runs, 0, sizeof(node->runs));
	node->record_proof_ms = 0;
}

void fleet_kill_hub(struct fleet *fleet, unsigned index)
{
	struct fleet_node *node = &fleet->nodes[index];

	if (node->host->is_down || node->host->hub_down)
		return;
	region_kill_hub(fleet->region, index);
	stop_hub(node);
}

void fleet_boot(struct fleet *fleet, unsigned index)
{
	struct fleet_node *node = &fleet->nodes[index];

	if (!node->host->is_down && !node->host->hub_down)
		return;
	region_boot(fleet->region, index);
	start_hub(node);
}

void fleet_init(struct fleet *fleet, struct region *region, unsigned fence_ms)
{
	*fleet = (struct fleet){ .region = region, .sim = &region->sim, .count = region->options.members };
	region->ctx = fleet;
	region->on_action = on_action;
	for (unsigned i = 0; i < fleet->count; i++) {
		struct fleet_node *node = &fleet->nodes[i];

		node->fleet = fleet;
		node->index = i;
		node->host = &region->hosts[i];
		node->fence_ms = fence_ms;
		node->wire_delay_ms = 1 + sim_below(fleet->sim, 60);
		list_init(&node->up);
		list_init(&node->down);
		start_hub(node);
	}
	fleet->tick = (struct sim_timer){ .fire = on_tick, .ctx = fleet };
	sim_at(fleet->sim, &fleet->tick, fleet->sim->now_ms + FLEET_TICK_MS);
}

void fleet_done(struct fleet *fleet)
{
	sim_cancel(fleet->sim, &fleet->tick);
	for (unsigned i = 0; i < fleet->count; i++) {
		drop_letters(&fleet->nodes[i].up);
		drop_letters(&fleet->nodes[i].down);
		stop_hub(&fleet->nodes[i]);
	}
	fleet->region->ctx = NULL;
	fleet->region->on_action = NULL;
}
