/* config_internal: what config.c (values in a struct, the sample) and config_read.c (YAML) share. Private to base/config. */
#ifndef HOLDFAST_BASE_CONFIG_INTERNAL_H
#define HOLDFAST_BASE_CONFIG_INTERNAL_H

#include "base/config.h"

#define CONFIG_PATH_BYTES 128u
#define CONFIG_FIELDS_MAX 256u

const struct config_field *config_find(const struct config_table *table, const char *path);
void *config_member(const struct config_field *field, void *out);
void config_clear(const struct config_table *table, void *out);
/* `where` goes before the path in messages: "" or "section.list[2].". */
int config_store(const struct config_field *field, const char *where, void *out, struct span value,
		 struct err *err) must_check;

void config_list_done(struct config_list *list);
/* -E2BIG, -EINVAL: a NUL in it; -ENOMEM. */
int config_list_add(struct config_list *list, struct span item) must_check;

void config_objects_done(const struct config_items *of, struct config_objects *objects);
/* One more, with defaults: its place. -E2BIG. */
int config_objects_add(const struct config_items *of, struct config_objects *objects, void **out,
		       struct err *err) must_check;

#endif
