/* How generations of an authority follow each other, as verifiers of every age see it. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/authority.h"

#define NOW_MS 1790000000000
#define NAME AUTHORITY_HUB_NAME

struct place {
	char base[64];
	char pki[256];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	(void)snprintf(place->base, sizeof(place->base), "/tmp/holdfast-succession-XXXXXX");
	if (!mkdtemp(place->base))
		return -1;
	(void)snprintf(place->pki, sizeof(place->pki), "%s/pki", place->base);
	*state = place;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct place *place = *state;

	int rc = nftw(place->base, remove_one, 8, FTW_DEPTH | FTW_PHYS);

	free(place);
	return rc;
}

static struct authority *open_ok(const struct place *place)
{
	struct authority *a = NULL;
	struct err err = { 0 };

	if (authority_open(place->pki, NULL, NOW_MS, &a, &err))
		fail_msg("%s", err.msg);
	return a;
}

static void ok(int code, const struct err *err)
{
	if (code)
		fail_msg("%d: %s", code, err->msg);
}

static void rotate(struct authority *a)
{
	struct err err = { 0 };

	ok(authority_rotate(a, NOW_MS, &err), &err);
}

static void take_over(struct authority *a)
{
	struct err err = { 0 };

	ok(authority_switch(a, &err), &err);
}

static void retire(struct authority *a)
{
	struct err err = { 0 };

	ok(authority_finish(a, &err), &err);
}

static struct buf copy(struct span text)
{
	struct buf out;

	buf_init(&out, 1u << 20);
	assert_int_equal(buf_add_span(&out, text), 0);
	return out;
}

static struct buf hub_chain(struct authority *a)
{
	struct buf chain = copy(SPAN("")), key;

	buf_init(&key, X509_PEM_MAX);
	assert_int_equal(authority_issue_hub(a, NULL, NOW_MS, &chain, &key, NULL), 0);
	buf_done(&key);
	return chain;
}

static struct buf node_chain(struct authority *a)
{
	struct buf chain = copy(SPAN("")), csr;
	struct x509_key *key = NULL;

	buf_init(&csr, X509_PEM_MAX);
	assert_int_equal(x509_key_new(&key), 0);
	assert_int_equal(x509_csr_write(key, "edge-1", &csr), 0);
	assert_int_equal(authority_issue_node(a, buf_span(&csr), "edge-1", NOW_MS, &chain, NULL, NULL), 0);
	x509_key_free(key);
	buf_done(&csr);
	return chain;
}

/* Does whoever trusts `roots` believe the hubs of today? */
static bool believes(const struct buf *roots, struct authority *a)
{
	struct buf chain = hub_chain(a);
	bool yes = !x509_verify(buf_span(&chain), buf_span(roots), true, NAME, NOW_MS, NULL);

	buf_done(&chain);
	return yes;
}

static bool admits(struct authority *a, enum authority_trust which, const struct buf *chain)
{
	struct buf trust = copy(SPAN(""));
	bool yes;

	assert_int_equal(authority_add_trust(a, which, &trust), 0);
	yes = !x509_verify(buf_span(chain), buf_span(&trust), false, NULL, NOW_MS, NULL);
	buf_done(&trust);
	return yes;
}

static size_t certs_in(struct span pem)
{
	size_t count = 0;

	for (; pem.len > 27; pem.ptr++, pem.len--)
		count += strncmp(pem.ptr, "-----BEGIN CERTIFICATE-----", 27) == 0;
	return count;
}

static void everyone_believes_the_hubs_at_every_step(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf old = copy(authority_bundle_pem(a)), both, new;

	rotate(a);
	both = copy(authority_bundle_pem(a));
	assert_int_equal(certs_in(buf_span(&both)), 2);
	assert_true(believes(&old, a) && believes(&both, a));
	take_over(a);
	assert_true(span_eq(authority_bundle_pem(a), buf_span(&both)));
	assert_true(believes(&old, a) && believes(&both, a));
	new = copy(authority_root_pem(a));
	assert_true(believes(&new, a));
	retire(a);
	assert_true(span_eq(authority_bundle_pem(a), buf_span(&new)));
	/* A node that was away for the whole of it finds its way by the cross certificate. */
	assert_true(believes(&old, a) && believes(&both, a) && believes(&new, a));
	/* And for the whole of the next one too. */
	rotate(a);
	take_over(a);
	retire(a);
	assert_true(believes(&old, a) && believes(&new, a));
	buf_done(&old);
	buf_done(&both);
	buf_done(&new);
	authority_free(a);
}

static void a_retired_generation_may_renew_and_a_distrusted_one_nothing(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf roots = copy(authority_bundle_pem(a)), node = node_chain(a);
	struct err err;

	rotate(a);
	assert_true(admits(a, AUTHORITY_TRUST_WORK, &node));
	assert_int_equal(authority_distrust_old(a, &err), -EBUSY);
	take_over(a);
	assert_true(admits(a, AUTHORITY_TRUST_WORK, &node) && admits(a, AUTHORITY_TRUST_API, &node));
	retire(a);
	assert_false(admits(a, AUTHORITY_TRUST_WORK, &node));
	assert_false(admits(a, AUTHORITY_TRUST_API, &node));
	assert_true(admits(a, AUTHORITY_TRUST_RENEW, &node));
	ok(authority_distrust_old(a, &err), &err);
	assert_false(admits(a, AUTHORITY_TRUST_RENEW, &node));
	assert_false(believes(&roots, a));
	buf_done(&roots);
	buf_done(&node);
	authority_free(a);
}

/* The branches are apart within each generation, and the cross certificate opens no way around that. */
static void branches_stay_apart_across_generations(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf old_node = node_chain(a), old_hub = hub_chain(a), new_node, new_hub, roots;

	rotate(a);
	take_over(a);
	new_node = node_chain(a);
	new_hub = hub_chain(a);
	roots = copy(authority_bundle_pem(a));
	assert_true(admits(a, AUTHORITY_TRUST_WORK, &new_node) && admits(a, AUTHORITY_TRUST_WORK, &old_node));
	assert_false(admits(a, AUTHORITY_TRUST_WORK, &new_hub) || admits(a, AUTHORITY_TRUST_WORK, &old_hub));
	assert_false(admits(a, AUTHORITY_TRUST_API, &new_hub) || admits(a, AUTHORITY_TRUST_API, &old_hub));
	assert_int_equal(x509_verify(buf_span(&new_node), buf_span(&roots), true, NULL, NOW_MS, NULL),
			 -EKEYREJECTED);
	assert_int_equal(x509_verify(buf_span(&old_node), buf_span(&roots), true, NULL, NOW_MS, NULL),
			 -EKEYREJECTED);
	buf_done(&old_node);
	buf_done(&old_hub);
	buf_done(&new_node);
	buf_done(&new_hub);
	buf_done(&roots);
	authority_free(a);
}

static void clients_of_a_retired_generation_stay_until_they_end(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf chain = copy(SPAN("")), key = copy(SPAN(""));
	struct err err;

	assert_int_equal(authority_issue_client(a, "jo", NULL, NOW_MS, &chain, &key, NULL), 0);
	rotate(a);
	take_over(a);
	retire(a);
	assert_true(admits(a, AUTHORITY_TRUST_API, &chain));
	assert_false(admits(a, AUTHORITY_TRUST_WORK, &chain) || admits(a, AUTHORITY_TRUST_RENEW, &chain));
	ok(authority_distrust_old(a, &err), &err);
	assert_false(admits(a, AUTHORITY_TRUST_API, &chain));
	buf_done(&chain);
	buf_done(&key);
	authority_free(a);
}

static void tokens_of_both_roots_are_good_while_both_are_in_use(void **state)
{
	struct authority *a = open_ok(*state);
	uint8_t old[X509_SHA256_SIZE];

	memcpy(old, authority_pin(a), sizeof(old));
	rotate(a);
	assert_memory_equal(authority_pin(a), old, sizeof(old)); /* what hubs show decides */
	take_over(a);
	assert_memory_not_equal(authority_pin(a), old, sizeof(old));
	assert_true(authority_accepts_pin(a, old) && authority_accepts_pin(a, authority_pin(a)));
	retire(a);
	assert_false(authority_accepts_pin(a, old));
	authority_free(a);
}

static void steps_out_of_order_are_refused(void **state)
{
	struct authority *a = open_ok(*state);
	struct err err;

	assert_int_equal(authority_switch(a, &err), -EBUSY);
	assert_int_equal(authority_finish(a, &err), -EBUSY);
	rotate(a);
	assert_int_equal(authority_rotate(a, NOW_MS, &err), -EBUSY);
	assert_int_equal(authority_finish(a, &err), -EBUSY);
	take_over(a);
	assert_int_equal(authority_rotate(a, NOW_MS, &err), -EBUSY);
	assert_int_equal(authority_switch(a, &err), -EBUSY);
	retire(a);
	rotate(a);
	authority_free(a);
}

static void the_oldest_retired_one_makes_room(void **state)
{
	struct authority *a = open_ok(*state);

	for (unsigned i = 0; i < 2 * AUTHORITY_GENERATIONS_MAX; i++) {
		rotate(a);
		take_over(a);
		retire(a);
	}
	assert_int_equal(authority_generation_count(a), AUTHORITY_GENERATIONS_MAX);
	assert_int_equal(authority_current_number(a), 1 + 2 * AUTHORITY_GENERATIONS_MAX);
	authority_free(a);
	a = open_ok(*state);
	assert_int_equal(authority_current_number(a), 1 + 2 * AUTHORITY_GENERATIONS_MAX);
	authority_free(a);
}

/* What a process killed within a step leaves: the directory of a generation that nobody has heard of, whole or half made; a list that
 * was not renamed. */
static void a_step_cut_short_is_before_or_after_itself(void **state)
{
	const struct place *place = *state;
	struct authority *a = open_ok(place);
	char path[300], aside[320];
	int fd;

	rotate(a); /* ... and killed before the list was written */
	authority_free(a);
	(void)snprintf(path, sizeof(path), "%s/generations.json", place->pki);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(aside, sizeof(aside), "%s.new", path);
	fd = open(aside, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
	a = open_ok(place);
	assert_int_equal(authority_generation_count(a), 1);
	/* Half made. */
	(void)snprintf(path, sizeof(path), "%s/2/root.key", place->pki);
	assert_int_equal(unlink(path), 0);
	(void)snprintf(path, sizeof(path), "%s/2.new", place->pki);
	assert_int_equal(mkdir(path, 0700), 0);
	rotate(a);
	assert_true(authority_has(a, AUTHORITY_NEXT));
	authority_free(a);
	a = open_ok(place);
	assert_true(authority_has(a, AUTHORITY_NEXT));
	take_over(a);
	authority_free(a);
	a = open_ok(place);
	assert_true(authority_has(a, AUTHORITY_PREVIOUS) && authority_current_number(a) == 2);
	retire(a);
	authority_free(a);
	a = open_ok(place);
	assert_true(authority_has(a, AUTHORITY_RETIRED) && !authority_has(a, AUTHORITY_PREVIOUS));
	authority_free(a);
}

/* A disk that refuses at any moment: the step is not taken, and can be taken later. */
static void a_step_that_cannot_be_written_changes_nothing(void **state)
{
	const struct place *place = *state;
	struct authority *a = open_ok(place);
	struct buf bundle;
	char path[300];
	struct err err;

	rotate(a);
	bundle = copy(authority_bundle_pem(a));
	(void)snprintf(path, sizeof(path), "%s/generations.json.new", place->pki);
	assert_int_equal(mkdir(path, 0700), 0); /* in the way, also of root */
	assert_true(authority_switch(a, &err) < 0);
	assert_true(authority_has(a, AUTHORITY_NEXT) && authority_current_number(a) == 1);
	assert_true(span_eq(authority_bundle_pem(a), buf_span(&bundle)));
	assert_int_equal(rmdir(path), 0);
	take_over(a);
	buf_done(&bundle);
	authority_free(a);
}

static void two_processes_take_a_step_once(void **state)
{
	struct authority *one = open_ok(*state), *two = open_ok(*state);
	struct err err;

	rotate(one);
	assert_int_equal(authority_rotate(two, NOW_MS, &err), -ESTALE);
	authority_free(two);
	two = open_ok(*state);
	assert_true(span_eq(authority_bundle_pem(one), authority_bundle_pem(two)));
	take_over(two);
	assert_int_equal(authority_switch(one, &err), -ESTALE);
	authority_free(one);
	authority_free(two);
}

static void a_root_key_kept_elsewhere_is_asked_for(void **state)
{
	const struct place *place = *state;
	struct authority *a = open_ok(place);
	char path[300], aside[320];
	struct err err;

	(void)snprintf(path, sizeof(path), "%s/root.key", place->pki);
	(void)snprintf(aside, sizeof(aside), "%s.safe", path);
	assert_int_equal(rename(path, aside), 0);
	authority_free(a);
	a = open_ok(place);
	assert_int_equal(authority_rotate(a, NOW_MS, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "root.key"));
	assert_int_equal(rename(aside, path), 0);
	rotate(a);
	authority_free(a);
}

static void a_damaged_list_is_no_single_generation(void **state)
{
	static const char *const bad[] = {
		"",
		"{",
		"{}",
		"{\"format\":1,\"generations\":[]}",
		"{\"format\":2,\"generations\":[{\"number\":1,\"state\":\"current\"}]}",
		"{\"format\":1,\"generations\":[{\"number\":1,\"state\":\"retired\"}]}",
		"{\"format\":1,\"generations\":[{\"number\":1,\"state\":\"king\"}]}",
		"{\"format\":1,\"generations\":[{\"number\":1,\"state\":\"current\"},{\"number\":1,\"state\":"
		"\"next\"}]}",
		"{\"format\":1,\"generations\":[{\"number\":1,\"state\":\"current\"},{\"number\":7,\"state\":"
		"\"next\"}]}",
	};
	const struct place *place = *state;
	char path[300];

	authority_free(open_ok(place));
	(void)snprintf(path, sizeof(path), "%s/generations.json", place->pki);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct authority *a = NULL;
		struct err err = { 0 };
		FILE *file = fopen(path, "w");

		assert_non_null(file);
		assert_true(fputs(bad[i], file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(authority_open(place->pki, NULL, NOW_MS, &a, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "damaged"));
	}
}

static void short_lives_are_halved_where_one_expects(void **state)
{
	struct authority_lifetimes lifetimes = { .node_ms = 60000 };
	struct authority *a = open_ok(*state);
	struct x509_facts facts;
	struct buf chain;
	int64_t half;

	authority_set_lifetimes(a, &lifetimes);
	chain = node_chain(a);
	assert_int_equal(x509_read(buf_span(&chain), &facts, NULL), 0);
	assert_true(facts.not_after_wall_ms == NOW_MS + 60000);
	half = facts.not_before_wall_ms + (facts.not_after_wall_ms - facts.not_before_wall_ms) / 2;
	assert_in_range(half - NOW_MS, 27000, 30000);
	assert_int_equal(authority_generation_of(a, AUTHORITY_NODES, facts.issuer), 1);
	assert_int_equal(authority_generation_of(a, AUTHORITY_CLIENTS, facts.issuer), 0);
	buf_done(&chain);
	authority_free(a);
}

static void bundles_hold_roots_and_nothing_else(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf bundle, chain = hub_chain(a);
	struct err err;

	rotate(a);
	bundle = copy(authority_bundle_pem(a));
	ok(x509_bundle_check(buf_span(&bundle), &err), &err);
	assert_true(x509_bundle_has(buf_span(&bundle), authority_pin(a)));
	assert_false(x509_bundle_has(buf_span(&chain), authority_pin(a)));
	assert_int_equal(x509_bundle_check(SPAN(""), &err), -EINVAL);
	assert_int_equal(x509_bundle_check(SPAN("junk"), &err), -EINVAL);
	assert_int_equal(x509_bundle_check(buf_span(&chain), &err), -EINVAL);
	assert_int_equal(buf_add_span(&bundle, authority_branch_pem(a, AUTHORITY_NODES)), 0);
	assert_int_equal(x509_bundle_check(buf_span(&bundle), &err), -EINVAL);
	assert_non_null(strstr(err.msg, "authority 3"));
	buf_reset(&bundle);
	for (unsigned i = 0; i <= X509_BUNDLE_MAX; i++)
		assert_int_equal(buf_add_span(&bundle, authority_root_pem(a)), 0);
	assert_int_equal(x509_bundle_check(buf_span(&bundle), &err), -EINVAL);
	buf_done(&bundle);
	buf_done(&chain);
	authority_free(a);
}

/* What an edge believes of new roots: not a hub's word, only the signature of a root that it trusts. */
static void new_roots_are_believed_when_an_old_one_signed_them(void **state)
{
	struct authority *a = open_ok(*state);
	struct buf first = copy(authority_bundle_pem(a)), crosses = copy(SPAN("")), second, forged, foreign;
	struct x509_request request = { .use = X509_USE_CROSS,
					.common_name = "mallory",
					.not_before_wall_ms = NOW_MS,
					.not_after_wall_ms = NOW_MS + 1000000000 };
	struct x509_key *key = NULL, *hub_key = NULL;
	struct buf hub = copy(SPAN("")), hub_pem = copy(SPAN(""));
	struct err err = { 0 };

	rotate(a);
	assert_int_equal(authority_add_crosses(a, &crosses), 0);
	assert_int_equal(certs_in(buf_span(&crosses)), 1);
	ok(x509_bundle_follows(authority_bundle_pem(a), buf_span(&crosses), buf_span(&first), &err), &err);
	assert_int_equal(x509_bundle_follows(authority_bundle_pem(a), SPAN(""), buf_span(&first), &err),
			 -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "authority 2"));
	take_over(a);
	retire(a);
	second = copy(authority_bundle_pem(a));
	ok(x509_bundle_follows(buf_span(&second), buf_span(&crosses), buf_span(&first), &err), &err);
	/* Two successions later, through the one between. */
	rotate(a);
	take_over(a);
	retire(a);
	buf_reset(&crosses);
	assert_int_equal(authority_add_crosses(a, &crosses), 0);
	assert_int_equal(certs_in(buf_span(&crosses)), 2);
	ok(x509_bundle_follows(authority_bundle_pem(a), buf_span(&crosses), buf_span(&first), &err), &err);
	ok(x509_bundle_follows(authority_bundle_pem(a), buf_span(&crosses), buf_span(&second), &err), &err);
	ok(x509_bundle_follows(buf_span(&second), SPAN(""), buf_span(&second), &err), &err);
	/* A root of somebody else's, even with the hub's own key to sign it across. */
	assert_int_equal(authority_issue_hub(a, NULL, NOW_MS, &hub, &hub_pem, NULL), 0);
	assert_int_equal(x509_key_parse(buf_span(&hub_pem), &hub_key, NULL), 0);
	assert_int_equal(x509_key_new(&key), 0);
	foreign = copy(SPAN(""));
	forged = copy(SPAN(""));
	assert_int_equal(x509_issue(&request, key, buf_span(&hub), hub_key, &forged, NULL), 0);
	assert_int_equal(buf_add_span(&forged, buf_span(&hub)), 0);
	request.use = X509_USE_ROOT;
	assert_int_equal(x509_issue(&request, key, SPAN(""), key, &foreign, NULL), 0);
	assert_int_equal(x509_bundle_follows(buf_span(&foreign), buf_span(&forged), authority_bundle_pem(a),
					     &err),
			 -EKEYREJECTED);
	assert_int_equal(x509_bundle_follows(buf_span(&foreign), buf_span(&crosses), authority_bundle_pem(a),
					     &err),
			 -EKEYREJECTED);
	assert_int_equal(x509_bundle_follows(SPAN("junk"), buf_span(&crosses), buf_span(&first), &err),
			 -EINVAL);
	x509_key_free(key);
	x509_key_free(hub_key);
	buf_done(&hub);
	buf_done(&hub_pem);
	buf_done(&first);
	buf_done(&second);
	buf_done(&crosses);
	buf_done(&forged);
	buf_done(&foreign);
	authority_free(a);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(everyone_believes_the_hubs_at_every_step),
		test(a_retired_generation_may_renew_and_a_distrusted_one_nothing),
		test(branches_stay_apart_across_generations),
		test(clients_of_a_retired_generation_stay_until_they_end),
		test(tokens_of_both_roots_are_good_while_both_are_in_use),
		test(steps_out_of_order_are_refused),
		test(the_oldest_retired_one_makes_room),
		test(a_step_cut_short_is_before_or_after_itself),
		test(a_step_that_cannot_be_written_changes_nothing),
		test(two_processes_take_a_step_once),
		test(a_root_key_kept_elsewhere_is_asked_for),
		test(a_damaged_list_is_no_single_generation),
		test(short_lives_are_halved_where_one_expects),
		test(bundles_hold_roots_and_nothing_else),
		test(new_roots_are_believed_when_an_old_one_signed_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
