/* What members say over TCP is read whole, whatever the pieces it comes in, and nothing else is. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <cmocka.h>

#include "edge-hub/health/peer_frame.h"

static void frames_come_back_as_they_were_written(void **state)
{
	const struct peer_frame frames[] = {
		{ .type = PEER_FRAME_DATAGRAM, .bytes = { "sealed", 6 } },
		{ .type = PEER_FRAME_KEY_WANTED, .generation = 7, .member = "edge-1" },
		{ .type = PEER_FRAME_KEY, .generation = 0xfffffffe, .bytes = { "key", 3 } },
		{ .type = PEER_FRAME_KEY, .generation = 7, .bytes = { "", 0 } },
	};
	struct peer_frame got;
	struct buf bytes;
	size_t used = 0;

	(void)state;
	buf_init(&bytes, 4096);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(peer_frame_write(&frames[i], &bytes), 0);
	for (size_t i = 0; i < 4; i++) {
		for (size_t part = 0; part < PEER_FRAME_HEAD; part++)
			assert_int_equal(peer_frame_read(span_make(bytes.data, part), &got, &used), 0);
		assert_int_equal(peer_frame_read(buf_span(&bytes), &got, &used), 1);
		assert_int_equal(peer_frame_read(span_make(bytes.data, used - 1), &got, &used), 0);
		assert_int_equal(peer_frame_read(buf_span(&bytes), &got, &used), 1);
		assert_int_equal(got.type, frames[i].type);
		assert_int_equal(got.generation, frames[i].generation);
		assert_string_equal(got.member, frames[i].member);
		assert_true(span_eq(got.bytes, frames[i].bytes));
		buf_consume(&bytes, used);
	}
	assert_int_equal(bytes.len, 0);
	buf_done(&bytes);
}

static void what_is_wrong_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
		{ "\0\0\0\1x", 5 },	       /* no such type */
		{ "\4\0\0\1x", 5 },	       /* nor this */
		{ "\1\1\0\1x", 5 },	       /* the zero is none */
		{ "\1\0\0\0", 4 },	       /* nothing sealed */
		{ "\1\0\xff\xff", 4 },	       /* longer than any */
		{ "\2\0\0\4\0\0\0\1", 8 },     /* for nobody */
		{ "\2\0\0\5\0\0\0\0a", 9 },    /* no such generation */
		{ "\2\0\0\6\0\0\0\1a\0", 10 }, /* a name with a NUL */
		{ "\3\0\0\3\0\0\1", 7 },       /* shorter than its generation */
	};
	struct peer_frame got;
	size_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(peer_frame_read(span_make(bad[i].bytes, bad[i].len), &got, &used), -EBADMSG);
}

static void what_is_too_long_is_not_written(void **state)
{
	static char big[PEER_FRAME_PAYLOAD_MAX + 1];
	struct peer_frame frame = { .type = PEER_FRAME_DATAGRAM, .bytes = { big, sizeof(big) } };
	struct buf bytes;

	(void)state;
	buf_init(&bytes, 1 << 16);
	assert_int_equal(peer_frame_write(&frame, &bytes), -EMSGSIZE);
	assert_int_equal(bytes.len, 0);
	buf_done(&bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_come_back_as_they_were_written),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(what_is_too_long_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
