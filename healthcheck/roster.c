#include "healthcheck/roster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "net/address.h"
#include "net/crypt.h"

#define SEALED_MAX 1024u

const struct health_settings health_settings_default = {
	.probe_interval_ms = 1000,
	.probe_timeout_ms = 400,
	.indirect_probes = 3,
	.suspicion_alpha_pc = 75,
	.suspicion_beta = 6,
	.tcp_fallback = true,
	.verdict_ttl_ms = 15000,
	.fence_ms = 60000,
};

void roster_id(const char *name, uint8_t out[ROSTER_ID_SIZE])
{
	uint8_t digest[CRYPT_SHA256_SIZE];

	crypt_sha256(span_of(name), digest);
	memcpy(out, digest, ROSTER_ID_SIZE);
}

/* --- settings: the Region's spec --- */

static const struct setting {
	const char *field;
	size_t offset;
	bool is_duration;
	unsigned min, max;
} settings[] = {
	{ "probeInterval", offsetof(struct health_settings, probe_interval_ms), true, 50, 60000 },
	{ "probeTimeout", offsetof(struct health_settings, probe_timeout_ms), true, 10, 30000 },
	{ "indirectProbes", offsetof(struct health_settings, indirect_probes), false, 0, 16 },
	{ "suspicionAlphaPercent", offsetof(struct health_settings, suspicion_alpha_pc), false, 10, 5000 },
	{ "suspicionBeta", offsetof(struct health_settings, suspicion_beta), false, 1, 100 },
	{ "verdictTTL", offsetof(struct health_settings, verdict_ttl_ms), true, 1000, 600000 },
	{ "fenceAfter", offsetof(struct health_settings, fence_ms), true, 5000, 24 * 3600 * 1000 },
};

static int read_setting(const struct json *spec, const struct setting *s, struct health_settings *out,
			struct err *err)
{
	const struct json *value = json_get(spec, s->field);
	uint64_t n = 0;
	int rc;

	if (!value)
		return 0;
	if (s->is_duration) {
		rc = units_duration_ms(json_span(value), &n);
	} else {
		rc = json_is(value, JSON_INT) && json_int(value, -1) >= 0 ? 0 : -EINVAL;
		n = (uint64_t)json_int(value, 0);
	}
	if (rc || n < s->min || n > s->max)
		return err_set(err, -EINVAL, "region: spec.%s: from %u%s to %u%s", s->field, s->min,
			       s->is_duration ? "ms" : "", s->max, s->is_duration ? "ms" : "");
	*(unsigned *)((char *)out + s->offset) = (unsigned)n;
	return 0;
}

static int read_settings(const struct json *spec, struct health_settings *out, struct err *err)
{
	int rc = 0;

	*out = health_settings_default;
	for (size_t i = 0; !rc && i < sizeof(settings) / sizeof(settings[0]); i++)
		rc = read_setting(spec, &settings[i], out, err);
	out->tcp_fallback = json_path_bool(spec, "tcpFallback", true);
	out->evict_small = strcmp(json_path_str(spec, "smallPolicy", ""), "evict") == 0;
	if (!rc && out->probe_timeout_ms >= out->probe_interval_ms)
		rc = err_set(err, -EINVAL,
			     "region: spec.probeTimeout must be shorter than spec.probeInterval");
	return rc;
}

/* --- members --- */

/* Only addresses: a name would need a resolver, which may be away with the cloud. */
static int read_address(struct span text, char out[ROSTER_ADDRESS_SIZE])
{
	struct address address;
	struct in6_addr ip;

	if (address_parse(text, &address, NULL) || address.is_unix || !address.port ||
	    (inet_pton(AF_INET, address.host, &ip) != 1 && inet_pton(AF_INET6, address.host, &ip) != 1))
		return -EINVAL;
	return span_copy(text, out, ROSTER_ADDRESS_SIZE);
}

static int read_identity(const struct json *value, struct roster_member *m)
{
	struct buf bytes;
	int rc;

	if (!value)
		return 0;
	buf_init(&bytes, ROSTER_IDENTITY_MAX);
	rc = text_unbase64(&bytes, json_span(value));
	if (!rc) {
		memcpy(m->identity, bytes.data, bytes.len);
		m->identity_len = bytes.len;
	}
	buf_done(&bytes);
	return rc;
}

static int read_member(const struct json *item, struct roster_member *m, struct err *err)
{
	const struct json *addresses = json_get(item, "addresses");
	int64_t start = json_path_int(item, "start", 0), since = json_path_int(item, "since", 0);

	if (span_copy(json_span(json_get(item, "name")), m->name, sizeof(m->name)) || !m->name[0])
		return err_set(err, -EINVAL, "region: a member without a name, or with one that is too long");
	roster_id(m->name, m->id);
	for (size_t i = 0; i < json_count(addresses) && m->address_count < ROSTER_ADDRESSES_MAX; i++)
		if (read_address(json_span(json_at(addresses, i)), m->addresses[m->address_count++]))
			return err_set(err, -EINVAL, "region: member %s: an address is not \"IP:PORT\"",
				       m->name);
	if (read_identity(json_get(item, "identity"), m))
		return err_set(err, -EINVAL, "region: member %s: its identity is no key", m->name);
	if (start < 0 || since < 0)
		return err_set(err, -EINVAL, "region: member %s: a negative number", m->name);
	m->start = (uint64_t)start;
	m->since = (uint64_t)since;
	m->in_maintenance = json_path_bool(item, "maintenance", false);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct roster_member *)a)->id, ((const struct roster_member *)b)->id,
		      ROSTER_ID_SIZE);
}

static int read_members(const struct json *list, struct roster *roster, struct err *err)
{
	size_t count = json_count(list);
	int rc = 0;

	if (count > ROSTER_MEMBERS_MAX)
		return err_set(err, -EINVAL, "region: more than %u members", ROSTER_MEMBERS_MAX);
	roster->members = calloc(count ? count : 1, sizeof(*roster->members));
	if (!roster->members)
		return err_set(err, -ENOMEM, "out of memory");
	for (; !rc && roster->count < count; roster->count++)
		rc = read_member(json_at(list, roster->count), &roster->members[roster->count], err);
	if (rc)
		return rc;
	qsort(roster->members, count, sizeof(*roster->members), by_id);
	for (size_t i = 1; i < count; i++)
		if (by_id(&roster->members[i - 1], &roster->members[i]) == 0)
			return err_set(err, -EINVAL, "region: members %s and %s cannot be told apart",
				       roster->members[i - 1].name, roster->members[i].name);
	return 0;
}

/* --- keys --- */

static int read_keys(const struct json *list, const char *self, struct roster *roster, struct err *err)
{
	struct buf bytes;
	size_t starts[ROSTER_KEYS_MAX + 1] = { 0 };
	int rc = 0;

	buf_init(&bytes, ROSTER_KEYS_MAX * SEALED_MAX);
	for (size_t i = 0; !rc && i < json_count(list); i++) {
		const struct json *item = json_at(list, i),
				  *sealed = json_get(json_get(item, "sealed"), self);
		int64_t generation = json_path_int(item, "generation", 0);

		if (!sealed)
			continue; /* made before this node was of the region */
		if (roster->key_count == ROSTER_KEYS_MAX || generation <= 0 || generation > UINT32_MAX) {
			rc = -EINVAL;
			break;
		}
		rc = text_unbase64(&bytes, json_span(sealed));
		roster->keys[roster->key_count++].generation = (uint32_t)generation;
		starts[roster->key_count] = bytes.len;
	}
	if (!rc && bytes.len && !(roster->text = buf_take(&bytes, NULL)))
		rc = -ENOMEM;
	for (size_t i = 0; !rc && i < roster->key_count; i++)
		roster->keys[i].sealed = span_make(roster->text + starts[i], starts[i + 1] - starts[i]);
	buf_done(&bytes);
	return rc ? err_set(err, rc, "region: status.roster.keys cannot be read") : 0;
}

static int read_tree(const struct json *tree, const char *self, struct roster *roster, struct err *err)
{
	const struct json *list = json_path(tree, "status.roster");
	int64_t version = json_path_int(list, "version", 0);
	int rc;

	if (span_copy(json_span(json_path(tree, "metadata.name")), roster->region, sizeof(roster->region)) ||
	    !roster->region[0] || version < 0)
		return err_set(err, -EINVAL, "region: no name, or a bad version");
	roster->version = (uint64_t)version;
	rc = read_settings(json_get(tree, "spec"), &roster->settings, err);
	if (!rc)
		rc = read_members(json_get(list, "members"), roster, err);
	return rc ? rc : read_keys(json_get(list, "keys"), self, roster, err);
}

int roster_parse(struct span json, const char *self, struct roster **out, struct err *err)
{
	struct roster *roster;
	struct json *tree = NULL;
	int rc = json.len > ROSTER_BYTES_MAX ? err_set(err, -EINVAL, "region: too long")
					     : json_parse(json, &tree, err);

	if (rc)
		return rc;
	roster = calloc(1, sizeof(*roster));
	rc = roster ? read_tree(tree, self, roster, err) : err_set(err, -ENOMEM, "out of memory");
	json_free(tree);
	if (rc) {
		roster_free(roster);
		return rc;
	}
	*out = roster;
	return 0;
}

size_t roster_electors(const struct roster *roster, const char *name)
{
	uint8_t id[ROSTER_ID_SIZE];
	size_t count = 0;

	roster_id(name, id);
	for (size_t i = 0; i < roster->count; i++)
		count += !roster->members[i].in_maintenance &&
			 memcmp(roster->members[i].id, id, ROSTER_ID_SIZE) != 0;
	return count;
}

void roster_free(struct roster *roster)
{
	if (!roster)
		return;
	free(roster->members);
	free(roster->text);
	free(roster);
}

const struct roster_member *roster_find_id(const struct roster *roster, const uint8_t id[ROSTER_ID_SIZE])
{
	struct roster_member wanted;

	memcpy(wanted.id, id, ROSTER_ID_SIZE);
	return roster && roster->count
		       ? bsearch(&wanted, roster->members, roster->count, sizeof(wanted), by_id)
		       : NULL;
}

const struct roster_member *roster_find(const struct roster *roster, const char *name)
{
	const struct roster_member *found;
	uint8_t id[ROSTER_ID_SIZE];

	roster_id(name, id);
	found = roster_find_id(roster, id);
	return found && strcmp(found->name, name) == 0 ? found : NULL;
}
