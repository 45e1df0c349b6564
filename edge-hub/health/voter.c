#include "edge-hub/health/voter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct subject {
	char name[ROSTER_NAME_SIZE];
	bool by_cloud;		 /* asked over this node's own tunnel */
	bool by_self;		 /* not asked: it is dead */
	uint64_t until_ms;	 /* of what a neighbour said; 0: it did not */
	uint64_t spread_ms;	 /* when neighbours are told next */
	uint64_t due_ms;	 /* of the next word */
	uint64_t said_ms;	 /* 0: nothing yet */
	enum detector_view view; /* of the last word */
	enum verdict_word word;
};

struct voter {
	uint8_t id[ROSTER_ID_SIZE];
	char self[ROSTER_NAME_SIZE];
	uint64_t start, sequence;
	size_t count;
	struct subject subjects[VOTER_SUBJECTS_MAX];
};

/* Said often enough that one lost word does not make it expire. */
static unsigned repeat_ms(unsigned ttl_ms)
{
	return ttl_ms / 3;
}

/* While there is nothing to say (a suspicion, never reached), it is looked at again that often. */
#define LOOK_MS 1000u

int voter_new(const char *self, uint64_t start, struct voter **out)
{
	struct voter *voter = calloc(1, sizeof(*voter));

	if (!voter)
		return -ENOMEM;
	snprintf(voter->self, sizeof(voter->self), "%s", self);
	roster_id(self, voter->id);
	voter->start = start;
	*out = voter;
	return 0;
}

void voter_free(struct voter *voter)
{
	free(voter);
}

static struct subject *find(const struct voter *voter, const char *name)
{
	for (size_t i = 0; i < voter->count; i++)
		if (strcmp(voter->subjects[i].name, name) == 0)
			return (struct subject *)&voter->subjects[i];
	return NULL;
}

static struct subject *find_or_add(struct voter *voter, const char *name, uint64_t now_ms)
{
	struct subject *subject = find(voter, name);

	if (subject || voter->count == VOTER_SUBJECTS_MAX || strlen(name) >= sizeof(subject->name) ||
	    strcmp(name, voter->self) == 0) /* nobody votes on itself */
		return subject;
	subject = &voter->subjects[voter->count++];
	*subject = (struct subject){ .due_ms = now_ms };
	snprintf(subject->name, sizeof(subject->name), "%s", name);
	return subject;
}

static void prune(struct voter *voter, uint64_t now_ms)
{
	for (size_t i = 0; i < voter->count;) {
		struct subject *subject = &voter->subjects[i];

		if (subject->by_cloud || subject->by_self || subject->until_ms > now_ms)
			i++;
		else
			*subject = voter->subjects[--voter->count];
	}
}

void voter_want(struct voter *voter, const char *const *names, size_t count, uint64_t now_ms)
{
	for (size_t i = 0; i < voter->count; i++)
		voter->subjects[i].by_cloud = false;
	for (size_t i = 0; i < count; i++) {
		struct subject *subject = find_or_add(voter, names[i], now_ms);

		if (!subject)
			continue;
		subject->by_cloud = true;
		/* It asks again after a while without a tunnel: what was said then may not have got there. */
		subject->due_ms = subject->spread_ms = now_ms;
	}
	prune(voter, now_ms);
}

void voter_tunnel_down(struct voter *voter, unsigned ttl_ms, uint64_t now_ms)
{
	for (size_t i = 0; i < voter->count; i++) {
		struct subject *subject = &voter->subjects[i];

		if (subject->by_cloud)
			subject->until_ms = now_ms + 2ull * ttl_ms;
		subject->by_cloud = subject->by_self = false;
	}
}

void voter_saw_dead(struct voter *voter, const char *name, uint64_t now_ms)
{
	struct subject *subject;
	size_t own = 0;

	for (size_t i = 0; i < voter->count; i++)
		own += voter->subjects[i].by_self;
	if (own >= VOTER_OWN_MAX)
		return;
	subject = find_or_add(voter, name, now_ms);
	if (subject)
		subject->by_self = true;
}

bool voter_heard_want(struct voter *voter, const char *name, unsigned ttl_ms, uint64_t now_ms)
{
	size_t before = voter->count;
	struct subject *subject = find_or_add(voter, name, now_ms);

	if (subject)
		subject->until_ms = now_ms + 2ull * ttl_ms;
	return voter->count > before;
}

static bool speak(struct voter *voter, struct subject *subject, const struct detector *detector,
		  const struct roster *roster, uint64_t now_ms, struct verdict *out)
{
	unsigned ttl_ms = roster->settings.verdict_ttl_ms;
	struct detector_sight sight;

	if (!detector_sight(detector, subject->name, &sight)) {
		subject->due_ms = now_ms + LOOK_MS;
		subject->by_self = false;
		return false;
	}
	if (subject->said_ms && sight.view == subject->view && now_ms < subject->due_ms)
		return false;
	subject->due_ms = now_ms + LOOK_MS;
	if (!verdict_of_sight(&sight, now_ms, out))
		return false;
	/* A sign of life that is older than a verdict may be: the next probe brings a fresh one. */
	if (out->word == VERDICT_ALIVE && out->age_ms >= ttl_ms)
		return false;
	memcpy(out->voter, voter->id, ROSTER_ID_SIZE);
	roster_id(subject->name, out->subject);
	out->roster_version = (uint32_t)roster->version;
	out->voter_start = voter->start;
	out->sequence = ++voter->sequence;
	subject->said_ms = now_ms;
	subject->due_ms = now_ms + repeat_ms(ttl_ms);
	subject->view = sight.view;
	subject->by_self = subject->by_self && out->word == VERDICT_DEAD; /* the last one takes it back */
	subject->word = out->word;
	return true;
}

bool voter_next(struct voter *voter, const struct detector *detector, const struct roster *roster,
		uint64_t now_ms, struct verdict *out)
{
	prune(voter, now_ms);
	for (size_t i = 0; i < voter->count; i++)
		if (speak(voter, &voter->subjects[i], detector, roster, now_ms, out))
			return true;
	return false;
}

uint64_t voter_deadline(const struct voter *voter)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < voter->count; i++)
		if (voter->subjects[i].due_ms < next)
			next = voter->subjects[i].due_ms;
	return next;
}

const char *voter_next_to_spread(struct voter *voter, unsigned ttl_ms, uint64_t now_ms)
{
	for (size_t i = 0; i < voter->count; i++) {
		struct subject *subject = &voter->subjects[i];

		if (!subject->by_cloud || now_ms < subject->spread_ms)
			continue;
		subject->spread_ms = now_ms + ttl_ms;
		return subject->name;
	}
	return NULL;
}

bool voter_is_wanted(const struct voter *voter, const char *name)
{
	return find(voter, name) != NULL;
}

bool voter_said(const struct voter *voter, const char *name, enum verdict_word *out_word,
		uint64_t *out_said_ms)
{
	const struct subject *subject = find(voter, name);

	if (!subject || !subject->said_ms)
		return false;
	*out_word = subject->word;
	*out_said_ms = subject->said_ms;
	return true;
}

size_t voter_count(const struct voter *voter)
{
	return voter->count;
}
