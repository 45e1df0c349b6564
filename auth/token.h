/* token: join tokens. One string carries the token's id, its secret and the pin of the authority's root:
 *
 *     hf1.<id>.<secret>.<pin>.<check>
 *
 * id: 16 hex digits; secret (24 bytes) and pin (SHA-256 of the root's DER) in base64url; check: CRC-32C of all
 * before it, so that a typing error is told apart from a foreign token. The cloud stores a grant, which holds only a
 * hash of the secret. Pure: told the time, no I/O. */
#ifndef HOLDFAST_AUTH_TOKEN_H
#define HOLDFAST_AUTH_TOKEN_H

#include "base/buf.h"

#define TOKEN_ID_SIZE 17 /* with NUL */
#define TOKEN_SECRET_BYTES 24
#define TOKEN_PIN_BYTES 32
#define TOKEN_TEXT_MAX 192u
#define TOKEN_REGIONS_MAX 16u
#define TOKEN_REGION_SIZE 64 /* a label value, with NUL */
#define TOKEN_NODE_NAME_SIZE 241
#define TOKEN_USES_MAX 100000u
#define TOKEN_MARK_PREFIX "token/" /* cache mark of a grant: prefix and id */

struct token {
	char id[TOKEN_ID_SIZE];
	uint8_t secret[TOKEN_SECRET_BYTES];
	uint8_t pin[TOKEN_PIN_BYTES];
};
/* -EINVAL: malformed (err says how: no token at all, mistyped, an unknown version). Surrounding white space is ignored. */
int token_parse(struct span text, struct token *out, struct err *err) must_check;
int token_write(const struct token *token, struct buf *out);

/* What the cloud keeps of a token. */
struct token_grant {
	char id[TOKEN_ID_SIZE];
	uint8_t secret_sha256[32];
	int64_t created_wall_ms, expires_wall_ms;
	int64_t used_wall_ms; /* last; 0: never */
	uint32_t uses_left;
	char node_name[TOKEN_NODE_NAME_SIZE]; /* "": any name */
	char regions[TOKEN_REGIONS_MAX][TOKEN_REGION_SIZE];
	size_t region_count; /* 0: the node gets no region */
};
struct token_terms {
	int64_t ttl_ms;		    /* > 0 */
	uint32_t uses;		    /* 1..TOKEN_USES_MAX */
	const char *const *regions; /* NULL-ended, may be NULL */
	const char *node_name;	    /* NULL or "": any */
};
/* A new random token and its grant. -EINVAL: bad terms, err says which. */
int token_issue(const struct token_terms *terms, const uint8_t pin[TOKEN_PIN_BYTES], int64_t now_wall_ms,
		struct token *out, struct token_grant *out_grant, struct err *err) must_check;
int token_grant_write(const struct token_grant *grant, struct buf *out_json) must_check;
int token_grant_parse(struct span json, struct token_grant *out, struct err *err) must_check;

enum token_verdict {
	TOKEN_OK,
	TOKEN_MALFORMED,
	TOKEN_OTHER_AUTHORITY, /* pinned to a root that is not ours */
	TOKEN_UNKNOWN,	       /* no such id, or wrong secret: not told apart on purpose */
	TOKEN_EXPIRED,
	TOKEN_USED_UP,
	TOKEN_WRONG_NODE,   /* issued for another node name */
	TOKEN_WRONG_REGION, /* the region asked for is not one it allows */
};
struct token_use {
	const char *node_name; /* the name asked for */
	const char *region;    /* asked for; NULL or "": the token's first */
	int64_t now_wall_ms;
};
/* `grant` NULL: none is stored under the token's id. On TOKEN_OK *out_region is the node's region ("" for none), pointing into
 * the grant. The order of checks tells a guesser nothing: all but the authority and form need the right secret. */
enum token_verdict token_check(const struct token *token, const struct token_grant *grant,
			       const uint8_t pin[TOKEN_PIN_BYTES], const struct token_use *use,
			       const char **out_region) must_check;
/* Takes one use; false when none was left. */
bool token_spend(struct token_grant *grant, int64_t now_wall_ms) must_check;
/* A sentence for a person; fit to be sent to the other side. */
const char *token_verdict_text(enum token_verdict verdict);

#endif
