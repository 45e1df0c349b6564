#include "tunnel/message.h"

#include <errno.h>
#include <stdlib.h>

#include "tunnel/message_check.h"

struct kind {
	uint16_t kind;
	const char *name;
	const ProtobufCMessageDescriptor *type;
	size_t max_bytes;
	message_check_fn *check;
};

static const struct kind kinds[] = {
	{ MSG_HELLO, "hello", &tunnel__hello__descriptor, 16 * 1024, message_check_hello },
	{ MSG_WELCOME, "welcome", &tunnel__welcome__descriptor, 16 * 1024, message_check_welcome },
	{ MSG_REFUSE, "refuse", &tunnel__refuse__descriptor, 4 * 1024, message_check_refuse },
	{ MSG_PING, "ping", &tunnel__ping__descriptor, 256, NULL },
	{ MSG_PONG, "pong", &tunnel__pong__descriptor, 256, NULL },
	{ MSG_GO_AWAY, "go-away", &tunnel__go_away__descriptor, 4 * 1024, message_check_go_away },
	{ MSG_CLOUDS, "clouds", &tunnel__clouds__descriptor, 16 * 1024, message_check_clouds },
	{ MSG_JOIN_REQUEST, "join-request", &tunnel__join_request__descriptor, 64 * 1024,
	  message_check_join_request },
	{ MSG_JOIN_RESPONSE, "join-response", &tunnel__join_response__descriptor, MESSAGE_CONTROL_MAX,
	  message_check_join_response },
	{ MSG_AUTHORITY, "authority", &tunnel__authority__descriptor, 160 * 1024, message_check_authority },
	{ MSG_AUTHORITY_KEPT, "authority-kept", &tunnel__authority_kept__descriptor, 256,
	  message_check_authority_kept },
	{ MSG_RENEW_REQUEST, "renew-request", &tunnel__renew_request__descriptor, 32 * 1024,
	  message_check_renew_request },
	{ MSG_RENEW_RESPONSE, "renew-response", &tunnel__renew_response__descriptor, MESSAGE_CONTROL_MAX,
	  message_check_renew_response },
	{ MSG_SECRET_KEPT, "secret-kept", &tunnel__secret_kept__descriptor, 256, NULL },
	{ MSG_NODE_LEAVE, "node-leave", &tunnel__node_leave__descriptor, 256, NULL },
	{ MSG_NODE_LEFT, "node-left", &tunnel__node_left__descriptor, 256, NULL },
	{ MSG_TICKET, "ticket", &tunnel__ticket__descriptor, 16 * 1024, message_check_ticket },
	{ MSG_VERDICT_WANT, "verdict-want", &tunnel__verdict_want__descriptor, 128 * 1024,
	  message_check_verdict_want },
	{ MSG_VERDICTS, "verdicts", &tunnel__verdicts__descriptor, 128 * 1024, message_check_verdicts },
	{ MSG_FENCE, "fence", &tunnel__fence__descriptor, 256, message_check_fence },
	{ MSG_BUCKET_DIGESTS, "bucket-digests", &tunnel__bucket_digests__descriptor, 8 * 1024,
	  message_check_bucket_digests },
	{ MSG_BUCKET_KEYS, "bucket-keys", &tunnel__bucket_keys__descriptor, MESSAGE_SYNC_MAX,
	  message_check_bucket_keys },
	{ MSG_PUT, "put", &tunnel__put__descriptor, MESSAGE_SYNC_MAX, message_check_put },
	{ MSG_GONE, "gone", &tunnel__gone__descriptor, 4 * 1024, message_check_gone },
	{ MSG_LEAVE, "leave", &tunnel__leave__descriptor, 4 * 1024, message_check_leave },
	{ MSG_UNKNOWN, "unknown-row", &tunnel__unknown__descriptor, 4 * 1024, message_check_unknown },
	{ MSG_BATCH_END, "batch-end", &tunnel__batch_end__descriptor, 64 * 1024, message_check_batch_end },
	{ MSG_ACK, "ack", &tunnel__ack__descriptor, 256, NULL },
	{ MSG_REFETCH, "refetch", &tunnel__refetch__descriptor, MESSAGE_SYNC_MAX, message_check_refetch },
	{ MSG_ORPHAN_LIST, "orphan-list", &tunnel__orphan_list__descriptor, MESSAGE_SYNC_MAX,
	  message_check_orphan_list },
	{ MSG_ORPHAN_FETCH, "orphan-fetch", &tunnel__orphan_fetch__descriptor, MESSAGE_SYNC_MAX,
	  message_check_orphan_fetch },
	{ MSG_ORPHAN_OBJECT, "orphan-object", &tunnel__orphan_object__descriptor, MESSAGE_SYNC_MAX,
	  message_check_orphan_object },
	{ MSG_OUTBOX_ENTRY, "outbox-entry", &tunnel__outbox_entry__descriptor, MESSAGE_SYNC_MAX,
	  message_check_outbox_entry },
	{ MSG_OUTBOX_ACK, "outbox-ack", &tunnel__outbox_ack__descriptor, MESSAGE_SYNC_MAX,
	  message_check_outbox_ack },
	{ MSG_STREAM_OPEN, "stream-open", &tunnel__stream_open__descriptor, 16 * 1024,
	  message_check_stream_open },
};

static const struct kind *find(uint16_t kind)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}

const char *refuse_reason_name(unsigned reason)
{
	static const char *const names[] = {
		[REFUSE_NONE] = "none",		  [REFUSE_BUSY] = "busy",
		[REFUSE_VERSION] = "version",	  [REFUSE_IDENTITY] = "identity",
		[REFUSE_REVOKED] = "revoked",	  [REFUSE_QUARANTINED] = "quarantined",
		[REFUSE_TOKEN] = "token",	  [REFUSE_NAME] = "name",
		[REFUSE_MALFORMED] = "malformed", [REFUSE_REPLACED] = "replaced",
		[REFUSE_STOPPING] = "stopping",	  [REFUSE_EXPIRED] = "expired",
		[REFUSE_LIMIT] = "limit",	  [REFUSE_UNCONFIRMED] = "unconfirmed",
	};

	return reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "unknown";
}

const char *message_name(uint16_t kind)
{
	const struct kind *k = find(kind);

	return k ? k->name : "unknown";
}

bool message_known(uint16_t kind)
{
	return find(kind) != NULL;
}

int message_encode(uint16_t kind, const void *message, struct buf *out)
{
	size_t len = protobuf_c_message_get_packed_size(message);
	int err;

	assert_always(((const ProtobufCMessage *)message)->descriptor == find(kind)->type);
	err = buf_reserve(out, len);
	if (err)
		return err;
	out->len += protobuf_c_message_pack(message, (uint8_t *)out->data + out->len);
	return 0;
}

struct blob *message_blob(uint16_t kind, const void *message)
{
	uint8_t *data;
	struct blob *blob;

	assert_always(((const ProtobufCMessage *)message)->descriptor == find(kind)->type);
	blob = blob_alloc(protobuf_c_message_get_packed_size(message), &data);
	if (blob)
		protobuf_c_message_pack(message, data);
	return blob;
}

/* A few bytes of an empty repeated message decode into a hundred; the allowance keeps that from
 * multiplying. */
struct allowance {
	size_t left;
	bool no_memory;
};

static void *allow(void *data, size_t size)
{
	struct allowance *allowance = data;
	void *block;

	if (size > allowance->left)
		return NULL;
	allowance->left -= size;
	block = malloc(size ? size : 1);
	allowance->no_memory |= !block;
	return block;
}

static void disallow(void *data, void *pointer)
{
	free(pointer);
}

int message_decode(uint16_t kind, struct span bytes, void **out)
{
	const struct kind *k = find(kind);
	struct allowance allowance = { MESSAGE_ALLOC_BASE + MESSAGE_ALLOC_FACTOR * bytes.len, false };
	ProtobufCAllocator allocator = { allow, disallow, &allowance };
	ProtobufCMessage *message;

	if (!k)
		return -ENOSYS;
	if (bytes.len > k->max_bytes)
		return -EBADMSG;
	message = protobuf_c_message_unpack(k->type, &allocator, bytes.len, (const uint8_t *)bytes.ptr);
	if (!message)
		return allowance.no_memory ? -ENOMEM : -EBADMSG;
	if (k->check && !k->check(message)) {
		protobuf_c_message_free_unpacked(message, NULL);
		return -EBADMSG;
	}
	*out = message;
	return 0;
}

void message_free(uint16_t kind, void *message)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}

void message_set_key(Tunnel__Key *out, const struct key *key)
{
	tunnel__key__init(out);
	out->resource = (char *)key->resource;
	out->ns = (char *)key->ns;
	out->name = (char *)key->name;
}

struct key message_key(const Tunnel__Key *key)
{
	return (struct key){ key->resource, key->ns, key->name };
}

static ProtobufCBinaryData binary(struct span s)
{
	return (ProtobufCBinaryData){ s.len, (uint8_t *)s.ptr };
}

static struct span unbinary(ProtobufCBinaryData data)
{
	return span_make(data.data, data.len);
}

struct blob *message_encode_put(const struct object *object)
{
	Tunnel__Put put = TUNNEL__PUT__INIT;
	Tunnel__Key key;

	message_set_key(&key, &object->key);
	put.key = &key;
	put.uid = (char *)object->uid;
	/* A hub sends its own revision; an edge that reports an orphan sends back what the cloud had called
	 * it. */
	put.revision = object->origin ? object->origin : object->revision;
	put.generation = object->generation;
	put.labels = binary(object->labels);
	put.fields = binary(object->fields);
	put.owners = binary(object->owners);
	put.splice = object->splice;
	put.body = binary(object->body);
	return message_blob(MSG_PUT, &put);
}

struct object *message_put_object(const Tunnel__Put *put)
{
	struct object from = {
		.key = message_key(put->key),
		.uid = put->uid,
		.origin = put->revision,
		.generation = put->generation,
		.labels = unbinary(put->labels),
		.fields = unbinary(put->fields),
		.owners = unbinary(put->owners),
		.body = unbinary(put->body),
		.splice = put->splice,
	};

	return object_new(&from);
}
