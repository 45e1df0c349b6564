#include "edge-hub/health/membership.h"

#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>

/* --- which object --- */

struct pick {
	const char *self, *region;
	struct roster *roster;
	struct object *object;
	bool is_member;
	int code;
	struct err *err;
};

/* More than one is there only for a moment, while the node moves from one region to another. */
static int consider(void *ctx, struct object *object)
{
	struct pick *pick = ctx;
	struct roster *roster = NULL;
	bool is_member;

	pick->code = roster_parse(object->body, pick->self, &roster, pick->err);
	if (pick->code)
		return pick->code == -ENOMEM; /* another may be sound */
	is_member = roster_find(roster, pick->self) != NULL;
	if (pick->is_member || (!is_member && strcmp(roster->region, pick->region) != 0)) {
		roster_free(roster);
		return 0;
	}
	roster_free(pick->roster);
	object_unref(pick->object);
	pick->roster = roster;
	pick->is_member = is_member;
	pick->object = (struct object *)object_ref(object);
	return 0;
}

/* --- keys --- */

static int by_generation(const void *a, const void *b)
{
	uint32_t x = ((const struct envelope_key *)a)->generation,
		 y = ((const struct envelope_key *)b)->generation;

	return x < y ? -1 : x > y;
}

static const struct envelope_key *find_key(const struct membership *m, uint32_t generation)
{
	for (size_t i = 0; m && i < m->key_count; i++)
		if (m->keys[i].generation == generation)
			return &m->keys[i];
	return NULL;
}

static void open_keys(struct membership *m, const char *self, const struct x509_key *identity,
		      const struct membership *before)
{
	struct span signer = span_make(m->signer, m->signer_len);
	bool same = before && before->roster && strcmp(before->roster->region, m->roster->region) == 0;

	for (size_t i = 0; i < m->roster->key_count; i++) {
		const struct roster_key *sealed = &m->roster->keys[i];
		struct region_key_to to = { m->roster->region, self, sealed->generation };
		struct envelope_key *key = &m->keys[m->key_count];
		const struct envelope_key *had = same ? find_key(before, sealed->generation) : NULL;

		key->generation = sealed->generation;
		if (had)
			memcpy(key->key, had->key, sizeof(key->key));
		else if (region_key_open(&to, sealed->sealed, identity, signer, key->key)) {
			m->keys_refused++;
			continue;
		}
		m->key_count++;
	}
	/* The roster here is behind what a neighbour knew: its key stays good until the roster has caught up. */
	for (size_t i = 0; same && i < before->key_count; i++)
		if (m->key_count < MEMBERSHIP_KEYS_MAX && m->roster->key_count &&
		    before->keys[i].generation > m->roster->keys[m->roster->key_count - 1].generation &&
		    !find_key(m, before->keys[i].generation))
			m->keys[m->key_count++] = before->keys[i];
	qsort(m->keys, m->key_count, sizeof(m->keys[0]), by_generation);
}

static int read_signer(const struct json *tree, struct membership *m, struct err *err)
{
	struct span text = json_span(json_path(tree, "status.roster.signer"));
	struct buf bytes;
	int code;

	buf_init(&bytes, ROSTER_IDENTITY_MAX);
	code = text_unbase64(&bytes, text);
	if (!code && bytes.len) {
		memcpy(m->signer, bytes.data, bytes.len);
		m->signer_len = bytes.len;
	}
	buf_done(&bytes);
	return code ? err_set(err, -EINVAL, "region: status.roster.signer is no key") : 0;
}

int membership_load(struct cache *cache, const char *self, const char *region,
		    const struct x509_key *identity, const struct membership *before, struct membership *out,
		    struct err *err)
{
	struct cache_list list = { .resource = MEMBERSHIP_RESOURCE };
	struct pick pick = { .self = self, .region = region, .err = err };
	struct json *tree = NULL;
	int code = cache_list(cache, &list, consider, &pick, NULL);

	*out = (struct membership){ 0 };
	if (!code && !pick.roster)
		code = pick.code;
	if (!code && pick.roster)
		code = json_parse(pick.object->body, &tree, err);
	if (!code && pick.roster)
		code = read_signer(tree, out, err);
	json_free(tree);
	object_unref(pick.object);
	if (code) {
		roster_free(pick.roster);
		return err && err->code ? err->code
					: err_set(err, code, "reading the region: %s", strerror(-code));
	}
	out->roster = pick.roster;
	if (out->roster)
		open_keys(out, self, identity, before);
	return 0;
}

int membership_add_key(struct membership *m, const char *self, uint32_t generation, struct span sealed,
		       const struct x509_key *identity)
{
	struct region_key_to to = { m->roster ? m->roster->region : "", self, generation };
	struct envelope_key *key = &m->keys[m->key_count];
	int code;

	if (!m->roster || !m->key_count || generation <= m->keys[m->key_count - 1].generation)
		return 0; /* a node that has no key yet is no member yet: the cloud gives it its first */
	if (m->key_count == MEMBERSHIP_KEYS_MAX)
		return -ENOSPC;
	code = region_key_open(&to, sealed, identity, span_make(m->signer, m->signer_len), key->key);
	if (code)
		return code;
	key->generation = generation;
	m->key_count++;
	return 1;
}

int membership_find_sealed(struct cache *cache, const struct membership *m, uint32_t generation,
			   const char *member, struct buf *out)
{
	struct key key = { MEMBERSHIP_RESOURCE, "", m->roster ? m->roster->region : "" };
	struct object *object = NULL;
	struct json *tree = NULL;
	const struct json *keys;
	int code = m->roster ? cache_get(cache, &key, &object) : -ENOENT, found = -ENOENT;

	if (!code)
		code = json_parse(object->body, &tree, NULL);
	keys = json_path(tree, "status.roster.keys");
	for (size_t i = 0; !code && i < json_count(keys); i++) {
		const struct json *item = json_at(keys, i);
		struct span sealed = json_span(json_get(json_get(item, "sealed"), member));

		if (json_path_int(item, "generation", 0) == generation && sealed.len)
			found = text_unbase64(out, sealed);
	}
	json_free(tree);
	object_unref(object);
	return code ? code : found;
}

void membership_done(struct membership *m)
{
	roster_free(m->roster);
	explicit_bzero(m->keys, sizeof(m->keys));
	*m = (struct membership){ 0 };
}
