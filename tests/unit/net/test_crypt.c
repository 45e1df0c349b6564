#include "tests/unit/net/fixture.h"

#include "base/text.h"
#include "net/crypt.h"

static void hex_is(const uint8_t digest[32], const char *want)
{
	struct buf hex;

	buf_init(&hex, 100);
	assert_int_equal(text_hex(&hex, span_make(digest, 32)), 0);
	assert_string_equal(buf_cstr(&hex), want);
	buf_done(&hex);
}

/* FIPS 180-4 and RFC 4231 test case 2. */
static void digests_match_published_vectors(void **state)
{
	uint8_t digest[CRYPT_SHA256_SIZE];

	crypt_sha256(SPAN("abc"), digest);
	hex_is(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypt_sha256(SPAN(""), digest);
	hex_is(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	assert_int_equal(crypt_hmac_sha256(SPAN("Jefe"), SPAN("what do ya want for nothing?"), digest), 0);
	hex_is(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void a_digest_in_pieces_is_that_of_the_whole(void **state)
{
	struct crypt_digest *digest = NULL;
	uint8_t sum[CRYPT_SHA256_SIZE];

	assert_int_equal(crypt_digest_new(&digest), 0);
	crypt_digest_add(digest, SPAN("a"));
	crypt_digest_peek(digest, sum);
	hex_is(sum, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb");
	crypt_digest_add(digest, SPAN(""));
	crypt_digest_add(digest, SPAN("bc"));
	crypt_digest_peek(digest, sum);
	hex_is(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	crypt_digest_free(digest);
}

/* The first 32 bytes of hashlib.pbkdf2_hmac("sha512", b"password", b"salt", ...) of Python. */
static void a_passphrase_is_stretched_as_elsewhere(void **state)
{
	uint8_t key[CRYPT_KEY_SIZE];

	assert_int_equal(crypt_stretch(SPAN("password"), SPAN("salt"), 1, key), 0);
	hex_is(key, "867f70cf1ade02cff3752599a3a53dc4af34c7a669815ae5d513554e1c8cf252");
	assert_int_equal(crypt_stretch(SPAN("password"), SPAN("salt"), 4096, key), 0);
	hex_is(key, "d197b1b33db0143e018b12f3d1d1479e6cdebdcc97c5c0f87f6902e072f457b5");
}

static void equal_compares_bytes_and_lengths(void **state)
{
	assert_true(crypt_equal(SPAN("abc"), SPAN("abc")));
	assert_false(crypt_equal(SPAN("abc"), SPAN("abd")));
	assert_false(crypt_equal(SPAN("abc"), SPAN("ab")));
	assert_true(crypt_equal(SPAN(""), SPAN("")));
}

static void sealed_opens_only_as_it_was_sealed(void **state)
{
	uint8_t key[CRYPT_KEY_SIZE] = { 1 }, other[CRYPT_KEY_SIZE] = { 2 };
	struct buf sealed, again, plain;

	buf_init(&sealed, 1000);
	buf_init(&again, 1000);
	buf_init(&plain, 1000);
	assert_int_equal(crypt_seal(key, SPAN("uid 7"), SPAN("secret"), &sealed), 0);
	assert_int_equal(sealed.len, 6 + CRYPT_SEAL_OVERHEAD);
	assert_int_equal(crypt_seal(key, SPAN("uid 7"), SPAN("secret"), &again), 0);
	assert_false(span_eq(buf_span(&sealed), buf_span(&again))); /* another nonce */
	assert_int_equal(crypt_open(key, SPAN("uid 7"), buf_span(&sealed), &plain), 0);
	assert_true(span_is(buf_span(&plain), "secret"));
	buf_reset(&plain);
	assert_int_equal(crypt_open(key, SPAN("uid 8"), buf_span(&sealed), &plain), -EBADMSG);
	assert_int_equal(crypt_open(other, SPAN("uid 7"), buf_span(&sealed), &plain), -EBADMSG);
	for (size_t i = 0; i < sealed.len; i++) {
		sealed.data[i] ^= 1;
		assert_int_equal(crypt_open(key, SPAN("uid 7"), buf_span(&sealed), &plain), -EBADMSG);
		sealed.data[i] ^= 1;
	}
	for (size_t len = 0; len < sealed.len; len++)
		assert_int_equal(crypt_open(key, SPAN("uid 7"), span_make(sealed.data, len), &plain),
				 -EBADMSG);
	assert_int_equal(plain.len, 0);
	buf_done(&sealed);
	buf_done(&again);
	buf_done(&plain);
}

static void empty_text_can_be_sealed(void **state)
{
	uint8_t key[CRYPT_KEY_SIZE] = { 1 };
	struct buf sealed, plain, tiny;

	buf_init(&sealed, 100);
	buf_init(&plain, 100);
	buf_init(&tiny, 8);
	assert_int_equal(crypt_seal(key, SPAN(""), SPAN(""), &sealed), 0);
	assert_int_equal(crypt_open(key, SPAN(""), buf_span(&sealed), &plain), 0);
	assert_int_equal(plain.len, 0);
	assert_int_equal(crypt_seal(key, SPAN(""), SPAN("x"), &tiny), -EMSGSIZE);
	buf_done(&sealed);
	buf_done(&plain);
	buf_done(&tiny);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_match_published_vectors),
		cmocka_unit_test(a_digest_in_pieces_is_that_of_the_whole),
		cmocka_unit_test(a_passphrase_is_stretched_as_elsewhere),
		cmocka_unit_test(equal_compares_bytes_and_lengths),
		cmocka_unit_test(sealed_opens_only_as_it_was_sealed),
		cmocka_unit_test(empty_text_can_be_sealed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
