/* What a restore does to the store: one table, and the revocations of the cluster that is replaced. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/enrol.h"
#include "auth/fork.h"
#include "auth/user.h"
#include "base/clock.h"
#include "cloud-hub/backup/make.h"
#include "cloud-hub/backup/restored.h"
#include "cloud-hub/holds.h"
#include "tests/tools/tempdir.h"

struct pair {
	char dir[64];
	struct cache *store, *other;
};

static struct cache *open_in(const char *dir, const char *name)
{
	char path[128];
	struct cache_options options = { .path = path, .inline_commits = true };
	struct cache *cache = NULL;
	struct err err = { 0 };

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (cache_open(&options, &cache, &err))
		fail_msg("%s", err_text(&err));
	return cache;
}

static int setup(void **state)
{
	struct pair *p = calloc(1, sizeof(*p));

	(void)snprintf(p->dir, sizeof(p->dir), "/tmp/holdfast-restored-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	p->store = open_in(p->dir, "store.db");
	p->other = open_in(p->dir, "other.db");
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;
	int code;

	cache_close(p->store);
	cache_close(p->other);
	code = tempdir_remove(p->dir);
	free(p);
	return code;
}

static void on_done(void *ctx, const struct cache_result *result)
{
	*(int *)ctx = result->code;
}

static void run(struct cache *cache, struct cache_op *op)
{
	int code = 1;

	assert_int_equal(cache_submit(cache, op, 1, on_done, &code), 0);
	cache_dispatch(cache, clock_wall_ms());
	assert_int_equal(code, 0);
}

static void set_mark(struct cache *cache, const char *mark, struct span value)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = mark, .value = value };

	run(cache, &op);
}

static void add_node(struct cache *cache, const char *name)
{
	struct object object = { .key = { "nodes", "", name }, .uid = name, .body = SPAN("{}"), .splice = 1 };
	struct cache_op op = { .type = CACHE_CREATE, .object = object_new(&object) };

	run(cache, &op);
}

/* The mark's value; "-" when there is none. Valid until the next call. */
static const char *mark(struct cache *cache, const char *name)
{
	static char text[2048];
	struct buf value;
	int code;

	buf_init(&value, CACHE_MARK_MAX);
	code = cache_mark_get(cache, name, &value);
	(void)snprintf(text, sizeof(text), "%s", code ? "-" : buf_cstr(&value));
	buf_done(&value);
	return text;
}

static struct restored_counts apply(struct cache *cache)
{
	struct restored_facts facts = { 1767355200000, 1767268800000, 77, "e1" };
	struct restored_counts counts = { 0 };
	struct err err = { 0 };

	if (restored_apply(cache, &facts, &counts, &err))
		fail_msg("%s", err_text(&err));
	return counts;
}

static void tokens_and_secrets_are_void_registrations_stay(void **state)
{
	struct pair *p = *state;
	struct fork copied = { .number = 3, .quarantined = true }, plain = { .number = 3 };
	struct restored_counts counts;
	struct buf text;

	buf_init(&text, 65536);
	set_mark(p->store, "token/0011223344556677", SPAN("{}"));
	set_mark(p->store, "token/8899aabbccddeeff", SPAN("{}"));
	assert_int_equal(fork_write(&plain, &text), 0);
	set_mark(p->store, "session/edge-1", buf_span(&text));
	buf_reset(&text);
	assert_int_equal(fork_write(&copied, &text), 0);
	set_mark(p->store, "session/edge-2", buf_span(&text));
	set_mark(p->store, "node/edge-1", SPAN("registration"));
	set_mark(p->store, "applied/edge-1", SPAN("incarnation 7"));
	set_mark(p->store, "what/comes/later", SPAN("kept"));
	counts = apply(p->store);
	assert_int_equal(counts.tokens, 2);
	assert_int_equal(counts.sessions, 1);
	assert_string_equal(mark(p->store, "token/0011223344556677"), "-");
	assert_string_equal(mark(p->store, "session/edge-1"), "-");
	assert_string_not_equal(mark(p->store, "session/edge-2"), "-"); /* a copied disk that was found */
	assert_string_equal(mark(p->store, "node/edge-1"), "registration");
	assert_string_equal(mark(p->store, "applied/edge-1"), "incarnation 7");
	assert_string_equal(mark(p->store, "what/comes/later"), "kept");
	buf_done(&text);
}

static void each_restore_raises_the_generation_and_says_what_it_was(void **state)
{
	struct pair *p = *state;
	uint64_t generation = 9;

	assert_int_equal(backup_generation(p->store, &generation), 0);
	assert_int_equal(generation, 0);
	assert_int_equal(apply(p->store).generation, 1);
	assert_int_equal(apply(p->store).generation, 2);
	assert_int_equal(backup_generation(p->store, &generation), 0);
	assert_int_equal(generation, 2);
	assert_string_equal(
		mark(p->store, RESTORED_MARK),
		"{\"time\":\"2026-01-02T12:00:00Z\",\"backupMade\":\"2026-01-01T12:00:00Z\",\"revision\":77,"
		"\"epoch\":\"e1\",\"generation\":2}");
}

static void append(void *ctx, const char *node)
{
	buf_addf(ctx, "%s ", node);
}

static const char *held(struct holds *holds, struct buf *text)
{
	buf_reset(text);
	holds_each(holds, append, text);
	return buf_cstr(text);
}

static void nodes_are_held_until_they_are_reconciled_over_restarts_too(void **state)
{
	struct pair *p = *state;
	struct holds *holds = NULL;
	struct buf text;

	buf_init(&text, 1000);
	add_node(p->store, "edge-1");
	add_node(p->store, "edge-2");
	set_mark(p->store, RESTORED_UNRECONCILED_PREFIX "edge-of-before", SPAN(""));
	assert_int_equal(apply(p->store).nodes, 2);
	assert_int_equal(holds_new(p->store, false, &holds), 0);
	assert_string_equal(held(holds, &text), "edge-1 edge-2 ");
	assert_true(holds_has(holds, "edge-1"));
	assert_false(holds_has(holds, "edge-3"));
	holds_set(holds, "edge-1", false);
	holds_set(holds, "edge-3", true); /* by its session: not past this hub */
	cache_dispatch(p->store, clock_wall_ms());
	assert_string_equal(held(holds, &text), "edge-2 edge-3 ");
	holds_free(holds);
	assert_int_equal(holds_new(p->store, false, &holds), 0);
	assert_string_equal(held(holds, &text), "edge-2 ");
	holds_free(holds);
	buf_done(&text);
}

static void a_recovered_store_holds_all_its_nodes(void **state)
{
	struct pair *p = *state;
	struct holds *holds = NULL;
	struct buf text;

	buf_init(&text, 1000);
	add_node(p->store, "edge-1");
	assert_int_equal(holds_new(p->store, false, &holds), 0);
	assert_int_equal(holds_count(holds), 0);
	holds_free(holds);
	assert_int_equal(holds_new(p->store, true, &holds), 0);
	assert_int_equal(holds_count(holds), 1);
	cache_dispatch(p->store, clock_wall_ms());
	holds_free(holds);
	assert_int_equal(holds_new(p->store, false, &holds), 0);
	assert_string_equal(held(holds, &text), "edge-1 ");
	holds_free(holds);
	buf_done(&text);
}

/* --- revocations --- */

static void put_record(struct cache *cache, const char *name, struct enrolment e)
{
	char mark_name[300];
	struct buf text;

	(void)snprintf(e.node_name, sizeof(e.node_name), "%s", name);
	(void)snprintf(e.token_id, sizeof(e.token_id), "0011223344556677");
	(void)snprintf(mark_name, sizeof(mark_name), ENROL_MARK_PREFIX "%s", name);
	buf_init(&text, 65536);
	assert_int_equal(enrolment_write(&e, &text), 0);
	set_mark(cache, mark_name, buf_span(&text));
	buf_done(&text);
}

/* Under a key of that time. */
static void put_renewed(struct cache *cache, const char *name, int64_t issued_wall_ms)
{
	struct enrolment e = { .joined_wall_ms = 1,
			       .issued_wall_ms = issued_wall_ms,
			       .not_after_wall_ms = 9000 };

	e.key_sha256[0] = (uint8_t)(issued_wall_ms / 1000);
	put_record(cache, name, e);
}

static int64_t issued(struct cache *cache, const char *name)
{
	struct enrolment e;
	char mark_name[300];

	(void)snprintf(mark_name, sizeof(mark_name), ENROL_MARK_PREFIX "%s", name);
	assert_int_equal(enrolment_parse(span_of(mark(cache, mark_name)), &e, NULL), 0);
	return e.issued_wall_ms;
}

static void put_enrolment(struct cache *cache, const char *name, bool revoked, uint32_t generation)
{
	struct enrolment e = {
		.revoked = revoked, .generation = generation, .joined_wall_ms = 1, .not_after_wall_ms = 2
	};

	e.key_sha256[0] = (uint8_t)generation;
	put_record(cache, name, e);
}

/* "revoked GENERATION", "good GENERATION", or "-". */
static const char *enrolment(struct cache *cache, const char *name)
{
	static char text[64];
	struct enrolment e;
	char mark_name[300];
	const char *value;

	(void)snprintf(mark_name, sizeof(mark_name), ENROL_MARK_PREFIX "%s", name);
	value = mark(cache, mark_name);
	if (strcmp(value, "-") == 0)
		return "-";
	assert_int_equal(enrolment_parse(span_of(value), &e, NULL), 0);
	(void)snprintf(text, sizeof(text), "%s %u", e.revoked ? "revoked" : "good", e.generation);
	return text;
}

static void put_user(struct cache *cache, uint8_t number, int64_t revoked_wall_ms)
{
	struct user_cert cert = { .name = "jane",
				  .issued_wall_ms = 1000,
				  .not_after_wall_ms = 9000,
				  .revoked_wall_ms = revoked_wall_ms };
	char name[USER_MARK_SIZE];
	struct buf text;

	cert.cert_sha256[0] = number;
	user_mark(cert.cert_sha256, name);
	buf_init(&text, 65536);
	assert_int_equal(user_cert_write(&cert, &text), 0);
	set_mark(cache, name, buf_span(&text));
	buf_done(&text);
}

static void who_was_revoked_or_replaced_since_stays_out(void **state)
{
	struct pair *p = *state;
	struct restored_counts counts = { 0 };

	put_enrolment(p->store, "stolen", false, 0);
	put_enrolment(p->store, "replaced", false, 0);
	put_enrolment(p->store, "plain", false, 0);
	put_enrolment(p->store, "long-gone", true, 0);
	put_user(p->store, 1, 0);
	put_user(p->store, 2, 0);

	put_enrolment(p->other, "stolen", true, 0);
	put_enrolment(p->other, "replaced", false, 1);
	put_enrolment(p->other, "plain", false, 0);
	put_renewed(p->store, "renewed", 1000);
	put_renewed(p->other, "renewed", 2000);
	put_renewed(p->store, "older-there", 2000);
	put_renewed(p->other, "older-there", 1000);
	put_enrolment(p->other, "long-gone", true, 0);
	put_enrolment(p->other, "came-and-went", true, 0);
	put_enrolment(p->other, "came", false, 0);
	put_user(p->other, 1, 5000);
	put_user(p->other, 2, 0);
	put_user(p->other, 3, 6000);
	set_mark(p->other, "node/broken", SPAN("not a registration"));

	assert_int_equal(restored_take_revocations(p->other, p->store, &counts, NULL), 0);
	assert_string_equal(enrolment(p->store, "stolen"), "revoked 0");
	assert_string_equal(enrolment(p->store, "replaced"), "good 1");
	assert_string_equal(enrolment(p->store, "plain"), "good 0");
	assert_string_equal(enrolment(p->store, "came-and-went"), "revoked 0");
	assert_string_equal(enrolment(p->store, "came"), "-"); /* for the operator to confirm */
	assert_int_equal(issued(p->store, "renewed"), 2000);
	assert_int_equal(issued(p->store, "older-there"), 2000);
	assert_int_equal(counts.revoked_nodes, 2);
	assert_int_equal(counts.revoked_users, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(tokens_and_secrets_are_void_registrations_stay),
		TEST(each_restore_raises_the_generation_and_says_what_it_was),
		TEST(nodes_are_held_until_they_are_reconciled_over_restarts_too),
		TEST(a_recovered_store_holds_all_its_nodes),
		TEST(who_was_revoked_or_replaced_since_stays_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
