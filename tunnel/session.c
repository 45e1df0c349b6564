#include "tunnel/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/timerq.h"

#define FEATURES_MAX 64u

struct session {
	struct session_options options;
	enum session_state state;
	struct mux *mux;
	uint64_t deadline_ms; /* of the state; unused when READY */
	uint64_t heard_ms, now_ms;
	unsigned interval_ms;
	uint64_t revision;
	int64_t wall_ms;
	uint64_t features; /* agreed on, by index in options.features */
	Tunnel__Hello *hello;
	Tunnel__JoinRequest *join;
	Tunnel__RenewRequest *renew;
	unsigned version;
	bool tell; /* the HELLO, JOIN or RENEW action is due */
	bool challenged, tell_alive;
	uint64_t probe_ms;  /* the peer has until then to say anything; 0: it was not asked */
	uint64_t probed_ms; /* not asked again before */
	bool dropped;	    /* the DROP action is due */
	bool told_drop;
	int code;
};

static const struct mux_channel_ops control_ops;

static void set_state(struct session *session, enum session_state state)
{
	assert_always(state > session->state); /* it only ever goes forward */
	session->state = state;
}

static void end(struct session *session, int code)
{
	if (session->state == SESSION_CLOSED)
		return;
	set_state(session, SESSION_CLOSED);
	session->code = code;
	session->tell = session->tell_alive = false;
	session->dropped = true;
	mux_abort(session->mux);
}

int session_new(const struct session_options *options, uint64_t now_ms, struct session **out)
{
	struct session *session = calloc(1, sizeof(*session));
	struct mux_options mux = { .streams = options->streams,
				   .ctx = options->ctx,
				   .budget = options->budget };
	int err;

	if (!session)
		return -ENOMEM;
	session->options = *options;
	if (options->join_only || options->renew_only)
		mux.message_max = MESSAGE_CONTROL_MAX;
	err = mux_new(&mux, &session->mux);
	if (err) {
		free(session);
		return err;
	}
	mux_set_channel(session->mux, MUX_CONTROL, &control_ops, session);
	session->heard_ms = now_ms;
	session->deadline_ms = now_ms + SESSION_GREETING_MS;
	*out = session;
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	mux_free(session->mux);
	message_free(MSG_HELLO, session->hello);
	message_free(MSG_JOIN_REQUEST, session->join);
	message_free(MSG_RENEW_REQUEST, session->renew);
	free(session);
}

static int send_message(struct session *session, uint16_t kind, const void *message)
{
	struct blob *bytes = message_blob(kind, message);
	int err = bytes ? mux_send_control(session->mux, kind, blob_span(bytes)) : -ENOMEM;

	blob_unref(bytes);
	return err;
}

static void leave(struct session *session, uint16_t kind, const void *message, uint64_t now_ms)
{
	int err = send_message(session, kind, message);

	if (err) {
		end(session, err);
		return;
	}
	set_state(session, SESSION_LEAVING);
	session->tell_alive = false;
	session->deadline_ms = now_ms + SESSION_FAREWELL_MS;
	/* Last words only: what the channels still have to say is of no use any more. */
	mux_set_channel(session->mux, MUX_REPLICATION, NULL, NULL);
	mux_set_channel(session->mux, MUX_OUTBOX, NULL, NULL);
}

void session_refuse(struct session *session, enum refuse_reason reason, const char *text,
		    unsigned retry_after_ms, uint64_t now_ms)
{
	Tunnel__Refuse refuse = TUNNEL__REFUSE__INIT;

	if (session->state >= SESSION_LEAVING)
		return;
	refuse.reason = reason;
	refuse.text = (char *)text;
	refuse.retry_after_ms = retry_after_ms;
	leave(session, MSG_REFUSE, &refuse, now_ms);
}

void session_go_away(struct session *session, enum refuse_reason reason, const char *text,
		     unsigned retry_after_ms, uint64_t now_ms)
{
	Tunnel__GoAway away = TUNNEL__GO_AWAY__INIT;

	if (session->state >= SESSION_LEAVING)
		return;
	away.reason = reason;
	away.text = (char *)text;
	away.retry_after_ms = retry_after_ms;
	leave(session, MSG_GO_AWAY, &away, now_ms);
}

int session_send_clouds(struct session *session, const char *const *clouds)
{
	Tunnel__Clouds message = TUNNEL__CLOUDS__INIT;

	if (session->state != SESSION_READY)
		return -ENOTCONN;
	while (clouds[message.n_addresses])
		message.n_addresses++;
	message.addresses = (char **)clouds;
	return send_message(session, MSG_CLOUDS, &message);
}

static unsigned clamp_interval(unsigned interval_ms)
{
	if (interval_ms < SESSION_PING_MIN_MS)
		return SESSION_PING_MIN_MS;
	return interval_ms < SESSION_PING_MAX_MS ? interval_ms : SESSION_PING_MAX_MS;
}

static void agree_features(struct session *session)
{
	const char *const *offered = session->options.features;

	for (size_t i = 0; offered && offered[i] && i < FEATURES_MAX; i++)
		for (size_t j = 0; j < session->hello->n_features; j++)
			if (strcmp(offered[i], session->hello->features[j]) == 0)
				session->features |= UINT64_C(1) << i;
}

bool session_has_feature(const struct session *session, const char *feature)
{
	const char *const *offered = session->options.features;

	for (size_t i = 0; offered && offered[i] && i < FEATURES_MAX; i++)
		if (strcmp(offered[i], feature) == 0)
			return session->features >> i & 1;
	return false;
}

int session_welcome(struct session *session, Tunnel__Welcome *welcome, uint64_t now_ms)
{
	char *features[FEATURES_MAX];
	size_t count = 0;
	int err;

	if (session->state != SESSION_DECIDING || !session->hello)
		return -EINVAL;
	for (size_t i = 0; i < FEATURES_MAX; i++)
		if (session->features >> i & 1)
			features[count++] = (char *)session->options.features[i];
	welcome->version = session->version;
	welcome->features = features;
	welcome->n_features = count;
	welcome->ping_interval_ms = session->interval_ms;
	err = send_message(session, MSG_WELCOME, welcome);
	welcome->features = NULL;
	welcome->n_features = 0;
	if (err)
		return err;
	session->heard_ms = now_ms;
	session->tell_alive = false;
	session->revision = welcome->revision;
	session->wall_ms = welcome->wall_ms;
	set_state(session, SESSION_READY);
	return 0;
}

int session_join_answer(struct session *session, const Tunnel__JoinResponse *response, uint64_t now_ms)
{
	if (session->state != SESSION_DECIDING || !session->join)
		return -EINVAL;
	leave(session, MSG_JOIN_RESPONSE, response, now_ms);
	return session->state == SESSION_LEAVING ? 0 : session->code;
}

int session_renew_answer(struct session *session, const Tunnel__RenewResponse *response, uint64_t now_ms)
{
	if (session->state != SESSION_DECIDING || !session->renew)
		return -EINVAL;
	leave(session, MSG_RENEW_RESPONSE, response, now_ms);
	return session->state == SESSION_LEAVING ? 0 : session->code;
}

int session_send_ticket(struct session *session, struct span ticket)
{
	Tunnel__Ticket message = TUNNEL__TICKET__INIT;

	message.ticket.data = (uint8_t *)ticket.ptr;
	message.ticket.len = ticket.len;
	return session->state == SESSION_READY ? send_message(session, MSG_TICKET, &message) : -ENOTCONN;
}

int session_send_authority(struct session *session, const Tunnel__Authority *message)
{
	return session->state == SESSION_READY ? send_message(session, MSG_AUTHORITY, message) : -ENOTCONN;
}

int session_send_verdict_want(struct session *session, const Tunnel__VerdictWant *message)
{
	return session->state == SESSION_READY ? send_message(session, MSG_VERDICT_WANT, message) : -ENOTCONN;
}

int session_challenge(struct session *session)
{
	Tunnel__Ping ping = TUNNEL__PING__INIT;

	if (session->state != SESSION_DECIDING)
		return -EINVAL;
	session->challenged = true;
	ping.id = 1;
	return send_message(session, MSG_PING, &ping);
}

int session_probe(struct session *session, uint64_t now_ms)
{
	Tunnel__Ping ping = TUNNEL__PING__INIT;
	int err;

	if (session->state != SESSION_READY)
		return -ENOTCONN;
	if (now_ms < session->probed_ms)
		return 0;
	ping.id = 1;
	err = send_message(session, MSG_PING, &ping);
	if (!err)
		session->probe_ms = session->probed_ms = now_ms + SESSION_PROBE_MS;
	return err;
}

/* --- what comes in --- */

static void on_versions(struct session *session, unsigned min, unsigned max)
{
	char text[256];

	session->version = max < TUNNEL_VERSION_MAX ? max : TUNNEL_VERSION_MAX;
	session->deadline_ms = session->now_ms + SESSION_DECIDE_MS;
	set_state(session, SESSION_DECIDING);
	if (min <= TUNNEL_VERSION_MAX && max >= TUNNEL_VERSION_MIN) {
		session->tell = true;
		return;
	}
	snprintf(text, sizeof(text),
		 "no tunnel version in common: the cloud-hub speaks %u to %u, the edge-hub %u to %u; the %s "
		 "one is too old",
		 TUNNEL_VERSION_MIN, TUNNEL_VERSION_MAX, min, max,
		 min > TUNNEL_VERSION_MAX ? "former" : "latter");
	session_refuse(session, REFUSE_VERSION, text, 0, session->now_ms);
}

static int on_hello(struct session *session, struct span bytes)
{
	void *message;
	int err;

	if (session->state != SESSION_GREETING || session->options.join_only || session->options.renew_only)
		return -EPROTO;
	err = message_decode(MSG_HELLO, bytes, &message);
	if (err)
		return err;
	session->hello = message;
	session->interval_ms = clamp_interval(session->hello->ping_interval_ms);
	agree_features(session);
	on_versions(session, session->hello->version_min, session->hello->version_max);
	return 0;
}

static int on_join(struct session *session, struct span bytes)
{
	void *message;
	int err;

	if (session->state != SESSION_GREETING || !session->options.join_only)
		return -EPROTO;
	err = message_decode(MSG_JOIN_REQUEST, bytes, &message);
	if (err)
		return err;
	session->join = message;
	on_versions(session, session->join->version_min, session->join->version_max);
	return 0;
}

static int on_renew(struct session *session, struct span bytes)
{
	void *message;
	int err;

	if (session->state != SESSION_GREETING || !session->options.renew_only)
		return -EPROTO;
	err = message_decode(MSG_RENEW_REQUEST, bytes, &message);
	if (err)
		return err;
	session->renew = message;
	on_versions(session, session->renew->version_min, session->renew->version_max);
	return 0;
}

static int on_ping(struct session *session, struct span bytes)
{
	Tunnel__Pong pong = TUNNEL__PONG__INIT;
	void *message;
	int err;

	if (session->state != SESSION_READY)
		return -EPROTO;
	err = message_decode(MSG_PING, bytes, &message);
	if (err)
		return err;
	pong.id = ((Tunnel__Ping *)message)->id;
	pong.revision = session->revision;
	pong.wall_ms = session->wall_ms;
	message_free(MSG_PING, message);
	return send_message(session, MSG_PONG, &pong);
}

static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct session *session = ctx;

	if (session->state >= SESSION_LEAVING)
		return 0;
	switch (kind) {
	case MSG_HELLO: return on_hello(session, bytes);
	case MSG_JOIN_REQUEST: return on_join(session, bytes);
	case MSG_RENEW_REQUEST: return on_renew(session, bytes);
	case MSG_PING: return on_ping(session, bytes);
	case MSG_PONG:
		session->tell_alive |= session->challenged && session->state == SESSION_DECIDING;
		session->challenged = false;
		return 0;
	default:
		/* Nobody speaks of anything before the greeting is over, except of what this release does not know. */
		if (session->state == SESSION_GREETING)
			return -EPROTO;
		if (!message_known(kind))
			return 0;
		if (session->state != SESSION_READY)
			return -EPROTO;
		if (!session->options.on_control)
			return 0;
		return session->options.on_control(session->options.ctx, kind, bytes);
	}
}

static const struct mux_channel_ops control_ops = { .on_message = on_control };

void session_input(struct session *session, struct span bytes, uint64_t now_ms)
{
	int err;

	if (session->state == SESSION_CLOSED)
		return;
	session->now_ms = now_ms;
	session->heard_ms = now_ms;
	if (bytes.len)
		session->probe_ms = 0;
	err = mux_input(session->mux, bytes);
	if (err)
		end(session, err);
}

void session_closed(struct session *session, uint64_t now_ms)
{
	session->now_ms = now_ms;
	end(session, -ECONNRESET);
}

void session_set_clock(struct session *session, uint64_t revision, int64_t wall_ms)
{
	session->revision = revision;
	session->wall_ms = wall_ms;
}

/* --- what goes out --- */

bool session_next(struct session *session, struct session_action *out)
{
	*out = (struct session_action){ 0 };
	if (session->tell) {
		session->tell = false;
		out->type = session->hello ? SESSION_HELLO : session->join ? SESSION_JOIN : SESSION_RENEW;
		out->hello = session->hello;
		out->join = session->join;
		out->renew = session->renew;
		return true;
	}
	if (session->tell_alive) {
		session->tell_alive = false;
		out->type = SESSION_ALIVE;
		out->hello = session->hello;
		return true;
	}
	if (session->dropped && !session->told_drop) {
		session->told_drop = true;
		out->type = SESSION_DROP;
		out->code = session->code;
		out->text = frame_error_text(session->code);
		return true;
	}
	return false;
}

void session_output(struct session *session, struct buf *out, size_t max, uint64_t now_ms)
{
	int err;

	if (session->state == SESSION_CLOSED)
		return;
	session->now_ms = now_ms;
	err = mux_output(session->mux, out, max);
	if (err)
		end(session, err);
	else if (session->state == SESSION_LEAVING && !mux_wants_output(session->mux))
		end(session, 0);
}

bool session_wants_output(const struct session *session)
{
	return session->state != SESSION_CLOSED &&
	       (mux_wants_output(session->mux) || session->state == SESSION_LEAVING);
}

uint64_t session_deadline(const struct session *session)
{
	uint64_t silence_ms = session->heard_ms + 2 * (uint64_t)session->interval_ms;

	if (session->state == SESSION_CLOSED)
		return TIMERQ_NEVER;
	if (session->state != SESSION_READY)
		return session->deadline_ms;
	return session->probe_ms && session->probe_ms < silence_ms ? session->probe_ms : silence_ms;
}

void session_tick(struct session *session, uint64_t now_ms)
{
	session->now_ms = now_ms;
	if (now_ms < session_deadline(session))
		return;
	if (session->state == SESSION_DECIDING)
		session_refuse(session, REFUSE_BUSY, "the hub is busy", SESSION_DECIDE_MS, now_ms);
	else
		end(session, -ETIMEDOUT);
}

enum session_state session_state(const struct session *session)
{
	return session->state;
}

struct mux *session_mux(struct session *session)
{
	return session->state == SESSION_CLOSED ? NULL : session->mux;
}

uint64_t session_heard_ms(const struct session *session)
{
	return session->heard_ms;
}
