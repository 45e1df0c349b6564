/* config: YAML configuration files as tables.
 *
 * A table names every key, its type, range, default and place in a struct; one call fills the struct.
 * What the table does not know is an error that names file, line and key. The struct's owner calls
 * config_done. libyaml inside, and no other file includes it. Main thread. */
#ifndef HOLDFAST_BASE_CONFIG_H
#define HOLDFAST_BASE_CONFIG_H

#include "base/buf.h"

#define CONFIG_MAX_BYTES (256u * 1024)
#define CONFIG_MAX_ITEMS 1024u /* of one list */

struct config_list { /* of strings */
	char **items;
	size_t count;
};

struct config_objects { /* of structs as the field's `items` says */
	void *items;
	size_t count;
};

/* The member's type in the struct follows the name. */
enum config_type {
	CONFIG_TEXT,	 /* char *, heap; NULL when absent without default */
	CONFIG_BOOL,	 /* bool: true, false */
	CONFIG_INT,	 /* int64_t */
	CONFIG_DURATION, /* uint64_t milliseconds: "500ms", "40s", "1h30m" */
	CONFIG_SIZE,	 /* uint64_t bytes: "4096", "64Mi" */
	CONFIG_LIST,	 /* struct config_list: a sequence of strings */
	CONFIG_OBJECTS,	 /* struct config_objects: a sequence of mappings; empty by default */
};

struct config_items;

struct config_field {
	const char *path; /* sections and key with dots: "api.listen" */
	enum config_type type;
	size_t offset;	      /* offsetof the member */
	int64_t min, max;     /* of INT, DURATION (ms), SIZE (bytes); both 0: any */
	const char *fallback; /* default as written in a file, list items apart by commas; NULL: zero */
	const char *help;     /* one line */
	const struct config_items *items; /* of OBJECTS */
};

struct config_table {
	const struct config_field *fields;
	size_t count;
};

struct config_items {
	struct config_table table; /* of the keys of one; paths without sections */
	size_t size;		   /* of its struct */
	size_t max;
	/* The last of them has been read: does it make sense, and beside the others? If not, *err says what is wrong, and -EINVAL.
	 * NULL: always. */
	int (*check)(const void *items, size_t count, struct err *err);
};

/* Fill *out, whose content before is ignored, with defaults and then with what the file says. On failure it is
 * empty and err holds "FILE:LINE: ...". -EINVAL (content), -EFBIG, the errno of opening and reading, -ENOMEM. */
int config_load(const struct config_table *table, const char *file, void *out, struct err *err) must_check;
int config_parse(const struct config_table *table, struct span text, const char *name, void *out,
		 struct err *err) must_check;
int config_defaults(const struct config_table *table, void *out, struct err *err) must_check;
void config_done(const struct config_table *table, void *out);

/* Overrides one key of a filled struct, for command lines. Lists are items apart by commas. */
int config_set(const struct config_table *table, void *out, const char *path, const char *value,
	       struct err *err) must_check;

/* A commented file holding every key with its default. */
int config_sample(const struct config_table *table, struct buf *out);

#endif
