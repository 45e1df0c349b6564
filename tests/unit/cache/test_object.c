#include "tests/unit/cache/store.h"

#include <errno.h>
#include <stdlib.h>

#include "cache/row.h"

static void keys_are_ordered_by_resource_then_namespace_then_name(void **state)
{
	const struct key keys[] = {
		{ "a", "", "z" }, { "b", "", "a" }, { "b", "n", "a" }, { "b", "n", "b" }, { "b", "na", "a" }
	};

	for (size_t i = 0; i + 1 < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_true(key_cmp(&keys[i], &keys[i + 1]) < 0);
		assert_true(key_cmp(&keys[i + 1], &keys[i]) > 0);
		assert_true(key_eq(&keys[i], &keys[i]));
		assert_false(key_eq(&keys[i], &keys[i + 1]));
	}
}

static void a_key_reads_as_one_text(void **state)
{
	struct buf text;

	buf_init(&text, 64);
	assert_int_equal(key_text(&(struct key){ "pods", "ns", "x" }, &text), 0);
	assert_string_equal(buf_cstr(&text), "pods/ns/x");
	buf_done(&text);
}

static void pairs_are_found_and_walked(void **state)
{
	const char *key, *value;
	struct buf packed;
	size_t cursor = 0;

	buf_init(&packed, 64);
	assert_int_equal(pairs_add(&packed, "a", "1"), 0);
	assert_int_equal(pairs_add(&packed, "b", ""), 0);
	assert_string_equal(pairs_get(buf_span(&packed), "a"), "1");
	assert_string_equal(pairs_get(buf_span(&packed), "b"), "");
	assert_null(pairs_get(buf_span(&packed), "c"));
	assert_true(pairs_next(buf_span(&packed), &cursor, &key, &value));
	assert_true(pairs_next(buf_span(&packed), &cursor, &key, &value));
	assert_string_equal(key, "b");
	assert_false(pairs_next(buf_span(&packed), &cursor, &key, &value));
	buf_done(&packed);
}

static void half_a_pair_is_never_added(void **state)
{
	struct buf packed;

	buf_init(&packed, 5);
	assert_int_equal(pairs_add(&packed, "abc", "def"), -EMSGSIZE);
	assert_int_equal(packed.len, 0);
	buf_done(&packed);
}

static void malformed_pairs_are_told_from_good_ones(void **state)
{
	assert_true(pairs_valid(SPAN("")));
	assert_true(pairs_valid(SPAN("a\0b\0c\0\0")));
	assert_false(pairs_valid(SPAN("a\0b")));	 /* no end */
	assert_false(pairs_valid(SPAN("a\0b\0c\0")));	 /* a key without a value */
	assert_false(pairs_valid(SPAN("b\0x\0a\0x\0"))); /* out of order */
	assert_false(pairs_valid(SPAN("a\0x\0a\0y\0"))); /* twice */
	assert_null(pairs_get(SPAN("a\0b"), "a"));
}

static void an_object_copies_all_it_is_made_from(void **state)
{
	char name[] = "web", body[] = "{}";
	struct object *object = object_new(&(struct object){ .key = { "pods", "ns", name },
							     .uid = "u",
							     .revision = 7,
							     .origin = 8,
							     .generation = 9,
							     .labels = SPAN("a\0b\0"),
							     .owners = SPAN("o\0"),
							     .body = span_of(body),
							     .splice = 1 });

	assert_non_null(object);
	memset(name, 'x', 3);
	memset(body, 'x', 2);
	assert_string_equal(object->key.name, "web");
	assert_true(span_is(object->body, "{}"));
	assert_string_equal(pairs_get(object->labels, "a"), "b");
	assert_int_equal(object->revision + object->origin + (uint64_t)object->generation + object->splice,
			 25);
	assert_ptr_equal(object_ref(object), object);
	object_unref(object);
	object_unref(object);
	object_unref(NULL);
}

static void a_stamp_is_in_place_only_for_the_sole_owner(void **state)
{
	struct object *object = pod("a", "u", "{}"), *stamped, *shared;

	stamped = object_stamp(object, 3);
	assert_ptr_equal(stamped, object);
	assert_int_equal(stamped->revision, 3);
	shared = object_ref(stamped);
	stamped = object_stamp(stamped, 4);
	assert_non_null(stamped);
	assert_ptr_not_equal(stamped, shared);
	assert_int_equal(shared->revision, 3);
	assert_int_equal(stamped->revision, 4);
	assert_true(object_same(stamped, shared));
	object_unref(stamped);
	object_unref(shared);
}

static void check_written(const char *body, uint32_t splice, const char *expected)
{
	struct object *object = object_new(&(struct object){ .key = { "r", "", "n" },
							     .uid = "",
							     .revision = 42,
							     .body = span_of(body),
							     .splice = splice });
	struct buf out;

	assert_non_null(object);
	buf_init(&out, 256);
	assert_int_equal(object_write(object, &out), 0);
	assert_string_equal(buf_cstr(&out), expected);
	buf_done(&out);
	object_unref(object);
}

static void the_revision_is_spliced_into_what_clients_see(void **state)
{
	check_written("{\"metadata\":{\"name\":\"x\"}}", 13,
		      "{\"metadata\":{\"resourceVersion\":\"42\",\"name\":\"x\"}}");
	check_written("{\"metadata\":{}}", 13, "{\"metadata\":{\"resourceVersion\":\"42\"}}");
	check_written("{}", 0, "{}");
}

static void writing_into_a_full_buffer_leaves_it_as_it_was(void **state)
{
	struct object *object = pod("a", "u", "{\"a\":1}");
	struct buf out;

	buf_init(&out, 5);
	assert_int_equal(object_write(object, &out), -EMSGSIZE);
	assert_int_equal(out.len, 0);
	buf_done(&out);
	object_unref(object);
}

/* --- rows --- */

static struct row good_row(const struct object *object)
{
	struct row row = row_of(object, CHANGE_MODIFIED, 2, 1000);

	row_seal(&row);
	return row;
}

static void a_row_gives_back_its_object(void **state)
{
	struct object *object = object_stamp(thing("pods", "ns", "a", "u", "{\"metadata\":{}}", "n1"), 5),
		      *back = NULL;
	struct row row = good_row(object);

	assert_int_equal(row_to_object(&row, &back), 0);
	assert_true(object_same(object, back));
	assert_int_equal(back->revision, 5);
	assert_true(row_is_of(&row, &object->key));
	object_unref(object);
	object_unref(back);
}

static void any_flipped_bit_in_a_row_is_noticed(void **state)
{
	struct object *object = object_stamp(thing("pods", "ns", "a", "u", "{}", "n1"), 5), *back;
	struct row good = good_row(object);
	struct span *const spans[] = { &good.resource, &good.ns,     &good.name,
				       &good.uid,      &good.fields, &good.body };
	struct row row;

	for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
		for (size_t bit = 0; bit < 8 * spans[i]->len; bit++) {
			char *at = (char *)spans[i]->ptr + bit / 8;

			*at = (char)(*at ^ (1 << bit % 8));
			assert_int_equal(row_to_object(&good, &back), -EBADMSG);
			*at = (char)(*at ^ (1 << bit % 8));
		}
	for (int bit = 0; bit < 63; bit++) {
		uint64_t *const numbers[] = { &row.revision, &row.previous, &row.log_offset, &row.origin,
					      &row.checksum };

		for (size_t i = 0; i < 5; i++) {
			row = good;
			*numbers[i] ^= (uint64_t)1 << bit;
			assert_int_equal(row_check(&row), -EBADMSG);
		}
	}
	assert_int_equal(row_check(&good), 0);
	object_unref(object);
}

static void a_row_with_a_good_sum_and_a_bad_shape_is_refused(void **state)
{
	struct object *object = object_stamp(pod("a", "u", "{}"), 5);
	struct row row, good = good_row(object);

	row = good;
	row.splice = 3; /* past the body */
	row_seal(&row);
	assert_int_equal(row_check(&row), -EBADMSG);
	row = good;
	row.labels = SPAN("a\0b");
	row_seal(&row);
	assert_int_equal(row_check(&row), -EBADMSG);
	row = good;
	row.name = SPAN("a\0b");
	row_seal(&row);
	assert_int_equal(row_check(&row), -EBADMSG);
	row = good;
	row.previous = 5; /* not before itself */
	row_seal(&row);
	assert_int_equal(row_check(&row), -EBADMSG);
	object_unref(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_ordered_by_resource_then_namespace_then_name),
		cmocka_unit_test(a_key_reads_as_one_text),
		cmocka_unit_test(pairs_are_found_and_walked),
		cmocka_unit_test(half_a_pair_is_never_added),
		cmocka_unit_test(malformed_pairs_are_told_from_good_ones),
		cmocka_unit_test(an_object_copies_all_it_is_made_from),
		cmocka_unit_test(a_stamp_is_in_place_only_for_the_sole_owner),
		cmocka_unit_test(the_revision_is_spliced_into_what_clients_see),
		cmocka_unit_test(writing_into_a_full_buffer_leaves_it_as_it_was),
		cmocka_unit_test(a_row_gives_back_its_object),
		cmocka_unit_test(any_flipped_bit_in_a_row_is_noticed),
		cmocka_unit_test(a_row_with_a_good_sum_and_a_bad_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
