#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "tunnel/message.h"
#include "tunnel/mux.h"

/* One end: a mux, what it was told, and messages it has to send on the replication channel. */
struct end {
	struct mux *mux;
	struct buf told; /* "c:KIND:BYTES " control, "r:..." replication, "open:ID ", "reset:ID:CODE ", ... */
	struct buf data; /* of all streams */
	size_t held;	 /* bytes not drained when `hold` */
	bool hold;
	uint32_t last_open;
	unsigned to_supply; /* messages of `supply_len` bytes */
	size_t supply_len;
	unsigned messages; /* replication messages received */
	size_t message_bytes;
	unsigned writable;
};

static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct end *end = ctx;

	if (bytes.len > 100)
		return buf_addf(&end->told, "c:%u:[%zu] ", kind, bytes.len);
	return buf_addf(&end->told, "c:%u:%.*s ", kind, SPAN_ARG(bytes));
}

static int on_replication(void *ctx, uint16_t kind, struct span bytes)
{
	struct end *end = ctx;

	end->messages++;
	end->message_bytes += bytes.len;
	for (size_t i = 0; i < bytes.len; i++)
		if (bytes.ptr[i] != (char)(i * 7))
			return -EBADMSG;
	return 0;
}

static int supply(void *ctx, struct mux_message *out)
{
	struct end *end = ctx;
	uint8_t *data;

	if (!end->to_supply)
		return 0;
	end->to_supply--;
	out->kind = MSG_PUT;
	out->bytes = blob_alloc(end->supply_len, &data);
	if (!out->bytes)
		return -ENOMEM;
	for (size_t i = 0; i < end->supply_len; i++)
		data[i] = (uint8_t)(i * 7);
	return 1;
}

static void on_open(void *ctx, uint32_t stream, enum mux_class cls, struct span request)
{
	struct end *end = ctx;

	end->last_open = stream;
	(void)buf_addf(&end->told, "open:%u:%.*s ", stream, SPAN_ARG(request));
}

static void on_data(void *ctx, uint32_t stream, void *user, struct span data, bool last)
{
	struct end *end = ctx;

	assert_int_equal(buf_add_span(&end->data, data), 0);
	if (end->hold)
		end->held += data.len;
	else
		mux_drained(end->mux, stream, data.len);
	if (last)
		(void)buf_addf(&end->told, "end:%u ", stream);
}

static void on_writable(void *ctx, uint32_t stream, void *user)
{
	((struct end *)ctx)->writable++;
}

static void on_reset(void *ctx, uint32_t stream, void *user, unsigned code)
{
	(void)buf_addf(&((struct end *)ctx)->told, "reset:%u:%u ", stream, code);
}

static const struct mux_channel_ops control = { .on_message = on_control };
static const struct mux_channel_ops replication = { .on_message = on_replication, .supply = supply };
static const struct mux_stream_ops streams = { on_open, on_data, on_writable, on_reset };

struct pair {
	struct end a, b; /* a dials */
	struct rng rng;
};

static void end_open(struct end *end, bool dialer, struct mux_budget *budget)
{
	struct mux_options options = { .dialer = dialer, .streams = &streams, .ctx = end, .budget = budget };

	memset(end, 0, sizeof(*end));
	buf_init(&end->told, 1 << 20);
	buf_init(&end->data, 64 << 20);
	assert_int_equal(mux_new(&options, &end->mux), 0);
	mux_set_channel(end->mux, MUX_CONTROL, &control, end);
	mux_set_channel(end->mux, MUX_REPLICATION, &replication, end);
}

static void end_close(struct end *end)
{
	mux_free(end->mux);
	buf_done(&end->told);
	buf_done(&end->data);
}

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	end_open(&pair->a, true, NULL);
	end_open(&pair->b, false, NULL);
	rng_seed(&pair->rng, 7);
	*state = pair;
	return 0;
}

static int teardown(void **state)
{
	struct pair *pair = *state;

	end_close(&pair->a);
	end_close(&pair->b);
	free(pair);
	return 0;
}

/* One record from one end to the other, in random pieces. Returns its size. */
static size_t record(struct pair *pair, struct end *from, struct end *to, int *out_err)
{
	struct buf bytes;
	size_t len, at = 0;

	buf_init(&bytes, MUX_RECORD_MAX);
	assert_int_equal(mux_output(from->mux, &bytes, MUX_RECORD_MAX), 0);
	len = bytes.len;
	assert_true(len <= MUX_RECORD_MAX);
	*out_err = 0;
	while (at < len && !*out_err) {
		size_t n = 1 + (size_t)rng_below(&pair->rng, len - at);

		*out_err = mux_input(to->mux, span_make(bytes.data + at, n));
		at += n;
	}
	buf_done(&bytes);
	return len;
}

static void settle(struct pair *pair)
{
	int err_a, err_b;

	while (record(pair, &pair->a, &pair->b, &err_b) + record(pair, &pair->b, &pair->a, &err_a))
		assert_true(!err_a && !err_b);
}

static const char *told(struct end *end)
{
	return buf_cstr(&end->told);
}

static void control_messages_arrive_whole_and_in_order(void **state)
{
	struct pair *pair = *state;
	char large[100000];

	memset(large, 'x', sizeof(large));
	assert_int_equal(mux_send_control(pair->a.mux, 1, SPAN("one")), 0);
	assert_int_equal(mux_send_control(pair->a.mux, 2, span_make(large, sizeof(large))), 0);
	assert_int_equal(mux_send_control(pair->a.mux, 3, SPAN("")), 0);
	settle(pair);
	assert_string_equal(told(&pair->b), "c:1:one c:2:[100000] c:3: ");
}

static void a_large_object_is_split_and_joined(void **state)
{
	struct pair *pair = *state;

	pair->a.to_supply = 3;
	pair->a.supply_len = 3 * 1024 * 1024;
	mux_kick(pair->a.mux, MUX_REPLICATION);
	settle(pair);
	assert_int_equal(pair->b.messages, 3);
	assert_int_equal(pair->b.message_bytes, 3 * pair->a.supply_len);
}

static void control_passes_a_large_object_and_both_pass_bulk(void **state)
{
	struct pair *pair = *state;
	char block[MUX_CREDIT_START];
	uint32_t id;
	int err;

	memset(block, 'b', sizeof(block));
	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN("bulk"), NULL, &id), 0);
	assert_int_equal(mux_write(pair->a.mux, id, span_make(block, sizeof(block))), sizeof(block));
	pair->a.to_supply = 1;
	pair->a.supply_len = 100000;
	mux_kick(pair->a.mux, MUX_REPLICATION);
	record(pair, &pair->a, &pair->b, &err);
	assert_int_equal(pair->b.data.len, 0);
	assert_int_equal(mux_send_control(pair->a.mux, 9, SPAN("now")), 0);
	record(pair, &pair->a, &pair->b, &err);
	assert_string_equal(told(&pair->b), "open:1:bulk c:9:now ");
	assert_int_equal(pair->b.messages, 0);
	settle(pair);
	assert_int_equal(pair->b.messages, 1);
	assert_int_equal(pair->b.data.len, sizeof(block));
}

static void streams_carry_data_both_ways_and_end(void **state)
{
	struct pair *pair = *state;
	uint32_t id, other;

	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN("x"), NULL, &id), 0);
	assert_int_equal(mux_open(pair->b.mux, MUX_CLASS_SYNC, SPAN("y"), NULL, &other), 0);
	assert_int_equal(id, 1);
	assert_int_equal(other, 2);
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("ping")), 4);
	assert_int_equal(mux_finish(pair->a.mux, id), 0);
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("more")), -EPIPE);
	settle(pair);
	assert_string_equal(buf_cstr(&pair->b.data), "ping");
	assert_string_equal(told(&pair->b), "open:1:x end:1 ");
	assert_int_equal(mux_write(pair->b.mux, id, SPAN("pong")), 4);
	assert_int_equal(mux_finish(pair->b.mux, id), 0);
	settle(pair);
	assert_string_equal(buf_cstr(&pair->a.data), "pong");
	assert_string_equal(told(&pair->a), "open:2:y end:1 ");
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("late")), -ENOENT);
	assert_int_equal(mux_write(pair->b.mux, id, SPAN("late")), -ENOENT);
}

static void a_stalled_consumer_costs_its_credit_and_no_more(void **state)
{
	struct pair *pair = *state;
	char block[MUX_SEND_BUFFER_MAX];
	struct mux_stats stats;
	uint32_t id;

	memset(block, 's', sizeof(block));
	pair->b.hold = true;
	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	assert_int_equal(mux_write(pair->a.mux, id, span_make(block, sizeof(block))), sizeof(block));
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("x")), 0);
	settle(pair);
	assert_int_equal(pair->b.held, MUX_CREDIT_START);
	assert_int_equal(mux_room(pair->a.mux, id), MUX_CREDIT_START);
	/* Another stream is not in the least disturbed. */
	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	pair->b.hold = false;
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("y")), 1);
	settle(pair);
	assert_int_equal(pair->b.data.len, MUX_CREDIT_START + 1);
	mux_stats(pair->b.mux, &stats);
	assert_int_equal(stats.credit, 2 * MUX_CREDIT_START);
	mux_drained(pair->b.mux, 1, pair->b.held);
	settle(pair);
	assert_int_equal(pair->b.data.len, MUX_SEND_BUFFER_MAX + 1);
	assert_int_equal(pair->a.writable, 1);
}

/* Pushes `total` bytes through stream `id` of a; how many records it took when credit comes back only after a
 * round trip. */
static unsigned push(struct pair *pair, uint32_t id, size_t total)
{
	char block[MUX_RECORD_MAX];
	unsigned rounds = 0;
	int err;

	memset(block, 'p', sizeof(block));
	while (pair->b.data.len < total) {
		rounds++;
		for (size_t n = 1; n;) {
			while (mux_room(pair->a.mux, id) && pair->a.data.len == 0 &&
			       mux_write(pair->a.mux, id, span_make(block, sizeof(block))) > 0)
				;
			n = record(pair, &pair->a, &pair->b, &err);
			assert_int_equal(err, 0);
		}
		while (record(pair, &pair->b, &pair->a, &err))
			assert_int_equal(err, 0);
	}
	return rounds;
}

static void credit_grows_while_the_consumer_drains(void **state)
{
	struct pair *pair = *state;
	struct mux_stats stats;
	uint32_t id;

	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	/* With a window of 16 KiB it would be 2,048 round trips. */
	assert_true(push(pair, id, 32u << 20) < 32);
	mux_stats(pair->b.mux, &stats);
	assert_true(stats.credit > 1u << 20);
	assert_true(stats.credit <= MUX_CREDIT_CONNECTION_MAX);
}

static void a_hub_budget_caps_all_its_connections(void **state)
{
	struct mux_budget budget = { .max = 64 * 1024 };
	struct pair pair;
	struct mux_stats stats;
	uint32_t id;

	end_open(&pair.a, true, NULL);
	end_open(&pair.b, false, &budget);
	rng_seed(&pair.rng, 3);
	assert_int_equal(mux_open(pair.a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	push(&pair, id, 1 << 20);
	mux_stats(pair.b.mux, &stats);
	assert_int_equal(stats.credit, 64 * 1024);
	assert_int_equal(budget.used, 64 * 1024);
	end_close(&pair.a);
	end_close(&pair.b);
	assert_int_equal(budget.used, 0);
}

static void bulk_streams_share_in_turn(void **state)
{
	struct pair *pair = *state;
	char block[MUX_CREDIT_START];
	uint32_t ids[4];
	int err;

	memset(block, 'f', sizeof(block));
	for (int i = 0; i < 4; i++) {
		assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &ids[i]), 0);
		memset(block, 'a' + i, sizeof(block));
		assert_int_equal(mux_write(pair->a.mux, ids[i], span_make(block, 4000)), 4000);
	}
	record(pair, &pair->a, &pair->b, &err);
	assert_int_equal(err, 0);
	for (int i = 0; i < 4; i++)
		assert_non_null(memchr(pair->b.data.data, 'a' + i, pair->b.data.len));
}

static void resets_free_both_sides(void **state)
{
	struct pair *pair = *state;
	struct mux_stats stats;
	uint32_t id;

	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	settle(pair);
	mux_reset(pair->b.mux, id, MUX_RESET_BROKEN);
	/* Data that crosses the reset is late, not wrong. */
	assert_int_equal(mux_write(pair->a.mux, id, SPAN("crossing")), 8);
	{
		int err;

		record(pair, &pair->a, &pair->b, &err);
		assert_int_equal(err, 0);
	}
	settle(pair);
	assert_string_equal(told(&pair->a), "reset:1:3 ");
	mux_stats(pair->b.mux, &stats);
	assert_int_equal(stats.streams, 0);
	assert_int_equal(stats.late_frames, 1);
	mux_stats(pair->a.mux, &stats);
	assert_int_equal(stats.streams, 0);
	assert_int_equal(stats.credit, 0);
}

static void too_many_streams_are_refused_one_by_one(void **state)
{
	struct pair *pair = *state;
	uint32_t id, from_b;

	for (unsigned i = 0; i < MUX_STREAMS_MAX / 2; i++)
		assert_int_equal(mux_open(pair->b.mux, MUX_CLASS_BULK, SPAN(""), NULL, &from_b), 0);
	for (unsigned i = 0; i < MUX_STREAMS_MAX; i++)
		assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), -EMFILE);
	settle(pair);
	assert_non_null(strstr(told(&pair->a), "reset:1025:2 "));
	assert_null(strstr(told(&pair->a), "reset:1023:2 "));
}

static void the_end_of_a_connection_ends_its_streams(void **state)
{
	struct pair *pair = *state;
	uint32_t id;

	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), 0);
	mux_abort(pair->a.mux);
	assert_string_equal(told(&pair->a), "reset:1:3 ");
	assert_int_equal(mux_open(pair->a.mux, MUX_CLASS_BULK, SPAN(""), NULL, &id), -ECONNRESET);
	assert_int_equal(mux_input(pair->a.mux, SPAN("")), -ECONNRESET);
}

/* Feeds one frame to b, which accepted; a's stream numbers are odd. */
static int feed(struct end *end, struct frame frame, const char *payload)
{
	uint8_t header[FRAME_HEADER_SIZE];
	int err;

	frame.length = frame.type == FRAME_CREDIT ? 4 : (uint32_t)strlen(payload); /* credit may hold zeros */
	frame_header(&frame, header);
	err = mux_input(end->mux, span_make(header, sizeof(header)));
	return err ? err : mux_input(end->mux, span_make(payload, frame.length));
}

static int fresh(const struct frame *frames, size_t count, const char *payload)
{
	struct end end;
	int err = 0;

	end_open(&end, false, NULL);
	for (size_t i = 0; i < count && !err; i++)
		err = feed(&end, frames[i], frames[i].type == FRAME_RESET ? "" : payload);
	if (err)
		assert_int_equal(mux_input(end.mux, SPAN("")), err); /* and it stays dead */
	end_close(&end);
	return err;
}

#define OPEN(id)                                                           \
	{                                                                  \
		.type = FRAME_OPEN, .stream = (id), .kind = MUX_CLASS_BULK \
	}
#define DATA(id)                                   \
	{                                          \
		.type = FRAME_DATA, .stream = (id) \
	}
#define FRESH(payload, ...)                          \
	fresh((const struct frame[]){ __VA_ARGS__ }, \
	      sizeof((const struct frame[]){ __VA_ARGS__ }) / sizeof(struct frame), payload)

static void replayed_and_invented_frames_end_the_connection(void **state)
{
	struct frame last = { .type = FRAME_DATA, .stream = 1, .flags = FRAME_END };
	struct frame reset = { .type = FRAME_RESET, .stream = 1 };
	struct frame part = { .type = FRAME_MESSAGE, .kind = 1, .flags = FRAME_MORE };
	struct frame other = { .type = FRAME_MESSAGE, .kind = 2 };

	assert_int_equal(FRESH("x", OPEN(1), DATA(1)), 0);
	assert_int_equal(FRESH("x", OPEN(1), OPEN(1)), -EPROTO);
	assert_int_equal(FRESH("x", OPEN(3), OPEN(1)), -EPROTO);
	assert_int_equal(FRESH("x", OPEN(2)), -EPROTO);
	assert_int_equal(FRESH("x", DATA(1)), -EPROTO);
	assert_int_equal(FRESH("x", DATA(2)), -EPROTO);
	assert_int_equal(FRESH("x", OPEN(1), last, last), -EPROTO);
	assert_int_equal(FRESH("x", OPEN(1), reset, DATA(1)), 0);
	assert_int_equal(FRESH("x", part, other), -EPROTO);
	assert_int_equal(FRESH("\0\0\0\1", { .type = FRAME_CREDIT, .stream = 7 }), -EPROTO);
	assert_int_equal(FRESH("\xff\xff\xff\xff", OPEN(1), { .type = FRAME_CREDIT, .stream = 1 }), -EPROTO);
}

static void data_past_the_credit_ends_the_connection(void **state)
{
	struct pair *pair = *state;
	char block[FRAME_PAYLOAD_MAX + 1];

	memset(block, 'x', FRAME_PAYLOAD_MAX);
	block[FRAME_PAYLOAD_MAX] = '\0';
	pair->b.hold = true;
	assert_int_equal(feed(&pair->b, (struct frame)OPEN(1), ""), 0);
	assert_int_equal(feed(&pair->b, (struct frame)DATA(1), block), 0);
	assert_int_equal(feed(&pair->b, (struct frame)DATA(1), "x"), -EPROTO);
}

static void a_message_past_its_limit_ends_the_connection(void **state)
{
	struct frame part = {
		.type = FRAME_MESSAGE, .kind = 34, .stream = MUX_REPLICATION, .flags = FRAME_MORE
	};
	struct pair *pair = *state;
	char block[FRAME_PAYLOAD_MAX + 1];
	int err = 0;
	unsigned frames = 0;

	memset(block, 'x', FRAME_PAYLOAD_MAX);
	block[FRAME_PAYLOAD_MAX] = '\0';
	while (!err && ++frames < 1000)
		err = feed(&pair->b, part, block);
	assert_int_equal(err, -EMSGSIZE);
	assert_int_equal(frames, MESSAGE_SYNC_MAX / FRAME_PAYLOAD_MAX + 1);
}

static void unknown_channels_and_frames_are_skipped(void **state)
{
	struct pair *pair = *state;
	struct mux_stats stats;

	assert_int_equal(feed(&pair->b, (struct frame){ .type = FRAME_MESSAGE, .kind = 1, .stream = 3 }, "x"),
			 0);
	assert_int_equal(feed(&pair->b, (struct frame){ .type = FRAME_MESSAGE, .kind = 1, .stream = 77 },
			      "x"),
			 0);
	assert_int_equal(feed(&pair->b, (struct frame){ .type = FRAME_OPTIONAL + 3, .stream = 77 }, "x"), 0);
	mux_stats(pair->b.mux, &stats);
	assert_int_equal(stats.messages_skipped, 3);
}

static void a_peer_that_asks_and_does_not_read_is_cut_off(void **state)
{
	struct pair *pair = *state;
	int err = 0;

	/* Each open past the limit is answered by a reset, which nobody fetches. */
	for (uint32_t id = 1; id < 400000 && !err; id += 2)
		err = feed(&pair->b, (struct frame)OPEN(id), "");
	assert_int_equal(err, -ENOBUFS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(control_messages_arrive_whole_and_in_order),
		TEST(a_large_object_is_split_and_joined),
		TEST(control_passes_a_large_object_and_both_pass_bulk),
		TEST(streams_carry_data_both_ways_and_end),
		TEST(a_stalled_consumer_costs_its_credit_and_no_more),
		TEST(credit_grows_while_the_consumer_drains),
		cmocka_unit_test(a_hub_budget_caps_all_its_connections),
		TEST(bulk_streams_share_in_turn),
		TEST(resets_free_both_sides),
		TEST(too_many_streams_are_refused_one_by_one),
		TEST(the_end_of_a_connection_ends_its_streams),
		cmocka_unit_test(replayed_and_invented_frames_end_the_connection),
		TEST(data_past_the_credit_ends_the_connection),
		TEST(a_message_past_its_limit_ends_the_connection),
		TEST(unknown_channels_and_frames_are_skipped),
		TEST(a_peer_that_asks_and_does_not_read_is_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
