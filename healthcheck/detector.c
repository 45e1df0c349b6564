#include "healthcheck/detector_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const view_names[] = {
	[DETECTOR_UNKNOWN] = "unknown",	      [DETECTOR_ALIVE] = "alive", [DETECTOR_SUSPECT] = "suspect",
	[DETECTOR_AGENT_DOWN] = "agent-down", [DETECTOR_DEAD] = "dead",
};

const char *detector_view_name(enum detector_view view)
{
	return (size_t)view < sizeof(view_names) / sizeof(view_names[0]) ? view_names[view] : "";
}

/* --- small things --- */

uint32_t detector_nonce(struct detector *d, bool is_relay)
{
	uint32_t nonce = (uint32_t)rng_next(&d->rng);

	return is_relay ? (nonce | 3) - 1 : nonce | 1;
}

size_t detector_index(const struct detector *d, const struct roster_member *member)
{
	return (size_t)(member - d->roster->members);
}

bool detector_is_self(const struct detector *d, size_t index)
{
	return index == d->self_index;
}

unsigned detector_slowness(const struct detector *d)
{
	unsigned sum = d->score + d->trouble;

	return d->options.no_local_health ? 1 : 1 + (sum < DETECTOR_SCORE_MAX ? sum : DETECTOR_SCORE_MAX);
}

void detector_score(struct detector *d, int delta)
{
	int score = (int)d->score + delta;

	d->score = score < 0 ? 0 : score > (int)DETECTOR_SCORE_MAX ? DETECTOR_SCORE_MAX : (unsigned)score;
}

void detector_view_set(struct detector *d, struct peer *peer, enum detector_view view, uint64_t now_ms)
{
	if (peer->view == view)
		return;
	if (view == DETECTOR_DEAD || peer->view == DETECTOR_DEAD)
		d->to_look_at = d->order_count;
	peer->view = view;
	peer->since_ms = now_ms;
	if (view == DETECTOR_DEAD || view == DETECTOR_AGENT_DOWN)
		d->remind_until_ms = now_ms + DETECTOR_REMIND_MS;
	if (!list_is_linked(&peer->changed))
		list_push(&d->changed, &peer->changed);
}

const char *detector_address(const struct peer *peer)
{
	if (peer->member->address_count)
		return peer->member
			->addresses[peer->address < peer->member->address_count ? peer->address : 0];
	return peer->seen[0] ? peer->seen : NULL;
}

void detector_send(struct detector *d, size_t to, const char *address, enum datagram_kind kind,
		   uint32_t nonce, const uint8_t target[ROSTER_ID_SIZE])
{
	struct send *send;

	if (!address || d->sends.count >= DETECTOR_SENDS_MAX || !(send = calloc(1, sizeof(*send))))
		return; /* lost, as any datagram may be */
	send->to = to;
	send->kind = kind;
	send->nonce = nonce;
	memcpy(send->target, target, ROSTER_ID_SIZE);
	snprintf(send->address, sizeof(send->address), "%s", address);
	list_push(&d->sends, &send->node);
}

size_t detector_pick(struct detector *d, size_t but, bool with_tunnel, size_t max, size_t *out)
{
	size_t found = 0, first = d->order_count ? rng_below(&d->rng, d->order_count) : 0;

	/* The order is random already: a random start in it will do. */
	for (size_t i = 0; i < d->order_count && found < max; i++) {
		size_t index = d->order[(first + i) % d->order_count];
		const struct peer *peer = d->peers[index];

		if (index != but && peer->view == DETECTOR_ALIVE && (!with_tunnel || peer->has_tunnel))
			out[found++] = index;
	}
	return found;
}

/* --- life --- */

int detector_new(const struct detector_options *options, uint64_t now_ms, struct detector **out)
{
	struct detector *d;

	if (!options->self || !options->self[0] || strlen(options->self) >= ROSTER_NAME_SIZE)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->options = *options;
	memcpy(d->self, options->self, strlen(options->self) + 1);
	d->options.self = d->self;
	roster_id(d->self, d->self_id);
	rng_seed(&d->rng, options->seed);
	list_init(&d->changed);
	list_init(&d->sends);
	list_init(&d->rumours);
	list_init(&d->tasks);
	list_init(&d->relays);
	timerq_init(&d->timers);
	d->refuted_ms = now_ms;
	*out = d;
	return 0;
}

static void drop_relay(struct detector *d, struct relay *relay)
{
	timerq_cancel(&d->timers, &relay->timer);
	list_remove(&d->relays, &relay->node);
	free(relay);
}

/* What names members by their place, before places change. */
static void drop_places(struct detector *d)
{
	struct list_node *node;

	while ((node = list_pop(&d->sends)))
		free(container_of(node, struct send, node));
	while ((node = list_pop(&d->tasks)))
		free(container_of(node, struct task, node));
	while ((node = list_pop(&d->relays)))
		drop_relay(d, container_of(node, struct relay, node));
}

static void drop_peer(struct detector *d, struct peer *peer)
{
	if (!peer)
		return;
	d->probing -= peer->probe.phase != PROBE_NONE;
	timerq_cancel(&d->timers, &peer->timer);
	list_remove(&d->changed, &peer->changed);
	free(peer);
}

void detector_free(struct detector *d)
{
	if (!d)
		return;
	drop_places(d);
	gossip_drop(d);
	for (size_t i = 0; d->roster && i < d->roster->count; i++)
		drop_peer(d, d->peers[i]);
	free(d->peers);
	free(d->order);
	timerq_done(&d->timers);
	free(d);
}

/* --- the roster --- */

static struct peer *new_peer(uint64_t now_ms)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (peer)
		peer->since_ms = now_ms;
	return peer;
}

static int take_peers(struct detector *d, const struct roster *roster, struct peer **peers, uint64_t now_ms)
{
	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *old = roster_find_id(d->roster, roster->members[i].id);

		peers[i] = old ? d->peers[detector_index(d, old)] : new_peer(now_ms);
		if (!peers[i]) {
			while (i-- > 0) /* those of before stay the old roster's */
				if (!roster_find_id(d->roster, roster->members[i].id))
					free(peers[i]);
			return -ENOMEM;
		}
	}
	return 0;
}

void detector_shuffle(struct detector *d)
{
	for (size_t i = d->order_count; i > 1; i--) {
		size_t j = rng_below(&d->rng, i), swap = d->order[i - 1];

		d->order[i - 1] = d->order[j];
		d->order[j] = swap;
	}
	d->order_next = 0;
}

int detector_set_roster(struct detector *d, const struct roster *roster, uint64_t now_ms)
{
	struct peer **peers = calloc(roster->count + 1, sizeof(struct peer *));
	size_t *order = calloc(roster->count + 1, sizeof(*order));
	const struct roster *old = d->roster;
	int rc = peers && order ? take_peers(d, roster, peers, now_ms) : -ENOMEM;

	if (!rc)
		rc = timerq_set(&d->timers, &d->round,
				now_ms + rng_below(&d->rng, roster->settings.probe_interval_ms));
	if (rc) {
		free(peers);
		free(order);
		return rc;
	}
	drop_places(d);
	for (size_t i = 0; old && i < old->count; i++)
		if (!roster_find_id(roster, old->members[i].id))
			drop_peer(d, d->peers[i]);
	free(d->peers);
	free(d->order);
	d->roster = roster;
	d->peers = peers;
	d->order = order;
	d->order_count = 0;
	d->self_index = roster->count;
	for (size_t i = 0; i < roster->count; i++) {
		peers[i]->member = &roster->members[i];
		if (peers[i]->view == DETECTOR_UNKNOWN) { /* the first turn comes by soon */
			peers[i]->meetings = 0;
			peers[i]->meet_ms = now_ms + (roster->count / DETECTOR_INTRODUCTIONS + 2ull) *
							     roster->settings.probe_interval_ms;
		}
		if (memcmp(roster->members[i].id, d->self_id, ROSTER_ID_SIZE) == 0)
			d->self_index = i;
		else
			order[d->order_count++] = i;
	}
	detector_shuffle(d);
	d->to_meet = d->order_count;
	d->meet_ms = now_ms;
	return 0;
}

void detector_set_tunnel(struct detector *d, bool is_up)
{
	d->has_tunnel = is_up;
}

void detector_set_trouble(struct detector *d, unsigned trouble, uint64_t now_ms)
{
	(void)now_ms;
	d->trouble = trouble < DETECTOR_SCORE_MAX ? trouble : DETECTOR_SCORE_MAX;
}

/* --- time --- */

static void relay_timer(struct detector *d, struct relay *relay, uint64_t now_ms)
{
	const struct health_settings *s = &d->roster->settings;

	/* Nobody answered yet: say so in time, then wait on for a late answer. */
	if (!relay->nacked) {
		detector_send(d, relay->from, relay->address, DATAGRAM_NACK, relay->their_nonce,
			      d->roster->members[relay->target].id);
		relay->nacked = true;
		if (!timerq_set(&d->timers, &relay->timer, now_ms + s->probe_interval_ms))
			return;
	}
	drop_relay(d, relay);
}

static void fire(struct detector *d, struct timerq_node *timer, uint64_t now_ms)
{
	if (timer == &d->round) {
		detector_probe_round(d, now_ms);
		return;
	}
	if (timer == &d->burst) {
		gossip_burst(d, now_ms);
		return;
	}
	list_for_each(&d->relays, node)
		if (&container_of(node, struct relay, node)->timer == timer) {
			relay_timer(d, container_of(node, struct relay, node), now_ms);
			return;
		}
	detector_probe_timer(d, detector_index(d, container_of(timer, struct peer, timer)->member), now_ms);
}

void detector_tick(struct detector *d, uint64_t now_ms)
{
	uint64_t due = timerq_next(&d->timers);
	struct timerq_node *timer;

	d->now_ms = now_ms;
	if (!d->roster)
		return;
	if (due != TIMERQ_NEVER && now_ms > due + d->roster->settings.probe_interval_ms &&
	    !d->options.no_local_health)
		detector_probe_amnesty(d, now_ms);
	while ((timer = timerq_pop(&d->timers, now_ms)))
		fire(d, timer, now_ms);
}

uint64_t detector_deadline(const struct detector *d)
{
	return timerq_next(&d->timers);
}

/* --- what comes in --- */

static void note_sender(struct detector *d, size_t from, uint64_t start, const struct datagram *datagram,
			const char *address)
{
	struct peer *peer = d->peers[from];

	if (start > peer->start) { /* its hub started anew, and counts from the beginning */
		peer->start = start;
		peer->incarnation = datagram->incarnation;
	}
	peer->has_tunnel = datagram->flags & DATAGRAM_HAS_TUNNEL;
	for (size_t i = 0; i < peer->member->address_count; i++)
		if (strcmp(peer->member->addresses[i], address) == 0)
			return;
	if (snprintf(peer->seen, sizeof(peer->seen), "%s", address) >= (int)sizeof(peer->seen))
		peer->seen[0] = '\0';
}

static void on_ping(struct detector *d, size_t from, const struct datagram *datagram, const char *address,
		    uint64_t now_ms)
{
	if (memcmp(datagram->target, d->self_id, ROSTER_ID_SIZE) != 0)
		return;
	if (datagram->nonce)
		detector_send(d, from, address, DATAGRAM_ACK, datagram->nonce, d->self_id);
	detector_probe_watched(d, from, now_ms);
	/* It speaks, and this node thought otherwise: its own probe will tell. */
	if (d->peers[from]->view != DETECTOR_ALIVE)
		detector_probe_prompt(d, from, now_ms);
}

static void on_relayed(struct detector *d, size_t target, uint32_t nonce)
{
	list_for_each(&d->relays, node) {
		struct relay *relay = container_of(node, struct relay, node);

		if (relay->our_nonce != nonce || relay->target != target)
			continue;
		detector_send(d, relay->from, relay->address, DATAGRAM_ACK, relay->their_nonce,
			      d->roster->members[target].id);
		drop_relay(d, relay);
		return;
	}
}

static void note_answering_address(struct peer *peer, const char *address)
{
	for (size_t i = 0; i < peer->member->address_count; i++)
		if (strcmp(peer->member->addresses[i], address) == 0)
			peer->address = i;
}

static void on_ack(struct detector *d, size_t from, const struct datagram *datagram, const char *address,
		   uint64_t now_ms)
{
	const struct roster_member *target = roster_find_id(d->roster, datagram->target);
	size_t index;

	if (!target || !datagram->nonce)
		return;
	index = detector_index(d, target);
	if (detector_is_self(d, index))
		return;
	if (index == from && datagram->nonce % 2 == DETECTOR_NONCE_RELAY)
		on_relayed(d, index, datagram->nonce);
	if (d->peers[index]->probe.phase == PROBE_NONE || d->peers[index]->probe.nonce != datagram->nonce)
		return; /* late, or an answer to nothing */
	if (index == from) {
		note_answering_address(d->peers[index], address);
		detector_majority_heard(d, index, datagram);
	}
	detector_probe_answered(d, index, now_ms, index == from);
}

static void on_ping_req(struct detector *d, size_t from, const struct datagram *datagram, const char *address,
			uint64_t now_ms)
{
	const struct roster_member *target = roster_find_id(d->roster, datagram->target);
	struct relay *relay;
	size_t index;

	if (!target || d->relays.count >= DETECTOR_RELAYS_MAX)
		return;
	index = detector_index(d, target);
	if (detector_is_self(d, index) || index == from || !(relay = calloc(1, sizeof(*relay))))
		return;
	*relay = (struct relay){ .from = from,
				 .target = index,
				 .their_nonce = datagram->nonce,
				 .our_nonce = detector_nonce(d, true) };
	snprintf(relay->address, sizeof(relay->address), "%s", address);
	/* Lifeguard: at 80 % of the timeout, so that the nack is there before the one who asked gives up. */
	if (timerq_set(&d->timers, &relay->timer,
		       now_ms + d->roster->settings.probe_timeout_ms * 8ull / 10)) {
		free(relay);
		return;
	}
	list_push(&d->relays, &relay->node);
	detector_send(d, index, detector_address(d->peers[index]), DATAGRAM_PING, relay->our_nonce,
		      target->id);
}

void detector_input(struct detector *d, const struct roster_member *from, uint64_t from_start,
		    const struct datagram *datagram, const char *address, uint64_t now_ms)
{
	const struct roster_member *member = roster_find_id(d->roster, from->id);
	size_t index;

	if (!member)
		return;
	index = detector_index(d, member);
	if (detector_is_self(d, index) || from_start < d->peers[index]->start)
		return;
	d->now_ms = now_ms;
	d->stats.received++;
	note_sender(d, index, from_start, datagram, address);
	switch (datagram->kind) {
	case DATAGRAM_PING: on_ping(d, index, datagram, address, now_ms); break;
	case DATAGRAM_ACK: on_ack(d, index, datagram, address, now_ms); break;
	case DATAGRAM_PING_REQ: on_ping_req(d, index, datagram, address, now_ms); break;
	case DATAGRAM_NACK: {
		const struct roster_member *target = roster_find_id(d->roster, datagram->target);

		if (target)
			detector_probe_nacked(d, detector_index(d, target), datagram->nonce);
		break;
	}
	}
	if (datagram->flags & DATAGRAM_SUSPECTS_YOU) {
		struct datagram_item about_me = { .type = DATAGRAM_SUSPECT, .incarnation = d->incarnation };
		struct datagram told = { .item_count = 1 };

		/* The buddy's word is a rumour like any other, only it always reaches the one concerned. */
		memcpy(about_me.about, d->self_id, ROSTER_ID_SIZE);
		memcpy(about_me.from, member->id, ROSTER_ID_SIZE);
		told.items[0] = about_me;
		gossip_take(d, index, &told, now_ms);
	}
	gossip_take(d, index, datagram, now_ms);
}

void detector_tcp_result(struct detector *d, const char *name, uint32_t nonce, enum detector_tcp result,
			 uint64_t now_ms)
{
	const struct roster_member *member = roster_find(d->roster, name);

	if (member)
		detector_probe_tcp(d, detector_index(d, member), nonce, result, now_ms);
}

/* --- what is to be done --- */

static void make_datagram(struct detector *d, const struct send *send)
{
	d->out = (struct datagram){ .kind = send->kind,
				    .nonce = send->nonce,
				    .roster_version = (uint32_t)d->roster->version,
				    .incarnation = d->incarnation,
				    .score = (uint8_t)(d->score + d->trouble) };
	memcpy(d->out.target, send->target, ROSTER_ID_SIZE);
	if (d->has_tunnel)
		d->out.flags |= DATAGRAM_HAS_TUNNEL;
	if (d->peers[send->to]->view == DETECTOR_ALIVE)
		d->out.flags |= DATAGRAM_SEES_YOU;
	if (d->out.flags & DATAGRAM_SEES_YOU && send->kind == DATAGRAM_ACK)
		d->peers[send->to]->vouched_ms = d->now_ms;
	if (!d->options.no_buddy && d->peers[send->to]->view == DETECTOR_SUSPECT &&
	    send->kind == DATAGRAM_PING)
		d->out.flags |= DATAGRAM_SUSPECTS_YOU;
	gossip_fill(d, send->to, &d->out);
	d->stats.sent++;
}

static bool next_send(struct detector *d, struct detector_action *out)
{
	struct list_node *node = list_pop(&d->sends);
	struct send *send;

	if (!node)
		return false;
	send = container_of(node, struct send, node);
	*out = (struct detector_action){ .type = send->is_tcp ? DETECTOR_TCP : DETECTOR_SEND,
					 .member = &d->roster->members[send->to],
					 .nonce = send->nonce };
	memcpy(d->out_address, send->address, sizeof(d->out_address));
	out->address = d->out_address;
	make_datagram(d, send);
	out->datagram = &d->out;
	free(send);
	return true;
}

static bool next_task(struct detector *d, struct detector_action *out)
{
	struct list_node *node = list_pop(&d->tasks);
	struct task *task;

	if (!node)
		return false;
	task = container_of(node, struct task, node);
	d->out_item = task->item;
	memcpy(d->out_verdict, task->verdict, sizeof(d->out_verdict));
	if (task->item.type == DATAGRAM_VERDICT)
		d->out_item.verdict = span_make(d->out_verdict, task->item.verdict.len);
	*out = (struct detector_action){ .type = task->type,
					 .member =
						 task->type == DETECTOR_REFUTE || task->type == DETECTOR_CARRY
							 ? NULL
							 : &d->roster->members[task->about],
					 .incarnation = task->incarnation,
					 .item = &d->out_item };
	free(task);
	return true;
}

bool detector_next(struct detector *d, struct detector_action *out)
{
	struct list_node *node;

	while ((node = list_pop(&d->changed))) {
		struct peer *peer = container_of(node, struct peer, changed);

		if (peer->view == peer->told)
			continue; /* there and back again */
		*out = (struct detector_action){ .type = DETECTOR_CHANGED,
						 .member = peer->member,
						 .view = peer->view,
						 .was = peer->told };
		peer->told = peer->view;
		return true;
	}
	return next_task(d, out) || next_send(d, out);
}

/* --- what it knows --- */

bool detector_sight(const struct detector *d, const char *name, struct detector_sight *out)
{
	const struct roster_member *member = d->roster ? roster_find(d->roster, name) : NULL;
	const struct peer *peer;

	if (!member || detector_is_self(d, detector_index(d, member)))
		return false;
	peer = d->peers[detector_index(d, member)];
	*out = (struct detector_sight){
		.view = peer->view,
		.since_ms = peer->since_ms,
		.heard_ms = peer->heard_ms,
		.vouched_ms = peer->vouched_ms,
		.relayed_ms = peer->relayed_ms,
		.start = peer->start,
		.incarnation = peer->incarnation,
		.probes = peer->probes,
		.answers = peer->answers,
		.asked = peer->asked,
		.relayed = peer->relayed,
		.tcp = peer->tcp,
		.tcp_tried = peer->tcp_tried,
		.has_tunnel = peer->has_tunnel,
		.rtt_us = peer->rtt_us,
	};
	return true;
}

void detector_stats(const struct detector *d, struct detector_stats *out)
{
	*out = d->stats;
	out->score = d->score;
	for (size_t i = 0; i < d->order_count; i++) {
		const struct peer *peer = d->peers[d->order[i]];
		size_t *const counts[] = {
			[DETECTOR_UNKNOWN] = &out->unknown, [DETECTOR_ALIVE] = &out->alive,
			[DETECTOR_SUSPECT] = &out->suspect, [DETECTOR_AGENT_DOWN] = &out->agent_down,
			[DETECTOR_DEAD] = &out->dead,
		};

		out->members++;
		(*counts[peer->view])++;
		out->with_tunnel += peer->has_tunnel && peer->view == DETECTOR_ALIVE;
	}
}
