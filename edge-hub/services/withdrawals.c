#include "edge-hub/services/withdrawals.h"

#include "api/object_json.h"
#include "auth/graph.h"
#include "base/log.h"
#include "edge-hub/services/withdrawal.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "services"
#define NAME_MAX_BYTES 254u

struct withdrawals {
	struct withdrawals_options options;
	struct timer *look; /* at the slices, soon */
	struct timer *hold; /* until the cloud's word is enough */
	bool link_up, holding, stopped;
	/* What the next look is for: every slice, or those that name this neighbour. */
	bool all;
	char member[NAME_MAX_BYTES];
	struct withdrawals_stats stats;
};

static bool is_judging(const struct withdrawals *w)
{
	return !w->link_up || w->holding;
}

static enum withdrawal decide(void *ctx, const char *node)
{
	struct withdrawals *w = ctx;

	if (!is_judging(w) || strcmp(node, w->options.node) == 0)
		return WITHDRAWAL_PUT_BACK;
	switch (w->options.view(w->options.ctx, node)) {
	case DETECTOR_DEAD: return WITHDRAWAL_TAKE_OUT;
	case DETECTOR_ALIVE: return WITHDRAWAL_PUT_BACK;
	default: return WITHDRAWAL_KEEP; /* also after a start, when nobody was heard yet */
	}
}

/* --- rewriting a row --- */

static void look_soon(struct withdrawals *w, uint64_t in_ms)
{
	if (!w->stopped)
		timer_start(w->look, in_ms);
}

static void on_written(void *ctx, const struct cache_result *result)
{
	struct withdrawals *w = ctx;

	w->stats.rewritten += !result->code;
	/* When the row has changed or gone meanwhile, the watch tells. */
	if (!result->code || result->code == -ESTALE || result->code == -ENOENT)
		return;
	w->stats.failures++;
	w->all = true;
	if (!w->stopped)
		log_warn(MODULE, "not-written", "error=%d", result->code);
	look_soon(w, WITHDRAWALS_RETRY_MS);
}

/* 0: *out is the row as it should be; 1: it is so already. */
static int corrected(struct withdrawals *w, const struct object *row, struct object **out, size_t *out_count)
{
	struct json *tree = NULL;
	struct buf body;
	int code = object_to_json(row, &tree);

	buf_init(&body, OBJECT_BODY_MAX);
	if (!code) {
		code = withdrawal_apply(tree, decide, w);
		code = code == 0 ? 1 : code == 1 ? 0 : code;
	}
	if (!code) {
		*out_count = withdrawal_count(tree);
		code = json_write(tree, &body);
	}
	if (!code)
		code = object_from_body(row->key.resource, buf_span(&body), row->origin, out);
	buf_done(&body);
	json_free(tree);
	return code;
}

static bool has_notes(const struct object *row)
{
	return memmem(row->body.ptr, row->body.len, WITHDRAWAL_ANNOTATION,
		      sizeof(WITHDRAWAL_ANNOTATION) - 1) != NULL;
}

static void look_at(struct withdrawals *w, const struct object *row)
{
	struct cache_op op = { .type = CACHE_UPDATE, .if_revision = row->revision };
	size_t count = 0;
	int code;

	if (w->stopped || (!is_judging(w) && !has_notes(row)))
		return;
	code = corrected(w, row, &op.object, &count);
	if (code == 1)
		return;
	if (!code)
		code = cache_submit(w->options.cache, &op, 1, on_written, w);
	if (!code) {
		log_info(MODULE, "endpoints", "slice=%s/%s withdrawn=%zu", row->key.ns, row->key.name, count);
		return;
	}
	w->stats.failures++;
	log_warn(MODULE, "not-rewritten", "slice=%s/%s error=%d", row->key.ns, row->key.name, code);
	if (code == -EINVAL || code == -EMSGSIZE)
		return; /* no slice that could be rewritten, now or later */
	w->all = true;
	look_soon(w, WITHDRAWALS_RETRY_MS);
}

/* --- looking --- */

static int look_at_one(void *ctx, struct object *row)
{
	struct withdrawals *w = ctx;

	if (w->all || memmem(row->body.ptr, row->body.len, w->member, strlen(w->member)))
		look_at(w, row);
	return 0;
}

static void on_look(void *ctx)
{
	struct withdrawals *w = ctx;
	const struct cache_list list = { .resource = GRAPH_SLICES };
	bool all = w->all;
	int code;

	if (!all && !w->member[0])
		return;
	code = cache_list(w->options.cache, &list, look_at_one, w, NULL);
	/* What failed in between has asked for another look at all. */
	w->all = w->all && !all;
	w->member[0] = '\0';
	if (!code)
		return;
	log_warn(MODULE, "not-read", "error=%d", code);
	w->all = true;
	look_soon(w, WITHDRAWALS_RETRY_MS);
}

static void look_at_all(struct withdrawals *w)
{
	w->all = true;
	look_soon(w, 0);
}

static void on_hold_over(void *ctx)
{
	struct withdrawals *w = ctx;

	w->holding = false;
	look_at_all(w);
}

void withdrawals_link(struct withdrawals *w, bool up)
{
	if (up == w->link_up)
		return;
	w->link_up = up;
	w->holding = up;
	if (up)
		timer_start(w->hold, w->options.hold_ms);
	else
		timer_stop(w->hold);
	look_at_all(w);
}

void withdrawals_view(struct withdrawals *w, const char *member)
{
	if (!is_judging(w))
		return;
	if (w->member[0] && strcmp(w->member, member) != 0)
		w->all = true;
	span_copy_or_nothing(span_of(member), w->member, sizeof(w->member));
	look_soon(w, 0);
}

void withdrawals_row_changed(struct withdrawals *w, const struct change *change)
{
	if (change->type != CHANGE_DELETED && change->type != CHANGE_LEFT &&
	    strcmp(change->object->key.resource, GRAPH_SLICES) == 0)
		look_at(w, change->object);
}

/* --- life --- */

int withdrawals_new(const struct withdrawals_options *options, struct withdrawals **out)
{
	struct withdrawals *w = calloc(1, sizeof(*w));
	int code;

	if (!w)
		return -ENOMEM;
	w->options = *options;
	if (!w->options.hold_ms)
		w->options.hold_ms = WITHDRAWALS_HOLD_MS;
	code = timer_new(options->loop, on_look, w, &w->look);
	if (!code)
		code = timer_new(options->loop, on_hold_over, w, &w->hold);
	if (code) {
		withdrawals_stop(w);
		withdrawals_free(w);
		return code;
	}
	*out = w;
	return 0;
}

void withdrawals_stop(struct withdrawals *w)
{
	if (!w)
		return;
	w->stopped = true;
	timer_close(w->look);
	timer_close(w->hold);
	w->look = w->hold = NULL;
}

void withdrawals_free(struct withdrawals *w)
{
	free(w);
}

static int count_one(void *ctx, struct object *row)
{
	struct json *tree = NULL;
	size_t *count = ctx;

	if (has_notes(row) && !object_to_json(row, &tree))
		*count += withdrawal_count(tree);
	json_free(tree);
	return 0;
}

void withdrawals_stats(const struct withdrawals *w, struct withdrawals_stats *out)
{
	const struct cache_list list = { .resource = GRAPH_SLICES };

	*out = w->stats;
	/* What cannot be read is not counted; that it cannot is said elsewhere. */
	(void)!cache_list(w->options.cache, &list, count_one, &out->endpoints, NULL);
	out->judging = is_judging(w);
}
