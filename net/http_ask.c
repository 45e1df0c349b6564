#include "net/http_ask.h"

#include <errno.h>

struct ask {
	struct loop *loop;
	struct http_asked *out;
	struct err *err;
	int code;
};

static void on_answer(void *ctx, const struct http_client_answer *got)
{
	struct ask *ask = ctx;

	ask->out->status = got->status;
	if (!got->status)
		ask->code =
			err_set(ask->err, got->err.code ? got->err.code : -EIO, "%s", err_text(&got->err));
	else if (buf_add_span(&ask->out->body, got->body))
		ask->code = err_set(ask->err, -EMSGSIZE, "the answer is too long");
	loop_stop(ask->loop);
}

int http_ask(const char *address, const char *method, const char *target, struct span json_body,
	     unsigned timeout_ms, struct http_asked *out, struct err *err)
{
	static const struct http_header type = { { "Content-Type", 12 }, { "application/json", 16 } };
	struct stream_options options = { 0 };
	struct ask ask = { .out = out, .err = err };
	int code;

	*out = (struct http_asked){ 0 };
	buf_init(&out->body, HTTP_BODY_MAX);
	if (loop_new(&ask.loop))
		return err_set(err, -ENOMEM, "out of memory");
	code = http_client_request(ask.loop, address, &options, method, target, &type, json_body.len ? 1 : 0,
				   json_body, timeout_ms, on_answer, &ask);
	if (code)
		ask.code =
			err_set(err, code, "asking %s: %s", address, err_text(&(struct err){ .code = code }));
	else
		code = loop_run(ask.loop);
	loop_free(ask.loop);
	return code ? code : ask.code;
}

void http_asked_done(struct http_asked *asked)
{
	buf_done(&asked->body);
}
