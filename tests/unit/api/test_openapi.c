#include <errno.h>

#include "api/openapi.h"
#include "api/protobuf.h"
#include "kinds_helper.h"

#define DOCUMENT_MAX (8u << 20)

static struct json *document(int rc, struct buf *text)
{
	struct err err = { 0 };
	struct json *v;

	assert_int_equal(rc, 0);
	if (json_parse(buf_span(text), &v, &err))
		fail_msg("%s", err_text(&err));
	buf_reset(text);
	return v;
}

static const struct json *find(const struct json *list, const char *key, const char *value)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_str(json_get(json_at(list, i), key), ""), value))
			return json_at(list, i);
	fail_msg("no %s %s", key, value);
	return NULL;
}

static void legacy_discovery_names_groups_and_resources(void **state)
{
	struct buf text;
	struct json *v;

	buf_init(&text, DOCUMENT_MAX);
	v = document(discovery_groups(&text), &text);
	assert_string_equal(json_path_str(find(json_get(v, "groups"), "name", "apps"),
					  "preferredVersion.groupVersion", ""),
			    "apps/v1");
	(void)find(json_get(v, "groups"), "name", "policy");
	json_free(v);
	v = document(discovery_group(SPAN("coordination.k8s.io"), &text), &text);
	assert_string_equal(json_path_str(v, "kind", ""), "APIGroup");
	json_free(v);
	v = document(discovery_resources(SPAN(""), SPAN("v1"), &text), &text);
	assert_string_equal(json_path_str(v, "groupVersion", ""), "v1");
	assert_true(is_json(find(json_get(v, "resources"), "name", "pods"),
			    "{\"name\":\"pods\",\"singularName\":\"pod\",\"namespaced\":true,\"kind\":"
			    "\"Pod\",\"verbs\":[\"create\",\"delete\","
			    "\"deletecollection\",\"get\",\"list\",\"patch\",\"update\",\"watch\"],"
			    "\"shortNames\":[\"po\"],"
			    "\"categories\":[\"all\"]}"));
	assert_true(is_json(find(json_get(v, "resources"), "name", "pods/eviction"),
			    "{\"name\":\"pods/"
			    "eviction\",\"singularName\":\"\",\"namespaced\":true,\"group\":\"policy\","
			    "\"version\":\"v1\","
			    "\"kind\":\"Eviction\",\"verbs\":[\"create\"]}"));
	json_free(v);
	v = document(discovery_resources(SPAN("apps"), SPAN("v1"), &text), &text);
	assert_true(is_json(find(json_get(v, "resources"), "name", "replicasets/scale"),
			    "{\"name\":\"replicasets/scale\",\"singularName\":\"\",\"namespaced\":true,"
			    "\"group\":\"autoscaling\",\"version\":\"v1\",\"kind\":\"Scale\","
			    "\"verbs\":[\"get\",\"patch\",\"update\"]}"));
	json_free(v);
	v = document(discovery_resources(SPAN("policy"), SPAN("v1"), &text), &text);
	assert_int_equal(json_count(json_get(v, "resources")), 0);
	json_free(v);
	assert_int_equal(discovery_resources(SPAN("apps"), SPAN("v2"), &text), -ENOENT);
	assert_int_equal(discovery_group(SPAN("nobody"), &text), -ENOENT);
	v = document(discovery_version(&text), &text);
	assert_string_equal(json_path_str(v, "minor", ""), "32");
	json_free(v);
	v = document(discovery_api_versions(&text), &text);
	json_free(v);
	buf_done(&text);
}

static void aggregated_discovery_says_the_same(void **state)
{
	const struct json *pods, *versions;
	struct buf text;
	struct json *v;

	buf_init(&text, DOCUMENT_MAX);
	v = document(discovery_aggregated(true, "v2", &text), &text);
	assert_string_equal(json_path_str(v, "apiVersion", ""), "apidiscovery.k8s.io/v2");
	assert_int_equal(json_count(json_get(v, "items")), 1);
	pods = find(json_path(v, "items.0.versions.0.resources"), "resource", "pods");
	assert_string_equal(json_path_str(pods, "scope", ""), "Namespaced");
	assert_true(is_json(json_path(find(json_get(pods, "subresources"), "subresource", "eviction"),
				      "responseKind"),
			    "{\"group\":\"policy\",\"version\":\"v1\",\"kind\":\"Eviction\"}"));
	json_free(v);
	v = document(discovery_aggregated(false, "v2beta1", &text), &text);
	for (size_t i = 0; i < json_count(json_get(v, "items")); i++) {
		versions = json_get(json_at(json_get(v, "items"), i), "versions");
		assert_int_equal(json_count(versions), 1);
	}
	json_free(v);
	buf_done(&text);
}

/* Every $ref below `v` names a member of `definitions`. */
static void check_refs(const struct json *v, const struct json *definitions, const char *prefix)
{
	if (json_is(v, JSON_ARRAY)) {
		for (size_t i = 0; i < json_count(v); i++)
			check_refs(json_at(v, i), definitions, prefix);
		return;
	}
	for (struct json_iter it = json_iter(v); json_next(&it);) {
		if (!strcmp(it.key, "$ref") && json_is(it.value, JSON_STRING)) {
			const char *ref = json_str(it.value, "");

			assert_int_equal(strncmp(ref, prefix, strlen(prefix)), 0);
			if (!json_get(definitions, ref + strlen(prefix)))
				fail_msg("%s leads nowhere", ref);
		} else if (json_is(it.value, JSON_OBJECT) || json_is(it.value, JSON_ARRAY)) {
			check_refs(it.value, definitions, prefix);
		}
	}
}

/* What kubectl looks for before it trusts the server with validation. */
static bool can_validate(const struct json *paths, const char *path)
{
	const struct json *parameters = json_get(json_get(json_get(paths, path), "patch"), "parameters");

	for (size_t i = 0; i < json_count(parameters); i++)
		if (!strcmp(json_str(json_get(json_at(parameters, i), "name"), ""), "fieldValidation"))
			return !strcmp(json_str(json_get(json_at(parameters, i), "in"), ""), "query");
	return false;
}

static void version_2_is_whole_and_carries_merge_keys(void **state)
{
	const struct json *definitions, *spec;
	struct buf text;
	struct json *v;

	buf_init(&text, DOCUMENT_MAX);
	v = document(openapi_v2_json(&text), &text);
	definitions = json_get(v, "definitions");
	check_refs(v, definitions, "#/definitions/");
	spec = json_get(json_get(definitions, "io.k8s.api.core.v1.PodSpec"), "properties");
	assert_true(is_json(
		json_get(spec, "containers"),
		"{\"type\":\"array\",\"items\":{\"$ref\":\"#/definitions/io.k8s.api.core.v1.Container\"},"
		"\"x-kubernetes-list-map-keys\":[\"name\"],\"x-kubernetes-list-type\":\"map\","
		"\"x-kubernetes-patch-merge-key\":\"name\",\"x-kubernetes-patch-strategy\":\"merge\"}"));
	assert_string_equal(json_path_str(spec, "volumes.x-kubernetes-patch-strategy", ""),
			    "merge,retainKeys");
	assert_true(is_json(json_get(json_get(definitions, "io.k8s.api.core.v1.ConfigMapList"),
				     "x-kubernetes-group-version-kind"),
			    "[{\"group\":\"\",\"kind\":\"ConfigMapList\",\"version\":\"v1\"}]"));
	assert_true(can_validate(json_get(v, "paths"), "/api/v1/namespaces/{namespace}/pods/{name}"));
	assert_non_null(json_get(json_get(v, "paths"), "/apis/apps/v1/daemonsets"));
	assert_non_null(json_get(json_get(v, "paths"), "/api/v1/namespaces/{namespace}/pods/{name}/binding"));
	assert_null(json_get(json_get(v, "paths"), "/api/v1/bindings"));
	json_free(v);
	buf_done(&text);
}

static void version_3_tells_each_group_alone(void **state)
{
	size_t count;
	const struct kind *const *all = kinds(&count);
	struct json *index, *v;
	struct buf text;

	buf_init(&text, DOCUMENT_MAX);
	index = document(openapi_v3_index(&text), &text);
	assert_non_null(strstr(json_str(json_get(json_get(json_get(index, "paths"), "apis/apps/v1"),
						 "serverRelativeURL"),
					""),
			       "/openapi/v3/apis/apps/v1?hash="));
	json_free(index);
	for (size_t i = 0; i < count; i++) {
		v = document(openapi_v3(span_of(all[i]->group), span_of(all[i]->version), &text), &text);
		check_refs(v, json_path(v, "components.schemas"), "#/components/schemas/");
		assert_non_null(json_get(json_path(v, "components.schemas"), all[i]->schema->name));
		json_free(v);
	}
	v = document(openapi_v3(SPAN("apps"), SPAN("v1"), &text), &text);
	assert_true(
		can_validate(json_get(v, "paths"), "/apis/apps/v1/namespaces/{namespace}/daemonsets/{name}"));
	json_free(v);
	assert_int_equal(openapi_v3(SPAN("nobody"), SPAN("v1"), &text), -ENOENT);
	buf_done(&text);
}

/* Finds the value of the entry `name` among the repeated NamedX messages of `number`. */
static struct span entry(struct span message, unsigned number, const char *name)
{
	struct wire_field field, part;
	int rc;

	while ((rc = wire_next(&message, &field)) > 0) {
		struct span found = SPAN(""), value = SPAN(""), rest = field.bytes;

		if (field.number != number)
			continue;
		while ((rc = wire_next(&rest, &part)) > 0) {
			if (part.number == 1)
				found = part.bytes;
			else if (part.number == 2)
				value = part.bytes;
		}
		assert_int_equal(rc, 0);
		if (span_is(found, name))
			return value;
	}
	fail_msg("no entry %s", name);
	return SPAN("");
}

static struct span part_of(struct span message, unsigned number)
{
	struct wire_field field;

	while (wire_next(&message, &field) > 0)
		if (field.number == number)
			return field.bytes;
	fail_msg("no field %u", number);
	return SPAN("");
}

static void version_2_as_protobuf_holds_the_same(void **state)
{
	struct span root, schema, property;
	struct buf text;

	buf_init(&text, DOCUMENT_MAX);
	assert_int_equal(openapi_v2_protobuf(&text), 0);
	root = buf_span(&text);
	assert_true(span_is(part_of(root, 1), "2.0"));
	schema = entry(part_of(root, 9), 1, "io.k8s.api.core.v1.PodSpec");
	assert_true(span_is(part_of(part_of(schema, 22), 1), "object"));
	property = entry(part_of(schema, 25), 1, "containers");
	assert_true(span_is(part_of(part_of(part_of(property, 23), 1), 1),
			    "#/definitions/io.k8s.api.core.v1.Container"));
	assert_true(span_is(part_of(entry(property, 31, "x-kubernetes-patch-merge-key"), 2), "\"name\""));
	property = entry(part_of(schema, 25), 1, "nodeSelector");
	assert_true(span_is(part_of(part_of(part_of(part_of(property, 21), 1), 22), 1), "string"));
	buf_done(&text);
}

static void a_buffer_too_small_is_an_error(void **state)
{
	struct buf text;

	for (size_t size = 0; size < 5000; size += 7) {
		buf_init(&text, size);
		assert_int_equal(openapi_v2_protobuf(&text), -EMSGSIZE);
		buf_done(&text);
		buf_init(&text, size);
		assert_int_equal(openapi_v3(SPAN("apps"), SPAN("v1"), &text), -EMSGSIZE);
		buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legacy_discovery_names_groups_and_resources),
		cmocka_unit_test(aggregated_discovery_says_the_same),
		cmocka_unit_test(version_2_is_whole_and_carries_merge_keys),
		cmocka_unit_test(version_3_tells_each_group_alone),
		cmocka_unit_test(version_2_as_protobuf_holds_the_same),
		cmocka_unit_test(a_buffer_too_small_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
