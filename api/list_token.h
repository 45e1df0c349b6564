/* list_token: what `continue` says: at which revision of which time line a LIST stands, and after which
 * key. Opaque to clients, and not secret: it names only what the client has already seen. Pure. Internal
 * to api/. */
#ifndef HOLDFAST_API_LIST_TOKEN_H
#define HOLDFAST_API_LIST_TOKEN_H

#include "cache/cache.h"

#define LIST_TOKEN_MAX 1024u

struct list_token {
	uint8_t epoch[CACHE_EPOCH_SIZE];
	uint64_t revision;	 /* 0: go on in the newest state (the way on that an Expired answer offers) */
	uint64_t remaining;	 /* items left, plus one; 0: not known */
	char ns[254], name[254]; /* the last key that was sent */
};
int list_token_write(const struct list_token *token, struct buf *out) must_check;
int list_token_read(struct span text, struct list_token *out) must_check; /* -EINVAL */

#endif
