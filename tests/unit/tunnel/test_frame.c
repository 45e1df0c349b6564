#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "tunnel/frame.h"

static void add(struct buf *out, struct frame frame, const char *payload)
{
	uint8_t header[FRAME_HEADER_SIZE];

	frame.length = (uint32_t)strlen(payload);
	frame_header(&frame, header);
	assert_int_equal(buf_add(out, header, sizeof(header)), 0);
	assert_int_equal(buf_add_str(out, payload), 0);
}

static void three_frames(struct buf *out)
{
	buf_init(out, 4096);
	add(out, (struct frame){ .type = FRAME_MESSAGE, .kind = 7, .stream = 1, .flags = FRAME_MORE },
	    "hello");
	add(out, (struct frame){ .type = FRAME_DATA, .stream = 0x01020304, .flags = FRAME_END }, "");
	add(out, (struct frame){ .type = FRAME_OPTIONAL + 1, .kind = 9, .stream = 5, .flags = 0xff },
	    "later");
}

static void header_layout_is_the_documented_one(void **state)
{
	static const uint8_t expected[] = { 3, 2, 0, 0, 1, 2, 3, 4, 0, 0, 0x10, 1 };
	struct frame frame = {
		.type = FRAME_DATA, .flags = FRAME_END, .stream = 0x01020304, .length = 0x1001
	};
	uint8_t header[FRAME_HEADER_SIZE];

	frame_header(&frame, header);
	assert_memory_equal(header, expected, sizeof(expected));
}

/* Collects what the parser gives when the bytes come in pieces of the sizes that `piece` says. */
static unsigned parse_in_pieces(struct span bytes, struct rng *rng, size_t fixed)
{
	struct frame_parser parser;
	unsigned frames = 0;

	frame_parser_init(&parser);
	while (bytes.len) {
		size_t n = fixed ? fixed : 1 + (size_t)rng_below(rng, 20);
		struct span piece;

		n = n < bytes.len ? n : bytes.len;
		piece = span_make(bytes.ptr, n);
		bytes = span_make(bytes.ptr + n, bytes.len - n);
		for (;;) {
			struct frame frame;
			int got = frame_parse(&parser, &piece, &frame);

			assert_true(got >= 0);
			if (!got)
				break;
			frames++;
			if (frames == 1)
				assert_true(span_is(frame.payload, "hello") && frame.kind == 7 &&
					    frame.stream == 1);
			if (frames == 2)
				assert_true(frame.stream == 0x01020304 && frame.flags == FRAME_END &&
					    !frame.length);
			if (frames == 3)
				assert_true(span_is(frame.payload, "later"));
		}
		assert_int_equal(piece.len, 0);
	}
	assert_false(frame_parser_pending(&parser));
	frame_parser_done(&parser);
	return frames;
}

static void any_split_gives_the_same_frames(void **state)
{
	struct buf bytes;
	struct rng rng;

	rng_seed(&rng, 1);
	three_frames(&bytes);
	for (size_t size = 1; size <= bytes.len; size++)
		assert_int_equal(parse_in_pieces(buf_span(&bytes), NULL, size), 3);
	for (int i = 0; i < 200; i++)
		assert_int_equal(parse_in_pieces(buf_span(&bytes), &rng, 0), 3);
	buf_done(&bytes);
}

static void a_cut_frame_is_pending(void **state)
{
	struct frame_parser parser;
	struct frame frame;
	struct buf bytes;
	struct span cut;

	three_frames(&bytes);
	frame_parser_init(&parser);
	cut = span_make(bytes.data, FRAME_HEADER_SIZE + 2);
	assert_int_equal(frame_parse(&parser, &cut, &frame), 0);
	assert_true(frame_parser_pending(&parser));
	frame_parser_done(&parser);
	buf_done(&bytes);
}

static int parse_one(struct frame frame)
{
	uint8_t bytes[FRAME_HEADER_SIZE + 8] = { 0 };
	struct span input = span_make(bytes, sizeof(bytes));
	struct frame_parser parser;
	int code;

	frame_header(&frame, bytes);
	frame_parser_init(&parser);
	code = frame_parse(&parser, &input, &frame);
	frame_parser_done(&parser);
	return code;
}

static void each_fault_has_its_error(void **state)
{
	static const struct {
		struct frame frame;
		int code;
	} cases[] = {
		{ { .type = 0 }, -EPROTO },
		{ { .type = 6 }, -EPROTO },
		{ { .type = 'G', .flags = 'E', .kind = 0x5420 }, -EPROTO },
		{ { .type = FRAME_DATA, .stream = 0, .length = 1 }, -EPROTO },
		{ { .type = FRAME_DATA, .stream = 1, .kind = 1, .length = 1 }, -EPROTO },
		{ { .type = FRAME_DATA, .stream = 1, .flags = FRAME_MORE, .length = 1 }, -EPROTO },
		{ { .type = FRAME_DATA, .stream = 1 }, -EBADMSG },
		{ { .type = FRAME_DATA, .stream = 1, .length = FRAME_PAYLOAD_MAX + 1 }, -EMSGSIZE },
		{ { .type = FRAME_OPTIONAL, .length = UINT32_MAX }, -EMSGSIZE },
		{ { .type = FRAME_MESSAGE, .length = 1 }, -EBADMSG },
		{ { .type = FRAME_MESSAGE, .kind = 1, .flags = FRAME_MORE }, -EBADMSG },
		{ { .type = FRAME_CREDIT, .stream = 1, .length = 3 }, -EBADMSG },
		{ { .type = FRAME_RESET, .stream = 1, .length = 1 }, -EBADMSG },
		{ { .type = FRAME_CREDIT, .stream = 1, .length = 4 }, 1 },
		{ { .type = FRAME_DATA, .stream = 1, .flags = FRAME_END | FRAME_WANT }, 1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(parse_one(cases[i].frame), cases[i].code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_layout_is_the_documented_one),
		cmocka_unit_test(any_split_gives_the_same_frames),
		cmocka_unit_test(a_cut_frame_is_pending),
		cmocka_unit_test(each_fault_has_its_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
