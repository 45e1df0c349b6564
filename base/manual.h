/* manual: the documents that follow from the tables of a program: its manual page, that of its configuration file, and its bash
 * completion. What is parsed is what is documented. In a build without them (manual_none.c): -ENOSYS. Pure. */
#ifndef HOLDFAST_BASE_MANUAL_H
#define HOLDFAST_BASE_MANUAL_H

#include "base/config.h"
#include "base/options.h"

#define MANUAL_MAX_BYTES (256u * 1024)

/* man(7) source of PROGRAM(8). Undated, so that the same sources give the same bytes. */
int manual_page(const struct program_spec *program, struct buf *out) must_check;
/* man(7) source of FILE(5), `name` like "edge.yaml", `path` where it is looked for by the service. */
int manual_config_page(const struct program_spec *program, const struct config_table *table, const char *name,
		       const char *path, struct buf *out) must_check;
/* A script for /usr/share/bash-completion/completions. */
int manual_completion(const struct program_spec *program, struct buf *out) must_check;

/* The verb print-manual [page|config|completion]. Returns the exit code. */
struct manual_of {
	const struct program_spec *program;
	const struct config_table *table;
	const char *config_name, *config_path;
};
int manual_print(const struct manual_of *of, const struct options *options);

#endif
