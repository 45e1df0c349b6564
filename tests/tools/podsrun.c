/* podsrun: the pod agent alone, fed from files: a bench for it without the rest of the hub.
 *
 *     podsrun RUNTIME DATA LOGS PODS
 *
 * PODS/NAME.json is a Pod; PODS/configmaps/NS.NAME.json and PODS/secrets/NS.NAME.json what they name. A file that goes is
 * a tombstone. Prints one line for each status, event and end. SIGTERM ends it; pods go on. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/list.h"
#include "edge-hub/pods/agent.h"

struct fed {
	struct list_node node;
	char file[256], ns[64], name[256], uid[64];
	struct timespec changed;
	bool seen;
};
struct bench {
	struct loop *loop;
	struct agent *agent;
	struct timer *timer;
	struct signals *signals;
	const char *dir;
	struct list fed;
};

static int read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	size_t n;

	if (!file)
		return -errno;
	while (!buf_reserve(out, 4096) && (n = fread(out->data + out->len, 1, 4096, file)) > 0)
		out->len += n;
	fclose(file);
	return buf_error(out);
}

static int lookup(void *ctx, const char *resource, const char *ns, const char *name,
		  const struct object **out)
{
	struct bench *b = ctx;
	struct object from = { .key = { resource, ns, name },
			       .uid = "",
			       .labels = SPAN(""),
			       .fields = SPAN(""),
			       .owners = SPAN("") };
	char path[1024];
	struct buf body;
	int rc;

	snprintf(path, sizeof(path), "%s/%s/%s.%s.json", b->dir, resource, ns, name);
	buf_init(&body, 1 << 20);
	rc = read_file(path, &body);
	if (!rc) {
		from.body = buf_span(&body);
		*out = object_new(&from);
		rc = *out ? 0 : -ENOMEM;
	}
	buf_done(&body);
	return rc;
}

static void on_status(void *ctx, const struct agent_pod *pod, struct span status)
{
	printf("status %s/%s %.*s\n", pod->ns, pod->name, SPAN_ARG(status));
	fflush(stdout);
}

static void on_event(void *ctx, const struct agent_event *e)
{
	printf("event %s/%s %s %s %s: %s\n", e->pod.ns, e->pod.name, e->warning ? "Warning" : "Normal",
	       e->reason, e->field_path, e->message);
	fflush(stdout);
}

static void on_terminated(void *ctx, const struct agent_pod *pod)
{
	printf("terminated %s/%s %s\n", pod->ns, pod->name, pod->uid);
	fflush(stdout);
}

static enum agent_verdict on_unknown(void *ctx, const struct agent_pod *pod)
{
	printf("unknown %s/%s %s\n", pod->ns, pod->name, pod->uid);
	fflush(stdout);
	return getenv("RELEASE_UNKNOWN") ? AGENT_RELEASE : AGENT_KEEP;
}

static void on_runtime(void *ctx, const struct agent_runtime *r)
{
	printf("runtime up=%d ready=%d network=%d version=%s %s %s\n", r->up, r->ready, r->network_ready,
	       r->version, r->reason, r->message);
	fflush(stdout);
}

static struct fed *find(struct bench *b, const char *file)
{
	list_for_each(&b->fed, node)
		if (strcmp(container_of(node, struct fed, node)->file, file) == 0)
			return container_of(node, struct fed, node);
	return NULL;
}

static void feed(struct bench *b, const char *file, const char *path, const struct stat *st)
{
	struct fed *fed = find(b, file);
	struct json *pod = NULL;
	struct err err = { 0 };
	struct agent_pod name;
	struct buf body;

	if (fed && fed->changed.tv_sec == st->st_mtim.tv_sec && fed->changed.tv_nsec == st->st_mtim.tv_nsec) {
		fed->seen = true;
		return;
	}
	buf_init(&body, 1 << 20);
	if (read_file(path, &body) || json_parse(buf_span(&body), &pod, &err)) {
		fprintf(stderr, "%s: %s\n", path, err_text(&err));
		buf_done(&body);
		return;
	}
	if (!fed) {
		fed = calloc(1, sizeof(*fed));
		assert_always(fed);
		list_push(&b->fed, &fed->node);
		snprintf(fed->file, sizeof(fed->file), "%s", file);
	}
	fed->seen = true;
	fed->changed = st->st_mtim;
	snprintf(fed->ns, sizeof(fed->ns), "%s", json_path_str(pod, "metadata.namespace", "default"));
	snprintf(fed->name, sizeof(fed->name), "%s", json_path_str(pod, "metadata.name", ""));
	snprintf(fed->uid, sizeof(fed->uid), "%s", json_path_str(pod, "metadata.uid", ""));
	name = (struct agent_pod){ fed->ns, fed->name, fed->uid };
	if (agent_set_pod(b->agent, &name, buf_span(&body), &err))
		fprintf(stderr, "%s: %s\n", path, err_text(&err));
	json_free(pod);
	buf_done(&body);
}

static void drop_unseen(struct bench *b)
{
	list_for_each(&b->fed, node) {
		struct fed *fed = container_of(node, struct fed, node);
		const struct agent_pod name = { fed->ns, fed->name, fed->uid };

		if (fed->seen)
			continue;
		if (agent_remove_pod(b->agent, &name))
			continue;
		list_remove(&b->fed, node);
		free(fed);
	}
}

static void scan(void *ctx)
{
	struct bench *b = ctx;
	DIR *dir = opendir(b->dir);
	struct dirent *entry;

	list_for_each(&b->fed, node)
		container_of(node, struct fed, node)->seen = false;
	while (dir && (entry = readdir(dir))) {
		struct span name = span_of(entry->d_name);
		char path[1024];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", b->dir, entry->d_name);
		if (span_has_suffix(name, SPAN(".json")) && !stat(path, &st))
			feed(b, entry->d_name, path, &st);
	}
	if (dir)
		closedir(dir);
	drop_unseen(b);
	agent_set_complete(b->agent, true);
	timer_start(b->timer, 500);
}

static void on_closed(void *ctx)
{
	struct bench *b = ctx;

	timer_close(b->timer);
	signals_close(b->signals);
	loop_stop(b->loop);
}

static void on_signal(void *ctx, int number)
{
	struct bench *b = ctx;

	agent_close(b->agent, on_closed, b);
	timer_stop(b->timer);
}

int main(int argc, char **argv)
{
	static const struct agent_callbacks callbacks = { .on_status = on_status,
							  .on_event = on_event,
							  .on_terminated = on_terminated,
							  .lookup = lookup,
							  .on_unknown = on_unknown,
							  .on_runtime = on_runtime };
	static const int set[] = { SIGTERM, SIGINT, 0 };
	struct bench b = { 0 };
	struct err err = { 0 };
	struct agent_options options = { .node_name = "bench", .host_ip = "192.0.2.7" };

	if (argc != 5) {
		fprintf(stderr, "usage: podsrun RUNTIME DATA LOGS PODS\n");
		return 2;
	}
	if (getenv("LOG_MAX") && span_to_u64(span_of(getenv("LOG_MAX")), &options.log_max_bytes))
		return 2;
	options.runtime = argv[1];
	options.data_dir = argv[2];
	options.log_dir = argv[3];
	b.dir = argv[4];
	list_init(&b.fed);
	if (loop_new(&b.loop) || agent_new(b.loop, &options, &callbacks, &b, &b.agent, &err) ||
	    timer_new(b.loop, scan, &b, &b.timer) || signals_new(b.loop, set, on_signal, &b, &b.signals)) {
		fprintf(stderr, "%s\n", err_text(&err));
		return 1;
	}
	timer_start(b.timer, 0);
	(void)loop_run(b.loop);
	list_for_each(&b.fed, node)
		free(container_of(node, struct fed, node));
	loop_free(b.loop);
	return 0;
}
