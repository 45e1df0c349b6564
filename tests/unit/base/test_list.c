#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/list.h"

struct item {
	int n;
	struct list_node node;
};

static int at(struct list_node *node)
{
	return container_of(node, struct item, node)->n;
}

static void nodes_leave_in_order_of_arrival(void **state)
{
	struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
	struct list list;

	list_init(&list);
	assert_null(list_first(&list));
	list_push(&list, &b.node);
	list_push(&list, &c.node);
	list_push_front(&list, &a.node);
	assert_int_equal(list.count, 3);
	assert_int_equal(at(list_next(&list, list_first(&list))), 2);
	assert_null(list_next(&list, &c.node));
	assert_int_equal(at(list_pop(&list)), 1);
	assert_int_equal(at(list_pop(&list)), 2);
	assert_int_equal(at(list_pop(&list)), 3);
	assert_null(list_pop(&list));
}

static void removing_twice_is_harmless(void **state)
{
	struct item a = { .n = 1 };
	struct list list;

	list_init(&list);
	list_push(&list, &a.node);
	assert_true(list_is_linked(&a.node));
	list_remove(&list, &a.node);
	list_remove(&list, &a.node);
	assert_false(list_is_linked(&a.node));
	assert_int_equal(list.count, 0);
}

static void a_walk_may_remove_the_current_node(void **state)
{
	struct item items[5] = { 0 };
	struct list list;
	int seen = 0;

	list_init(&list);
	for (int i = 0; i < 5; i++) {
		items[i].n = i;
		list_push(&list, &items[i].node);
	}
	list_for_each(&list, node) {
		assert_int_equal(at(node), seen++);
		if (at(node) % 2 == 0)
			list_remove(&list, node);
	}
	assert_int_equal(seen, 5);
	assert_int_equal(list.count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_leave_in_order_of_arrival),
		cmocka_unit_test(removing_twice_is_harmless),
		cmocka_unit_test(a_walk_may_remove_the_current_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
