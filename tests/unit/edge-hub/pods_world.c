#include "tests/unit/edge-hub/pods_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "base/json.h"

static void on_event(void *ctx, const char *container, bool warning, const char *reason, const char *message)
{
	struct world *w = ctx;
	struct world_event *e = &w->events[w->event_count % 1024];

	snprintf(e->container, sizeof(e->container), "%s", container);
	snprintf(e->reason, sizeof(e->reason), "%s", reason);
	snprintf(e->message, sizeof(e->message), "%s", message);
	e->warning = warning;
	w->event_count++;
}

void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	w->at = (struct moment){ .mono_ms = 1000000, .wall_ms = 1700000000000 };
}

void world_done(struct world *w)
{
	lifecycle_free(w->lc);
	w->lc = NULL;
}

struct pod_spec *world_spec(const char *meta, const char *spec, const char *status)
{
	struct pod_spec *out = NULL;
	struct err err = { 0 };
	struct buf body;

	buf_init(&body, 1 << 20);
	buf_addf(&body,
		 "{\"kind\":\"Pod\",\"metadata\":{\"namespace\":\"default\",\"name\":\"web\",\"uid\":\"u-1\"%"
		 "s%s},\"spec\":%s%s%s}",
		 meta[0] ? "," : "", meta, spec, status[0] ? ",\"status\":" : "", status);
	if (spec_decode(buf_span(&body), &out, &err))
		fail_msg("%s", err_text(&err));
	buf_done(&body);
	return out;
}

static struct lifecycle *make(struct world *w, struct pod_spec *spec)
{
	const struct lifecycle_sink sink = { on_event, w };
	struct lifecycle *lc = NULL;

	assert_int_equal(lifecycle_new(spec, &sink, w->at, &lc), 0);
	return lc;
}

void world_pod(struct world *w, const char *meta, const char *spec, const char *status)
{
	w->lc = make(w, world_spec(meta, spec, status));
}

void world_restart_agent(struct world *w, const char *meta, const char *spec, const char *status)
{
	lifecycle_free(w->lc);
	w->held_count = 0;
	w->lc = make(w, world_spec(meta, spec, status));
}

void world_observe(struct world *w)
{
	struct sandbox_info sandboxes[WORLD_THINGS];
	struct run_info runs[WORLD_THINGS];
	const struct observation seen = { .asked_ms = w->at.mono_ms,
					  .sandboxes = sandboxes,
					  .sandbox_count = w->sandbox_count,
					  .runs = runs,
					  .run_count = w->container_count };

	for (size_t i = 0; i < w->sandbox_count; i++)
		sandboxes[i] = (struct sandbox_info){ .id = w->sandboxes[i].id,
						      .ips = "10.1.2.3",
						      .attempt = w->sandboxes[i].attempt,
						      .ready = w->sandboxes[i].ready,
						      .created_ms = w->sandboxes[i].created_ms };
	for (size_t i = 0; i < w->container_count; i++) {
		const struct world_container *c = &w->containers[i];

		runs[i] = (struct run_info){ .id = c->id,
					     .sandbox_id = c->sandbox,
					     .container = c->name,
					     .attempt = c->attempt,
					     .restart_count = c->restarts,
					     .state = c->state,
					     .created_ms = c->created_ms,
					     .started_ms = c->started_ms,
					     .finished_ms = c->finished_ms,
					     .exit_code = c->exit_code,
					     .reason = "",
					     .message = "",
					     .image = "img",
					     .image_ref = "sha256:1",
					     .hash = c->hash,
					     .has_hash = true };
	}
	assert_int_equal(lifecycle_observe(w->lc, &seen, w->at), 0);
	w->at.mono_ms++;
	w->at.wall_ms++;
}

static struct world_container *container_of_id(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->container_count; i++)
		if (strcmp(w->containers[i].id, id) == 0)
			return &w->containers[i];
	return NULL;
}

static struct world_sandbox *sandbox_of_id(struct world *w, const char *id)
{
	for (size_t i = 0; i < w->sandbox_count; i++)
		if (strcmp(w->sandboxes[i].id, id) == 0)
			return &w->sandboxes[i];
	return NULL;
}

static void end_container(struct world *w, struct world_container *c, int code)
{
	if (c->state == RUN_EXITED)
		return;
	c->state = RUN_EXITED;
	c->exit_code = code;
	c->finished_ms = w->at.wall_ms;
}

struct world_container *world_running(struct world *w, const char *name)
{
	for (size_t i = 0; i < w->container_count; i++)
		if (w->containers[i].state == RUN_RUNNING && strcmp(w->containers[i].name, name) == 0)
			return &w->containers[i];
	return NULL;
}

void world_exit(struct world *w, const char *name, int code)
{
	struct world_container *c = world_running(w, name);

	assert_non_null(c);
	end_container(w, c, code);
}

void world_kill_all(struct world *w)
{
	for (size_t i = 0; i < w->container_count; i++)
		end_container(w, &w->containers[i], 255);
	for (size_t i = 0; i < w->sandbox_count; i++)
		w->sandboxes[i].ready = false;
}

static const char *create(struct world *w, const struct action *a)
{
	const struct pod_spec *spec = lifecycle_spec(w->lc);
	struct world_container *c = &w->containers[w->container_count++];

	assert_true(w->container_count < WORLD_THINGS);
	assert_non_null(sandbox_of_id(w, a->id));
	assert_true(sandbox_of_id(w, a->id)->ready);
	*c = (struct world_container){ .attempt = a->attempt,
				       .restarts = a->restart_count,
				       .state = RUN_CREATED,
				       .created_ms = w->at.wall_ms,
				       .hash = spec->containers[a->slot].hash };
	snprintf(c->id, sizeof(c->id), "c%u", ++w->ids);
	snprintf(c->sandbox, sizeof(c->sandbox), "%s", a->id);
	snprintf(c->name, sizeof(c->name), "%s", spec->containers[a->slot].name);
	for (size_t i = 0; i + 1 < w->container_count; i++) /* names are reserved in a runtime */
		assert_false(strcmp(w->containers[i].name, c->name) == 0 &&
			     w->containers[i].attempt == c->attempt);
	return c->id;
}

static const char *run_sandbox(struct world *w, const struct action *a)
{
	struct world_sandbox *s = &w->sandboxes[w->sandbox_count++];

	*s = (struct world_sandbox){ .attempt = a->attempt, .ready = true, .created_ms = w->at.wall_ms };
	for (size_t i = 0; i + 1 < w->sandbox_count; i++)
		assert_int_not_equal(w->sandboxes[i].attempt, s->attempt);
	snprintf(s->id, sizeof(s->id), "s%u", ++w->ids);
	return s->id;
}

static void stop_sandbox(struct world *w, const char *id)
{
	struct world_sandbox *s = sandbox_of_id(w, id);

	for (size_t i = 0; i < w->container_count; i++)
		if (strcmp(w->containers[i].sandbox, id) == 0)
			end_container(w, &w->containers[i], 137);
	if (s)
		s->ready = false;
}

static void remove_container(struct world *w, const char *id)
{
	struct world_container *c = container_of_id(w, id);

	if (!c)
		return;
	assert_int_not_equal(c->state, RUN_RUNNING);
	*c = w->containers[--w->container_count];
}

static void remove_sandbox(struct world *w, const char *id)
{
	struct world_sandbox *s = sandbox_of_id(w, id);

	for (size_t i = w->container_count; i-- > 0;)
		if (strcmp(w->containers[i].sandbox, id) == 0)
			w->containers[i] = w->containers[--w->container_count];
	if (s)
		*s = w->sandboxes[--w->sandbox_count];
}

static const char *carry_out(struct world *w, const struct action *a)
{
	struct world_container *c = container_of_id(w, a->id);

	switch (a->kind) {
	case ACTION_RUN_SANDBOX: return run_sandbox(w, a);
	case ACTION_STOP_SANDBOX: stop_sandbox(w, a->id); break;
	case ACTION_REMOVE_SANDBOX: remove_sandbox(w, a->id); break;
	case ACTION_REMOVE: remove_container(w, a->id); break;
	case ACTION_CREATE: return create(w, a);
	case ACTION_START:
		assert_non_null(c);
		c->state = RUN_RUNNING;
		c->started_ms = w->at.wall_ms;
		break;
	case ACTION_STOP:
		if (c)
			end_container(w, c, 143);
		break;
	default: break;
	}
	return "";
}

/* What a runtime would refuse: the world changed while something was under way and the pod could not be looked at. */
static bool is_refused(struct world *w, const struct action *a)
{
	const struct world_sandbox *s = a->kind == ACTION_CREATE ? sandbox_of_id(w, a->id) : NULL;
	const struct world_container *c = a->kind == ACTION_START ? container_of_id(w, a->id) : NULL;

	if (a->kind == ACTION_CREATE)
		return !s || !s->ready;
	return a->kind == ACTION_START && (!c || c->state != RUN_CREATED);
}

static void answer(struct world *w, const struct action *a, int code, const char *id)
{
	const struct outcome o = { .kind = a->kind,
				   .slot = a->slot,
				   .code = code,
				   .id = id,
				   .ips = "10.1.2.3",
				   .reason = w->fail_reason[a->kind],
				   .message = code ? "it failed" : "",
				   .probe = a->probe,
				   .run = a->run };

	lifecycle_done(w->lc, &o, w->at);
	w->at.mono_ms++;
	w->at.wall_ms++;
}

static void act(struct world *w, const struct action *a)
{
	int code = a->kind == ACTION_PROBE ? w->probe_answer[a->probe] : w->fail[a->kind];
	char id[32];

	w->log[w->log_count % 4096] = *a;
	w->log_ms[w->log_count++ % 4096] = w->at.mono_ms;
	if (w->on_action)
		w->on_action(w, a);
	if (w->hold[a->kind]) {
		assert_true(w->held_count < 32);
		snprintf(w->held_id[w->held_count], sizeof(w->held_id[0]), "%s", a->id);
		w->held[w->held_count++] = *a;
		return;
	}
	code = code ? code : is_refused(w, a) ? -EREMOTEIO : 0;
	snprintf(id, sizeof(id), "%s", code ? "" : carry_out(w, a));
	answer(w, a, code, id);
}

void world_finish_held(struct world *w, int result)
{
	size_t count = w->held_count;

	w->held_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct action a = w->held[i];
		int code = result;
		char id[32];

		a.id = w->held_id[i];
		code = code ? code : is_refused(w, &a) ? -EREMOTEIO : 0;
		snprintf(id, sizeof(id), "%s", code ? "" : carry_out(w, &a));
		answer(w, &a, code, id);
	}
}

size_t world_settle(struct world *w)
{
	size_t count = 0, round;

	do {
		struct action a;

		round = 0;
		world_observe(w);
		while (lifecycle_next(w->lc, w->at, &a)) {
			act(w, &a);
			round++;
			assert_true(round < 500);
		}
		count += round;
		if (count >= 2000)
			fail_msg("no rest: action %d of slot %d again and again",
				 w->log[(w->log_count - 1) % 4096].kind,
				 w->log[(w->log_count - 1) % 4096].slot);
	} while (round);
	return count;
}

void world_run(struct world *w, uint64_t ms)
{
	uint64_t end = w->at.mono_ms + ms;

	while (w->at.mono_ms < end) {
		uint64_t due, step;

		(void)world_settle(w);
		due = lifecycle_due(w->lc);
		step = end > w->at.mono_ms ? end - w->at.mono_ms : 0;
		if (due != LIFECYCLE_NEVER && due > w->at.mono_ms && due - w->at.mono_ms < step)
			step = due - w->at.mono_ms;
		step = step > 1000 ? 1000 : step;
		w->at.mono_ms += step;
		w->at.wall_ms += (int64_t)step;
	}
	(void)world_settle(w);
}

size_t world_count(const struct world *w, enum action_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < w->log_count && i < 4096; i++)
		count += w->log[i].kind == kind;
	return count;
}

bool world_has_event(const struct world *w, const char *reason)
{
	for (size_t i = 0; i < w->event_count && i < 1024; i++)
		if (strcmp(w->events[i].reason, reason) == 0)
			return true;
	return false;
}

struct json *world_status(struct world *w)
{
	struct json *status = NULL;
	struct err err = { 0 };
	struct buf text;

	buf_init(&text, 1 << 20);
	assert_int_equal(lifecycle_status(w->lc, "192.168.1.2", w->at, &text), 0);
	if (json_parse(buf_span(&text), &status, &err))
		fail_msg("%s: %.*s", err_text(&err), SPAN_ARG(buf_span(&text)));
	buf_done(&text);
	return status;
}
