/* The audit as a whole: what is heard reaches the file, at the level set, and one who is refused cannot flood it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/files.h"
#include "cloud-hub/audit/audit.h"
#include "tests/tools/tempdir.h"

struct place {
	char dir[64], path[96];
	uint64_t mono_ms;
};

static int begin(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	if (!place)
		return -1;
	(void)snprintf(place->dir, sizeof(place->dir), "/tmp/holdfast-audit-XXXXXX");
	*state = place;
	if (!mkdtemp(place->dir))
		return -1;
	(void)snprintf(place->path, sizeof(place->path), "%s/audit.log", place->dir);
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;
	int code = tempdir_remove(place->dir);

	free(place);
	return code;
}

static uint64_t mono(void *ctx)
{
	return ((struct place *)ctx)->mono_ms;
}

static int64_t wall(void *ctx)
{
	return 1790000000000;
}

static struct audit *open_audit(struct place *place, enum audit_level level)
{
	struct audit_options options = { .level = level,
					 .file = { place->path, 1 << 22, 2 },
					 .mono_ms = mono,
					 .wall_ms = wall,
					 .clock_ctx = place };
	struct audit *audit = NULL;

	assert_int_equal(audit_new(&options, &audit, NULL), 0);
	return audit;
}

static size_t count_lines(const struct place *place, const char *word)
{
	struct buf content;
	struct span rest, line;
	size_t count = 0;

	buf_init(&content, 1 << 22);
	assert_int_equal(file_read(place->path, &content), 0);
	for (rest = buf_span(&content); rest.len;) {
		(void)span_cut(rest, '\n', &line, &rest);
		count += memmem(line.ptr, line.len, word, strlen(word)) != NULL;
	}
	buf_done(&content);
	return count;
}

static void tell(struct audit *audit, const char *verb, const char *user, int code)
{
	struct api_identity identity = { .user = user, .uid = "" };
	struct api_request request = { .path = SPAN("/api/v1/pods"), .source = "10.0.0.7:1" };
	struct api_attributes what = { .identity = user ? &identity : NULL,
				       .verb = verb,
				       .is_resource = true,
				       .path = "",
				       .group = "",
				       .version = "v1",
				       .resource = "pods",
				       .subresource = "",
				       .ns = "",
				       .name = "" };
	struct api_outcome outcome = {
		.request = &request, .what = &what, .name = "", .code = code, .reason = ""
	};

	audit_outcome(audit, &outcome);
}

static void levels_have_names(void **state)
{
	enum audit_level level;

	assert_int_equal(audit_level_parse("none", &level), 0);
	assert_int_equal(level, AUDIT_NONE);
	assert_int_equal(audit_level_parse("writes", &level), 0);
	assert_int_equal(level, AUDIT_WRITES);
	assert_int_equal(audit_level_parse("all", &level), 0);
	assert_int_equal(level, AUDIT_ALL);
	assert_int_equal(audit_level_parse("some", &level), -EINVAL);
}

static void what_is_heard_is_written_at_its_level(void **state)
{
	struct place *place = *state;
	struct audit *audit = open_audit(place, AUDIT_WRITES);
	struct audit_note note = { .verb = "join", .user = "x", .code = 200 };

	tell(audit, "get", "jo", 200);
	tell(audit, "create", "jo", 201);
	audit_note(audit, &note);
	audit_free(audit);
	assert_int_equal(count_lines(place, "audit.k8s.io/v1"), 2);
	assert_int_equal(count_lines(place, "\"verb\":\"create\""), 1);
	assert_int_equal(count_lines(place, "\"verb\":\"join\""), 1);
}

static void at_level_none_there_is_no_file(void **state)
{
	struct place *place = *state;
	struct audit *audit = open_audit(place, AUDIT_NONE);
	struct audit_note note = { .verb = "join", .user = "x", .code = 200 };
	struct buf content;

	tell(audit, "create", "jo", 201);
	audit_note(audit, &note);
	audit_note(NULL, &note);
	audit_free(audit);
	buf_init(&content, 1000);
	assert_int_equal(file_read(place->path, &content), -ENOENT);
	buf_done(&content);
}

static void one_who_is_refused_all_the_time_pushes_nobody_out(void **state)
{
	struct place *place = *state;
	struct audit *audit = open_audit(place, AUDIT_WRITES);
	struct audit_stats stats;

	for (unsigned i = 0; i < 1000; i++) {
		tell(audit, "get", NULL, 401);
		tell(audit, "create", "mallory", 403);
	}
	tell(audit, "create", "jo", 403);
	audit_stats(audit, &stats);
	assert_int_equal(stats.suppressed, 2 * (1000 - AUDIT_REFUSED_PER_S));
	place->mono_ms += 1000;
	tell(audit, "create", "mallory", 403);
	audit_free(audit);
	assert_int_equal(count_lines(place, "mallory"), AUDIT_REFUSED_PER_S + 1);
	assert_int_equal(count_lines(place, "\"jo\""), 1);
	assert_int_equal(count_lines(place, "\"user\":{}"), AUDIT_REFUSED_PER_S);
	/* The next line says how many are missing. */
	assert_int_equal(count_lines(place, "lines-lost-before\":\"1960\""), 1);
	assert_int_equal(count_lines(place, "lines-lost-before"), 1);
}

/* A line that tells of lost ones may be lost itself: the next one tells of them all. */
static void lost_lines_are_told_of_until_a_line_is_kept(void **state)
{
	struct place *place = *state;
	struct audit *audit = open_audit(place, AUDIT_WRITES);
	struct rlimit limit, before;
	struct audit_stats stats = { 0 };

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit = before;
	limit.rlim_cur = 8;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	for (unsigned lost = 1; lost <= 3; lost++) {
		tell(audit, "create", "jo", 201);
		for (unsigned i = 0; i < 3000 && stats.file.lost < lost; i++) {
			usleep(1000);
			audit_stats(audit, &stats);
		}
		assert_int_equal(stats.file.lost, lost);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	tell(audit, "create", "jo", 201);
	tell(audit, "create", "jo", 201);
	audit_free(audit);
	assert_int_equal(count_lines(place, "audit.k8s.io/v1"), 2);
	assert_int_equal(count_lines(place, "lines-lost-before\":\"3\""), 1);
	assert_int_equal(count_lines(place, "lines-lost-before"), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(levels_have_names),
		TEST(what_is_heard_is_written_at_its_level),
		TEST(at_level_none_there_is_no_file),
		TEST(one_who_is_refused_all_the_time_pushes_nobody_out),
		TEST(lost_lines_are_told_of_until_a_line_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
