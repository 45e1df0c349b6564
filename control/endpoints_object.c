/* endpoints_object: the Endpoints object of a Service with selector, for readers that know no slices. One family only; its addresses
 * stand in order, so that it is the same after every start. */
#include <errno.h>
#include <stdlib.h>

#include "control/endpoints_internal.h"

#define OVER_CAPACITY "endpoints.kubernetes.io/over-capacity"
#define LABEL_MANAGER "endpoints.kubernetes.io/managed-by"
#define MANAGER "endpoint-controller"

struct subset {
	const struct json *ports; /* of a group */
	struct json *good, *bad;
};
struct object {
	struct world *world;
	const struct want **order;
	struct subset *subsets;
	size_t count, addresses;
	bool truncated;
};

static const char *ip_of(const struct want *want)
{
	return json_str(json_at(json_get(want->endpoint, "addresses"), 0), "");
}

static int by_ip(const void *a, const void *b)
{
	const struct want *x = *(const struct want *const *)a, *y = *(const struct want *const *)b;
	int order = strcmp(ip_of(x), ip_of(y));

	return order ? order
		     : strcmp(json_path_str(x->endpoint, "targetRef.uid", ""),
			      json_path_str(y->endpoint, "targetRef.uid", ""));
}

static int copy_member(struct json *to, const struct json *from, const char *key)
{
	const struct json *value = json_get(from, key);

	return value ? json_set(to, key, json_copy(value)) : 0;
}

static struct json *address_of(const struct want *want)
{
	struct json *address = json_new_object();
	int rc = address ? json_set_str(address, "ip", ip_of(want)) : -ENOMEM;

	if (!rc)
		rc = copy_member(address, want->endpoint, "hostname");
	if (!rc)
		rc = copy_member(address, want->endpoint, "nodeName");
	if (!rc)
		rc = copy_member(address, want->endpoint, "targetRef");
	if (!rc)
		return address;
	json_free(address);
	return NULL;
}

static struct subset *want_subset(struct object *o, const struct json *ports)
{
	struct subset *subset = o->subsets;

	for (; subset < o->subsets + o->count; subset++)
		if (json_equal(subset->ports, ports))
			return subset;
	*subset = (struct subset){ ports, json_new_array(), json_new_array() };
	o->count++; /* counted also when halfway made, so that it is freed */
	return subset->good && subset->bad ? subset : NULL;
}

static int add_address(struct object *o, const struct want *want, bool ready)
{
	struct subset *subset;

	if (json_path_bool(want->endpoint, "conditions.ready", false) != ready ||
	    (!ready && json_path_bool(want->endpoint, "conditions.terminating", false)))
		return 0;
	if (o->addresses == ENDPOINTS_OBJECT_MAX) {
		o->truncated = true;
		return 0;
	}
	subset = want_subset(o, o->world->groups[want->group].ports);
	if (!subset)
		return -ENOMEM;
	o->addresses++;
	return json_append(ready ? subset->good : subset->bad, address_of(want));
}

/* Those that are ready first: they are what is looked for when there is no room for all. */
static int gather(struct object *o)
{
	const struct world *w = o->world;
	const char *family = json_str(json_at(json_path(w->input->service, "spec.ipFamilies"), 0), "");
	size_t count = 0;
	int rc = 0;

	o->order = calloc(w->want_count + 1, sizeof(*o->order));
	o->subsets = calloc(w->group_count + 1, sizeof(*o->subsets));
	if (!o->order || !o->subsets)
		return -ENOMEM;
	for (size_t i = 0; i < w->want_count; i++)
		if (!strcmp(w->groups[w->wants[i].group].family, family))
			o->order[count++] = &w->wants[i];
	qsort(o->order, count, sizeof(*o->order), by_ip);
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; !rc && i < count; i++)
			rc = add_address(o, o->order[i], pass == 0);
	return rc;
}

static int set_list(struct json *to, const char *key, struct json **list)
{
	struct json *taken = *list;

	if (!json_count(taken))
		return 0;
	*list = NULL;
	return json_set(to, key, taken);
}

static struct json *subsets_of(struct object *o)
{
	struct json *list = json_new_array();
	int rc = list ? 0 : -ENOMEM;

	for (size_t i = 0; !rc && i < o->count; i++) {
		struct subset *subset = &o->subsets[i];
		struct json *out = json_new_object();

		rc = out ? set_list(out, "addresses", &subset->good) : -ENOMEM;
		if (!rc)
			rc = set_list(out, "notReadyAddresses", &subset->bad);
		if (!rc && json_count(subset->ports))
			rc = json_set(out, "ports", json_copy(subset->ports));
		if (rc)
			json_free(out);
		else
			rc = json_append(list, out);
	}
	if (!rc)
		return list;
	json_free(list);
	return NULL;
}

static int set_capacity(struct json *meta, bool truncated)
{
	struct json *annotations =
		truncated ? json_ensure(meta, "annotations") : json_get(meta, "annotations");

	if (!truncated)
		(void)json_remove(annotations, OVER_CAPACITY);
	if (!truncated)
		return 0;
	return annotations ? json_set_str(annotations, OVER_CAPACITY, "truncated") : -ENOMEM;
}

static int set_labels(const struct world *w, struct json *meta)
{
	struct json *labels = endpoints_labels(w);
	int rc = labels ? json_set_str(labels, LABEL_MANAGER, MANAGER) : -ENOMEM;

	if (rc) {
		json_free(labels);
		return rc;
	}
	return json_set(meta, "labels", labels);
}

static int name_new(const struct world *w, struct json *tree, struct json *meta)
{
	int rc = json_set_str(tree, "apiVersion", "v1");

	if (!rc)
		rc = json_set_str(tree, "kind", "Endpoints");
	if (!rc)
		rc = json_set_str(meta, "name", json_path_str(w->input->service, "metadata.name", ""));
	if (!rc)
		rc = json_set_str(meta, "namespace",
				  json_path_str(w->input->service, "metadata.namespace", ""));
	return rc;
}

static struct json *tree_of(struct object *o)
{
	const struct world *w = o->world;
	const struct json *before = w->input->endpoints;
	struct json *tree = before ? json_copy(before) : json_new_object(),
		    *meta = json_ensure(tree, "metadata");
	int rc = tree && meta ? 0 : -ENOMEM;

	if (!rc && !before)
		rc = name_new(w, tree, meta);
	if (!rc)
		rc = set_labels(w, meta);
	if (!rc)
		rc = endpoints_set_owner(w, meta);
	if (!rc)
		rc = set_capacity(meta, o->truncated);
	if (!rc && (o->count || json_get(before, "subsets")))
		rc = json_set(tree, "subsets", subsets_of(o));
	if (!rc)
		return tree;
	json_free(tree);
	return NULL;
}

int endpoints_plan_object(struct world *w)
{
	struct object o = { .world = w };
	struct json *after = NULL;
	int rc = gather(&o);

	if (!rc) {
		after = tree_of(&o);
		rc = after ? 0 : -ENOMEM;
	}
	for (size_t i = 0; o.subsets && i < o.count; i++) {
		json_free(o.subsets[i].good);
		json_free(o.subsets[i].bad);
	}
	free(o.subsets);
	free(o.order);
	if (rc)
		return rc;
	if (w->input->endpoints && json_equal(after, w->input->endpoints)) {
		json_free(after);
		return 0;
	}
	return endpoints_add_step(w->plan, "endpoints", w->input->endpoints, after, false);
}
