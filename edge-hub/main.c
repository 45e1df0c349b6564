/* edge-hub: the node's daemon and its verbs. */
#include "base/manual.h"
#include "base/startup.h"
#include "edge-hub/fence/guard.h"
#include "edge-hub/hub.h"
#include "edge-hub/join.h"
#include "edge-hub/leave.h"
#include "edge-hub/operate.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct startup_override overrides[] = {
	{ "data-dir", "dataDir" },
	{ "log-level", "log.level" },
	{ "runtime", "runtime.endpoint" },
	{ "health", "health.enabled" },
	{ "health-listen", "health.listen" },
	{ 0 },
};
static const struct startup_spec startup = {
	.table = &settings_table,
	.overrides = overrides,
	.data_dir = offsetof(struct settings, data_dir),
	.log_level = offsetof(struct settings, log_level),
};

static int run(const struct options *options, void *ctx)
{
	struct settings settings;
	struct err err = { 0 };
	int code;

	(void)ctx;
	if (startup_settings(&startup, options, &settings, &err)) {
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_USAGE;
	}
	code = hub_run(&settings, &err);
	if (code)
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
	config_done(&settings_table, &settings);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

/* For verbs that read the data directory themselves. */
static int with_settings(const struct options *options,
			 int (*verb)(const struct options *options, const struct settings *settings))
{
	static const struct startup_override data_dir_only[] = { { "data-dir", "dataDir" }, { 0 } };
	struct startup_spec spec = startup;
	struct settings settings;
	struct err err = { 0 };
	int exit_code;

	spec.overrides = data_dir_only; /* --runtime is remembered, not a setting */
	if (startup_settings(&spec, options, &settings, &err)) {
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_USAGE;
	}
	exit_code = verb(options, &settings);
	config_done(&settings_table, &settings);
	return exit_code;
}

static int join(const struct options *options, void *ctx)
{
	(void)ctx;
	return with_settings(options, join_run);
}

static int leave(const struct options *options, void *ctx)
{
	(void)ctx;
	return with_settings(options, leave_run);
}

static int print_config(const struct options *options, void *ctx)
{
	(void)options;
	(void)ctx;
	return startup_print_config(&settings_table);
}

static const struct program_spec program;

static int print_manual(const struct options *options, void *ctx)
{
	static const struct manual_of manual = { &program, &settings_table, "edge.yaml",
						 "/etc/holdfast/edge.yaml" };

	(void)ctx;
	return manual_print(&manual, options);
}

static const struct option_spec join_options[] = {
	{ "cloud", 0, "HOST:PORT[,HOST:PORT...]", NULL, OPTION_REQUIRED,
	  "where the cloud-hub's tunnel port is; 7443 without port" },
	{ "token", 0, "TOKEN", NULL, OPTION_REQUIRED, "what `cloud-hub token create` printed" },
	{ "node-name", 0, "NAME", NULL, 0, "name of the Node; default: this machine's host name" },
	{ "region", 0, "REGION", NULL, 0,
	  "region to be in, if the token allows it; default: the token's first" },
	{ "labels", 0, "K=V[,K=V...]", NULL, 0, "labels of the Node, if it is new" },
	{ "rotate-key", 0, NULL, NULL, 0,
	  "make a new key; the one before, if it is still here, vouches for it" },
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "where identity, replica and volumes live" },
	{ "runtime", 0, "ENDPOINT", SETTINGS_RUNTIME, 0, "CRI v1 socket of the container runtime" },
	{ "proxy", 0, "URL", NULL, 0,
	  "HTTP proxy on the way to the cloud: http://[USER:PASSWORD@]HOST:PORT" },
	{ "proxy-credentials", 0, "FILE", NULL, 0,
	  "USER:PASSWORD for it, in a file that its owner alone may read" },
	{ "no-proxy", 0, "HOST[,HOST...]", NULL, 0,
	  "hosts, .domains, addresses and blocks reached without it" },
	{ "config", 0, "FILE", NULL, 0, "the configuration given to run: where secrets.keyFile is" },
	{ 0 },
};
static const struct option_spec leave_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "the directory given to join" },
	{ "config", 0, "FILE", NULL, 0, "the configuration given to run" },
	{ "force", 0, NULL, NULL, 0, "also when the cloud cannot be told, or no edge-hub is running" },
	{ 0 },
};
static const struct option_spec run_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "the directory given to join" },
	{ "config", 0, "FILE", NULL, 0, "YAML configuration; the options here override it" },
	{ "runtime", 0, "ENDPOINT", NULL, 0, "CRI v1 socket; default: the one given to join" },
	{ "health", 0, "true|false", NULL, 0, "watch the neighbours of the region; default: true" },
	{ "health-listen", 0, "IP:PORT", NULL, 0, "UDP and TCP; default: " SETTINGS_HEALTH_LISTEN },
	{ "log-level", 0, "LEVEL", "info", 0, "error, warn, info or debug" },
	{ 0 },
};
static const struct option_spec status_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "data directory of the running hub" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec data_dir_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "data directory of the running hub" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "join", .options = join_options, .help = "make this machine a node", .run = join },
	{ .name = "leave",
	  .options = leave_options,
	  .help = "make this node a plain machine again: its containers stop, its files go",
	  .run = leave },
	{ .name = "run",
	  .options = run_options,
	  .help = "run this node's pods and keep them running",
	  .run = run },
	{ .name = "status",
	  .options = status_options,
	  .help = "show how this node is doing, with no cloud needed",
	  .run = operate_status },
	{ .name = "secrets status",
	  .options = data_dir_options,
	  .help = "show the keys that this hub's secrets are sealed with",
	  .run = operate_secrets_status },
	{ .name = "secrets rotate",
	  .options = data_dir_options,
	  .help = "seal everything with a new key, while serving, and destroy the old one",
	  .run = operate_secrets_rotate },
	{ .name = "print-config",
	  .help = "print a configuration file with every key and its default",
	  .run = print_config },
	{ .name = "print-manual",
	  .arguments = "[page|config|completion]",
	  .max_arguments = 1,
	  .help = "print the manual page, that of the configuration file, or the bash completion",
	  .run = print_manual },
	{ 0 },
};

static const struct program_spec program = {
	.name = "edge-hub",
	.summary = "the node's daemon of Holdfast: keeps this machine's pods running, cloud or no cloud",
	.version = HOLDFAST_VERSION,
	.verbs = verbs,
};

int main(int argc, char *argv[])
{
	/* Not for people: the hub starts it. */
	if (argc == 3 && strcmp(argv[1], GUARD_VERB) == 0)
		return guard_main(argv[2]);
	return options_main(&program, argc, argv, NULL);
}
