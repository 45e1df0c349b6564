#include "edge-hub/operate.h"

#include "base/files.h"
#include "base/json.h"
#include "edge-hub/local.h"
#include "net/http.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define TIMEOUT_MS 5000u

struct answer {
	struct loop *loop;
	int status;
	struct buf body;
	struct err err;
};

static void on_answer(void *ctx, const struct http_client_answer *got)
{
	struct answer *answer = ctx;

	answer->status = got->status;
	answer->err = got->err;
	if (buf_add_span(&answer->body, got->body))
		(void)err_set(&answer->err, -EMSGSIZE, "the answer is too long");
	loop_stop(answer->loop);
}

static int fetch(const char *data_dir, const char *target, struct answer *answer)
{
	struct stream_options options = { 0 };
	char whole[PATH_MAX - 64], socket[PATH_MAX];
	int code = file_absolute(data_dir, whole, sizeof(whole));

	if (code || snprintf(socket, sizeof(socket), "unix://%s/" LOCAL_SOCKET, whole) >= (int)sizeof(socket))
		return err_set(&answer->err, -ENAMETOOLONG, "the data directory's name is too long");
	code = loop_new(&answer->loop);
	if (!code)
		code = http_client_request(answer->loop, socket, &options, "GET", target, NULL, 0,
					   (struct span){ NULL, 0 }, TIMEOUT_MS, on_answer, answer);
	if (!code)
		code = loop_run(answer->loop);
	if (code)
		return err_set(&answer->err, code, "asking %s: %s", socket,
			       err_text(&(struct err){ .code = code }));
	if (!answer->status)
		return err_wrap(&answer->err, "no answer from %s; is the edge-hub running?", socket);
	if (answer->status != 200)
		return err_set(&answer->err, -EPROTO, "the edge-hub answered %d", answer->status);
	return answer->err.code;
}

static void show(const struct json *s)
{
	const char *error = json_path_str(s, "link.lastError", "");
	bool complete = json_path_bool(s, "replica.complete", false),
	     up = json_path_bool(s, "runtime.up", false);
	int64_t orphans = json_path_int(s, "replica.orphanPods", 0);

	printf("node      %s%s%s, edge-hub %s\n", json_path_str(s, "node", ""),
	       json_path_str(s, "region", "")[0] ? ", region " : "", json_path_str(s, "region", ""),
	       json_path_str(s, "version", ""));
	printf("link      %s, %s, for %lld s%s%s\n", json_path_str(s, "link.state", ""),
	       json_path_str(s, "link.cloud", ""), (long long)json_path_int(s, "link.secondsInState", 0),
	       error[0] ? "; last error: " : "", error);
	printf("replica   %s, %lld objects, as of cloud revision %lld\n",
	       complete ? "complete" : "not complete", (long long)json_path_int(s, "replica.rows", 0),
	       (long long)json_path_int(s, "replica.completeAsOf", 0));
	if (orphans)
		printf("orphans   %lld pods run here that the cloud does not know; its operator decides\n",
		       (long long)orphans);
	printf("outbox    %lld reports waiting for the cloud\n",
	       (long long)json_path_int(s, "outbox.entries", 0));
	printf("runtime   %s %s%s%s\n", up ? "up" : "down", json_path_str(s, "runtime.version", ""),
	       json_path_str(s, "runtime.message", "")[0] ? ": " : "",
	       json_path_str(s, "runtime.message", ""));
	printf("pods      %lld, with %lld running containers; %lld restarts since the hub started\n",
	       (long long)json_path_int(s, "pods.count", 0),
	       (long long)json_path_int(s, "pods.runningContainers", 0),
	       (long long)json_path_int(s, "pods.restarts", 0));
	printf("offline   %s\n", complete
					 ? "safe: everything this node needs is on its disk (images excepted)"
					 : "not safe yet: the replica is not complete");
}

int operate_status(const struct options *options, void *ctx)
{
	const char *format = options_get(options, "output");
	struct answer answer = { 0 };
	struct json *status = NULL;
	int exit_code = OPTIONS_EXIT_FAILED;

	(void)ctx;
	if (format && strcmp(format, "json") != 0) {
		fprintf(stderr, "edge-hub: -o takes json\n");
		return OPTIONS_EXIT_USAGE;
	}
	buf_init(&answer.body, HTTP_BODY_MAX);
	if (fetch(options_get(options, "data-dir"), LOCAL_STATUS_PATH, &answer))
		fprintf(stderr, "edge-hub: %s\n", err_text(&answer.err));
	else if (format)
		exit_code = fwrite(answer.body.data, 1, answer.body.len, stdout) == answer.body.len
				    ? OPTIONS_EXIT_OK
				    : OPTIONS_EXIT_FAILED;
	else if (json_parse(buf_span(&answer.body), &status, &answer.err))
		fprintf(stderr, "edge-hub: the answer is not JSON: %s\n", err_text(&answer.err));
	else {
		show(status);
		exit_code = OPTIONS_EXIT_OK;
	}
	json_free(status);
	buf_done(&answer.body);
	loop_free(answer.loop);
	return exit_code;
}
