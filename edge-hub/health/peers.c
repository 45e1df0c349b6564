#include "edge-hub/health/peers_internal.h"

#include "base/log.h"
#include "base/random.h"
#include "base/timerq.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "health"

uint64_t peers_now(const struct peers *peers)
{
	return loop_now_ms(peers->options.loop);
}

/* --- what the detector asks for --- */

int peers_seal(struct peers *p)
{
	buf_reset(&p->sealed);
	return envelope_seal(p->envelope, buf_span(&p->plain), &p->sealed);
}

static int encode(struct peers *p, const struct datagram *datagram)
{
	int code;

	buf_reset(&p->plain);
	code = datagram_write(datagram, &p->plain, NULL);
	return code ? code : peers_seal(p);
}

static void send_datagram(struct peers *p, const struct detector_action *action)
{
	const struct visit *visit = &p->visit;

	if (encode(p, action->datagram))
		return; /* no key yet */
	if (visit->answer && !visit->answer->len && action->datagram->kind == DATAGRAM_ACK && visit->nonce &&
	    action->datagram->nonce == visit->nonce && action->member == visit->from) {
		if (buf_add_span(visit->answer, buf_span(&p->sealed)))
			buf_reset(visit->answer);
		return;
	}
	if (p->udp && udp_send(p->udp, action->address, buf_span(&p->sealed)))
		return; /* counted there; the probe that gets no answer tells */
}

static void probe_by_tcp(struct peers *p, const struct detector_action *action)
{
	unsigned timeout = p->membership.roster->settings.probe_timeout_ms;
	int code = p->contact ? encode(p, action->datagram) : -ENOTCONN;

	p->stats.tcp_probes++;
	if (!code)
		code = contact_probe(p->contact, action->member->name, action->address, action->nonce,
				     buf_span(&p->sealed), timeout > 1 ? timeout - 1 : 1);
	/* What this node could not ask is no evidence. */
	if (code)
		log_debug(MODULE, "not-asked", "member=%s code=%d", action->member->name, code);
}

static void refute(struct peers *p, uint32_t incarnation)
{
	struct buf bytes, signature;
	int code;

	buf_init(&bytes, 1024);
	buf_init(&signature, DATAGRAM_SIGNATURE_MAX);
	code = datagram_alive_bytes(p->region, p->options.node, p->options.start, incarnation, &bytes);
	if (!code)
		code = x509_sign(p->options.key->key, buf_span(&bytes), &signature);
	if (!code)
		detector_refuted(p->detector, incarnation, buf_span(&signature), peers_now(p));
	else
		log_warn(MODULE, "not-signed", "error=\"%s\"", strerror(-code));
	buf_done(&bytes);
	buf_done(&signature);
}

static void verify(struct peers *p, const struct roster_member *member, const struct datagram_item *item)
{
	uint8_t digest[X509_SHA256_SIZE];
	struct buf bytes;
	int code;

	buf_init(&bytes, 1024);
	code = member->identity_len
		       ? datagram_alive_bytes(p->region, member->name, item->start, item->incarnation, &bytes)
		       : -EKEYREJECTED;
	if (!code)
		code = x509_check_signature(span_make(member->identity, member->identity_len),
					    buf_span(&bytes), span_make(item->signature, item->signature_len),
					    digest);
	buf_done(&bytes);
	if (!code)
		detector_verified(p->detector, member, item, peers_now(p));
	else
		p->stats.forged++;
}

static void changed(struct peers *p, const struct detector_action *action)
{
	log_info(MODULE, "view", "member=%s state=%s was=%s", action->member->name,
		 detector_view_name(action->view), detector_view_name(action->was));
	if (action->view == DETECTOR_DEAD && p->tunnel_up)
		voter_saw_dead(p->voter, action->member->name, peers_now(p));
	if (p->options.on_view)
		p->options.on_view(p->options.ctx, action->member->name, action->view);
}

static void wanted(struct peers *p, const struct roster_member *member)
{
	uint64_t now = peers_now(p);

	(void)voter_heard_want(p->voter, member->name, p->membership.roster->settings.verdict_ttl_ms, now);
}

static void act(struct peers *p, const struct detector_action *action)
{
	switch (action->type) {
	case DETECTOR_SEND: send_datagram(p, action); break;
	case DETECTOR_TCP: probe_by_tcp(p, action); break;
	case DETECTOR_CHANGED: changed(p, action); break;
	case DETECTOR_REFUTE: refute(p, action->incarnation); break;
	case DETECTOR_VERIFY: verify(p, action->member, action->item); break;
	case DETECTOR_CARRY:
		p->stats.verdicts_carried++;
		peers_say(p, action->item->verdict);
		break;
	case DETECTOR_WANTED: wanted(p, action->member); break;
	}
}

/* --- words for the cloud --- */

void peers_say(struct peers *p, struct span verdict)
{
	int code = -ENOTCONN;

	if (p->tunnel_up)
		code = p->options.send_verdicts(p->options.ctx, p->region, &verdict, 1);
	if (code)
		code = detector_say_verdict(p->detector, verdict, peers_now(p));
	if (code)
		log_debug(MODULE, "not-said", "code=%d", code);
}

static void say(struct peers *p, struct verdict *verdict)
{
	struct detector_stats stats;
	struct buf bytes, signature;
	int code;

	detector_stats(p->detector, &stats);
	verdict->score = (uint8_t)(stats.score + p->trouble);
	buf_init(&bytes, 1024);
	buf_init(&signature, DATAGRAM_SIGNATURE_MAX);
	code = verdict_signed_bytes(p->region, verdict, &bytes);
	if (!code)
		code = x509_sign(p->options.key->key, buf_span(&bytes), &signature);
	if (!code) {
		memcpy(verdict->signature, signature.data, signature.len);
		verdict->signature_len = signature.len;
		buf_reset(&bytes);
		code = verdict_write(verdict, &bytes);
	}
	if (!code) {
		p->stats.verdicts_said++;
		peers_say(p, buf_span(&bytes));
	} else {
		log_warn(MODULE, "not-signed", "error=\"%s\"", strerror(-code));
	}
	buf_done(&bytes);
	buf_done(&signature);
}

static void speak(struct peers *p)
{
	const struct roster *roster = p->membership.roster;
	uint64_t now = peers_now(p);
	struct verdict verdict;
	const char *name;

	while ((name = voter_next_to_spread(p->voter, roster->settings.verdict_ttl_ms, now)))
		if (detector_say_want(p->detector, name, now))
			continue; /* the roster here does not have it (yet) */
	while (voter_next(p->voter, p->detector, roster, now, &verdict))
		say(p, &verdict);
}

static void step(struct peers *p)
{
	struct detector_action action;

	while (detector_next(p->detector, &action))
		act(p, &action);
}

void peers_pump(struct peers *p)
{
	uint64_t deadline, now;

	if (!p->detector || p->pumping)
		return;
	p->pumping = true;
	step(p);
	speak(p);
	step(p);
	p->pumping = false;
	deadline = detector_deadline(p->detector);
	if (voter_deadline(p->voter) < deadline)
		deadline = voter_deadline(p->voter);
	now = peers_now(p);
	if (deadline == TIMERQ_NEVER)
		timer_stop(p->timer);
	else
		timer_start(p->timer, deadline > now ? deadline - now : 0);
}

static void on_timer(void *ctx)
{
	struct peers *p = ctx;

	if (!p->detector)
		return;
	detector_tick(p->detector, peers_now(p));
	peers_pump(p);
}

/* --- the region --- */

static int new_envelope(struct peers *p)
{
	envelope_free(p->envelope);
	p->envelope = NULL;
	p->stats.key_generation = 0;
	return envelope_new(p->region, p->options.node, p->options.start, &p->envelope);
}

int peers_set_keys(struct peers *p)
{
	const struct membership *m = &p->membership;
	uint32_t newest = m->key_count ? m->keys[m->key_count - 1].generation : 0;

	size_t old = m->key_count > ROSTER_KEYS_MAX ? m->key_count - ROSTER_KEYS_MAX : 0;

	p->stats.key_generation = newest;
	return newest ? envelope_set_keys(p->envelope, m->keys + old, m->key_count - old, newest) : 0;
}

static void forget_region(struct peers *p)
{
	detector_free(p->detector);
	envelope_free(p->envelope);
	p->detector = NULL;
	p->envelope = NULL;
	p->region[0] = '\0';
	if (p->timer)
		timer_stop(p->timer);
}

static void tell_settled(struct peers *p)
{
	bool is_here = strcmp(p->settled_region, p->region) == 0;

	detector_set_settled(p->detector, is_here ? p->settled : 0);
}

static int enter_region(struct peers *p, const char *region)
{
	struct detector_options options = { .self = p->options.node, .start = p->options.start };
	int code;

	forget_region(p);
	random_bytes(&options.seed, sizeof(options.seed));
	code = detector_new(&options, peers_now(p), &p->detector);
	if (!code)
		snprintf(p->region, sizeof(p->region), "%s", region);
	if (!code)
		code = new_envelope(p);
	if (code) {
		forget_region(p);
		return code;
	}
	detector_set_tunnel(p->detector, p->tunnel_up);
	detector_roll_call(p->detector, p->roll_call_ms);
	tell_settled(p);
	return 0;
}

void peers_set_settled(struct peers *peers, const char *region, uint64_t roster_version)
{
	if (span_copy(span_of(region), peers->settled_region, sizeof(peers->settled_region)))
		return; /* no region has such a name */
	peers->settled = roster_version;
	if (peers->detector)
		tell_settled(peers);
}

void peers_roll_call(struct peers *peers, uint64_t every_ms)
{
	peers->roll_call_ms = every_ms;
	if (peers->detector)
		detector_roll_call(peers->detector, every_ms);
}

/* The roster before is let go only when nobody borrows it any more. */
static int take(struct peers *p, struct membership *next)
{
	struct membership before = p->membership;
	int code = 0;

	if (next->roster && strcmp(next->roster->region, p->region) != 0)
		code = enter_region(p, next->roster->region);
	else if (!next->roster)
		forget_region(p);
	if (!code && next->roster) {
		code = detector_set_roster(p->detector, next->roster, peers_now(p));
		if (!code && !next->key_count && p->stats.key_generation)
			code = new_envelope(p); /* it has no key any more: those it had are wiped */
		if (!code)
			code = envelope_set_roster(p->envelope, next->roster);
	}
	if (code) {
		forget_region(p);
		membership_done(next);
	}
	p->membership = *next;
	*next = (struct membership){ 0 };
	membership_done(&before);
	if (!code && p->envelope)
		code = peers_set_keys(p);
	if (!code && p->detector)
		detector_set_trouble(p->detector, p->trouble, peers_now(p));
	return code;
}

static void on_reload(void *ctx)
{
	struct peers *p = ctx;
	struct membership next;
	struct err err = { 0 };
	int code = membership_load(p->options.cache, p->options.node, p->options.region, p->options.key->key,
				   &p->membership, &next, &err);

	/* A Region that cannot be read costs nothing: the one before stays. */
	if (code) {
		log_error(MODULE, "region-not-read", "error=\"%s\"", err_text(&err));
		return;
	}
	code = take(p, &next);
	if (code)
		log_error(MODULE, "region-not-taken", "error=\"%s\"", strerror(-code));
	else if (p->detector)
		log_info(MODULE, "region", "region=%s version=%llu members=%zu keys=%zu refused=%zu",
			 p->region, (unsigned long long)p->membership.roster->version,
			 p->membership.roster->count, p->membership.key_count, p->membership.keys_refused);
	peers_pump(p);
}

void peers_region_changed(struct peers *peers)
{
	wakeup_send(peers->reload);
}

void peers_resource_changed(struct peers *peers, const char *resource)
{
	if (strcmp(resource, MEMBERSHIP_RESOURCE) == 0)
		peers_region_changed(peers);
}

/* --- from the hub --- */

/* Who died while nobody could be told. */
static void tell_of_the_dead(struct peers *p)
{
	const struct roster *roster = p->membership.roster;

	for (size_t i = 0; p->detector && roster && i < roster->count; i++)
		if (peers_view(p, roster->members[i].name) == DETECTOR_DEAD)
			voter_saw_dead(p->voter, roster->members[i].name, peers_now(p));
}

void peers_tunnel(struct peers *p, bool is_up)
{
	unsigned ttl = p->membership.roster ? p->membership.roster->settings.verdict_ttl_ms
					    : health_settings_default.verdict_ttl_ms;

	if (p->tunnel_up && !is_up)
		voter_tunnel_down(p->voter, ttl, peers_now(p));
	else if (is_up && !p->tunnel_up)
		tell_of_the_dead(p);
	p->tunnel_up = is_up;
	if (p->detector)
		detector_set_tunnel(p->detector, is_up);
	peers_pump(p);
}

void peers_want(struct peers *p, const char *const *names, size_t count)
{
	voter_want(p->voter, names, count, peers_now(p));
	peers_pump(p);
}

void peers_trouble(struct peers *p, unsigned trouble)
{
	p->trouble = trouble;
	if (p->detector)
		detector_set_trouble(p->detector, trouble, peers_now(p));
	peers_pump(p);
}

/* --- life --- */

/* Both ports, or neither: half of it would make a node look worse than it is. */
static void listen_on(struct peers *p)
{
	struct err err = { 0 };
	int code = udp_new(p->options.loop, p->options.listen, &peers_udp_events, p, &p->udp, &err);

	if (!code)
		code = contact_new(p->options.loop, udp_address(p->udp), &peers_contact_events, p,
				   &p->contact, &err);
	if (!code) {
		log_info(MODULE, "listening", "address=%s", udp_address(p->udp));
		p->stats.is_listening = true;
		return;
	}
	log_error(MODULE, "not-listening", "error=\"%s\": neighbours will take this hub for down",
		  err_text(&err));
	udp_close(p->udp);
	p->udp = NULL;
}

int peers_new(const struct peers_options *options, struct peers **out, struct err *err)
{
	struct peers *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(err, -ENOMEM, "out of memory");
	p->options = *options;
	buf_init(&p->plain, DATAGRAM_PLAIN_MAX);
	buf_init(&p->sealed, ENVELOPE_MAX);
	if (timer_new(options->loop, on_timer, p, &p->timer) ||
	    wakeup_new(options->loop, on_reload, p, &p->reload) ||
	    voter_new(options->node, options->start, &p->voter)) {
		peers_free(p);
		return err_set(err, -ENOMEM, "out of memory");
	}
	listen_on(p);
	peers_region_changed(p);
	*out = p;
	return 0;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	contact_close(peers->contact);
	udp_close(peers->udp);
	forget_region(peers);
	timer_close(peers->timer);
	wakeup_close(peers->reload);
	membership_done(&peers->membership);
	voter_free(peers->voter);
	buf_done(&peers->plain);
	buf_done(&peers->sealed);
	free(peers);
}
