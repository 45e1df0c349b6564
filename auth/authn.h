/* authn: from what a connection proved to who is calling. An identity is asserted by nobody but the
 * certificate (later: the token) itself. Pure; any thread. */
#ifndef HOLDFAST_AUTH_AUTHN_H
#define HOLDFAST_AUTH_AUTHN_H

#include "net/tls.h"

#define IDENTITY_GROUPS_MAX 20u

/* Immutable, one heap block. */
struct identity {
	const char *user;
	const char *const *groups; /* NULL-ended */
	const char *node;          /* the node's name when the caller is one, else NULL */
};
#define IDENTITY_ANONYMOUS "system:anonymous"
/* user system:anonymous, group system:unauthenticated; constant, never freed (identity_free ignores it). */
const struct identity *identity_anonymous(void);
/* `groups` NULL-ended, may be NULL; system:authenticated is added. -EINVAL: empty or over long names; a node's name without its group,
 * or the group without the name; -E2BIG: too many groups. */
int identity_new(const char *user, const char *const *groups, struct identity **out) must_check;
void identity_free(const struct identity *identity);
bool identity_in_group(const struct identity *identity, const char *group);

/* The caller behind a verified handshake; without a certificate the anonymous one. `now_wall_ms` past the certificate's end is
 * -EKEYEXPIRED (a connection may outlive its certificate); 0 skips that (clock unset). */
int authn_of_peer(const struct tls_peer *peer, int64_t now_wall_ms, const struct identity **out, struct err *err) must_check;

#endif
