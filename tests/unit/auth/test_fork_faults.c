#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/enrol.h"
#include "auth/fork.h"
#include "auth/throttle.h"
#include "tests/tools/failmalloc.h"

#define PROOF_EACH_UP_TO 64
#define PROOF_STRIDE 61 /* odd: both modes take turns */

static int record_body(void *ctx)
{
	struct fork *fork = ctx, read;
	struct buf json;
	int code;

	buf_init(&json, 16384);
	code = fork_write(fork, &json);
	if (!code)
		code = fork_parse(buf_span(&json), &read);
	if (!code)
		assert_int_equal(read.host_count, fork->host_count);
	buf_done(&json);
	return code;
}

static void the_record_needs_memory_and_says_so(void **state)
{
	struct fork fork = { .number = 9, .quarantined = true, .host_count = 2, .denied_count = 1 };

	assert_true(failmalloc_walk(record_body, &fork) > 3);
}

/* Without memory nobody gets in unseen. */
static int throttle_body(void *ctx)
{
	struct throttle *throttle = NULL;
	int code = throttle_new((struct throttle_rate){ 1, 5 }, (struct throttle_rate){ 10, 20 }, &throttle);

	if (!code && throttle_take(throttle, "a", 1, 1000))
		code = -ENOMEM;
	throttle_free(throttle);
	return code;
}

static void a_throttle_without_memory_refuses(void **state)
{
	assert_true(failmalloc_walk(throttle_body, NULL) > 1);
}

static int proof_body(void *ctx)
{
	struct x509_key *key = ctx;
	struct buf text, signature, der;
	uint8_t signer[X509_SHA256_SIZE];
	int code;

	buf_init(&text, 4096);
	buf_init(&signature, 4096);
	buf_init(&der, 4096);
	code = enrol_proof_text("0123456789abcdef", "edge-1", SPAN("csr"), &text);
	if (!code)
		code = x509_sign(key, buf_span(&text), &signature);
	if (!code)
		code = x509_key_spki(key, &der);
	if (!code)
		code = x509_check_signature(buf_span(&der), buf_span(&text), buf_span(&signature), signer);
	buf_done(&text);
	buf_done(&signature);
	buf_done(&der);
	return code ? -ENOMEM : 0; /* mbedTLS has its own words for it */
}

/* Arithmetic on curves allocates thousands of times, and walking all of them took a minute: those at the begin, which are ours
 * too, and then one in so many. */
static void a_proof_needs_memory_and_is_no_proof_without(void **state)
{
	struct x509_key *key = NULL;
	unsigned refused = 0;
	bool failed = true;

	assert_int_equal(x509_key_new(&key), 0);
	for (unsigned long nth = 1; failed; nth += nth < PROOF_EACH_UP_TO ? 1 : PROOF_STRIDE) {
		int code;

		failmalloc_arm(nth, nth % 2 ? FAILMALLOC_ONCE : FAILMALLOC_FROM);
		code = proof_body(key);
		failed = failmalloc_disarm() > 0;
		assert_true(code == 0 || (failed && code == -ENOMEM));
		refused += code != 0;
	}
	assert_true(refused > 3);
	x509_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_record_needs_memory_and_says_so),
		cmocka_unit_test(a_throttle_without_memory_refuses),
		cmocka_unit_test(a_proof_needs_memory_and_is_no_proof_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
