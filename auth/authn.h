/* authn: from what a connection proved to who is calling. An identity is asserted by nobody but the
 * certificate (later: the token) itself. Pure; any thread. */
#ifndef HOLDFAST_AUTH_AUTHN_H
#define HOLDFAST_AUTH_AUTHN_H

#include "api/server.h"
#include "net/tls.h"

#define IDENTITY_GROUPS_MAX 20u
#define IDENTITY_NAME_MAX 256u
#define IDENTITY_ANONYMOUS "system:anonymous"

/* user system:anonymous, group system:unauthenticated; constant (identity_free ignores it). */
const struct api_identity *identity_anonymous(void);
/* One heap block. `groups` NULL-ended, may be NULL; system:authenticated is added. -EINVAL: empty or over long names; a node's name
 * without its group, or the group without the name; -E2BIG: too many groups. */
int identity_new(const char *user, const char *const *groups, const struct api_identity **out) must_check;
void identity_free(const struct api_identity *identity);
bool identity_in_group(const struct api_identity *identity, const char *group);
/* The node's name when the caller is a node, else NULL; points into the user name. */
const char *identity_node(const struct api_identity *identity);

/* The caller behind a verified handshake; without a certificate the anonymous one. `now_wall_ms` past the certificate's end is
 * -EKEYEXPIRED (a connection may outlive its certificate); 0 skips that (clock unset). */
int authn_of_peer(const struct tls_peer *peer, int64_t now_wall_ms, const struct api_identity **out,
		  struct err *err) must_check;

#endif
