/* Every allocation of the kind tables' work fails once, and once for good. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/openapi.h"
#include "api/selector.h"
#include "base/hash.h"
#include "kinds_helper.h"
#include "tests/tools/failmalloc.h"

static const char pod_text[] = "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\","
			       "\"namespace\":\"n\",\"labels\":{\"a\":\"b\"}},\"spec\":{"
			       "\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"x\","
			       "\"ports\":[{\"containerPort\":80}],\"resources\":{\"limits\":{"
			       "\"cpu\":1}},\"livenessProbe\":{\"httpGet\":{\"port\":80}}}],\"volumes\":[{"
			       "\"name\":\"v\"}]},\"status\":{\"phase\":\"Running\"},"
			       "\"extra\":null}";

static int show(const struct kind *kind, const struct json *object)
{
	struct buf out;
	int rc = 0;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; !rc && i < kind->column_count; i++)
		rc = kind->columns[i].cell(object, 0, &out);
	if (!rc)
		rc = kind->index_fields(object, &out);
	buf_done(&out);
	return rc;
}

static int check_and_default(void *ctx)
{
	const struct kind *kind = core_kind("Pod");
	struct problems *problems = problems_new();
	struct json *pod = NULL;
	int rc = problems ? json_parse(span_of(pod_text), &pod, NULL) : -ENOMEM;

	if (!rc)
		rc = schema_check(kind->schema, pod, false, problems, NULL);
	if (!rc)
		rc = kind_default(kind, pod);
	if (!rc) {
		kind_validate(kind, pod, pod, problems);
		if (problems_count(problems)) /* a check that could not be made is a complaint */
			rc = -ENOMEM;
	}
	if (!rc)
		rc = show(kind, pod);
	json_free(pod);
	problems_free(problems);
	return rc;
}

static int decode(void *ctx)
{
	const struct buf *body = ctx;
	const struct kind *kind;
	struct json *object;
	int rc = kind_decode_protobuf(buf_span(body), &kind, &object, NULL);

	if (!rc)
		json_free(object);
	return rc;
}

static int select_labels(void *ctx)
{
	struct selector *labels = NULL, *fields = NULL;
	int rc = selector_parse_labels(SPAN("a=b,c in (d,e),!f"), &labels, NULL);

	if (!rc)
		rc = selector_parse_fields(SPAN("a=b\\,c,d!=e"), &fields, NULL);
	selector_free(labels);
	selector_free(fields);
	return rc;
}

static int render(void *ctx)
{
	uint64_t *whole = ctx;
	struct buf out;
	int rc;

	buf_init(&out, 8 << 20);
	rc = openapi_v2_protobuf(&out);
	if (!rc)
		rc = openapi_v3(SPAN("coordination.k8s.io"), SPAN("v1"), &out);
	if (!rc)
		rc = discovery_aggregated(true, "v2", &out);
	/* Whole or not at all. */
	assert_true(rc || !*whole || hash64(buf_span(&out), 0) == *whole);
	if (!rc)
		*whole = hash64(buf_span(&out), 0);
	buf_done(&out);
	return rc;
}

static void without_memory_everything_says_so(void **state)
{
	char path[512];
	uint64_t whole = 0;
	struct buf body;
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/daemonset", TEST_BODIES);
	file = fopen(path, "rb");
	assert_non_null(file);
	buf_init(&body, 1 << 16);
	assert_int_equal(buf_reserve(&body, 4096), 0);
	body.len = fread(body.data, 1, 4096, file);
	assert_int_equal(fclose(file), 0);
	assert_true(failmalloc_walk(check_and_default, NULL) > 0);
	assert_true(failmalloc_walk(decode, &body) > 0);
	assert_true(failmalloc_walk(select_labels, NULL) > 0);
	assert_int_equal(render(&whole), 0);
	assert_true(failmalloc_walk(render, &whole) > 0);
	buf_done(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_memory_everything_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
