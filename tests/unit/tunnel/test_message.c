#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tunnel/digest.h"
#include "tunnel/encode_cache.h"
#include "tunnel/message.h"

static struct object *sample(uint64_t revision)
{
	struct object from = {
		.key = { "pods", "shop", "web-1" },
		.uid = "11111111-2222-3333-4444-555555555555",
		.revision = revision,
		.generation = 3,
		.labels = SPAN("app\0web\0tier\0front\0"),
		.fields = SPAN("spec.nodeName\0edge-1\0"),
		.owners = SPAN("aaaa\0bbbb\0"),
		.body = SPAN("{\"metadata\":{\"name\":\"web-1\"}}"),
		.splice = 13,
	};
	struct object *object = object_new(&from);

	assert_non_null(object);
	return object;
}

static void an_object_survives_the_wire(void **state)
{
	struct object *object = sample(42);
	struct blob *bytes = message_encode_put(object);
	struct object *copy;
	void *put;

	assert_non_null(bytes);
	assert_int_equal(message_decode(MSG_PUT, blob_span(bytes), &put), 0);
	copy = message_put_object(put);
	assert_non_null(copy);
	assert_true(key_eq(&copy->key, &object->key));
	assert_string_equal(copy->uid, object->uid);
	assert_int_equal(copy->revision, 0);
	assert_int_equal(copy->origin, 42);
	assert_int_equal(copy->generation, 3);
	assert_true(span_eq(copy->labels, object->labels));
	assert_true(span_eq(copy->fields, object->fields));
	assert_true(span_eq(copy->owners, object->owners));
	assert_true(span_eq(copy->body, object->body));
	assert_int_equal(copy->splice, 13);
	object_unref(copy);
	message_free(MSG_PUT, put);
	blob_unref(bytes);
	object_unref(object);
}

static int decode_put(struct key key, const char *uid, uint64_t revision, struct span labels, uint32_t splice)
{
	Tunnel__Put put = TUNNEL__PUT__INIT;
	Tunnel__Key wire;
	struct blob *bytes;
	void *message = NULL;
	int code;

	message_set_key(&wire, &key);
	put.key = &wire;
	put.uid = (char *)uid;
	put.revision = revision;
	put.labels.data = (uint8_t *)labels.ptr;
	put.labels.len = labels.len;
	put.splice = splice;
	bytes = message_blob(MSG_PUT, &put);
	assert_non_null(bytes);
	code = message_decode(MSG_PUT, blob_span(bytes), &message);
	message_free(MSG_PUT, code ? NULL : message);
	blob_unref(bytes);
	return code;
}

static void puts_that_make_no_sense_are_refused(void **state)
{
	struct key good = { "pods", "ns", "name" };
	char long_name[300];

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(decode_put(good, "u", 1, SPAN(""), 0), 0);
	assert_int_equal(decode_put(good, "u", 0, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put(good, "u", 1, SPAN(""), 1), -EBADMSG);
	assert_int_equal(decode_put(good, "u", 1, SPAN("a\0"), 0), -EBADMSG);
	assert_int_equal(decode_put(good, "u", 1, SPAN("a\0b"), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "pods", "n/s", "name" }, "u", 1, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "pods", "ns", "" }, "u", 1, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "", "ns", "name" }, "u", 1, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "pods", "ns", "na\nme" }, "u", 1, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "pods", "ns", long_name }, "u", 1, SPAN(""), 0), -EBADMSG);
	assert_int_equal(decode_put((struct key){ "pods", "ns", "\xff" }, "u", 1, SPAN(""), 0), -EBADMSG);
}

static void messages_of_tomorrow_are_told_apart_from_broken_ones(void **state)
{
	void *message;

	assert_int_equal(message_decode(9999, SPAN("x"), &message), -ENOSYS);
	assert_false(message_known(9999));
	assert_int_equal(message_decode(MSG_PING, SPAN("\xff\xff\xff"), &message), -EBADMSG);
	/* An unknown field is skipped. */
	assert_int_equal(message_decode(MSG_PING, SPAN("\x08\x05\x50\x01"), &message), 0);
	assert_int_equal(((Tunnel__Ping *)message)->id, 5);
	message_free(MSG_PING, message);
}

static void a_small_message_cannot_take_much_memory(void **state)
{
	struct buf bytes;
	void *message;

	/* 100,000 empty rows of two bytes each would take a hundred times that. */
	buf_init(&bytes, 1 << 20);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buf_add(&bytes, "\x12\x00", 2), 0);
	assert_int_equal(message_decode(MSG_BUCKET_KEYS, buf_span(&bytes), &message), -EBADMSG);
	buf_done(&bytes);
}

static void hello_needs_its_fixed_sizes(void **state)
{
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	Tunnel__Cursor cursor = TUNNEL__CURSOR__INIT;
	uint8_t root[DIGEST_SIZE] = { 0 };
	struct blob *bytes;
	void *message;

	hello.version_min = hello.version_max = 1;
	hello.node = (char *)"edge-1";
	hello.cursor = &cursor;
	cursor.root.data = root;
	for (size_t len = 0; len <= DIGEST_SIZE; len += DIGEST_SIZE / 2) {
		int code;

		cursor.root.len = len;
		bytes = message_blob(MSG_HELLO, &hello);
		assert_non_null(bytes);
		code = message_decode(MSG_HELLO, blob_span(bytes), &message);
		assert_int_equal(code, len == DIGEST_SIZE ? 0 : -EBADMSG);
		if (!code)
			message_free(MSG_HELLO, message);
		blob_unref(bytes);
	}
}

static void one_change_is_encoded_once(void **state)
{
	struct encode_cache *cache = encode_cache_new(1 << 20);
	struct object *object = sample(42), *next = sample(43);
	struct blob *first, *second, *third;

	assert_non_null(cache);
	first = encode_cache_put(cache, object);
	second = encode_cache_put(cache, object);
	third = encode_cache_put(cache, next);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, third);
	assert_int_equal(encode_cache_hits(cache), 1);
	assert_int_equal(encode_cache_misses(cache), 2);
	encode_cache_free(cache);
	assert_true(blob_span(first).len > 0); /* still ours */
	blob_unref(first);
	blob_unref(second);
	blob_unref(third);
	object_unref(object);
	object_unref(next);
}

static void the_encode_cache_stays_within_its_bytes(void **state)
{
	struct encode_cache *cache = encode_cache_new(4096);

	assert_non_null(cache);
	for (uint64_t i = 1; i <= 200; i++) {
		struct object *object = sample(i);
		struct blob *bytes = encode_cache_put(cache, object);

		assert_non_null(bytes);
		blob_unref(bytes);
		object_unref(object);
	}
	assert_int_equal(encode_cache_misses(cache), 200);
	encode_cache_free(cache);
}

static void digests_tell_rows_apart(void **state)
{
	struct key a = { "pods", "ns", "ab" }, b = { "pods", "nsa", "b" };
	struct digest sum = { 0, 0 };
	uint8_t bytes[DIGEST_SIZE];

	assert_false(digest_eq(digest_row(&a, "u", 1), digest_row(&b, "u", 1)));
	assert_false(digest_eq(digest_row(&a, "u", 1), digest_row(&a, "u", 2)));
	assert_false(digest_eq(digest_row(&a, "u", 1), digest_row(&a, "v", 1)));
	digest_xor(&sum, digest_row(&a, "u", 1));
	digest_xor(&sum, digest_row(&b, "u", 1));
	digest_xor(&sum, digest_row(&a, "u", 1));
	assert_true(digest_eq(sum, digest_row(&b, "u", 1)));
	digest_store(sum, bytes);
	assert_true(digest_eq(sum, digest_load(bytes)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_survives_the_wire),
		cmocka_unit_test(puts_that_make_no_sense_are_refused),
		cmocka_unit_test(messages_of_tomorrow_are_told_apart_from_broken_ones),
		cmocka_unit_test(a_small_message_cannot_take_much_memory),
		cmocka_unit_test(hello_needs_its_fixed_sizes),
		cmocka_unit_test(one_change_is_encoded_once),
		cmocka_unit_test(the_encode_cache_stays_within_its_bytes),
		cmocka_unit_test(digests_tell_rows_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
