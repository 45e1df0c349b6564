#include "tests/unit/edge-hub/region_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/text.h"
#include "tests/tools/tempdir.h"

#define WALL 1700000000000LL
#define LOOK_MS 10u
#define PORT_TRIES_MAX 10u

/* --- the cloud's hand --- */

static void add_base64(struct buf *out, const char *name, struct span bytes)
{
	buf_addf(out, "\"%s\":\"", name);
	assert_int_equal(text_base64(out, bytes), 0);
	buf_add_str(out, "\"");
}

static void add_keys(struct world *w, struct buf *out, unsigned first, unsigned last)
{
	struct buf sealed;

	buf_init(&sealed, REGION_KEY_SEALED_MAX);
	buf_add_str(out, "\"keys\":[");
	for (unsigned g = first; g <= last; g++) {
		buf_addf(out, "%s{\"generation\":%u,\"sealed\":{", g > first ? "," : "", g);
		for (unsigned i = 0; i < w->count; i++) {
			struct region_key_to to = { "east", w->nodes[i].name, g };

			buf_reset(&sealed);
			assert_int_equal(region_key_seal(&to, w->keys[g - 1],
							 span_make(w->nodes[i].key.spki,
								   w->nodes[i].key.spki_len),
							 w->signer, &sealed),
					 0);
			buf_add_str(out, i ? "," : "");
			add_base64(out, w->nodes[i].name, buf_span(&sealed));
		}
		buf_add_str(out, "}}");
	}
	buf_add_str(out, "]");
	buf_done(&sealed);
}

static void add_members(struct world *w, struct buf *out)
{
	buf_add_str(out, "\"members\":[");
	for (unsigned i = 0; i < w->count; i++) {
		const struct world_node *n = &w->nodes[i];

		buf_addf(out, "%s{\"name\":\"%s\",\"addresses\":[\"%s\"],", i ? "," : "", n->name,
			 n->address);
		add_base64(out, "identity", span_make(n->key.spki, n->key.spki_len));
		buf_add_str(out, "}");
	}
	if (w->stranger[0])
		buf_addf(out, ",{\"name\":\"stranger\",\"addresses\":[\"%s\"]}", w->stranger);
	buf_add_str(out, "],");
}

void world_roster(struct world *w, struct world_node *node, unsigned version, unsigned first, unsigned last)
{
	struct object from = { .key = { MEMBERSHIP_RESOURCE, "", "east" }, .uid = "u" };
	struct cache_op op = { .type = CACHE_PUT };
	struct buf json, spki;

	buf_init(&json, ROSTER_BYTES_MAX);
	buf_init(&spki, 256);
	assert_int_equal(x509_key_spki(w->signer, &spki), 0);
	buf_addf(
		&json,
		"{\"metadata\":{\"name\":\"east\"},\"spec\":{\"probeInterval\":\"100ms\",\"probeTimeout\":"
		"\"50ms\",\"verdictTTL\":\"4s\",\"suspicionBeta\":2},\"status\":{\"roster\":{\"version\":%u,",
		version);
	add_base64(&json, "signer", buf_span(&spki));
	buf_add_str(&json, ",");
	add_members(w, &json);
	add_keys(w, &json, first, last);
	buf_add_str(&json, "}}}");
	assert_int_equal(buf_error(&json), 0);
	from.body = buf_span(&json);
	op.object = object_new(&from);
	assert_int_equal(cache_submit(node->cache, &op, 1, NULL, NULL), 0);
	cache_dispatch(node->cache, WALL);
	buf_done(&json);
	buf_done(&spki);
	if (node->peers)
		peers_resource_changed(node->peers, MEMBERSHIP_RESOURCE);
}

/* --- the cloud's ear --- */

static void hear(struct world_node *n, struct span bytes)
{
	const struct roster *roster = n->peers->membership.roster;
	uint8_t digest[X509_SHA256_SIZE];
	const struct roster_member *voter;
	struct verdict verdict;
	struct buf text;

	buf_init(&text, 1024);
	n->verdicts++;
	if (verdict_parse(bytes, &verdict) || !(voter = roster_find_id(roster, verdict.voter)) ||
	    verdict_signed_bytes("east", &verdict, &text) ||
	    x509_check_signature(span_make(voter->identity, voter->identity_len), buf_span(&text),
				 span_make(verdict.signature, verdict.signature_len), digest) ||
	    electorate_set_roster(n->heard, roster) ||
	    electorate_take(n->heard, &verdict, peers_now(n->peers)) < 0)
		n->bad++;
	buf_done(&text);
}

static int send_verdicts(void *ctx, const char *region, const struct span *verdicts, size_t count)
{
	struct world_node *n = ctx;

	assert_string_equal(region, "east");
	for (size_t i = 0; i < count; i++)
		hear(n, verdicts[i]);
	return 0;
}

/* --- life --- */

void world_start(struct world *w, struct world_node *n, uint64_t start)
{
	struct peers_options options = { .loop = w->loop,
					 .cache = n->cache,
					 .key = &n->key,
					 .node = n->name,
					 .region = "east",
					 .listen = n->address,
					 .start = start,
					 .send_verdicts = send_verdicts,
					 .ctx = n };
	struct err err = { 0 };

	assert_int_equal(peers_new(&options, &n->peers, &err), 0);
	/* A port that is free for datagrams may be taken for connections, by whatever else runs here. */
	for (unsigned tries = 0; !n->peers->contact && tries < PORT_TRIES_MAX; tries++) {
		peers_free(n->peers);
		assert_int_equal(peers_new(&options, &n->peers, &err), 0);
	}
	assert_non_null(n->peers->contact);
	snprintf(n->address, sizeof(n->address), "%s", udp_address(n->peers->udp));
	peers_tunnel(n->peers, !n->no_tunnel);
}

static void make_node(struct world *w, unsigned i)
{
	struct world_node *n = &w->nodes[i];
	struct cache_options options = { .path = n->path, .inline_commits = true };
	struct err err = { 0 };
	struct buf spki;

	n->world = w;
	snprintf(n->name, sizeof(n->name), "edge-%u", i + 1);
	snprintf(n->path, sizeof(n->path), "%s/%u.db", w->dir, i);
	snprintf(n->address, sizeof(n->address), "127.0.0.%u:0", i + 1);
	assert_int_equal(cache_open(&options, &n->cache, &err), 0);
	assert_int_equal(electorate_new(&n->heard), 0);
	assert_int_equal(x509_key_new(&n->key.key), 0);
	buf_init(&spki, NODE_KEY_SPKI_MAX);
	assert_int_equal(x509_key_spki(n->key.key, &spki), 0);
	memcpy(n->key.spki, spki.data, spki.len);
	n->key.spki_len = spki.len;
	buf_done(&spki);
}

static void look(void *ctx)
{
	struct world *w = ctx;

	w->done = w->until && w->until(w);
	if (w->done || loop_now_ms(w->loop) >= w->deadline_ms)
		loop_stop(w->loop);
	else
		timer_start(w->timer, LOOK_MS);
}

struct world *world_new(unsigned nodes)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->count = nodes;
	snprintf(w->dir, sizeof(w->dir), "/tmp/holdfast-region-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	random_bytes(w->keys, sizeof(w->keys));
	assert_int_equal(x509_key_new(&w->signer), 0);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(timer_new(w->loop, look, w, &w->timer), 0);
	for (unsigned i = 0; i < nodes; i++)
		make_node(w, i);
	return w;
}

void world_free(struct world *w)
{
	for (unsigned i = 0; i < w->count; i++) {
		struct world_node *n = &w->nodes[i];

		peers_free(n->peers);
		cache_close(n->cache);
		electorate_free(n->heard);
		node_key_done(&n->key);
	}
	timer_close(w->timer);
	loop_free(w->loop);
	x509_key_free(w->signer);
	assert_int_equal(tempdir_remove(w->dir), 0);
	free(w);
}

void world_run(struct world *w, unsigned ms)
{
	w->until = NULL;
	w->deadline_ms = loop_now_ms(w->loop) + ms;
	timer_start(w->timer, LOOK_MS);
	(void)loop_run(w->loop);
}

void world_until(struct world *w, bool (*until)(struct world *world))
{
	w->until = until;
	w->deadline_ms = loop_now_ms(w->loop) + WORLD_PATIENCE_MS;
	timer_start(w->timer, LOOK_MS);
	(void)loop_run(w->loop);
	assert_true(w->done);
}
