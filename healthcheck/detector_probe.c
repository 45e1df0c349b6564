/* Probes and suspicion.
 *
 * A probe is a ping; when that is not answered in time, also a request to others, pings to its further addresses, and TCP. When all
 * that fails the member is suspected, and probed again by all means at once, timeout by timeout, until it answers or the time of
 * suspicion is over. Others do the same as soon as they hear of the suspicion, so a crash is seen by all, each for itself,
 * little later than by the first. */
#include "healthcheck/detector_internal.h"

#include <math.h>
#include <string.h>

#define RETRY_MS 100u /* when too many probes are under way */
#define TURN_EVERY 4u
#define MEETINGS_MAX 6u /* the pause between two in vain doubles so often: to 64 intervals */
#define LOOKS 2u
#define CALM_MAX 3u /* rumours about one that keeps answering wait so many doublings of the interval */
#define CALM_FORGET_INTERVALS 32u /* until the next one is taken as the first */

static uint64_t timeout_ms(const struct detector *d)
{
	return (uint64_t)d->roster->settings.probe_timeout_ms * detector_slowness(d);
}

static void set_timer(struct detector *d, struct peer *peer, uint64_t due_ms)
{
	/* Without memory there is no timer: the round comes by in any case. */
	if (timerq_set(&d->timers, &peer->timer, due_ms))
		timerq_cancel(&d->timers, &peer->timer);
}

static void set_phase(struct detector *d, struct peer *peer, enum probe_phase phase)
{
	if (peer->probe.phase != PROBE_NONE)
		d->probing--;
	if (phase != PROBE_NONE)
		d->probing++;
	peer->probe.phase = phase;
}

/* --- asking --- */

static void ask_directly(struct detector *d, size_t index)
{
	struct peer *peer = d->peers[index];

	detector_send(d, index, detector_address(peer), DATAGRAM_PING, peer->probe.nonce, peer->member->id);
	if (peer->suspected_ms)
		peer->probes++;
}

static void ask_at_other_addresses(struct detector *d, size_t index)
{
	struct peer *peer = d->peers[index];

	for (size_t i = 0; i < peer->member->address_count; i++)
		if (i != peer->address)
			detector_send(d, index, peer->member->addresses[i], DATAGRAM_PING, peer->probe.nonce,
				      peer->member->id);
	if (peer->seen[0])
		detector_send(d, index, peer->seen, DATAGRAM_PING, peer->probe.nonce, peer->member->id);
}

static void ask_others(struct detector *d, size_t index)
{
	struct peer *peer = d->peers[index];
	size_t helpers[16], wanted = d->roster->settings.indirect_probes, count;

	count = detector_pick(d, index, false, wanted < 16 ? wanted : 16, helpers);
	for (size_t i = 0; i < count; i++)
		detector_send(d, helpers[i], detector_address(d->peers[helpers[i]]), DATAGRAM_PING_REQ,
			      peer->probe.nonce, peer->member->id);
	peer->probe.nacks_due = (unsigned)count;
	peer->asked += (unsigned)count;
}

static void ask_by_tcp(struct detector *d, size_t index)
{
	struct peer *peer = d->peers[index];
	struct list_node *last;

	if (!d->roster->settings.tcp_fallback || !peer->member->address_count)
		return;
	detector_send(d, index, detector_address(peer), DATAGRAM_PING, peer->probe.nonce, peer->member->id);
	last = d->sends.head.prev;
	if (last != &d->sends.head)
		container_of(last, struct send, node)->is_tcp = true;
}

static void by_all_means(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	set_phase(d, peer, PROBE_INDIRECT);
	ask_at_other_addresses(d, index);
	/* The dead, and those never reached, are asked about only now and then, and nobody else is troubled with them. */
	if (peer->view == DETECTOR_ALIVE || peer->view == DETECTOR_SUSPECT)
		ask_others(d, index);
	ask_by_tcp(d, index);
	set_timer(d, peer, now_ms + timeout_ms(d));
}

static void start(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	if (peer->probe.phase != PROBE_NONE || !detector_address(peer))
		return;
	if (d->probing >= DETECTOR_PROBES_MAX) {
		set_timer(d, peer, now_ms + RETRY_MS + rng_below(&d->rng, RETRY_MS));
		return;
	}
	set_phase(d, peer, PROBE_DIRECT);
	peer->probe.nonce = detector_nonce(d, false);
	peer->probe.sent_ms = now_ms;
	peer->probe.nacks_due = peer->probe.nacks = 0;
	ask_directly(d, index);
	if (peer->view == DETECTOR_SUSPECT)
		by_all_means(d, index, now_ms);
	else
		set_timer(d, peer, now_ms + timeout_ms(d));
}

static bool can_start(const struct detector *d, size_t index)
{
	return d->peers[index]->probe.phase == PROBE_NONE && detector_address(d->peers[index]);
}

/* The ward: the next member in order of ids that is not gone. Ids are hashes, so the ring has nothing to do with how names are given
 * out. That everybody has one watcher of its own at every interval finds a crash sooner than chance does: in half an
 * interval on average and one at most, where random targets leave one crash in twenty unnoticed for three. */
static size_t watcher(const struct detector *d)
{
	size_t count = d->roster->count;

	for (size_t i = 1; i < count; i++) {
		size_t index = (d->self_index + count - i) % count;
		enum detector_view view = d->peers[index]->view;

		if (view == DETECTOR_ALIVE || view == DETECTOR_SUSPECT)
			return index;
	}
	return count;
}

static void probe_ward(struct detector *d, uint64_t now_ms)
{
	size_t count = d->roster->count, self = d->self_index;

	for (size_t i = 1; i < count; i++) {
		size_t index = (self + i) % count;
		enum detector_view view = d->peers[index]->view;

		if (view == DETECTOR_UNKNOWN || view == DETECTOR_DEAD)
			continue;
		if (can_start(d, index))
			start(d, index, now_ms);
		if (view != DETECTOR_AGENT_DOWN) /* which watches nobody itself */
			return;
	}
}

static void probe_next(struct detector *d, uint64_t now_ms)
{
	for (size_t tried = 0; tried < d->order_count; tried++) {
		size_t index;

		if (d->order_next == d->order_count)
			detector_shuffle(d);
		index = d->order[d->order_next++];
		if (can_start(d, index)) {
			start(d, index, now_ms);
			return;
		}
	}
}

/* Who was not met in the first turn: it was not up yet, or had no key yet, as when a whole region gets its power back. Until it is met
 * this node has no say about it, so it is not left to the turn, which takes minutes in a large region. */
static void meet(struct detector *d, uint64_t now_ms)
{
	uint64_t interval = d->roster->settings.probe_interval_ms, next = TIMERQ_NEVER;
	size_t asked = 0;

	if (now_ms < d->meet_ms)
		return;
	for (size_t i = 0; i < d->order_count; i++) {
		struct peer *peer = d->peers[d->order[i]];

		if (peer->view != DETECTOR_UNKNOWN || !detector_address(peer))
			continue;
		if (peer->meet_ms <= now_ms && asked < DETECTOR_INTRODUCTIONS && can_start(d, d->order[i])) {
			start(d, d->order[i], now_ms);
			peer->meet_ms = now_ms + (interval << peer->meetings);
			peer->meetings += peer->meetings < MEETINGS_MAX;
			asked++;
		}
		next = peer->meet_ms < next ? peer->meet_ms : next;
	}
	d->meet_ms = next;
}

/* How many of the others are looked at in this round. With a new roster the first turn is taken fast, because who was never reached
 * cannot be judged. After a change, one turn is taken a little faster: rumours of it may have gone to members that were just
 * cut off. */
static size_t due_in_turn(struct detector *d, uint64_t interval_ms)
{
	size_t due = d->to_meet	     ? DETECTOR_INTRODUCTIONS
		     : d->to_look_at ? LOOKS
				     : d->rounds % TURN_EVERY == 0;
	uint64_t called =
		d->roll_call_ms ? (d->order_count * interval_ms + d->roll_call_ms - 1) / d->roll_call_ms : 0;
	size_t *left = d->to_meet ? &d->to_meet : &d->to_look_at;

	if (due < called)
		due = called < d->order_count ? called : d->order_count;
	*left -= due < *left ? due : *left;
	return due;
}

/* One probe for the ward, and at a quarter of that rate one for each of the others in turn. */
static void take_round(struct detector *d, uint64_t now_ms, uint64_t interval_ms, uint64_t next_ms)
{
	if (timerq_set(&d->timers, &d->round, next_ms))
		return; /* cannot happen: its place in the heap is there */
	d->rounds++;
	if (!d->options.at_random) {
		probe_ward(d, now_ms);
		meet(d, now_ms);
	}
	for (size_t due = d->options.at_random ? 1 : due_in_turn(d, interval_ms); due; due--)
		probe_next(d, now_ms);
}

void detector_probe_round(struct detector *d, uint64_t now_ms)
{
	uint64_t interval = (uint64_t)d->roster->settings.probe_interval_ms * detector_slowness(d);

	take_round(d, now_ms, interval, now_ms + interval);
}

/* This node is awake anyway when its watcher asks: it takes its round then, rather than waking up once more for it, as long as that is
 * early by no more than half an interval. The next one waits a little longer than an interval, so that the watcher comes first again. */
void detector_probe_watched(struct detector *d, size_t by, uint64_t now_ms)
{
	uint64_t interval = d->roster->settings.probe_interval_ms;

	if (d->options.at_random || detector_slowness(d) > 1 || !d->round.slot ||
	    d->round.due_ms > now_ms + interval / 2 || by != watcher(d))
		return;
	take_round(d, now_ms, interval, now_ms + interval + interval / 8);
}

/* A member that loses much of what it says is suspected by somebody all the time, and would be asked by everybody all the time. The first rumour is
 * looked into at once; while it keeps answering the next ones wait, longer each time. What this node finds out by itself waits for nothing. */
static uint64_t calm_until(const struct detector *d, struct peer *peer, uint64_t now_ms)
{
	uint64_t interval = d->roster->settings.probe_interval_ms;

	if (peer->view != DETECTOR_ALIVE)
		return 0;
	if (now_ms > peer->calmed_ms + CALM_FORGET_INTERVALS * interval)
		peer->calm = 0;
	return peer->calm ? peer->calmed_ms + (interval << peer->calm) : 0;
}

static void note_calm(struct peer *peer, uint64_t now_ms)
{
	if (!peer->is_prompted && !peer->suspected_ms)
		return;
	peer->is_prompted = false;
	peer->calmed_ms = now_ms;
	peer->calm += peer->calm < CALM_MAX;
}

void detector_probe_prompt(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];
	uint64_t spread = 2 * d->roster->count, due, earliest = calm_until(d, peer, now_ms);

	peer->is_prompted = true;
	if (peer->probe.phase != PROBE_NONE) {
		peer->once_more = true; /* what is under way may have begun too early */
		return;
	}
	if (spread > d->roster->settings.probe_interval_ms)
		spread = d->roster->settings.probe_interval_ms;
	due = now_ms + rng_below(&d->rng, spread);
	if (due < earliest)
		due = earliest;
	if (!peer->timer.slot || peer->timer.due_ms > due)
		set_timer(d, peer, due);
}

/* --- suspicion --- */

static uint64_t suspicion_ms(const struct detector *d, const struct peer *peer)
{
	/* What is left of (max - min) after C of K confirmations, in hundredths: 1 - log(C+1)/log(K+1). */
	static const unsigned left[DETECTOR_CONFIRMATIONS + 1][DETECTOR_CONFIRMATIONS + 1] = {
		{ 0, 0, 0, 0 }, { 100, 0, 0, 0 }, { 100, 37, 0, 0 }, { 100, 50, 21, 0 }
	};
	const struct health_settings *s = &d->roster->settings;
	double scale = log10((double)d->roster->count);
	uint64_t least =
		(uint64_t)(s->suspicion_alpha_pc * (scale > 1 ? scale : 1) * s->probe_interval_ms / 100);
	uint64_t most = least * s->suspicion_beta;
	size_t others = d->order_count > 1 ? d->order_count - 1 : 0; /* who could confirm */
	/* Its own proof is one of the voices, unless gossip is taken for proof. */
	size_t voices = DETECTOR_CONFIRMATIONS - !d->options.gossip_is_evidence;
	size_t k = others < voices ? others : voices;

	if (d->options.no_dogpile)
		return least;
	return least + (most - least) * left[k][peer->confirmers < k ? peer->confirmers : k] / 100;
}

static void clear_suspicion(struct peer *peer)
{
	peer->suspected_ms = 0;
	peer->failed = peer->probes = peer->answers = peer->asked = peer->relayed = 0;
	peer->confirmers = 0;
	peer->tcp_tried = false;
}

static bool host_answers(const struct peer *peer)
{
	return peer->tcp_tried && (peer->tcp == DETECTOR_TCP_REFUSED || peer->tcp == DETECTOR_TCP_SILENT);
}

static void suspect(struct detector *d, size_t index, uint64_t since_ms, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	peer->suspected_ms = since_ms ? since_ms : 1;
	detector_view_set(d, peer, DETECTOR_SUSPECT, now_ms);
	gossip_suspect(d, index, DATAGRAM_SUSPECT, now_ms);
}

void detector_probe_adopt(struct detector *d, size_t index, uint64_t now_ms)
{
	suspect(d, index, now_ms, now_ms);
	if (d->peers[index]->probe.phase == PROBE_NONE)
		set_timer(d, d->peers[index], now_ms + suspicion_ms(d, d->peers[index]));
}

/* The time of suspicion is over, or when it will be. */
static bool conclude(struct detector *d, struct peer *peer, uint64_t now_ms)
{
	bool is_proven = d->options.gossip_is_evidence || peer->failed >= DETECTOR_ATTEMPTS_MIN;

	if (!is_proven || now_ms < peer->suspected_ms + suspicion_ms(d, peer))
		return false;
	detector_view_set(d, peer, host_answers(peer) ? DETECTOR_AGENT_DOWN : DETECTOR_DEAD, now_ms);
	peer->failed = 0;
	peer->confirmers = 0; /* of what comes next */
	return true;
}

/* A host that refuses connections may still go down, and one that was gone may come back without its hub. */
static void look_again(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	if (peer->view == DETECTOR_DEAD && host_answers(peer)) {
		detector_view_set(d, peer, DETECTOR_AGENT_DOWN, now_ms);
		peer->failed = 0;
	} else if (peer->view == DETECTOR_AGENT_DOWN && host_answers(peer)) {
		peer->failed = 0;
	} else if (peer->view == DETECTOR_AGENT_DOWN) {
		if (++peer->failed == 1)
			gossip_suspect(d, index, DATAGRAM_GONE, now_ms); /* others look too */
		if (peer->failed >= DETECTOR_ATTEMPTS_MIN)
			detector_view_set(d, peer, DETECTOR_DEAD, now_ms);
		else
			set_timer(d, peer, now_ms + d->roster->settings.probe_interval_ms / 2);
	}
	peer->tcp_tried = false;
}

/* At once again, until there is proof; then now and then, and at last when the time of suspicion is over. */
static uint64_t next_attempt(const struct detector *d, const struct peer *peer, uint64_t now_ms)
{
	uint64_t over = peer->suspected_ms + suspicion_ms(d, peer),
		 pause = d->roster->settings.probe_interval_ms / 2;

	if (peer->failed < DETECTOR_ATTEMPTS_MIN)
		return now_ms;
	if (over <= now_ms + timeout_ms(d))
		return over;
	return peer->failed < 2 * DETECTOR_ATTEMPTS_MIN ? now_ms : now_ms + pause;
}

static void failed(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];
	struct probe *probe = &peer->probe;

	set_phase(d, peer, PROBE_NONE);
	switch (peer->view) {
	case DETECTOR_ALIVE:
		/* Lifeguard: who was asked and did not even say no puts this node in doubt rather than the member. */
		detector_score(d, probe->nacks_due ? (int)(probe->nacks_due - probe->nacks) : 1);
		peer->failed += 2; /* the ping, and then all means */
		suspect(d, index, probe->sent_ms, now_ms);
		break;
	case DETECTOR_SUSPECT: peer->failed++; break;
	case DETECTOR_UNKNOWN: break;
	case DETECTOR_AGENT_DOWN:
	case DETECTOR_DEAD: look_again(d, index, now_ms); break;
	}
	if (peer->view == DETECTOR_SUSPECT && !conclude(d, peer, now_ms))
		set_timer(d, peer, next_attempt(d, peer, now_ms));
	else if (peer->once_more)
		detector_probe_prompt(d, index, now_ms);
	peer->once_more = false;
}

void detector_probe_timer(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	switch (peer->probe.phase) {
	case PROBE_NONE:
		if (peer->view == DETECTOR_SUSPECT && conclude(d, peer, now_ms))
			return;
		start(d, index, now_ms);
		break;
	case PROBE_DIRECT: by_all_means(d, index, now_ms); break;
	case PROBE_INDIRECT: failed(d, index, now_ms); break;
	}
}

/* --- what comes back --- */

void detector_probe_answered(struct detector *d, size_t index, uint64_t now_ms, bool is_direct)
{
	struct peer *peer = d->peers[index];
	uint64_t took_us = (now_ms - peer->probe.sent_ms) * 1000;

	timerq_cancel(&d->timers, &peer->timer);
	set_phase(d, peer, PROBE_NONE);
	note_calm(peer, now_ms);
	clear_suspicion(peer);
	peer->once_more = false;
	if (is_direct) {
		peer->heard_ms = now_ms;
		peer->rtt_us =
			peer->rtt_us ? (unsigned)((7ull * peer->rtt_us + took_us) / 8) : (unsigned)took_us;
	} else {
		peer->relayed_ms = now_ms;
	}
	detector_score(d, -1);
	if (is_direct && peer->view != DETECTOR_ALIVE && peer->view != DETECTOR_SUSPECT)
		gossip_back(d, index, now_ms);
	/* A member that was never reached directly stays unknown: what others reach does not tell whether this node can. */
	if (is_direct || peer->view != DETECTOR_UNKNOWN)
		detector_view_set(d, peer, DETECTOR_ALIVE, now_ms);
}

void detector_probe_tcp(struct detector *d, size_t index, uint32_t nonce, enum detector_tcp result,
			uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	if (peer->probe.phase == PROBE_NONE || peer->probe.nonce != nonce)
		return;
	if (result == DETECTOR_TCP_ANSWERED) {
		detector_probe_answered(d, index, now_ms, true);
		return;
	}
	peer->tcp_tried = true;
	peer->tcp = result;
}

void detector_probe_nacked(struct detector *d, size_t index, uint32_t nonce)
{
	struct probe *probe = &d->peers[index]->probe;

	if (probe->phase == PROBE_INDIRECT && probe->nonce == nonce && probe->nacks < probe->nacks_due)
		probe->nacks++;
}

void detector_probe_amnesty(struct detector *d, uint64_t now_ms)
{
	detector_score(d, 1);
	for (size_t i = 0; i < d->order_count; i++) {
		struct peer *peer = d->peers[d->order[i]];

		if (peer->probe.phase != PROBE_NONE) {
			set_phase(d, peer, PROBE_NONE);
			set_timer(d, peer,
				  now_ms + rng_below(&d->rng, d->roster->settings.probe_interval_ms));
		}
		if (peer->view == DETECTOR_SUSPECT) {
			peer->suspected_ms = now_ms;
			peer->failed = 0;
		}
	}
}

void detector_probe_confirmed(struct detector *d, struct peer *peer, const uint8_t from[ROSTER_ID_SIZE],
			      uint64_t now_ms)
{
	for (size_t i = 0; i < peer->confirmers; i++)
		if (memcmp(peer->confirmer[i], from, ROSTER_ID_SIZE) == 0)
			return;
	if (peer->confirmers == DETECTOR_CONFIRMATIONS)
		return;
	memcpy(peer->confirmer[peer->confirmers++], from, ROSTER_ID_SIZE);
	if (peer->view == DETECTOR_SUSPECT && peer->probe.phase == PROBE_NONE)
		set_timer(d, peer, now_ms); /* it may be over by now */
}

void detector_probe_forgive(struct detector *d, size_t index, uint64_t now_ms)
{
	struct peer *peer = d->peers[index];

	if (peer->view == DETECTOR_SUSPECT) {
		set_phase(d, peer, PROBE_NONE);
		timerq_cancel(&d->timers, &peer->timer);
		clear_suspicion(peer);
		detector_view_set(d, peer, DETECTOR_ALIVE, now_ms);
	} else if (peer->view != DETECTOR_ALIVE) {
		detector_probe_prompt(d, index, now_ms);
	}
}
