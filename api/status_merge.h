/* status_merge: puts what a node reports into the objects the cloud holds, each side keeping what it owns.
 *
 * A status has one owner for each condition type and field. The node owns everything a kubelet reports; the cloud owns
 * the conditions named here, the scheduler's and its own. Pure. Errors: -EINVAL, -ENOMEM. */
#ifndef HOLDFAST_API_STATUS_MERGE_H
#define HOLDFAST_API_STATUS_MERGE_H

#include "base/json.h"

/* `report` is a whole Pod.status. */
int status_merge_pod(struct json *pod, const struct json *report) must_check;
/* `report` is a Node: its status, and the labels that a node says of itself (hostname, os, arch). */
int status_merge_node(struct json *node, const struct json *report) must_check;
/* The Node of a machine whose object is gone: *out is new, with no more labels than a node may give itself. */
int status_fresh_node(const char *name, const struct json *report, struct json **out) must_check;
/* The Event `ns`/`name` that a report tells of: what an Event says, whatever else the report holds; no owners, finalizers or labels, and
 * nothing of another kind. -EINVAL: the report is no Event, or of another name. */
int status_fresh_event(const char *ns, const char *name, const struct json *report,
		       struct json **out) must_check;
/* A newer state of the same Event: count, times, message. */
int status_merge_event(struct json *event, const struct json *report) must_check;

#endif
