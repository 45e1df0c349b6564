#include <errno.h>

#include "api/patch.h"

/* Depth is bounded by the parser's for both documents. */
static int merge(struct json *target, const struct json *patch)
{
	struct json_iter it = json_iter(patch);
	int err = 0;

	while (!err && json_next(&it)) {
		struct json *own = json_get(target, it.key);

		if (json_is(it.value, JSON_NULL)) {
			(void)json_remove(target, it.key);
		} else if (!json_is(it.value, JSON_OBJECT)) {
			err = json_set(target, it.key, json_copy(it.value));
		} else {
			/* A new object takes the patch's members too, without its nulls. */
			if (!json_is(own, JSON_OBJECT))
				err = json_set(target, it.key, json_new_object());
			if (!err)
				err = merge(json_get(target, it.key), it.value);
		}
	}
	return err;
}

int patch_merge(struct json **tree, const struct json *patch, struct err *err)
{
	if (!json_is(patch, JSON_OBJECT) || !json_is(*tree, JSON_OBJECT))
		return err_set(err, -EINVAL, "a merge patch must be a JSON object");
	return merge(*tree, patch);
}
