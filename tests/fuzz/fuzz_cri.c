/* Any bytes as an answer of the runtime; the first byte chooses the method. */
#include <stdint.h>
#include <stdlib.h>

#include "edge-hub/pods/cri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	cri_release(cri_decode((enum cri_method)(data[0] % CRI_METHODS), span_make(data + 1, size - 1)));
	return 0;
}
