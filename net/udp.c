#include "net/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/loop_uv.h"
#include "net/socket.h"

struct udp {
	struct loop *loop;
	struct poller *poller;
	struct loop_task end;
	int fd; /* -1: closed */
	int family;
	unsigned turns; /* inside callbacks: it is freed later */
	struct udp_events events;
	void *ctx;
	struct udp_stats stats;
	char address[ADDRESS_TEXT_SIZE];
};

/* --- addresses --- */

/* Without the resolver's allocations: this is done for each datagram. */
static int numeric(const char *text, struct sockaddr_any *out)
{
	struct address address;

	*out = (struct sockaddr_any){ 0 };
	if (address_parse(span_of(text), &address, NULL) || address.is_unix)
		return -EINVAL;
	if (inet_pton(AF_INET, address.host, &out->in.sin_addr) == 1) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(address.port);
		out->len = sizeof(out->in);
		return 0;
	}
	/* With a zone (link-local addresses) only the resolver knows the number of the interface. */
	if (strchr(address.host, '%'))
		return socket_address(&address, out) ? -EINVAL : 0;
	if (inet_pton(AF_INET6, address.host, &out->in6.sin6_addr) != 1)
		return -EINVAL;
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(address.port);
	out->len = sizeof(out->in6);
	return 0;
}

/* A v4 address as a socket of both families has it (RFC 4291 section 2.5.5.2). */
static void map_v4(struct sockaddr_any *address)
{
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6, .sin6_port = address->in.sin_port };

	mapped.sin6_addr.s6_addr[10] = mapped.sin6_addr.s6_addr[11] = 0xff;
	memcpy(&mapped.sin6_addr.s6_addr[12], &address->in.sin_addr, sizeof(address->in.sin_addr));
	address->in6 = mapped;
	address->len = sizeof(mapped);
}

static void unmap_v4(struct sockaddr_any *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	if (address->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->in6.sin6_addr))
		return;
	in.sin_port = address->in6.sin6_port;
	memcpy(&in.sin_addr, &address->in6.sin6_addr.s6_addr[12], sizeof(in.sin_addr));
	address->in = in;
	address->len = sizeof(in);
}

/* --- receiving --- */

static bool receive_one(struct udp *udp)
{
	struct sockaddr_any from = { .len = sizeof(from.in6) };
	char text[ADDRESS_TEXT_SIZE];
	ssize_t len = recvfrom(udp->fd, udp->loop->read_buf, UDP_DATAGRAM_MAX + 1, 0, &from.sa, &from.len);

	if (len < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			return false;
		udp->stats.receive_errors++;
		return errno == EINTR;
	}
	if (len > (ssize_t)UDP_DATAGRAM_MAX) {
		udp->stats.too_long++;
		return true;
	}
	udp->stats.received++;
	udp->stats.bytes_received += (uint64_t)len;
	unmap_v4(&from);
	socket_text(&from, true, text);
	udp->events.on_datagram(udp->ctx, span_make(udp->loop->read_buf, (size_t)len), text);
	return true;
}

static void ended(struct loop_task *task)
{
	free(container_of(task, struct udp, end));
}

static void on_ready(void *ctx, bool readable, bool writable)
{
	struct udp *udp = ctx;
	unsigned count = 0;

	(void)readable;
	(void)writable;
	udp->turns++;
	while (udp->fd >= 0 && count < UDP_BURST_MAX && receive_one(udp))
		count++;
	if (udp->fd >= 0 && udp->events.on_turn)
		udp->events.on_turn(udp->ctx);
	udp->turns--;
	if (udp->fd < 0)
		loop_post(udp->loop, &udp->end);
}

/* --- life --- */

static int open_socket(struct udp *udp, struct sockaddr_any *at)
{
	static const int off = 0;

	udp->family = at->sa.sa_family;
	udp->fd = socket(udp->family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (udp->fd < 0)
		return -errno;
	if (udp->family == AF_INET6 && setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		return -errno;
	if (bind(udp->fd, &at->sa, at->len) || getsockname(udp->fd, &at->sa, &at->len))
		return -errno;
	socket_text(at, true, udp->address);
	return 0;
}

int udp_new(struct loop *loop, const char *address, const struct udp_events *events, void *ctx,
	    struct udp **out, struct err *err)
{
	struct sockaddr_any at;
	struct udp *udp;
	int code = numeric(address, &at);

	if (code)
		return err_set(err, code, "%s is no address to receive on: IP:PORT is", address);
	udp = calloc(1, sizeof(*udp));
	if (!udp)
		return err_set(err, -ENOMEM, "out of memory");
	udp->loop = loop;
	udp->events = *events;
	udp->ctx = ctx;
	udp->end.run = ended;
	code = open_socket(udp, &at);
	if (!code)
		code = poller_new(loop, udp->fd, on_ready, udp, &udp->poller);
	if (code) {
		if (udp->fd >= 0)
			close(udp->fd);
		free(udp);
		return err_set(err, code, "receiving datagrams on %s: %s", address, strerror(-code));
	}
	poller_want(udp->poller, true, false);
	*out = udp;
	return 0;
}

void udp_close(struct udp *udp)
{
	if (!udp)
		return;
	poller_close(udp->poller);
	close(udp->fd);
	udp->fd = -1;
	if (!udp->turns)
		loop_post(udp->loop, &udp->end);
}

const char *udp_address(const struct udp *udp)
{
	return udp->address;
}

int udp_send(struct udp *udp, const char *to, struct span bytes)
{
	struct sockaddr_any at;
	int code = numeric(to, &at);

	if (!code && at.sa.sa_family == AF_INET6 && udp->family == AF_INET)
		code = -EAFNOSUPPORT;
	if (!code && at.sa.sa_family == AF_INET && udp->family == AF_INET6)
		map_v4(&at);
	if (!code && sendto(udp->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL, &at.sa, at.len) < 0)
		code = -errno;
	if (code) {
		udp->stats.send_errors++;
		return code;
	}
	udp->stats.sent++;
	udp->stats.bytes_sent += bytes.len;
	return 0;
}

void udp_stats(const struct udp *udp, struct udp_stats *out)
{
	*out = udp->stats;
}
