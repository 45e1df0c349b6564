#include "tests/unit/net/fixture.h"

#include <stdio.h>

#include "net/proxy.h"
#include "tests/tools/testcerts.h"

#define TARGET "cloud.example:7443"

/* --- what is written, and what is said --- */

static struct proxy *make(const char *url, const char *credentials, const char *const *exceptions)
{
	struct proxy *proxy = NULL;
	struct err err = { 0 };

	if (proxy_new(span_of(url), span_of(credentials), exceptions, &proxy, &err))
		fail_msg("%s: %s", url, err_text(&err));
	return proxy;
}

static void assert_says(struct proxy *proxy, const char *request)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(proxy_request(proxy, TARGET, &out), 0);
	assert_string_equal(buf_cstr(&out), request);
	buf_done(&out);
	proxy_unref(proxy);
}

static void the_request_names_the_target_and_holds_the_credentials(void **state)
{
	assert_says(make("http://10.0.0.1:3128", NULL, NULL),
		    "CONNECT " TARGET " HTTP/1.1\r\nHost: " TARGET "\r\n\r\n");
	/* Aladdin:open sesame, the example of RFC 7617. */
	assert_says(make("http://Aladdin:open%20sesame@proxy:8080/", NULL, NULL),
		    "CONNECT " TARGET " HTTP/1.1\r\nHost: " TARGET
		    "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
	assert_says(make("http://proxy:8080", "Aladdin:open sesame", NULL),
		    "CONNECT " TARGET " HTTP/1.1\r\nHost: " TARGET
		    "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

static void bad_urls_are_refused_and_their_passwords_not_repeated(void **state)
{
	static const char *const bad[] = {
		"",
		"proxy:3128",
		"https://u:secret@proxy:3128",
		"socks5://proxy:1080",
		"http://",
		"http://proxy",
		"http://proxy:0",
		"http://u:secret@",
		"http://u:secret@proxy",
		"http://secret@proxy:3128",
		"http://@proxy:3128",
		"http://:secret@proxy:3128",
		"http://u:secret%@proxy:3128",
		"http://u:secret%zz@proxy:3128",
		"http://u:secret%0d%0aHost:x@proxy:3128",
		"http://u:secret@proxy:3128/path",
		"http://u:secret@pro xy:3128",
		"http://u:secret@unix:///run/x",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct proxy *proxy = NULL;
		struct err err = { 0 };

		assert_int_equal(proxy_new(span_of(bad[i]), span_of(NULL), NULL, &proxy, &err), -EINVAL);
		assert_true(err.msg[0] != '\0');
		assert_null(strstr(err.msg, "secret"));
	}
}

static void exceptions_are_hosts_domains_and_blocks(void **state)
{
	static const char *const exceptions[] = { "cloud.example", ".inner.example", "192.168.1.7",
						  "10.128.0.0/9",  "fd00::/8",	     NULL };
	static const char *const everything[] = { "*", NULL };
	static const char *const bad[][2] = { { "10.0.0.0/33", NULL }, { "host/8", NULL }, { "", NULL } };
	static const struct {
		const char *host;
		bool exempt;
	} cases[] = {
		{ "cloud.example", true },     { "CLOUD.example", true }, { "a.cloud.example", false },
		{ "a.b.inner.example", true }, { "inner.example", true }, { "xinner.example", false },
		{ "192.168.1.7", true },       { "192.168.1.8", false },  { "10.127.255.255", false },
		{ "10.128.0.0", true },	       { "10.255.0.1", true },	  { "fd12::1", true },
		{ "fe80::1", false },
	};
	struct proxy *proxy = make("http://p:1", NULL, exceptions);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (proxy_exempts(proxy, cases[i].host) != cases[i].exempt)
			fail_msg("%s", cases[i].host);
	proxy_unref(proxy);
	proxy = make("http://p:1", NULL, everything);
	assert_true(proxy_exempts(proxy, "anything"));
	proxy_unref(proxy);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { 0 };

		assert_int_equal(proxy_new(SPAN("http://p:1"), SPAN(""), bad[i], &proxy, &err), -EINVAL);
		assert_true(err.msg[0] != '\0');
	}
}

static int answer_to(const char *text, size_t step, size_t *used, struct err *err)
{
	struct proxy *proxy = make("http://p:3128", "user:pass", NULL);
	struct proxy_answer answer;
	size_t len = strlen(text), at = 0, took = 0;
	int code = -EAGAIN;

	proxy_answer_init(&answer);
	while (code == -EAGAIN && at < len) {
		code = proxy_answer_feed(&answer, proxy, TARGET,
					 span_make(text + at, len - at < step ? len - at : step), &took, err);
		at += took;
	}
	*used = at;
	proxy_answer_done(&answer);
	proxy_unref(proxy);
	return code;
}

static void answers_are_understood_in_whatever_pieces_they_come(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *word;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\n", 0, "" },
		{ "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n", 0, "" },
		{ "HTTP/1.1 204\r\nX: y\r\n\r\n", 0, "" },
		{ "HTTP/1.1 200 OK\n\n", 0, "" },
		{ "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", -EACCES, "credentials" },
		{ "HTTP/1.1 401 Unauthorized\r\n\r\n", -EACCES, "credentials (401)" },
		{ "HTTP/1.1 403 Filtered\r\n\r\n", -EACCES, "forbids" },
		{ "HTTP/1.1 502 Bad Gateway\r\n\r\n", -EHOSTUNREACH, TARGET },
		{ "HTTP/1.1 503 Busy\r\n\r\n", -EHOSTUNREACH, "503 Busy" },
		{ "HTTP/1.1 405 No\r\n\r\n", -EPROTONOSUPPORT, "tunnels" },
		{ "HTTP/1.1 302 Found\r\nLocation: http://portal/\r\n\r\n", -EPROTO, "302 Found" },
		{ "HTTP/1.1 100 Continue\r\n\r\n", -EPROTO, "100" },
		{ "HTTP/2 200\r\n\r\n", -EPROTO, "no HTTP proxy" },
		{ "HTTP/1.1 2x0 OK\r\n\r\n", -EPROTO, "no HTTP proxy" },
		{ "HTTP/1.1 99 OK\r\n\r\n", -EPROTO, "no HTTP proxy" },
		{ "SSH-2.0-OpenSSH\r\n", -EPROTO, "no HTTP proxy" },
		{ "\x15\x03\x01", -EPROTO, "no HTTP proxy" },
		{ "HTTP/1.1 200 OK\r\n", -EAGAIN, "" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t step = 1; step <= 64; step *= 8) {
			struct err err = { 0 };
			size_t used = 0;

			assert_int_equal(answer_to(cases[i].text, step, &used, &err), cases[i].code);
			if (!cases[i].code)
				assert_int_equal(used, strlen(cases[i].text));
			if (!strstr(err.msg, cases[i].word))
				fail_msg("\"%s\" lacks \"%s\"", err.msg, cases[i].word);
			assert_null(strstr(err.msg, "pass"));
		}
}

static void an_endless_answer_is_not_listened_to(void **state)
{
	static char text[PROXY_ANSWER_MAX + 100];
	struct err err = { 0 };
	size_t used = 0;

	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "HTTP/1.1 200 ", 13);
	assert_int_equal(answer_to(text, 1000, &used, &err), -EPROTO);
	assert_true(used <= PROXY_ANSWER_MAX);
}

/* --- a stream through one: the test plays the proxy --- */

struct fix {
	struct loop *loop;
	struct server server;
	struct end client;
	struct proxy *proxy;
};

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));
	char url[128];

	assert_non_null(fix);
	assert_int_equal(loop_new(&fix->loop), 0);
	server_start(&fix->server, fix->loop, NULL, NULL, 10);
	snprintf(url, sizeof(url), "http://%s", listener_address(fix->server.listener));
	fix->proxy = make(url, "user:pass", NULL);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;

	end_done(&fix->client);
	server_stop(&fix->server);
	proxy_unref(fix->proxy);
	loop_free(fix->loop);
	free(fix);
	return 0;
}

/* Connects, and waits until the proxy has heard the whole request. */
static struct end *ask(struct fix *fix, struct stream_options *options)
{
	struct end *at = &fix->server.ends[0];

	options->proxy = fix->proxy;
	connect_end(fix->loop, "cloud.invalid:7443", options, &fix->client);
	run_until(fix->loop, &fix->server.accepted_one);
	at->want = strlen("CONNECT cloud.invalid:7443 HTTP/1.1\r\nHost: cloud.invalid:7443\r\n"
			  "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n\r\n");
	if (at->got.len < at->want)
		run_until(fix->loop, &at->full);
	assert_int_equal(at->got.len, at->want);
	assert_false(fix->client.any);
	return at;
}

static void what_follows_the_answer_is_the_targets(void **state)
{
	struct fix *fix = *state;
	struct end *at = ask(fix, &(struct stream_options){ 0 });

	fix->client.want = 5;
	assert_int_equal(stream_write(at->stream, SPAN("HTTP/1.1 200 OK\r\n\r\nhello")), 0);
	run_until(fix->loop, &fix->client.full);
	assert_true(fix->client.opened);
	assert_true(span_is(buf_span(&fix->client.got), "hello"));
	at->got.len = 0;
	at->want = 3;
	at->full = false;
	assert_int_equal(stream_write(fix->client.stream, SPAN("abc")), 0);
	run_until(fix->loop, &at->full);
}

static void assert_ends(struct fix *fix, int code, const char *word)
{
	run_until(fix->loop, &fix->client.closed);
	assert_false(fix->client.opened);
	assert_int_equal(fix->client.why.code, code);
	if (!strstr(fix->client.why.msg, word))
		fail_msg("\"%s\" lacks \"%s\"", fix->client.why.msg, word);
}

static void a_refusal_is_told(void **state)
{
	struct fix *fix = *state;
	struct end *at = ask(fix, &(struct stream_options){ 0 });

	assert_int_equal(stream_write(at->stream, SPAN("HTTP/1.1 407 Who are you\r\n\r\n")), 0);
	assert_ends(fix, -EACCES, "does not accept the credentials");
}

static void a_proxy_that_hangs_up_is_named(void **state)
{
	struct fix *fix = *state;
	struct end *at = ask(fix, &(struct stream_options){ 0 });

	stream_close(at->stream);
	at->stream = NULL;
	assert_ends(fix, -ECONNRESET, listener_address(fix->server.listener));
}

static void a_proxy_that_is_silent_is_not_waited_for(void **state)
{
	struct fix *fix = *state;

	ask(fix, &(struct stream_options){ .connect_timeout_ms = 60000, .reach_timeout_ms = 100 });
	assert_ends(fix, -ETIMEDOUT, "within 100 ms");
}

static void a_proxy_that_is_not_there_is_named(void **state)
{
	struct fix *fix = *state;
	struct stream_options options = { .proxy = fix->proxy };

	listener_close(fix->server.listener);
	fix->server.listener = NULL;
	connect_end(fix->loop, "cloud.invalid:7443", &options, &fix->client);
	assert_ends(fix, -ECONNREFUSED, "connecting to the proxy 127.0.0.1:");
}

static void tls_goes_through(void **state)
{
	struct fix *fix = *state;
	struct testcert_options cert = { .kind = TESTCERT_CA, .common_name = "ca" };
	struct testcert ca, hub;
	struct tls_context *server_tls, *client_tls;
	struct tls_client_options client = { 0 };
	struct tls_server_name name = { 0 };
	struct server target = { .echo = true };
	struct end relay;
	struct stream_options options = { .tls_server_name = "hub.test" };

	testcert_make(NULL, &cert, &ca);
	cert = (struct testcert_options){ .kind = TESTCERT_SERVER,
					  .common_name = "hub",
					  .dns_name = "hub.test" };
	testcert_make(&ca, &cert, &hub);
	name.cert_chain_pem = span_of(hub.chain_pem);
	name.key_pem = span_of(hub.key_pem);
	client.ca_pem = span_of(ca.cert_pem);
	assert_int_equal(tls_server_new(&name, 1, &server_tls, NULL), 0);
	assert_int_equal(tls_client_new(&client, &client_tls, NULL), 0);
	server_start(&target, fix->loop, NULL, &(struct stream_options){ .tls = server_tls }, 10);
	options.tls = client_tls;
	{
		struct end *at = ask(fix, &options);

		/* The proxy's half: whatever comes on one side goes to the other. */
		connect_end(fix->loop, listener_address(target.listener), NULL, &relay);
		run_until(fix->loop, &relay.opened);
		assert_int_equal(stream_write(at->stream, SPAN("HTTP/1.1 200 OK\r\n\r\n")), 0);
		at->got.len = 0;
		for (unsigned i = 0; i < 1000 && !fix->client.opened; i++) {
			run_for(fix->loop, 2);
			if (at->got.len && !stream_write(relay.stream, buf_span(&at->got)))
				at->got.len = 0;
			if (relay.got.len && !stream_write(at->stream, buf_span(&relay.got)))
				relay.got.len = 0;
		}
	}
	assert_true(fix->client.opened);
	assert_string_equal(stream_tls_peer(fix->client.stream)->server_name, "hub.test");
	end_done(&fix->client);
	end_init(&fix->client);
	end_done(&relay);
	server_stop(&target);
	tls_unref(server_tls);
	tls_unref(client_tls);
	testcert_done(&ca);
	testcert_done(&hub);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_request_names_the_target_and_holds_the_credentials),
		cmocka_unit_test(bad_urls_are_refused_and_their_passwords_not_repeated),
		cmocka_unit_test(exceptions_are_hosts_domains_and_blocks),
		cmocka_unit_test(answers_are_understood_in_whatever_pieces_they_come),
		cmocka_unit_test(an_endless_answer_is_not_listened_to),
		test(what_follows_the_answer_is_the_targets),
		test(a_refusal_is_told),
		test(a_proxy_that_hangs_up_is_named),
		test(a_proxy_that_is_silent_is_not_waited_for),
		test(a_proxy_that_is_not_there_is_named),
		test(tls_goes_through),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
