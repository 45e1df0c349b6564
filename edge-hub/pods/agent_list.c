/* Looking at what the runtime holds: both lists, the details of what is new in them, and then one observation for each pod.
 * A list without an answer is no list: nothing is concluded from it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"

#define LISTING_BYTES_MAX (32u * 1024 * 1024)
#define LOG_TAIL_BYTES 2048u

struct seen_sandbox {
	struct sandbox_info info;
	const char *uid, *ns, *name;
	int64_t grace_s;
	bool gone;
};
struct seen_run {
	struct run_info info;
	const char *uid;
	bool gone;
};
struct detail {
	struct listing *listing;
	struct seen_sandbox *sandbox; /* one of these two */
	struct seen_run *run;
};
struct listing {
	struct agent *agent;
	struct arena arena;
	uint64_t asked_ms;
	struct seen_sandbox *sandboxes;
	struct seen_run *runs;
	size_t sandbox_count, run_count;
	size_t next_sandbox, next_run; /* whose details come next */
	unsigned asking;
	int failed;
};

static const char *keep(struct listing *l, const char *s)
{
	const char *copy = arena_str(&l->arena, span_of(s));

	if (!copy)
		l->failed = -E2BIG;
	return copy ? copy : "";
}

static const char *pair_of(Runtime__V1__Pair *const *pairs, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pairs[i]->key, key) == 0)
			return pairs[i]->value;
	return "";
}

static void finish(struct listing *l, int code, const char *message)
{
	struct agent *agent = l->agent;

	if (agent->listing == l)
		agent->listing = NULL;
	arena_done(&l->arena);
	free(l);
	if (code && code != -E2BIG)
		agent_runtime_is(agent, false, message[0] ? message : "it does not answer");
	agent_wake(agent);
}

void listing_drop(struct agent *agent)
{
	if (!agent->listing)
		return;
	arena_done(&agent->listing->arena);
	free(agent->listing);
	agent->listing = NULL;
}

/* --- the lists --- */
static bool take_sandbox(struct listing *l, const Runtime__V1__PodSandbox *from)
{
	struct seen_sandbox *s = &l->sandboxes[l->sandbox_count];
	const char *uid = pair_of(from->labels, from->n_labels, LABEL_POD_UID);
	int64_t grace;

	if (!uid[0] || !from->metadata)
		return true; /* not a pod of Kubernetes */
	*s = (struct seen_sandbox){ .uid = keep(l, uid),
				    .ns = keep(l, from->metadata->namespace_),
				    .name = keep(l, from->metadata->name) };
	s->info =
		(struct sandbox_info){ .id = keep(l, from->id),
				       .attempt = from->metadata->attempt,
				       .ready = from->state == RUNTIME__V1__POD_SANDBOX_STATE__SANDBOX_READY,
				       .created_ms = agent_wall_of(l->agent, from->created_at) };
	s->grace_s = span_to_i64(span_of(pair_of(from->annotations, from->n_annotations, ANNOTATION_GRACE)),
				 &grace)
			     ? 30
			     : grace;
	l->sandbox_count++;
	return !l->failed;
}

/* At most eight hexadecimal digits. */
static uint32_t hex_of(const char *text, bool *out_good)
{
	static const char digits[] = "0123456789abcdef";
	size_t len = strlen(text);
	uint32_t n = 0;

	*out_good = len > 0 && len <= 8;
	for (size_t i = 0; *out_good && i < len; i++) {
		const char *digit = strchr(digits, text[i]);

		*out_good = digit != NULL;
		n = n * 16 + (uint32_t)(digit ? digit - digits : 0);
	}
	return n;
}

static bool take_run(struct listing *l, const Runtime__V1__Container *from)
{
	struct seen_run *r = &l->runs[l->run_count];
	const char *uid = pair_of(from->labels, from->n_labels, LABEL_POD_UID);
	const char *name = pair_of(from->labels, from->n_labels, LABEL_CONTAINER);
	uint64_t restarts = 0;

	if (!uid[0] || !name[0] || !from->metadata)
		return true;
	*r = (struct seen_run){ .uid = keep(l, uid) };
	if (span_to_u64(span_of(pair_of(from->annotations, from->n_annotations, ANNOTATION_RESTARTS)),
			&restarts) ||
	    restarts > INT32_MAX)
		restarts = from->metadata->attempt;
	r->info = (struct run_info){ .id = keep(l, from->id),
				     .sandbox_id = keep(l, from->pod_sandbox_id),
				     .container = keep(l, name),
				     .attempt = from->metadata->attempt,
				     .restart_count = (unsigned)restarts,
				     .state = (enum run_state)from->state,
				     .created_ms = agent_wall_of(l->agent, from->created_at),
				     .reason = "",
				     .message = "",
				     .image = keep(l, from->image ? from->image->image : ""),
				     .image_ref = keep(l, from->image_ref) };
	r->info.hash =
		hex_of(pair_of(from->annotations, from->n_annotations, ANNOTATION_HASH), &r->info.has_hash);
	if ((unsigned)from->state > RUN_UNKNOWN)
		r->info.state = RUN_UNKNOWN;
	l->run_count++;
	return !l->failed;
}

static void ask_details(struct listing *l);

static void on_containers(void *ctx, const struct cri_answer *answer)
{
	struct listing *l = ctx;
	const Runtime__V1__ListContainersResponse *list = answer->body;

	if (answer->code) {
		finish(l, answer->code, answer->message);
		return;
	}
	l->runs = arena_alloc(&l->arena, (list->n_containers + 1) * sizeof(*l->runs));
	for (size_t i = 0; l->runs && i < list->n_containers; i++)
		if (!take_run(l, list->containers[i]))
			break;
	if (!l->runs || l->failed)
		finish(l, -E2BIG, "");
	else
		ask_details(l);
}

static void on_sandboxes(void *ctx, const struct cri_answer *answer)
{
	struct listing *l = ctx;
	const Runtime__V1__ListPodSandboxResponse *list = answer->body;
	Runtime__V1__ListContainersRequest request = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;
	int rc = -E2BIG;

	if (answer->code) {
		finish(l, answer->code, answer->message);
		return;
	}
	agent_runtime_is(l->agent, true, "");
	l->sandboxes = arena_alloc(&l->arena, (list->n_items + 1) * sizeof(*l->sandboxes));
	for (size_t i = 0; l->sandboxes && i < list->n_items; i++)
		if (!take_sandbox(l, list->items[i]))
			break;
	if (l->sandboxes && !l->failed)
		rc = cri_call(l->agent->cri, CRI_LIST_CONTAINERS, &request, 0, on_containers, l);
	if (rc)
		finish(l, rc, "it cannot be asked");
}

void listing_start(struct agent *agent)
{
	Runtime__V1__ListPodSandboxRequest request = RUNTIME__V1__LIST_POD_SANDBOX_REQUEST__INIT;
	struct listing *l = calloc(1, sizeof(*l));
	int rc;

	agent->list_due_ms = UINT64_MAX;
	agent->list_last_ms = agent_now(agent).mono_ms;
	if (!l)
		return;
	l->agent = agent;
	l->asked_ms = agent->list_last_ms;
	arena_init(&l->arena, LISTING_BYTES_MAX);
	agent->listing = l;
	agent->stats.relists++;
	agent->hunting -= agent->hunting > 0;
	rc = cri_call(agent->cri, CRI_LIST_POD_SANDBOX, &request, 0, on_sandboxes, l);
	if (rc)
		finish(l, rc, "it cannot be asked");
}

/* --- last words --- */
/* The end of a log in the CRI form, "time stream tag text", without the first three. */
static void add_log_tail(struct agent *agent, const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char text[4 * LOG_TAIL_BYTES];
	off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	off_t from = size > (off_t)sizeof(text) ? size - (off_t)sizeof(text) : 0;
	ssize_t n = fd >= 0 ? pread(fd, text, sizeof(text), from) : 0;
	struct span rest = span_make(text, n > 0 ? (size_t)n : 0), line, word;
	bool more = rest.len > 0;

	if (fd >= 0)
		close(fd);
	if (from)
		more = span_cut(rest, '\n', &line, &rest); /* a part of a line */
	while (more) {
		more = span_cut(rest, '\n', &line, &rest);
		for (int i = 0; i < 3; i++)
			span_cut(line, ' ', &word, &line);
		if (line.len)
			buf_addf(out, "%.*s\n", SPAN_ARG(line));
	}
	if (out->len > LOG_TAIL_BYTES)
		buf_consume(out, out->len - LOG_TAIL_BYTES);
}

static void last_words(struct listing *l, struct seen_run *r, const char *log_path)
{
	struct pod *pod = agent_pod_of(l->agent, r->uid);
	const struct container_spec *c =
		pod ? spec_container(lifecycle_spec(pod->lc), r->info.container) : NULL;
	struct buf text;

	if (!c || r->info.message[0])
		return;
	buf_init(&text, 64u * 1024);
	if (volumes_read_message(&l->agent->volumes, r->uid, r->info.container, r->info.restart_count, &text))
		buf_reset(&text);
	if (!text.len && c->message_from_logs && r->info.exit_code)
		add_log_tail(l->agent, log_path, &text);
	if (text.len && !memchr(text.data, '\0', text.len))
		r->info.message = keep(l, buf_cstr(&text));
	buf_done(&text);
}

/* --- details --- */
static int slot_of(const struct pod *pod, const char *container)
{
	const struct container_spec *c = spec_container(lifecycle_spec(pod->lc), container);

	return c ? (int)(c - lifecycle_spec(pod->lc)->containers) : -1;
}

static void take_details(struct listing *l, struct seen_run *r,
			 const Runtime__V1__ContainerStatusResponse *response)
{
	const Runtime__V1__ContainerStatus *s = response->status;
	struct pod *pod = agent_pod_of(l->agent, r->uid);
	int slot = pod ? slot_of(pod, r->info.container) : -1;

	r->info.state = (unsigned)s->state <= RUN_UNKNOWN ? (enum run_state)s->state : RUN_UNKNOWN;
	r->info.started_ms = agent_wall_of(l->agent, s->started_at);
	r->info.finished_ms = agent_wall_of(l->agent, s->finished_at);
	r->info.exit_code = s->exit_code;
	r->info.reason = keep(l, s->reason);
	r->info.message = keep(l, s->message);
	if (s->image && s->image->image[0])
		r->info.image = keep(l, s->image->image);
	if (s->image_ref[0])
		r->info.image_ref = keep(l, s->image_ref);
	if (r->info.state == RUN_EXITED) {
		l->agent->hunting = 0;
		last_words(l, r, s->log_path);
	}
	if (slot >= 0 && r->info.state == RUN_RUNNING)
		agent_watch_pid(pod, (uint32_t)slot, r->info.id, agent_pid_of_info(response));
}

static void on_detail(void *ctx, const struct cri_answer *answer)
{
	struct detail *d = ctx;
	struct listing *l = d->listing;
	const Runtime__V1__ContainerStatusResponse *run = answer->body;
	const Runtime__V1__PodSandboxStatusResponse *sandbox = answer->body;

	l->asking--;
	if (answer->code == -ENOENT && d->run)
		d->run->gone = true; /* between list and question */
	else if (answer->code == -ENOENT)
		d->sandbox->gone = true;
	else if (answer->code)
		l->failed = answer->code;
	else if (d->run && run->status)
		take_details(l, d->run, run);
	else if (d->sandbox && sandbox->status && sandbox->status->network)
		d->sandbox->info.ips = keep(l, sandbox->status->network->ip);
	ask_details(l);
}

static void ask_one(struct listing *l, struct seen_sandbox *sandbox, struct seen_run *run)
{
	struct detail *d = arena_alloc(&l->arena, sizeof(*d));
	Runtime__V1__ContainerStatusRequest about_run = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
	Runtime__V1__PodSandboxStatusRequest about_sandbox = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;
	int rc;

	if (!d) {
		l->failed = -E2BIG;
		return;
	}
	*d = (struct detail){ l, sandbox, run };
	if (run) {
		about_run.container_id = (char *)(uintptr_t)run->info.id;
		about_run.verbose = run->info.state == RUN_RUNNING; /* says its process */
		rc = cri_call(l->agent->cri, CRI_CONTAINER_STATUS, &about_run, 0, on_detail, d);
	} else {
		about_sandbox.pod_sandbox_id = (char *)(uintptr_t)sandbox->info.id;
		rc = cri_call(l->agent->cri, CRI_POD_SANDBOX_STATUS, &about_sandbox, 0, on_detail, d);
	}
	if (rc)
		l->failed = rc;
	else
		l->asking++;
}

static bool needs_ips(const struct listing *l, const struct seen_sandbox *s)
{
	struct pod *pod = agent_pod_of(l->agent, s->uid);

	return pod && s->info.ready && !lifecycle_spec(pod->lc)->host_network &&
	       !lifecycle_knows_ips(pod->lc, s->info.id);
}

static bool needs_details(const struct listing *l, const struct seen_run *r)
{
	struct pod *pod = agent_pod_of(l->agent, r->uid);
	bool tells = r->info.state == RUN_RUNNING || r->info.state == RUN_EXITED;

	return pod && tells && !lifecycle_knows_run(pod->lc, r->info.id, r->info.state);
}

static void deliver(struct listing *l);

static void ask_details(struct listing *l)
{
	while (!l->failed && l->asking < AGENT_DETAILS_MAX && l->next_sandbox < l->sandbox_count) {
		struct seen_sandbox *s = &l->sandboxes[l->next_sandbox++];

		if (needs_ips(l, s))
			ask_one(l, s, NULL);
	}
	while (!l->failed && l->asking < AGENT_DETAILS_MAX && l->next_run < l->run_count) {
		struct seen_run *r = &l->runs[l->next_run++];

		if (needs_details(l, r))
			ask_one(l, NULL, r);
	}
	if (l->asking)
		return;
	if (l->failed)
		finish(l, l->failed, "it does not answer");
	else
		deliver(l);
}

/* --- observations --- */
struct grouped {
	struct sandbox_info *sandboxes;
	struct run_info *runs;
};

static void observe(struct listing *l, struct pod *pod, const char *uid, struct grouped *g)
{
	struct observation seen = { .asked_ms = l->asked_ms, .sandboxes = g->sandboxes, .runs = g->runs };

	for (size_t i = 0; i < l->sandbox_count; i++)
		if (!l->sandboxes[i].gone && strcmp(l->sandboxes[i].uid, uid) == 0)
			g->sandboxes[seen.sandbox_count++] = l->sandboxes[i].info;
	for (size_t i = 0; i < l->run_count; i++)
		if (!l->runs[i].gone && strcmp(l->runs[i].uid, uid) == 0)
			g->runs[seen.run_count++] = l->runs[i].info;
	if (lifecycle_observe(pod->lc, &seen, agent_now(l->agent)))
		log_warn("pods", "observe", "uid=%s error=no-memory", uid);
	agent_touch(pod);
}

/* Pods added while this listing was under way were not asked about in detail: the next one is theirs. */
static bool is_covered(const struct listing *l, const struct pod *pod, const char *uid)
{
	for (size_t i = 0; i < l->run_count; i++) {
		const struct seen_run *r = &l->runs[i];

		bool asked = r->info.state == RUN_RUNNING
				     ? r->info.started_ms != 0
				     : r->info.state != RUN_EXITED || r->info.finished_ms != 0;

		if (strcmp(r->uid, uid) == 0 && !r->gone && !asked &&
		    !lifecycle_knows_run(pod->lc, r->info.id, r->info.state))
			return false;
	}
	return true;
}

static void observe_all(struct listing *l)
{
	struct grouped g = { arena_alloc(&l->arena, (l->sandbox_count + 1) * sizeof(struct sandbox_info)),
			     arena_alloc(&l->arena, (l->run_count + 1) * sizeof(struct run_info)) };
	struct span key;
	size_t cursor = 0;
	void *value;

	while (g.sandboxes && g.runs && map_next(&l->agent->pods, &cursor, &key, &value)) {
		struct pod *pod = value;

		if (is_covered(l, pod, lifecycle_spec(pod->lc)->uid))
			observe(l, pod, lifecycle_spec(pod->lc)->uid, &g);
		else
			agent_want_list(l->agent, 0);
	}
}

/* --- what nobody told of --- */
static void end_unknown(struct listing *l, const struct agent_pod *name, int64_t grace_s,
			enum stop_reason reason)
{
	const char *containers[SPEC_CONTAINERS_MAX];
	struct pod_spec *spec;
	struct pod *pod;
	size_t n = 0;

	for (size_t i = 0; i < l->run_count && n < SPEC_CONTAINERS_MAX; i++) {
		bool known = strcmp(l->runs[i].uid, name->uid) != 0;

		for (size_t k = 0; k < n; k++)
			known |= strcmp(containers[k], l->runs[i].info.container) == 0;
		if (!known)
			containers[n++] = l->runs[i].info.container;
	}
	if (spec_minimal(name->ns, name->name, name->uid, grace_s, containers, n, &spec) ||
	    agent_add_pod(l->agent, spec, false, &pod))
		return; /* the next listing tries again */
	log_info("pods", "end-unknown", "pod=%s/%s uid=%s reason=%s", name->ns, name->name, name->uid,
		 stop_reason_text(reason));
	lifecycle_end(pod->lc, reason, -1, agent_now(l->agent));
}

static void judge_unknown(struct listing *l, const struct seen_sandbox *s)
{
	struct agent *agent = l->agent;
	const struct agent_pod name = { s->ns, s->name, s->uid };
	enum agent_verdict verdict = AGENT_KEEP;

	if (agent_pod_of(agent, s->uid) || map_get(&agent->kept, span_of(s->uid)))
		return;
	if (agent->callbacks.on_unknown)
		verdict = agent->callbacks.on_unknown(agent->ctx, &name);
	if (verdict == AGENT_RELEASE) {
		end_unknown(l, &name, s->grace_s, STOP_RELEASED);
		return;
	}
	log_info("pods", "orphan", "pod=%s/%s uid=%s", name.ns, name.name, name.uid);
	if (map_put(&agent->kept, span_of(s->uid), agent, NULL))
		log_warn("pods", "orphan", "uid=%s error=not-remembered",
			 s->uid); /* asked again by the next listing */
}

static int64_t grace_of(const struct listing *l, const char *uid)
{
	for (size_t i = 0; i < l->sandbox_count; i++)
		if (strcmp(l->sandboxes[i].uid, uid) == 0)
			return l->sandboxes[i].grace_s;
	return 30;
}

/* Tombstones of pods that were never told to this process. */
static void obey_tombs(struct listing *l)
{
	struct list_node *node;

	while ((node = list_pop(&l->agent->tombs))) {
		struct tomb *tomb = container_of(node, struct tomb, node);
		const struct agent_pod name = { tomb->ns, tomb->name, tomb->uid };

		if (!agent_pod_of(l->agent, tomb->uid))
			end_unknown(l, &name, grace_of(l, tomb->uid), STOP_REMOVED);
		free(tomb->ns);
		free(tomb->name);
		free(tomb->uid);
		free(tomb);
	}
}

/* Files of pods that neither the feed nor the runtime knows: left by a process that died while it cleaned. */
static void sweep(struct listing *l)
{
	struct dirent *entry;
	struct buf path;
	DIR *dir;

	buf_init(&path, 4096);
	dir = buf_addf(&path, "%s/pods", l->agent->data_dir) ? NULL : opendir(buf_cstr(&path));
	buf_done(&path);
	l->agent->swept = true;
	while (dir && (entry = readdir(dir))) {
		bool used = entry->d_name[0] == '.' || agent_pod_of(l->agent, entry->d_name);

		for (size_t i = 0; !used && i < l->sandbox_count; i++)
			used = strcmp(l->sandboxes[i].uid, entry->d_name) == 0;
		if (!used)
			agent_clean_left(l->agent, entry->d_name);
	}
	if (dir)
		closedir(dir);
}

static void deliver(struct listing *l)
{
	struct agent *agent = l->agent;

	agent->listed = true;
	agent->stats.listings++;
	observe_all(l);
	obey_tombs(l);
	if (agent->complete) {
		for (size_t i = 0; i < l->sandbox_count; i++)
			judge_unknown(l, &l->sandboxes[i]);
		if (!agent->swept)
			sweep(l);
	}
	finish(l, 0, "");
}
