/* The verbs "authority ...": the succession of the cluster's authority. */
#include "cloud-hub/authorities.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"

#include <stdio.h>
#include <string.h>

static void show_names(const char *what, const struct json *answer, const char *field)
{
	const struct json *list = json_get(answer, field), *names = json_get(list, "names");
	int64_t count = json_path_int(list, "count", 0);

	if (!count)
		return;
	printf("%lld %s:", (long long)count, what);
	for (size_t i = 0; i < json_count(names); i++)
		printf(" %s", json_str(json_at(names, i), ""));
	printf("%s\n", count > (int64_t)json_count(names) ? " ..." : "");
}

static int show(const struct json *answer, void *ctx)
{
	static const char *const next[][2] = {
		{ "spreading", "the new authority takes over when every node has stored it (or: authority "
			       "finish --force)" },
		{ "renewing", "the old authority is retired when every node has renewed under the new one "
			      "(or: authority finish --force)" },
	};
	const struct json *generations = json_get(answer, "generations");
	const char *phase = json_path_str(answer, "phase", "");

	(void)ctx;
	printf("%-11s %-11s %-25s %-25s %s\n", "GENERATION", "STATE", "ROOT UNTIL", "BRANCHES UNTIL",
	       "SHA256 OF ROOT");
	for (size_t i = 0; i < json_count(generations); i++) {
		const struct json *g = json_at(generations, i);

		printf("%-11lld %-11s %-25s %-25s %.16s\n", (long long)json_path_int(g, "number", 0),
		       json_path_str(g, "state", ""), json_path_str(g, "rootExpires", ""),
		       json_path_str(g, "branchesExpire", ""), json_path_str(g, "sha256", ""));
	}
	printf("\nphase %s; %lld nodes, %lld have stored these authorities, %lld have a certificate of the "
	       "current one\n",
	       phase, (long long)json_path_int(answer, "nodes", 0),
	       (long long)json_path_int(answer, "acknowledged", 0),
	       (long long)json_path_int(answer, "renewed", 0));
	for (size_t i = 0; i < sizeof(next) / sizeof(next[0]); i++)
		if (strcmp(phase, next[i][0]) == 0)
			printf("%s\n", next[i][1]);
	show_names("have not stored these authorities", answer, "notAcknowledged");
	show_names("have no certificate of the current authority", answer, "notRenewed");
	show_names("are past three quarters of their certificate's life", answer, "late");
	return OPTIONS_EXIT_OK;
}

static int show_raw(const struct json *answer, void *ctx)
{
	struct buf text;
	int exit_code = OPTIONS_EXIT_FAILED;

	(void)ctx;
	buf_init(&text, 1u << 20);
	if (!json_write(answer, &text) && fwrite(text.data, 1, text.len, stdout) == text.len &&
	    putchar('\n') != EOF)
		exit_code = OPTIONS_EXIT_OK;
	buf_done(&text);
	return exit_code;
}

int operate_authority_status(const struct options *options, void *ctx)
{
	const char *format = options_get(options, "output");

	(void)ctx;
	if (format && strcmp(format, "json") != 0) {
		fprintf(stderr, "cloud-hub: -o takes json\n");
		return OPTIONS_EXIT_USAGE;
	}
	return operate_ask(options, "GET", AUTHORITIES_PATH, SPAN(""), format ? show_raw : show, NULL);
}

int operate_authority_rotate(const struct options *options, void *ctx)
{
	(void)ctx;
	return operate_ask(options, "POST", AUTHORITIES_PATH "/rotate", SPAN(""), show, NULL);
}

int operate_authority_finish(const struct options *options, void *ctx)
{
	char body[64];
	int len = snprintf(body, sizeof(body), "{\"force\":%s,\"distrustOld\":%s}",
			   options_given(options, "force") ? "true" : "false",
			   options_given(options, "distrust-old") ? "true" : "false");

	(void)ctx;
	return operate_ask(options, "POST", AUTHORITIES_PATH "/finish", span_make(body, (size_t)len), show,
			   NULL);
}
