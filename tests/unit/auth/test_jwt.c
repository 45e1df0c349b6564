#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/jwt.h"
#include "base/text.h"

static struct x509_key *new_key(void)
{
	struct x509_key *key = NULL;

	assert_int_equal(x509_key_new(&key), 0);
	return key;
}

static void sign(const struct x509_key *key, const char *claims_text, struct buf *out)
{
	struct json *claims = NULL;

	assert_int_equal(json_parse(span_of(claims_text), &claims, NULL), 0);
	buf_init(out, JWT_MAX);
	assert_int_equal(jwt_sign(key, claims, out), 0);
	json_free(claims);
}

static void what_is_signed_is_read_back_and_verifies(void **state)
{
	struct x509_key *key = new_key(), *other = new_key();
	char id[JWT_KEY_ID_SIZE];
	struct buf text;
	struct jwt jwt;

	assert_int_equal(jwt_key_id(key, id), 0);
	/* r and s are of every length now and then: each is padded to its half. */
	for (unsigned i = 0; i < 300; i++) {
		sign(key, "{\"sub\":\"jo\",\"n\":7}", &text);
		assert_int_equal(jwt_parse(buf_span(&text), &jwt, NULL), 0);
		assert_string_equal(jwt.key_id, id);
		assert_string_equal(json_path_str(jwt.claims, "sub", ""), "jo");
		assert_true(jwt_is_signed_by(&jwt, key));
		assert_false(jwt_is_signed_by(&jwt, other));
		jwt_done(&jwt);
		buf_done(&text);
	}
	x509_key_free(key);
	x509_key_free(other);
}

static void a_changed_byte_anywhere_is_noticed(void **state)
{
	struct x509_key *key = new_key();
	struct buf text;
	struct jwt jwt;

	sign(key, "{\"sub\":\"jo\"}", &text);
	for (size_t i = 0; i < text.len; i++) {
		char was = text.data[i];

		text.data[i] = was == 'A' ? 'B' : 'A';
		if (text.data[i] != was && jwt_parse(buf_span(&text), &jwt, NULL) == 0) {
			assert_false(jwt_is_signed_by(&jwt, key));
			jwt_done(&jwt);
		} else {
			jwt_done(&jwt);
		}
		text.data[i] = was;
	}
	assert_int_equal(jwt_parse(buf_span(&text), &jwt, NULL), 0);
	assert_true(jwt_is_signed_by(&jwt, key));
	jwt_done(&jwt);
	buf_done(&text);
	x509_key_free(key);
}

/* header . claims . signature, each encoded. */
static int parse_parts(const char *header, const char *claims, size_t signature_size)
{
	char zeros[128] = { 1 };
	struct buf text;
	struct jwt jwt;
	int code;

	buf_init(&text, JWT_MAX);
	text_base64url(&text, span_of(header));
	buf_add_char(&text, '.');
	text_base64url(&text, span_of(claims));
	buf_add_char(&text, '.');
	text_base64url(&text, span_make(zeros, signature_size));
	code = jwt_parse(buf_span(&text), &jwt, NULL);
	jwt_done(&jwt);
	buf_done(&text);
	return code;
}

static void headers_that_say_anything_else_are_refused(void **state)
{
	static const char *const bad[] = {
		"{}",
		"[]",
		"{\"alg\":\"none\",\"kid\":\"k\"}",
		"{\"alg\":\"HS256\",\"kid\":\"k\"}",
		"{\"alg\":\"es256\",\"kid\":\"k\"}",
		"{\"alg\":\"RS256\",\"kid\":\"k\"}",
		"{\"alg\":7,\"kid\":\"k\"}",
		"{\"alg\":\"ES256\"}",
		"{\"alg\":\"ES256\",\"kid\":\"\"}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"crit\":[\"b64\"]}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"jwk\":{}}",
		"{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"other\"}",
		"{\"alg\":\"ES256\",\"kid\":\"12345678901234567890123456789012345678901234\"}",
	};

	assert_int_equal(parse_parts("{\"alg\":\"ES256\",\"kid\":\"k\"}", "{}", 64), 0);
	assert_int_equal(parse_parts("{\"alg\":\"ES256\",\"kid\":\"k\",\"typ\":\"JWT\"}", "{}", 64), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(parse_parts(bad[i], "{}", 64), -EINVAL);
	assert_int_equal(parse_parts("{\"alg\":\"ES256\",\"kid\":\"k\"}", "[]", 64), -EINVAL);
	assert_int_equal(parse_parts("{\"alg\":\"ES256\",\"kid\":\"k\"}", "{", 64), -EINVAL);
	for (size_t size = 0; size < 100; size++)
		if (size != 64)
			assert_int_equal(parse_parts("{\"alg\":\"ES256\",\"kid\":\"k\"}", "{}", size),
					 -EINVAL);
}

static void other_spellings_of_a_token_are_refused(void **state)
{
	struct x509_key *key = new_key();
	struct buf text, other;
	struct jwt jwt;
	char *longest = malloc(JWT_MAX + 1);

	assert_non_null(longest);
	memset(longest, 'A', JWT_MAX + 1);
	sign(key, "{\"sub\":\"jo\"}", &text);
	buf_init(&other, JWT_MAX);
	buf_add_span(&other, buf_span(&text));
	buf_add_str(&other, "==");
	assert_int_equal(jwt_parse(buf_span(&other), &jwt, NULL), -EINVAL);
	other.len -= 1;
	other.data[other.len - 1] = '\n';
	assert_int_equal(jwt_parse(buf_span(&other), &jwt, NULL), -EINVAL);
	other.data[other.len - 1] = '.';
	assert_int_equal(jwt_parse(buf_span(&other), &jwt, NULL), -EINVAL);
	/* The last character of 64 bytes carries four bits: the spare ones must be 0. */
	other.len--;
	other.data[other.len - 1]++;
	assert_int_equal(jwt_parse(buf_span(&other), &jwt, NULL), -EINVAL);
	assert_int_equal(jwt_parse(SPAN(""), &jwt, NULL), -EINVAL);
	assert_int_equal(jwt_parse(SPAN("a.b"), &jwt, NULL), -EINVAL);
	assert_int_equal(jwt_parse(SPAN(".."), &jwt, NULL), -EINVAL);
	assert_int_equal(jwt_parse(span_make(longest, JWT_MAX + 1), &jwt, NULL), -EINVAL);
	buf_done(&text);
	buf_done(&other);
	free(longest);
	x509_key_free(key);
}

/* RFC 7515 appendix A.3: a token made by others verifies, so what is made here is the real thing. */
static void a_signature_of_the_rfc_verifies(void **state)
{
	static const char pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
				  "MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49\n"
				  "AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b\n"
				  "focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
				  "-----END EC PRIVATE KEY-----\n";
	static const char signed_part[] = "eyJhbGciOiJFUzI1NiJ9"
					  ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtc"
					  "GxlLmNvbS9pc19yb290Ijp0cnVlfQ";
	static const char signature[] =
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	struct x509_key *key = NULL;
	struct buf bytes, jwk;

	buf_init(&bytes, 256);
	buf_init(&jwk, 1024);
	assert_int_equal(x509_key_parse(span_of(pem), &key, NULL), 0);
	assert_int_equal(text_unbase64(&bytes, span_of(signature)), 0);
	assert_int_equal(bytes.len, X509_SIGNATURE_SIZE);
	assert_true(x509_key_verify(key, span_of(signed_part), (const uint8_t *)bytes.data));
	bytes.data[5] ^= 1;
	assert_false(x509_key_verify(key, span_of(signed_part), (const uint8_t *)bytes.data));
	memset(bytes.data, 0, bytes.len);
	assert_false(x509_key_verify(key, span_of(signed_part), (const uint8_t *)bytes.data));
	assert_int_equal(jwt_write_jwk(key, &jwk), 0);
	assert_non_null(strstr(buf_cstr(&jwk), "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
					       "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\""));
	buf_done(&bytes);
	buf_done(&jwk);
	x509_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_signed_is_read_back_and_verifies),
		cmocka_unit_test(a_changed_byte_anywhere_is_noticed),
		cmocka_unit_test(headers_that_say_anything_else_are_refused),
		cmocka_unit_test(other_spellings_of_a_token_are_refused),
		cmocka_unit_test(a_signature_of_the_rfc_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
