#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/fork.h"
#include "base/random.h"

/* --- a disk, and the host that runs on it --- */

struct disk {
	uint8_t secret[FORK_SECRET_SIZE];
	size_t len;
};

static struct span presents(const struct disk *disk)
{
	return span_make(disk->secret, disk->len);
}

static void keep(struct disk *disk, const uint8_t secret[FORK_SECRET_SIZE])
{
	memcpy(disk->secret, secret, FORK_SECRET_SIZE);
	disk->len = FORK_SECRET_SIZE;
}

static struct fork_host host_of(const char *machine, const char *boot)
{
	struct fork_host host = { .seen_wall_ms = 1700000000000 };

	(void)snprintf(host.machine_id, sizeof(host.machine_id), "%s", machine);
	(void)snprintf(host.boot_id, sizeof(host.boot_id), "%s", boot);
	(void)snprintf(host.address, sizeof(host.address), "10.0.0.%s", boot);
	return host;
}

static enum fork_verdict judge(const struct fork *fork, const struct disk *disk, bool kept)
{
	struct fork_sight sight = { presents(disk), kept, true, true };

	return fork_judge(fork, &sight);
}

static void offer(struct fork *fork, const struct disk *disk, const char *boot, uint8_t out[FORK_SECRET_SIZE])
{
	struct fork_host host = host_of("m", boot);
	uint8_t random[FORK_RANDOM_SIZE];

	random_bytes(random, sizeof(random));
	fork_offer(fork, presents(disk), random, &host, out);
}

/* A whole session: welcomed, stored. */
static void session(struct fork *fork, struct disk *disk, const char *boot)
{
	uint8_t secret[FORK_SECRET_SIZE];

	assert_int_equal(judge(fork, disk, true), FORK_WELCOME);
	offer(fork, disk, boot, secret);
	keep(disk, secret);
}

/* --- one host --- */

static void one_host_comes_back_with_what_it_was_given(void **state)
{
	struct fork fork = { 0 };
	struct disk disk = { .len = 0 };

	for (int i = 0; i < 100; i++)
		session(&fork, &disk, "1");
	assert_int_equal(fork.number, 100);
}

static void a_lost_answer_is_no_copy_but_has_to_be_proved_alive(void **state)
{
	struct fork fork = { 0 };
	struct disk disk = { .len = 0 };
	struct fork_sight sight = { .unbroken = true };
	uint8_t secret[FORK_SECRET_SIZE];

	offer(&fork, &disk, "1", secret); /* lost, and it never had one */
	sight.presented = presents(&disk);
	assert_int_equal(fork_judge(&fork, &sight), FORK_PROVE);
	assert_int_equal(judge(&fork, &disk, false), FORK_WELCOME);
	offer(&fork, &disk, "1", secret);
	keep(&disk, secret);
	session(&fork, &disk, "1");
}

static void a_store_put_back_to_an_older_state_is_no_fork(void **state)
{
	struct fork fork = { 0 }, older;
	struct disk disk = { .len = 0 };

	for (int i = 0; i < 5; i++)
		session(&fork, &disk, "1");
	older = fork;
	for (int i = 0; i < 3; i++)
		session(&fork, &disk, "1");
	/* The same time line as far as revisions can tell: the number gives it away. */
	session(&older, &disk, "1");
	assert_int_equal(older.number, 9);
	session(&older, &disk, "1");
	/* And the newer store put in place again. */
	session(&fork, &disk, "1");
}

static void a_broken_time_line_starts_anew(void **state)
{
	struct fork fork = { 0 };
	struct disk disk = { .len = 0 }, copy;
	struct fork_sight sight;

	session(&fork, &disk, "1");
	copy = disk;
	session(&fork, &disk, "1");
	session(&fork, &disk, "1");
	sight = (struct fork_sight){ presents(&copy), true, false, false };
	assert_int_equal(fork_judge(&fork, &sight), FORK_PROVE);
	sight.alive = true;
	assert_int_equal(fork_judge(&fork, &sight), FORK_WELCOME);
}

/* --- copies --- */

static void two_hosts_of_one_image_are_noticed_at_the_next_session(void **state)
{
	struct fork fork = { 0 };
	struct disk disk = { .len = 0 }, copy = disk;

	session(&fork, &disk, "1");
	assert_int_equal(judge(&fork, &copy, true), FORK_COPY); /* never had a secret */
	copy = disk;
	session(&fork, &disk, "1");
	assert_int_equal(judge(&fork, &copy, true), FORK_COPY);
	/* Before the first host said that it kept its own it could be the same one... */
	assert_int_equal(judge(&fork, &copy, false), FORK_WELCOME);
	session(&fork, &disk, "1");
	/* ...but not after another session. */
	assert_int_equal(judge(&fork, &copy, false), FORK_COPY);
}

static void quarantine(struct fork *fork, struct disk *first, struct disk *second)
{
	struct fork_host host = host_of("m", "2");

	session(fork, first, "1");
	*second = *first;
	session(fork, first, "1");
	assert_int_equal(judge(fork, second, true), FORK_COPY);
	assert_true(fork_quarantine(fork, presents(second), &host));
	assert_false(fork_quarantine(fork, presents(second), &host)); /* no write for each attempt */
	assert_int_equal(judge(fork, first, true), FORK_QUARANTINED);
	assert_int_equal(judge(fork, second, true), FORK_QUARANTINED);
	assert_string_equal(fork->holder.boot_id, "1");
	assert_int_equal(fork->host_count, 1);
	assert_string_equal(fork->hosts[0].boot_id, "2");
}

static void the_operator_keeps_the_first(void **state)
{
	struct fork fork = { 0 };
	struct disk first = { .len = 0 }, second;

	quarantine(&fork, &first, &second);
	assert_int_equal(fork_release(&fork, 2), -EINVAL);
	assert_int_equal(fork_release(&fork, 0), 0);
	assert_int_equal(fork_release(&fork, 0), -EINVAL);
	assert_int_equal(judge(&fork, &second, true), FORK_DENIED);
	session(&fork, &first, "1");
	assert_int_equal(judge(&fork, &second, true), FORK_DENIED);
	session(&fork, &first, "1");
}

static void the_operator_keeps_the_second(void **state)
{
	struct fork fork = { 0 };
	struct disk first = { .len = 0 }, second;

	quarantine(&fork, &first, &second);
	assert_int_equal(fork_release(&fork, 1), 0);
	assert_int_equal(judge(&fork, &first, true), FORK_DENIED);
	session(&fork, &second, "2");
	assert_int_equal(judge(&fork, &first, true), FORK_DENIED);
	session(&fork, &second, "2");
}

static void a_third_copy_is_listed_and_a_flood_of_them_is_bounded(void **state)
{
	struct fork fork = { 0 };
	struct disk first = { .len = 0 }, second;
	char boot[16];

	quarantine(&fork, &first, &second);
	for (int i = 3; i < 40; i++) {
		struct fork_host host;

		(void)snprintf(boot, sizeof(boot), "%d", i);
		host = host_of("m", boot);
		(void)fork_quarantine(&fork, presents(&second), &host);
	}
	assert_int_equal(fork.host_count, FORK_HOSTS_MAX);
	for (unsigned i = 0; i < 3 * FORK_DENIED_MAX; i++) {
		struct disk other = { .len = FORK_SECRET_SIZE };
		struct fork_host host = host_of("x", "9");

		other.secret[31] = (uint8_t)(i + 1);
		assert_int_equal(fork_release(&fork, 0), 0);
		assert_int_equal(judge(&fork, &other, true), FORK_COPY);
		(void)fork_quarantine(&fork, presents(&other), &host);
	}
	assert_int_equal(fork.denied_count, FORK_DENIED_MAX);
}

static void the_holder_is_still_known_while_quarantined(void **state)
{
	struct fork fork = { 0 };
	struct disk first = { .len = 0 }, second;
	struct fork_host rebooted = host_of("m", "7");

	quarantine(&fork, &first, &second);
	assert_true(fork_quarantine(&fork, presents(&first), &rebooted));
	assert_string_equal(fork.holder.boot_id, "7");
	assert_int_equal(fork.host_count, 1);
}

static void numbers_beyond_reason_are_no_way_in(void **state)
{
	struct fork fork = { 0 };
	struct disk disk = { .len = 0 }, liar = { .len = FORK_SECRET_SIZE };

	session(&fork, &disk, "1");
	memset(liar.secret, 0xff, sizeof(liar.secret));
	assert_int_equal(judge(&fork, &liar, true), FORK_COPY);
	session(&fork, &disk, "1");
}

/* --- every way a session can go wrong, in every order --- */

/* One host, its disk, and the wires it has left behind: each may deliver its Hello at any later time, to a hub that may not tell it
 * from a live one. The host is never to be called a copy. */
#define WIRES 4
struct wire {
	struct disk hello;
	bool pending;
};
struct site {
	struct rng rng;
	struct fork stored, older;
	bool has_older;
	struct disk disk;
	struct wire stale[WIRES];
	uint8_t kept_tag[8]; /* what the hub remembers without writing it */
	bool has_kept;
	unsigned welcomes, proofs;
};

static bool is_kept(const struct site *s)
{
	return s->has_kept && memcmp(s->kept_tag, s->stored.offered, sizeof(s->kept_tag)) == 0;
}

static bool chance(struct site *s, unsigned percent)
{
	return rng_below(&s->rng, 100) < percent;
}

/* *out is set when the hub has stored an offer. */
static enum fork_verdict hear(struct site *s, const struct disk *hello, bool alive,
			      uint8_t out[FORK_SECRET_SIZE])
{
	struct fork_host host = host_of("m", "1");
	struct fork_sight sight = { presents(hello), is_kept(s), true, false };
	enum fork_verdict verdict = fork_judge(&s->stored, &sight);
	uint8_t random[FORK_RANDOM_SIZE];

	if (verdict == FORK_PROVE) {
		s->proofs++;
		if (!alive)
			return verdict;
		sight.alive = true;
		verdict = fork_judge(&s->stored, &sight);
	}
	if (verdict != FORK_WELCOME)
		return verdict;
	for (size_t i = 0; i < sizeof(random); i++)
		random[i] = (uint8_t)rng_next(&s->rng);
	if (chance(s, 5)) /* the hub dies before the commit, or it fails */
		return FORK_PROVE;
	fork_offer(&s->stored, presents(hello), random, &host, out);
	s->welcomes++;
	return verdict;
}

static void stale_words(struct site *s)
{
	uint8_t ignored[FORK_SECRET_SIZE];

	for (size_t i = 0; i < WIRES; i++)
		if (s->stale[i].pending && chance(s, 30)) {
			s->stale[i].pending = false;
			assert_in_range(hear(s, &s->stale[i].hello, false, ignored), FORK_WELCOME,
					FORK_PROVE);
		}
}

static void one_attempt(struct site *s)
{
	uint8_t secret[FORK_SECRET_SIZE];
	enum fork_verdict verdict;

	if (chance(s, 20)) { /* given up; the Hello is still on its way */
		s->stale[rng_below(&s->rng, WIRES)] = (struct wire){ s->disk, true };
		return;
	}
	verdict = hear(s, &s->disk, true, secret);
	assert_in_range(verdict, FORK_WELCOME, FORK_PROVE);
	if (verdict != FORK_WELCOME || chance(s, 20)) /* the answer is lost */
		return;
	if (chance(s, 20)) /* words from before arrive while the node writes */
		stale_words(s);
	if (chance(s, 15)) /* power cut before it was stored */
		return;
	keep(&s->disk, secret);
	if (chance(s, 20)) /* power cut before it could say so, or the word is lost */
		return;
	if (memcmp(secret, s->disk.secret, sizeof(secret)) == 0) {
		struct fork after = s->stored;
		struct fork_host host = host_of("m", "1");
		uint8_t hashed[FORK_SECRET_SIZE];

		/* The hub heard it on the session to which it offered this very secret, if that one still is the newest. */
		fork_offer(&after, presents(&s->disk), s->disk.secret, &host, hashed);
		if (memcmp(after.confirmed, s->stored.offered, FORK_HASH_SIZE) == 0) {
			memcpy(s->kept_tag, s->stored.offered, sizeof(s->kept_tag));
			s->has_kept = true;
		}
	}
}

static void no_order_of_troubles_makes_one_host_a_copy(void **state)
{
	unsigned long long seed;
	unsigned welcomes = 0, proofs = 0;

	random_bytes(&seed, sizeof(seed));
	print_message("seed %llu\n", seed);
	for (unsigned round = 0; round < 300; round++) {
		struct site s = { .has_kept = false };

		rng_seed(&s.rng, seed + round);
		for (unsigned step = 0; step < 300; step++) {
			if (chance(&s, 3)) {
				s.older = s.stored;
				s.has_older = true;
			}
			if (s.has_older &&
			    chance(&s, 1)) { /* the cloud's store is put back, and the hub started again */
				s.stored = s.older;
				s.has_kept = false;
				memset(s.stale, 0, sizeof(s.stale));
			}
			if (chance(&s, 3)) /* the hub forgets what it did not write */
				s.has_kept = false;
			stale_words(&s);
			one_attempt(&s);
		}
		welcomes += s.welcomes;
		proofs += s.proofs;
	}
	assert_true(welcomes > 10000 && proofs > 1000);
}

/* Two hosts of one disk, whatever else goes wrong: noticed at the latest after each has had one good session. */
static void two_live_copies_never_go_unnoticed(void **state)
{
	unsigned long long seed;

	random_bytes(&seed, sizeof(seed));
	print_message("seed %llu\n", seed);
	for (unsigned round = 0; round < 500; round++) {
		struct site s = { .has_kept = false };
		struct disk copy;
		unsigned good = 0;
		bool noticed = false;
		uint8_t secret[FORK_SECRET_SIZE];

		rng_seed(&s.rng, seed + round);
		for (unsigned step = 0; step < 10; step++)
			one_attempt(&s);
		copy = s.disk;
		for (unsigned step = 0; step < 40 && !noticed; step++) {
			struct disk *disk = step % 2 ? &copy : &s.disk;
			enum fork_verdict verdict = hear(&s, disk, true, secret);

			noticed = verdict == FORK_COPY;
			if (verdict == FORK_WELCOME && chance(&s, 80)) {
				keep(disk, secret);
				good++;
			}
		}
		assert_true(noticed);
		assert_in_range(good, 1, 4);
	}
}

/* --- the record --- */

static void the_record_survives_and_damage_is_noticed(void **state)
{
	struct fork fork = { 0 }, read;
	struct disk first = { .len = 0 }, second;
	struct buf json;

	buf_init(&json, 16384);
	assert_int_equal(fork_write(&fork, &json), 0);
	assert_int_equal(fork_parse(buf_span(&json), &read), 0);
	assert_memory_equal(&fork, &read, sizeof(fork));
	quarantine(&fork, &first, &second);
	assert_int_equal(fork_release(&fork, 1), 0);
	session(&fork, &second, "2");
	assert_true(fork_quarantine(&fork, presents(&first), &(struct fork_host){ .machine_id = "\"q\"" }));
	buf_reset(&json);
	assert_int_equal(fork_write(&fork, &json), 0);
	assert_int_equal(fork_parse(buf_span(&json), &read), 0);
	assert_int_equal(read.number, fork.number);
	assert_int_equal(read.denied_count, fork.denied_count);
	assert_memory_equal(read.denied, fork.denied, sizeof(fork.denied));
	assert_string_equal(read.hosts[0].machine_id, "\"q\"");
	assert_true(read.quarantined);
	for (size_t len = 0; len < json.len; len++)
		assert_int_equal(fork_parse(span_make(json.data, len), &read), -EINVAL);
	buf_done(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_host_comes_back_with_what_it_was_given),
		cmocka_unit_test(a_lost_answer_is_no_copy_but_has_to_be_proved_alive),
		cmocka_unit_test(a_store_put_back_to_an_older_state_is_no_fork),
		cmocka_unit_test(a_broken_time_line_starts_anew),
		cmocka_unit_test(two_hosts_of_one_image_are_noticed_at_the_next_session),
		cmocka_unit_test(the_operator_keeps_the_first),
		cmocka_unit_test(the_operator_keeps_the_second),
		cmocka_unit_test(a_third_copy_is_listed_and_a_flood_of_them_is_bounded),
		cmocka_unit_test(the_holder_is_still_known_while_quarantined),
		cmocka_unit_test(numbers_beyond_reason_are_no_way_in),
		cmocka_unit_test(no_order_of_troubles_makes_one_host_a_copy),
		cmocka_unit_test(two_live_copies_never_go_unnoticed),
		cmocka_unit_test(the_record_survives_and_damage_is_noticed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
