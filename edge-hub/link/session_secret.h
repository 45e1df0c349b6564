/* session_secret: what the cloud handed out in the last session and wants to see in the next one, so that two hosts with copies of one
 * disk are noticed (auth/fork.h). In a file of its own beside the identity, sealed: a replica that is put back to an older state does
 * not take it along. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_SESSION_SECRET_H
#define HOLDFAST_EDGE_HUB_LINK_SESSION_SECRET_H

#include "auth/vault.h"
#include "tunnel/message.h"

struct session_secret;

#define SESSION_SECRET_FILE "identity/session" /* in the data directory */

/* Reads it; a node that had no session yet has none. What cannot be read (err says why, 0 is returned all the same, with the node
 * then presenting nothing) is for the cloud's operator to decide about. `vault` is borrowed. */
int session_secret_open(struct vault *vault, const char *data_dir, struct session_secret **out,
			struct err *err) must_check;
void session_secret_free(struct session_secret *secret);
struct span
session_secret_peek(const struct session_secret *secret); /* empty, or MESSAGE_SECRET_SIZE bytes */
/* The next one. 0: it is on the disk, and is presented from then on; else what is on the disk is. One sync. */
int session_secret_keep(struct session_secret *secret, struct span next) must_check;

#endif
