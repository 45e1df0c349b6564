#include "cloud-hub/regions/verdict_view.h"

#include "api/object_json.h"
#include "api/recent.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/text.h"
#include "base/timerq.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RESOURCE "verdicts.health.holdfast.io"
#define BODY_MAX (8u * 1024)
#define NAME_SIZE 254u
#define MODULE "regions"
#define RETRY_MS 1000u

struct verdict_view {
	struct loop *loop;
	struct api *api;
	struct regions *regions;
	struct recent *recent;
	struct timer *timer;
	struct timerq due; /* regions to look at */
	struct map shown;  /* name of a region -> struct shown_region */
};

/* What was shown last of one region. */
struct shown_region {
	struct map verdicts; /* name of the object -> struct shown */
	struct timerq_node timer;
	uint64_t turn; /* looks so far */
	char name[ROSTER_REGION_SIZE];
};
struct shown {
	struct object *object;
	uint64_t voter_start, sequence; /* of the verdict */
	enum verdict_word word;
	int64_t created_wall_ms, since_wall_ms; /* it was there first; with this word */
	uint64_t turn;				/* it was there in this one */
};

/* "SUBJECT.VOTER", as far as that can be a name; else the voter's id stands for it. */
static void name_of(const struct regions_verdict *v, char out[NAME_SIZE])
{
	int len = snprintf(out, NAME_SIZE, "%s.%s", v->subject->name, v->voter->name);
	uint64_t id = hash64(span_make(v->voter->id, ROSTER_ID_SIZE), 0);

	if (len < 0 || (size_t)len >= NAME_SIZE)
		(void)snprintf(out, NAME_SIZE, "%.200s.%016" PRIx64, v->subject->name, id);
}

/* Version 8 (RFC 9562, section 5.8), the same for the same subject and voter as long as there is a word. */
static void add_uid(struct buf *out, const struct regions_verdict *v, int64_t created_wall_ms)
{
	uint64_t a = hash64(span_make(v->subject->id, ROSTER_ID_SIZE), 1),
		 b = hash64(span_make(v->voter->id, ROSTER_ID_SIZE), (uint64_t)created_wall_ms);

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

static int write_body(const struct verdict_view *view, const struct regions_verdict *v,
		      const struct shown *shown, struct buf *out)
{
	const struct verdict *verdict = v->verdict;
	int64_t heard = clock_wall_ms() - (int64_t)(loop_now_ms(view->loop) - v->taken_ms);
	char name[NAME_SIZE], text[CLOCK_TEXT_SIZE];

	name_of(v, name);
	clock_format(shown->created_wall_ms, text);
	(void)buf_addf(out,
		       "{\"apiVersion\":\"health.holdfast.io/v1\",\"kind\":\"Verdict\",\"metadata\":{"
		       "\"name\":\"%s\",\"uid\":\"",
		       name);
	add_uid(out, v, shown->created_wall_ms);
	(void)buf_addf(out,
		       "\",\"creationTimestamp\":\"%s\"},\"spec\":{\"answers\":%u,\"asked\":%u,\"probes\":%u,"
		       "\"region\":\"%s\",\"rosterVersion\":%u,\"score\":%u,\"sequence\":%" PRIu64,
		       text, verdict->answers, verdict->asked, verdict->probes, v->region,
		       verdict->roster_version, verdict->score, verdict->sequence);
	add_times(out, verdict, heard);
	clock_format(shown->since_wall_ms, text);
	(void)buf_addf(
		out,
		",\"since\":\"%s\",\"subject\":\"%s\",\"subjectIncarnation\":%u,\"subjectStart\":%" PRIu64
		",\"tcp\":\"%s\",\"voter\":\"%s\",\"voterStart\":%" PRIu64 ",\"word\":\"%s\"",
		text, v->subject->name, verdict->subject_incarnation, verdict->subject_start,
		tcp_name(verdict->tcp), v->voter->name, verdict->voter_start,
		verdict_word_name(verdict->word));
	(void)buf_add_str(out, ",\"signature\":\"");
	(void)text_base64(out, span_make(verdict->signature, verdict->signature_len));
	(void)buf_add_str(out, "\"}}");
	return buf_error(out);
}

static int render(const struct verdict_view *view, const struct regions_verdict *v, const struct shown *shown,
		  struct object **out)
{
	struct buf body;
	int code;

	buf_init(&body, BODY_MAX);
	code = write_body(view, v, shown, &body);
	if (!code)
		code = object_from_body(RESOURCE, buf_span(&body), 0, out);
	buf_done(&body);
	return code;
}

/* --- following what is said --- */

static void arm(struct verdict_view *view)
{
	uint64_t next = timerq_next(&view->due), now = loop_now_ms(view->loop);

	if (next == TIMERQ_NEVER)
		timer_stop(view->timer);
	else
		timer_start(view->timer, next > now ? next - now : 0);
}

static void look_at(struct verdict_view *view, struct shown_region *region, uint64_t at_ms)
{
	if (at_ms == TIMERQ_NEVER || (region->timer.slot && region->timer.due_ms <= at_ms))
		return;
	if (timerq_set(&view->due, &region->timer, at_ms))
		log_error(MODULE, "no-memory", "region=%s", region->name);
}

static void shown_free(void *value)
{
	struct shown *shown = value;

	object_unref(shown->object);
	free(shown);
}

static void shown_region_free(struct verdict_view *view, struct shown_region *region)
{
	timerq_cancel(&view->due, &region->timer);
	map_done(&region->verdicts, shown_free);
	free(region);
}

static struct shown_region *want_region(struct verdict_view *view, const char *name)
{
	struct shown_region *region = map_get(&view->shown, span_of(name));

	if (region)
		return region;
	region = calloc(1, sizeof(*region));
	if (!region)
		return NULL;
	map_init(&region->verdicts, ELECTORATE_VERDICTS_MAX);
	if (span_copy(span_of(name), region->name, sizeof(region->name)) ||
	    map_put(&view->shown, span_of(region->name), region, NULL)) {
		shown_region_free(view, region);
		return NULL;
	}
	return region;
}

struct look {
	struct verdict_view *view;
	struct shown_region *region;
	uint64_t next_ms;
};

/* The state that follows `before`, NULL: it is new. */
static struct shown next_of(const struct regions_verdict *v, const struct shown *before)
{
	int64_t now = clock_wall_ms();
	struct shown next = { .voter_start = v->verdict->voter_start,
			      .sequence = v->verdict->sequence,
			      .word = v->verdict->word,
			      .created_wall_ms = before ? before->created_wall_ms : now,
			      .since_wall_ms = now };

	if (before && before->word == next.word)
		next.since_wall_ms = before->since_wall_ms;
	return next;
}

static int show_new(struct look *look, const char *name, struct shown **out)
{
	struct shown *shown = calloc(1, sizeof(*shown));
	int code = shown ? map_put(&look->region->verdicts, span_of(name), shown, NULL) : -ENOMEM;

	if (code)
		free(shown);
	else
		*out = shown;
	return code;
}

static int say_so(struct look *look, const struct regions_verdict *v, enum change_type type,
		  struct shown *shown)
{
	struct shown next = next_of(v, type == CHANGE_ADDED ? NULL : shown);
	struct object *object = NULL;
	int code = render(look->view, v, &next, &object);

	if (!code)
		code = recent_add(look->view->recent, type, object, &next.object);
	object_unref(object);
	if (code)
		return code;
	object_unref(shown->object);
	*shown = next;
	return 0;
}

static int show(struct look *look, const struct regions_verdict *v, const char *name, struct shown **shown)
{
	int code;

	if (*shown)
		return say_so(look, v, CHANGE_MODIFIED, *shown);
	code = show_new(look, name, shown);
	if (code)
		return code;
	code = say_so(look, v, CHANGE_ADDED, *shown);
	if (code)
		shown_free(map_remove(&look->region->verdicts, span_of(name)));
	return code;
}

static int look_at_one(void *ctx, const struct regions_verdict *v)
{
	struct look *look = ctx;
	char name[NAME_SIZE];
	struct shown *shown;
	int code = 0;

	name_of(v, name);
	shown = map_get(&look->region->verdicts, span_of(name));
	if (!shown || shown->voter_start != v->verdict->voter_start ||
	    shown->sequence != v->verdict->sequence)
		code = show(look, v, name, &shown);
	if (code)
		return code;
	shown->turn = look->region->turn;
	if (v->until_ms < look->next_ms)
		look->next_ms = v->until_ms;
	return 0;
}

static int hide_gone(struct verdict_view *view, struct shown_region *region)
{
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	while (map_next(&region->verdicts, &cursor, &key, &value)) {
		struct shown *shown = value;
		int rc;

		if (shown->turn == region->turn)
			continue;
		rc = recent_add(view->recent, CHANGE_DELETED, shown->object, NULL);
		code = code ? code : rc;
		(void)map_remove(&region->verdicts, key);
		shown_free(shown);
	}
	return code;
}

/* Tells what became of the region's verdicts since the last look. */
static void look_now(struct verdict_view *view, struct shown_region *region)
{
	struct look look = { view, region, TIMERQ_NEVER };
	int code;

	timerq_cancel(&view->due, &region->timer);
	region->turn++;
	code = regions_each_verdict(view->regions, region->name, look_at_one, &look);
	if (!code)
		code = hide_gone(view, region);
	if (code) { /* as before, for a while */
		log_error(MODULE, "verdicts-not-shown", "region=%s error=%d", region->name, code);
		look.next_ms = loop_now_ms(view->loop) + RETRY_MS;
	}
	look_at(view, region, look.next_ms);
	if (!region->timer.slot && !region->verdicts.count) {
		(void)map_remove(&view->shown, span_of(region->name));
		shown_region_free(view, region);
	}
}

/* All that is due at that time. */
static void catch_up(struct verdict_view *view, uint64_t now)
{
	uint64_t before = recent_revision(view->recent);
	struct timerq_node *node;

	for (size_t n = view->due.count; n-- && (node = timerq_pop(&view->due, now));)
		look_now(view, container_of(node, struct shown_region, timer));
	arm(view);
	if (recent_revision(view->recent) != before)
		api_virtual_moved(view->api, RESOURCE);
}

static void on_timer(void *ctx)
{
	struct verdict_view *view = ctx;

	catch_up(view, loop_now_ms(view->loop));
}

static void on_verdicts(void *ctx, const char *name)
{
	struct verdict_view *view = ctx;
	struct shown_region *region = want_region(view, name);

	if (!region) {
		log_error(MODULE, "no-memory", "region=%s", name);
		return;
	}
	look_at(view, region, loop_now_ms(view->loop) + VERDICT_VIEW_TOGETHER_MS);
	arm(view);
}

/* --- readers --- */

struct gathered {
	struct object **objects;
	size_t count, cap;
};

static int keep(struct gathered *g, struct object *object)
{
	if (g->count == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 16;
		struct object **grown = reallocarray(g->objects, cap, sizeof(struct object *));

		if (!grown)
			return -ENOMEM;
		g->objects = grown;
		g->cap = cap;
	}
	g->objects[g->count++] = object;
	return 0;
}

static int gather(const struct shown_region *region, const char *name, struct gathered *g)
{
	const struct shown *one = name ? map_get(&region->verdicts, span_of(name)) : NULL;
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	if (name)
		return one ? keep(g, one->object) : 0;
	while (!code && map_next(&region->verdicts, &cursor, &key, &value))
		code = keep(g, ((struct shown *)value)->object);
	return code;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct object *const *)a)->key.name, (*(struct object *const *)b)->key.name);
}

/* A reader sees what was taken before it asked: the look at it is not waited for. */
static int list(void *ctx, const char *name, cache_each_fn *each, void *each_ctx)
{
	struct verdict_view *view = ctx;
	struct gathered g = { 0 };
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	catch_up(view, loop_now_ms(view->loop) + VERDICT_VIEW_TOGETHER_MS);
	while (!code && map_next(&view->shown, &cursor, &key, &value))
		code = gather(value, name, &g);
	if (!code && g.count)
		qsort(g.objects, g.count, sizeof(struct object *), by_name);
	for (size_t i = 0; !code && i < g.count; i++)
		code = each(each_ctx, g.objects[i]);
	free(g.objects);
	return code;
}

static uint64_t revision(void *ctx)
{
	return recent_revision(((struct verdict_view *)ctx)->recent);
}

static int changes(void *ctx, uint64_t after, int (*each)(void *each_ctx, const struct change *change),
		   void *each_ctx)
{
	return recent_each(((struct verdict_view *)ctx)->recent, after, each, each_ctx);
}

/* --- life --- */

/* Revisions begin at the time of the start, which is far above what a hub that started before can have counted to. */
static uint64_t first_revision(void)
{
	return (uint64_t)clock_wall_ms() * 1000;
}

int verdict_view_new(struct loop *loop, struct api *api, struct regions *regions, struct verdict_view **out)
{
	struct verdict_view *view = calloc(1, sizeof(*view));
	struct api_virtual provider = { .resource = RESOURCE,
					.ns = "",
					.list = list,
					.ctx = view,
					.revision = revision,
					.changes = changes };
	int code;

	if (!view)
		return -ENOMEM;
	*view = (struct verdict_view){ .loop = loop, .api = api, .regions = regions };
	map_init(&view->shown, REGIONS_MAX);
	timerq_init(&view->due);
	code = timer_new(loop, on_timer, view, &view->timer);
	if (!code)
		code = recent_new(VERDICT_VIEW_RECENT_MAX, first_revision(), &view->recent);
	if (!code)
		code = api_virtual_set(api, &provider);
	if (code) {
		verdict_view_free(view);
		return code;
	}
	regions_on_verdicts(regions, on_verdicts, view);
	*out = view;
	return 0;
}

void verdict_view_free(struct verdict_view *view)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	if (!view)
		return;
	regions_on_verdicts(view->regions, NULL, NULL);
	while (map_next(&view->shown, &cursor, &key, &value))
		shown_region_free(view, value);
	map_done(&view->shown, NULL);
	timerq_done(&view->due);
	timer_close(view->timer);
	recent_free(view->recent);
	free(view);
}
