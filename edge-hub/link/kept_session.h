/* kept_session: the TLS session with the cloud, sealed on the disk, so that a restarted edge-hub resumes it instead of making a full
 * handshake. Losing it costs that handshake and nothing else. Main thread. */
#ifndef HOLDFAST_EDGE_HUB_LINK_KEPT_SESSION_H
#define HOLDFAST_EDGE_HUB_LINK_KEPT_SESSION_H

#include "auth/vault.h"
#include "net/tls.h"

#define KEPT_SESSION_FILE "identity/tls-session" /* in the data directory */

/* -ENOENT: none was kept; -ESTALE: it is of another certificate or authority; else it could not be read. */
int kept_session_load(struct vault *vault, const char *path, struct tls_context *tls) must_check;
/* One durable write. -ENOENT: there is none to keep. */
int kept_session_save(struct vault *vault, const char *path, const struct tls_context *tls) must_check;

#endif
