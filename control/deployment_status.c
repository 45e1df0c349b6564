/* What a Deployment says of itself. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "control/condition.h"
#include "control/deployment_internal.h"
#include "control/replicaset.h"

#define AVAILABLE "Available"
#define PROGRESSING "Progressing"
#define REASON_PAUSED "DeploymentPaused"
#define REASON_RESUMED "DeploymentResumed"
#define REASON_FOUND "FoundNewReplicaSet"
#define REASON_MADE "NewReplicaSetCreated"
#define REASON_NOT_MADE "ReplicaSetCreateError"
#define REASON_UPDATED "ReplicaSetUpdated"
#define REASON_COMPLETE "NewReplicaSetAvailable"
#define REASON_LATE "ProgressDeadlineExceeded"
#define MESSAGE_SIZE 700u
#define RECHECK_MS 1000 /* after the deadline, for times are kept in seconds */

/* What is counted, before and now. */
struct counts {
	int64_t replicas, updated, ready, available;
};

/* Upstream's rule: the same status for the same reason is not news, unless it is a sign of life (`again`). */
static int say(struct rollout *r, const char *type, const char *status, const char *reason,
	       const char *message, bool again)
{
	const struct json *had = condition_of(r->tree, type);
	char now[CLOCK_TEXT_SIZE];
	struct json *condition;

	if (had && !again && strcmp(condition_status(r->tree, type), status) == 0 &&
	    strcmp(condition_reason(r->tree, type), reason) == 0)
		return 0;
	if (condition_set(r->tree, type, status, reason, message, r->now->wall_ms) < 0)
		return -ENOMEM;
	condition = condition_of(r->tree, type);
	clock_format(r->now->wall_ms, now);
	if (strcmp(json_str(json_get(condition, "lastUpdateTime"), ""), now) != 0 &&
	    json_set_str(condition, "lastUpdateTime", now))
		return -ENOMEM;
	r->plan->changed = true;
	return 0;
}

static void take_back(struct rollout *r, const char *type)
{
	if (condition_remove(r->tree, type))
		r->plan->changed = true;
}

/* --- counting --- */

static struct counts count(const struct rollout *r)
{
	struct counts counts = { .updated = r->current ? r->current->has : 0 };

	for (size_t i = 0; i < r->count; i++) {
		counts.replicas += r->all[i]->has;
		counts.ready += r->all[i]->ready;
		counts.available += r->all[i]->available;
	}
	return counts;
}

static struct counts said_before(const struct rollout *r)
{
	const struct json *status = json_get(r->tree, "status");

	return (struct counts){
		.replicas = json_int(json_get(status, "replicas"), 0),
		.updated = json_int(json_get(status, "updatedReplicas"), 0),
		.ready = json_int(json_get(status, "readyReplicas"), 0),
		.available = json_int(json_get(status, "availableReplicas"), 0),
	};
}

/* A ReplicaSet's failure is its Deployment's; the current one's first. */
static int pass_on_failure(struct rollout *r)
{
	const struct json *failure =
		r->current ? condition_of(r->current->tree, CONDITION_REPLICA_FAILURE) : NULL;

	for (size_t i = 0; !failure && i < r->count; i++)
		failure = condition_of(r->all[i]->tree, CONDITION_REPLICA_FAILURE);
	if (failure)
		return say(r, CONDITION_REPLICA_FAILURE, json_str(json_get(failure, "status"), "True"),
			   json_str(json_get(failure, "reason"), ""),
			   json_str(json_get(failure, "message"), ""), false);
	take_back(r, CONDITION_REPLICA_FAILURE);
	return 0;
}

int status_counts(struct rollout *r)
{
	struct counts counts = count(r);
	int64_t missing = rollout_wanted(r) - counts.available;
	const struct status_number fields[] = {
		{ "observedGeneration", r->d->generation, true },
		{ "replicas", counts.replicas, true },
		{ "updatedReplicas", counts.updated, true },
		{ "readyReplicas", counts.ready, true },
		{ "availableReplicas", counts.available, true },
		{ "unavailableReplicas", missing > 0 ? missing : 0, true },
	};
	int rc = status_numbers_set(r->tree, fields, sizeof(fields) / sizeof(fields[0]));

	if (rc < 0)
		return rc;
	r->plan->changed = r->plan->changed || rc;
	if (counts.available >= r->d->replicas - rollout_unavailable(r->d))
		rc = say(r, AVAILABLE, "True", "MinimumReplicasAvailable",
			 "Deployment has minimum availability.", false);
	else
		rc = say(r, AVAILABLE, "False", "MinimumReplicasUnavailable",
			 "Deployment does not have minimum availability.", false);
	return rc ? rc : pass_on_failure(r);
}

/* --- progress --- */

bool status_is_complete(const struct rollout *r)
{
	struct counts counts = count(r);

	return r->current && counts.updated == r->d->replicas && counts.replicas == r->d->replicas &&
	       counts.available == r->d->replicas;
}

static bool has_progressed(const struct counts *before, const struct counts *now)
{
	return now->updated > before->updated ||
	       now->replicas - now->updated < before->replicas - before->updated ||
	       now->ready > before->ready || now->available > before->available;
}

static int say_of_set(struct rollout *r, const char *status, const char *reason, const char *what, bool again)
{
	const char *name =
		r->current ? r->current->name : json_path_str(r->plan->create, "metadata.name", r->d->name);
	char message[MESSAGE_SIZE];

	(void)snprintf(message, sizeof(message), what, name);
	return say(r, PROGRESSING, status, reason, message, again);
}

/* When it is too late without a sign of life; 0: never. */
static int64_t deadline(const struct rollout *r)
{
	const char *reason = condition_reason(r->tree, PROGRESSING);
	int64_t since = 0;

	if (strcmp(reason, REASON_COMPLETE) == 0 || strcmp(reason, REASON_LATE) == 0 ||
	    clock_parse(json_span(json_get(condition_of(r->tree, PROGRESSING), "lastUpdateTime")), &since))
		return 0;
	return since + r->d->deadline_s * 1000;
}

static int look_at_deadline(struct rollout *r)
{
	int64_t due = deadline(r);

	if (due && due < r->now->wall_ms)
		return say_of_set(r, "False", REASON_LATE, "ReplicaSet \"%s\" has timed out progressing.",
				  false);
	if (due)
		r->plan->due_wall_ms = due + RECHECK_MS;
	return 0;
}

static int say_progress(struct rollout *r, const struct counts *before)
{
	const struct counts now = count(r);
	bool was_complete = strcmp(condition_reason(r->tree, PROGRESSING), REASON_COMPLETE) == 0;
	int rc = 0;

	/* What was complete stays so: pods that come and go later are no rollout. */
	if (now.replicas == now.updated && was_complete && r->current)
		return 0;
	if (r->current && !condition_of(r->tree, PROGRESSING))
		rc = say_of_set(r, "True", REASON_FOUND, "Found new replica set \"%s\"", false);
	if (rc)
		return rc;
	if (status_is_complete(r))
		return say_of_set(r, "True", REASON_COMPLETE,
				  "ReplicaSet \"%s\" has successfully progressed.", false);
	if (has_progressed(before, &now))
		rc = say_of_set(r, "True", REASON_UPDATED, "ReplicaSet \"%s\" is progressing.", true);
	return rc ? rc : look_at_deadline(r);
}

static int say_made(struct rollout *r)
{
	char message[MESSAGE_SIZE];

	if (!r->now->trouble)
		return say_of_set(r, "True", REASON_MADE, "Created new replica set \"%s\"", false);
	(void)snprintf(message, sizeof(message), "Failed to create new replica set \"%.250s\": %.400s",
		       json_path_str(r->plan->create, "metadata.name", ""), r->now->trouble);
	return say(r, PROGRESSING, "False", REASON_NOT_MADE, message, false);
}

int status_progress(struct rollout *r, bool made)
{
	const struct counts before = said_before(r);
	int rc = status_counts(r);

	if (rc)
		return rc;
	if (r->d->deadline_s < 0) {
		take_back(r, PROGRESSING);
		return 0;
	}
	return made ? say_made(r) : say_progress(r, &before);
}

int status_pause(struct rollout *r)
{
	const char *reason = condition_reason(r->tree, PROGRESSING);
	bool said = strcmp(reason, REASON_PAUSED) == 0;

	if (r->d->deadline_s < 0 || strcmp(reason, REASON_LATE) == 0 || r->d->paused == said)
		return 0;
	return r->d->paused ? say(r, PROGRESSING, "Unknown", REASON_PAUSED, "Deployment is paused", false)
			    : say(r, PROGRESSING, "Unknown", REASON_RESUMED, "Deployment is resumed", false);
}
