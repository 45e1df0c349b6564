#include "cloud-hub/operate_ask.h"

#include "base/files.h"
#include "cloud-hub/operate.h"
#include "net/http_ask.h"

#include <limits.h>
#include <stdio.h>

#define TIMEOUT_MS 15000u
#define OUTPUT_MAX (32u * 1024 * 1024)

/* One line on stderr with what the hub said; exit code 1. */
static int complain(const struct http_asked *asked)
{
	struct json *status = NULL;

	if (json_parse(buf_span(&asked->body), &status, NULL))
		status = NULL;
	fprintf(stderr, "cloud-hub: %s\n", json_path_str(status, "message", "the hub refused"));
	json_free(status);
	return OPTIONS_EXIT_FAILED;
}

int operate_ask(const struct options *options, const char *method, const char *target, struct span body,
		operate_show_fn *show, void *ctx)
{
	return operate_ask_for(options, method, target, body, TIMEOUT_MS, show, ctx);
}

int operate_ask_for(const struct options *options, const char *method, const char *target, struct span body,
		    unsigned timeout_ms, operate_show_fn *show, void *ctx)
{
	char data_dir[PATH_MAX - 64], socket[PATH_MAX];
	struct http_asked asked;
	struct json *json = NULL;
	struct err err = { 0 };
	int exit_code = OPTIONS_EXIT_FAILED;

	if (file_absolute(options_get(options, "data-dir"), data_dir, sizeof(data_dir)) ||
	    snprintf(socket, sizeof(socket), "unix://%s/%s", data_dir, OPERATE_SOCKET) >=
		    (int)sizeof(socket)) {
		fprintf(stderr, "cloud-hub: the data directory's name is too long\n");
		return exit_code;
	}
	if (http_ask(socket, method, target, body, timeout_ms, &asked, &err))
		fprintf(stderr,
			"cloud-hub: no answer from %s: %s. Is the cloud-hub running with this data "
			"directory?\n",
			socket, err_text(&err));
	else if (asked.status < 200 || asked.status > 299)
		exit_code = complain(&asked);
	else if (json_parse(buf_span(&asked.body), &json, &err))
		fprintf(stderr, "cloud-hub: the hub's answer is not JSON: %s\n", err_text(&err));
	else
		exit_code = show(json, ctx);
	json_free(json);
	http_asked_done(&asked);
	return exit_code;
}

bool operate_wants_json(const struct options *options)
{
	return options_get(options, "output") != NULL;
}

bool operate_output_ok(const struct options *options)
{
	bool ok = !operate_wants_json(options) || strcmp(options_get(options, "output"), "json") == 0;

	if (!ok)
		fprintf(stderr, "cloud-hub: -o takes json\n");
	return ok;
}

int operate_show_json(const struct json *answer)
{
	struct buf text;
	int exit_code = OPTIONS_EXIT_FAILED;

	buf_init(&text, OUTPUT_MAX);
	if (!json_write(answer, &text) && !buf_add_char(&text, '\n') &&
	    fwrite(text.data, 1, text.len, stdout) == text.len)
		exit_code = OPTIONS_EXIT_OK;
	else
		fprintf(stderr, "cloud-hub: the answer could not be written\n");
	buf_done(&text);
	return exit_code;
}
