/* OpenAPI version 3: a document for each group version, and the index that names them. */
#include <errno.h>

#include "api/openapi.h"
#include "api/openapi_internal.h"
#include "base/hash.h"

#define DOCUMENT_MAX (8u * 1024 * 1024)

static void open_plain(struct doc *d, const char *key)
{
	doc_open(d, key, DOC_PATH(0));
}

static void text(struct doc *d, const char *key, const char *value)
{
	doc_text(d, key, 0, value);
}

static void put_parameter(struct doc *d, const char *in, const char *name, const char *type)
{
	open_plain(d, NULL);
	text(d, "name", name);
	text(d, "in", in);
	if (!strcmp(in, "path"))
		doc_flag(d, "required", 0, true);
	open_plain(d, "schema");
	text(d, "type", type);
	doc_flag(d, "uniqueItems", 0, true);
	doc_close(d);
	doc_close(d);
}

static void begin_path(struct doc *d, const char *path, const struct kind *kind, bool in_namespace,
		       bool has_name)
{
	doc_entry(d, 0, path, DOC_PATH(0));
	if (!in_namespace && !has_name)
		return;
	doc_list(d, "parameters");
	if (has_name)
		put_parameter(d, "path", "name", "string");
	if (in_namespace)
		put_parameter(d, "path", "namespace", "string");
	doc_list_end(d);
}

/* definition "": any object (patches). */
static void put_content(struct doc *d, const char *const *media, const char *definition)
{
	open_plain(d, "content");
	for (; *media; media++) {
		open_plain(d, *media);
		if (!definition || definition[0]) {
			definition_ref(d, "schema", DOC_PATH(0), definition);
		} else {
			open_plain(d, "schema");
			text(d, "type", "object");
			doc_close(d);
		}
		doc_close(d);
	}
	doc_close(d);
}

static void put_request(struct doc *d, const struct operation_site *site)
{
	static const char *const any[] = { "*/*", NULL };
	static const char *const patches[] = { "application/apply-patch+yaml", "application/json-patch+json",
					       "application/merge-patch+json",
					       "application/strategic-merge-patch+json", NULL };
	enum operation_verb verb = site->operation->verb;
	bool writes = verb == OPERATION_CREATE || verb == OPERATION_UPDATE;
	bool deletes = verb == OPERATION_DELETE || verb == OPERATION_DELETE_COLLECTION;

	if (!writes && !deletes && verb != OPERATION_PATCH)
		return;
	open_plain(d, "requestBody");
	if (verb == OPERATION_PATCH)
		put_content(d, patches, "");
	else
		put_content(d, any,
			    writes ? site->body->schema->name : schema_of_name("DeleteOptions")->name);
	if (!deletes)
		doc_flag(d, "required", 0, true);
	doc_close(d);
}

static void put_response(struct doc *d, const struct operation_site *site)
{
	static const char *const json[] = { "application/json", NULL };
	enum operation_verb verb = site->operation->verb;
	bool lists = verb == OPERATION_LIST || verb == OPERATION_LIST_ALL;
	bool deletes = verb == OPERATION_DELETE || verb == OPERATION_DELETE_COLLECTION;
	struct buf name;

	buf_init(&name, 256);
	(void)buf_addf(&name, "%s%s", deletes ? schema_of_name("Status")->name : site->body->schema->name,
		       lists ? "List" : "");
	open_plain(d, "responses");
	open_plain(d, verb == OPERATION_CREATE ? "201" : "200");
	text(d, "description", verb == OPERATION_CREATE ? "Created" : "OK");
	put_content(d, json, buf_cstr(&name));
	doc_close(d);
	doc_close(d);
	buf_done(&name);
}

static void put_operation(struct doc *d, const struct operation_site *site)
{
	struct buf value;

	buf_init(&value, 512);
	open_plain(d, site->operation->method);
	operation_id(site, &value);
	text(d, "operationId", buf_cstr(&value));
	doc_list(d, "parameters");
	for (const struct parameter *p = site->operation->parameters; p->name; p++)
		put_parameter(d, "query", p->name, p->type);
	doc_list_end(d);
	put_request(d, site);
	put_response(d, site);
	text(d, "x-kubernetes-action", site->operation->action);
	buf_reset(&value);
	gvk_text(site->body, &value);
	doc_extension(d, 0, "x-kubernetes-group-version-kind", buf_cstr(&value));
	doc_close(d);
	buf_done(&value);
}

static const struct path_events events = { begin_path, put_operation };

static int write_v3(const char *group, const char *version, struct buf *out)
{
	struct doc d = { .out = out, .ref_prefix = "#/components/schemas/" };
	struct definitions *set;
	int rc = definitions_new(&set);

	if (rc)
		return rc;
	rc = definitions_collect(set, group, version);
	if (rc)
		goto out;
	open_plain(&d, NULL);
	text(&d, "openapi", "3.0.0");
	open_plain(&d, "info");
	text(&d, "title", "Kubernetes");
	text(&d, "version", OPENAPI_GIT_VERSION);
	doc_close(&d);
	open_plain(&d, "paths");
	paths_write(&d, group, version, &events);
	doc_close(&d);
	open_plain(&d, "components");
	open_plain(&d, "schemas");
	definitions_write(&d, set, 0);
	doc_close(&d);
	doc_close(&d);
	doc_close(&d);
	rc = buf_error(out);
out:
	definitions_free(set);
	return rc;
}

int openapi_v3(struct span group, struct span version, struct buf *out)
{
	const char *g, *v;
	size_t cursor = 0;

	while (openapi_next_version(&cursor, &g, &v))
		if (span_is(group, g) && span_is(version, v))
			return write_v3(g, v, out);
	return -ENOENT;
}

/* Clients keep a document for as long as its hash stays: it is of the content. */
static int put_index_entry(struct doc *d, const char *group, const char *version)
{
	const char *root = group[0] ? "apis/" : "api";
	struct buf document, name;
	int rc;

	buf_init(&document, DOCUMENT_MAX);
	buf_init(&name, 512);
	rc = write_v3(group, version, &document);
	if (!rc) {
		(void)buf_addf(&name, "%s%s/%s", root, group, version);
		doc_entry(d, 0, buf_cstr(&name), DOC_PATH(0));
		buf_reset(&name);
		(void)buf_addf(&name, "/openapi/v3/%s%s/%s?hash=%016llX", root, group, version,
			       (unsigned long long)hash64(buf_span(&document), 0));
		text(d, "serverRelativeURL", buf_cstr(&name));
		doc_close(d);
	}
	buf_done(&document);
	buf_done(&name);
	return rc;
}

int openapi_v3_index(struct buf *out)
{
	struct doc d = { .out = out };
	const char *group, *version;
	size_t cursor = 0;
	int rc = 0;

	open_plain(&d, NULL);
	open_plain(&d, "paths");
	while (!rc && openapi_next_version(&cursor, &group, &version))
		rc = put_index_entry(&d, group, version);
	doc_close(&d);
	doc_close(&d);
	return rc ? rc : buf_error(out);
}
