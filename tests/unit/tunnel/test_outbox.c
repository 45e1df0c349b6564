#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "tunnel/outbox.h"

#define ENTRIES 1000u

/* The edge's queue is the numbers from `acked` + 1 to `last`; the cloud commits when the test says so. */
struct sea {
	struct outbox_sender *sender;
	struct outbox_receiver *receiver;
	struct mux *edge, *cloud;
	uint64_t last, acked;
	uint64_t results;
	char body[64];
	unsigned effects[ENTRIES + 1]; /* how often each took effect */
	uint64_t applied;	       /* committed in the cloud */
	uint64_t waiting[ENTRIES];     /* given to apply, not committed */
	size_t waiting_count;
	int apply_code;
};

static int next(void *ctx, uint64_t after, struct outbox_entry *out)
{
	struct sea *sea = ctx;

	if (after >= sea->last)
		return -ENOENT;
	(void)snprintf(sea->body, sizeof(sea->body), "{\"n\":%llu}", (unsigned long long)after + 1);
	*out = (struct outbox_entry){ .sequence = after + 1,
				      .effect = OUTBOX_STATUS,
				      .key = { "pods", "ns", "p" },
				      .uid = "u",
				      .body = span_of(sea->body),
				      .base = 3 };
	return 0;
}

static void acked(void *ctx, uint64_t sequence)
{
	struct sea *sea = ctx;

	assert_true(sequence <= sea->applied);
	if (sequence > sea->acked)
		sea->acked = sequence;
}

static void on_result(void *ctx, const struct outbox_result *result)
{
	struct sea *sea = ctx;

	assert_int_equal(result->revision, 100 + result->sequence);
	sea->results++;
}

static int apply(void *ctx, const struct outbox_entry *entry)
{
	struct sea *sea = ctx;

	if (sea->apply_code)
		return sea->apply_code;
	assert_int_equal(entry->effect, OUTBOX_STATUS);
	assert_string_equal(entry->key.resource, "pods");
	assert_int_equal(entry->base, 3);
	sea->waiting[sea->waiting_count++] = entry->sequence;
	return 0;
}

static const struct outbox_queue queue = { next, acked, on_result };
static const struct outbox_apply effects = { apply };

static void commit(struct sea *sea, size_t count)
{
	for (size_t i = 0; i < count && sea->waiting_count; i++) {
		struct outbox_result result = { .sequence = sea->waiting[0],
						.revision = 100 + sea->waiting[0] };

		sea->effects[result.sequence]++;
		sea->applied = result.sequence;
		memmove(sea->waiting, sea->waiting + 1, --sea->waiting_count * sizeof(sea->waiting[0]));
		assert_int_equal(outbox_receiver_done(sea->receiver, &result), 0);
	}
}

static void join(struct sea *sea)
{
	struct mux_options edge = { .dialer = true }, cloud = { 0 };

	assert_int_equal(mux_new(&edge, &sea->edge), 0);
	assert_int_equal(mux_new(&cloud, &sea->cloud), 0);
	assert_int_equal(outbox_receiver_new(sea->cloud, sea->applied, &effects, sea, &sea->receiver), 0);
	mux_set_channel(sea->cloud, MUX_OUTBOX, &outbox_receiver_channel, sea->receiver);
	outbox_sender_attach(sea->sender, sea->edge, sea->applied);
	sea->waiting_count = 0;
}

static void part(struct sea *sea)
{
	outbox_sender_detach(sea->sender);
	outbox_receiver_free(sea->receiver);
	mux_free(sea->edge);
	mux_free(sea->cloud);
}

static int move(struct mux *from, struct mux *to, size_t max)
{
	struct buf bytes;
	int err;

	buf_init(&bytes, MUX_RECORD_MAX);
	assert_int_equal(mux_output(from, &bytes, max), 0);
	err = mux_input(to, buf_span(&bytes));
	buf_done(&bytes);
	return err;
}

static struct sea *launch(void)
{
	struct sea *sea = calloc(1, sizeof(*sea));

	assert_non_null(sea);
	assert_int_equal(outbox_sender_new(&queue, sea, &sea->sender), 0);
	return sea;
}

static void sink(struct sea *sea)
{
	outbox_sender_free(sea->sender);
	free(sea);
}

static void entries_arrive_in_order_within_the_window(void **state)
{
	struct sea *sea = launch();

	sea->last = ENTRIES;
	join(sea);
	for (int i = 0; i < 20; i++)
		assert_int_equal(move(sea->edge, sea->cloud, MUX_RECORD_MAX), 0);
	assert_int_equal(sea->waiting_count, OUTBOX_WINDOW);
	assert_int_equal(outbox_sender_unacked(sea->sender), OUTBOX_WINDOW);
	while (sea->acked < ENTRIES) {
		commit(sea, 10);
		assert_int_equal(move(sea->cloud, sea->edge, MUX_RECORD_MAX), 0);
		assert_int_equal(move(sea->edge, sea->cloud, MUX_RECORD_MAX), 0);
	}
	assert_int_equal(sea->results, ENTRIES);
	assert_int_equal(outbox_sender_unacked(sea->sender), 0);
	for (unsigned i = 1; i <= ENTRIES; i++)
		assert_int_equal(sea->effects[i], 1);
	part(sea);
	sink(sea);
}

static void a_kick_sends_what_was_queued_later(void **state)
{
	struct sea *sea = launch();

	join(sea);
	assert_int_equal(move(sea->edge, sea->cloud, MUX_RECORD_MAX), 0);
	assert_false(mux_wants_output(sea->edge));
	sea->last = 1;
	outbox_sender_kick(sea->sender);
	assert_true(mux_wants_output(sea->edge));
	assert_int_equal(move(sea->edge, sea->cloud, MUX_RECORD_MAX), 0);
	assert_int_equal(sea->waiting_count, 1);
	part(sea);
	sink(sea);
}

/* Connections break at every stage: entry lost, commit without ack, ack lost. Each effect happens once all
 * the same. */
static void effects_happen_once_whatever_is_lost(void **state)
{
	struct rng rng;

	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct sea *sea = launch();

		rng_seed(&rng, seed);
		sea->last = ENTRIES;
		for (int rounds = 0; sea->acked < ENTRIES; rounds++) {
			assert_true(rounds < 10000);
			join(sea);
			for (uint64_t steps = rng_below(&rng, 30); steps; steps--) {
				switch (rng_below(&rng, 3)) {
				case 0:
					assert_int_equal(move(sea->edge, sea->cloud,
							      64 + rng_below(&rng, 2000)),
							 0);
					break;
				case 1:
					assert_int_equal(move(sea->cloud, sea->edge,
							      64 + rng_below(&rng, 2000)),
							 0);
					break;
				default: commit(sea, rng_below(&rng, 20));
				}
			}
			part(sea);
		}
		for (unsigned i = 1; i <= ENTRIES; i++)
			assert_int_equal(sea->effects[i], 1);
		sink(sea);
	}
}

static void a_store_that_cannot_take_it_ends_the_session(void **state)
{
	struct sea *sea = launch();

	sea->last = 1;
	sea->apply_code = -ENOSPC;
	join(sea);
	assert_int_equal(move(sea->edge, sea->cloud, MUX_RECORD_MAX), -ENOSPC);
	part(sea);
	sink(sea);
}

static void send_ack(struct mux *mux, uint64_t sequence)
{
	/* Straight into the edge's mux: one frame, made by hand. */
	Tunnel__OutboxAck ack = TUNNEL__OUTBOX_ACK__INIT;
	struct frame frame = { .type = FRAME_MESSAGE, .kind = MSG_OUTBOX_ACK, .stream = MUX_OUTBOX };
	uint8_t header[FRAME_HEADER_SIZE];
	struct blob *bytes;

	ack.sequence = sequence;
	bytes = message_blob(MSG_OUTBOX_ACK, &ack);
	assert_non_null(bytes);
	frame.length = (uint32_t)blob_span(bytes).len;
	frame_header(&frame, header);
	assert_int_equal(mux_input(mux, span_make(header, sizeof(header))), 0);
	assert_int_equal(mux_input(mux, blob_span(bytes)), -EPROTO);
	blob_unref(bytes);
}

static void an_ack_of_what_was_never_sent_throws_nothing_away(void **state)
{
	struct sea *sea = launch();

	sea->last = 5;
	join(sea);
	send_ack(sea->edge, 5);
	assert_int_equal(sea->acked, 0);
	part(sea);
	sink(sea);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_arrive_in_order_within_the_window),
		cmocka_unit_test(a_kick_sends_what_was_queued_later),
		cmocka_unit_test(effects_happen_once_whatever_is_lost),
		cmocka_unit_test(a_store_that_cannot_take_it_ends_the_session),
		cmocka_unit_test(an_ack_of_what_was_never_sent_throws_nothing_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
