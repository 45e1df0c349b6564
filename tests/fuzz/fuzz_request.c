/* A method, a space, a path and maybe a query: what is parsed is whole, what is refused has a status. */
#include <stdlib.h>

#include "api/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct request *request)
{
	const struct api_attributes *what = &request->what;
	const char *const texts[] = { what->verb,	 what->group, what->version, what->resource,
				      what->subresource, what->ns,    what->name,    what->path };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!texts[i] || strlen(texts[i]) > REQUEST_PATH_MAX || !span_is_utf8(span_of(texts[i])))
			abort();
	if (!what->verb[0] || what->is_resource != (what->resource[0] != '\0') ||
	    (!what->is_resource && what->path[0] != '/'))
		abort();
	if (request->kind && (!what->is_resource || strcmp(request->kind->plural, what->resource)))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span rest = span_make(data, size);
	struct api_request from = { .identity = NULL };
	struct request request;
	struct status status;

	span_cut(rest, ' ', &from.method, &rest);
	span_cut(rest, '?', &from.path, &from.query);
	status_init(&status);
	if (request_parse(&from, &request, &status)) {
		if (!status_is_failure(&status))
			abort();
	} else {
		check(&request);
		if (request_check_list(&request, &status) && !status_is_failure(&status))
			abort();
	}
	request_done(&request);
	status_done(&status);
	return 0;
}
