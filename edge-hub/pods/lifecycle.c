#include "edge-hub/pods/lifecycle.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "edge-hub/pods/lifecycle_internal.h"

static const char *const stop_texts[] = {
	[STOP_NONE] = "none",
	[STOP_DELETED] = "deleted",
	[STOP_REMOVED] = "removed",
	[STOP_REPLACED] = "replaced by another pod of its name",
	[STOP_RELEASED] = "released",
	[STOP_SPEC_CHANGED] = "definition changed",
	[STOP_LIVENESS] = "failed liveness probe",
	[STOP_STARTUP] = "failed startup probe",
	[STOP_POST_START] = "failed postStart hook",
	[STOP_DEADLINE] = "active deadline passed",
	[STOP_COMPLETED] = "work completed",
	[STOP_SANDBOX_LOST] = "sandbox lost",
	[STOP_FENCED] = "fenced",
};

const char lifecycle_fenced_text[] =
	"there must be only one of it, and this node has had contact neither with the cloud nor with "
	"most of its region for so long that it may be running elsewhere";

const char *stop_reason_text(enum stop_reason reason)
{
	return stop_texts[reason];
}

/* --- small parts --- */
void wait_clear(struct wait *wait)
{
	free(wait->reason);
	*wait = (struct wait){ 0 };
}

void wait_set(struct wait *wait, const char *reason, const char *message)
{
	size_t reason_size = strlen(reason) + 1, message_size = strlen(message) + 1;
	char *block = malloc(reason_size + message_size);

	wait_clear(wait);
	if (!block) /* the reason is for people; the pod waits all the same */
		return;
	memcpy(block, reason, reason_size);
	memcpy(block + reason_size, message, message_size);
	*wait = (struct wait){ block, block + reason_size };
}

bool wait_is(const struct wait *wait, const char *reason)
{
	return wait->reason && strcmp(wait->reason, reason) == 0;
}

void backoff_failed(struct backoff *b, unsigned first_ms, unsigned max_ms, uint64_t now_ms)
{
	b->delay_ms = !b->delay_ms ? first_ms : b->delay_ms > max_ms / 2 ? max_ms : b->delay_ms * 2;
	b->until_ms = now_ms + b->delay_ms;
	b->last_ms = now_ms;
}

void backoff_clear(struct backoff *b)
{
	*b = (struct backoff){ 0 };
}

void lifecycle_due_at(struct lifecycle *lc, uint64_t when_ms)
{
	if (when_ms < lc->due_ms)
		lc->due_ms = when_ms;
}

bool lifecycle_no_answer(int code)
{
	return code == -ENOTCONN || code == -ETIMEDOUT || code == -EIO || code == -EAGAIN ||
	       code == -ECANCELED || code == -ETIME;
}

int slot_index(const struct lifecycle *lc, const struct slot *slot)
{
	return (int)(slot - lc->slots);
}

void lifecycle_event(struct lifecycle *lc, const struct slot *slot, bool warning, const char *reason,
		     const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (lc->sink.on_event)
		lc->sink.on_event(lc->sink.ctx, slot ? slot->spec->name : "", warning, reason, text);
}

bool run_is_active(const struct run *run)
{
	return run && (run->state == RUN_RUNNING || run->state == RUN_UNKNOWN);
}

bool slot_is_free(const struct slot *slot)
{
	return slot->op == ACTION_NONE && !slot->blind;
}

/* --- runs and sandboxes --- */
static bool is_newer(const struct run *a, const struct run *b)
{
	return a->attempt != b->attempt ? a->attempt > b->attempt : a->created_ms > b->created_ms;
}

struct run *lifecycle_latest(const struct lifecycle *lc, int slot)
{
	struct run *best = NULL;

	for (size_t i = 0; i < lc->run_count; i++)
		if (lc->runs[i]->slot == slot && (!best || is_newer(lc->runs[i], best)))
			best = lc->runs[i];
	return best;
}

struct run *lifecycle_previous(const struct lifecycle *lc, int slot)
{
	const struct run *latest = lifecycle_latest(lc, slot);
	struct run *best = NULL;

	for (size_t i = 0; i < lc->run_count; i++)
		if (lc->runs[i]->slot == slot && lc->runs[i] != latest && lc->runs[i]->state == RUN_EXITED &&
		    (!best || is_newer(lc->runs[i], best)))
			best = lc->runs[i];
	return best;
}

struct sandbox *lifecycle_current_sandbox(const struct lifecycle *lc)
{
	struct sandbox *best = NULL;

	for (size_t i = 0; i < lc->sandbox_count; i++) {
		struct sandbox *s = &lc->sandboxes[i];

		if (!best || s->attempt > best->attempt ||
		    (s->attempt == best->attempt && s->created_ms > best->created_ms))
			best = s;
	}
	return best;
}

static char *put_text(char **at, const char *text)
{
	size_t size = strlen(text ? text : "") + 1;
	char *start = *at;

	memcpy(start, text ? text : "", size);
	*at += size;
	return start;
}

struct run *run_new(const struct run_info *info)
{
	const char *const texts[] = { info->id,	     info->sandbox_id, info->reason,
				      info->message, info->image,      info->image_ref };
	size_t size = 0;
	struct run *run;
	char *at;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		size += strlen(texts[i] ? texts[i] : "") + 1;
	run = calloc(1, sizeof(*run) + size);
	if (!run)
		return NULL;
	at = (char *)(run + 1);
	run->id = put_text(&at, info->id);
	run->sandbox_id = put_text(&at, info->sandbox_id);
	run->reason = put_text(&at, info->reason);
	run->message = put_text(&at, info->message);
	run->image = put_text(&at, info->image);
	run->image_ref = put_text(&at, info->image_ref);
	run->attempt = info->attempt;
	run->restart_count = info->restart_count;
	run->state = info->state;
	run->created_ms = info->created_ms;
	run->started_ms = info->started_ms;
	run->finished_ms = info->finished_ms;
	run->exit_code = info->exit_code;
	run->hash = info->hash;
	run->has_hash = info->has_hash;
	return run;
}

int lifecycle_slot_of(const struct lifecycle *lc, const char *name)
{
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (strcmp(lc->slots[i].spec->name, name) == 0)
			return (int)i;
	return -1;
}

struct run *lifecycle_add_run(struct lifecycle *lc, const struct run_info *info)
{
	struct run *run = lc->run_count < LIFECYCLE_RUNS_MAX ? run_new(info) : NULL;

	if (!run)
		return NULL;
	run->slot = lifecycle_slot_of(lc, info->container);
	run->serial = ++lc->serials;
	lc->runs[lc->run_count++] = run;
	return run;
}

void lifecycle_drop_run(struct lifecycle *lc, size_t index)
{
	free(lc->runs[index]);
	lc->runs[index] = lc->runs[--lc->run_count];
}

size_t lifecycle_find_run(const struct lifecycle *lc, const char *id)
{
	size_t i = 0;

	while (i < lc->run_count && strcmp(lc->runs[i]->id, id) != 0)
		i++;
	return i;
}

static void sandbox_done(struct sandbox *sandbox)
{
	free(sandbox->id);
	free(sandbox->ips);
}

int lifecycle_add_sandbox(struct lifecycle *lc, const struct sandbox_info *info)
{
	struct sandbox *grown = realloc(lc->sandboxes, (lc->sandbox_count + 1) * sizeof(*grown));
	struct sandbox *s;

	if (!grown)
		return -ENOMEM;
	lc->sandboxes = grown;
	s = &grown[lc->sandbox_count];
	*s = (struct sandbox){ .id = strdup(info->id),
			       .attempt = info->attempt,
			       .ready = info->ready,
			       .created_ms = info->created_ms };
	s->ips = strdup(info->ips ? info->ips : "");
	if (!s->id || !s->ips) {
		sandbox_done(s);
		return -ENOMEM;
	}
	lc->sandbox_count++;
	if (info->attempt > lc->sandbox_attempt)
		lc->sandbox_attempt = info->attempt;
	return 0;
}

void lifecycle_drop_sandbox(struct lifecycle *lc, struct sandbox *sandbox)
{
	sandbox_done(sandbox);
	*sandbox = lc->sandboxes[--lc->sandbox_count];
}

size_t lifecycle_find_sandbox(const struct lifecycle *lc, const char *id)
{
	size_t i = 0;

	while (i < lc->sandbox_count && strcmp(lc->sandboxes[i].id, id) != 0)
		i++;
	return i;
}

/* --- a new latest run of a slot --- */
static const struct prior_container *prior_of(const struct pod_spec *spec, const struct container_spec *c)
{
	const struct decoded_list *list = c->init ? &spec->prior.init_containers : &spec->prior.containers;
	const struct prior_container *all = list->v;

	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(all[i].name, c->name) == 0)
			return &all[i];
	return NULL;
}

static void slot_begin_probes(struct lifecycle *lc, struct slot *slot, const struct run *run,
			      struct moment at)
{
	const struct prior_container *prior = prior_of(lc->spec, slot->spec);
	bool same = !slot->ours && prior && strcmp(prior->container_id, run->id) == 0;
	const bool before[PROBE_KINDS] = {
		[PROBE_STARTUP] = same && prior->started,
		[PROBE_LIVENESS] = same,
		[PROBE_READINESS] = same && prior->ready,
	};
	uint64_t started = lifecycle_mono_of_wall(run->started_ms, at);

	for (int kind = 0; kind < PROBE_KINDS; kind++) {
		const struct probe_spec *spec = slot->spec->probes[kind];

		probe_stop(&slot->probes[kind]);
		if (spec)
			probe_begin(&slot->probes[kind], spec, started, at.mono_ms, before[kind],
				    hash64(span_of(lc->spec->uid), run->serial));
	}
	if (before[PROBE_STARTUP])
		probe_stop(&slot->probes[PROBE_STARTUP]);
	slot->started = slot->post_started && (!slot->spec->probes[PROBE_STARTUP] || before[PROBE_STARTUP]);
}

void slot_running(struct lifecycle *lc, struct slot *slot, const struct run *run, struct moment at)
{
	wait_clear(&slot->wait);
	backoff_clear(&slot->trouble);
	slot->post_started = slot->post_started || !slot->spec->post_start;
	slot_begin_probes(lc, slot, run, at);
}

void lifecycle_follow(struct lifecycle *lc, struct slot *slot, struct moment at)
{
	const struct run *run = lifecycle_latest(lc, slot_index(lc, slot));

	if (slot->run == (run ? run->serial : 0))
		return;
	slot->run = run ? run->serial : 0;
	slot->ours = false;
	slot->post_started = run && run->state == RUN_RUNNING; /* whoever started it saw to its hook */
	slot->post_failed = slot->pre_stopped = slot->stop_sent = false;
	slot->stopping = STOP_NONE;
	slot->stop_by_ms = slot->unknown_since_ms = 0;
	slot->started = slot->ready = false;
	for (int kind = 0; kind < PROBE_KINDS; kind++)
		probe_stop(&slot->probes[kind]);
	if (run && run->state == RUN_RUNNING) {
		wait_clear(&slot->wait);
		slot_begin_probes(lc, slot, run, at);
	}
}

void slot_exited(const struct lifecycle *lc, struct slot *slot, struct run *run, struct moment at)
{
	run->fenced = slot->stopping == STOP_FENCED || lc->fenced;
	slot->started = slot->ready = false;
	slot->stop_sent = false;
	slot->stop_by_ms = 0;
	slot->announced = false;
	for (int kind = 0; kind < PROBE_KINDS; kind++)
		probe_stop(&slot->probes[kind]);
	if (slot->stopping == STOP_SPEC_CHANGED || run->fenced || (slot->spec->init && run->exit_code == 0))
		backoff_clear(&slot->crash);
	if (slot->crash.delay_ms && at.mono_ms - slot->crash.last_ms > LIFECYCLE_BACKOFF_FORGET_MS)
		backoff_clear(&slot->crash);
	slot->crash.until_ms = at.mono_ms + slot->crash.delay_ms;
	slot->stopping = STOP_NONE;
}

int lifecycle_learn(struct lifecycle *lc, const char *id, int64_t started_ms, const char *image,
		    const char *image_ref)
{
	size_t i = lifecycle_find_run(lc, id);
	struct run *old = i < lc->run_count ? lc->runs[i] : NULL;
	struct run_info info;
	struct run *run;

	if (!old)
		return 0;
	info = (struct run_info){ .id = old->id,
				  .sandbox_id = old->sandbox_id,
				  .attempt = old->attempt,
				  .restart_count = old->restart_count,
				  .state = old->state,
				  .created_ms = old->created_ms,
				  .started_ms = started_ms > 0 ? started_ms : old->started_ms,
				  .finished_ms = old->finished_ms,
				  .exit_code = old->exit_code,
				  .reason = old->reason,
				  .message = old->message,
				  .image = image[0] ? image : old->image,
				  .image_ref = image_ref[0] ? image_ref : old->image_ref,
				  .hash = old->hash,
				  .has_hash = old->has_hash };
	run = run_new(&info);
	if (!run)
		return -ENOMEM;
	run->slot = old->slot;
	run->serial = old->serial;
	run->missing = old->missing;
	run->removed = old->removed;
	run->fenced = old->fenced;
	lc->runs[i] = run;
	free(old);
	return 0;
}

void lifecycle_runtime(struct lifecycle *lc, bool up, struct moment at)
{
	if (lc->runtime_up == up)
		return;
	lc->runtime_up = up;
	if (up)
		return;
	/* Whatever was under way may or may not have happened: only a listing from after this moment counts. */
	lc->blind = true;
	lc->settled_ms = at.mono_ms;
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		lc->slots[i].blind = true;
		lc->slots[i].settled_ms = at.mono_ms;
	}
}

/* --- desired state --- */
static void take_conditions(struct lifecycle *lc)
{
	static const char *const types[COND_COUNT] = {
		"PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled",
	};
	const struct prior_condition *prior = lc->spec->prior.conditions.v;

	for (int c = 0; c < COND_COUNT; c++) {
		lc->conditions[c].value = -1;
		for (uint32_t i = 0; i < lc->spec->prior.conditions.n; i++) {
			if (strcmp(prior[i].type, types[c]) != 0 || !prior[i].since_ms.set)
				continue;
			lc->conditions[c].value = prior[i].status;
			lc->conditions[c].since_ms = prior[i].since_ms.value;
		}
	}
}

static int make_slots(struct lifecycle *lc, const struct pod_spec *spec, struct slot **out)
{
	struct slot *slots = calloc(spec->container_count ? spec->container_count : 1, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < spec->container_count; i++) {
		const struct prior_container *prior = prior_of(spec, &spec->containers[i]);

		slots[i].spec = &spec->containers[i];
		slots[i].prior_restarts =
			prior && prior->restart_count > 0 && prior->restart_count < INT32_MAX
				? prior->restart_count
				: 0;
		slots[i].prior_ran = prior && prior->ran;
		slots[i].prior_fenced = prior && prior->fenced;
		for (int kind = 0; kind < PROBE_KINDS; kind++)
			probe_stop(&slots[i].probes[kind]);
	}
	*out = slots;
	return 0;
}

static void take_deletion(struct lifecycle *lc, struct moment at)
{
	if (lc->spec->deleting)
		lifecycle_end(lc, STOP_DELETED,
			      lc->spec->deletion_grace_s.set ? lc->spec->deletion_grace_s.value : -1, at);
}

int lifecycle_new(struct pod_spec *spec, const struct lifecycle_sink *sink, struct moment at,
		  struct lifecycle **out)
{
	struct lifecycle *lc = calloc(1, sizeof(*lc));

	if (!lc || make_slots(lc, spec, &lc->slots)) {
		free(lc);
		spec_free(spec);
		return -ENOMEM;
	}
	lc->spec = spec;
	lc->sink = *sink;
	lc->due_ms = LIFECYCLE_NEVER;
	lc->runtime_up = true;
	lc->known_since_ms = at.mono_ms;
	if (spec->prior.phase == PHASE_SUCCEEDED || spec->prior.phase == PHASE_FAILED) {
		lc->finished = true;
		lc->finished_phase = (enum pod_phase)spec->prior.phase;
		snprintf(lc->failed_reason, sizeof(lc->failed_reason), "%s", spec->prior.reason);
		snprintf(lc->failed_message, sizeof(lc->failed_message), "%s", spec->prior.message);
	}
	take_conditions(lc);
	lifecycle_take_start(lc, at);
	lifecycle_take_deadline(lc, at);
	take_deletion(lc, at);
	*out = lc;
	return 0;
}

void lifecycle_free(struct lifecycle *lc)
{
	if (!lc)
		return;
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		wait_clear(&lc->slots[i].wait);
	while (lc->run_count)
		lifecycle_drop_run(lc, lc->run_count - 1);
	while (lc->sandbox_count)
		lifecycle_drop_sandbox(lc, &lc->sandboxes[lc->sandbox_count - 1]);
	wait_clear(&lc->wait);
	free(lc->op_id);
	free(lc->sandboxes);
	free(lc->slots);
	spec_free(lc->spec);
	free(lc);
}

const struct pod_spec *lifecycle_spec(const struct lifecycle *lc)
{
	return lc->spec;
}

/* Moves what is known of each container to its place in the new spec. */
static void carry_slots(struct lifecycle *lc, struct slot *slots, const struct pod_spec *spec)
{
	for (uint32_t i = 0; i < lc->spec->container_count; i++) {
		struct slot *old = &lc->slots[i];
		const struct container_spec *c = spec_container(spec, old->spec->name);

		if (!c) {
			wait_clear(&old->wait);
			continue;
		}
		slots[c - spec->containers] = *old;
		slots[c - spec->containers].spec = c;
	}
}

int lifecycle_set_spec(struct lifecycle *lc, struct pod_spec *spec, struct moment at)
{
	struct slot *slots;
	int busy = 0;

	/* A slot's number must not change while something is under way for it. Containers of a pod never do. */
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (lc->slots[i].op && (i >= spec->container_count ||
					strcmp(spec->containers[i].name, lc->slots[i].spec->name) != 0))
			busy = -EBUSY;
	if (busy || make_slots(lc, spec, &slots)) {
		spec_free(spec);
		return busy ? busy : -ENOMEM;
	}
	carry_slots(lc, slots, spec);
	for (size_t i = 0; i < lc->run_count; i++) {
		int old = lc->runs[i]->slot;
		const struct container_spec *c =
			old >= 0 ? spec_container(spec, lc->spec->containers[old].name) : NULL;

		lc->runs[i]->slot = c ? (int)(c - spec->containers) : -1;
	}
	free(lc->slots);
	spec_free(lc->spec);
	lc->slots = slots;
	lc->spec = spec;
	lifecycle_take_start(lc, at);
	lifecycle_take_deadline(lc, at);
	take_deletion(lc, at);
	return 0;
}

void lifecycle_end(struct lifecycle *lc, enum stop_reason reason, int64_t grace_s, struct moment at)
{
	int64_t grace = grace_s < 0 ? lc->spec->grace_s : grace_s;
	bool removal = reason != STOP_DEADLINE;

	if (lc->ending == STOP_NONE || (removal && !lc->removal)) {
		lc->ending = reason;
		lc->ending_since_ms = at.mono_ms;
		lc->ending_grace_s = grace;
	} else {
		int64_t spent = (int64_t)((at.mono_ms - lc->ending_since_ms) / 1000);

		if (grace + spent < lc->ending_grace_s)
			lc->ending_grace_s = grace + spent;
	}
	lc->removal |= removal;
}

void lifecycle_fence(struct lifecycle *lc, bool fenced, struct moment at)
{
	if (lc->fenced == fenced)
		return;
	lc->fenced = fenced;
	lc->fenced_since_ms = at.mono_ms;
	if (!fenced && lc->fence_told)
		lifecycle_event(lc, NULL, false, "Unfenced",
				"This node knows again that nobody else runs it");
	lc->fence_told = false;
}

void lifecycle_poke(struct lifecycle *lc)
{
	backoff_clear(&lc->prepare_trouble);
	for (uint32_t i = 0; i < lc->spec->container_count; i++)
		if (wait_is(&lc->slots[i].wait, "CreateContainerConfigError"))
			backoff_clear(&lc->slots[i].trouble);
}
