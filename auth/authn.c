#include "auth/authn.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/authority.h"
#include "base/text.h"
#include "net/crypt.h"

#define GROUP_AUTHENTICATED "system:authenticated"
#define GROUP_UNAUTHENTICATED "system:unauthenticated"

const struct api_identity *identity_anonymous(void)
{
	static const char *const groups[] = { "system:unauthenticated", NULL };
	static const struct api_identity anonymous = { .user = IDENTITY_ANONYMOUS,
						       .groups = groups,
						       .uid = "" };

	return &anonymous;
}

bool identity_in_group(const struct api_identity *identity, const char *group)
{
	for (const char *const *g = identity->groups; g && *g; g++)
		if (strcmp(*g, group) == 0)
			return true;
	return false;
}

const char *identity_node(const struct api_identity *identity)
{
	const size_t prefix = sizeof(AUTHORITY_NODE_PREFIX) - 1;

	if (strncmp(identity->user, AUTHORITY_NODE_PREFIX, prefix) != 0 || !identity->user[prefix] ||
	    !identity_in_group(identity, AUTHORITY_NODE_GROUP))
		return NULL;
	return identity->user + prefix;
}

/* A certificate that claims half of what makes a node is not a lesser user, it is wrong. */
static int check_node_claim(const struct api_identity *identity)
{
	bool named = span_has_prefix(span_of(identity->user), SPAN(AUTHORITY_NODE_PREFIX));
	bool grouped = identity_in_group(identity, AUTHORITY_NODE_GROUP);

	return named == grouped && (!named || identity_node(identity)) ? 0 : -EINVAL;
}

/* One heap block: the identity, its lists of pointers, its extra, all text. */
struct sizes {
	size_t pointers, extra, bytes;
};

/* Counts a NULL-ended list of texts and their bytes. */
static int measure_list(const char *const *list, size_t most, size_t longest, struct sizes *sizes)
{
	size_t count = 0;

	for (; list && list[count]; count++) {
		if (count == most)
			return -E2BIG;
		if (!list[count][0] || strlen(list[count]) > longest)
			return -EINVAL;
		sizes->bytes += strlen(list[count]) + 1;
	}
	sizes->pointers += count + 1;
	return 0;
}

static int measure(const struct api_identity *like, struct sizes *sizes)
{
	const char *const user[] = { like->user ? like->user : "", NULL };
	int code = measure_list(user, 1, IDENTITY_NAME_MAX, sizes);

	if (!code && like->uid && strlen(like->uid) > IDENTITY_NAME_MAX)
		code = -EINVAL;
	sizes->bytes += (like->uid ? strlen(like->uid) : 0) + 1;
	if (!code)
		code = measure_list(like->groups, IDENTITY_GROUPS_MAX, IDENTITY_NAME_MAX, sizes);
	for (; !code && like->extra && like->extra[sizes->extra].key; sizes->extra++) {
		const struct api_extra *extra = &like->extra[sizes->extra];
		const char *const key[] = { extra->key, NULL };

		code = sizes->extra == IDENTITY_EXTRA_MAX
			       ? -E2BIG
			       : measure_list(key, 1, IDENTITY_EXTRA_TEXT_MAX, sizes);
		if (!code)
			code = measure_list(extra->values, IDENTITY_EXTRA_VALUES_MAX, IDENTITY_EXTRA_TEXT_MAX,
					    sizes);
	}
	sizes->pointers++; /* the group that is added */
	return code;
}

struct filler {
	const char **pointers;
	char *text;
};

static const char *add_text(struct filler *filler, const char *text)
{
	char *start = filler->text;
	size_t len = strlen(text) + 1;

	memcpy(start, text, len);
	filler->text += len;
	return start;
}

/* A NULL-ended copy of the list, with one more text unless that is NULL. */
static const char *const *add_list(struct filler *filler, const char *const *list, const char *more)
{
	const char **start = filler->pointers;

	for (; list && *list; list++)
		*filler->pointers++ = add_text(filler, *list);
	if (more)
		*filler->pointers++ = more;
	*filler->pointers++ = NULL;
	return start;
}

static struct api_identity *fill(const struct api_identity *like, const struct sizes *sizes, void *block)
{
	struct api_identity *identity = block;
	struct api_extra *extra = (struct api_extra *)(identity + 1);
	const char **pointers = (const char **)(extra + sizes->extra + 1);
	struct filler filler = { pointers, (char *)(pointers + sizes->pointers) };

	identity->user = add_text(&filler, like->user);
	identity->uid = add_text(&filler, like->uid ? like->uid : "");
	identity->groups = add_list(&filler, like->groups,
				    identity_in_group(like, GROUP_AUTHENTICATED) ||
						    identity_in_group(like, GROUP_UNAUTHENTICATED)
					    ? NULL
					    : GROUP_AUTHENTICATED);
	identity->extra = sizes->extra ? extra : NULL;
	for (size_t i = 0; i < sizes->extra; i++)
		extra[i] = (struct api_extra){ add_text(&filler, like->extra[i].key),
					       add_list(&filler, like->extra[i].values, NULL) };
	return identity;
}

int identity_copy(const struct api_identity *like, const struct api_identity **out)
{
	struct sizes sizes = { 0 };
	struct api_identity *identity;
	int code = measure(like, &sizes);

	if (code)
		return code;
	identity = calloc(1, sizeof(*identity) + (sizes.extra + 1) * sizeof(struct api_extra) +
				     sizes.pointers * sizeof(char *) + sizes.bytes);
	if (!identity)
		return -ENOMEM;
	code = check_node_claim(fill(like, &sizes, identity));
	if (code) {
		free(identity);
		return code;
	}
	identity->by = like->by;
	*out = identity;
	return 0;
}

int identity_new(const char *user, const char *const *groups, const struct api_identity **out)
{
	const struct api_identity like = { .user = user, .groups = groups };

	return identity_copy(&like, out);
}

void identity_free(const struct api_identity *identity)
{
	while (identity && identity != identity_anonymous()) {
		const struct api_identity *by = identity->by;

		free((void *)identity);
		identity = by;
	}
}

const char *identity_extra(const struct api_identity *identity, const char *key)
{
	for (const struct api_extra *extra = identity->extra; extra && extra->key; extra++)
		if (strcmp(extra->key, key) == 0)
			return extra->values ? extra->values[0] : NULL;
	return NULL;
}

#define DIGEST_TEXT_SIZE 80

static void digest_text(const char *prefix, const uint8_t digest[CRYPT_SHA256_SIZE],
			char out[DIGEST_TEXT_SIZE])
{
	struct buf text;

	out[0] = '\0';
	buf_init(&text, DIGEST_TEXT_SIZE);
	buf_add_str(&text, prefix);
	text_hex(&text, span_make(digest, CRYPT_SHA256_SIZE));
	if (buf_error(&text) || span_copy(buf_span(&text), out, DIGEST_TEXT_SIZE))
		out[0] = '\0';
	buf_done(&text);
}

/* The credential, and of a node its key. */
struct proofs {
	char credential[DIGEST_TEXT_SIZE], key[DIGEST_TEXT_SIZE];
	const char *credentials[2], *keys[2];
	struct api_extra extra[3];
};

static int proofs_of(const struct tls_peer *peer, struct proofs *out)
{
	uint8_t digest[CRYPT_SHA256_SIZE];

	memset(out, 0, sizeof(*out));
	crypt_sha256(span_make(peer->cert_der, peer->cert_der_len), digest);
	digest_text("X509SHA256=", digest, out->credential);
	digest_text("", peer->key_sha256, out->key);
	if (!out->credential[0] || !out->key[0])
		return -ENOMEM; /* one that cannot be named could not be revoked */
	out->credentials[0] = out->credential;
	out->keys[0] = out->key;
	out->extra[0] = (struct api_extra){ IDENTITY_CREDENTIAL, out->credentials };
	if (span_has_prefix(span_of(peer->common_name), SPAN(AUTHORITY_NODE_PREFIX)))
		out->extra[1] = (struct api_extra){ IDENTITY_NODE_KEY, out->keys };
	return 0;
}

int authn_of_peer(const struct tls_peer *peer, int64_t now_wall_ms, const struct api_identity **out,
		  struct err *err)
{
	struct proofs proofs;
	const struct api_identity like = { .user = peer->common_name,
					   .groups = peer->organizations,
					   .extra = proofs.extra };
	int rc;

	if (!peer->has_cert) {
		*out = identity_anonymous();
		return 0;
	}
	if (now_wall_ms && peer->not_after_wall_ms < now_wall_ms)
		return err_set(err, -EKEYEXPIRED, "the client certificate has expired");
	rc = proofs_of(peer, &proofs);
	if (!rc)
		rc = identity_copy(&like, out);
	return rc ? err_set(err, rc, "the client certificate names nobody who could call") : 0;
}
