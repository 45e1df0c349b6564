#include "auth/token.h"

#include <errno.h>
#include <stdio.h>

#include "api/names.h"
#include "base/bigend.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "base/text.h"
#include "net/crypt.h"

#define TOKEN_VERSION "hf1"
#define TOKEN_TTL_MAX_MS (10ll * 365 * 24 * 60 * 60 * 1000)
#define GRANT_JSON_MAX 8192u

/* --- text form --- */

static uint32_t checksum(struct span text)
{
	return hash_crc32c(0, text);
}

/* Exactly `len` bytes in base64url. */
static int decode_bytes(struct span text, uint8_t *out, size_t len)
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, 256);
	rc = text_unbase64(&bytes, text);
	if (!rc && bytes.len != len)
		rc = -EINVAL;
	if (!rc)
		memcpy(out, bytes.data, len);
	if (bytes.data)
		explicit_bzero(bytes.data, bytes.cap);
	buf_done(&bytes);
	return rc;
}

static bool id_ok(struct span id)
{
	if (id.len != TOKEN_ID_SIZE - 1)
		return false;
	for (size_t i = 0; i < id.len; i++)
		if (!(id.ptr[i] >= '0' && id.ptr[i] <= '9') && !(id.ptr[i] >= 'a' && id.ptr[i] <= 'f'))
			return false;
	return true;
}

static struct span trim(struct span s)
{
	while (s.len && (unsigned char)s.ptr[0] <= ' ')
		s.ptr++, s.len--;
	while (s.len && (unsigned char)s.ptr[s.len - 1] <= ' ')
		s.len--;
	return s;
}

int token_parse(struct span text, struct token *out, struct err *err)
{
	struct span id, secret, pin, check, rest, body = trim(text);
	uint8_t sum[4];
	uint32_t want;

	*out = (struct token){ .id = "" };
	if (!body.len)
		return err_set(err, -EINVAL, "the token is empty");
	if (body.len > TOKEN_TEXT_MAX || !span_cut(body, '.', &rest, &check) || rest.len < 2 ||
	    rest.ptr[0] != 'h' || rest.ptr[1] != 'f')
		return err_set(err, -EINVAL,
			       "this is not a join token; it should look like " TOKEN_VERSION
			       ".xxxx.xxxx.xxxx.xxxx");
	if (!span_is(rest, TOKEN_VERSION))
		return err_set(err, -EINVAL, "the token is of another version than " TOKEN_VERSION);
	if (!span_cut(check, '.', &id, &rest) || !span_cut(rest, '.', &secret, &rest) ||
	    !span_cut(rest, '.', &pin, &check))
		return err_set(err, -EINVAL, "the token is incomplete; copy all of it");
	if (decode_bytes(check, sum, sizeof(sum)))
		return err_set(err, -EINVAL, "the token is incomplete or mistyped; copy all of it");
	want = checksum(span_make(body.ptr, (size_t)(check.ptr - 1 - body.ptr)));
	if (bigend_load(sum, sizeof(sum)) != want || !id_ok(id) ||
	    decode_bytes(secret, out->secret, sizeof(out->secret)) ||
	    decode_bytes(pin, out->pin, sizeof(out->pin)) || span_copy(id, out->id, sizeof(out->id))) {
		*out = (struct token){ .id = "" };
		return err_set(err, -EINVAL,
			       "the token is mistyped: its checksum does not fit; copy it again");
	}
	return 0;
}

int token_write(const struct token *token, struct buf *out)
{
	size_t start = out->len;
	uint32_t sum;
	uint8_t bytes[4];

	(void)buf_addf(out, TOKEN_VERSION ".%s.", token->id);
	(void)text_base64url(out, span_make(token->secret, sizeof(token->secret)));
	(void)buf_add_char(out, '.');
	(void)text_base64url(out, span_make(token->pin, sizeof(token->pin)));
	if (buf_error(out))
		return buf_error(out);
	sum = checksum(span_make(out->data + start, out->len - start));
	bigend_store(sum, sizeof(bytes), bytes);
	(void)buf_add_char(out, '.');
	return text_base64url(out, span_make(bytes, sizeof(bytes)));
}

/* --- issuing --- */

static int copy_regions(const char *const *regions, struct token_grant *grant, struct err *err)
{
	for (; regions && *regions; regions++) {
		struct span region = span_of(*regions);

		if (grant->region_count == TOKEN_REGIONS_MAX)
			return err_set(err, -E2BIG, "a token allows at most %u regions", TOKEN_REGIONS_MAX);
		if (!region.len || name_label_value(region))
			return err_set(err, -EINVAL, "region \"%.64s\": must be a label value", *regions);
		if (span_copy(region, grant->regions[grant->region_count++], TOKEN_REGION_SIZE))
			return err_set(err, -EINVAL, "region \"%.64s\" is too long", *regions);
	}
	return 0;
}

static int copy_node_name(const char *name, struct token_grant *grant, struct err *err)
{
	if (!name || !*name)
		return 0;
	if (name_dns_subdomain(span_of(name)) ||
	    span_copy(span_of(name), grant->node_name, sizeof(grant->node_name)))
		return err_set(err, -EINVAL,
			       "node name \"%.100s\": must be a lower case DNS name of at most %d characters",
			       name, TOKEN_NODE_NAME_SIZE - 1);
	return 0;
}

int token_issue(const struct token_terms *terms, const uint8_t pin[TOKEN_PIN_BYTES], int64_t now_wall_ms,
		struct token *out, struct token_grant *out_grant, struct err *err)
{
	uint8_t id[(TOKEN_ID_SIZE - 1) / 2];
	int rc;

	*out = (struct token){ .id = "" };
	*out_grant = (struct token_grant){ .id = "" };
	if (terms->ttl_ms <= 0 || terms->ttl_ms > TOKEN_TTL_MAX_MS)
		return err_set(err, -EINVAL, "the lifetime must be more than nothing and at most ten years");
	if (!terms->uses || terms->uses > TOKEN_USES_MAX)
		return err_set(err, -EINVAL, "the number of uses must be between 1 and %u", TOKEN_USES_MAX);
	rc = copy_regions(terms->regions, out_grant, err);
	if (!rc)
		rc = copy_node_name(terms->node_name, out_grant, err);
	if (rc)
		return rc;
	random_bytes(id, sizeof(id));
	for (size_t i = 0; i < sizeof(id); i++)
		(void)snprintf(out->id + 2 * i, 3, "%02x", id[i]);
	random_bytes(out->secret, sizeof(out->secret));
	memcpy(out->pin, pin, sizeof(out->pin));
	memcpy(out_grant->id, out->id, sizeof(out_grant->id));
	crypt_sha256(span_make(out->secret, sizeof(out->secret)), out_grant->secret_sha256);
	out_grant->created_wall_ms = now_wall_ms;
	out_grant->expires_wall_ms = now_wall_ms + terms->ttl_ms;
	out_grant->uses_left = terms->uses;
	return 0;
}

/* --- grants at rest --- */

int token_grant_write(const struct token_grant *grant, struct buf *out_json)
{
	(void)buf_addf(out_json, "{\"id\":\"%s\",\"secretSha256\":\"", grant->id);
	(void)text_hex(out_json, span_make(grant->secret_sha256, sizeof(grant->secret_sha256)));
	(void)buf_addf(out_json,
		       "\",\"created\":%lld,\"expires\":%lld,\"used\":%lld,\"usesLeft\":%u,\"nodeName\":",
		       (long long)grant->created_wall_ms, (long long)grant->expires_wall_ms,
		       (long long)grant->used_wall_ms, grant->uses_left);
	(void)buf_add_json_str(out_json, span_of(grant->node_name));
	(void)buf_add_str(out_json, ",\"regions\":[");
	for (size_t i = 0; i < grant->region_count; i++) {
		(void)buf_add_str(out_json, i ? "," : "");
		(void)buf_add_json_str(out_json, span_of(grant->regions[i]));
	}
	(void)buf_add_str(out_json, "]}");
	return buf_error(out_json);
}

static int read_hash(const struct json *tree, const char *key, uint8_t out[32])
{
	struct buf bytes;
	int rc;

	buf_init(&bytes, 64);
	rc = text_unhex(&bytes, json_span(json_get(tree, key)));
	if (!rc && bytes.len != 32)
		rc = -EINVAL;
	if (!rc)
		memcpy(out, bytes.data, 32);
	buf_done(&bytes);
	return rc;
}

static int grant_of_tree(const struct json *tree, struct token_grant *out)
{
	const struct json *regions = json_get(tree, "regions");
	int64_t uses = json_int(json_get(tree, "usesLeft"), -1);

	if (span_copy(json_span(json_get(tree, "id")), out->id, sizeof(out->id)) ||
	    !id_ok(span_of(out->id)) || read_hash(tree, "secretSha256", out->secret_sha256) ||
	    span_copy(json_span(json_get(tree, "nodeName")), out->node_name, sizeof(out->node_name)) ||
	    uses < 0 || uses > TOKEN_USES_MAX || !json_is(regions, JSON_ARRAY) ||
	    json_count(regions) > TOKEN_REGIONS_MAX)
		return -EINVAL;
	out->uses_left = (uint32_t)uses;
	out->created_wall_ms = json_int(json_get(tree, "created"), 0);
	out->expires_wall_ms = json_int(json_get(tree, "expires"), 0);
	out->used_wall_ms = json_int(json_get(tree, "used"), 0);
	for (; out->region_count < json_count(regions); out->region_count++)
		if (span_copy(json_span(json_at(regions, out->region_count)), out->regions[out->region_count],
			      TOKEN_REGION_SIZE))
			return -EINVAL;
	return 0;
}

int token_grant_parse(struct span json, struct token_grant *out, struct err *err)
{
	struct json *tree = NULL;
	int rc;

	*out = (struct token_grant){ .id = "" };
	if (json.len > GRANT_JSON_MAX)
		return err_set(err, -EINVAL, "stored token: too long");
	rc = json_parse(json, &tree, err);
	if (rc)
		return rc;
	rc = grant_of_tree(tree, out);
	json_free(tree);
	return rc ? err_set(err, rc, "stored token: damaged") : 0;
}

/* --- judging --- */

static bool secret_fits(const struct token *token, const struct token_grant *grant)
{
	uint8_t hash[CRYPT_SHA256_SIZE];

	crypt_sha256(span_make(token->secret, sizeof(token->secret)), hash);
	return crypt_equal(span_make(hash, sizeof(hash)), span_make(grant->secret_sha256, sizeof(hash)));
}

static bool region_allowed(const struct token_grant *grant, const char *asked, const char **out_region)
{
	*out_region = grant->region_count ? grant->regions[0] : "";
	if (!asked || !*asked)
		return true;
	for (size_t i = 0; i < grant->region_count; i++)
		if (strcmp(grant->regions[i], asked) == 0) {
			*out_region = grant->regions[i];
			return true;
		}
	return false;
}

enum token_verdict token_check(const struct token *token, const struct token_grant *grant,
			       const uint8_t pin[TOKEN_PIN_BYTES], const struct token_use *use,
			       const char **out_region)
{
	const char *region = "";

	if (!crypt_equal(span_make(token->pin, TOKEN_PIN_BYTES), span_make(pin, TOKEN_PIN_BYTES)))
		return TOKEN_OTHER_AUTHORITY;
	if (!grant || strcmp(grant->id, token->id) != 0 || !secret_fits(token, grant))
		return TOKEN_UNKNOWN;
	if (use->now_wall_ms >= grant->expires_wall_ms)
		return TOKEN_EXPIRED;
	if (!grant->uses_left)
		return TOKEN_USED_UP;
	if (grant->node_name[0] && strcmp(grant->node_name, use->node_name) != 0)
		return TOKEN_WRONG_NODE;
	if (!region_allowed(grant, use->region, &region))
		return TOKEN_WRONG_REGION;
	*out_region = region;
	return TOKEN_OK;
}

bool token_spend(struct token_grant *grant, int64_t now_wall_ms)
{
	if (!grant->uses_left)
		return false;
	grant->uses_left--;
	grant->used_wall_ms = now_wall_ms;
	return true;
}

const char *token_verdict_text(enum token_verdict verdict)
{
	static const char *const texts[] = {
		[TOKEN_OK] = "the token is good",
		[TOKEN_MALFORMED] = "the token is malformed",
		[TOKEN_OTHER_AUTHORITY] = "the token was made by another cluster's cloud-hub",
		[TOKEN_UNKNOWN] = "the token is not known here",
		[TOKEN_EXPIRED] = "the token has expired",
		[TOKEN_USED_UP] = "the token has been used up",
		[TOKEN_WRONG_NODE] = "the token was made for another node name",
		[TOKEN_WRONG_REGION] = "the token does not allow this region",
	};

	return texts[verdict];
}
