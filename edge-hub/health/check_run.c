#include "edge-hub/health/check_run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/address.h"
#include "net/http.h"
#include "net/process.h"

struct check_run {
	struct loop *loop;
	const struct check_spec *spec;
	struct stream *stream;
	struct process *process;
	bool asking; /* HTTP: nobody can take a request back; its answer finds it closed */
	bool is_closed;
	void (*on_done)(void *ctx, enum check_result result, const char *text);
	void *ctx;
};

static void done(struct check_run *run, enum check_result result, const char *text)
{
	stream_close(run->stream);
	run->on_done(run->ctx, result, text);
	free(run);
}

/* --- TCP --- */

static void on_open(void *ctx)
{
	done(ctx, CHECK_PASSED, "");
}

static void on_data(void *ctx, struct span data)
{
}

static void on_closed(void *ctx, const struct err *why)
{
	struct check_run *run = ctx;
	char text[CHECK_TEXT_SIZE];

	run->stream = NULL; /* frees itself */
	check_line(span_of(err_text(why)), text);
	done(run, CHECK_FAILED, text);
}

static int ask_tcp(struct check_run *run)
{
	static const struct stream_events events = { .on_open = on_open,
						     .on_data = on_data,
						     .on_closed = on_closed };
	struct stream_options options = { .connect_timeout_ms = (unsigned)run->spec->timeout_ms };
	struct err err = { 0 };

	return stream_connect(run->loop, run->spec->tcp, &options, &events, run, &run->stream, &err);
}

/* --- HTTP --- */

static void on_answer(void *ctx, const struct http_client_answer *answer)
{
	struct check_run *run = ctx;
	char text[CHECK_TEXT_SIZE];

	if (run->is_closed) {
		free(run);
		return;
	}
	if (answer->status)
		(void)snprintf(text, sizeof(text), "answered with status %d", answer->status);
	else
		check_line(span_of(err_text(&answer->err)), text);
	done(run, answer->status >= 200 && answer->status < 400 ? CHECK_PASSED : CHECK_FAILED, text);
}

static int ask_http(struct check_run *run)
{
	static const struct http_header headers[] = { { SPAN("User-Agent"), SPAN("holdfast-check") },
						      { SPAN("Accept"), SPAN("*/*") } };
	struct stream_options options = { .connect_timeout_ms = (unsigned)run->spec->timeout_ms };
	char address[ADDRESS_TEXT_SIZE], target[CHECK_TARGET_SIZE];
	struct err err = { 0 };
	int code = check_http_parse(run->spec->http, address, sizeof(address), target, &err);

	if (!code)
		code = http_client_probe(run->loop, address, &options, target, headers,
					 sizeof(headers) / sizeof(headers[0]),
					 (unsigned)run->spec->timeout_ms, on_answer, run);
	run->asking = !code;
	return code;
}

/* --- programs --- */

void check_line(struct span output, char out[CHECK_TEXT_SIZE])
{
	size_t len = 0;
	struct span line = { 0 };

	while (output.len && !line.len) {
		(void)span_cut(output, '\n', &line, &output);
		line = span_trim(line);
	}
	for (size_t i = 0; i < line.len && len + 1 < CHECK_TEXT_SIZE; i++) {
		unsigned char c = (unsigned char)line.ptr[i];

		out[len++] = c >= ' ' && c < 0x7f ? (char)c : '?';
	}
	out[len] = '\0';
}

static void say_end(const struct check_spec *spec, const struct process_end *end, char out[CHECK_TEXT_SIZE])
{
	char line[CHECK_TEXT_SIZE];

	check_line(end->output, line);
	if (end->timed_out)
		(void)snprintf(out, CHECK_TEXT_SIZE, "killed after %" PRIu64 " ms%s%s", spec->timeout_ms,
			       line[0] ? ": " : "", line);
	else if (end->signal)
		(void)snprintf(out, CHECK_TEXT_SIZE, "ended by signal %d%s%s", end->signal,
			       line[0] ? ": " : "", line);
	else
		(void)snprintf(out, CHECK_TEXT_SIZE, "exit status %d%s%s", end->status, line[0] ? ": " : "",
			       line);
}

static void on_end(void *ctx, const struct process_end *end)
{
	struct check_run *run = ctx;
	char text[CHECK_TEXT_SIZE];

	run->process = NULL;
	if (end->code) {
		(void)snprintf(text, sizeof(text), "cannot be run: %s", strerror(-end->code));
		done(run, CHECK_UNASKED, text);
		return;
	}
	say_end(run->spec, end, text);
	done(run, !end->timed_out && !end->signal && !end->status ? CHECK_PASSED : CHECK_FAILED, text);
}

static int ask_exec(struct check_run *run)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/", "LANG=C", NULL
	};
	const char *argv[CHECK_ARGUMENTS_MAX + 1] = { NULL };
	const struct config_list *exec = &run->spec->exec;
	struct process_options options = {
		.argv = argv, .env = env, .dir = "/", .timeout_ms = (unsigned)run->spec->timeout_ms
	};

	for (size_t i = 0; i < exec->count && i < CHECK_ARGUMENTS_MAX; i++)
		argv[i] = exec->items[i];
	return process_run(run->loop, &options, on_end, run, &run->process);
}

/* --- life --- */

int check_run_new(struct loop *loop, const struct check_spec *spec,
		  void (*on_done)(void *ctx, enum check_result result, const char *text), void *ctx,
		  struct check_run **out)
{
	static int (*const kinds[])(struct check_run * run) = {
		[CHECK_TCP] = ask_tcp, [CHECK_HTTP] = ask_http, [CHECK_EXEC] = ask_exec
	};
	struct check_run *run = calloc(1, sizeof(*run));
	int code;

	if (!run)
		return -ENOMEM;
	*run = (struct check_run){ .loop = loop, .spec = spec, .on_done = on_done, .ctx = ctx };
	code = kinds[check_kind_of(spec)](run);
	if (code)
		free(run);
	else
		*out = run;
	return code;
}

void check_run_close(struct check_run *run)
{
	if (!run)
		return;
	stream_close(run->stream);
	process_close(run->process);
	if (run->asking)
		run->is_closed = true;
	else
		free(run);
}
