#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/podrefs.h"

static int note(void *ctx, enum graph_rank rank, const char *name)
{
	static const char letters[GRAPH_RANKS] = { [GRAPH_SERVICE_ACCOUNT] = 'a',
						   [GRAPH_CONFIG_MAP] = 'c',
						   [GRAPH_SECRET] = 's',
						   [GRAPH_CLAIM] = 'p' };

	assert_int_not_equal(letters[rank], 0);
	return buf_addf(ctx, "%c:%s ", letters[rank], name);
}

static void expect(const char *spec, const char *refs)
{
	struct json *pod = NULL;
	struct buf text, out;

	buf_init(&text, 1 << 16);
	buf_init(&out, 1 << 16);
	assert_int_equal(buf_addf(&text, "{\"spec\":%s}", spec), 0);
	assert_int_equal(json_parse(buf_span(&text), &pod, NULL), 0);
	assert_int_equal(podrefs_each(pod, note, &out), 0);
	assert_string_equal(buf_cstr(&out), refs);
	json_free(pod);
	buf_done(&text);
	buf_done(&out);
}

static void every_place_that_names_something_is_found(void **state)
{
	expect("{}", "a:default ");
	expect("{\"serviceAccountName\":\"sa\"}", "a:sa ");
	expect("{\"serviceAccount\":\"old\"}", "a:old ");
	expect("{\"imagePullSecrets\":[{\"name\":\"r1\"},{\"name\":\"r2\"}]}", "a:default s:r1 s:r2 ");
	expect("{\"volumes\":[{\"secret\":{\"secretName\":\"s1\"}},{\"configMap\":{\"name\":\"c1\"}},"
	       "{\"persistentVolumeClaim\":{\"claimName\":\"p1\"}}]}",
	       "a:default s:s1 c:c1 p:p1 ");
	expect("{\"volumes\":[{\"projected\":{\"sources\":[{\"secret\":{\"name\":\"s2\"}},{\"configMap\":{"
	       "\"name\":\"c2\"}},"
	       "{\"serviceAccountToken\":{\"path\":\"t\"}}]}}]}",
	       "a:default s:s2 c:c2 ");
	expect("{\"volumes\":[{\"csi\":{\"nodePublishSecretRef\":{\"name\":\"x1\"}}},{\"iscsi\":{"
	       "\"secretRef\":{\"name\":\"x2\"}}},"
	       "{\"azureFile\":{\"secretName\":\"x3\"}}]}",
	       "a:default s:x1 s:x2 s:x3 ");
	expect("{\"containers\":[{\"env\":[{\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s3\"}}},"
	       "{\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"c3\"}}}],\"envFrom\":[{\"secretRef\":{"
	       "\"name\":\"s4\"}},"
	       "{\"configMapRef\":{\"name\":\"c4\"}}]}]}",
	       "a:default s:s3 c:c3 s:s4 c:c4 ");
	expect("{\"initContainers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"s5\"}}]}],"
	       "\"ephemeralContainers\":[{\"envFrom\":[{\"secretRef\":{\"name\":\"s6\"}}]}]}",
	       "a:default s:s5 s:s6 ");
}

static void hostile_shapes_name_nothing(void **state)
{
	expect("[]", "a:default ");
	expect("null", "a:default ");
	expect("{\"volumes\":{\"secret\":{\"secretName\":\"s\"}}}", "a:default ");
	expect("{\"volumes\":[null,7,\"x\",[],{\"secret\":[]},{\"secret\":{\"secretName\":{}}},{"
	       "\"configMap\":{\"name\":\"\"}}]}",
	       "a:default ");
	expect("{\"containers\":[[{\"env\":[]}],{\"env\":{\"0\":{\"valueFrom\":7}}}]}", "a:default ");
	expect("{\"serviceAccountName\":7}", "a:default ");
}

static int stop_at_second(void *ctx, enum graph_rank rank, const char *name)
{
	return ++*(int *)ctx == 2 ? -7 : 0;
}

static void the_visitor_may_stop(void **state)
{
	struct json *pod = NULL;
	int seen = 0;

	assert_int_equal(
		json_parse(SPAN("{\"spec\":{\"imagePullSecrets\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}"),
			   &pod, NULL),
		0);
	assert_int_equal(podrefs_each(pod, stop_at_second, &seen), -7);
	assert_int_equal(seen, 2);
	json_free(pod);
}

static void what_a_nodes_own_pod_may_not_name_is_named(void **state)
{
	static const struct {
		const char *pod, *what;
	} cases[] = {
		{ "{\"spec\":{\"containers\":[{}]}}", NULL },
		{ "{\"spec\":{\"serviceAccountName\":\"builder\"}}", "service account builder" },
		{ "{\"spec\":{\"volumes\":[{\"secret\":{\"secretName\":\"tls\"}}]}}", "secret tls" },
		{ "{\"spec\":{\"volumes\":[{\"hostPath\":{\"path\":\"/"
		  "\"}},{\"configMap\":{\"name\":\"c\"}}]}}",
		  "config map c" },
		{ "{\"spec\":{\"volumes\":[{\"persistentVolumeClaim\":{\"claimName\":\"d\"}}]}}",
		  "persistent volume claim d" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct json *pod = NULL;
		struct buf what;

		buf_init(&what, 512);
		assert_int_equal(json_parse(span_of(cases[i].pod), &pod, NULL), 0);
		assert_int_equal(podrefs_any(pod, &what), cases[i].what != NULL);
		assert_string_equal(buf_cstr(&what), cases[i].what ? cases[i].what : "");
		json_free(pod);
		buf_done(&what);
	}
}

/* A node makes mirrors in any namespace: by omission they must not get it the account that others get so. */
static void a_mirror_of_a_static_pod_has_no_account_by_omission(void **state)
{
	struct json *pod = NULL;
	struct buf out;

	buf_init(&out, 1024);
	assert_int_equal(json_parse(SPAN("{\"metadata\":{\"annotations\":{\"" PODREFS_MIRROR
					 "\":\"x\"}},\"spec\":{}}"),
				    &pod, NULL),
			 0);
	assert_true(podrefs_is_mirror(pod));
	assert_int_equal(podrefs_each(pod, note, &out), 0);
	assert_string_equal(buf_cstr(&out), "");
	json_free(pod);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_place_that_names_something_is_found),
		cmocka_unit_test(hostile_shapes_name_nothing),
		cmocka_unit_test(the_visitor_may_stop),
		cmocka_unit_test(what_a_nodes_own_pod_may_not_name_is_named),
		cmocka_unit_test(a_mirror_of_a_static_pod_has_no_account_by_omission),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
