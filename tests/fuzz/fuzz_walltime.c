/* The saved clock: whatever is in the file, the answers are times, and what is saved again is read again. */
#include <stdlib.h>

#include "base/walltime.h"

#define BOOT "0e3b9a1c-0000-4000-8000-000000000001"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct walltime first, second;
	struct buf saved;

	walltime_init(&first, BOOT);
	walltime_init(&second, BOOT);
	if (walltime_restore(&first, span_make(data, size)) && first.floor_ms != first.build_ms)
		abort();
	if (walltime_now(&first, 1000, 0) < 0 || walltime_guess(&first, 1000, 0) <= 0)
		abort();
	buf_init(&saved, WALLTIME_TEXT_MAX);
	if (walltime_save(&first, &saved) || walltime_restore(&second, buf_span(&saved)) ||
	    second.has_word != first.has_word ||
	    walltime_now(&second, 1000, 0) != walltime_now(&first, 1000, 0))
		abort();
	buf_done(&saved);
	return 0;
}
