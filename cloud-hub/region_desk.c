#include "cloud-hub/region_desk.h"

#include "cloud-hub/reply.h"
#include "healthcheck/roster.h"

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct span name = request->path, verb;
	char region[ROSTER_REGION_SIZE];

	name.ptr += strlen(REGIONS_PATH "/");
	name.len -= strlen(REGIONS_PATH "/");
	(void)span_cut(name, '/', &name, &verb);
	if (!span_is(request->method, "POST") || !span_is(verb, "rotate"))
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "a region takes POST of rotate");
	else if (span_copy(name, region, sizeof(region)) || regions_rotate(ctx, region))
		reply_refuse(responder, responder_ctx, STATUS_NOT_FOUND, "no node belongs to such a region");
	else
		reply_json(responder, responder_ctx, 200, SPAN("{\"state\":\"under-way\"}\n"));
}

int region_desk_add(struct api *api, struct regions *regions)
{
	return api_route_add(api, REGIONS_PATH "/", false, serve, regions);
}
