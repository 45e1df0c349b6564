/* renewer: keeps this node's certificate, and the authorities it trusts, up to date: binds renewal.h to the identity on the disk and
 * to a question to the cloud. Each renewal makes a new key; the old identity is good until the new one is stored whole, and the
 * cloud takes both keys until it has seen the new one, so that a power cut at any moment leaves a node that gets in. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_RENEWER_H
#define HOLDFAST_EDGE_HUB_LINK_RENEWER_H

#include "edge-hub/identity.h"
#include "edge-hub/node/timekeeper.h"
#include "net/loop.h"
#include "net/proxy.h"
#include "tunnel/message.h"

struct renewer;

struct renewer_options {
	struct loop *loop;
	const char *data_dir;
	struct vault *vault;
	struct identity *identity; /* its chain, key and authority are replaced, between callbacks only */
	struct timekeeper *timekeeper;
	struct proxy *proxy; /* borrowed; NULL: directly */
	/* The identity has changed, in memory and on the disk. */
	void (*on_changed)(void *ctx);
	void *ctx;
};
int renewer_new(const struct renewer_options *options, struct renewer **out, struct err *err) must_check;
void renewer_start(struct renewer *renewer);
void renewer_free(struct renewer *renewer); /* NULL is fine */

/* The cloud tells of its authorities. 0: what it sent is stored, or it sent nothing new; the cloud is to be told (on_changed was
 * called if something changed); else it is not to be. */
int renewer_told(struct renewer *renewer, const Tunnel__Authority *message) must_check;
/* The cloud does not take the certificate. */
void renewer_refused(struct renewer *renewer);

struct renewer_status {
	int64_t not_before_wall_ms, not_after_wall_ms;
	const char *last_error; /* of the last attempt; "" after a good one */
};
void renewer_status(const struct renewer *renewer, struct renewer_status *out);

#endif
