/* peer_frame: what members of a region say to each other over TCP, as bytes, and the parser of them. Pure.
 *
 *   type u8 | 0 u8 | length u16 | payload
 *
 * Network byte order. Unknown types are refused: the other end says less then. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_PEER_FRAME_H
#define HOLDFAST_EDGE_HUB_HEALTH_PEER_FRAME_H

#include "healthcheck/envelope.h"
#include "healthcheck/region_key.h"

enum peer_frame_type {
	PEER_FRAME_DATAGRAM = 1,   /* sealed, as over UDP: a ping one way, its answer the other */
	PEER_FRAME_KEY_WANTED = 2, /* generation u32 | name of the member that it is for */
	PEER_FRAME_KEY =
		3, /* generation u32 | the key as the cloud sealed and signed it; nothing: not known here */
};
#define PEER_FRAME_HEAD 4u
#define PEER_FRAME_PAYLOAD_MAX ENVELOPE_MAX
#define PEER_FRAME_MAX (PEER_FRAME_HEAD + PEER_FRAME_PAYLOAD_MAX)

struct peer_frame {
	enum peer_frame_type type;
	uint32_t generation;	       /* KEY_WANTED, KEY */
	char member[ROSTER_NAME_SIZE]; /* KEY_WANTED */
	struct span bytes;	       /* DATAGRAM, KEY; borrowed */
};
/* Appends. -EMSGSIZE. */
int peer_frame_write(const struct peer_frame *frame, struct buf *out) must_check;
/* The first frame of the bytes. 1, and *out_used says how long it is; 0: it is not whole yet; -EBADMSG. */
int peer_frame_read(struct span bytes, struct peer_frame *out, size_t *out_used) must_check;

#endif
