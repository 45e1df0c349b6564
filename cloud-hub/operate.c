#include "cloud-hub/operate.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/units.h"
#include "cloud-hub/operate_ask.h"
#include "cloud-hub/orphans.h"
#include "cloud-hub/tokens.h"

#include <errno.h>
#include <stdio.h>

#define BODY_MAX (64u * 1024)

static int show_token(const struct json *answer, void *ctx)
{
	return printf("%s\n", json_path_str(answer, "token", "")) < 0 ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

static int token_request(const struct options *options, struct json *body)
{
	struct json *regions = json_new_array();
	const char *region;
	uint64_t ttl_ms = 0, uses = 0;
	int code;

	code = json_set(body, "regions", regions);
	for (size_t i = 0; !code && (region = options_nth(options, "region", i)); i++)
		code = json_append(regions, json_new_str(region));
	if (code)
		return code;
	if (units_duration_ms(span_of(options_get(options, "ttl")), &ttl_ms) || ttl_ms < 1000) {
		fprintf(stderr, "cloud-hub: --ttl wants a duration such as 30m or 24h\n");
		return -EINVAL;
	}
	if (span_to_u64(span_of(options_get(options, "uses")), &uses) || uses > INT32_MAX) {
		fprintf(stderr, "cloud-hub: --uses wants a number\n");
		return -EINVAL;
	}
	if (options_get(options, "node-name") &&
	    json_set_str(body, "nodeName", options_get(options, "node-name")))
		return -ENOMEM;
	code = json_set_int(body, "ttlSeconds", (int64_t)(ttl_ms / 1000));
	return code ? code : json_set_int(body, "uses", (int64_t)uses);
}

int operate_token_create(const struct options *options, void *ctx)
{
	struct json *body = json_new_object();
	struct buf text;
	int exit_code = OPTIONS_EXIT_FAILED;
	int code = body ? token_request(options, body) : -ENOMEM;

	(void)ctx;
	buf_init(&text, BODY_MAX);
	if (code == -EINVAL)
		exit_code = OPTIONS_EXIT_USAGE;
	else if (code || json_write(body, &text))
		fprintf(stderr, "cloud-hub: out of memory\n");
	else
		exit_code = operate_ask(options, "POST", TOKENS_PATH, buf_span(&text), show_token, NULL);
	buf_done(&text);
	json_free(body);
	return exit_code;
}

static int show_tokens(const struct json *answer, void *ctx)
{
	const struct json *items = json_get(answer, "items");

	if (operate_wants_json(ctx))
		return operate_show_json(answer);
	printf("%-18s %-25s %-6s %-25s %-20s %s\n", "ID", "EXPIRES", "USES", "LAST USED", "NODE", "REGIONS");
	for (size_t i = 0; i < json_count(items); i++) {
		const struct json *item = json_at(items, i), *regions = json_get(item, "regions");

		const char *used = json_path_str(item, "lastUsed", "");

		printf("%-18s %-25s %-6lld %-25s %-20s ", json_path_str(item, "id", ""),
		       json_path_str(item, "expires", ""), (long long)json_path_int(item, "usesLeft", 0),
		       *used ? used : "-", json_path_str(item, "nodeName", ""));
		for (size_t r = 0; r < json_count(regions); r++)
			printf("%s%s", r ? "," : "", json_str(json_at(regions, r), ""));
		printf("\n");
	}
	return OPTIONS_EXIT_OK;
}

int operate_token_list(const struct options *options, void *ctx)
{
	(void)ctx;
	if (!operate_output_ok(options))
		return OPTIONS_EXIT_USAGE;
	return operate_ask(options, "GET", TOKENS_PATH, (struct span){ NULL, 0 }, show_tokens,
			   (void *)options);
}

static int show_revoked(const struct json *answer, void *ctx)
{
	(void)answer;
	return printf("revoked\n") < 0 ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

int operate_token_revoke(const struct options *options, void *ctx)
{
	char target[128];
	int len = snprintf(target, sizeof(target), TOKENS_PATH "/%s", options_argument(options, 0));

	(void)ctx;
	if (len < 0 || (size_t)len >= sizeof(target)) {
		fprintf(stderr, "cloud-hub: that is no token's id\n");
		return OPTIONS_EXIT_USAGE;
	}
	return operate_ask(options, "DELETE", target, (struct span){ NULL, 0 }, show_revoked, NULL);
}

static int show_orphans(const struct json *answer, void *ctx)
{
	const struct json *items = json_get(answer, "items");

	printf("%-24s %-16s %-20s %-36s %s\n", "NODE", "RESOURCE", "NAMESPACE", "UID", "NAME");
	for (size_t i = 0; i < json_count(items); i++) {
		const struct json *item = json_at(items, i);

		printf("%-24s %-16s %-20s %-36s %s\n", json_path_str(item, "node", ""),
		       json_path_str(item, "resource", ""), json_path_str(item, "namespace", ""),
		       json_path_str(item, "uid", ""), json_path_str(item, "name", ""));
	}
	return OPTIONS_EXIT_OK;
}

int operate_orphan_list(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "GET", ORPHANS_PATH, (struct span){ NULL, 0 }, show_orphans, NULL);
}

static int show_decision(const struct json *answer, void *ctx)
{
	struct json_iter it = json_iter(answer);
	int64_t failed = json_path_int(answer, "failed", 0);

	while (json_next(&it))
		printf("%s: %lld\n", it.key, (long long)json_int(it.value, 0));
	return failed ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

static int decide_orphans(const struct options *options, const char *target)
{
	static const char *const fields[] = { "node", "namespace", "name" };
	struct json *body = json_new_object();
	struct buf text;
	int exit_code = OPTIONS_EXIT_FAILED, code = body ? 0 : -ENOMEM;

	buf_init(&text, BODY_MAX);
	for (size_t i = 0; !code && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (options_get(options, fields[i]))
			code = json_set_str(body, fields[i], options_get(options, fields[i]));
	if (code || json_write(body, &text))
		fprintf(stderr, "cloud-hub: out of memory\n");
	else
		exit_code = operate_ask(options, "POST", target, buf_span(&text), show_decision, NULL);
	buf_done(&text);
	json_free(body);
	return exit_code;
}

int operate_orphan_adopt(const struct options *options, void *ctx)
{
	(void)ctx;
	return decide_orphans(options, ORPHANS_PATH "/adopt");
}

int operate_orphan_release(const struct options *options, void *ctx)
{
	(void)ctx;
	return decide_orphans(options, ORPHANS_PATH "/release");
}
