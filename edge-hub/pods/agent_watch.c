/* Processes that end are noticed through pidfds, so that an idle node need not ask its runtime every second. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/json.h"
#include "edge-hub/pods/agent_internal.h"

struct exit_watch {
	struct fdwatch *watch;
	int fd;
	struct pod *pod;
	uint32_t slot;
};

/* --- ends of processes --- */
void agent_unwatch(struct pod *pod, uint32_t slot)
{
	struct pod_container *c = &pod->containers[slot];

	free(c->watched_id);
	c->watched_id = NULL;
	if (!c->watch)
		return;
	fdwatch_close(c->watch->watch);
	close(c->watch->fd);
	free(c->watch);
	c->watch = NULL;
}

static void on_exit_seen(void *ctx)
{
	struct exit_watch *w = ctx;
	struct agent *agent = w->pod->agent;

	agent_unwatch(w->pod, w->slot);
	agent->hunting = AGENT_HUNTS;
	agent_want_list(agent, 10);
}

/* A number may have been given to another process since the runtime told it: its control group names the container. */
static bool is_of_container(int pid, const char *id)
{
	char path[64], text[8192];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	return strstr(text, id) != NULL;
}

void agent_watch_pid(struct pod *pod, uint32_t slot, const char *id, int pid)
{
	struct pod_container *c = &pod->containers[slot];
	struct exit_watch *w;

	if (c->watched_id && strcmp(c->watched_id, id) == 0)
		return;
	agent_unwatch(pod, slot);
	w = pid > 0 ? calloc(1, sizeof(*w)) : NULL;
	if (!w)
		return; /* without one the runtime is asked every second */
	w->pod = pod;
	w->slot = slot;
	w->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	c->watched_id = w->fd >= 0 && is_of_container(pid, id) ? strdup(id) : NULL;
	if (!c->watched_id || fdwatch_new(pod->agent->loop, w->fd, on_exit_seen, w, &w->watch)) {
		if (w->fd >= 0)
			close(w->fd);
		free(w);
		free(c->watched_id);
		c->watched_id = NULL;
		return;
	}
	c->watch = w;
}

bool agent_all_watched(const struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		const struct pod *pod = value;

		for (uint32_t i = 0; i < pod->container_count; i++) {
			enum run_state state;
			unsigned attempt;
			const char *id = lifecycle_run(pod->lc, i, false, &state, &attempt);

			if (id[0] && state == RUN_RUNNING &&
			    !(pod->containers[i].watched_id &&
			      strcmp(pod->containers[i].watched_id, id) == 0))
				return false;
		}
	}
	return true;
}

int agent_pid_of_info(const void *container_status_response)
{
	const Runtime__V1__ContainerStatusResponse *response = container_status_response;
	struct json *info = NULL;
	int64_t pid = 0;

	for (size_t i = 0; i < response->n_info; i++) {
		if (strcmp(response->info[i]->key, "info") != 0 ||
		    json_parse(span_of(response->info[i]->value), &info, NULL))
			continue;
		pid = json_int(json_get(info, "pid"), 0);
		json_free(info);
		break;
	}
	return pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
}

struct pid_question {
	struct list_node node; /* in agent->loose; first */
	struct agent *agent;
	char uid[256];
	uint32_t slot;
	char id[160];
};

static void on_pid(void *ctx, const struct cri_answer *answer)
{
	struct pid_question *q = ctx;
	struct pod *pod = agent_pod_of(q->agent, q->uid);

	list_remove(&q->agent->loose, &q->node);
	if (!answer->code && pod && q->slot < pod->container_count) {
		const Runtime__V1__ContainerStatus *s =
			((const Runtime__V1__ContainerStatusResponse *)answer->body)->status;

		agent_watch_pid(pod, q->slot, q->id, agent_pid_of_info(answer->body));
		if (s && lifecycle_learn(pod->lc, q->id, agent_wall_of(q->agent, s->started_at),
					 s->image ? s->image->image : "", s->image_ref))
			agent_want_list(q->agent, AGENT_LIST_BUSY_MS);
		agent_touch(pod);
	}
	free(q);
}

void agent_ask_pid(struct pod *pod, uint32_t slot, const char *id)
{
	Runtime__V1__ContainerStatusRequest request = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;
	struct pid_question *q = calloc(1, sizeof(*q));

	if (!q)
		return;
	q->agent = pod->agent;
	q->slot = slot;
	snprintf(q->uid, sizeof(q->uid), "%s", lifecycle_spec(pod->lc)->uid);
	snprintf(q->id, sizeof(q->id), "%s", id);
	request.container_id = q->id;
	request.verbose = true;
	if (cri_call(pod->agent->cri, CRI_CONTAINER_STATUS, &request, 0, on_pid, q))
		free(q);
	else
		list_push(&pod->agent->loose, &q->node);
}

void agent_stats(const struct agent *agent, struct agent_stats *out)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	*out = agent->stats;
	out->pods = (unsigned)agent->pods.count;
	out->running_containers = 0;
	out->complete = agent->complete;
	out->waiting_operations = (unsigned)(agent->starts.count + agent->pulls.count);
	while (map_next(&agent->pods, &cursor, &key, &value)) {
		out->running_containers += lifecycle_running(((struct pod *)value)->lc);
		out->exclusive += lifecycle_spec(((struct pod *)value)->lc)->exclusive;
	}
}
