#include "cloud-hub/services/claims.h"

#include "base/list.h"
#include "base/map.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HOST_BITS_MAX 20u /* given from a larger range: a million addresses */
#define HOST_BITS_MIN 3u
#define TRIES 32u /* at random before looking one by one */
#define BAND_MIN 16u
#define BAND_MAX 256u

struct owner {
	struct list claims; /* of struct claim.in_owner */
	char name[];	    /* "ns/name" */
};

struct claim {
	struct owner *owner;
	uint64_t until_ms; /* 0: of a stored Service */
	bool is_port;
	bool seen; /* while a stored Service is gone through */
	struct list_node in_owner;
	char text[CLAIMS_ADDRESS_SIZE]; /* the address, or the number of the port */
};

struct claims {
	struct map all;	   /* text -> claim */
	struct map owners; /* name -> owner */
	struct rng rng;
	int family;
	uint8_t base[16]; /* first address of the range */
	unsigned host_bits;
	uint32_t
		size; /* addresses that are given without being asked for, counted from the first, which is not */
	char range[64];
	uint64_t conflicts;
};

/* --- the range --- */

static int parse_range(struct claims *c, const char *range)
{
	struct span address, bits;
	char text[CLAIMS_ADDRESS_SIZE];
	uint64_t prefix;
	unsigned width, host;

	if (!span_cut(span_of(range), '/', &address, &bits) || span_copy(address, text, sizeof(text)) ||
	    span_to_u64(bits, &prefix))
		return -EINVAL;
	c->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	width = c->family == AF_INET ? 32 : 128;
	if (inet_pton(c->family, text, c->base) != 1 || prefix > width)
		return -EINVAL;
	host = width - (unsigned)prefix;
	for (unsigned i = 0; i < host; i++) /* what an operator wrote may lie within the range */
		c->base[(width - 1 - i) / 8] &= (uint8_t) ~(1u << (i % 8));
	if (host < HOST_BITS_MIN)
		return -EINVAL;
	c->host_bits = host;
	c->size = 1u << (host < HOST_BITS_MAX ? host : HOST_BITS_MAX);
	(void)snprintf(c->range, sizeof(c->range), "%s", range);
	return 0;
}

static void address_at(const struct claims *c, uint32_t offset, char out[CLAIMS_ADDRESS_SIZE])
{
	size_t len = c->family == AF_INET ? 4 : 16;
	uint8_t bytes[16];

	memcpy(bytes, c->base, sizeof(bytes));
	for (size_t i = 0; i < 4; i++)
		bytes[len - 1 - i] |= (uint8_t)(offset >> (8 * i));
	(void)inet_ntop(c->family, bytes, out, CLAIMS_ADDRESS_SIZE);
}

/* Written as inet_ntop writes it, so that two spellings of one address are one. False: not of the range's family. */
static bool canonical(const struct claims *c, const char *text, char out[CLAIMS_ADDRESS_SIZE],
		      uint8_t bytes[16])
{
	return inet_pton(c->family, text, bytes) == 1 &&
	       inet_ntop(c->family, bytes, out, CLAIMS_ADDRESS_SIZE);
}

/* Not the first of the range, nor the last of one of IPv4, which would be a broadcast. */
static bool in_range(const struct claims *c, const uint8_t bytes[16])
{
	unsigned width = c->family == AF_INET ? 32 : 128;
	bool any = false, all = true;

	for (unsigned i = 0; i < width; i++) {
		unsigned at = width - 1 - i;
		bool own = bytes[at / 8] >> (i % 8) & 1, base = c->base[at / 8] >> (i % 8) & 1;

		if (i >= c->host_bits && own != base)
			return false;
		if (i < c->host_bits) {
			any = any || own;
			all = all && own;
		}
	}
	return any && (c->family == AF_INET6 || !all);
}

/* --- claims --- */

static struct owner *want_owner(struct claims *c, const char *name)
{
	struct owner *owner = map_get(&c->owners, span_of(name));
	size_t size = strlen(name) + 1;

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner) + size);
	if (!owner)
		return NULL;
	list_init(&owner->claims);
	memcpy(owner->name, name, size);
	if (!map_put(&c->owners, span_of(name), owner, NULL))
		return owner;
	free(owner);
	return NULL;
}

static void release_owner(struct claims *c, struct owner *owner)
{
	if (owner->claims.count)
		return;
	(void)map_remove(&c->owners, span_of(owner->name));
	free(owner);
}

static void drop(struct claims *c, struct claim *claim)
{
	struct owner *owner = claim->owner;

	list_remove(&owner->claims, &claim->in_owner);
	(void)map_remove(&c->all, span_of(claim->text));
	free(claim);
	release_owner(c, owner);
}

static bool is_free(struct claims *c, const char *owner, const char *text, uint64_t now_ms)
{
	struct claim *claim = map_get(&c->all, span_of(text));

	if (!claim || strcmp(claim->owner->name, owner) == 0)
		return true;
	if (!claim->until_ms || claim->until_ms > now_ms)
		return false;
	drop(c, claim);
	return true;
}

static int take(struct claims *c, const char *owner_name, const char *text, bool is_port, uint64_t until_ms)
{
	struct claim *claim = map_get(&c->all, span_of(text));
	struct owner *owner;

	if (claim) { /* its own: a stored one stays so */
		claim->until_ms = claim->until_ms ? until_ms : 0;
		claim->seen = true;
		return 0;
	}
	claim = calloc(1, sizeof(*claim));
	owner = claim ? want_owner(c, owner_name) : NULL;
	if (!owner) {
		free(claim);
		return -ENOMEM;
	}
	*claim = (struct claim){ .owner = owner, .until_ms = until_ms, .is_port = is_port, .seen = true };
	(void)snprintf(claim->text, sizeof(claim->text), "%s", text);
	if (map_put(&c->all, span_of(text), claim, NULL)) {
		free(claim);
		release_owner(c, owner);
		return -ENOMEM;
	}
	list_push(&owner->claims, &claim->in_owner);
	return 0;
}

/* --- stored Services --- */

static int see_one(struct claims *c, const char *owner, const char *text, bool is_port)
{
	struct claim *claim = map_get(&c->all, span_of(text));

	/* What is stored counts more than what somebody may yet store. */
	if (claim && strcmp(claim->owner->name, owner) != 0) {
		if (!claim->until_ms) {
			c->conflicts++;
			return 0;
		}
		drop(c, claim);
	}
	return take(c, owner, text, is_port, 0);
}

static int see_port(struct claims *c, const char *owner, int64_t port)
{
	char text[CLAIMS_ADDRESS_SIZE];

	if (port < 1 || port > 65535)
		return 0;
	(void)snprintf(text, sizeof(text), "%lld", (long long)port);
	return see_one(c, owner, text, true);
}

static int see_addresses(struct claims *c, const char *owner, const struct json *spec)
{
	const struct json *ips = json_get(spec, "clusterIPs");
	char text[CLAIMS_ADDRESS_SIZE];
	uint8_t bytes[16];
	int rc = 0;

	if (canonical(c, json_str(json_get(spec, "clusterIP"), ""), text, bytes))
		rc = see_one(c, owner, text, false);
	for (size_t i = 0; !rc && i < json_count(ips); i++)
		if (canonical(c, json_str(json_at(ips, i), ""), text, bytes))
			rc = see_one(c, owner, text, false);
	return rc;
}

static void drop_stored(struct claims *c, struct owner *owner, bool only_unseen)
{
	/* The owner goes with its last claim, and with it the list. */
	for (size_t left = owner->claims.count; left; left--) {
		struct claim *claim = container_of(list_pop(&owner->claims), struct claim, in_owner);

		list_push(&owner->claims, &claim->in_owner);
		if (!claim->until_ms && !(only_unseen && claim->seen))
			drop(c, claim);
	}
}

int claims_see(struct claims *c, const char *owner_name, const struct json *service)
{
	const struct json *spec = json_get(service, "spec"), *ports = json_get(spec, "ports");
	struct owner *owner = map_get(&c->owners, span_of(owner_name));
	int rc;

	if (owner)
		list_for_each(&owner->claims, at)
			container_of(at, struct claim, in_owner)->seen = false;
	rc = see_addresses(c, owner_name, spec);
	for (size_t i = 0; !rc && i < json_count(ports); i++)
		rc = see_port(c, owner_name, json_int(json_get(json_at(ports, i), "nodePort"), 0));
	if (!rc)
		rc = see_port(c, owner_name, json_int(json_get(spec, "healthCheckNodePort"), 0));
	owner = map_get(&c->owners, span_of(owner_name));
	if (!rc && owner)
		drop_stored(c, owner, true);
	return rc;
}

void claims_lose(struct claims *c, const char *owner_name)
{
	struct owner *owner = map_get(&c->owners, span_of(owner_name));

	if (owner)
		drop_stored(c, owner, false);
}

/* --- asked for --- */

/* The one that the owner was given by a write that did not come through: the next try gets the same. */
static const char *pending_of(const struct claims *c, const char *owner_name)
{
	const struct owner *owner = map_get(&c->owners, span_of(owner_name));

	if (owner)
		list_for_each(&owner->claims, at) {
			const struct claim *claim = container_of(at, struct claim, in_owner);

			if (claim->until_ms && !claim->is_port)
				return claim->text;
		}
	return NULL;
}

static enum claim_refusal settle(struct claims *c, const char *owner, uint64_t now_ms, const char *text,
				 bool is_port)
{
	if (!is_free(c, owner, text, now_ms))
		return CLAIM_TAKEN;
	if (take(c, owner, text, is_port, now_ms + CLAIMS_PENDING_MS))
		return CLAIM_NO_MEMORY;
	return CLAIM_GIVEN;
}

static bool is_unused(struct claims *c, const char *text, uint64_t now_ms)
{
	return is_free(c, "", text, now_ms); /* nobody is called so */
}

static bool pick_between(struct claims *c, uint32_t low, uint32_t high, uint64_t now_ms,
			 char out[CLAIMS_ADDRESS_SIZE])
{
	uint32_t start, span = high - low;

	for (unsigned i = 0; i < TRIES; i++) {
		address_at(c, low + (uint32_t)rng_below(&c->rng, span), out);
		if (is_unused(c, out, now_ms))
			return true;
	}
	start = (uint32_t)rng_below(&c->rng, span);
	for (uint32_t i = 0; i < span; i++) {
		address_at(c, low + (start + i) % span, out);
		if (is_unused(c, out, now_ms))
			return true;
	}
	return false;
}

static bool pick_address(struct claims *c, uint64_t now_ms, char out[CLAIMS_ADDRESS_SIZE])
{
	uint32_t end = c->size - (c->family == AF_INET ? 1 : 0), band = c->size / 16;

	band = band < BAND_MIN ? BAND_MIN : band > BAND_MAX ? BAND_MAX : band;
	if (band < end && pick_between(c, band, end, now_ms, out))
		return true;
	return pick_between(c, 1, band < end ? band : end, now_ms, out);
}

enum claim_refusal claims_address(struct claims *c, const char *owner, uint64_t now_ms, const char *wanted,
				  char out[CLAIMS_ADDRESS_SIZE])
{
	const char *before = wanted[0] ? NULL : pending_of(c, owner);
	uint8_t bytes[16];

	if (before)
		(void)snprintf(out, CLAIMS_ADDRESS_SIZE, "%s", before);
	else if (!wanted[0] && !pick_address(c, now_ms, out))
		return CLAIM_FULL;
	else if (wanted[0] && (!canonical(c, wanted, out, bytes) || !in_range(c, bytes)))
		return CLAIM_OUT_OF_RANGE;
	return settle(c, owner, now_ms, out, false);
}

static bool pick_port(struct claims *c, uint64_t now_ms, char out[CLAIMS_ADDRESS_SIZE])
{
	uint32_t count = CLAIMS_PORT_HIGH - CLAIMS_PORT_LOW + 1, start = (uint32_t)rng_below(&c->rng, count);

	for (uint32_t i = 0; i < count; i++) {
		(void)snprintf(out, CLAIMS_ADDRESS_SIZE, "%u", CLAIMS_PORT_LOW + (start + i) % count);
		if (is_unused(c, out, now_ms))
			return true;
	}
	return false;
}

enum claim_refusal claims_port(struct claims *c, const char *owner, uint64_t now_ms, int64_t wanted,
			       int64_t *out)
{
	char text[CLAIMS_ADDRESS_SIZE];
	uint64_t number = 0;

	if (wanted && (wanted < CLAIMS_PORT_LOW || wanted > CLAIMS_PORT_HIGH))
		return CLAIM_OUT_OF_RANGE;
	if (wanted)
		(void)snprintf(text, sizeof(text), "%lld", (long long)wanted);
	else if (!pick_port(c, now_ms, text))
		return CLAIM_FULL;
	if (span_to_u64(span_of(text), &number))
		return CLAIM_OUT_OF_RANGE;
	*out = (int64_t)number;
	return settle(c, owner, now_ms, text, true);
}

/* --- life --- */

int claims_new(const char *range, uint64_t seed, struct claims **out, struct err *err)
{
	struct claims *c = calloc(1, sizeof(*c));

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	if (parse_range(c, range)) {
		free(c);
		return err_set(err, -EINVAL,
			       "services.clusterIPRange: \"%s\" is no range of addresses like 10.96.0.0/12",
			       range);
	}
	map_init(&c->all, CLAIMS_MAX);
	map_init(&c->owners, CLAIMS_MAX);
	rng_seed(&c->rng, seed);
	*out = c;
	return 0;
}

void claims_free(struct claims *c)
{
	if (!c)
		return;
	map_done(&c->all, free);
	map_done(&c->owners, free);
	free(c);
}

const char *claims_family(const struct claims *c)
{
	return c->family == AF_INET ? "IPv4" : "IPv6";
}

const char *claims_range(const struct claims *c)
{
	return c->range;
}

void claims_stats(const struct claims *c, struct claims_stats *out)
{
	size_t cursor = 0;
	struct span key;
	void *value;

	*out = (struct claims_stats){ .conflicts = c->conflicts };
	while (map_next(&c->all, &cursor, &key, &value)) {
		const struct claim *claim = value;

		out->ports += claim->is_port;
		out->addresses += !claim->is_port;
		out->pending += claim->until_ms != 0;
	}
}
