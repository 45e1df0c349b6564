#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "control/collect.h"
#include "views.h"

/* --- judging: owners' states by the first letter of their uid: p present, w waiting, a absent, u unclear --- */

static enum collect_owner by_letter(void *ctx, const struct json *reference)
{
	switch (*json_path_str(reference, "uid", "?")) {
	case 'p': return COLLECT_PRESENT;
	case 'w': return COLLECT_WAITING;
	case 'a': return COLLECT_ABSENT;
	default: return COLLECT_UNCLEAR;
	}
}

static void a_dependent_lives_as_long_as_one_owner(void **state)
{
	static const struct {
		const char *owners;
		enum collect_verdict verdict;
		bool foreground;
		size_t gone;
	} cases[] = {
		{ "", COLLECT_KEEP, false, 0 },
		{ "{'uid':'p'}", COLLECT_KEEP, false, 0 },
		{ "{'uid':'u'}", COLLECT_KEEP, false, 0 },
		{ "{'uid':'a'}", COLLECT_DELETE, false, 1 },
		{ "{'uid':'a1'},{'uid':'a2'}", COLLECT_DELETE, false, 2 },
		{ "{'uid':'w'}", COLLECT_DELETE, true, 1 },
		{ "{'uid':'w'},{'uid':'a'}", COLLECT_DELETE, true, 2 },
		{ "{'uid':'p'},{'uid':'a'}", COLLECT_PRUNE, false, 1 },
		{ "{'uid':'p'},{'uid':'w'}", COLLECT_PRUNE, false, 1 },
		{ "{'uid':'u'},{'uid':'a'}", COLLECT_PRUNE, false,
		  1 }, /* what cannot be told keeps it alive */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct collect_judgement judgement;
		struct json *tree;
		char text[512];

		(void)snprintf(text, sizeof(text), "{'metadata':{'ownerReferences':[%s]}}", cases[i].owners);
		tree = quoted_json(text);
		collect_judge(tree, by_letter, NULL, &judgement);
		assert_int_equal(judgement.verdict, cases[i].verdict);
		assert_int_equal(judgement.foreground, cases[i].foreground);
		assert_int_equal(judgement.gone_count, cases[i].gone);
		json_free(tree);
	}
}

static void more_owners_than_are_looked_at_keep_it_alive(void **state)
{
	struct json *owners = json_new_array(), *tree = json_new_object();
	struct collect_judgement judgement;

	for (unsigned i = 0; i <= COLLECT_OWNERS_MAX; i++)
		assert_int_equal(json_append(owners, quoted_json("{'uid':'a'}")), 0);
	assert_int_equal(json_set(json_ensure(tree, "metadata"), "ownerReferences", owners), 0);
	collect_judge(tree, by_letter, NULL, &judgement);
	assert_int_equal(judgement.verdict, COLLECT_PRUNE);
	json_free(tree);
}

static void finalizers_speak_only_of_what_is_being_deleted(void **state)
{
	static const struct {
		const char *object;
		enum collect_policy policy;
	} cases[] = {
		{ "{}", COLLECT_NOTHING },
		{ "{'metadata':{'finalizers':['orphan']}}", COLLECT_NOTHING },
		{ "{'metadata':{'deletionTimestamp':'t'}}", COLLECT_NOTHING },
		{ "{'metadata':{'deletionTimestamp':'t','finalizers':['x','orphan']}}", COLLECT_ORPHAN },
		{ "{'metadata':{'deletionTimestamp':'t','finalizers':['foregroundDeletion']}}",
		  COLLECT_FOREGROUND },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *tree = quoted_json(cases[i].object);

		assert_int_equal(collect_policy_of(tree), cases[i].policy);
		json_free(tree);
	}
}

static void references_and_finalizers_are_dropped_by_name(void **state)
{
	struct json *tree = quoted_json("{'metadata':{'ownerReferences':[{'uid':'a'},{'uid':'b','"
					"blockOwnerDeletion':true},{'uid':'a'}],"
					"'finalizers':['x','orphan']}}");

	assert_true(collect_blocks(tree, "b"));
	assert_false(collect_blocks(tree, "a"));
	assert_int_equal(collect_drop_owner(tree, "a"), 1);
	assert_int_equal(collect_drop_owner(tree, "a"), 0);
	assert_int_equal(json_count(json_path(tree, "metadata.ownerReferences")), 1);
	assert_int_equal(collect_drop_owner(tree, "b"), 1);
	assert_null(json_path(tree, "metadata.ownerReferences"));
	assert_int_equal(collect_drop_finalizer(tree, "orphan"), 1);
	assert_int_equal(collect_drop_finalizer(tree, "orphan"), 0);
	assert_int_equal(json_count(json_path(tree, "metadata.finalizers")), 1);
	json_free(tree);
}

/* --- the index against a table --- */

#define OBJECTS 24
#define OWNERS 6

static int count_dependent(void *ctx, const struct key *key)
{
	++*(size_t *)ctx;
	return 0;
}

static void see(struct collect_index *index, unsigned object, unsigned owners)
{
	char name[16], packed[OWNERS * 4];
	size_t len = 0;
	struct object o = { .key = { "pods", "ns", name }, .uid = "x" };
	bool owned;

	(void)snprintf(name, sizeof(name), "o%u", object);
	for (unsigned i = 0; i < OWNERS; i++)
		if (owners & 1u << i)
			len += (size_t)snprintf(packed + len, sizeof(packed) - len, "u%u", i) + 1;
	o.owners = span_make(packed, len);
	assert_int_equal(collect_see(index, &o, &owned), 0);
	assert_int_equal(owned, owners != 0);
}

static void the_index_knows_every_dependent_of_every_owner(void **state)
{
	struct collect_index *index = NULL;
	unsigned table[OBJECTS] = { 0 };
	struct rng rng;

	rng_seed(&rng, 11);
	assert_int_equal(collect_index_new(&index), 0);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned object = (unsigned)rng_below(&rng, OBJECTS),
			 owner = (unsigned)rng_below(&rng, OWNERS);
		size_t expected = 0, found = 0;
		char uid[16], name[16];

		if (rng_below(&rng, 4) == 0) {
			const struct key key = { "pods", "ns", name };

			(void)snprintf(name, sizeof(name), "o%u", object);
			collect_forget(index, &key);
			table[object] = 0;
		} else {
			table[object] = (unsigned)rng_below(&rng, 1u << OWNERS);
			see(index, object, table[object]);
		}
		for (unsigned i = 0; i < OBJECTS; i++)
			expected += (table[i] >> owner) & 1;
		(void)snprintf(uid, sizeof(uid), "u%u", owner);
		assert_int_equal(collect_dependents(index, uid, count_dependent, &found), 0);
		assert_int_equal(found, expected);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		see(index, i, 0);
	assert_int_equal(collect_count(index), 0);
	collect_index_free(index);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dependent_lives_as_long_as_one_owner),
		cmocka_unit_test(more_owners_than_are_looked_at_keep_it_alive),
		cmocka_unit_test(finalizers_speak_only_of_what_is_being_deleted),
		cmocka_unit_test(references_and_finalizers_are_dropped_by_name),
		cmocka_unit_test(the_index_knows_every_dependent_of_every_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
