/* Rules of probes and lifecycle hooks. */
#include "api/names.h"
#include "api/validate.h"

static const char *const handlers[] = { "exec", "httpGet", "tcpSocket", "grpc", "sleep", NULL };

static void exec_action(struct validation *v, const struct json *action, void *ctx)
{
	if (!json_count(json_get(action, "command")))
		complain(v, PROBLEM_REQUIRED, action, "command", "%s", "");
}

static void http_header(struct validation *v, const struct json *header, void *ctx)
{
	const char *reason = name_http_header(json_span(json_get(header, "name")));

	if (reason)
		complain(v, PROBLEM_INVALID, header, "name", "%s", reason);
}

static void http_action(struct validation *v, const struct json *action, void *ctx)
{
	static const char *const schemes[] = { "HTTP", "HTTPS", NULL };

	(void)need_text(v, action, "path", "");
	check_port(v, action, "port");
	(void)need_choice(v, action, "scheme", schemes);
	each_item(v, action, "httpHeaders", http_header, NULL);
}

static void tcp_action(struct validation *v, const struct json *action, void *ctx)
{
	check_port(v, action, "port");
}

static void grpc_action(struct validation *v, const struct json *action, void *ctx)
{
	if (json_int(json_get(action, "port"), 0) < 1 || json_int(json_get(action, "port"), 0) > 65535)
		complain(v, PROBLEM_INVALID, action, "port", MSG_PORT);
}

static void sleep_action(struct validation *v, const struct json *action, void *ctx)
{
	check_least(v, action, "seconds", 1);
}

static void validate_handler(struct validation *v, const struct json *holder)
{
	size_t count = count_of(holder, handlers);

	if (!count)
		complain(v, PROBLEM_REQUIRED, NULL, NULL, "must specify a handler type");
	else if (count > 1)
		complain(v, PROBLEM_FORBIDDEN, NULL, NULL, "may not specify more than 1 handler type");
	below(v, holder, "exec", exec_action, NULL);
	below(v, holder, "httpGet", http_action, NULL);
	below(v, holder, "tcpSocket", tcp_action, NULL);
	below(v, holder, "grpc", grpc_action, NULL);
	below(v, holder, "sleep", sleep_action, NULL);
}

static void probe(struct validation *v, const struct json *object, void *ctx)
{
	static const char *const numbers[] = { "initialDelaySeconds", "timeoutSeconds", "periodSeconds",
					       "successThreshold", "failureThreshold" };
	const bool *is_readiness = ctx;

	validate_handler(v, object);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		check_least(v, object, numbers[i], 0);
	if (*is_readiness && json_get(object, "terminationGracePeriodSeconds"))
		complain(v, PROBLEM_INVALID, object, "terminationGracePeriodSeconds",
			 "must not be set for readinessProbes");
	check_least(v, object, "terminationGracePeriodSeconds", 1);
	if (!*is_readiness && json_int(json_get(object, "successThreshold"), 1) != 1)
		complain(v, PROBLEM_INVALID, object, "successThreshold", "must be 1");
}

static void hook(struct validation *v, const struct json *object, void *ctx)
{
	validate_handler(v, object);
}

static void lifecycle(struct validation *v, const struct json *object, void *ctx)
{
	below(v, object, "postStart", hook, NULL);
	below(v, object, "preStop", hook, NULL);
}

void validate_probes(struct validation *v, const struct json *container, bool is_init)
{
	static const char *const fields[] = { "lifecycle", "livenessProbe", "readinessProbe",
					      "startupProbe" };
	bool runs_once = is_init && strcmp(text_of(container, "restartPolicy"), "Always") != 0;
	bool yes = true, no = false;

	for (size_t i = 0; runs_once && i < sizeof(fields) / sizeof(fields[0]); i++)
		if (json_get(container, fields[i]))
			complain(v, PROBLEM_FORBIDDEN, container, fields[i],
				 "may not be set for init containers without restartPolicy=Always");
	below(v, container, "livenessProbe", probe, &no);
	below(v, container, "readinessProbe", probe, &yes);
	below(v, container, "startupProbe", probe, &no);
	below(v, container, "lifecycle", lifecycle, NULL);
}
