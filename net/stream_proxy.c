/* The stage between socket and TLS: asks a proxy for the way to the target and waits for its answer. */
#include <errno.h>
#include <stdlib.h>

#include "net/proxy.h"
#include "net/stream_impl.h"

#define REQUEST_MAX (ADDRESS_TEXT_SIZE * 2 + PROXY_URL_MAX * 2 + 128u)

struct passage {
	struct proxy *proxy;
	struct buf request;
	size_t sent;
	struct proxy_answer answer;
};

int passage_new(struct stream *stream, struct proxy *proxy)
{
	struct passage *passage = calloc(1, sizeof(*passage));

	if (!passage)
		return -ENOMEM;
	passage->proxy = proxy_ref(proxy);
	buf_init(&passage->request, REQUEST_MAX);
	proxy_answer_init(&passage->answer);
	stream->passage = passage;
	return proxy_request(proxy, stream->target, &passage->request);
}

void passage_free(struct stream *stream)
{
	struct passage *passage = stream->passage;

	if (!passage)
		return;
	stream->passage = NULL;
	if (passage->request.data)
		explicit_bzero(passage->request.data, passage->request.cap);
	buf_done(&passage->request);
	proxy_answer_done(&passage->answer);
	proxy_unref(passage->proxy);
	free(passage);
}

const char *passage_proxy_address(const struct stream *stream)
{
	return stream->passage ? proxy_address(stream->passage->proxy) : NULL;
}

void passage_send(struct stream *stream)
{
	struct passage *passage = stream->passage;

	stream->blocked = false;
	while (passage->sent < passage->request.len && !stream->blocked) {
		ssize_t n = stream_raw_send(stream, passage->request.data + passage->sent,
					    passage->request.len - passage->sent);

		if (n == -EAGAIN) {
			stream->blocked = true;
		} else if (n < 0) {
			stream_fail_errno(stream, (int)n);
			return;
		} else {
			passage->sent += (size_t)n;
		}
	}
	stream_interest(stream);
}

void passage_start(struct stream *stream)
{
	stream_set_state(stream, STREAM_PROXYING);
	passage_send(stream);
}

size_t passage_receive(struct stream *stream, struct span bytes)
{
	struct passage *passage = stream->passage;
	uint64_t now = loop_now_ms(stream->loop);
	struct err err = { 0 };
	size_t used = 0;
	int rc = proxy_answer_feed(&passage->answer, passage->proxy, stream->target, bytes, &used, &err);

	if (rc == -EAGAIN)
		return used;
	if (rc) {
		stream_fail(stream, &err);
		return bytes.len;
	}
	passage_free(stream);
	timer_start(stream->timer, stream->connect_deadline_ms > now ? stream->connect_deadline_ms - now : 0);
	stream_connected(stream);
	return used;
}
