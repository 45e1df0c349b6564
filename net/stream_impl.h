/* stream_impl: the inside of a stream, shared by stream.c (life, and what users call),
 * stream_io.c (bytes), dial.c (how a client gets a socket), stream_proxy.c (and through it to its target) and listener.c
 * (how a server gets one). Private to these. */
#ifndef HOLDFAST_NET_STREAM_IMPL_H
#define HOLDFAST_NET_STREAM_IMPL_H

#include "net/address.h"
#include "net/loop_uv.h"
#include "net/outq.h"
#include "net/socket.h"
#include "net/stream.h"
#include "net/tls_session.h"

#define STREAM_REFUSE_MS 1000u /* for a refused client to read why */
#define STREAM_FINISH_MS \
	5000u /* for what is queued when a stream is finished, and for the peer to close too */

enum stream_state {
	STREAM_DIALLING, /* no socket yet, or one that is connecting */
	STREAM_PROXYING, /* connected to a proxy, which has not answered yet */
	STREAM_SHAKING,	 /* TLS handshake */
	STREAM_OPEN,
	STREAM_LINGERING, /* all sent (or a handshake refused) and our side closed; waits for the peer's close, so that a
			   * reset cannot overtake our last bytes */
	STREAM_CLOSED, /* freed by its task */
};

/* Handshakes cost milliseconds each: only some run at a time, the others wait for their turn. */
enum turn {
	TURN_NONE,    /* has said nothing yet */
	TURN_WAITING, /* has spoken, is not heard */
	TURN_TAKEN,
	TURN_OVER, /* took too long: goes on, but counts no more */
};

struct dial;
struct passage;

struct stream {
	struct loop *loop;
	enum stream_state state;
	int fd; /* -1: none */
	struct poller *poller;
	struct loop_task task; /* flush, report, free: whatever the state asks for */
	struct timer *timer;   /* connecting, or finishing */

	struct stream_events events;
	void *ctx;
	struct outq out;
	struct tls_session *tls;
	struct dial *dial;	   /* while DIALLING */
	struct passage *passage;   /* through a proxy: until it is open */
	struct listener *listener; /* accepted: counts this connection */
	struct list_node node;	   /* in the listener's list until it is handed over */
	enum turn turn;		   /* accepted, SHAKING */
	uint64_t turn_ms;	   /* when it got its turn */
	struct list_node turn_node;
	bool admitted, resumes; /* accepted, SHAKING: counted by the budget, as a resumption */
	bool heard;		/* client, SHAKING: the server's first bytes were TLS */
	unsigned retry_after_ms;
	struct loop_orphan orphan; /* finishing: nobody else would close it */

	bool paused;
	bool read_ended; /* the peer will send no more */
	bool blocked;	 /* the kernel takes no more: wait for writability */
	bool finishing;	 /* stream_finish: nobody listens any more */
	int notsent_lowat;
	unsigned connect_timeout_ms, reach_timeout_ms;
	uint64_t connect_deadline_ms; /* client */
	uint64_t bytes_in, bytes_out;
	char *target;	    /* client: the address as given, for sentences */
	char *peer_address; /* made when asked for */
	char *local_address;
};

/* A stream without a socket, in `state`. Takes a reference on options->tls. */
int stream_new(struct loop *loop, const struct stream_options *options, enum stream_state state,
	       struct stream **out, struct err *err) must_check;
/* Watches fd from now on; owned by the stream also on failure. */
int stream_attach(struct stream *stream, int fd) must_check;
void stream_detach(struct stream *stream); /* closes the socket, keeps the stream */
/* Connected with the target: handshake, or open. */
void stream_connected(struct stream *stream);
void stream_interest(struct stream *stream); /* tells the poller what the state waits for */
void stream_set_state(struct stream *stream, enum stream_state state);
/* The one end of every stream that fails: reports, then closes. Only from the loop. */
void stream_fail(struct stream *stream, const struct err *why);
void stream_fail_errno(struct stream *stream, int code);
/* Closes our side and waits for the peer's; false when there is nothing to wait for. */
bool stream_linger(struct stream *stream, unsigned limit_ms) must_check;
bool stream_wants_read(const struct stream *stream);
void stream_free(struct stream *stream);

/* stream_io.c */
ssize_t stream_raw_send(void *stream, const void *data, size_t len);
void stream_ready(void *stream, bool readable, bool writable); /* the poller's callback */
void stream_step(struct loop_task *task);		       /* the stream's task */

/* dial.c */
int dial_start(struct stream *stream, const struct address *address) must_check;
void dial_step(struct stream *stream);	/* the first attempt, or nothing while the resolver works */
void dial_ready(struct stream *stream); /* the socket became writable while DIALLING */
void dial_timeout(struct stream *stream);
void dial_cancel(struct stream *stream);

/* stream_proxy.c */
int passage_new(struct stream *stream, struct proxy *proxy) must_check; /* takes a reference on the proxy */
void passage_free(struct stream *stream);
const char *passage_proxy_address(const struct stream *stream); /* NULL without a proxy */
void passage_start(struct stream *stream);			/* the socket is connected */
void passage_send(struct stream *stream);
/* Bytes of the proxy's answer; returns how many were. The rest is the target's. */
size_t passage_receive(struct stream *stream, struct span bytes) must_check;

/* listener.c */
/* The client has spoken: may its handshake run now? Else it waits, or has been sent away. */
bool listener_hears(struct stream *stream);
void listener_stream_shaken(struct stream *stream); /* handed to on_accept */
void listener_stream_refused(struct stream *stream, const struct err *why);
void listener_stream_gone(struct stream *stream); /* frees its place */

#endif
