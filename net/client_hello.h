/* client_hello: what a TLS ClientHello asks for, read before any cryptography (RFC 5246 section 7.4.1.2, RFC 6066, RFC 5077): so that a
 * server can decide whether it wants to hear more. Pure. It judges nothing else: TLS itself reads the bytes again. */
#ifndef HOLDFAST_NET_CLIENT_HELLO_H
#define HOLDFAST_NET_CLIENT_HELLO_H

#include "base/span.h"

#define CLIENT_HELLO_MAX \
	(5u + 16384u) /* one record; longer ones are in more than one, which nobody here sends */

struct client_hello {
	struct span server_name; /* empty: none */
	struct span ticket;	 /* empty: none, or none worth looking at */
};
/* `bytes` from the start of the connection; what is found points into them. -EAGAIN: not all there; -EBADMSG: none. */
int client_hello_read(struct span bytes, struct client_hello *out) must_check;

#endif
