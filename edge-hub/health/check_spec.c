#include "edge-hub/health/check_spec.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "edge-hub/health/checks.h"
#include "net/address.h"

static const struct config_field fields[] = {
#define FIELD(path_, type_, member_, min_, max_, fallback_, help_)                                         \
	{                                                                                                  \
		.path = path_, .type = type_, .offset = offsetof(struct check_spec, member_), .min = min_, \
		.max = max_, .fallback = fallback_, .help = help_                                          \
	}
	FIELD("name", CONFIG_TEXT, name, 0, 0, NULL, "how it is shown: a-z, 0-9 and -"),
	FIELD("tcp", CONFIG_TEXT, tcp, 0, 0, NULL,
	      "HOST:PORT that takes a connection; each check has one of tcp, http and exec"),
	FIELD("http", CONFIG_TEXT, http, 0, 0, NULL,
	      "http://HOST[:PORT][/PATH] that answers with a status from 200 to 399"),
	FIELD("exec", CONFIG_LIST, exec, 0, 0, NULL,
	      "a program, by its absolute path, and its arguments; no shell. Exit status 0: well"),
	FIELD("interval", CONFIG_DURATION, interval_ms, 1000, 86400000, "10s", "from one to the next"),
	FIELD("timeout", CONFIG_DURATION, timeout_ms, 100, 3600000, "2s",
	      "when it has failed; a program is killed then with its children"),
	FIELD("threshold", CONFIG_INT, threshold, 1, 100, "3",
	      "results of a kind in a row before the check is taken to fail, or to be well again"),
	FIELD("weight", CONFIG_INT, weight, 0, 1000, "10",
	      "in the node's score, in which its own checks weigh 100; 0: shown, not counted"),
#undef FIELD
};

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	return len && len <= CHECK_NAME_MAX && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len &&
	       name[0] != '-' && name[len - 1] != '-';
}

static int check_name(const struct check_spec *specs, size_t count, struct err *err)
{
	const char *name = specs[count - 1].name;

	if (!name)
		return err_set(err, -EINVAL, "it has no name");
	if (!is_name(name))
		return err_set(err, -EINVAL,
			       "a name is a-z, 0-9 and - inside, at most %u characters, not '%.60s'",
			       CHECK_NAME_MAX, name);
	if (checks_is_built_in(name))
		return err_set(err, -EINVAL, "'%s' is a check that each node has", name);
	for (size_t i = 0; i + 1 < count; i++)
		if (strcmp(specs[i].name, name) == 0)
			return err_set(err, -EINVAL, "another check is called '%s'", name);
	return 0;
}

static int check_exec(const struct config_list *exec, struct err *err)
{
	if (exec->count > CHECK_ARGUMENTS_MAX)
		return err_set(err, -EINVAL, "a program takes at most %u arguments here",
			       CHECK_ARGUMENTS_MAX - 1);
	if (exec->items[0][0] != '/')
		return err_set(err, -EINVAL, "a program is given by its absolute path, not '%.60s'",
			       exec->items[0]);
	return 0;
}

static int check_target(const struct check_spec *spec, struct err *err)
{
	char address[ADDRESS_TEXT_SIZE], target[CHECK_TARGET_SIZE];
	struct address parsed;

	switch (check_kind_of(spec)) {
	case CHECK_TCP: return address_parse(span_of(spec->tcp), &parsed, err);
	case CHECK_HTTP: return check_http_parse(spec->http, address, sizeof(address), target, err);
	case CHECK_EXEC: return check_exec(&spec->exec, err);
	}
	return -EINVAL;
}

static int check(const void *items, size_t count, struct err *err)
{
	const struct check_spec *specs = items, *spec = &specs[count - 1];
	int kinds = (spec->tcp != NULL) + (spec->http != NULL) + (spec->exec.count > 0);
	int code = check_name(specs, count, err);

	if (!code && kinds != 1)
		code = err_set(err, -EINVAL, "'%s' needs one of tcp, http and exec, and has %s", spec->name,
			       kinds ? "more" : "none");
	if (!code)
		code = check_target(spec, err);
	if (!code && spec->timeout_ms > spec->interval_ms)
		code = err_set(err, -EINVAL, "the timeout of '%s' is longer than its interval", spec->name);
	return code;
}

const struct config_items check_spec_items = {
	.table = { fields, sizeof(fields) / sizeof(fields[0]) },
	.size = sizeof(struct check_spec),
	.max = CHECKS_OWN_MAX,
	.check = check,
};

enum check_kind check_kind_of(const struct check_spec *spec)
{
	if (spec->tcp)
		return CHECK_TCP;
	return spec->http ? CHECK_HTTP : CHECK_EXEC;
}

bool check_has_name(const struct check_spec *spec)
{
	char text[ADDRESS_TEXT_SIZE], target[CHECK_TARGET_SIZE];
	const char *where = spec->tcp;
	struct address address;
	struct in6_addr ip;

	if (spec->http && !check_http_parse(spec->http, text, sizeof(text), target, NULL))
		where = text;
	if (!where || address_parse(span_of(where), &address, NULL) || address.is_unix)
		return false;
	return !strchr(address.host, '%') && inet_pton(AF_INET, address.host, &ip) != 1 &&
	       inet_pton(AF_INET6, address.host, &ip) != 1;
}

/* What would end the request's first line, or its target. */
static bool is_target(const char *target)
{
	for (; *target; target++)
		if (*target <= ' ' || *target == 0x7f || *target == '#')
			return false;
	return true;
}

int check_http_parse(const char *url, char *out_address, size_t address_size,
		     char out_target[CHECK_TARGET_SIZE], struct err *err)
{
	static const char scheme[] = "http://";
	const char *host = url + sizeof(scheme) - 1, *end, *bracket;
	struct address parsed;
	bool has_port;
	int len;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return err_set(err, -EINVAL, "http is http://HOST[:PORT][/PATH], not '%.60s'", url);
	end = host + strcspn(host, "/?#");
	bracket = memchr(host, ']', (size_t)(end - host));
	has_port = memchr(bracket ? bracket : host, ':', (size_t)(end - (bracket ? bracket : host))) != NULL;
	len = snprintf(out_address, address_size, "%.*s%s", (int)(end - host), host, has_port ? "" : ":80");
	if (len < 0 || (size_t)len >= address_size)
		return err_set(err, -EINVAL, "the host of '%.60s' is too long", url);
	len = snprintf(out_target, CHECK_TARGET_SIZE, "%s%s", *end == '/' ? "" : "/", end);
	if (len < 0 || (size_t)len >= CHECK_TARGET_SIZE || !is_target(out_target))
		return err_set(err, -EINVAL, "the path of '%.60s' is too long, or not one", url);
	if (memchr(host, '@', (size_t)(end - host)))
		return err_set(err, -EINVAL, "no user and password in '%.60s'", url);
	return address_parse(span_of(out_address), &parsed, err);
}
