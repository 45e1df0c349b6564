/* openapi_doc: one walk over the kind tables writes two encodings: JSON, or the same document as protobuf messages of
 * openapi.v2 (github.com/google/gnostic-models, OpenAPIv2.proto). Internal to api/.
 *
 * A JSON object may be several messages deep in protobuf; doc_open takes the field numbers of that descent, and
 * doc_close climbs all of it. Errors stay in the buffer: check once at the end. A text that is NULL (buf_cstr of a failed
 * buffer) is such an error. */
#ifndef HOLDFAST_API_OPENAPI_DOC_H
#define HOLDFAST_API_OPENAPI_DOC_H

#include "base/buf.h"

#define DOC_DEPTH_MAX 96u

struct doc {
	struct buf *out;
	bool protobuf;
	const char *ref_prefix;	      /* "#/definitions/" or "#/components/schemas/" */
	size_t starts[DOC_DEPTH_MAX]; /* protobuf: where the open messages' lengths are written */
	size_t depth;
	uint8_t climbs[DOC_DEPTH_MAX]; /* messages to close with each open object */
	size_t open;
};
/* 0-ended field numbers. */
#define DOC_PATH(...) ((const unsigned[]){ __VA_ARGS__, 0 })

/* key NULL: an element of a list, or the whole. */
void doc_open(struct doc *d, const char *key, const unsigned *path);
/* An entry of a map: repeated messages {name = 1, value = 2}, the value then `path` deep. */
void doc_entry(struct doc *d, unsigned number, const char *name, const unsigned *path);
void doc_close(struct doc *d);
void doc_text(struct doc *d, const char *key, unsigned number, const char *value); /* key NULL: in a list */
void doc_flag(struct doc *d, const char *key, unsigned number, bool value);
/* Lists are repeated fields in protobuf: there they cost nothing. */
void doc_list(struct doc *d, const char *key);
void doc_list_end(struct doc *d);
/* "x-...": JSON text, which is YAML too. `number` is that of vendor_extension. */
void doc_extension(struct doc *d, unsigned number, const char *key, const char *json_text);

#endif
