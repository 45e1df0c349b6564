/* The join exchange: what a machine sends that wants to become a node, decoded and decided upon, with a good token so that names, regions,
 * labels, signing requests and proofs of an old key are looked at; and the record by which copies of a disk are noticed. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/enrol.h"
#include "auth/fork.h"
#include "auth/throttle.h"
#include "tests/tools/tempdir.h"
#include "tunnel/message.h"

#define NOW_MS 1790000000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct bench {
	struct authority *authority;
	struct token token;
	struct token_grant grant;
	struct buf token_text;
	struct enrolment known;
};

/* Once: an authority, a token of it, and a node that has the name "edge-1". */
static struct bench *bench_of(void)
{
	static struct bench *bench;
	static const char *const regions[] = { "north", "south", NULL };
	struct token_terms terms = { 3600000, 5, regions, NULL };
	char dir[] = "/tmp/holdfast-fuzz-join-XXXXXX", pki[128];

	if (bench)
		return bench;
	bench = calloc(1, sizeof(*bench));
	assert_always(bench && mkdtemp(dir));
	(void)snprintf(pki, sizeof(pki), "%s/pki", dir);
	assert_always(authority_open(pki, NULL, NOW_MS, &bench->authority, NULL) == 0);
	assert_always(tempdir_remove(pki) == 0 && tempdir_remove(dir) == 0); /* it is in memory */
	assert_always(token_issue(&terms, authority_pin(bench->authority), NOW_MS, &bench->token,
				  &bench->grant, NULL) == 0);
	buf_init(&bench->token_text, TOKEN_TEXT_MAX);
	assert_always(token_write(&bench->token, &bench->token_text) == 0);
	(void)snprintf(bench->known.node_name, sizeof(bench->known.node_name), "edge-1");
	return bench;
}

static void decide(struct bench *bench, const Tunnel__JoinRequest *join, const struct enrolment *known)
{
	struct enrol_request request = { .token_text = buf_span(&bench->token_text),
					 .csr_pem = span_make(join->csr.data, join->csr.len),
					 .node_name = join->node,
					 .region = join->region,
					 .machine_id = join->machine_id,
					 .now_wall_ms = NOW_MS,
					 .old_key = span_make(join->old_key.data, join->old_key.len),
					 .old_key_proof = span_make(join->old_key_proof.data,
								    join->old_key_proof.len) };
	struct enrol_answer answer;
	struct err err = { 0 };
	struct buf chain, record;
	enum enrol_verdict verdict;

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&record, 1 << 16);
	verdict = enrol_join(bench->authority, &request, &bench->grant, known, &answer, &chain, &err);
	if (verdict == ENROL_OK) { /* what is registered can be stored and read again */
		assert_always(chain.len && enrolment_write(&answer.enrolment, &record) == 0);
		assert_always(enrolment_parse(buf_span(&record), &answer.enrolment, NULL) == 0);
		assert_always(!known || !answer.took_over); /* nobody here has the key of "edge-1" */
	} else {
		assert_always(!chain.len && err.code);
	}
	for (size_t i = 0; i < join->n_labels; i++)
		(void)enrol_label_ok(join->labels[i]->key);
	buf_done(&chain);
	buf_done(&record);
}

static void read_fork(struct span text)
{
	struct fork fork, again;
	struct buf out;

	if (fork_parse(text, &fork))
		return;
	buf_init(&out, 1 << 16);
	assert_always(fork_write(&fork, &out) == 0);
	assert_always(fork_parse(buf_span(&out), &again) == 0);
	assert_always(memcmp(&fork, &again, sizeof(fork)) == 0);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bench *bench = bench_of();
	struct span bytes = span_make(data, size);
	void *message = NULL;
	char source[64], text[128];

	read_fork(bytes);
	if (span_copy(bytes, text, sizeof(text)) == 0)
		throttle_source(text, source, sizeof(source));
	if (message_decode(MSG_JOIN_REQUEST, bytes, &message))
		return 0;
	decide(bench, message, NULL);
	if (strcmp(((Tunnel__JoinRequest *)message)->node, "edge-1") == 0)
		decide(bench, message, &bench->known);
	message_free(MSG_JOIN_REQUEST, message);
	return 0;
}
