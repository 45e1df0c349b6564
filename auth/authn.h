/* authn: from what a connection proved to who is calling. An identity is asserted by nobody but the
 * certificate (later: the token) itself. Pure; any thread. */
#ifndef HOLDFAST_AUTH_AUTHN_H
#define HOLDFAST_AUTH_AUTHN_H

#include "api/server.h"
#include "net/tls.h"

#define IDENTITY_GROUPS_MAX 20u
#define IDENTITY_NAME_MAX 400u	     /* a service account with the longest namespace and name fits */
#define IDENTITY_EXTRA_MAX 16u	     /* keys */
#define IDENTITY_EXTRA_VALUES_MAX 8u /* of one key */
#define IDENTITY_EXTRA_TEXT_MAX 1024u
/* Key of `extra` that names the credential, as upstream words it: "X509SHA256=<hex of the certificate>", "JTI=<id of the token>". */
#define IDENTITY_CREDENTIAL "authentication.kubernetes.io/credential-id"
/* Of a node: the hex SHA-256 of its public key, which is what is registered. */
#define IDENTITY_NODE_KEY "holdfast.io/key-sha256"
#define IDENTITY_ANONYMOUS "system:anonymous"

/* user system:anonymous, group system:unauthenticated; constant (identity_free ignores it). */
const struct api_identity *identity_anonymous(void);
/* A copy of `like` (NULL members stand for none) in one heap block; system:authenticated is added unless system:unauthenticated is there. `like->by` becomes its own: freed
 * with it. -EINVAL: empty or over long names; a node's name without its group, or the group without the name; -E2BIG: too
 * many groups, or more of extra than the limits. */
int identity_copy(const struct api_identity *like, const struct api_identity **out) must_check;
/* The same from a name and groups alone. `groups` NULL-ended, may be NULL. */
int identity_new(const char *user, const char *const *groups, const struct api_identity **out) must_check;
void identity_free(const struct api_identity *identity);
bool identity_in_group(const struct api_identity *identity, const char *group);
/* The node's name when the caller is a node, else NULL; points into the user name. */
const char *identity_node(const struct api_identity *identity);

/* The first value of a key of `extra`; NULL. */
const char *identity_extra(const struct api_identity *identity, const char *key);

/* The caller behind a verified handshake; without a certificate the anonymous one. `now_wall_ms` past the certificate's end is
 * -EKEYEXPIRED (a connection may outlive its certificate); 0 skips that (clock unset). */
int authn_of_peer(const struct tls_peer *peer, int64_t now_wall_ms, const struct api_identity **out,
		  struct err *err) must_check;

#endif
