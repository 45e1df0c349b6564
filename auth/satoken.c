#include "auth/satoken.h"

#include <errno.h>
#include <stdio.h>

#include "base/random.h"

#define CLAIM "kubernetes.io" /* holds a dot: json_get, no path */
#define NAME_MAX_TEXT 300u

/* --- issuing --- */

static int set_ref(struct json *claim, const char *kind, const struct satoken_ref *ref)
{
	struct json *object;

	if (!ref->name)
		return 0;
	object = json_ensure(claim, kind);
	if (!object || json_set_str(object, "name", ref->name))
		return -ENOMEM;
	return json_set_str(object, "uid", ref->uid);
}

static int set_own_claim(struct json *claims, const struct satoken_terms *terms)
{
	struct json *claim = json_new_object();
	int code = claim ? json_set_str(claim, "namespace", terms->ns) : -ENOMEM;

	if (!code)
		code = set_ref(claim, "node", &terms->node);
	if (!code)
		code = set_ref(claim, "pod", &terms->pod);
	if (!code)
		code = set_ref(claim, "secret", &terms->secret);
	if (!code)
		code = set_ref(claim, "serviceaccount", &terms->account);
	if (!code)
		return json_set(claims, CLAIM, claim);
	json_free(claim);
	return code;
}

static int set_claims(struct json *claims, const struct satoken_terms *terms)
{
	struct json *audiences = json_new_array();
	char id[RANDOM_UUID_SIZE], subject[NAME_MAX_TEXT * 2];
	int len = snprintf(subject, sizeof(subject), SATOKEN_USER_PREFIX "%s:%s", terms->ns,
			   terms->account.name);
	int code = len < 0 || (size_t)len >= sizeof(subject) ? -ENAMETOOLONG : 0;

	for (size_t i = 0; !code && terms->audiences[i]; i++)
		code = json_append(audiences, json_new_str(terms->audiences[i]));
	if (code) {
		json_free(audiences);
		return code;
	}
	random_uuid(id);
	code = json_set(claims, "aud", audiences);
	if (!code)
		code = json_set_int(claims, "exp", terms->expires_wall_ms / 1000);
	if (!code)
		code = json_set_int(claims, "iat", terms->issued_wall_ms / 1000);
	if (!code)
		code = json_set_str(claims, "iss", SATOKEN_ISSUER);
	if (!code)
		code = json_set_str(claims, "jti", id);
	if (!code)
		code = set_own_claim(claims, terms);
	if (!code)
		code = json_set_int(claims, "nbf", terms->issued_wall_ms / 1000);
	return code ? code : json_set_str(claims, "sub", subject);
}

int satoken_issue(const struct satoken_keys *keys, const struct satoken_terms *terms, struct buf *out)
{
	struct json *claims = json_new_object();
	int code = claims ? set_claims(claims, terms) : -ENOMEM;

	if (!code)
		code = satoken_keys_sign(keys, claims, out);
	json_free(claims);
	return code;
}

/* --- judging --- */

static int refuse(struct err *err, const char *why)
{
	return err_set(err, -EKEYREJECTED, "token: %s", why);
}

/* Is what the identity names still the one it was? 0, -EKEYREJECTED, or trouble. */
static int check_one(const char *resource, const char *ns, const struct satoken_ref *ref, int64_t now_wall_ms,
		     satoken_find_fn *find, void *ctx, struct err *err)
{
	const struct key key = { resource, ns, ref->name };
	struct satoken_object object = { "", 0 };
	int code = find(ctx, &key, &object);

	if (code && code != -ENOENT)
		return err_set(err, code, "%s of a token cannot be read", resource);
	if (code || strcmp(object.uid, ref->uid) != 0)
		return err_set(err, -EKEYREJECTED, "token: its %s %s is gone", resource, ref->name);
	if (object.deletion_wall_ms && object.deletion_wall_ms + SATOKEN_LEEWAY_MS < now_wall_ms)
		return err_set(err, -EKEYREJECTED, "token: its %s %s is being deleted", resource, ref->name);
	return 0;
}

/* What a token says, borrowed from its claims. */
struct claims {
	const char *ns, *id;
	struct satoken_ref account, pod, secret, node;
	int64_t not_before_s, expires_s;
};

static int read_ref(const struct json *claim, const char *kind, struct satoken_ref *out)
{
	const struct json *ref = json_get(claim, kind);

	if (!ref)
		return 0;
	out->name = json_str(json_get(ref, "name"), NULL);
	out->uid = json_str(json_get(ref, "uid"), NULL);
	return out->name && *out->name && strlen(out->name) < NAME_MAX_TEXT && out->uid && *out->uid
		       ? 0
		       : -EINVAL;
}

static int read_claims(const struct json *tree, struct claims *out, struct err *err)
{
	const struct json *claim = json_get(tree, CLAIM);
	char subject[NAME_MAX_TEXT * 2];

	*out = (struct claims){ .ns = json_path_str(claim, "namespace", ""),
				.id = json_path_str(tree, "jti", ""),
				.not_before_s = json_path_int(tree, "nbf", -1),
				.expires_s = json_path_int(tree, "exp", -1) };
	if (strcmp(json_path_str(tree, "iss", ""), SATOKEN_ISSUER) != 0)
		return refuse(err, "issued by somebody else");
	if (read_ref(claim, "serviceaccount", &out->account) || read_ref(claim, "pod", &out->pod) ||
	    read_ref(claim, "secret", &out->secret) || read_ref(claim, "node", &out->node) ||
	    !out->account.name || !*out->ns || strlen(out->ns) >= NAME_MAX_TEXT || strlen(out->id) > 64 ||
	    out->expires_s < 0 || out->not_before_s < 0 || out->expires_s > INT64_MAX / 1000)
		return refuse(err, "its claims are not those of a service account");
	snprintf(subject, sizeof(subject), SATOKEN_USER_PREFIX "%s:%s", out->ns, out->account.name);
	if (strcmp(json_path_str(tree, "sub", ""), subject) != 0)
		return refuse(err, "its subject is not its service account");
	return 0;
}

static int check_time(const struct claims *claims, int64_t now_wall_ms, struct err *err)
{
	if (claims->expires_s * 1000 <= now_wall_ms)
		return refuse(err, "it has expired");
	if (claims->not_before_s > (now_wall_ms + SATOKEN_LEEWAY_MS) / 1000)
		return refuse(err, "it is not yet valid");
	return 0;
}

static int check_bonds(const struct claims *claims, const struct satoken_check *check, struct err *err)
{
	const struct {
		const char *resource, *ns;
		const struct satoken_ref *ref;
	} bonds[] = {
		{ "serviceaccounts", claims->ns, &claims->account },
		{ "pods", claims->ns, &claims->pod },
		{ "secrets", claims->ns, &claims->secret },
		/* Of a token bound to a pod the node is information: the pod decides. */
		{ "nodes", "", &claims->node },
	};
	int code = 0;

	for (size_t i = 0; !code && i < sizeof(bonds) / sizeof(bonds[0]); i++)
		if (bonds[i].ref->name && !(bonds[i].ref == &claims->node && claims->pod.name))
			code = check_one(bonds[i].resource, bonds[i].ns, bonds[i].ref, check->now_wall_ms,
					 check->find, check->ctx, err);
	return code;
}

/* The audiences in both lists, in the token's order. */
static int match_audiences(const struct json *tree, const struct satoken_check *check, struct json **out,
			   struct err *err)
{
	const struct json *aud = json_get(tree, "aud");
	struct json *matched = json_new_array();
	int code = matched ? 0 : -ENOMEM;

	for (size_t i = 0; !code && i < json_count(aud); i++)
		for (const char *const *wanted = check->audiences; !code && *wanted; wanted++)
			if (strcmp(json_str(json_at(aud, i), ""), *wanted) == 0)
				code = json_append(matched, json_new_str(*wanted));
	if (!code && !json_count(matched))
		code = refuse(err, "for another audience");
	if (code) {
		json_free(matched);
		return code;
	}
	*out = matched;
	return 0;
}

struct extra_list {
	struct api_extra extra[6];
	const char *values[5][2];
	size_t count;
};

static void add_extra(struct extra_list *list, const char *key, const char *value)
{
	if (!value)
		return;
	list->values[list->count][0] = value;
	list->extra[list->count] = (struct api_extra){ key, list->values[list->count] };
	list->count++;
}

static int make_identity(const struct claims *claims, const struct api_identity **out)
{
	char user[NAME_MAX_TEXT * 2], group[NAME_MAX_TEXT * 2], credential[96];
	const char *const groups[] = { SATOKEN_GROUP, group, NULL };
	struct extra_list list = { .count = 0 };
	struct api_identity like = {
		.user = user, .groups = groups, .uid = claims->account.uid, .extra = list.extra
	};

	snprintf(user, sizeof(user), SATOKEN_USER_PREFIX "%s:%s", claims->ns, claims->account.name);
	snprintf(group, sizeof(group), SATOKEN_GROUP ":%s", claims->ns);
	snprintf(credential, sizeof(credential), "JTI=%s", claims->id);
	add_extra(&list, IDENTITY_CREDENTIAL, claims->id[0] ? credential : NULL);
	add_extra(&list, SATOKEN_EXTRA_POD, claims->pod.name);
	add_extra(&list, SATOKEN_EXTRA_POD_UID, claims->pod.uid);
	add_extra(&list, SATOKEN_EXTRA_NODE, claims->node.name);
	add_extra(&list, SATOKEN_EXTRA_NODE_UID, claims->node.uid);
	return identity_copy(&like, out);
}

static int judge(struct satoken_keys *keys, const struct jwt *jwt, struct span text,
		 const struct satoken_check *check, const struct api_identity **out, struct json **audiences,
		 struct err *err)
{
	struct claims claims;
	int code;

	if (!satoken_keys_verify(keys, jwt, text))
		return refuse(err, "not signed by a key of this cluster");
	code = read_claims(jwt->claims, &claims, err);
	if (!code)
		code = check_time(&claims, check->now_wall_ms, err);
	if (!code)
		code = match_audiences(jwt->claims, check, audiences, err);
	if (!code)
		code = check_bonds(&claims, check, err);
	if (!code) {
		code = make_identity(&claims, out);
		if (code)
			(void)err_set(err, code, "token: its identity cannot be made");
	}
	return code;
}

int satoken_identify(struct satoken_keys *keys, struct span text, const struct satoken_check *check,
		     const struct api_identity **out, struct json **out_audiences, struct err *err)
{
	struct json *audiences = NULL;
	struct jwt jwt;
	int code = jwt_parse(text, &jwt, err);

	if (code == -EINVAL)
		code = -EKEYREJECTED;
	if (!code)
		code = judge(keys, &jwt, text, check, out, &audiences, err);
	jwt_done(&jwt);
	if (!code && out_audiences)
		*out_audiences = audiences;
	else
		json_free(audiences);
	return code;
}

/* "system:serviceaccount:NS:NAME" in its parts. */
static bool split_user(const char *user, char ns[NAME_MAX_TEXT], char name[NAME_MAX_TEXT])
{
	struct span rest = span_of(user), head;

	if (!span_has_prefix(rest, SPAN(SATOKEN_USER_PREFIX)))
		return false;
	rest.ptr += sizeof(SATOKEN_USER_PREFIX) - 1;
	rest.len -= sizeof(SATOKEN_USER_PREFIX) - 1;
	return span_cut(rest, ':', &head, &rest) && !span_copy(head, ns, NAME_MAX_TEXT) &&
	       !span_copy(rest, name, NAME_MAX_TEXT);
}

bool satoken_is_bound(const struct api_identity *identity, int64_t now_wall_ms, satoken_find_fn *find,
		      void *ctx)
{
	const char *credential = identity_extra(identity, IDENTITY_CREDENTIAL);
	char ns[NAME_MAX_TEXT], name[NAME_MAX_TEXT];
	struct satoken_ref account = { name, identity->uid };
	struct satoken_ref pod = { identity_extra(identity, SATOKEN_EXTRA_POD),
				   identity_extra(identity, SATOKEN_EXTRA_POD_UID) };

	if (!credential || !span_has_prefix(span_of(credential), SPAN("JTI=")) ||
	    !split_user(identity->user, ns, name))
		return true;
	if (check_one("serviceaccounts", ns, &account, now_wall_ms, find, ctx, NULL) == -EKEYREJECTED)
		return false;
	return !pod.name || !pod.uid ||
	       check_one("pods", ns, &pod, now_wall_ms, find, ctx, NULL) != -EKEYREJECTED;
}
