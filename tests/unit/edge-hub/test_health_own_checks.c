/* Checks of an operator against real sockets and programs. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "edge-hub/health/checks.h"
#include "edge-hub/health/own_checks.h"
#include "net/http.h"
#include "tests/tools/failmalloc.h"

#define PATIENCE_MS 10000u

struct world {
	struct loop *loop;
	struct http_server *server;
	struct timer *guard;
	struct score score;
	struct own_checks *checks;
	struct config_objects specs;
	int status; /* that the server answers with; 0: not at all */
	unsigned changes, wanted;
	bool late;
	size_t big; /* bytes of the answer's body */
};

static void on_gone(void *ctx)
{
}

static void on_request(void *ctx, struct http_exchange *exchange, const struct http_request *request)
{
	struct world *w = ctx;
	char *body;

	(void)request;
	if (!w->status) {
		http_exchange_on_gone(exchange, on_gone, w);
		return;
	}
	body = calloc(1, w->big + 1);
	assert_non_null(body);
	http_respond(exchange, w->status, "text/plain", NULL, 0, span_make(body, w->big));
	free(body);
}

static void on_late(void *ctx)
{
	struct world *w = ctx;

	w->late = true;
	loop_stop(w->loop);
}

static void on_changed(void *ctx)
{
	struct world *w = ctx;

	if (++w->changes >= w->wanted)
		loop_stop(w->loop);
}

static void serve(struct world *w, const char *address)
{
	static const struct http_server_events events = { .on_request = on_request };
	static const struct http_server_options options = { 0 };
	struct err err = { 0 };

	assert_int_equal(http_server_new(w->loop, address, &options, &events, w, &w->server, &err), 0);
}

static void open_world(struct world *w)
{
	*w = (struct world){ .status = 200 };
	score_init(&w->score);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(timer_new(w->loop, on_late, w, &w->guard), 0);
	serve(w, "127.0.0.1:0");
}

static void on_server_closed(void *ctx)
{
	loop_stop(((struct world *)ctx)->loop);
}

static void close_server(struct world *w)
{
	if (w->server)
		http_server_close(w->server, 0, on_server_closed, w);
	if (w->server)
		(void)loop_run(w->loop);
	w->server = NULL;
}

static void close_world(struct world *w)
{
	own_checks_free(w->checks);
	timer_close(w->guard);
	close_server(w);
	loop_free(w->loop);
}

static int open_checks(struct world *w, struct check_spec *specs, size_t count)
{
	const struct own_checks_options options = {
		.loop = w->loop, .specs = &w->specs, .score = &w->score, .changed = on_changed, .ctx = w
	};

	w->specs = (struct config_objects){ .items = specs, .count = count };
	return own_checks_new(&options, &w->checks);
}

static void run_until_changes(struct world *w, unsigned changes)
{
	w->wanted = w->changes + changes;
	timer_start(w->guard, PATIENCE_MS);
	(void)loop_run(w->loop);
	timer_stop(w->guard);
	assert_false(w->late);
}

static const struct score_check *check_of(const struct world *w, const char *name)
{
	for (size_t i = 0; i < w->score.count; i++)
		if (strcmp(w->score.checks[i].name, name) == 0)
			return &w->score.checks[i];
	fail_msg("no check %s", name);
	return NULL;
}

static struct check_spec spec(const char *name)
{
	return (struct check_spec){ .name = (char *)(uintptr_t)name,
				    .interval_ms = 100,
				    .timeout_ms = 1500,
				    .threshold = 2,
				    .weight = 10 };
}

static void a_connection_that_is_refused_fails_and_one_that_is_taken_passes(void **state)
{
	struct world w;
	struct check_spec tcp = spec("plc");
	char address[64];

	(void)state;
	open_world(&w);
	(void)snprintf(address, sizeof(address), "%s", http_server_address(w.server));
	tcp.tcp = address;
	tcp.threshold = 1;
	close_server(&w);
	assert_int_equal(open_checks(&w, &tcp, 1), 0);
	run_until_changes(&w, 1);
	assert_true(check_of(&w, "plc")->is_failing);
	assert_non_null(strstr(check_of(&w, "plc")->text, "refused"));
	assert_int_equal(score_percent(&w.score), 0);
	serve(&w, address);
	run_until_changes(&w, 1);
	assert_false(check_of(&w, "plc")->is_failing);
	assert_string_equal(check_of(&w, "plc")->text, "");
	assert_int_equal(score_percent(&w.score), 100);
	close_world(&w);
}

static void an_answer_counts_by_its_status_whatever_its_length(void **state)
{
	struct world w;
	struct check_spec http = spec("hmi");
	char url[64];

	(void)state;
	open_world(&w);
	(void)snprintf(url, sizeof(url), "http://%s/healthz", http_server_address(w.server));
	http.http = url;
	w.status = 503;
	w.big = 1 << 20;
	assert_int_equal(open_checks(&w, &http, 1), 0);
	run_until_changes(&w, 1);
	assert_true(check_of(&w, "hmi")->is_failing);
	assert_string_equal(check_of(&w, "hmi")->text, "answered with status 503");
	w.status = 302;
	run_until_changes(&w, 1);
	assert_false(check_of(&w, "hmi")->is_failing);
	w.status = 0; /* it takes the request and says nothing */
	run_until_changes(&w, 1);
	assert_true(check_of(&w, "hmi")->is_failing);
	assert_non_null(strstr(check_of(&w, "hmi")->text, "in time"));
	close_world(&w);
}

static void a_program_fails_with_what_it_said(void **state)
{
	char *const argv[] = { "/bin/sh", "-c", "echo; echo full: 99 %; exit 3" };
	struct check_spec exec = spec("data-disk");
	struct checks_summary summary;
	struct world w;

	(void)state;
	open_world(&w);
	exec.exec = (struct config_list){ (char **)(uintptr_t)argv, 3 };
	exec.timeout_ms = 5000;
	assert_int_equal(open_checks(&w, &exec, 1), 0);
	checks_summarize(&w.score, &summary);
	assert_int_equal(summary.value, -1); /* nothing is known yet */
	run_until_changes(&w, 1);
	assert_string_equal(check_of(&w, "data-disk")->text, "exit status 3: full: 99 %");
	checks_summarize(&w.score, &summary);
	assert_int_equal(summary.value, 1);
	assert_string_equal(summary.reason, "DataDiskFailing");
	assert_string_equal(summary.message, "score 0 of 100; data-disk: exit status 3: full: 99 %");
	close_world(&w);
}

static void a_program_that_hangs_is_killed_and_fails(void **state)
{
	char *const argv[] = { "/bin/sleep", "1000" };
	struct check_spec exec = spec("stuck");
	struct world w;

	(void)state;
	open_world(&w);
	exec.exec = (struct config_list){ (char **)(uintptr_t)argv, 2 };
	exec.timeout_ms = 100;
	assert_int_equal(open_checks(&w, &exec, 1), 0);
	run_until_changes(&w, 1);
	assert_string_equal(check_of(&w, "stuck")->text, "killed after 100 ms");
	close_world(&w);
	assert_int_equal(waitpid(-1, NULL, WNOHANG) > 0, 0); /* none is left, or none that has ended */
}

static void a_program_that_is_not_there_is_not_asked_and_counts_neither_way(void **state)
{
	char *const argv[] = { "/nonexistent" };
	struct check_spec exec = spec("gone");
	struct checks_summary summary;
	struct world w;

	(void)state;
	open_world(&w);
	exec.exec = (struct config_list){ (char **)(uintptr_t)argv, 1 };
	assert_int_equal(open_checks(&w, &exec, 1), 0);
	run_until_changes(&w, 1);
	assert_false(check_of(&w, "gone")->is_failing);
	assert_int_equal(score_percent(&w.score), 100);
	checks_summarize(&w.score, &summary);
	assert_int_equal(summary.value, 2);
	assert_string_equal(summary.reason, "GoneNotAsked");
	assert_string_equal(summary.message,
			    "score 100 of 100; gone: cannot be run: No such file or directory");
	close_world(&w);
}

static void sixteen_share_the_loop(void **state)
{
	char names[CHECKS_OWN_MAX][8], url[64];
	char *const argv[] = { "/bin/false" };
	struct check_spec specs[CHECKS_OWN_MAX];
	struct world w;

	(void)state;
	open_world(&w);
	w.status = 500;
	(void)snprintf(url, sizeof(url), "http://%s/", http_server_address(w.server));
	for (size_t i = 0; i < CHECKS_OWN_MAX; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "c%zu", i);
		specs[i] = spec(names[i]);
		specs[i].timeout_ms = 5000;
		if (i % 2)
			specs[i].http = url;
		else
			specs[i].exec = (struct config_list){ (char **)(uintptr_t)argv, 1 };
	}
	assert_int_equal(open_checks(&w, specs, CHECKS_OWN_MAX), 0);
	run_until_changes(&w, CHECKS_OWN_MAX);
	for (size_t i = 0; i < CHECKS_OWN_MAX; i++)
		assert_true(w.score.checks[i].is_failing);
	close_world(&w);
}

static int ask_once(void *ctx)
{
	static const char *const command[] = { "/bin/false" };
	struct world *w = ctx;
	struct check_spec specs[2] = { spec("a"), spec("b") };
	int code;

	specs[0].exec = (struct config_list){ (char **)(uintptr_t)command, 1 };
	specs[0].timeout_ms = specs[1].timeout_ms = 5000;
	specs[1].tcp = "127.0.0.1:1";
	score_init(&w->score);
	w->changes = 0;
	w->wanted = 2;
	code = open_checks(w, specs, 2);
	if (code)
		return code;
	timer_start(w->guard, PATIENCE_MS);
	(void)loop_run(w->loop);
	timer_stop(w->guard);
	own_checks_free(w->checks);
	w->checks = NULL;
	assert_false(w->late);
	return 0;
}

/* One that there was no memory to ask is asked again, and the loop goes on. */
static void memory_running_out_costs_a_check_and_no_more(void **state)
{
	unsigned long walked = 0;
	struct world w;

	(void)state;
	open_world(&w);
	assert_int_equal(ask_once(&w), 0);
	for (unsigned long nth = 1; nth < 30; nth++) {
		int code;

		failmalloc_arm(nth, FAILMALLOC_ONCE);
		code = ask_once(&w);
		walked += failmalloc_disarm();
		assert_true(code == 0 || code == -ENOMEM);
	}
	assert_true(walked > 5);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_is_refused_fails_and_one_that_is_taken_passes),
		cmocka_unit_test(an_answer_counts_by_its_status_whatever_its_length),
		cmocka_unit_test(a_program_fails_with_what_it_said),
		cmocka_unit_test(a_program_that_hangs_is_killed_and_fails),
		cmocka_unit_test(a_program_that_is_not_there_is_not_asked_and_counts_neither_way),
		cmocka_unit_test(sixteen_share_the_loop),
		cmocka_unit_test(memory_running_out_costs_a_check_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
