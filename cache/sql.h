/* sql: the texts under cache/sql/, built in. */
#ifndef HOLDFAST_CACHE_SQL_H
#define HOLDFAST_CACHE_SQL_H

extern const char sql_schema_1[];
extern const char sql_schema_2[];
extern const char sql_read[]; /* statements by name, each after a line "--@ name" */
extern const char sql_write[];

#endif
