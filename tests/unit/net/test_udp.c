/* Datagrams arrive whole, with the address that an answer goes to, over both families; what cannot be sent is counted. */
#include "tests/unit/net/fixture.h"

#include <stdio.h>

#include "net/udp.h"

struct side {
	struct loop *loop;
	struct udp *udp;
	struct buf got; /* the last one */
	char from[ADDRESS_TEXT_SIZE];
	unsigned count, turns, want;
	bool any, turned, enough, close_on_data;
};

struct fix {
	struct loop *loop;
	struct side a, b;
};

static void on_datagram(void *ctx, struct span bytes, const char *from)
{
	struct side *side = ctx;

	buf_reset(&side->got);
	assert_int_equal(buf_add_span(&side->got, bytes), 0);
	snprintf(side->from, sizeof(side->from), "%s", from);
	side->count++;
	side->any = true;
	side->enough = side->count == side->want;
	if (side->close_on_data) {
		udp_close(side->udp);
		side->udp = NULL;
	}
}

static void on_turn(void *ctx)
{
	struct side *side = ctx;

	side->turns++;
	side->turned = true;
}

static void open_side(struct fix *fix, struct side *side, const char *address)
{
	static const struct udp_events events = { on_datagram, on_turn };
	struct err err = { 0 };

	side->loop = fix->loop;
	buf_init(&side->got, UDP_DATAGRAM_MAX);
	assert_int_equal(udp_new(fix->loop, address, &events, side, &side->udp, &err), 0);
}

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	udp_close(fix->a.udp);
	udp_close(fix->b.udp);
	loop_free(fix->loop);
	buf_done(&fix->a.got);
	buf_done(&fix->b.got);
	free(fix);
	return 0;
}

static void say(struct side *from, const char *to, const char *text)
{
	assert_int_equal(udp_send(from->udp, to, span_of(text)), 0);
}

static void a_datagram_arrives_and_is_answered(void **state)
{
	struct fix *fix = *state;

	open_side(fix, &fix->a, "127.0.0.1:0");
	open_side(fix, &fix->b, "127.0.0.1:0");
	say(&fix->a, udp_address(fix->b.udp), "hello");
	run_until(fix->loop, &fix->b.turned);
	assert_true(span_eq(buf_span(&fix->b.got), span_of("hello")));
	assert_string_equal(fix->b.from, udp_address(fix->a.udp));
	say(&fix->b, fix->b.from, "hello yourself");
	run_until(fix->loop, &fix->a.any);
	assert_true(span_eq(buf_span(&fix->a.got), span_of("hello yourself")));
}

static void one_socket_speaks_to_both_families(void **state)
{
	struct fix *fix = *state;
	char to[ADDRESS_TEXT_SIZE];

	open_side(fix, &fix->a, "127.0.0.1:0");
	open_side(fix, &fix->b, "[::]:0");
	snprintf(to, sizeof(to), "127.0.0.1%s", strrchr(udp_address(fix->b.udp), ':'));
	say(&fix->a, to, "four");
	run_until(fix->loop, &fix->b.any);
	assert_string_equal(fix->b.from, udp_address(fix->a.udp)); /* not ::ffff:127.0.0.1 */
	say(&fix->b, fix->b.from, "back");
	run_until(fix->loop, &fix->a.any);
	assert_int_equal(udp_send(fix->a.udp, "[::1]:9", span_of("x")), -EAFNOSUPPORT);
}

static void what_cannot_be_sent_is_counted_and_ends_nothing(void **state)
{
	struct fix *fix = *state;
	struct udp_stats stats;
	char *big = calloc(1, 70000);

	open_side(fix, &fix->a, "127.0.0.1:0");
	assert_int_equal(udp_send(fix->a.udp, udp_address(fix->a.udp), span_make(big, 70000)), -EMSGSIZE);
	assert_int_equal(udp_send(fix->a.udp, "a-name:1", span_of("x")), -EINVAL);
	udp_stats(fix->a.udp, &stats);
	assert_int_equal(stats.send_errors, 2);
	/* Nobody there: the kernel's complaint is nobody's, and the next datagram goes out. */
	say(&fix->a, "127.0.0.1:1", "x");
	say(&fix->a, udp_address(fix->a.udp), "self");
	run_until(fix->loop, &fix->a.any);
	assert_true(span_eq(buf_span(&fix->a.got), span_of("self")));
	free(big);
}

static void one_that_is_too_long_is_dropped(void **state)
{
	struct fix *fix = *state;
	struct udp_stats stats;
	char *big = calloc(1, UDP_DATAGRAM_MAX + 1);

	open_side(fix, &fix->a, "127.0.0.1:0");
	assert_int_equal(udp_send(fix->a.udp, udp_address(fix->a.udp), span_make(big, UDP_DATAGRAM_MAX + 1)),
			 0);
	say(&fix->a, udp_address(fix->a.udp), "short");
	run_until(fix->loop, &fix->a.any);
	udp_stats(fix->a.udp, &stats);
	assert_int_equal(stats.too_long, 1);
	assert_int_equal(fix->a.count, 1);
	assert_true(span_eq(buf_span(&fix->a.got), span_of("short")));
	free(big);
}

static void a_burst_is_read_in_parts(void **state)
{
	struct fix *fix = *state;

	open_side(fix, &fix->a, "127.0.0.1:0");
	for (unsigned i = 0; i < UDP_BURST_MAX + 10; i++)
		say(&fix->a, udp_address(fix->a.udp), "x");
	fix->a.want = UDP_BURST_MAX + 10;
	run_until(fix->loop, &fix->a.enough);
	run_until(fix->loop, &fix->a.turned);
	assert_int_equal(fix->a.turns, 2);
}

static void it_may_be_closed_from_its_own_callback(void **state)
{
	struct fix *fix = *state;

	open_side(fix, &fix->a, "127.0.0.1:0");
	fix->a.close_on_data = true;
	say(&fix->a, udp_address(fix->a.udp), "x");
	say(&fix->a, udp_address(fix->a.udp), "x");
	run_until(fix->loop, &fix->a.any);
	assert_int_equal(fix->a.count, 1);
}

static void a_bad_or_taken_address_is_named(void **state)
{
	static const struct udp_events events = { on_datagram, NULL };
	struct fix *fix = *state;
	struct udp *udp = NULL;
	struct err err = { 0 };

	open_side(fix, &fix->a, "127.0.0.1:0");
	assert_int_equal(udp_new(fix->loop, udp_address(fix->a.udp), &events, fix, &udp, &err), -EADDRINUSE);
	assert_non_null(strstr(err_text(&err), udp_address(fix->a.udp)));
	assert_int_equal(udp_new(fix->loop, "localhost:1", &events, fix, &udp, &err), -EINVAL);
	assert_int_equal(udp_new(fix->loop, "unix:///x", &events, fix, &udp, &err), -EINVAL);
	assert_null(udp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_datagram_arrives_and_is_answered, setup, teardown),
		cmocka_unit_test_setup_teardown(one_socket_speaks_to_both_families, setup, teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_counted_and_ends_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(one_that_is_too_long_is_dropped, setup, teardown),
		cmocka_unit_test_setup_teardown(a_burst_is_read_in_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(it_may_be_closed_from_its_own_callback, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bad_or_taken_address_is_named, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
