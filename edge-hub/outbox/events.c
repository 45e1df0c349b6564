#include "edge-hub/outbox/events.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/list.h"
#include "base/log.h"
#include "base/random.h"
#include "edge-hub/outbox/restamp.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "events"
#define NAME_MAX_BYTES 253u
#define BODY_MAX (16u * 1024)
#define COMPONENT "kubelet" /* what readers of events look for */

/* One kind of event about one object, since it first came. */
struct known {
	struct list_node node; /* most recent last */
	uint64_t hash;
	uint64_t sent_ms;	    /* when last reported; 0 never */
	bool unsent;		    /* repeats that were held back */
	uint64_t first_ms, last_ms; /* monotonic: wall time may still turn out to be another */
	int64_t count;
	struct event event;
	char name[NAME_MAX_BYTES + 1];
	char strings[];
};

struct events {
	struct loop *loop;
	struct timer *timer;
	struct outbox *outbox;
	struct timekeeper *timekeeper;
	char *node;
	struct list known;
};

static struct known *known_of(struct list_node *node)
{
	return container_of(node, struct known, node);
}

static uint64_t hash_of(const struct event *event)
{
	const char *parts[] = { event->kind,	   event->about.ns, event->about.name, event->uid,
				event->field_path, event->reason,   event->message };
	uint64_t hash = event->warning;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = hash64(span_of(parts[i]), hash);
	return hash;
}

static const char *keep(char **at, const char *text)
{
	size_t len = strlen(text) + 1;
	char *start = *at;

	memcpy(start, text, len);
	*at += len;
	return start;
}

static void forget(struct events *events, struct known *known)
{
	list_remove(&events->known, &known->node);
	free(known);
}

static struct known *remember(struct events *events, const struct event *event, uint64_t hash)
{
	size_t size = strlen(event->kind) + strlen(event->about.ns) + strlen(event->about.name) +
		      strlen(event->uid) + strlen(event->field_path) + strlen(event->reason) +
		      strlen(event->message) + 7;
	struct known *known = calloc(1, sizeof(*known) + size);
	uint64_t unique;
	char *at;

	if (!known)
		return NULL;
	at = known->strings;
	known->event = *event;
	known->event.kind = keep(&at, event->kind);
	known->event.about.ns = keep(&at, event->about.ns);
	known->event.about.name = keep(&at, event->about.name);
	known->event.uid = keep(&at, event->uid);
	known->event.field_path = keep(&at, event->field_path);
	known->event.reason = keep(&at, event->reason);
	known->event.message = keep(&at, event->message);
	known->hash = hash;
	known->first_ms = clock_mono_ms();
	random_bytes(&unique, sizeof(unique));
	/* A long name is cut so that the suffix fits; it may not end in '.' or '-' there, which the suffix's dot follows. */
	snprintf(known->name, sizeof(known->name), "%.200s.%016" PRIx64, event->about.name, unique);
	list_push(&events->known, &known->node);
	if (events->known.count > EVENTS_KNOWN_MAX)
		forget(events, known_of(list_first(&events->known)));
	return known;
}

static struct known *find(struct events *events, uint64_t hash)
{
	list_for_each(&events->known, node)
		if (known_of(node)->hash == hash)
			return known_of(node);
	return NULL;
}

/* Events about nodes live in "default", as upstream puts them. */
static const char *namespace_of(const struct event *event)
{
	return event->about.ns[0] ? event->about.ns : "default";
}

static int64_t wall_of(const struct events *events, uint64_t mono_ms)
{
	return timekeeper_stamp_ms(events->timekeeper) - (int64_t)(clock_mono_ms() - mono_ms);
}

static int fill(const struct events *events, const struct known *known, struct json *tree)
{
	const struct event *event = &known->event;
	struct json *meta = json_ensure(tree, "metadata"), *about = json_ensure(tree, "involvedObject"),
		    *source = json_ensure(tree, "source");
	char first[CLOCK_TEXT_SIZE], last[CLOCK_TEXT_SIZE];

	if (!meta || !about || !source)
		return -ENOMEM;
	clock_format(wall_of(events, known->first_ms), first);
	clock_format(wall_of(events, known->last_ms), last);
	if (json_set_str(tree, "apiVersion", "v1") || json_set_str(tree, "kind", "Event") ||
	    json_set_str(meta, "name", known->name) || json_set_str(meta, "namespace", namespace_of(event)) ||
	    json_set_str(about, "apiVersion", "v1") || json_set_str(about, "kind", event->kind) ||
	    json_set_str(about, "name", event->about.name) || json_set_str(about, "uid", event->uid) ||
	    json_set_str(tree, "reason", event->reason) || json_set_str(tree, "message", event->message) ||
	    json_set_str(source, "component", COMPONENT) || json_set_str(source, "host", events->node) ||
	    json_set_str(tree, "firstTimestamp", first) || json_set_str(tree, "lastTimestamp", last) ||
	    json_set_int(tree, "count", known->count) ||
	    json_set_str(tree, "type", event->warning ? "Warning" : "Normal") ||
	    json_set_str(tree, "reportingComponent", COMPONENT) ||
	    json_set_str(tree, "reportingInstance", events->node))
		return -ENOMEM;
	if (event->about.ns[0] && json_set_str(about, "namespace", event->about.ns))
		return -ENOMEM;
	return event->field_path[0] ? json_set_str(about, "fieldPath", event->field_path) : 0;
}

static void send(struct events *events, struct known *known)
{
	struct json *tree = json_new_object();
	struct buf body;
	int code = tree ? fill(events, known, tree) : -ENOMEM;

	if (!code && !timekeeper_is_told(events->timekeeper))
		code = restamp_mark(tree, timekeeper_boot_id(events->timekeeper), known->first_ms,
				    known->last_ms);
	buf_init(&body, BODY_MAX);
	if (!code)
		code = json_write(tree, &body);
	if (!code) {
		struct outbox_report report = { .effect = OUTBOX_EVENT,
						.key = { "events", namespace_of(&known->event), known->name },
						.uid = "",
						.body = buf_span(&body) };

		code = outbox_put(events->outbox, &report, NULL, 0, NULL, NULL);
	}
	if (code)
		log_warn(MODULE, "lost", "reason=%s object=%s error=%d", known->event.reason,
			 known->event.about.name, code);
	known->sent_ms = loop_now_ms(events->loop);
	known->unsent = false;
	buf_done(&body);
	json_free(tree);
}

/* Sends what was held back and is due; sets the timer for the rest. */
static void on_timer(void *ctx)
{
	struct events *events = ctx;
	uint64_t now = loop_now_ms(events->loop), next = UINT64_MAX;

	list_for_each(&events->known, node) {
		struct known *known = known_of(node);

		if (!known->unsent)
			continue;
		if (known->sent_ms + EVENTS_INTERVAL_MS <= now)
			send(events, known);
		else if (known->sent_ms + EVENTS_INTERVAL_MS < next)
			next = known->sent_ms + EVENTS_INTERVAL_MS;
	}
	if (next != UINT64_MAX)
		timer_start(events->timer, next - now);
}

void events_report(struct events *events, const struct event *event)
{
	uint64_t hash = hash_of(event);
	struct known *known = find(events, hash);
	bool repeated = known != NULL;

	if (repeated) {
		list_remove(&events->known, &known->node);
		list_push(&events->known, &known->node);
	} else {
		known = remember(events, event, hash);
	}
	if (!known) {
		log_warn(MODULE, "lost", "reason=%s object=%s error=%d", event->reason, event->about.name,
			 -ENOMEM);
		return;
	}
	known->count++;
	known->last_ms = clock_mono_ms();
	known->unsent = true;
	if (!repeated)
		send(events, known);
	else
		on_timer(events);
}

static int on_sending(void *ctx, const struct outbox_entry *entry, struct buf *out)
{
	struct events *events = ctx;
	const struct restamp now = { .boot_id = timekeeper_boot_id(events->timekeeper),
				     .mono_ms = clock_mono_ms(),
				     .wall_ms = timekeeper_stamp_ms(events->timekeeper) };

	return entry->effect == OUTBOX_EVENT ? restamp_event(entry->body, &now, out) : -ENOENT;
}

int events_new(struct loop *loop, struct outbox *outbox, struct timekeeper *timekeeper, const char *node,
	       struct events **out)
{
	struct events *events = calloc(1, sizeof(*events));
	int code;

	if (!events)
		return -ENOMEM;
	*events = (struct events){
		.loop = loop, .outbox = outbox, .timekeeper = timekeeper, .node = strdup(node)
	};
	list_init(&events->known);
	code = events->node ? timer_new(loop, on_timer, events, &events->timer) : -ENOMEM;
	if (code) {
		events_free(events);
		return code;
	}
	outbox_on_sending(outbox, on_sending, events);
	*out = events;
	return 0;
}

void events_free(struct events *events)
{
	if (!events)
		return;
	list_for_each(&events->known, node)
		forget(events, known_of(node));
	timer_close(events->timer);
	free(events->node);
	free(events);
}
