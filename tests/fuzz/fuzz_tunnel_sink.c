/* What a cloud sends on the replication channel, framed, into the sink of a small replica in memory. */
#include <stdint.h>
#include <stdlib.h>

#include "tests/tools/faultyvfs.h"
#include "tunnel/replicate_sink.h"

#define VFS "fuzz-sink"

static void prepare(struct cache *cache)
{
	static const char *const names[] = { "a", "web", "late" };

	for (unsigned i = 0; i < 3; i++) {
		struct object from = { .key = { i == 0 ? "configmaps" : "pods", "shop", names[i] },
				       .uid = "u",
				       .origin = 5,
				       .body = SPAN("{}") };
		struct cache_op ops[2] = { { .type = CACHE_PUT },
					   { .type = CACHE_MARK,
					     .mark = REPL_SINK_ORPHAN_PREFIX "pods/shop/late",
					     .value = SPAN("u") } };

		ops[0].object = object_new(&from);
		if (ops[0].object)
			(void)!cache_submit(cache, ops, i == 2 ? 2 : 1, NULL, NULL);
	}
	cache_dispatch(cache, 0);
}

static void feed(struct cache *cache, struct repl_sink *sink, struct mux *mux, struct span bytes)
{
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	struct buf out;
	int err;

	if (repl_sink_hello(sink, &hello))
		return;
	repl_sink_attach(sink, mux);
	buf_init(&out, MUX_RECORD_MAX);
	err = mux_input(mux, bytes);
	for (int i = 0; i < 8; i++) {
		cache_dispatch(cache, 0);
		buf_reset(&out);
		if (err || mux_output(mux, &out, MUX_RECORD_MAX) || !out.len)
			break;
	}
	buf_done(&out);
	cache_dispatch(cache, 0);
	repl_sink_detach(sink);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cache_options options = { .path = "/replica.db", .vfs = VFS, .inline_commits = true };
	struct mux_options mux_options = { .dialer = true };
	struct faultyvfs *disk = faultyvfs_new(VFS, 1);
	struct cache *cache = NULL;
	struct repl_sink *sink = NULL;
	struct mux *mux = NULL;

	if (!disk)
		return 0;
	if (cache_open(&options, &cache, NULL) == 0) {
		prepare(cache);
		if (mux_new(&mux_options, &mux) == 0 && repl_sink_new(cache, NULL, NULL, &sink) == 0)
			feed(cache, sink, mux, span_make(data, size));
		repl_sink_free(sink);
		mux_free(mux);
		cache_close(cache);
	}
	faultyvfs_free(disk);
	return 0;
}
