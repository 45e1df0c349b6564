/* The verbs "region ...": keys of regions. What else there is to set stands in the Region objects. */
#include "api/names.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"
#include "cloud-hub/region_desk.h"

#include <stdio.h>

static int show(const struct json *answer, void *ctx)
{
	(void)answer;
	printf("region/%s: a new key is made; the one before stays good until every member has it\n",
	       (const char *)ctx);
	return OPTIONS_EXIT_OK;
}

int operate_region_rotate(const struct options *options, void *ctx)
{
	const char *name = options_argument(options, 0);
	char target[256];

	(void)ctx;
	if (!*name || name_label_value(span_of(name))) {
		fprintf(stderr, "cloud-hub: that is no region's name\n");
		return OPTIONS_EXIT_USAGE;
	}
	(void)snprintf(target, sizeof(target), REGIONS_PATH "/%s/rotate", name);
	return operate_ask(options, "POST", target, SPAN("{}"), show, (void *)name);
}
