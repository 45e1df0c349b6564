#include "api/recent.h"

#include "api/object_json.h"

#include <errno.h>
#include <stdlib.h>

struct kept {
	enum change_type type;
	uint64_t revision;
	struct object *object; /* of this revision */
};

struct recent {
	uint64_t revision, oldest; /* newest; changes after `oldest` are known */
	size_t max, first, count;  /* a ring */
	struct kept changes[];
};

int recent_new(size_t max, uint64_t first, struct recent **out)
{
	struct recent *recent = calloc(1, sizeof(*recent) + max * sizeof(recent->changes[0]));

	if (!recent)
		return -ENOMEM;
	recent->max = max;
	recent->revision = recent->oldest = first;
	*out = recent;
	return 0;
}

static struct kept *at(const struct recent *recent, size_t i)
{
	return (struct kept *)&recent->changes[(recent->first + i) % recent->max];
}

static void forget_first(struct recent *recent)
{
	struct kept *kept = at(recent, 0);

	recent->oldest = kept->revision;
	object_unref(kept->object);
	recent->first = (recent->first + 1) % recent->max;
	recent->count--;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	while (recent->count)
		forget_first(recent);
	free(recent);
}

uint64_t recent_revision(const struct recent *recent)
{
	return recent->revision;
}

int recent_add(struct recent *recent, enum change_type type, const struct object *object,
	       struct object **out_object)
{
	struct object copy = *object, *stamped;

	copy.revision = ++recent->revision;
	stamped = object_new(&copy);
	if (out_object)
		*out_object = NULL;
	if (!stamped) {
		while (recent->count)
			forget_first(recent);
		recent->oldest = recent->revision;
		return -ENOMEM;
	}
	if (recent->count == recent->max)
		forget_first(recent);
	*at(recent, recent->count++) = (struct kept){ type, copy.revision, stamped };
	if (out_object && type != CHANGE_DELETED)
		*out_object = object_ref(stamped);
	return 0;
}

int recent_each(const struct recent *recent, uint64_t after,
		int (*each)(void *ctx, const struct change *change), void *ctx)
{
	int code = 0;

	if (after < recent->oldest || after > recent->revision)
		return -ERANGE;
	for (size_t i = 0; !code && i < recent->count; i++) {
		const struct kept *kept = at(recent, i);
		struct change change = { .type = kept->type,
					 .revision = kept->revision,
					 .object = kept->object,
					 .previous = kept->type == CHANGE_ADDED ? NULL : kept->object };

		if (kept->revision > after)
			code = each(ctx, &change);
	}
	return code;
}
