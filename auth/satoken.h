/* satoken: the tokens of service accounts: what they claim (as upstream's pkg/serviceaccount/claims.go has it) and whether they are
 * still good: signed here, for this audience, not expired, and everything they are bound to still there. Pure: told the time, and
 * asks for objects through a callback. */
#ifndef HOLDFAST_AUTH_SATOKEN_H
#define HOLDFAST_AUTH_SATOKEN_H

#include "auth/authn.h"
#include "auth/satoken_keys.h"
#include "cache/object.h"

#define SATOKEN_ISSUER "https://kubernetes.default.svc.cluster.local"
#define SATOKEN_USER_PREFIX "system:serviceaccount:"
#define SATOKEN_GROUP "system:serviceaccounts"
#define SATOKEN_TTL_DEFAULT_S 3600
#define SATOKEN_TTL_MIN_S 600
#define SATOKEN_TTL_MAX_S (365ll * 86400) /* more is cut to it */
#define SATOKEN_AUDIENCES_MAX 16u
#define SATOKEN_LEEWAY_MS (60 * 1000) /* of clocks, and of objects being deleted */

/* Keys of `extra` in an identity, as upstream. */
#define SATOKEN_EXTRA_POD "authentication.kubernetes.io/pod-name"
#define SATOKEN_EXTRA_POD_UID "authentication.kubernetes.io/pod-uid"
#define SATOKEN_EXTRA_NODE "authentication.kubernetes.io/node-name"
#define SATOKEN_EXTRA_NODE_UID "authentication.kubernetes.io/node-uid"

struct satoken_ref {
	const char *name, *uid; /* name NULL: not bound to one */
};
struct satoken_terms {
	const char *ns;
	struct satoken_ref account; /* required */
	struct satoken_ref pod, secret, node;
	const char *const *audiences; /* NULL-ended, one at least */
	int64_t issued_wall_ms, expires_wall_ms;
};
/* Appends the token. */
int satoken_issue(const struct satoken_keys *keys, const struct satoken_terms *terms,
		  struct buf *out) must_check;

struct satoken_object {
	char uid[64];
	int64_t deletion_wall_ms; /* when its deletion is due; 0: it stays */
};
/* 0, -ENOENT, or our own trouble. */
typedef int satoken_find_fn(void *ctx, const struct key *key, struct satoken_object *out);

struct satoken_check {
	const char *const *
		audiences; /* NULL-ended: one of them must be in the token; what is in both is left in `matched` */
	int64_t now_wall_ms;
	satoken_find_fn *find;
	void *ctx;
};
/* Who shows this token? -EKEYREJECTED: nobody, err says why (fit for a log, not for whoever shows it); -EIO and the like: it cannot be
 * told now. *out_audiences (may be NULL) gets a JSON array of the audiences that matched. */
int satoken_identify(struct satoken_keys *keys, struct span text, const struct satoken_check *check,
		     const struct api_identity **out, struct json **out_audiences,
		     struct err *err) must_check;
/* Is everything that an identity from a token was bound to still there? True for other identities. Trouble of ours is no reason to doubt. */
bool satoken_is_bound(const struct api_identity *identity, int64_t now_wall_ms, satoken_find_fn *find,
		      void *ctx);

#endif
