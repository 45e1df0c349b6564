/* condition: entries of status.conditions in an object's tree, and the numbers beside them. Pure. */
#ifndef HOLDFAST_CONTROL_CONDITION_H
#define HOLDFAST_CONTROL_CONDITION_H

#include "base/json.h"

/* The entry of this type; NULL. */
struct json *condition_of(const struct json *object, const char *type);
/* "" when absent. */
const char *condition_status(const struct json *object, const char *type);
const char *condition_reason(const struct json *object, const char *type);
/* Sets it; an empty reason or message is left out. lastTransitionTime moves with the status only. 1: it changed; 0; -ENOMEM. */
int condition_set(struct json *object, const char *type, const char *status, const char *reason,
		  const char *message, int64_t now_wall_ms) must_check;
/* Whether there was one. */
bool condition_remove(struct json *object, const char *type);

struct status_number {
	const char *name;
	int64_t value;
	bool optional; /* left out when zero, as upstream's omitempty */
};
/* 1: something changed; 0; -ENOMEM. */
int status_numbers_set(struct json *object, const struct status_number *fields, size_t count) must_check;

#endif
