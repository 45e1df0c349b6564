#include "auth/impersonate.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#define HEADER_USER "Impersonate-User"
#define HEADER_GROUP "Impersonate-Group"
#define HEADER_UID "Impersonate-Uid"
#define HEADER_EXTRA "Impersonate-Extra-"
#define ACCOUNT_PREFIX "system:serviceaccount:"
#define ACCOUNTS_GROUP "system:serviceaccounts"
#define UNAUTHENTICATED "system:unauthenticated"
#define AUTHENTICATION "authentication.k8s.io"

/* What the headers ask for. Values are copies, for spans end nowhere. */
struct wish {
	const char *user, *uid;
	const char *groups[IDENTITY_GROUPS_MAX + 2];
	size_t group_count;
	struct api_extra extra[IDENTITY_EXTRA_MAX + 1];
	const char *values[IDENTITY_EXTRA_MAX][IDENTITY_EXTRA_VALUES_MAX + 1];
	size_t extra_count;
	char ns_group[sizeof(ACCOUNTS_GROUP) + 1 + IDENTITY_NAME_MAX];
	char *texts[IDENTITY_GROUPS_MAX + 4 + IDENTITY_EXTRA_MAX * (IDENTITY_EXTRA_VALUES_MAX + 1)];
	size_t text_count;
};

static void wish_done(struct wish *wish)
{
	for (size_t i = 0; i < wish->text_count; i++)
		free(wish->texts[i]);
}

static bool header_is(struct span name, const char *wanted)
{
	return name.len == strlen(wanted) && strncasecmp(name.ptr, wanted, name.len) == 0;
}

static bool header_is_extra(struct span name)
{
	const size_t len = sizeof(HEADER_EXTRA) - 1;

	return name.len > len && strncasecmp(name.ptr, HEADER_EXTRA, len) == 0;
}

bool impersonate_is_asked(const struct http_request *request)
{
	for (size_t i = 0; i < request->header_count; i++) {
		struct span name = request->headers[i].name;

		if (header_is(name, HEADER_USER) || header_is(name, HEADER_GROUP) ||
		    header_is(name, HEADER_UID) || header_is_extra(name))
			return true;
	}
	return false;
}

/* --- reading the headers --- */

static int copy_text(struct wish *wish, struct span text, const char **out, struct err *err)
{
	char *copy;

	if (!text.len || text.len > IDENTITY_EXTRA_TEXT_MAX || memchr(text.ptr, '\0', text.len) ||
	    !span_is_utf8(text))
		return err_set(err, -EINVAL, "an Impersonate header is empty, too long or not UTF-8");
	if (wish->text_count == sizeof(wish->texts) / sizeof(wish->texts[0]))
		return err_set(err, -E2BIG, "too many Impersonate headers");
	copy = span_dup(text);
	if (!copy)
		return err_set(err, -ENOMEM, "out of memory");
	wish->texts[wish->text_count++] = copy;
	*out = copy;
	return 0;
}

static int want_user(struct wish *wish, struct span name, struct span value, struct err *err)
{
	(void)name;
	return wish->user ? err_set(err, -EINVAL, HEADER_USER " was given twice")
			  : copy_text(wish, value, &wish->user, err);
}

static int want_uid(struct wish *wish, struct span name, struct span value, struct err *err)
{
	(void)name;
	return wish->uid ? err_set(err, -EINVAL, HEADER_UID " was given twice")
			 : copy_text(wish, value, &wish->uid, err);
}

static int want_group(struct wish *wish, struct span name, struct span value, struct err *err)
{
	(void)name;
	/* One more may be added by rule. */
	if (wish->group_count + 1 >= IDENTITY_GROUPS_MAX)
		return err_set(err, -E2BIG, "more than %u groups to impersonate", IDENTITY_GROUPS_MAX - 1);
	return copy_text(wish, value, &wish->groups[wish->group_count++], err);
}

/* Keys come percent-encoded and count in lower case. */
static int extra_key(struct wish *wish, struct span name, const char **out, struct err *err)
{
	const size_t skip = sizeof(HEADER_EXTRA) - 1;
	struct buf key;
	int rc;

	buf_init(&key, IDENTITY_EXTRA_TEXT_MAX + 1);
	rc = http_unescape(span_make(name.ptr + skip, name.len - skip), false, &key);
	for (size_t i = 0; i < key.len; i++)
		key.data[i] = (char)tolower((unsigned char)key.data[i]);
	rc = rc ? err_set(err, rc, "the key of an " HEADER_EXTRA " header cannot be decoded")
		: copy_text(wish, buf_span(&key), out, err);
	buf_done(&key);
	return rc;
}

static int want_extra(struct wish *wish, struct span name, struct span value, struct err *err)
{
	const char *key = NULL;
	size_t at = 0, count = 0;
	int rc = extra_key(wish, name, &key, err);

	if (rc)
		return rc;
	while (at < wish->extra_count && strcmp(wish->extra[at].key, key) != 0)
		at++;
	if (at == IDENTITY_EXTRA_MAX)
		return err_set(err, -E2BIG, "more than %u keys of extra to impersonate", IDENTITY_EXTRA_MAX);
	if (at == wish->extra_count)
		wish->extra[wish->extra_count++] = (struct api_extra){ key, wish->values[at] };
	while (wish->values[at][count])
		count++;
	if (count == IDENTITY_EXTRA_VALUES_MAX)
		return err_set(err, -E2BIG, "more than %u values of one key of extra",
			       IDENTITY_EXTRA_VALUES_MAX);
	return copy_text(wish, value, &wish->values[at][count], err);
}

static int read_headers(const struct http_request *request, struct wish *wish, struct err *err)
{
	static const struct {
		const char *name;
		int (*want)(struct wish *wish, struct span name, struct span value, struct err *err);
	} readers[] = { { HEADER_USER, want_user }, { HEADER_GROUP, want_group }, { HEADER_UID, want_uid } };
	int rc = 0;

	for (size_t i = 0; !rc && i < request->header_count; i++) {
		struct span name = request->headers[i].name, value = request->headers[i].value;

		for (size_t k = 0; !rc && k < sizeof(readers) / sizeof(readers[0]); k++)
			if (header_is(name, readers[k].name))
				rc = readers[k].want(wish, name, value, err);
		if (!rc && header_is_extra(name))
			rc = want_extra(wish, name, value, err);
	}
	if (!rc && !wish->user)
		rc = err_set(err, -EINVAL, "requested groups, uid or extra without impersonating a user");
	return rc;
}

/* --- asking --- */

struct asking {
	const struct authz *authz;
	const struct api_identity *who;
	struct impersonate_denied *denied;
};

static bool may(const struct asking *asking, const char *group, const char *resource, const char *subresource,
		struct span ns, struct span name)
{
	struct impersonate_denied *d = asking->denied;

	if (span_copy(ns, d->ns, sizeof(d->ns)) || span_copy(name, d->name, sizeof(d->name)) ||
	    span_copy(span_of(subresource), d->subresource, sizeof(d->subresource)))
		return false;
	d->asked = (struct api_attributes){ .identity = asking->who,
					    .verb = "impersonate",
					    .is_resource = true,
					    .path = "",
					    .group = group,
					    .version = "v1",
					    .resource = resource,
					    .subresource = d->subresource,
					    .ns = d->ns,
					    .name = d->name };
	d->why[0] = '\0';
	return authz_check(asking->authz, &d->asked, d->why, sizeof(d->why));
}

/* "system:serviceaccount:NS:NAME" */
static bool split_account(const char *user, struct span *ns, struct span *name)
{
	const struct span prefix = SPAN(ACCOUNT_PREFIX);

	if (!span_has_prefix(span_of(user), prefix))
		return false;
	return span_cut(span_of(user + prefix.len), ':', ns, name) && ns->len && name->len &&
	       !memchr(name->ptr, ':', name->len);
}

static bool may_be(const struct asking *asking, const struct wish *wish)
{
	struct span ns, name, nowhere = SPAN("");
	bool allowed = split_account(wish->user, &ns, &name)
			       ? may(asking, "", "serviceaccounts", "", ns, name)
			       : may(asking, "", "users", "", nowhere, span_of(wish->user));

	for (size_t i = 0; allowed && i < wish->group_count; i++)
		allowed = may(asking, "", "groups", "", nowhere, span_of(wish->groups[i]));
	for (size_t i = 0; allowed && i < wish->extra_count; i++)
		for (const char *const *value = wish->extra[i].values; allowed && *value; value++)
			allowed = may(asking, AUTHENTICATION, "userextras", wish->extra[i].key, nowhere,
				      span_of(*value));
	if (allowed && wish->uid)
		allowed = may(asking, AUTHENTICATION, "uids", "", nowhere, span_of(wish->uid));
	return allowed;
}

/* --- becoming --- */

/* Groups that follow from the name: of a service account unless others were asked for, of nobody always. */
static int add_groups(struct wish *wish, struct err *err)
{
	struct span ns, name;
	struct buf text;

	if (split_account(wish->user, &ns, &name) && !wish->group_count) {
		buf_init(&text, sizeof(wish->ns_group));
		(void)buf_addf(&text, ACCOUNTS_GROUP ":%.*s", SPAN_ARG(ns));
		if (buf_error(&text) || span_copy(buf_span(&text), wish->ns_group, sizeof(wish->ns_group))) {
			buf_done(&text);
			return err_set(err, -EINVAL, "the service account's namespace is too long");
		}
		buf_done(&text);
		wish->groups[wish->group_count++] = ACCOUNTS_GROUP;
		wish->groups[wish->group_count++] = wish->ns_group;
	}
	if (strcmp(wish->user, IDENTITY_ANONYMOUS) == 0)
		wish->groups[wish->group_count++] = UNAUTHENTICATED;
	return 0;
}

static int become(struct wish *wish, const struct api_identity *who_take, const struct api_identity **out,
		  struct err *err)
{
	struct api_identity like = {
		.user = wish->user,
		.uid = wish->uid,
		.groups = wish->groups,
		.extra = wish->extra_count ? wish->extra : NULL,
		.by = who_take,
	};
	int rc = add_groups(wish, err);

	if (rc)
		return rc;
	rc = identity_copy(&like, out);
	if (rc == -EINVAL)
		return err_set(
			err, rc,
			"the impersonated name is too long, or is a node's without the group system:nodes");
	return rc ? err_set(err, rc, "the impersonated user cannot be taken") : 0;
}

int impersonate(const struct authz *authz, const struct http_request *request,
		const struct api_identity *who_take, const struct api_identity **out,
		struct impersonate_denied *denied, struct err *err)
{
	const struct asking asking = { authz, who_take, denied };
	struct wish *wish;
	int rc;

	*out = who_take;
	if (!impersonate_is_asked(request))
		return 0;
	wish = calloc(1, sizeof(*wish));
	if (!wish)
		return err_set(err, -ENOMEM, "out of memory");
	rc = read_headers(request, wish, err);
	if (!rc && !may_be(&asking, wish))
		rc = -EACCES;
	if (!rc)
		rc = become(wish, who_take, out, err);
	wish_done(wish);
	free(wish);
	return rc;
}
