/* What is said to the cloud, and when. The detector behind it is the real one; its neighbours are played by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "edge-hub/health/voter.h"

#define MEMBERS 12u
#define TTL_MS 15000u

struct bench {
	struct roster *roster;
	struct detector *detector;
	struct voter *voter;
	uint64_t now;
	bool gone[MEMBERS];
	unsigned asked[MEMBERS];
	/* What was said of each. */
	unsigned dead[MEMBERS], alive[MEMBERS];
};

static struct roster *make_roster(void)
{
	struct roster *out = NULL;
	struct buf text;

	buf_init(&text, 1 << 16);
	(void)buf_add_str(
		&text, "{\"metadata\":{\"name\":\"r\"},\"status\":{\"roster\":{\"version\":1,\"members\":[");
	for (unsigned i = 0; i < MEMBERS; i++)
		(void)buf_addf(&text, "%s{\"name\":\"m%u\",\"addresses\":[\"10.0.0.%u:51005\"]}",
			       i ? "," : "", i, i + 1);
	(void)buf_add_str(&text, "]}}}");
	assert_int_equal(roster_parse(buf_span(&text), "m0", &out, NULL), 0);
	buf_done(&text);
	return out;
}

static unsigned index_of(const uint8_t id[ROSTER_ID_SIZE], const struct roster *roster)
{
	const struct roster_member *member = roster_find_id(roster, id);
	uint64_t index = MEMBERS;

	assert_non_null(member);
	assert_int_equal(span_to_u64(span_of(member->name + 1), &index), 0);
	assert_in_range(index, 0, MEMBERS - 1);
	return (unsigned)index;
}

static void answer(struct bench *b, const struct roster_member *from, uint32_t nonce)
{
	struct datagram ack = { .kind = DATAGRAM_ACK, .nonce = nonce, .flags = DATAGRAM_SEES_YOU };

	roster_id(from->name, ack.target);
	detector_input(b->detector, from, 1, &ack, from->addresses[0], b->now);
}

struct asked {
	const struct roster_member *member;
	uint32_t nonce;
	bool by_tcp;
};

static void play(struct bench *b, const struct asked *asked)
{
	unsigned index = index_of(asked->member->id, b->roster);
	bool is_gone = b->gone[index];

	b->asked[index]++;
	if (asked->by_tcp)
		detector_tcp_result(b->detector, asked->member->name, asked->nonce,
				    is_gone ? DETECTOR_TCP_UNREACHABLE : DETECTOR_TCP_ANSWERED, b->now);
	else if (!is_gone)
		answer(b, asked->member, asked->nonce);
}

/* As peers.c does it. */
static void on_action(struct bench *b, const struct detector_action *a, bool has_tunnel)
{
	if (a->type == DETECTOR_CHANGED && a->view == DETECTOR_DEAD && has_tunnel)
		voter_saw_dead(b->voter, a->member->name, b->now);
}

static void live(struct bench *b, uint64_t ms, bool has_tunnel)
{
	uint64_t until = b->now + ms;
	struct verdict verdict;

	while (b->now < until) {
		struct asked asked[64];
		struct detector_action a;
		size_t count = 0;

		detector_tick(b->detector, b->now);
		while (detector_next(b->detector, &a)) {
			on_action(b, &a, has_tunnel);
			if (count < 64 && (a.type == DETECTOR_TCP ||
					   (a.type == DETECTOR_SEND && a.datagram->kind == DATAGRAM_PING &&
					    a.datagram->nonce)))
				asked[count++] =
					(struct asked){ a.member,
							a.type == DETECTOR_TCP ? a.nonce : a.datagram->nonce,
							a.type == DETECTOR_TCP };
		}
		for (size_t i = 0; i < count; i++)
			play(b, &asked[i]);
		while (voter_next(b->voter, b->detector, b->roster, b->now, &verdict)) {
			b->dead[index_of(verdict.subject, b->roster)] += verdict.word == VERDICT_DEAD;
			b->alive[index_of(verdict.subject, b->roster)] += verdict.word == VERDICT_ALIVE;
		}
		b->now += 50;
	}
}

/* The one that this node asks most: of the others it hears mostly from theirs. */
static unsigned watched(const struct bench *b)
{
	unsigned most = 1;

	for (unsigned i = 2; i < MEMBERS; i++)
		if (b->asked[i] > b->asked[most])
			most = i;
	return most;
}

static int setup(void **state)
{
	struct detector_options options = { .self = "m0", .start = 1, .seed = 1 };
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->now = 1000;
	b->roster = make_roster();
	assert_int_equal(detector_new(&options, b->now, &b->detector), 0);
	assert_int_equal(detector_set_roster(b->detector, b->roster, b->now), 0);
	assert_int_equal(voter_new("m0", 1, &b->voter), 0);
	live(b, 30000, true);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	voter_free(b->voter);
	detector_free(b->detector);
	roster_free(b->roster);
	free(b);
	return 0;
}

static void nothing_is_said_unasked_of_who_lives(void **state)
{
	struct bench *b = *state;
	unsigned it = watched(b);
	char name[16];
	const char *const wanted[] = { name };

	(void)snprintf(name, sizeof(name), "m%u", it);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_int_equal(b->alive[i] + b->dead[i], 0);
	voter_want(b->voter, wanted, 1, b->now);
	live(b, 20000, true);
	assert_in_range(b->alive[it], 3, 6);
	for (unsigned i = 0; i < MEMBERS; i++)
		assert_true(i == it || !b->alive[i]);
}

static void the_dead_are_told_of_unasked_again_and_again_and_taken_back_once(void **state)
{
	struct bench *b = *state;
	unsigned it = watched(b), said;

	b->gone[it] = true;
	live(b, 60000, true);
	assert_in_range(b->dead[it], 60000 / TTL_MS * 2, 60000 / TTL_MS * 4);
	/* What the cloud asks for does not matter to that. */
	voter_want(b->voter, NULL, 0, b->now);
	said = b->dead[it];
	live(b, 20000, true);
	assert_true(b->dead[it] > said + 1);
	b->gone[it] = false;
	live(b, 60000, true);
	assert_int_equal(b->alive[it], 1);
	assert_int_equal(voter_count(b->voter), 0);
}

static void without_a_tunnel_there_is_nobody_to_be_told(void **state)
{
	struct bench *b = *state;
	unsigned it = watched(b);
	char name[16];

	(void)snprintf(name, sizeof(name), "m%u", it);
	b->gone[it] = true;
	live(b, 30000, false);
	assert_int_equal(b->dead[it], 0);
	voter_saw_dead(b->voter, name, b->now); /* it is back */
	live(b, 100, true);
	assert_int_equal(b->dead[it], 1);
	voter_tunnel_down(b->voter, TTL_MS, b->now);
	live(b, 30000, false);
	assert_int_equal(b->dead[it], 1);
}

static void who_is_cut_off_itself_does_not_speak_of_all_others(void **state)
{
	struct bench *b = *state;
	unsigned subjects = 0;

	for (unsigned i = 1; i < MEMBERS; i++)
		b->gone[i] = true;
	live(b, 60000, true);
	for (unsigned i = 1; i < MEMBERS; i++)
		subjects += b->dead[i] > 0;
	assert_int_equal(subjects, VOTER_OWN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_said_unasked_of_who_lives, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_dead_are_told_of_unasked_again_and_again_and_taken_back_once, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_tunnel_there_is_nobody_to_be_told, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_cut_off_itself_does_not_speak_of_all_others, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
