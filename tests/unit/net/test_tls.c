#include "tests/unit/net/fixture.h"

#include <stdio.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/crypt.h"
#include "net/tls_impl.h"
#include "tests/tools/testcerts.h"

#define DAY_MS (24ll * 60 * 60 * 1000)
#define NAME "cloud-hub.holdfast"
#define JOIN "join.cloud-hub.holdfast"

/* One authority for all tests: root, an intermediate for clients, leaves. */
static struct {
	struct testcert root, foreign, clients, server, join_server, client, expired_client, foreign_client,
		odd_client;
	struct testcert expired_server, future_server, client_as_server, foreign_server, of_clients,
		server_of_clients;
} pki;

static int make_pki(void **state)
{
	/* Authorities outlive what 32 bits count (2038) and what two digits tell (2049). */
	struct testcert_options ca = {
		.kind = TESTCERT_CA, .common_name = "test root", .from_days = -1, .to_days = 40 * 365
	};
	struct testcert_options server = { .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	struct testcert_options client = { .kind = TESTCERT_CLIENT,
					   .common_name = "node-1",
					   .organization = "nodes" };

	testcert_make(NULL, &ca, &pki.root);
	ca.common_name = "foreign root";
	testcert_make(NULL, &ca, &pki.foreign);
	ca.common_name = "clients";
	testcert_make(&pki.root, &ca, &pki.clients);
	testcert_make(&pki.root, &server, &pki.server);
	testcert_make(&pki.foreign, &server, &pki.foreign_server);
	testcert_make(&pki.clients, &client, &pki.client);
	testcert_make(&pki.foreign, &client, &pki.foreign_client);
	client.from_days = -30;
	client.to_days = -2;
	testcert_make(&pki.clients, &client, &pki.expired_client);
	server.from_days = -30;
	server.to_days = -2;
	testcert_make(&pki.root, &server, &pki.expired_server);
	server.from_days = 2;
	server.to_days = 30;
	testcert_make(&pki.root, &server, &pki.future_server);
	server.from_days = server.to_days = 0;
	server.dns_name = JOIN;
	testcert_make(&pki.root, &server, &pki.join_server);
	client = (struct testcert_options){ .kind = TESTCERT_CLIENT, .common_name = "hub", .dns_name = NAME };
	testcert_make(&pki.root, &client, &pki.client_as_server);
	server = (struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "node-1" };
	testcert_make(&pki.root, &server, &pki.odd_client);
	ca = (struct testcert_options){ .kind = TESTCERT_CA,
					.common_name = "of clients",
					.clients_only = true };
	testcert_make(&pki.root, &ca, &pki.of_clients);
	server = (struct testcert_options){ .kind = TESTCERT_SERVER, .common_name = "hub", .dns_name = NAME };
	testcert_make(&pki.of_clients, &server, &pki.server_of_clients);
	return 0;
}

static int drop_pki(void **state)
{
	struct testcert *all = (struct testcert *)&pki;

	for (size_t i = 0; i < sizeof(pki) / sizeof(*all); i++)
		testcert_done(&all[i]);
	return 0;
}

struct fix {
	struct loop *loop;
	struct tls_context *server_tls, *client_tls;
	struct server server;
	struct end client;
};

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

	end_done(&fix->client);
	if (fix->server.listener)
		server_stop(&fix->server);
	tls_unref(fix->server_tls);
	tls_unref(fix->client_tls);
	loop_free(fix->loop);
	free(fix);
	return 0;
}

static struct tls_server_name identity(const struct testcert *cert, const char *name,
				       enum tls_client_auth auth)
{
	return (struct tls_server_name){ .name = name,
					 .cert_chain_pem = span_of(cert->chain_pem),
					 .key_pem = span_of(cert->key_pem),
					 .client_ca_pem = span_of(pki.root.cert_pem),
					 .client_auth = auth };
}

static void serve(struct fix *fix, const struct tls_server_name *names, size_t count,
		  const struct tls_server_options *tls_options)
{
	struct tls_server_options defaults = { 0 };
	struct stream_options options = { .connect_timeout_ms = 3000 };
	struct err err = { 0 };

	if (tls_server_new_with(names, count, tls_options ? tls_options : &defaults, &fix->server_tls, &err))
		fail_msg("%s", err_text(&err));
	options.tls = fix->server_tls;
	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, &options, 10);
}

static void serve_one(struct fix *fix, const struct testcert *cert, enum tls_client_auth auth)
{
	struct tls_server_name name = identity(cert, NULL, auth);

	serve(fix, &name, 1, NULL);
}

/* Connects with a fresh client context unless one is there; waits until open or refused. */
static void dial(struct fix *fix, const struct testcert *cert, const char *name)
{
	struct stream_options options = { .connect_timeout_ms = 3000, .tls_server_name = name };
	struct tls_client_options tls = { .ca_pem = span_of(pki.root.cert_pem) };
	struct err err = { 0 };

	if (cert) {
		tls.cert_chain_pem = span_of(cert->chain_pem);
		tls.key_pem = span_of(cert->key_pem);
	}
	if (!fix->client_tls && tls_client_new(&tls, &fix->client_tls, &err))
		fail_msg("%s", err_text(&err));
	options.tls = fix->client_tls;
	end_done(&fix->client);
	fix->server.accepted_one = false;
	connect_end(fix->loop, listener_address(fix->server.listener), &options, &fix->client);
	run_until(fix->loop, &fix->client.any);
}

static void expect_open(struct fix *fix)
{
	if (!fix->client.opened)
		fail_msg("client: %s; server: %s", err_text(&fix->client.why),
			 err_text(&fix->server.refusal));
	run_until(fix->loop, &fix->server.accepted_one);
}

static struct end *peer_end(struct fix *fix)
{
	return &fix->server.ends[fix->server.accepted - 1];
}

static void expect_refused_by_client(struct fix *fix, int code, const char *words)
{
	assert_false(fix->client.opened);
	assert_true(fix->client.closed);
	if (!strstr(fix->client.why.msg, words))
		fail_msg("client said: %s", fix->client.why.msg);
	assert_int_equal(fix->client.why.code, code);
	run_until(fix->loop, &fix->server.refused);
	assert_int_equal(fix->server.accepted, 0);
}

static void expect_refused_by_server(struct fix *fix, int code, const char *words, const char *client_words)
{
	run_until(fix->loop, &fix->server.refused);
	if (!strstr(fix->server.refusal.msg, words))
		fail_msg("server said: %s", fix->server.refusal.msg);
	assert_int_equal(fix->server.refusal.code, code);
	assert_int_equal(fix->server.accepted, 0);
	/* The client may have finished before the server judged: then the end comes as the first thing it reads. */
	run_until(fix->loop, &fix->client.closed);
	if (!strstr(fix->client.why.msg, client_words))
		fail_msg("client said: %s", fix->client.why.msg);
}

static void exchange(struct fix *fix, size_t bytes)
{
	char *block = malloc(bytes);

	assert_non_null(block);
	for (size_t i = 0; i < bytes; i++)
		block[i] = (char)(i * 7);
	buf_reset(&fix->client.got);
	fix->client.full = false;
	fix->client.want = bytes;
	assert_int_equal(stream_write(fix->client.stream, span_make(block, bytes)), 0);
	run_until(fix->loop, &fix->client.full);
	assert_memory_equal(fix->client.got.data, block, bytes);
	free(block);
}

static void echo_without_client_certificate(void **state)
{
	struct fix *fix = *state;
	const struct tls_peer *peer;

	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_open(fix);
	exchange(fix, 5);
	exchange(fix, 3 << 20);
	peer = stream_tls_peer(peer_end(fix)->stream);
	assert_non_null(peer);
	assert_false(peer->has_cert);
	assert_string_equal(peer->common_name, "");
	assert_null(peer->organizations[0]);
	assert_string_equal(peer->server_name, NAME);
	peer = stream_tls_peer(fix->client.stream);
	assert_true(peer->has_cert);
	assert_string_equal(peer->common_name, "hub");
	assert_true(stream_bytes_out(fix->client.stream) > (3 << 20) + 500);
}

static void mutual_tls_shows_who_the_client_is(void **state)
{
	struct fix *fix = *state;
	const struct tls_peer *peer;

	serve_one(fix, &pki.server, TLS_CLIENT_REQUIRED);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	peer = stream_tls_peer(peer_end(fix)->stream);
	assert_true(peer->has_cert);
	assert_string_equal(peer->common_name, "node-1");
	assert_string_equal(peer->organizations[0], "nodes");
	assert_null(peer->organizations[1]);
	assert_in_range(peer->not_after_wall_ms, clock_wall_ms() + 29ll * 86400000,
			clock_wall_ms() + 31ll * 86400000);
	assert_true(peer->cert_der_len > 200);
	assert_false(peer->resumed);
	exchange(fix, 100);
}

static void foreign_server_is_refused(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.foreign_server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not signed by a trusted authority");
	assert_non_null(strstr(fix->server.refusal.msg, "does not know the authority"));
}

static void expired_server_is_refused_with_its_date(void **state)
{
	struct fix *fix = *state;
	char today[CLOCK_TEXT_SIZE];

	serve_one(fix, &pki.expired_server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	clock_format(clock_wall_ms() - 2ll * 86400000, today);
	today[10] = '\0';
	expect_refused_by_client(fix, -ETIME, today);
}

static int64_t expiry_of(void *ctx)
{
	return *(int64_t *)ctx;
}

static void dial_at(struct fix *fix, int64_t *expiry_ms)
{
	struct tls_client_options tls = { .ca_pem = span_of(pki.root.cert_pem),
					  .clock = { expiry_of, expiry_ms } };

	tls_unref(fix->client_tls);
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
}

static void future_server_is_refused_by_the_machines_clock_only(void **state)
{
	int64_t yesterday = clock_wall_ms() - DAY_MS;
	struct fix *fix = *state;

	serve_one(fix, &pki.future_server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -ETIME, "is not valid before");
	dial_at(fix, &yesterday);
	expect_open(fix);
	assert_true(stream_tls_peer(fix->client.stream)->not_before_wall_ms > clock_wall_ms());
}

static void expiry_is_judged_by_the_clock_that_is_given(void **state)
{
	int64_t later = clock_wall_ms() + 300 * DAY_MS, yesterday = clock_wall_ms() - DAY_MS;
	struct fix *fix = *state;

	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	dial_at(fix, &later);
	expect_refused_by_client(fix, -ETIME, "the server's certificate expired on");
	dial_at(fix, &yesterday);
	expect_open(fix);
}

static void what_expired_before_the_floor_is_refused_whatever_the_machine_says(void **state)
{
	int64_t expired = clock_wall_ms() - 2 * DAY_MS, above = expired + DAY_MS, below = expired - DAY_MS;
	struct fix *fix = *state;

	serve_one(fix, &pki.expired_server, TLS_CLIENT_NONE);
	dial_at(fix, &above);
	expect_refused_by_client(fix, -ETIME, "expired on");
	dial_at(fix, &below);
	expect_open(fix);
}

static void other_name_is_refused(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.join_server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "is not for the name " NAME);
}

/* mbedTLS does not serve with such a certificate, so the client's step is asked directly. */
static void client_certificate_is_no_server(void **state)
{
	struct tls_client_options options = { .ca_pem = span_of(pki.root.cert_pem) };
	struct tls_session *session;
	struct tls_context *tls;
	struct err err = { 0 };
	mbedtls_x509_crt crt;
	uint32_t flags = 0;

	mbedtls_x509_crt_init(&crt);
	assert_int_equal(mbedtls_x509_crt_parse(&crt, (const unsigned char *)pki.client_as_server.cert_pem,
						strlen(pki.client_as_server.cert_pem) + 1),
			 0);
	assert_int_equal(tls_client_new(&options, &tls, NULL), 0);
	assert_int_equal(tls_session_new(tls, NAME, NULL, NULL, &session, NULL), 0);
	assert_int_equal(tls_verify_step(session, &crt, 0, &flags), 0);
	assert_int_equal(flags, MBEDTLS_X509_BADCERT_EXT_KEY_USAGE);
	assert_int_equal(tls_explain(session, MBEDTLS_ERR_X509_CERT_VERIFY_FAILED, &err), -EKEYREJECTED);
	assert_non_null(strstr(err.msg, "not meant for a server"));
	tls_session_free(session);
	tls_unref(tls);
	mbedtls_x509_crt_free(&crt);
}

static void client_without_certificate_is_refused_where_required(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.server, TLS_CLIENT_REQUIRED);
	dial(fix, NULL, NAME);
	expect_refused_by_server(fix, -ENOKEY, "showed no certificate", "certificate");
}

static void bad_clients(void **state, enum tls_client_auth auth)
{
	struct fix *fix = *state;
	static const struct {
		const struct testcert *cert;
		int code;
		const char *words;
	} bad[] = {
		{ &pki.foreign_client, -EKEYREJECTED, "not signed by a trusted authority" },
		{ &pki.expired_client, -EKEYEXPIRED, "the client's certificate expired on 20" },
		{ &pki.odd_client, -EKEYREJECTED, "not meant for a client" },
	};

	serve_one(fix, &pki.server, auth);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tls_unref(fix->client_tls);
		fix->client_tls = NULL;
		fix->server.refused = false;
		dial(fix, bad[i].cert, NAME);
		expect_refused_by_server(fix, bad[i].code, bad[i].words, "our certificate");
	}
}

static void bad_client_certificates_are_refused_where_required(void **state)
{
	bad_clients(state, TLS_CLIENT_REQUIRED);
}

static void bad_client_certificates_are_refused_where_optional(void **state)
{
	bad_clients(state, TLS_CLIENT_OPTIONAL);
}

static void optional_takes_both_kinds(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.server, TLS_CLIENT_OPTIONAL);
	dial(fix, NULL, NAME);
	expect_open(fix);
	assert_false(stream_tls_peer(peer_end(fix)->stream)->has_cert);
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_string_equal(stream_tls_peer(peer_end(fix)->stream)->common_name, "node-1");
}

static void sni_chooses_the_identity(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name names[] = {
		identity(&pki.join_server, JOIN, TLS_CLIENT_NONE),
		identity(&pki.server, NAME, TLS_CLIENT_REQUIRED),
	};

	serve(fix, names, 2, NULL);
	dial(fix, NULL, JOIN);
	expect_open(fix);
	assert_string_equal(stream_tls_peer(peer_end(fix)->stream)->server_name, JOIN);
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	dial(fix, &pki.client, "other.name");
	assert_false(fix->client.opened);
	run_until(fix->loop, &fix->server.refused);
	assert_non_null(strstr(fix->server.refusal.msg, "unknown name \"other.name\""));
	assert_int_equal(fix->server.accepted, 2);
}

static void pinned_root_replaces_the_authority(void **state)
{
	struct fix *fix = *state;
	struct tls_client_options tls = { .pin_root_sha256 = pki.root.der_sha256 };

	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_open(fix);
	exchange(fix, 10);
	dial(fix, NULL, NAME); /* and resumed */
	expect_open(fix);
	assert_true(stream_tls_peer(fix->client.stream)->resumed);
}

static void wrong_pin_is_refused(void **state)
{
	struct fix *fix = *state;
	struct tls_client_options tls = { .pin_root_sha256 = pki.foreign.der_sha256 };

	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not signed by the pinned authority");
	tls_unref(fix->client_tls);
	/* The right authority does not make up for the wrong pin. */
	tls.ca_pem = span_of(pki.root.cert_pem);
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not signed by the pinned authority");
}

static void pin_does_not_excuse_name_date_or_use(void **state)
{
	static const struct {
		const struct testcert *cert;
		const char *words;
	} bad[] = {
		{ &pki.join_server, "not for the name" },
		{ &pki.expired_server, "expired on" },
	};
	struct tls_client_options tls = { .pin_root_sha256 = pki.root.der_sha256 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		void *again;
		struct fix *fix;

		setup(&again);
		fix = again;
		serve_one(fix, bad[i].cert, TLS_CLIENT_NONE);
		assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
		dial(fix, NULL, NAME);
		assert_false(fix->client.opened);
		if (!strstr(fix->client.why.msg, bad[i].words))
			fail_msg("client said: %s", fix->client.why.msg);
		teardown(&again);
	}
}

/* A server that sends its leaf alone: the pinned root cannot be found in the chain. */
static void pin_needs_the_root_in_the_chain(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	struct tls_client_options tls = { .pin_root_sha256 = pki.root.der_sha256 };

	name.cert_chain_pem = span_of(pki.server.cert_pem);
	serve(fix, &name, 1, NULL);
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not signed by the pinned authority");
}

/* While authorities change a server sends more than one root; whichever is pinned decides, wherever it stands. */
static void pin_chooses_among_the_roots_sent(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	struct tls_client_options tls = { .pin_root_sha256 = pki.root.der_sha256 };
	struct buf chain;

	buf_init(&chain, 1u << 16);
	buf_addf(&chain, "%s%s%s", pki.server.cert_pem, pki.foreign.cert_pem, pki.root.cert_pem);
	name.cert_chain_pem = buf_span(&chain);
	serve(fix, &name, 1, NULL);
	/* Being sent makes no root one that signed. */
	tls.pin_root_sha256 = pki.foreign.der_sha256;
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not signed by the pinned authority");
	tls_unref(fix->client_tls);
	tls.pin_root_sha256 = pki.root.der_sha256;
	assert_int_equal(tls_client_new(&tls, &fix->client_tls, NULL), 0);
	dial(fix, NULL, NAME);
	expect_open(fix);
	buf_done(&chain);
}

static void expired_client_is_let_in_where_the_name_says_so(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name names[] = { identity(&pki.server, NAME, TLS_CLIENT_REQUIRED),
					   identity(&pki.join_server, JOIN, TLS_CLIENT_REQUIRED) };

	names[1].accept_expired = true;
	serve(fix, names, 2, NULL);
	for (size_t i = 0; i < 2; i++) {
		dial(fix, &pki.expired_client, JOIN);
		expect_open(fix);
		assert_true(stream_tls_peer(peer_end(fix)->stream)->expired);
		/* No ticket comes of it. */
		assert_false(stream_tls_peer(fix->client.stream)->resumed);
		end_done(&fix->client);
	}
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	dial(fix, &pki.client, JOIN);
	expect_open(fix);
	assert_false(stream_tls_peer(peer_end(fix)->stream)->expired);
}

static void other_names_refuse_the_expired_client_in_words_it_understands(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name names[] = { identity(&pki.server, NAME, TLS_CLIENT_REQUIRED),
					   identity(&pki.join_server, JOIN, TLS_CLIENT_REQUIRED) };

	names[1].accept_expired = true;
	serve(fix, names, 2, NULL);
	dial(fix, &pki.expired_client, NAME);
	expect_refused_by_server(fix, -EKEYEXPIRED, "expired on", "our certificate has expired");
	assert_int_equal(fix->client.why.code, -EKEYEXPIRED);
	/* And expired is all that is forgiven. */
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	fix->server.refused = false;
	dial(fix, &pki.foreign_client, JOIN);
	expect_refused_by_server(fix, -EKEYREJECTED, "not signed by", "authority");
}

static void a_listener_takes_another_certificate_while_connections_go_on(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	struct tls_context *next = NULL;
	struct err err;

	serve_one(fix, &pki.expired_server, TLS_CLIENT_NONE);
	assert_int_equal(tls_server_new(&name, 1, &next, &err), 0);
	dial(fix, NULL, NAME);
	assert_false(fix->client.opened);
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	listener_set_tls(fix->server.listener, next);
	tls_unref(next);
	dial(fix, NULL, NAME);
	expect_open(fix);
	assert_int_equal(tls_server_new(&name, 1, &next, &err), 0);
	listener_set_tls(fix->server.listener, next);
	tls_unref(next);
	exchange(fix, 1000);
}

/* What an authority is for binds all that it signs: one for clients makes no server. */
static void authority_for_clients_makes_no_server(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.server_of_clients, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_refused_by_client(fix, -EKEYREJECTED, "not meant for a server");
}

static void resumed_client_is_still_known(void **state)
{
	struct fix *fix = *state;
	uint8_t key[32];

	serve_one(fix, &pki.server, TLS_CLIENT_REQUIRED);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	memcpy(key, stream_tls_peer(peer_end(fix)->stream)->key_sha256, 32);
	for (int i = 0; i < 3; i++) {
		const struct tls_peer *peer;

		dial(fix, &pki.client, NAME);
		expect_open(fix);
		peer = stream_tls_peer(peer_end(fix)->stream);
		assert_true(peer->resumed);
		assert_true(stream_tls_peer(fix->client.stream)->resumed);
		assert_true(peer->has_cert);
		assert_string_equal(peer->common_name, "node-1");
		assert_string_equal(peer->organizations[0], "nodes");
		assert_memory_equal(peer->key_sha256, key, 32);
		exchange(fix, 20000);
	}
}

static void stored_ticket_keys_outlive_the_server(void **state)
{
	struct fix *fix = *state;
	uint8_t keys[2][TLS_TICKET_KEY_SIZE] = { { 1 }, { 2 } },
		rotated[2][TLS_TICKET_KEY_SIZE] = { { 3 }, { 1 } };
	struct tls_server_options options = { .ticket_keys = keys, .ticket_key_count = 2 };
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_REQUIRED);
	uint8_t other[1][TLS_TICKET_KEY_SIZE] = { { 9 } };

	serve(fix, &name, 1, &options);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	server_stop(&fix->server);
	fix->server.accepted = 0;
	tls_unref(fix->server_tls);
	options.ticket_keys = rotated;
	serve(fix, &name, 1, &options);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_true(stream_tls_peer(peer_end(fix)->stream)->resumed);
	assert_int_equal(tls_server_set_ticket_keys(fix->server_tls, other, 1), 0);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_false(stream_tls_peer(peer_end(fix)->stream)->resumed);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_true(stream_tls_peer(peer_end(fix)->stream)->resumed);
	assert_int_equal(tls_server_set_ticket_keys(fix->server_tls, other, 0), -EINVAL);
}

/* A connection that outlives its ticket's key gets another ticket, inside of it. */
static void a_fresh_ticket_resumes_when_the_first_one_is_of_no_use(void **state)
{
	struct fix *fix = *state;
	uint8_t first[1][TLS_TICKET_KEY_SIZE] = { { 1 } }, second[1][TLS_TICKET_KEY_SIZE] = { { 2 } };
	struct tls_server_options options = { .ticket_keys = first, .ticket_key_count = 1 };
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_REQUIRED);
	struct buf ticket;

	buf_init(&ticket, 1 << 16);
	serve(fix, &name, 1, &options);
	for (int i = 0; i < 2; i++) { /* of a full handshake, and of a resumed one */
		dial(fix, &pki.client, NAME);
		expect_open(fix);
		assert_int_equal(stream_tls_peer(peer_end(fix)->stream)->resumed, i);
		assert_int_equal(tls_server_set_ticket_keys(fix->server_tls, i ? first : second, 1), 0);
		buf_reset(&ticket);
		assert_int_equal(stream_ticket_make(peer_end(fix)->stream, &ticket), 0);
		assert_int_equal(stream_ticket_take(fix->client.stream, buf_span(&ticket)), 0);
	}
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_true(stream_tls_peer(peer_end(fix)->stream)->resumed);
	assert_string_equal(stream_tls_peer(peer_end(fix)->stream)->common_name, "node-1");
	/* Wrong ends, and a session that is not the saved one any more. */
	assert_int_equal(stream_ticket_make(fix->client.stream, &ticket), -ENOTSUP);
	assert_int_equal(stream_ticket_take(peer_end(fix)->stream, buf_span(&ticket)), -EINVAL);
	assert_int_equal(stream_ticket_take(fix->client.stream, SPAN("")), -EINVAL);
	assert_int_equal(tls_server_set_ticket_keys(fix->server_tls, second, 1), 0);
	{
		struct end before = fix->client;

		end_init(&fix->client);
		stream_set_events(before.stream, end_events(&before), &before);
		dial(fix, &pki.client, NAME); /* a full handshake: its session is another */
		expect_open(fix);
		assert_false(stream_tls_peer(peer_end(fix)->stream)->resumed);
		assert_int_equal(stream_ticket_take(before.stream, buf_span(&ticket)), -ESTALE);
		end_done(&before);
	}
	buf_done(&ticket);
}

static void old_ticket_means_a_full_handshake(void **state)
{
	struct fix *fix = *state;
	struct tls_server_options options = { .ticket_lifetime_s = 1 };
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_REQUIRED);

	serve(fix, &name, 1, &options);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	run_for(fix->loop, 1100); /* the lifetime has whole seconds */
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_false(stream_tls_peer(peer_end(fix)->stream)->resumed);
}

static void ticket_of_an_open_name_does_not_open_a_closed_one(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name names[] = {
		identity(&pki.join_server, JOIN, TLS_CLIENT_NONE),
		identity(&pki.server, NAME, TLS_CLIENT_REQUIRED),
	};
	struct buf saved, forged;

	serve(fix, names, 2, NULL);
	dial(fix, NULL, JOIN);
	expect_open(fix);
	/* A client that offers the join session under the other name. */
	buf_init(&saved, 1 << 16);
	buf_init(&forged, 1 << 16);
	assert_int_equal(tls_client_save_session(fix->client_tls, &saved), 0);
	buf_add(&forged, saved.data, 32);
	buf_add(&forged, NAME, sizeof(NAME));
	buf_add(&forged, saved.data + 32 + sizeof(JOIN), saved.len - 32 - sizeof(JOIN));
	assert_int_equal(tls_client_load_session(fix->client_tls, buf_span(&forged)), 0);
	fix->server.accepted_one = false;
	dial(fix, NULL, NAME);
	run_until(fix->loop, &fix->server.refused);
	assert_int_equal(fix->server.accepted, 1);
	assert_int_equal(fix->server.refusal.code, -ENOKEY);
	buf_done(&saved);
	buf_done(&forged);
}

static void saved_session_carries_over_a_restart(void **state)
{
	struct fix *fix = *state;
	struct tls_client_options other = { .ca_pem = span_of(pki.foreign.cert_pem) };
	struct tls_context *stranger;
	struct buf saved;

	serve_one(fix, &pki.server, TLS_CLIENT_REQUIRED);
	buf_init(&saved, 1 << 16);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_int_equal(tls_client_save_session(fix->client_tls, &saved), 0);
	tls_unref(fix->client_tls);
	fix->client_tls = NULL;
	dial(fix, &pki.client, NAME); /* makes the new context; a full handshake */
	expect_open(fix);
	assert_false(stream_tls_peer(peer_end(fix)->stream)->resumed);
	assert_int_equal(tls_client_load_session(fix->client_tls, buf_span(&saved)), 0);
	dial(fix, &pki.client, NAME);
	expect_open(fix);
	assert_true(stream_tls_peer(peer_end(fix)->stream)->resumed);
	assert_int_equal(tls_client_new(&other, &stranger, NULL), 0);
	assert_int_equal(tls_client_load_session(stranger, buf_span(&saved)), -ESTALE);
	assert_int_equal(tls_client_save_session(stranger, &saved), -ENOENT);
	for (size_t len = 0; len < saved.len; len += 7)
		assert_int_equal(tls_client_load_session(fix->client_tls, span_make(saved.data, len)),
				 -ESTALE);
	tls_unref(stranger);
	buf_done(&saved);
}

static void garbage_and_silence_are_refused(void **state)
{
	struct fix *fix = *state;
	struct stream_options options = { .connect_timeout_ms = 100 };
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	int fd;

	assert_int_equal(tls_server_new(&name, 1, &fix->server_tls, NULL), 0);
	options.tls = fix->server_tls;
	server_start(&fix->server, fix->loop, NULL, &options, 10);
	fd = raw_connect(listener_address(fix->server.listener));
	assert_int_equal(write(fd, "GET / HTTP/1.1\r\n\r\n", 18), 18);
	run_until(fix->loop, &fix->server.refused);
	assert_int_equal(fix->server.refusal.code, -EPROTO);
	close(fd);
	fix->server.refused = false;
	fd = raw_connect(listener_address(fix->server.listener));
	run_until(fix->loop, &fix->server.refused);
	assert_int_equal(fix->server.refusal.code, -ETIMEDOUT);
	close(fd);
	fix->server.refused = false;
	fd = raw_connect(listener_address(fix->server.listener));
	close(fd);
	run_until(fix->loop, &fix->server.refused);
	assert_int_equal(fix->server.refusal.code, -ECONNRESET);
	assert_int_equal(fix->server.accepted, 0);
}

/* Clients that begin a handshake and stall take all turns; after a second the others get theirs. */
static void stalling_clients_do_not_lock_others_out(void **state)
{
	struct fix *fix = *state;
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	struct stream_options options = { 0 };
	uint64_t began;
	int fds[40];

	assert_int_equal(tls_server_new(&name, 1, &fix->server_tls, NULL), 0);
	options.tls = fix->server_tls;
	fix->server.echo = true;
	server_start(&fix->server, fix->loop, NULL, &options, 100);
	for (size_t i = 0; i < 40; i++) {
		fds[i] = raw_connect(listener_address(fix->server.listener));
		assert_int_equal(write(fds[i], "\x16\x03\x01\x00\xff\x01", 6), 6);
	}
	run_for(fix->loop, 50);
	assert_int_equal(listener_count(fix->server.listener), 40);
	began = loop_now_ms(fix->loop);
	dial(fix, NULL, NAME);
	expect_open(fix);
	assert_in_range(loop_now_ms(fix->loop) - began, 500, 2900);
	exchange(fix, 10);
	for (size_t i = 0; i < 40; i++)
		close(fds[i]);
}

static void orderly_end_and_cut_are_told_apart(void **state)
{
	struct fix *fix = *state;

	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_open(fix);
	stream_finish(peer_end(fix)->stream);
	peer_end(fix)->stream = NULL;
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, 0);
	dial(fix, NULL, NAME);
	expect_open(fix);
	stream_close(peer_end(fix)->stream); /* no goodbye: this could be an attacker's cut */
	peer_end(fix)->stream = NULL;
	run_until(fix->loop, &fix->client.closed);
	assert_int_equal(fix->client.why.code, -ECONNRESET);
}

static void pausing_holds_tls_data_back(void **state)
{
	struct fix *fix = *state;
	static char block[1 << 20];

	fix->server.pause = true;
	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_open(fix);
	peer_end(fix)->echo = false;
	peer_end(fix)->want = sizeof(block);
	assert_int_equal(stream_write(fix->client.stream, span_make(block, sizeof(block))), 0);
	run_for(fix->loop, 30);
	assert_int_equal(peer_end(fix)->got.len, 0);
	for (int i = 0; i < 2000 && !peer_end(fix)->full; i++) {
		stream_resume(peer_end(fix)->stream);
		run_for(fix->loop, 1);
		stream_pause(peer_end(fix)->stream);
	}
	stream_resume(peer_end(fix)->stream);
	run_until(fix->loop, &peer_end(fix)->full);
	assert_memory_equal(peer_end(fix)->got.data, block, sizeof(block));
}

static void slow_tls_reader_fills_the_queue_and_drains_later(void **state)
{
	struct fix *fix = *state;
	static char block[10000];
	struct end *peer;
	size_t written = 0;

	fix->server.pause = true;
	serve_one(fix, &pki.server, TLS_CLIENT_NONE);
	dial(fix, NULL, NAME);
	expect_open(fix);
	peer = peer_end(fix);
	peer->echo = false;
	for (unsigned full = 0; full < 3;) {
		for (size_t i = 0; i < sizeof(block); i++)
			block[i] = (char)((written + i) % 251);
		if (stream_write(fix->client.stream, span_make(block, sizeof(block)))) {
			run_for(fix->loop, 10);
			full++;
			continue;
		}
		full = 0;
		written += sizeof(block);
	}
	fix->client.drained = false;
	peer->want = written;
	stream_resume(peer->stream);
	run_until(fix->loop, &peer->full);
	for (size_t i = 0; i < written; i++)
		assert_int_equal((unsigned char)peer->got.data[i], i % 251);
	assert_true(fix->client.drained);
}

static void contexts_refuse_bad_input(void **state)
{
	struct tls_server_name name = identity(&pki.server, NULL, TLS_CLIENT_REQUIRED);
	struct tls_client_options client = { 0 };
	struct tls_context *tls;
	struct err err = { 0 };

	assert_int_equal(tls_client_new(&client, &tls, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "authority or a pin"));
	client.ca_pem = SPAN("not PEM");
	assert_int_equal(tls_client_new(&client, &tls, &err), -EINVAL);
	client.ca_pem = span_of(pki.root.cert_pem);
	client.cert_chain_pem = span_of(pki.client.chain_pem);
	client.key_pem = span_of(pki.server.key_pem);
	assert_int_equal(tls_client_new(&client, &tls, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "key of this client"));
	name.client_ca_pem = SPAN("");
	assert_int_equal(tls_server_new(&name, 1, &tls, &err), -EINVAL);
	name = identity(&pki.server, NULL, TLS_CLIENT_NONE);
	name.key_pem = span_of(pki.client.key_pem);
	assert_int_equal(tls_server_new(&name, 1, &tls, &err), -EINVAL);
	name.cert_chain_pem = SPAN("");
	assert_int_equal(tls_server_new(&name, 1, &tls, &err), -EINVAL);
	assert_int_equal(tls_server_new(&name, 0, &tls, &err), -EINVAL);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(echo_without_client_certificate),
		test(mutual_tls_shows_who_the_client_is),
		test(foreign_server_is_refused),
		test(expired_server_is_refused_with_its_date),
		test(future_server_is_refused_by_the_machines_clock_only),
		test(expiry_is_judged_by_the_clock_that_is_given),
		test(what_expired_before_the_floor_is_refused_whatever_the_machine_says),
		test(other_name_is_refused),
		test(client_certificate_is_no_server),
		test(client_without_certificate_is_refused_where_required),
		test(bad_client_certificates_are_refused_where_required),
		test(bad_client_certificates_are_refused_where_optional),
		test(optional_takes_both_kinds),
		test(sni_chooses_the_identity),
		test(pinned_root_replaces_the_authority),
		test(wrong_pin_is_refused),
		test(pin_does_not_excuse_name_date_or_use),
		test(pin_needs_the_root_in_the_chain),
		test(pin_chooses_among_the_roots_sent),
		test(expired_client_is_let_in_where_the_name_says_so),
		test(other_names_refuse_the_expired_client_in_words_it_understands),
		test(authority_for_clients_makes_no_server),
		test(a_listener_takes_another_certificate_while_connections_go_on),
		test(resumed_client_is_still_known),
		test(stored_ticket_keys_outlive_the_server),
		test(a_fresh_ticket_resumes_when_the_first_one_is_of_no_use),
		test(old_ticket_means_a_full_handshake),
		test(ticket_of_an_open_name_does_not_open_a_closed_one),
		test(saved_session_carries_over_a_restart),
		test(garbage_and_silence_are_refused),
		test(stalling_clients_do_not_lock_others_out),
		test(orderly_end_and_cut_are_told_apart),
		test(pausing_holds_tls_data_back),
		test(slow_tls_reader_fills_the_queue_and_drains_later),
		test(contexts_refuse_bad_input),
	};

	return cmocka_run_group_tests(tests, make_pki, drop_pki);
}
