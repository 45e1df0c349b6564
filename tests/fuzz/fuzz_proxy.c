/* A proxy's answer means the same in one piece and byte by byte, never more is taken than came, and every refusal has a sentence. The
 * same bytes are also tried as a proxy's URL: what is taken makes a request without stray lines. */
#include <errno.h>
#include <stdlib.h>

#include "net/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run(const struct proxy *proxy, struct span bytes, size_t step, size_t *out_taken)
{
	struct proxy_answer answer;
	int code = -EAGAIN;

	*out_taken = 0;
	proxy_answer_init(&answer);
	while (code == -EAGAIN && *out_taken < bytes.len) {
		size_t left = bytes.len - *out_taken, len = left < step ? left : step, used = 0;
		struct err err = { 0 };

		code = proxy_answer_feed(&answer, proxy, "host:1", span_make(bytes.ptr + *out_taken, len),
					 &used, &err);
		if (used > len || (code == -EAGAIN && used != len) ||
		    (code && code != -EAGAIN && (err.code != code || !err.msg[0])))
			abort();
		*out_taken += used;
	}
	if (*out_taken > PROXY_ANSWER_MAX)
		abort();
	proxy_answer_done(&answer);
	return code;
}

static void try_url(struct span url)
{
	struct proxy *proxy = NULL;
	struct err err = { 0 };
	struct buf request;
	size_t lines = 0;

	if (proxy_new(url, SPAN(""), NULL, &proxy, &err)) {
		if (!err.code || !err.msg[0])
			abort();
		return;
	}
	buf_init(&request, 1u << 16);
	if (proxy_request(proxy, "host:1", &request))
		abort();
	for (size_t i = 0; i < request.len; i++)
		lines += request.data[i] == '\n';
	if (lines != 3 && lines != 4)
		abort();
	buf_done(&request);
	proxy_unref(proxy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct proxy *proxy = NULL;
	size_t whole, bytewise;
	int code;

	try_url(span_make(data, size));
	if (proxy_new(SPAN("http://p:1"), SPAN("u:p"), NULL, &proxy, NULL))
		abort();
	code = run(proxy, span_make(data, size), size, &whole);
	if (run(proxy, span_make(data, size), 1, &bytewise) != code || (!code && whole != bytewise))
		abort();
	proxy_unref(proxy);
	return 0;
}
