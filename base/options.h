/* options: command lines as tables, for both daemons.
 *
 * A program is a table of verbs, a verb a table of options and a handler. The tables are plain
 * constant data, so that help, man pages and completion are generated from what is parsed.
 * Bad usage is one line on stderr and exit code 2. Main thread. */
#ifndef HOLDFAST_BASE_OPTIONS_H
#define HOLDFAST_BASE_OPTIONS_H

#include "base/buf.h"

#define OPTIONS_EXIT_OK 0
#define OPTIONS_EXIT_FAILED 1
#define OPTIONS_EXIT_USAGE 2

struct options;

enum option_flags {
	OPTION_REQUIRED = 1 << 0,
	OPTION_REPEAT = 1 << 1, /* may come several times; options_nth sees them all */
};

struct option_spec {
	const char *name;     /* "data-dir", typed as --data-dir V or --data-dir=V */
	char letter;	      /* 'o' for -o V, 0 for none; 'h' is taken */
	const char *value;    /* what V is, for help: "DIR"; NULL: a flag without a value */
	const char *fallback; /* default, NULL when there is none */
	unsigned flags;
	const char *help; /* one line */
};

struct verb_spec {
	const char *name;		   /* one word or two: "run", "token create" */
	const struct option_spec *options; /* ends with a NULL name; NULL: none */
	const char *arguments;		   /* positional arguments for help: "NAME [FILE...]"; NULL: none */
	unsigned min_arguments, max_arguments;
	const char *help; /* one line */
	/* Returns the exit code. */
	int (*run)(const struct options *options, void *ctx);
};

struct program_spec {
	const char *name, *summary, *version;
	const struct verb_spec *verbs;	   /* ends with a NULL name */
	const struct option_spec *options; /* taken by every verb; ends with a NULL name; NULL: none */
};

/* The whole of a main(): parses, prints help or version or the one line, or runs the verb. Returns the exit code. */
int options_main(const struct program_spec *program, int argc, char *const argv[], void *ctx);

/* What options_main does before it acts. -EINVAL (bad usage, err says what), -ENOMEM. The strings stay argv's. */
int options_parse(const struct program_spec *program, int argc, char *const argv[], struct options **out,
		  struct err *err) must_check;
void options_free(struct options *options);

/* NULL when help or version was asked for. */
const struct verb_spec *options_verb(const struct options *options);

/* Names must be in the verb's or the program's table; another one is a bug and aborts. */
const char *options_get(const struct options *options,
			const char *name); /* last value given, else the default, else NULL */
bool options_given(const struct options *options, const char *name); /* was typed; for flags: is set */
const char *options_nth(const struct options *options, const char *name,
			size_t index); /* NULL past the last one given */
size_t options_argument_count(const struct options *options);
const char *options_argument(const struct options *options, size_t index); /* NULL past the last */

/* Help as text. verb: NULL for the whole program; a first word ("token") for its group. */
int options_help(const struct program_spec *program, const char *verb, struct buf *out);

#endif
