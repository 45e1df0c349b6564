#include "tests/unit/net/fixture.h"

#include <stdio.h>

#include "net/http1.h"

#define HOST "Host: x\r\n"

/* Feeds in pieces of `step` bytes. */
static enum http1_event feed(struct http1 *http1, struct span bytes, size_t step, size_t *out_left)
{
	enum http1_event event = HTTP1_MORE;

	while (bytes.len && event != HTTP1_MESSAGE && event != HTTP1_BAD) {
		struct span piece = span_make(bytes.ptr, bytes.len < step ? bytes.len : step);
		size_t before = piece.len;

		event = http1_feed(http1, &piece);
		bytes = span_make(bytes.ptr + before - piece.len, bytes.len - before + piece.len);
	}
	*out_left = bytes.len;
	return event;
}

static void requests_mean_the_same_in_any_pieces(void **state)
{
	const struct span text =
		SPAN("\r\nPOST /api/v1/pods?limit=5&x HTTP/1.1\r\nHost: a\r\nX-One:  two \t\r\nExpect: "
		     "100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: t\r\n\r\nGET");

	for (size_t step = 1; step < text.len + 2; step++) {
		struct http1 *http1 = http1_new(HTTP1_REQUEST, 100);
		const struct http1_message *message;
		size_t left;

		assert_int_equal(feed(http1, text, step, &left), HTTP1_MESSAGE);
		assert_int_equal(left, 3);
		message = http1_message(http1);
		assert_true(span_is(message->method, "POST"));
		assert_true(span_is(message->target, "/api/v1/pods?limit=5&x"));
		assert_true(span_is(message->path, "/api/v1/pods"));
		assert_true(span_is(message->query, "limit=5&x"));
		assert_true(span_is(message->body, "hello world"));
		assert_int_equal(message->header_count, 4);
		assert_true(span_is(message->headers[1].value, "two"));
		assert_true(message->keep_alive);
		assert_true(message->expect_continue);
		http1_free(http1);
	}
}

static const struct {
	const char *text;
	int status; /* 0: good */
} heads[] = {
	{ "GET / HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "GET / HTTP/1.0\r\n\r\n", 0 },
	{ "GET http://x HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "GET http://x/y?z HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0 },
	{ "DELETE /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 0 },
	{ "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n", 0 },
	{ "PATCH / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nab", 0 },
	{ "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0 },
	/* no request */
	{ "hello\r\n\r\n", 400 },
	{ "\x16\x03\x01\x02\r\n\r\n", 400 },
	{ "GET /\r\n\r\n", 400 },
	{ "GET  / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1 \r\n" HOST "\r\n", 400 },
	{ " GET / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "G@T / HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/2.0\r\n" HOST "\r\n", 505 },
	{ "GET / HTTP/1.2\r\n" HOST "\r\n", 505 },
	{ "PRI * HTTP/2.0\r\n\r\n", 505 },
	{ "GET / http/1.1\r\n" HOST "\r\n", 400 },
	{ "BREW / HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "CONNECT x:1 HTTP/1.1\r\n" HOST "\r\n", 501 },
	{ "\r\n\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 400 },
	/* targets */
	{ "GET x HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET * HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400 },
	{ "GET /\tx HTTP/1.1\r\n" HOST "\r\n", 400 },
	/* headers */
	{ "GET / HTTP/1.1\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "X : a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST ": a\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "no colon\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n X: folded first\r\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1\n" HOST "\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\nHost: x\x01\r\n\r\n", 400 },
	{ "GET / HTTP/1.1\r\n" HOST "Expect: payment\r\n\r\n", 417 },
	/* framing: what smuggling lives on */
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x5\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n", 413 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
	  400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding:\x0b"
	  "chunked\r\n\r\n",
	  400 },
	{ "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 400 },
	{ "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400 },
};

static void heads_are_judged_strictly(void **state)
{
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		for (size_t step = 1; step < 1000; step += 999 - 1) {
			struct http1 *http1 = http1_new(HTTP1_REQUEST, 100);
			size_t left;
			enum http1_event event = feed(http1, span_of(heads[i].text), step, &left);

			if (heads[i].status ? event != HTTP1_BAD || http1_status(http1) != heads[i].status
					    : event != HTTP1_MESSAGE || left)
				fail_msg("%zu: event %d status %d for %s", i, event, http1_status(http1),
					 heads[i].text);
			if (event == HTTP1_BAD)
				assert_non_null(http1_reason(http1));
			http1_free(http1);
		}
	}
}

static int status_of(struct buf *text)
{
	struct http1 *http1 = http1_new(HTTP1_REQUEST, 100);
	size_t left;
	int status;

	assert_int_equal(buf_error(text), 0);
	status = feed(http1, buf_span(text), 1000, &left) == HTTP1_BAD ? http1_status(http1) : 0;
	http1_free(http1);
	buf_reset(text);
	return status;
}

static void sizes_are_limited(void **state)
{
	struct buf text;

	buf_init(&text, 1 << 20);
	for (unsigned n = 62; n < 66; n++) {
		buf_add_str(&text, "GET / HTTP/1.1\r\n" HOST);
		for (unsigned i = 0; i < n; i++)
			buf_addf(&text, "X-%u: y\r\n", i);
		buf_add_str(&text, "\r\n");
		assert_int_equal(status_of(&text), n + 1 > HTTP_HEADERS_MAX ? 431 : 0);
	}
	buf_addf(&text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", HTTP1_TARGET_MAX - 100, 1);
	assert_int_equal(status_of(&text), 0);
	buf_addf(&text, "GET /%0*d HTTP/1.1\r\n" HOST "\r\n", HTTP1_TARGET_MAX, 1);
	assert_int_equal(status_of(&text), 414);
	buf_addf(&text, "GET / HTTP/1.1\r\n" HOST "X: %0*d\r\n\r\n", HTTP_HEADER_BYTES_MAX, 1);
	assert_int_equal(status_of(&text), 431);
	buf_addf(&text,
		 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n65\r\n%0*d\r\n0\r\n\r\n", 0x65,
		 1);
	assert_int_equal(status_of(&text), 413);
	buf_addf(&text,
		 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n64\r\n%0*d\r\n0\r\n\r\n", 0x64,
		 1);
	assert_int_equal(status_of(&text), 0);
	buf_done(&text);
}

static void keep_alive_follows_version_and_header(void **state)
{
	static const struct {
		const char *text;
		bool keep;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n" HOST "\r\n", true },
		{ "GET / HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true },
	};

	for (size_t i = 0; i < 4; i++) {
		struct http1 *http1 = http1_new(HTTP1_REQUEST, 100);
		size_t left;

		assert_int_equal(feed(http1, span_of(cases[i].text), 1000, &left), HTTP1_MESSAGE);
		assert_int_equal(http1_message(http1)->keep_alive, cases[i].keep);
		http1_free(http1);
	}
}

static void answers_end_by_length_chunks_or_connection(void **state)
{
	static const struct {
		const char *text, *body;
		bool needs_end, no_body;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", false, false },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", "hi", false,
		  false },
		{ "HTTP/1.1 200 OK\r\n\r\nhi", "hi", true, false },
		{ "HTTP/1.1 204 No Content\r\n\r\n", "", false, false },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", "", false, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http1 *http1 = http1_new(HTTP1_RESPONSE, 100);
		enum http1_event event;
		size_t left;

		if (cases[i].no_body)
			http1_no_body(http1);
		event = feed(http1, span_of(cases[i].text), 1, &left);
		if (cases[i].needs_end) {
			assert_int_equal(event, HTTP1_MORE);
			event = http1_end(http1);
		}
		assert_int_equal(event, HTTP1_MESSAGE);
		assert_true(span_is(http1_message(http1)->body, cases[i].body));
		http1_free(http1);
	}
}

static void early_end_is_bad(void **state)
{
	static const char *const cut[] = {
		"G", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
	};
	struct http1 *http1 = http1_new(HTTP1_RESPONSE, 100);
	size_t left;

	assert_int_equal(http1_end(http1), HTTP1_MORE);
	http1_free(http1);
	for (size_t i = 0; i < 3; i++) {
		http1 = http1_new(HTTP1_RESPONSE, 100);
		assert_true(feed(http1, span_of(cut[i]), 100, &left) <= HTTP1_HEAD);
		assert_int_equal(http1_end(http1), HTTP1_BAD);
		http1_free(http1);
	}
	http1_free(NULL);
}

static void escapes_are_undone(void **state)
{
	struct buf out;

	buf_init(&out, 10);
	assert_int_equal(http_unescape(SPAN("a%2Fb+%20"), false, &out), 0);
	assert_true(span_is(buf_span(&out), "a/b+ "));
	buf_reset(&out);
	assert_int_equal(http_unescape(SPAN("a+b"), true, &out), 0);
	assert_true(span_is(buf_span(&out), "a b"));
	assert_int_equal(http_unescape(SPAN("%"), true, &out), -EINVAL);
	assert_int_equal(http_unescape(SPAN("%2"), true, &out), -EINVAL);
	assert_int_equal(http_unescape(SPAN("x%zz"), true, &out), -EINVAL);
	assert_true(span_is(buf_span(&out), "a b"));
	assert_int_equal(http_unescape(SPAN("12345678"), true, &out), -EMSGSIZE);
	assert_true(span_is(buf_span(&out), "a b"));
	buf_done(&out);
}

static void queries_are_walked(void **state)
{
	struct buf key, value;
	size_t cursor = 0;
	struct span query = SPAN("a=1&&labelSelector=x%3Dy%2Cz&flag&b%=2&c=");

	buf_init(&key, 100);
	buf_init(&value, 100);
	assert_int_equal(http_query_next(query, &cursor, &key, &value), 0);
	assert_true(span_is(buf_span(&key), "a") && span_is(buf_span(&value), "1"));
	assert_int_equal(http_query_next(query, &cursor, &key, &value), 0);
	assert_true(span_is(buf_span(&key), "labelSelector") && span_is(buf_span(&value), "x=y,z"));
	assert_int_equal(http_query_next(query, &cursor, &key, &value), 0);
	assert_true(span_is(buf_span(&key), "flag") && !value.len);
	assert_int_equal(http_query_next(query, &cursor, &key, &value), -EINVAL);
	assert_int_equal(http_query_next(query, &cursor, &key, &value), 0);
	assert_true(span_is(buf_span(&key), "c") && !value.len);
	assert_int_equal(http_query_next(query, &cursor, &key, &value), -ENOENT);
	cursor = 0;
	assert_int_equal(http_query_next(SPAN(""), &cursor, &key, &value), -ENOENT);
	buf_done(&key);
	buf_done(&value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_mean_the_same_in_any_pieces),
		cmocka_unit_test(heads_are_judged_strictly),
		cmocka_unit_test(sizes_are_limited),
		cmocka_unit_test(keep_alive_follows_version_and_header),
		cmocka_unit_test(answers_end_by_length_chunks_or_connection),
		cmocka_unit_test(early_end_is_bad),
		cmocka_unit_test(escapes_are_undone),
		cmocka_unit_test(queries_are_walked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
