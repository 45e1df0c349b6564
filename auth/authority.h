/* authority: the X.509 authority of one cluster: a root, and under it separate intermediates for
 * hubs, nodes and clients, so that a certificate of one kind can never pass for another.
 *
 * The files live in one directory, created once under a lock and moved into place whole; an existing
 * directory that is incomplete or does not belong together is an error, never a reason for a new
 * authority.
 *
 * It is succeeded by generations: a new root is made beside the old one (`rotate`), becomes known to everyone, takes over
 * (`switch`), and at last the old one is retired (`finish`). Each step is one atomic write. Whoever trusts but the old root still
 * verifies the new one's hubs, by the cross certificate that they show. Loop thread. */
#ifndef HOLDFAST_AUTH_AUTHORITY_H
#define HOLDFAST_AUTH_AUTHORITY_H

#include "auth/vault.h"
#include "auth/x509.h"

struct authority;

enum authority_branch { AUTHORITY_HUBS, AUTHORITY_NODES, AUTHORITY_CLIENTS, AUTHORITY_BRANCHES };

#define AUTHORITY_ROOT_DAYS (30u * 365)
#define AUTHORITY_BRANCH_DAYS (15u * 365)
#define AUTHORITY_LEAF_MS (365 * 24 * 60 * 60 * (int64_t)1000) /* unless lifetimes are set */
#define AUTHORITY_GENERATIONS_MAX 6u /* kept, retired ones included; crosses must fit into a TLS chain */
#define AUTHORITY_BACKDATE_MS \
	(60 * 60 * 1000) /* at most, for peers whose clock runs behind; short lives are backdated less */

#define AUTHORITY_HUB_NAME "cloud-hub.holdfast"	      /* what edges verify, whatever address they dialled */
#define AUTHORITY_JOIN_NAME "join.cloud-hub.holdfast" /* SNI of those who have no certificate yet */
#define AUTHORITY_RENEW_NAME \
	"renew.cloud-hub.holdfast" /* SNI where a certificate is renewed, even one that ran out */
#define AUTHORITY_NODE_PREFIX "system:node:"
#define AUTHORITY_NODE_GROUP "system:nodes"
#define AUTHORITY_ADMIN_USER "kubernetes-admin"
#define AUTHORITY_ADMIN_GROUP "system:masters"

/* Loads `dir`, or makes it (its parent must exist; keys are mode 0600, the directory 0700), its private keys sealed by the vault (NULL:
 * in plain, for tests); keys that an earlier release left in plain are sealed then. Two processes that start
 * together get the same authority. -EBADMSG: what is there is damaged, incomplete or mixed. */
int authority_open(const char *dir, struct vault *vault, int64_t now_wall_ms, struct authority **out,
		   struct err *err) must_check;
void authority_free(struct authority *a);

struct authority_lifetimes {
	int64_t hub_ms, node_ms, client_ms; /* 0: AUTHORITY_LEAF_MS */
};
void authority_set_lifetimes(struct authority *a, const struct authority_lifetimes *lifetimes);

/* --- what is trusted, and what is shown; all borrowed until the next step of a succession --- */
struct span authority_root_pem(const struct authority *a); /* the current root alone */
struct span authority_branch_pem(const struct authority *a, enum authority_branch branch);
/* SHA-256 of the current root's DER: what a join token pins. X509_SHA256_SIZE bytes. */
const uint8_t *authority_pin(const struct authority *a);
/* May a token that pins this root still be used? */
bool authority_accepts_pin(const struct authority *a, const uint8_t pin[X509_SHA256_SIZE]);
/* The roots that edges and clients are to trust; its SHA-256. */
struct span authority_bundle_pem(const struct authority *a);
const uint8_t *authority_bundle_sha256(const struct authority *a);
/* Authorities to verify clients with: PEM, appended. */
enum authority_trust {
	AUTHORITY_TRUST_WORK, /* nodes of generations in use */
	AUTHORITY_TRUST_RENEW, /* nodes of every generation that is not distrusted: they may renew and nothing else */
	AUTHORITY_TRUST_API, /* nodes of generations in use; clients of retired ones too, until their certificates end */
};
int authority_add_trust(const struct authority *a, enum authority_trust which, struct buf *out) must_check;
/* The roots in use, appended: what a joining edge finds its pin among, behind a chain of authority_issue_hub. */
int authority_add_roots(const struct authority *a, struct buf *out) must_check;
/* The cross certificates of all generations that are believed, newest first, appended: by these an edge sees that the roots of a new
 * bundle follow from those it has. */
int authority_add_crosses(const struct authority *a, struct buf *out) must_check;

/* --- generations --- */
enum authority_state {
	AUTHORITY_CURRENT,    /* signs; its hubs are shown */
	AUTHORITY_NEXT,	      /* being made known: trusted, not yet shown */
	AUTHORITY_PREVIOUS,   /* signed what is in use still: trusted */
	AUTHORITY_RETIRED,    /* opens nothing but the door to renewal */
	AUTHORITY_DISTRUSTED, /* opens nothing */
};
const char *authority_state_name(enum authority_state state);
struct authority_generation {
	unsigned number;
	enum authority_state state;
	const uint8_t *pin;
	int64_t root_not_after_wall_ms, branch_not_after_wall_ms;
};
size_t authority_generation_count(const struct authority *a);
struct authority_generation authority_generation_at(const struct authority *a, size_t index);
unsigned authority_current_number(const struct authority *a);
/* Whether a generation of that state exists: NEXT, a rotation has begun; PREVIOUS, it has switched. */
bool authority_has(const struct authority *a, enum authority_state state);
/* Which generation's branch signed a certificate, by its issuer's name; 0: none of ours. Proves nothing: for certificates that
 * have been verified. */
unsigned authority_generation_of(const struct authority *a, enum authority_branch branch, const char *issuer);
/* The steps. Each is durable when it returns, and a process killed within one is before it or after it. -EBUSY: not the step that is
 * due; the sentence says what is. -ENOENT: the current root's key is not in its place (it may be kept elsewhere). */
int authority_rotate(struct authority *a, int64_t now_wall_ms, struct err *err) must_check;
int authority_switch(struct authority *a, struct err *err) must_check;
int authority_finish(struct authority *a, struct err *err) must_check;
/* Every generation but the current one, whatever its state. -EBUSY while one is NEXT. */
int authority_distrust_old(struct authority *a, struct err *err) must_check;

/* --- issuing, by the current generation --- */
/* A server certificate with a fresh key, then the intermediate and the cross certificates that lead older generations to it; no
 * root. It always carries the fixed names, localhost, 127.0.0.1, ::1 and the in-cluster names of the API (kubernetes,
 * kubernetes.default, ...svc.cluster.local); `names` (NULL-ended, may be NULL) are the advertised hosts and addresses. */
int authority_issue_hub(struct authority *a, const char *const *names, int64_t now_wall_ms,
			struct buf *out_chain, struct buf *out_key, struct err *err) must_check;
/* A client certificate with a fresh key. Node names and the node group are refused (-EPERM): a client never becomes a node. */
int authority_issue_client(struct authority *a, const char *user, const char *const *groups,
			   int64_t now_wall_ms, struct buf *out_chain, struct buf *out_key,
			   struct err *err) must_check;
/* The same for the key of a signed request, so that the private half stays with whoever asks, and for as long as said (no longer than the
 * branch lives). Appends the chain; *facts is of the leaf. -EINVAL: a bad request. */
int authority_issue_user(struct authority *a, struct span csr_pem, const char *user,
			 const char *const *groups, int64_t ttl_ms, int64_t now_wall_ms,
			 struct buf *out_chain, struct x509_facts *facts, struct err *err) must_check;
/* A node's certificate for the key of its signed request; the name is ours (CN system:node:<name>, O system:nodes).
 * *out_key_sha256 (may be NULL) is what to register. -EINVAL: bad request or node name. */
int authority_issue_node(struct authority *a, struct span csr_pem, const char *node_name, int64_t now_wall_ms,
			 struct buf *out_chain, uint8_t out_key_sha256[X509_SHA256_SIZE],
			 struct err *err) must_check;

/* A certificate is due for renewal when two thirds of its life have passed; 0 when that is already so. */
int64_t authority_renew_at(int64_t not_before_wall_ms, int64_t not_after_wall_ms);

/* A kubeconfig with everything embedded; `server` like "https://10.0.0.1:6443". */
struct kubeconfig {
	const char *cluster, *user, *server;
	struct span ca_pem, cert_pem, key_pem;
};
int kubeconfig_write(const struct kubeconfig *config, struct buf *out) must_check;
/* Writes DATA/admin.kubeconfig (mode 0600, made beside it and renamed) when it is missing, of another authority, for another
 * server, or due for renewal; otherwise leaves it alone. *out_written may be NULL. */
int authority_admin_kubeconfig(struct authority *a, const char *path, const char *server, int64_t now_wall_ms,
			       bool *out_written, struct err *err) must_check;

#endif
