/* authority_impl: the inside of an authority, shared by authority.c (trust), authority_generation.c (making and loading generations),
 * authority_succession.c (their list and its steps) and authority_issue.c (certificates). Private to these. */
#ifndef HOLDFAST_AUTH_AUTHORITY_IMPL_H
#define HOLDFAST_AUTH_AUTHORITY_IMPL_H

#include "auth/authority.h"
#include "auth/pkidir.h"

/* What each branch may sign for. An intermediate for servers can make no client, and the other way round. */
struct authority_branch_kind {
	const char *cert_file, *key_file, *common_name;
	bool server;
};
extern const struct authority_branch_kind authority_branches[AUTHORITY_BRANCHES];

#define AUTHORITY_ROOT_CERT "root.crt"
#define AUTHORITY_ROOT_KEY "root.key"
#define AUTHORITY_CROSS_CERT \
	"cross.crt" /* the new root's key, signed by the root before; generation 1 has none */

/* One generation, whole. Number 1 lies in the authority's directory itself, N in DIR/N. */
struct generation {
	unsigned number;
	enum authority_state state;
	struct buf root_pem, cross_pem;
	uint8_t pin[X509_SHA256_SIZE];
	int64_t root_not_after_wall_ms,
		branch_not_after_wall_ms; /* the latter: of the branch that ends first */
	struct buf branch_pem[AUTHORITY_BRANCHES];
	char branch_name[AUTHORITY_BRANCHES][X509_NAME_MAX + 1];
	struct x509_key *branch_key[AUTHORITY_BRANCHES];
};

struct authority {
	char dir[PKIDIR_PATH_MAX];
	struct vault *vault; /* borrowed; NULL: keys in plain */
	struct authority_lifetimes lifetimes;
	struct generation generations[AUTHORITY_GENERATIONS_MAX]; /* oldest first */
	size_t count;
	struct buf bundle; /* roots that are trusted, oldest first */
	uint8_t bundle_sha256[X509_SHA256_SIZE];
};

void generation_init(struct generation *g, unsigned number, enum authority_state state);
void generation_done(struct generation *g);
int generation_dir(const struct authority *a, unsigned number, char out[PKIDIR_PATH_MAX]) must_check;
/* Makes the files of generation `number`: the first one by itself, later ones signed across by `before`, whose root.key is needed. */
int generation_create(const struct authority *a, unsigned number, const struct generation *before,
		      int64_t now_wall_ms, struct err *err) must_check;
int generation_load(struct generation *g, const struct authority *a, struct err *err) must_check;
/* The list of generations as it is on the disk, without their contents; none written: generation 1 alone. */
int generations_read(struct authority *a, struct err *err) must_check;
const struct generation *authority_current(const struct authority *a);
/* Anew, after a generation came or its state changed. */
int authority_make_bundle(struct authority *a) must_check;
/* From the root of that generation down to the oldest one that is still believed: newest first, as verifiers walk, and mbedTLS does
 * not go back. */
int authority_add_crosses_from(const struct authority *a, size_t index, struct buf *out) must_check;
void authority_wipe(struct buf *buf);

#endif
