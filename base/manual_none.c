/* In place of manual.c in a build without the documents (HOLDFAST_MANUAL). */
#include "base/manual.h"

#include <errno.h>
#include <stdio.h>

int manual_page(const struct program_spec *program, struct buf *out)
{
	(void)program;
	(void)out;
	return -ENOSYS;
}

int manual_config_page(const struct program_spec *program, const struct config_table *table, const char *name,
		       const char *path, struct buf *out)
{
	(void)program;
	(void)table;
	(void)name;
	(void)path;
	(void)out;
	return -ENOSYS;
}

int manual_completion(const struct program_spec *program, struct buf *out)
{
	(void)program;
	(void)out;
	return -ENOSYS;
}

int manual_print(const struct manual_of *of, const struct options *options)
{
	(void)options;
	fprintf(stderr, "%s: this build has no manual pages (HOLDFAST_MANUAL); the full one prints them\n",
		of->program->name);
	return OPTIONS_EXIT_FAILED;
}
