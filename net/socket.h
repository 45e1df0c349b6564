/* socket: the system calls of net/: sockets opened, bound, accepted and described. Non-blocking all. */
#ifndef HOLDFAST_NET_SOCKET_H
#define HOLDFAST_NET_SOCKET_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include "net/address.h"

struct sockaddr_any {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
	socklen_t len;
};

/* The socket address of a unix path or of a numeric host; -ENOENT when the host is a name, -ENOMEM. */
int socket_address(const struct address *address, struct sockaddr_any *out) must_check;
/* "HOST:PORT" or "unix"; with_port false leaves the host alone, unbracketed. */
void socket_text(const struct sockaddr_any *address, bool with_port, char out[ADDRESS_TEXT_SIZE]);

/* Begins to connect; the descriptor becomes writable when that has succeeded or failed (socket_error tells). */
int socket_connect(const struct sockaddr_any *to, int *out_fd) must_check;
int socket_error(int fd) must_check; /* SO_ERROR as negative errno, 0 without */
/* Bound and listening; a unix socket that nobody answers on is replaced. */
int socket_listen(const struct sockaddr_any *at, int *out_fd, struct err *err) must_check;
int socket_accept(int listen_fd,
		  struct sockaddr_any *out_peer) must_check; /* descriptor, or negative errno */
/* What every connection of ours is: no delay, kept alive; notsent_lowat 0 leaves the system's. */
void socket_tune(int fd, int notsent_lowat);

#endif
