#include "net/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTEN_BACKLOG 4096
/* A peer that vanished is noticed after 30 + 3 * 10 seconds; protocols with their own pings notice sooner. */
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define KEEPALIVE_PROBES 3

int socket_address(const struct address *address, struct sockaddr_any *out)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
				  .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	char port[8];
	int rc;

	*out = (struct sockaddr_any){ 0 };
	if (address->is_unix) {
		out->un.sun_family = AF_UNIX;
		memcpy(out->un.sun_path, address->path, sizeof(out->un.sun_path));
		out->len = sizeof(out->un);
		return 0;
	}
	snprintf(port, sizeof(port), "%u", address->port);
	rc = getaddrinfo(address->host, port, &hints, &found);
	if (rc)
		return rc == EAI_MEMORY ? -ENOMEM : -ENOENT;
	memcpy(&out->sa, found->ai_addr, found->ai_addrlen);
	out->len = found->ai_addrlen;
	freeaddrinfo(found);
	return 0;
}

void socket_text(const struct sockaddr_any *address, bool with_port, char out[ADDRESS_TEXT_SIZE])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &address->in.sin_addr, host, sizeof(host));
		snprintf(out, ADDRESS_TEXT_SIZE, with_port ? "%s:%u" : "%s", host,
			 ntohs(address->in.sin_port));
	} else if (address->sa.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &address->in6.sin6_addr, host, sizeof(host));
		snprintf(out, ADDRESS_TEXT_SIZE, with_port ? "[%s]:%u" : "%s", host,
			 ntohs(address->in6.sin6_port));
	} else {
		snprintf(out, ADDRESS_TEXT_SIZE, "unix");
	}
}

static int open_socket(int family, int *out_fd)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	*out_fd = fd;
	return 0;
}

int socket_connect(const struct sockaddr_any *to, int *out_fd)
{
	int fd = -1, rc = open_socket(to->sa.sa_family, &fd);

	if (rc)
		return rc;
	if (connect(fd, &to->sa, to->len) < 0 && errno != EINPROGRESS) {
		rc = -errno;
		close(fd);
		return rc;
	}
	*out_fd = fd;
	return 0;
}

int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}

/* 0 when the path is free now, -EADDRINUSE when someone answers there. */
static int clear_stale(const struct sockaddr_any *at)
{
	struct stat st;
	int fd = -1, rc;

	if (lstat(at->un.sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	rc = socket_connect(at, &fd);
	if (!rc)
		close(fd);
	if (!rc || rc == -EAGAIN)
		return -EADDRINUSE;
	return unlink(at->un.sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_listen(int fd, const struct sockaddr_any *at)
{
	int rc, on = 1;

	if (at->sa.sa_family == AF_UNIX) {
		rc = clear_stale(at);
		if (rc)
			return rc;
		/* The mode of the socket becomes the mode of the file, so there is no moment with a wider one. */
		if (fchmod(fd, 0600) < 0)
			return -errno;
	} else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) {
		return -errno;
	}
	if (bind(fd, &at->sa, at->len) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return -errno;
	return 0;
}

int socket_listen(const struct sockaddr_any *at, int *out_fd, struct err *err)
{
	char text[ADDRESS_TEXT_SIZE];
	int fd = -1, rc = open_socket(at->sa.sa_family, &fd);

	if (!rc) {
		rc = bind_listen(fd, at);
		if (rc)
			close(fd);
	}
	if (rc) {
		socket_text(at, true, text);
		return err_set(err, rc, "listening on %s%s: %s", text,
			       at->sa.sa_family == AF_UNIX ? at->un.sun_path : "", strerror(-rc));
	}
	*out_fd = fd;
	return 0;
}

int socket_accept(int listen_fd, struct sockaddr_any *out_peer)
{
	int fd;

	*out_peer = (struct sockaddr_any){ .len = sizeof(struct sockaddr_un) };
	fd = accept4(listen_fd, &out_peer->sa, &out_peer->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void socket_tune(int fd, int notsent_lowat)
{
	const int on = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;

	/* None of these is worth losing a connection over: unix sockets refuse most of them. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	if (notsent_lowat > 0)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent_lowat, sizeof(notsent_lowat));
}
