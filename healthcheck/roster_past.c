#include "healthcheck/roster_past.h"

#include <errno.h>
#include <stdlib.h>

#include "base/text.h"

struct change {
	uint64_t version;
	uint8_t id[ROSTER_ID_SIZE];
	bool is_in;
};

struct roster_past {
	uint64_t base;
	bool is_torn; /* the oldest changes were dropped for want of room, so who came with them is not known */
	struct change *changes; /* by version, oldest first */
	size_t count, room;
};

int roster_past_new(struct roster_past **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

void roster_past_free(struct roster_past *past)
{
	if (!past)
		return;
	free(past->changes);
	free(past);
}

/* What is older than that is lost. */
static void tear(struct roster_past *past, uint64_t version)
{
	roster_past_forget(past, version);
	past->is_torn = true;
}

static int make_room(struct roster_past *past)
{
	size_t room = past->room ? 2 * past->room : 16;
	struct change *changes;

	if (past->count == ROSTER_PAST_CHANGES_MAX)
		tear(past, past->changes[0].version);
	if (past->count < past->room)
		return 0;
	changes = realloc(past->changes, room * sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	past->changes = changes;
	past->room = room;
	return 0;
}

void roster_past_note(struct roster_past *past, uint64_t version, const uint8_t id[ROSTER_ID_SIZE],
		      bool is_in)
{
	struct change *change;

	if (make_room(past)) {
		tear(past, version);
		return;
	}
	change = &past->changes[past->count++];
	*change = (struct change){ .version = version, .is_in = is_in };
	memcpy(change->id, id, ROSTER_ID_SIZE);
}

void roster_past_forget(struct roster_past *past, uint64_t before)
{
	size_t gone = 0;

	while (gone < past->count && past->changes[gone].version <= before)
		gone++;
	past->count -= gone;
	if (past->count)
		memmove(past->changes, past->changes + gone, past->count * sizeof(*past->changes));
	if (before > past->base)
		past->base = before;
	past->is_torn = past->is_torn && past->count;
}

uint64_t roster_past_base(const struct roster_past *past)
{
	return past->base;
}

uint64_t roster_past_last(const struct roster_past *past)
{
	return past->count ? past->changes[past->count - 1].version : 0;
}

uint64_t roster_past_known(const struct roster_past *past, const uint8_t id[ROSTER_ID_SIZE])
{
	if (past->is_torn)
		return 0;
	for (size_t i = 0; i < past->count; i++)
		if (past->changes[i].is_in && memcmp(past->changes[i].id, id, ROSTER_ID_SIZE) == 0)
			return 0;
	return past->base;
}

/* --- going back --- */

static size_t find(const struct roster_past_set *set, const uint8_t id[ROSTER_ID_SIZE])
{
	size_t i = 0;

	while (i < set->count && memcmp(set->ids[i], id, ROSTER_ID_SIZE) != 0)
		i++;
	return i;
}

/* What a write that failed has left behind undoes nothing that is not there. */
static void undo(struct roster_past_set *set, const struct change *change)
{
	size_t at = find(set, change->id);

	if (change->is_in && at < set->count)
		memcpy(set->ids[at], set->ids[--set->count], ROSTER_ID_SIZE);
	else if (!change->is_in && at == set->count)
		memcpy(set->ids[set->count++], change->id, ROSTER_ID_SIZE);
}

static void take(const struct roster *roster, struct roster_past_set *set)
{
	for (size_t i = 0; i < roster->count; i++)
		if (!roster->members[i].in_maintenance)
			memcpy(set->ids[set->count++], roster->members[i].id, ROSTER_ID_SIZE);
}

static int walk(const struct roster_past *past, struct roster_past_set *set, uint64_t oldest, uint64_t newest,
		int (*each)(void *ctx, const struct roster_past_set *set), void *ctx)
{
	size_t left = past->count;
	int rc;

	while (left && past->changes[left - 1].version > newest)
		undo(set, &past->changes[--left]);
	rc = each(ctx, set);
	while (!rc && left && past->changes[left - 1].version > oldest) {
		uint64_t version = past->changes[left - 1].version;

		while (left && past->changes[left - 1].version == version)
			undo(set, &past->changes[--left]);
		rc = each(ctx, set);
	}
	return rc;
}

int roster_past_each(const struct roster_past *past, const struct roster *now, uint64_t oldest,
		     uint64_t newest, int (*each)(void *ctx, const struct roster_past_set *set), void *ctx)
{
	struct roster_past_set set = { NULL, 0 };
	int rc;

	if (oldest < past->base)
		return -ERANGE;
	set.ids = calloc(now->count + past->count + 1, sizeof(*set.ids));
	if (!set.ids)
		return -ENOMEM;
	take(now, &set);
	rc = walk(past, &set, oldest, newest, each, ctx);
	free(set.ids);
	return rc;
}

/* --- as stored: {"base":N,"torn":false,"changes":[["ID",VERSION,true],...]} --- */

int roster_past_write(const struct roster_past *past, struct buf *out)
{
	(void)buf_addf(out, "{\"base\":%llu,\"torn\":%s,\"changes\":[", (unsigned long long)past->base,
		       past->is_torn ? "true" : "false");
	for (size_t i = 0; i < past->count; i++) {
		(void)buf_add_str(out, i ? ",[\"" : "[\"");
		(void)text_hex(out, span_make(past->changes[i].id, ROSTER_ID_SIZE));
		(void)buf_addf(out, "\",%llu,%s]", (unsigned long long)past->changes[i].version,
			       past->changes[i].is_in ? "true" : "false");
	}
	(void)buf_add_str(out, "]}");
	return buf_error(out);
}

static int read_change(struct roster_past *past, const struct json *item)
{
	int64_t version = json_int(json_at(item, 1), 0);
	const struct json *is_in = json_at(item, 2);
	struct buf id;
	int code;

	buf_init(&id, 64);
	code = text_unhex(&id, json_span(json_at(item, 0)));
	if (!code && (id.len != ROSTER_ID_SIZE || version <= 0 || !json_is(is_in, JSON_BOOL) ||
		      (uint64_t)version < roster_past_last(past)))
		code = -EINVAL;
	if (!code)
		roster_past_note(past, (uint64_t)version, (const uint8_t *)id.data, json_bool(is_in, false));
	buf_done(&id);
	return code;
}

int roster_past_read(struct roster_past *past, struct span text)
{
	struct roster_past read = { 0 };
	struct json *tree = NULL;
	const struct json *list;
	int64_t base;
	bool is_torn;
	int code = json_parse(text, &tree, NULL) ? -EINVAL : 0;

	base = json_int(json_get(tree, "base"), -1);
	is_torn = json_bool(json_get(tree, "torn"), true);
	list = json_get(tree, "changes");
	if (!code && (base < 0 || !json_is(list, JSON_ARRAY) || json_count(list) > ROSTER_PAST_CHANGES_MAX))
		code = -EINVAL;
	for (size_t i = 0; !code && i < json_count(list); i++)
		code = read_change(&read, json_at(list, i));
	json_free(tree);
	if (code) {
		free(read.changes);
		return code == -ENOMEM ? code : -EINVAL;
	}
	if (read.base < (uint64_t)base)
		read.base = (uint64_t)base;
	read.is_torn = read.is_torn || is_torn;
	free(past->changes);
	*past = read;
	return 0;
}
