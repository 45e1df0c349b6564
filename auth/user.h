/* user: people with a client certificate: which names and groups one may be issued for, and the record kept of each
 * certificate, so that it can be listed and revoked. Pure; any thread. */
#ifndef HOLDFAST_AUTH_USER_H
#define HOLDFAST_AUTH_USER_H

#include "auth/x509.h"

#define USER_NAME_SIZE 129
#define USER_GROUP_SIZE 64
#define USER_GROUPS_MAX X509_ORGANIZATIONS_MAX
#define USER_TTL_MIN_MS (60ll * 1000)
#define USER_TTL_MAX_MS (10ll * 365 * 24 * 60 * 60 * 1000)
/* Cache mark of a certificate: the prefix and the hex SHA-256 of its DER. */
#define USER_MARK_PREFIX "user/"
#define USER_MARK_SIZE (sizeof(USER_MARK_PREFIX) + 2 * X509_SHA256_SIZE)

struct user_cert {
	char name[USER_NAME_SIZE];
	char groups[USER_GROUPS_MAX][USER_GROUP_SIZE];
	size_t group_count;
	uint8_t cert_sha256[X509_SHA256_SIZE];
	int64_t issued_wall_ms, not_after_wall_ms;
	int64_t revoked_wall_ms; /* 0: it is good */
};

/* Letters, digits and . _ @ : - , a letter or digit first; nothing that begins with "system:", which the system's own names do. -EINVAL. */
int user_check_name(const char *name, struct err *err) must_check;
/* Groups that begin with "system:" hold rights of the system: only when asked for by name (`system_allowed`); those that say what a
 * caller is (nodes, service accounts, authenticated or not) never. `groups` NULL-ended. -EINVAL, -E2BIG, -EPERM. */
int user_check_groups(const char *const *groups, bool system_allowed, struct err *err) must_check;

/* What is known of a certificate just issued. */
void user_cert_of_facts(const struct x509_facts *facts, int64_t issued_wall_ms, struct user_cert *out);
void user_mark(const uint8_t cert_sha256[X509_SHA256_SIZE], char out[USER_MARK_SIZE]);
int user_cert_write(const struct user_cert *cert, struct buf *out_json) must_check;
int user_cert_parse(struct span json, struct user_cert *out, struct err *err) must_check;

#endif
