#include "healthcheck/electorate.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

struct word {
	struct list_node node;
	struct verdict verdict;
	uint64_t taken_ms, expires_ms;
};

struct subject {
	struct list words; /* of one voter each */
};

struct electorate {
	const struct roster *roster;
	struct map subjects; /* id -> struct subject */
	size_t count;
};

static const char *const word_names[] = {
	[ELECTORATE_SILENT] = "silent", [ELECTORATE_UNDECIDED] = "undecided",
	[ELECTORATE_ALIVE] = "alive",	[ELECTORATE_AGENT_DOWN] = "agent-down",
	[ELECTORATE_DEAD] = "dead",
};

const char *electorate_word_name(enum electorate_word word)
{
	return (size_t)word < sizeof(word_names) / sizeof(word_names[0]) ? word_names[word] : "";
}

static struct span key_of(const uint8_t id[ROSTER_ID_SIZE])
{
	return span_make(id, ROSTER_ID_SIZE);
}

static void drop(struct electorate *e, struct subject *s, struct word *w)
{
	list_remove(&s->words, &w->node);
	free(w);
	e->count--;
}

static void clear(struct electorate *e, struct subject *s)
{
	struct list_node *node;

	while ((node = list_pop(&s->words)))
		drop(e, s, container_of(node, struct word, node));
}

int electorate_new(struct electorate **out)
{
	struct electorate *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	map_init(&e->subjects, ROSTER_MEMBERS_MAX);
	*out = e;
	return 0;
}

void electorate_free(struct electorate *e)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	if (!e)
		return;
	while (map_next(&e->subjects, &cursor, &key, &value))
		clear(e, value);
	map_done(&e->subjects, free);
	free(e);
}

static bool may_vote(const struct roster *roster, const uint8_t voter[ROSTER_ID_SIZE],
		     const uint8_t subject[ROSTER_ID_SIZE])
{
	const struct roster_member *v = roster_find_id(roster, voter), *s = roster_find_id(roster, subject);

	return v && s && v != s && v->identity_len && !v->in_maintenance && !s->in_maintenance;
}

int electorate_set_roster(struct electorate *e, const struct roster *roster)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	e->roster = roster;
	while (map_next(&e->subjects, &cursor, &key, &value)) {
		struct subject *s = value;

		list_for_each(&s->words, node) {
			struct word *w = container_of(node, struct word, node);

			if (!may_vote(roster, w->verdict.voter, w->verdict.subject))
				drop(e, s, w);
		}
		if (!s->words.count) {
			(void)map_remove(&e->subjects, key);
			free(s);
		}
	}
	return 0;
}

/* --- taking --- */

static struct subject *subject_of(struct electorate *e, const uint8_t id[ROSTER_ID_SIZE])
{
	struct subject *s = map_get(&e->subjects, key_of(id));

	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->words);
	if (map_put(&e->subjects, key_of(id), s, NULL)) {
		free(s);
		return NULL;
	}
	return s;
}

static struct word *word_of(const struct subject *s, const uint8_t voter[ROSTER_ID_SIZE])
{
	list_for_each(&s->words, node) {
		struct word *w = container_of(node, struct word, node);

		if (memcmp(w->verdict.voter, voter, ROSTER_ID_SIZE) == 0)
			return w;
	}
	return NULL;
}

static bool is_newer(const struct verdict *a, const struct verdict *b)
{
	return a->voter_start != b->voter_start ? a->voter_start > b->voter_start : a->sequence > b->sequence;
}

static bool is_stale(const struct electorate *e, const struct verdict *v)
{
	const struct roster_member *s = roster_find_id(e->roster, v->subject);
	uint64_t age = (uint64_t)v->age_ms + v->carried_ms;

	/* The voter's roster says where the subject is only if it is as new as what it says of it; versions are compared as they
	 * are carried, in their low bits. */
	return age >= e->roster->settings.verdict_ttl_ms ||
	       (int32_t)(v->roster_version - (uint32_t)s->since) < 0 ||
	       (v->word != VERDICT_ALIVE && v->subject_start && v->subject_start < s->start);
}

int electorate_take(struct electorate *e, const struct verdict *v, uint64_t now_ms)
{
	uint64_t age = (uint64_t)v->age_ms + v->carried_ms;
	struct subject *s;
	struct word *w;

	if (!e->roster || !may_vote(e->roster, v->voter, v->subject))
		return -EACCES;
	if (is_stale(e, v))
		return -ESTALE;
	s = subject_of(e, v->subject);
	if (!s)
		return -ENOMEM;
	w = word_of(s, v->voter);
	if (w && !is_newer(v, &w->verdict))
		return 0;
	if (!w) {
		if (e->count >= ELECTORATE_VERDICTS_MAX)
			return -ENOSPC;
		w = calloc(1, sizeof(*w));
		if (!w)
			return -ENOMEM;
		list_push(&s->words, &w->node);
		e->count++;
	}
	w->verdict = *v;
	w->taken_ms = now_ms;
	w->expires_ms = now_ms + e->roster->settings.verdict_ttl_ms - age;
	return 1;
}

/* --- counting --- */

static size_t electors(const struct roster *roster, const uint8_t subject[ROSTER_ID_SIZE])
{
	size_t count = 0;

	for (size_t i = 0; i < roster->count; i++)
		count += !roster->members[i].in_maintenance &&
			 memcmp(roster->members[i].id, subject, ROSTER_ID_SIZE) != 0;
	return count;
}

static enum electorate_word judge(const struct electorate_count *c)
{
	size_t gone = c->dead + c->agent_down;

	if (!c->alive && !gone)
		return ELECTORATE_SILENT;
	if (c->dead * 2 > c->electors && c->dead >= 2)
		return ELECTORATE_DEAD;
	if (gone * 2 > c->electors && c->agent_down)
		return ELECTORATE_AGENT_DOWN;
	return c->alive * 2 > c->electors ? ELECTORATE_ALIVE : ELECTORATE_UNDECIDED;
}

void electorate_count(struct electorate *e, const char *name, uint64_t now_ms, struct electorate_count *out)
{
	uint8_t id[ROSTER_ID_SIZE];
	const struct subject *s;

	*out = (struct electorate_count){ .word = ELECTORATE_SILENT, .until_ms = UINT64_MAX };
	if (!e->roster)
		return;
	roster_id(name, id);
	out->electors = electors(e->roster, id);
	s = map_get(&e->subjects, key_of(id));
	if (!s)
		return;
	list_for_each(&s->words, node) {
		const struct word *w = container_of(node, struct word, node);

		if (w->expires_ms <= now_ms)
			continue;
		out->alive += w->verdict.word == VERDICT_ALIVE;
		out->agent_down += w->verdict.word == VERDICT_AGENT_DOWN;
		out->dead += w->verdict.word == VERDICT_DEAD;
		if (w->expires_ms < out->until_ms)
			out->until_ms = w->expires_ms;
	}
	out->word = judge(out);
}

static int each_word(const struct electorate *e, const struct subject *s, uint64_t now_ms,
		     int (*each)(void *ctx, const struct roster_member *voter,
				 const struct roster_member *about, const struct verdict *verdict,
				 uint64_t taken_ms),
		     void *ctx)
{
	list_for_each(&s->words, node) {
		const struct word *w = container_of(node, struct word, node);
		int rc;

		if (w->expires_ms <= now_ms)
			continue;
		rc = each(ctx, roster_find_id(e->roster, w->verdict.voter),
			  roster_find_id(e->roster, w->verdict.subject), &w->verdict, w->taken_ms);
		if (rc)
			return rc;
	}
	return 0;
}

int electorate_each(const struct electorate *e, const char *name, uint64_t now_ms,
		    int (*each)(void *ctx, const struct roster_member *voter,
				const struct roster_member *about, const struct verdict *verdict,
				uint64_t taken_ms),
		    void *ctx)
{
	uint8_t id[ROSTER_ID_SIZE];
	struct span key;
	size_t cursor = 0;
	void *value;
	int rc = 0;

	if (name) {
		roster_id(name, id);
		value = map_get(&e->subjects, key_of(id));
		return value ? each_word(e, value, now_ms, each, ctx) : 0;
	}
	while (!rc && map_next(&e->subjects, &cursor, &key, &value))
		rc = each_word(e, value, now_ms, each, ctx);
	return rc;
}

void electorate_forget(struct electorate *e, const char *name)
{
	uint8_t id[ROSTER_ID_SIZE];
	struct subject *s;

	roster_id(name, id);
	s = map_remove(&e->subjects, key_of(id));
	if (!s)
		return;
	clear(e, s);
	free(s);
}
