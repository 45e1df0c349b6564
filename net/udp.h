/* udp: a socket for datagrams, bound to a loop. Bounded: a burst is read in parts, so that it does not keep the loop from its other
 * work, and what the kernel does not take at once is lost, as datagrams are. Errors of single datagrams are counted and never end it.
 *
 * Peers are numeric "IP:PORT" or "[v6]:PORT"; a socket bound to [::] speaks to both families. Loop thread. */
#ifndef HOLDFAST_NET_UDP_H
#define HOLDFAST_NET_UDP_H

#include "net/address.h"
#include "net/loop.h"

struct udp;

#define UDP_DATAGRAM_MAX 9000u /* longer ones are dropped and counted */
#define UDP_BURST_MAX 64u      /* datagrams read in one turn of the loop */
#define UDP_PEER_SIZE 56u      /* "[v6]:PORT" */

struct udp_events {
	/* Bytes and address are borrowed for the call. */
	void (*on_datagram)(void *ctx, struct span bytes, const char *from);
	/* After the datagrams of one turn: the time to answer them together. May be NULL. */
	void (*on_turn)(void *ctx);
};

/* Port 0 picks one. `address` is numeric; -EINVAL otherwise; -EADDRINUSE and the like name it in err. */
int udp_new(struct loop *loop, const char *address, const struct udp_events *events, void *ctx,
	    struct udp **out, struct err *err) must_check;
void udp_close(struct udp *udp);		/* no callback follows; NULL is fine */
const char *udp_address(const struct udp *udp); /* as bound */

/* Sent or refused by the kernel at once: -EAGAIN: its buffer is full; -EINVAL: no such address; -EAFNOSUPPORT: a v6 peer of a v4 socket;
 * -EMSGSIZE; -ENETUNREACH, -EPERM (a firewall) and the like. Counted. ICMP says nothing here: without a connection the kernel
 * cannot tell whose it is, and anybody can forge it. */
int udp_send(struct udp *udp, const char *to, struct span bytes) must_check;

struct udp_stats {
	uint64_t sent, received, bytes_sent, bytes_received;
	uint64_t send_errors, receive_errors, too_long;
};
void udp_stats(const struct udp *udp, struct udp_stats *out);

#endif
