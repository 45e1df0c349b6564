#include "tunnel/link.h"

#include <errno.h>
#include <stdlib.h>

#include "base/random.h"
#include "base/timerq.h"

#define ACTIONS_MAX 16u
#define NUDGE_MS \
	250u /* after an address change: at once, but not all nodes of a site in the same millisecond */
#define LATER_MAX_MS 60000u

struct link {
	struct link_options options;
	struct rng rng;
	char *clouds[LINK_CLOUDS_MAX];
	size_t cloud_count, cloud_at;
	enum link_state state;
	struct mux *mux;      /* since LINK_GREETING; after LINK_DOWN until that action was taken */
	uint64_t deadline_ms; /* of the state: next attempt, dial, greeting; unused when READY */
	uint64_t heard_ms, ping_at_ms, up_ms;
	uint64_t ping_id, ping_sent_ms;
	uint64_t ping_before_ms; /* when the ping before the last was sent; 0: there was none */
	uint64_t greeted_ms;
	unsigned interval_ms;
	unsigned backoff_ms;
	bool refused;	 /* by a hub that spoke */
	unsigned failed; /* addresses that failed in this round: the others are tried before any back-off */
	unsigned reach_ms;
	uint64_t lost_ms; /* since when there is no connection to speak of */
	unsigned retry_after_ms, later_ms;
	uint64_t not_before_ms; /* a hub asked for a pause until then */
	uint64_t now_ms;	/* of the event being handled */
	bool holding; /* what followed the Welcome waits until LINK_UP was taken, and channels are attached */
	Tunnel__Welcome *welcome;
	struct link_action actions[ACTIONS_MAX];
	size_t action_first, action_count;
	char text[MESSAGE_TEXT_MAX + 1]; /* of a refusal */
};

static const struct mux_channel_ops control_ops;
static void fail(struct link *link, int code, bool drop);

const char *link_state_name(enum link_state state)
{
	static const char *const names[] = { "stopped", "waiting", "dialing", "greeting", "ready" };

	return names[state];
}

static void set_state(struct link *link, enum link_state state)
{
	static const unsigned next[] = {
		[LINK_STOPPED] = 1u << LINK_WAITING,
		[LINK_WAITING] = 1u << LINK_DIALING | 1u << LINK_STOPPED,
		[LINK_DIALING] = 1u << LINK_GREETING | 1u << LINK_WAITING | 1u << LINK_STOPPED,
		[LINK_GREETING] = 1u << LINK_READY | 1u << LINK_WAITING | 1u << LINK_STOPPED,
		[LINK_READY] = 1u << LINK_WAITING | 1u << LINK_STOPPED,
	};

	assert_always(next[link->state] & 1u << state);
	link->state = state;
}

/* --- actions --- */

static struct link_action *queue_action(struct link *link, enum link_action_type type)
{
	struct link_action *action;

	for (size_t i = 0; i < link->action_count; i++) {
		action = &link->actions[(link->action_first + i) % ACTIONS_MAX];
		if (action->type == type && (type == LINK_PONG || type == LINK_CLOUDS))
			return action; /* the newest says it all */
	}
	assert_always(link->action_count < ACTIONS_MAX);
	action = &link->actions[(link->action_first + link->action_count++) % ACTIONS_MAX];
	*action = (struct link_action){ .type = type };
	return action;
}

static void release(struct link *link)
{
	int err;

	link->holding = false;
	if (link->state != LINK_READY)
		return;
	err = mux_release(link->mux);
	if (err && link->state >= LINK_GREETING)
		fail(link, err, true);
}

bool link_next(struct link *link, struct link_action *out)
{
	if (link->mux && link->state < LINK_GREETING && link->action_count == 0) {
		mux_free(link->mux);
		link->mux = NULL;
	}
	if (!link->action_count && link->holding)
		release(link);
	if (!link->action_count)
		return false;
	*out = link->actions[link->action_first];
	link->action_first = (link->action_first + 1) % ACTIONS_MAX;
	link->action_count--;
	return true;
}

/* --- addresses --- */

static void free_clouds(char *clouds[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(clouds[i]);
}

static int copy_clouds(const char *const *from, char *out[LINK_CLOUDS_MAX], size_t *out_count)
{
	size_t count = 0;

	while (from[count]) {
		if (count == LINK_CLOUDS_MAX || strlen(from[count]) > LINK_ADDRESS_MAX || !from[count][0])
			return free_clouds(out, count), -EINVAL;
		out[count] = span_dup(span_of(from[count]));
		if (!out[count])
			return free_clouds(out, count), -ENOMEM;
		count++;
	}
	if (!count)
		return -EINVAL;
	*out_count = count;
	return 0;
}

static bool has_cloud(char *const clouds[], size_t count, const char *address)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(clouds[i], address) == 0)
			return true;
	return false;
}

int link_set_clouds(struct link *link, const char *const *clouds)
{
	char *copy[LINK_CLOUDS_MAX];
	size_t count;
	int err = copy_clouds(clouds, copy, &count);

	if (err)
		return err;
	free_clouds(link->clouds, link->cloud_count);
	memcpy(link->clouds, copy, count * sizeof(copy[0]));
	link->cloud_count = count;
	link->cloud_at = 0;
	return 0;
}

/* A list from the hub. The address in use comes first, and stays even when the list lacks it: it is known to
 * work. */
static void take_clouds(struct link *link, size_t count, char **addresses)
{
	const char *list[LINK_CLOUDS_MAX + 1] = { NULL };
	char current[LINK_ADDRESS_MAX + 1];
	size_t used = 1, known = 1;

	memcpy(current, link->clouds[link->cloud_at], strlen(link->clouds[link->cloud_at]) + 1);
	list[0] = current;
	for (size_t i = 0; i < count && used < LINK_CLOUDS_MAX; i++) {
		if (!addresses[i][0] || strlen(addresses[i]) > LINK_ADDRESS_MAX ||
		    has_cloud((char *const *)list, used, addresses[i]))
			continue;
		known += has_cloud(link->clouds, link->cloud_count, addresses[i]);
		list[used++] = addresses[i];
	}
	/* Nothing said, or nothing new: then there is nothing to store. */
	if (!count || (known == used && used == link->cloud_count))
		return;
	if (!link_set_clouds(link, list))
		queue_action(link, LINK_CLOUDS);
}

static void good_cloud_first(struct link *link)
{
	char *good = link->clouds[link->cloud_at];

	memmove(link->clouds + 1, link->clouds, link->cloud_at * sizeof(link->clouds[0]));
	link->clouds[0] = good;
	link->cloud_at = 0;
}

size_t link_cloud_count(const struct link *link)
{
	return link->cloud_count;
}

const char *link_cloud(const struct link *link, size_t index)
{
	return index < link->cloud_count ? link->clouds[index] : NULL;
}

/* --- attempts --- */

int link_new(const struct link_options *options, struct link **out)
{
	struct link *link = calloc(1, sizeof(*link));
	int err;

	if (!link)
		return -ENOMEM;
	link->options = *options;
	link->options.clouds = NULL;
	rng_seed(&link->rng, options->seed);
	err = link_set_clouds(link, options->clouds);
	if (err) {
		free(link);
		return err;
	}
	if (!link->options.ping_interval_ms)
		link->options.ping_interval_ms = LINK_PING_INTERVAL_MS;
	if (!link->options.greeting_ms)
		link->options.greeting_ms = LINK_GREETING_MS;
	if (!link->options.backoff_base_ms)
		link->options.backoff_base_ms = LINK_BACKOFF_BASE_MS;
	if (!link->options.backoff_cap_ms)
		link->options.backoff_cap_ms = LINK_BACKOFF_CAP_MS;
	link->backoff_ms = link->options.backoff_base_ms;
	link->reach_ms = LINK_REACH_MS;
	*out = link;
	return 0;
}

void link_free(struct link *link)
{
	if (!link)
		return;
	mux_free(link->mux);
	message_free(MSG_WELCOME, link->welcome);
	free_clouds(link->clouds, link->cloud_count);
	free(link);
}

static void wait_until(struct link *link, uint64_t at_ms)
{
	set_state(link, LINK_WAITING);
	link->deadline_ms = at_ms > link->not_before_ms ? at_ms : link->not_before_ms;
}

/* Nobody was there: the back-off has a lower ceiling at first. */
static unsigned backoff_now(const struct link *link, bool unreached)
{
	bool soon = unreached && link->now_ms - link->lost_ms < LINK_SOON_MS;

	return soon && link->backoff_ms > LINK_SOON_CAP_MS ? LINK_SOON_CAP_MS : link->backoff_ms;
}

static void grow(unsigned *value, unsigned cap)
{
	*value = *value * 2 < cap ? *value * 2 : cap;
}

/* A hub asked for a pause: between that and a quarter more. */
static void pause_for(struct link *link, unsigned ms)
{
	link->not_before_ms = link->now_ms + ms + rng_below(&link->rng, ms / 4 + 1);
}

/* Between half the back-off and all of it, so that a fleet that fell together does not return together. `unreached`: the attempt did
 * not get as far as a hub that spoke. */
static void back_off(struct link *link, bool unreached)
{
	uint64_t half = backoff_now(link, unreached) / 2;
	uint64_t delay = half + rng_below(&link->rng, half + 1);
	unsigned later_ms = link->later_ms;

	if (link->retry_after_ms)
		pause_for(link, link->retry_after_ms);
	link->retry_after_ms = link->later_ms = 0;
	if (later_ms) {
		/* The hub has a slot for us: it knows better than our back-off. */
		pause_for(link, later_ms);
		link->failed = 0;
		wait_until(link, link->now_ms);
	} else if (unreached && ++link->failed < link->cloud_count) {
		wait_until(link, link->now_ms + rng_below(&link->rng, NUDGE_MS));
	} else {
		if (unreached)
			grow(&link->reach_ms, LINK_DIAL_MS);
		link->failed = 0;
		grow(&link->backoff_ms, link->options.backoff_cap_ms);
		wait_until(link, link->now_ms + delay);
	}
}

/* Everything that belongs to the connection goes; what comes next is the caller's choice. */
static void end_connection(struct link *link, int code, bool drop)
{
	struct link_action *down;

	link->holding = false;
	if (link->mux)
		mux_abort(link->mux);
	if (link->state == LINK_READY) {
		down = queue_action(link, LINK_DOWN);
		down->code = code;
		down->text = frame_error_text(code);
		if (link->now_ms - link->up_ms > link->options.backoff_cap_ms) {
			link->backoff_ms = link->options.backoff_base_ms;
			link->lost_ms = link->now_ms;
		}
	} else if (link->state != LINK_WAITING) {
		link->cloud_at = (link->cloud_at + 1) % link->cloud_count;
	}
	if (drop && link->state >= LINK_DIALING)
		queue_action(link, LINK_DROP);
}

static void fail(struct link *link, int code, bool drop)
{
	bool unreached = link->state != LINK_READY && !link->refused;

	end_connection(link, code, drop);
	back_off(link, unreached);
}

void link_start(struct link *link, uint64_t now_ms)
{
	if (link->state != LINK_STOPPED)
		return;
	link->now_ms = link->lost_ms = now_ms;
	wait_until(link, now_ms);
	link_tick(link, now_ms);
}

void link_stop(struct link *link, uint64_t now_ms)
{
	if (link->state == LINK_STOPPED)
		return;
	link->now_ms = now_ms;
	end_connection(link, 0, true);
	set_state(link, LINK_STOPPED);
}

void link_network_changed(struct link *link, uint64_t now_ms)
{
	if (link->state == LINK_STOPPED)
		return;
	link->now_ms = now_ms;
	/* Failures on the network before say nothing about this one. */
	link->backoff_ms = link->options.backoff_base_ms;
	link->reach_ms = LINK_REACH_MS;
	link->failed = 0;
	if (link->state != LINK_WAITING) {
		end_connection(link, -ENETDOWN, true);
		wait_until(link, now_ms + rng_below(&link->rng, NUDGE_MS));
	} else {
		uint64_t soon = now_ms + rng_below(&link->rng, NUDGE_MS);

		soon = soon > link->not_before_ms ? soon : link->not_before_ms;
		if (soon < link->deadline_ms)
			link->deadline_ms = soon;
	}
}

static int send_message(struct link *link, uint16_t kind, const void *message)
{
	struct blob *bytes = message_blob(kind, message);
	int err = bytes ? mux_send_control(link->mux, kind, blob_span(bytes)) : -ENOMEM;

	blob_unref(bytes);
	return err;
}

static int greet(struct link *link)
{
	struct mux_options options = { .dialer = true,
				       .streams = link->options.streams,
				       .ctx = link->options.ctx };
	Tunnel__Hello hello = TUNNEL__HELLO__INIT;
	int err;

	mux_free(link->mux);
	link->mux = NULL;
	err = mux_new(&options, &link->mux);
	if (err)
		return err;
	mux_set_channel(link->mux, MUX_CONTROL, &control_ops, link);
	hello.version_min = TUNNEL_VERSION_MIN;
	hello.version_max = TUNNEL_VERSION_MAX;
	hello.ping_interval_ms = link->options.ping_interval_ms;
	err = link->options.hello(link->options.ctx, &hello);
	return err ? err : send_message(link, MSG_HELLO, &hello);
}

void link_opened(struct link *link, uint64_t now_ms)
{
	int err;

	if (link->state != LINK_DIALING)
		return;
	link->now_ms = now_ms;
	set_state(link, LINK_GREETING);
	link->greeted_ms = now_ms;
	link->deadline_ms = now_ms + link->options.greeting_ms;
	err = greet(link);
	if (err)
		fail(link, err, true);
}

void link_later(struct link *link, unsigned retry_after_ms)
{
	if (link->state != LINK_DIALING)
		return;
	link->later_ms = retry_after_ms < LATER_MAX_MS ? retry_after_ms : LATER_MAX_MS;
	if (link->later_ms < link->options.backoff_base_ms / 4)
		link->later_ms = link->options.backoff_base_ms / 4 + 1;
}

void link_closed(struct link *link, int code, uint64_t now_ms)
{
	if (link->state < LINK_DIALING)
		return;
	link->now_ms = now_ms;
	fail(link, code ? code : -ECONNRESET, false);
}

/* --- the conversation --- */

static unsigned clamp_interval(unsigned interval_ms, unsigned fallback)
{
	if (!interval_ms)
		return fallback;
	return interval_ms < 100 ? 100 : interval_ms > 3600000 ? 3600000 : interval_ms;
}

static int on_welcome(struct link *link, Tunnel__Welcome *welcome)
{
	struct link_action *up;
	bool is_other;

	if (link->state != LINK_GREETING)
		return -EPROTO;
	if (welcome->version < TUNNEL_VERSION_MIN || welcome->version > TUNNEL_VERSION_MAX)
		return -EPROTO;
	is_other = link->cloud_at != 0;
	good_cloud_first(link);
	link->failed = 0;
	link->reach_ms = LINK_REACH_MS;
	set_state(link, LINK_READY);
	link->up_ms = link->now_ms;
	link->interval_ms = clamp_interval(welcome->ping_interval_ms, link->options.ping_interval_ms);
	link->ping_at_ms = link->now_ms + link->interval_ms;
	link->ping_sent_ms = link->ping_before_ms = 0;
	up = queue_action(link, LINK_UP);
	up->welcome = welcome;
	up->asked_ms = link->greeted_ms;
	mux_hold(link->mux);
	link->holding = true;
	if (is_other)
		queue_action(link, LINK_CLOUDS); /* a restart begins with the one that works */
	take_clouds(link, welcome->n_clouds, welcome->clouds);
	return 0;
}

static int on_refusal(struct link *link, unsigned reason, const char *text, unsigned retry_after_ms)
{
	struct link_action *action = queue_action(link, LINK_REFUSED);
	size_t len = strnlen(text, sizeof(link->text) - 1);

	memcpy(link->text, text, len);
	link->text[len] = '\0';
	link->refused = true;
	action->reason = reason;
	action->text = link->text;
	link->retry_after_ms =
		retry_after_ms < LINK_RETRY_AFTER_MAX_MS ? retry_after_ms : LINK_RETRY_AFTER_MAX_MS;
	return -ECONNREFUSED;
}

static int on_pong(struct link *link, const Tunnel__Pong *pong)
{
	struct link_action *action;
	uint64_t asked_ms;

	if (link->state != LINK_READY)
		return -EPROTO;
	action = queue_action(link, LINK_PONG);
	action->revision = pong->revision;
	action->wall_ms = pong->wall_ms;
	if (link->ping_sent_ms && pong->id == link->ping_id)
		action->rtt_ms = (unsigned)(link->now_ms - link->ping_sent_ms);
	asked_ms = pong->id == link->ping_id	   ? link->ping_sent_ms
		   : pong->id + 1 == link->ping_id ? link->ping_before_ms
						   : 0;
	if (asked_ms > action->asked_ms)
		action->asked_ms = asked_ms;
	return 0;
}

static int answer_ping(struct link *link, const Tunnel__Ping *ping)
{
	Tunnel__Pong pong = TUNNEL__PONG__INIT;

	pong.id = ping->id;
	return send_message(link, MSG_PONG, &pong);
}

/* The link's own messages. *out_keep: the decoded message now belongs to the link. */
static int handle(struct link *link, uint16_t kind, void *message, bool *out_keep)
{
	switch (kind) {
	case MSG_WELCOME: {
		int err = on_welcome(link, message);

		if (!err) {
			message_free(MSG_WELCOME, link->welcome);
			link->welcome = message;
			*out_keep = true;
		}
		return err;
	}
	case MSG_REFUSE: {
		const Tunnel__Refuse *m = message;

		return on_refusal(link, m->reason, m->text, m->retry_after_ms);
	}
	case MSG_GO_AWAY: {
		const Tunnel__GoAway *m = message;

		return on_refusal(link, m->reason, m->text, m->retry_after_ms);
	}
	case MSG_PONG: return on_pong(link, message);
	case MSG_PING: return answer_ping(link, message);
	case MSG_CLOUDS:
		if (link->state != LINK_READY)
			return -EPROTO;
		take_clouds(link, ((Tunnel__Clouds *)message)->n_addresses,
			    ((Tunnel__Clouds *)message)->addresses);
		return 0;
	default: return -EPROTO;
	}
}

static bool is_own(uint16_t kind)
{
	return kind == MSG_WELCOME || kind == MSG_REFUSE || kind == MSG_GO_AWAY || kind == MSG_PONG ||
	       kind == MSG_PING || kind == MSG_CLOUDS || kind == MSG_HELLO;
}

static int on_control(void *ctx, uint16_t kind, struct span bytes)
{
	struct link *link = ctx;
	bool keep = false;
	void *message;
	int err;

	if (!is_own(kind)) {
		if (link->state != LINK_READY || !message_known(kind) || !link->options.on_control)
			return 0;
		return link->options.on_control(link->options.ctx, kind, bytes);
	}
	err = message_decode(kind, bytes, &message);
	if (err)
		return err;
	err = handle(link, kind, message, &keep);
	if (!keep)
		message_free(kind, message);
	return err;
}

static const struct mux_channel_ops control_ops = { .on_message = on_control };

void link_input(struct link *link, struct span bytes, uint64_t now_ms)
{
	int err;

	if (link->state < LINK_GREETING)
		return;
	link->now_ms = now_ms;
	link->heard_ms = now_ms;
	err = mux_input(link->mux, bytes);
	if (err && link->state >= LINK_GREETING) /* else stopped from inside a callback */
		fail(link, err, true);
}

void link_output(struct link *link, struct buf *out, size_t max, uint64_t now_ms)
{
	int err;

	if (link->state < LINK_GREETING)
		return;
	link->now_ms = now_ms;
	err = mux_output(link->mux, out, max);
	if (err && link->state >= LINK_GREETING)
		fail(link, err, true);
}

bool link_wants_output(const struct link *link)
{
	return link->state >= LINK_GREETING && mux_wants_output(link->mux);
}

static void ping(struct link *link)
{
	Tunnel__Ping message = TUNNEL__PING__INIT;
	int err;

	message.id = ++link->ping_id;
	link->ping_before_ms = link->ping_sent_ms;
	link->ping_sent_ms = link->now_ms;
	link->ping_at_ms = link->now_ms + link->interval_ms;
	err = send_message(link, MSG_PING, &message);
	if (err)
		fail(link, err, true);
}

static uint64_t silence_ms(const struct link *link)
{
	return link->heard_ms + 2 * (uint64_t)link->interval_ms;
}

uint64_t link_deadline(const struct link *link)
{
	if (link->state == LINK_STOPPED)
		return TIMERQ_NEVER;
	if (link->state != LINK_READY)
		return link->deadline_ms;
	return link->ping_at_ms < silence_ms(link) ? link->ping_at_ms : silence_ms(link);
}

static void dial(struct link *link)
{
	struct link_action *action = queue_action(link, LINK_DIAL);

	link->deadline_ms = link->now_ms + LINK_DIAL_MS;
	link->refused = false;
	action->address = link->clouds[link->cloud_at];
	action->reach_ms = link->reach_ms;
}

void link_tick(struct link *link, uint64_t now_ms)
{
	link->now_ms = now_ms;
	if (now_ms < link_deadline(link))
		return;
	switch (link->state) {
	case LINK_WAITING:
		set_state(link, LINK_DIALING);
		dial(link);
		break;
	case LINK_DIALING:
	case LINK_GREETING: fail(link, -ETIMEDOUT, true); break;
	case LINK_READY:
		if (now_ms >= silence_ms(link))
			fail(link, -ETIMEDOUT, true);
		else
			ping(link);
		break;
	case LINK_STOPPED: break;
	}
}

enum link_state link_state(const struct link *link)
{
	return link->state;
}

struct mux *link_mux(struct link *link)
{
	return link->state == LINK_READY ? link->mux : NULL;
}
