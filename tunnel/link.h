/* link: the dialing end's connection life: dial, greet, ping, notice death, back off, try the next address.
 *
 * Pure: told the time and what happened, it says what to do next. The shell owns the transport: after every
 * call it empties link_next(), writes link_output() whenever the transport has drained, and calls link_tick()
 * at link_deadline(). The link owns the mux of the current connection; channels are attached at LINK_UP. One
 * thread. */
#ifndef HOLDFAST_TUNNEL_LINK_H
#define HOLDFAST_TUNNEL_LINK_H

#include "tunnel/message.h"
#include "tunnel/mux.h"

struct link;

#define LINK_PING_INTERVAL_MS 30000u /* half-open is known dead within two of these */
#define LINK_GREETING_MS 10000u	     /* from transport open to Welcome */
#define LINK_DIAL_MS 15000u	     /* from dial to transport open */
#define LINK_BACKOFF_BASE_MS 1000u
#define LINK_BACKOFF_CAP_MS 60000u
/* A cloud that cannot be reached is mostly back soon, by a cable or a restart: so for a while it is looked for more often. */
#define LINK_SOON_CAP_MS 8000u
#define LINK_SOON_MS (10u * 60 * 1000)
/* For an address to answer at all, before the next one is tried; doubled after each round of all addresses, up to LINK_DIAL_MS. */
#define LINK_REACH_MS 4000u
#define LINK_RETRY_AFTER_MAX_MS (60u * 60 * 1000) /* a hub may ask for no longer pause */
#define LINK_CLOUDS_MAX 16u			  /* addresses in rotation */
#define LINK_ADDRESS_MAX 300u

enum link_state {
	LINK_STOPPED, /* before link_start and after link_stop */
	LINK_WAITING, /* until the next attempt */
	LINK_DIALING,
	LINK_GREETING, /* transport open, Hello sent */
	LINK_READY,    /* Welcome received */
};

struct link_options {
	const char *const *clouds; /* "HOST:PORT", NULL-ended, at least one; copied */
	uint64_t seed;		   /* of the jitter */
	unsigned ping_interval_ms; /* these four: 0 for the defaults above */
	unsigned greeting_ms;
	unsigned backoff_base_ms;
	unsigned backoff_cap_ms;
	const struct mux_stream_ops *streams; /* of every connection's mux */
	/* Fills in the Hello at the moment of sending; what it points to must live until the function's
	 * caller returns to the loop. Versions, features and interval are set already. Nonzero: cannot greet
	 * now, counts as a failed attempt. */
	int (*hello)(void *ctx, Tunnel__Hello *hello);
	/* Control messages that are not the link's own. A negative errno ends the connection. May be NULL:
	 * skipped. */
	int (*on_control)(void *ctx, uint16_t kind, struct span bytes);
	void *ctx; /* of the three above */
};

enum link_action_type {
	LINK_DIAL, /* open a transport to `address`, reached within `reach_ms`; answer with link_opened or link_closed */
	LINK_DROP, /* close the transport at once; link_closed is not wanted for it (harmless) */
	LINK_UP,   /* welcomed: `welcome` is valid until the next call; attach channels to link_mux() now */
	LINK_DOWN, /* the session is over: detach; the mux is gone. Follows every LINK_UP exactly once */
	LINK_REFUSED, /* the hub said no (`reason`, `text`); trying again later all the same */
	LINK_CLOUDS,  /* other addresses, or another order of them, to be stored: link_cloud() */
	LINK_PONG,    /* the cloud's `revision` and `wall_ms`, `rtt_ms` measured */
};
struct link_action {
	enum link_action_type type;
	const char *address; /* borrowed until the next call, like everything here */
	unsigned reach_ms;
	const Tunnel__Welcome *welcome;
	unsigned reason;  /* REFUSED: enum refuse_reason */
	int code;	  /* DOWN: -ETIMEDOUT: silence; -EPROTO, -EBADMSG, ...: the peer broke the rules */
	const char *text; /* DOWN, REFUSED: a sentence for a person */
	uint64_t revision;
	int64_t wall_ms;
	unsigned rtt_ms;
	uint64_t
		asked_ms; /* UP, PONG: when that was asked to which this is the answer; 0: not known any more */
};

int link_new(const struct link_options *options, struct link **out) must_check;
void link_free(struct link *link); /* NULL is fine */

void link_start(struct link *link, uint64_t now_ms);
void link_stop(struct link *link, uint64_t now_ms); /* drops what there is; LINK_DOWN follows if it was up */
void link_opened(struct link *link, uint64_t now_ms);
void link_closed(struct link *link, int code, uint64_t now_ms);
/* The attempt about to be closed ended with the wish to come back after so long, by somebody who is not known: a hint, cut to a minute. */
void link_later(struct link *link, unsigned retry_after_ms);
void link_input(struct link *link, struct span bytes, uint64_t now_ms);
void link_tick(struct link *link, uint64_t now_ms);
void link_network_changed(struct link *link,
			  uint64_t now_ms); /* the node's addresses or routes: redial now */
/* Replaces the rotation (same rules as in options); -EINVAL keeps the old one. The current connection
 * stays. */
int link_set_clouds(struct link *link, const char *const *clouds) must_check;

bool link_next(struct link *link, struct link_action *out); /* false: nothing to do */
/* At most `max` bytes to send now, nothing if none. Errors inside end the connection through link_next. */
void link_output(struct link *link, struct buf *out, size_t max, uint64_t now_ms);
bool link_wants_output(const struct link *link);
uint64_t link_deadline(const struct link *link); /* TIMERQ_NEVER when stopped */

enum link_state link_state(const struct link *link);
struct mux *link_mux(struct link *link); /* NULL unless LINK_READY */
size_t link_cloud_count(const struct link *link);
const char *link_cloud(const struct link *link,
		       size_t index); /* NULL past the end; the last good one first */
const char *link_state_name(enum link_state state);

#endif
