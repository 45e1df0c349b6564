#include "healthcheck/score.h"

#include <errno.h>
#include <stdio.h>

#define TROUBLE_MAX 8u	  /* DETECTOR_SCORE_MAX */
#define LATE_STEP_MS 200u /* each so much of lateness is one point of trouble */

void score_init(struct score *s)
{
	*s = (struct score){ .count = 0 };
}

static struct score_check *find(struct score *s, const char *name)
{
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->checks[i].name, name) == 0)
			return &s->checks[i];
	return NULL;
}

int score_add(struct score *s, const char *name, unsigned weight)
{
	if (!name[0] || strlen(name) >= SCORE_NAME_SIZE)
		return -EINVAL;
	if (find(s, name))
		return -EEXIST;
	if (s->count == SCORE_CHECKS_MAX)
		return -ENOSPC;
	s->checks[s->count] = (struct score_check){ .weight = weight };
	memcpy(s->checks[s->count++].name, name, strlen(name) + 1);
	return 0;
}

static void say(struct score_check *c, const char *text)
{
	snprintf(c->text, sizeof(c->text), "%s", text ? text : "");
}

bool score_result(struct score *s, const char *name, bool passed, const char *text, unsigned threshold,
		  uint64_t now_ms)
{
	struct score_check *c = find(s, name);
	bool was, was_unasked;

	if (!c)
		return false;
	was = c->is_failing;
	was_unasked = c->is_unasked;
	c->passes = passed ? c->passes + 1 : 0;
	c->failures = passed ? 0 : c->failures + 1;
	c->unasked = 0;
	c->is_unasked = false;
	if (!passed)
		say(c, text);
	if ((passed ? c->passes : c->failures) >= (threshold ? threshold : 1))
		c->is_failing = !passed;
	c->is_known = c->is_known || passed || c->is_failing;
	if (passed && !c->is_failing)
		c->text[0] = '\0';
	if (c->is_failing == was && !was_unasked)
		return false;
	c->since_ms = now_ms;
	return true;
}

bool score_unasked(struct score *s, const char *name, const char *text, unsigned threshold, uint64_t now_ms)
{
	struct score_check *c = find(s, name);

	if (!c || c->is_unasked)
		return false;
	c->unasked++;
	if (c->unasked < (threshold ? threshold : 1))
		return false;
	c->is_unasked = c->is_known = true;
	c->since_ms = now_ms;
	say(c, text);
	return true;
}

bool score_is_known(const struct score *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->checks[i].is_known)
			return false;
	return true;
}

void score_late(struct score *s, uint64_t late_ms)
{
	s->late_ms = (3 * s->late_ms + late_ms) / 4;
}

unsigned score_percent(const struct score *s)
{
	uint64_t whole = 0, passing = 0;

	for (size_t i = 0; i < s->count; i++) {
		whole += s->checks[i].weight;
		passing += s->checks[i].is_failing ? 0 : s->checks[i].weight;
	}
	return whole ? (unsigned)(100 * passing / whole) : 100;
}

unsigned score_trouble(const struct score *s)
{
	uint64_t trouble = (100 - score_percent(s)) * TROUBLE_MAX / 100 + s->late_ms / LATE_STEP_MS;

	return trouble > TROUBLE_MAX ? TROUBLE_MAX : (unsigned)trouble;
}
