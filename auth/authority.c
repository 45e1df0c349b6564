#include "auth/authority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/pkidir.h"

#define DAY_MS (24 * 60 * 60 * (int64_t)1000)
#define ROOT_KEY_FILE "root.key"
#define ROOT_NAME "holdfast root authority"

/* What each branch may sign for. An intermediate for servers can make no client, and the other way round. */
static const struct branch {
	const char *cert_file, *key_file, *common_name;
	bool server;
} branches[AUTHORITY_BRANCHES] = {
	[AUTHORITY_HUBS] = { "hubs.crt", "hubs.key", "holdfast hubs authority", true },
	[AUTHORITY_NODES] = { "nodes.crt", "nodes.key", "holdfast nodes authority", false },
	[AUTHORITY_CLIENTS] = { "clients.crt", "clients.key", "holdfast clients authority", false },
};

/* Names every hub answers to: what edges verify, and what clients in the cluster and on the machine use. */
static const char *const fixed_names[] = {
	AUTHORITY_HUB_NAME,
	AUTHORITY_JOIN_NAME,
	"localhost",
	"127.0.0.1",
	"::1",
	"kubernetes",
	"kubernetes.default",
	"kubernetes.default.svc",
	"kubernetes.default.svc.cluster.local",
};
#define FIXED_NAMES (sizeof(fixed_names) / sizeof(fixed_names[0]))

struct authority {
	struct buf root_pem;
	uint8_t pin[X509_SHA256_SIZE];
	struct buf branch_pem[AUTHORITY_BRANCHES];
	struct x509_key *branch_key[AUTHORITY_BRANCHES];
};

/* --- making one --- */

struct creation {
	struct x509_key *root_key, *branch_key[AUTHORITY_BRANCHES];
	struct vault *vault; /* borrowed; NULL: keys in plain */
	struct buf root_pem, root_key_pem, branch_pem[AUTHORITY_BRANCHES], branch_key_pem[AUTHORITY_BRANCHES];
	struct pkidir_file files[2 + 2 * AUTHORITY_BRANCHES];
	size_t file_count;
};

static void wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

static void creation_init(struct creation *c, struct vault *vault)
{
	*c = (struct creation){ .vault = vault };
	buf_init(&c->root_pem, X509_PEM_MAX);
	buf_init(&c->root_key_pem, X509_PEM_MAX);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		buf_init(&c->branch_pem[i], X509_PEM_MAX);
		buf_init(&c->branch_key_pem[i], X509_PEM_MAX);
	}
}

static void creation_done(struct creation *c)
{
	x509_key_free(c->root_key);
	buf_done(&c->root_pem);
	wipe(&c->root_key_pem);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		x509_key_free(c->branch_key[i]);
		buf_done(&c->branch_pem[i]);
		wipe(&c->branch_key_pem[i]);
	}
}

static void creation_add_file(struct creation *c, const char *name, const struct buf *content)
{
	c->files[c->file_count++] = (struct pkidir_file){ name, buf_span(content) };
}

/* The key's text, sealed where there is a vault. */
static int write_key(struct creation *c, const struct x509_key *key, const char *name, struct buf *out)
{
	struct buf plain;
	int rc;

	buf_init(&plain, X509_PEM_MAX);
	rc = x509_key_write(key, &plain);
	if (!rc)
		rc = c->vault ? vault_file_seal(c->vault, name, buf_span(&plain), out)
			      : buf_add_span(out, buf_span(&plain));
	wipe(&plain);
	return rc;
}

static int make_root(struct creation *c, int64_t now_wall_ms, struct err *err)
{
	struct x509_request request = {
		.use = X509_USE_ROOT,
		.common_name = ROOT_NAME,
		.not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS,
		.not_after_wall_ms = now_wall_ms + AUTHORITY_ROOT_DAYS * DAY_MS,
	};
	int rc = x509_key_new(&c->root_key);

	if (!rc)
		rc = write_key(c, c->root_key, ROOT_KEY_FILE, &c->root_key_pem);
	if (rc)
		return err_set(err, rc, "cannot make a key");
	rc = x509_issue(&request, c->root_key, SPAN(""), c->root_key, &c->root_pem, err);
	creation_add_file(c, ROOT_KEY_FILE, &c->root_key_pem);
	creation_add_file(c, "root.crt", &c->root_pem);
	return rc;
}

static int make_branch(struct creation *c, size_t i, int64_t now_wall_ms, struct err *err)
{
	struct x509_request request = {
		.use = X509_USE_AUTHORITY,
		.server = branches[i].server,
		.client = !branches[i].server,
		.common_name = branches[i].common_name,
		.not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS,
		.not_after_wall_ms = now_wall_ms + AUTHORITY_BRANCH_DAYS * DAY_MS,
	};
	int rc = x509_key_new(&c->branch_key[i]);

	if (!rc)
		rc = write_key(c, c->branch_key[i], branches[i].key_file, &c->branch_key_pem[i]);
	if (rc)
		return err_set(err, rc, "cannot make a key");
	rc = x509_issue(&request, c->branch_key[i], buf_span(&c->root_pem), c->root_key, &c->branch_pem[i],
			err);
	creation_add_file(c, branches[i].key_file, &c->branch_key_pem[i]);
	creation_add_file(c, branches[i].cert_file, &c->branch_pem[i]);
	return rc;
}

static int create(const char *dir, struct vault *vault, int64_t now_wall_ms, struct err *err)
{
	struct creation c;
	int rc;

	creation_init(&c, vault);
	rc = make_root(&c, now_wall_ms, err);
	for (size_t i = 0; !rc && i < AUTHORITY_BRANCHES; i++)
		rc = make_branch(&c, i, now_wall_ms, err);
	if (!rc)
		rc = pkidir_create(dir, c.files, c.file_count, err);
	creation_done(&c);
	return rc;
}

/* --- loading one --- */

static int load_root(struct authority *a, const char *dir, struct err *err)
{
	struct x509_facts facts;
	int rc = pkidir_read(dir, "root.crt", &a->root_pem, err);

	if (!rc)
		rc = x509_read(buf_span(&a->root_pem), &facts, err);
	if (!rc && !facts.is_authority)
		rc = err_set(err, -EINVAL, "root.crt is not an authority");
	if (!rc)
		memcpy(a->pin, facts.cert_sha256, sizeof(a->pin));
	return rc;
}

/* Settles it first: an earlier release left it in plain. */
static int read_key(struct vault *vault, const char *dir, const char *name, struct buf *out, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", dir, name), rc;

	if (!vault)
		return pkidir_read(dir, name, out, err);
	if (n < 0 || (size_t)n >= sizeof(path))
		return err_set(err, -ENAMETOOLONG, "%s: path too long", dir);
	rc = vault_file_settle(vault, path);
	if (!rc)
		rc = vault_file_read(vault, path, out);
	return rc ? err_set(err, rc, "cannot read %s: %s", path, strerror(-rc)) : 0;
}

static int load_branch(struct authority *a, size_t i, const char *dir, struct vault *vault, struct err *err)
{
	const struct branch *branch = &branches[i];
	struct x509_facts facts;
	struct buf key_pem;
	int rc = pkidir_read(dir, branch->cert_file, &a->branch_pem[i], err);

	if (!rc)
		rc = x509_read(buf_span(&a->branch_pem[i]), &facts, err);
	/* Judged at a time when it was valid: expiry is for its users to find, this is about belonging together. */
	if (!rc)
		rc = x509_verify(buf_span(&a->branch_pem[i]), buf_span(&a->root_pem), branch->server, NULL,
				 facts.not_before_wall_ms + AUTHORITY_BACKDATE_MS, err);
	if (rc) {
		(void)err_wrap(err, "%s", branch->cert_file);
		return rc;
	}
	buf_init(&key_pem, X509_PEM_MAX);
	rc = read_key(vault, dir, branch->key_file, &key_pem, err);
	if (!rc)
		rc = x509_key_parse(buf_span(&key_pem), &a->branch_key[i], err);
	wipe(&key_pem);
	if (!rc && !x509_matches(buf_span(&a->branch_pem[i]), a->branch_key[i]))
		rc = err_set(err, -EINVAL, "is not the key of %s", branch->cert_file);
	if (rc)
		(void)err_wrap(err, "%s", branch->key_file);
	return rc;
}

/* The root's key is used by nobody yet, and must not lie there in plain either. */
static int settle_root_key(const char *dir, struct vault *vault, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" ROOT_KEY_FILE, dir);
	int rc = n < 0 || (size_t)n >= sizeof(path) ? -ENAMETOOLONG
		 : vault			    ? vault_file_settle(vault, path)
						    : 0;

	return rc ? err_set(err, rc, "cannot seal %s/" ROOT_KEY_FILE ": %s", dir, strerror(-rc)) : 0;
}

static int load(struct authority *a, const char *dir, struct vault *vault, struct err *err)
{
	int rc = load_root(a, dir, err);

	if (!rc)
		rc = settle_root_key(dir, vault, err);

	for (size_t i = 0; !rc && i < AUTHORITY_BRANCHES; i++)
		rc = load_branch(a, i, dir, vault, err);
	if (!rc || rc == -ENOMEM || rc == -EACCES || rc == -EIO)
		return rc;
	(void)err_wrap(err, "the authority in %s is damaged; restore it from a backup", dir);
	if (err)
		err->code = -EBADMSG;
	return -EBADMSG;
}

static struct authority *authority_alloc(void)
{
	struct authority *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	buf_init(&a->root_pem, X509_PEM_MAX);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++)
		buf_init(&a->branch_pem[i], X509_PEM_MAX);
	return a;
}

int authority_open(const char *dir, struct vault *vault, int64_t now_wall_ms, struct authority **out,
		   struct err *err)
{
	struct authority *a = authority_alloc();
	int lock = -1, rc;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	rc = pkidir_lock(dir, &lock, err);
	if (!rc && !pkidir_exists(dir))
		rc = create(dir, vault, now_wall_ms, err);
	if (!rc)
		rc = load(a, dir, vault, err);
	if (lock >= 0)
		(void)close(lock);
	if (rc) {
		authority_free(a);
		return rc;
	}
	*out = a;
	return 0;
}

void authority_free(struct authority *a)
{
	if (!a)
		return;
	buf_done(&a->root_pem);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		buf_done(&a->branch_pem[i]);
		x509_key_free(a->branch_key[i]);
	}
	free(a);
}

struct span authority_root_pem(const struct authority *a)
{
	return buf_span(&a->root_pem);
}

struct span authority_branch_pem(const struct authority *a, enum authority_branch branch)
{
	return buf_span(&a->branch_pem[branch]);
}

const uint8_t *authority_pin(const struct authority *a)
{
	return a->pin;
}

/* --- issuing --- */

int64_t authority_renew_at(int64_t not_before_wall_ms, int64_t not_after_wall_ms)
{
	return not_before_wall_ms + (not_after_wall_ms - not_before_wall_ms) / 3 * 2;
}

/* Leaf and intermediate; nobody's life is longer than that of what signed it. */
static int issue_for(struct authority *a, enum authority_branch branch, struct x509_request *request,
		     int64_t ttl_ms, const struct x509_key *key, int64_t now_wall_ms, struct buf *out_chain,
		     struct err *err)
{
	struct x509_facts facts;
	size_t was = out_chain->len;
	int rc = x509_read(buf_span(&a->branch_pem[branch]), &facts, err);

	if (rc)
		return rc;
	request->use = X509_USE_LEAF;
	request->not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS;
	request->not_after_wall_ms = now_wall_ms + ttl_ms;
	if (request->not_after_wall_ms > facts.not_after_wall_ms)
		request->not_after_wall_ms = facts.not_after_wall_ms;
	rc = x509_issue(request, key, buf_span(&a->branch_pem[branch]), a->branch_key[branch], out_chain,
			err);
	if (!rc && buf_add_span(out_chain, buf_span(&a->branch_pem[branch])))
		rc = err_set(err, -ENOMEM, "certificate chain: out of memory");
	if (rc)
		out_chain->len = was;
	return rc;
}

static int issue(struct authority *a, enum authority_branch branch, struct x509_request *request,
		 unsigned days, const struct x509_key *key, int64_t now_wall_ms, struct buf *out_chain,
		 struct err *err)
{
	return issue_for(a, branch, request, (int64_t)days * DAY_MS, key, now_wall_ms, out_chain, err);
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
		rc = issue(a, AUTHORITY_HUBS, &request, AUTHORITY_HUB_DAYS, key, now_wall_ms, out_chain, err);
	if (!rc && buf_add_span(out_chain, buf_span(&a->root_pem)))
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
		rc = issue_for(a, AUTHORITY_CLIENTS, &request, ttl_ms, key, now_wall_ms, out_chain, err);
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
		rc = issue(a, AUTHORITY_CLIENTS, &request, AUTHORITY_CLIENT_DAYS, key, now_wall_ms, out_chain,
			   err);
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
		rc = issue(a, AUTHORITY_NODES, &request, AUTHORITY_NODE_DAYS, key, now_wall_ms, out_chain,
			   err);
	x509_key_free(key);
	return rc;
}
