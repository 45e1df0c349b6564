#include "auth/authn.h"

#include <errno.h>
#include <stdlib.h>

#include "auth/authority.h"

#define GROUP_AUTHENTICATED "system:authenticated"

const struct api_identity *identity_anonymous(void)
{
	static const char *const groups[] = { "system:unauthenticated", NULL };
	static const struct api_identity anonymous = { IDENTITY_ANONYMOUS, groups, "", NULL };

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

struct identity_block {
	struct api_identity identity;
	const char *groups[IDENTITY_GROUPS_MAX + 2];
	char text[];
};

static int measure(const char *user, const char *const *groups, size_t *out_bytes)
{
	size_t count = 0, bytes;

	if (!user || !*user || strlen(user) > IDENTITY_NAME_MAX)
		return -EINVAL;
	bytes = strlen(user) + 1;
	for (; groups && groups[count]; count++) {
		if (count == IDENTITY_GROUPS_MAX)
			return -E2BIG;
		if (!groups[count][0] || strlen(groups[count]) > IDENTITY_NAME_MAX)
			return -EINVAL;
		bytes += strlen(groups[count]) + 1;
	}
	*out_bytes = bytes;
	return 0;
}

static const char *text_add(char **at, const char *text)
{
	char *start = *at;
	size_t len = strlen(text) + 1;

	memcpy(start, text, len);
	*at += len;
	return start;
}

int identity_new(const char *user, const char *const *groups, const struct api_identity **out)
{
	struct identity_block *block;
	size_t bytes = 0, count = 0;
	char *at;
	int rc = measure(user, groups, &bytes);

	if (rc)
		return rc;
	block = calloc(1, sizeof(*block) + bytes);
	if (!block)
		return -ENOMEM;
	at = block->text;
	block->identity = (struct api_identity){ text_add(&at, user), block->groups, "", NULL };
	for (; groups && groups[count]; count++)
		block->groups[count] = text_add(&at, groups[count]);
	block->groups[count] = GROUP_AUTHENTICATED;
	rc = check_node_claim(&block->identity);
	if (rc) {
		free(block);
		return rc;
	}
	*out = &block->identity;
	return 0;
}

void identity_free(const struct api_identity *identity)
{
	if (!identity || identity == identity_anonymous())
		return;
	free((void *)identity); /* first member of its block */
}

int authn_of_peer(const struct tls_peer *peer, int64_t now_wall_ms, const struct api_identity **out,
		  struct err *err)
{
	int rc;

	if (!peer->has_cert) {
		*out = identity_anonymous();
		return 0;
	}
	if (now_wall_ms && peer->not_after_wall_ms < now_wall_ms)
		return err_set(err, -EKEYEXPIRED, "the client certificate has expired");
	rc = identity_new(peer->common_name, peer->organizations, out);
	return rc ? err_set(err, rc, "the client certificate names nobody who could call") : 0;
}
