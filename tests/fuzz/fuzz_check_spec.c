/* What an operator defines as checks, and what their programs say: what is taken can be asked as it is, and what is shown is one line of
 * printable ASCII. */
#include <stdlib.h>

#include "edge-hub/health/check_run.h"
#include "edge-hub/health/check_spec.h"
#include "net/address.h"

static const struct config_field fields[] = {
	{ .path = "checks", .type = CONFIG_OBJECTS, .items = &check_spec_items },
};
static const struct config_table table = { fields, 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line_is_one(struct span output)
{
	char line[CHECK_TEXT_SIZE];

	check_line(output, line);
	if (strlen(line) >= CHECK_TEXT_SIZE)
		abort();
	for (const char *at = line; *at; at++)
		if (*at < ' ' || *at > '~')
			abort();
}

static void check_http(const char *url)
{
	char address[ADDRESS_TEXT_SIZE], target[CHECK_TARGET_SIZE];
	struct address parsed;
	struct err err = { 0 };

	if (check_http_parse(url, address, sizeof(address), target, &err) || target[0] != '/' ||
	    strpbrk(target, " \r\n\t#") || address_parse(span_of(address), &parsed, &err))
		abort();
}

static void check_spec(const struct check_spec *spec)
{
	if (!spec->name || !spec->name[0] || spec->timeout_ms > spec->interval_ms || spec->threshold < 1)
		abort();
	if ((spec->tcp != NULL) + (spec->http != NULL) + (spec->exec.count > 0) != 1)
		abort();
	if (spec->http)
		check_http(spec->http);
	if (check_kind_of(spec) == CHECK_EXEC && spec->exec.items[0][0] != '/')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_objects specs;
	struct err err = { 0 };

	check_line_is_one(span_make(data, size));
	if (config_parse(&table, span_make(data, size), "input", &specs, &err)) {
		if (!err.msg[0])
			abort();
		return 0;
	}
	if (specs.count > CHECKS_OWN_MAX)
		abort();
	for (size_t i = 0; i < specs.count; i++)
		check_spec((const struct check_spec *)specs.items + i);
	config_done(&table, &specs);
	return 0;
}
