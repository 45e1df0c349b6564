#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "api/object_json.h"
#include "api/recent.h"
#include "tests/tools/failmalloc.h"

#define FIRST 100u

static struct object *thing(const char *name)
{
	struct object *object = NULL;
	char text[128];

	(void)snprintf(text, sizeof(text), "{\"metadata\":{\"name\":\"%s\",\"uid\":\"u\"}}", name);
	assert_int_equal(object_from_body("nodes", span_of(text), 0, &object), 0);
	return object;
}

static int add(struct recent *recent, enum change_type type, const char *name)
{
	struct object *object = thing(name), *now = NULL;
	int code = recent_add(recent, type, object, &now);

	if (now)
		assert_int_equal(now->revision, recent_revision(recent));
	assert_int_equal(now == NULL, code != 0 || type == CHANGE_DELETED);
	object_unref(object);
	object_unref(now);
	return code;
}

struct seen {
	char text[256];
	unsigned most; /* stops after as many; 0: never */
};

static int see(void *ctx, const struct change *change)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);

	assert_int_equal(change->object->revision, change->revision);
	assert_int_equal(change->previous == NULL, change->type == CHANGE_ADDED);
	(void)snprintf(seen->text + len, sizeof(seen->text) - len, "%s%s@%u", len ? "," : "",
		       change->object->key.name, (unsigned)change->revision);
	return seen->most && !--seen->most;
}

static int after(struct recent *recent, uint64_t revision, const char *expected)
{
	struct seen seen = { .text = "" };
	int code = recent_each(recent, revision, see, &seen);

	assert_string_equal(seen.text, expected);
	return code;
}

static void changes_are_told_from_any_that_is_known(void **state)
{
	struct seen one = { .most = 1 };
	struct recent *recent;

	assert_int_equal(recent_new(3, FIRST, &recent), 0);
	assert_int_equal(after(recent, FIRST, ""), 0);
	assert_int_equal(after(recent, FIRST - 1, ""), -ERANGE);
	assert_int_equal(after(recent, FIRST + 1, ""), -ERANGE);
	assert_int_equal(add(recent, CHANGE_ADDED, "a"), 0);
	assert_int_equal(add(recent, CHANGE_MODIFIED, "a"), 0);
	assert_int_equal(add(recent, CHANGE_DELETED, "a"), 0);
	assert_int_equal(after(recent, FIRST, "a@101,a@102,a@103"), 0);
	assert_int_equal(after(recent, FIRST + 2, "a@103"), 0);
	assert_int_equal(recent_each(recent, FIRST, see, &one), 1);
	assert_string_equal(one.text, "a@101");
	/* What is over the edge is known not to be known. */
	assert_int_equal(add(recent, CHANGE_ADDED, "b"), 0);
	assert_int_equal(after(recent, FIRST, ""), -ERANGE);
	assert_int_equal(after(recent, FIRST + 1, "a@102,a@103,b@104"), 0);
	recent_free(recent);
	recent_free(NULL);
}

/* A change that memory did not suffice for is missed by nobody unknowingly. */
static void a_change_that_is_lost_ends_the_watches_of_before(void **state)
{
	struct object *object = thing("b"), *now;
	struct recent *recent;
	int code;

	assert_int_equal(recent_new(3, FIRST, &recent), 0);
	assert_int_equal(add(recent, CHANGE_ADDED, "a"), 0);
	failmalloc_arm(1, FAILMALLOC_ONCE);
	code = recent_add(recent, CHANGE_ADDED, object, &now);
	(void)failmalloc_disarm();
	assert_int_equal(code, -ENOMEM);
	assert_null(now);
	assert_int_equal(after(recent, FIRST + 1, ""), -ERANGE);
	assert_int_equal(after(recent, recent_revision(recent), ""), 0);
	assert_int_equal(add(recent, CHANGE_ADDED, "c"), 0);
	assert_int_equal(after(recent, FIRST + 2, "c@103"), 0);
	object_unref(object);
	recent_free(recent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_are_told_from_any_that_is_known),
		cmocka_unit_test(a_change_that_is_lost_ends_the_watches_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
