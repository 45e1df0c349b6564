/* Logs of containers: where they are, and that they do not grow without end. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "edge-hub/pods/agent_internal.h"

#define NUMBER_MAX 9999999999999u /* thirteen digits, so that names sort as numbers do */
#define PATH_BYTES 4096u

/* --- where things are --- */
int agent_log_path(const struct agent *agent, const char *ns, const char *name, const char *container,
		   bool previous, struct buf *out)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		const struct pod *pod = value;
		const struct pod_spec *spec = lifecycle_spec(pod->lc);
		const struct container_spec *c = spec_container(spec, container);
		enum run_state state;
		unsigned restarts;

		if (strcmp(spec->ns, ns) != 0 || strcmp(spec->name, name) != 0 || !c)
			continue;
		if (!lifecycle_run(pod->lc, (uint32_t)(c - spec->containers), previous, &state, &restarts)[0])
			return -ENOENT;
		if (config_log_dir(agent->log_dir, spec, out))
			return -ENOMEM;
		return buf_addf(out, "/%s/%u.log", container, restarts);
	}
	return -ENOENT;
}

int agent_container_id(const struct agent *agent, const char *ns, const char *name, const char *container,
		       struct buf *out)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&agent->pods, &cursor, &key, &value)) {
		const struct pod *pod = value;
		const struct pod_spec *spec = lifecycle_spec(pod->lc);
		const struct container_spec *c = spec_container(spec, container);
		enum run_state state;
		unsigned restarts;
		const char *id;

		if (strcmp(spec->ns, ns) != 0 || strcmp(spec->name, name) != 0)
			continue;
		if (!container[0] && spec->container_count - spec->init_count > 1)
			return -EINVAL;
		if (!container[0])
			c = &spec->containers[spec->init_count];
		if (!c || spec->container_count == spec->init_count)
			return -ENOENT;
		id = lifecycle_run(pod->lc, (uint32_t)(c - spec->containers), false, &state, &restarts);
		return id[0] && state == RUN_RUNNING ? buf_add_str(out, id) : -ENOENT;
	}
	return -ENOENT;
}

/* Removes the oldest rotated files of "dir/base.*" until `keep` are left. */
static void drop_old_logs(const char *dir, const char *base, unsigned keep)
{
	size_t prefix = strlen(base);

	for (;;) {
		DIR *handle = opendir(dir);
		char oldest[256] = "";
		struct dirent *entry;
		unsigned count = 0;

		while (handle && (entry = readdir(handle))) {
			if (strncmp(entry->d_name, base, prefix) != 0 || entry->d_name[prefix] != '.')
				continue;
			count++;
			if (!oldest[0] || strcmp(entry->d_name, oldest) < 0)
				snprintf(oldest, sizeof(oldest), "%s", entry->d_name);
		}
		if (handle && count > keep && unlinkat(dirfd(handle), oldest, 0))
			count = 0;
		if (handle)
			closedir(handle);
		if (!handle || count <= keep)
			return;
	}
}

/* What a file rotated now is called by: the time, but always above those there are, whatever the clock did since. */
static uint64_t next_number(const char *dir, const char *base, int64_t wall_ms)
{
	uint64_t next = wall_ms > 0 ? (uint64_t)wall_ms : 0, number;
	size_t prefix = strlen(base);
	DIR *handle = opendir(dir);
	struct dirent *entry;

	while (handle && (entry = readdir(handle)))
		if (strncmp(entry->d_name, base, prefix) == 0 && entry->d_name[prefix] == '.' &&
		    span_to_u64(span_of(entry->d_name + prefix + 1), &number) == 0 && number >= next &&
		    number < NUMBER_MAX)
			next = number + 1;
	if (handle)
		closedir(handle);
	return next;
}

struct reopening {
	struct list_node node; /* in agent->loose; first */
	struct agent *agent;
	char path[PATH_BYTES], rotated[PATH_BYTES];
};

static void put_back(const struct reopening *r)
{
	if (rename(r->rotated, r->path))
		log_warn("pods", "log-rotation", "file=%s error=cannot-be-put-back", r->path);
}

static void on_reopened(void *ctx, const struct cri_answer *answer)
{
	struct reopening *r = ctx;

	list_remove(&r->agent->loose, &r->node);
	if (answer->code) /* the runtime still writes to the old file: put it back where readers look */
		put_back(r);
	free(r);
}

static void rotate(struct agent *agent, const char *path, const char *id)
{
	Runtime__V1__ReopenContainerLogRequest request = RUNTIME__V1__REOPEN_CONTAINER_LOG_REQUEST__INIT;
	struct reopening *r = calloc(1, sizeof(*r));
	const char *slash = strrchr(path, '/');
	char dir[PATH_BYTES];

	if (!r || span_copy(span_make(path, (size_t)(slash - path)), dir, sizeof(dir)) ||
	    span_copy(span_of(path), r->path, sizeof(r->path) - 20)) {
		free(r);
		return;
	}
	r->agent = agent;
	snprintf(r->rotated, sizeof(r->rotated), "%.4000s.%013llu", path,
		 (unsigned long long)next_number(dir, slash + 1, agent_now(agent).wall_ms));
	if (rename(r->path, r->rotated)) {
		free(r);
		return;
	}
	request.container_id = (char *)(uintptr_t)id;
	if (cri_call(agent->cri, CRI_REOPEN_CONTAINER_LOG, &request, 0, on_reopened, r)) {
		put_back(r);
		free(r);
		return;
	}
	list_push(&agent->loose, &r->node);
	drop_old_logs(dir, slash + 1, agent->log_files - 1);
}

static void rotate_of_pod(struct pod *pod)
{
	const struct pod_spec *spec = lifecycle_spec(pod->lc);
	struct buf path;

	buf_init(&path, PATH_BYTES);
	for (uint32_t i = 0; i < pod->container_count; i++) {
		enum run_state state;
		unsigned restarts;
		const char *id = lifecycle_run(pod->lc, i, false, &state, &restarts);
		struct stat st;

		buf_reset(&path);
		if (!id[0] || state != RUN_RUNNING || config_log_dir(pod->agent->log_dir, spec, &path) ||
		    buf_addf(&path, "/%s/%u.log", spec->containers[i].name, restarts))
			continue;
		if (stat(buf_cstr(&path), &st) == 0 && (uint64_t)st.st_size > pod->agent->log_max_bytes)
			rotate(pod->agent, buf_cstr(&path), id);
	}
	buf_done(&path);
}

void agent_rotate_logs(struct agent *agent)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (agent->up && map_next(&agent->pods, &cursor, &key, &value))
		rotate_of_pod(value);
}

/* Logs of runs before the last one, "N.log" and what was rotated from it, go when a new run begins. */
void agent_drop_old_runs(struct agent *agent, const struct pod_spec *spec, const char *container,
			 unsigned restart_count)
{
	struct dirent *entry;
	struct buf path;
	DIR *dir;

	buf_init(&path, PATH_BYTES);
	dir = config_log_dir(agent->log_dir, spec, &path) || buf_addf(&path, "/%s", container)
		      ? NULL
		      : opendir(buf_cstr(&path));
	buf_done(&path);
	while (dir && (entry = readdir(dir))) {
		struct span number, rest;
		uint64_t run;

		if (!span_cut(span_of(entry->d_name), '.', &number, &rest) || span_to_u64(number, &run))
			continue;
		if (run + 1 < restart_count && unlinkat(dirfd(dir), entry->d_name, 0))
			log_debug("pods", "log", "file=%s error=cannot-be-removed", entry->d_name);
	}
	if (dir)
		closedir(dir);
}
