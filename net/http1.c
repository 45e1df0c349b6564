#include "net/http1.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#ifdef HOLDFAST_HAVE_LLHTTP
#include <llhttp.h>
#else
#include <http_parser.h>
#endif

#define BLANKS_MAX 8u /* bytes of empty lines before a request */
#define HEAD_MAX (HTTP1_TARGET_MAX + HTTP_HEADER_BYTES_MAX)

enum state { READING_HEAD, READING_BODY, COMPLETE, BROKEN };

struct http1 {
	enum http1_kind kind;
	enum state state;
	bool no_body, message_done;
	unsigned blanks, ending; /* how much of CR LF CR LF has come */
	size_t first_line_len;	 /* with its CR LF; 0 before */
	int status;
	const char *reason;
	struct buf head, body;
	struct http1_message message;
#ifdef HOLDFAST_HAVE_LLHTTP
	llhttp_t parser;
#else
	struct http_parser parser;
#endif
};

static enum http1_event bad(struct http1 *http1, int status, const char *reason)
{
	http1->state = BROKEN;
	http1->status = status;
	http1->reason = reason;
	return HTTP1_BAD;
}

/* The library: framing of the body. It sees only heads that have passed the gate. */

#ifdef HOLDFAST_HAVE_LLHTTP
typedef llhttp_t parser;
typedef llhttp_settings_t parser_settings;
#else
typedef struct http_parser parser;
typedef struct http_parser_settings parser_settings;
#endif

static int on_headers_complete(parser *p)
{
	struct http1 *http1 = p->data;

	p->upgrade = 0; /* RFC 9110 section 7.8: an Upgrade may be ignored */
	return http1->no_body ? 1 : 0;
}

static int on_body(parser *p, const char *at, size_t len)
{
	struct http1 *http1 = p->data;

	return buf_add(&http1->body, at, len) ? -1 : 0;
}

static int on_message_complete(parser *p)
{
	struct http1 *http1 = p->data;

	http1->message_done = true;
#ifdef HOLDFAST_HAVE_LLHTTP
	return HPE_PAUSED;
#else
	http_parser_pause(p, 1);
	return 0;
#endif
}

#ifdef HOLDFAST_HAVE_LLHTTP
static const llhttp_settings_t settings = { .on_headers_complete = on_headers_complete,
					    .on_body = on_body,
					    .on_message_complete = on_message_complete };

static void library_init(struct http1 *http1)
{
	llhttp_init(&http1->parser, http1->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
	http1->parser.data = http1;
}

/* Bytes taken; false when they make no sense. */
static bool library_run(struct http1 *http1, struct span bytes, size_t *out_taken)
{
	llhttp_errno_t error = llhttp_execute(&http1->parser, bytes.ptr, bytes.len);

	*out_taken =
		error == HPE_PAUSED ? (size_t)(llhttp_get_error_pos(&http1->parser) - bytes.ptr) : bytes.len;
	return error == HPE_OK || error == HPE_PAUSED;
}

static bool library_end(struct http1 *http1)
{
	llhttp_errno_t error = llhttp_finish(&http1->parser);

	return error == HPE_OK || error == HPE_PAUSED;
}

static bool is_unknown_method(const struct http1 *http1)
{
	return llhttp_get_errno(&http1->parser) == HPE_INVALID_METHOD;
}
#else
static const struct http_parser_settings settings = { .on_headers_complete = on_headers_complete,
						      .on_body = on_body,
						      .on_message_complete = on_message_complete };

static void library_init(struct http1 *http1)
{
	http_parser_init(&http1->parser, http1->kind == HTTP1_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE);
	http1->parser.data = http1;
}

static bool library_ok(const struct http1 *http1)
{
	enum http_errno error = HTTP_PARSER_ERRNO(&http1->parser);

	return error == HPE_OK || error == HPE_PAUSED;
}

static bool library_run(struct http1 *http1, struct span bytes, size_t *out_taken)
{
	*out_taken = http_parser_execute(&http1->parser, &settings, bytes.ptr, bytes.len);
	return library_ok(http1);
}

static bool library_end(struct http1 *http1)
{
	(void)http_parser_execute(&http1->parser, &settings, NULL, 0);
	return library_ok(http1);
}

static bool is_unknown_method(const struct http1 *http1)
{
	return HTTP_PARSER_ERRNO(&http1->parser) == HPE_INVALID_METHOD;
}
#endif

/* The gate, byte by byte: finds the end of the head and refuses what does not belong into one. */

static enum http1_event take_head_byte(struct http1 *http1, char c)
{
	if (!http1->head.len && (c == '\r' || c == '\n')) {
		if (++http1->blanks > BLANKS_MAX)
			return bad(http1, 400, "too many empty lines");
		return HTTP1_MORE;
	}
	if (c == '\0')
		return bad(http1, 400, "NUL in the head");
	if ((c == '\n') != (http1->ending % 2 == 1))
		return bad(http1, 400, "a line must end with CR LF");
	if (c == '\r' || c == '\n')
		http1->ending++;
	else
		http1->ending = 0;
	if (buf_add_char(&http1->head, c))
		return buf_error(&http1->head) == -ENOMEM ? bad(http1, 503, "no memory")
							  : bad(http1, 431, "the headers are too large");
	if (c == '\n' && !http1->first_line_len)
		http1->first_line_len = http1->head.len;
	if (!http1->first_line_len && http1->head.len > HTTP1_TARGET_MAX)
		return bad(http1, 414, "the request target is too long");
	if (http1->first_line_len && http1->head.len - http1->first_line_len > HTTP_HEADER_BYTES_MAX)
		return bad(http1, 431, "the headers are too large");
	return http1->ending == 4 ? HTTP1_HEAD : HTTP1_MORE;
}

/* The gate, line by line */

static bool is_token_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token_char(s.ptr[i]))
			return false;
	return s.len > 0;
}

static bool is_field_value(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return false;
	return true;
}

static bool cut_line(struct span *rest, struct span *line)
{
	/* take_head_byte has made sure that every LF follows a CR and every CR comes before an LF. */
	if (!span_cut(*rest, '\r', line, rest) || !line->len)
		return false;
	*rest = span_make(rest->ptr + 1, rest->len - 1);
	return true;
}

static enum http1_event read_headers(struct http1 *http1, struct span rest)
{
	struct http1_message *message = &http1->message;
	struct span line;

	message->headers = calloc(HTTP_HEADERS_MAX, sizeof(*message->headers));
	if (!message->headers)
		return bad(http1, 503, "no memory");
	while (cut_line(&rest, &line)) {
		struct http_header header;

		if (message->header_count == HTTP_HEADERS_MAX)
			return bad(http1, 431, "too many headers");
		if (!span_cut(line, ':', &header.name, &header.value) || !is_token(header.name))
			return bad(http1, 400, "a header is not \"Name: value\" on one line");
		header.value = span_trim(header.value);
		if (!is_field_value(header.value))
			return bad(http1, 400, "a control character in a header");
		message->headers[message->header_count++] = header;
	}
	return HTTP1_MORE;
}

static bool is_word(struct span s, const char *word)
{
	return s.len == strlen(word) && !strncasecmp(s.ptr, word, s.len);
}

/* The only value of a header; *out_count says how often it came. */
static struct span find(const struct http1_message *message, const char *name, size_t *out_count)
{
	struct span value = { 0 };

	*out_count = 0;
	for (size_t i = 0; i < message->header_count; i++)
		if (is_word(message->headers[i].name, name)) {
			value = message->headers[i].value;
			++*out_count;
		}
	return value;
}

static bool connection_says(const struct http1_message *message, const char *word)
{
	for (size_t i = 0; i < message->header_count; i++) {
		struct span rest = message->headers[i].value, one;

		if (!is_word(message->headers[i].name, "connection"))
			continue;
		while (rest.len) {
			span_cut(rest, ',', &one, &rest);
			if (is_word(span_trim(one), word))
				return true;
		}
	}
	return false;
}

/* RFC 9112 section 6.3: exactly one way to tell where the body ends. */
static enum http1_event check_framing(struct http1 *http1)
{
	const struct http1_message *message = &http1->message;
	size_t lengths, encodings;
	struct span length = find(message, "content-length", &lengths);
	struct span encoding = find(message, "transfer-encoding", &encodings);
	uint64_t bytes;

	if (lengths + encodings > 1)
		return bad(http1, 400, "more than one of Content-Length and Transfer-Encoding");
	if (encodings && message->is_1_0)
		return bad(http1, 400, "Transfer-Encoding in HTTP/1.0");
	if (encodings && !is_word(encoding, "chunked"))
		return bad(http1, 501, "a Transfer-Encoding other than chunked");
	if (!lengths || http1->no_body)
		return HTTP1_MORE;
	if (span_to_u64(length, &bytes))
		return bad(http1, 400, "Content-Length is not a number");
	if (bytes > http1->body.max)
		return bad(http1, 413, "the body is too large");
	return HTTP1_MORE;
}

static enum http1_event check_headers(struct http1 *http1)
{
	struct http1_message *message = &http1->message;
	size_t count;
	struct span value;

	message->keep_alive =
		message->is_1_0 ? connection_says(message, "keep-alive") : !connection_says(message, "close");
	if (http1->kind == HTTP1_RESPONSE)
		return check_framing(http1);
	(void)find(message, "host", &count);
	if (count > 1 || (!count && !message->is_1_0))
		return bad(http1, 400, "there must be one Host header");
	value = find(message, "expect", &count);
	if (count && !is_word(value, "100-continue"))
		return bad(http1, 417, "only 100-continue can be expected");
	message->expect_continue = count && !message->is_1_0;
	return check_framing(http1);
}

/* First lines */

static enum http1_event check_version(struct http1 *http1, struct span version)
{
	if (span_is(version, "HTTP/1.1"))
		return HTTP1_MORE;
	http1->message.is_1_0 = span_is(version, "HTTP/1.0");
	if (http1->message.is_1_0)
		return HTTP1_MORE;
	if (version.len == 8 && span_has_prefix(version, SPAN("HTTP/")))
		return bad(http1, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	return bad(http1, 400, "the first line is not a request of HTTP/1.1");
}

/* RFC 9112 section 3.2: origin-form, absolute-form (whose authority does not matter to us), asterisk-form. */
static enum http1_event split_target(struct http1 *http1)
{
	struct http1_message *message = &http1->message;
	struct span path = message->target;

	for (size_t i = 0; i < path.len; i++)
		if (path.ptr[i] <= 0x20 || path.ptr[i] >= 0x7f || path.ptr[i] == '#')
			return bad(http1, 400, "the request target holds a character that must be escaped");
	if (span_is(path, "*")) {
		if (!span_is(message->method, "OPTIONS"))
			return bad(http1, 400, "the request target must begin with /");
	} else if (span_has_prefix(path, SPAN("http://")) || span_has_prefix(path, SPAN("https://"))) {
		const char *end = path.ptr + path.len;
		const char *slash = memchr(path.ptr + 8, '/', path.len > 8 ? path.len - 8 : 0);

		path = slash ? span_make(slash, (size_t)(end - slash)) : SPAN("/");
		message->target = path;
	} else if (!span_has_prefix(path, SPAN("/"))) {
		return bad(http1, 400, "the request target must begin with /");
	}
	span_cut(path, '?', &message->path, &message->query);
	if (!message->query.ptr)
		message->query = SPAN("");
	return HTTP1_MORE;
}

static enum http1_event read_request_line(struct http1 *http1, struct span line)
{
	struct http1_message *message = &http1->message;
	struct span version;
	enum http1_event event;

	if (!span_cut(line, ' ', &message->method, &line) || !is_token(message->method) ||
	    !span_cut(line, ' ', &message->target, &version) || !message->target.len)
		return bad(http1, 400, "the first line is not a request of HTTP/1.1");
	event = check_version(http1, version);
	if (event == HTTP1_BAD)
		return event;
	if (span_is(message->method, "CONNECT"))
		return bad(http1, 501, "CONNECT is not served here");
	return split_target(http1);
}

static enum http1_event read_status_line(struct http1 *http1, struct span line)
{
	struct span version, code, reason;
	uint64_t status;
	enum http1_event event;

	(void)span_cut(line, ' ', &version, &line);
	(void)span_cut(line, ' ', &code, &reason);
	event = check_version(http1, version);
	if (event == HTTP1_BAD)
		return event;
	if (code.len != 3 || span_to_u64(code, &status) || status < 100)
		return bad(http1, 400, "the first line is not an answer of HTTP/1.1");
	http1->message.status = (int)status;
	return HTTP1_MORE;
}

/* The head is complete: through the gate, then into the library. */
static enum http1_event read_head(struct http1 *http1)
{
	struct span head = buf_span(&http1->head), line, rest = head;
	enum http1_event event;
	size_t taken;

	if (!cut_line(&rest, &line))
		return bad(http1, 400, "the first line is empty");
	event = http1->kind == HTTP1_REQUEST ? read_request_line(http1, line) : read_status_line(http1, line);
	if (event != HTTP1_BAD)
		event = read_headers(http1, rest);
	if (event != HTTP1_BAD)
		event = check_headers(http1);
	if (event == HTTP1_BAD)
		return event;
	library_init(http1);
	if (!library_run(http1, head, &taken) || taken != head.len)
		return is_unknown_method(http1) ? bad(http1, 501, "a method that is not known here")
						: bad(http1, 400, "the head makes no sense");
	http1->state = http1->message_done ? COMPLETE : READING_BODY;
	return http1->message_done ? HTTP1_MESSAGE : HTTP1_HEAD;
}

static enum http1_event feed_head(struct http1 *http1, struct span *bytes)
{
	while (bytes->len) {
		enum http1_event event = take_head_byte(http1, bytes->ptr[0]);

		*bytes = span_make(bytes->ptr + 1, bytes->len - 1);
		if (event == HTTP1_HEAD)
			return read_head(http1);
		if (event == HTTP1_BAD)
			return event;
	}
	return HTTP1_MORE;
}

static enum http1_event finish_message(struct http1 *http1)
{
	http1->message.body = buf_span(&http1->body);
	http1->state = COMPLETE;
	return HTTP1_MESSAGE;
}

static enum http1_event feed_body(struct http1 *http1, struct span *bytes)
{
	size_t taken = 0;

	if (!bytes->len)
		return HTTP1_MORE;
	if (!library_run(http1, *bytes, &taken)) {
		if (buf_error(&http1->body))
			return bad(http1, buf_error(&http1->body) == -ENOMEM ? 503 : 413,
				   "the body is too large");
		return bad(http1, 400, "the body is not framed as the head says");
	}
	*bytes = span_make(bytes->ptr + taken, bytes->len - taken);
	return http1->message_done ? finish_message(http1) : HTTP1_MORE;
}

struct http1 *http1_new(enum http1_kind kind, size_t body_max)
{
	struct http1 *http1 = calloc(1, sizeof(*http1));

	if (!http1)
		return NULL;
	http1->kind = kind;
	buf_init(&http1->head, HEAD_MAX);
	buf_init(&http1->body, body_max);
	http1->message.body = SPAN("");
	return http1;
}

void http1_free(struct http1 *http1)
{
	if (!http1)
		return;
	buf_done(&http1->head);
	buf_done(&http1->body);
	free(http1->message.headers);
	free(http1);
}

void http1_no_body(struct http1 *http1)
{
	http1->no_body = true;
}

enum http1_event http1_feed(struct http1 *http1, struct span *bytes)
{
	switch (http1->state) {
	case READING_HEAD: return feed_head(http1, bytes);
	case READING_BODY: return feed_body(http1, bytes);
	default: return http1->state == COMPLETE ? HTTP1_MESSAGE : HTTP1_BAD;
	}
}

enum http1_event http1_end(struct http1 *http1)
{
	if (http1->state == READING_HEAD && !http1->head.len)
		return HTTP1_MORE;
	if (http1->state == READING_BODY && library_end(http1) && http1->message_done)
		return finish_message(http1);
	return bad(http1, 400, "the connection ended inside a message");
}

bool http1_has_begun(const struct http1 *http1)
{
	return http1->head.len > 0;
}

const struct http1_message *http1_message(const struct http1 *http1)
{
	return &http1->message;
}

int http1_status(const struct http1 *http1)
{
	return http1->status;
}

const char *http1_reason(const struct http1 *http1)
{
	return http1->reason;
}
