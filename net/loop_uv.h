/* loop_uv: what the files of net/ share about a loop and nobody else sees: the libuv loop, late
 * tasks, the shared read buffers, and readiness of descriptors. */
#ifndef HOLDFAST_NET_LOOP_UV_H
#define HOLDFAST_NET_LOOP_UV_H

#include <uv.h>

#include "base/list.h"
#include "net/loop.h"

#define LOOP_READ_SIZE (64u * 1024)  /* one recv at most */
#define LOOP_PLAIN_SIZE (16u * 1024) /* one decrypted TLS record */

/* Something to do soon, from the loop and outside every other callback. Embedded in its owner. */
struct loop_task {
	struct list_node node;
	void (*run)(struct loop_task *task);
};

/* Something that ends by itself but later, with no owner any more; loop_free does not wait for it. Embedded. */
struct loop_orphan {
	struct list_node node;
	void (*close)(struct loop_orphan *orphan); /* takes it out of the list */
};

struct loop {
	uv_loop_t uv;
	uv_idle_t idle; /* active while tasks wait */
	struct list tasks;
	struct list orphans;
	unsigned works;
	unsigned lookups; /* of names, those included that nobody waits for any more */
	/* Shared by all streams of the loop, so that an idle connection costs no buffer. Valid for one callback. */
	char *read_buf;
	char *plain_buf;
};

/* Runs the task once in the next round; a task already waiting stays where it is. */
void loop_post(struct loop *loop, struct loop_task *task);

/* poller: readiness of one descriptor, which stays the caller's. Level-triggered. */
struct poller;
typedef void (*poller_ready)(void *ctx, bool readable, bool writable);
int poller_new(struct loop *loop, int fd, poller_ready on_ready, void *ctx, struct poller **out) must_check;
void poller_want(struct poller *poller, bool readable, bool writable);
void poller_close(struct poller *poller); /* the descriptor may be closed right after. NULL is fine */

#endif
