#include "auth/enrol.h"

#include <errno.h>
#include <stdio.h>

#include "api/names.h"
#include "base/json.h"
#include "base/text.h"
#include "net/crypt.h"

#define ENROLMENT_JSON_MAX 8192u

bool enrol_node_name_ok(const char *name)
{
	return name && strlen(name) < TOKEN_NODE_NAME_SIZE && !name_dns_subdomain(span_of(name));
}

/* --- records at rest --- */

static void add_digest(struct buf *out, const char *key, const uint8_t digest[X509_SHA256_SIZE])
{
	(void)buf_addf(out, ",\"%s\":\"", key);
	(void)text_hex(out, span_make(digest, X509_SHA256_SIZE));
	(void)buf_add_char(out, '"');
}

static void add_text(struct buf *out, const char *key, const char *value)
{
	(void)buf_addf(out, ",\"%s\":", key);
	(void)buf_add_json_str(out, span_of(value));
}

int enrolment_write(const struct enrolment *e, struct buf *out_json)
{
	(void)buf_add_str(out_json, "{\"nodeName\":");
	(void)buf_add_json_str(out_json, span_of(e->node_name));
	add_text(out_json, "region", e->region);
	add_digest(out_json, "keySha256", e->key_sha256);
	if (e->has_previous_key)
		add_digest(out_json, "previousKeySha256", e->previous_key_sha256);
	add_text(out_json, "tokenId", e->token_id);
	add_text(out_json, "machineId", e->machine_id);
	add_digest(out_json, "bundleSha256", e->bundle_sha256);
	if (e->identity_len) {
		(void)buf_add_str(out_json, ",\"identity\":\"");
		(void)text_base64(out_json, span_make(e->identity, e->identity_len));
		(void)buf_add_char(out_json, '"');
	}
	if (e->health_port)
		(void)buf_addf(out_json, ",\"healthPort\":%u", e->health_port);
	if (e->fence_ms)
		(void)buf_addf(out_json, ",\"fenceMs\":%u", e->fence_ms);
	(void)buf_addf(
		out_json,
		",\"joined\":%lld,\"issued\":%lld,\"notAfter\":%lld,\"authority\":%u,\"issuedAuthority\":%u",
		(long long)e->joined_wall_ms, (long long)e->issued_wall_ms, (long long)e->not_after_wall_ms,
		e->authority, e->issued_authority);
	(void)buf_addf(out_json, ",\"revoked\":%s,\"generation\":%u}", e->revoked ? "true" : "false",
		       e->generation);
	return buf_error(out_json);
}

static int read_digest(const struct json *value, uint8_t out[X509_SHA256_SIZE])
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, 64);
	rc = text_unhex(&bytes, json_span(value));
	if (!rc && bytes.len != X509_SHA256_SIZE)
		rc = -EINVAL;
	if (!rc)
		memcpy(out, bytes.data, X509_SHA256_SIZE);
	buf_done(&bytes);
	return rc;
}

static int read_text(const struct json *tree, const char *key, char *out, size_t size)
{
	return span_copy(json_span(json_get(tree, key)), out, size);
}

/* Not there in records of earlier releases, and before the node first came. */
static int read_identity(const struct json *tree, struct enrolment *out)
{
	const struct json *text = json_get(tree, "identity");
	int64_t port = json_int(json_get(tree, "healthPort"), 0);
	struct buf bytes;
	int rc = 0;

	buf_init(&bytes, ENROL_IDENTITY_MAX);
	if (text)
		rc = text_unbase64(&bytes, json_span(text));
	if (!rc && bytes.len)
		memcpy(out->identity, bytes.data, bytes.len);
	out->identity_len = rc ? 0 : bytes.len;
	buf_done(&bytes);
	if (port < 0 || port > UINT16_MAX)
		rc = -EINVAL;
	out->health_port = rc ? 0 : (unsigned)port;
	return rc;
}

/* As above. What is unreadable is no reason to keep the node out, and none to believe that it stops anything. */
static unsigned read_fence(const struct json *tree)
{
	int64_t ms = json_int(json_get(tree, "fenceMs"), 0);

	return ms > 0 && ms <= UINT32_MAX ? (unsigned)ms : 0;
}

static int enrolment_of_tree(const struct json *tree, struct enrolment *out)
{
	const struct json *previous = json_get(tree, "previousKeySha256"),
			  *bundle = json_get(tree, "bundleSha256"); /* not in records of earlier releases */

	if (read_text(tree, "nodeName", out->node_name, sizeof(out->node_name)) ||
	    !enrol_node_name_ok(out->node_name) ||
	    read_text(tree, "region", out->region, sizeof(out->region)) ||
	    read_text(tree, "tokenId", out->token_id, sizeof(out->token_id)) ||
	    read_text(tree, "machineId", out->machine_id, sizeof(out->machine_id)) ||
	    read_digest(json_get(tree, "keySha256"), out->key_sha256) ||
	    !json_is(json_get(tree, "revoked"), JSON_BOOL))
		return -EINVAL;
	if ((previous && read_digest(previous, out->previous_key_sha256)) ||
	    (bundle && read_digest(bundle, out->bundle_sha256)) || read_identity(tree, out))
		return -EINVAL;
	out->has_previous_key = previous != NULL;
	out->fence_ms = read_fence(tree);
	out->joined_wall_ms = json_int(json_get(tree, "joined"), 0);
	out->issued_wall_ms = json_int(json_get(tree, "issued"), 0);
	out->not_after_wall_ms = json_int(json_get(tree, "notAfter"), 0);
	out->authority = (unsigned)json_int(json_get(tree, "authority"), 0);
	out->issued_authority = (unsigned)json_int(json_get(tree, "issuedAuthority"), 0);
	out->revoked = json_bool(json_get(tree, "revoked"), true);
	out->generation = (uint32_t)json_int(json_get(tree, "generation"), 0);
	return 0;
}

int enrolment_parse(struct span json, struct enrolment *out, struct err *err)
{
	struct json *tree = NULL;
	int rc;

	*out = (struct enrolment){ .node_name = "" };
	if (json.len > ENROLMENT_JSON_MAX)
		return err_set(err, -EINVAL, "record of a node: too long");
	rc = json_parse(json, &tree, err);
	if (rc)
		return rc;
	rc = enrolment_of_tree(tree, out);
	json_free(tree);
	return rc ? err_set(err, rc, "record of a node: damaged") : 0;
}

/* --- labels --- */

/* Upstream lets a kubelet set these of the names that Kubernetes keeps for itself; host name, operating system, architecture and region
 * come from elsewhere here. */
static const char *const node_labels[] = { "node.kubernetes.io/instance-type",
					   "beta.kubernetes.io/instance-type", "topology.kubernetes.io/zone",
					   "failure-domain.beta.kubernetes.io/zone", NULL };
static const char *const node_label_domains[] = { "node.kubernetes.io", "kubelet.kubernetes.io", NULL };

static bool is_in(struct span domain, const char *parent)
{
	struct span suffix = span_of(parent);

	return span_eq(domain, suffix) ||
	       (span_has_suffix(domain, suffix) && domain.ptr[domain.len - suffix.len - 1] == '.');
}

bool enrol_label_ok(const char *key)
{
	struct span domain, name;

	if (!span_cut(span_of(key), '/', &domain, &name))
		return true;
	if (!is_in(domain, "kubernetes.io") && !is_in(domain, "k8s.io"))
		return true;
	for (size_t i = 0; node_labels[i]; i++)
		if (strcmp(node_labels[i], key) == 0)
			return true;
	for (size_t i = 0; node_label_domains[i]; i++)
		if (is_in(domain, node_label_domains[i]))
			return true;
	return false;
}

/* --- joining --- */

int enrol_proof_text(const char *token_id, const char *node_name, struct span csr_pem, struct buf *out)
{
	uint8_t digest[X509_SHA256_SIZE];

	crypt_sha256(csr_pem, digest);
	(void)buf_addf(out, "holdfast: old key gives up name\n%s\n%s\n", token_id, node_name);
	(void)text_hex(out, span_make(digest, sizeof(digest)));
	return buf_error(out);
}

static bool same_digest(const uint8_t a[X509_SHA256_SIZE], const uint8_t b[X509_SHA256_SIZE])
{
	return crypt_equal(span_make(a, X509_SHA256_SIZE), span_make(b, X509_SHA256_SIZE));
}

/* The same key with the token it joined by: its first answer was lost. Its token may meanwhile be used up, by itself. */
static bool is_repeat(const struct enrolment *known, const struct token *token,
		      const uint8_t key_sha256[X509_SHA256_SIZE])
{
	return known && !known->revoked && strcmp(known->token_id, token->id) == 0 &&
	       same_digest(known->key_sha256, key_sha256);
}

static enum enrol_verdict check_token(const struct authority *authority, const struct enrol_request *request,
				      const struct token *token, const struct token_grant *grant,
				      const struct enrolment *known, bool repeat, struct enrol_answer *answer,
				      struct err *err)
{
	struct token_use use = { request->node_name, request->region, request->now_wall_ms };
	struct token_grant tried;
	const char *region = "";

	if (grant) {
		tried = *grant;
		if (repeat && !tried.uses_left)
			tried.uses_left = 1;
		if (repeat && tried.expires_wall_ms <= request->now_wall_ms)
			tried.expires_wall_ms = request->now_wall_ms + 1;
	}
	/* While authorities change, tokens of the old and the new one are good. */
	answer->token = token_check(token, grant ? &tried : NULL,
				    authority_accepts_pin(authority, token->pin) ? token->pin
										 : authority_pin(authority),
				    &use, &region);
	if (answer->token != TOKEN_OK) {
		(void)err_set(err, -EACCES, "%s", token_verdict_text(answer->token));
		return ENROL_TOKEN_REFUSED;
	}
	assert_always(grant); /* without one no verdict is good */
	/* A token without regions leaves a node where it was. */
	(void)snprintf(answer->enrolment.region, sizeof(answer->enrolment.region), "%s",
		       region[0] || !known ? region : known->region);
	answer->grant = *grant;
	return repeat || token_spend(&answer->grant, request->now_wall_ms) ? ENROL_OK : ENROL_FAILED;
}

static bool is_proved(const struct enrol_request *request, const char *token_id,
		      const struct enrolment *known)
{
	uint8_t signer[X509_SHA256_SIZE];
	struct buf text;
	bool proved = false;

	buf_init(&text, 1024);
	if (request->old_key_proof.len &&
	    !enrol_proof_text(token_id, request->node_name, request->csr_pem, &text) &&
	    !x509_check_signature(request->old_key, buf_span(&text), request->old_key_proof, signer))
		proved = same_digest(signer, known->key_sha256) ||
			 (known->has_previous_key && same_digest(signer, known->previous_key_sha256));
	buf_done(&text);
	return proved;
}

static enum enrol_verdict check_owner(const struct enrol_request *request, const struct token_grant *grant,
				      const struct enrolment *known,
				      const uint8_t key_sha256[X509_SHA256_SIZE], struct err *err)
{
	if (!known || strcmp(grant->node_name, request->node_name) == 0)
		return ENROL_OK;
	if (known->revoked) {
		(void)err_set(err, -EACCES, "node %s is revoked; it needs a token made for its name",
			      request->node_name);
		return ENROL_REVOKED;
	}
	if (same_digest(known->key_sha256, key_sha256) || is_proved(request, grant->id, known))
		return ENROL_OK;
	(void)err_set(
		err, -EEXIST,
		"node %s exists under another key; choose another name, or use a token made for this one",
		request->node_name);
	return ENROL_NAME_TAKEN;
}

static int request_key(struct span csr_pem, uint8_t out[X509_SHA256_SIZE], struct err *err)
{
	struct x509_key *key = NULL;
	int rc = x509_csr_key(csr_pem, &key, err);

	if (!rc && x509_key_digest(key, out))
		rc = err_set(err, -EINVAL, "signing request: its key cannot be used");
	x509_key_free(key);
	return rc;
}

static void fill_enrolment(struct enrolment *e, const struct authority *authority,
			   const struct enrol_request *request, const struct token *token,
			   const struct enrolment *known)
{
	bool other_key = known && !same_digest(known->key_sha256, e->key_sha256);

	memcpy(e->token_id, token->id, sizeof(e->token_id));
	(void)snprintf(e->node_name, sizeof(e->node_name), "%s", request->node_name);
	if (span_copy(span_of(request->machine_id ? request->machine_id : ""), e->machine_id,
		      sizeof(e->machine_id)) ||
	    !span_is_utf8(span_of(e->machine_id)))
		e->machine_id[0] = '\0';
	e->joined_wall_ms = request->now_wall_ms;
	e->authority = authority_current_number(authority); /* these two go with the answer */
	memcpy(e->bundle_sha256, authority_bundle_sha256(authority), sizeof(e->bundle_sha256));
	e->generation = known ? known->generation + other_key : 0;
	if (known && !other_key) {
		memcpy(e->identity, known->identity, sizeof(e->identity));
		e->identity_len = known->identity_len;
		e->health_port = known->health_port;
		e->fence_ms = known->fence_ms;
	}
}

static enum enrol_verdict sign(struct authority *authority, struct span csr_pem, int64_t now_wall_ms,
			       struct enrolment *e, struct buf *out_chain, struct err *err)
{
	struct x509_facts facts;
	size_t was = out_chain->len;
	int rc = authority_issue_node(authority, csr_pem, e->node_name, now_wall_ms, out_chain, NULL, err);

	if (!rc)
		rc = x509_read(span_make(out_chain->data + was, out_chain->len - was), &facts, err);
	if (rc) {
		out_chain->len = was;
		return ENROL_FAILED;
	}
	e->issued_wall_ms = now_wall_ms;
	e->issued_authority = authority_current_number(authority);
	e->not_after_wall_ms = facts.not_after_wall_ms;
	return ENROL_OK;
}

enum enrol_verdict enrol_join(struct authority *authority, const struct enrol_request *request,
			      const struct token_grant *grant, const struct enrolment *known,
			      struct enrol_answer *answer, struct buf *out_chain, struct err *err)
{
	struct token token;
	enum enrol_verdict verdict;
	uint8_t key[X509_SHA256_SIZE];
	bool repeat;

	*answer = (struct enrol_answer){ .token = TOKEN_MALFORMED };
	if (token_parse(request->token_text, &token, err))
		return ENROL_TOKEN_REFUSED;
	if (!enrol_node_name_ok(request->node_name)) {
		(void)err_set(err, -EINVAL,
			      "the node name must be a lower case DNS name of at most %d characters",
			      TOKEN_NODE_NAME_SIZE - 1);
		return ENROL_BAD_NAME;
	}
	if (request_key(request->csr_pem, key, err))
		return ENROL_BAD_REQUEST;
	repeat = is_repeat(known, &token, key);
	verdict = check_token(authority, request, &token, grant, known, repeat, answer, err);
	if (verdict == ENROL_OK)
		verdict = check_owner(request, grant, known, key, err);
	if (verdict != ENROL_OK)
		return verdict;
	memcpy(answer->enrolment.key_sha256, key, sizeof(key));
	answer->took_over = known && !same_digest(known->key_sha256, key);
	answer->starts_anew = !known || answer->took_over || (!repeat && grant->node_name[0]);
	fill_enrolment(&answer->enrolment, authority, request, &token, known);
	return sign(authority, request->csr_pem, request->now_wall_ms, &answer->enrolment, out_chain, err);
}

/* --- a registered node comes back --- */

int enrol_admits(struct enrolment *known, const uint8_t peer_key_sha256[X509_SHA256_SIZE],
		 bool *out_confirmed, struct err *err)
{
	*out_confirmed = false;
	if (!known)
		return err_set(err, -EACCES, "this node is not registered here");
	if (known->revoked)
		return err_set(err, -EACCES, "node %s is revoked", known->node_name);
	if (same_digest(known->key_sha256, peer_key_sha256)) {
		*out_confirmed = known->has_previous_key;
		known->has_previous_key = false;
		return 0;
	}
	if (known->has_previous_key && same_digest(known->previous_key_sha256, peer_key_sha256))
		return 0;
	return err_set(err, -EACCES, "node %s is registered under another key", known->node_name);
}

bool enrol_identify(struct enrolment *known, struct span identity, unsigned health_port, bool *out_other)
{
	bool is_new = identity.len && !known->identity_len && identity.len <= sizeof(known->identity);
	bool moved = known->health_port != health_port;

	*out_other = identity.len && !is_new &&
		     !span_eq(identity, span_make(known->identity, known->identity_len));
	if (is_new) {
		memcpy(known->identity, identity.ptr, identity.len);
		known->identity_len = identity.len;
	}
	known->health_port = health_port;
	return is_new || moved;
}

enum enrol_verdict enrol_renew(struct authority *authority, const struct enrolment *known,
			       const uint8_t peer_key_sha256[X509_SHA256_SIZE], struct span csr_pem,
			       int64_t now_wall_ms, struct enrolment *out, struct buf *out_chain,
			       struct err *err)
{
	struct enrolment next = *known;
	bool confirmed = false;
	uint8_t key[X509_SHA256_SIZE];

	if (enrol_admits(&next, peer_key_sha256, &confirmed, err))
		return known->revoked ? ENROL_REVOKED : ENROL_NAME_TAKEN;
	if (request_key(csr_pem, key, err))
		return ENROL_BAD_REQUEST;
	if (!same_digest(key, peer_key_sha256)) {
		memcpy(next.previous_key_sha256, peer_key_sha256, sizeof(next.previous_key_sha256));
		next.has_previous_key = true;
	}
	memcpy(next.key_sha256, key, sizeof(next.key_sha256));
	*out = next;
	return sign(authority, csr_pem, now_wall_ms, out, out_chain, err);
}
