/* Transactions, reads, revisions, epochs, marks and feeds. */
#include "tests/unit/cache/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct key absent = { "pods", "ns", "absent" };

/* --- single operations --- */

static unsigned mode_of(const struct store *s, const char *behind)
{
	char path[4200];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s%s", s->path, behind);
	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 0777;
}

/* Whatever the umask, and files of an earlier release too. */
static void the_file_and_its_log_are_the_owners_alone(void **state)
{
	struct store *s = *state;

	(void)put(s, "a", "{}");
	assert_int_equal(mode_of(s, ""), 0600);
	assert_int_equal(mode_of(s, "-wal"), 0600);
	store_close(s);
	assert_int_equal(chmod(s->path, 0644), 0);
	store_open(s);
	(void)put(s, "b", "{}");
	assert_int_equal(mode_of(s, ""), 0600);
	assert_int_equal(mode_of(s, "-wal"), 0600);
}

static void create_writes_once_and_refuses_a_taken_key(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_CREATE, .object = pod("a", "u1", "one") };
	struct outcome first = store_run(s, &op, 1), second;
	char body[64];

	assert_int_equal(first.code, 0);
	assert_int_equal(first.revision, 1);
	assert_int_equal(first.object_revision, 1);
	op.object = pod("a", "u2", "two");
	second = store_run(s, &op, 1);
	assert_int_equal(second.code, -EEXIST);
	assert_int_equal(second.revision, 0);
	assert_int_equal(get(s, "a", NULL, body), 0);
	assert_string_equal(body, "one");
	assert_int_equal(cache_revision(s->cache), 1);
}

static void update_needs_the_object_to_be_there(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_UPDATE, .object = pod("a", "u", "x") };
	uint64_t revision;
	char body[64];

	assert_int_equal(store_run(s, &op, 1).code, -ENOENT);
	put(s, "a", "one");
	op.object = pod("a", "uid", "two");
	assert_int_equal(store_run(s, &op, 1).revision, 2);
	assert_int_equal(get(s, "a", &revision, body), 0);
	assert_int_equal(revision, 2);
	assert_string_equal(body, "two");
}

static void put_creates_and_replaces(void **state)
{
	struct store *s = *state;

	assert_int_equal(put(s, "a", "one"), 1);
	assert_int_equal(put(s, "a", "two"), 2);
}

static void delete_needs_the_object_and_leaves_nothing_to_get(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_DELETE, .key = absent };

	assert_int_equal(store_run(s, &op, 1).code, -ENOENT);
	put(s, "a", "one");
	assert_int_equal(delete_pod(s, "a"), 2);
	assert_int_equal(get(s, "a", NULL, NULL), -ENOENT);
	op.key.name = "a";
	assert_int_equal(store_run(s, &op, 1).code, -ENOENT);
	assert_int_equal(put(s, "a", "again"), 3); /* the key is free again, the revision is not */
}

static void an_equal_object_is_no_write_and_keeps_its_revision(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_PUT };
	struct outcome outcome;
	struct cache_stats before, after;

	put(s, "a", "same");
	put(s, "b", "other");
	cache_stats(s->cache, &before);
	op.object = pod("a", "uid", "same");
	outcome = store_run(s, &op, 1);
	cache_stats(s->cache, &after);
	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.revision, 0);
	assert_int_equal(outcome.object_revision, 1);
	assert_int_equal(cache_revision(s->cache), 2);
	assert_int_equal(after.commits, before.commits);
}

static struct object *variant(int which)
{
	struct object object = { .key = { "pods", "ns", "a" }, .uid = "u", .body = SPAN("b") };

	switch (which) {
	case 1: object.uid = "v"; break;
	case 2: object.generation = 1; break;
	case 3: object.origin = 1; break;
	case 4: object.labels = SPAN("a\0b\0"); break;
	case 5: object.fields = SPAN("a\0b\0"); break;
	case 6: object.owners = SPAN("o\0"); break;
	case 7: object.splice = 1; break;
	default: break;
	}
	return object_new(&object);
}

static void a_difference_in_anything_is_a_write(void **state)
{
	struct store *s = *state;
	uint64_t last = 0;

	for (int which = 0; which < 8; which++) {
		struct cache_op op = { .type = CACHE_PUT, .object = variant(which) };
		struct outcome outcome = store_run(s, &op, 1);

		assert_int_equal(outcome.code, 0);
		assert_true(outcome.revision > last);
		last = outcome.revision;
	}
}

static void preconditions_name_the_current_state(void **state)
{
	struct store *s = *state;
	uint64_t revision = put(s, "a", "one");
	struct cache_op op = { .type = CACHE_UPDATE,
			       .object = pod("a", "uid", "two"),
			       .if_revision = revision + 1 };

	assert_int_equal(store_run(s, &op, 1).code, -ESTALE);
	op = (struct cache_op){ .type = CACHE_UPDATE, .object = pod("a", "uid", "two"), .if_uid = "another" };
	assert_int_equal(store_run(s, &op, 1).code, -ESTALE);
	op = (struct cache_op){ .type = CACHE_DELETE, .key = { "pods", "ns", "a" }, .if_uid = "another" };
	assert_int_equal(store_run(s, &op, 1).code, -ESTALE);
	op = (struct cache_op){ .type = CACHE_PUT, .object = pod("new", "uid", "x"), .if_revision = 1 };
	assert_int_equal(store_run(s, &op, 1).code, -ESTALE); /* nothing there has revision 1 */
	op = (struct cache_op){ .type = CACHE_UPDATE,
				.object = pod("a", "uid", "two"),
				.if_revision = revision,
				.if_uid = "uid" };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	op = (struct cache_op){ .type = CACHE_DELETE, .key = { "pods", "ns", "a" }, .if_revision = revision };
	assert_int_equal(store_run(s, &op, 1).code, -ESTALE);
	op.if_revision = revision + 1;
	assert_int_equal(store_run(s, &op, 1).code, 0);
}

static void forget_of_an_absent_key_is_fine(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_FORGET, .key = absent };

	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_int_equal(cache_revision(s->cache), 0);
}

/* --- transactions --- */

static void a_transaction_is_all_or_nothing(void **state)
{
	struct store *s = *state;
	struct cache_op ops[] = {
		{ .type = CACHE_CREATE, .object = pod("a", "u", "x") },
		{ .type = CACHE_MARK, .mark = "m", .value = SPAN("v") },
		{ .type = CACHE_UPDATE, .object = pod("missing", "u", "x") },
		{ .type = CACHE_CREATE, .object = pod("b", "u", "x") },
	};
	struct outcome outcome = store_run(s, ops, 4);
	struct buf value;

	buf_init(&value, 16);
	assert_int_equal(outcome.code, -ENOENT);
	assert_int_equal(outcome.failed_op, 2);
	assert_int_equal(get(s, "a", NULL, NULL), -ENOENT);
	assert_int_equal(get(s, "b", NULL, NULL), -ENOENT);
	assert_int_equal(cache_mark_get(s->cache, "m", &value), -ENOENT);
	assert_int_equal(cache_revision(s->cache), 0);
	assert_int_equal(put(s, "c", "x"), 1); /* no revision was lost */
	buf_done(&value);
}

static void later_ops_see_earlier_ones(void **state)
{
	struct store *s = *state;
	struct cache_op ops[] = {
		{ .type = CACHE_CREATE, .object = pod("a", "u", "x") },
		{ .type = CACHE_UPDATE, .object = pod("a", "u", "y"), .if_uid = "u" },
		{ .type = CACHE_DELETE, .key = { "pods", "ns", "a" } },
		{ .type = CACHE_CREATE, .object = pod("a", "v", "z") },
	};
	struct outcome outcome = store_run(s, ops, 4);
	char body[64];

	assert_int_equal(outcome.code, 0);
	assert_int_equal(outcome.revision, 4);
	assert_int_equal(outcome.object_revision, 1); /* the first object written */
	assert_int_equal(get(s, "a", NULL, body), 0);
	assert_string_equal(body, "z");
}

static void a_failed_transaction_does_not_hurt_its_neighbours(void **state)
{
	struct store *s = *state;
	struct outcome outcomes[4] = { 0 };
	struct cache_op first = { .type = CACHE_CREATE, .object = pod("a", "u", "1") };
	struct cache_op bad[] = { { .type = CACHE_CREATE, .object = pod("b", "u", "1") },
				  { .type = CACHE_CREATE, .object = pod("a", "u", "2") } };
	struct cache_op stale = { .type = CACHE_UPDATE, .object = pod("a", "u", "3"), .if_revision = 99 };
	struct cache_op last = { .type = CACHE_UPDATE, .object = pod("a", "u", "4"), .if_revision = 1 };

	assert_int_equal(cache_submit(s->cache, &first, 1, outcome_done, &outcomes[0]), 0);
	assert_int_equal(cache_submit(s->cache, bad, 2, outcome_done, &outcomes[1]), 0);
	assert_int_equal(cache_submit(s->cache, &stale, 1, outcome_done, &outcomes[2]), 0);
	assert_int_equal(cache_submit(s->cache, &last, 1, outcome_done, &outcomes[3]), 0);
	store_dispatch(s);
	assert_int_equal(outcomes[0].code, 0);
	assert_int_equal(outcomes[1].code, -EEXIST);
	assert_int_equal(outcomes[1].failed_op, 1);
	assert_int_equal(outcomes[2].code, -ESTALE);
	assert_int_equal(outcomes[3].code, 0);
	assert_int_equal(outcomes[3].revision, 2);
	assert_int_equal(get(s, "b", NULL, NULL), -ENOENT);
}

static void a_group_is_one_commit(void **state)
{
	struct store *s = *state;
	struct outcome outcomes[10] = { 0 };
	struct cache_stats before, after;
	char name[8];

	cache_stats(s->cache, &before);
	for (int i = 0; i < 10; i++) {
		struct cache_op op;

		(void)snprintf(name, sizeof(name), "p%d", i);
		op = (struct cache_op){ .type = CACHE_CREATE, .object = pod(name, "u", "x") };
		assert_int_equal(cache_submit(s->cache, &op, 1, outcome_done, &outcomes[i]), 0);
	}
	store_dispatch(s);
	cache_stats(s->cache, &after);
	assert_int_equal(after.commits - before.commits, 1);
	assert_int_equal(after.transactions - before.transactions, 10);
	assert_int_equal(after.objects, 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(outcomes[i].revision, i + 1);
}

static void a_full_queue_says_again(void **state)
{
	struct store *s = *state;
	struct cache_op op;

	s->options.queue_max = 2;
	store_reopen(s);
	for (int i = 0; i < 3; i++) {
		op = (struct cache_op){ .type = CACHE_PUT, .object = pod("a", "u", i ? "y" : "x") };
		assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), i < 2 ? 0 : -EAGAIN);
	}
	store_dispatch(s);
	op = (struct cache_op){ .type = CACHE_PUT, .object = pod("a", "u", "z") };
	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), 0);
}

static void malformed_operations_are_refused_at_the_door(void **state)
{
	static const char owners[] = "no end";
	struct store *s = *state;
	struct object bad = { .key = { "pods", "ns", "a" }, .uid = "u", .body = SPAN("{}") };
	char *big = calloc(1, CACHE_MARK_MAX + 1);
	struct cache_op ops[] = {
		{ .type = CACHE_CREATE },
		{ .type = CACHE_DELETE },
		{ .type = CACHE_DELETE, .key = { "pods", "ns", "" } },
		{ .type = CACHE_MARK, .value = SPAN("x") },
		{ .type = CACHE_FEED },
		{ .type = (enum cache_op_type)77, .key = absent },
		{ .type = (enum cache_op_type)(CACHE_OP_LAST + 1), .key = absent },
		{ .type = CACHE_PUT, .object = pod("", "u", "x") },
	};
	struct cache_op op = { .type = CACHE_MARK, .mark = "m", .value = { big, CACHE_MARK_MAX + 1 } };

	assert_non_null(big);
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		assert_int_equal(cache_submit(s->cache, &ops[i], 1, NULL, NULL), -EINVAL);
	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), -EMSGSIZE);
	assert_int_equal(cache_submit(s->cache, NULL, 0, NULL, NULL), -EINVAL);
	bad.owners = span_of(owners);
	op = (struct cache_op){ .type = CACHE_PUT, .object = object_new(&bad) };
	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), -EINVAL);
	bad.owners = span_make(NULL, 0);
	bad.labels = SPAN("b\0x\0a\0x\0");
	op = (struct cache_op){ .type = CACHE_PUT, .object = object_new(&bad) };
	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), -EINVAL);
	bad.labels = span_make(NULL, 0);
	bad.splice = 9;
	op = (struct cache_op){ .type = CACHE_PUT, .object = object_new(&bad) };
	assert_int_equal(cache_submit(s->cache, &op, 1, NULL, NULL), -EINVAL);
	free(big);
}

static void what_is_submitted_may_change_afterwards(void **state)
{
	struct store *s = *state;
	char mark[] = "mark", value[] = "value", uid[] = "uid", name[] = "a";
	struct cache_op ops[2] = { { .type = CACHE_MARK, .mark = mark, .value = span_of(value) },
				   { .type = CACHE_DELETE, .key = { "pods", "ns", name }, .if_uid = uid } };
	struct outcome outcome = { 0 };
	struct buf out;

	put(s, "a", "x");
	assert_int_equal(cache_submit(s->cache, ops, 2, outcome_done, &outcome), 0);
	memset(mark, '?', 4);
	memset(value, '?', 5);
	memset(uid, '?', 3);
	name[0] = '?';
	store_dispatch(s);
	assert_int_equal(outcome.code, 0);
	buf_init(&out, 16);
	assert_int_equal(cache_mark_get(s->cache, "mark", &out), 0);
	assert_string_equal(buf_cstr(&out), "value");
	buf_done(&out);
}

static void a_shared_object_is_not_changed_by_its_commit(void **state)
{
	struct store *s = *state;
	struct object *object = pod("a", "u", "x");
	struct cache_op op = { .type = CACHE_PUT, .object = object_ref(object) };

	assert_int_equal(store_run(s, &op, 1).object_revision, 1);
	assert_int_equal(object->revision, 0);
	object_unref(object);
}

static void completions_are_called_at_close(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_PUT, .object = pod("a", "u", "x") };
	struct outcome outcome = { 0 };

	assert_int_equal(cache_submit(s->cache, &op, 1, outcome_done, &outcome), 0);
	store_close(s);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.code, 0);
	store_open(s);
	assert_int_equal(get(s, "a", NULL, NULL), 0);
}

/* --- lists --- */

static void fill(struct store *s)
{
	static const char *const keys[][3] = { { "pods", "b", "x" },  { "pods", "a", "z" },
					       { "pods", "a", "y" },  { "nodes", "", "n" },
					       { "pods", "aa", "y" }, { "podsx", "a", "a" } };

	for (size_t i = 0; i < 6; i++) {
		struct cache_op op = { .type = CACHE_PUT,
				       .object = thing(keys[i][0], keys[i][1], keys[i][2], "u", "x",
						       i % 2 ? "n1" : "n2") };

		assert_int_equal(store_run(s, &op, 1).code, 0);
	}
}

static void lists_come_in_order_of_namespace_and_name(void **state)
{
	struct store *s = *state;
	struct listing l = { 0 };

	fill(s);
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l),
			    "a/y=x@3 a/z=x@2 aa/y=x@5 b/x=x@1 ");
	assert_int_equal(l.revision, 6);
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods", .ns = "a" }, &l),
			    "a/y=x@3 a/z=x@2 ");
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "nodes" }, &l), "/n=x@4 ");
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "none" }, &l), "");
	buf_done(&l.text);
}

static void lists_are_limited_stopped_and_continued(void **state)
{
	struct store *s = *state;
	struct cache_list list = { .resource = "pods", .limit = 1 };
	struct listing l = { 0 };

	fill(s);
	assert_string_equal(list_text(s, &list, &l), "a/y=x@3 ");
	list.after_ns = "a";
	list.after_name = "y";
	assert_string_equal(list_text(s, &list, &l), "a/z=x@2 ");
	list.after_name = "z";
	assert_string_equal(list_text(s, &list, &l), "aa/y=x@5 ");
	list = (struct cache_list){ .resource = "pods", .ns = "a", .after_ns = "a", .after_name = "y" };
	assert_string_equal(list_text(s, &list, &l), "a/z=x@2 ");
	list = (struct cache_list){ .resource = "pods", .ns = "a", .after_ns = "b", .after_name = "" };
	assert_string_equal(list_text(s, &list, &l), "");
	l.stop_after = 2;
	assert_string_equal(list_text(s, &(struct cache_list){ .resource = "pods" }, &l), "a/y=x@3 a/z=x@2 ");
	buf_done(&l.text);
}

static void lists_filter_by_an_indexed_field(void **state)
{
	struct store *s = *state;
	struct cache_list list = { .resource = "pods", .field_key = "spec.nodeName", .field_value = "n1" };
	struct listing l = { 0 };
	struct cache_op op = { .type = CACHE_PUT };

	fill(s);
	assert_string_equal(list_text(s, &list, &l), "a/z=x@2 ");
	list.field_value = "n2";
	assert_string_equal(list_text(s, &list, &l), "a/y=x@3 aa/y=x@5 b/x=x@1 ");
	list.ns = "a";
	assert_string_equal(list_text(s, &list, &l), "a/y=x@3 ");
	op.object = thing("pods", "a", "y", "u", "x", "n1"); /* moves */
	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_string_equal(list_text(s, &list, &l), "");
	list = (struct cache_list){ .resource = "pods", .field_key = "spec.nodeName", .field_value = "n1" };
	assert_string_equal(list_text(s, &list, &l), "a/y=x@7 a/z=x@2 ");
	op = (struct cache_op){ .type = CACHE_DELETE, .key = { "pods", "a", "z" } };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_string_equal(list_text(s, &list, &l), "a/y=x@7 ");
	list.revision = 6; /* before the move */
	assert_string_equal(list_text(s, &list, &l), "a/z=x@2 ");
	list.field_value = NULL;
	assert_int_equal(list_into(s, &list, &l), -EINVAL);
	buf_done(&l.text);
}

static void a_list_is_continued_at_its_revision_across_commits_and_reopening(void **state)
{
	struct store *s = *state;
	struct cache_list list = { .resource = "pods", .limit = 2 };
	struct listing l = { 0 };
	struct cache_op op;

	put(s, "a", "1");
	put(s, "b", "1");
	put(s, "c", "1");
	put(s, "d", "1");
	delete_pod(s, "d");
	put(s, "e", "1");
	assert_string_equal(list_text(s, &list, &l), "ns/a=1@1 ns/b=1@2 ");
	assert_int_equal(l.revision, 6);
	list = (struct cache_list){ .resource = "pods", .after_ns = "ns", .after_name = "b", .revision = 6 };
	put(s, "c", "2");
	put(s, "c", "3");
	put(s, "d", "2");
	delete_pod(s, "e");
	put(s, "f", "1");
	assert_string_equal(list_text(s, &list, &l), "ns/c=1@3 ns/e=1@6 ");
	assert_int_equal(l.revision, 6);
	store_reopen(s);
	delete_pod(s, "c");
	op = (struct cache_op){ .type = CACHE_PUT, .object = pod("e", "u9", "9") };
	assert_int_equal(store_run(s, &op, 1).code, 0);
	assert_string_equal(list_text(s, &list, &l), "ns/c=1@3 ns/e=1@6 ");
	list.revision = 4; /* d was still there */
	assert_string_equal(list_text(s, &list, &l), "ns/c=1@3 ns/d=1@4 ");
	list.limit = 1;
	assert_string_equal(list_text(s, &list, &l), "ns/c=1@3 ");
	list.revision = 1000;
	assert_int_equal(list_into(s, &list, &l), -EINVAL);
	buf_done(&l.text);
}

struct nested {
	struct store *s;
	unsigned seen;
};

static int list_inside(void *ctx, struct object *object)
{
	struct nested *n = ctx;
	struct listing l = { 0 };

	n->seen++;
	assert_int_equal(get(n->s, "b", NULL, NULL), 0);
	(void)list_text(n->s, &(struct cache_list){ .resource = "pods" }, &l);
	assert_int_equal(l.count, 3);
	buf_done(&l.text);
	return 0;
}

static void reads_may_be_made_inside_a_list(void **state)
{
	struct nested n = { .s = *state };

	put(n.s, "a", "1");
	put(n.s, "b", "1");
	put(n.s, "c", "1");
	assert_int_equal(cache_list(n.s->cache, &(struct cache_list){ .resource = "pods" }, list_inside, &n,
				    NULL),
			 0);
	assert_int_equal(n.seen, 3);
}

static int collect_key(void *ctx, struct object *object)
{
	return buf_addf(ctx, "%s/%s/%s ", object->key.resource, object->key.ns, object->key.name);
}

static void everything_is_listed_in_key_order(void **state)
{
	struct store *s = *state;
	uint64_t revision = 0, count = 0;
	struct buf text;

	fill(s);
	buf_init(&text, 1024);
	assert_int_equal(cache_list_all(s->cache, collect_key, &text, &revision), 0);
	assert_string_equal(buf_cstr(&text), "nodes//n pods/a/y pods/a/z pods/aa/y pods/b/x podsx/a/a ");
	assert_int_equal(revision, 6);
	assert_int_equal(cache_count(s->cache, "pods", NULL, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(cache_count(s->cache, "pods", "a", &count), 0);
	assert_int_equal(count, 2);
	buf_done(&text);
}

/* --- revisions and epochs --- */

static void revisions_are_never_given_twice(void **state)
{
	struct store *s = *state;
	struct cache_op op = { .type = CACHE_FORGET, .key = { "pods", "ns", "a" } };

	assert_int_equal(put(s, "a", "1"), 1);
	assert_int_equal(store_run(s, &op, 1).revision, 2);
	store_reopen(s);
	assert_int_equal(cache_revision(s->cache), 2);
	assert_int_equal(put(s, "a", "1"), 3);
	delete_pod(s, "a"); /* 4 */
	s->now_ms += 2 * CACHE_LOG_AGE_MS + 1;
	store_dispatch(s); /* all of it leaves the log */
	store_reopen(s);
	assert_int_equal(cache_oldest(s->cache), 4);
	assert_int_equal(put(s, "a", "1"), 5);
}

static void a_position_belongs_to_the_epoch_that_gave_it(void **state)
{
	struct store *s = *state;
	uint8_t first[CACHE_EPOCH_SIZE], second[CACHE_EPOCH_SIZE], unknown[CACHE_EPOCH_SIZE] = { 0 };

	memcpy(first, cache_epoch(s->cache), sizeof(first));
	put(s, "a", "1");
	put(s, "a", "2");
	assert_int_equal(cache_epoch_check(s->cache, first, 2), 0);
	assert_int_equal(cache_epoch_check(s->cache, first, 3), -ESTALE);
	store_reopen(s);
	memcpy(second, cache_epoch(s->cache), sizeof(second));
	assert_memory_not_equal(first, second, sizeof(first));
	put(s, "a", "3");
	assert_int_equal(cache_epoch_check(s->cache, first, 2), 0);
	assert_int_equal(cache_epoch_check(s->cache, first, 3),
			 -ESTALE); /* that one was given in the second */
	assert_int_equal(cache_epoch_check(s->cache, second, 3), 0);
	assert_int_equal(cache_epoch_check(s->cache, second, 2), 0);
	assert_int_equal(cache_epoch_check(s->cache, second, 4), -ESTALE);
	assert_int_equal(cache_epoch_check(s->cache, unknown, 1), -ESTALE);
}

/* --- marks and feeds --- */

static int collect_mark(void *ctx, const char *mark, struct span value)
{
	return buf_addf(ctx, "%s=%.*s ", mark, SPAN_ARG(value));
}

static void marks_are_set_replaced_listed_and_removed(void **state)
{
	struct store *s = *state;
	struct cache_op ops[] = {
		{ .type = CACHE_MARK, .mark = "q/2", .value = SPAN("two") },
		{ .type = CACHE_MARK, .mark = "q/1", .value = SPAN("one") },
		{ .type = CACHE_MARK, .mark = "r", .value = SPAN("") },
		{ .type = CACHE_MARK, .mark = "q/1", .value = SPAN("ONE") },
	};
	struct cache_op drop = { .type = CACHE_MARK, .mark = "q/2" };
	struct buf text;

	buf_init(&text, 256);
	assert_int_equal(store_run(s, ops, 4).revision, 0);
	store_reopen(s);
	assert_int_equal(cache_mark_list(s->cache, "q/", collect_mark, &text), 0);
	assert_string_equal(buf_cstr(&text), "q/1=ONE q/2=two ");
	buf_reset(&text);
	assert_int_equal(cache_mark_get(s->cache, "r", &text), 0);
	assert_string_equal(buf_cstr(&text), "");
	assert_int_equal(store_run(s, &drop, 1).code, 0);
	assert_int_equal(cache_mark_get(s->cache, "q/2", &text), -ENOENT);
	assert_int_equal(cache_revision(s->cache), 0);
	buf_done(&text);
}

static void a_feed_changes_with_its_transaction(void **state)
{
	struct store *s = *state;
	struct cache_op ops[2] = { cache_op_feed("pods", FEED_COMPLETE),
				   { .type = CACHE_DELETE, .key = absent } };

	assert_int_equal(cache_feed(s->cache, "pods"), FEED_ABSENT);
	assert_int_equal(store_run(s, ops, 2).code, -ENOENT);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_ABSENT);
	ops[0] = cache_op_feed("pods", FEED_COMPLETE);
	ops[1] = (struct cache_op){ .type = CACHE_PUT, .object = pod("a", "u", "x") };
	assert_int_equal(store_run(s, ops, 2).code, 0);
	store_reopen(s);
	assert_int_equal(cache_feed(s->cache, "pods"), FEED_COMPLETE);
	assert_int_equal(cache_feed(s->cache, "nodes"), FEED_ABSENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_file_and_its_log_are_the_owners_alone),
		TEST(create_writes_once_and_refuses_a_taken_key),
		TEST(update_needs_the_object_to_be_there),
		TEST(put_creates_and_replaces),
		TEST(delete_needs_the_object_and_leaves_nothing_to_get),
		TEST(an_equal_object_is_no_write_and_keeps_its_revision),
		TEST(a_difference_in_anything_is_a_write),
		TEST(preconditions_name_the_current_state),
		TEST(forget_of_an_absent_key_is_fine),
		TEST(a_transaction_is_all_or_nothing),
		TEST(later_ops_see_earlier_ones),
		TEST(a_failed_transaction_does_not_hurt_its_neighbours),
		TEST(a_group_is_one_commit),
		TEST(a_full_queue_says_again),
		TEST(malformed_operations_are_refused_at_the_door),
		TEST(what_is_submitted_may_change_afterwards),
		TEST(a_shared_object_is_not_changed_by_its_commit),
		TEST(completions_are_called_at_close),
		TEST(lists_come_in_order_of_namespace_and_name),
		TEST(lists_are_limited_stopped_and_continued),
		TEST(lists_filter_by_an_indexed_field),
		TEST(a_list_is_continued_at_its_revision_across_commits_and_reopening),
		TEST(reads_may_be_made_inside_a_list),
		TEST(everything_is_listed_in_key_order),
		TEST(revisions_are_never_given_twice),
		TEST(a_position_belongs_to_the_epoch_that_gave_it),
		TEST(marks_are_set_replaced_listed_and_removed),
		TEST(a_feed_changes_with_its_transaction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
