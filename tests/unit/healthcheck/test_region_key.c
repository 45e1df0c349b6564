/* A region's key opens for the member it was sealed to, and for nobody and nothing else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "healthcheck/region_key.h"

static const uint8_t secret[REGION_KEY_SIZE] = { 1, 2, 3, 4 };
static const struct region_key_to to = { "east", "edge-1", 7 };

struct keys {
	struct x509_key *member, *other, *cloud;
	struct buf member_spki, other_spki, cloud_spki, sealed;
};

static void make(struct x509_key **key, struct buf *spki)
{
	buf_init(spki, 256);
	assert_int_equal(x509_key_new(key), 0);
	assert_int_equal(x509_key_spki(*key, spki), 0);
}

static int set_up(void **state)
{
	static struct keys k;

	make(&k.member, &k.member_spki);
	make(&k.other, &k.other_spki);
	make(&k.cloud, &k.cloud_spki);
	buf_init(&k.sealed, REGION_KEY_SEALED_MAX);
	assert_int_equal(region_key_seal(&to, secret, buf_span(&k.member_spki), k.cloud, &k.sealed), 0);
	*state = &k;
	return 0;
}

static int tear_down(void **state)
{
	struct keys *k = *state;

	x509_key_free(k->member);
	x509_key_free(k->other);
	x509_key_free(k->cloud);
	buf_done(&k->member_spki);
	buf_done(&k->other_spki);
	buf_done(&k->cloud_spki);
	buf_done(&k->sealed);
	return 0;
}

static void it_opens_for_its_member(void **state)
{
	struct keys *k = *state;
	uint8_t out[REGION_KEY_SIZE] = { 0 };

	assert_int_equal(region_key_open(&to, buf_span(&k->sealed), k->member, buf_span(&k->cloud_spki), out),
			 0);
	assert_memory_equal(out, secret, sizeof(secret));
}

static void another_member_signer_region_or_generation_gets_nothing(void **state)
{
	static const struct region_key_to others[] = { { "west", "edge-1", 7 },
						       { "east", "edge-2", 7 },
						       { "east", "edge-1", 8 } };
	struct keys *k = *state;
	uint8_t out[REGION_KEY_SIZE] = { 0 };
	static const uint8_t nothing[REGION_KEY_SIZE];

	assert_int_equal(region_key_open(&to, buf_span(&k->sealed), k->other, buf_span(&k->cloud_spki), out),
			 -EBADMSG);
	assert_int_equal(region_key_open(&to, buf_span(&k->sealed), k->member, buf_span(&k->other_spki), out),
			 -EKEYREJECTED);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(region_key_open(&others[i], buf_span(&k->sealed), k->member,
						 buf_span(&k->cloud_spki), out),
				 -EKEYREJECTED);
	assert_memory_equal(out, nothing, sizeof(nothing));
}

static void every_changed_and_missing_byte_is_noticed(void **state)
{
	struct keys *k = *state;
	uint8_t out[REGION_KEY_SIZE];

	for (size_t i = 0; i < k->sealed.len; i++) {
		k->sealed.data[i] ^= 1;
		assert_true(region_key_open(&to, buf_span(&k->sealed), k->member, buf_span(&k->cloud_spki),
					    out) < 0);
		k->sealed.data[i] ^= 1;
		assert_true(region_key_open(&to, span_make(k->sealed.data, i), k->member,
					    buf_span(&k->cloud_spki), out) < 0);
	}
	assert_int_equal(region_key_seal(&to, secret, SPAN("no key"), k->cloud, &k->sealed), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_opens_for_its_member, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_member_signer_region_or_generation_gets_nothing,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(every_changed_and_missing_byte_is_noticed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
