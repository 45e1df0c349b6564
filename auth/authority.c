#include "auth/authority.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "auth/authority_impl.h"
#include "net/crypt.h"

#define BUNDLE_MAX (X509_BUNDLE_MAX * X509_PEM_MAX)

static int load(struct authority *a, struct err *err)
{
	int rc = generations_read(a, err);

	for (size_t i = 0; !rc && i < a->count; i++)
		rc = generation_load(&a->generations[i], a, err);
	if (!rc && authority_make_bundle(a))
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

int authority_open(const char *dir, struct vault *vault, int64_t now_wall_ms, struct authority **out,
		   struct err *err)
{
	struct authority *a = calloc(1, sizeof(*a));
	int lock = -1, rc;

	if (!a)
		return err_set(err, -ENOMEM, "out of memory");
	a->vault = vault;
	buf_init(&a->bundle, BUNDLE_MAX);
	rc = span_copy(span_of(dir), a->dir, sizeof(a->dir));
	if (rc)
		rc = err_set(err, -ENAMETOOLONG, "%s: path too long", dir);
	if (!rc)
		rc = pkidir_lock(dir, &lock, err);
	if (!rc && !pkidir_exists(dir))
		rc = generation_create(a, 1, NULL, now_wall_ms, err);
	if (!rc)
		rc = load(a, err);
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
	for (size_t i = 0; i < a->count; i++)
		generation_done(&a->generations[i]);
	buf_done(&a->bundle);
	free(a);
}

void authority_set_lifetimes(struct authority *a, const struct authority_lifetimes *lifetimes)
{
	a->lifetimes = *lifetimes;
}

/* --- generations --- */

const struct generation *authority_current(const struct authority *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->generations[i].state == AUTHORITY_CURRENT)
			return &a->generations[i];
	assert_always(!"an authority has a current generation");
	return NULL;
}

size_t authority_generation_count(const struct authority *a)
{
	return a->count;
}

struct authority_generation authority_generation_at(const struct authority *a, size_t index)
{
	const struct generation *g = &a->generations[index];

	return (struct authority_generation){ g->number, g->state, g->pin, g->root_not_after_wall_ms,
					      g->branch_not_after_wall_ms };
}

unsigned authority_current_number(const struct authority *a)
{
	return authority_current(a)->number;
}

bool authority_has(const struct authority *a, enum authority_state state)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->generations[i].state == state)
			return true;
	return false;
}

unsigned authority_generation_of(const struct authority *a, enum authority_branch branch, const char *issuer)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->generations[i].branch_name[branch], issuer) == 0)
			return a->generations[i].number;
	return 0;
}

/* --- trust --- */

static bool in_use(const struct generation *g)
{
	return g->state == AUTHORITY_CURRENT || g->state == AUTHORITY_NEXT || g->state == AUTHORITY_PREVIOUS;
}

int authority_make_bundle(struct authority *a)
{
	buf_reset(&a->bundle);
	if (authority_add_roots(a, &a->bundle))
		return -ENOMEM;
	crypt_sha256(buf_span(&a->bundle), a->bundle_sha256);
	return 0;
}

int authority_add_roots(const struct authority *a, struct buf *out)
{
	for (size_t i = 0; i < a->count; i++)
		if (in_use(&a->generations[i]) && buf_add_span(out, buf_span(&a->generations[i].root_pem)))
			return -ENOMEM;
	return 0;
}

struct span authority_bundle_pem(const struct authority *a)
{
	return buf_span(&a->bundle);
}

const uint8_t *authority_bundle_sha256(const struct authority *a)
{
	return a->bundle_sha256;
}

struct span authority_root_pem(const struct authority *a)
{
	return buf_span(&authority_current(a)->root_pem);
}

struct span authority_branch_pem(const struct authority *a, enum authority_branch branch)
{
	return buf_span(&authority_current(a)->branch_pem[branch]);
}

const uint8_t *authority_pin(const struct authority *a)
{
	return authority_current(a)->pin;
}

bool authority_accepts_pin(const struct authority *a, const uint8_t pin[X509_SHA256_SIZE])
{
	for (size_t i = 0; i < a->count; i++)
		if (in_use(&a->generations[i]) && memcmp(a->generations[i].pin, pin, X509_SHA256_SIZE) == 0)
			return true;
	return false;
}

static bool trusts_nodes(const struct generation *g, enum authority_trust which)
{
	return which == AUTHORITY_TRUST_RENEW ? g->state != AUTHORITY_DISTRUSTED : in_use(g);
}

static bool trusts_clients(const struct generation *g, enum authority_trust which)
{
	return which == AUTHORITY_TRUST_API && g->state != AUTHORITY_DISTRUSTED;
}

int authority_add_trust(const struct authority *a, enum authority_trust which, struct buf *out)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct generation *g = &a->generations[i];

		if (trusts_nodes(g, which) && buf_add_span(out, buf_span(&g->branch_pem[AUTHORITY_NODES])))
			return -ENOMEM;
		if (trusts_clients(g, which) &&
		    buf_add_span(out, buf_span(&g->branch_pem[AUTHORITY_CLIENTS])))
			return -ENOMEM;
	}
	return 0;
}

int authority_add_crosses_from(const struct authority *a, size_t index, struct buf *out)
{
	for (; index && a->generations[index - 1].state != AUTHORITY_DISTRUSTED; index--)
		if (buf_add_span(out, buf_span(&a->generations[index].cross_pem)))
			return -ENOMEM;
	return 0;
}

int authority_add_crosses(const struct authority *a, struct buf *out)
{
	return authority_add_crosses_from(a, a->count - 1, out);
}
