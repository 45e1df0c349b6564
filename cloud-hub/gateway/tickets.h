/* tickets: the keys under which the hub seals TLS sessions for its edges: kept in a sealed file, so that a restarted hub resumes its fleet.
 * The first seals, all open. Told the time; does its own reading and writing. Private to the gateway; loop thread. */
#ifndef HOLDFAST_CLOUD_HUB_GATEWAY_TICKETS_H
#define HOLDFAST_CLOUD_HUB_GATEWAY_TICKETS_H

#include "auth/vault.h"
#include "net/tls.h"

struct tickets;

/* vault NULL: nothing is kept. lifetime_ms: of a ticket; a new key is made as often. A file that cannot be read (*out_lost) is begun
 * anew: edges then need a full handshake each. */
int tickets_open(struct vault *vault, const char *path, uint64_t lifetime_ms, int64_t now_wall_ms,
		 bool *out_lost, struct tickets **out, struct err *err) must_check;
void tickets_free(struct tickets *tickets);
/* How many there are, at least one. */
size_t tickets_keys(const struct tickets *tickets, uint8_t out[TLS_TICKET_KEYS_MAX][TLS_TICKET_KEY_SIZE]);
/* A new key when the newest has sealed for a lifetime, and none that can open nothing any more. *out_changed: tell the TLS context.
 * An error leaves the new one in use, though not on the disk. */
int tickets_turn(struct tickets *tickets, int64_t now_wall_ms, bool *out_changed) must_check;

#endif
