/* OpenAPI version 2, as JSON and as openapi.v2.Document. */
#include <errno.h>

#include "api/openapi.h"
#include "api/openapi_internal.h"

/* Field numbers of openapi.v2 messages. */
enum { DOCUMENT_SWAGGER = 1, DOCUMENT_INFO = 2, DOCUMENT_PATHS = 8, DOCUMENT_DEFINITIONS = 9 };
enum { INFO_TITLE = 1, INFO_VERSION = 2 };
enum { PATHS_PATH = 2, PATH_PARAMETERS = 9 };
enum {
	OPERATION_ID = 5,
	OPERATION_PRODUCES = 6,
	OPERATION_CONSUMES = 7,
	OPERATION_PARAMETERS = 8,
	OPERATION_RESPONSES = 9,
	OPERATION_EXTENSION = 13
};
enum { ITEM_PARAMETER = 1, PARAMETER_BODY = 1, PARAMETER_OTHER = 2, OTHER_QUERY = 3, OTHER_PATH = 4 };
enum { BODY_NAME = 2, BODY_IN = 3, BODY_REQUIRED = 4, BODY_SCHEMA = 5 };
enum { SUB_REQUIRED = 1, SUB_IN = 2, SUB_NAME = 4 };
enum { QUERY_TYPE = 6, PATH_TYPE = 5 };
enum {
	RESPONSES_CODE = 1,
	VALUE_RESPONSE = 1,
	RESPONSE_DESCRIPTION = 1,
	RESPONSE_SCHEMA = 2,
	ITEM_SCHEMA = 1
};

static void query_parameter(struct doc *d, const struct parameter *p)
{
	doc_open(d, NULL, DOC_PATH(OPERATION_PARAMETERS, ITEM_PARAMETER, PARAMETER_OTHER, OTHER_QUERY));
	doc_text(d, "in", SUB_IN, "query");
	doc_text(d, "name", SUB_NAME, p->name);
	doc_text(d, "type", QUERY_TYPE, p->type);
	doc_close(d);
}

static void path_parameter(struct doc *d, const char *name)
{
	doc_open(d, NULL, DOC_PATH(PATH_PARAMETERS, ITEM_PARAMETER, PARAMETER_OTHER, OTHER_PATH));
	doc_text(d, "in", SUB_IN, "path");
	doc_text(d, "name", SUB_NAME, name);
	doc_flag(d, "required", SUB_REQUIRED, true);
	doc_text(d, "type", PATH_TYPE, "string");
	doc_close(d);
}

static void begin_path(struct doc *d, const char *path, const struct kind *kind, bool in_namespace,
		       bool has_name)
{
	doc_entry(d, PATHS_PATH, path, DOC_PATH(0));
	if (!in_namespace && !has_name)
		return;
	doc_list(d, "parameters");
	if (has_name)
		path_parameter(d, "name");
	if (in_namespace)
		path_parameter(d, "namespace");
	doc_list_end(d);
}

static void body_parameter(struct doc *d, const char *definition, bool required)
{
	doc_open(d, NULL, DOC_PATH(OPERATION_PARAMETERS, ITEM_PARAMETER, PARAMETER_BODY));
	doc_text(d, "in", BODY_IN, "body");
	doc_text(d, "name", BODY_NAME, "body");
	if (required)
		doc_flag(d, "required", BODY_REQUIRED, true);
	if (definition) {
		definition_ref(d, "schema", DOC_PATH(BODY_SCHEMA), definition);
	} else {
		doc_open(d, "schema", DOC_PATH(BODY_SCHEMA));
		doc_close(d);
	}
	doc_close(d);
}

static void put_body(struct doc *d, const struct operation_site *site)
{
	switch (site->operation->verb) {
	case OPERATION_CREATE:
	case OPERATION_UPDATE: body_parameter(d, site->body->schema->name, true); break;
	case OPERATION_PATCH: body_parameter(d, NULL, true); break;
	case OPERATION_DELETE:
	case OPERATION_DELETE_COLLECTION:
		body_parameter(d, schema_of_name("DeleteOptions")->name, false);
		break;
	default: break;
	}
}

static void put_response(struct doc *d, const struct operation_site *site)
{
	struct buf name;

	buf_init(&name, 256);
	switch (site->operation->verb) {
	case OPERATION_LIST:
	case OPERATION_LIST_ALL: (void)buf_addf(&name, "%sList", site->body->schema->name); break;
	case OPERATION_DELETE:
	case OPERATION_DELETE_COLLECTION: (void)buf_add_str(&name, schema_of_name("Status")->name); break;
	default: (void)buf_add_str(&name, site->body->schema->name); break;
	}
	doc_open(d, "responses", DOC_PATH(OPERATION_RESPONSES));
	doc_entry(d, RESPONSES_CODE, site->operation->verb == OPERATION_CREATE ? "201" : "200",
		  DOC_PATH(VALUE_RESPONSE));
	doc_text(d, "description", RESPONSE_DESCRIPTION,
		 site->operation->verb == OPERATION_CREATE ? "Created" : "OK");
	definition_ref(d, "schema", DOC_PATH(RESPONSE_SCHEMA, ITEM_SCHEMA), buf_cstr(&name));
	doc_close(d);
	doc_close(d);
	buf_done(&name);
}

static void put_texts(struct doc *d, const char *key, unsigned number, const char *const *texts)
{
	doc_list(d, key);
	for (; *texts; texts++)
		doc_text(d, NULL, number, *texts);
	doc_list_end(d);
}

static void put_operation(struct doc *d, const struct operation_site *site)
{
	static const char *const json[] = { "application/json", NULL };
	static const char *const any[] = { "*/*", NULL };
	static const char *const patches[] = { "application/json-patch+json", "application/merge-patch+json",
					       "application/strategic-merge-patch+json",
					       "application/apply-patch+yaml", NULL };
	struct buf text;

	buf_init(&text, 512);
	doc_open(d, site->operation->method, DOC_PATH(site->operation->number));
	put_texts(d, "consumes", OPERATION_CONSUMES,
		  site->operation->verb == OPERATION_PATCH ? patches : any);
	put_texts(d, "produces", OPERATION_PRODUCES, json);
	operation_id(site, &text);
	doc_text(d, "operationId", OPERATION_ID, buf_cstr(&text));
	doc_list(d, "parameters");
	put_body(d, site);
	for (const struct parameter *p = site->operation->parameters; p->name; p++)
		query_parameter(d, p);
	doc_list_end(d);
	put_response(d, site);
	buf_reset(&text);
	(void)buf_addf(&text, "\"%s\"", site->operation->action);
	doc_extension(d, OPERATION_EXTENSION, "x-kubernetes-action", buf_cstr(&text));
	buf_reset(&text);
	gvk_text(site->body, &text);
	doc_extension(d, OPERATION_EXTENSION, "x-kubernetes-group-version-kind", buf_cstr(&text));
	doc_close(d);
	buf_done(&text);
}

static const struct path_events events = { begin_path, put_operation };

static void write_document(struct doc *d, const struct definitions *set)
{
	doc_open(d, NULL, DOC_PATH(0));
	doc_text(d, "swagger", DOCUMENT_SWAGGER, "2.0");
	doc_open(d, "info", DOC_PATH(DOCUMENT_INFO));
	doc_text(d, "title", INFO_TITLE, "Kubernetes");
	doc_text(d, "version", INFO_VERSION, OPENAPI_GIT_VERSION);
	doc_close(d);
	doc_open(d, "paths", DOC_PATH(DOCUMENT_PATHS));
	paths_write(d, NULL, NULL, &events);
	doc_close(d);
	doc_open(d, "definitions", DOC_PATH(DOCUMENT_DEFINITIONS));
	definitions_write(d, set, 1);
	doc_close(d);
	doc_close(d);
}

static int write_v2(struct buf *out, bool protobuf)
{
	struct doc d = { .out = out, .protobuf = protobuf, .ref_prefix = "#/definitions/" };
	struct definitions *set;
	int rc = definitions_new(&set);

	if (rc)
		return rc;
	rc = definitions_collect(set, NULL, NULL);
	if (!rc)
		write_document(&d, set);
	definitions_free(set);
	return rc ? rc : buf_error(out);
}

int openapi_v2_json(struct buf *out)
{
	return write_v2(out, false);
}

int openapi_v2_protobuf(struct buf *out)
{
	return write_v2(out, true);
}
