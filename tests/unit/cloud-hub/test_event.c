/* What an audit line says, whatever the client sent, and which requests get one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "cloud-hub/audit/event.h"

#define NOW_MS 1790000000123

static const char *const dev[] = { "dev", "system:authenticated", NULL }, *const nodes[] = { "system:nodes",
											     NULL };
static const struct api_identity jo = { .user = "jo", .groups = dev, .uid = "" };
static const struct api_identity node = { .user = "system:node:edge-1", .groups = nodes, .uid = "" };

/* A request of `verb` for a resource "group/resource/subresource". */
static struct api_outcome asked(struct api_request *request, struct api_attributes *what, const char *verb,
				const char *group, const char *resource, const char *subresource, int code)
{
	*request = (struct api_request){ .path = SPAN("/api/v1/x"), .source = "10.0.0.7:4711" };
	*what = (struct api_attributes){ .identity = &jo,
					 .verb = verb,
					 .is_resource = true,
					 .path = "",
					 .group = group,
					 .version = "v1",
					 .resource = resource,
					 .subresource = subresource,
					 .ns = "web",
					 .name = "" };
	return (struct api_outcome){ .request = request,
				     .what = what,
				     .name = "made-1",
				     .code = code,
				     .decided = true,
				     .allowed = code != 403,
				     .reason = "because \"so\"",
				     .received_wall_ms = NOW_MS - 23 };
}

static struct json *line_of(const struct api_outcome *outcome)
{
	struct json *tree = NULL;
	struct buf line;

	buf_init(&line, EVENT_LINE_MAX);
	assert_int_equal(event_of_outcome(outcome, "id-1", NOW_MS, 0, &line), 0);
	assert_null(memchr(line.data, '\n', line.len));
	assert_int_equal(json_parse(buf_span(&line), &tree, NULL), 0);
	buf_done(&line);
	return tree;
}

static void expect(const struct json *tree, const char *path, const char *value)
{
	assert_string_equal(json_path_str(tree, path, "(absent)"), value);
}

static const char *annotation(const struct json *tree, const char *key)
{
	return json_str(json_get(json_get(tree, "annotations"), key), "(absent)");
}

static void a_line_is_an_event_of_upstreams_form(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "create", "apps", "daemonsets", "", 201);
	struct json *tree;

	request.query = SPAN("dryRun=All");
	request.user_agent = SPAN("kubectl/v1.32");
	tree = line_of(&outcome);
	expect(tree, "kind", "Event");
	expect(tree, "apiVersion", "audit.k8s.io/v1");
	expect(tree, "level", "Metadata");
	expect(tree, "auditID", "id-1");
	expect(tree, "stage", "ResponseComplete");
	expect(tree, "requestURI", "/api/v1/x?dryRun=All");
	expect(tree, "verb", "create");
	expect(tree, "user.username", "jo");
	expect(tree, "user.groups.0", "dev");
	expect(tree, "sourceIPs.0", "10.0.0.7");
	expect(tree, "userAgent", "kubectl/v1.32");
	expect(tree, "objectRef.resource", "daemonsets");
	expect(tree, "objectRef.apiGroup", "apps");
	expect(tree, "objectRef.namespace", "web");
	expect(tree, "objectRef.name", "made-1");
	assert_int_equal(json_path_int(tree, "responseStatus.code", 0), 201);
	expect(tree, "requestReceivedTimestamp", "2026-09-21T14:13:20.100000Z");
	expect(tree, "stageTimestamp", "2026-09-21T14:13:20.123000Z");
	assert_string_equal(annotation(tree, "authorization.k8s.io/decision"), "allow");
	assert_string_equal(annotation(tree, "authorization.k8s.io/reason"), "because \"so\"");
	json_free(tree);
	request.source = "[fd00::7]:4711";
	tree = line_of(&outcome);
	expect(tree, "sourceIPs.0", "fd00::7");
	json_free(tree);
	request.source = "";
	tree = line_of(&outcome);
	assert_int_equal(json_count(json_get(tree, "sourceIPs")), 0);
	json_free(tree);
}

static void whoever_acts_for_another_is_named_first(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "delete", "", "pods", "", 200);
	static const struct api_identity shown = { .user = "sam", .groups = dev, .uid = "", .by = &jo };
	struct json *tree;

	what.identity = &shown;
	tree = line_of(&outcome);
	expect(tree, "user.username", "jo");
	expect(tree, "impersonatedUser.username", "sam");
	json_free(tree);
}

static void the_node_behind_a_caller_is_named(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "create", "", "pods", "", 403);
	static const char *const values[] = { "edge-2", NULL };
	static const struct api_extra extra[] = { { "authentication.kubernetes.io/node-name", values },
						  { NULL, NULL } };
	static const struct api_identity account = { .user = "system:serviceaccount:web:robot",
						     .uid = "u",
						     .extra = extra };
	struct json *tree;

	what.identity = &node;
	tree = line_of(&outcome);
	assert_string_equal(annotation(tree, "holdfast.io/node"), "edge-1");
	assert_string_equal(annotation(tree, "authorization.k8s.io/decision"), "forbid");
	expect(tree, "responseStatus.status", "Failure");
	json_free(tree);
	what.identity = &account;
	tree = line_of(&outcome);
	assert_string_equal(annotation(tree, "holdfast.io/node"), "edge-2");
	assert_string_equal(json_str(json_at(json_get(json_path(tree, "user.extra"),
						      "authentication.kubernetes.io/node-name"),
					     0),
				     ""),
			    "edge-2");
	json_free(tree);
}

static void no_bytes_of_a_client_break_the_line(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "get", "", "secrets", "", 401);
	char *longest = malloc(100000);
	struct json *tree;

	assert_non_null(longest);
	memset(longest, 'a', 100000);
	what.identity = NULL;
	request.path = SPAN("/api/v1/\"\\\n\xff\xc3 \x01");
	request.query = span_make(longest, 100000);
	request.user_agent = SPAN("\x7f\"}{\r\n");
	tree = line_of(&outcome);
	expect(tree, "requestURI", "/api/v1/\"\\??? ?");
	expect(tree, "userAgent", "?\"}{??");
	assert_int_equal(json_count(json_get(tree, "user")), 0);
	json_free(tree);
	request.path = span_make(longest, 100000);
	tree = line_of(&outcome);
	assert_int_equal(strlen(json_path_str(tree, "requestURI", "")), EVENT_URI_MAX);
	json_free(tree);
	free(longest);
}

static void a_watch_is_told_at_its_start_and_a_lost_answer_as_lost(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "watch", "", "secrets", "", 200);
	struct json *tree = line_of(&outcome);

	expect(tree, "stage", "ResponseStarted");
	json_free(tree);
	outcome = asked(&request, &what, "create", "", "secrets", "", 0);
	tree = line_of(&outcome);
	assert_string_equal(annotation(tree, "holdfast.io/answer"), "none: the client went away before it");
	json_free(tree);
}

static void a_note_says_what_was_no_request(void **state)
{
	struct audit_note note = { .verb = "join",
				   .user = "system:join-token",
				   .node = "edge-1",
				   .source = "10.0.0.7:1",
				   .resource = "nodes",
				   .name = "edge-1",
				   .code = 200,
				   .reason = "token ab" };
	static char evidence[EVENT_EVIDENCE_MAX + 100];
	struct json *tree = NULL;
	struct buf line;

	buf_init(&line, EVENT_LINE_MAX);
	assert_int_equal(event_of_note(&note, "id-2", NOW_MS, 7, &line), 0);
	assert_int_equal(json_parse(buf_span(&line), &tree, NULL), 0);
	expect(tree, "verb", "join");
	expect(tree, "objectRef.name", "edge-1");
	assert_string_equal(annotation(tree, "holdfast.io/node"), "edge-1");
	assert_string_equal(annotation(tree, "holdfast.io/reason"), "token ab");
	assert_string_equal(annotation(tree, "holdfast.io/lines-lost-before"), "7");
	json_free(tree);
	buf_reset(&line);
	memset(evidence, 'e', sizeof(evidence) - 1);
	note = (struct audit_note){ .verb = "judge", .node = "edge-1", .code = 200, .evidence = evidence };
	assert_int_equal(event_of_note(&note, "id-4", NOW_MS, 0, &line), 0);
	assert_int_equal(json_parse(buf_span(&line), &tree, NULL), 0);
	assert_int_equal(strlen(annotation(tree, "holdfast.io/evidence")), EVENT_EVIDENCE_MAX);
	json_free(tree);
	buf_reset(&line);
	note = (struct audit_note){ .verb = "refuse", .code = 403 };
	assert_int_equal(event_of_note(&note, "id-3", NOW_MS, 0, &line), 0);
	assert_int_equal(json_parse(buf_span(&line), &tree, NULL), 0);
	json_free(tree);
	buf_done(&line);
}

static void the_policy_keeps_writes_refusals_and_reads_of_secrets(void **state)
{
	static const struct {
		const char *verb, *group, *resource, *subresource;
		int code;
		bool by_node, wanted;
	} cases[] = {
		{ "create", "", "pods", "", 201, false, true },
		{ "create", "", "pods", "", 0, false, true },
		{ "patch", "apps", "daemonsets", "", 200, false, true },
		{ "delete", "", "nodes", "", 404, false, true },
		{ "get", "", "pods", "", 200, false, false },
		{ "get", "", "pods", "", 403, false, true },
		{ "list", "", "pods", "", 401, false, true },
		{ "get", "", "secrets", "", 200, false, true },
		{ "watch", "", "secrets", "", 200, true, true },
		{ "get", "other", "secrets", "", 200, false, false },
		{ "create", "", "serviceaccounts", "token", 201, true, true },
		{ "create", "authorization.k8s.io", "selfsubjectaccessreviews", "", 201, false, false },
		{ "create", "authentication.k8s.io", "tokenreviews", "", 201, false, false },
		{ "create", "authentication.k8s.io", "tokenreviews", "", 403, false, true },
		{ "patch", "", "pods", "status", 200, true, false },
		{ "patch", "", "pods", "status", 200, false, true },
		{ "update", "coordination.k8s.io", "leases", "", 200, true, false },
		{ "create", "", "events", "", 201, true, false },
		{ "patch", "", "pods", "status", 403, true, true },
	};
	struct api_request request;
	struct api_attributes what;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct api_outcome outcome = asked(&request, &what, cases[i].verb, cases[i].group,
						   cases[i].resource, cases[i].subresource, cases[i].code);

		what.identity = cases[i].by_node ? &node : &jo;
		if (event_is_wanted(AUDIT_WRITES, &outcome) != cases[i].wanted)
			fail_msg("%s %s/%s %d", cases[i].verb, cases[i].resource, cases[i].subresource,
				 cases[i].code);
		assert_true(event_is_wanted(AUDIT_ALL, &outcome));
		assert_false(event_is_wanted(AUDIT_NONE, &outcome));
	}
}

static void paths_are_kept_when_they_change_something(void **state)
{
	struct api_request request;
	struct api_attributes what;
	struct api_outcome outcome = asked(&request, &what, "post", "", "", "", 201);

	what.is_resource = false;
	request.path = SPAN("/holdfast/v1/tokens");
	assert_true(event_is_wanted(AUDIT_WRITES, &outcome));
	what.verb = "get";
	assert_false(event_is_wanted(AUDIT_WRITES, &outcome));
	request.path = SPAN("/readyz");
	outcome.code = 401;
	assert_false(event_is_wanted(AUDIT_ALL, &outcome));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_an_event_of_upstreams_form),
		cmocka_unit_test(whoever_acts_for_another_is_named_first),
		cmocka_unit_test(the_node_behind_a_caller_is_named),
		cmocka_unit_test(no_bytes_of_a_client_break_the_line),
		cmocka_unit_test(a_watch_is_told_at_its_start_and_a_lost_answer_as_lost),
		cmocka_unit_test(a_note_says_what_was_no_request),
		cmocka_unit_test(the_policy_keeps_writes_refusals_and_reads_of_secrets),
		cmocka_unit_test(paths_are_kept_when_they_change_something),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
