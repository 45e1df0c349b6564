/* The URLs of the kinds and what each can do, told once for both versions of OpenAPI. */
#include <ctype.h>

#include "api/openapi_internal.h"

static const struct parameter list_parameters[] = {
	{ "allowWatchBookmarks", "boolean" },
	{ "continue", "string" },
	{ "fieldSelector", "string" },
	{ "labelSelector", "string" },
	{ "limit", "integer" },
	{ "resourceVersion", "string" },
	{ "resourceVersionMatch", "string" },
	{ "sendInitialEvents", "boolean" },
	{ "timeoutSeconds", "integer" },
	{ "watch", "boolean" },
	{ NULL, NULL },
};
static const struct parameter collection_parameters[] = {
	{ "dryRun", "string" },
	{ "fieldSelector", "string" },
	{ "gracePeriodSeconds", "integer" },
	{ "labelSelector", "string" },
	{ "orphanDependents", "boolean" },
	{ "propagationPolicy", "string" },
	{ "resourceVersion", "string" },
	{ NULL, NULL },
};
static const struct parameter no_parameters[] = { { NULL, NULL } };
static const struct parameter write_parameters[] = {
	{ "dryRun", "string" },
	{ "fieldManager", "string" },
	{ "fieldValidation", "string" },
	{ NULL, NULL },
};
static const struct parameter patch_parameters[] = {
	{ "dryRun", "string" },
	{ "fieldManager", "string" },
	{ "fieldValidation", "string" },
	{ "force", "boolean" },
	{ NULL, NULL },
};
static const struct parameter delete_parameters[] = {
	{ "dryRun", "string" },
	{ "gracePeriodSeconds", "integer" },
	{ "orphanDependents", "boolean" },
	{ "propagationPolicy", "string" },
	{ NULL, NULL },
};

static const struct operation operations[] = {
	{ OPERATION_LIST, "get", 2, "list", "list", list_parameters },
	{ OPERATION_LIST_ALL, "get", 2, "list", "list", list_parameters },
	{ OPERATION_CREATE, "post", 4, "create", "post", write_parameters },
	{ OPERATION_DELETE_COLLECTION, "delete", 5, "deleteCollection", "deletecollection",
	  collection_parameters },
	{ OPERATION_GET, "get", 2, "read", "get", no_parameters },
	{ OPERATION_UPDATE, "put", 3, "replace", "put", write_parameters },
	{ OPERATION_PATCH, "patch", 8, "patch", "patch", patch_parameters },
	{ OPERATION_DELETE, "delete", 5, "delete", "delete", delete_parameters },
};
static const unsigned needed[] = {
	[OPERATION_LIST] = VERB_LIST,	  [OPERATION_LIST_ALL] = VERB_LIST,
	[OPERATION_CREATE] = VERB_CREATE, [OPERATION_DELETE_COLLECTION] = VERB_DELETECOLLECTION,
	[OPERATION_GET] = VERB_GET,	  [OPERATION_UPDATE] = VERB_UPDATE,
	[OPERATION_PATCH] = VERB_PATCH,	  [OPERATION_DELETE] = VERB_DELETE,
};

/* "Core", "Apps", "Coordination": the first part of the group. */
static void add_group_name(const char *group, struct buf *out)
{
	size_t at = out->len;

	(void)buf_addf(out, "%.*s", (int)strcspn(group, "."), group[0] ? group : "core");
	if (!buf_error(out))
		out->data[at] = (char)toupper((unsigned char)out->data[at]);
}

static void add_capitalized(const char *word, struct buf *out)
{
	(void)buf_addf(out, "%c%s", toupper((unsigned char)word[0]), word + 1);
}

void operation_id(const struct operation_site *site, struct buf *out)
{
	const struct kind *k = site->kind;
	enum operation_verb verb = site->operation->verb;

	(void)buf_add_str(out, site->operation->id_verb);
	if (k->group[0])
		add_group_name(k->group, out);
	else
		(void)buf_add_str(out, "Core");
	add_capitalized(k->version, out);
	if (verb == OPERATION_DELETE_COLLECTION)
		(void)buf_add_str(out, "Collection");
	if (k->namespaced && verb != OPERATION_LIST_ALL)
		(void)buf_add_str(out, "Namespaced");
	(void)buf_add_str(out, k->kind);
	if (site->subresource)
		add_capitalized(site->subresource, out);
	if (verb == OPERATION_LIST_ALL)
		(void)buf_add_str(out, "ForAllNamespaces");
}

struct walk {
	struct doc *doc;
	const struct path_events *events;
	const struct kind *kind;
};

static void write_path(const struct walk *w, const char *path, bool in_namespace, const char *subresource,
		       unsigned verbs, unsigned allowed)
{
	const struct kind *body = subresource ? kind_of_subresource(w->kind, subresource) : w->kind;
	bool has_name = path && strstr(path, "{name}"), any = false;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		const struct operation_site site = { &operations[i], w->kind, subresource, body };

		if (!(allowed & (1u << operations[i].verb)) || !(verbs & needed[operations[i].verb]))
			continue;
		if (!any)
			w->events->begin(w->doc, path, w->kind, in_namespace, has_name);
		any = true;
		w->events->operation(w->doc, &site);
	}
	if (any)
		doc_close(w->doc);
}

#define CAN(verb) (1u << OPERATION_##verb)

static void write_kind(const struct walk *w)
{
	const struct kind *k = w->kind;
	unsigned items = CAN(GET) | CAN(UPDATE) | CAN(PATCH) | CAN(DELETE);
	size_t base;
	struct buf path;

	buf_init(&path, 512);
	(void)buf_addf(&path, "/api%s%s/%s/", k->group[0] ? "s/" : "", k->group, k->version);
	base = path.len;
	if (k->namespaced && k->storage) {
		(void)buf_add_str(&path, k->plural);
		write_path(w, buf_cstr(&path), false, NULL, k->verbs, CAN(LIST_ALL));
		path.len = base;
	}
	(void)buf_addf(&path, "%s%s", k->namespaced ? "namespaces/{namespace}/" : "", k->plural);
	write_path(w, buf_cstr(&path), k->namespaced, NULL, k->verbs,
		   CAN(LIST) | CAN(CREATE) | CAN(DELETE_COLLECTION));
	(void)buf_add_str(&path, "/{name}");
	write_path(w, buf_cstr(&path), k->namespaced, NULL, k->verbs, items);
	base = path.len;
	for (const char *const *sub = k->subresources; sub && *sub; sub++) {
		path.len = base;
		(void)buf_addf(&path, "/%s", *sub);
		write_path(w, buf_cstr(&path), k->namespaced, *sub, openapi_subresource_verbs(*sub),
			   items | CAN(CREATE));
	}
	buf_done(&path);
}

void paths_write(struct doc *d, const char *group, const char *version, const struct path_events *events)
{
	size_t count;
	const struct kind *const *all = kinds(&count);

	for (size_t i = 0; i < count; i++) {
		struct walk w = { d, events, all[i] };

		if (!group || (!strcmp(all[i]->group, group) && !strcmp(all[i]->version, version)))
			write_kind(&w);
	}
}
