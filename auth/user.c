#include "auth/user.h"

#include <errno.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"

#define RECORD_MAX 8192u
#define SYSTEM_PREFIX "system:"

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* What fits a certificate's name, a URL's segment and a log line as it is. */
static bool is_plain(const char *text, const char *punctuation)
{
	if (!is_alnum(*text))
		return false;
	for (; *text; text++)
		if (!is_alnum(*text) && !strchr(punctuation, *text))
			return false;
	return true;
}

int user_check_name(const char *name, struct err *err)
{
	if (!*name || strlen(name) >= USER_NAME_SIZE)
		return err_set(err, -EINVAL, "a user name has 1 to %u characters", USER_NAME_SIZE - 1);
	if (!is_plain(name, "._@:-"))
		return err_set(err, -EINVAL,
			       "the user name \"%.64s\" may hold letters, digits and ._@:- and begins with a "
			       "letter or digit",
			       name);
	if (span_has_prefix(span_of(name), SPAN(SYSTEM_PREFIX)))
		return err_set(err, -EINVAL,
			       "user names that begin with " SYSTEM_PREFIX " are the system's own");
	return 0;
}

static int check_group(const char *group, bool system_allowed, struct err *err)
{
	static const char *const never[] = { "system:nodes", "system:authenticated",
					     "system:unauthenticated" };

	if (!*group || strlen(group) >= USER_GROUP_SIZE || !is_plain(group, "._@:/-"))
		return err_set(
			err, -EINVAL,
			"the group \"%.64s\" may hold at most %u letters, digits and ._@:/- and begins "
			"with a letter or digit",
			group, USER_GROUP_SIZE - 1);
	if (!span_has_prefix(span_of(group), SPAN(SYSTEM_PREFIX)))
		return 0;
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (strcmp(group, never[i]) == 0)
			return err_set(err, -EPERM, "no user can be in the group %s", group);
	if (span_has_prefix(span_of(group), SPAN("system:serviceaccounts")))
		return err_set(err, -EPERM, "no user can be in the group %s", group);
	return system_allowed
		       ? 0
		       : err_set(err, -EPERM,
				 "the group %s holds rights of the system: say --allow-system-groups if "
				 "that is meant",
				 group);
}

int user_check_groups(const char *const *groups, bool system_allowed, struct err *err)
{
	for (size_t i = 0; groups[i]; i++) {
		int code = i == USER_GROUPS_MAX
				   ? err_set(err, -E2BIG, "a user has at most %u groups", USER_GROUPS_MAX)
				   : check_group(groups[i], system_allowed, err);

		if (code)
			return code;
	}
	return 0;
}

/* --- the record --- */

void user_cert_of_facts(const struct x509_facts *facts, int64_t issued_wall_ms, struct user_cert *out)
{
	*out = (struct user_cert){ .issued_wall_ms = issued_wall_ms,
				   .not_after_wall_ms = facts->not_after_wall_ms };
	(void)snprintf(out->name, sizeof(out->name), "%s", facts->common_name);
	for (size_t i = 0; i < facts->organization_count && i < USER_GROUPS_MAX; i++)
		memcpy(out->groups[out->group_count++], facts->organizations[i], USER_GROUP_SIZE);
	memcpy(out->cert_sha256, facts->cert_sha256, sizeof(out->cert_sha256));
}

_Static_assert(sizeof(((struct x509_facts *)0)->organizations[0]) == USER_GROUP_SIZE, "copied whole");

void user_mark(const uint8_t cert_sha256[X509_SHA256_SIZE], char out[USER_MARK_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *at = out + sizeof(USER_MARK_PREFIX) - 1;

	memcpy(out, USER_MARK_PREFIX, sizeof(USER_MARK_PREFIX) - 1);
	for (size_t i = 0; i < X509_SHA256_SIZE; i++) {
		*at++ = digits[cert_sha256[i] >> 4];
		*at++ = digits[cert_sha256[i] & 15];
	}
	*at = '\0';
}

int user_cert_write(const struct user_cert *cert, struct buf *out_json)
{
	(void)buf_add_str(out_json, "{\"name\":");
	(void)buf_add_json_str(out_json, span_of(cert->name));
	(void)buf_add_str(out_json, ",\"groups\":[");
	for (size_t i = 0; i < cert->group_count; i++) {
		(void)buf_add_str(out_json, i ? "," : "");
		(void)buf_add_json_str(out_json, span_of(cert->groups[i]));
	}
	(void)buf_add_str(out_json, "],\"certSha256\":\"");
	(void)text_hex(out_json, span_make(cert->cert_sha256, sizeof(cert->cert_sha256)));
	(void)buf_addf(out_json, "\",\"issued\":%lld,\"notAfter\":%lld,\"revoked\":%lld}",
		       (long long)cert->issued_wall_ms, (long long)cert->not_after_wall_ms,
		       (long long)cert->revoked_wall_ms);
	return buf_error(out_json);
}

static int read_digest(const struct json *tree, uint8_t out[X509_SHA256_SIZE])
{
	struct buf bytes;
	int code;

	buf_init(&bytes, 2 * X509_SHA256_SIZE);
	code = text_unhex(&bytes, json_span(json_get(tree, "certSha256")));
	if (!code && bytes.len != X509_SHA256_SIZE)
		code = -EINVAL;
	if (!code)
		memcpy(out, bytes.data, X509_SHA256_SIZE);
	buf_done(&bytes);
	return code;
}

static int cert_of_tree(const struct json *tree, struct user_cert *out)
{
	const struct json *groups = json_get(tree, "groups");

	if (span_copy(json_span(json_get(tree, "name")), out->name, sizeof(out->name)) || !out->name[0] ||
	    read_digest(tree, out->cert_sha256) || !json_is(groups, JSON_ARRAY) ||
	    json_count(groups) > USER_GROUPS_MAX)
		return -EINVAL;
	for (; out->group_count < json_count(groups); out->group_count++)
		if (span_copy(json_span(json_at(groups, out->group_count)), out->groups[out->group_count],
			      USER_GROUP_SIZE))
			return -EINVAL;
	out->issued_wall_ms = json_int(json_get(tree, "issued"), 0);
	out->not_after_wall_ms = json_int(json_get(tree, "notAfter"), 0);
	out->revoked_wall_ms = json_int(json_get(tree, "revoked"), 0);
	return 0;
}

int user_cert_parse(struct span json, struct user_cert *out, struct err *err)
{
	struct json *tree = NULL;
	int code;

	*out = (struct user_cert){ .name = "" };
	if (json.len > RECORD_MAX)
		return err_set(err, -EINVAL, "stored user: too long");
	code = json_parse(json, &tree, err);
	if (code)
		return code;
	code = cert_of_tree(tree, out);
	json_free(tree);
	return code ? err_set(err, code, "stored user: damaged") : 0;
}
