/* Random histories of one pod. Whatever happens: no container is stopped without a listed reason that holds, no
 * restart comes before its back-off, a second action on the same thing never starts while one is under way,
 * and when the trouble ends the pod runs, or is gone if it was to go. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/random.h"
#include "tests/unit/edge-hub/pods_world.h"

#define HISTORIES 2000
#define STEPS 120

static const char *const specs[] = {
	"{\"terminationGracePeriodSeconds\":5,\"containers\":[{\"name\":\"a\",\"image\":\"%s\"},{\"name\":"
	"\"b\",\"image\":\"img\"}]}",
	"{\"containers\":[{\"name\":\"a\",\"image\":\"%s\",\"livenessProbe\":{\"exec\":{\"command\":[\"x\"]},"
	"\"periodSeconds\":2}}]}",
	"{\"initContainers\":[{\"name\":\"i\",\"image\":\"img\"},{\"name\":\"s\",\"image\":\"img\","
	"\"restartPolicy\":\"Always\"}],"
	"\"containers\":[{\"name\":\"a\",\"image\":\"%s\",\"lifecycle\":{\"preStop\":{\"exec\":{\"command\":["
	"\"x\"]}},"
	"\"postStart\":{\"exec\":{\"command\":[\"x\"]}}}}]}",
};

struct history {
	struct world w;
	struct rng rng;
	const char *template;
	bool image_changed, deleted, probe_failed,
		hook_failed; /* the last two: ever; a decision once taken is carried out */
	uint64_t lost_since_ms;
	uint64_t exit_ms[4];	   /* of slot, when its last run ended unforced */
	unsigned restarts_soon[4]; /* restarts less than ten minutes apart */
	uint64_t last_restart_ms[4];
};

static void text_of(const struct history *h, char out[1024])
{
	snprintf(out, 1024, h->template, h->image_changed ? "img2" : "img");
}

static void check_stop(struct history *h, const struct action *a)
{
	switch (a->reason) {
	case STOP_DELETED: assert_true(h->deleted); break;
	case STOP_SPEC_CHANGED: assert_true(h->image_changed); break;
	case STOP_LIVENESS: assert_true(h->probe_failed); break;
	case STOP_POST_START: assert_true(h->hook_failed); break;
	case STOP_SANDBOX_LOST:
		assert_true(h->lost_since_ms && h->w.at.mono_ms - h->lost_since_ms >= LIFECYCLE_LOST_MS);
		break;
	default: fail_msg("stopped for \"%s\"", stop_reason_text(a->reason));
	}
}

static void check_create(struct history *h, const struct action *a)
{
	static const unsigned least[] = { 0, 10000, 20000, 40000, 80000, 160000, 300000 };
	unsigned *soon = &h->restarts_soon[a->slot];
	uint64_t now = h->w.at.mono_ms;

	if (!a->restart_count || !h->exit_ms[a->slot])
		return;
	if (now - h->last_restart_ms[a->slot] > LIFECYCLE_BACKOFF_FORGET_MS)
		*soon = 0;
	assert_true(now >= h->exit_ms[a->slot] + least[*soon > 6 ? 6 : *soon]);
	h->last_restart_ms[a->slot] = now;
	h->exit_ms[a->slot] = 0;
	(*soon)++;
}

static void on_action(struct world *w, const struct action *a)
{
	struct history *h = w->user;

	h->probe_failed |= a->kind == ACTION_PROBE && w->probe_answer[a->probe];
	h->hook_failed |= a->kind == ACTION_POST_START && w->fail[a->kind];
	if (a->kind == ACTION_STOP)
		check_stop(h, a);
	if (a->kind == ACTION_CREATE)
		check_create(h, a);
	for (size_t i = 0; i < w->held_count; i++)
		if (w->held[i].slot == a->slot && a->kind != ACTION_STOP && a->kind != ACTION_PROBE &&
		    w->held[i].kind != ACTION_PROBE)
			fail_msg("action %d while %d is under way for slot %d", a->kind, w->held[i].kind,
				 a->slot);
}

static void crash_one(struct history *h)
{
	struct world_container *c = world_running(&h->w, rng_below(&h->rng, 3) ? "a" : "b");
	const struct pod_spec *spec = lifecycle_spec(h->w.lc);
	const struct container_spec *of = c ? spec_container(spec, c->name) : NULL;

	if (!of || h->deleted)
		return;
	world_exit(&h->w, c->name, 1);
	(void)world_settle(&h->w);
	/* The process of this agent knows how often it came back; one that was restarted begins anew. */
	if (!world_running(&h->w, of->name))
		h->exit_ms[of - spec->containers] = 0;
}

static void trouble(struct history *h)
{
	static const enum action_kind kinds[] = {
		ACTION_PREPARE, ACTION_RUN_SANDBOX,  ACTION_PULL,   ACTION_CREATE,    ACTION_START,
		ACTION_STOP,	ACTION_STOP_SANDBOX, ACTION_REMOVE, ACTION_POST_START
	};
	enum action_kind kind = kinds[rng_below(&h->rng, sizeof(kinds) / sizeof(kinds[0]))];

	if (rng_below(&h->rng, 2))
		h->w.fail[kind] = rng_below(&h->rng, 2) ? -EREMOTEIO : -ETIMEDOUT;
	else
		h->w.hold[kind] = true;
}

static void calm(struct history *h)
{
	memset(h->w.fail, 0, sizeof(h->w.fail));
	memset(h->w.hold, 0, sizeof(h->w.hold));
	h->w.probe_answer[PROBE_LIVENESS] = 0;
	world_finish_held(&h->w, 0);
}

static void lose_sandbox(struct history *h)
{
	bool ready = false;

	for (size_t i = 0; i < h->w.sandbox_count; i++) {
		if (h->w.sandboxes[i].ready && rng_below(&h->rng, 2)) {
			h->w.sandboxes[i].ready = false;
			h->lost_since_ms = h->w.at.mono_ms;
		}
		ready |= h->w.sandboxes[i].ready;
	}
}

static void restart_agent(struct history *h)
{
	char text[1024];

	text_of(h, text);
	h->w.held_count = 0;
	world_restart_agent(
		&h->w,
		h->deleted ? "\"deletionTimestamp\":\"2024-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":3"
			   : "",
		text, "");
	memset(h->restarts_soon, 0, sizeof(h->restarts_soon));
	memset(h->exit_ms, 0, sizeof(h->exit_ms));
}

static void change_image(struct history *h)
{
	char text[1024];

	h->image_changed = true;
	text_of(h, text);
	assert_int_equal(lifecycle_set_spec(h->w.lc, world_spec("", text, ""), h->w.at), 0);
}

static void delete_pod(struct history *h)
{
	h->deleted = true;
	lifecycle_end(h->w.lc, STOP_DELETED, (int64_t)rng_below(&h->rng, 30), h->w.at);
}

static void one_step(struct history *h)
{
	switch (rng_below(&h->rng, 14)) {
	case 0:
	case 1: crash_one(h); break;
	case 2:
	case 3: trouble(h); break;
	case 4:
	case 5: calm(h); break;
	case 6: lose_sandbox(h); break;
	case 7: restart_agent(h); break;
	case 8: world_kill_all(&h->w); break;
	case 9: h->w.probe_answer[PROBE_LIVENESS] = rng_below(&h->rng, 2) ? -1 : 0; break;
	case 10:
		if (world_running(&h->w, "i"))
			world_exit(&h->w, "i", rng_below(&h->rng, 2) ? 0 : 1);
		break;
	case 11:
		lifecycle_runtime(h->w.lc, false, h->w.at);
		h->w.at.mono_ms += rng_below(&h->rng, 60000);
		lifecycle_runtime(h->w.lc, true, h->w.at);
		h->w.at.mono_ms++;
		break;
	case 12:
		if (rng_below(&h->rng, 30) == 0 && !h->deleted && !h->image_changed)
			change_image(h);
		break;
	default:
		if (rng_below(&h->rng, 60) == 0 && !h->deleted)
			delete_pod(h);
	}
	world_run(&h->w, rng_below(&h->rng, 20000));
}

static bool all_run(struct history *h)
{
	const struct pod_spec *spec = lifecycle_spec(h->w.lc);

	for (uint32_t i = 0; i < spec->container_count; i++) {
		const struct container_spec *c = &spec->containers[i];

		if ((!c->init || c->sidecar) && !world_running(&h->w, c->name))
			return false;
	}
	return true;
}

static void settle_down(struct history *h)
{
	calm(h);
	for (int i = 0; i < 40 && !(h->deleted ? lifecycle_is_gone(h->w.lc) : all_run(h)); i++) {
		if (world_running(&h->w, "i"))
			world_exit(&h->w, "i", 0);
		world_run(&h->w, 60000);
	}
	if (h->deleted) {
		assert_true(lifecycle_is_gone(h->w.lc));
		assert_int_equal(h->w.container_count + h->w.sandbox_count, 0);
		return;
	}
	assert_true(all_run(h));
	world_run(&h->w, 60000);
	assert_true(lifecycle_is_steady(h->w.lc));
	assert_true(h->w.container_count <= 2u * lifecycle_spec(h->w.lc)->container_count);
}

static void one_history(uint64_t seed)
{
	struct history *h = calloc(1, sizeof(*h));
	char text[1024];

	assert_non_null(h);
	rng_seed(&h->rng, seed);
	h->template = specs[rng_below(&h->rng, 3)];
	world_init(&h->w);
	h->w.on_action = on_action;
	h->w.user = h;
	text_of(h, text);
	world_pod(&h->w, "", text, "");
	for (int i = 0; i < STEPS; i++)
		one_step(h);
	settle_down(h);
	world_done(&h->w);
	free(h);
}

static uint64_t last_seed;

static int tell_seed(void **state)
{
	print_message("last seed %llu; SEED=n runs one alone\n", (unsigned long long)last_seed);
	return 0;
}

static void random_histories_keep_the_rules(void **state)
{
	const char *only = getenv("SEED");
	uint64_t seed;

	if (only && !span_to_u64(span_of(only), &seed)) {
		one_history(seed);
		return;
	}
	for (seed = 1; seed <= HISTORIES; seed++) {
		last_seed = seed;
		one_history(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(random_histories_keep_the_rules,
								      tell_seed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
