#include "cloud-hub/tokens.h"

#include "auth/token.h"
#include "base/clock.h"
#include "cloud-hub/reply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct tokens {
	struct api *api;
	const struct authority *authority;
};

/* Stores (or with an empty value removes) the mark, and answers with `body` after the commit. */
static void store(struct tokens *tokens, const char *mark, struct span value, int code, struct buf *body_take,
		  const struct api_responder *responder, void *responder_ctx)
{
	struct cache_op op = { .type = CACHE_MARK, .mark = mark, .value = value };

	reply_after_commit(api_cache(tokens->api), &op, 1, code, body_take, responder, responder_ctx, NULL,
			   NULL);
}

static int regions_of(const struct json *body, const char *regions[TOKEN_REGIONS_MAX + 1], struct err *err)
{
	const struct json *list = json_get(body, "regions");
	size_t count = json_count(list);

	if (count > TOKEN_REGIONS_MAX)
		return err_set(err, -EINVAL, "at most %u regions", TOKEN_REGIONS_MAX);
	for (size_t i = 0; i < count; i++) {
		regions[i] = json_str(json_at(list, i), NULL);
		if (!regions[i])
			return err_set(err, -EINVAL, "regions must be strings");
	}
	regions[count] = NULL;
	return 0;
}

static int issue(struct tokens *tokens, const struct json *body, struct token *token,
		 struct token_grant *grant, struct err *err)
{
	const char *regions[TOKEN_REGIONS_MAX + 1];
	int64_t uses = json_path_int(body, "uses", 1);
	int64_t ttl_s = json_path_int(body, "ttlSeconds", 24 * 3600);
	struct token_terms terms = { .regions = regions, .node_name = json_path_str(body, "nodeName", "") };
	int code = regions_of(body, regions, err);

	if (code)
		return code;
	if (uses < 1 || uses > TOKEN_USES_MAX)
		return err_set(err, -EINVAL, "uses must be 1 to %u", TOKEN_USES_MAX);
	if (ttl_s < 1 || ttl_s > 10LL * 365 * 86400)
		return err_set(err, -EINVAL, "the lifetime must be between a second and ten years");
	terms.uses = (uint32_t)uses;
	terms.ttl_ms = ttl_s * 1000;
	return token_issue(&terms, authority_pin(tokens->authority), api_wall_ms(tokens->api), token, grant,
			   err);
}

static int mark_of(const char *id, char *out, size_t size)
{
	int len = snprintf(out, size, "%s%s", TOKEN_MARK_PREFIX, id);

	return len < 0 || (size_t)len >= size ? -ENAMETOOLONG : 0;
}

static int answer_with_token(const struct token *token, const struct token_grant *grant, struct buf *out)
{
	struct buf text;
	char expires[CLOCK_TEXT_SIZE];

	buf_init(&text, TOKEN_TEXT_MAX);
	clock_format(grant->expires_wall_ms, expires);
	(void)token_write(token, &text);
	buf_addf(out, "{\"id\":\"%s\",\"expires\":\"%s\",\"token\":", grant->id, expires);
	buf_add_json_str(out, buf_span(&text));
	buf_add_str(out, "}\n");
	if (buf_error(&text))
		out->error = buf_error(&text);
	buf_done(&text);
	return buf_error(out);
}

static void create(struct tokens *tokens, const struct api_request *request,
		   const struct api_responder *responder, void *ctx)
{
	struct json *body = NULL;
	struct token token;
	struct token_grant grant;
	struct buf answer, record;
	struct err err = { 0 };
	char mark[sizeof(TOKEN_MARK_PREFIX) + TOKEN_ID_SIZE];
	int code = json_parse(request->body, &body, &err);

	if (!code)
		code = issue(tokens, body, &token, &grant, &err);
	json_free(body);
	if (code) {
		reply_refuse(responder, ctx, STATUS_BAD_REQUEST, err_text(&err));
		return;
	}
	buf_init(&answer, REPLY_MAX);
	buf_init(&record, CACHE_MARK_MAX);
	if (answer_with_token(&token, &grant, &answer) || token_grant_write(&grant, &record) ||
	    mark_of(grant.id, mark, sizeof(mark))) {
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR, "out of memory");
		buf_done(&answer);
	} else {
		store(tokens, mark, buf_span(&record), 201, &answer, responder, ctx);
	}
	buf_done(&record);
}

static int list_one(void *ctx, const char *mark, struct span value)
{
	struct buf *out = ctx;
	struct token_grant grant;
	char expires[CLOCK_TEXT_SIZE], used[CLOCK_TEXT_SIZE] = "";

	(void)mark;
	if (token_grant_parse(value, &grant, NULL))
		return 0; /* a damaged record opens nothing; the others are still to be seen */
	clock_format(grant.expires_wall_ms, expires);
	if (out->data[out->len - 1] != '[')
		buf_add_char(out, ',');
	if (grant.used_wall_ms)
		clock_format(grant.used_wall_ms, used);
	buf_addf(out, "{\"id\":\"%s\",\"expires\":\"%s\",\"lastUsed\":\"%s\",\"usesLeft\":%u,\"nodeName\":",
		 grant.id, expires, used, grant.uses_left);
	buf_add_json_str(out, span_of(grant.node_name));
	buf_add_str(out, ",\"regions\":[");
	for (size_t i = 0; i < grant.region_count; i++) {
		if (i)
			buf_add_char(out, ',');
		buf_add_json_str(out, span_of(grant.regions[i]));
	}
	return buf_add_str(out, "]}");
}

static void list(struct tokens *tokens, const struct api_responder *responder, void *ctx)
{
	struct buf body;

	buf_init(&body, REPLY_MAX);
	buf_add_str(&body, "{\"items\":[");
	if (buf_error(&body) || cache_mark_list(api_cache(tokens->api), TOKEN_MARK_PREFIX, list_one, &body) ||
	    buf_add_str(&body, "]}\n"))
		reply_refuse(responder, ctx, STATUS_INTERNAL_ERROR, "the tokens could not be listed");
	else
		reply_json(responder, ctx, 200, buf_span(&body));
	buf_done(&body);
}

static void revoke(struct tokens *tokens, struct span id, const struct api_responder *responder, void *ctx)
{
	char mark[sizeof(TOKEN_MARK_PREFIX) + TOKEN_ID_SIZE], text[TOKEN_ID_SIZE];
	struct buf body, found;

	buf_init(&body, REPLY_MAX);
	buf_init(&found, CACHE_MARK_MAX);
	if (span_copy(id, text, sizeof(text)) || mark_of(text, mark, sizeof(mark)) ||
	    cache_mark_get(api_cache(tokens->api), mark, &found)) {
		reply_refuse(responder, ctx, STATUS_NOT_FOUND, "no such token");
	} else {
		buf_add_str(&body, "{\"revoked\":true}\n");
		store(tokens, mark, (struct span){ NULL, 0 }, 200, &body, responder, ctx);
	}
	buf_done(&found);
}

static void serve(void *ctx, const struct api_request *request, const struct api_responder *responder,
		  void *responder_ctx)
{
	struct tokens *tokens = ctx;
	struct span id = request->path;

	id.ptr += strlen(TOKENS_PATH);
	id.len -= strlen(TOKENS_PATH);
	if (id.len && id.ptr[0] == '/') {
		id.ptr++;
		id.len--;
	}
	if (span_is(request->method, "POST") && !id.len)
		create(tokens, request, responder, responder_ctx);
	else if (span_is(request->method, "GET") && !id.len)
		list(tokens, responder, responder_ctx);
	else if (span_is(request->method, "DELETE") && id.len)
		revoke(tokens, id, responder, responder_ctx);
	else
		reply_refuse(responder, responder_ctx, STATUS_METHOD_NOT_ALLOWED,
			     "tokens take POST, GET and DELETE of one id");
}

int tokens_new(struct api *api, const struct authority *authority, struct tokens **out)
{
	struct tokens *tokens = calloc(1, sizeof(*tokens));
	int code;

	if (!tokens)
		return -ENOMEM;
	*tokens = (struct tokens){ api, authority };
	code = api_route_add(api, TOKENS_PATH, false, serve, tokens);
	if (!code)
		code = api_route_add(api, TOKENS_PATH "/", false, serve, tokens);
	if (code) {
		free(tokens);
		return code;
	}
	*out = tokens;
	return 0;
}

void tokens_free(struct tokens *tokens)
{
	free(tokens);
}
