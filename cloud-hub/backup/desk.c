#include "cloud-hub/backup/desk.h"

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "cloud-hub/backup/make.h"
#include "cloud-hub/backup/passphrase.h"
#include "cloud-hub/backup/schedule.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MODULE "backup"
#define ANSWER_MAX 8192u

/* One backup on its way. */
struct run {
	struct backup_desk *desk; /* NULL: nobody is interested any more */
	char path[PATH_MAX], copy[PATH_MAX];
	char data_dir[PATH_MAX], config[PATH_MAX];
	struct files files;
	struct buf passphrase;
	uint64_t generation, started_ms;
	const struct api_responder *responder; /* NULL: of the schedule */
	void *responder_ctx;
	struct backup_made made;
	struct err err;
	int code;
};

struct backup_desk {
	struct backup_desk_options options;
	struct timer *timer;
	struct run *run;
	bool is_stopping;
	struct backup_desk_stats stats;
};

/* --- the end of one --- */

static int write_answer(const struct run *run, struct buf *out)
{
	char made[CLOCK_TEXT_SIZE];

	clock_format(run->made.head.made_wall_ms, made);
	buf_add_str(out, "{\"path\":");
	buf_add_json_str(out, span_of(run->path));
	return buf_addf(out,
			",\"bytes\":%llu,\"revision\":%llu,\"objects\":%llu,\"made\":\"%s\",\"sealed\":%s}\n",
			(unsigned long long)run->made.size_bytes, (unsigned long long)run->made.head.revision,
			(unsigned long long)run->made.head.objects, made,
			run->made.head.is_sealed ? "true" : "false");
}

static void answer(const struct run *run)
{
	struct buf body;

	buf_init(&body, ANSWER_MAX);
	if (run->code)
		reply_refuse(run->responder, run->responder_ctx, STATUS_INTERNAL_ERROR, err_text(&run->err));
	else if (write_answer(run, &body))
		run->responder->abort(run->responder_ctx);
	else
		reply_json(run->responder, run->responder_ctx, 200, buf_span(&body));
	buf_done(&body);
}

static void run_free(struct run *run)
{
	(void)unlink(run->copy);
	files_done(&run->files);
	passphrase_wipe(&run->passphrase);
	free(run);
}

static void schedule_next(struct backup_desk *desk, bool failed);

static void report(struct backup_desk *desk, const struct run *run)
{
	if (run->code) {
		desk->stats.failed++;
		log_error(MODULE, "failed", "path=%s error=\"%s\"", run->path, err_text(&run->err));
		return;
	}
	desk->stats.made++;
	desk->stats.last_wall_ms = run->made.head.made_wall_ms;
	log_info(MODULE, "made", "path=%s bytes=%llu revision=%llu ms=%llu", run->path,
		 (unsigned long long)run->made.size_bytes, (unsigned long long)run->made.head.revision,
		 (unsigned long long)(loop_now_ms(desk->options.loop) - run->started_ms));
}

static void finish(struct run *run)
{
	struct backup_desk *desk = run->desk;

	if (desk) {
		desk->run = NULL;
		report(desk, run);
		if (run->responder)
			answer(run);
		else if (!run->code)
			schedule_prune(desk->options.dir, BACKUP_PREFIX, desk->options.keep);
		schedule_next(desk, run->code && !run->responder);
	}
	run_free(run);
}

static void fail(struct run *run)
{
	run->code = run->err.code ? run->err.code : -EIO;
	finish(run);
}

/* --- the steps --- */

static void write_it(void *ctx)
{
	struct run *run = ctx;
	struct backup_source source = { run->copy, &run->files, run->generation, clock_wall_ms() };

	run->code = backup_write(run->path, &source, buf_span(&run->passphrase), &run->made, &run->err);
}

static void on_written(void *ctx)
{
	finish(ctx);
}

static int collect(const struct run *run, struct files *out, struct err *err)
{
	return files_collect(out, run->data_dir, run->desk->options.vault,
			     run->config[0] ? run->config : NULL, err);
}

/* Authority and keys as they were before the store was copied are as they are after it: so they belong to the copy. */
static int check_unchanged(struct run *run)
{
	struct files now;
	int code;

	files_init(&now);
	code = collect(run, &now, &run->err);
	if (!code && !files_same(&run->files, &now))
		code = err_set(&run->err, -EAGAIN,
			       "authority or keys were changed while the store was copied: try again");
	files_done(&now);
	return code;
}

static void on_copied(void *ctx, int code)
{
	struct run *run = ctx;

	if (code)
		(void)err_set(&run->err, code,
			      code == -EBADMSG ? "something in the store is damaged: it was not copied"
					       : "copying the store to %s: %s",
			      run->copy, strerror(-code));
	else if (!run->desk || run->desk->is_stopping)
		code = err_set(&run->err, -ESHUTDOWN, "the cloud-hub is stopping");
	else
		code = check_unchanged(run);
	if (!code) {
		code = loop_work(run->desk->options.loop, write_it, on_written, run);
		if (code)
			(void)err_set(&run->err, code, "too much work is under way");
	}
	if (code)
		fail(run);
}

static int set_paths(struct run *run, const struct backup_desk *desk, const char *path, struct err *err)
{
	int len = snprintf(run->copy, sizeof(run->copy), "%s.store", path);

	if (len < 0 || (size_t)len >= sizeof(run->copy) ||
	    span_copy(span_of(path), run->path, sizeof(run->path)) ||
	    span_copy(span_of(desk->options.data_dir), run->data_dir, sizeof(run->data_dir)) ||
	    span_copy(span_of(desk->options.config ? desk->options.config : ""), run->config,
		      sizeof(run->config)))
		return err_set(err, -ENAMETOOLONG, "the backup's name is too long");
	return path[0] == '/' ? 0 : err_set(err, -EINVAL, "the backup needs an absolute path");
}

static int begin(struct backup_desk *desk, struct run *run, const char *path, struct err *err)
{
	struct cache *cache = api_cache(desk->options.api);
	int code = set_paths(run, desk, path, err);

	if (!code)
		code = backup_may_write(path, err);
	if (!code)
		code = collect(run, &run->files, err);
	if (!code && backup_generation(cache, &run->generation))
		code = err_set(err, -EIO, "the store's marks cannot be read");
	if (!code) {
		code = cache_snapshot(cache, run->copy, on_copied, run);
		if (code)
			(void)err_set(err, code,
				      code == -EBUSY
					      ? "the store is being copied for its own safety: try again soon"
					      : "the store cannot be copied");
	}
	return code;
}

/* `passphrase` is taken. On failure err says why and nothing is under way. */
static int start(struct backup_desk *desk, const char *path, struct buf *passphrase,
		 const struct api_responder *responder, void *responder_ctx, struct err *err)
{
	struct run *run = desk->run || desk->is_stopping ? NULL : calloc(1, sizeof(*run));
	int code;

	if (!run) {
		passphrase_wipe(passphrase);
		if (desk->run)
			return err_set(err, -EBUSY, "a backup is being made already, to %s", desk->run->path);
		return err_set(err, -EAGAIN,
			       desk->is_stopping ? "the cloud-hub is stopping" : "out of memory");
	}
	run->desk = desk;
	run->passphrase = *passphrase;
	run->responder = responder;
	run->responder_ctx = responder_ctx;
	run->started_ms = loop_now_ms(desk->options.loop);
	files_init(&run->files);
	desk->run = run;
	code = begin(desk, run, path, err);
	if (code) {
		desk->run = NULL;
		run_free(run);
	}
	return code;
}

/* --- on request --- */

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct backup_desk *desk = ctx;
	struct json *body = NULL;
	struct buf passphrase;
	struct err err = { 0 };
	int code;

	buf_init(&passphrase, ARCHIVE_PASSPHRASE_MAX);
	if (!span_is(request->method, "POST")) {
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "there is POST " BACKUP_PATH);
		return;
	}
	if (json_parse(request->body, &body, &err)) {
		reply_refuse(responder, responder_ctx, STATUS_BAD_REQUEST, "the body is not JSON");
		return;
	}
	code = buf_add_span(&passphrase, json_span(json_get(body, "passphrase")));
	if (code)
		(void)err_set(&err, code, "the passphrase is too long");
	else
		code = start(desk, json_path_str(body, "path", ""), &passphrase, responder, responder_ctx,
			     &err);
	if (code == -EBUSY)
		reply_refuse(responder, responder_ctx, STATUS_CONFLICT, err_text(&err));
	else if (code)
		reply_refuse(responder, responder_ctx, STATUS_BAD_REQUEST, err_text(&err));
	json_free(body);
}

/* --- on schedule --- */

static void schedule_next(struct backup_desk *desk, bool failed)
{
	const struct backup_desk_options *o = &desk->options;

	if (!desk->timer || desk->is_stopping)
		return;
	timer_start(desk->timer, failed ? BACKUP_RETRY_MS
					: schedule_wait_ms(o->dir, BACKUP_PREFIX, o->every_ms,
							   BACKUP_FIRST_MS, clock_wall_ms()));
}

static int start_scheduled(struct backup_desk *desk, struct err *err)
{
	char path[PATH_MAX];
	struct buf passphrase;
	int code = file_make_dirs(desk->options.dir, 0700);

	buf_init(&passphrase, ARCHIVE_PASSPHRASE_MAX);
	if (code)
		code = err_set(err, code, "%s: %s", desk->options.dir, strerror(-code));
	else
		code = schedule_name(desk->options.dir, BACKUP_PREFIX, clock_wall_ms(), path, sizeof(path))
			       ? err_set(err, -ENAMETOOLONG, "backup.dir is too long")
			       : 0;
	if (!code && desk->options.passphrase_file)
		code = passphrase_read(desk->options.passphrase_file, &passphrase, err);
	if (code) {
		passphrase_wipe(&passphrase);
		return code;
	}
	return start(desk, path, &passphrase, NULL, NULL, err);
}

static void on_due(void *ctx)
{
	struct backup_desk *desk = ctx;
	struct err err = { 0 };

	if (!start_scheduled(desk, &err))
		return;
	desk->stats.failed++;
	log_error(MODULE, "failed", "dir=%s error=\"%s\"", desk->options.dir, err_text(&err));
	timer_start(desk->timer, BACKUP_RETRY_MS);
}

/* --- life --- */

int backup_desk_new(const struct backup_desk_options *options, struct backup_desk **out)
{
	struct backup_desk *desk = calloc(1, sizeof(*desk));
	int code;

	if (!desk)
		return -ENOMEM;
	desk->options = *options;
	code = api_route_add(options->api, BACKUP_PATH, false, serve, desk);
	if (!code && options->every_ms)
		code = timer_new(options->loop, on_due, desk, &desk->timer);
	if (code) {
		free(desk);
		return code;
	}
	schedule_next(desk, false);
	*out = desk;
	return 0;
}

void backup_desk_stop(struct backup_desk *desk)
{
	if (!desk)
		return;
	desk->is_stopping = true;
	timer_close(desk->timer);
	desk->timer = NULL;
}

void backup_desk_free(struct backup_desk *desk)
{
	if (!desk)
		return;
	backup_desk_stop(desk);
	if (desk->run)
		desk->run->desk = NULL; /* ends with the loop's work; the answer went with the connection */
	free(desk);
}

void backup_desk_stats(const struct backup_desk *desk, struct backup_desk_stats *out)
{
	*out = desk->stats;
}
