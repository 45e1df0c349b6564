/* Records of nodes, and the writes that are under way. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloud-hub/gateway/registry.h"
#include "tests/tools/tempdir.h"

struct fix {
	char dir[64];
	struct cache *cache;
	struct registry *registry;
	unsigned done;
	int code;
};

static int setup(void **state)
{
	struct fix *fix = calloc(1, sizeof(*fix));
	char path[80];
	struct cache_options options = { .path = path };
	struct err err = { 0 };

	assert_non_null(fix);
	(void)snprintf(fix->dir, sizeof(fix->dir), "/tmp/holdfast-registry-XXXXXX");
	assert_non_null(mkdtemp(fix->dir));
	(void)snprintf(path, sizeof(path), "%s/store.db", fix->dir);
	if (cache_open(&options, &fix->cache, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(registry_new(fix->cache, &fix->registry), 0);
	*state = fix;
	return 0;
}

static int teardown(void **state)
{
	struct fix *fix = *state;
	int rc;

	registry_free(fix->registry);
	cache_close(fix->cache);
	rc = tempdir_remove(fix->dir);
	free(fix);
	return rc;
}

static struct enrolment record(const char *name, unsigned authority)
{
	struct enrolment e = { .authority = authority };

	(void)snprintf(e.node_name, sizeof(e.node_name), "%s", name);
	return e;
}

static void on_done(void *ctx, int code)
{
	struct fix *fix = ctx;

	fix->done++;
	fix->code = code;
}

static void settle(struct fix *fix, unsigned done)
{
	for (unsigned i = 0; fix->done < done && i < 5000; i++) {
		cache_dispatch(fix->cache, 1790000000000);
		if (fix->done < done)
			usleep(1000); /* the writer thread is at it */
	}
	assert_int_equal(fix->done, done);
}

static unsigned authority_of(const struct fix *fix, const char *name)
{
	struct enrolment e;

	assert_int_equal(registry_get(fix->registry, name, &e), 0);
	assert_string_equal(e.node_name, name);
	return e.authority;
}

static void a_record_is_read_as_it_will_be(void **state)
{
	struct fix *fix = *state;
	struct enrolment e = record("edge-1", 1);

	assert_int_equal(registry_get(fix->registry, "edge-1", &e), -ENOENT);
	e = record("edge-1", 1);
	assert_int_equal(registry_put(fix->registry, &e, on_done, fix), 0);
	assert_int_equal(authority_of(fix, "edge-1"),
			 1); /* nothing has been committed yet, for all we know */
	e.authority = 2;
	assert_int_equal(registry_put(fix->registry, &e, on_done, fix), 0);
	assert_int_equal(authority_of(fix, "edge-1"), 2);
	settle(fix, 2);
	assert_int_equal(fix->code, 0);
	assert_int_equal(authority_of(fix, "edge-1"), 2);
	assert_int_equal(registry_get(fix->registry, "edge-2", &e), -ENOENT);
}

static void a_write_of_others_counts_while_it_is_under_way(void **state)
{
	struct fix *fix = *state;
	struct enrolment e = record("edge-1", 1);

	assert_int_equal(registry_put(fix->registry, &e, on_done, fix), 0);
	settle(fix, 1);
	e.authority = 7;
	assert_int_equal(registry_writing(fix->registry, &e), 0);
	assert_int_equal(authority_of(fix, "edge-1"), 7);
	registry_written(fix->registry, "edge-1"); /* it failed: the store counts again */
	assert_int_equal(authority_of(fix, "edge-1"), 1);
	registry_written(fix->registry, "edge-1"); /* one too many harms nobody */
	assert_int_equal(authority_of(fix, "edge-1"), 1);
}

static void whoever_waits_hears_that_the_registry_is_gone(void **state)
{
	struct fix *fix = *state;
	struct enrolment e = record("edge-1", 1);

	assert_int_equal(registry_put(fix->registry, &e, on_done, fix), 0);
	registry_free(fix->registry);
	fix->registry = NULL;
	assert_int_equal(fix->done, 1);
	assert_int_equal(fix->code, -ECANCELED);
}

static void names_that_no_node_can_have_are_unknown(void **state)
{
	struct fix *fix = *state;
	char name[400];
	struct enrolment e;

	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(registry_get(fix->registry, name, &e), -ENOENT);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_record_is_read_as_it_will_be),
		test(a_write_of_others_counts_while_it_is_under_way),
		test(whoever_waits_hears_that_the_registry_is_gone),
		test(names_that_no_node_can_have_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
