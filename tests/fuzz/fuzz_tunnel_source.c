/* What an edge sends on the replication channel, framed, into the source of its session. The first byte says
 * what the edge's Hello claimed. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tunnel/digest.h"
#include "tunnel/replicate_source.h"

#define OBJECTS 5u

static const char *const names[OBJECTS] = { "a", "b", "web", "page", "key" };

static uint8_t rank_of(void *ctx, const char *resource)
{
	return strcmp(resource, "pods") == 0 ? 6 : 3;
}

static int get(void *ctx, const struct key *key, struct object **out)
{
	struct object from = { .key = *key, .uid = "u", .revision = 7, .body = SPAN("{}") };

	if (strcmp(key->name, "broken") == 0)
		return -EBADMSG;
	for (unsigned i = 0; i < OBJECTS; i++) {
		if (strcmp(key->name, names[i]))
			continue;
		*out = object_new(&from);
		return *out ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

static bool on_orphan(void *ctx, const struct key *key, const char *uid, uint64_t revision)
{
	return true;
}

static void fill(struct repl_source *source)
{
	int err = 0;

	for (unsigned i = 0; i < OBJECTS && !err; i++) {
		struct key key = { i < 3 ? "pods" : "configmaps", "shop", names[i] };

		err = repl_source_put(source, &key, rank_of(NULL, key.resource), "u", 7);
	}
	if (!err)
		err = repl_source_ready(source, 9);
}

static void drain(struct mux *mux)
{
	struct buf out;

	buf_init(&out, MUX_RECORD_MAX);
	for (int i = 0; i < 8 && mux_wants_output(mux); i++) {
		buf_reset(&out);
		if (mux_output(mux, &out, MUX_RECORD_MAX) || !out.len)
			break;
	}
	buf_done(&out);
}

static void release_some(struct repl_source *source)
{
	struct key key = { "pods", "shop", "web" };

	(void)!repl_source_release(source, &key, "v");
	(void)!repl_source_gone(source, &key, "u");
	key.name = "a";
	(void)!repl_source_leave(source, &key);
	repl_source_position(source, 20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const feeds[] = { "pods", "configmaps", NULL };
	uint8_t epoch[CACHE_EPOCH_SIZE] = { 1 }, root[DIGEST_SIZE] = { 2 };
	Tunnel__Cursor cursor = TUNNEL__CURSOR__INIT;
	struct mux_options mux_options = { 0 };
	struct repl_source_options options = { .cursor = &cursor,
					       .epoch = epoch,
					       .feeds = feeds,
					       .workload_rank = 6,
					       .rank_of = rank_of,
					       .get = get,
					       .on_orphan = on_orphan };
	struct repl_source *source = NULL;
	struct mux *mux = NULL;

	if (size < 1 || mux_new(&mux_options, &mux))
		return 0;
	options.mux = mux;
	options.unbroken = data[0] & 1;
	cursor.objects = data[0] & 2 ? 3 : 0;
	cursor.orphans = data[0] & 4 ? 2 : 0;
	cursor.epoch.data = epoch;
	cursor.epoch.len = data[0] & 8 ? sizeof(epoch) : 0;
	cursor.root.data = root;
	cursor.root.len = sizeof(root);
	if (repl_source_new(&options, &source) == 0) {
		mux_set_channel(mux, MUX_REPLICATION, &repl_source_channel, source);
		fill(source);
		drain(mux);
		(void)!mux_input(mux, span_make(data + 1, size - 1));
		drain(mux);
		release_some(source);
		drain(mux);
	}
	mux_set_channel(mux, MUX_REPLICATION, NULL, NULL);
	repl_source_free(source);
	mux_free(mux);
	return 0;
}
