/* message: the numbers of the tunnel's messages, and the border between bytes and validated structs.
 *
 * message_decode checks everything that the two ends rely on (sizes of fixed fields, lengths of names,
 * counts), so that handlers do not. Generated structs: Tunnel__Hello and so on. */
#ifndef HOLDFAST_TUNNEL_MESSAGE_H
#define HOLDFAST_TUNNEL_MESSAGE_H

#include "base/buf.h"
#include "cache/object.h"
#include "tunnel/blob.h"
#include "tunnel/tunnel.pb-c.h"

#ifndef TUNNEL_VERSION_MAX /* set by tests/neighbour, which plays the releases before and after */
#define TUNNEL_VERSION_MIN 1u
#define TUNNEL_VERSION_MAX 1u
#endif

/* Message numbers; part of the wire format. The channel follows from the number. */
enum message_kind {
	MSG_HELLO = 1,
	MSG_WELCOME = 2,
	MSG_REFUSE = 3,
	MSG_PING = 4,
	MSG_PONG = 5,
	MSG_GO_AWAY = 6,
	MSG_CLOUDS = 7,
	MSG_JOIN_REQUEST = 8,
	MSG_JOIN_RESPONSE = 9,
	MSG_AUTHORITY = 10,
	MSG_AUTHORITY_KEPT = 11,
	MSG_RENEW_REQUEST = 12,
	MSG_RENEW_RESPONSE = 13,
	MSG_SECRET_KEPT = 14,
	MSG_NODE_LEAVE = 15,
	MSG_NODE_LEFT = 16,
	MSG_TICKET = 17, /* cloud -> edge: resumes this TLS session from now on */
	MSG_VERDICT_WANT = 20,
	MSG_VERDICTS = 21,
	MSG_FENCE = 22,

	MSG_BUCKET_DIGESTS = 32,
	MSG_BUCKET_KEYS = 33,
	MSG_PUT = 34,
	MSG_GONE = 35,
	MSG_LEAVE = 36,
	MSG_UNKNOWN = 37,
	MSG_BATCH_END = 38,
	MSG_ACK = 39,
	MSG_REFETCH = 40,
	MSG_ORPHAN_LIST = 41,
	MSG_ORPHAN_FETCH = 42,
	MSG_ORPHAN_OBJECT = 43,

	MSG_OUTBOX_ENTRY = 64,
	MSG_OUTBOX_ACK = 65,

	MSG_STREAM_OPEN = 128, /* never a MESSAGE frame: the payload of an OPEN frame */
};

/* Why a hub says no (Refuse, GoAway); part of the wire format. */
enum refuse_reason {
	REFUSE_NONE = 0,
	REFUSE_BUSY = 1,     /* come back after retry_after_ms */
	REFUSE_VERSION = 2,  /* no version in common */
	REFUSE_IDENTITY = 3, /* not a registered node, or not its key */
	REFUSE_REVOKED = 4,
	REFUSE_QUARANTINED = 5, /* a cloned disk: the operator decides */
	REFUSE_TOKEN = 6,	/* join: wrong, expired or used token */
	REFUSE_NAME = 7,	/* join: the name is taken, or not allowed by the token */
	REFUSE_MALFORMED = 8,
	REFUSE_REPLACED = 9,  /* a newer session of the same node took over */
	REFUSE_STOPPING = 10, /* the hub is going down */
	REFUSE_EXPIRED = 11,  /* the certificate ran out: renew */
	REFUSE_LIMIT = 12,    /* something exceeded a named limit */
	REFUSE_UNCONFIRMED =
		13, /* a good certificate that a restored cloud does not know: the operator confirms it */
};
const char *refuse_reason_name(unsigned reason); /* "busy", ...; "unknown" for others */

#define MESSAGE_CONTROL_MAX (256u * 1024)   /* bytes of a control message (certificates) */
#define MESSAGE_SYNC_MAX (4u * 1024 * 1024) /* bytes of a replication or outbox message */
#define MESSAGE_NAME_MAX 253u		    /* names and resources, as Kubernetes limits them */
#define MESSAGE_TEXT_MAX 1024u		    /* any other text */
#define MESSAGE_SECRET_SIZE 32u		    /* session secret */
#define MESSAGE_SHA256_SIZE 32u
#define MESSAGE_BUNDLE_MAX (64u * 1024)		 /* authorities to trust, PEM */
#define MESSAGE_BODY_MAX (3584u * 1024)		 /* of an object: the API takes 3 MiB and adds defaults */
#define MESSAGE_LIST_MAX 1024u			 /* elements of a repeated field */
#define MESSAGE_SUBJECTS_MAX 256u		 /* in a VerdictWant */
#define MESSAGE_VERDICTS_MAX 256u		 /* in a Verdicts */
#define MESSAGE_VERDICT_SIZE 250u		 /* bytes of one: DATAGRAM_VERDICT_MAX */
#define MESSAGE_FENCE_MAX_MS (24u * 3600 * 1000) /* T of a region is no longer */
#define MESSAGE_IDENTITY_MAX 128u		 /* bytes of an identity key: ROSTER_IDENTITY_MAX */

#define MESSAGE_ALLOC_FACTOR 16u	/* a decoded message takes at most this many times its bytes, and */
#define MESSAGE_ALLOC_BASE (16u * 1024) /* so much beside */

/* Appends the encoding of `message`, a generated struct of that kind. -EMSGSIZE past out's ceiling. */
int message_encode(uint16_t kind, const void *message, struct buf *out) must_check;
struct blob *message_blob(uint16_t kind, const void *message) must_check; /* NULL without memory */
/* *out is freed with message_free. -ENOSYS: a kind that this release does not know (skip it); -EBADMSG: not a
 * valid message of its kind; -ENOMEM. */
int message_decode(uint16_t kind, struct span bytes, void **out) must_check;
void message_free(uint16_t kind, void *message);
const char *message_name(uint16_t kind); /* "put"; "unknown" for others */
bool message_known(uint16_t kind);

/* The wire's Key and Row; borrowed both ways. */
void message_set_key(Tunnel__Key *out, const struct key *key);
struct key message_key(const Tunnel__Key *key); /* of a decoded message: all parts are non-NULL */

/* An object as a Put, and back. Encoded once for all sessions: see encode_cache. */
struct blob *message_encode_put(const struct object *object) must_check; /* NULL without memory */
/* revision 0, origin the cloud's revision. NULL without memory. */
struct object *message_put_object(const Tunnel__Put *put) must_check;

#endif
