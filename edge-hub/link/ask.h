/* ask: one question to the cloud over a connection of its own: dials the addresses in turn, sends one message, waits for its
 * answer or a refusal. No session comes of it. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_ASK_H
#define HOLDFAST_EDGE_HUB_LINK_ASK_H

#include "net/loop.h"
#include "net/proxy.h"
#include "net/tls.h"
#include "tunnel/message.h"

struct ask;

#define ASK_ADDRESSES_MAX 16u
#define ASK_ANSWER_MS 40000u /* for each address, from dialling to the answer */

struct ask_result {
	struct err
		err; /* code 0: answered; -EACCES: refused, with the hub's own words; else the last address's trouble */
	unsigned reason; /* of a refusal: enum refuse_reason */
	unsigned
		retry_after_ms; /* what the hub asked for: a refusal, or no time for a handshake; 0: nothing */
	/* Of the hub's certificate, with an answer: what it says of the time is judged by these. */
	int64_t not_before_wall_ms, not_after_wall_ms;
	void *answer; /* the decoded message; freed after on_done, unless that takes it and leaves NULL */
};
struct ask_options {
	struct loop *loop;
	const char *const *clouds; /* "HOST:PORT", NULL-ended; copied */
	struct tls_context *tls;   /* one reference is taken */
	const char *server_name;   /* static */
	struct proxy *proxy;	   /* borrowed; NULL: directly */
	unsigned reach_timeout_ms; /* as of stream_options */
	uint16_t question_kind, answer_kind;
	struct span question; /* the encoded message; copied */
	/* Once, from the loop. The ask may be freed in it. */
	void (*on_done)(void *ctx, struct ask_result *result);
	void *ctx;
};
/* -EINVAL: no address, or the question is too long for a message. */
int ask_new(const struct ask_options *options, struct ask **out) must_check;
void ask_free(struct ask *ask); /* NULL is fine; no callback follows */

#endif
