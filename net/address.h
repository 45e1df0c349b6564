/* address: "HOST:PORT", "[v6]:PORT" and "unix:///path" as a person writes them. Pure: resolves nothing. */
#ifndef HOLDFAST_NET_ADDRESS_H
#define HOLDFAST_NET_ADDRESS_H

#include "base/span.h"

#define ADDRESS_HOST_SIZE 254 /* a DNS name (RFC 1035 section 2.3.4) and NUL */
#define ADDRESS_PATH_SIZE 108 /* sun_path of unix(7) */
#define ADDRESS_TEXT_SIZE (ADDRESS_HOST_SIZE + 8)

struct address {
	bool is_unix;
	char host[ADDRESS_HOST_SIZE]; /* without brackets: name, IPv4 or IPv6 (with %zone) */
	uint16_t port;
	char path[ADDRESS_PATH_SIZE]; /* unix only, absolute */
};

/* -EINVAL, and err says what is wrong with it. */
int address_parse(struct span text, struct address *out, struct err *err) must_check;

#endif
