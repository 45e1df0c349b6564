/* impersonate: a caller who asks to be taken for somebody else, as `kubectl --as` does: the headers Impersonate-User, -Group, -Uid
 * and -Extra-*. He needs the verb `impersonate` for each of them. Pure. Rules: upstream's endpoints/filters/impersonation.go. */
#ifndef HOLDFAST_AUTH_IMPERSONATE_H
#define HOLDFAST_AUTH_IMPERSONATE_H

#include "auth/authz.h"
#include "net/http.h"

/* What was asked and not allowed: words for a 403. The strings of `asked` point in here and into the request. */
struct impersonate_denied {
	struct api_attributes asked;
	char name[IDENTITY_EXTRA_TEXT_MAX + 1], ns[IDENTITY_NAME_MAX + 1],
		subresource[IDENTITY_EXTRA_TEXT_MAX + 1];
	char why[AUTHZ_REASON_SIZE];
};
/* 0: *out is the identity to go on with: `who` itself where nothing was asked, else a new one that owns `who_take` (its `by`).
 * Otherwise `who_take` stays the caller's: -EACCES: `denied` says what for; -EINVAL, -E2BIG, -ENOMEM: `err` says why. */
int impersonate(const struct authz *authz, const struct http_request *request,
		const struct api_identity *who_take, const struct api_identity **out,
		struct impersonate_denied *denied, struct err *err) must_check;
/* Does the request ask for it at all? */
bool impersonate_is_asked(const struct http_request *request);

#endif
