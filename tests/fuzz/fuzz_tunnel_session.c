/* Bytes on the tunnel port, before and after the greeting, and what a hub may answer to the edge that dialled
 * it. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "tunnel/link.h"
#include "tunnel/session.h"

static int hello(void *ctx, Tunnel__Hello *out)
{
	out->node = (char *)"edge-1";
	return 0;
}

static void run_session(struct span bytes, bool join_only, bool renew_only)
{
	static const char *const features[] = { "streams", NULL };
	struct session_options options = { .features = features,
					   .join_only = join_only,
					   .renew_only = renew_only };
	Tunnel__Welcome welcome = TUNNEL__WELCOME__INIT;
	struct session_action action;
	struct session *session;
	struct buf out;

	if (session_new(&options, 1000, &session))
		return;
	buf_init(&out, MUX_RECORD_MAX);
	while (bytes.len) {
		size_t n = bytes.len < 100 ? bytes.len : 100;

		session_input(session, span_make(bytes.ptr, n), 1001);
		bytes = span_make(bytes.ptr + n, bytes.len - n);
		while (session_next(session, &action))
			if (action.type == SESSION_HELLO)
				(void)!session_welcome(session, &welcome, 1002);
			else if (action.type == SESSION_JOIN || action.type == SESSION_RENEW)
				session_refuse(session, REFUSE_TOKEN, "no", 0, 1002);
		buf_reset(&out);
		session_output(session, &out, MUX_RECORD_MAX, 1003);
	}
	session_tick(session, session_deadline(session));
	buf_done(&out);
	session_free(session);
}

static void run_link(struct span bytes)
{
	static const char *const clouds[] = { "cloud:1", NULL };
	struct link_options options = { .clouds = clouds, .seed = 1, .hello = hello };
	struct link_action action;
	struct link *link;
	struct buf out;

	if (link_new(&options, &link))
		return;
	buf_init(&out, MUX_RECORD_MAX);
	link_start(link, 1000);
	while (link_next(link, &action))
		;
	link_opened(link, 1001);
	link_input(link, bytes, 1002);
	while (link_next(link, &action))
		;
	link_output(link, &out, MUX_RECORD_MAX, 1003);
	link_tick(link, link_deadline(link));
	buf_done(&out);
	link_free(link);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	if (data[0] % 3 == 0)
		run_link(span_make(data + 1, size - 1));
	else
		run_session(span_make(data + 1, size - 1), data[0] % 3 == 1, data[0] % 6 == 5);
	return 0;
}
