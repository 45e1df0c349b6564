/* fixture: a loop that runs until something has happened or the test has failed, and two ends of a
 * connection that record what happens to them. For the tests of net/. */
#ifndef HOLDFAST_TESTS_NET_FIXTURE_H
#define HOLDFAST_TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <errno.h>

#include "base/buf.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls.h"

#define PATIENCE_MS 10000u

/* Runs the loop until *flag; fails the test after PATIENCE_MS. */
void run_until(struct loop *loop, const bool *flag);
/* Lets the loop do what is ready, for about this long; only where the test is that nothing happens. */
void run_for(struct loop *loop, unsigned ms);

/* One end: records, and does what the test has set. */
struct end {
	struct stream *stream;
	struct buf got;
	bool opened, closed, eof, drained, any;
	unsigned drains;
	struct err why;
	size_t want; /* full is set when got.len reaches it */
	bool full;
	bool echo; /* sends back what comes */
	bool close_on_data, close_on_open;
	bool half; /* half-closes are reported instead of ending the stream */
};
void end_init(struct end *end);
void end_done(struct end *end);
const struct stream_events *end_events(const struct end *end);

struct server {
	struct listener *listener;
	struct end ends[64];
	size_t accepted;
	bool accepted_one;
	struct err refusal;
	unsigned refusals;
	bool refused;
	bool echo, half, pause;
};
/* Listens on 127.0.0.1, any port, or on `address`. */
void server_start(struct server *server, struct loop *loop, const char *address,
		  const struct stream_options *options, size_t max);
void server_stop(struct server *server);

/* A blocking socket of its own, connected to "127.0.0.1:PORT". */
int raw_connect(const char *address);
void connect_end(struct loop *loop, const char *address, const struct stream_options *options,
		 struct end *end);

#endif
