#include "edge-hub/link/uplink.h"

#include "auth/authority.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timerq.h"
#include "edge-hub/link/kept_session.h"
#include "edge-hub/link/routes.h"
#include "net/stream.h"
#include "net/tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "link"
#define NOTSENT_LOWAT (16 * 1024)

struct uplink {
	struct uplink_options options;
	struct link *link;
	struct tls_context *tls;
	struct stream *stream;
	struct timer *timer;
	struct wakeup *wakeup;
	struct routes *routes;
	char last_error[256];
	unsigned refused;
	uint64_t heard_ms, since_ms, connects, bytes_in, bytes_out, counted_in, counted_out;
	uint64_t proof_ms;
	unsigned rtt_ms;
	unsigned fence_ms;	      /* as said to the cloud */
	uint8_t authority_sha256[32]; /* what messages point to */
	bool pumping, resumed;
	bool session_unsaved; /* has a fresher ticket than the disk */
};

static void pump(struct uplink *uplink);

static uint64_t now_of(const struct uplink *uplink)
{
	return loop_now_ms(uplink->options.loop);
}

/* --- the stream --- */

static void count_bytes(struct uplink *uplink)
{
	uint64_t in = stream_bytes_in(uplink->stream), out = stream_bytes_out(uplink->stream);

	uplink->bytes_in += in - uplink->counted_in;
	uplink->bytes_out += out - uplink->counted_out;
	uplink->counted_in = in;
	uplink->counted_out = out;
}

static void on_open(void *ctx)
{
	struct uplink *uplink = ctx;

	link_opened(uplink->link, now_of(uplink));
	pump(uplink);
}

static void on_data(void *ctx, struct span data)
{
	struct uplink *uplink = ctx;

	link_input(uplink->link, data, now_of(uplink));
	pump(uplink);
}

static void on_drain(void *ctx)
{
	pump(ctx);
}

static void on_closed(void *ctx, const struct err *why)
{
	struct uplink *uplink = ctx;
	int code = why && why->code ? why->code : -ECONNRESET;

	if (why && why->code) {
		snprintf(uplink->last_error, sizeof(uplink->last_error), "%s", err_text(why));
		log_info(MODULE, "closed", "cloud=%s reason=\"%s\"", link_cloud(uplink->link, 0),
			 err_text(why));
	}
	count_bytes(uplink);
	if (stream_retry_after_ms(uplink->stream))
		link_later(uplink->link, stream_retry_after_ms(uplink->stream));
	uplink->stream = NULL;
	if (code == -ETIME && timekeeper_contradicted(uplink->options.timekeeper))
		log_info(MODULE, "clock-doubted", "cloud=%s", link_cloud(uplink->link, 0));
	link_closed(uplink->link, code, now_of(uplink));
	pump(uplink);
	if (code == -EKEYEXPIRED || code == -EKEYREJECTED) /* ours, or theirs: then it is refused once more */
		uplink->options.on_refused(uplink->options.ctx);
}

static void drop(struct uplink *uplink)
{
	if (!uplink->stream)
		return;
	count_bytes(uplink);
	stream_close(uplink->stream);
	uplink->stream = NULL;
}

static void dial(struct uplink *uplink, const struct link_action *action)
{
	static const struct stream_events events = {
		.on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_closed = on_closed
	};
	struct stream_options options = { .tls = uplink->tls,
					  .tls_server_name = AUTHORITY_HUB_NAME,
					  .notsent_lowat = NOTSENT_LOWAT,
					  .proxy = uplink->options.proxy,
					  .connect_timeout_ms = LINK_DIAL_MS,
					  .reach_timeout_ms = action->reach_ms };
	struct err err = { 0 };
	int code;

	drop(uplink);
	uplink->counted_in = uplink->counted_out = 0;
	code = stream_connect(uplink->options.loop, action->address, &options, &events, uplink,
			      &uplink->stream, &err);
	if (code) {
		uplink->stream = NULL;
		snprintf(uplink->last_error, sizeof(uplink->last_error), "%s", err_text(&err));
		link_closed(uplink->link, code, now_of(uplink));
	}
}

/* --- what the link decides --- */

/* What the cloud says the time is, judged by the certificate that it says it under. False: that has expired by its own word. */
static bool hear_time(struct uplink *uplink, int64_t wall_ms)
{
	const struct tls_peer *peer = uplink->stream ? stream_tls_peer(uplink->stream) : NULL;

	return !peer || timekeeper_word(uplink->options.timekeeper, wall_ms, peer->not_before_wall_ms,
					peer->not_after_wall_ms) != -ETIME;
}

static void disown(struct uplink *uplink)
{
	snprintf(uplink->last_error, sizeof(uplink->last_error),
		 "the cloud's certificate has expired by the cloud's own clock");
	log_error(MODULE, "expired-cloud", "cloud=%s", link_cloud(uplink->link, 0));
	drop(uplink);
	link_closed(uplink->link, -EKEYEXPIRED, now_of(uplink));
}

/* The cloud goes by it once it has heard that it is on the disk; until then it takes the old one as well. */
static void keep_secret(struct uplink *uplink, struct mux *mux, const Tunnel__Welcome *welcome)
{
	struct span secret = span_make(welcome->session_secret.data, welcome->session_secret.len);
	int code = 0;

	if (secret.len)
		code = session_secret_keep(uplink->options.secret, secret);
	if (code)
		log_error(MODULE, "session-secret-not-kept", "error=\"%s\"", strerror(-code));
	if (!secret.len || code)
		return;
	code = mux_send_control(mux, MSG_SECRET_KEPT, (struct span){ NULL, 0 });
	if (code)
		log_warn(MODULE, "not-said", "message=secret-kept error=%d", code);
}

/* A new session goes to the disk once; a fresher ticket for it can wait until the hub stops. */
static void keep_session(struct uplink *uplink)
{
	int code = kept_session_save(uplink->options.vault, uplink->options.session_file, uplink->tls);

	uplink->session_unsaved = false;
	if (code && code != -ENOENT)
		log_warn(MODULE, "session-not-kept", "error=\"%s\"", strerror(-code));
}

static void take_ticket(struct uplink *uplink, const Tunnel__Ticket *ticket)
{
	int code = uplink->stream ? stream_ticket_take(uplink->stream,
						       span_make(ticket->ticket.data, ticket->ticket.len))
				  : -ENOTCONN;

	/* -ESTALE: another session has been made meanwhile, which has a ticket of its own. */
	if (!code)
		uplink->session_unsaved = true;
}

static void note_proof(struct uplink *uplink, uint64_t asked_ms)
{
	if (asked_ms > uplink->proof_ms)
		uplink->proof_ms = asked_ms;
}

static void on_up(struct uplink *uplink, const Tunnel__Welcome *welcome)
{
	const char *address = uplink->stream ? stream_local_address(uplink->stream) : "";
	struct mux *mux = link_mux(uplink->link);

	uplink->connects++;
	uplink->resumed = uplink->stream && stream_tls_peer(uplink->stream)->resumed;
	if (!uplink->resumed)
		keep_session(uplink);
	uplink->since_ms = uplink->heard_ms = now_of(uplink);
	uplink->last_error[0] = '\0';
	uplink->refused = REFUSE_NONE;
	keep_secret(uplink, mux, welcome);
	repl_sink_attach(uplink->options.sink, mux);
	outbox_attach(uplink->options.outbox, mux, welcome->outbox_applied);
	routes_watch(uplink->routes, uplink->stream ? stream_peer_address(uplink->stream) : "", address);
	log_info(MODULE, "up", "cloud=%s local=%s resumed=%s", link_cloud(uplink->link, 0), address,
		 uplink->resumed ? "yes" : "no");
	uplink->options.on_state(uplink->options.ctx, true, address);
}

static void on_down(struct uplink *uplink, const struct link_action *action)
{
	uplink->since_ms = now_of(uplink);
	snprintf(uplink->last_error, sizeof(uplink->last_error), "%s",
		 action->text ? action->text : "closed");
	repl_sink_detach(uplink->options.sink);
	outbox_detach(uplink->options.outbox);
	log_warn(MODULE, "down", "reason=\"%s\"", uplink->last_error);
	uplink->options.on_state(uplink->options.ctx, false, "");
}

static void on_clouds(struct uplink *uplink)
{
	const char *clouds[LINK_CLOUDS_MAX + 1] = { NULL };

	for (size_t i = 0; i < link_cloud_count(uplink->link) && i < LINK_CLOUDS_MAX; i++)
		clouds[i] = link_cloud(uplink->link, i);
	uplink->options.on_clouds(uplink->options.ctx, clouds);
}

static void act(struct uplink *uplink, const struct link_action *action)
{
	switch (action->type) {
	case LINK_DIAL: dial(uplink, action); break;
	case LINK_DROP: drop(uplink); break;
	case LINK_UP:
		if (hear_time(uplink, action->welcome->wall_ms)) {
			note_proof(uplink, action->asked_ms);
			on_up(uplink, action->welcome);
		} else {
			disown(uplink);
		}
		break;
	case LINK_DOWN: on_down(uplink, action); break;
	case LINK_REFUSED:
		uplink->refused = action->reason;
		snprintf(uplink->last_error, sizeof(uplink->last_error), "refused: %s",
			 action->text ? action->text : "");
		log_error(MODULE, "refused", "reason=%s text=\"%s\"", refuse_reason_name(action->reason),
			  action->text ? action->text : "");
		if (action->reason == REFUSE_EXPIRED)
			uplink->options.on_refused(uplink->options.ctx);
		break;
	case LINK_CLOUDS: on_clouds(uplink); break;
	case LINK_PONG:
		uplink->rtt_ms = action->rtt_ms;
		uplink->heard_ms = now_of(uplink);
		note_proof(uplink, action->asked_ms);
		(void)hear_time(uplink, action->wall_ms); /* who is connected stays so */
		repl_sink_revision(uplink->options.sink, action->revision);
		break;
	}
}

static void fill(struct uplink *uplink)
{
	struct buf out;

	buf_init(&out, 2 * MUX_RECORD_MAX);
	while (uplink->stream && stream_queued(uplink->stream) == 0 && link_wants_output(uplink->link)) {
		buf_reset(&out);
		link_output(uplink->link, &out, MUX_RECORD_MAX, now_of(uplink));
		if (!out.len || stream_write(uplink->stream, buf_span(&out)))
			break;
	}
	buf_done(&out);
}

static void pump(struct uplink *uplink)
{
	struct link_action action;
	uint64_t deadline, now;

	if (uplink->pumping)
		return; /* an action called back in: the outer one goes on */
	uplink->pumping = true;
	do {
		while (link_next(uplink->link, &action))
			act(uplink, &action);
		fill(uplink);
	} while (link_next(uplink->link, &action) && (act(uplink, &action), true));
	uplink->pumping = false;
	deadline = link_deadline(uplink->link);
	now = now_of(uplink);
	if (deadline == TIMERQ_NEVER)
		timer_stop(uplink->timer);
	else
		timer_start(uplink->timer, deadline > now ? deadline - now : 0);
}

static void on_timer(void *ctx)
{
	struct uplink *uplink = ctx;

	link_tick(uplink->link, now_of(uplink));
	pump(uplink);
}

static void on_wake(void *ctx)
{
	pump(ctx);
}

static void on_routes_changed(void *ctx)
{
	struct uplink *uplink = ctx;

	log_info(MODULE, "network-changed", "state=%s", link_state_name(link_state(uplink->link)));
	link_network_changed(uplink->link, now_of(uplink));
	pump(uplink);
}

void uplink_redial(struct uplink *uplink)
{
	link_network_changed(uplink->link, now_of(uplink));
	uplink_kick(uplink);
}

void uplink_kick(struct uplink *uplink)
{
	wakeup_send(uplink->wakeup);
}

/* --- greeting --- */

/* Says what lies on the disk now. */
static void send_kept(struct uplink *uplink)
{
	Tunnel__AuthorityKept message = TUNNEL__AUTHORITY_KEPT__INIT;
	struct mux *mux = link_mux(uplink->link);
	struct x509_facts facts;
	struct buf bytes;

	if (!mux || x509_read(buf_span(&uplink->options.identity->chain), &facts, NULL))
		return;
	identity_authority_sha256(uplink->options.identity, uplink->authority_sha256);
	message.sha256 = (ProtobufCBinaryData){ sizeof(uplink->authority_sha256), uplink->authority_sha256 };
	message.key_sha256 = (ProtobufCBinaryData){ sizeof(facts.key_sha256), facts.key_sha256 };
	buf_init(&bytes, MESSAGE_CONTROL_MAX);
	if (!message_encode(MSG_AUTHORITY_KEPT, &message, &bytes) &&
	    mux_send_control(mux, MSG_AUTHORITY_KEPT, buf_span(&bytes)))
		log_warn(MODULE, "not-said", "message=authority-kept"); /* the next Hello says it */
	buf_done(&bytes);
	uplink_kick(uplink);
}

static void hear_want(struct uplink *uplink, const Tunnel__VerdictWant *message)
{
	if (uplink->options.on_verdict_want)
		uplink->options.on_verdict_want(uplink->options.ctx, (const char *const *)message->subjects,
						message->n_subjects);
}

int uplink_verdicts(struct uplink *uplink, const char *region, const struct span *verdicts, size_t count)
{
	Tunnel__Verdicts message = TUNNEL__VERDICTS__INIT;
	ProtobufCBinaryData items[MESSAGE_VERDICTS_MAX];
	struct mux *mux = link_mux(uplink->link);
	struct buf bytes;
	int code;

	if (!mux)
		return -ENOTCONN;
	if (count > MESSAGE_VERDICTS_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < count; i++)
		items[i] = (ProtobufCBinaryData){ verdicts[i].len, (uint8_t *)verdicts[i].ptr };
	message.region = (char *)region;
	message.verdicts = items;
	message.n_verdicts = count;
	buf_init(&bytes, MESSAGE_CONTROL_MAX);
	code = message_encode(MSG_VERDICTS, &message, &bytes);
	if (!code)
		code = mux_send_control(mux, MSG_VERDICTS, buf_span(&bytes));
	buf_done(&bytes);
	if (!code)
		uplink_kick(uplink);
	return code;
}

void uplink_set_fence(struct uplink *uplink, unsigned fence_ms)
{
	Tunnel__Fence message = TUNNEL__FENCE__INIT;
	struct mux *mux = link_mux(uplink->link);
	struct buf bytes;

	if (uplink->fence_ms == fence_ms)
		return;
	uplink->fence_ms = fence_ms;
	if (!mux)
		return;
	message.fence_ms = fence_ms;
	buf_init(&bytes, 64);
	if (message_encode(MSG_FENCE, &message, &bytes) || mux_send_control(mux, MSG_FENCE, buf_span(&bytes)))
		log_warn(MODULE, "not-said", "message=fence"); /* the next Hello says it */
	buf_done(&bytes);
	uplink_kick(uplink);
}

static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct uplink *uplink = ctx;
	void *message = NULL;
	int code;

	if (kind == MSG_NODE_LEFT)
		uplink->options.on_left(uplink->options.ctx);
	if (kind != MSG_AUTHORITY && kind != MSG_TICKET && kind != MSG_VERDICT_WANT)
		return 0;
	code = message_decode(kind, bytes, &message);
	if (code)
		return code;
	if (kind == MSG_TICKET)
		take_ticket(uplink, message);
	else if (kind == MSG_VERDICT_WANT)
		hear_want(uplink, message);
	else if (!uplink->options.on_authority(uplink->options.ctx, message))
		send_kept(uplink);
	message_free(kind, message);
	return 0;
}

static int hello(void *ctx, Tunnel__Hello *message)
{
	struct uplink *uplink = ctx;
	struct span secret = session_secret_peek(uplink->options.secret);

	identity_authority_sha256(uplink->options.identity, uplink->authority_sha256);
	message->authority_sha256 =
		(ProtobufCBinaryData){ sizeof(uplink->authority_sha256), uplink->authority_sha256 };

	message->node = uplink->options.identity->node;
	message->boot_id = (char *)uplink->options.boot_id;
	message->incarnation = uplink->options.incarnation;
	message->outbox = (char *)outbox_incarnation(uplink->options.outbox);
	message->outbox_acked = outbox_acked(uplink->options.outbox);
	message->software = (char *)"edge-hub " HOLDFAST_VERSION;
	message->machine_id = (char *)uplink->options.machine_id;
	message->region = uplink->options.identity->region;
	message->identity_key.data = (uint8_t *)uplink->options.health_identity.ptr;
	message->identity_key.len = uplink->options.health_identity.len;
	message->health_port = uplink->options.health_port;
	message->fence_ms = uplink->fence_ms;
	message->session_secret.data = (uint8_t *)secret.ptr;
	message->session_secret.len = secret.len;
	return repl_sink_hello(uplink->options.sink, message);
}

int uplink_leave(struct uplink *uplink)
{
	struct mux *mux = link_mux(uplink->link);
	int code = mux ? mux_send_control(mux, MSG_NODE_LEAVE, (struct span){ NULL, 0 }) : -ENOTCONN;

	if (!code)
		uplink_kick(uplink);
	return code;
}

static int make_link(struct uplink *uplink, struct err *err)
{
	struct link_options options = {
		.clouds = (const char *const *)uplink->options.identity->clouds,
		.ping_interval_ms = uplink->options.ping_interval_ms,
		.backoff_cap_ms = uplink->options.backoff_cap_ms,
		.hello = hello,
		.on_control = on_control,
		.ctx = uplink,
	};
	int code;

	random_bytes(&options.seed, sizeof(options.seed));
	code = link_new(&options, &uplink->link);
	return code ? err_set(err, code, "the addresses of the cloud are not usable: %s", strerror(-code))
		    : 0;
}

static void load_session(struct uplink *uplink)
{
	int code = kept_session_load(uplink->options.vault, uplink->options.session_file, uplink->tls);

	if (code && code != -ENOENT && code != -ESTALE)
		log_warn(MODULE, "session-not-read", "path=%s error=\"%s\": a full handshake instead",
			 uplink->options.session_file, strerror(-code));
}

static int make_tls(const struct uplink *uplink, struct tls_context **out, struct err *err)
{
	const struct identity *identity = uplink->options.identity;
	struct tls_client_options tls = { .ca_pem = buf_span(&identity->authority),
					  .cert_chain_pem = buf_span(&identity->chain),
					  .key_pem = buf_span(&identity->key),
					  .clock = { timekeeper_expiry_ms, uplink->options.timekeeper } };

	return tls_client_new(&tls, out, err);
}

void uplink_identity_changed(struct uplink *uplink)
{
	struct tls_context *next = NULL;
	struct err err = { 0 };

	if (make_tls(uplink, &next, &err)) {
		log_error(MODULE, "identity-not-used", "error=\"%s\"", err_text(&err));
		return;
	}
	tls_unref(uplink->tls);
	uplink->tls = next;
	send_kept(uplink);
	if (link_state(uplink->link) == LINK_WAITING)
		link_network_changed(uplink->link, now_of(uplink));
	uplink_kick(uplink);
}

int uplink_new(const struct uplink_options *options, struct uplink **out, struct err *err)
{
	struct uplink *uplink = calloc(1, sizeof(*uplink));
	int code;

	if (!uplink)
		return err_set(err, -ENOMEM, "out of memory");
	uplink->options = *options;
	code = make_tls(uplink, &uplink->tls, err);
	if (!code)
		load_session(uplink);
	if (!code)
		code = make_link(uplink, err);
	if (!code && (timer_new(options->loop, on_timer, uplink, &uplink->timer) ||
		      wakeup_new(options->loop, on_wake, uplink, &uplink->wakeup)))
		code = err_set(err, -ENOMEM, "out of memory");
	if (!code)
		code = routes_new(options->loop, on_routes_changed, uplink, &uplink->routes, err);
	if (code) {
		uplink_free(uplink);
		return code;
	}
	*out = uplink;
	return 0;
}

void uplink_start(struct uplink *uplink)
{
	link_start(uplink->link, now_of(uplink));
	pump(uplink);
}

void uplink_free(struct uplink *uplink)
{
	if (!uplink)
		return;
	if (uplink->link && uplink->timer) {
		link_stop(uplink->link, now_of(uplink));
		pump(uplink);
	}
	drop(uplink);
	if (uplink->session_unsaved)
		keep_session(uplink);
	routes_free(uplink->routes);
	link_free(uplink->link);
	timer_close(uplink->timer);
	wakeup_close(uplink->wakeup);
	tls_unref(uplink->tls);
	free(uplink);
}

void uplink_status(const struct uplink *uplink, struct uplink_status *out)
{
	*out = (struct uplink_status){
		.state = link_state(uplink->link),
		.cloud = link_cloud(uplink->link, 0),
		.proxy = uplink->options.proxy ? proxy_address(uplink->options.proxy) : "",
		.last_error = uplink->last_error,
		.refused = uplink->refused,
		.heard_ms = uplink->heard_ms,
		.proof_ms = uplink->proof_ms,
		.since_ms = uplink->since_ms,
		.connects = uplink->connects,
		.bytes_in = uplink->bytes_in,
		.bytes_out = uplink->bytes_out,
		.rtt_ms = uplink->rtt_ms,
		.resumed = uplink->resumed,
	};
	if (uplink->stream) {
		out->bytes_in += stream_bytes_in(uplink->stream) - uplink->counted_in;
		out->bytes_out += stream_bytes_out(uplink->stream) - uplink->counted_out;
	}
}
