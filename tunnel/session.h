/* session: the accepting end of a tunnel: waits for a Hello, is told to welcome or to refuse, answers pings,
 * notices silence. The counterpart of link, and pure like it. What a session may do is its owner's business.
 *
 * The owner calls session_next() until it is false after every other call. One thread. */
#ifndef HOLDFAST_TUNNEL_SESSION_H
#define HOLDFAST_TUNNEL_SESSION_H

#include "tunnel/message.h"
#include "tunnel/mux.h"

struct session;

#define SESSION_GREETING_MS 10000u /* from accept to Hello (or JoinRequest) */
#define SESSION_DECIDE_MS 30000u   /* from Hello to session_welcome */
#define SESSION_FAREWELL_MS 5000u  /* for a Refuse or GoAway to leave, then the transport is dropped */
#define SESSION_PROBE_MS 5000u	   /* for a peer that is asked whether it is still there */
#define SESSION_PING_MIN_MS 1000u  /* intervals outside these two are brought into them */
#define SESSION_PING_MAX_MS (10u * 60 * 1000)

enum session_state {
	SESSION_GREETING, /* nothing heard yet */
	SESSION_DECIDING, /* Hello, JoinRequest or RenewRequest given out, not answered */
	SESSION_READY,
	SESSION_LEAVING, /* last words being sent */
	SESSION_CLOSED,
};

struct session_options {
	const struct mux_stream_ops *streams;
	struct mux_budget *budget;
	/* Control messages that are not the session's own, when READY. A negative errno ends the session. May
	 * be NULL. */
	int (*on_control)(void *ctx, uint16_t kind, struct span bytes);
	void *ctx;
	const char *const *features; /* NULL-ended, what this hub offers; borrowed for good; NULL: none */
	bool join_only;		     /* takes a JoinRequest instead of a Hello */
	bool renew_only;	     /* takes a RenewRequest instead */
};

enum session_action_type {
	SESSION_HELLO, /* decide: session_welcome or session_refuse, now or later. `hello` lives until then */
	SESSION_JOIN,  /* the same for `join`: session_join_answer or session_refuse */
	SESSION_RENEW, /* the same for `renew`: session_renew_answer or session_refuse */
	SESSION_ALIVE, /* the peer answered session_challenge; `hello` is the one to decide about */
	SESSION_DROP,  /* close the transport; the session is over. Exactly once, and the last action */
};
struct session_action {
	enum session_action_type type;
	const Tunnel__Hello *hello;
	const Tunnel__JoinRequest *join;
	const Tunnel__RenewRequest *renew;
	/* DROP: 0 after last words of this side: let the transport send them (stream_finish). Else it is of no use any
	 * more: -ECONNRESET: the peer closed; -ETIMEDOUT, -EPROTO, ... */
	int code;
	const char *text;
};

int session_new(const struct session_options *options, uint64_t now_ms, struct session **out) must_check;
void session_free(struct session *session); /* NULL is fine */

void session_input(struct session *session, struct span bytes, uint64_t now_ms);
void session_closed(struct session *session, uint64_t now_ms); /* the peer closed, or the transport failed */
void session_tick(struct session *session, uint64_t now_ms);
/* Version, features and interval are filled in from the Hello. Attach channels to session_mux() right
 * after. */
int session_welcome(struct session *session, Tunnel__Welcome *welcome, uint64_t now_ms) must_check;
/* Before the decision about a Hello: has the peer show that it is there now, and not bytes that a dead connection left behind on their
 * way. SESSION_ALIVE follows when it answers; nothing does when it does not. -EINVAL in any other state. */
int session_challenge(struct session *session) must_check;
/* Is the peer still there? When it says nothing at all for SESSION_PROBE_MS the session is over, as after a long silence. It is asked
 * that often at most. -ENOTCONN unless READY. */
int session_probe(struct session *session, uint64_t now_ms) must_check;
int session_join_answer(struct session *session, const Tunnel__JoinResponse *response,
			uint64_t now_ms) must_check;
int session_renew_answer(struct session *session, const Tunnel__RenewResponse *response,
			 uint64_t now_ms) must_check;
void session_refuse(struct session *session, enum refuse_reason reason, const char *text,
		    unsigned retry_after_ms, uint64_t now_ms);
/* Closes a session with a reason the edge can show; SESSION_DROP follows when it is sent. */
void session_go_away(struct session *session, enum refuse_reason reason, const char *text,
		     unsigned retry_after_ms, uint64_t now_ms);
/* -ENOTCONN unless READY. */
int session_send_authority(struct session *session, const Tunnel__Authority *message) must_check;
int session_send_ticket(struct session *session, struct span ticket) must_check;
int session_send_verdict_want(struct session *session, const Tunnel__VerdictWant *message) must_check;
int session_send_clouds(struct session *session, const char *const *clouds) must_check; /* NULL-ended */
/* What pongs say from now on. */
void session_set_clock(struct session *session, uint64_t revision, int64_t wall_ms);

bool session_next(struct session *session, struct session_action *out);
void session_output(struct session *session, struct buf *out, size_t max, uint64_t now_ms);
bool session_wants_output(const struct session *session);
uint64_t session_deadline(const struct session *session);
enum session_state session_state(const struct session *session);
struct mux *session_mux(struct session *session); /* valid as long as the session; NULL when CLOSED */
bool session_has_feature(const struct session *session, const char *feature); /* agreed on by both */
uint64_t session_heard_ms(const struct session *session); /* when the peer last sent anything */

#endif
