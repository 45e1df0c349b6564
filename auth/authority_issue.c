#include <errno.h>
#include <stdio.h>

#include "auth/authority_impl.h"

/* Names every hub answers to: what edges verify, and what clients in the cluster and on the machine use. */
static const char *const fixed_names[] = {
	AUTHORITY_HUB_NAME,
	AUTHORITY_JOIN_NAME,
	AUTHORITY_RENEW_NAME,
	"localhost",
	"127.0.0.1",
	"::1",
	"kubernetes",
	"kubernetes.default",
	"kubernetes.default.svc",
	"kubernetes.default.svc.cluster.local",
};
#define FIXED_NAMES (sizeof(fixed_names) / sizeof(fixed_names[0]))

int64_t authority_renew_at(int64_t not_before_wall_ms, int64_t not_after_wall_ms)
{
	return not_before_wall_ms + (not_after_wall_ms - not_before_wall_ms) / 3 * 2;
}

/* So little that half of a life is still half of it. */
static int64_t backdate(int64_t life_ms)
{
	return life_ms / 24 < AUTHORITY_BACKDATE_MS ? life_ms / 24 : AUTHORITY_BACKDATE_MS;
}

/* Leaf and intermediate; nobody's life is longer than that of what signed it. */
static int issue(struct authority *a, enum authority_branch branch, struct x509_request *request,
		 int64_t life_ms, const struct x509_key *key, int64_t now_wall_ms, struct buf *out_chain,
		 struct err *err)
{
	const struct generation *g = authority_current(a);
	struct x509_facts facts;
	size_t was = out_chain->len;
	int rc = x509_read(buf_span(&g->branch_pem[branch]), &facts, err);

	if (rc)
		return rc;
	request->use = X509_USE_LEAF;
	if (!life_ms)
		life_ms = AUTHORITY_LEAF_MS;
	request->not_before_wall_ms = now_wall_ms - backdate(life_ms);
	request->not_after_wall_ms = now_wall_ms + life_ms;
	if (request->not_after_wall_ms > facts.not_after_wall_ms)
		request->not_after_wall_ms = facts.not_after_wall_ms;
	rc = x509_issue(request, key, buf_span(&g->branch_pem[branch]), g->branch_key[branch], out_chain,
			err);
	if (!rc && buf_add_span(out_chain, buf_span(&g->branch_pem[branch])))
		rc = err_set(err, -ENOMEM, "certificate chain: out of memory");
	if (rc)
		out_chain->len = was;
	return rc;
}

static int fresh_key(struct x509_key **out_key, struct buf *out_pem, struct err *err)
{
	int rc = x509_key_new(out_key);

	if (!rc)
		rc = x509_key_write(*out_key, out_pem);
	if (!rc)
		return 0;
	x509_key_free(*out_key);
	*out_key = NULL;
	return err_set(err, rc, "cannot make a key");
}

static size_t current_index(const struct authority *a)
{
	return (size_t)(authority_current(a) - a->generations);
}

static bool is_fixed_name(const char *name)
{
	for (size_t i = 0; i < FIXED_NAMES; i++)
		if (strcmp(name, fixed_names[i]) == 0)
			return true;
	return false;
}

int authority_issue_hub(struct authority *a, const char *const *names, int64_t now_wall_ms,
			struct buf *out_chain, struct buf *out_key, struct err *err)
{
	const char *all[X509_SANS_MAX + 1] = { NULL };
	struct x509_request request = { .server = true, .common_name = AUTHORITY_HUB_NAME, .names = all };
	struct x509_key *key = NULL;
	size_t count = 0;
	int rc;

	for (; count < FIXED_NAMES; count++)
		all[count] = fixed_names[count];
	for (; names && *names; names++) {
		if (is_fixed_name(*names))
			continue;
		if (count == X509_SANS_MAX)
			return err_set(err, -E2BIG, "more than %zu names to advertise",
				       X509_SANS_MAX - FIXED_NAMES);
		all[count++] = *names;
	}
	rc = fresh_key(&key, out_key, err);
	if (!rc)
		rc = issue(a, AUTHORITY_HUBS, &request, a->lifetimes.hub_ms, key, now_wall_ms, out_chain,
			   err);
	if (!rc && authority_add_crosses_from(a, current_index(a), out_chain))
		rc = err_set(err, -ENOMEM, "certificate chain: out of memory");
	x509_key_free(key);
	return rc;
}

/* A client never becomes a node. */
static int check_client(const char *user, const char *const *groups, struct err *err)
{
	if (span_has_prefix(span_of(user), SPAN(AUTHORITY_NODE_PREFIX)))
		return err_set(err, -EPERM, "user names must not begin with " AUTHORITY_NODE_PREFIX);
	for (const char *const *group = groups; group && *group; group++)
		if (strcmp(*group, AUTHORITY_NODE_GROUP) == 0)
			return err_set(err, -EPERM, "users cannot be in the group " AUTHORITY_NODE_GROUP);
	return 0;
}

int authority_issue_user(struct authority *a, struct span csr_pem, const char *user,
			 const char *const *groups, int64_t ttl_ms, int64_t now_wall_ms,
			 struct buf *out_chain, struct x509_facts *facts, struct err *err)
{
	struct x509_request request = { .client = true, .common_name = user, .organizations = groups };
	struct x509_key *key = NULL;
	size_t was = out_chain->len;
	int rc = check_client(user, groups, err);

	if (!rc)
		rc = x509_csr_key(csr_pem, &key, err);
	if (!rc)
		rc = issue(a, AUTHORITY_CLIENTS, &request, ttl_ms, key, now_wall_ms, out_chain, err);
	if (!rc)
		rc = x509_read(span_make(out_chain->data + was, out_chain->len - was), facts, err);
	x509_key_free(key);
	return rc;
}

int authority_issue_client(struct authority *a, const char *user, const char *const *groups,
			   int64_t now_wall_ms, struct buf *out_chain, struct buf *out_key, struct err *err)
{
	struct x509_request request = { .client = true, .common_name = user, .organizations = groups };
	struct x509_key *key = NULL;
	int rc = check_client(user, groups, err);

	if (!rc)
		rc = fresh_key(&key, out_key, err);
	if (!rc)
		rc = issue(a, AUTHORITY_CLIENTS, &request, a->lifetimes.client_ms, key, now_wall_ms,
			   out_chain, err);
	x509_key_free(key);
	return rc;
}

int authority_issue_node(struct authority *a, struct span csr_pem, const char *node_name, int64_t now_wall_ms,
			 struct buf *out_chain, uint8_t out_key_sha256[X509_SHA256_SIZE], struct err *err)
{
	static const char *const groups[] = { AUTHORITY_NODE_GROUP, NULL };
	char name[X509_NAME_MAX + 1];
	struct x509_request request = { .client = true, .common_name = name, .organizations = groups };
	struct x509_key *key = NULL;
	int n = snprintf(name, sizeof(name), AUTHORITY_NODE_PREFIX "%s", node_name);
	int rc;

	if (n < 0 || (size_t)n >= sizeof(name) || !*node_name)
		return err_set(err, -EINVAL, "the node name is empty or too long");
	rc = x509_csr_key(csr_pem, &key, err);
	if (!rc && out_key_sha256 && x509_key_digest(key, out_key_sha256))
		rc = err_set(err, -EINVAL, "signing request: its key cannot be used");
	if (!rc)
		rc = issue(a, AUTHORITY_NODES, &request, a->lifetimes.node_ms, key, now_wall_ms, out_chain,
			   err);
	x509_key_free(key);
	return rc;
}
