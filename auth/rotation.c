#include "auth/rotation.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct rotation {
	struct rotation_options options;
	enum rotation_phase phase;
	bool is_asking; /* the cache has yet to answer */
	bool is_stopped;
	bool is_pending; /* cut short by the end of an earlier process */
	uint64_t revision, retry_ms;
	struct err err;
};

static const char *const phase_names[] = { [ROTATION_IDLE] = "idle",
					   [ROTATION_ROWS] = "sealing rows",
					   [ROTATION_COPY] = "copying",
					   [ROTATION_FAILED] = "waiting" };

const char *rotation_phase_name(enum rotation_phase phase)
{
	return phase_names[phase];
}

static void set_phase(struct rotation *r, enum rotation_phase phase)
{
	bool is_told = phase != ROTATION_COPY && phase != r->phase;

	r->phase = phase;
	if (is_told && r->options.on_change)
		r->options.on_change(r->options.ctx, phase, &r->err);
}

static void fail_with(struct rotation *r, int code, const char *what)
{
	if (code)
		(void)err_set(&r->err, code, "%s: %s", what, strerror(-code));
	r->retry_ms = 0;
	set_phase(r, ROTATION_FAILED);
}

/* --- the last steps --- */

static void finish(struct rotation *r)
{
	if (vault_rotate_end(r->options.vault, &r->err)) {
		fail_with(r, 0, NULL);
		return;
	}
	r->err = (struct err){ 0 };
	set_phase(r, ROTATION_IDLE);
}

static void on_copied(void *ctx, int code)
{
	struct rotation *r = ctx;

	r->is_asking = false;
	if (r->is_stopped)
		return;
	if (code)
		fail_with(r, code, "making the last-good copy anew");
	else
		finish(r);
}

/* While another copy is being made this is tried again: that one was begun before the rows were sealed. */
static void copy(struct rotation *r)
{
	int code;

	set_phase(r, ROTATION_COPY);
	if (access(r->options.good_path, F_OK) != 0 && errno == ENOENT) {
		finish(r);
		return;
	}
	code = cache_snapshot(r->options.cache, r->options.good_path, on_copied, r);
	r->is_asking = code == 0;
	if (code && code != -EBUSY)
		fail_with(r, code, "making the last-good copy anew");
}

/* --- rows --- */

static void seal_rows(struct rotation *r);

static void on_sealed(void *ctx, const struct cache_result *result)
{
	struct rotation *r = ctx;

	r->is_asking = false;
	if (r->is_stopped)
		return;
	r->revision = result->revision;
	if (result->code) {
		fail_with(r, result->code, "sealing rows anew");
	} else if (result->revision) {
		seal_rows(r);
	} else if (vault_settle_files(r->options.vault, r->options.data_dir, r->options.skip, &r->err)) {
		fail_with(r, 0, NULL);
	} else {
		copy(r);
	}
}

static void seal_rows(struct rotation *r)
{
	int code = cache_reseal(r->options.cache, r->revision, on_sealed, r);

	r->is_asking = code == 0;
	if (code)
		fail_with(r, code, "sealing rows anew");
}

static void begin(struct rotation *r)
{
	r->is_pending = false;
	r->revision = 0;
	set_phase(r, ROTATION_ROWS);
	seal_rows(r);
}

/* --- life --- */

int rotation_new(const struct rotation_options *options, struct rotation **out)
{
	struct rotation *r = calloc(1, sizeof(*r));
	struct vault_status status;

	if (!r)
		return -ENOMEM;
	r->options = *options;
	vault_status(options->vault, &status);
	r->is_pending = status.keys > 1;
	*out = r;
	return 0;
}

void rotation_stop(struct rotation *rotation)
{
	if (rotation)
		rotation->is_stopped = true;
}

void rotation_free(struct rotation *rotation)
{
	free(rotation);
}

int rotation_start(struct rotation *r, struct err *err)
{
	int code;

	if (r->phase == ROTATION_ROWS || r->phase == ROTATION_COPY)
		return 0;
	code = vault_rotate_begin(r->options.vault, err);
	if (!code)
		begin(r);
	return code;
}

void rotation_step(struct rotation *r, uint64_t now_ms)
{
	if (r->is_asking || r->is_stopped)
		return;
	if (r->phase == ROTATION_COPY)
		copy(r);
	else if (r->is_pending)
		begin(r);
	else if (r->phase == ROTATION_FAILED && !r->retry_ms)
		r->retry_ms = now_ms + ROTATION_RETRY_MS;
	else if (r->phase == ROTATION_FAILED && now_ms >= r->retry_ms)
		begin(r);
}

void rotation_status(const struct rotation *r, struct rotation_status *out)
{
	*out = (struct rotation_status){ r->phase, r->revision, r->err.code ? err_text(&r->err) : "" };
}
