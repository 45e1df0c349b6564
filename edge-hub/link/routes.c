#include "edge-hub/link/routes.h"

#include "edge-hub/node/facts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define ADDRESS_SIZE 64u
#define READ_SIZE 8192u

struct routes {
	struct fdwatch *watch;
	struct timer *settle;
	int fd;
	void (*on_changed)(void *ctx);
	void *ctx;
	char peer[ADDRESS_SIZE], local[ADDRESS_SIZE];
	bool carrier_lost; /* of the interface with the local address */
};

/* "10.0.0.1:7443" and "[fd00::1]:7443" without port and brackets. */
static void host_of(const char *peer, char out[ADDRESS_SIZE])
{
	struct span host = span_of(peer);
	const char *colon = memrchr(host.ptr, ':', host.len);

	if (colon)
		host.len = (size_t)(colon - host.ptr);
	if (host.len > 1 && host.ptr[0] == '[')
		host = span_make(host.ptr + 1, host.len - 2);
	if (span_copy(host, out, ADDRESS_SIZE))
		out[0] = '\0';
}

static bool is_address(const struct sockaddr *address, const char *text)
{
	char shown[ADDRESS_SIZE];
	const void *bytes;

	if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return false;
	bytes = address->sa_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)address)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
	return inet_ntop(address->sa_family, bytes, shown, sizeof(shown)) && strcmp(shown, text) == 0;
}

/* A pulled cable takes no address and no route away: only the interface says so. */
static bool has_carrier(const char *local)
{
	struct ifaddrs *all = NULL;
	bool found = true;

	if (getifaddrs(&all))
		return true;
	for (const struct ifaddrs *one = all; one; one = one->ifa_next)
		if (is_address(one->ifa_addr, local))
			found = (one->ifa_flags & IFF_RUNNING) != 0;
	freeifaddrs(all);
	return found;
}

/* The cable is back in: the same address, but waiting for the next attempt makes no sense any more. */
static bool carrier_returned(struct routes *routes)
{
	bool lost = routes->carrier_lost;

	routes->carrier_lost = !has_carrier(routes->local);
	return lost && !routes->carrier_lost;
}

static void on_settled(void *ctx)
{
	struct routes *routes = ctx;
	char now[ADDRESS_SIZE] = "";
	bool returned = routes->local[0] && carrier_returned(routes);

	if (node_address(routes->peer[0] ? routes->peer : NULL, now, sizeof(now)))
		now[0] = '\0';
	if (strcmp(now, routes->local) == 0 && !returned)
		return;
	memcpy(routes->local, now, sizeof(now));
	if (now[0])
		routes->on_changed(routes->ctx);
}

static void on_readable(void *ctx)
{
	struct routes *routes = ctx;
	char bytes[READ_SIZE];

	/* What changed is not looked at: the question is only where packets to the cloud would leave from now. */
	while (recv(routes->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	timer_start(routes->settle, ROUTES_SETTLE_MS);
}

void routes_watch(struct routes *routes, const char *peer, const char *local)
{
	host_of(peer, routes->peer);
	if (span_copy(span_of(local), routes->local, sizeof(routes->local)))
		routes->local[0] = '\0';
}

static int open_socket(struct err *err)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK,
				       .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
						    RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE), code;

	if (fd < 0)
		return err_set(err, -errno, "opening a netlink socket: %s", strerror(errno));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		code = err_set(err, -errno, "listening to route changes: %s", strerror(errno));
		close(fd);
		return code;
	}
	return fd;
}

int routes_new(struct loop *loop, void (*on_changed)(void *ctx), void *ctx, struct routes **out,
	       struct err *err)
{
	struct routes *routes = calloc(1, sizeof(*routes));
	int code;

	if (!routes)
		return err_set(err, -ENOMEM, "out of memory");
	*routes = (struct routes){ .on_changed = on_changed, .ctx = ctx };
	routes->fd = open_socket(err);
	code = routes->fd < 0 ? routes->fd : 0;
	if (!code && (fdwatch_new(loop, routes->fd, on_readable, routes, &routes->watch) ||
		      timer_new(loop, on_settled, routes, &routes->settle)))
		code = err_set(err, -ENOMEM, "out of memory");
	if (code) {
		routes_free(routes);
		return code;
	}
	*out = routes;
	return 0;
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	fdwatch_close(routes->watch);
	timer_close(routes->settle);
	if (routes->fd >= 0)
		close(routes->fd);
	free(routes);
}
