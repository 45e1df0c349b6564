#include "auth/fork.h"

#include <errno.h>
#include <stdio.h>

#include "base/bigend.h"
#include "base/json.h"
#include "base/text.h"
#include "net/crypt.h"

#define FORK_JSON_MAX 16384u
#define FORK_NUMBER_MAX (UINT64_C(1) << 53) /* sessions; more were never handed out */

/* A host that never got a secret presents nothing: that too has a hash, and stands for the number 0. */
static void hash_of(struct span secret, uint8_t out[FORK_HASH_SIZE])
{
	crypt_sha256(secret, out);
}

static uint64_t number_of(struct span secret)
{
	uint64_t number = secret.len == FORK_SECRET_SIZE ? bigend_load(secret.ptr, 8) : 0;

	return number <= FORK_NUMBER_MAX ? number : 0;
}

static bool same(const uint8_t a[FORK_HASH_SIZE], const uint8_t b[FORK_HASH_SIZE])
{
	return crypt_equal(span_make(a, FORK_HASH_SIZE), span_make(b, FORK_HASH_SIZE));
}

static bool is_denied(const struct fork *fork, const uint8_t hash[FORK_HASH_SIZE])
{
	for (size_t i = 0; i < fork->denied_count; i++)
		if (same(fork->denied[i], hash))
			return true;
	return false;
}

/* Could the holder come with this? */
static bool is_holders(const struct fork *fork, const uint8_t hash[FORK_HASH_SIZE])
{
	return same(fork->offered, hash) || same(fork->confirmed, hash);
}

enum fork_verdict fork_judge(const struct fork *fork, const struct fork_sight *sight)
{
	uint8_t hash[FORK_HASH_SIZE];

	hash_of(sight->presented, hash);
	if (is_denied(fork, hash))
		return FORK_DENIED;
	if (fork->quarantined)
		return FORK_QUARANTINED;
	if (!fork->number || number_of(sight->presented) > fork->number || same(fork->offered, hash))
		return FORK_WELCOME;
	if (!sight->alive)
		return FORK_PROVE;
	if (!sight->unbroken || (same(fork->confirmed, hash) && !sight->kept))
		return FORK_WELCOME;
	return FORK_COPY;
}

void fork_offer(struct fork *fork, struct span presented, const uint8_t random[FORK_RANDOM_SIZE],
		const struct fork_host *host, uint8_t out_secret[FORK_SECRET_SIZE])
{
	uint64_t number = number_of(presented);

	hash_of(presented, fork->confirmed);
	fork->number = (number > fork->number ? number : fork->number) + 1;
	bigend_store(fork->number, sizeof(number), out_secret);
	memcpy(out_secret + sizeof(number), random, FORK_RANDOM_SIZE);
	hash_of(span_make(out_secret, FORK_SECRET_SIZE), fork->offered);
	fork->holder = *host;
	memset(fork->holder.presented, 0, sizeof(fork->holder.presented));
}

/* --- copies --- */

static bool same_host(const struct fork_host *a, const struct fork_host *b)
{
	return strcmp(a->machine_id, b->machine_id) == 0 && strcmp(a->boot_id, b->boot_id) == 0;
}

static bool is_listed(const struct fork *fork, const uint8_t hash[FORK_HASH_SIZE])
{
	for (size_t i = 0; i < fork->host_count; i++)
		if (same(fork->hosts[i].presented, hash))
			return true;
	return false;
}

/* The one to be written over by a new sight of it: itself, or what the same machine was before its last boot. */
static struct fork_host *place_of(struct fork *fork, const struct fork_host *host)
{
	for (size_t i = 0; i < fork->host_count; i++)
		if (same(fork->hosts[i].presented, host->presented) && same_host(&fork->hosts[i], host))
			return &fork->hosts[i];
	if (fork->host_count < FORK_HOSTS_MAX) {
		fork->hosts[fork->host_count] = (struct fork_host){ .seen_wall_ms = 0 };
		return &fork->hosts[fork->host_count++];
	}
	for (size_t i = 0; i < fork->host_count; i++)
		if (same(fork->hosts[i].presented, host->presented) &&
		    strcmp(fork->hosts[i].machine_id, host->machine_id) == 0)
			return &fork->hosts[i];
	return NULL;
}

/* Worth a write? When it was last seen is not. */
static bool replace_host(struct fork_host *place, const struct fork_host *host)
{
	bool changed = !same_host(place, host) || strcmp(place->address, host->address) != 0 ||
		       !same(place->presented, host->presented);

	if (changed)
		*place = *host;
	return changed;
}

bool fork_quarantine(struct fork *fork, struct span presented, const struct fork_host *host)
{
	bool changed = !fork->quarantined;
	struct fork_host sight = *host, *place;

	hash_of(presented, sight.presented);
	/* What a copy came with at first may be what the holder had before its last session: it is that copy's from then on. */
	if (fork->quarantined && is_holders(fork, sight.presented) && !is_listed(fork, sight.presented)) {
		memset(sight.presented, 0, sizeof(sight.presented));
		return replace_host(&fork->holder, &sight);
	}
	fork->quarantined = true;
	place = place_of(fork, &sight);
	return (place && replace_host(place, &sight)) || changed;
}

static void deny(struct fork *fork, const uint8_t hash[FORK_HASH_SIZE])
{
	if (is_denied(fork, hash))
		return;
	if (fork->denied_count == FORK_DENIED_MAX)
		memmove(fork->denied[0], fork->denied[1], sizeof(fork->denied) - sizeof(fork->denied[0]));
	else
		fork->denied_count++;
	memcpy(fork->denied[fork->denied_count - 1], hash, FORK_HASH_SIZE);
}

int fork_release(struct fork *fork, size_t index)
{
	const struct fork_host *kept = index ? &fork->hosts[index - 1] : NULL;

	if (!fork->quarantined || index > fork->host_count)
		return -EINVAL;
	for (size_t i = 0; i < fork->host_count; i++)
		if (!kept || !same(fork->hosts[i].presented, kept->presented))
			deny(fork, fork->hosts[i].presented);
	if (kept) {
		if (!same(fork->confirmed, kept->presented))
			deny(fork, fork->confirmed);
		deny(fork, fork->offered);
		memcpy(fork->confirmed, kept->presented, FORK_HASH_SIZE);
		memcpy(fork->offered, kept->presented, FORK_HASH_SIZE);
		fork->holder = *kept;
		memset(fork->holder.presented, 0, FORK_HASH_SIZE);
	}
	fork->quarantined = false;
	fork->host_count = 0;
	return 0;
}

/* --- the record --- */

static void add_hex(struct buf *out, const uint8_t hash[FORK_HASH_SIZE])
{
	(void)buf_add_char(out, '"');
	(void)text_hex(out, span_make(hash, FORK_HASH_SIZE));
	(void)buf_add_char(out, '"');
}

static void add_host(struct buf *out, const struct fork_host *host)
{
	(void)buf_add_str(out, "{\"machineId\":");
	(void)buf_add_json_str(out, span_of(host->machine_id));
	(void)buf_add_str(out, ",\"bootId\":");
	(void)buf_add_json_str(out, span_of(host->boot_id));
	(void)buf_add_str(out, ",\"address\":");
	(void)buf_add_json_str(out, span_of(host->address));
	(void)buf_addf(out, ",\"seen\":%lld,\"presented\":", (long long)host->seen_wall_ms);
	add_hex(out, host->presented);
	(void)buf_add_char(out, '}');
}

int fork_write(const struct fork *fork, struct buf *out_json)
{
	(void)buf_addf(out_json, "{\"number\":%llu,\"confirmed\":", (unsigned long long)fork->number);
	add_hex(out_json, fork->confirmed);
	(void)buf_add_str(out_json, ",\"offered\":");
	add_hex(out_json, fork->offered);
	(void)buf_addf(out_json, ",\"quarantined\":%s,\"holder\":", fork->quarantined ? "true" : "false");
	add_host(out_json, &fork->holder);
	(void)buf_add_str(out_json, ",\"hosts\":[");
	for (size_t i = 0; i < fork->host_count; i++) {
		if (i)
			(void)buf_add_char(out_json, ',');
		add_host(out_json, &fork->hosts[i]);
	}
	(void)buf_add_str(out_json, "],\"denied\":[");
	for (size_t i = 0; i < fork->denied_count; i++) {
		if (i)
			(void)buf_add_char(out_json, ',');
		add_hex(out_json, fork->denied[i]);
	}
	return buf_add_str(out_json, "]}");
}

static int read_hash(const struct json *value, uint8_t out[FORK_HASH_SIZE])
{
	struct buf bytes;
	int code;

	buf_init(&bytes, FORK_HASH_SIZE);
	code = text_unhex(&bytes, json_span(value));
	if (!code && bytes.len != FORK_HASH_SIZE)
		code = -EINVAL;
	if (!code)
		memcpy(out, bytes.data, FORK_HASH_SIZE);
	buf_done(&bytes);
	return code == -ENOMEM ? code : code ? -EINVAL : 0;
}

static int read_text(const struct json *tree, const char *key, char *out, size_t size)
{
	return span_copy(json_span(json_get(tree, key)), out, size) ? -EINVAL : 0;
}

static int read_host(const struct json *tree, struct fork_host *out)
{
	int code = read_text(tree, "machineId", out->machine_id, sizeof(out->machine_id));

	if (!code)
		code = read_text(tree, "bootId", out->boot_id, sizeof(out->boot_id));
	if (!code)
		code = read_text(tree, "address", out->address, sizeof(out->address));
	out->seen_wall_ms = json_path_int(tree, "seen", 0);
	return code ? code : read_hash(json_get(tree, "presented"), out->presented);
}

static int read_lists(const struct json *tree, struct fork *out)
{
	const struct json *hosts = json_get(tree, "hosts"), *denied = json_get(tree, "denied");
	int code = 0;

	out->host_count = json_count(hosts);
	out->denied_count = json_count(denied);
	if (out->host_count > FORK_HOSTS_MAX || out->denied_count > FORK_DENIED_MAX)
		return -EINVAL;
	for (size_t i = 0; !code && i < out->host_count; i++)
		code = read_host(json_at(hosts, i), &out->hosts[i]);
	for (size_t i = 0; !code && i < out->denied_count; i++)
		code = read_hash(json_at(denied, i), out->denied[i]);
	return code;
}

static int read_tree(const struct json *tree, struct fork *out)
{
	int64_t number = json_path_int(tree, "number", -1);
	int code = number < 0 || !json_is(json_get(tree, "quarantined"), JSON_BOOL) ? -EINVAL : 0;

	out->number = (uint64_t)number;
	out->quarantined = json_path_bool(tree, "quarantined", true);
	if (!code)
		code = read_hash(json_get(tree, "confirmed"), out->confirmed);
	if (!code)
		code = read_hash(json_get(tree, "offered"), out->offered);
	if (!code)
		code = read_host(json_get(tree, "holder"), &out->holder);
	return code ? code : read_lists(tree, out);
}

int fork_parse(struct span json, struct fork *out)
{
	struct json *tree = NULL;
	int code;

	*out = (struct fork){ 0 };
	if (json.len > FORK_JSON_MAX)
		return -EINVAL;
	code = json_parse(json, &tree, NULL);
	if (!code)
		code = read_tree(tree, out);
	json_free(tree);
	return code == -ENOMEM ? code : code ? -EINVAL : 0;
}
