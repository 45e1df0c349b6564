#include "base/manual.h"

#include <errno.h>
#include <stdio.h>

/* --- man(7) --- */

/* Text that troff takes as it is: backslashes and minus signs said, and no line begins with a control character. */
static void add_roff(struct buf *out, const char *text)
{
	if (*text == '.' || *text == '\'')
		(void)buf_add_str(out, "\\&");
	for (; *text; text++)
		if (*text == '\\')
			(void)buf_add_str(out, "\\e");
		else if (*text == '-')
			(void)buf_add_str(out, "\\-");
		else if (*text == '\n')
			(void)buf_add_char(out, ' ');
		else
			(void)buf_add_char(out, *text);
}

static void add_upper(struct buf *out, const char *text)
{
	for (; *text; text++)
		(void)buf_add_char(out, *text >= 'a' && *text <= 'z' ? (char)(*text - 'a' + 'A') : *text);
}

static void add_head(struct buf *out, const char *name, const char *section, const char *version,
		     const char *summary)
{
	(void)buf_add_str(out, ".TH ");
	add_upper(out, name);
	(void)buf_addf(out, " %s \"\" \"Holdfast %s\" \"Holdfast\"\n.SH NAME\n", section, version);
	add_roff(out, name);
	(void)buf_add_str(out, " \\- ");
	add_roff(out, summary);
	(void)buf_add_char(out, '\n');
}

static void add_option(struct buf *out, const struct option_spec *option)
{
	(void)buf_add_str(out, ".TP\n\\fB\\-\\-");
	add_roff(out, option->name);
	(void)buf_add_str(out, "\\fR");
	if (option->value) {
		(void)buf_add_str(out, " \\fI");
		add_roff(out, option->value);
		(void)buf_add_str(out, "\\fR");
	}
	if (option->letter)
		(void)buf_addf(out, ", \\fB\\-%c\\fR", option->letter);
	(void)buf_add_char(out, '\n');
	add_roff(out, option->help);
	if (option->flags & OPTION_REQUIRED)
		(void)buf_add_str(out, " (required)");
	if (option->flags & OPTION_REPEAT)
		(void)buf_add_str(out, " (may be given several times)");
	if (option->fallback) {
		(void)buf_add_str(out, " (default: ");
		add_roff(out, option->fallback);
		(void)buf_add_char(out, ')');
	}
	(void)buf_add_char(out, '\n');
}

static void add_verb(struct buf *out, const struct verb_spec *verb)
{
	(void)buf_add_str(out, ".SS ");
	add_roff(out, verb->name);
	if (verb->arguments) {
		(void)buf_add_char(out, ' ');
		add_roff(out, verb->arguments);
	}
	(void)buf_add_char(out, '\n');
	add_roff(out, verb->help);
	(void)buf_add_str(out, ".\n");
	for (const struct option_spec *o = verb->options; o && o->name; o++)
		add_option(out, o);
}

int manual_page(const struct program_spec *program, struct buf *out)
{
	add_head(out, program->name, "8", program->version, program->summary);
	(void)buf_add_str(out, ".SH SYNOPSIS\n\\fB");
	add_roff(out, program->name);
	(void)buf_add_str(out, "\\fR \\fICOMMAND\\fR [\\fIOPTION\\fR...]\n.SH COMMANDS\n");
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++)
		add_verb(out, verb);
	(void)buf_add_str(out, ".SH EXIT STATUS\n0: done, also after a clean stop by SIGTERM. 1: it failed, "
			       "and one line on standard "
			       "error says why. 2: bad usage or configuration.\n");
	return buf_error(out);
}

static const char *const type_names[] = {
	[CONFIG_TEXT] = "text",
	[CONFIG_BOOL] = "true or false",
	[CONFIG_INT] = "number",
	[CONFIG_DURATION] = "duration",
	[CONFIG_SIZE] = "size in bytes",
	[CONFIG_LIST] = "list of texts",
	[CONFIG_OBJECTS] = "list, each item with the keys below",
};

static void add_key(struct buf *out, const struct config_field *field, const char *where)
{
	(void)buf_add_str(out, ".TP\n\\fB");
	add_roff(out, where);
	add_roff(out, field->path);
	(void)buf_addf(out, "\\fR (%s)\n", type_names[field->type]);
	add_roff(out, field->help);
	if (field->fallback) {
		(void)buf_add_str(out, " (default: ");
		add_roff(out, field->fallback);
		(void)buf_add_char(out, ')');
	}
	(void)buf_add_char(out, '\n');
}

static void add_keys(struct buf *out, const struct config_table *table, const char *where)
{
	for (size_t i = 0; i < table->count; i++)
		add_key(out, &table->fields[i], where);
}

/* Those of the struct, each list of items followed by the keys of one. */
static void add_all_keys(struct buf *out, const struct config_table *table)
{
	char where[128];

	for (size_t i = 0; i < table->count; i++) {
		const struct config_field *field = &table->fields[i];

		add_key(out, field, "");
		if (field->type != CONFIG_OBJECTS)
			continue;
		(void)snprintf(where, sizeof(where), "%s[].", field->path);
		add_keys(out, &field->items->table, where);
	}
}

int manual_config_page(const struct program_spec *program, const struct config_table *table, const char *name,
		       const char *path, struct buf *out)
{
	add_head(out, name, "5", program->version, "configuration file");
	(void)buf_add_str(out, ".SH DESCRIPTION\nYAML. Read by \\fB");
	add_roff(out, program->name);
	(void)buf_add_str(out, " run \\-\\-config\\fR; the service reads ");
	add_roff(out, path);
	(void)buf_add_str(out, ". Dots in the names below stand for nesting. Options of the command line "
			       "override it. A key that is not "
			       "listed is an error.\n.SH KEYS\n");
	add_all_keys(out, table);
	return buf_error(out);
}

/* --- bash completion --- */

/* A function's name: letters, digits and underscores. */
static void add_identifier(struct buf *out, const char *name)
{
	(void)buf_add_char(out, '_');
	for (; *name; name++)
		(void)buf_add_char(out, *name == '-' ? '_' : *name);
}

static size_t first_word(const char *name)
{
	return strcspn(name, " ");
}

static bool is_first_of_group(const struct program_spec *program, const struct verb_spec *verb)
{
	size_t len = first_word(verb->name);

	for (const struct verb_spec *v = program->verbs; v < verb; v++)
		if (first_word(v->name) == len && strncmp(v->name, verb->name, len) == 0)
			return false;
	return true;
}

static void add_verbs(const struct program_spec *program, struct buf *out)
{
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++)
		if (is_first_of_group(program, verb))
			(void)buf_addf(out, "%.*s ", (int)first_word(verb->name), verb->name);
	(void)buf_add_str(out, "--help --version");
}

/* The second words of a group, under its first. */
static void add_groups(const struct program_spec *program, struct buf *out)
{
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++) {
		size_t len = first_word(verb->name);

		if (!verb->name[len] || !is_first_of_group(program, verb))
			continue;
		(void)buf_addf(out, "\t\t%.*s) words=\"", (int)len, verb->name);
		for (const struct verb_spec *v = verb; v->name; v++)
			if (first_word(v->name) == len && strncmp(v->name, verb->name, len) == 0)
				(void)buf_addf(out, "%s%s", v == verb ? "" : " ", v->name + len + 1);
		(void)buf_add_str(out, "\" ;;\n");
	}
}

static void add_options(const struct program_spec *program, struct buf *out)
{
	for (const struct verb_spec *verb = program->verbs; verb->name; verb++) {
		(void)buf_addf(out, "\t\"%s\"*) words=\"", verb->name);
		for (const struct option_spec *o = verb->options; o && o->name; o++)
			(void)buf_addf(out, "--%s ", o->name);
		for (const struct option_spec *o = program->options; o && o->name; o++)
			(void)buf_addf(out, "--%s ", o->name);
		(void)buf_add_str(out, "--help\" ;;\n");
	}
}

int manual_completion(const struct program_spec *program, struct buf *out)
{
	(void)buf_addf(out, "# bash completion of %s(8)\n", program->name);
	add_identifier(out, program->name);
	(void)buf_add_str(out, "() {\n\tlocal word=${COMP_WORDS[COMP_CWORD]} "
			       "typed=\"${COMP_WORDS[*]:1:COMP_CWORD-1} \" words=\n"
			       "\tif [[ COMP_CWORD -eq 1 ]]; then\n\t\twords=\"");
	add_verbs(program, out);
	(void)buf_add_str(
		out,
		"\"\n\telif [[ COMP_CWORD -eq 2 && $word != -* ]]; then\n\t\tcase ${COMP_WORDS[1]} in\n");
	add_groups(program, out);
	(void)buf_add_str(out, "\t\tesac\n\telif [[ $word == -* ]]; then\n\t\tcase $typed in\n");
	add_options(program, out);
	(void)buf_add_str(out, "\t\tesac\n\tfi\n\tif [[ -n $words ]]; then\n\t\tmapfile -t COMPREPLY < "
			       "<(compgen -W \"$words\" -- "
			       "\"$word\")\n\telse\n\t\tmapfile -t COMPREPLY < <(compgen -f -- "
			       "\"$word\")\n\tfi\n}\ncomplete -F ");
	add_identifier(out, program->name);
	(void)buf_addf(out, " %s\n", program->name);
	return buf_error(out);
}

/* --- the verb --- */

int manual_print(const struct manual_of *of, const struct options *options)
{
	const char *what = options_argument(options, 0) ? options_argument(options, 0) : "page";
	int code, exit_code = OPTIONS_EXIT_FAILED;
	struct buf out;

	buf_init(&out, MANUAL_MAX_BYTES);
	if (strcmp(what, "page") == 0)
		code = manual_page(of->program, &out);
	else if (strcmp(what, "config") == 0)
		code = manual_config_page(of->program, of->table, of->config_name, of->config_path, &out);
	else if (strcmp(what, "completion") == 0)
		code = manual_completion(of->program, &out);
	else
		code = -EINVAL;
	if (code == -EINVAL) {
		fprintf(stderr, "%s: print-manual prints page, config or completion, not '%s'\n",
			of->program->name, what);
		exit_code = OPTIONS_EXIT_USAGE;
	} else if (!code && fwrite(out.data, 1, out.len, stdout) == out.len) {
		exit_code = OPTIONS_EXIT_OK;
	}
	buf_done(&out);
	return exit_code;
}
