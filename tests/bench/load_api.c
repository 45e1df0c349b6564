/* load_api: puts load on an HTTP API: writes from many clients, large answers, one change to many watchers.
 *
 * One thread and one event loop, each client a kept-alive HTTP/1.1 connection, over TLS or plain. Prints one line of JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/files.h"
#include "tests/bench/flow.h"
#include "tests/bench/load.h"

#define CLIENTS_MAX 20000u
#define OPENING_MAX 64u /* handshakes at once */

struct client {
	struct load *load;
	struct flow flow;
	uint64_t sent_us;
};

struct load {
	const struct options *options;
	struct loop *loop;
	struct tls_context *tls;
	struct client *clients;
	unsigned client_count, opened, ready;
	const struct flow_events *events;
	const char *address, *method, *path, *type;
	struct buf template, body, target;
	uint64_t began_us, stop_us, cpu_us, own_cpu_us;
	uint64_t sent, done, failed, limit, bytes, resident_bytes;
	struct samples latency;
	struct err err;
	long pid;

	struct client writer; /* of `watch` */
	unsigned changes, change, reached;
	uint64_t change_us;
	struct samples last;
	struct timer *timer;
};

static void fail(struct load *load, int code, const char *text)
{
	if (!load->err.code)
		(void)err_set(&load->err, code, "%s", text);
	loop_stop(load->loop);
}

static void on_closed(void *ctx, const struct err *why)
{
	struct client *client = ctx;

	fail(client->load, -ECONNRESET, why && why->code ? err_text(why) : "the server closed a connection");
}

static void open_one(struct load *load)
{
	struct client *client;
	struct err err = { 0 };

	if (load->opened == load->client_count)
		return;
	client = &load->clients[load->opened++];
	client->load = load;
	if (flow_open(&client->flow, load->loop, load->address, load->tls,
		      options_get(load->options, "server-name"), load->events, client, &err))
		fail(load, -ECONNREFUSED, err_text(&err));
}

static int start(struct load *load, const struct options *options, const struct flow_events *events,
		 unsigned clients)
{
	const char *file = options_get(options, "body");
	int code;

	*load = (struct load){ .options = options,
			       .events = events,
			       .client_count = clients,
			       .address = options_get(options, "address"),
			       .path = options_get(options, "path") };
	buf_init(&load->template, LOAD_FILE_MAX);
	buf_init(&load->body, 2 * LOAD_FILE_MAX);
	buf_init(&load->target, 8192);
	load->pid = (long)load_number(options, "pid");
	if (!clients || clients > CLIENTS_MAX)
		return err_set(&load->err, -EINVAL, "between 1 and %u clients", CLIENTS_MAX);
	load->clients = calloc(clients, sizeof(*load->clients));
	code = load->clients ? loop_new(&load->loop) : -ENOMEM;
	if (!code)
		code = load_tls(options, &load->tls, &load->err);
	if (!code && file)
		code = file_read(file, &load->template);
	if (code)
		return err_set(&load->err, code, "starting: %s", strerror(-code));
	for (unsigned i = 0; i < OPENING_MAX; i++)
		open_one(load);
	return 0;
}

static int finish(struct load *load)
{
	for (unsigned i = 0; i < load->opened; i++)
		flow_close(&load->clients[i].flow);
	if (load->writer.load)
		flow_close(&load->writer.flow);
	timer_close(load->timer);
	tls_unref(load->tls);
	loop_free(load->loop);
	free(load->clients);
	buf_done(&load->template);
	buf_done(&load->body);
	buf_done(&load->target);
	samples_done(&load->latency);
	samples_done(&load->last);
	if (!load->err.code)
		return OPTIONS_EXIT_OK;
	fprintf(stderr, "load_api: %s\n", err_text(&load->err));
	return OPTIONS_EXIT_FAILED;
}

/* --- write: as many requests as the server takes --- */

static void send_next(struct client *client)
{
	struct load *load = client->load;
	uint64_t number = load->sent;

	if (load->limit ? load->sent == load->limit : load_now_us() >= load->stop_us) {
		if (--load->ready == 0)
			loop_stop(load->loop);
		return;
	}
	load->sent++;
	if (load_fill(buf_span(&load->template), number, &load->body) ||
	    load_fill(span_of(load->path), number, &load->target)) {
		fail(load, -EMSGSIZE, "the request is too large");
		return;
	}
	client->sent_us = load_now_us();
	if (flow_send(&client->flow, load->method, buf_cstr(&load->target), load->type,
		      buf_span(&load->body)))
		fail(load, -EPIPE, "a request could not be sent");
}

static void write_all_open(void *ctx)
{
	struct client *client = ctx;
	struct load *load = client->load;

	open_one(load);
	if (++load->ready < load->client_count)
		return;
	load->began_us = load_now_us();
	load->stop_us = load->began_us + 1000000ull * load_number(load->options, "seconds");
	load->cpu_us = load->pid ? load_cpu_us(load->pid) : 0;
	load->own_cpu_us = load_cpu_us(0);
	for (unsigned i = 0; i < load->client_count; i++)
		send_next(&load->clients[i]);
}

static void write_body(void *ctx, struct span data)
{
	struct client *client = ctx;

	client->load->bytes += data.len;
	if (client->flow.status >= 300 && client->load->failed < 3)
		fprintf(stderr, "load_api: %d: %.*s\n", client->flow.status, SPAN_ARG(data));
}

static void write_end(void *ctx, int status)
{
	struct client *client = ctx;
	struct load *load = client->load;

	samples_add(&load->latency, (double)(load_now_us() - client->sent_us));
	if (status < 200 || status >= 300)
		load->failed++;
	load->done++;
	send_next(client);
}

static int run_write(const struct options *options, void *ctx)
{
	static const struct flow_events events = {
		.on_open = write_all_open, .on_body = write_body, .on_end = write_end, .on_closed = on_closed
	};
	struct load load;
	double seconds;
	uint64_t cpu;

	(void)ctx;
	if (!start(&load, options, &events, load_number(options, "clients"))) {
		load.limit = load_number(options, "count");
		load.method = options_get(options, "method");
		load.type = options_get(options, "type");
		loop_run(load.loop);
		seconds = (double)(load_now_us() - load.began_us) / 1e6;
		cpu = load.pid ? load_cpu_us(load.pid) - load.cpu_us : 0;
		printf("{\"requests\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"perSecond\":%.1f,"
		       "\"serverCpuUs\":%.1f,\"ownCpuUs\":%.1f,\"latencyUs\":",
		       (unsigned long long)load.done, (unsigned long long)load.failed, seconds,
		       (double)load.done / seconds, load.done ? (double)cpu / (double)load.done : 0,
		       load.done ? (double)(load_cpu_us(0) - load.own_cpu_us) / (double)load.done : 0);
		samples_print(&load.latency);
		printf("}\n");
	}
	return finish(&load);
}

/* --- get: one large answer, several times --- */

static void get_end(void *ctx, int status)
{
	struct client *client = ctx;
	struct load *load = client->load;

	samples_add(&load->last, (double)(load_now_us() - client->sent_us) / 1000);
	if (status != 200)
		load->failed++;
	load->done++;
	send_next(client);
}

static void get_head(void *ctx, int status)
{
	struct client *client = ctx;

	(void)status;
	samples_add(&client->load->latency, (double)(load_now_us() - client->sent_us) / 1000);
}

static int run_get(const struct options *options, void *ctx)
{
	static const struct flow_events events = { .on_open = write_all_open,
						   .on_head = get_head,
						   .on_body = write_body,
						   .on_end = get_end,
						   .on_closed = on_closed };
	struct load load;

	(void)ctx;
	if (!start(&load, options, &events, 1)) {
		load.limit = load_number(options, "times");
		load.method = "GET";
		loop_run(load.loop);
		printf("{\"answers\":%llu,\"failed\":%llu,\"bytes\":%llu,\"serverCpuMs\":%.1f,\"firstMs\":",
		       (unsigned long long)load.done, (unsigned long long)load.failed,
		       (unsigned long long)(load.done ? load.bytes / load.done : 0),
		       load.pid && load.done
			       ? (double)(load_cpu_us(load.pid) - load.cpu_us) / 1000 / (double)load.done
			       : 0);
		samples_print(&load.latency);
		printf(",\"totalMs\":");
		samples_print(&load.last);
		printf("}\n");
	}
	return finish(&load);
}

/* --- watch: one change to many watchers, several times --- */

static void send_change(void *ctx)
{
	struct load *load = ctx;

	if (load->change == load->changes) {
		loop_stop(load->loop);
		return;
	}
	load->reached = 0;
	if (load_fill(buf_span(&load->template), load->change++, &load->body)) {
		fail(load, -EMSGSIZE, "the request is too large");
		return;
	}
	load->change_us = load_now_us();
	if (flow_send(&load->writer.flow, load->method, options_get(load->options, "write-path"), load->type,
		      buf_span(&load->body)))
		fail(load, -EPIPE, "a change could not be sent");
}

/* The watches are all open: what comes from here on is measured. */
static void changes_begin(void *ctx)
{
	struct load *load = ctx;

	load->cpu_us = load->pid ? load_cpu_us(load->pid) : 0;
	load->own_cpu_us = load_cpu_us(0);
	load->resident_bytes = load->pid ? load_resident_bytes(load->pid) : 0;
	send_change(load);
}

static void writer_end(void *ctx, int status)
{
	struct client *client = ctx;

	if (status < 200 || status >= 300)
		fail(client->load, -EPROTO, "a change was refused");
}

static void open_writer(void *ctx)
{
	static const struct flow_events events = { .on_open = NULL,
						   .on_end = writer_end,
						   .on_closed = on_closed };
	struct load *load = ctx;
	struct err err = { 0 };

	load->writer.load = load;
	if (flow_open(&load->writer.flow, load->loop, load->address, load->tls,
		      options_get(load->options, "server-name"), &events, &load->writer, &err) ||
	    timer_new(load->loop, changes_begin, load, &load->timer))
		fail(load, -ECONNREFUSED, err_text(&err));
	else
		timer_start(load->timer, 1000); /* what opening so many cost is over */
}

static void watch_open(void *ctx)
{
	struct client *client = ctx;

	if (flow_send(&client->flow, "GET", client->load->path, NULL, (struct span){ NULL, 0 }))
		fail(client->load, -EPIPE, "a watch could not be sent");
	open_one(client->load);
}

static void watch_head(void *ctx, int status)
{
	struct client *client = ctx;

	if (status != 200)
		fail(client->load, -EPROTO, "a watch was refused");
	else if (++client->load->ready == client->load->client_count)
		open_writer(client->load);
}

/* Each event ends with a line end, and JSON has none inside. */
static void watch_body(void *ctx, struct span data)
{
	struct client *client = ctx;
	struct load *load = client->load;

	load->bytes += data.len;
	if (!data.len || data.ptr[data.len - 1] != '\n')
		return;
	if (!load->change) {
		fail(load, -EPROTO,
		     "events before the first change: name the newest resourceVersion in the path");
		return;
	}
	samples_add(&load->latency, (double)(load_now_us() - load->change_us) / 1000);
	if (++load->reached < load->client_count)
		return;
	samples_add(&load->last, (double)(load_now_us() - load->change_us) / 1000);
	timer_close(load->timer);
	load->timer = NULL;
	if (timer_new(load->loop, send_change, load, &load->timer))
		fail(load, -ENOMEM, "out of memory");
	else
		timer_start(load->timer, 50);
}

static void watch_end(void *ctx, int status)
{
	struct client *client = ctx;

	(void)status;
	fail(client->load, -ECONNRESET, "the server ended a watch");
}

static int run_watch(const struct options *options, void *ctx)
{
	static const struct flow_events events = { .on_open = watch_open,
						   .on_head = watch_head,
						   .on_body = watch_body,
						   .on_end = watch_end,
						   .on_closed = on_closed };
	struct load load;
	double deliveries;

	(void)ctx;
	if (!start(&load, options, &events, load_number(options, "watchers"))) {
		load.changes = load_number(options, "changes");
		load.method = options_get(options, "method");
		load.type = options_get(options, "type");
		loop_run(load.loop);
		deliveries = (double)load.latency.count;
		printf("{\"watchers\":%u,\"changes\":%zu,\"serverCpuUs\":%.2f,\"ownCpuUs\":%.2f,"
		       "\"eventBytes\":%.0f,"
		       "\"serverRssBytes\":%llu,\"deliveryMs\":",
		       load.client_count, load.last.count,
		       load.pid ? (double)(load_cpu_us(load.pid) - load.cpu_us) / deliveries : 0,
		       (double)(load_cpu_us(0) - load.own_cpu_us) / deliveries,
		       (double)load.bytes / deliveries, (unsigned long long)load.resident_bytes);
		samples_print(&load.latency);
		printf(",\"lastMs\":");
		samples_print(&load.last);
		printf("}\n");
	}
	return finish(&load);
}

/* --- the command line --- */

#define COMMON                                                                                                \
	LOAD_TLS_OPTIONS, { "address", 0, "ADDRESS", NULL, OPTION_REQUIRED, "HOST:PORT or unix:///PATH" },    \
		{ "path", 0, "PATH", NULL, OPTION_REQUIRED, "request target; @NAME@ and @N@ are filled in" }, \
		{ "pid", 0, "PID", "0", 0, "the server, whose CPU time is read" },                            \
	{                                                                                                     \
		"body", 0, "FILE", NULL, 0, "body of a write"                                                 \
	}
#define WRITING(verb)                                                               \
	{ "method", 0, "METHOD", verb, 0, "of a write" },                           \
	{                                                                           \
		"type", 0, "TYPE", "application/json", 0, "Content-Type of a write" \
	}

static const struct option_spec write_options[] = { COMMON,
						    WRITING("POST"),
						    { "clients", 0, "N", "1", 0, "connections" },
						    { "seconds", 0, "S", "5", 0, "how long" },
						    { "count", 0, "N", "0", 0, "how many requests instead" },
						    { 0 } };
static const struct option_spec get_options[] = {
	COMMON, { "times", 0, "N", "5", 0, "how often" }, { "seconds", 0, "S", "600", 0, "at most" }, { 0 }
};
static const struct option_spec watch_options[] = {
	COMMON,
	WRITING("PUT"),
	{ "watchers", 0, "N", "1000", 0, "connections with one watch each" },
	{ "changes", 0, "N", "20", 0, "how many" },
	{ "write-path", 0, "PATH", NULL, OPTION_REQUIRED, "what is changed" },
	{ 0 }
};
static const struct verb_spec verbs[] = {
	{ .name = "write",
	  .options = write_options,
	  .help = "as many writes as the server takes",
	  .run = run_write },
	{ .name = "get", .options = get_options, .help = "one large answer, several times", .run = run_get },
	{ .name = "watch",
	  .options = watch_options,
	  .help = "one change to many watchers",
	  .run = run_watch },
	{ 0 },
};

int main(int argc, char *argv[])
{
	static const struct program_spec program = { .name = "load_api",
						     .summary = "load on an HTTP API",
						     .version = HOLDFAST_VERSION,
						     .verbs = verbs };

	return options_main(&program, argc, argv, NULL);
}
