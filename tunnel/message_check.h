/* message_check: what a decoded message must satisfy beyond being protobuf. One function for each kind;
 * internal to message. */
#ifndef HOLDFAST_TUNNEL_MESSAGE_CHECK_H
#define HOLDFAST_TUNNEL_MESSAGE_CHECK_H

#include <stdbool.h>

#include <protobuf-c/protobuf-c.h>

typedef bool message_check_fn(const ProtobufCMessage *message);

message_check_fn message_check_hello, message_check_welcome, message_check_refuse, message_check_go_away,
	message_check_clouds, message_check_join_request, message_check_join_response, message_check_ticket,
	message_check_stream_open, message_check_authority, message_check_authority_kept,
	message_check_renew_request, message_check_renew_response, message_check_verdict_want,
	message_check_verdicts, message_check_fence;
message_check_fn message_check_bucket_digests, message_check_bucket_keys, message_check_put,
	message_check_gone, message_check_leave, message_check_unknown, message_check_batch_end,
	message_check_refetch, message_check_orphan_list, message_check_orphan_fetch,
	message_check_orphan_object;
message_check_fn message_check_outbox_entry, message_check_outbox_ack;

#endif
