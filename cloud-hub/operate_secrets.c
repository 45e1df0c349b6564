/* The verbs "secrets ...": the keys of what this hub keeps sealed. */
#include "auth/secrets_api.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"

#include <stdio.h>

#define TEXT_MAX 8192u

static int show(const struct json *answer, void *ctx)
{
	struct buf text;
	int code;

	(void)ctx;
	buf_init(&text, TEXT_MAX);
	code = secrets_text(answer, &text);
	if (!code)
		fwrite(text.data, 1, text.len, stdout);
	buf_done(&text);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

int operate_secrets_status(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "GET", SECRETS_PATH, SPAN(""), show, NULL);
}

int operate_secrets_rotate(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "POST", SECRETS_PATH "/rotate", SPAN(""), show, NULL);
}
