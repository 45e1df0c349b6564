#include "tests/sim/region.h"

#include <stdio.h>
#include <stdlib.h>

#define INBOX_MAX 256u /* datagrams that a frozen process's socket holds */
#define IP_UDP_BYTES 28u

struct parcel {
	struct sim_timer timer;
	struct list_node node;
	struct region *region;
	unsigned from, to;
	uint64_t start;
	bool is_tcp; /* the outcome of a TCP probe, back at `to`, which asked about `from` */
	enum detector_tcp outcome;
	uint32_t nonce;
	struct buf bytes;
};

static void pump(struct region_host *host);

static void parcel_free(struct parcel *p)
{
	buf_done(&p->bytes);
	free(p);
}

/* Names are "m" and the number. */
static unsigned index_of(const struct region *region, const struct roster_member *member)
{
	uint64_t index = 0;

	sim_check(&region->sim, span_to_u64(span_of(member->name + 1), &index) == 0, "a strange name");
	return (unsigned)index;
}

bool region_works(const struct region *region, unsigned host)
{
	return !region->hosts[host].is_down && !region->hosts[host].hub_down &&
	       !region->hosts[host].is_frozen;
}

static bool passes(const struct region *region, unsigned from, unsigned to)
{
	unsigned a = region->hosts[from].side, b = region->hosts[to].side;

	if (region->may_pass && !region->may_pass(region, from, to))
		return false;
	if (region->cut == REGION_WHOLE || a == b)
		return true;
	return region->cut == REGION_ONE_WAY && a < b;
}

/* One packet between hosts that lose some. Only drawn for these, so that other runs stay as they were. */
static bool gets_lost(struct region *region, unsigned from, unsigned to)
{
	unsigned out = region->hosts[from].out_loss_pc, in = region->hosts[to].in_loss_pc;

	return (out && sim_chance(&region->sim, out)) || (in && sim_chance(&region->sim, in));
}

static uint64_t delay(struct region *region)
{
	const struct region_options *o = &region->options;
	uint64_t ms = o->delay_min_ms + sim_below(&region->sim, o->delay_max_ms - o->delay_min_ms + 1);

	return ms + (sim_chance(&region->sim, o->slow_pc) ? o->slow_ms : 0);
}

/* --- clocks --- */

uint64_t region_clock(const struct region_host *host)
{
	int64_t now = (int64_t)host->region->sim.now_ms;

	return host->clock_ms + (uint64_t)(now + now * host->drift_ppm / 1000000);
}

uint64_t region_time(const struct region_host *host, uint64_t clock_ms)
{
	int64_t shown = clock_ms > host->clock_ms ? (int64_t)(clock_ms - host->clock_ms) : 0;

	if (!host->drift_ppm || clock_ms == TIMERQ_NEVER)
		return clock_ms == TIMERQ_NEVER ? TIMERQ_NEVER : (uint64_t)shown;
	return (uint64_t)(shown * 1000000 / (1000000 + host->drift_ppm)) + 1;
}

/* --- arriving --- */

static void take(struct region_host *host, struct parcel *p)
{
	struct region *region = host->region;
	struct datagram datagram;
	char address[ROSTER_ADDRESS_SIZE];
	const struct roster_member *from = region->hosts[p->from].member;

	if (p->is_tcp) {
		detector_tcp_result(host->detector, from->name, p->nonce, p->outcome, region_clock(host));
	} else {
		sim_check(&region->sim, datagram_parse(buf_span(&p->bytes), &datagram) == 0,
			  "a datagram of ours is malformed");
		snprintf(address, sizeof(address), "%s", from->addresses[0]);
		detector_input(host->detector, from, p->start, &datagram, address, region_clock(host));
		region->delivered++;
	}
	parcel_free(p);
}

static void arrive(void *ctx)
{
	struct parcel *p = ctx;
	struct region_host *host = &p->region->hosts[p->to];

	if (host->is_down || host->hub_down) {
		parcel_free(p);
	} else if (host->is_frozen || host->is_blocked) {
		if (host->inbox.count < INBOX_MAX)
			list_push(&host->inbox, &p->node);
		else
			parcel_free(p);
	} else {
		take(host, p);
		pump(host);
	}
}

static void post(struct region *region, struct parcel *p, uint64_t after_ms)
{
	p->region = region;
	p->timer.fire = arrive;
	p->timer.ctx = p;
	sim_at(&region->sim, &p->timer, region->sim.now_ms + after_ms);
}

static struct parcel *parcel_new(struct region *region, unsigned from, unsigned to)
{
	struct parcel *p = calloc(1, sizeof(*p));

	sim_check(&region->sim, p != NULL, "no memory");
	p->from = from;
	p->to = to;
	p->start = region->hosts[from].start;
	buf_init(&p->bytes, DATAGRAM_PLAIN_MAX);
	return p;
}

/* --- sending --- */

static void send_datagram(struct region_host *host, const struct detector_action *action)
{
	struct region *region = host->region;
	unsigned to = index_of(region, action->member);
	struct parcel *p = parcel_new(region, host->index, to);
	unsigned copies = sim_chance(&region->sim, region->options.double_pc) ? 2 : 1;

	sim_check(&region->sim, datagram_write(action->datagram, &p->bytes, NULL) == 0,
		  "a datagram is too long");
	host->datagrams++;
	host->bytes += p->bytes.len + ENVELOPE_OVERHEAD + IP_UDP_BYTES;
	if (!passes(region, host->index, to) || sim_chance(&region->sim, region->options.loss_pc) ||
	    gets_lost(region, host->index, to)) {
		region->lost++;
		parcel_free(p);
		return;
	}
	if (host->is_blocked) {
		if (host->outbox.count < INBOX_MAX)
			list_push(&host->outbox, &p->node);
		else
			parcel_free(p);
		return;
	}
	if (copies == 2) {
		struct parcel *again = parcel_new(region, host->index, to);

		sim_check(&region->sim, buf_add_span(&again->bytes, buf_span(&p->bytes)) == 0, "no memory");
		post(region, again, delay(region));
	}
	post(region, p, delay(region));
}

/* There and back. TCP sends again after a second (RFC 6298 section 2.1, and 200 ms once it knows the way): too late for a probe. */
static bool crossing_fails(struct region *region, unsigned from, unsigned to)
{
	return gets_lost(region, from, to) || gets_lost(region, to, from);
}

static void probe_by_tcp(struct region_host *host, const struct detector_action *action)
{
	struct region *region = host->region;
	unsigned to = index_of(region, action->member);
	const struct region_host *target = &region->hosts[to];
	struct parcel *p = parcel_new(region, to, host->index);
	uint64_t rtt = delay(region) + delay(region), limit = region->options.settings.probe_timeout_ms - 1;

	p->is_tcp = true;
	p->nonce = action->nonce;
	if (region->options.no_tcp || target->is_down || !passes(region, host->index, to) ||
	    !passes(region, to, host->index) || crossing_fails(region, host->index, to))
		p->outcome = DETECTOR_TCP_UNREACHABLE;
	else if (target->hub_down)
		p->outcome = DETECTOR_TCP_REFUSED;
	else if (target->is_frozen || target->is_blocked || host->is_blocked ||
		 crossing_fails(region, host->index, to))
		p->outcome = DETECTOR_TCP_SILENT;
	else
		p->outcome = DETECTOR_TCP_ANSWERED;
	if (p->outcome == DETECTOR_TCP_ANSWERED)
		rtt *= 2; /* connect, then ask */
	post(region, p,
	     p->outcome == DETECTOR_TCP_UNREACHABLE || p->outcome == DETECTOR_TCP_SILENT || rtt > limit
		     ? limit
		     : rtt);
}

static void changed(struct region_host *host, const struct detector_action *action)
{
	struct region *region = host->region;
	unsigned subject = index_of(region, action->member);

	host->changed_ms[subject] = region->sim.now_ms;
	sim_log(&region->sim, "%s: %s is %s, was %s", host->name, action->member->name,
		detector_view_name(action->view), detector_view_name(action->was));
	if (action->view == DETECTOR_DEAD && region_works(region, subject) &&
	    region->sim.now_ms > region->hosts[subject].works_since_ms + REGION_WRONG_MS) {
		host->false_dead++;
		if (region->on_false_dead)
			region->on_false_dead(region, host, subject);
	}
}

static void act(struct region_host *host, const struct detector_action *action)
{
	static const struct span signature = { "signed", 6 };
	uint64_t now = region_clock(host);

	switch (action->type) {
	case DETECTOR_SEND: send_datagram(host, action); break;
	case DETECTOR_TCP: probe_by_tcp(host, action); break;
	case DETECTOR_CHANGED: changed(host, action); break;
	case DETECTOR_REFUTE: detector_refuted(host->detector, action->incarnation, signature, now); break;
	case DETECTOR_VERIFY: detector_verified(host->detector, action->member, action->item, now); break;
	case DETECTOR_CARRY:
	case DETECTOR_WANTED:
		if (host->region->on_action)
			host->region->on_action(host, action);
		break;
	}
}

static void pump(struct region_host *host)
{
	struct detector_action action;

	while (detector_next(host->detector, &action))
		act(host, &action);
	sim_at(&host->region->sim, &host->tick, region_time(host, detector_deadline(host->detector)));
}

static void on_tick(void *ctx)
{
	struct region_host *host = ctx;

	if (!region_works(host->region, host->index))
		return;
	detector_tick(host->detector, region_clock(host));
	pump(host);
}

/* --- hosts --- */

static void drop_inbox(struct region_host *host)
{
	struct list_node *node;

	while ((node = list_pop(&host->inbox)))
		parcel_free(container_of(node, struct parcel, node));
	while ((node = list_pop(&host->outbox)))
		parcel_free(container_of(node, struct parcel, node));
}

static void unblock(struct region_host *host)
{
	struct list_node *node;

	host->is_blocked = false;
	while ((node = list_pop(&host->outbox)))
		post(host->region, container_of(node, struct parcel, node), delay(host->region));
	while ((node = list_pop(&host->inbox)))
		take(host, container_of(node, struct parcel, node));
	pump(host);
}

static void on_thaw(void *ctx)
{
	struct region_host *host = ctx;
	struct list_node *node;

	if (host->is_blocked) {
		unblock(host);
		return;
	}
	if (!host->is_frozen)
		return;
	host->is_frozen = false;
	host->works_since_ms = host->region->sim.now_ms;
	/* As an event loop does: timers first, then what came in. */
	detector_tick(host->detector, region_clock(host));
	pump(host);
	while ((node = list_pop(&host->inbox)))
		take(host, container_of(node, struct parcel, node));
	pump(host);
}

void region_freeze(struct region *region, unsigned index, uint64_t ms)
{
	struct region_host *host = &region->hosts[index];

	sim_log(&region->sim, "%s freezes for %llu ms", host->name, (unsigned long long)ms);
	host->is_frozen = true;
	sim_at(&region->sim, &host->thaw, region->sim.now_ms + ms);
}

void region_block(struct region *region, unsigned index, uint64_t ms)
{
	struct region_host *host = &region->hosts[index];

	host->is_blocked = true;
	sim_at(&region->sim, &host->thaw, region->sim.now_ms + ms);
}

static void stop(struct region_host *host)
{
	sim_cancel(&host->region->sim, &host->tick);
	sim_cancel(&host->region->sim, &host->thaw);
	drop_inbox(host);
	detector_free(host->detector);
	host->detector = NULL;
	host->is_frozen = host->is_blocked = false;
}

void region_crash(struct region *region, unsigned index)
{
	sim_log(&region->sim, "%s crashes", region->hosts[index].name);
	stop(&region->hosts[index]);
	region->hosts[index].is_down = true;
}

void region_kill_hub(struct region *region, unsigned index)
{
	stop(&region->hosts[index]);
	region->hosts[index].hub_down = true;
}

void region_boot(struct region *region, unsigned index)
{
	struct region_host *host = &region->hosts[index];
	struct detector_options options = region->options.detector;

	options.self = host->name;
	options.start = ++host->start;
	options.seed = rng_next(&region->sim.rng);
	sim_log(&region->sim, "%s boots", host->name);
	host->is_down = host->hub_down = host->is_frozen = false;
	host->works_since_ms = region->sim.now_ms;
	sim_check(&region->sim, detector_new(&options, region_clock(host), &host->detector) == 0,
		  "no memory");
	sim_check(&region->sim, detector_set_roster(host->detector, host->roster, region_clock(host)) == 0,
		  "no memory");
	pump(host);
}

void region_pump(struct region_host *host)
{
	pump(host);
}

void region_give(struct region_host *host, const struct roster *roster)
{
	host->roster = roster;
	if (!host->detector)
		return;
	sim_check(&host->region->sim, detector_set_roster(host->detector, roster, region_clock(host)) == 0,
		  "no memory");
	pump(host);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct roster_member *)a)->id, ((const struct roster_member *)b)->id,
		      ROSTER_ID_SIZE);
}

struct region *region_new(uint64_t seed, const struct region_options *options)
{
	struct region *region = calloc(1, sizeof(*region));
	struct roster *roster = &region->roster;

	sim_init(&region->sim, seed);
	region->sim.verbose = options->verbose;
	region->options = *options;
	region->hosts = calloc(options->members, sizeof(*region->hosts));
	roster->members = calloc(options->members, sizeof(*roster->members));
	roster->count = options->members;
	roster->version = 1;
	roster->settings = options->settings;
	snprintf(roster->region, sizeof(roster->region), "sim");
	for (unsigned i = 0; i < options->members; i++) {
		struct region_host *host = &region->hosts[i];
		struct roster_member *member = &roster->members[i];

		host->region = region;
		host->index = i;
		host->tick = (struct sim_timer){ .fire = on_tick, .ctx = host };
		host->thaw = (struct sim_timer){ .fire = on_thaw, .ctx = host };
		host->roster = roster;
		list_init(&host->inbox);
		list_init(&host->outbox);
		snprintf(host->name, sizeof(host->name), "m%u", i);
		snprintf(member->name, sizeof(member->name), "m%u", i);
		snprintf(member->addresses[0], ROSTER_ADDRESS_SIZE, "10.0.%u.%u:51005", i / 250, i % 250 + 1);
		member->address_count = 1;
		member->identity_len = 1;
		roster_id(member->name, member->id);
	}
	qsort(roster->members, roster->count, sizeof(*roster->members), by_id);
	for (unsigned i = 0; i < options->members; i++)
		region->hosts[i].member = roster_find(roster, region->hosts[i].name);
	for (unsigned i = 0; i < options->members; i++)
		region_boot(region, i);
	return region;
}

static void drop_timer(struct timerq_node *node)
{
	struct sim_timer *timer = container_of(node, struct sim_timer, node);

	if (timer->fire == arrive)
		parcel_free(timer->ctx);
}

void region_free(struct region *region)
{
	struct timerq_node *node;

	for (unsigned i = 0; i < region->options.members; i++)
		stop(&region->hosts[i]);
	while ((node = timerq_pop(&region->sim.timers, UINT64_MAX)))
		drop_timer(node);
	sim_done(&region->sim);
	free(region->roster.members);
	free(region->hosts);
	free(region);
}

void region_run(struct region *region, uint64_t ms)
{
	sim_run_until(&region->sim, region->sim.now_ms + ms);
}

/* --- looking --- */

enum detector_view region_view(const struct region *region, unsigned of, unsigned about)
{
	struct detector_sight sight = { .view = DETECTOR_UNKNOWN };

	if (region->hosts[of].detector)
		(void)detector_sight(region->hosts[of].detector, region->hosts[about].name, &sight);
	return sight.view;
}

unsigned region_count(const struct region *region, unsigned about, enum detector_view view,
		      uint64_t *out_first_ms, uint64_t *out_last_ms)
{
	uint64_t first = UINT64_MAX, last = 0;
	unsigned count = 0;

	for (unsigned i = 0; i < region->options.members; i++) {
		const struct region_host *host = &region->hosts[i];

		if (i == about || !region_works(region, i) || region_view(region, i, about) != view)
			continue;
		count++;
		if (host->changed_ms[about] > last)
			last = host->changed_ms[about];
		if (host->changed_ms[about] < first)
			first = host->changed_ms[about];
	}
	if (out_first_ms)
		*out_first_ms = first;
	if (out_last_ms)
		*out_last_ms = last;
	return count;
}

bool region_majority_dead(const struct region *region, unsigned about)
{
	unsigned voters = region_count(region, about, DETECTOR_DEAD, NULL, NULL);

	return voters >= 2 && voters * 2 > region->options.members - 1;
}
