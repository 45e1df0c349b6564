#include "cloud-hub/regions/verdict_view.h"

#include "api/object_json.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/text.h"
#include "healthcheck/electorate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOURCE "verdicts.health.holdfast.io"
#define BODY_MAX (8u * 1024)
#define NAME_SIZE 254u

struct verdict_view {
	struct loop *loop;
	struct regions *regions;
};

/* "SUBJECT.VOTER", as far as that can be a name; else the voter's id stands for it. */
static void name_of(const struct regions_verdict *v, char out[NAME_SIZE])
{
	int len = snprintf(out, NAME_SIZE, "%s.%s", v->subject->name, v->voter->name);
	uint64_t id = hash64(span_make(v->voter->id, ROSTER_ID_SIZE), 0);

	if (len < 0 || (size_t)len >= NAME_SIZE)
		(void)snprintf(out, NAME_SIZE, "%.200s.%016" PRIx64, v->subject->name, id);
}

/* Version 8 (RFC 9562, section 5.8), the same for the same subject and voter. */
static void add_uid(struct buf *out, const struct regions_verdict *v)
{
	uint64_t a = hash64(span_make(v->subject->id, ROSTER_ID_SIZE), 1),
		 b = hash64(span_make(v->voter->id, ROSTER_ID_SIZE), 2);

	(void)buf_addf(out, "%08" PRIx64 "-%04" PRIx64 "-8%03" PRIx64 "-a%03" PRIx64 "-%012" PRIx64, a >> 32,
		       (a >> 16) & 0xffff, a & 0xfff, (b >> 48) & 0xfff, b & 0xffffffffffffu);
}

static const char *tcp_name(uint8_t tcp)
{
	static const char *const names[] = { "not-tried", "answered", "refused", "silent", "unreachable" };

	return tcp < sizeof(names) / sizeof(names[0]) ? names[tcp] : "unknown";
}

static void add_times(struct buf *out, const struct verdict *verdict, int64_t heard_wall_ms)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(heard_wall_ms, text);
	(void)buf_addf(out, ",\"heard\":\"%s\"", text);
	if (verdict->silent_ms == UINT32_MAX)
		return; /* never seen */
	clock_format(heard_wall_ms - (int64_t)verdict->age_ms - verdict->carried_ms - verdict->silent_ms,
		     text);
	(void)buf_addf(out, ",\"lastSeen\":\"%s\"", text);
}

static int write_body(const struct verdict_view *view, const struct regions_verdict *v, struct buf *out)
{
	const struct verdict *verdict = v->verdict;
	int64_t heard = clock_wall_ms() - (int64_t)(loop_now_ms(view->loop) - v->taken_ms);
	char name[NAME_SIZE], text[CLOCK_TEXT_SIZE];

	name_of(v, name);
	clock_format(heard, text);
	(void)buf_addf(out,
		       "{\"apiVersion\":\"health.holdfast.io/v1\",\"kind\":\"Verdict\",\"metadata\":{"
		       "\"name\":\"%s\",\"uid\":\"",
		       name);
	add_uid(out, v);
	(void)buf_addf(out,
		       "\",\"creationTimestamp\":\"%s\"},\"spec\":{\"answers\":%u,\"asked\":%u,\"probes\":%u,"
		       "\"region\":\"%s\",\"rosterVersion\":%u,\"score\":%u,\"sequence\":%" PRIu64,
		       text, verdict->answers, verdict->asked, verdict->probes, v->region,
		       verdict->roster_version, verdict->score, verdict->sequence);
	add_times(out, verdict, heard);
	(void)buf_addf(out,
		       ",\"subject\":\"%s\",\"subjectIncarnation\":%u,\"subjectStart\":%" PRIu64
		       ",\"tcp\":\"%s\",\"voter\":\"%s\",\"voterStart\":%" PRIu64 ",\"word\":\"%s\"",
		       v->subject->name, verdict->subject_incarnation, verdict->subject_start,
		       tcp_name(verdict->tcp), v->voter->name, verdict->voter_start,
		       verdict_word_name(verdict->word));
	(void)buf_add_str(out, ",\"signature\":\"");
	(void)text_base64(out, span_make(verdict->signature, verdict->signature_len));
	(void)buf_add_str(out, "\"}}");
	return buf_error(out);
}

/* --- readers --- */

struct gathered {
	const struct verdict_view *view;
	const char *name; /* NULL: all */
	struct object **objects;
	size_t count, cap;
};

static int keep(struct gathered *g, struct object *object_take)
{
	if (g->count == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 16;
		struct object **grown = reallocarray(g->objects, cap, sizeof(struct object *));

		if (!grown) {
			object_unref(object_take);
			return -ENOMEM;
		}
		g->objects = grown;
		g->cap = cap;
	}
	g->objects[g->count++] = object_take;
	return 0;
}

static int gather_one(void *ctx, const struct regions_verdict *v)
{
	struct gathered *g = ctx;
	struct object *object = NULL;
	char name[NAME_SIZE];
	struct buf body;
	int code;

	name_of(v, name);
	if (g->name && strcmp(name, g->name) != 0)
		return 0;
	buf_init(&body, BODY_MAX);
	code = write_body(g->view, v, &body);
	if (!code)
		code = object_from_body(RESOURCE, buf_span(&body), 0, &object);
	buf_done(&body);
	return code ? code : keep(g, object);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct object *const *)a)->key.name, (*(struct object *const *)b)->key.name);
}

static int list(void *ctx, const char *name, cache_each_fn *each, void *each_ctx)
{
	const struct verdict_view *view = ctx;
	struct gathered g = { .view = view, .name = name };
	int code = regions_each_verdict(view->regions, gather_one, &g);

	if (!code && g.count)
		qsort(g.objects, g.count, sizeof(struct object *), by_name);
	for (size_t i = 0; !code && i < g.count; i++)
		code = each(each_ctx, g.objects[i]);
	for (size_t i = 0; i < g.count; i++)
		object_unref(g.objects[i]);
	free(g.objects);
	return code;
}

int verdict_view_new(struct loop *loop, struct api *api, struct regions *regions, struct verdict_view **out)
{
	struct verdict_view *view = calloc(1, sizeof(*view));
	struct api_virtual provider = { .resource = RESOURCE, .ns = "", .list = list, .ctx = view };
	int code;

	if (!view)
		return -ENOMEM;
	*view = (struct verdict_view){ loop, regions };
	code = api_virtual_set(api, &provider);
	if (code) {
		free(view);
		return code;
	}
	*out = view;
	return 0;
}

void verdict_view_free(struct verdict_view *view)
{
	free(view);
}
