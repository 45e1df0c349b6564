/* authority: the X.509 authority of one cluster: a root, and under it separate intermediates for
 * hubs, nodes and clients, so that a certificate of one kind can never pass for another.
 *
 * The files live in one directory, created once under a lock and moved into place whole; an existing
 * directory that is incomplete or does not belong together is an error, never a reason for a new
 * authority. An edge-hub keeps one of its own in the same way for its local API. Loop thread. */
#ifndef HOLDFAST_AUTH_AUTHORITY_H
#define HOLDFAST_AUTH_AUTHORITY_H

#include "auth/vault.h"
#include "auth/x509.h"

struct authority;

enum authority_branch { AUTHORITY_HUBS, AUTHORITY_NODES, AUTHORITY_CLIENTS, AUTHORITY_BRANCHES };

#define AUTHORITY_ROOT_DAYS (30u * 365)
#define AUTHORITY_BRANCH_DAYS (15u * 365)
#define AUTHORITY_HUB_DAYS 365u
#define AUTHORITY_NODE_DAYS 365u
#define AUTHORITY_CLIENT_DAYS 365u
#define AUTHORITY_BACKDATE_MS (60 * 60 * 1000) /* for peers whose clock runs behind */

#define AUTHORITY_HUB_NAME "cloud-hub.holdfast"	      /* what edges verify, whatever address they dialled */
#define AUTHORITY_JOIN_NAME "join.cloud-hub.holdfast" /* SNI of those who have no certificate yet */
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

struct span authority_root_pem(const struct authority *a);
struct span authority_branch_pem(const struct authority *a, enum authority_branch branch);
/* SHA-256 of the root's DER: what a join token pins. X509_SHA256_SIZE bytes. */
const uint8_t *authority_pin(const struct authority *a);

/* A server certificate with a fresh key, chain up to and including the root (the pin is checked against it). It
 * always carries the two fixed names, localhost, 127.0.0.1, ::1 and the in-cluster names of the API (kubernetes,
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
