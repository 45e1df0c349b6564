#include "edge-hub/operate.h"

#include "base/files.h"
#include "base/json.h"
#include "edge-hub/local.h"
#include "net/http_ask.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

#define TIMEOUT_MS 5000u
#define SECRETS_TEXT_MAX 8192u

static int ask(const char *data_dir, const char *method, const char *target, struct http_asked *out,
	       struct err *err)
{
	char whole[PATH_MAX - 64], socket[PATH_MAX];

	if (file_absolute(data_dir, whole, sizeof(whole)) ||
	    snprintf(socket, sizeof(socket), "unix://%s/" LOCAL_SOCKET, whole) >= (int)sizeof(socket))
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	if (http_ask(socket, method, target, (struct span){ NULL, 0 }, TIMEOUT_MS, out, err))
		return err_wrap(err, "no answer from %s; is the edge-hub running?", socket);
	return out->status == 200 ? 0 : err_set(err, -EPROTO, "the edge-hub answered %d", out->status);
}

/* "3 h", the largest unit that fits */
static void age(int64_t seconds, char out[32])
{
	static const struct {
		int64_t seconds;
		const char *unit;
	} units[] = { { 365 * 86400, "years" }, { 86400, "days" }, { 3600, "h" }, { 60, "min" }, { 1, "s" } };
	size_t i = 0;

	while (i + 1 < sizeof(units) / sizeof(units[0]) && seconds < 2 * units[i].seconds)
		i++;
	snprintf(out, 32, "%lld %s", (long long)(seconds / units[i].seconds), units[i].unit);
}

static void show_clock(const struct json *s)
{
	const char *state = json_path_str(s, "clock.state", ""), *time = json_path_str(s, "clock.time", "");
	int64_t ahead = json_path_int(s, "clock.machineAheadSeconds", 0);
	char by[32];

	age(ahead < 0 ? -ahead : ahead, by);
	if (strcmp(state, "unset") == 0)
		printf("clock     not set; it is later than %s, and the cloud will tell\n",
		       json_path_str(s, "clock.floor", ""));
	else if (strcmp(state, "skewed") == 0)
		printf("clock     %s, as the cloud says; this machine's clock is %s %s\n", time, by,
		       ahead < 0 ? "behind" : "ahead");
	else
		printf("clock     %s, %s\n", time,
		       strcmp(state, "checked") == 0
			       ? "as the cloud says"
			       : "as this machine says; the cloud has not confirmed it yet");
}

/* What a person at the machine makes of the cloud's no. The pods go on in every case. */
static void show_refusal(const char *reason)
{
	static const char *const texts[][2] = {
		{ "revoked",
		  "the operator revoked this node; a token made for its name would let it in again" },
		{ "quarantined",
		  "two machines run with this disk; the operator decides which of them is the node" },
		{ "identity",
		  "this machine is not, or no longer, the node that the cloud knows by this name" },
		{ "unconfirmed",
		  "the cloud was restored from a backup, and its operator has to confirm this node" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(reason, texts[i][0]) == 0)
			printf("refused   %s: %s. Pods go on running\n", reason, texts[i][1]);
}

static void show_member(const struct json *m)
{
	const char *view = json_path_str(m, "view", ""), *verdict = json_path_str(m, "verdict", "");
	char since[32];

	age(json_path_int(m, "secondsInView", 0), since);
	printf("          %-24s %-10s %s%s%s%s%s\n", json_path_str(m, "name", ""), view,
	       strcmp(view, "self") == 0 ? "" : since,
	       json_path_bool(m, "tunnel", false) ? ", reaches the cloud" : "",
	       json_path_bool(m, "maintenance", false) ? ", in maintenance" : "",
	       verdict[0] ? ", told the cloud: " : "", verdict);
}

static void show_checks(const struct json *self)
{
	const struct json *checks = json_get(self, "checks");

	printf("checks    %zu, score %lld of 100\n", json_count(checks),
	       (long long)json_path_int(self, "percent", 0));
	for (size_t i = 0; i < json_count(checks); i++) {
		const struct json *check = json_at(checks, i);
		const char *state = json_path_str(check, "state", "");

		if (strcmp(state, "passing") != 0)
			printf("%s %s: %s\n", strcmp(state, "failing") == 0 ? "trouble  " : "not asked",
			       json_path_str(check, "name", ""), json_path_str(check, "why", ""));
	}
}

static void show_health(const struct json *health)
{
	const struct json *members = json_get(health, "members");

	if (!json_path_bool(health, "enabled", true)) {
		printf("region    health of neighbours is switched off\n");
		return;
	}
	printf("region    %s, %zu members, roster %lld%s%s\n",
	       json_path_str(health, "region", "")[0] ? json_path_str(health, "region", "") : "not known yet",
	       json_count(members), (long long)json_path_int(health, "rosterVersion", 0),
	       json_path_bool(health, "listening", false)
		       ? ""
		       : "; its port cannot be used: neighbours see this hub down",
	       json_path_bool(health, "majority", false) ? "; with the majority" : "");
	for (size_t i = 0; i < json_count(members); i++)
		show_member(json_at(members, i));
}

static void show_fence(const struct json *fence)
{
	const char *state = json_path_str(fence, "state", "");
	int64_t pods = json_path_int(fence, "exclusivePods", 0);
	char since[32], left[32];

	if (strcmp(state, "off") == 0) {
		printf("fencing   off: nobody takes this node's place in its region\n");
		return;
	}
	age(json_path_int(fence, "secondsInState", 0), since);
	age(json_path_int(fence, "openForSeconds", 0), left);
	if (strcmp(state, "open") == 0)
		printf("fencing   open for %s without contact; %lld pods that must run only once%s\n", left,
		       (long long)pods,
		       pods && !json_path_bool(fence, "guard", false) ? ", NOT GUARDED" : "");
	else
		printf("fencing   closed for %s: %lld pods that must run only once wait for the cloud\n",
		       since, (long long)pods);
}

static void show_services(const struct json *services)
{
	int64_t withdrawn = json_path_int(services, "withdrawnEndpoints", 0);

	if (withdrawn)
		printf("services  %lld endpoints on dead neighbours withdrawn\n", (long long)withdrawn);
}

static void show(const struct json *s)
{
	const char *error = json_path_str(s, "link.lastError", ""),
		   *proxy = json_path_str(s, "link.proxy", "");
	bool complete = json_path_bool(s, "replica.complete", false),
	     up = json_path_bool(s, "runtime.up", false);
	int64_t orphans = json_path_int(s, "replica.orphanPods", 0);

	printf("node      %s%s%s, edge-hub %s\n", json_path_str(s, "node", ""),
	       json_path_str(s, "region", "")[0] ? ", region " : "", json_path_str(s, "region", ""),
	       json_path_str(s, "version", ""));
	printf("link      %s, %s%s%s, for %lld s%s%s\n", json_path_str(s, "link.state", ""),
	       json_path_str(s, "link.cloud", ""), proxy[0] ? " through the proxy " : "", proxy,
	       (long long)json_path_int(s, "link.secondsInState", 0), error[0] ? "; last error: " : "",
	       error);
	show_refusal(json_path_str(s, "link.refused", ""));
	show_clock(s);
	error = json_path_str(s, "certificate.lastError", "");
	printf("identity  certificate until %s%s%s\n", json_path_str(s, "certificate.notAfter", ""),
	       error[0] ? "; last renewal failed: " : "", error);
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
	if (json_get(s, "health")) {
		show_health(json_get(s, "health"));
		show_checks(json_path(s, "health.self"));
	}
	show_fence(json_get(s, "fence"));
	show_services(json_get(s, "services"));
	printf("offline   %s\n", complete
					 ? "safe: everything this node needs is on its disk (images excepted)"
					 : "not safe yet: the replica is not complete");
}

int operate_status(const struct options *options, void *ctx)
{
	const char *format = options_get(options, "output");
	struct http_asked asked = { 0 };
	struct err err = { 0 };
	struct json *status = NULL;
	int exit_code = OPTIONS_EXIT_FAILED;

	(void)ctx;
	if (format && strcmp(format, "json") != 0) {
		fprintf(stderr, "edge-hub: -o takes json\n");
		return OPTIONS_EXIT_USAGE;
	}
	if (ask(options_get(options, "data-dir"), "GET", LOCAL_STATUS_PATH, &asked, &err))
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
	else if (format)
		exit_code = fwrite(asked.body.data, 1, asked.body.len, stdout) == asked.body.len
				    ? OPTIONS_EXIT_OK
				    : OPTIONS_EXIT_FAILED;
	else if (json_parse(buf_span(&asked.body), &status, &err))
		fprintf(stderr, "edge-hub: the answer is not JSON: %s\n", err_text(&err));
	else {
		show(status);
		exit_code = OPTIONS_EXIT_OK;
	}
	json_free(status);
	http_asked_done(&asked);
	return exit_code;
}

/* --- the keys of what is sealed --- */

static int secrets(const struct options *options, const char *method, const char *target)
{
	struct http_asked asked = { 0 };
	struct err err = { 0 };
	struct json *answer = NULL;
	struct buf text;
	int code = ask(options_get(options, "data-dir"), method, target, &asked, &err);

	buf_init(&text, SECRETS_TEXT_MAX);
	if (!code)
		code = json_parse(buf_span(&asked.body), &answer, &err);
	if (!code)
		code = secrets_text(answer, &text);
	if (code)
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
	else
		fwrite(text.data, 1, text.len, stdout);
	buf_done(&text);
	json_free(answer);
	http_asked_done(&asked);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

int operate_secrets_status(const struct options *options, void *ctx)
{
	(void)ctx;
	return secrets(options, "GET", SECRETS_PATH);
}

int operate_secrets_rotate(const struct options *options, void *ctx)
{
	(void)ctx;
	return secrets(options, "POST", SECRETS_PATH "/rotate");
}
