#include "auth/graph_groups.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/graph_set.h"

struct graph_group {
	struct list items;   /* of struct shared.in_group */
	struct list members; /* of struct graph_member.in_all or in_region */
	bool is_all;
	char name[];
};
struct shared {
	struct key key;
	enum graph_rank rank;
	struct graph_group *group;
	struct list_node in_group;
	size_t text_len;
	char text[]; /* as in struct graph_item */
};

void graph_groups_init(struct graph_groups *groups)
{
	map_init(&groups->groups, GRAPH_NODES_MAX);
	map_init(&groups->items, GRAPH_ITEMS_MAX);
}

void graph_groups_done(struct graph_groups *groups)
{
	map_done(&groups->items, free);
	map_done(&groups->groups, free);
}

/* --- groups --- */

static struct graph_group *want_group(struct graph_groups *groups, const char *name)
{
	struct graph_group *group = map_get(&groups->groups, span_of(name));
	size_t size = strlen(name) + 1;

	if (group)
		return group;
	group = calloc(1, sizeof(*group) + size);
	if (!group)
		return NULL;
	list_init(&group->items);
	list_init(&group->members);
	group->is_all = size == 1;
	memcpy(group->name, name, size);
	if (!map_put(&groups->groups, span_of(name), group, NULL))
		return group;
	free(group);
	return NULL;
}

static void release_group(struct graph_groups *groups, struct graph_group *group)
{
	if (!group || group->items.count || group->members.count)
		return;
	(void)map_remove(&groups->groups, span_of(group->name));
	free(group);
}

static struct graph_member *member_at(const struct graph_group *group, struct list_node *at)
{
	return group->is_all ? container_of(at, struct graph_member, in_all)
			     : container_of(at, struct graph_member, in_region);
}

static bool is_in(const struct graph_member *member, const struct graph_group *group)
{
	return group && (member->all == group || member->region == group);
}

/* --- telling --- */

static void tell_enter(struct graph_told told, const struct graph_member *member, const struct shared *item)
{
	if (told.events->enter)
		told.events->enter(told.ctx, member->node, &item->key, item->rank);
}

static void tell_leave(struct graph_told told, const struct graph_member *member, const struct shared *item)
{
	if (told.events->leave)
		told.events->leave(told.ctx, member->node, &item->key);
}

static void tell_changed(struct graph_told told, const struct graph_member *member, const struct shared *item)
{
	if (told.events->changed)
		told.events->changed(told.ctx, member->node, &item->key, item->rank);
}

/* --- items --- */

static struct shared *find(const struct graph_groups *groups, const struct key *key)
{
	struct shared *item = NULL;
	struct buf text;

	buf_init(&text, GRAPH_KEY_MAX);
	if (!key_text(key, &text))
		item = map_get(&groups->items, buf_span(&text));
	buf_done(&text);
	return item;
}

static struct shared *item_new(struct graph_groups *groups, const struct key *key, enum graph_rank rank)
{
	size_t ns_len = strlen(key->ns) + 1, name_len = strlen(key->name) + 1;
	struct shared *item = NULL;
	struct buf text;
	char *ns;

	buf_init(&text, GRAPH_KEY_MAX);
	if (!key_text(key, &text))
		item = calloc(1, sizeof(*item) + text.len + ns_len + name_len);
	if (item) {
		memcpy(item->text, text.data, text.len);
		ns = item->text + text.len;
		memcpy(ns, key->ns, ns_len);
		memcpy(ns + ns_len, key->name, name_len);
		item->text_len = text.len;
		item->rank = rank;
		item->key = (struct key){ graph_resources()[rank], ns, ns + ns_len };
		if (map_put(&groups->items, buf_span(&text), item, NULL)) {
			free(item);
			item = NULL;
		}
	}
	buf_done(&text);
	return item;
}

/* From one group to another: who is in both keeps it, and enters come before leaves. */
static void move_item(struct shared *item, struct graph_group *to, struct graph_told told)
{
	struct graph_group *from = item->group;

	if (from)
		list_remove(&from->items, &item->in_group);
	item->group = to;
	list_push(&to->items, &item->in_group);
	list_for_each(&to->members, at) {
		const struct graph_member *member = member_at(to, at);

		if (is_in(member, from))
			tell_changed(told, member, item);
		else
			tell_enter(told, member, item);
	}
	if (!from || from == to)
		return;
	list_for_each(&from->members, at)
		if (!is_in(member_at(from, at), to))
			tell_leave(told, member_at(from, at), item);
}

int graph_groups_put(struct graph_groups *groups, const struct key *key, enum graph_rank rank,
		     const char *name, struct graph_told told)
{
	struct graph_group *group = want_group(groups, name), *before;
	struct shared *item = group ? find(groups, key) : NULL;

	if (group && !item)
		item = item_new(groups, key, rank);
	if (!item) {
		release_group(groups, group);
		return -ENOMEM;
	}
	before = item->group;
	move_item(item, group, told);
	release_group(groups, before);
	return 0;
}

void graph_groups_remove(struct graph_groups *groups, const struct key *key, const char *uid,
			 struct graph_told told)
{
	struct shared *item = find(groups, key);
	struct graph_group *group;

	if (!item)
		return;
	group = item->group;
	list_for_each(&group->members, at) {
		const struct graph_member *member = member_at(group, at);

		if (!uid)
			tell_leave(told, member, item);
		else if (told.events->gone)
			told.events->gone(told.ctx, member->node, &item->key, uid);
	}
	list_remove(&group->items, &item->in_group);
	(void)map_remove(&groups->items, span_make(item->text, item->text_len));
	free(item);
	release_group(groups, group);
}

/* --- members --- */

static void enter_all(const struct graph_member *member, const struct graph_group *group,
		      struct graph_told told)
{
	list_for_each(&group->items, at)
		tell_enter(told, member, container_of(at, struct shared, in_group));
}

static void leave_all(const struct graph_member *member, const struct graph_group *group,
		      struct graph_told told)
{
	list_for_each(&group->items, at)
		tell_leave(told, member, container_of(at, struct shared, in_group));
}

static void leave_region(struct graph_groups *groups, struct graph_member *member, struct graph_told told)
{
	struct graph_group *group = member->region;

	if (!group)
		return;
	member->region = NULL;
	list_remove(&group->members, &member->in_region);
	leave_all(member, group, told);
	release_group(groups, group);
}

int graph_groups_join(struct graph_groups *groups, struct graph_member *member, const char *region,
		      struct graph_told told)
{
	struct graph_group *all = want_group(groups, ""),
			   *group = all && *region ? want_group(groups, region) : NULL;

	if (!all || (*region && !group)) {
		release_group(groups, all);
		return -ENOMEM;
	}
	if (!member->all) {
		member->all = all;
		list_push(&all->members, &member->in_all);
		enter_all(member, all, told);
	}
	if (member->region == group)
		return 0;
	leave_region(groups, member, told);
	member->region = group;
	if (!group)
		return 0;
	list_push(&group->members, &member->in_region);
	enter_all(member, group, told);
	return 0;
}

void graph_groups_leave(struct graph_groups *groups, struct graph_member *member, struct graph_told told)
{
	struct graph_group *all = member->all;

	leave_region(groups, member, told);
	if (!all)
		return;
	member->all = NULL;
	list_remove(&all->members, &member->in_all);
	leave_all(member, all, told);
	release_group(groups, all);
}

/* --- asking --- */

bool graph_groups_have(const struct graph_groups *groups, const struct graph_member *member,
		       const struct key *key)
{
	const struct shared *item = find(groups, key);

	return item && is_in(member, item->group);
}

static int walk_group(const struct graph_group *group, enum graph_rank rank,
		      int (*each)(void *ctx, const struct key *key, enum graph_rank rank), void *ctx)
{
	int rc = 0;

	if (!group)
		return 0;
	list_for_each(&group->items, at) {
		const struct shared *item = container_of(at, struct shared, in_group);

		if (item->rank == rank && (rc = each(ctx, &item->key, rank)))
			return rc;
	}
	return rc;
}

int graph_groups_walk(const struct graph_member *member, enum graph_rank rank,
		      int (*each)(void *ctx, const struct key *key, enum graph_rank rank), void *ctx)
{
	int rc = walk_group(member->all, rank, each, ctx);

	return rc ? rc : walk_group(member->region, rank, each, ctx);
}

size_t graph_groups_count(const struct graph_member *member)
{
	return (member->all ? member->all->items.count : 0) +
	       (member->region ? member->region->items.count : 0);
}
