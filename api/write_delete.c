/* Deletion: at once, or marked and waiting for finalizers, for the node that runs a pod, for a namespace's
 * content. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "api/write_internal.h"
#include "base/clock.h"

#define FINALIZER_ORPHAN "orphan"
#define FINALIZER_FOREGROUND "foregroundDeletion"
#define POD_GRACE_DEFAULT_S 30
#define GRACE_MAX_S (100LL * 365 * 24 * 3600)

/* --- options --- */

static const struct {
	const char *name;
	enum api_propagation propagation;
} policies[] = { { "Background", API_BACKGROUND },
		 { "Foreground", API_FOREGROUND },
		 { "Orphan", API_ORPHAN } };

static int set_policy(const char *name, struct write_delete *out, struct status *status)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		if (strcmp(policies[i].name, name) != 0)
			continue;
		out->has_propagation = true;
		out->propagation = policies[i].propagation;
		return 0;
	}
	return status_set(status, STATUS_INVALID,
			  "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Unsupported value: "
			  "\"%.64s\": supported values: \"Foreground\", \"Background\", \"Orphan\"",
			  name);
}

static int set_dependents(const char *policy, enum request_tristate orphan, struct write_delete *out,
			  struct status *status)
{
	if (orphan != TRI_UNSET && policy[0])
		return status_set(
			status, STATUS_INVALID,
			"DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: Invalid "
			"value: \"%.64s\": orphanDependents and deletionPropagation cannot be both set",
			policy);
	if (policy[0])
		return set_policy(policy, out, status);
	if (orphan != TRI_UNSET) {
		out->has_propagation = true;
		out->propagation = orphan == TRI_TRUE ? API_ORPHAN : API_BACKGROUND;
	}
	return 0;
}

static int set_preconditions(const struct json *body, struct write_delete *out, struct status *status)
{
	const char *uid = json_path_str(body, "preconditions.uid", "");
	const char *version = json_path_str(body, "preconditions.resourceVersion", "");

	if (span_copy(span_of(uid), out->if_uid, sizeof(out->if_uid)))
		return status_set(status, STATUS_BAD_REQUEST, "preconditions.uid is not a UID");
	if (version[0] && span_to_u64(span_of(version), &out->if_revision))
		return status_set(status, STATUS_BAD_REQUEST,
				  "preconditions.resourceVersion is not a resource version");
	return 0;
}

static bool is_dry_run_list(const struct json *list)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_at(list, i), ""), "All") != 0)
			return false;
	return true;
}

int write_delete_options(const struct request_options *query, const struct json *body,
			 struct write_delete *out, struct status *status)
{
	const struct json *grace = json_get(body, "gracePeriodSeconds"),
			  *orphan = json_get(body, "orphanDependents");
	const char *policy = json_str(json_get(body, "propagationPolicy"), query->propagation);
	enum request_tristate orphans = query->orphan;

	memset(out, 0, sizeof(*out));
	if (json_is(orphan, JSON_BOOL))
		orphans = json_bool(orphan, false) ? TRI_TRUE : TRI_FALSE;
	out->has_grace = query->has_grace || grace;
	out->grace_s = json_int(grace, query->grace_s);
	if (out->has_grace && (out->grace_s < 0 || out->grace_s > GRACE_MAX_S))
		out->grace_s =
			out->grace_s < 0
				? 1
				: GRACE_MAX_S; /* as upstream: negative means the shortest that is graceful */
	if (!is_dry_run_list(json_get(body, "dryRun")))
		return status_set(status, STATUS_INVALID,
				  "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported value: "
				  "supported values: \"All\"");
	int err = set_preconditions(body, out, status);

	return err ? err : set_dependents(policy, orphans, out, status);
}

/* --- finalizers --- */

static bool remove_text(struct json *list, const char *text)
{
	for (size_t i = json_count(list); i-- > 0;)
		if (!strcmp(json_str(json_at(list, i), ""), text))
			return json_remove_at(list, i);
	return false;
}

static int add_text(struct json *metadata, const char *text)
{
	struct json *list = json_get(metadata, "finalizers");

	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_str(json_at(list, i), ""), text))
			return 0;
	if (!json_is(list, JSON_ARRAY)) {
		int err = json_set(metadata, "finalizers", json_new_array());

		if (err)
			return err;
		list = json_get(metadata, "finalizers");
	}
	return json_append(list, json_new_str(text));
}

/* The collector does what the policy says; the finalizer keeps the object until it has. */
static int set_propagation(const struct write_delete *options, struct json *metadata)
{
	struct json *list = json_get(metadata, "finalizers");

	if (!options->has_propagation)
		return 0;
	if (options->propagation != API_ORPHAN)
		(void)remove_text(list, FINALIZER_ORPHAN);
	if (options->propagation != API_FOREGROUND)
		(void)remove_text(list, FINALIZER_FOREGROUND);
	if (list && !json_count(list))
		(void)json_remove(metadata, "finalizers");
	if (options->propagation == API_BACKGROUND)
		return 0;
	return add_text(metadata,
			options->propagation == API_ORPHAN ? FINALIZER_ORPHAN : FINALIZER_FOREGROUND);
}

/* --- grace --- */

/* How long the node may take: nothing to wait for where no node runs the pod. */
static int64_t grace_of(const struct write *write, const struct write_delete *options,
			const struct json *tree)
{
	const char *phase = json_path_str(tree, "status.phase", "");

	if (strcmp(write->stored_kind->storage, "pods") != 0 ||
	    !json_path_str(tree, "spec.nodeName", "")[0] || !strcmp(phase, "Succeeded") ||
	    !strcmp(phase, "Failed"))
		return 0;
	if (options->has_grace)
		return options->grace_s;
	int64_t own = json_path_int(tree, "spec.terminationGracePeriodSeconds", POD_GRACE_DEFAULT_S);

	return own < 0 ? 1 : own > GRACE_MAX_S ? GRACE_MAX_S : own;
}

static int set_time(struct json *metadata, int64_t wall_ms, int64_t grace_s)
{
	char text[CLOCK_TEXT_SIZE];

	clock_format(wall_ms, text);
	int err = json_set_str(metadata, "deletionTimestamp", text);

	return err ? err : json_set_int(metadata, "deletionGracePeriodSeconds", grace_s);
}

static int begin_deletion(const struct write *write, struct json *tree, int64_t grace_s)
{
	struct json *metadata = json_get(tree, "metadata");
	int64_t generation = json_int(json_get(metadata, "generation"), 0);
	int err = set_time(metadata, api_wall_ms(write->api) + grace_s * 1000, grace_s);

	if (!err && generation > 0)
		err = json_set_int(metadata, "generation", generation + 1);
	if (!err && !strcmp(write->stored_kind->storage, "namespaces"))
		err = json_set_str(json_ensure(tree, "status"), "phase", "Terminating");
	return err;
}

/* A second deletion may only shorten the time that the first one gave. */
static int shorten_deletion(struct json *tree, int64_t grace_s)
{
	struct json *metadata = json_get(tree, "metadata");
	int64_t before_s = json_int(json_get(metadata, "deletionGracePeriodSeconds"), 0), due_ms = 0;

	if (grace_s >= before_s || clock_parse(json_span(json_get(metadata, "deletionTimestamp")), &due_ms))
		return 0;
	return set_time(metadata, due_ms - (before_s - grace_s) * 1000, grace_s);
}

/* --- the decision --- */

static int check_preconditions(struct write *write, const struct write_delete *options,
			       const struct object *stored)
{
	if (options->if_uid[0] && strcmp(options->if_uid, stored->uid) != 0)
		return status_conflict(&write->status, write_about(write),
				       "Precondition failed: UID in precondition: %s, UID in object meta: %s",
				       options->if_uid, stored->uid);
	if (options->if_revision && options->if_revision != stored->revision)
		return status_conflict(&write->status, write_about(write),
				       "Precondition failed: ResourceVersion in precondition: "
				       "%" PRIu64 ", ResourceVersion in object meta: %" PRIu64,
				       options->if_revision, stored->revision);
	return 0;
}

static bool is_immortal(const struct write *write)
{
	static const char *const names[] = { "default", "kube-system", "kube-public", "kube-node-lease" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(write->stored_kind->storage, "namespaces") && !strcmp(write->name, names[i]))
			return true;
	return false;
}

static int admit(struct write *write, const struct json *old)
{
	const struct api_hooks *hooks = &write->api->options.hooks;

	if (is_immortal(write))
		return status_forbidden(&write->status, write_about(write),
					"this namespace may not be deleted");
	return hooks->admit
		       ? hooks->admit(hooks->ctx, write->what, write->stored_kind, NULL, old, &write->status)
		       : 0;
}

int write_delete_compute(struct write *write, const struct write_delete *options, struct json *tree,
			 const struct json *old, const struct object *stored)
{
	struct json *metadata = json_get(tree, "metadata");
	int err = check_preconditions(write, options, stored);

	if (!err)
		err = admit(write, old);
	if (err)
		return err;
	bool is_pending = json_get(metadata, "deletionTimestamp") != NULL;
	int64_t grace_s = grace_of(write, options, tree);

	err = set_propagation(options, metadata);
	if (!err && !is_pending)
		err = begin_deletion(write, tree, grace_s);
	else if (!err && options->has_grace)
		err = shorten_deletion(tree, grace_s);
	if (err)
		return status_of_errno(&write->status, err);
	write->removes = write_is_over(tree);
	return 0;
}
