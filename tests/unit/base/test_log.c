#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/span.h"

static char captured[64 * 1024];

/* Runs body with stderr going to a file, and leaves what it wrote in captured. */
static void capture(void (*body)(void))
{
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	size_t len;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	body();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	(void)close(saved);
	rewind(file);
	len = fread(captured, 1, sizeof(captured) - 1, file);
	captured[len] = '\0';
	fclose(file);
}

static unsigned lines(void)
{
	unsigned n = 0;

	for (const char *p = captured; *p; p++)
		n += *p == '\n';
	return n;
}

static void one_line(void)
{
	log_warn("link", "up", "cloud=%s rtt_ms=%u", "a:1", 7u);
}

static void an_event_is_one_line_with_its_level_module_and_values(void **state)
{
	capture(one_line);
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(captured, "Z warn  link up cloud=a:1 rtt_ms=7\n"));
}

static void forged(void)
{
	log_info("api", "request", "name=%s", "x\n2026 error api forged\x1b[2J");
}

static void values_from_outside_cannot_forge_a_line(void **state)
{
	capture(forged);
	assert_int_equal(lines(), 1);
	assert_null(strchr(captured, 0x1b));
}

static void long_one(void)
{
	char *text = malloc(10000);

	assert_non_null(text);
	memset(text, 'x', 9999);
	text[9999] = '\0';
	log_info("api", "long", "v=%s", text);
	free(text);
}

static void a_long_line_is_cut(void **state)
{
	capture(long_one);
	assert_int_equal(lines(), 1);
	assert_true(strlen(captured) < 4096);
}

static void storm(void)
{
	for (int i = 0; i < 1000; i++)
		log_info("tunnel", "refused", "n=%d", i);
	log_info("tunnel", "other", "n=1");
}

static void a_storm_is_limited_and_others_are_heard(void **state)
{
	capture(storm);
	assert_int_equal(lines(), LOG_BURST + 1);
	assert_non_null(strstr(captured, "tunnel other n=1"));
}

static void quiet(void)
{
	log_debug("x", "hidden", "n=%d", 1);
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("x", "shown", "n=%d", 1);
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("x", "hidden", "n=%d", 2);
	log_set_level(LOG_LEVEL_INFO);
}

static void levels_filter(void **state)
{
	enum log_level level;

	capture(quiet);
	assert_int_equal(lines(), 1);
	assert_non_null(strstr(captured, "debug x shown"));
	assert_int_equal(log_level_parse("warn", &level), 0);
	assert_int_equal(level, LOG_LEVEL_WARN);
	assert_int_equal(log_level_parse("loud", &level), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_is_one_line_with_its_level_module_and_values),
		cmocka_unit_test(values_from_outside_cannot_forge_a_line),
		cmocka_unit_test(a_long_line_is_cut),
		cmocka_unit_test(a_storm_is_limited_and_others_are_heard),
		cmocka_unit_test(levels_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
