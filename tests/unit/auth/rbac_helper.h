/* rbac_helper: roles and bindings as JSON into an index, and questions to it. */
#ifndef TESTS_UNIT_AUTH_RBAC_HELPER_H
#define TESTS_UNIT_AUTH_RBAC_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "auth/authz.h"
#include "auth/rbac.h"

#define PODS "{\"verbs\":[\"get\",\"list\"],\"apiGroups\":[\"\"],\"resources\":[\"pods\",\"pods/log\"]}"

static inline int feed(struct rbac *rbac, const char *resource, const char *ns, const char *name,
		       const char *body)
{
	char storage[128];
	struct object object = { .key = { storage, ns, name }, .body = span_of(body) };

	(void)snprintf(storage, sizeof(storage), "%s." RBAC_GROUP, resource);
	return rbac_put(rbac, &object);
}

static inline void drop(struct rbac *rbac, const char *resource, const char *ns, const char *name)
{
	char storage[128];
	struct object object = { .key = { storage, ns, name }, .body = SPAN("{}") };
	const struct change change = { .type = CHANGE_DELETED, .object = &object };

	(void)snprintf(storage, sizeof(storage), "%s." RBAC_GROUP, resource);
	assert_int_equal(rbac_apply(rbac, &change), 0);
}

/* `rules` is a JSON list's inside. */
static inline void add_role(struct rbac *rbac, const char *ns, const char *name, const char *rules)
{
	char body[4096];

	(void)snprintf(body, sizeof(body), "{\"rules\":[%s]}", rules);
	assert_int_equal(feed(rbac, *ns ? "roles" : "clusterroles", ns, name, body), 0);
}

static inline void add_binding(struct rbac *rbac, const char *ns, const char *name, const char *role_kind,
			       const char *role, const char *subject_kind, const char *subject,
			       const char *subject_ns)
{
	char body[4096];

	(void)snprintf(body, sizeof(body),
		       "{\"roleRef\":{\"kind\":\"%s\",\"name\":\"%s\"},\"subjects\":[{\"kind\":\"%s\","
		       "\"name\":\"%s\","
		       "\"namespace\":\"%s\"}]}",
		       role_kind, role, subject_kind, subject, subject_ns);
	assert_int_equal(feed(rbac, *ns ? "rolebindings" : "clusterrolebindings", ns, name, body), 0);
}

/* "group/resource/subresource", group "" for core. */
static inline struct api_attributes about(const struct api_identity *who, const char *verb, const char *group,
					  const char *resource, const char *subresource, const char *ns,
					  const char *name)
{
	return (struct api_attributes){ .identity = who,
					.verb = verb,
					.is_resource = true,
					.path = "",
					.group = group,
					.version = "v1",
					.resource = resource,
					.subresource = subresource,
					.ns = ns,
					.name = name };
}

static inline struct api_attributes about_path(const struct api_identity *who, const char *path)
{
	return (struct api_attributes){ .identity = who,
					.verb = "get",
					.path = path,
					.group = "",
					.version = "",
					.resource = "",
					.subresource = "",
					.ns = "",
					.name = "" };
}

#endif
