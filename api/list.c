/* GET of one object and LIST of many. A list streams: rows go out in batches, and while the client is slow
 * the walk stands still at a key and costs nothing but one batch. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/list_token.h"
#include "api/scale.h"
#include "api/server_internal.h"

#define BATCH_MAX 64u
#define BATCH_BYTES (64u * 1024)

/* --- what watches need too --- */

static int stop_at_once(void *ctx, struct object *object)
{
	return 1;
}

bool list_is_future(struct api *api, const char *resource, uint64_t revision)
{
	struct cache_list probe = { .resource = resource, .revision = revision, .limit = 1 };

	/* A list may have named a revision that is committed and not delivered yet: ask the store itself. */
	return revision > cache_revision(api->options.cache) &&
	       cache_list(api->options.cache, &probe, stop_at_once, NULL, NULL) == -EINVAL;
}

int list_too_large(struct status *status, const struct api *api, uint64_t asked)
{
	int code = status_set(status, STATUS_TIMEOUT,
			      "Too large resource version: %" PRIu64 ", current: %" PRIu64, asked,
			      cache_revision(api->options.cache));

	status->retry_after_s = 1;
	return status_cause(status, "ResourceVersionTooLarge", "Too large resource version", NULL) ? -ENOMEM
												   : code;
}

static int read_one(struct api_call *call, struct object **out, struct status *status)
{
	const struct request *request = &call->request;
	const struct kind *kind = request->kind;
	struct key key = { kind->storage, kind->namespaced ? request->what.ns : "", request->what.name };

	if (!key.resource)
		return status_not_found(status, call_about(call));
	if (request->options.has_revision && !memory_of(call->api, kind->storage) &&
	    list_is_future(call->api, kind->storage, request->options.revision))
		return list_too_large(status, call->api, request->options.revision);
	int err = api_read(call->api, &key, out);

	if (err == -ENOENT)
		return status_not_found(status, call_about(call));
	return err ? status_of_errno(status, err) : 0;
}

void verb_get(struct api_call *call)
{
	struct object *object = NULL;
	struct status status;

	status_init(&status);
	if (read_one(call, &object, &status))
		call_status(call, &status);
	else if (!strcmp(call->request.what.subresource, SUBRESOURCE_SCALE))
		call_scale(call, object);
	else
		call_object(call, 200, object);
	object_unref(object);
	status_done(&status);
}

struct gathering {
	struct memory *memory;
	uint64_t revision; /* for all; 0: each has its own */
	bool is_broken;
};

static int keep_memory(void *ctx, struct object *object)
{
	struct gathering *gathering = ctx;
	struct memory *memory = gathering->memory;
	struct object **grown = realloc(memory->objects, (memory->count + 1) * sizeof(struct object *));
	struct object *stamped =
		virtual_stamp(object, gathering->revision ? gathering->revision : object->revision);

	if (grown)
		memory->objects = grown;
	if (!grown || !stamped) {
		object_unref(stamped);
		gathering->is_broken = true;
		return 1;
	}
	memory->objects[memory->count++] = stamped;
	return 0;
}

int memory_gather(struct memory *memory, struct api *api, const char *resource, const char *ns)
{
	const struct api_virtual *provider = virtual_of(api, resource, ns ? ns : "");
	struct gathering gathering = { memory, cache_revision(api->options.cache), false };

	if (!provider)
		return 0;
	if (provider->revision)
		gathering.revision = 0;
	int err = provider->list(provider->ctx, NULL, keep_memory, &gathering);

	return gathering.is_broken ? -ENOMEM : err;
}

bool memory_has(const struct memory *memory, const struct key *key)
{
	for (size_t i = 0; i < memory->count; i++)
		if (key_eq(&memory->objects[i]->key, key))
			return true;
	return false;
}

void memory_done(struct memory *memory)
{
	for (size_t i = 0; i < memory->count; i++)
		object_unref(memory->objects[i]);
	free(memory->objects);
	memset(memory, 0, sizeof(*memory));
}

/* --- one list --- */

struct list_run {
	struct api_call *call;
	struct render render;
	struct cache_list range;
	struct list_token token; /* where a continued list starts; name "" otherwise */
	struct object *after;	 /* the last stored one that was dealt with; NULL: none yet */
	struct object *last;	 /* the last one that was sent */
	uint64_t revision;
	uint64_t sent, total; /* total: items the whole list has from here on; UINT64_MAX: not counted */
	struct memory memory; /* objects in memory, merged in */
	bool in_memory;	      /* there are no others */
	struct buf text;      /* the batch: rendered items, each but the list's first after a comma */
	size_t batch_count;
	bool has_head, is_full, has_more, is_broken;
	bool is_walking, is_cancelled; /* freed when the walk is back */
};

static void list_free(struct list_run *run)
{
	memory_done(&run->memory);
	object_unref(run->after);
	object_unref(run->last);
	buf_done(&run->text);
	free(run);
}

static void list_cancel(struct api_call *call)
{
	struct list_run *run = call->state;

	call->state = NULL;
	if (run->is_walking)
		run->is_cancelled = true;
	else
		list_free(run);
}

static void keep(struct object **slot, struct object *object)
{
	object_ref(object);
	object_unref(*slot);
	*slot = object;
}

/* --- sending --- */

static int begin(struct list_run *run)
{
	struct buf head;

	if (run->has_head)
		return 0;
	run->has_head = true;
	buf_init(&head, BATCH_BYTES);
	int err = render_list_head(&run->render, &head);

	if (!err) {
		struct span piece = buf_span(&head);

		call_begin(run->call, 200, "application/json");
		err = call_write(run->call, &piece, 1);
		run->is_full = err == 1;
	}
	buf_done(&head);
	return err < 0 ? err : 0;
}

static int flush(struct list_run *run)
{
	int err = begin(run);

	if (err || !run->batch_count)
		return err;
	struct span piece = buf_span(&run->text);

	err = call_write(run->call, &piece, 1);
	run->sent += run->batch_count;
	run->batch_count = 0;
	buf_reset(&run->text);
	if (err > 0)
		run->is_full = true;
	return err < 0 ? err : 0;
}

/* Takes one object into the batch. 0: go on; 1: stop the walk. */
static int emit(struct list_run *run, struct object *object)
{
	const struct request_options *options = &run->call->request.options;

	if (!object_selected(object, options->labels, options->fields))
		return 0;
	if (options->limit && run->sent + run->batch_count >= options->limit) {
		run->has_more = true;
		return 1;
	}
	keep(&run->last, object);
	if (run->sent + run->batch_count > 0)
		buf_add_char(&run->text, ',');
	if (render_item(&run->render, object, &run->text)) {
		run->is_broken = true;
		return 1;
	}
	if (++run->batch_count < BATCH_MAX && run->text.len < BATCH_BYTES)
		return 0;
	if (flush(run))
		run->is_broken = true;
	return run->is_broken || run->is_full;
}

/* Objects in memory whose key comes before `key` (NULL: all that are left). */
static int emit_memory(struct list_run *run, const struct key *key)
{
	struct memory *memory = &run->memory;
	int stop = 0;

	while (!stop && memory->next < memory->count) {
		struct object *object = memory->objects[memory->next];

		if (key && key_cmp(&object->key, key) >= 0)
			break;
		stop = emit(run, object);
		if (!run->has_more)
			memory->next++;
	}
	return stop;
}

static int on_object(void *ctx, struct object *object)
{
	struct list_run *run = ctx;

	if (emit_memory(run, &object->key))
		return 1;
	int stop = memory_has(&run->memory, &object->key) ? 0 : emit(run, object);

	if (!run->has_more)
		keep(&run->after, object);
	return stop;
}

/* --- the end --- */

static int add_continue(struct list_run *run, struct buf *out)
{
	struct list_token token = { .revision = run->revision };

	if (!run->last || span_copy(span_of(run->last->key.ns), token.ns, sizeof(token.ns)) ||
	    span_copy(span_of(run->last->key.name), token.name, sizeof(token.name)))
		return -EINVAL;
	memcpy(token.epoch, cache_epoch(run->call->api->options.cache), CACHE_EPOCH_SIZE);
	if (run->total != UINT64_MAX && run->total > run->sent)
		token.remaining = run->total - run->sent + 1;
	buf_add_str(out, ",\"continue\":\"");
	int err = list_token_write(&token, out);

	buf_add_char(out, '"');
	if (!err && token.remaining)
		buf_addf(out, ",\"remainingItemCount\":%" PRIu64, token.remaining - 1);
	return err ? err : buf_error(out);
}

static void finish(struct list_run *run)
{
	struct api_call *call = run->call;
	struct buf tail;

	buf_init(&tail, LIST_TOKEN_MAX * 4);
	int err = flush(run);

	if (!err)
		err = buf_addf(&tail, "],\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"", run->revision);
	if (!err && run->has_more)
		err = add_continue(run, &tail);
	if (!err)
		err = buf_add_str(&tail, "}}");
	if (!err) {
		struct span piece = buf_span(&tail);

		err = call_write(call, &piece, 1) < 0 ? -EPIPE : 0;
	}
	buf_done(&tail);
	if (err)
		call_abort(call);
	else
		call_end(call);
}

/* --- how it can fail before it began --- */

/* The way on that upstream offers with an Expired continue: the same key, in the newest state. */
static void offer_inconsistent(const struct list_run *run, struct status *status)
{
	struct list_token token = run->token;
	struct buf text;

	token.revision = token.remaining = 0;
	memcpy(token.epoch, cache_epoch(run->call->api->options.cache), CACHE_EPOCH_SIZE);
	buf_init(&text, sizeof(status->continue_token) - 1);
	if (!list_token_write(&token, &text))
		memcpy(status->continue_token, text.data, text.len);
	status->continue_token[text.len] = '\0';
	buf_done(&text);
}

static void set_expired(const struct list_run *run, struct status *status)
{
	const struct request_options *options = &run->call->request.options;

	if (options->continue_token)
		status_set(status, STATUS_EXPIRED,
			   "The provided continue parameter is too old to display a consistent list "
			   "result. Start a new list without it, or go on with the token of this answer at "
			   "the price of "
			   "consistency.");
	else
		status_set(status, STATUS_EXPIRED, "The resourceVersion for the provided list is too old.");
	if (options->continue_token && run->token.name[0])
		offer_inconsistent(run, status);
}

static void fail(struct list_run *run, int err)
{
	struct status status;

	if (run->has_head) {
		call_abort(run->call);
		return;
	}
	status_init(&status);
	if (err == -ERANGE)
		set_expired(run, &status);
	else if (err == -EINVAL)
		list_too_large(&status, run->call->api, run->revision);
	else
		status_of_errno(&status, err);
	call_status(run->call, &status);
	status_done(&status);
}

/* Walks on from where it stands until the client is full or all is said. */
static void walk(struct list_run *run)
{
	uint64_t revision = 0;

	run->range.revision = run->revision;
	run->range.after_ns = run->after ? run->after->key.ns : run->token.name[0] ? run->token.ns : NULL;
	run->range.after_name = run->after	     ? run->after->key.name
				: run->token.name[0] ? run->token.name
						     : NULL;
	run->is_full = false;
	run->is_walking = true;
	int err = run->in_memory
			  ? 0
			  : cache_list(run->call->api->options.cache, &run->range, on_object, run, &revision);

	if (!err && !run->revision)
		run->revision = revision;
	if (!err && !run->is_broken && !run->is_full && !run->has_more)
		(void)emit_memory(run, NULL);
	if (run->is_broken)
		call_abort(run->call);
	else if (err)
		fail(run, err);
	else if (!run->is_full)
		finish(run);
	run->is_walking = false;
	if (run->is_cancelled)
		list_free(run);
}

static void list_drained(struct api_call *call)
{
	walk(call->state);
}

static const struct call_ops list_ops = { list_drained, list_cancel };

/* --- the start --- */

static int read_token(struct list_run *run, struct status *status)
{
	const struct request *request = &run->call->request;
	struct cache *cache = run->call->api->options.cache;
	struct list_token *token = &run->token;

	if (list_token_read(span_of(request->options.continue_token), token) ||
	    (run->range.ns && strcmp(run->range.ns, token->ns) != 0)) {
		token->name[0] = '\0';
		return status_set(status, STATUS_BAD_REQUEST, "continue key is not valid");
	}
	if (request->options.has_revision && request->options.revision)
		return status_set(status, STATUS_BAD_REQUEST,
				  "specifying resource version is not allowed when using continue");
	if (run->in_memory) /* goes on behind the key, in the newest state */
		return 0;
	run->revision = token->revision;
	if (token->remaining)
		run->total = token->remaining - 1;
	if (token->revision && cache_epoch_check(cache, token->epoch, token->revision)) {
		set_expired(run, status);
		return -ERANGE;
	}
	return 0;
}

/* There is no state but the newest. */
static int choose_in_memory(struct list_run *run, struct status *status)
{
	const struct request_options *options = &run->call->request.options;
	const struct api_virtual *memory = memory_of(run->call->api, run->range.resource);

	if (options->match != MATCH_EXACT || options->revision == memory->revision(memory->ctx))
		return 0;
	set_expired(run, status);
	return -ERANGE;
}

static int choose_revision(struct list_run *run, struct status *status)
{
	const struct request_options *options = &run->call->request.options;

	if (options->continue_token)
		return read_token(run, status);
	if (!options->has_revision || !options->revision)
		return 0;
	if (run->in_memory)
		return choose_in_memory(run, status);
	if (list_is_future(run->call->api, run->range.resource, options->revision))
		return list_too_large(status, run->call->api, options->revision);
	if (options->match == MATCH_EXACT || (options->match == MATCH_UNSET && options->limit))
		run->revision = options->revision;
	return 0;
}

/* Those before the key where this page starts have been sent. */
static void skip_memory(struct list_run *run)
{
	struct key after = { run->range.resource, run->token.ns, run->token.name };
	struct memory *memory = &run->memory;

	while (run->token.name[0] && memory->next < memory->count &&
	       key_cmp(&memory->objects[memory->next]->key, &after) <= 0)
		memory->next++;
}

static void use_index(struct list_run *run)
{
	const struct selector *fields = run->call->request.options.fields;
	const char *key;

	for (size_t i = 0; fields && (key = selector_key(fields, i)); i++) {
		const char *value = selector_requires(fields, key);

		/* An absent field counts as "", and the index has no absent fields. */
		if (!value || !value[0] || !strncmp(key, "metadata.", 9))
			continue;
		run->range.field_key = key;
		run->range.field_value = value;
		return;
	}
}

static struct list_run *list_new(struct api_call *call)
{
	const struct request *request = &call->request;
	struct list_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	run->call = call;
	run->render = call_render(call);
	run->range.resource = request->kind->storage;
	run->range.ns = request->namespaced_path ? request->what.ns : NULL;
	run->total = UINT64_MAX;
	run->in_memory = memory_of(call->api, run->range.resource) != NULL;
	buf_init(&run->text, BATCH_BYTES * 2 + JSON_MAX_BYTES * 2);
	use_index(run);
	return run;
}

static int prepare(struct list_run *run, struct status *status)
{
	const struct request_options *options = &run->call->request.options;
	int err = request_check_list(&run->call->request, status);

	if (!err)
		err = choose_revision(run, status);
	if (err)
		return err;
	err = memory_gather(&run->memory, run->call->api, run->range.resource, run->range.ns);
	skip_memory(run);
	if (!err && run->in_memory)
		run->revision = memory_of(run->call->api, run->range.resource)
					->revision(memory_of(run->call->api, run->range.resource)->ctx);
	/* What is left is only known for whole lists, and only worth counting for those read in pages. */
	if (!err && options->limit && !options->labels && !options->fields && !run->memory.count &&
	    !run->revision)
		err = cache_count(run->call->api->options.cache, run->range.resource, run->range.ns,
				  &run->total);
	return err ? status_of_errno(status, err) : 0;
}

void verb_list(struct api_call *call)
{
	struct list_run *run = list_new(call);
	struct status status;

	status_init(&status);
	int err = run ? prepare(run, &status) : status_of_errno(&status, -ENOMEM);

	if (err) {
		if (run)
			list_free(run);
		call_status(call, &status);
	} else {
		call->state = run;
		call->ops = &list_ops;
		walk(run);
	}
	status_done(&status);
}
