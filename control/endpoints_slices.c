/* endpoints_slices: puts what is wanted into slices with as few writes as can be: an endpoint stays where it is, a new one goes where
 * something is written anyway, then where there is room, then into a new slice. */
#include <errno.h>
#include <stdlib.h>

#include "auth/graph.h"
#include "control/endpoints_internal.h"

#define SLICES "endpointslices.discovery.k8s.io"

/* One stored slice on its way to what it will be. */
struct slot {
	const struct json *before;
	struct json *endpoints; /* to be */
	size_t group;
	bool changed, kept;
};
struct slots {
	struct slot *all;
	size_t count;
};

struct json *endpoints_labels(const struct world *w)
{
	const struct json *own = json_path(w->input->service, "metadata.labels");
	struct json *labels = own ? json_copy(own) : json_new_object();

	if (labels && strcmp(json_path_str(w->input->service, "spec.clusterIP", ""), "None") == 0 &&
	    json_set_str(labels, "service.kubernetes.io/headless", "")) {
		json_free(labels);
		return NULL;
	}
	return labels;
}

int endpoints_set_owner(const struct world *w, struct json *meta)
{
	const struct json *from = json_get(w->input->service, "metadata");
	struct json *owner = json_new_object(), *owners = json_new_array();
	int rc = owner && owners ? json_set_str(owner, "apiVersion", "v1") : -ENOMEM;

	if (!rc)
		rc = json_set_str(owner, "kind", "Service");
	if (!rc)
		rc = json_set_str(owner, "name", json_str(json_get(from, "name"), ""));
	if (!rc)
		rc = json_set_str(owner, "uid", json_str(json_get(from, "uid"), ""));
	if (!rc)
		rc = json_set_bool(owner, "controller", true);
	if (!rc)
		rc = json_set_bool(owner, "blockOwnerDeletion", true);
	if (rc) {
		json_free(owner);
		json_free(owners);
		return rc;
	}
	rc = json_append(owners, owner);
	if (rc) {
		json_free(owners);
		return rc;
	}
	return json_set(meta, "ownerReferences", owners);
}

static const char *manager_of(const struct world *w)
{
	return w->selects ? SLICE_MANAGER : SLICE_MIRROR;
}

static struct json *labels_for(const struct world *w, const struct group *group)
{
	struct json *labels = endpoints_labels(w);
	int rc = labels ? 0 : -ENOMEM;

	if (!rc)
		rc = json_set_str(labels, LABEL_SERVICE_NAME,
				  json_path_str(w->input->service, "metadata.name", ""));
	if (!rc)
		rc = json_set_str(labels, LABEL_SLICE_MANAGER, manager_of(w));
	/* A label of the Service itself of that name would say something else of the slice. */
	if (!rc && *group->region)
		rc = json_set_str(labels, GRAPH_REGION_LABEL, group->region);
	else if (!rc)
		(void)json_remove(labels, GRAPH_REGION_LABEL);
	if (!rc)
		return labels;
	json_free(labels);
	return NULL;
}

/* --- what is there --- */

static const char *label_of(const struct json *slice, const char *key)
{
	return json_str(json_get(json_path(slice, "metadata.labels"), key), "");
}

static bool is_ours(const struct json *slice)
{
	const char *manager = label_of(slice, LABEL_SLICE_MANAGER);

	return (!strcmp(manager, SLICE_MANAGER) || !strcmp(manager, SLICE_MIRROR)) &&
	       !json_path(slice, "metadata.deletionTimestamp");
}

static bool fits(const struct world *w, const struct json *slice, const struct group *group)
{
	return !strcmp(label_of(slice, LABEL_SLICE_MANAGER), manager_of(w)) &&
	       !strcmp(json_str(json_get(slice, "addressType"), ""), group->family) &&
	       !strcmp(label_of(slice, GRAPH_REGION_LABEL), group->region) &&
	       json_equal(json_get(slice, "ports"), group->ports);
}

static int keep_endpoints(struct world *w, struct slot *slot)
{
	const struct json *stored = json_get(slot->before, "endpoints");
	int rc = 0;

	for (size_t i = 0; !rc && i < json_count(stored); i++) {
		struct want *want = endpoints_find_want(w, json_at(stored, i), slot->group);

		if (!want || want->placed || json_count(slot->endpoints) == ENDPOINTS_PER_SLICE_MAX) {
			slot->changed = true;
			continue;
		}
		want->placed = true;
		w->groups[slot->group].left--;
		slot->changed = slot->changed || !json_equal(want->endpoint, json_at(stored, i));
		rc = json_append(slot->endpoints, json_copy(want->endpoint));
	}
	return rc;
}

static int take_slice(struct world *w, const struct json *slice, struct slots *slots)
{
	struct slot slot = { .before = slice };

	while (slot.group < w->group_count && !fits(w, slice, &w->groups[slot.group]))
		slot.group++;
	if (slot.group < w->group_count) {
		slot.endpoints = json_new_array();
		if (!slot.endpoints)
			return -ENOMEM;
	}
	slots->all[slots->count++] = slot;
	return slot.endpoints ? keep_endpoints(w, &slots->all[slots->count - 1]) : 0;
}

static int take_slices(struct world *w, struct slots *slots)
{
	int rc = 0;

	slots->all = calloc(w->input->slice_count + 1, sizeof(*slots->all));
	if (!slots->all)
		return -ENOMEM;
	for (size_t i = 0; i < w->want_count; i++)
		w->groups[w->wants[i].group].left++;
	for (size_t i = 0; !rc && i < w->input->slice_count; i++)
		if (is_ours(w->input->slices[i]))
			rc = take_slice(w, w->input->slices[i], slots);
	return rc;
}

/* --- what is to be --- */

/* Up to a slice's fill of what its group still has to place, from want *from on. */
static int fill(struct world *w, size_t group, struct json *endpoints, size_t *from)
{
	int rc = 0;

	for (; !rc && *from < w->want_count && json_count(endpoints) < ENDPOINTS_PER_SLICE_MAX; ++*from) {
		struct want *want = &w->wants[*from];

		if (want->placed || want->group != group)
			continue;
		want->placed = true;
		w->groups[group].left--;
		rc = json_append(endpoints, json_copy(want->endpoint));
	}
	return rc;
}

static size_t room_of(const struct slot *slot)
{
	size_t count = json_count(slot->endpoints);

	return count < ENDPOINTS_PER_SLICE_MAX ? ENDPOINTS_PER_SLICE_MAX - count : 0;
}

static int fill_slots(struct world *w, struct slots *slots, size_t group)
{
	size_t from = 0;
	int rc = 0;

	for (size_t i = 0; !rc && i < slots->count; i++)
		if (slots->all[i].endpoints && slots->all[i].group == group && slots->all[i].changed)
			rc = fill(w, group, slots->all[i].endpoints, &from);
	for (size_t i = 0; !rc && w->groups[group].left && i < slots->count; i++) {
		struct slot *slot = &slots->all[i];

		if (!slot->endpoints || slot->group != group || slot->changed ||
		    room_of(slot) < w->groups[group].left)
			continue;
		slot->changed = true;
		rc = fill(w, group, slot->endpoints, &from);
	}
	return rc;
}

static struct json *slice_of(const struct world *w, size_t group_index, const struct json *before,
			     struct json *endpoints_take)
{
	const struct group *group = &w->groups[group_index];
	struct json *slice = before ? json_copy(before) : json_new_object(),
		    *meta = json_ensure(slice, "metadata");
	struct buf name;
	int rc = slice && meta && endpoints_take ? 0 : -ENOMEM;

	if (rc) {
		json_free(endpoints_take);
		json_free(slice);
		return NULL;
	}
	rc = json_set(slice, "endpoints", endpoints_take);
	if (!rc)
		rc = json_set(meta, "labels", labels_for(w, group));
	buf_init(&name, 512);
	if (!rc && !before) {
		rc = buf_addf(&name, "%s-", json_path_str(w->input->service, "metadata.name", ""));
		if (!rc)
			rc = json_set_str(meta, "generateName", buf_cstr(&name));
		if (!rc)
			rc = json_set_str(meta, "namespace",
					  json_path_str(w->input->service, "metadata.namespace", ""));
		if (!rc)
			rc = endpoints_set_owner(w, meta);
		if (!rc)
			rc = json_set_str(slice, "apiVersion", "discovery.k8s.io/v1");
		if (!rc)
			rc = json_set_str(slice, "kind", "EndpointSlice");
		if (!rc)
			rc = json_set_str(slice, "addressType", group->family);
		if (!rc)
			rc = json_set(slice, "ports", json_copy(group->ports));
	}
	buf_done(&name);
	if (!rc)
		return slice;
	json_free(slice);
	return NULL;
}

static int write_new(struct world *w, size_t group)
{
	size_t from = 0;
	int rc = 0;

	while (!rc && w->groups[group].left) {
		struct json *endpoints = json_new_array();

		rc = endpoints ? fill(w, group, endpoints, &from) : -ENOMEM;
		if (rc)
			json_free(endpoints);
		else
			rc = endpoints_add_step(w->plan, SLICES, NULL, slice_of(w, group, NULL, endpoints),
						false);
	}
	return rc;
}

/* Whether the group is for the slice that says that there is nothing. */
static bool is_placeholder(const struct world *w)
{
	return !w->want_count;
}

static bool has_labels(const struct world *w, const struct slot *slot)
{
	struct json *labels = labels_for(w, &w->groups[slot->group]);
	bool same = labels && json_equal(labels, json_path(slot->before, "metadata.labels"));

	json_free(labels);
	return same;
}

static int write_slot(struct world *w, struct slot *slot)
{
	struct json *endpoints = slot->endpoints;

	if (!slot->kept || (!slot->changed && has_labels(w, slot)))
		return 0;
	slot->endpoints = NULL; /* taken */
	return endpoints_add_step(w->plan, SLICES, slot->before,
				  slice_of(w, slot->group, slot->before, endpoints), false);
}

/* Of slices that hold nothing one is kept, where there is no other. */
static bool keep_slots(const struct world *w, struct slots *slots, size_t group)
{
	bool any = false;

	for (size_t i = 0; i < slots->count; i++) {
		struct slot *slot = &slots->all[i];

		if (!slot->endpoints || slot->group != group)
			continue;
		slot->kept = json_count(slot->endpoints) || (is_placeholder(w) && !any);
		any = any || slot->kept;
	}
	return any;
}

static int place(struct world *w, struct slots *slots)
{
	int rc = 0;

	for (size_t g = 0; !rc && g < w->group_count; g++) {
		rc = fill_slots(w, slots, g);
		if (!rc)
			rc = write_new(w, g);
		if (!rc && !keep_slots(w, slots, g) && is_placeholder(w))
			rc = endpoints_add_step(w->plan, SLICES, NULL, slice_of(w, g, NULL, json_new_array()),
						false);
	}
	return rc;
}

int endpoints_plan_slices(struct world *w)
{
	struct slots slots = { .count = 0 };
	int rc = take_slices(w, &slots);

	if (!rc)
		rc = place(w, &slots);
	for (size_t i = 0; !rc && i < slots.count; i++)
		rc = write_slot(w, &slots.all[i]);
	for (size_t i = 0; !rc && i < slots.count; i++)
		if (!slots.all[i].kept)
			rc = endpoints_add_step(w->plan, SLICES, slots.all[i].before, NULL, true);
	for (size_t i = 0; i < slots.count; i++)
		json_free(slots.all[i].endpoints);
	free(slots.all);
	return rc;
}
