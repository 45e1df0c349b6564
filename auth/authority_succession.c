/* Which generations an authority has, and how they follow each other: each step is one atomic write of their list. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/authority_impl.h"
#include "base/json.h"

#define LIST_FILE "generations.json"
#define LIST_FORMAT 1

static const char *const state_names[] = {
	[AUTHORITY_CURRENT] = "current",       [AUTHORITY_NEXT] = "next",
	[AUTHORITY_PREVIOUS] = "previous",     [AUTHORITY_RETIRED] = "retired",
	[AUTHORITY_DISTRUSTED] = "distrusted",
};
#define STATES (sizeof(state_names) / sizeof(state_names[0]))

const char *authority_state_name(enum authority_state state)
{
	return state_names[state];
}

/* --- the list of them --- */

static int state_of_name(const char *name, enum authority_state *out)
{
	for (size_t i = 0; i < STATES; i++)
		if (strcmp(name, state_names[i]) == 0) {
			*out = (enum authority_state)i;
			return 0;
		}
	return -EBADMSG;
}

static int read_list(struct authority *a, const struct json *tree)
{
	const struct json *list = json_get(tree, "generations");
	size_t count = json_count(list), currents = 0;
	unsigned last = 0;

	if (json_path_int(tree, "format", 0) != LIST_FORMAT || !count || count > AUTHORITY_GENERATIONS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < count; i++) {
		const struct json *item = json_at(list, i);
		int64_t number = json_path_int(item, "number", 0);
		enum authority_state state;

		if (number <= last || number > INT32_MAX ||
		    state_of_name(json_path_str(item, "state", ""), &state))
			return -EBADMSG;
		last = (unsigned)number;
		currents += state == AUTHORITY_CURRENT;
		generation_init(&a->generations[a->count++], last, state);
	}
	return currents == 1 ? 0 : -EBADMSG;
}

int generations_read(struct authority *a, struct err *err)
{
	struct json *tree = NULL;
	struct buf text;
	int rc;

	buf_init(&text, PKIDIR_FILE_MAX);
	rc = pkidir_read(a->dir, LIST_FILE, &text, err);
	if (rc == -ENOENT) {
		generation_init(&a->generations[a->count++], 1, AUTHORITY_CURRENT);
		rc = 0;
	} else if (!rc) {
		rc = json_parse(buf_span(&text), &tree, err);
		if (!rc)
			rc = read_list(a, tree);
		if (rc && rc != -ENOMEM)
			rc = err_set(err, -EBADMSG, "%s/" LIST_FILE " is damaged; restore it from a backup",
				     a->dir);
	}
	json_free(tree);
	buf_done(&text);
	return rc;
}

static int write_list(const struct authority *a, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	struct buf text;
	int n = snprintf(path, sizeof(path), "%s/" LIST_FILE, a->dir), rc;

	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "%s: path too long", a->dir);
	buf_init(&text, PKIDIR_FILE_MAX);
	(void)buf_addf(&text, "{\"format\":%d,\"generations\":[", LIST_FORMAT);
	for (size_t i = 0; i < a->count; i++)
		(void)buf_addf(&text, "%s{\"number\":%u,\"state\":\"%s\"}", i ? "," : "",
			       a->generations[i].number, state_names[a->generations[i].state]);
	(void)buf_add_str(&text, "]}\n");
	rc = buf_error(&text) ? err_set(err, -ENOMEM, "out of memory")
			      : pkidir_replace(path, buf_span(&text), err);
	buf_done(&text);
	return rc;
}

/* --- succession --- */

/* Under the lock, and only when the disk still says what we believe: another process may have stepped meanwhile. */
static int check_unmoved(const struct authority *a, struct err *err)
{
	struct authority *disk = calloc(1, sizeof(*disk));
	bool same;
	int rc;

	if (!disk)
		return err_set(err, -ENOMEM, "out of memory");
	(void)snprintf(disk->dir, sizeof(disk->dir), "%s", a->dir);
	rc = generations_read(disk, err);
	same = disk->count == a->count;
	for (size_t i = 0; !rc && same && i < a->count; i++)
		same = disk->generations[i].number == a->generations[i].number &&
		       disk->generations[i].state == a->generations[i].state;
	for (size_t i = 0; i < disk->count; i++)
		generation_done(&disk->generations[i]);
	free(disk);
	if (rc)
		return rc;
	return same ? 0 : err_set(err, -ESTALE, "another process has changed the authority: start anew");
}

/* Every state that is `from` becomes `to`, on the disk and then here; or nothing does. */
static int move_states(struct authority *a, const enum authority_state (*moves)[2], size_t count,
		       struct err *err)
{
	enum authority_state before[AUTHORITY_GENERATIONS_MAX] = { 0 };
	int lock = -1, rc;

	for (size_t i = 0; i < a->count; i++)
		before[i] = a->generations[i].state;
	rc = pkidir_lock(a->dir, &lock, err);
	if (!rc)
		rc = check_unmoved(a, err);
	for (size_t i = 0; !rc && i < a->count; i++)
		for (size_t m = 0; m < count; m++)
			if (before[i] == moves[m][0])
				a->generations[i].state = moves[m][1];
	if (!rc)
		rc = write_list(a, err);
	if (!rc && authority_make_bundle(a))
		rc = err_set(err, -ENOMEM,
			     "out of memory"); /* on the disk it is done: said again at the next step */
	else if (rc)
		for (size_t i = 0; i < a->count; i++)
			a->generations[i].state = before[i];
	if (lock >= 0)
		(void)close(lock);
	return rc;
}

/* Room for one more: the oldest that nobody is trusted by any more is forgotten; its files stay. */
static int make_room(struct authority *a, struct err *err)
{
	if (a->count < AUTHORITY_GENERATIONS_MAX)
		return 0;
	if (a->generations[0].state != AUTHORITY_RETIRED && a->generations[0].state != AUTHORITY_DISTRUSTED)
		return err_set(err, -ENOSPC, "more than %u generations are in use",
			       AUTHORITY_GENERATIONS_MAX);
	generation_done(&a->generations[0]);
	memmove(&a->generations[0], &a->generations[1], (a->count - 1) * sizeof(a->generations[0]));
	a->count--;
	return 0;
}

static int add_next(struct authority *a, int64_t now_wall_ms, struct err *err)
{
	const struct generation *current = authority_current(a);
	unsigned number = a->generations[a->count - 1].number + 1;
	struct generation *next = &a->generations[a->count];
	char dir[PKIDIR_PATH_MAX];
	int rc = generation_dir(a, number, dir);

	if (rc)
		return err_set(err, rc, "%s: path too long", a->dir);
	rc = pkidir_remove(dir, err); /* of a rotation that was cut short: nobody has heard of it */
	if (!rc)
		rc = generation_create(a, number, current, now_wall_ms, err);
	if (rc)
		return rc;
	generation_init(next, number, AUTHORITY_NEXT);
	rc = generation_load(next, a, err);
	if (!rc) {
		a->count++;
		rc = write_list(a, err);
		if (rc)
			a->count--;
	}
	if (rc)
		generation_done(next);
	return rc;
}

int authority_rotate(struct authority *a, int64_t now_wall_ms, struct err *err)
{
	int lock = -1, rc;

	if (authority_has(a, AUTHORITY_NEXT) || authority_has(a, AUTHORITY_PREVIOUS))
		return err_set(err, -EBUSY, "a rotation is under way: finish that one first");
	rc = pkidir_lock(a->dir, &lock, err);
	if (!rc)
		rc = check_unmoved(a, err);
	if (!rc)
		rc = make_room(a, err);
	if (!rc)
		rc = add_next(a, now_wall_ms, err);
	if (!rc && authority_make_bundle(a))
		rc = err_set(err, -ENOMEM, "out of memory");
	if (lock >= 0)
		(void)close(lock);
	return rc;
}

int authority_switch(struct authority *a, struct err *err)
{
	static const enum authority_state moves[][2] = { { AUTHORITY_CURRENT, AUTHORITY_PREVIOUS },
							 { AUTHORITY_NEXT, AUTHORITY_CURRENT } };

	if (!authority_has(a, AUTHORITY_NEXT))
		return err_set(err, -EBUSY, "there is no new authority to switch to: rotate first");
	return move_states(a, moves, 2, err);
}

int authority_finish(struct authority *a, struct err *err)
{
	static const enum authority_state moves[][2] = { { AUTHORITY_PREVIOUS, AUTHORITY_RETIRED } };

	if (!authority_has(a, AUTHORITY_PREVIOUS))
		return err_set(err, -EBUSY, "there is no previous authority to retire");
	return move_states(a, moves, 1, err);
}

int authority_distrust_old(struct authority *a, struct err *err)
{
	static const enum authority_state moves[][2] = { { AUTHORITY_PREVIOUS, AUTHORITY_DISTRUSTED },
							 { AUTHORITY_RETIRED, AUTHORITY_DISTRUSTED } };

	if (authority_has(a, AUTHORITY_NEXT))
		return err_set(err, -EBUSY, "the new authority has yet to take over");
	return move_states(a, moves, 2, err);
}
