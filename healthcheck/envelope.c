#include "healthcheck/envelope.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bigend.h"
#include "base/random.h"
#include "net/crypt.h"

#define SALT_SIZE 8u
#define SEQUENCE_AT 32u
#define VERSION 1

static const char *const refusal_names[ENVELOPE_REFUSALS] = {
	[ENVELOPE_OK] = "ok",
	[ENVELOPE_MALFORMED] = "malformed",
	[ENVELOPE_UNKNOWN_SENDER] = "unknown-sender",
	[ENVELOPE_UNKNOWN_KEY] = "unknown-key",
	[ENVELOPE_FORGED] = "forged",
	[ENVELOPE_OLD_START] = "old-start",
	[ENVELOPE_REPLAYED] = "replayed",
};

const char *envelope_refusal_name(enum envelope_refusal refusal)
{
	return refusal < ENVELOPE_REFUSALS ? refusal_names[refusal] : "";
}

/* One sender, as far as this node has heard it: its newest start, and which of the last sequences came. */
struct sender {
	uint8_t id[ROSTER_ID_SIZE];
	uint64_t start, highest;
	uint8_t salt[SALT_SIZE];
	uint8_t seen[ENVELOPE_WINDOW / 8]; /* ring of bits by sequence */
	uint32_t generation;		   /* of the subkey kept */
	uint8_t subkey[CRYPT_KEY_SIZE];
	bool has_subkey, heard;
};

struct envelope {
	char region[ROSTER_REGION_SIZE];
	uint8_t self[ROSTER_ID_SIZE];
	uint64_t start, sequence;
	uint8_t salt[SALT_SIZE];
	struct envelope_key keys[ROSTER_KEYS_MAX];
	size_t key_count;
	uint32_t current, wanted;
	uint8_t subkey[CRYPT_KEY_SIZE]; /* for sealing, of `current` */
	const struct roster *roster;
	struct sender *senders; /* as roster->members */
	uint64_t counts[ENVELOPE_REFUSALS];
};

static const struct envelope_key *find_key(const struct envelope *e, uint32_t generation)
{
	for (size_t i = 0; i < e->key_count; i++)
		if (e->keys[i].generation == generation)
			return &e->keys[i];
	return NULL;
}

static int derive(const struct envelope *e, const struct envelope_key *key, const uint8_t id[ROSTER_ID_SIZE],
		  uint64_t start, const uint8_t salt[SALT_SIZE], uint8_t out[CRYPT_KEY_SIZE])
{
	uint8_t number[8];
	struct buf text;
	int rc;

	bigend_store(start, 8, number);
	buf_init(&text, 256);
	(void)buf_add_str(&text, "holdfast health 1");
	(void)buf_add(&text, e->region, strlen(e->region) + 1);
	(void)buf_add(&text, id, ROSTER_ID_SIZE);
	(void)buf_add(&text, number, sizeof(number));
	(void)buf_add(&text, salt, SALT_SIZE);
	rc = buf_error(&text);
	if (!rc)
		rc = crypt_hmac_sha256(span_make(key->key, ENVELOPE_KEY_SIZE), buf_span(&text), out);
	buf_done(&text);
	return rc;
}

/* --- life --- */

int envelope_new(const char *region, const char *self, uint64_t start, struct envelope **out)
{
	struct envelope *e;

	if (strlen(region) >= ROSTER_REGION_SIZE)
		return -EINVAL;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	memcpy(e->region, region, strlen(region) + 1);
	roster_id(self, e->self);
	e->start = start;
	random_bytes(e->salt, sizeof(e->salt));
	*out = e;
	return 0;
}

static void wipe_senders(struct envelope *e)
{
	if (e->senders && e->roster)
		explicit_bzero(e->senders, e->roster->count * sizeof(*e->senders));
	free(e->senders);
}

void envelope_free(struct envelope *e)
{
	if (!e)
		return;
	wipe_senders(e);
	explicit_bzero(e, sizeof(*e));
	free(e);
}

int envelope_set_keys(struct envelope *e, const struct envelope_key *keys, size_t count, uint32_t current)
{
	const struct envelope_key *key = NULL;
	uint8_t subkey[CRYPT_KEY_SIZE];
	int rc;

	for (size_t i = 0; i < count; i++)
		if (keys[i].generation == current)
			key = &keys[i];
	if (!key || count > ROSTER_KEYS_MAX)
		return -EINVAL;
	rc = derive(e, key, e->self, e->start, e->salt, subkey);
	if (rc)
		return rc;
	memcpy(e->subkey, subkey, sizeof(subkey));
	explicit_bzero(subkey, sizeof(subkey));
	explicit_bzero(e->keys, sizeof(e->keys));
	memcpy(e->keys, keys, count * sizeof(*keys));
	e->key_count = count;
	e->current = current;
	if (find_key(e, e->wanted))
		e->wanted = 0;
	for (size_t i = 0; e->roster && i < e->roster->count; i++)
		e->senders[i].has_subkey = false;
	return 0;
}

int envelope_set_roster(struct envelope *e, const struct roster *roster)
{
	struct sender *senders = calloc(roster->count + 1, sizeof(*senders));

	if (!senders)
		return -ENOMEM;
	for (size_t i = 0; i < roster->count; i++) {
		const struct roster_member *old =
			e->roster ? roster_find_id(e->roster, roster->members[i].id) : NULL;

		if (old)
			senders[i] = e->senders[old - e->roster->members];
		memcpy(senders[i].id, roster->members[i].id, ROSTER_ID_SIZE);
		/* What the cloud has seen of a later start, nobody can undo by replaying an earlier one. */
		if (roster->members[i].start > senders[i].start) {
			senders[i].start = roster->members[i].start;
			senders[i].heard = senders[i].has_subkey = false;
		}
	}
	wipe_senders(e);
	e->senders = senders;
	e->roster = roster;
	return 0;
}

/* --- sealing --- */

int envelope_seal(struct envelope *e, struct span plain, struct buf *out)
{
	uint8_t head[ENVELOPE_HEAD_SIZE] = { 'H', 'F', VERSION, 0 };
	size_t start = out->len;
	int rc;

	if (!e->key_count)
		return -ENOKEY;
	if (plain.len > DATAGRAM_PLAIN_MAX)
		return -EMSGSIZE;
	bigend_store(e->current, 4, head + 4);
	memcpy(head + 8, e->self, ROSTER_ID_SIZE);
	bigend_store(e->start, 8, head + 16);
	memcpy(head + 24, e->salt, SALT_SIZE);
	bigend_store(++e->sequence, 8, head + SEQUENCE_AT);
	rc = buf_add(out, head, sizeof(head));
	if (!rc)
		rc = crypt_seal(e->subkey, span_make(head, sizeof(head)), plain, out);
	if (rc)
		out->len = start;
	return rc;
}

/* --- opening --- */

static bool was_seen(const struct sender *s, uint64_t sequence)
{
	unsigned bit = sequence % ENVELOPE_WINDOW;

	if (sequence > s->highest)
		return false;
	return s->highest - sequence >= ENVELOPE_WINDOW || (s->seen[bit / 8] & 1u << bit % 8);
}

static void note_seen(struct sender *s, uint64_t sequence)
{
	if (sequence > s->highest) {
		if (sequence - s->highest >= ENVELOPE_WINDOW)
			memset(s->seen, 0, sizeof(s->seen));
		else
			for (uint64_t n = s->highest + 1; n < sequence; n++)
				s->seen[n % ENVELOPE_WINDOW / 8] &=
					(uint8_t) ~(1u << n % ENVELOPE_WINDOW % 8);
		s->highest = sequence;
	}
	s->seen[sequence % ENVELOPE_WINDOW / 8] |= (uint8_t)(1u << sequence % ENVELOPE_WINDOW % 8);
}

struct head {
	uint32_t generation;
	const uint8_t *sender, *salt;
	uint64_t start, sequence;
};

static bool read_head(struct span bytes, struct head *out)
{
	if (bytes.len < ENVELOPE_OVERHEAD || bytes.len > ENVELOPE_MAX || memcmp(bytes.ptr, "HF", 2) != 0 ||
	    bytes.ptr[2] != VERSION || bytes.ptr[3])
		return false;
	*out = (struct head){ .generation = (uint32_t)bigend_load(bytes.ptr + 4, 4),
			      .sender = (const uint8_t *)bytes.ptr + 8,
			      .start = bigend_load(bytes.ptr + 16, 8),
			      .salt = (const uint8_t *)bytes.ptr + 24,
			      .sequence = bigend_load(bytes.ptr + SEQUENCE_AT, 8) };
	return true;
}

/* The subkey for this head: the one kept for the sender when it fits, else derived into `fresh`. */
static const uint8_t *subkey_for(const struct envelope *e, const struct sender *s, const struct head *head,
				 const struct envelope_key *key, uint8_t fresh[CRYPT_KEY_SIZE])
{
	if (s->has_subkey && s->generation == head->generation && s->start == head->start &&
	    memcmp(s->salt, head->salt, SALT_SIZE) == 0)
		return s->subkey;
	return derive(e, key, head->sender, head->start, head->salt, fresh) ? NULL : fresh;
}

/* It is genuine: the sender is what it says it is now. */
static enum envelope_refusal accept(struct sender *s, const struct head *head, const uint8_t *subkey)
{
	bool is_new = !s->heard || head->start > s->start;

	/* The same start under another salt: the same disk, running twice or put back. The first one heard stays. */
	if (!is_new && memcmp(s->salt, head->salt, SALT_SIZE) != 0)
		return ENVELOPE_OLD_START;
	if (is_new) {
		s->start = head->start;
		s->heard = true;
		s->highest = 0;
		memset(s->seen, 0, sizeof(s->seen));
		memcpy(s->salt, head->salt, SALT_SIZE);
	} else if (was_seen(s, head->sequence)) {
		return ENVELOPE_REPLAYED;
	}
	note_seen(s, head->sequence);
	memmove(s->subkey, subkey, CRYPT_KEY_SIZE);
	s->generation = head->generation;
	s->has_subkey = true;
	return ENVELOPE_OK;
}

static enum envelope_refusal try_open(struct envelope *e, struct span bytes, struct buf *out,
				      const struct roster_member **out_sender, uint64_t *out_start)
{
	uint8_t fresh[CRYPT_KEY_SIZE];
	const struct envelope_key *key;
	const uint8_t *subkey;
	enum envelope_refusal result = ENVELOPE_FORGED;
	size_t start = out->len;
	struct sender *s;
	struct head head;

	if (!read_head(bytes, &head))
		return ENVELOPE_MALFORMED;
	*out_sender = e->roster ? roster_find_id(e->roster, head.sender) : NULL;
	if (!*out_sender || memcmp(head.sender, e->self, ROSTER_ID_SIZE) == 0)
		return ENVELOPE_UNKNOWN_SENDER;
	s = &e->senders[*out_sender - e->roster->members];
	if (head.start < s->start)
		return ENVELOPE_OLD_START;
	key = find_key(e, head.generation);
	if (!key) {
		if (head.generation > e->current)
			e->wanted = head.generation;
		return ENVELOPE_UNKNOWN_KEY;
	}
	subkey = subkey_for(e, s, &head, key, fresh);
	if (subkey &&
	    crypt_open(subkey, span_make(bytes.ptr, ENVELOPE_HEAD_SIZE),
		       span_make(bytes.ptr + ENVELOPE_HEAD_SIZE, bytes.len - ENVELOPE_HEAD_SIZE), out) == 0)
		result = accept(s, &head, subkey);
	if (result != ENVELOPE_OK)
		out->len = start;
	explicit_bzero(fresh, sizeof(fresh));
	*out_start = head.start;
	return result;
}

enum envelope_refusal envelope_open(struct envelope *e, struct span bytes, struct buf *out_plain,
				    const struct roster_member **out_sender, uint64_t *out_start)
{
	enum envelope_refusal result = try_open(e, bytes, out_plain, out_sender, out_start);

	e->counts[result]++;
	return result;
}

const uint64_t *envelope_counts(const struct envelope *e)
{
	return e->counts;
}

uint32_t envelope_wanted_key(const struct envelope *e)
{
	return e->wanted;
}
