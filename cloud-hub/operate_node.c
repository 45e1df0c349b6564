/* The verbs "node ...". */
#include "auth/enrol.h"
#include "base/units.h"
#include "cloud-hub/nodes.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_ask.h"
#include "cloud-hub/tokens.h"

#include <errno.h>
#include <stdio.h>

#define BODY_MAX (64u * 1024)

static int usage(const char *what)
{
	fprintf(stderr, "cloud-hub: %s\n", what);
	return OPTIONS_EXIT_USAGE;
}

static const char *or_dash(const char *text)
{
	return *text ? text : "-";
}

/* --- list and show --- */

/* All pages, one after the other. */
struct listing {
	struct json *all; /* {"items":[...]} */
	char after[256];
};

static int take_page(const struct json *answer, void *ctx)
{
	struct listing *listing = ctx;
	const struct json *items = json_get(answer, "items");

	for (size_t i = 0; i < json_count(items); i++)
		if (json_append(json_get(listing->all, "items"), json_copy(json_at(items, i)))) {
			fprintf(stderr, "cloud-hub: out of memory\n");
			return OPTIONS_EXIT_FAILED;
		}
	span_copy_or_nothing(span_of(json_path_str(answer, "more", "")), listing->after,
			     sizeof(listing->after));
	return OPTIONS_EXIT_OK;
}

static void show_list(const struct json *items)
{
	printf("%-24s %-12s %-12s %-25s %-25s %-18s %s\n", "NAME", "REGION", "STATE", "LAST HEARD",
	       "CERTIFICATE UNTIL", "SOFTWARE", "MACHINE");
	for (size_t i = 0; i < json_count(items); i++) {
		const struct json *n = json_at(items, i);

		printf("%-24s %-12s %-12s %-25s %-25s %-18s %s\n", json_path_str(n, "name", ""),
		       or_dash(json_path_str(n, "region", "")), json_path_str(n, "state", ""),
		       or_dash(json_path_str(n, "lastHeard", "")),
		       or_dash(json_path_str(n, "certificateExpires", "")),
		       or_dash(json_path_str(n, "software", "")), or_dash(json_path_str(n, "machineId", "")));
	}
}

int operate_node_list(const struct options *options, void *ctx)
{
	struct listing listing = { .all = json_new_object() };
	char target[512];
	int exit_code = OPTIONS_EXIT_FAILED;

	(void)ctx;
	if (!operate_output_ok(options)) {
		exit_code = OPTIONS_EXIT_USAGE;
	} else if (!listing.all || json_set(listing.all, "items", json_new_array())) {
		fprintf(stderr, "cloud-hub: out of memory\n");
	} else {
		do {
			snprintf(target, sizeof(target), NODES_PATH "%s%s", listing.after[0] ? "?after=" : "",
				 listing.after);
			exit_code = operate_ask(options, "GET", target, (struct span){ NULL, 0 }, take_page,
						&listing);
		} while (!exit_code && listing.after[0]);
		if (!exit_code && operate_wants_json(options))
			exit_code = operate_show_json(listing.all);
		else if (!exit_code)
			show_list(json_get(listing.all, "items"));
	}
	json_free(listing.all);
	return exit_code;
}

static void show_hosts(const struct json *hosts)
{
	for (size_t i = 0; i < json_count(hosts); i++) {
		const struct json *h = json_at(hosts, i);

		printf("%-20s --machine-id %s --boot-id %s --address %s, seen %s%s\n", i ? "" : "hosts",
		       or_dash(json_path_str(h, "machineId", "")), or_dash(json_path_str(h, "bootId", "")),
		       or_dash(json_path_str(h, "address", "")), or_dash(json_path_str(h, "seen", "")),
		       json_path_bool(h, "holder", false) ? " (worked last)" : "");
	}
}

static int show_one(const struct json *answer, void *ctx)
{
	struct json_iter it = json_iter(answer);

	if (operate_wants_json(ctx))
		return operate_show_json(answer);
	while (json_next(&it)) {
		if (json_is(it.value, JSON_STRING))
			printf("%-20s %s\n", it.key, or_dash(json_str(it.value, "")));
		else if (json_is(it.value, JSON_ARRAY))
			show_hosts(it.value);
		else
			printf("%-20s %lld\n", it.key, (long long)json_int(it.value, 0));
	}
	return OPTIONS_EXIT_OK;
}

/* /holdfast/v1/nodes/NAME[/VERB]; false: that is no name. */
static bool target_of(const struct options *options, const char *verb, char out[512])
{
	const char *name = options_argument(options, 0);

	return enrol_node_name_ok(name) &&
	       snprintf(out, 512, NODES_PATH "/%s%s%s", name, *verb ? "/" : "", verb) < 512;
}

int operate_node_show(const struct options *options, void *ctx)
{
	char target[512];

	(void)ctx;
	if (!operate_output_ok(options))
		return OPTIONS_EXIT_USAGE;
	if (!target_of(options, "", target))
		return usage("that is no node's name");
	return operate_ask(options, "GET", target, (struct span){ NULL, 0 }, show_one, (void *)options);
}

/* --- decisions --- */

static int show_decision(const struct json *answer, void *ctx)
{
	struct json_iter it = json_iter(answer);

	if (operate_wants_json(ctx))
		return operate_show_json(answer);
	while (json_next(&it))
		printf("%s: %s\n", it.key, json_str(it.value, ""));
	return OPTIONS_EXIT_OK;
}

/* `fields` are pairs: option, and what it is called in the body. */
static int decide(const struct options *options, const char *verb, const char *const (*fields)[2],
		  size_t count)
{
	struct json *body = json_new_object();
	char target[512];
	struct buf text;
	int exit_code = OPTIONS_EXIT_FAILED, code = body ? 0 : -ENOMEM;

	buf_init(&text, BODY_MAX);
	for (size_t i = 0; !code && i < count; i++)
		if (options_get(options, fields[i][0]))
			code = json_set_str(body, fields[i][1], options_get(options, fields[i][0]));
	if (!operate_output_ok(options))
		exit_code = OPTIONS_EXIT_USAGE;
	else if (!target_of(options, verb, target))
		exit_code = usage("that is no node's name");
	else if (code || json_write(body, &text))
		fprintf(stderr, "cloud-hub: out of memory\n");
	else
		exit_code =
			operate_ask(options, "POST", target, buf_span(&text), show_decision, (void *)options);
	buf_done(&text);
	json_free(body);
	return exit_code;
}

int operate_node_revoke(const struct options *options, void *ctx)
{
	(void)ctx;
	return decide(options, "revoke", NULL, 0);
}

int operate_node_remove(const struct options *options, void *ctx)
{
	(void)ctx;
	return decide(options, "remove", NULL, 0);
}

int operate_node_confirm(const struct options *options, void *ctx)
{
	static const char *const fields[][2] = { { "region", "region" } };

	(void)ctx;
	return decide(options, "confirm", fields, 1);
}

int operate_node_release(const struct options *options, void *ctx)
{
	static const char *const fields[][2] = { { "machine-id", "machineId" },
						 { "boot-id", "bootId" },
						 { "address", "address" } };

	(void)ctx;
	if (!options_get(options, "machine-id") && !options_get(options, "boot-id") &&
	    !options_get(options, "address"))
		return usage(
			"say which host to keep: --machine-id, --boot-id or --address; node show lists them");
	return decide(options, "release", fields, 3);
}

/* --- replace: a token for the name, in the region that the node is in --- */

struct replacement {
	const struct options *options;
	char region[TOKEN_REGION_SIZE];
};

static int take_region(const struct json *answer, void *ctx)
{
	struct replacement *replacement = ctx;
	const char *state = json_path_str(answer, "state", "");

	if (strcmp(state, "unconfirmed") == 0 || strcmp(state, "unregistered") == 0) {
		fprintf(stderr,
			"cloud-hub: the node is not registered here; token create makes a token for it\n");
		return OPTIONS_EXIT_FAILED;
	}
	span_copy_or_nothing(span_of(json_path_str(answer, "region", "")), replacement->region,
			     sizeof(replacement->region));
	return OPTIONS_EXIT_OK;
}

static int show_token(const struct json *answer, void *ctx)
{
	const struct replacement *replacement = ctx;

	if (operate_wants_json(replacement->options))
		return operate_show_json(answer);
	return printf("%s\n", json_path_str(answer, "token", "")) < 0 ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

static int token_request(const struct replacement *replacement, uint64_t ttl_ms, struct buf *out)
{
	struct json *body = json_new_object(), *regions = json_new_array();
	int code = body ? json_set_str(body, "nodeName", options_argument(replacement->options, 0)) : -ENOMEM;

	if (!code && replacement->region[0])
		code = json_append(regions, json_new_str(replacement->region));
	if (!code) {
		code = json_set(body, "regions", regions);
		regions = NULL;
	}
	if (!code)
		code = json_set_int(body, "ttlSeconds", (int64_t)(ttl_ms / 1000));
	if (!code)
		code = json_write(body, out);
	json_free(regions);
	json_free(body);
	return code;
}

int operate_node_replace(const struct options *options, void *ctx)
{
	struct replacement replacement = { .options = options };
	uint64_t ttl_ms = 0;
	char target[512];
	struct buf text;
	int exit_code;

	(void)ctx;
	if (!operate_output_ok(options))
		return OPTIONS_EXIT_USAGE;
	if (!target_of(options, "", target))
		return usage("that is no node's name");
	if (units_duration_ms(span_of(options_get(options, "ttl")), &ttl_ms) || ttl_ms < 1000)
		return usage("--ttl wants a duration such as 30m or 24h");
	exit_code = operate_ask(options, "GET", target, (struct span){ NULL, 0 }, take_region, &replacement);
	if (exit_code)
		return exit_code;
	buf_init(&text, BODY_MAX);
	if (token_request(&replacement, ttl_ms, &text)) {
		fprintf(stderr, "cloud-hub: out of memory\n");
		exit_code = OPTIONS_EXIT_FAILED;
	} else {
		exit_code =
			operate_ask(options, "POST", TOKENS_PATH, buf_span(&text), show_token, &replacement);
	}
	buf_done(&text);
	return exit_code;
}
