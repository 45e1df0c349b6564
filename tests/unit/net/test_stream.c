#include "tests/unit/net/fixture.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct fix {
	struct loop *loop;
	struct server server;
	struct end client;
	char dir[64], path[128];
};

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	snprintf(fix->dir, sizeof(fix->dir), "/tmp/holdfast-stream-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	snprintf(fix->path, sizeof(fix->path), "unix://%s/s", fix->dir);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	end_done(&fix->client);
	if (fix->server.listener)
		server_stop(&fix->server);
	loop_free(fix->loop);
	unlink(fix->path + 7);
	rmdir(fix->dir);
	free(fix);
	return 0;
}

static void echo_over(struct fix *fix, const char *address)
{
	struct span pieces[] = { SPAN("hello "), SPAN(""), SPAN("world") };

	fix->server.echo = true;
	server_start(&fix->server, fix->loop, address, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	run_until(fix->loop, &fix->client.opened);
	fix->client.want = 11;
	assert_int_equal(stream_writev(fix->client.stream, pieces, 3), 0);
	assert_int_equal(stream_queued(fix->client.stream), 11);
	run_until(fix->loop, &fix->client.full);
	assert_true(span_is(buf_span(&fix->client.got), "hello world"));
	assert_true(fix->client.drained);
	assert_int_equal(stream_queued(fix->client.stream), 0);
	assert_int_equal(stream_bytes_out(fix->client.stream), 11);
	assert_int_equal(stream_bytes_in(fix->client.stream), 11);
	assert_null(stream_tls_peer(fix->client.stream));
}

static void echo_over_tcp(void **state)
{
	struct fix *fix = *state;
	unsigned uid;

	echo_over(fix, "127.0.0.1:0");
	assert_string_equal(stream_peer_address(fix->client.stream), listener_address(fix->server.listener));
	assert_string_equal(stream_local_address(fix->client.stream), "127.0.0.1");
	assert_int_equal(stream_peer_uid(fix->client.stream, &uid), -ENOTSUP);
}

static void echo_over_ipv6(void **state)
{
	struct fix *fix = *state;

	echo_over(fix, "[::1]:0");
	assert_string_equal(stream_local_address(fix->client.stream), "::1");
}

static void echo_over_unix(void **state)
{
	struct fix *fix = *state;
	unsigned uid = 12345;
	struct stat st;

	echo_over(fix, fix->path);
	assert_int_equal(stream_peer_uid(fix->server.ends[0].stream, &uid), 0);
	assert_int_equal(uid, getuid());
	assert_string_equal(stream_peer_address(fix->server.ends[0].stream), "unix");
	assert_int_equal(stat(fix->path + 7, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_string_equal(listener_address(fix->server.listener), fix->path);
}

static void names_are_resolved(void **state)
{
	struct fix *fix = *state;
	char address[64];

	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	snprintf(address, sizeof(address), "localhost%s",
		 strchr(listener_address(fix->server.listener), ':'));
	connect_end(fix->loop, address, NULL, &fix->client);
	run_until(fix->loop, &fix->client.any);
	if (!fix->client.opened)
		fail_msg("%s", err_text(&fix->client.why));
}

static void unknown_name_is_a_clear_error(void **state)
{
	struct fix *fix = *state;

	connect_end(fix->loop, "no-such-host.invalid:80", NULL, &fix->client);
	assert_int_equal(loop_lookups(fix->loop), 1);
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(loop_lookups(fix->loop), 0);
	assert_int_equal(fix->client.why.code, -EHOSTUNREACH);
	assert_non_null(strstr(fix->client.why.msg, "no-such-host.invalid"));
}

static void closing_while_resolving_is_silent(void **state)
{
	struct fix *fix = *state;

	connect_end(fix->loop, "no-such-host.invalid:80", NULL, &fix->client);
	stream_close(fix->client.stream);
	fix->client.stream = NULL;
	run_for(fix->loop, 20);
	assert_false(fix->client.any);
}

static void stale_socket_file_is_replaced_a_live_one_is_not(void **state)
{
	struct fix *fix = *state;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	static const struct listener_events events = { 0 };
	struct listener *second;
	struct err err = { 0 };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", fix->path + 7);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	close(fd); /* leaves the file */
	echo_over(fix, fix->path);
	assert_int_equal(listener_new(fix->loop, fix->path, NULL, 1, &events, NULL, &second, &err),
			 -EADDRINUSE);
	assert_true(err.msg[0] != '\0');
	server_stop(&fix->server);
	assert_int_equal(access(fix->path + 7, F_OK), -1);
}

static void refused_connection_says_so(void **state)
{
	struct fix *fix = *state;
	char address[64];

	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	snprintf(address, sizeof(address), "%s", listener_address(fix->server.listener));
	server_stop(&fix->server);
	connect_end(fix->loop, address, NULL, &fix->client);
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, -ECONNREFUSED);
	assert_non_null(strstr(fix->client.why.msg, address));
	connect_end(fix->loop, "unix:///nonexistent/socket", NULL, &fix->client);
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, -ENOENT);
}

/* A listening socket whose backlog is full answers no SYN. */
static void blackhole_times_out(void **state)
{
	struct fix *fix = *state;
	struct stream_options options = { .connect_timeout_ms = 150 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM, 0), plug[4];
	char address[64];
	uint64_t began;

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 0), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	for (size_t i = 0; i < 4; i++) {
		plug[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(plug[i], (struct sockaddr *)&at, sizeof(at));
	}
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(at.sin_port));
	began = loop_now_ms(fix->loop);
	connect_end(fix->loop, address, &options, &fix->client);
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, -ETIMEDOUT);
	assert_in_range(loop_now_ms(fix->loop) - began, 100, 5000);
	for (size_t i = 0; i < 4; i++)
		close(plug[i]);
	close(fd);
}

static void what_is_written_before_open_is_sent(void **state)
{
	struct fix *fix = *state;

	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	assert_int_equal(stream_write(fix->client.stream, SPAN("early")), 0);
	fix->client.want = 5;
	run_until(fix->loop, &fix->client.full);
}

static void slow_reader_fills_the_queue_and_drains_later(void **state)
{
	struct fix *fix = *state;
	struct stream_options options = { .queue_max_bytes = 64 * 1024 };
	static char block[16 * 1024];
	struct end *peer = &fix->server.ends[0];
	size_t written = 0;
	int rc = 0;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)i;
	fix->server.pause = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), &options, &fix->client);
	run_until(fix->loop, &fix->server.accepted_one);
	while (written < 64u << 20) {
		rc = stream_write(fix->client.stream, span_make(block, sizeof(block)));
		if (rc) {
			/* Full: give the kernel a chance to take more before believing it. */
			run_for(fix->loop, 20);
			rc = stream_write(fix->client.stream, span_make(block, sizeof(block)));
			if (rc)
				break;
		}
		written += sizeof(block);
	}
	assert_int_equal(rc, -EAGAIN);
	assert_in_range(stream_queued(fix->client.stream), 64 * 1024 - sizeof(block), 64 * 1024);
	assert_int_equal(peer->got.len, 0);
	fix->client.drained = false;
	peer->want = written;
	stream_resume(peer->stream);
	run_until(fix->loop, &peer->full);
	assert_true(fix->client.drained);
	for (size_t i = 0; i < written; i += sizeof(block))
		assert_memory_equal(peer->got.data + i, block, sizeof(block));
}

static void peer_close_is_the_end_without_error(void **state)
{
	struct fix *fix = *state;

	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	run_until(fix->loop, &fix->server.accepted_one);
	run_until(fix->loop, &fix->client.opened);
	stream_close(fix->server.ends[0].stream);
	fix->server.ends[0].stream = NULL;
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, 0);
	assert_false(fix->server.ends[0].closed); /* no callback after stream_close */
}

static void finish_sends_everything_first(void **state)
{
	struct fix *fix = *state;
	struct end *peer = &fix->server.ends[0];
	static char block[1 << 20];

	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	run_until(fix->loop, &fix->server.accepted_one);
	peer->want = sizeof(block);
	assert_int_equal(stream_write(fix->client.stream, span_make(block, sizeof(block))), 0);
	stream_finish(fix->client.stream);
	assert_int_equal(stream_write(fix->client.stream, SPAN("more")), -EPIPE);
	fix->client.stream = NULL;
	run_until(fix->loop, &peer->closed);
	assert_int_equal(peer->got.len, sizeof(block));
	assert_int_equal(peer->why.code, 0);
	assert_false(fix->client.closed);
}

static void half_closed_peer_still_gets_an_answer(void **state)
{
	struct fix *fix = *state;
	struct end *peer = &fix->server.ends[0];
	char answer[16];
	int fd;

	fix->server.half = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	fd = raw_connect(listener_address(fix->server.listener));
	assert_int_equal(write(fd, "question", 8), 8);
	shutdown(fd, SHUT_WR);
	run_until(fix->loop, &fix->server.accepted_one);
	run_until(fix->loop, &peer->eof);
	assert_false(peer->closed);
	assert_true(span_is(buf_span(&peer->got), "question"));
	assert_int_equal(stream_write(peer->stream, SPAN("answer")), 0);
	stream_finish(peer->stream);
	peer->stream = NULL;
	run_for(fix->loop, 20);
	assert_int_equal(read(fd, answer, sizeof(answer)), 6);
	assert_int_equal(read(fd, answer, sizeof(answer)), 0);
	close(fd);
}

static void reset_is_an_error(void **state)
{
	struct fix *fix = *state;
	struct linger linger = { .l_onoff = 1 };
	int fd;

	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	fd = raw_connect(listener_address(fix->server.listener));
	run_until(fix->loop, &fix->server.accepted_one);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
	run_until(fix->loop, &fix->server.ends[0].closed);
	assert_int_equal(fix->server.ends[0].why.code, -ECONNRESET);
}

static void closing_inside_callbacks_is_fine(void **state)
{
	struct fix *fix = *state;

	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	fix->client.close_on_open = true;
	run_until(fix->loop, &fix->server.accepted_one);
	run_until(fix->loop, &fix->server.ends[0].closed);
	assert_false(fix->client.closed);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	fix->client.close_on_data = true;
	assert_int_equal(stream_write(fix->client.stream, SPAN("x")), 0);
	run_until(fix->loop, &fix->client.opened);
	run_for(fix->loop, 30);
	assert_int_equal(fix->client.got.len, 1);
	assert_null(fix->client.stream);
	assert_false(fix->client.closed);
}

static void listener_holds_at_most_max_the_rest_wait(void **state)
{
	struct fix *fix = *state;
	int fds[3];

	server_start(&fix->server, fix->loop, NULL, NULL, 2);
	for (size_t i = 0; i < 3; i++)
		fds[i] = raw_connect(listener_address(fix->server.listener));
	run_for(fix->loop, 30);
	assert_int_equal(fix->server.accepted, 2);
	assert_int_equal(listener_count(fix->server.listener), 2);
	stream_close(fix->server.ends[0].stream);
	fix->server.ends[0].stream = NULL;
	run_for(fix->loop, 30);
	assert_int_equal(fix->server.accepted, 3);
	for (size_t i = 0; i < 3; i++)
		close(fds[i]);
}

static void connections_outlive_their_listener(void **state)
{
	struct fix *fix = *state;

	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	run_until(fix->loop, &fix->client.opened);
	run_until(fix->loop, &fix->server.accepted_one);
	listener_close(fix->server.listener);
	fix->server.listener = NULL;
	fix->client.want = 1;
	assert_int_equal(stream_write(fix->client.stream, SPAN("x")), 0);
	run_until(fix->loop, &fix->client.full);
	end_done(&fix->server.ends[0]);
}

static void loop_may_go_while_streams_are_finishing(void **state)
{
	struct fix *fix = *state;

	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	connect_end(fix->loop, listener_address(fix->server.listener), NULL, &fix->client);
	run_until(fix->loop, &fix->client.opened);
	run_until(fix->loop, &fix->server.accepted_one);
	stream_finish(fix->client.stream);
	fix->client.stream = NULL;
	run_for(fix->loop, 1);
}

static void bad_addresses_are_refused_at_once(void **state)
{
	struct fix *fix = *state;
	static const struct stream_events events = { 0 };
	static const struct listener_events listen_events = { 0 };
	struct listener *listener;
	struct stream *stream;
	struct err err = { 0 };

	assert_int_equal(stream_connect(fix->loop, "nonsense", NULL, &events, NULL, &stream, &err), -EINVAL);
	assert_int_equal(listener_new(fix->loop, "no-such-host:1", NULL, 1, &listen_events, NULL, &listener,
				      &err),
			 -EINVAL);
	assert_int_equal(listener_new(fix->loop, "192.0.2.1:1", NULL, 1, &listen_events, NULL, &listener,
				      &err),
			 -EADDRNOTAVAIL);
	stream_close(NULL);
	stream_finish(NULL);
	listener_close(NULL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(echo_over_tcp),
		test(echo_over_ipv6),
		test(echo_over_unix),
		test(names_are_resolved),
		test(unknown_name_is_a_clear_error),
		test(closing_while_resolving_is_silent),
		test(stale_socket_file_is_replaced_a_live_one_is_not),
		test(refused_connection_says_so),
		test(blackhole_times_out),
		test(what_is_written_before_open_is_sent),
		test(slow_reader_fills_the_queue_and_drains_later),
		test(peer_close_is_the_end_without_error),
		test(finish_sends_everything_first),
		test(half_closed_peer_still_gets_an_answer),
		test(reset_is_an_error),
		test(closing_inside_callbacks_is_fine),
		test(listener_holds_at_most_max_the_rest_wait),
		test(connections_outlive_their_listener),
		test(loop_may_go_while_streams_are_finishing),
		test(bad_addresses_are_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
