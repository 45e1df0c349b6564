#include "tunnel/message_check.h"

#include "cache/cache.h"
#include "tunnel/digest.h"
#include "tunnel/message.h"

static bool text_ok(const char *s, size_t max)
{
	struct span text = span_of(s);

	return s && text.len <= max && span_is_utf8(text);
}

/* A part of a key: no separators or control characters, so that its text form is unambiguous and may go into
 * logs. */
static bool part_ok(const char *s, bool may_be_empty)
{
	size_t len = strlen(s);

	if (len > MESSAGE_NAME_MAX || (!len && !may_be_empty))
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == '/' || s[i] == 0x7f)
			return false;
	return span_is_utf8(span_make(s, len));
}

static bool key_ok(const Tunnel__Key *key)
{
	return key && part_ok(key->resource, false) && part_ok(key->ns, true) && part_ok(key->name, false);
}

static bool rows_ok(size_t count, Tunnel__Row **rows)
{
	if (count > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!key_ok(rows[i]->key) || !part_ok(rows[i]->uid, true))
			return false;
	return true;
}

static bool texts_ok(size_t count, char **texts)
{
	if (count > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!text_ok(texts[i], MESSAGE_TEXT_MAX))
			return false;
	return true;
}

static bool pair_list_ok(size_t count, Tunnel__Pair **pairs)
{
	if (count > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!text_ok(pairs[i]->key, MESSAGE_TEXT_MAX) ||
		    !text_ok(pairs[i]->value, 16 * MESSAGE_TEXT_MAX))
			return false;
	return true;
}

static bool size_is(ProtobufCBinaryData data, size_t size)
{
	return data.len == size;
}

/* A SHA-256, or nothing. */
static bool digest_ok(ProtobufCBinaryData data)
{
	return size_is(data, 0) || size_is(data, MESSAGE_SHA256_SIZE);
}

static bool cursor_ok(const Tunnel__Cursor *cursor)
{
	return (size_is(cursor->epoch, CACHE_EPOCH_SIZE) || size_is(cursor->epoch, 0)) &&
	       size_is(cursor->root, DIGEST_SIZE);
}

bool message_check_hello(const ProtobufCMessage *message)
{
	const Tunnel__Hello *m = (const Tunnel__Hello *)message;

	return m->version_min && m->version_min <= m->version_max && texts_ok(m->n_features, m->features) &&
	       part_ok(m->node, false) && text_ok(m->boot_id, MESSAGE_NAME_MAX) && part_ok(m->outbox, true) &&
	       (!m->cursor || cursor_ok(m->cursor)) &&
	       (size_is(m->session_secret, 0) || size_is(m->session_secret, MESSAGE_SECRET_SIZE)) &&
	       digest_ok(m->authority_sha256) && text_ok(m->software, MESSAGE_TEXT_MAX) &&
	       text_ok(m->machine_id, MESSAGE_NAME_MAX) && part_ok(m->region, true) &&
	       m->identity_key.len <= MESSAGE_IDENTITY_MAX && m->health_port <= UINT16_MAX &&
	       m->fence_ms <= MESSAGE_FENCE_MAX_MS;
}

bool message_check_welcome(const ProtobufCMessage *message)
{
	const Tunnel__Welcome *m = (const Tunnel__Welcome *)message;

	return m->version && texts_ok(m->n_features, m->features) && part_ok(m->node_uid, true) &&
	       (size_is(m->session_secret, 0) || size_is(m->session_secret, MESSAGE_SECRET_SIZE)) &&
	       texts_ok(m->n_clouds, m->clouds);
}

bool message_check_refuse(const ProtobufCMessage *message)
{
	return text_ok(((const Tunnel__Refuse *)message)->text, MESSAGE_TEXT_MAX);
}

bool message_check_go_away(const ProtobufCMessage *message)
{
	return text_ok(((const Tunnel__GoAway *)message)->text, MESSAGE_TEXT_MAX);
}

bool message_check_clouds(const ProtobufCMessage *message)
{
	const Tunnel__Clouds *m = (const Tunnel__Clouds *)message;

	return texts_ok(m->n_addresses, m->addresses);
}

bool message_check_join_request(const ProtobufCMessage *message)
{
	const Tunnel__JoinRequest *m = (const Tunnel__JoinRequest *)message;

	return m->version_min && m->version_min <= m->version_max && text_ok(m->token, MESSAGE_TEXT_MAX) &&
	       m->csr.len && part_ok(m->node, true) && part_ok(m->region, true) &&
	       pair_list_ok(m->n_labels, m->labels) && m->old_key_proof.len <= MESSAGE_TEXT_MAX &&
	       m->old_key.len <= MESSAGE_TEXT_MAX && text_ok(m->software, MESSAGE_TEXT_MAX) &&
	       text_ok(m->machine_id, MESSAGE_NAME_MAX);
}

bool message_check_join_response(const ProtobufCMessage *message)
{
	const Tunnel__JoinResponse *m = (const Tunnel__JoinResponse *)message;

	return m->chain.len && m->authority.len && texts_ok(m->n_clouds, m->clouds) &&
	       part_ok(m->node, false) && part_ok(m->node_uid, true) && part_ok(m->region, true) &&
	       pair_list_ok(m->n_settings, m->settings);
}

bool message_check_ticket(const ProtobufCMessage *message)
{
	return ((const Tunnel__Ticket *)message)->ticket.len > 0;
}

bool message_check_authority(const ProtobufCMessage *message)
{
	const Tunnel__Authority *m = (const Tunnel__Authority *)message;

	return m->bundle.len <= MESSAGE_BUNDLE_MAX && m->crosses.len <= MESSAGE_BUNDLE_MAX;
}

bool message_check_authority_kept(const ProtobufCMessage *message)
{
	const Tunnel__AuthorityKept *m = (const Tunnel__AuthorityKept *)message;

	return size_is(m->sha256, MESSAGE_SHA256_SIZE) && size_is(m->key_sha256, MESSAGE_SHA256_SIZE);
}

bool message_check_renew_request(const ProtobufCMessage *message)
{
	const Tunnel__RenewRequest *m = (const Tunnel__RenewRequest *)message;

	return m->version_min && m->version_min <= m->version_max && m->csr.len && part_ok(m->node, false) &&
	       text_ok(m->software, MESSAGE_TEXT_MAX) && digest_ok(m->authority_sha256);
}

bool message_check_renew_response(const ProtobufCMessage *message)
{
	const Tunnel__RenewResponse *m = (const Tunnel__RenewResponse *)message;

	return m->chain.len && m->authority.len <= MESSAGE_BUNDLE_MAX &&
	       m->crosses.len <= MESSAGE_BUNDLE_MAX && texts_ok(m->n_clouds, m->clouds);
}

bool message_check_verdict_want(const ProtobufCMessage *message)
{
	const Tunnel__VerdictWant *m = (const Tunnel__VerdictWant *)message;

	if (m->n_subjects > MESSAGE_SUBJECTS_MAX)
		return false;
	for (size_t i = 0; i < m->n_subjects; i++)
		if (!part_ok(m->subjects[i], false))
			return false;
	return true;
}

bool message_check_verdicts(const ProtobufCMessage *message)
{
	const Tunnel__Verdicts *m = (const Tunnel__Verdicts *)message;

	if (m->n_verdicts > MESSAGE_VERDICTS_MAX || !part_ok(m->region, false))
		return false;
	for (size_t i = 0; i < m->n_verdicts; i++)
		if (!m->verdicts[i].len || m->verdicts[i].len > MESSAGE_VERDICT_SIZE)
			return false;
	return true;
}

bool message_check_fence(const ProtobufCMessage *message)
{
	return ((const Tunnel__Fence *)message)->fence_ms <= MESSAGE_FENCE_MAX_MS;
}

bool message_check_stream_open(const ProtobufCMessage *message)
{
	const Tunnel__StreamOpen *m = (const Tunnel__StreamOpen *)message;

	return part_ok(m->kind, false) && text_ok(m->target, 4 * MESSAGE_TEXT_MAX) &&
	       pair_list_ok(m->n_params, m->params);
}

bool message_check_bucket_digests(const ProtobufCMessage *message)
{
	return size_is(((const Tunnel__BucketDigests *)message)->digests, DIGEST_BUCKETS * DIGEST_SIZE);
}

bool message_check_bucket_keys(const ProtobufCMessage *message)
{
	const Tunnel__BucketKeys *m = (const Tunnel__BucketKeys *)message;

	return m->bucket < DIGEST_BUCKETS && rows_ok(m->n_rows, m->rows);
}

/* Pairs of NUL-terminated strings, or single ones. */
static bool packed_ok(ProtobufCBinaryData data, bool pairs)
{
	size_t ends = 0;

	if (!data.len)
		return true;
	if (data.data[data.len - 1] != 0)
		return false;
	for (size_t i = 0; i < data.len; i++)
		ends += data.data[i] == 0;
	return !pairs || ends % 2 == 0;
}

static bool put_ok(const Tunnel__Put *m)
{
	return m && key_ok(m->key) && part_ok(m->uid, true) && m->revision && packed_ok(m->labels, true) &&
	       packed_ok(m->fields, true) && packed_ok(m->owners, false) && m->body.len <= MESSAGE_BODY_MAX &&
	       m->splice <= m->body.len;
}

bool message_check_put(const ProtobufCMessage *message)
{
	return put_ok((const Tunnel__Put *)message);
}

bool message_check_gone(const ProtobufCMessage *message)
{
	const Tunnel__Gone *m = (const Tunnel__Gone *)message;

	return key_ok(m->key) && part_ok(m->uid, true);
}

bool message_check_leave(const ProtobufCMessage *message)
{
	return key_ok(((const Tunnel__Leave *)message)->key);
}

bool message_check_unknown(const ProtobufCMessage *message)
{
	const Tunnel__Unknown *m = (const Tunnel__Unknown *)message;

	return key_ok(m->key) && part_ok(m->uid, true);
}

bool message_check_batch_end(const ProtobufCMessage *message)
{
	const Tunnel__BatchEnd *m = (const Tunnel__BatchEnd *)message;

	if (m->n_feeds > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < m->n_feeds; i++)
		if (!part_ok(m->feeds[i], false))
			return false;
	return m->number && (size_is(m->epoch, 0) || size_is(m->epoch, CACHE_EPOCH_SIZE));
}

bool message_check_refetch(const ProtobufCMessage *message)
{
	const Tunnel__Refetch *m = (const Tunnel__Refetch *)message;

	if (m->n_keys > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < m->n_keys; i++)
		if (!key_ok(m->keys[i]))
			return false;
	return true;
}

bool message_check_orphan_list(const ProtobufCMessage *message)
{
	const Tunnel__OrphanList *m = (const Tunnel__OrphanList *)message;

	return rows_ok(m->n_rows, m->rows);
}

bool message_check_orphan_fetch(const ProtobufCMessage *message)
{
	const Tunnel__OrphanFetch *m = (const Tunnel__OrphanFetch *)message;

	return rows_ok(m->n_rows, m->rows);
}

bool message_check_orphan_object(const ProtobufCMessage *message)
{
	return put_ok(((const Tunnel__OrphanObject *)message)->object);
}

bool message_check_outbox_entry(const ProtobufCMessage *message)
{
	const Tunnel__OutboxEntry *m = (const Tunnel__OutboxEntry *)message;

	return m->sequence && key_ok(m->key) && part_ok(m->uid, true) && m->body.len <= MESSAGE_BODY_MAX;
}

bool message_check_outbox_ack(const ProtobufCMessage *message)
{
	const Tunnel__OutboxAck *m = (const Tunnel__OutboxAck *)message;

	if (m->n_results > MESSAGE_LIST_MAX)
		return false;
	for (size_t i = 0; i < m->n_results; i++)
		if (!text_ok(m->results[i]->reason, MESSAGE_TEXT_MAX))
			return false;
	return true;
}
