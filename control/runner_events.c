/* runner_events: the Events the controllers write, and the end of all Events. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "control/runner_internal.h"

#define EVENT_MESSAGE_MAX 1024u
#define EVENT_NAME_SIZE 254u

static int set_texts(struct json *object, const char *const (*pairs)[2], size_t count)
{
	int rc = object ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < count; i++)
		rc = json_set_str(object, pairs[i][0], pairs[i][1]);
	return rc;
}
#define SET_TEXTS(object, pairs) set_texts(object, pairs, sizeof(pairs) / sizeof((pairs)[0]))

static struct json *event_tree(struct runner *r, const struct event_about *about, const char *name,
			       const char *type, const char *reason, const char *message)
{
	char now[CLOCK_TEXT_SIZE], text[EVENT_MESSAGE_MAX];
	const char *ns = *about->ns ? about->ns : "default";
	struct json *tree = json_new_object();

	clock_format(r->now_wall_ms, now);
	(void)snprintf(text, sizeof(text), "%s", message);
	const char *const top[][2] = {
		{ "apiVersion", "v1" },	  { "kind", "Event" },
		{ "type", type },	  { "reason", reason },
		{ "message", text },	  { "firstTimestamp", now },
		{ "lastTimestamp", now }, { "reportingComponent", r->options.component }
	};
	const char *const meta[][2] = { { "name", name }, { "namespace", ns } };
	const char *const involved[][2] = { { "apiVersion", about->api_version },
					    { "kind", about->kind },
					    { "namespace", about->ns },
					    { "name", about->name },
					    { "uid", about->uid } };
	const char *const source[][2] = { { "component", r->options.component } };

	if (SET_TEXTS(tree, top) || SET_TEXTS(json_ensure(tree, "metadata"), meta) ||
	    SET_TEXTS(json_ensure(tree, "involvedObject"), involved) ||
	    SET_TEXTS(json_ensure(tree, "source"), source) || json_set_int(tree, "count", 1)) {
		json_free(tree);
		return NULL;
	}
	return tree;
}

static void name_event(const struct event_about *about, uint64_t number, char out[EVENT_NAME_SIZE])
{
	(void)snprintf(out, EVENT_NAME_SIZE, "%.200s.%016llx", about->name, (unsigned long long)number);
}

/* Nobody waits for an Event, and when there is no room for one it is left out. */
void runner_event(struct runner *r, const struct event_about *about, const char *type, const char *reason,
		  const char *message)
{
	struct op *op = runner_can_write(r) ? op_new(r, NULL, NULL, NULL, NULL) : NULL;
	char name[EVENT_NAME_SIZE];

	name_event(about, rng_next(&r->rng), name);
	if (op)
		op_create(op, event_tree(r, about, name, type, reason, message));
}

/* --- those that are counted up --- */

static int count_up(void *ctx, struct json *tree, const struct object *stored)
{
	struct op *op = ctx;
	char now[CLOCK_TEXT_SIZE];

	clock_format(op->runner->now_wall_ms, now);
	if (json_set_int(tree, "count", json_path_int(tree, "count", 1) + 1) ||
	    json_set_str(tree, "lastTimestamp", now) || json_set_str(tree, "message", op->text))
		return -ENOMEM;
	return 0;
}

/* There was none (any more): the first one, whose tree waited for that. */
static void create_first(struct op *op, int code)
{
	struct runner *r = op->runner;
	struct op *first;

	if (code != -ENOENT)
		return;
	first = op_new(r, NULL, NULL, NULL, NULL);
	if (first)
		op_create(first, json_copy(op->tree));
}

void runner_event_again(struct runner *r, const struct event_about *about, const char *type,
			const char *reason, const char *message)
{
	const char *ns = *about->ns ? about->ns : "default";
	struct op *op = runner_can_write(r) ? op_new(r, NULL, NULL, NULL, message) : NULL;
	char name[EVENT_NAME_SIZE];
	const struct key key = { RES_EVENTS, ns, name };

	if (!op)
		return;
	name_event(about, hash64(span_of(about->uid), hash64(span_of(reason), 0)), name);
	op->tree = event_tree(r, about, name, type, reason, message);
	op->ended = create_first;
	op_mutate(op, &key, API_PART_OBJECT, count_up);
}

/* --- their end --- */

static int64_t last_seen_wall_ms(const struct json *event)
{
	static const char *const paths[] = { "series.lastObservedTime", "lastTimestamp", "eventTime",
					     "firstTimestamp", "metadata.creationTimestamp" };
	int64_t newest = 0;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int64_t wall_ms = 0;

		if (!clock_parse(json_span(json_path(event, paths[i])), &wall_ms) && wall_ms > newest)
			newest = wall_ms;
	}
	return newest;
}

void work_event(struct job *job, const char *key_text)
{
	struct runner *r = job->runner;
	struct key *key = runner_split_key(key_text, RES_EVENTS);
	struct api_delete_options options = { .grace_s = -1 };
	struct object *object = NULL;
	struct json *tree = NULL;
	int64_t left;
	struct op *op;

	if (!key || runner_read(r, key, &object, &tree)) {
		free(key);
		return;
	}
	left = last_seen_wall_ms(tree) + (int64_t)r->options.event_ttl_ms - r->now_wall_ms;
	/* A clock that was put back must not make Events immortal. */
	if (left > (int64_t)r->options.event_ttl_ms)
		left = (int64_t)r->options.event_ttl_ms;
	options.if_uid = object->uid;
	if (left > 0)
		runner_queue_at(r, WORK_EVENT, key_text, r->now_ms + (uint64_t)left);
	else if ((op = op_new(r, job, NULL, NULL, NULL)))
		op_delete(op, key, &options);
	json_free(tree);
	object_unref(object);
	free(key);
}
