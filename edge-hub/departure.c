#include "edge-hub/departure.h"

#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "departure"

struct departure {
	struct departure_options options;
	struct uplink *uplink;
	struct timer *timer;
	const struct api_responder *responder; /* of who asked; NULL: nobody is waiting */
	void *responder_ctx;
	bool force;
};

static void answer(struct departure *d, int status, const char *key, const char *json)
{
	struct buf body;

	if (!d->responder)
		return;
	buf_init(&body, 4096);
	buf_addf(&body, "{\"%s\":%s}\n", key, json);
	d->responder->respond(d->responder_ctx, status, "application/json", NULL, 0, buf_span(&body));
	d->responder = NULL;
	buf_done(&body);
}

static void refuse(struct departure *d, int status, const char *why)
{
	struct buf text;

	buf_init(&text, 4096);
	if (!buf_add_json_str(&text, span_of(why)))
		answer(d, status, "message", buf_cstr(&text));
	buf_done(&text);
}

static void finish(struct departure *d, bool told)
{
	struct leaving leaving = { .told = told };
	struct err err = { 0 };

	timer_stop(d->timer);
	snprintf(leaving.node, sizeof(leaving.node), "%s", d->options.identity->node);
	snprintf(leaving.runtime, sizeof(leaving.runtime), "%s", d->options.runtime);
	if (leaving_write(d->options.data_dir, &leaving, &err)) {
		refuse(d, 500, err_text(&err));
		return;
	}
	log_info(MODULE, "leaving", "node=%s told=%d", leaving.node, told);
	answer(d, 200, "told", told ? "true" : "false");
	d->options.on_end(d->options.ctx);
}

static void on_timeout(void *ctx)
{
	struct departure *d = ctx;

	if (d->force)
		finish(d, false);
	else
		refuse(d, 503, "the cloud did not answer; try again, or leave without it by --force");
}

void departure_left(struct departure *d)
{
	finish(d, true);
}

/* Does the cloud say that this is no node of its own any more? */
static bool is_forgotten(const struct uplink_status *status)
{
	return status->refused == REFUSE_IDENTITY;
}

static void begin(struct departure *d)
{
	struct uplink_status status = { .state = LINK_STOPPED };

	if (d->uplink)
		uplink_status(d->uplink, &status);
	if (d->uplink && uplink_leave(d->uplink) == 0)
		timer_start(d->timer, DEPARTURE_ANSWER_MS);
	else if (is_forgotten(&status))
		finish(d, true);
	else if (d->force)
		finish(d, false);
	else
		refuse(d, 409,
		       "the cloud is out of reach and could not be told; try again later, or leave without "
		       "it by "
		       "--force");
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct departure *d = ctx;
	struct json *body = NULL;
	bool busy = d->responder != NULL;

	if (busy || !span_is(request->method, "POST") ||
	    (request->body.len && json_parse(request->body, &body, NULL))) {
		static const char text[] = "{\"message\":\"leaving takes one POST at a time\"}\n";

		responder->respond(responder_ctx, busy ? 409 : 400, "application/json", NULL, 0,
				   span_of(text));
		return;
	}
	d->responder = responder;
	d->responder_ctx = responder_ctx;
	d->force = json_path_bool(body, "force", false);
	json_free(body);
	begin(d);
}

int departure_new(const struct departure_options *options, struct departure **out)
{
	struct departure *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->options = *options;
	if (timer_new(options->loop, on_timeout, d, &d->timer)) {
		free(d);
		return -ENOMEM;
	}
	*out = d;
	return 0;
}

int departure_serve(struct departure *d, struct api *api)
{
	return api_route_add(api, DEPARTURE_PATH, false, serve, d);
}

void departure_show(struct departure *d, struct uplink *uplink)
{
	d->uplink = uplink;
}

void departure_free(struct departure *d)
{
	if (!d)
		return;
	timer_close(d->timer);
	free(d);
}
