#include "cloud-hub/regions/membership.h"

#include <errno.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/random.h"
#include "base/text.h"

#define SEALED_TEXT_MAX (2u * REGION_KEY_SEALED_MAX)

struct seal {
	uint32_t generation; /* 0: none */
	char *text;	     /* base64 */
};

struct member {
	char addresses[ROSTER_ADDRESSES_MAX][ROSTER_ADDRESS_SIZE];
	size_t address_count;
	uint8_t identity[ROSTER_IDENTITY_MAX];
	size_t identity_len;
	uint64_t start, since; /* since 0: with the next version */
	bool in_maintenance;
	bool is_unusable;      /* its identity is no key: as good as none */
	bool is_stored_only;   /* of the roster as loaded; not put since */
	uint32_t acknowledged; /* newest generation it has */
	struct seal seals[ROSTER_KEYS_MAX];
	char name[];
};

struct shared_key {
	uint32_t generation;
	uint8_t key[REGION_KEY_SIZE];
};

struct membership {
	char region[ROSTER_REGION_SIZE];
	struct map members;			 /* name -> struct member */
	struct shared_key keys[ROSTER_KEYS_MAX]; /* newest last */
	size_t key_count;
	uint64_t version;
	uint32_t written_generation; /* the newest that the roster stored last names */
	uint32_t writing_generation;
	bool is_due, wants_key;
	struct roster_past *past;
};

int membership_new(const char *region, struct membership **out)
{
	struct membership *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	if (span_copy(span_of(region), m->region, sizeof(m->region))) {
		free(m);
		return -EINVAL;
	}
	if (roster_past_new(&m->past)) {
		free(m);
		return -ENOMEM;
	}
	map_init(&m->members, ROSTER_MEMBERS_MAX);
	*out = m;
	return 0;
}

void membership_follow(struct membership *m, uint64_t version)
{
	m->version = version;
}

uint64_t membership_version(const struct membership *m)
{
	return m->version;
}

static void drop_seals(struct member *member)
{
	for (size_t i = 0; i < ROSTER_KEYS_MAX; i++) {
		free(member->seals[i].text);
		member->seals[i] = (struct seal){ 0, NULL };
	}
}

static void free_member(void *value)
{
	drop_seals(value);
	free(value);
}

void membership_free(struct membership *m)
{
	if (!m)
		return;
	map_done(&m->members, free_member);
	explicit_bzero(m->keys, sizeof(m->keys));
	roster_past_free(m->past);
	free(m);
}

static bool has_identity(const struct member *member)
{
	return member->identity_len && !member->is_unusable;
}

static struct member *find(const struct membership *m, const char *name)
{
	return map_get(&m->members, span_of(name));
}

/* With the version that will be written next. */
static void note(const struct membership *m, const struct member *member, bool is_in)
{
	uint8_t id[ROSTER_ID_SIZE];

	roster_id(member->name, id);
	roster_past_note(m->past, m->version + 1, id, is_in);
}

static int want(struct membership *m, const char *name, struct member **out)
{
	size_t len = strlen(name) + 1;
	struct member *member = find(m, name);
	int code;

	if (member) {
		*out = member;
		return 0;
	}
	member = calloc(1, sizeof(*member) + len);
	if (!member)
		return -ENOMEM;
	memcpy(member->name, name, len);
	code = map_put(&m->members, span_of(name), member, NULL);
	if (code) {
		free(member);
		return code;
	}
	*out = member;
	return 0;
}

/* --- seals --- */

static struct seal *seal_of(struct member *member, uint32_t generation)
{
	for (size_t i = 0; i < ROSTER_KEYS_MAX; i++)
		if (member->seals[i].generation == generation)
			return &member->seals[i];
	return NULL;
}

static bool has_key(const struct membership *m, uint32_t generation)
{
	for (size_t i = 0; i < m->key_count; i++)
		if (m->keys[i].generation == generation)
			return true;
	return false;
}

/* A place for another seal: an empty one, or one of a key that is gone. There are as many places as keys. */
static struct seal *free_place(const struct membership *m, struct member *member)
{
	for (size_t i = 0; i < ROSTER_KEYS_MAX; i++)
		if (!member->seals[i].generation || !has_key(m, member->seals[i].generation))
			return &member->seals[i];
	return NULL;
}

static int put_seal(const struct membership *m, struct member *member, uint32_t generation, struct span text)
{
	struct seal *place = free_place(m, member);
	char *copy = place ? span_dup(text) : NULL;

	if (!copy)
		return place ? -ENOMEM : -ENOSPC;
	free(place->text);
	*place = (struct seal){ generation, copy };
	return 0;
}

static int make_seal(const struct membership *m, struct member *member, const struct shared_key *key,
		     const struct x509_key *signer)
{
	struct region_key_to to = { m->region, member->name, key->generation };
	struct buf sealed, text;
	int code;

	buf_init(&sealed, 2 * REGION_KEY_SEALED_MAX);
	buf_init(&text, SEALED_TEXT_MAX);
	code = region_key_seal(&to, key->key, span_make(member->identity, member->identity_len), signer,
			       &sealed);
	if (!code)
		code = text_base64(&text, buf_span(&sealed));
	if (!code)
		code = put_seal(m, member, key->generation, buf_span(&text));
	buf_done(&sealed);
	buf_done(&text);
	return code;
}

/* --- loading --- */

static int load_key(struct membership *m, const struct json *item)
{
	int64_t generation = json_path_int(item, "generation", 0);
	struct buf key;
	int code;

	if (m->key_count == ROSTER_KEYS_MAX || generation <= 0 || generation > UINT32_MAX)
		return -EINVAL;
	buf_init(&key, REGION_KEY_SIZE);
	code = text_unbase64(&key, json_span(json_get(item, "key")));
	if (!code && key.len != REGION_KEY_SIZE)
		code = -EINVAL;
	if (!code) {
		m->keys[m->key_count].generation = (uint32_t)generation;
		memcpy(m->keys[m->key_count++].key, key.data, REGION_KEY_SIZE);
	}
	if (key.data)
		explicit_bzero(key.data, key.cap);
	buf_done(&key);
	return code;
}

static int load_keys(struct membership *m, struct span text)
{
	struct json *tree = NULL;
	int code = json_parse(text, &tree, NULL);
	const struct json *list = json_get(tree, "keys");

	for (size_t i = 0; !code && i < json_count(list); i++)
		code = load_key(m, json_at(list, i));
	json_free(tree);
	if (code == -EINVAL) {
		explicit_bzero(m->keys, sizeof(m->keys));
		m->key_count = 0;
	}
	return code;
}

static int load_identity(struct member *member, const struct json *text)
{
	struct buf bytes;
	int code;

	buf_init(&bytes, ROSTER_IDENTITY_MAX);
	code = text ? text_unbase64(&bytes, json_span(text)) : 0;
	if (!code && bytes.len)
		memcpy(member->identity, bytes.data, bytes.len);
	member->identity_len = code ? 0 : bytes.len;
	buf_done(&bytes);
	return code;
}

static int load_member(struct membership *m, const struct json *item)
{
	const struct json *addresses = json_get(item, "addresses");
	const char *name = json_path_str(item, "name", "");
	struct member *member = NULL;
	int code = *name ? want(m, name, &member) : -EINVAL;

	if (code)
		return code;
	member->is_stored_only = true;
	for (size_t i = 0; i < json_count(addresses) && member->address_count < ROSTER_ADDRESSES_MAX; i++)
		span_copy_or_nothing(json_span(json_at(addresses, i)),
				     member->addresses[member->address_count++], ROSTER_ADDRESS_SIZE);
	member->start = (uint64_t)json_path_int(item, "start", 0);
	member->since = (uint64_t)json_path_int(item, "since", 0);
	member->in_maintenance = json_path_bool(item, "maintenance", false);
	return load_identity(member, json_get(item, "identity"));
}

static int load_seals(struct membership *m, const struct json *item)
{
	int64_t generation = json_path_int(item, "generation", 0);
	struct json_iter it = json_iter(json_get(item, "sealed"));
	int code = 0;

	if (generation <= 0 || generation > UINT32_MAX || !has_key(m, (uint32_t)generation))
		return 0; /* a key that is not known any more */
	if ((uint32_t)generation > m->written_generation)
		m->written_generation = (uint32_t)generation;
	while (!code && json_next(&it)) {
		struct member *member = find(m, it.key);

		if (member && !seal_of(member, (uint32_t)generation))
			code = put_seal(m, member, (uint32_t)generation, json_span(it.value));
	}
	return code;
}

int membership_load(struct membership *m, const struct json *region, struct span keys)
{
	const struct json *roster = json_path(region, "status.roster"),
			  *members = json_get(roster, "members"), *sealed = json_get(roster, "keys");
	int code = keys.len ? load_keys(m, keys) : 0;

	m->version = (uint64_t)json_path_int(roster, "version", (int64_t)m->version);
	for (size_t i = 0; !code && i < json_count(members); i++)
		code = load_member(m, json_at(members, i));
	for (size_t i = 0; !code && i < json_count(sealed); i++)
		code = load_seals(m, json_at(sealed, i));
	if (code) {
		map_done(&m->members, free_member);
		map_init(&m->members, ROSTER_MEMBERS_MAX);
		m->is_due = m->wants_key = true;
	}
	return code;
}

void membership_settle(struct membership *m)
{
	struct span key;
	size_t cursor = 0;
	void *value;
	bool gone = true;

	while (gone) { /* removal disturbs the walk: it starts again after each */
		gone = false;
		cursor = 0;
		while (!gone && map_next(&m->members, &cursor, &key, &value)) {
			struct member *member = value;

			gone = member->is_stored_only;
			if (gone)
				membership_remove(m, member->name);
		}
	}
}

/* --- members --- */

static bool same_addresses(const struct member *member, const struct membership_node *node)
{
	if (member->address_count != node->address_count)
		return false;
	for (size_t i = 0; i < node->address_count; i++)
		if (strcmp(member->addresses[i], node->addresses[i]) != 0)
			return false;
	return true;
}

static bool same_identity(const struct member *member, struct span identity)
{
	return span_eq(span_make(member->identity, member->identity_len), identity);
}

int membership_put(struct membership *m, const struct membership_node *node)
{
	struct member *member = find(m, node->name);
	bool is_new = !member;
	int code = node->identity.len > ROSTER_IDENTITY_MAX ? -EINVAL : want(m, node->name, &member);

	if (code)
		return code;
	member->is_stored_only = false;
	if (node->start > member->start)
		member->start = node->start;
	if (!is_new && same_addresses(member, node) && same_identity(member, node->identity) &&
	    member->in_maintenance == node->in_maintenance)
		return 0;
	if (is_new ? !node->in_maintenance : member->in_maintenance != node->in_maintenance)
		note(m, member, !node->in_maintenance);
	if (!same_identity(member, node->identity)) {
		/* Whoever had the keys under the other identity is not to read on. */
		m->wants_key = m->wants_key || (member->identity_len && m->key_count);
		drop_seals(member);
		member->acknowledged = 0;
		if (node->identity.len)
			memcpy(member->identity, node->identity.ptr, node->identity.len);
		member->identity_len = node->identity.len;
		member->is_unusable = false;
	}
	memcpy(member->addresses, node->addresses, sizeof(member->addresses));
	member->address_count = node->address_count;
	member->in_maintenance = node->in_maintenance;
	member->since = 0;
	m->is_due = true;
	return 0;
}

void membership_remove(struct membership *m, const char *name)
{
	struct member *member = map_remove(&m->members, span_of(name));

	if (!member)
		return;
	m->wants_key = m->wants_key || (member->identity_len && m->key_count);
	m->is_due = true;
	if (!member->in_maintenance)
		note(m, member, false);
	free_member(member);
}

void membership_started(struct membership *m, const char *name, uint64_t start)
{
	struct member *member = find(m, name);

	if (member && start > member->start)
		member->start = start;
}

void membership_touch(struct membership *m, const char *name)
{
	struct member *member = find(m, name);

	if (!member)
		return;
	member->since = 0;
	m->is_due = true;
}

struct roster_past *membership_past(const struct membership *m)
{
	return m->past;
}

size_t membership_count(const struct membership *m)
{
	return m->members.count;
}

bool membership_has(const struct membership *m, const char *name)
{
	return find(m, name) != NULL;
}

const char *membership_next(const struct membership *m, size_t *cursor)
{
	struct span key;
	void *value;

	return map_next(&m->members, cursor, &key, &value) ? ((struct member *)value)->name : NULL;
}

/* --- keys --- */

void membership_rotate(struct membership *m)
{
	m->wants_key = m->is_due = true;
}

uint32_t membership_generation(const struct membership *m)
{
	return m->key_count ? m->keys[m->key_count - 1].generation : 0;
}

bool membership_is_rotating(const struct membership *m)
{
	return m->key_count > 1;
}

bool membership_is_due(const struct membership *m)
{
	return m->is_due;
}

static void drop_key(struct membership *m, size_t index)
{
	explicit_bzero(&m->keys[index], sizeof(m->keys[index]));
	memmove(&m->keys[index], &m->keys[index + 1], (m->key_count - index - 1) * sizeof(m->keys[0]));
	m->key_count--;
}

static bool all_acknowledged(const struct membership *m, uint32_t generation)
{
	struct span key;
	size_t cursor = 0;
	void *value;

	while (map_next(&m->members, &cursor, &key, &value)) {
		const struct member *member = value;

		if (has_identity(member) && member->acknowledged < generation)
			return false;
	}
	return true;
}

void membership_acknowledged(struct membership *m, const char *name)
{
	struct member *member = find(m, name);

	if (!member || m->is_due || member->acknowledged == m->written_generation)
		return;
	member->acknowledged = m->written_generation;
	if (m->key_count < 2 || m->keys[m->key_count - 1].generation != m->written_generation ||
	    !all_acknowledged(m, m->written_generation))
		return;
	while (m->key_count > 1)
		drop_key(m, 0);
	m->is_due = true;
}

static size_t count_identities(const struct membership *m)
{
	struct span key;
	size_t cursor = 0, count = 0;
	void *value;

	while (map_next(&m->members, &cursor, &key, &value))
		count += has_identity(value);
	return count;
}

/* When there is no room the oldest goes: somebody was away through several changes. He gets the newest with the roster. */
static void make_key(struct membership *m, uint32_t floor)
{
	uint32_t newest = membership_generation(m);

	if (newest < m->written_generation)
		newest = m->written_generation;
	if (m->key_count == ROSTER_KEYS_MAX)
		drop_key(m, 0);
	m->keys[m->key_count].generation = (newest < floor ? floor : newest) + 1;
	random_bytes(m->keys[m->key_count++].key, REGION_KEY_SIZE);
}

int membership_prepare(struct membership *m, const struct x509_key *signer, uint32_t floor, size_t seals)
{
	uint32_t newest = membership_generation(m);
	struct span key;
	size_t cursor = 0;
	void *value;

	if ((m->wants_key && m->key_count) ||
	    ((m->wants_key || !m->key_count || newest <= floor) && count_identities(m) > 1))
		make_key(m, floor);
	m->wants_key = false;
	while (map_next(&m->members, &cursor, &key, &value)) {
		struct member *member = value;

		for (size_t i = 0; has_identity(member) && i < m->key_count; i++) {
			int code;

			if (seal_of(member, m->keys[i].generation))
				continue;
			if (!seals--)
				return 1;
			code = make_seal(m, member, &m->keys[i], signer);
			member->is_unusable = code == -EINVAL;
			if (member->is_unusable)
				break;
			if (code)
				return code;
		}
	}
	return 0;
}

/* --- writing --- */

static struct json *base64_json(struct span bytes)
{
	struct json *out = NULL;
	struct buf text;

	buf_init(&text, SEALED_TEXT_MAX);
	if (!text_base64(&text, bytes))
		out = json_new_span(buf_span(&text));
	buf_done(&text);
	return out;
}

static struct json *member_json(struct member *member, uint64_t version)
{
	struct json *out = json_new_object(), *addresses = json_new_array();
	int code = out && addresses ? 0 : -ENOMEM;

	if (!member->since)
		member->since = version;
	for (size_t i = 0; !code && i < member->address_count; i++)
		code = json_append(addresses, json_new_str(member->addresses[i]));
	if (code) {
		json_free(addresses);
		json_free(out);
		return NULL;
	}
	code = json_set(out, "addresses", addresses);
	if (!code && has_identity(member))
		code = json_set(out, "identity",
				base64_json(span_make(member->identity, member->identity_len)));
	if (!code && member->in_maintenance)
		code = json_set_bool(out, "maintenance", true);
	if (!code)
		code = json_set_str(out, "name", member->name);
	if (!code)
		code = json_set_int(out, "since", (int64_t)member->since);
	if (!code)
		code = json_set_int(out, "start", (int64_t)member->start);
	if (!code)
		return out;
	json_free(out);
	return NULL;
}

static int add_members(struct membership *m, struct json *list)
{
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	while (!code && map_next(&m->members, &cursor, &key, &value))
		code = json_append(list, member_json(value, m->version));
	return code;
}

static int add_seals(const struct membership *m, uint32_t generation, struct json *sealed)
{
	struct span key;
	size_t cursor = 0;
	void *value;
	int code = 0;

	while (!code && map_next(&m->members, &cursor, &key, &value)) {
		const struct seal *seal = seal_of(value, generation);

		if (seal && has_identity(value))
			code = json_set_str(sealed, ((struct member *)value)->name, seal->text);
	}
	return code;
}

static int add_keys(const struct membership *m, struct json *list)
{
	int code = 0;

	for (size_t i = 0; !code && i < m->key_count; i++) {
		struct json *item = json_new_object(), *sealed;

		code = json_append(list, item);
		if (!code)
			code = json_set_int(item, "generation", m->keys[i].generation);
		if (!code)
			code = json_set(item, "sealed", json_new_object());
		sealed = code ? NULL : json_get(item, "sealed");
		if (!code)
			code = add_seals(m, m->keys[i].generation, sealed);
	}
	return code;
}

int membership_write(struct membership *m, struct span signer_spki, uint32_t floor, struct json *region)
{
	struct json *status = json_ensure(region, "status"), *roster;
	int code = status ? json_set(status, "roster", json_new_object()) : -ENOMEM;

	m->is_due = false;
	m->writing_generation = m->key_count ? m->keys[m->key_count - 1].generation : 0;
	m->version = (m->version < floor ? floor : m->version) + 1;
	roster = code ? NULL : json_get(status, "roster");
	if (!code)
		code = json_set_int(status, "members", (int64_t)m->members.count);
	if (!code)
		code = json_set(roster, "keys", json_new_array());
	if (!code)
		code = add_keys(m, json_get(roster, "keys"));
	if (!code)
		code = json_set(roster, "members", json_new_array());
	if (!code)
		code = add_members(m, json_get(roster, "members"));
	if (!code)
		code = json_set(roster, "signer", base64_json(signer_spki));
	if (!code)
		code = json_set_int(roster, "version", (int64_t)m->version);
	return code;
}

int membership_write_keys(const struct membership *m, struct buf *out)
{
	(void)buf_add_str(out, "{\"keys\":[");
	for (size_t i = 0; i < m->key_count; i++) {
		(void)buf_addf(out, "%s{\"generation\":%u,\"key\":\"", i ? "," : "", m->keys[i].generation);
		(void)text_base64(out, span_make(m->keys[i].key, REGION_KEY_SIZE));
		(void)buf_add_str(out, "\"}");
	}
	(void)buf_add_str(out, "]}");
	return buf_error(out);
}

void membership_written(struct membership *m, bool is_stored)
{
	m->is_due = m->is_due || !is_stored; /* it may have changed meanwhile */
	if (is_stored && m->writing_generation)
		m->written_generation = m->writing_generation;
}
