#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/options.h"
#include "tests/tools/failmalloc.h"

static int ran; /* what the handler saw */

static int run_verb(const struct options *o, void *ctx)
{
	ran++;
	return *(int *)ctx;
}

static const struct option_spec run_options[] = {
	{ "data-dir", 0, "DIR", "/var/lib/x", 0, "where the data is" },
	{ "force", 'f', NULL, NULL, 0, "do not ask" },
	{ "label", 'l', "K=V", NULL, OPTION_REPEAT, "a label" },
	{ 0 },
};
static const struct option_spec create_options[] = {
	{ "ttl", 0, "TIME", "24h", OPTION_REQUIRED, "lifetime" },
	{ 0 },
};
static const struct option_spec common_options[] = {
	{ "output", 'o', "FORMAT", NULL, 0, "json or yaml" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ "run", run_options, NULL, 0, 0, "runs it", run_verb },
	{ "token create", create_options, NULL, 0, 0, "makes a token", run_verb },
	{ "token list", NULL, NULL, 0, 0, "shows tokens", run_verb },
	{ "get", NULL, "KIND [NAME]", 1, 2, "shows objects", run_verb },
	{ 0 },
};
static const struct program_spec program = { "hub", "A hub.", "1.2", verbs, common_options };

#define ARGS(...) \
	(sizeof((char *[]){ "hub", __VA_ARGS__ }) / sizeof(char *)), ((char *[]){ "hub", __VA_ARGS__, NULL })

static struct options *good(int argc, char *const argv[])
{
	struct err err = { 0 };
	struct options *o;

	if (options_parse(&program, argc, argv, &o, &err))
		fail_msg("%s", err_text(&err));
	return o;
}

static void assert_bad(const char *message, int argc, char *const argv[])
{
	struct err err = { 0 };
	struct options *o;

	assert_int_equal(options_parse(&program, argc, argv, &o, &err), -EINVAL);
	assert_null(o);
	assert_string_equal(err_text(&err), message);
}

static void values_come_from_both_spellings_or_the_default(void **state)
{
	struct options *o = good(ARGS("run", "--data-dir", "/a", "-f", "-o", "json"));

	assert_string_equal(options_verb(o)->name, "run");
	assert_string_equal(options_get(o, "data-dir"), "/a");
	assert_true(options_given(o, "force"));
	assert_string_equal(options_get(o, "output"), "json");
	options_free(o);
	o = good(ARGS("run", "--data-dir=/b=c", "-oyaml"));
	assert_string_equal(options_get(o, "data-dir"), "/b=c");
	assert_string_equal(options_get(o, "output"), "yaml");
	assert_false(options_given(o, "force"));
	options_free(o);
	o = good(ARGS("run"));
	assert_string_equal(options_get(o, "data-dir"), "/var/lib/x");
	assert_false(options_given(o, "data-dir"));
	assert_null(options_get(o, "output"));
	options_free(o);
}

static void repeated_options_are_all_seen(void **state)
{
	struct options *o = good(ARGS("run", "-l", "a=1", "--label=b=2"));

	assert_string_equal(options_nth(o, "label", 0), "a=1");
	assert_string_equal(options_nth(o, "label", 1), "b=2");
	assert_null(options_nth(o, "label", 2));
	assert_string_equal(options_get(o, "label"), "b=2");
	options_free(o);
}

static void verbs_of_two_words_and_arguments_are_found(void **state)
{
	struct options *o = good(ARGS("token", "create", "--ttl", "1h"));

	assert_string_equal(options_verb(o)->name, "token create");
	options_free(o);
	o = good(ARGS("get", "pods", "--output=json", "--", "--web"));
	assert_int_equal(options_argument_count(o), 2);
	assert_string_equal(options_argument(o, 0), "pods");
	assert_string_equal(options_argument(o, 1), "--web");
	assert_null(options_argument(o, 2));
	options_free(o);
}

static void bad_usage_is_one_clear_line(void **state)
{
	assert_bad("a command is missing; see 'hub --help'", 1, (char *[]){ "hub", NULL });
	assert_bad("unknown command 'rum'; see 'hub --help'", ARGS("rum"));
	assert_bad("expected a command, not '--data-dir'; see 'hub --help'", ARGS("--data-dir", "x", "run"));
	assert_bad("'token' needs one of: create, list", ARGS("token"));
	assert_bad("'token' needs one of: create, list", ARGS("token", "destroy"));
	assert_bad("unknown option '--dat'; see 'hub run --help'", ARGS("run", "--dat", "x"));
	assert_bad("unknown option '-x'; see 'hub run --help'", ARGS("run", "-x"));
	assert_bad("option '--data-dir' needs a value DIR", ARGS("run", "--data-dir"));
	assert_bad("option '--data-dir' needs a value DIR", ARGS("run", "--data-dir", "--force"));
	assert_bad("option '--force' takes no value", ARGS("run", "--force=yes"));
	assert_bad("option '--data-dir' was given twice", ARGS("run", "--data-dir=a", "--data-dir=b"));
	assert_bad("option '--ttl' is required; see 'hub token create --help'", ARGS("token", "create"));
	assert_bad("unexpected argument 'now'; see 'hub run --help'", ARGS("run", "now"));
	assert_bad("'get' needs KIND [NAME]; see 'hub get --help'", ARGS("get"));
}

static void help_tells_what_the_tables_hold(void **state)
{
	struct buf text;

	buf_init(&text, 10000);
	assert_int_equal(options_help(&program, "run", &text), 0);
	assert_non_null(strstr(buf_cstr(&text), "usage: hub run [options]\n"));
	assert_non_null(strstr(buf_cstr(&text), "--data-dir DIR"));
	assert_non_null(strstr(buf_cstr(&text), "where the data is (default /var/lib/x)\n"));
	assert_non_null(strstr(buf_cstr(&text), "-o, --output FORMAT"));
	buf_reset(&text);
	assert_int_equal(options_help(&program, "token", &text), 0);
	assert_non_null(strstr(buf_cstr(&text), "token create"));
	assert_null(strstr(buf_cstr(&text), "runs it"));
	buf_reset(&text);
	assert_int_equal(options_help(&program, NULL, &text), 0);
	for (const struct verb_spec *verb = verbs; verb->name; verb++)
		assert_non_null(strstr(buf_cstr(&text), verb->name));
	assert_int_equal(options_help(&program, "rum", &text), -ENOENT);
	buf_done(&text);
}

/* Exit code with stdout and stderr going nowhere. */
static int exit_code_of(int argc, char *const argv[])
{
	int code = 7, saved_out = dup(1), saved_err = dup(2), result;
	FILE *nowhere = fopen("/dev/null", "w");

	assert_non_null(nowhere);
	fflush(stdout);
	assert_true(dup2(fileno(nowhere), 1) >= 0 && dup2(fileno(nowhere), 2) >= 0);
	result = options_main(&program, argc, argv, &code);
	fflush(stdout);
	assert_true(dup2(saved_out, 1) >= 0 && dup2(saved_err, 2) >= 0);
	(void)close(saved_out);
	(void)close(saved_err);
	fclose(nowhere);
	return result;
}

static void exit_codes_are_the_handlers_or_two_for_bad_usage(void **state)
{
	ran = 0;
	assert_int_equal(exit_code_of(ARGS("run")), 7);
	assert_int_equal(ran, 1);
	assert_int_equal(exit_code_of(ARGS("run", "--help")), 0);
	assert_int_equal(exit_code_of(ARGS("token", "--help")), 0);
	assert_int_equal(exit_code_of(ARGS("--help")), 0);
	assert_int_equal(exit_code_of(ARGS("--version")), 0);
	assert_int_equal(exit_code_of(ARGS("run", "--nope")), 2);
	assert_int_equal(exit_code_of(ARGS("nope")), 2);
	assert_int_equal(ran, 1);
}

static int parse_once(void *ctx)
{
	struct options *o;
	int rc = options_parse(&program, ARGS("run", "-l", "a=1", "-f"), &o, NULL);

	if (!rc)
		options_free(o);
	return rc;
}

static void memory_running_out_is_reported(void **state)
{
	assert_true(failmalloc_walk(parse_once, NULL) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_from_both_spellings_or_the_default),
		cmocka_unit_test(repeated_options_are_all_seen),
		cmocka_unit_test(verbs_of_two_words_and_arguments_are_found),
		cmocka_unit_test(bad_usage_is_one_clear_line),
		cmocka_unit_test(help_tells_what_the_tables_hold),
		cmocka_unit_test(exit_codes_are_the_handlers_or_two_for_bad_usage),
		cmocka_unit_test(memory_running_out_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
