/* Manual pages and completion say what the tables say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/manual.h"

static int nothing(const struct options *options, void *ctx)
{
	(void)options;
	(void)ctx;
	return 0;
}

static const struct option_spec create_options[] = {
	{ "ttl", 't', "DURATION", "24h", 0, "how long - at most" },
	{ "quiet", 0, NULL, NULL, 0, ".starts with a dot \\ and more" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "run", .help = "run it", .run = nothing },
	{ .name = "token create", .options = create_options, .help = "make one", .run = nothing },
	{ .name = "token list", .help = "list them", .run = nothing },
	{ 0 },
};
static const struct program_spec program = { "a-hub", "does things", "1.2", verbs, NULL };

static const struct config_field item_fields[] = {
	{ .path = "name", .type = CONFIG_TEXT, .fallback = "nobody", .help = "its name" },
};
static const struct config_items items = { .table = { item_fields, 1 }, .size = sizeof(char *), .max = 2 };
#define ROW(path_, type_, at_, min_, max_, fallback_, help_)                           \
	{                                                                              \
		.path = path_, .type = type_, .offset = at_, .min = min_, .max = max_, \
		.fallback = fallback_, .help = help_                                   \
	}
static const struct config_field fields[] = {
	ROW("api.listen", CONFIG_TEXT, 0, 0, 0, "0.0.0.0:1", "where it is served"),
	{ .path = "api.users", .type = CONFIG_OBJECTS, .help = "who may use it", .items = &items },
};
static const struct config_table table = { fields, 2 };

static void expect(struct buf *out, const char *const *wanted)
{
	const char *text = buf_cstr(out);

	assert_non_null(text);
	for (; *wanted; wanted++)
		if (!strstr(text, *wanted))
			fail_msg("no \"%s\" in:\n%s", *wanted, text);
}

static void every_verb_and_option_is_in_the_page(void **state)
{
	static const char *const wanted[] = {
		".TH A-HUB 8 ",	      "a\\-hub \\- does things",
		".SS token create\n", "\\fB\\-\\-ttl\\fR \\fIDURATION\\fR, \\fB\\-t\\fR",
		"(default: 24h)",     "\n\\&.starts with a dot \\e and more",
		".SS token list\n",   NULL
	};
	struct buf out;

	(void)state;
	buf_init(&out, MANUAL_MAX_BYTES);
	assert_int_equal(manual_page(&program, &out), 0);
	expect(&out, wanted);
	buf_done(&out);
}

static void every_key_is_in_the_configuration_page(void **state)
{
	static const char *const wanted[] = { ".TH A.YAML 5 ",
					      "\\fBapi.listen\\fR (text)",
					      "(default: 0.0.0.0:1)",
					      "/etc/a.yaml",
					      "\\fBapi.users[].name\\fR (text)\nits name (default: nobody)",
					      NULL };
	struct buf out;

	(void)state;
	buf_init(&out, MANUAL_MAX_BYTES);
	assert_int_equal(manual_config_page(&program, &table, "a.yaml", "/etc/a.yaml", &out), 0);
	expect(&out, wanted);
	buf_done(&out);
}

static void completion_knows_verbs_groups_and_options(void **state)
{
	static const char *const wanted[] = { "words=\"run token --help --version\"",
					      "token) words=\"create list\" ;;",
					      "\"token create\"*) words=\"--ttl --quiet --help\" ;;",
					      "complete -F _a_hub a-hub\n", NULL };
	struct buf out;

	(void)state;
	buf_init(&out, MANUAL_MAX_BYTES);
	assert_int_equal(manual_completion(&program, &out), 0);
	expect(&out, wanted);
	buf_done(&out);
}

static void a_full_buffer_is_an_error(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	assert_true(manual_page(&program, &out) < 0);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_verb_and_option_is_in_the_page),
		cmocka_unit_test(every_key_is_in_the_configuration_page),
		cmocka_unit_test(completion_knows_verbs_groups_and_options),
		cmocka_unit_test(a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
