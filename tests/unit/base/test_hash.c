#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/hash.h"

/* Vectors of the xxHash specification, the SipHash paper's appendix A and RFC 3720 B.4. */
static void hash64_is_xxh64(void **state)
{
	unsigned char bytes[101];
	uint64_t generator = 2654435761u;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (unsigned char)(generator >> 24);
		generator = (uint32_t)(generator * generator);
	}
	assert_true(hash64(SPAN(""), 0) == 0xef46db3751d8e999u);
	assert_true(hash64(SPAN("a"), 0) == 0xd24ec4f1a98c6e5bu);
	assert_true(hash64(SPAN("abc"), 0) == 0x44bc2cf5ad770999u);
	assert_true(hash64(span_make(bytes, 14), 0) == 0xcffa8db881bc3a3du);
	assert_true(hash64(span_make(bytes, 101), 0) == 0x0eab543384f878adu);
	assert_true(hash64(span_make(bytes, 101), 2654435761u) == 0xcaa65939306f1e21u);
}

static void hash_keyed_is_siphash_2_4(void **state)
{
	static const uint64_t key[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	unsigned char bytes[15];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	assert_true(hash_keyed(span_make(bytes, 15), key) == 0xa129ca6149be45e5u);
	assert_true(hash_keyed(SPAN(""), key) == 0x726fdb47dd0e0e31u);
}

static void crc32c_agrees_with_its_rfc_and_chains(void **state)
{
	char zeros[32] = { 0 };
	uint32_t crc;

	assert_int_equal(hash_crc32c(0, SPAN("123456789")), 0xe3069283u);
	assert_int_equal(hash_crc32c(0, span_make(zeros, 32)), 0x8a9136aau);
	crc = hash_crc32c(0, SPAN("1234"));
	assert_int_equal(hash_crc32c(crc, SPAN("56789")), 0xe3069283u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hash64_is_xxh64),
		cmocka_unit_test(hash_keyed_is_siphash_2_4),
		cmocka_unit_test(crc32c_agrees_with_its_rfc_and_chains),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
