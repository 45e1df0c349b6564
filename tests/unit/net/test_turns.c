/* A listener with a budget of full handshakes, over real sockets. */
#include "tests/unit/net/fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "net/handshakes.h"
#include "net/later.h"
#include "tests/tools/testcerts.h"

#define NAME "hub.test"
#define RATE_S 1u

static struct testcert ca, hub;

struct fix {
	struct loop *loop;
	struct tls_context *server_tls, *client_tls;
	struct server server;
	struct end client;
};

static int make_pki(void **state)
{
	struct testcert_options options = { .kind = TESTCERT_CA, .common_name = "ca" };

	testcert_make(NULL, &options, &ca);
	options =
		(struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	testcert_make(&ca, &options, &hub);
	return 0;
}

static int drop_pki(void **state)
{
	testcert_done(&ca);
	testcert_done(&hub);
	return 0;
}

/* One full handshake, and then one each second. */
static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));
	struct tls_server_name name = { .cert_chain_pem = span_of(hub.chain_pem),
					.key_pem = span_of(hub.key_pem) };
	struct handshakes_options budget = { .full_per_second = RATE_S, .burst = 1, .seed = 1 };
	struct stream_options options = { .handshakes = &budget };

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	assert_int_equal(tls_server_new(&name, 1, &fix->server_tls, NULL), 0);
	options.tls = fix->server_tls;
	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, &options, 50);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	end_done(&fix->client);
	server_stop(&fix->server);
	tls_unref(fix->server_tls);
	tls_unref(fix->client_tls);
	loop_free(fix->loop);
	free(fix);
	return 0;
}

static void dial(struct fix *fix, bool anew)
{
	struct tls_client_options tls = { .ca_pem = span_of(ca.cert_pem) };
	struct stream_options options = { .connect_timeout_ms = 3000, .tls_server_name = NAME };

	if (anew) {
		tls_unref(fix->client_tls);
		assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	}
	options.tls = fix->client_tls;
	end_done(&fix->client);
	connect_end(fix->loop, listener_address(fix->server.listener), &options, &fix->client);
	run_until(fix->loop, &fix->client.any);
}

static void expect_later(struct fix *fix)
{
	assert_true(fix->client.closed);
	assert_int_equal(fix->client.why.code, -EBUSY);
	assert_non_null(strstr(fix->client.why.msg, "come back in"));
}

static void past_the_budget_newcomers_are_sent_away_and_acquaintances_are_not(void **state)
{
	struct fix *fix = *state;
	struct listener_stats stats;

	dial(fix, true);
	assert_true(fix->client.opened);
	for (unsigned i = 0; i < 5; i++) {
		dial(fix, false);
		assert_true(fix->client.opened);
		assert_true(stream_tls_peer(fix->client.stream)->resumed);
	}
	dial(fix, true);
	expect_later(fix);
	listener_stats(fix->server.listener, &stats);
	assert_int_equal(stats.full, 1);
	assert_int_equal(stats.resumed, 5);
	assert_int_equal(stats.deferred, 1);
	assert_int_equal(fix->server.refusals, 0); /* no error: nothing to log for each of them */
	run_for(fix->loop, 1100);
	dial(fix, true);
	assert_true(fix->client.opened);
}

static void a_ticket_that_does_not_open_is_no_way_around_the_budget(void **state)
{
	struct fix *fix = *state;
	uint8_t other[1][TLS_TICKET_KEY_SIZE] = { { 9 } };

	dial(fix, true);
	assert_true(fix->client.opened);
	assert_int_equal(tls_server_set_ticket_keys(fix->server_tls, other, 1), 0);
	dial(fix, false);
	expect_later(fix);
}

static void what_is_not_tls_costs_no_budget(void **state)
{
	struct fix *fix = *state;
	int fd = raw_connect(listener_address(fix->server.listener));

	assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	run_until(fix->loop, &fix->server.refused);
	assert_non_null(strstr(fix->server.refusal.msg, "is this TLS?"));
	close(fd);
	dial(fix, true);
	assert_true(fix->client.opened);
}

static void the_hello_may_come_in_pieces(void **state)
{
	struct fix *fix = *state;
	struct server relay = { 0 };
	struct end forward;
	struct tls_client_options tls = { .ca_pem = span_of(ca.cert_pem) };
	struct stream_options options = { .tls_server_name = NAME };

	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	options.tls = fix->client_tls;
	server_start(&relay, fix->loop, NULL, NULL, 1);
	connect_end(fix->loop, listener_address(relay.listener), &options, &fix->client);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &forward);
	run_until(fix->loop, &forward.opened);
	run_until(fix->loop, &relay.accepted_one);
	for (unsigned i = 0; i < 3000 && !fix->client.opened; i++) {
		struct end *in = &relay.ends[0];

		run_for(fix->loop, 1);
		if (in->got.len) {
			size_t len = in->got.len < 20 ? in->got.len : 20;

			assert_int_equal(stream_write(forward.stream, span_make(in->got.data, len)), 0);
			buf_consume(&in->got, len);
		}
		if (forward.got.len && !stream_write(in->stream, buf_span(&forward.got)))
			forward.got.len = 0;
	}
	assert_true(fix->client.opened);
	end_done(&forward);
	server_stop(&relay);
}

/* The other end of the hint: only the first bytes of a handshake can be one, and it is capped. */
static void a_hint_is_heard_in_pieces_and_capped(void **state)
{
	struct fix *fix = *state;
	struct server busy = { 0 };
	struct tls_client_options tls = { .ca_pem = span_of(ca.cert_pem) };
	struct stream_options options = { .tls_server_name = NAME };
	char record[LATER_SIZE];

	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	options.tls = fix->client_tls;
	server_start(&busy, fix->loop, NULL, NULL, 1);
	connect_end(fix->loop, listener_address(busy.listener), &options, &fix->client);
	run_until(fix->loop, &busy.accepted_one);
	later_write(4000000, record);
	for (size_t i = 0; i < sizeof(record); i++) {
		assert_false(fix->client.closed);
		assert_int_equal(stream_write(busy.ends[0].stream, span_make(record + i, 1)), 0);
		run_for(fix->loop, 5);
	}
	run_until(fix->loop, &fix->client.closed);
	expect_later(fix);
	assert_non_null(strstr(fix->client.why.msg, "60000 ms"));
	server_stop(&busy);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(past_the_budget_newcomers_are_sent_away_and_acquaintances_are_not),
		test(a_ticket_that_does_not_open_is_no_way_around_the_budget),
		test(what_is_not_tls_costs_no_budget),
		test(the_hello_may_come_in_pieces),
		test(a_hint_is_heard_in_pieces_and_capped),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
