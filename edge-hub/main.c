/* edge-hub: the node's daemon and its verbs. */
#include "base/files.h"
#include "base/log.h"
#include "base/options.h"
#include "edge-hub/hub.h"
#include "edge-hub/join.h"
#include "edge-hub/operate.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static const struct {
	const char *option, *key;
} overrides[] = {
	{ "data-dir", "dataDir" },
	{ "log-level", "log.level" },
	{ "runtime", "runtime.endpoint" },
};

static int settings_of(const struct options *options, struct settings *settings, struct err *err)
{
	const char *file = options_get(options, "config");
	int code = file ? config_load(&settings_table, file, settings, err)
			: config_defaults(&settings_table, settings, err);
	char data_dir[PATH_MAX];
	enum log_level level;

	for (size_t i = 0; !code && i < sizeof(overrides) / sizeof(overrides[0]); i++)
		if (options_given(options, overrides[i].option))
			code = config_set(&settings_table, settings, overrides[i].key,
					  options_get(options, overrides[i].option), err);
	if (code)
		return code;
	/* Sockets and mounts want it whole. */
	code = file_absolute(settings->data_dir, data_dir, sizeof(data_dir));
	code = code ? err_set(err, code, "the data directory's name is too long")
		    : config_set(&settings_table, settings, "dataDir", data_dir, err);
	if (code) {
		config_done(&settings_table, settings);
		return code;
	}
	if (log_level_parse(settings->log_level, &level)) {
		code = err_set(err, -EINVAL, "log level \"%s\" is none of error, warn, info, debug",
			       settings->log_level);
		config_done(&settings_table, settings);
		return code;
	}
	log_set_level(level);
	return 0;
}

static int run(const struct options *options, void *ctx)
{
	struct settings settings;
	struct err err = { 0 };
	int code;

	(void)ctx;
	if (settings_of(options, &settings, &err)) {
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_USAGE;
	}
	code = hub_run(&settings, &err);
	if (code)
		fprintf(stderr, "edge-hub: %s\n", err_text(&err));
	config_done(&settings_table, &settings);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
}

static int print_config(const struct options *options, void *ctx)
{
	struct buf out;
	int exit_code = OPTIONS_EXIT_FAILED;

	(void)options;
	(void)ctx;
	buf_init(&out, CONFIG_MAX_BYTES);
	if (config_sample(&settings_table, &out) == 0 && fwrite(out.data, 1, out.len, stdout) == out.len)
		exit_code = OPTIONS_EXIT_OK;
	buf_done(&out);
	return exit_code;
}

static const struct option_spec join_options[] = {
	{ "cloud", 0, "HOST:PORT[,HOST:PORT...]", NULL, OPTION_REQUIRED,
	  "where the cloud-hub's tunnel port is; 7443 without port" },
	{ "token", 0, "TOKEN", NULL, OPTION_REQUIRED, "what `cloud-hub token create` printed" },
	{ "node-name", 0, "NAME", NULL, 0, "name of the Node; default: this machine's host name" },
	{ "region", 0, "REGION", NULL, 0,
	  "region to be in, if the token allows it; default: the token's first" },
	{ "labels", 0, "K=V[,K=V...]", NULL, 0, "labels of the Node, if it is new" },
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "where identity, replica and volumes live" },
	{ "runtime", 0, "ENDPOINT", SETTINGS_RUNTIME, 0, "CRI v1 socket of the container runtime" },
	{ 0 },
};
static const struct option_spec run_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "the directory given to join" },
	{ "config", 0, "FILE", NULL, 0, "YAML configuration; the options here override it" },
	{ "runtime", 0, "ENDPOINT", NULL, 0, "CRI v1 socket; default: the one given to join" },
	{ "log-level", 0, "LEVEL", "info", 0, "error, warn, info or debug" },
	{ 0 },
};
static const struct option_spec status_options[] = {
	{ "data-dir", 0, "DIR", SETTINGS_DATA_DIR, 0, "data directory of the running hub" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "join", .options = join_options, .help = "make this machine a node", .run = join_run },
	{ .name = "run",
	  .options = run_options,
	  .help = "run this node's pods and keep them running",
	  .run = run },
	{ .name = "status",
	  .options = status_options,
	  .help = "show how this node is doing, with no cloud needed",
	  .run = operate_status },
	{ .name = "print-config",
	  .help = "print a configuration file with every key and its default",
	  .run = print_config },
	{ 0 },
};

int main(int argc, char *argv[])
{
	static const struct program_spec program = {
		.name = "edge-hub",
		.summary =
			"the node's daemon of Holdfast: keeps this machine's pods running, cloud or no cloud",
		.version = HOLDFAST_VERSION,
		.verbs = verbs,
	};

	return options_main(&program, argc, argv, NULL);
}
