#include "cloud-hub/backup/restored.h"

#include "auth/enrol.h"
#include "auth/fork.h"
#include "auth/token.h"
#include "auth/user.h"
#include "base/clock.h"
#include "base/list.h"
#include "cloud-hub/backup/make.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 512u
#define VALUE_MAX 1024u
#define OPS_MAX 256u /* in one transaction */

/* Changes of marks, collected while the marks are read and made afterwards. */
struct change_of {
	struct list_node node;
	struct buf value;
	bool is_void;
	char name[];
};

struct changes {
	struct list all;
	int code;
};

static void changes_init(struct changes *changes)
{
	list_init(&changes->all);
	changes->code = 0;
}

static void changes_done(struct changes *changes)
{
	struct list_node *node;

	while ((node = list_pop(&changes->all))) {
		struct change_of *change = container_of(node, struct change_of, node);

		buf_done(&change->value);
		free(change);
	}
}

/* `value` NULL: the mark goes. A failure sticks. */
static void change(struct changes *changes, const char *name, const struct span *value)
{
	size_t len = strlen(name) + 1;
	struct change_of *c = changes->code ? NULL : calloc(1, sizeof(*c) + len);

	if (!c) {
		changes->code = -ENOMEM;
		return;
	}
	memcpy(c->name, name, len);
	c->is_void = !value;
	buf_init(&c->value, CACHE_MARK_MAX);
	list_push(&changes->all, &c->node);
	if (value)
		changes->code = buf_add_span(&c->value, *value);
	if (!changes->code && value && !value->len)
		changes->code = buf_reserve(&c->value, 1); /* an empty value is one: it wants an address */
}

static void on_done(void *ctx, const struct cache_result *result)
{
	*(int *)ctx = result->code;
}

static int commit_some(struct cache *cache, struct cache_op *ops, size_t count)
{
	int done = -EIO, code = cache_submit(cache, ops, count, on_done, &done);

	if (code)
		return code;
	cache_dispatch(cache, clock_wall_ms());
	return done;
}

static int commit(struct cache *cache, const struct changes *changes)
{
	struct cache_op ops[OPS_MAX];
	size_t count = 0;
	int code = changes->code;

	list_for_each(&changes->all, node) {
		const struct change_of *c = container_of(node, struct change_of, node);

		if (code)
			break;
		ops[count++] = (struct cache_op){ .type = CACHE_MARK, .mark = c->name };
		if (!c->is_void)
			ops[count - 1].value = buf_span(&c->value);
		if (count == OPS_MAX) {
			code = commit_some(cache, ops, count);
			count = 0;
		}
	}
	return !code && count ? commit_some(cache, ops, count) : code;
}

/* --- the table --- */

enum fate { KEEP, VOID, RAISE };

struct rule {
	const char *prefix;
	enum fate fate;
	/* VOID: true keeps this one all the same. May be NULL. */
	bool (*is_kept)(struct span value);
	size_t counted; /* offset in struct restored_counts, 0: not counted */
};

/* A copy of a disk that was found stays found, and those decided against stay out. */
static bool is_quarantined(struct span value)
{
	struct fork fork;

	return fork_parse(value, &fork) == 0 && (fork.quarantined || fork.denied_count);
}

/* What a restore does with each kind of mark. What is not named is kept. */
static const struct rule rules[] = {
	/* May have been used up or revoked since, or be in wrong hands. */
	{ TOKEN_MARK_PREFIX, VOID, NULL, offsetof(struct restored_counts, tokens) + 1 },
	/* Secrets handed out since are not known: whoever proves its key gets a new one. */
	{ FORK_MARK_PREFIX, VOID, is_quarantined, offsetof(struct restored_counts, sessions) + 1 },
	/* Of a restore before this one. */
	{ RESTORED_MARK, VOID, NULL, 0 },
	{ RESTORED_UNRECONCILED_PREFIX, VOID, NULL, 0 },
	{ RESTORED_GENERATION_MARK, RAISE, NULL, 0 },
	/* Registrations: as of the backup, and what is known to be revoked since (restored_take_revocations). */
	{ ENROL_MARK_PREFIX, KEEP, NULL, 0 },
	{ USER_MARK_PREFIX, KEEP, NULL, 0 },
	/* Keys of regions: members cut off go on with these. New ones follow, numbered by RESTORED_GENERATION_MARK. */
	{ "health/", KEEP, NULL, 0 },
	/* How far each outbox was applied: edges go on from there. What was applied since and is not in the store comes again as
	 * state (statuses are compared and re-sent), or is a past event and lost. */
	{ "applied/", KEEP, NULL, 0 },
};

static const struct rule *rule_of(const char *mark)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct span prefix = span_of(rules[i].prefix);
		bool is_whole = prefix.ptr[prefix.len - 1] != '/';

		if (is_whole ? strcmp(mark, rules[i].prefix) == 0 : span_has_prefix(span_of(mark), prefix))
			return &rules[i];
	}
	return NULL;
}

struct applying {
	struct changes changes;
	struct restored_counts *counts;
};

static int look_at(void *ctx, const char *mark, struct span value)
{
	struct applying *a = ctx;
	const struct rule *rule = rule_of(mark);

	if (!rule || rule->fate != VOID || (rule->is_kept && rule->is_kept(value)))
		return 0;
	change(&a->changes, mark, NULL);
	if (rule->counted)
		++*(uint64_t *)((char *)a->counts + rule->counted - 1);
	return a->changes.code;
}

static int hold_node(void *ctx, struct object *object)
{
	struct applying *a = ctx;
	char mark[NAME_MAX_BYTES];
	struct span empty = SPAN("");
	int len = snprintf(mark, sizeof(mark), RESTORED_UNRECONCILED_PREFIX "%s", object->key.name);

	if (len > 0 && (size_t)len < sizeof(mark)) {
		change(&a->changes, mark, &empty);
		a->counts->nodes++;
	}
	return a->changes.code;
}

static int hold_nodes(struct cache *cache, struct applying *a)
{
	struct cache_list nodes = { .resource = "nodes" };

	return cache_list(cache, &nodes, hold_node, a, NULL);
}

static void note_restore(struct applying *a, const struct restored_facts *facts)
{
	char now[CLOCK_TEXT_SIZE], made[CLOCK_TEXT_SIZE], text[VALUE_MAX];
	struct span value;
	int len;

	clock_format(facts->now_wall_ms, now);
	clock_format(facts->made_wall_ms, made);
	len = snprintf(text, sizeof(text),
		       "{\"time\":\"%s\",\"backupMade\":\"%s\",\"revision\":%" PRIu64
		       ",\"epoch\":\"%s\",\"generation\":%" PRIu64 "}",
		       now, made, facts->revision, facts->epoch, a->counts->generation);
	value = span_make(text, (size_t)len);
	change(&a->changes, RESTORED_MARK, &value);
	len = snprintf(text, sizeof(text), "%" PRIu64, a->counts->generation);
	value = span_make(text, (size_t)len);
	change(&a->changes, RESTORED_GENERATION_MARK, &value);
}

int restored_apply(struct cache *cache, const struct restored_facts *facts, struct restored_counts *counts,
		   struct err *err)
{
	struct applying a = { .counts = counts };
	int code = backup_generation(cache, &counts->generation);

	counts->generation++;
	changes_init(&a.changes);
	if (!code)
		code = cache_mark_list(cache, "", look_at, &a);
	if (!code)
		code = hold_nodes(cache, &a);
	if (!code) {
		note_restore(&a, facts);
		code = commit(cache, &a.changes);
	}
	changes_done(&a.changes);
	return code ? err_set(err, code, "changing the restored store: %s", strerror(-code)) : 0;
}

/* --- revocations --- */

struct taking {
	struct cache *to;
	struct changes changes;
	struct restored_counts *counts;
};

/* What the restored store has under the same name; false: nothing, or nothing readable. */
static bool enrolment_there(const struct taking *t, const char *mark, struct enrolment *out)
{
	struct buf value;
	int code;

	buf_init(&value, CACHE_MARK_MAX);
	code = cache_mark_get(t->to, mark, &value);
	if (!code)
		code = enrolment_parse(buf_span(&value), out, NULL);
	buf_done(&value);
	return !code;
}

/* Its key was renewed, or the name given to another machine, since the other record was written. */
static bool has_newer_key(const struct enrolment *a, const struct enrolment *b)
{
	return memcmp(a->key_sha256, b->key_sha256, sizeof(a->key_sha256)) != 0 &&
	       (a->generation > b->generation || a->issued_wall_ms > b->issued_wall_ms);
}

/* A node that was revoked, or has another key since: the newer record stands. One that only joined since is for the operator to
 * confirm. */
static int take_node(void *ctx, const char *mark, struct span value)
{
	struct taking *t = ctx;
	struct enrolment newer, older;
	bool has_older;

	if (enrolment_parse(value, &newer, NULL))
		return 0;
	has_older = enrolment_there(t, mark, &older);
	if (has_older ? (newer.revoked == older.revoked || !newer.revoked) && !has_newer_key(&newer, &older)
		      : !newer.revoked)
		return 0;
	change(&t->changes, mark, &value);
	t->counts->revoked_nodes += newer.revoked;
	return t->changes.code;
}

static int take_user(void *ctx, const char *mark, struct span value)
{
	struct taking *t = ctx;
	struct user_cert newer, older;
	struct buf there;
	bool known;

	if (user_cert_parse(value, &newer, NULL) || !newer.revoked_wall_ms)
		return 0;
	buf_init(&there, CACHE_MARK_MAX);
	known = cache_mark_get(t->to, mark, &there) == 0 &&
		user_cert_parse(buf_span(&there), &older, NULL) == 0 && older.revoked_wall_ms;
	buf_done(&there);
	if (known)
		return 0;
	change(&t->changes, mark, &value);
	t->counts->revoked_users++;
	return t->changes.code;
}

int restored_take_revocations(struct cache *from, struct cache *to, struct restored_counts *counts,
			      struct err *err)
{
	struct taking t = { .to = to, .counts = counts };
	int code;

	changes_init(&t.changes);
	code = cache_mark_list(from, ENROL_MARK_PREFIX, take_node, &t);
	if (!code)
		code = cache_mark_list(from, USER_MARK_PREFIX, take_user, &t);
	if (!code)
		code = commit(to, &t.changes);
	changes_done(&t.changes);
	return code ? err_set(err, code, "taking over revocations: %s", strerror(-code)) : 0;
}
