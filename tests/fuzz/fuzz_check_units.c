/* A ConfigMap of anybody who may write one: what is refused says why and leaves nothing, what is taken is stable. */
#include <stdlib.h>

#include "cloud-hub/regions/check_units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct check_units units, again;
	struct json *tree = NULL;
	struct err err = { 0 };

	if (json_parse(span_make(data, size), &tree, NULL))
		return 0;
	(void)check_units_is_meant(tree);
	if (check_units_read(tree, &units, &err)) {
		if (!err.msg[0] || units.list)
			abort();
	} else {
		if (units.count > CHECK_UNITS_MAX || check_units_read(tree, &again, &err) ||
		    !check_units_same(&units, &again))
			abort();
		if (units.count && !check_units_has(&units, units.list, NULL))
			abort();
		check_units_done(&again);
		check_units_done(&units);
	}
	json_free(tree);
	return 0;
}
