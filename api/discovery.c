/* Discovery: which groups, versions and resources there are. */
#include <errno.h>
#include <sys/utsname.h>

#include "api/openapi.h"
#include "api/openapi_internal.h"

static const struct {
	unsigned bit;
	const char *name;
} verbs[] = {
	{ VERB_CREATE, "create" }, { VERB_DELETE, "delete" }, { VERB_DELETECOLLECTION, "deletecollection" },
	{ VERB_GET, "get" },	   { VERB_LIST, "list" },     { VERB_PATCH, "patch" },
	{ VERB_UPDATE, "update" }, { VERB_WATCH, "watch" },
};

static const struct {
	const char *name;
	unsigned verbs;
} subresources[] = {
	{ "status", VERB_GET | VERB_PATCH | VERB_UPDATE },
	{ "ephemeralcontainers", VERB_GET | VERB_PATCH | VERB_UPDATE },
	{ "scale", VERB_GET | VERB_PATCH | VERB_UPDATE },
	{ "finalize", VERB_UPDATE },
	{ "binding", VERB_CREATE },
	{ "eviction", VERB_CREATE },
	{ "token", VERB_CREATE },
};

unsigned openapi_subresource_verbs(const char *name)
{
	for (size_t i = 0; i < sizeof(subresources) / sizeof(subresources[0]); i++)
		if (!strcmp(subresources[i].name, name))
			return subresources[i].verbs;
	return 0;
}

/* Served for its bodies' sake only: `kubectl drain` asks whether there is the group before it evicts. */
static const struct {
	const char *group, *version;
} bare_groups[] = { { "policy", "v1" } };
#define BARE_GROUP_COUNT (sizeof(bare_groups) / sizeof(bare_groups[0]))

bool openapi_next_version(size_t *cursor, const char **out_group, const char **out_version)
{
	size_t count;
	const struct kind *const *all = kinds(&count);

	for (; *cursor < count; ++*cursor) {
		const struct kind *k = all[*cursor];
		bool seen = false;

		for (size_t i = 0; i < *cursor && !seen; i++)
			seen = !strcmp(all[i]->group, k->group) && !strcmp(all[i]->version, k->version);
		if (seen)
			continue;
		*out_group = k->group;
		*out_version = k->version;
		++*cursor;
		return true;
	}
	if (*cursor - count >= BARE_GROUP_COUNT)
		return false;
	*out_group = bare_groups[*cursor - count].group;
	*out_version = bare_groups[*cursor - count].version;
	++*cursor;
	return true;
}

static bool is_group_version(struct span group, struct span version)
{
	const char *g, *v;
	size_t cursor = 0;

	while (openapi_next_version(&cursor, &g, &v))
		if (span_is(group, g) && span_is(version, v))
			return true;
	return false;
}

/* No call of these documents opens messages: they are JSON only. */
static void open_plain(struct doc *d, const char *key)
{
	doc_open(d, key, DOC_PATH(0));
}

static void text(struct doc *d, const char *key, const char *value)
{
	doc_text(d, key, 0, value);
}

static void add_verbs(struct doc *d, unsigned mask)
{
	doc_list(d, "verbs");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (mask & verbs[i].bit)
			text(d, NULL, verbs[i].name);
	doc_list_end(d);
}

static void add_names(struct doc *d, const char *key, const char *const *names)
{
	if (!names)
		return;
	doc_list(d, key);
	for (; *names; names++)
		text(d, NULL, *names);
	doc_list_end(d);
}

/* --- /api, /apis --- */

int discovery_api_versions(struct buf *out)
{
	return buf_add_str(out,
			   "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"],\"serverAddressByClientCIDRs\":["
			   "{\"clientCIDR\":\"0.0.0.0/0\",\"serverAddress\":\"\"}]}");
}

static void add_group_version(struct doc *d, const char *group, const char *version)
{
	char name[128];
	struct buf joined;

	buf_init(&joined, sizeof(name));
	(void)buf_addf(&joined, "%s%s%s", group, group[0] ? "/" : "", version);
	text(d, "groupVersion", buf_cstr(&joined));
	text(d, "version", version);
	buf_done(&joined);
}

/* One version for each group so far: it is the preferred one. */
static void add_group(struct doc *d, const char *group, const char *version)
{
	text(d, "name", group);
	doc_list(d, "versions");
	open_plain(d, NULL);
	add_group_version(d, group, version);
	doc_close(d);
	doc_list_end(d);
	open_plain(d, "preferredVersion");
	add_group_version(d, group, version);
	doc_close(d);
}

static void begin_list(struct doc *d, const char *kind)
{
	open_plain(d, NULL);
	text(d, "kind", kind);
	text(d, "apiVersion", "v1");
}

int discovery_groups(struct buf *out)
{
	struct doc d = { .out = out };
	const char *group, *version;
	size_t cursor = 0;

	begin_list(&d, "APIGroupList");
	doc_list(&d, "groups");
	while (openapi_next_version(&cursor, &group, &version)) {
		if (!group[0])
			continue;
		open_plain(&d, NULL);
		add_group(&d, group, version);
		doc_close(&d);
	}
	doc_list_end(&d);
	doc_close(&d);
	return buf_error(out);
}

int discovery_group(struct span group, struct buf *out)
{
	struct doc d = { .out = out };
	const char *name, *version;
	size_t cursor = 0;

	while (openapi_next_version(&cursor, &name, &version)) {
		if (!name[0] || !span_is(group, name))
			continue;
		begin_list(&d, "APIGroup");
		add_group(&d, name, version);
		doc_close(&d);
		return buf_error(out);
	}
	return -ENOENT;
}

/* --- /api/v1, /apis/G/V --- */

static void add_resource(struct doc *d, const struct kind *k)
{
	open_plain(d, NULL);
	text(d, "name", k->plural);
	text(d, "singularName", k->singular);
	doc_flag(d, "namespaced", 0, k->namespaced);
	text(d, "kind", k->kind);
	add_verbs(d, k->verbs);
	add_names(d, "shortNames", k->short_names);
	add_names(d, "categories", k->categories);
	doc_close(d);
}

static void add_subresource(struct doc *d, const struct kind *k, const char *name)
{
	const struct kind *body = kind_of_subresource(k, name);
	struct buf path;

	buf_init(&path, 256);
	(void)buf_addf(&path, "%s/%s", k->plural, name);
	open_plain(d, NULL);
	text(d, "name", buf_cstr(&path));
	text(d, "singularName", "");
	doc_flag(d, "namespaced", 0, k->namespaced);
	if (strcmp(body->group, k->group) != 0) {
		text(d, "group", body->group);
		text(d, "version", body->version);
	}
	text(d, "kind", body->kind);
	add_verbs(d, openapi_subresource_verbs(name));
	doc_close(d);
	buf_done(&path);
}

int discovery_resources(struct span group, struct span version, struct buf *out)
{
	struct doc d = { .out = out };
	size_t count;
	const struct kind *const *all = kinds(&count);

	if (!is_group_version(group, version))
		return -ENOENT;
	begin_list(&d, "APIResourceList");
	doc_list(&d, "resources");
	for (size_t i = 0; i < count; i++) {
		if (!span_is(group, all[i]->group) || !span_is(version, all[i]->version))
			continue;
		add_resource(&d, all[i]);
		for (const char *const *sub = all[i]->subresources; sub && *sub; sub++)
			add_subresource(&d, all[i], *sub);
	}
	doc_list_end(&d);
	(void)buf_addf(out, ",\"groupVersion\":\"%.*s%s%.*s\"", SPAN_ARG(group), group.len ? "/" : "",
		       SPAN_ARG(version));
	doc_close(&d);
	return buf_error(out);
}

/* --- aggregated: everything in one answer --- */

static void add_response_kind(struct doc *d, const struct kind *k)
{
	open_plain(d, "responseKind");
	text(d, "group", k->group);
	text(d, "version", k->version);
	text(d, "kind", k->kind);
	doc_close(d);
}

static void add_discovered(struct doc *d, const struct kind *k)
{
	open_plain(d, NULL);
	text(d, "resource", k->plural);
	add_response_kind(d, k);
	text(d, "scope", k->namespaced ? "Namespaced" : "Cluster");
	text(d, "singularResource", k->singular);
	add_verbs(d, k->verbs);
	add_names(d, "shortNames", k->short_names);
	add_names(d, "categories", k->categories);
	if (k->subresources)
		doc_list(d, "subresources");
	for (const char *const *sub = k->subresources; sub && *sub; sub++) {
		open_plain(d, NULL);
		text(d, "subresource", *sub);
		add_response_kind(d, kind_of_subresource(k, *sub));
		add_verbs(d, openapi_subresource_verbs(*sub));
		doc_close(d);
	}
	if (k->subresources)
		doc_list_end(d);
	doc_close(d);
}

static void add_discovered_group(struct doc *d, const char *group, const char *version)
{
	size_t count;
	const struct kind *const *all = kinds(&count);

	open_plain(d, NULL);
	open_plain(d, "metadata");
	if (group[0])
		text(d, "name", group);
	doc_close(d);
	doc_list(d, "versions");
	open_plain(d, NULL);
	text(d, "version", version);
	doc_list(d, "resources");
	for (size_t i = 0; i < count; i++)
		if (!strcmp(all[i]->group, group) && !strcmp(all[i]->version, version))
			add_discovered(d, all[i]);
	doc_list_end(d);
	text(d, "freshness", "Current");
	doc_close(d);
	doc_list_end(d);
	doc_close(d);
}

int discovery_aggregated(bool legacy, const char *api_version, struct buf *out)
{
	struct doc d = { .out = out };
	const char *group, *version;
	size_t cursor = 0;

	(void)buf_addf(out,
		       "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":\"apidiscovery.k8s.io/"
		       "%s\",\"metadata\":{},\"items\":[",
		       api_version);
	while (openapi_next_version(&cursor, &group, &version))
		if (legacy == !group[0])
			add_discovered_group(&d, group, version);
	(void)buf_add_str(out, "]}");
	return buf_error(out);
}

/* --- /version --- */

int discovery_version(struct buf *out)
{
	struct doc d = { .out = out };
	struct utsname machine;
	struct buf platform;

	buf_init(&platform, 256);
	(void)buf_addf(&platform, "linux/%s", uname(&machine) ? "unknown" : machine.machine);
	open_plain(&d, NULL);
	text(&d, "major", "1");
	text(&d, "minor", "32");
	text(&d, "gitVersion", OPENAPI_GIT_VERSION);
	text(&d, "gitCommit", "");
	text(&d, "gitTreeState", "");
	text(&d, "buildDate",
	     "1970-01-01T00:00:00Z"); /* builds are reproducible: none is older than another */
	text(&d, "goVersion", "");
	text(&d, "compiler", "gcc");
	text(&d, "platform", buf_cstr(&platform));
	doc_close(&d);
	buf_done(&platform);
	return buf_error(out);
}
