#include "base/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HELP_MAX_BYTES (64u * 1024)
#define HELP_COLUMN 30

enum action { ACTION_RUN, ACTION_HELP, ACTION_VERSION };

struct given {
	const struct option_spec *spec;
	const char *value; /* NULL for flags */
};

struct options {
	const struct program_spec *program;
	const struct verb_spec *verb;
	enum action action;
	const char *topic; /* of help: a verb, a first word, or NULL */
	size_t given_count, argument_count;
	const char **arguments;
	struct given given[]; /* argc of them, arguments behind */
};

/* --- tables --- */

static const struct option_spec *find_in(const struct option_spec *table, struct span name)
{
	for (; table && table->name; table++)
		if (span_is(name, table->name))
			return table;
	return NULL;
}

static const struct option_spec *find_letter(const struct option_spec *table, char letter)
{
	for (; table && table->name; table++)
		if (table->letter && table->letter == letter)
			return table;
	return NULL;
}

static const struct verb_spec *find_verb(const struct program_spec *program, const char *name)
{
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

/* "token" of "token create" */
static bool is_in_group(const struct verb_spec *verb, const char *word)
{
	size_t len = strlen(word);

	return strncmp(verb->name, word, len) == 0 && verb->name[len] == ' ';
}

static bool is_group(const struct program_spec *program, const char *word)
{
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++)
		if (is_in_group(verb, word))
			return true;
	return false;
}

/* --- parsing --- */

static int usage(const struct program_spec *program, struct err *err, const char *what, const char *word)
{
	return err_set(err, -EINVAL, "%s '%.80s'; see '%s --help'", what, word, program->name);
}

static int group_needs_word(const struct program_spec *program, const char *word, struct err *err)
{
	char list[160] = "";
	size_t len = 0;

	for (const struct verb_spec *verb = program->verbs; verb->name; verb++) {
		int n;

		if (!is_in_group(verb, word))
			continue;
		n = snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
			     strchr(verb->name, ' ') + 1);
		len = n > 0 && len + (size_t)n < sizeof(list) ? len + (size_t)n : sizeof(list) - 1;
	}
	return err_set(err, -EINVAL, "'%s' needs one of: %s", word, list);
}

static bool is_word(const char *arg, const char *long_form, const char *short_form)
{
	return arg && (strcmp(arg, long_form) == 0 || strcmp(arg, short_form) == 0);
}

/* Sets verb, or action and topic, and *out_next to the first argument behind the verb. */
static int parse_verb(struct options *o, int argc, char *const argv[], int *out_next, struct err *err)
{
	const char *first = argc > 1 ? argv[1] : NULL, *second = argc > 2 ? argv[2] : NULL;
	char both[64];

	*out_next = 2;
	if (!first)
		return err_set(err, -EINVAL, "a command is missing; see '%s --help'", o->program->name);
	if (is_word(first, "--version", "version")) {
		o->action = ACTION_VERSION;
		return 0;
	}
	if (is_word(first, "--help", "-h") || is_word(first, "help", "help")) {
		o->action = ACTION_HELP;
		return 0;
	}
	if (first[0] == '-')
		return usage(o->program, err, "expected a command, not", first);
	o->verb = find_verb(o->program, first);
	if (o->verb)
		return 0;
	if (!is_group(o->program, first))
		return usage(o->program, err, "unknown command", first);
	if (is_word(second, "--help", "-h")) {
		o->action = ACTION_HELP;
		o->topic = first;
		return 0;
	}
	if (!second || second[0] == '-')
		return group_needs_word(o->program, first, err);
	if (snprintf(both, sizeof(both), "%s %s", first, second) < (int)sizeof(both))
		o->verb = find_verb(o->program, both);
	*out_next = 3;
	return o->verb ? 0 : group_needs_word(o->program, first, err);
}

static int add_given(struct options *o, const struct option_spec *spec, const char *value, struct err *err)
{
	if (!(spec->flags & OPTION_REPEAT) && options_given(o, spec->name))
		return err_set(err, -EINVAL, "option '--%s' was given twice", spec->name);
	o->given[o->given_count++] = (struct given){ spec, value };
	return 0;
}

static const struct option_spec *find_option(const struct options *o, const char *arg, const char **out_value)
{
	struct span name, value;
	const struct option_spec *spec;

	*out_value = NULL;
	if (arg[1] != '-') { /* -o V, -oV */
		spec = find_letter(o->verb->options, arg[1]);
		if (!spec)
			spec = find_letter(o->program->options, arg[1]);
		if (arg[2])
			*out_value = arg + 2;
		return spec;
	}
	if (span_cut(span_of(arg + 2), '=', &name, &value))
		*out_value = value.ptr; /* runs to the end of arg, so it ends in its NUL */
	spec = find_in(o->verb->options, name);
	return spec ? spec : find_in(o->program->options, name);
}

/* At argv[*at], which starts with '-'. */
static int parse_option(struct options *o, int argc, char *const argv[], int *at, struct err *err)
{
	const char *arg = argv[*at], *value;
	const struct option_spec *spec = find_option(o, arg, &value);

	if (!spec)
		return err_set(err, -EINVAL, "unknown option '%.80s'; see '%s %s --help'", arg,
			       o->program->name, o->verb->name);
	if (!spec->value) {
		if (value)
			return err_set(err, -EINVAL, "option '--%s' takes no value", spec->name);
		return add_given(o, spec, NULL, err);
	}
	if (!value) {
		/* What looks like an option is not taken for a value: --data-dir --force is a slip. */
		if (*at + 1 >= argc || strncmp(argv[*at + 1], "--", 2) == 0)
			return err_set(err, -EINVAL, "option '--%s' needs a value %s", spec->name,
				       spec->value);
		value = argv[++*at];
	}
	return add_given(o, spec, value, err);
}

static int check_required(const struct options *o, const struct option_spec *table, struct err *err)
{
	for (; table && table->name; table++)
		if ((table->flags & OPTION_REQUIRED) && !options_given(o, table->name))
			return err_set(err, -EINVAL, "option '--%s' is required; see '%s %s --help'",
				       table->name, o->program->name, o->verb->name);
	return 0;
}

static int check_arguments(const struct options *o, struct err *err)
{
	const struct verb_spec *verb = o->verb;

	if (o->argument_count > verb->max_arguments)
		return err_set(err, -EINVAL, "unexpected argument '%.80s'; see '%s %s --help'",
			       o->arguments[verb->max_arguments], o->program->name, verb->name);
	if (o->argument_count < verb->min_arguments)
		return err_set(err, -EINVAL, "'%s' needs %s; see '%s %s --help'", verb->name,
			       verb->arguments ? verb->arguments : "an argument", o->program->name,
			       verb->name);
	return 0;
}

static int parse_rest(struct options *o, int argc, char *const argv[], int at, struct err *err)
{
	bool options_ended = false;
	int rc = 0;

	for (; at < argc && !rc; at++) {
		const char *arg = argv[at];

		if (options_ended || arg[0] != '-' || !arg[1]) {
			o->arguments[o->argument_count++] = arg;
		} else if (strcmp(arg, "--") == 0) {
			options_ended = true;
		} else if (is_word(arg, "--help", "-h")) {
			o->action = ACTION_HELP;
			o->topic = o->verb->name;
			return 0;
		} else {
			rc = parse_option(o, argc, argv, &at, err);
		}
	}
	if (!rc)
		rc = check_required(o, o->verb->options, err);
	if (!rc)
		rc = check_required(o, o->program->options, err);
	return rc ? rc : check_arguments(o, err);
}

int options_parse(const struct program_spec *program, int argc, char *const argv[], struct options **out,
		  struct err *err)
{
	size_t room = argc > 0 ? (size_t)argc : 1;
	struct options *o = calloc(1, sizeof(*o) + room * (sizeof(struct given) + sizeof(char *)));
	int next, rc;

	*out = NULL;
	if (!o)
		return err_set(err, -ENOMEM, "out of memory");
	o->program = program;
	o->arguments = (const char **)(void *)&o->given[room];
	rc = parse_verb(o, argc, argv, &next, err);
	if (!rc && o->action == ACTION_RUN)
		rc = parse_rest(o, argc, argv, next, err);
	if (rc)
		options_free(o);
	else
		*out = o;
	return rc;
}

void options_free(struct options *options)
{
	free(options);
}

/* --- what was given --- */

const struct verb_spec *options_verb(const struct options *options)
{
	return options->action == ACTION_RUN ? options->verb : NULL;
}

static const struct option_spec *spec_of(const struct options *o, const char *name)
{
	const struct option_spec *spec = find_in(o->verb->options, span_of(name));

	if (!spec)
		spec = find_in(o->program->options, span_of(name));
	assert_always(spec);
	return spec;
}

const char *options_nth(const struct options *options, const char *name, size_t index)
{
	const struct option_spec *spec = spec_of(options, name);

	for (size_t i = 0; i < options->given_count; i++)
		if (options->given[i].spec == spec && index-- == 0)
			return options->given[i].value;
	return NULL;
}

const char *options_get(const struct options *options, const char *name)
{
	const struct option_spec *spec = spec_of(options, name);

	for (size_t i = options->given_count; i > 0; i--)
		if (options->given[i - 1].spec == spec)
			return options->given[i - 1].value;
	return spec->fallback;
}

bool options_given(const struct options *options, const char *name)
{
	const struct option_spec *spec = spec_of(options, name);

	for (size_t i = 0; i < options->given_count; i++)
		if (options->given[i].spec == spec)
			return true;
	return false;
}

size_t options_argument_count(const struct options *options)
{
	return options->argument_count;
}

const char *options_argument(const struct options *options, size_t index)
{
	return index < options->argument_count ? options->arguments[index] : NULL;
}

/* --- help --- */

/* Two columns; what is too wide for the first one gets a line of its own. */
static void add_row(struct buf *out, struct span left, const char *right)
{
	(void)buf_addf(out, "  %.*s", SPAN_ARG(left));
	if (left.len + 2 >= HELP_COLUMN)
		(void)buf_addf(out, "\n%*s", HELP_COLUMN, "");
	else
		(void)buf_addf(out, "%*s", (int)(HELP_COLUMN - 2 - left.len), "");
	(void)buf_addf(out, "%s", right);
}

static void add_option(struct buf *out, const struct option_spec *spec)
{
	char left[96];
	int n = snprintf(left, sizeof(left), "%s%c%s--%s%s%s", spec->letter ? "-" : "",
			 spec->letter ? spec->letter : ' ', spec->letter ? ", " : "   ", spec->name,
			 spec->value ? " " : "", spec->value ? spec->value : "");

	add_row(out, span_make(left, n < 0 ? 0 : strlen(left)), spec->help);
	if (spec->fallback && spec->fallback[0])
		(void)buf_addf(out, " (default %s)", spec->fallback);
	if (spec->flags & OPTION_REQUIRED)
		(void)buf_add_str(out, " (required)");
	if (spec->flags & OPTION_REPEAT)
		(void)buf_add_str(out, " (may be repeated)");
	(void)buf_add_char(out, '\n');
}

static void add_verb_help(struct buf *out, const struct program_spec *program, const struct verb_spec *verb)
{
	bool has_options =
		(verb->options && verb->options->name) || (program->options && program->options->name);

	(void)buf_addf(out, "usage: %s %s%s%s%s\n\n%s\n", program->name, verb->name,
		       has_options ? " [options]" : "", verb->arguments ? " " : "",
		       verb->arguments ? verb->arguments : "", verb->help);
	if (has_options)
		(void)buf_add_str(out, "\noptions:\n");
	for (const struct option_spec *spec = verb->options; spec && spec->name; spec++)
		add_option(out, spec);
	for (const struct option_spec *spec = program->options; spec && spec->name; spec++)
		add_option(out, spec);
}

/* group NULL: all verbs */
static void add_program_help(struct buf *out, const struct program_spec *program, const char *group)
{
	(void)buf_addf(out, "usage: %s %s%sCOMMAND [options]\n\n%s\n\ncommands:\n", program->name,
		       group ? group : "", group ? " " : "", program->summary);
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++) {
		if (group && !is_in_group(verb, group))
			continue;
		add_row(out, span_of(verb->name), verb->help);
		(void)buf_add_char(out, '\n');
	}
	(void)buf_addf(
		out,
		"\n'%s COMMAND --help' tells more about one of them; '%s --version' prints the version.\n",
		program->name, program->name);
}

int options_help(const struct program_spec *program, const char *verb, struct buf *out)
{
	const struct verb_spec *spec = verb ? find_verb(program, verb) : NULL;

	if (verb && !spec && !is_group(program, verb))
		return -ENOENT;
	if (spec)
		add_verb_help(out, program, spec);
	else
		add_program_help(out, program, verb);
	return buf_error(out);
}

static int print_help(const struct options *o)
{
	struct buf text;
	int rc;

	buf_init(&text, HELP_MAX_BYTES);
	rc = options_help(o->program, o->topic, &text);
	if (!rc && (fputs(buf_cstr(&text), stdout) < 0 || fflush(stdout)))
		rc = -EIO;
	buf_done(&text);
	return rc ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

int options_main(const struct program_spec *program, int argc, char *const argv[], void *ctx)
{
	struct options *o;
	struct err err = { 0 };
	int exit_code = OPTIONS_EXIT_OK;
	int rc = options_parse(program, argc, argv, &o, &err);

	if (rc) {
		fprintf(stderr, "%s: %s\n", program->name, err_text(&err));
		return rc == -EINVAL ? OPTIONS_EXIT_USAGE : OPTIONS_EXIT_FAILED;
	}
	switch (o->action) {
	case ACTION_RUN: exit_code = o->verb->run(o, ctx); break;
	case ACTION_HELP: exit_code = print_help(o); break;
	case ACTION_VERSION:
		if (printf("%s %s\n", program->name, program->version) < 0 || fflush(stdout))
			exit_code = OPTIONS_EXIT_FAILED;
		break;
	}
	options_free(o);
	return exit_code;
}
