/* enrol: the decision whether a machine becomes (again) the node of a name, and the record of nodes.
 *
 * Pure but for the authority's signature: given what was asked, what is stored and the time, it answers with a
 * certificate and with the records to store in one transaction before the answer is sent. The first key that
 * comes for a name owns the name: later ones need proof of that key, or a token issued for that very name.
 * The caller decides one enrolment at a time: the records of one are committed before the next one's are read. */
#ifndef HOLDFAST_AUTH_ENROL_H
#define HOLDFAST_AUTH_ENROL_H

#include "auth/authority.h"
#include "auth/token.h"

#define ENROL_MARK_PREFIX "node/" /* cache mark of a registration: prefix and node name */
#define ENROL_MACHINE_SIZE 65
#define ENROL_IDENTITY_MAX 128u

/* What the cloud keeps of each node, beside its Node object, which an operator may delete and edit. */
struct enrolment {
	char node_name[TOKEN_NODE_NAME_SIZE];
	char region[TOKEN_REGION_SIZE];
	uint8_t key_sha256[X509_SHA256_SIZE];
	/* The key before the last renewal, good until the new one was first seen: the answer may have been lost. */
	uint8_t previous_key_sha256[X509_SHA256_SIZE];
	bool has_previous_key;
	char token_id[TOKEN_ID_SIZE]; /* of the token it joined with */
	int64_t joined_wall_ms;
	int64_t issued_wall_ms, not_after_wall_ms; /* of the newest certificate */
	unsigned issued_authority;		   /* the generation that signed it */
	unsigned
		authority; /* generation of the certificate last seen in use, or given at joining; 0: not known */
	uint8_t bundle_sha256
		[X509_SHA256_SIZE]; /* of the authorities that the node is known to have stored; zeros: not known */
	char machine_id[ENROL_MACHINE_SIZE]; /* as the node reports it; informative */
	uint8_t identity
		[ENROL_IDENTITY_MAX]; /* SubjectPublicKeyInfo, DER, of the key that signs what it says of its neighbours */
	size_t identity_len;  /* 0: not seen yet; the first one seen stays */
	unsigned health_port; /* where neighbours find it; 0: the usual one */
	/* The longest time for which the node may keep what must run only once after its last contact: the greatest T that it told, or
	 * may have been given since (healthcheck/fence.h); 0: it never told one, and may keep it for good. */
	unsigned fence_ms;
	bool revoked; /* by `node revoke`: its key opens nothing any more; only a token for this name does */
	uint32_t generation; /* counts re-enrolments under another key */
};
int enrolment_write(const struct enrolment *e, struct buf *out_json) must_check;
int enrolment_parse(struct span json, struct enrolment *out, struct err *err) must_check;

enum enrol_verdict {
	ENROL_OK,
	ENROL_TOKEN_REFUSED, /* enrol_answer.token says why */
	ENROL_BAD_NAME,	     /* not a DNS-1123 subdomain of at most 240 bytes */
	ENROL_BAD_REQUEST,   /* the signing request */
	ENROL_NAME_TAKEN,    /* registered under another key, and the token is not for this name */
	ENROL_REVOKED,
	ENROL_FAILED, /* our own trouble: memory, the authority */
};
struct enrol_request {
	struct span token_text;
	struct span csr_pem;
	const char *node_name;
	const char *region;	/* NULL or "": what the token gives */
	const char *machine_id; /* may be NULL */
	int64_t now_wall_ms;
	struct span
		old_key; /* SubjectPublicKeyInfo of the key that owned the name, and its signature over enrol_proof_text(); or empty */
	struct span old_key_proof;
};
/* What the old key signs: that it gives the name to the key of this request, with this token. Appended. */
int enrol_proof_text(const char *token_id, const char *node_name, struct span csr_pem,
		     struct buf *out) must_check;
/* A label that a node may bring along: not one of those by which Kubernetes or the operator tell nodes apart, as upstream's
 * NodeRestriction admission has it; and the region comes from the token. */
bool enrol_label_ok(const char *key);
struct enrol_answer {
	enum token_verdict token;
	struct enrolment enrolment; /* to store under ENROL_MARK_PREFIX */
	bool starts_anew; /* another key than before, or at the operator's word: what the name's holder was given before is void */
	bool took_over;		  /* the key before opens nothing any more */
	struct token_grant grant; /* to store back under TOKEN_MARK_PREFIX */
};
/* `grant` is what is stored under the token's id, `known` what is stored for the name; either may be NULL. The same key asking
 * again with the same token (its answer was lost) is answered again and costs no second use. *out_chain gets the certificate.
 * Any verdict but ENROL_OK leaves everything as it was; err carries the sentence for the other side. */
enum enrol_verdict enrol_join(struct authority *authority, const struct enrol_request *request,
			      const struct token_grant *grant, const struct enrolment *known,
			      struct enrol_answer *answer, struct buf *out_chain, struct err *err) must_check;
/* A new certificate for a registered key, over a connection that proved it (an expired certificate may do just this). The new
 * request must carry `peer_key_sha256`, or another key, which then replaces it. */
enum enrol_verdict enrol_renew(struct authority *authority, const struct enrolment *known,
			       const uint8_t peer_key_sha256[X509_SHA256_SIZE], struct span csr_pem,
			       int64_t now_wall_ms, struct enrolment *out, struct buf *out_chain,
			       struct err *err) must_check;
/* May this key, shown in a verified handshake under the name of `known` (NULL: no such record), open a working session? 0, or
 * -EACCES with why. *out_confirmed: a renewed key was seen for the first time; the record changed and is to be stored. */
int enrol_admits(struct enrolment *known, const uint8_t peer_key_sha256[X509_SHA256_SIZE],
		 bool *out_confirmed, struct err *err) must_check;
/* What the node said of itself in its Hello: its identity key is taken when none is known yet. True: the record changed and is to be
 * stored. *out_other: it has another key than the one known, which stays (a node given another key of its own joins anew). */
bool enrol_identify(struct enrolment *known, struct span identity, unsigned health_port, bool *out_other);
bool enrol_node_name_ok(const char *name);

#endif
