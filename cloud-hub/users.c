#include "cloud-hub/users.h"

#include "auth/authn.h"
#include "auth/user.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "users"
#define PRUNE_MAX 32u /* records of expired certificates removed with one that is issued */
#define CREDENTIAL_PREFIX "X509SHA256="

struct users {
	struct cache *cache;
	struct authority *authority;
	struct api *api;
	char server[512];
	struct map revoked; /* hex digest of the certificate -> itself; until it expires */
	size_t issuing;	    /* certificates whose record is being committed */
	void (*on_revoked)(void *ctx);
	void *ctx;
};

/* --- what is revoked --- */

static struct span digest_of(const char *mark)
{
	struct span digest = span_of(mark);

	digest.ptr += sizeof(USER_MARK_PREFIX) - 1;
	digest.len -= sizeof(USER_MARK_PREFIX) - 1;
	return digest;
}

static int remember(struct users *users, const char *mark)
{
	return map_put(&users->revoked, digest_of(mark), users, NULL);
}

struct loading {
	struct users *users;
	int code;
};

static int load_one(void *ctx, const char *mark, struct span value)
{
	struct loading *loading = ctx;
	struct user_cert cert;

	/* A record that cannot be read: nobody knows whom it was for, so nobody comes in with it. */
	if (user_cert_parse(value, &cert, NULL) || cert.revoked_wall_ms)
		loading->code = remember(loading->users, mark);
	return loading->code;
}

bool users_is_revoked(const struct users *users, const char *credential)
{
	struct span digest = span_of(credential);

	if (!credential || !span_has_prefix(digest, SPAN(CREDENTIAL_PREFIX)))
		return false;
	digest.ptr += sizeof(CREDENTIAL_PREFIX) - 1;
	digest.len -= sizeof(CREDENTIAL_PREFIX) - 1;
	return map_get(&users->revoked, digest) != NULL;
}

/* --- issuing --- */

/* The records there are, as an issue wants to know them. */
struct survey {
	const char *name;
	int64_t now_wall_ms;
	bool forgets_revoked; /* only for want of room: a clock that is ahead today may be put back */
	size_t all, good_of_name, expired_count;
	char expired[PRUNE_MAX][USER_MARK_SIZE];
};

static int survey_one(void *ctx, const char *mark, struct span value)
{
	struct survey *survey = ctx;
	struct user_cert cert;

	survey->all++;
	if (user_cert_parse(value, &cert, NULL))
		return 0;
	if (cert.not_after_wall_ms < survey->now_wall_ms) {
		if ((!cert.revoked_wall_ms || survey->forgets_revoked) && survey->expired_count < PRUNE_MAX &&
		    !span_copy(span_of(mark), survey->expired[survey->expired_count], USER_MARK_SIZE))
			survey->expired_count++;
	} else if (!cert.revoked_wall_ms && strcmp(cert.name, survey->name) == 0) {
		survey->good_of_name++;
	}
	return 0;
}

static int check_room(struct users *users, struct survey *survey, struct err *err)
{
	int code = cache_mark_list(users->cache, USER_MARK_PREFIX, survey_one, survey);

	if (!code && survey->all - survey->expired_count >= USERS_MAX) {
		*survey = (struct survey){ .name = survey->name,
					   .now_wall_ms = survey->now_wall_ms,
					   .forgets_revoked = true };
		code = cache_mark_list(users->cache, USER_MARK_PREFIX, survey_one, survey);
	}
	if (code)
		return err_set(err, code, "the records of users cannot be read");
	if (survey->good_of_name >= USERS_CERTS_MAX)
		return err_set(err, -ENOSPC, "%s has %u certificates that are good: revoke them first",
			       survey->name, USERS_CERTS_MAX);
	if (survey->all - survey->expired_count >= USERS_MAX)
		return err_set(err, -ENOSPC, "there are %u certificates on record, and no more are kept",
			       USERS_MAX);
	return 0;
}

static int groups_of(const struct json *body, const char *groups[USER_GROUPS_MAX + 1], struct err *err)
{
	const struct json *list = json_get(body, "groups");
	size_t count = json_count(list);

	if (count > USER_GROUPS_MAX)
		return err_set(err, -E2BIG, "a user has at most %u groups", USER_GROUPS_MAX);
	for (size_t i = 0; i < count; i++) {
		groups[i] = json_str(json_at(list, i), NULL);
		if (!groups[i])
			return err_set(err, -EINVAL, "groups must be strings");
	}
	groups[count] = NULL;
	return user_check_groups(groups, json_path_bool(body, "allowSystemGroups", false), err);
}

static int issue(struct users *users, const struct json *body, int64_t now_wall_ms, struct buf *chain,
		 struct user_cert *cert, struct err *err)
{
	const char *groups[USER_GROUPS_MAX + 1], *name = json_path_str(body, "name", "");
	int64_t ttl_s = json_path_int(body, "ttlSeconds", AUTHORITY_LEAF_MS / 1000);
	struct x509_facts facts;
	int code = user_check_name(name, err);

	if (!code)
		code = groups_of(body, groups, err);
	if (code)
		return code;
	if (ttl_s < USER_TTL_MIN_MS / 1000 || ttl_s > USER_TTL_MAX_MS / 1000)
		return err_set(err, -EINVAL, "the lifetime must be between a minute and ten years");
	code = authority_issue_user(users->authority, json_span(json_get(body, "csr")), name, groups,
				    ttl_s * 1000, now_wall_ms, chain, &facts, err);
	if (!code)
		user_cert_of_facts(&facts, now_wall_ms, cert);
	return code;
}

static int write_answer(const struct users *users, const struct user_cert *cert, const struct buf *chain,
			struct buf *out)
{
	char expires[CLOCK_TEXT_SIZE];

	clock_format(cert->not_after_wall_ms, expires);
	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(cert->name));
	buf_addf(out, ",\"expires\":\"%s\",\"server\":", expires);
	buf_add_json_str(out, span_of(users->server));
	buf_add_str(out, ",\"authority\":");
	buf_add_json_str(out, authority_bundle_pem(users->authority));
	buf_add_str(out, ",\"certificate\":");
	buf_add_json_str(out, buf_span(chain));
	buf_add_str(out, "}\n");
	return buf_error(out);
}

static void on_issued(void *ctx, int code)
{
	struct users *users = ctx;

	users->issuing--;
	if (code)
		log_error(MODULE, "not-recorded", "error=\"%s\"", strerror(-code));
}

/* Records the certificate, takes some expired ones off the record, and answers when that is durable. */
static void record(struct users *users, const struct user_cert *cert, const struct survey *survey,
		   struct buf *answer_take, const struct api_responder *responder, void *ctx)
{
	struct cache_op ops[1 + PRUNE_MAX];
	char mark[USER_MARK_SIZE];
	struct buf value;

	buf_init(&value, CACHE_MARK_MAX);
	user_mark(cert->cert_sha256, mark);
	if (user_cert_write(cert, &value)) {
		buf_done(answer_take);
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR, "out of memory");
		buf_done(&value);
		return;
	}
	ops[0] = (struct cache_op){ .type = CACHE_MARK, .mark = mark, .value = buf_span(&value) };
	for (size_t i = 0; i < survey->expired_count; i++)
		ops[1 + i] = (struct cache_op){ .type = CACHE_MARK, .mark = survey->expired[i] };
	users->issuing++;
	reply_after_commit(users->cache, ops, 1 + survey->expired_count, 201, answer_take, responder, ctx,
			   on_issued, users);
	buf_done(&value);
}

static enum status_reason reason_of(int code)
{
	switch (code) {
	case -EPERM: return STATUS_FORBIDDEN;
	case -ENOSPC: return STATUS_CONFLICT;
	case -EINVAL:
	case -E2BIG: return STATUS_BAD_REQUEST;
	default: return STATUS_INTERNAL_ERROR;
	}
}

static void create(struct users *users, const struct api_request *request,
		   const struct api_responder *responder, void *ctx)
{
	struct survey survey = { .now_wall_ms = clock_wall_ms() };
	struct json *body = NULL;
	struct user_cert cert;
	struct buf chain, answer;
	struct err err = { 0 };
	int code = json_parse(request->body, &body, &err);

	buf_init(&chain, X509_CHAIN_MAX);
	buf_init(&answer, REPLY_MAX);
	survey.name = json_path_str(body, "name", "");
	if (!code)
		code = check_room(users, &survey, &err);
	if (!code)
		code = issue(users, body, survey.now_wall_ms, &chain, &cert, &err);
	if (!code && write_answer(users, &cert, &chain, &answer))
		code = err_set(&err, -ENOMEM, "out of memory");
	if (code) {
		reply_refuse(responder, ctx, reason_of(code), err_text(&err));
		buf_done(&answer);
	} else {
		record(users, &cert, &survey, &answer, responder, ctx);
	}
	buf_done(&chain);
	json_free(body);
}

/* --- listing --- */

static int list_one(void *ctx, const char *mark, struct span value)
{
	struct buf *out = ctx;
	struct user_cert cert;
	char expires[CLOCK_TEXT_SIZE], revoked[CLOCK_TEXT_SIZE] = "";

	if (user_cert_parse(value, &cert, NULL))
		return 0; /* opens nothing; the others are still to be seen */
	clock_format(cert.not_after_wall_ms, expires);
	if (cert.revoked_wall_ms)
		clock_format(cert.revoked_wall_ms, revoked);
	if (out->data[out->len - 1] != '[')
		buf_add_char(out, ',');
	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(cert.name));
	buf_add_str(out, ",\"groups\":[");
	for (size_t i = 0; i < cert.group_count; i++) {
		if (i)
			buf_add_char(out, ',');
		buf_add_json_str(out, span_of(cert.groups[i]));
	}
	return buf_addf(out, "],\"certSha256\":\"%.*s\",\"expires\":\"%s\",\"revoked\":\"%s\"}",
			SPAN_ARG(digest_of(mark)), expires, revoked);
}

static void list(struct users *users, const struct api_responder *responder, void *ctx)
{
	struct buf body;

	buf_init(&body, 8 * REPLY_MAX);
	buf_add_str(&body, "{\"items\":[");
	if (buf_error(&body) || cache_mark_list(users->cache, USER_MARK_PREFIX, list_one, &body) ||
	    buf_add_str(&body, "]}\n"))
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR, "the users could not be listed");
	else
		reply_json(responder, ctx, 200, buf_span(&body));
	buf_done(&body);
}

/* --- revoking --- */

/* The good certificates of one name, as they are to be stored: owned by the heap until the commit. */
struct revocation {
	struct users *users;
	char name[USER_NAME_SIZE];
	int64_t now_wall_ms;
	size_t count, known;
	int code;
	char marks[USERS_CERTS_MAX][USER_MARK_SIZE];
	struct buf values[USERS_CERTS_MAX];
};

static int gather_one(void *ctx, const char *mark, struct span value)
{
	struct revocation *r = ctx;
	struct user_cert cert;

	if (user_cert_parse(value, &cert, NULL) || strcmp(r->name, cert.name) != 0)
		return 0;
	r->known++;
	if (cert.revoked_wall_ms || cert.not_after_wall_ms < r->now_wall_ms)
		return 0;
	if (r->count == USERS_CERTS_MAX) {
		r->code = -E2BIG;
		return 1;
	}
	cert.revoked_wall_ms = r->now_wall_ms;
	buf_init(&r->values[r->count], CACHE_MARK_MAX);
	r->code = span_copy(span_of(mark), r->marks[r->count], USER_MARK_SIZE);
	if (!r->code)
		r->code = user_cert_write(&cert, &r->values[r->count]);
	r->count++;
	return r->code;
}

static void revocation_free(struct revocation *r)
{
	for (size_t i = 0; i < r->count; i++)
		buf_done(&r->values[i]);
	free(r);
}

static void on_stored(void *ctx, int code)
{
	struct revocation *r = ctx;
	struct users *users = r->users;

	for (size_t i = 0; !code && i < r->count; i++)
		if (remember(users, r->marks[i]))
			log_error(MODULE, "revoked-after-restart-only", "name=%s", r->name);
	if (!code && users->on_revoked)
		users->on_revoked(users->ctx);
	revocation_free(r);
}

static void submit(struct revocation *r, const struct api_responder *responder, void *ctx)
{
	struct cache_op ops[USERS_CERTS_MAX];
	struct users *users = r->users;
	struct buf body;

	for (size_t i = 0; i < r->count; i++)
		ops[i] = (struct cache_op){ .type = CACHE_MARK,
					    .mark = r->marks[i],
					    .value = buf_span(&r->values[i]) };
	buf_init(&body, REPLY_MAX);
	buf_addf(&body, "{\"revoked\":%zu}\n", r->count);
	if (!r->count) {
		reply_json(responder, ctx, 200, buf_span(&body));
		buf_done(&body);
		revocation_free(r);
		return;
	}
	log_info(MODULE, "revoked", "name=%s certificates=%zu", r->name, r->count);
	reply_after_commit(users->cache, ops, r->count, 200, &body, responder, ctx, on_stored, r);
}

static void revoke(struct users *users, struct span name, const struct api_responder *responder, void *ctx)
{
	struct revocation *r = calloc(1, sizeof(*r));
	int code;

	if (!r) {
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR, "out of memory");
		return;
	}
	r->users = users;
	r->now_wall_ms = clock_wall_ms();
	code = span_copy(name, r->name, sizeof(r->name)) /* too long a name is nobody's */
		       ? 0
		       : cache_mark_list(users->cache, USER_MARK_PREFIX, gather_one, r);
	if (users->issuing || code || r->code || !r->known) {
		if (users->issuing) /* it might be one of this name, and the list does not show it yet */
			reply_refuse(responder, ctx, STATUS_CONFLICT,
				     "a certificate is being issued: try again");
		else if (code || r->code)
			reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR,
				     "the records of users cannot be read");
		else
			reply_refuse(responder, ctx, STATUS_NOT_FOUND,
				     "no certificate of such a user is on record");
		revocation_free(r);
		return;
	}
	submit(r, responder, ctx);
}

/* --- routes --- */

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct users *users = ctx;
	struct span name = request->path;

	name.ptr += strlen(USERS_PATH);
	name.len -= strlen(USERS_PATH);
	if (name.len && name.ptr[0] == '/') {
		name.ptr++;
		name.len--;
	}
	/* Who may issue certificates may be anybody: a mere right to this path must not be enough. */
	if (!request->identity || !identity_in_group(request->identity, AUTHORITY_ADMIN_GROUP))
		reply_refuse(responder, responder_ctx, STATUS_FORBIDDEN,
			     "users are the affair of " AUTHORITY_ADMIN_GROUP);
	else if (span_is(request->method, "POST") && !name.len)
		create(users, request, responder, responder_ctx);
	else if (span_is(request->method, "GET") && !name.len)
		list(users, responder, responder_ctx);
	else if (span_is(request->method, "DELETE") && name.len)
		revoke(users, name, responder, responder_ctx);
	else
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "users take POST, GET and DELETE of one name");
}

int users_new(struct cache *cache, struct authority *authority, struct users **out)
{
	struct users *users = calloc(1, sizeof(*users));
	struct loading loading = { .code = 0 };
	int code;

	if (!users)
		return -ENOMEM;
	users->cache = cache;
	users->authority = authority;
	map_init(&users->revoked, 2 * USERS_MAX);
	loading.users = users;
	code = cache_mark_list(cache, USER_MARK_PREFIX, load_one, &loading);
	if (!code)
		code = loading.code;
	if (code) {
		users_free(users);
		return code;
	}
	*out = users;
	return 0;
}

int users_serve(struct users *users, struct api *api, void (*revoked)(void *ctx), void *ctx)
{
	int code = api_route_add(api, USERS_PATH, false, serve, users);

	users->api = api;
	users->on_revoked = revoked;
	users->ctx = ctx;
	return code ? code : api_route_add(api, USERS_PATH "/", false, serve, users);
}

int users_set_server(struct users *users, const char *server)
{
	return span_copy(span_of(server), users->server, sizeof(users->server));
}

void users_free(struct users *users)
{
	if (!users)
		return;
	map_done(&users->revoked, NULL);
	free(users);
}
