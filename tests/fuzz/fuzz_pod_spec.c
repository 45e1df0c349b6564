/* Any bytes as a Pod: decoded or refused; what is decoded can be walked, run in a lifecycle and reported. */
#include <stdint.h>
#include <stdlib.h>

#include "edge-hub/pods/lifecycle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(struct pod_spec *spec)
{
	const struct lifecycle_sink sink = { 0 };
	const struct observation seen = { .asked_ms = 2 };
	struct moment at = { .mono_ms = 1, .wall_ms = 1700000000000 };
	struct lifecycle *lc;
	struct action action;
	struct buf status;

	if (lifecycle_new(spec, &sink, at, &lc))
		return;
	at.mono_ms = 3;
	if (!lifecycle_observe(lc, &seen, at))
		for (int i = 0; i < 20 && lifecycle_next(lc, at, &action); i++) {
			const struct outcome done = { .kind = action.kind,
						      .slot = action.slot,
						      .id = "id",
						      .probe = action.probe,
						      .run = action.run };

			lifecycle_done(lc, &done, at);
			at.mono_ms++;
		}
	buf_init(&status, 1 << 20);
	if (lifecycle_status(lc, "192.0.2.1", at, &status))
		buf_reset(&status); /* too large or not text: an error, not a fault */
	buf_done(&status);
	lifecycle_free(lc);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pod_spec *spec = NULL;
	struct err err = { 0 };
	struct resource_spec total;

	if (spec_decode(span_make(data, size), &spec, &err))
		return 0;
	spec_pod_resources(spec, &total);
	(void)spec_refers(spec, true, "x");
	run(spec);
	return 0;
}
