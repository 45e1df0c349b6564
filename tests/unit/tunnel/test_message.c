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

static int decode_verdicts(const char *region, size_t count, size_t len)
{
	static uint8_t bytes[MESSAGE_VERDICT_SIZE + 1];
	static ProtobufCBinaryData list[MESSAGE_VERDICTS_MAX + 1];
	Tunnel__Verdicts verdicts = TUNNEL__VERDICTS__INIT;
	struct blob *blob;
	void *message = NULL;
	int code;

	for (size_t i = 0; i < count; i++)
		list[i] = (ProtobufCBinaryData){ len, bytes };
	verdicts.region = (char *)region;
	verdicts.verdicts = list;
	verdicts.n_verdicts = count;
	blob = message_blob(MSG_VERDICTS, &verdicts);
	assert_non_null(blob);
	code = message_decode(MSG_VERDICTS, blob_span(blob), &message);
	if (!code)
		assert_int_equal(((Tunnel__Verdicts *)message)->n_verdicts, count);
	message_free(MSG_VERDICTS, code ? NULL : message);
	blob_unref(blob);
	return code;
}

static void verdicts_have_a_region_a_length_and_a_number(void **state)
{
	assert_int_equal(decode_verdicts("store-7", 0, 0), 0);
	assert_int_equal(decode_verdicts("store-7", MESSAGE_VERDICTS_MAX, MESSAGE_VERDICT_SIZE), 0);
	assert_int_equal(decode_verdicts("store-7", MESSAGE_VERDICTS_MAX + 1, 1), -EBADMSG);
	assert_int_equal(decode_verdicts("store-7", 1, MESSAGE_VERDICT_SIZE + 1), -EBADMSG);
	assert_int_equal(decode_verdicts("store-7", 1, 0), -EBADMSG);
	assert_int_equal(decode_verdicts("", 1, 1), -EBADMSG);
}

static int decode_fence(uint32_t fence_ms)
{
	Tunnel__Fence fence = TUNNEL__FENCE__INIT;
	struct blob *blob;
	void *message = NULL;
	int code;

	fence.fence_ms = fence_ms;
	blob = message_blob(MSG_FENCE, &fence);
	assert_non_null(blob);
	code = message_decode(MSG_FENCE, blob_span(blob), &message);
	if (!code)
		assert_int_equal(((Tunnel__Fence *)message)->fence_ms, fence_ms);
	message_free(MSG_FENCE, code ? NULL : message);
	blob_unref(blob);
	return code;
}

static void a_fence_is_a_day_at_most(void **state)
{
	assert_int_equal(decode_fence(0), 0);
	assert_int_equal(decode_fence(60000), 0);
	assert_int_equal(decode_fence(MESSAGE_FENCE_MAX_MS), 0);
	assert_int_equal(decode_fence(MESSAGE_FENCE_MAX_MS + 1), -EBADMSG);
}

static int decode_want(const char *subject, size_t count)
{
	static char *subjects[MESSAGE_SUBJECTS_MAX + 1];
	Tunnel__VerdictWant want = TUNNEL__VERDICT_WANT__INIT;
	struct blob *blob;
	void *message = NULL;
	int code;

	for (size_t i = 0; i < count; i++)
		subjects[i] = (char *)subject;
	want.subjects = subjects;
	want.n_subjects = count;
	blob = message_blob(MSG_VERDICT_WANT, &want);
	assert_non_null(blob);
	code = message_decode(MSG_VERDICT_WANT, blob_span(blob), &message);
	message_free(MSG_VERDICT_WANT, code ? NULL : message);
	blob_unref(blob);
	return code;
}

static void wanted_are_nodes_and_not_too_many(void **state)
{
	assert_int_equal(decode_want("edge-1", 0), 0);
	assert_int_equal(decode_want("edge-1", MESSAGE_SUBJECTS_MAX), 0);
	assert_int_equal(decode_want("edge-1", MESSAGE_SUBJECTS_MAX + 1), -EBADMSG);
	assert_int_equal(decode_want("edge/1", 1), -EBADMSG);
	assert_int_equal(decode_want("", 1), -EBADMSG);
}

static int decode_hello_of(size_t identity_len, uint32_t port)
{
	static uint8_t identity[MESSAGE_IDENTITY_MAX + 1];
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	struct blob *blob;
	void *message = NULL;
	int code;

	hello.version_min = hello.version_max = 1;
	hello.node = (char *)"edge-1";
	hello.identity_key = (ProtobufCBinaryData){ identity_len, identity };
	hello.health_port = port;
	blob = message_blob(MSG_HELLO, &hello);
	assert_non_null(blob);
	code = message_decode(MSG_HELLO, blob_span(blob), &message);
	message_free(MSG_HELLO, code ? NULL : message);
	blob_unref(blob);
	return code;
}

static void a_hello_says_where_neighbours_find_the_node(void **state)
{
	assert_int_equal(decode_hello_of(0, 0), 0);
	assert_int_equal(decode_hello_of(MESSAGE_IDENTITY_MAX, 65535), 0);
	assert_int_equal(decode_hello_of(MESSAGE_IDENTITY_MAX + 1, 0), -EBADMSG);
	assert_int_equal(decode_hello_of(91, 65536), -EBADMSG);
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
		cmocka_unit_test(verdicts_have_a_region_a_length_and_a_number),
		cmocka_unit_test(a_fence_is_a_day_at_most),
		cmocka_unit_test(wanted_are_nodes_and_not_too_many),
		cmocka_unit_test(a_hello_says_where_neighbours_find_the_node),
		cmocka_unit_test(one_change_is_encoded_once),
		cmocka_unit_test(the_encode_cache_stays_within_its_bytes),
		cmocka_unit_test(digests_tell_rows_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
