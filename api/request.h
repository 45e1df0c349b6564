/* request: what a REST request names and asks for: path, verb and query, parsed and checked. Pure.
 *
 * Internal to api/. A struct request owns its decoded text and selectors. */
#ifndef HOLDFAST_API_REQUEST_H
#define HOLDFAST_API_REQUEST_H

#include "api/server.h"

#define REQUEST_PATH_MAX 4096u
#define REQUEST_QUERY_MAX (64u * 1024)
#define REQUEST_SEGMENTS_MAX 16u

enum request_match { MATCH_UNSET, MATCH_EXACT, MATCH_NOT_OLDER };
enum request_validation { VALIDATION_WARN, VALIDATION_STRICT, VALIDATION_IGNORE };
enum request_include { INCLUDE_METADATA, INCLUDE_NONE, INCLUDE_OBJECT };
enum request_tristate { TRI_UNSET, TRI_FALSE, TRI_TRUE };

struct request_options {
	struct selector *labels, *fields; /* NULL: everything */
	uint64_t limit;
	char *continue_token; /* NULL: none */
	bool has_revision;    /* resourceVersion was given and not "" */
	uint64_t revision;
	enum request_match match;
	bool watch, bookmarks, dry_run, force;
	enum request_tristate send_initial;
	uint64_t timeout_s; /* 0: not given */
	enum request_validation validation;
	enum request_include include;
	bool has_grace;
	int64_t grace_s;
	char propagation[16]; /* "" not given */
	enum request_tristate orphan;
};

struct request {
	struct api_attributes what; /* strings point into text; identity is set by the server */
	const struct kind *kind;    /* NULL: no such resource here */
	bool namespaced_path;	    /* .../namespaces/NS/... */
	struct request_options options;
	/* what for paths: group and version are set for /apis/G and /apis/G/V, is_resource is false */
	size_t depth; /* number of path segments */
	char *text;
};

/* 0, or negative with status set. request is safe to give to request_done either way. */
int request_parse(const struct api_request *from, struct request *request, struct status *status) must_check;
void request_done(struct request *request);

/* Checks of list and watch options that belong together (upstream's ValidateListOptions). */
int request_check_list(const struct request *request, struct status *status) must_check;

#endif
