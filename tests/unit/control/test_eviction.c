#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "control/eviction.h"
#include "control/placement.h"
#include "views.h"

static bool after(const char *tolerations, int64_t *out)
{
	char text[512];
	struct json *pod;
	bool goes;

	(void)snprintf(text, sizeof(text), "{'spec':{'tolerations':[%s]}}", tolerations);
	pod = quoted_json(text);
	*out = -1;
	goes = eviction_after(pod, TAINT_UNREACHABLE, 30, out);
	json_free(pod);
	return goes;
}

static void pods_stay_as_long_as_they_say(void **state)
{
	static const struct {
		const char *tolerations;
		bool goes;
		int64_t s;
	} cases[] = {
		{ "", true, 30 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute','"
		  "tolerationSeconds':300}",
		  true, 300 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute','"
		  "tolerationSeconds':0}",
		  true, 0 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute','"
		  "tolerationSeconds':-5}",
		  true, 0 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoExecute'}", false,
		  0 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists'}", false, 0 },
		{ "{'operator':'Exists'}", false, 0 },
		{ "{'key':'node.kubernetes.io/unreachable','value':'x','effect':'NoExecute'}", true, 30 },
		{ "{'key':'node.kubernetes.io/unreachable'}", false, 0 },
		{ "{'key':'node.kubernetes.io/unreachable','operator':'Exists','effect':'NoSchedule'}", true,
		  30 },
		{ "{'key':'node.kubernetes.io/not-ready','operator':'Exists','effect':'NoExecute'}", true,
		  30 },
		{ "{'key':'mine','operator':'Exists'},{'operator':'Exists','tolerationSeconds':7,'effect':'"
		  "NoExecute'}",
		  true, 7 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t s;
		bool goes = after(cases[i].tolerations, &s);

		if (goes != cases[i].goes || (goes && s != cases[i].s))
			fail_msg("%s: %d after %lld", cases[i].tolerations, goes, (long long)s);
	}
}

static bool is_exclusive(const char *metadata)
{
	char text[512];
	struct json *pod;
	bool is;

	(void)snprintf(text, sizeof(text), "{'metadata':{%s}}", metadata);
	pod = quoted_json(text);
	is = eviction_is_exclusive(pod);
	json_free(pod);
	return is;
}

static void a_mark_or_a_stateful_set_makes_a_pod_exclusive(void **state)
{
	assert_false(is_exclusive(""));
	assert_true(is_exclusive("'annotations':{'holdfast.io/exclusive':'true'}"));
	assert_false(is_exclusive("'annotations':{'holdfast.io/exclusive':'false'}"));
	assert_true(is_exclusive("'ownerReferences':[{'kind':'StatefulSet','controller':true}]"));
	assert_false(is_exclusive("'ownerReferences':[{'kind':'StatefulSet'}]"));
	assert_false(is_exclusive("'ownerReferences':[{'kind':'DaemonSet','controller':true}]"));
}

static void nodes_are_emptied_one_by_one(void **state)
{
	struct eviction_rate rate = { 0 };
	uint64_t due = 0;

	assert_true(eviction_take(&rate, 6, 1000, &due));
	assert_false(eviction_take(&rate, 6, 1000, &due));
	assert_int_equal(due, 11000);
	assert_false(eviction_take(&rate, 6, 10999, &due));
	assert_true(eviction_take(&rate, 6, 11000, &due));
	/* A pause saves nothing up. */
	assert_true(eviction_take(&rate, 6, 500000, &due));
	assert_false(eviction_take(&rate, 6, 500001, &due));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pods_stay_as_long_as_they_say),
		cmocka_unit_test(a_mark_or_a_stateful_set_makes_a_pod_exclusive),
		cmocka_unit_test(nodes_are_emptied_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
