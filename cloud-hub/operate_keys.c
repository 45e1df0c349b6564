/* The verbs "token-key ...": keys that sign the tokens of service accounts. */
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"
#include "cloud-hub/satokens.h"

#include <stdio.h>

static int show_keys(const struct json *answer, void *ctx)
{
	const struct json *keys = json_get(answer, "keys");

	(void)ctx;
	printf("%-44s %s\n", "KEY", "USE");
	for (size_t i = 0; i < json_count(keys); i++)
		printf("%-44s %s\n", json_path_str(json_at(keys, i), "kid", ""),
		       i ? "verifies" : "signs and verifies");
	return OPTIONS_EXIT_OK;
}

int operate_token_key_list(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "GET", TOKEN_KEYS_PATH, SPAN(""), show_keys, NULL);
}

static int show_rotated(const struct json *answer, void *ctx)
{
	(void)ctx;
	printf("a new key signs; %lld verify\n", (long long)json_path_int(answer, "keys", 0));
	return OPTIONS_EXIT_OK;
}

int operate_token_key_rotate(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "POST", TOKEN_KEYS_PATH "/rotate", SPAN("{}"), show_rotated, NULL);
}
