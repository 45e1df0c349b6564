#include "tests/unit/net/fixture.h"

#include "net/address.h"
#include "net/outq.h"

static void good_addresses_are_taken_apart(void **state)
{
	static const struct {
		const char *text, *host, *path;
		unsigned port;
	} good[] = {
		{ "127.0.0.1:80", "127.0.0.1", "", 80 },
		{ "cloud.example:7443", "cloud.example", "", 7443 },
		{ "[::1]:0", "::1", "", 0 },
		{ "[fe80::1%eth0]:65535", "fe80::1%eth0", "", 65535 },
		{ "unix:///run/x.sock", "", "/run/x.sock", 0 },
	};
	struct address address;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse(span_of(good[i].text), &address, NULL), 0);
		assert_string_equal(address.host, good[i].host);
		assert_string_equal(address.path, good[i].path);
		assert_int_equal(address.port, good[i].port);
		assert_int_equal(address.is_unix, good[i].path[0] != '\0');
	}
}

static void bad_addresses_are_refused_with_a_sentence(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":80",
		"host",
		"host:",
		"host:x",
		"host:65536",
		"host:-1",
		"host:+1",
		"host: 1",
		"::1:80",
		"[::1]",
		"[::1]80",
		"[::1:80",
		"[]:80",
		"a b:80",
		"a/b:80",
		"unix://",
		"unix://run/x",
		"unix:/x",
		"host:80:90",
		"host:99999999999999999999",
	};
	struct address address;
	char long_host[400], long_path[200];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(address_parse(span_of(bad[i]), &address, &err), -EINVAL);
		assert_true(strlen(err.msg) > 10);
	}
	memset(long_host, 'a', sizeof(long_host));
	memcpy(long_host + sizeof(long_host) - 4, ":80", 4);
	assert_int_equal(address_parse(span_of(long_host), &address, NULL), -EINVAL);
	memset(long_path, 'a', sizeof(long_path));
	memcpy(long_path, "unix:///", 8);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(address_parse(span_of(long_path), &address, NULL), -EINVAL);
	assert_int_equal(address_parse(SPAN("unix:///a\0b"), &address, NULL), -EINVAL);
}

static void queue_keeps_order_and_bounds(void **state)
{
	struct outq q;
	char block[40000], out[3 * 40000];
	struct span pieces[2] = { SPAN("ab"), SPAN("cd") };
	size_t total = 0;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 31);
	outq_init(&q, 90000);
	assert_int_equal(outq_add(&q, pieces, 2), 0);
	assert_int_equal(outq_add(&q, &(struct span){ block, sizeof(block) }, 1), 0);
	assert_int_equal(outq_add(&q, pieces, 2), 0);
	assert_int_equal(outq_add(&q, &(struct span){ block, sizeof(block) }, 1), 0);
	assert_int_equal(outq_add(&q, &(struct span){ block, sizeof(block) }, 1), -EAGAIN);
	assert_int_equal(q.bytes, 2 * sizeof(block) + 8);
	while (q.bytes) {
		struct span front = outq_front(&q);
		size_t n = front.len > 777 ? 777 : front.len;

		memcpy(out + total, front.ptr, n);
		total += n;
		outq_consume(&q, n);
	}
	assert_int_equal(total, 2 * sizeof(block) + 8);
	assert_memory_equal(out, "abcd", 4);
	assert_memory_equal(out + 4, block, sizeof(block));
	assert_memory_equal(out + 4 + sizeof(block), "abcd", 4);
	assert_memory_equal(out + 8 + sizeof(block), block, sizeof(block));
	assert_null(q.first);
	outq_done(&q);
}

static void taken_memory_may_pass_the_maximum(void **state)
{
	struct outq q;
	char *big = malloc(1000);
	struct span pieces[3];

	assert_non_null(big);
	memset(big, 'x', 1000);
	outq_init(&q, 10);
	assert_int_equal(outq_add(&q, &SPAN("head"), 1), 0);
	assert_int_equal(outq_take(&q, big, 1000), 0);
	assert_int_equal(outq_add(&q, &SPAN("tail"), 1), -EAGAIN);
	assert_int_equal(outq_peek(&q, pieces, 3), 2);
	assert_true(span_is(pieces[0], "head"));
	assert_int_equal(pieces[1].len, 1000);
	outq_consume(&q, 1000);
	assert_int_equal(outq_add(&q, &SPAN("tail"), 1), 0);
	assert_true(span_is(outq_front(&q), "xxxx"));
	outq_consume(&q, 4);
	assert_true(span_is(outq_front(&q), "tail"));
	outq_done(&q);
	assert_int_equal(outq_take(&q, malloc(1), 0), 0);
	assert_int_equal(q.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_addresses_are_taken_apart),
		cmocka_unit_test(bad_addresses_are_refused_with_a_sentence),
		cmocka_unit_test(queue_keeps_order_and_bounds),
		cmocka_unit_test(taken_memory_may_pass_the_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
