/* Making generations of an authority, and loading them. */
#include <errno.h>
#include <stdio.h>

#include "auth/authority_impl.h"
#include "base/random.h"

#define DAY_MS (24 * 60 * 60 * (int64_t)1000)
#define ROOT_NAME "holdfast root authority"
#define NAME_SIZE 96u

const struct authority_branch_kind authority_branches[AUTHORITY_BRANCHES] = {
	[AUTHORITY_HUBS] = { "hubs.crt", "hubs.key", "holdfast hubs authority", true },
	[AUTHORITY_NODES] = { "nodes.crt", "nodes.key", "holdfast nodes authority", false },
	[AUTHORITY_CLIENTS] = { "clients.crt", "clients.key", "holdfast clients authority", false },
};

void authority_wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_done(buf);
}

void generation_init(struct generation *g, unsigned number, enum authority_state state)
{
	*g = (struct generation){ .number = number, .state = state };
	buf_init(&g->root_pem, X509_PEM_MAX);
	buf_init(&g->cross_pem, X509_PEM_MAX);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++)
		buf_init(&g->branch_pem[i], X509_PEM_MAX);
}

void generation_done(struct generation *g)
{
	buf_done(&g->root_pem);
	buf_done(&g->cross_pem);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		buf_done(&g->branch_pem[i]);
		x509_key_free(g->branch_key[i]);
	}
}

int generation_dir(const struct authority *a, unsigned number, char out[PKIDIR_PATH_MAX])
{
	int n = number == 1 ? snprintf(out, PKIDIR_PATH_MAX, "%s", a->dir)
			    : snprintf(out, PKIDIR_PATH_MAX, "%s/%u", a->dir, number);

	return n < 0 || (size_t)n >= PKIDIR_PATH_MAX ? -ENAMETOOLONG : 0;
}

/* --- making one --- */

struct creation {
	char suffix[32];     /* of every name: verifiers tell authorities apart by it */
	struct vault *vault; /* borrowed; NULL: keys in plain */
	struct x509_key *root_key, *branch_key[AUTHORITY_BRANCHES];
	struct buf root_pem, root_key_pem, cross_pem, branch_pem[AUTHORITY_BRANCHES],
		branch_key_pem[AUTHORITY_BRANCHES];
	struct pkidir_file files[3 + 2 * AUTHORITY_BRANCHES];
	size_t file_count;
};

static void creation_init(struct creation *c, unsigned number, struct vault *vault)
{
	uint32_t random;

	*c = (struct creation){ .vault = vault };
	random_bytes(&random, sizeof(random));
	if (number > 1) /* random too: a restored authority may come to the same number again */
		(void)snprintf(c->suffix, sizeof(c->suffix), " %u-%08x", number, random);
	buf_init(&c->root_pem, X509_PEM_MAX);
	buf_init(&c->root_key_pem, X509_PEM_MAX);
	buf_init(&c->cross_pem, X509_PEM_MAX);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		buf_init(&c->branch_pem[i], X509_PEM_MAX);
		buf_init(&c->branch_key_pem[i], X509_PEM_MAX);
	}
}

static void creation_done(struct creation *c)
{
	x509_key_free(c->root_key);
	buf_done(&c->root_pem);
	buf_done(&c->cross_pem);
	authority_wipe(&c->root_key_pem);
	for (size_t i = 0; i < AUTHORITY_BRANCHES; i++) {
		x509_key_free(c->branch_key[i]);
		buf_done(&c->branch_pem[i]);
		authority_wipe(&c->branch_key_pem[i]);
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
	authority_wipe(&plain);
	return rc;
}

static int make_root(struct creation *c, int64_t now_wall_ms, struct err *err)
{
	char name[NAME_SIZE];
	struct x509_request request = {
		.use = X509_USE_ROOT,
		.common_name = name,
		.not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS,
		.not_after_wall_ms = now_wall_ms + AUTHORITY_ROOT_DAYS * DAY_MS,
	};
	int rc = x509_key_new(&c->root_key);

	(void)snprintf(name, sizeof(name), ROOT_NAME "%s", c->suffix);
	if (!rc)
		rc = write_key(c, c->root_key, AUTHORITY_ROOT_KEY, &c->root_key_pem);
	if (rc)
		return err_set(err, rc, "cannot make a key");
	rc = x509_issue(&request, c->root_key, SPAN(""), c->root_key, &c->root_pem, err);
	creation_add_file(c, AUTHORITY_ROOT_KEY, &c->root_key_pem);
	creation_add_file(c, AUTHORITY_ROOT_CERT, &c->root_pem);
	return rc;
}

static int make_branch(struct creation *c, size_t i, int64_t now_wall_ms, struct err *err)
{
	const struct authority_branch_kind *kind = &authority_branches[i];
	char name[NAME_SIZE];
	struct x509_request request = {
		.use = X509_USE_AUTHORITY,
		.server = kind->server,
		.client = !kind->server,
		.common_name = name,
		.not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS,
		.not_after_wall_ms = now_wall_ms + AUTHORITY_BRANCH_DAYS * DAY_MS,
	};
	int rc = x509_key_new(&c->branch_key[i]);

	(void)snprintf(name, sizeof(name), "%s%s", kind->common_name, c->suffix);
	if (!rc)
		rc = write_key(c, c->branch_key[i], kind->key_file, &c->branch_key_pem[i]);
	if (rc)
		return err_set(err, rc, "cannot make a key");
	rc = x509_issue(&request, c->branch_key[i], buf_span(&c->root_pem), c->root_key, &c->branch_pem[i],
			err);
	creation_add_file(c, kind->key_file, &c->branch_key_pem[i]);
	creation_add_file(c, kind->cert_file, &c->branch_pem[i]);
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

static int load_root_key(const struct authority *a, const struct generation *g, struct x509_key **out,
			 struct err *err)
{
	char dir[PKIDIR_PATH_MAX];
	struct buf pem;
	int rc = generation_dir(a, g->number, dir);

	if (rc)
		return err_set(err, rc, "%s: path too long", a->dir);
	buf_init(&pem, X509_PEM_MAX);
	rc = read_key(a->vault, dir, AUTHORITY_ROOT_KEY, &pem, err);
	if (!rc)
		rc = x509_key_parse(buf_span(&pem), out, err);
	authority_wipe(&pem);
	if (!rc && !x509_matches(buf_span(&g->root_pem), *out))
		rc = err_set(err, -EBADMSG, "%s/%s is not the key of the root", dir, AUTHORITY_ROOT_KEY);
	return rc;
}

/* The new root as the old one sees it: no longer than the old one lives. */
static int make_cross(struct creation *c, const struct authority *a, const struct generation *before,
		      int64_t now_wall_ms, struct err *err)
{
	char name[NAME_SIZE];
	struct x509_request request = {
		.use = X509_USE_CROSS,
		.common_name = name,
		.not_before_wall_ms = now_wall_ms - AUTHORITY_BACKDATE_MS,
		.not_after_wall_ms = before->root_not_after_wall_ms,
	};
	struct x509_key *old_key = NULL;
	int rc = load_root_key(a, before, &old_key, err);

	(void)snprintf(name, sizeof(name), ROOT_NAME "%s", c->suffix);
	if (!rc)
		rc = x509_issue(&request, c->root_key, buf_span(&before->root_pem), old_key, &c->cross_pem,
				err);
	x509_key_free(old_key);
	creation_add_file(c, AUTHORITY_CROSS_CERT, &c->cross_pem);
	return rc;
}

int generation_create(const struct authority *a, unsigned number, const struct generation *before,
		      int64_t now_wall_ms, struct err *err)
{
	char dir[PKIDIR_PATH_MAX];
	struct creation c;
	int rc = generation_dir(a, number, dir);

	if (rc)
		return err_set(err, rc, "%s: path too long", a->dir);
	creation_init(&c, number, a->vault);
	rc = make_root(&c, now_wall_ms, err);
	for (size_t i = 0; !rc && i < AUTHORITY_BRANCHES; i++)
		rc = make_branch(&c, i, now_wall_ms, err);
	if (!rc && before)
		rc = make_cross(&c, a, before, now_wall_ms, err);
	if (!rc)
		rc = pkidir_create(dir, c.files, c.file_count, err);
	creation_done(&c);
	return rc;
}

/* --- loading one --- */

static int load_root(struct generation *g, const char *dir, struct err *err)
{
	struct x509_facts facts;
	int rc = pkidir_read(dir, AUTHORITY_ROOT_CERT, &g->root_pem, err);

	if (!rc)
		rc = x509_read(buf_span(&g->root_pem), &facts, err);
	if (!rc && !facts.is_authority)
		rc = err_set(err, -EINVAL, AUTHORITY_ROOT_CERT " is not an authority");
	if (rc)
		return rc;
	memcpy(g->pin, facts.cert_sha256, sizeof(g->pin));
	g->root_not_after_wall_ms = facts.not_after_wall_ms;
	return g->number == 1 ? 0 : pkidir_read(dir, AUTHORITY_CROSS_CERT, &g->cross_pem, err);
}

static int load_branch(struct generation *g, size_t i, const char *dir, struct vault *vault, struct err *err)
{
	const struct authority_branch_kind *kind = &authority_branches[i];
	struct x509_facts facts;
	struct buf key_pem;
	int rc = pkidir_read(dir, kind->cert_file, &g->branch_pem[i], err);

	if (!rc)
		rc = x509_read(buf_span(&g->branch_pem[i]), &facts, err);
	/* Judged at a time when it was valid: expiry is for its users to find, this is about belonging together. */
	if (!rc)
		rc = x509_verify(buf_span(&g->branch_pem[i]), buf_span(&g->root_pem), kind->server, NULL,
				 facts.not_before_wall_ms + AUTHORITY_BACKDATE_MS, err);
	if (rc) {
		(void)err_wrap(err, "%s", kind->cert_file);
		return rc;
	}
	(void)snprintf(g->branch_name[i], sizeof(g->branch_name[i]), "%s", facts.common_name);
	if (!g->branch_not_after_wall_ms || facts.not_after_wall_ms < g->branch_not_after_wall_ms)
		g->branch_not_after_wall_ms = facts.not_after_wall_ms;
	buf_init(&key_pem, X509_PEM_MAX);
	rc = read_key(vault, dir, kind->key_file, &key_pem, err);
	if (!rc)
		rc = x509_key_parse(buf_span(&key_pem), &g->branch_key[i], err);
	authority_wipe(&key_pem);
	if (!rc && !x509_matches(buf_span(&g->branch_pem[i]), g->branch_key[i]))
		rc = err_set(err, -EINVAL, "is not the key of %s", kind->cert_file);
	if (rc)
		(void)err_wrap(err, "%s", kind->key_file);
	return rc;
}

/* The root's key is needed for a rotation only, and must not lie there in plain either. */
static int settle_root_key(const char *dir, struct vault *vault, struct err *err)
{
	char path[PKIDIR_PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s/" AUTHORITY_ROOT_KEY, dir);
	int rc = n < 0 || (size_t)n >= sizeof(path) ? -ENAMETOOLONG
		 : vault			    ? vault_file_settle(vault, path)
						    : 0;

	return rc ? err_set(err, rc, "cannot seal %s/" AUTHORITY_ROOT_KEY ": %s", dir, strerror(-rc)) : 0;
}

int generation_load(struct generation *g, const struct authority *a, struct err *err)
{
	char dir[PKIDIR_PATH_MAX];
	int rc = generation_dir(a, g->number, dir);

	if (rc)
		return err_set(err, rc, "%s: path too long", a->dir);
	rc = load_root(g, dir, err);
	if (!rc)
		rc = settle_root_key(dir, a->vault, err);
	for (size_t i = 0; !rc && i < AUTHORITY_BRANCHES; i++)
		rc = load_branch(g, i, dir, a->vault, err);
	if (!rc || rc == -ENOMEM || rc == -EACCES || rc == -EIO)
		return rc;
	(void)err_wrap(err, "the authority in %s is damaged; restore it from a backup", dir);
	if (err)
		err->code = -EBADMSG;
	return -EBADMSG;
}
