/* Continue tokens: what goes in comes out, and nothing else does. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>
#include <errno.h>

#include "api/list_token.h"
#include "base/random.h"

static void tokens_come_back(void **state)
{
	struct list_token in = { .epoch = { 1, 2, 3 },
				 .revision = UINT64_MAX - 1,
				 .remaining = 5,
				 .ns = "web",
				 .name = "p" },
			  out;
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(list_token_write(&in, &text), 0);
	for (size_t i = 0; i < text.len; i++) /* it travels in a query */
		assert_null(strchr("+/=&% ", text.data[i]));
	assert_int_equal(list_token_read(buf_span(&text), &out), 0);
	assert_memory_equal(in.epoch, out.epoch, sizeof(in.epoch));
	assert_int_equal(out.revision, in.revision);
	assert_int_equal(out.remaining, 5);
	assert_string_equal(out.ns, "web");
	assert_string_equal(out.name, "p");
	buf_done(&text);
}

static void the_longest_key_fits(void **state)
{
	struct list_token in = { .revision = 1 }, out;
	struct buf text;

	memset(in.ns, 'n', 63);
	memset(in.name, 'p', 253);
	buf_init(&text, LIST_TOKEN_MAX);
	assert_int_equal(list_token_write(&in, &text), 0);
	assert_int_equal(list_token_read(buf_span(&text), &out), 0);
	assert_string_equal(out.name, in.name);
	buf_done(&text);
}

static void cut_and_grown_tokens_are_refused(void **state)
{
	struct list_token in = { .revision = 3, .ns = "web", .name = "p" }, out;
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(list_token_write(&in, &text), 0);
	for (size_t len = 0; len < text.len; len++)
		assert_int_equal(list_token_read(span_make(text.data, len), &out), -EINVAL);
	assert_int_equal(buf_add_str(&text, "AAAA"), 0);
	assert_int_equal(list_token_read(buf_span(&text), &out), -EINVAL);
	buf_done(&text);
}

static void noise_is_refused(void **state)
{
	struct list_token out;
	struct rng rng;
	char noise[128];

	rng_seed(&rng, 42);
	for (int i = 0; i < 2000; i++) {
		size_t len = rng_below(&rng, sizeof(noise));

		for (size_t k = 0; k < len; k++)
			noise[k] = (char)rng_below(&rng, 256);
		assert_int_equal(list_token_read(span_make(noise, len), &out), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_come_back),
		cmocka_unit_test(the_longest_key_fits),
		cmocka_unit_test(cut_and_grown_tokens_are_refused),
		cmocka_unit_test(noise_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
