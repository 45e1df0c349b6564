#include "net/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/text.h"
#include "net/address.h"

#define REASON_SHOWN 60u

/* "10.0.0.0/8", or a host or domain. */
struct exception {
	char host[ADDRESS_HOST_SIZE]; /* "" for a block */
	int family;
	uint8_t bytes[16];
	unsigned bits;
};

struct proxy {
	unsigned refs;
	char address[ADDRESS_TEXT_SIZE];
	char *authorization; /* base64 of USER:PASSWORD; NULL: none */
	struct exception exceptions[PROXY_EXCEPTIONS_MAX];
	size_t exception_count;
};

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

/* --- what an operator writes --- */

static int unescape(struct span text, struct buf *out)
{
	for (size_t i = 0; i < text.len; i++) {
		int high, low;

		if (text.ptr[i] != '%') {
			buf_add_char(out, text.ptr[i]);
			continue;
		}
		if (text.len - i < 3)
			return -EINVAL;
		high = text_hex_digit(text.ptr[i + 1]);
		low = text_hex_digit(text.ptr[i + 2]);
		if (high < 0 || low < 0)
			return -EINVAL;
		buf_add_char(out, (char)(high << 4 | low));
		i += 2;
	}
	return buf_error(out);
}

static bool has_control(struct span text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
			return true;
	return false;
}

/* RFC 7617: the user's name holds no colon, neither part a control character. */
static int take_credentials(struct proxy *proxy, struct span plain, struct err *err)
{
	struct buf encoded;
	int code;

	if (!plain.len || !memchr(plain.ptr, ':', plain.len) || plain.ptr[0] == ':' || has_control(plain) ||
	    plain.len > PROXY_URL_MAX)
		return err_set(err, -EINVAL,
			       "the credentials for the proxy must be of the form USER:PASSWORD");
	buf_init(&encoded, 2 * PROXY_URL_MAX);
	code = text_base64(&encoded, plain);
	if (!code) {
		proxy->authorization = span_dup(buf_span(&encoded));
		code = proxy->authorization ? 0 : -ENOMEM;
	}
	wipe(&encoded);
	return code ? err_set(err, code, "no memory for the proxy's credentials") : 0;
}

static int take_user_info(struct proxy *proxy, struct span user_info, struct err *err)
{
	struct buf plain;
	int code;

	buf_init(&plain, PROXY_URL_MAX);
	code = unescape(user_info, &plain);
	code = code ? err_set(err, -EINVAL,
			      "the credentials in the proxy's URL are not percent-encoded properly")
		    : take_credentials(proxy, buf_span(&plain), err);
	wipe(&plain);
	return code;
}

static const char *form(void)
{
	return "a proxy is given as http://[USER:PASSWORD@]HOST:PORT";
}

static int take_url(struct proxy *proxy, struct span url, bool has_credentials, struct err *err)
{
	struct span scheme = SPAN("http://"), rest, host;
	struct address address;
	const char *at;

	if (url.len > PROXY_URL_MAX || !span_has_prefix(url, scheme))
		return err_set(err, -EINVAL, "%s", form());
	rest = span_make(url.ptr + scheme.len, url.len - scheme.len);
	at = rest.len ? memrchr(rest.ptr, '@', rest.len) : NULL;
	host = at ? span_make(at + 1, rest.len - (size_t)(at + 1 - rest.ptr)) : rest;
	if (span_has_suffix(host, SPAN("/")))
		host.len--;
	/* The parser's own sentence would repeat what may hold a password. */
	if (address_parse(host, &address, NULL) || address.is_unix || !address.port ||
	    span_copy(host, proxy->address, sizeof(proxy->address)))
		return err_set(err, -EINVAL, "%s", form());
	if (!at || has_credentials)
		return 0;
	return take_user_info(proxy, span_make(rest.ptr, (size_t)(at - rest.ptr)), err);
}

static bool parse_ip(const char *host, int *out_family, uint8_t out[16])
{
	for (int i = 0; i < 2; i++) {
		*out_family = i ? AF_INET6 : AF_INET;
		if (inet_pton(*out_family, host, out) == 1)
			return true;
	}
	return false;
}

static int take_exception(struct proxy *proxy, struct span text, struct err *err)
{
	struct exception *exception = &proxy->exceptions[proxy->exception_count];
	struct span host, bits;
	uint64_t number = 0;
	bool is_block = span_cut(text, '/', &host, &bits);

	if (proxy->exception_count == PROXY_EXCEPTIONS_MAX)
		return err_set(err, -EINVAL, "at most %u hosts can do without the proxy",
			       PROXY_EXCEPTIONS_MAX);
	*exception = (struct exception){ 0 };
	if (!host.len || span_copy(host, exception->host, sizeof(exception->host)))
		return err_set(err, -EINVAL,
			       "a host that does without the proxy must have 1 to %d characters",
			       ADDRESS_HOST_SIZE - 1);
	if (is_block) {
		if (!parse_ip(exception->host, &exception->family, exception->bytes) ||
		    span_to_u64(bits, &number) || number > (exception->family == AF_INET ? 32 : 128))
			return err_set(err, -EINVAL, "\"%.*s\" is no block of addresses such as 10.0.0.0/8",
				       text.len > 80 ? 80 : (int)text.len, text.ptr);
		exception->bits = (unsigned)number;
		exception->host[0] = '\0';
	}
	proxy->exception_count++;
	return 0;
}

int proxy_new(struct span url, struct span credentials, const char *const *exceptions, struct proxy **out,
	      struct err *err)
{
	struct proxy *proxy = calloc(1, sizeof(*proxy));
	int code;

	if (!proxy)
		return err_set(err, -ENOMEM, "no memory for a proxy");
	proxy->refs = 1;
	code = take_url(proxy, url, credentials.len > 0, err);
	if (!code && credentials.len)
		code = take_credentials(proxy, credentials, err);
	for (size_t i = 0; !code && exceptions && exceptions[i]; i++)
		code = take_exception(proxy, span_trim(span_of(exceptions[i])), err);
	if (code) {
		proxy_unref(proxy);
		return code;
	}
	*out = proxy;
	return 0;
}

struct proxy *proxy_ref(struct proxy *proxy)
{
	proxy->refs++;
	return proxy;
}

void proxy_unref(struct proxy *proxy)
{
	if (!proxy || --proxy->refs)
		return;
	if (proxy->authorization)
		explicit_bzero(proxy->authorization, strlen(proxy->authorization));
	free(proxy->authorization);
	free(proxy);
}

const char *proxy_address(const struct proxy *proxy)
{
	return proxy->address;
}

/* --- who does without --- */

static bool is_in_block(const struct exception *exception, int family, const uint8_t bytes[16])
{
	unsigned whole = exception->bits / 8, rest = exception->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return family == exception->family && !memcmp(bytes, exception->bytes, whole) &&
	       (!rest || (bytes[whole] & mask) == (exception->bytes[whole] & mask));
}

static bool is_excepted(const struct exception *exception, const char *host)
{
	size_t len = strlen(host), tail = strlen(exception->host);

	if (!strcmp(exception->host, "*") || !strcasecmp(host, exception->host))
		return true;
	if (exception->host[0] != '.')
		return false;
	return (len > tail && !strcasecmp(host + len - tail, exception->host)) ||
	       !strcasecmp(host, exception->host + 1);
}

bool proxy_exempts(const struct proxy *proxy, const char *host)
{
	uint8_t bytes[16] = { 0 };
	int family = 0;
	bool is_ip = parse_ip(host, &family, bytes);

	for (size_t i = 0; i < proxy->exception_count; i++) {
		const struct exception *exception = &proxy->exceptions[i];

		if (exception->host[0] ? is_excepted(exception, host)
				       : is_ip && is_in_block(exception, family, bytes))
			return true;
	}
	return false;
}

/* --- the exchange --- */

int proxy_request(const struct proxy *proxy, const char *target, struct buf *out)
{
	buf_addf(out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n", target, target);
	if (proxy->authorization)
		buf_addf(out, "Proxy-Authorization: Basic %s\r\n", proxy->authorization);
	buf_add_str(out, "\r\n");
	return buf_error(out);
}

void proxy_answer_init(struct proxy_answer *answer)
{
	buf_init(&answer->head, PROXY_ANSWER_MAX);
}

void proxy_answer_done(struct proxy_answer *answer)
{
	buf_done(&answer->head);
}

/* Length of the head, empty line included; 0: not there yet. */
static size_t head_length(struct span text, size_t from)
{
	for (size_t i = from; i + 1 < text.len; i++) {
		if (text.ptr[i] != '\n')
			continue;
		if (text.ptr[i + 1] == '\n')
			return i + 2;
		if (i + 2 < text.len && text.ptr[i + 1] == '\r' && text.ptr[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

/* "HTTP/1.1 407 Proxy Authentication Required": 0 when it is not of this form. */
static unsigned status_of(struct span head, char reason[REASON_SHOWN + 1])
{
	struct span line, rest, number, words;
	uint64_t status;
	size_t len;

	reason[0] = '\0';
	(void)span_cut(head, '\n', &line, &rest);
	if (span_has_suffix(line, SPAN("\r")))
		line.len--;
	if (!span_has_prefix(line, SPAN("HTTP/1.")) || line.len < 12 || line.ptr[8] != ' ')
		return 0;
	(void)span_cut(span_make(line.ptr + 9, line.len - 9), ' ', &number, &words);
	if (number.len != 3 || span_to_u64(number, &status) || status < 100 || status > 599)
		return 0;
	len = words.len < REASON_SHOWN ? words.len : REASON_SHOWN;
	for (size_t i = 0; i < len; i++)
		reason[i] = words.ptr[i] >= ' ' && words.ptr[i] < 0x7f ? words.ptr[i] : '?';
	reason[len] = '\0';
	return (unsigned)status;
}

static int explain(const struct proxy *proxy, const char *target, unsigned status, const char *reason,
		   struct err *err)
{
	const char *at = proxy->address;

	switch (status) {
	case 401: /* tinyproxy's word for wrong ones */
	case 407:
		return err_set(err, -EACCES, "the proxy %s %s (%u)", at,
			       proxy->authorization ? "does not accept the credentials" : "wants credentials",
			       status);
	case 403: return err_set(err, -EACCES, "the proxy %s forbids connections to %s (403)", at, target);
	case 500:
	case 502:
	case 503:
	case 504:
		return err_set(err, -EHOSTUNREACH, "the proxy %s cannot reach %s (%u %s)", at, target, status,
			       reason);
	case 400:
	case 405:
	case 501:
		return err_set(err, -EPROTONOSUPPORT, "the proxy %s makes no tunnels (%u %s)", at, status,
			       reason);
	default: return err_set(err, -EPROTO, "the proxy %s answered %u %s", at, status, reason);
	}
}

int proxy_answer_feed(struct proxy_answer *answer, const struct proxy *proxy, const char *target,
		      struct span bytes, size_t *out_used, struct err *err)
{
	struct buf *head = &answer->head;
	size_t before = head->len, room = PROXY_ANSWER_MAX - before, len;
	size_t taken = bytes.len < room ? bytes.len : room;
	char reason[REASON_SHOWN + 1];
	unsigned status;

	*out_used = taken;
	if (buf_add(head, bytes.ptr, taken))
		return err_set(err, -ENOMEM, "no memory for the answer of the proxy %s", proxy->address);
	/* Seen early, so that whoever speaks something else is not listened to for long. */
	len = head->len < 7 ? head->len : 7;
	if (memcmp(head->data, "HTTP/1.", len) != 0)
		return err_set(err, -EPROTO, "what answers at %s is no HTTP proxy", proxy->address);
	len = head_length(buf_span(head), before > 2 ? before - 2 : 0);
	if (!len && head->len < PROXY_ANSWER_MAX)
		return -EAGAIN;
	if (!len)
		return err_set(err, -EPROTO, "the answer of the proxy %s is longer than %u bytes",
			       proxy->address, PROXY_ANSWER_MAX);
	status = status_of(span_make(head->data, len), reason);
	if (!status)
		return err_set(err, -EPROTO, "what answers at %s is no HTTP proxy", proxy->address);
	if (status < 200 || status >= 300)
		return explain(proxy, target, status, reason, err);
	*out_used = len - before;
	return 0;
}
