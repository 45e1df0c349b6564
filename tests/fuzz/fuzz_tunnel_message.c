/* One message of any kind: what decodes must encode again, and decode to the same. */
#include <stdint.h>
#include <stdlib.h>

#include "tunnel/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	void *message, *again;
	struct blob *bytes, *twice;
	uint16_t kind;

	if (size < 1)
		return 0;
	kind = data[0];
	if (message_decode(kind, span_make(data + 1, size - 1), &message))
		return 0;
	bytes = message_blob(kind, message);
	if (bytes && message_decode(kind, blob_span(bytes), &again) == 0) {
		twice = message_blob(kind, again);
		assert_always(!twice || span_eq(blob_span(bytes), blob_span(twice)));
		blob_unref(twice);
		message_free(kind, again);
	}
	if (kind == MSG_PUT) {
		struct object *object = message_put_object(message);

		object_unref(object);
	}
	blob_unref(bytes);
	message_free(kind, message);
	return 0;
}
