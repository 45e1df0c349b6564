/* table: cells in the words of `kubectl get`. Internal to api/: the columns themselves stand in table_*.c and are
 * reached through struct kind. Cells follow k8s.io/kubernetes pkg/printers/internalversion. */
#ifndef HOLDFAST_API_TABLE_H
#define HOLDFAST_API_TABLE_H

#include "api/kind.h"

#define TABLE_AGE_SIZE 24

/* "5m", "3d4h", "<invalid>" when it lies ahead: apimachinery's duration.HumanDuration. */
void table_duration(int64_t seconds, char out[TABLE_AGE_SIZE]);
/* How long ago an RFC 3339 text was; "<unknown>" when it is none. */
void table_since(const char *time, int64_t now_wall_ms, char out[TABLE_AGE_SIZE]);

int table_text(struct buf *out, const char *text);    /* a JSON string */
int table_or_none(struct buf *out, const char *text); /* "<none>" when empty */
int table_number(struct buf *out, int64_t number);
/* "a=b,c=d" in order of key, "<none>" when empty. */
int table_labels(struct buf *out, const struct json *labels);
/* The items of a list of objects joined with commas. */
int table_members(struct buf *out, const struct json *list, const char *member);

/* Cells every kind has. */
int table_name(const struct json *object, int64_t now_wall_ms, struct buf *out);
int table_age(const struct json *object, int64_t now_wall_ms, struct buf *out);

#define COLUMN_NAME                                                            \
	{                                                                      \
		"Name", "string", "name", 0, "Name of the object.", table_name \
	}
#define COLUMN_AGE                                                                      \
	{                                                                               \
		"Age", "string", "", 0, "Time since the object was created.", table_age \
	}
#define COLUMN(title, text, fn)                  \
	{                                        \
		title, "string", "", 0, text, fn \
	}
#define COLUMN_WIDE(title, text, fn)             \
	{                                        \
		title, "string", "", 1, text, fn \
	}
#define COLUMN_INT(title, text, fn)               \
	{                                         \
		title, "integer", "", 0, text, fn \
	}
#define CELL(fn) static int fn(const struct json *object, int64_t now_wall_ms, struct buf *out)

#endif
