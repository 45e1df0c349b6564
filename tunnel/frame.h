/* frame: the fixed binary header in front of everything on a tunnel, and its incremental parser.
 *
 *   0       1       2               4                               8                              12
 *   +-------+-------+---------------+-------------------------------+-------------------------------+
 *   | type  | flags | kind          | stream                        | length                        |
 *   +-------+-------+---------------+-------------------------------+-------------------------------+
 *
 * Network byte order. `kind` is the message number in MESSAGE frames, the class in OPEN frames, the code in
 * RESET frames, else 0. `stream` is the channel in MESSAGE frames, else the stream. Types from FRAME_OPTIONAL
 * up are skipped by who does not know them; other unknown types, and unknown flags, end the connection. */
#ifndef HOLDFAST_TUNNEL_FRAME_H
#define HOLDFAST_TUNNEL_FRAME_H

#include "base/buf.h"

#define FRAME_HEADER_SIZE 12u
#define FRAME_PAYLOAD_MAX (16u * 1024)

enum frame_type {
	FRAME_MESSAGE = 1, /* a protobuf message, or a part of one */
	FRAME_OPEN = 2,	   /* a new stream; payload StreamOpen */
	FRAME_DATA = 3,	   /* bytes of a stream */
	FRAME_CREDIT = 4,  /* payload: u32, how many more bytes the receiver takes */
	FRAME_RESET = 5,   /* the stream is over for both sides; no payload */
	FRAME_OPTIONAL = 0x80,
};

#define FRAME_MORE 0x01u /* MESSAGE: the next frame of this channel goes on with the same message */
#define FRAME_END 0x02u	 /* DATA: the sender has no more */
#define FRAME_WANT 0x04u /* DATA: the sender has more than its credit: a hint to give more */

struct frame {
	uint8_t type;
	uint8_t flags;
	uint16_t kind;
	uint32_t stream;
	uint32_t length;
	struct span payload; /* borrowed until the next call */
};

struct frame_parser {
	uint8_t header[FRAME_HEADER_SIZE];
	size_t header_have;
	struct buf payload; /* only of a frame that came in pieces */
	struct frame frame;
	bool delivered; /* the frame was given out: forget it at the next call */
};

void frame_parser_init(struct frame_parser *parser);
void frame_parser_done(struct frame_parser *parser);

/* Takes from the front of *input. 1: *out is a whole frame; 0: more bytes are needed. -EPROTO: unknown type,
 * flags that do not fit the type, or fields that must be 0; -EMSGSIZE: longer than FRAME_PAYLOAD_MAX;
 * -EBADMSG: a payload of the wrong length for its type; -ENOMEM. After an error the connection is of no
 * further use. */
int frame_parse(struct frame_parser *parser, struct span *input, struct frame *out) must_check;
/* Is the parser in the middle of a frame? At the end of a connection that means it was cut short. */
bool frame_parser_pending(const struct frame_parser *parser);

/* Writes the header of a frame with frame->length bytes of payload. */
void frame_header(const struct frame *frame, uint8_t out[FRAME_HEADER_SIZE]);
const char *frame_error_text(int code); /* a sentence for the errors of frame_parse and mux_input */

#endif
