#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/enrol.h"

#define NOW_MS 1790000000000
#define HOUR_MS 3600000ll

/* One authority for all tests, and what a machine that wants to join brings along. */
struct world {
	char base[64], pki[80];
	struct authority *authority;
};
struct machine {
	struct x509_key *key;
	struct buf csr, token_text, chain;
	struct token token;
	struct token_grant grant;
	struct span old_key, old_key_proof;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	(void)snprintf(w->base, sizeof(w->base), "/tmp/holdfast-enrol-XXXXXX");
	if (!mkdtemp(w->base))
		return -1;
	(void)snprintf(w->pki, sizeof(w->pki), "%s/pki", w->base);
	*state = w;
	return authority_open(w->pki, NULL, NOW_MS, &w->authority, NULL);
}

static int teardown(void **state)
{
	static const char *const files[] = { "root.crt",  "root.key",  "hubs.crt",    "hubs.key",
					     "nodes.crt", "nodes.key", "clients.crt", "clients.key" };
	struct world *w = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", w->pki, files[i]);
		(void)unlink(path);
	}
	(void)rmdir(w->pki);
	(void)snprintf(path, sizeof(path), "%s.lock", w->pki);
	(void)unlink(path);
	(void)rmdir(w->base);
	authority_free(w->authority);
	free(w);
	return 0;
}

static void new_key(struct machine *m)
{
	x509_key_free(m->key);
	m->key = NULL;
	buf_reset(&m->csr);
	assert_int_equal(x509_key_new(&m->key), 0);
	assert_int_equal(x509_csr_write(m->key, "whatever", &m->csr), 0);
}

static void new_token(struct world *w, struct machine *m, const char *region, const char *node, uint32_t uses)
{
	const char *const regions[] = { region, NULL };
	struct token_terms terms = { HOUR_MS, uses, region ? regions : NULL, node };

	assert_int_equal(token_issue(&terms, authority_pin(w->authority), NOW_MS, &m->token, &m->grant, NULL),
			 0);
	buf_reset(&m->token_text);
	assert_int_equal(token_write(&m->token, &m->token_text), 0);
}

static struct machine machine_new(struct world *w)
{
	struct machine m = { .key = NULL };

	buf_init(&m.csr, X509_PEM_MAX);
	buf_init(&m.token_text, 1024);
	buf_init(&m.chain, X509_CHAIN_MAX);
	new_key(&m);
	new_token(w, &m, "north", NULL, 1);
	return m;
}

static void machine_free(struct machine *m)
{
	x509_key_free(m->key);
	buf_done(&m->csr);
	buf_done(&m->token_text);
	buf_done(&m->chain);
}

static enum enrol_verdict join(struct world *w, struct machine *m, const char *name,
			       const struct enrolment *known, struct enrol_answer *answer)
{
	struct enrol_request request = { .token_text = buf_span(&m->token_text),
					 .csr_pem = buf_span(&m->csr),
					 .node_name = name,
					 .machine_id = "machine-7",
					 .now_wall_ms = NOW_MS,
					 .old_key = m->old_key,
					 .old_key_proof = m->old_key_proof };
	struct err err;

	buf_reset(&m->chain);
	return enrol_join(w->authority, &request, &m->grant, known, answer, &m->chain, &err);
}

static void a_new_machine_becomes_a_node(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer answer;
	struct x509_facts facts;
	bool confirmed = true;

	assert_int_equal(join(w, &m, "edge-1", NULL, &answer), ENROL_OK);
	assert_string_equal(answer.enrolment.node_name, "edge-1");
	assert_string_equal(answer.enrolment.region, "north");
	assert_string_equal(answer.enrolment.machine_id, "machine-7");
	assert_int_equal(answer.grant.uses_left, 0);
	assert_int_equal(x509_read(buf_span(&m.chain), &facts, NULL), 0);
	assert_string_equal(facts.common_name, "system:node:edge-1");
	assert_true(answer.enrolment.not_after_wall_ms == facts.not_after_wall_ms);
	assert_int_equal(enrol_admits(&answer.enrolment, facts.key_sha256, &confirmed, NULL), 0);
	assert_false(confirmed);
	machine_free(&m);
}

static void a_lost_answer_is_given_again_for_free(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer first, again;

	assert_int_equal(join(w, &m, "edge-1", NULL, &first), ENROL_OK);
	m.grant = first.grant; /* as stored: used up */
	assert_int_equal(join(w, &m, "edge-1", &first.enrolment, &again), ENROL_OK);
	assert_int_equal(again.grant.uses_left, 0);
	assert_int_equal(again.enrolment.generation, first.enrolment.generation);
	assert_true(m.chain.len > 0);
	/* Not so under another name, nor with another key. */
	assert_int_equal(join(w, &m, "edge-2", NULL, &again), ENROL_TOKEN_REFUSED);
	assert_int_equal(again.token, TOKEN_USED_UP);
	new_key(&m);
	assert_int_equal(join(w, &m, "edge-1", &first.enrolment, &again), ENROL_TOKEN_REFUSED);
	assert_int_equal(m.chain.len, 0);
	machine_free(&m);
}

static void a_name_belongs_to_its_first_key(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w), thief = machine_new(w);
	struct enrol_answer owner, answer;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	assert_int_equal(join(w, &thief, "edge-1", &owner.enrolment, &answer), ENROL_NAME_TAKEN);
	assert_int_equal(thief.chain.len, 0);
	/* The owner may come again with another token: another region, say. */
	new_token(w, &m, "south", NULL, 1);
	assert_int_equal(join(w, &m, "edge-1", &owner.enrolment, &answer), ENROL_OK);
	assert_string_equal(answer.enrolment.region, "south");
	/* A token made for the name replaces the machine. */
	new_token(w, &thief, "north", "edge-1", 1);
	assert_int_equal(join(w, &thief, "edge-1", &owner.enrolment, &answer), ENROL_OK);
	assert_int_equal(answer.enrolment.generation, 1);
	assert_memory_not_equal(answer.enrolment.key_sha256, owner.enrolment.key_sha256, X509_SHA256_SIZE);
	machine_free(&m);
	machine_free(&thief);
}

/* What a machine sends along that still holds the key before. */
struct proof {
	struct buf key, signature;
};

static void prove(struct proof *proof, struct machine *m, const struct x509_key *old, const char *node)
{
	struct buf text;

	buf_init(&text, 1024);
	buf_init(&proof->key, 1024);
	buf_init(&proof->signature, 1024);
	assert_int_equal(enrol_proof_text(m->token.id, node, buf_span(&m->csr), &text), 0);
	assert_int_equal(x509_sign(old, buf_span(&text), &proof->signature), 0);
	assert_int_equal(x509_key_spki(old, &proof->key), 0);
	m->old_key = buf_span(&proof->key);
	m->old_key_proof = buf_span(&proof->signature);
	buf_done(&text);
}

static void proof_free(struct proof *proof)
{
	buf_done(&proof->key);
	buf_done(&proof->signature);
}

static void the_old_key_gives_its_name_to_a_new_one(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w), next = machine_new(w), thief = machine_new(w);
	struct enrol_answer owner, answer;
	struct proof proof;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	assert_true(owner.starts_anew && !owner.took_over);
	prove(&proof, &next, m.key, "edge-1");
	/* For this name, this request and this token only. */
	thief.old_key = next.old_key;
	thief.old_key_proof = next.old_key_proof;
	assert_int_equal(join(w, &thief, "edge-1", &owner.enrolment, &answer), ENROL_NAME_TAKEN);
	next.old_key_proof.len--;
	assert_int_equal(join(w, &next, "edge-1", &owner.enrolment, &answer), ENROL_NAME_TAKEN);
	next.old_key_proof.len++;
	assert_int_equal(join(w, &next, "edge-1", &owner.enrolment, &answer), ENROL_OK);
	assert_true(answer.took_over && answer.starts_anew);
	assert_int_equal(answer.enrolment.generation, 1);
	owner.enrolment.revoked = true;
	assert_int_equal(join(w, &next, "edge-1", &owner.enrolment, &answer), ENROL_REVOKED);
	proof_free(&proof);
	/* Somebody else's key proves nothing. */
	owner.enrolment.revoked = false;
	prove(&proof, &thief, thief.key, "edge-1");
	assert_int_equal(join(w, &thief, "edge-1", &owner.enrolment, &answer), ENROL_NAME_TAKEN);
	proof_free(&proof);
	machine_free(&m);
	machine_free(&next);
	machine_free(&thief);
}

static void a_token_without_a_region_leaves_the_node_in_its_own(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer owner, answer;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	new_token(w, &m, NULL, "edge-1", 1);
	assert_int_equal(join(w, &m, "edge-1", &owner.enrolment, &answer), ENROL_OK);
	assert_string_equal(answer.enrolment.region, "north");
	assert_true(answer.starts_anew && !answer.took_over); /* the operator's word for this name */
	machine_free(&m);
}

static void a_node_gives_itself_no_labels_that_others_go_by(void **state)
{
	static const char *const good[] = { "rack",
					    "example.com/rack",
					    "notkubernetes.io/x",
					    "topology.kubernetes.io/zone",
					    "node.kubernetes.io/instance-type",
					    "node.kubernetes.io/anything",
					    "sub.kubelet.kubernetes.io/x" };
	static const char *const bad[] = { "topology.kubernetes.io/region",
					   "kubernetes.io/hostname",
					   "kubernetes.io/os",
					   "node-role.kubernetes.io/control-plane",
					   "node-restriction.kubernetes.io/secure",
					   "x.node-restriction.kubernetes.io/secure",
					   "k8s.io/x",
					   "node.k8s.io/x" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(enrol_label_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(enrol_label_ok(bad[i]));
}

static void revoked_means_out(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer owner, answer;
	struct enrolment renewed;
	bool confirmed;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	owner.enrolment.revoked = true;
	assert_int_equal(enrol_admits(&owner.enrolment, owner.enrolment.key_sha256, &confirmed, NULL),
			 -EACCES);
	assert_int_equal(enrol_renew(w->authority, &owner.enrolment, owner.enrolment.key_sha256,
				     buf_span(&m.csr), NOW_MS, &renewed, &m.chain, NULL),
			 ENROL_REVOKED);
	new_token(w, &m, "north", NULL, 5);
	assert_int_equal(join(w, &m, "edge-1", &owner.enrolment, &answer), ENROL_REVOKED);
	new_token(w, &m, "north", "edge-1", 1);
	assert_int_equal(join(w, &m, "edge-1", &owner.enrolment, &answer), ENROL_OK);
	assert_false(answer.enrolment.revoked);
	machine_free(&m);
}

static void bad_requests_are_told_apart(void **state)
{
	static const char *const bad_names[] = { "", "Edge", "a/b", "a_b", "-a", "../x" };
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer answer;

	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++)
		assert_int_equal(join(w, &m, bad_names[i], NULL, &answer), ENROL_BAD_NAME);
	m.csr.data[m.csr.len / 2] ^= 1;
	assert_int_equal(join(w, &m, "edge-1", NULL, &answer), ENROL_BAD_REQUEST);
	new_key(&m);
	m.token_text.len -= 3;
	assert_int_equal(join(w, &m, "edge-1", NULL, &answer), ENROL_TOKEN_REFUSED);
	assert_int_equal(answer.token, TOKEN_MALFORMED);
	machine_free(&m);
}

/* A renewal under a new key whose answer is lost must not lock the node out; once the new key was seen, the old one is void. */
static void a_renewed_key_replaces_the_old_one_when_first_seen(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w);
	struct enrol_answer owner;
	struct enrolment renewed;
	uint8_t old_key[X509_SHA256_SIZE], new_digest[X509_SHA256_SIZE];
	bool confirmed;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	memcpy(old_key, owner.enrolment.key_sha256, sizeof(old_key));
	new_key(&m);
	assert_int_equal(x509_key_digest(m.key, new_digest), 0);
	buf_reset(&m.chain);
	assert_int_equal(enrol_renew(w->authority, &owner.enrolment, old_key, buf_span(&m.csr), NOW_MS,
				     &renewed, &m.chain, NULL),
			 ENROL_OK);
	assert_int_equal(enrol_admits(&renewed, old_key, &confirmed, NULL), 0);
	assert_false(confirmed);
	assert_int_equal(enrol_admits(&renewed, new_digest, &confirmed, NULL), 0);
	assert_true(confirmed);
	assert_int_equal(enrol_admits(&renewed, old_key, &confirmed, NULL), -EACCES);
	machine_free(&m);
}

static void a_stranger_cannot_renew(void **state)
{
	struct world *w = *state;
	struct machine m = machine_new(w), stranger = machine_new(w);
	struct enrol_answer owner;
	struct enrolment renewed;
	uint8_t key[X509_SHA256_SIZE];
	bool confirmed;

	assert_int_equal(join(w, &m, "edge-1", NULL, &owner), ENROL_OK);
	assert_int_equal(x509_key_digest(stranger.key, key), 0);
	assert_int_equal(enrol_renew(w->authority, &owner.enrolment, key, buf_span(&stranger.csr), NOW_MS,
				     &renewed, &stranger.chain, NULL),
			 ENROL_NAME_TAKEN);
	assert_int_equal(enrol_admits(&owner.enrolment, key, &confirmed, NULL), -EACCES);
	assert_int_equal(enrol_admits(NULL, key, &confirmed, NULL), -EACCES);
	machine_free(&m);
	machine_free(&stranger);
}

static void records_survive_storage(void **state)
{
	struct enrolment e = { .node_name = "edge-1",
			       .region = "north",
			       .has_previous_key = true,
			       .token_id = "0011223344556677",
			       .joined_wall_ms = NOW_MS,
			       .not_after_wall_ms = NOW_MS + 5,
			       .machine_id = "m\"7",
			       .revoked = true,
			       .generation = 3 };
	struct enrolment again;
	struct buf json;

	memset(e.key_sha256, 0xab, sizeof(e.key_sha256));
	memset(e.previous_key_sha256, 0xcd, sizeof(e.previous_key_sha256));
	buf_init(&json, 4096);
	assert_int_equal(enrolment_write(&e, &json), 0);
	assert_int_equal(enrolment_parse(buf_span(&json), &again, NULL), 0);
	assert_memory_equal(&e, &again, sizeof(e));
	assert_int_equal(enrolment_parse(SPAN("{\"nodeName\":\"edge-1\"}"), &again, NULL), -EINVAL);
	assert_int_equal(enrolment_parse(SPAN("nonsense"), &again, NULL), -EINVAL);
	buf_done(&json);
}

static void the_identity_key_seen_first_stays(void **state)
{
	struct enrolment e = { .node_name = "edge-1" }, again;
	struct buf text;
	bool other;

	assert_false(enrol_identify(&e, SPAN(""), 0, &other));
	assert_true(enrol_identify(&e, SPAN("first"), 0, &other));
	assert_false(other);
	assert_false(enrol_identify(&e, SPAN("first"), 0, &other));
	assert_false(enrol_identify(&e, SPAN("second"), 0, &other));
	assert_true(other);
	assert_int_equal(e.identity_len, 5);
	assert_memory_equal(e.identity, "first", 5);
	assert_true(enrol_identify(&e, SPAN(""), 6000, &other)); /* an older release says none */
	assert_false(other);
	e.fence_ms = 90000;
	buf_init(&text, 8192);
	assert_int_equal(enrolment_write(&e, &text), 0);
	assert_int_equal(enrolment_parse(buf_span(&text), &again, NULL), 0);
	assert_int_equal(again.identity_len, 5);
	assert_memory_equal(again.identity, "first", 5);
	assert_int_equal(again.health_port, 6000);
	assert_int_equal(again.fence_ms, 90000);
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_identity_key_seen_first_stays),
		cmocka_unit_test(a_new_machine_becomes_a_node),
		cmocka_unit_test(a_lost_answer_is_given_again_for_free),
		cmocka_unit_test(a_name_belongs_to_its_first_key),
		cmocka_unit_test(the_old_key_gives_its_name_to_a_new_one),
		cmocka_unit_test(a_token_without_a_region_leaves_the_node_in_its_own),
		cmocka_unit_test(a_node_gives_itself_no_labels_that_others_go_by),
		cmocka_unit_test(revoked_means_out),
		cmocka_unit_test(bad_requests_are_told_apart),
		cmocka_unit_test(a_renewed_key_replaces_the_old_one_when_first_seen),
		cmocka_unit_test(a_stranger_cannot_renew),
		cmocka_unit_test(records_survive_storage),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
