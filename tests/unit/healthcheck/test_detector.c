/* One detector, step by step: what it asks of whom, and what makes it change its mind. Whole regions are in tests/sim. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/timerq.h"
#include "healthcheck/detector.h"
#include "healthcheck/verdict.h"

struct bench {
	struct roster *roster;
	struct detector *d;
	uint64_t now;
	/* What came out last. */
	unsigned pings, ping_reqs, tcps, acks, nacks, refutes, verifies, carries, wants;
	uint32_t ping_nonce, refute_incarnation;
	uint8_t ping_flags;
	unsigned unanswered; /* pings to the silent one, while the others live */
	enum detector_view changed_to;
	struct datagram_item verify;
	uint8_t ack_flags; /* of the answers that others give */
	uint32_t ack_version;
};

static struct roster *roster(unsigned members)
{
	struct roster *out = NULL;
	struct buf text;

	buf_init(&text, 1 << 16);
	(void)buf_add_str(
		&text, "{\"metadata\":{\"name\":\"r\"},\"status\":{\"roster\":{\"version\":1,\"members\":[");
	for (unsigned i = 0; i < members; i++)
		(void)buf_addf(&text,
			       "%s{\"name\":\"m%u\",\"addresses\":[\"10.0.0.%u:51005\",\"10.1.0.%u:51005\"]}",
			       i ? "," : "", i, i + 1, i + 1);
	(void)buf_add_str(&text, "]}}}");
	if (roster_parse(buf_span(&text), "m0", &out, NULL))
		out = NULL;
	buf_done(&text);
	return out;
}

static int make(struct bench *b, unsigned members)
{
	struct detector_options options = { .self = "m0", .start = 4, .seed = 1 };

	*b = (struct bench){ .now = 1000, .roster = roster(members), .ack_flags = DATAGRAM_SEES_YOU };
	if (!b->roster)
		return -ENOMEM;
	if (detector_new(&options, b->now, &b->d))
		return -ENOMEM;
	return detector_set_roster(b->d, b->roster, b->now);
}

static void drop(struct bench *b)
{
	detector_free(b->d);
	roster_free(b->roster);
}

/* The member that a step is about; datagrams to others are counted only as helpers' work. */
static void drain(struct bench *b, const char *about)
{
	struct detector_action a;

	b->pings = b->ping_reqs = b->tcps = b->acks = b->nacks = 0;
	while (detector_next(b->d, &a)) {
		bool is_it = a.member && strcmp(a.member->name, about) == 0;

		if (a.type == DETECTOR_TCP)
			b->tcps += is_it;
		if (a.type == DETECTOR_CHANGED && is_it)
			b->changed_to = a.view;
		if (a.type == DETECTOR_REFUTE) {
			b->refutes++;
			b->refute_incarnation = a.incarnation;
		}
		if (a.type == DETECTOR_VERIFY) {
			b->verifies++;
			b->verify = *a.item;
		}
		b->carries += a.type == DETECTOR_CARRY;
		b->wants += a.type == DETECTOR_WANTED;
		if (a.type != DETECTOR_SEND)
			continue;
		if (a.datagram->kind == DATAGRAM_PING && is_it && a.datagram->nonce) {
			b->pings++;
			b->ping_nonce = a.datagram->nonce;
			b->ping_flags = a.datagram->flags;
		}
		b->ping_reqs += a.datagram->kind == DATAGRAM_PING_REQ &&
				roster_find_id(b->roster, a.datagram->target) &&
				strcmp(roster_find_id(b->roster, a.datagram->target)->name, about) == 0;
		b->acks += a.datagram->kind == DATAGRAM_ACK;
		b->nacks += a.datagram->kind == DATAGRAM_NACK;
	}
}

static void hear(struct bench *b, const char *from, const struct datagram *d)
{
	char address[ROSTER_ADDRESS_SIZE];

	snprintf(address, sizeof(address), "%s", roster_find(b->roster, from)->addresses[0]);
	detector_input(b->d, roster_find(b->roster, from), 1, d, address, b->now);
}

static void ack(struct bench *b, const char *from, const char *target, uint32_t nonce)
{
	struct datagram d = {
		.kind = DATAGRAM_ACK, .nonce = nonce, .flags = b->ack_flags, .roster_version = b->ack_version
	};

	roster_id(target, d.target);
	hear(b, from, &d);
}

static void rumour(struct bench *b, const char *from, struct datagram_item item, const char *about)
{
	struct datagram d = { .kind = DATAGRAM_PING, .item_count = 1 };

	roster_id("m0", d.target);
	roster_id(about, item.about);
	if (item.type == DATAGRAM_SUSPECT)
		roster_id(from, item.from);
	d.items[0] = item;
	hear(b, from, &d);
}

static enum detector_view view(const struct bench *b, const char *name)
{
	struct detector_sight sight;

	assert_true(detector_sight(b->d, name, &sight));
	return sight.view;
}

/* Time goes on to the next thing due. */
static void step(struct bench *b, const char *about)
{
	uint64_t due = detector_deadline(b->d);

	assert_true(due != TIMERQ_NEVER);
	if (due > b->now)
		b->now = due;
	detector_tick(b->d, b->now);
	drain(b, about);
}

/* Answers every probe of everybody for a while, but for one member. */
static void live(struct bench *b, unsigned members, uint64_t ms, const char *silent, enum detector_tcp tcp)
{
	uint64_t until = b->now + ms;

	(void)members;
	while (detector_deadline(b->d) <= until) {
		struct {
			char name[8];
			uint32_t nonce;
			bool tcp, relay;
			uint8_t target[ROSTER_ID_SIZE];
		} asked[256];
		struct detector_action a;
		size_t count = 0;

		if (detector_deadline(b->d) > b->now)
			b->now = detector_deadline(b->d);
		detector_tick(b->d, b->now);
		while (detector_next(b->d, &a) && count < 256) {
			bool probe =
				a.type == DETECTOR_SEND && a.datagram->nonce &&
				(a.datagram->kind == DATAGRAM_PING || a.datagram->kind == DATAGRAM_PING_REQ);

			if (!probe && a.type != DETECTOR_TCP)
				continue;
			snprintf(asked[count].name, 8, "%s", a.member->name);
			asked[count].nonce = probe ? a.datagram->nonce : a.nonce;
			asked[count].tcp = a.type == DETECTOR_TCP;
			asked[count].relay = probe && a.datagram->kind == DATAGRAM_PING_REQ;
			if (asked[count].relay)
				memcpy(asked[count].target, a.datagram->target, ROSTER_ID_SIZE);
			count++;
		}
		for (size_t i = 0; i < count; i++) {
			bool is_silent = silent && strcmp(asked[i].name, silent) == 0;

			b->unanswered += is_silent && !asked[i].tcp && !asked[i].relay;

			if (asked[i].tcp)
				detector_tcp_result(b->d, asked[i].name, asked[i].nonce,
						    is_silent ? tcp : DETECTOR_TCP_ANSWERED, b->now);
			else if (asked[i].relay) {
				struct datagram d = { .kind = DATAGRAM_NACK, .nonce = asked[i].nonce };

				memcpy(d.target, asked[i].target, ROSTER_ID_SIZE);
				hear(b, asked[i].name, &d);
			} else if (!is_silent)
				ack(b, asked[i].name, asked[i].name, asked[i].nonce);
		}
	}
	b->now = until;
}

static void a_silent_member_is_suspected_by_all_means_and_then_dead(void **state)
{
	struct bench b;
	struct detector_sight sight;

	(void)state;
	assert_int_equal(make(&b, 6), 0);
	live(&b, 6, 20000, NULL, 0);
	assert_int_equal(view(&b, "m3"), DETECTOR_ALIVE);
	live(&b, 6, 40000, "m3", DETECTOR_TCP_UNREACHABLE);
	assert_int_equal(view(&b, "m3"), DETECTOR_DEAD);
	assert_true(detector_sight(b.d, "m3", &sight));
	assert_true(sight.tcp == DETECTOR_TCP_UNREACHABLE);
	assert_true(sight.heard_ms && sight.heard_ms < b.now - 10000);
	assert_int_equal(view(&b, "m2"), DETECTOR_ALIVE);
	assert_true(detector_has_majority(b.d));
	live(&b, 6, 60000, NULL, 0);
	assert_int_equal(view(&b, "m3"), DETECTOR_ALIVE);
	drop(&b);
}

static void a_host_that_refuses_is_agent_down(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 6), 0);
	live(&b, 6, 20000, NULL, 0);
	live(&b, 6, 40000, "m3", DETECTOR_TCP_REFUSED);
	assert_int_equal(view(&b, "m3"), DETECTOR_AGENT_DOWN);
	live(&b, 6, 40000, "m3", DETECTOR_TCP_UNREACHABLE);
	assert_int_equal(view(&b, "m3"), DETECTOR_DEAD);
	drop(&b);
}

static void who_was_never_reached_is_unknown_and_not_dead(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 4), 0);
	live(&b, 4, 300000, "m2", DETECTOR_TCP_UNREACHABLE);
	assert_int_equal(view(&b, "m2"), DETECTOR_UNKNOWN);
	assert_int_equal(view(&b, "m1"), DETECTOR_ALIVE);
	drop(&b);
}

/* Machines that start together miss each other at first: one is up before the other, or has a key before it. */
static void who_was_missed_at_first_is_soon_met(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 40), 0);
	live(&b, 40, 20000, "m7", DETECTOR_TCP_UNREACHABLE); /* longer than the first turn takes */
	assert_int_equal(view(&b, "m7"), DETECTOR_UNKNOWN);
	live(&b, 40, 10000, NULL, 0);
	assert_int_equal(view(&b, "m7"), DETECTOR_ALIVE);
	drop(&b);
}

/* Behind NAT, say: it is not asked for ever as often as at first. */
static void who_is_never_met_costs_little(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 40), 0);
	live(&b, 40, 300000, "m7", DETECTOR_TCP_UNREACHABLE);
	b.unanswered = 0;
	live(&b, 40, 600000, "m7", DETECTOR_TCP_UNREACHABLE);
	assert_in_range(b.unanswered, 5, 30); /* at two addresses */
	drop(&b);
}

static unsigned pings_after_a_ping(struct bench *b, const char *from, uint64_t at_ms)
{
	struct datagram ping = { .kind = DATAGRAM_PING, .nonce = 7 };
	struct detector_action a;
	unsigned pings = 0;

	b->now = at_ms;
	roster_id("m0", ping.target);
	hear(b, from, &ping);
	while (detector_next(b->d, &a))
		pings += a.type == DETECTOR_SEND && a.datagram->kind == DATAGRAM_PING;
	return pings;
}

/* One wake-up for both: of all members one is the watcher, and its ping alone brings the round forward, by half an interval at most. */
static void a_round_is_taken_when_the_watcher_asks(void **state)
{
	unsigned watchers = 0;

	(void)state;
	for (unsigned i = 1; i < 8; i++) {
		struct bench b;
		char from[8];
		uint64_t due;

		snprintf(from, sizeof(from), "m%u", i);
		assert_int_equal(make(&b, 8), 0);
		live(&b, 8, 30000, NULL, 0);
		due = detector_deadline(b.d); /* nothing is under way: the next round */
		if (due < b.now + 600) {
			live(&b, 8, due - b.now + 1, NULL, 0);
			due = detector_deadline(b.d);
		}
		assert_int_equal(pings_after_a_ping(&b, from, due - 600), 0);
		if (pings_after_a_ping(&b, from, due - 400)) {
			watchers++;
			assert_int_equal(pings_after_a_ping(&b, from, due - 399), 0); /* once */
		}
		drop(&b);
	}
	assert_int_equal(watchers, 1);
}

static void rumours_prompt_a_probe_and_are_no_evidence(void **state)
{
	struct datagram_item suspect = { .type = DATAGRAM_SUSPECT };
	struct bench b;
	unsigned pings = 0;

	(void)state;
	assert_int_equal(make(&b, 8), 0);
	live(&b, 8, 30000, NULL, 0);
	for (unsigned i = 1; i < 8; i++) {
		char from[8];

		snprintf(from, sizeof(from), "m%u", i);
		if (i != 5)
			rumour(&b, from, suspect, "m5");
	}
	assert_int_equal(view(&b, "m5"), DETECTOR_ALIVE);
	for (int i = 0; i < 5 && !pings; i++) {
		step(&b, "m5");
		pings = b.pings;
	}
	assert_int_equal(pings, 1); /* one probe of its own, however many said so */
	ack(&b, "m5", "m5", b.ping_nonce);
	live(&b, 8, 20000, NULL, 0);
	assert_int_equal(view(&b, "m5"), DETECTOR_ALIVE);
	drop(&b);
}

/* Who says so may have missed a refutation of long ago; and the member may really be gone now. */
static void a_suspicion_of_an_old_incarnation_is_looked_into_too(void **state)
{
	struct datagram_item alive = {
		.type = DATAGRAM_ALIVE, .incarnation = 2, .start = 1, .signature_len = 3
	};
	struct datagram_item suspect = { .type = DATAGRAM_SUSPECT, .incarnation = 1 };
	struct bench b;
	unsigned pings = 0;

	(void)state;
	assert_int_equal(make(&b, 8), 0);
	live(&b, 8, 30000, NULL, 0);
	rumour(&b, "m1", alive, "m5");
	drain(&b, "m5");
	assert_int_equal(b.verifies, 1);
	detector_verified(b.d, roster_find(b.roster, "m5"), &b.verify, b.now);
	live(&b, 8, 5000, "m5", DETECTOR_TCP_ANSWERED); /* it was not looked at for a while */
	rumour(&b, "m1", suspect, "m5");
	for (int i = 0; i < 3 && !pings; i++) {
		step(&b, "m5");
		pings = b.pings;
	}
	assert_int_equal(pings, 1);
	drop(&b);
}

static void only_the_answer_to_its_own_question_counts(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	do
		step(&b, "m1");
	while (!b.pings);
	ack(&b, "m1", "m1", b.ping_nonce + 2); /* a replayed one */
	assert_int_equal(view(&b, "m1"), DETECTOR_UNKNOWN);
	ack(&b, "m2", "m1", b.ping_nonce); /* another's word: it still was not reached */
	assert_int_equal(view(&b, "m1"), DETECTOR_UNKNOWN);
	drop(&b);
}

static void pings_to_others_are_not_answered(void **state)
{
	struct datagram ping = { .kind = DATAGRAM_PING, .nonce = 7 };
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	roster_id("m2", ping.target); /* the address was m2's once */
	hear(&b, "m1", &ping);
	drain(&b, "m1");
	assert_int_equal(b.acks, 0);
	roster_id("m0", ping.target);
	hear(&b, "m1", &ping);
	drain(&b, "m1");
	assert_int_equal(b.acks, 1);
	drop(&b);
}

static void others_are_asked_for_and_told_when_there_is_no_answer(void **state)
{
	struct datagram request = { .kind = DATAGRAM_PING_REQ, .nonce = 77 };
	struct bench b;
	bool nacked = false;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	roster_id("m2", request.target);
	hear(&b, "m1", &request);
	drain(&b, "m2");
	assert_int_equal(b.pings, 1);
	assert_true(b.ping_nonce != 77);
	for (int i = 0; i < 10 && !nacked; i++) {
		step(&b, "m2");
		nacked = b.nacks;
	}
	assert_true(nacked);
	drop(&b);
}

static void suspected_itself_it_refutes_once_with_a_signature(void **state)
{
	struct datagram_item suspect = { .type = DATAGRAM_SUSPECT, .incarnation = 3 };
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 5), 0);
	live(&b, 5, 10000, NULL, 0);
	rumour(&b, "m1", suspect, "m0");
	rumour(&b, "m2", suspect, "m0");
	drain(&b, "m1");
	assert_int_equal(b.refutes, 1);
	assert_int_equal(b.refute_incarnation, 4);
	detector_refuted(b.d, 4, span_of("signature"), b.now);
	rumour(&b, "m3", suspect, "m0"); /* old news */
	drain(&b, "m1");
	assert_int_equal(b.refutes, 1);
	drop(&b);
}

static void a_refutation_must_be_verified_and_newer(void **state)
{
	struct datagram_item alive = {
		.type = DATAGRAM_ALIVE, .incarnation = 2, .start = 1, .signature_len = 3
	};
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 5), 0);
	live(&b, 5, 10000, NULL, 0);
	rumour(&b, "m1", alive, "m2");
	drain(&b, "m2");
	assert_int_equal(b.verifies, 1);
	detector_verified(b.d, roster_find(b.roster, "m2"), &b.verify, b.now);
	rumour(&b, "m3", alive, "m2"); /* replayed */
	drain(&b, "m2");
	assert_int_equal(b.verifies, 1);
	drop(&b);
}

static void after_a_pause_of_its_own_it_blames_nobody(void **state)
{
	struct detector_stats stats;
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 6), 0);
	live(&b, 6, 20000, NULL, 0);
	step(&b, "m1"); /* something is under way */
	b.now += 30000; /* and the process does not run */
	detector_tick(b.d, b.now);
	drain(&b, "m1");
	detector_stats(b.d, &stats);
	assert_int_equal(stats.alive, 5);
	assert_true(stats.score > 0);
	live(&b, 6, 30000, NULL, 0);
	detector_stats(b.d, &stats);
	assert_int_equal(stats.alive, 5);
	assert_int_equal(stats.score, 0);
	drop(&b);
}

static void members_come_and_go_while_the_others_keep_their_views(void **state)
{
	struct roster *smaller = roster(4), *larger = roster(9);
	struct detector_stats stats;
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 6), 0);
	live(&b, 6, 20000, NULL, 0);
	assert_int_equal(detector_set_roster(b.d, smaller, b.now), 0);
	roster_free(b.roster);
	b.roster = smaller;
	detector_stats(b.d, &stats);
	assert_int_equal(stats.alive, 3);
	assert_int_equal(detector_set_roster(b.d, larger, b.now), 0);
	roster_free(b.roster);
	b.roster = larger;
	detector_stats(b.d, &stats);
	assert_int_equal(stats.members, 8);
	assert_int_equal(stats.alive, 3);
	assert_int_equal(stats.unknown, 5);
	live(&b, 9, 30000, NULL, 0);
	detector_stats(b.d, &stats);
	assert_int_equal(stats.alive, 8);
	drop(&b);
}

static void verdicts_go_to_who_has_a_tunnel(void **state)
{
	struct datagram_item item = { .type = DATAGRAM_VERDICT, .verdict = span_of("verdict") };
	struct datagram_item want = { .type = DATAGRAM_WANT };
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 5), 0);
	live(&b, 5, 10000, NULL, 0);
	rumour(&b, "m1", item, "m1");
	drain(&b, "m1");
	assert_int_equal(b.carries, 0); /* no tunnel here: passed on */
	detector_set_tunnel(b.d, true);
	rumour(&b, "m1", item, "m1");
	drain(&b, "m1");
	assert_int_equal(b.carries, 1);
	rumour(&b, "m1", want, "m2");
	rumour(&b, "m3", want, "m2");
	drain(&b, "m1");
	assert_int_equal(b.wants, 1);
	/* An echo, after this node has passed it on often enough to have let go of it, is not passed on again: else it would go
	 * round for ever. A new one of the cloud's is. */
	live(&b, 5, 3000, NULL, 0);
	rumour(&b, "m1", want, "m2");
	drain(&b, "m1");
	assert_int_equal(b.wants, 1);
	live(&b, 5, 12000, NULL, 0);
	rumour(&b, "m1", want, "m2");
	drain(&b, "m1");
	assert_int_equal(b.wants, 2);
	assert_int_equal(detector_say_verdict(b.d, span_of(""), b.now), -EMSGSIZE);
	assert_int_equal(detector_say_want(b.d, "nobody", b.now), -ENOENT);
	drop(&b);
}

/* For how long the first verdict that is sent from now on was kept. */
static uint32_t sent_after(struct bench *b)
{
	struct detector_action a;
	struct verdict verdict;

	while (detector_next(b->d, &a))
		for (size_t i = 0; a.type == DETECTOR_SEND && i < a.datagram->item_count; i++)
			if (a.datagram->items[i].type == DATAGRAM_VERDICT) {
				assert_int_equal(verdict_parse(a.datagram->items[i].verdict, &verdict), 0);
				return verdict.carried_ms;
			}
	return UINT32_MAX;
}

static void a_verdict_tells_how_long_it_waited_for_a_tunnel(void **state)
{
	struct datagram ping = { .kind = DATAGRAM_PING, .nonce = 7 };
	struct verdict verdict = { .word = VERDICT_DEAD, .signature_len = 8 };
	struct buf bytes;
	struct bench b;

	(void)state;
	buf_init(&bytes, VERDICT_BYTES_MAX);
	assert_int_equal(verdict_write(&verdict, &bytes), 0);
	assert_int_equal(make(&b, 5), 0);
	live(&b, 5, 10000, NULL, 0);
	assert_int_equal(detector_say_verdict(b.d, buf_span(&bytes), b.now), 0);
	live(&b, 5, 2500, NULL, 0); /* nobody has one */
	roster_id("m0", ping.target);
	ping.flags = DATAGRAM_HAS_TUNNEL;
	hear(&b, "m1", &ping);
	assert_in_range(sent_after(&b), 2400, 2600);
	buf_done(&bytes);
	drop(&b);
}

/* Says so often that a member is suspected, while that answers whatever it is asked; how often it is asked in that time. */
static unsigned asked_under_rumours(struct bench *b, const char *about, uint64_t ms, unsigned *out_first_ms)
{
	const struct datagram_item suspect = { .type = DATAGRAM_SUSPECT };
	uint64_t until = b->now + ms, said_ms = 0, began = b->now;
	unsigned asked = 0;

	while (b->now < until) {
		uint64_t due = detector_deadline(b->d);

		if (b->now >= said_ms + 200) {
			rumour(b, "m1", suspect, about);
			said_ms = b->now;
		}
		b->now = due < b->now + 50 ? (due > b->now ? due : b->now + 1) : b->now + 50;
		detector_tick(b->d, b->now);
		drain(b, about);
		if (!b->pings)
			continue;
		if (!asked++)
			*out_first_ms = (unsigned)(b->now - began);
		ack(b, about, about, b->ping_nonce);
		drain(b, about);
	}
	return asked;
}

/* One that loses most of what it says is suspected by somebody all the time. */
static void rumours_about_one_that_keeps_answering_are_looked_into_less_and_less(void **state)
{
	unsigned asked, first_ms = 0;
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 40), 0);
	live(&b, 40, 60000, NULL, 0);
	asked = asked_under_rumours(&b, "m20", 60000, &first_ms);
	assert_in_range(first_ms, 0, 300); /* the first one at once */
	assert_in_range(asked, 5, 20);	   /* not 300 times */
	/* When there was peace for a while, the next one is the first again. */
	live(&b, 40, 60000, NULL, 0);
	asked = asked_under_rumours(&b, "m20", 1000, &first_ms);
	assert_in_range(first_ms, 0, 300);
	assert_true(asked >= 1);
	drop(&b);
}

/* --- proof of majority --- */

static uint64_t proof_age(const struct bench *b)
{
	uint64_t proof;

	return detector_majority_proof(b->d, &proof) ? b->now - proof : UINT64_MAX;
}

static void proof_is_as_old_as_the_oldest_probe_that_it_needs(void **state)
{
	struct bench b;
	uint64_t age;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	assert_true(proof_age(&b) == UINT64_MAX);
	live(&b, 3, 30000, NULL, 0);
	assert_in_range(proof_age(&b), 0, 1100); /* one of two is enough, and one is asked every second */
	live(&b, 3, 20000, "m1", DETECTOR_TCP_UNREACHABLE);
	assert_in_range(proof_age(&b), 0, 9000); /* m2 alone, by a node that doubts itself a little */
	age = proof_age(&b);
	b.now += 5000;
	assert_int_equal(proof_age(&b), age + 5000);
	drop(&b);
}

static void who_does_not_see_this_node_is_no_proof(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	b.ack_flags = 0; /* it answers, but this node's answers do not reach it */
	live(&b, 3, 30000, NULL, 0);
	assert_true(detector_has_majority(b.d));
	assert_true(proof_age(&b) == UINT64_MAX);
	b.ack_flags = DATAGRAM_SEES_YOU;
	b.ack_version = 2; /* by a roster that this node does not have */
	live(&b, 3, 30000, NULL, 0);
	assert_true(proof_age(&b) == UINT64_MAX);
	b.ack_version = 1;
	live(&b, 3, 30000, NULL, 0);
	assert_true(proof_age(&b) != UINT64_MAX);
	drop(&b);
}

/* What the others know since this node last had all that the cloud had decided may be that it was given up. */
static void who_knows_more_than_was_settled_is_no_proof_to_begin_anew(void **state)
{
	struct bench b;
	uint64_t proof;

	(void)state;
	assert_int_equal(make(&b, 3), 0);
	live(&b, 3, 30000, NULL, 0);
	assert_true(proof_age(&b) != UINT64_MAX);
	assert_false(detector_majority_settled(b.d, &proof)); /* nothing ever was */
	detector_set_settled(b.d, 1);
	live(&b, 3, 30000, NULL, 0);
	assert_true(detector_majority_settled(b.d, &proof));
	assert_in_range(b.now - proof, 0, 1100);
	b.roster->version = 2; /* it came, and the tunnel broke before the rest did */
	b.ack_version = 2;
	live(&b, 3, 30000, NULL, 0);
	assert_in_range(proof_age(&b), 0, 1100);
	assert_true(detector_majority_settled(b.d, &proof));
	assert_true(b.now - proof >= 30000);
	detector_set_settled(b.d, 2);
	live(&b, 3, 30000, NULL, 0);
	assert_true(detector_majority_settled(b.d, &proof));
	assert_in_range(b.now - proof, 0, 1100);
	drop(&b);
}

static void nobody_is_a_majority_alone(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 1), 0);
	live(&b, 1, 30000, NULL, 0);
	assert_true(detector_has_majority(b.d));
	assert_true(proof_age(&b) == UINT64_MAX);
	drop(&b);
	assert_int_equal(make(&b, 2), 0);
	live(&b, 2, 30000, NULL, 0);
	assert_true(proof_age(&b) != UINT64_MAX);
	drop(&b);
}

/* A majority is strict: with three of six, this one included, it is none. */
static void half_is_no_majority(void **state)
{
	struct bench b;
	uint64_t proof = 0;

	(void)state;
	assert_int_equal(make(&b, 6), 0);
	for (unsigned i = 1; i <= 3; i++) {
		char name[8];

		assert_false(detector_majority_proof(b.d, &proof));
		snprintf(name, sizeof(name), "m%u", i);
		do
			step(&b, name);
		while (!b.pings);
		ack(&b, name, name, b.ping_nonce);
	}
	assert_true(detector_majority_proof(b.d, &proof));
	drop(&b);
}

static void a_roll_call_keeps_the_proof_fresh_in_a_big_region(void **state)
{
	struct bench b;

	(void)state;
	assert_int_equal(make(&b, 60), 0);
	live(&b, 60, 300000, NULL, 0);
	assert_true(proof_age(&b) > 30000);
	detector_roll_call(b.d, 10000);
	live(&b, 60, 20000, NULL, 0);
	assert_true(proof_age(&b) <= 10000);
	drop(&b);
}

static void what_it_told_a_member_that_is_gone_is_part_of_its_word(void **state)
{
	struct bench b;
	struct datagram ping = { .kind = DATAGRAM_PING, .nonce = 7 };
	struct detector_sight sight;
	struct verdict verdict;
	uint64_t vouched_ms;

	(void)state;
	assert_int_equal(make(&b, 8), 0);
	live(&b, 8, 20000, NULL, DETECTOR_TCP_ANSWERED);
	roster_id("m0", ping.target);
	hear(&b, "m3", &ping);
	drain(&b, "m3"); /* the answer goes out, and says that it is held for alive */
	vouched_ms = b.now;
	live(&b, 8, 90000, "m3", DETECTOR_TCP_UNREACHABLE);
	assert_true(detector_sight(b.d, "m3", &sight));
	assert_int_equal(sight.view, DETECTOR_DEAD);
	assert_int_equal(sight.vouched_ms, vouched_ms);
	sight.heard_ms = vouched_ms - 5000; /* in a large region it may have been probed long before */
	assert_true(verdict_of_sight(&sight, b.now, &verdict));
	assert_int_equal(verdict.silent_ms, b.now - vouched_ms);
	hear(&b, "m3",
	     &ping); /* one that gets no answer, or is dead for us: it can make nothing of this one */
	drain(&b, "m3");
	assert_true(detector_sight(b.d, "m3", &sight));
	assert_int_equal(sight.vouched_ms, vouched_ms);
	drop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_told_a_member_that_is_gone_is_part_of_its_word),
		cmocka_unit_test(a_silent_member_is_suspected_by_all_means_and_then_dead),
		cmocka_unit_test(a_host_that_refuses_is_agent_down),
		cmocka_unit_test(who_was_never_reached_is_unknown_and_not_dead),
		cmocka_unit_test(who_was_missed_at_first_is_soon_met),
		cmocka_unit_test(who_is_never_met_costs_little),
		cmocka_unit_test(a_round_is_taken_when_the_watcher_asks),
		cmocka_unit_test(rumours_prompt_a_probe_and_are_no_evidence),
		cmocka_unit_test(a_suspicion_of_an_old_incarnation_is_looked_into_too),
		cmocka_unit_test(only_the_answer_to_its_own_question_counts),
		cmocka_unit_test(pings_to_others_are_not_answered),
		cmocka_unit_test(others_are_asked_for_and_told_when_there_is_no_answer),
		cmocka_unit_test(suspected_itself_it_refutes_once_with_a_signature),
		cmocka_unit_test(a_refutation_must_be_verified_and_newer),
		cmocka_unit_test(after_a_pause_of_its_own_it_blames_nobody),
		cmocka_unit_test(members_come_and_go_while_the_others_keep_their_views),
		cmocka_unit_test(verdicts_go_to_who_has_a_tunnel),
		cmocka_unit_test(a_verdict_tells_how_long_it_waited_for_a_tunnel),
		cmocka_unit_test(rumours_about_one_that_keeps_answering_are_looked_into_less_and_less),
		cmocka_unit_test(proof_is_as_old_as_the_oldest_probe_that_it_needs),
		cmocka_unit_test(who_does_not_see_this_node_is_no_proof),
		cmocka_unit_test(who_knows_more_than_was_settled_is_no_proof_to_begin_anew),
		cmocka_unit_test(nobody_is_a_majority_alone),
		cmocka_unit_test(half_is_no_majority),
		cmocka_unit_test(a_roll_call_keeps_the_proof_fresh_in_a_big_region),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
