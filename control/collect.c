#include "control/collect.h"

#include <errno.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"

/* --- the index: dependents by key, and by the uid of each owner --- */

struct owner {
	struct list links; /* of struct link.in_owner */
	char uid[];
};
struct link {
	struct owner *owner;
	struct dependent *dependent;
	struct list_node in_owner;
};
struct dependent {
	struct key key; /* into text */
	size_t count;
	struct link *links;
	char text[];
};
struct collect_index {
	struct map owners;     /* uid -> owner */
	struct map dependents; /* "resource/ns/name" -> dependent */
};

int collect_index_new(struct collect_index **out)
{
	struct collect_index *index = calloc(1, sizeof(*index));

	if (!index)
		return -ENOMEM;
	map_init(&index->owners, COLLECT_OBJECTS_MAX);
	map_init(&index->dependents, COLLECT_OBJECTS_MAX);
	*out = index;
	return 0;
}

static void free_dependent(void *value)
{
	struct dependent *dependent = value;

	free(dependent->links);
	free(dependent);
}

void collect_index_free(struct collect_index *index)
{
	if (!index)
		return;
	map_done(&index->dependents, free_dependent);
	map_done(&index->owners, free);
	free(index);
}

size_t collect_count(const struct collect_index *index)
{
	return index->dependents.count;
}

static void unlink_owner(struct collect_index *index, struct link *link)
{
	struct owner *owner = link->owner;

	if (!owner)
		return;
	list_remove(&owner->links, &link->in_owner);
	link->owner = NULL;
	if (owner->links.count)
		return;
	(void)map_remove(&index->owners, span_of(owner->uid));
	free(owner);
}

static int link_owner(struct collect_index *index, struct dependent *dependent, struct link *link,
		      const char *uid)
{
	struct owner *owner = map_get(&index->owners, span_of(uid));

	if (!owner) {
		owner = calloc(1, sizeof(*owner) + strlen(uid) + 1);
		if (!owner)
			return -ENOMEM;
		list_init(&owner->links);
		memcpy(owner->uid, uid, strlen(uid) + 1);
		if (map_put(&index->owners, span_of(uid), owner, NULL)) {
			free(owner);
			return -ENOMEM;
		}
	}
	link->owner = owner;
	link->dependent = dependent;
	list_push(&owner->links, &link->in_owner);
	return 0;
}

/* The next of the uids that follow one another, each with its NUL; NULL at the end. */
static const char *next_uid(struct span packed, size_t *cursor)
{
	const char *start = packed.ptr + *cursor, *end;

	if (*cursor >= packed.len)
		return NULL;
	end = memchr(start, '\0', packed.len - *cursor);
	if (!end)
		return NULL;
	*cursor = (size_t)(end - packed.ptr) + 1;
	return start;
}

static size_t count_uids(struct span packed)
{
	size_t cursor = 0, count = 0;

	while (count < COLLECT_OWNERS_MAX && next_uid(packed, &cursor))
		count++;
	return count;
}

static void remove_dependent(struct collect_index *index, struct dependent *dependent)
{
	for (size_t i = 0; i < dependent->count; i++)
		unlink_owner(index, &dependent->links[i]);
	free_dependent(dependent);
}

static struct dependent *new_dependent(const struct key *key, size_t links)
{
	size_t resource = strlen(key->resource) + 1, ns = strlen(key->ns) + 1, name = strlen(key->name) + 1;
	struct dependent *dependent = calloc(1, sizeof(*dependent) + resource + ns + name);

	if (!dependent)
		return NULL;
	memcpy(dependent->text, key->resource, resource);
	memcpy(dependent->text + resource, key->ns, ns);
	memcpy(dependent->text + resource + ns, key->name, name);
	dependent->key =
		(struct key){ dependent->text, dependent->text + resource, dependent->text + resource + ns };
	dependent->links = calloc(links, sizeof(*dependent->links));
	if (!dependent->links) {
		free(dependent);
		return NULL;
	}
	return dependent;
}

static int insert(struct collect_index *index, const struct object *object, size_t owners, struct span text)
{
	struct dependent *dependent = new_dependent(&object->key, owners);
	size_t cursor = 0;
	int rc = dependent ? 0 : -ENOMEM;

	while (!rc && dependent->count < owners) {
		rc = link_owner(index, dependent, &dependent->links[dependent->count],
				next_uid(object->owners, &cursor));
		dependent->count += !rc;
	}
	if (!rc)
		rc = map_put(&index->dependents, text, dependent, NULL);
	if (rc && dependent)
		remove_dependent(index, dependent);
	return rc;
}

static void forget_text(struct collect_index *index, struct span text)
{
	struct dependent *old = map_remove(&index->dependents, text);

	if (old)
		remove_dependent(index, old);
}

int collect_see(struct collect_index *index, const struct object *object, bool *out_owned)
{
	size_t owners = count_uids(object->owners);
	struct buf text;
	int rc;

	*out_owned = owners > 0;
	buf_init(&text, 2048);
	rc = key_text(&object->key, &text);
	if (!rc)
		forget_text(index, buf_span(&text));
	if (!rc && owners)
		rc = insert(index, object, owners, buf_span(&text));
	buf_done(&text);
	return rc;
}

void collect_forget(struct collect_index *index, const struct key *key)
{
	struct buf text;

	buf_init(&text, 2048);
	if (!key_text(key, &text))
		forget_text(index, buf_span(&text));
	buf_done(&text);
}

int collect_dependents(const struct collect_index *index, const char *uid,
		       int (*each)(void *ctx, const struct key *key), void *ctx)
{
	struct owner *owner = map_get(&index->owners, span_of(uid));
	int rc = 0;

	if (!owner)
		return 0;
	list_for_each(&owner->links, at) {
		rc = each(ctx, &container_of(at, struct link, in_owner)->dependent->key);
		if (rc)
			break;
	}
	return rc;
}

/* --- judging --- */

void collect_judge(const struct json *dependent, collect_lookup_fn *lookup, void *ctx,
		   struct collect_judgement *out)
{
	const struct json *owners = json_path(dependent, "metadata.ownerReferences");
	size_t count = json_count(owners);
	bool present = count > COLLECT_OWNERS_MAX, waiting = false;

	*out = (struct collect_judgement){ .verdict = COLLECT_KEEP };
	for (size_t i = 0; i < count && i < COLLECT_OWNERS_MAX; i++) {
		const struct json *owner = json_at(owners, i);
		enum collect_owner state = lookup(ctx, owner);

		present = present || state == COLLECT_PRESENT || state == COLLECT_UNCLEAR;
		waiting = waiting || state == COLLECT_WAITING;
		/* A waiting owner counts as gone for the one that another owner keeps alive. */
		if (state == COLLECT_ABSENT || state == COLLECT_WAITING)
			out->gone[out->gone_count++] = json_str(json_get(owner, "uid"), "");
	}
	if (!out->gone_count)
		return;
	out->verdict = present ? COLLECT_PRUNE : COLLECT_DELETE;
	out->foreground = !present && waiting;
}

static bool has_text(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (strcmp(json_str(json_at(list, i), ""), text) == 0)
			return true;
	return false;
}

enum collect_policy collect_policy_of(const struct json *object)
{
	const struct json *finalizers = json_path(object, "metadata.finalizers");

	if (!json_path(object, "metadata.deletionTimestamp"))
		return COLLECT_NOTHING;
	if (has_text(finalizers, FINALIZER_ORPHAN))
		return COLLECT_ORPHAN;
	return has_text(finalizers, FINALIZER_FOREGROUND) ? COLLECT_FOREGROUND : COLLECT_NOTHING;
}

bool collect_blocks(const struct json *dependent, const char *owner_uid)
{
	const struct json *owners = json_path(dependent, "metadata.ownerReferences");

	for (size_t i = 0; i < json_count(owners); i++)
		if (strcmp(json_str(json_get(json_at(owners, i), "uid"), ""), owner_uid) == 0 &&
		    json_bool(json_get(json_at(owners, i), "blockOwnerDeletion"), false))
			return true;
	return false;
}

int collect_drop_owner(struct json *dependent, const char *uid)
{
	struct json *meta = json_get(dependent, "metadata"), *owners = json_get(meta, "ownerReferences");
	int dropped = 0;

	for (size_t i = json_count(owners); i-- > 0;)
		if (strcmp(json_str(json_get(json_at(owners, i), "uid"), ""), uid) == 0)
			dropped |= json_remove_at(owners, i);
	if (dropped && !json_count(owners))
		(void)json_remove(meta, "ownerReferences");
	return dropped;
}

int collect_drop_finalizer(struct json *object, const char *name)
{
	struct json *meta = json_get(object, "metadata"), *finalizers = json_get(meta, "finalizers");
	int dropped = 0;

	for (size_t i = json_count(finalizers); i-- > 0;)
		if (strcmp(json_str(json_at(finalizers, i), ""), name) == 0)
			dropped |= json_remove_at(finalizers, i);
	if (dropped && !json_count(finalizers))
		(void)json_remove(meta, "finalizers");
	return dropped;
}
