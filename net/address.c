#include "net/address.h"

#include <errno.h>

static bool is_host_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
	       c == '.' || c == '_';
}

static bool is_v6_char(char c)
{
	/* A zone ("%eth0") may hold what an interface name may. */
	return is_host_char(c) || c == ':' || c == '%';
}

static int parse_unix(struct span path, struct address *out, struct err *err)
{
	if (!span_has_prefix(path, SPAN("/")))
		return err_set(err, -EINVAL,
			       "the path of a unix address must be absolute, as in unix:///run/x.sock");
	if (span_copy(path, out->path, sizeof(out->path)))
		return err_set(err, -EINVAL,
			       "the path of a unix address must have at most %d bytes and no NUL",
			       ADDRESS_PATH_SIZE - 1);
	out->is_unix = true;
	return 0;
}

/* Cuts "[v6]:PORT" or "HOST:PORT" in two. */
static bool split(struct span text, struct span *host, struct span *port, bool *is_v6)
{
	*is_v6 = span_has_prefix(text, SPAN("["));
	if (!*is_v6)
		return span_cut(text, ':', host, port);
	return span_cut(span_make(text.ptr + 1, text.len - 1), ']', host, port) && port->len &&
	       port->ptr[0] == ':' && span_cut(*port, ':', &(struct span){ 0 }, port);
}

int address_parse(struct span text, struct address *out, struct err *err)
{
	struct span host, port;
	uint64_t number;
	bool is_v6;

	*out = (struct address){ 0 };
	if (span_has_prefix(text, SPAN("unix://")))
		return parse_unix(span_make(text.ptr + 7, text.len - 7), out, err);
	if (!split(text, &host, &port, &is_v6))
		return err_set(err, -EINVAL,
			       "an address is HOST:PORT, [IPv6]:PORT or unix:///path, not \"%.*s\"",
			       text.len > 80 ? 80 : (int)text.len, text.ptr);
	if (!host.len || host.len >= sizeof(out->host))
		return err_set(err, -EINVAL, "the host of an address must have 1 to %d characters",
			       ADDRESS_HOST_SIZE - 1);
	for (size_t i = 0; i < host.len; i++)
		if (is_v6 ? !is_v6_char(host.ptr[i]) : !is_host_char(host.ptr[i]))
			return err_set(err, -EINVAL,
				       "the host of an address holds a character that no host name has%s",
				       host.ptr[i] == ':' ? "; IPv6 goes in brackets" : "");
	if (span_to_u64(port, &number) || number > UINT16_MAX)
		return err_set(err, -EINVAL, "the port of an address must be a number from 0 to 65535");
	out->port = (uint16_t)number;
	return span_copy(host, out->host, sizeof(out->host));
}
