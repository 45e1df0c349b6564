/* watch_send: what a watch says: events, bookmarks, and why it ends. */
#include <inttypes.h>

#include "api/watch_internal.h"

/* 0: taken; 1: taken, and the client is full; negative: the watch is gone, do not touch it. */
static int send_pieces(struct watch *watch, const struct span *pieces, size_t count)
{
	struct api_call *call = watch->call;
	int full = call_write(call, pieces, count);

	if (full < 0) {
		call_abort(call);
		return full;
	}
	call->api->stats.events++;
	watch->is_full = full > 0;
	return full;
}

static struct span event_head(enum change_type type)
{
	static const struct {
		const char *text;
		size_t len;
	} heads[] = {
#define HEAD(type) { "{\"type\":\"" type "\",\"object\":", sizeof("{\"type\":\"" type "\",\"object\":") - 1 }
		[CHANGE_ADDED] = HEAD("ADDED"),
		[CHANGE_MODIFIED] = HEAD("MODIFIED"),
		[CHANGE_DELETED] = HEAD("DELETED"),
		[CHANGE_LEFT] = HEAD("DELETED"),
#undef HEAD
	};

	return span_make(heads[type].text, heads[type].len);
}

static int send_text(struct watch *watch, struct span head, struct span text)
{
	const struct span pieces[3] = { head, text, SPAN("}\n") };

	return send_pieces(watch, pieces, 3);
}

/* Other forms than the stored one: rendered once for all watches that want the same next. */
static int render_shared(struct watch *watch, const struct render *render, const struct object *object)
{
	struct rendered *kept = &watch->call->api->rendered;

	if (kept->object == object && kept->kind == render->kind && kept->form == (int)render->accept->form &&
	    kept->include == (int)render->include && !strcmp(kept->version, render->accept->version))
		return 0;
	buf_reset(&kept->text);
	object_unref(kept->object);
	kept->object = NULL;
	int err = render_object(render, object, false, &kept->text);

	if (err)
		return err;
	kept->object = object_ref(object);
	kept->kind = render->kind;
	kept->form = render->accept->form;
	kept->include = render->include;
	memcpy(kept->version, render->accept->version, sizeof(kept->version));
	return 0;
}

static int send_first_table(struct watch *watch, const struct render *render, enum change_type type,
			    const struct object *object)
{
	struct buf text;

	buf_init(&text, EVENT_MAX);
	int err = render_object(render, object, true, &text);

	watch->sent_columns = true;
	if (err)
		call_abort(watch->call);
	else
		err = send_text(watch, event_head(type), buf_span(&text));
	buf_done(&text);
	return err;
}

int watch_send_event(struct watch *watch, enum change_type type, const struct object *object)
{
	struct render render = call_render(watch->call);
	char scratch[48];
	struct span pieces[5] = { event_head(type), { 0 }, { 0 }, { 0 }, SPAN("}\n") };

	if (render_is_raw(&render)) {
		object_parts(object, scratch, pieces + 1);
		return send_pieces(watch, pieces, 5);
	}
	if (render.accept->form == FORM_TABLE && !watch->sent_columns)
		return send_first_table(watch, &render, type, object);
	int err = render_shared(watch, &render, object);

	if (err) {
		call_abort(watch->call);
		return err;
	}
	return send_text(watch, event_head(type), buf_span(&watch->call->api->rendered.text));
}

int watch_send_bookmark(struct watch *watch, uint64_t revision, bool initial_end)
{
	struct render render = call_render(watch->call);
	struct buf text;

	buf_init(&text, EVENT_MAX);
	int err = render_bookmark(&render, revision, initial_end, &text);

	if (err)
		call_abort(watch->call);
	else
		err = send_text(watch, SPAN("{\"type\":\"BOOKMARK\",\"object\":"), buf_span(&text));
	buf_done(&text);
	return err;
}

/* The last event of a watch that cannot go on, and its end. */
static void send_error(struct watch *watch, const struct status *status)
{
	struct api_call *call = watch->call;
	struct buf text;

	buf_init(&text, EVENT_MAX);
	int err = status_write(status, &text);

	if (!err)
		err = send_text(watch, SPAN("{\"type\":\"ERROR\",\"object\":"), buf_span(&text));
	buf_done(&text);
	if (err >= 0)
		call_end(call);
	else
		call_abort(call);
}

void watch_send_expired(struct watch *watch, uint64_t revision)
{
	struct api *api = watch->call->api;
	uint64_t oldest = watch->in_memory ? watch->in_memory->revision(watch->in_memory->ctx)
					   : cache_oldest(api->options.cache);
	struct status status;

	api->stats.watches_expired++;
	status_init(&status);
	status_set(&status, STATUS_EXPIRED, "too old resource version: %" PRIu64 " (%" PRIu64 ")", revision,
		   oldest);
	send_error(watch, &status);
	status_done(&status);
}
