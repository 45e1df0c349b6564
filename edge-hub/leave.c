#include "edge-hub/leave.h"

#include "auth/vault.h"
#include "base/files.h"
#include "base/json.h"
#include "edge-hub/departure.h"
#include "edge-hub/fence/fencing.h"
#include "edge-hub/identity.h"
#include "edge-hub/local.h"
#include "edge-hub/pods/agent.h"
#include "net/http_ask.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ASK_MS (DEPARTURE_ANSWER_MS + 10000u)
#define LOCK_TRY_MS 100u
#define LOCK_TRIES 300u
#define LOOK_MS 300u	      /* how often the runtime is asked whether anything is left */
#define LISTINGS_MIN 2u	      /* what the runtime holds has been seen for sure */
#define STOP_MAX_MS 600000u   /* for all containers to end by their own grace periods */
#define RUNTIME_MAX_MS 60000u /* for the runtime to answer at all */

struct leave {
	const struct settings *settings;
	bool force;
	struct leaving note;
	int lock_fd;
	struct loop *loop;
	struct timer *look;
	struct agent *agent;
	uint64_t begun_ms;
	struct err err;
};

/* --- the running hub --- */

static int hear(struct leave *leave, const struct http_asked *asked)
{
	struct json *answer = NULL;
	int code = asked->status == 200 ? 0 : -EPERM;

	if (json_parse(buf_span(&asked->body), &answer, NULL))
		answer = NULL;
	if (code)
		(void)err_set(&leave->err, code, "%s",
			      json_path_str(answer, "message", "the running edge-hub refused"));
	json_free(answer);
	return code;
}

/* -ENOENT: none is running. */
static int ask_hub(struct leave *leave)
{
	char whole[PATH_MAX - 64], socket[PATH_MAX];
	struct http_asked asked;
	int code;

	if (file_absolute(leave->settings->data_dir, whole, sizeof(whole)) ||
	    snprintf(socket, sizeof(socket), "unix://%s/" LOCAL_SOCKET, whole) >= (int)sizeof(socket))
		return err_set(&leave->err, -ENAMETOOLONG, "the data directory's name is too long");
	code = http_ask(socket, "POST", DEPARTURE_PATH, leave->force ? SPAN("{\"force\":true}") : SPAN("{}"),
			ASK_MS, &asked, &leave->err);
	if (!code)
		code = hear(leave, &asked);
	else
		code = -ENOENT;
	http_asked_done(&asked);
	return code;
}

/* A hub that was asked is ending. */
static int take_lock(struct leave *leave)
{
	int code = -EBUSY;

	for (unsigned i = 0; code == -EBUSY && i < LOCK_TRIES; i++) {
		code = file_lock_dir(leave->settings->data_dir, 0700, &leave->lock_fd);
		if (code == -EBUSY)
			usleep(LOCK_TRY_MS * 1000);
	}
	return code ? err_set(&leave->err, code, "locking %s: %s", leave->settings->data_dir, strerror(-code))
		    : 0;
}

/* --- by force, without a hub: what the note needs comes from the identity --- */

static int note_by_force(struct leave *leave)
{
	const struct settings *settings = leave->settings;
	struct vault_settings vault_settings = { .data_dir = settings->data_dir,
						 .key_file = settings->secrets_key_file,
						 .wrap = settings->secrets_wrap,
						 .tpm = settings->secrets_tpm };
	struct vault *vault = NULL;
	struct identity identity;
	struct err err = { 0 };
	const char *runtime = settings->runtime;

	identity_init(&identity);
	/* An identity that cannot be read is no reason to keep it. */
	if (vault_open_data(&vault_settings, &vault, &err) == 0 &&
	    identity_load(settings->data_dir, vault, &identity, &err) == 0) {
		span_copy_or_nothing(span_of(identity.node), leave->note.node, sizeof(leave->note.node));
		if (!runtime && identity.runtime && identity.runtime[0])
			runtime = identity.runtime;
	} else {
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
	}
	span_copy_or_nothing(span_of(runtime ? runtime : SETTINGS_RUNTIME), leave->note.runtime,
			     sizeof(leave->note.runtime));
	identity_done(&identity);
	vault_free(vault);
	return leaving_write(settings->data_dir, &leave->note, &leave->err);
}

/* Until the note is on the disk and nobody else uses the directory. */
static int decide(struct leave *leave)
{
	const char *dir = leave->settings->data_dir;
	bool was_leaving = leaving_is(dir);
	int code = was_leaving ? 0 : identity_exists(dir, &leave->err);

	if (code)
		return code;
	if (!was_leaving)
		code = ask_hub(leave);
	if (code == -ENOENT && !leave->force)
		return err_set(&leave->err, code,
			       "no edge-hub is running with %s that could tell the cloud: start it, or leave "
			       "without "
			       "by --force",
			       dir);
	if (code && code != -ENOENT)
		return code;
	leave->err = (struct err){ 0 };
	code = take_lock(leave);
	if (!code && !leaving_is(dir))
		return note_by_force(leave);
	return code ? code : leaving_read(dir, &leave->note, &leave->err);
}

/* --- the containers --- */

static void no_status(void *ctx, const struct agent_pod *pod, struct span status_json)
{
	(void)ctx;
	(void)pod;
	(void)status_json;
}

static void no_event(void *ctx, const struct agent_event *event)
{
	(void)ctx;
	(void)event;
}

static void on_terminated(void *ctx, const struct agent_pod *pod)
{
	(void)ctx;
	printf("stopped %s/%s\n", pod->ns, pod->name);
}

static int lookup(void *ctx, const char *resource, const char *ns, const char *name,
		  const struct object **out)
{
	(void)ctx;
	(void)resource;
	(void)ns;
	(void)name;
	(void)out;
	return -ENOENT;
}

/* Every pod of this hub's that the runtime holds. */
static enum agent_verdict on_unknown(void *ctx, const struct agent_pod *pod)
{
	(void)ctx;
	(void)pod;
	return AGENT_RELEASE;
}

static void on_look(void *ctx)
{
	struct leave *leave = ctx;
	uint64_t spent = loop_now_ms(leave->loop) - leave->begun_ms;
	struct agent_runtime runtime;
	struct agent_stats stats;

	agent_runtime(leave->agent, &runtime);
	agent_stats(leave->agent, &stats);
	if (runtime.up && stats.listings >= LISTINGS_MIN && !stats.pods) {
		loop_stop(leave->loop);
	} else if (!stats.listings && spent > RUNTIME_MAX_MS) {
		(void)err_set(&leave->err, -ETIMEDOUT,
			      "the container runtime at %s does not answer: start it and say leave again",
			      leave->note.runtime);
		loop_stop(leave->loop);
	} else if (spent > STOP_MAX_MS) {
		(void)err_set(&leave->err, -ETIMEDOUT, "%u pods have not stopped: say leave again",
			      stats.pods);
		loop_stop(leave->loop);
	} else {
		agent_recheck_unknown(leave->agent);
		timer_start(leave->look, LOOK_MS);
	}
}

static void on_agent_closed(void *ctx)
{
	struct leave *leave = ctx;

	loop_stop(leave->loop);
}

static int stop_containers(struct leave *leave)
{
	static const struct agent_callbacks callbacks = { .on_status = no_status,
							  .on_event = no_event,
							  .on_terminated = on_terminated,
							  .lookup = lookup,
							  .on_unknown = on_unknown };
	struct agent_options options = { .runtime = leave->note.runtime,
					 .data_dir = leave->settings->data_dir,
					 .log_dir = leave->settings->log_dir,
					 .node_name = leave->note.node,
					 .host_ip = "" };
	int code = loop_new(&leave->loop);

	if (!code)
		code = timer_new(leave->loop, on_look, leave, &leave->look);
	if (code)
		return err_set(&leave->err, code, "out of memory");
	code = agent_new(leave->loop, &options, &callbacks, leave, &leave->agent, &leave->err);
	if (!code) {
		leave->begun_ms = loop_now_ms(leave->loop);
		agent_set_complete(leave->agent, true);
		timer_start(leave->look, LOOK_MS);
		code = loop_run(leave->loop);
		agent_close(leave->agent, on_agent_closed, leave);
		(void)loop_run(leave->loop);
	}
	return code ? code : leave->err.code;
}

/* --- the verb --- */

static int go(struct leave *leave)
{
	const char *dir = leave->settings->data_dir;
	int code = decide(leave);

	if (!code && !leave->note.stopped) {
		code = stop_containers(leave);
		leave->note.stopped = true;
		if (!code)
			code = leaving_write(dir, &leave->note, &leave->err);
	}
	if (!code)
		fencing_forget(dir);
	return code ? code : leaving_wipe(dir, &leave->err);
}

int leave_run(const struct options *options, const struct settings *settings)
{
	struct leave *leave = calloc(1, sizeof(*leave));
	int code;

	if (!leave)
		return OPTIONS_EXIT_FAILED;
	leave->settings = settings;
	leave->force = options_given(options, "force");
	leave->lock_fd = -1;
	code = go(leave);
	if (code)
		fprintf(stderr, "edge-hub: %s\n", err_text(&leave->err));
	else if (leave->note.told)
		printf("this machine has left; node \"%s\" is no more\n", leave->note.node);
	else
		printf("this machine has left, but the cloud was not told: there, say cloud-hub node remove "
		       "%s\n",
		       leave->note.node[0] ? leave->note.node : "NAME");
	timer_close(leave->look);
	loop_free(leave->loop);
	if (leave->lock_fd >= 0)
		close(leave->lock_fd);
	free(leave);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}
