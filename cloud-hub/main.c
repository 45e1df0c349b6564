/* cloud-hub: the central daemon and its operator's verbs. */
#include "base/manual.h"
#include "base/startup.h"
#include "cloud-hub/hub.h"
#include "cloud-hub/operate.h"
#include "cloud-hub/operate_backup.h"

#include <stddef.h>
#include <stdio.h>

#define DATA_DIR "/var/lib/holdfast/cloud"

/* Command-line options that override a key of the configuration file. */
static const struct startup_override overrides[] = {
	{ "data-dir", "dataDir" },    { "api", "api.listen" },	    { "tunnel", "tunnel.listen" },
	{ "advertise", "advertise" }, { "log-level", "log.level" }, { 0 },
};
static const struct startup_spec startup = {
	.table = &settings_table,
	.overrides = overrides,
	.data_dir = offsetof(struct settings, data_dir),
	.log_level = offsetof(struct settings, log_level),
};

static const struct startup_override verb_overrides[] = { { "data-dir", "dataDir" }, { 0 } };
static const struct startup_spec verb_startup = {
	.table = &settings_table,
	.overrides = verb_overrides,
	.data_dir = offsetof(struct settings, data_dir),
	.log_level = offsetof(struct settings, log_level),
};

static int load_settings(void *options, struct settings *out, struct err *err)
{
	return startup_settings(&startup, options, out, err);
}

static int run(const struct options *options, void *ctx)
{
	struct hub_reload reload = { load_settings, (struct options *)options };
	struct settings settings;
	struct err err = { 0 };
	int code;

	(void)ctx;
	if (startup_settings(&startup, options, &settings, &err)) {
		fprintf(stderr, "cloud-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_USAGE;
	}
	settings.config_file = options_get(options, "config");
	code = hub_run(&settings, &reload, &err);
	if (code)
		fprintf(stderr, "cloud-hub: %s\n", err_text(&err));
	config_done(&settings_table, &settings);
	return code ? OPTIONS_EXIT_FAILED : OPTIONS_EXIT_OK;
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
	static const struct manual_of manual = { &program, &settings_table, "cloud.yaml",
						 "/etc/holdfast/cloud.yaml" };

	(void)ctx;
	return manual_print(&manual, options);
}

/* For verbs that read a data directory themselves: where it is and how its vault opens. */
static int with_settings(const struct options *options,
			 int (*verb)(const struct options *options, const struct settings *settings))
{
	struct settings settings;
	struct err err = { 0 };
	int exit_code;

	if (startup_settings(&verb_startup, options, &settings, &err)) {
		fprintf(stderr, "cloud-hub: %s\n", err_text(&err));
		return OPTIONS_EXIT_USAGE;
	}
	settings.config_file = options_get(options, "config");
	exit_code = verb(options, &settings);
	config_done(&settings_table, &settings);
	return exit_code;
}

static int backup(const struct options *options, void *ctx)
{
	(void)ctx;
	return with_settings(options, operate_backup);
}

static int restore(const struct options *options, void *ctx)
{
	(void)ctx;
	return with_settings(options, operate_restore);
}

static const struct option_spec run_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "where store, authority and admin.kubeconfig live" },
	{ "api", 0, "HOST:PORT", "0.0.0.0:6443", 0, "where to serve the Kubernetes API" },
	{ "tunnel", 0, "HOST:PORT", "0.0.0.0:7443", 0, "where edge-hubs dial in" },
	{ "advertise", 0, "HOST[,HOST...]", NULL, 0, "names and addresses under which this hub is reached" },
	{ "config", 0, "FILE", NULL, 0, "YAML configuration; the options above override it" },
	{ "log-level", 0, "LEVEL", "info", 0, "error, warn, info or debug" },
	{ 0 },
};
static const struct option_spec token_create_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "ttl", 0, "DURATION", "24h", 0, "how long the token can be used" },
	{ "uses", 0, "N", "1", 0, "how many nodes may join with it" },
	{ "region", 0, "REGION", NULL, OPTION_REPEAT,
	  "region of the nodes; several: the node may ask for one of them" },
	{ "node-name", 0, "NAME", NULL, 0, "only a node of this name, which may exist already" },
	{ 0 },
};
static const struct option_spec data_dir_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ 0 },
};
static const struct option_spec user_create_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "group", 'g', "GROUP", NULL, OPTION_REPEAT, "a group the user is in; may come several times" },
	{ "ttl", 0, "DURATION", "365d", 0, "how long the certificate is good" },
	{ "server", 0, "URL", NULL, 0, "where the user reaches the API; else the first address advertised" },
	{ "allow-system-groups", 0, NULL, NULL, 0, "allow groups such as system:masters" },
	{ 0 },
};
static const struct option_spec output_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec node_replace_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "ttl", 0, "DURATION", "24h", 0, "how long the token can be used" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec node_confirm_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "region", 0, "REGION", NULL, 0, "region of the node; default: the one it says it is in" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec node_release_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "machine-id", 0, "ID", NULL, 0, "the host to keep, as `node show` lists it" },
	{ "boot-id", 0, "ID", NULL, 0, "the same, for hosts with one machine id" },
	{ "address", 0, "ADDRESS", NULL, 0, "the same" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec orphan_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "node", 0, "NODE", NULL, 0, "only those of this node" },
	{ "namespace", 'n', "NAMESPACE", NULL, 0, "only those of this namespace" },
	{ "name", 0, "NAME", NULL, 0, "only the one of this name" },
	{ 0 },
};
static const struct option_spec backup_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the hub, running or not" },
	{ "config", 0, "FILE", NULL, 0,
	  "of a hub that does not run: its configuration, which goes into the backup" },
	{ "passphrase-file", 0, "FILE", NULL, 0, "its first line seals the keys in the backup" },
	{ "verify", 0, NULL, NULL, 0, "make none: read FILE and say whether it is whole" },
	{ 0 },
};
static const struct option_spec restore_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "where the cluster is to be" },
	{ "config", 0, "FILE", NULL, 0,
	  "the configuration that the hub will run with: says where its key is kept" },
	{ "passphrase-file", 0, "FILE", NULL, 0, "its first line opens the keys in the backup" },
	{ "force", 0, NULL, NULL, 0, "put a cluster that is there aside" },
	{ 0 },
};
static const struct option_spec authority_status_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "output", 'o', "FORMAT", NULL, 0, "json, or nothing for text" },
	{ 0 },
};
static const struct option_spec authority_finish_options[] = {
	{ "data-dir", 0, "DIR", DATA_DIR, 0, "data directory of the running hub" },
	{ "force", 0, NULL, NULL, 0, "without the nodes that are missing; they renew when they come back" },
	{ "distrust-old", 0, NULL, NULL, 0,
	  "every older authority opens nothing from now on (its key has leaked): nodes that are missing then "
	  "need node replace" },
	{ 0 },
};
static const struct verb_spec verbs[] = {
	{ .name = "run", .options = run_options, .help = "serve the API and the tunnels", .run = run },
	{ .name = "token create",
	  .options = token_create_options,
	  .help = "print a token with which an edge-hub joins",
	  .run = operate_token_create },
	{ .name = "token list",
	  .options = output_options,
	  .help = "list the tokens",
	  .run = operate_token_list },
	{ .name = "token revoke",
	  .options = data_dir_options,
	  .arguments = "ID",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "make a token useless",
	  .run = operate_token_revoke },
	{ .name = "user create",
	  .options = user_create_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "print a kubeconfig with a certificate for a person or a program",
	  .run = operate_user_create },
	{ .name = "user list",
	  .options = data_dir_options,
	  .help = "list the certificates of users",
	  .run = operate_user_list },
	{ .name = "user revoke",
	  .options = data_dir_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "make every certificate of a user useless, at once",
	  .run = operate_user_revoke },
	{ .name = "token-key list",
	  .options = data_dir_options,
	  .help = "list the keys behind the tokens of service accounts",
	  .run = operate_token_key_list },
	{ .name = "token-key rotate",
	  .options = data_dir_options,
	  .help = "sign these tokens with a new key; the last ones go on verifying",
	  .run = operate_token_key_rotate },
	{ .name = "node list",
	  .options = output_options,
	  .help = "list the machines behind the Nodes, and those that came in vain",
	  .run = operate_node_list },
	{ .name = "node show",
	  .options = output_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "show one of them",
	  .run = operate_node_show },
	{ .name = "node revoke",
	  .options = output_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "a lost or stolen machine: its key opens nothing any more",
	  .run = operate_node_revoke },
	{ .name = "node replace",
	  .options = node_replace_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "print a token with which another machine becomes this node",
	  .run = operate_node_replace },
	{ .name = "node release",
	  .options = node_release_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "two machines with one disk: which of them is the node",
	  .run = operate_node_release },
	{ .name = "node confirm",
	  .options = node_confirm_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "register a node that a restored store has forgotten",
	  .run = operate_node_confirm },
	{ .name = "node remove",
	  .options = output_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "forget a node that is gone for good, with its Node and pods",
	  .run = operate_node_remove },
	{ .name = "orphan list",
	  .options = data_dir_options,
	  .help = "list what edges run and this store does not know",
	  .run = operate_orphan_list },
	{ .name = "orphan adopt",
	  .options = orphan_options,
	  .help = "take orphans into the store, as they run",
	  .run = operate_orphan_adopt },
	{ .name = "orphan release",
	  .options = orphan_options,
	  .help = "have the nodes stop orphans",
	  .run = operate_orphan_release },
	{ .name = "backup",
	  .options = backup_options,
	  .arguments = "FILE",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "write everything that makes this cluster into FILE, while it serves",
	  .run = backup },
	{ .name = "authority status",
	  .options = authority_status_options,
	  .help = "show the cluster's authority, when it ends, and which nodes are behind",
	  .run = operate_authority_status },
	{ .name = "authority rotate",
	  .options = data_dir_options,
	  .help = "have a new authority succeed the present one, while the fleet runs",
	  .run = operate_authority_rotate },
	{ .name = "authority finish",
	  .options = authority_finish_options,
	  .help = "take the step of a rotation that is due, where some nodes will not come",
	  .run = operate_authority_finish },
	{ .name = "region rotate",
	  .options = data_dir_options,
	  .arguments = "NAME",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "give the members of a region a new key for what they say to each other",
	  .run = operate_region_rotate },
	{ .name = "secrets status",
	  .options = data_dir_options,
	  .help = "show the keys that this hub's secrets are sealed with",
	  .run = operate_secrets_status },
	{ .name = "secrets rotate",
	  .options = data_dir_options,
	  .help = "seal everything with a new key, while serving, and destroy the old one",
	  .run = operate_secrets_rotate },
	{ .name = "restore",
	  .options = restore_options,
	  .arguments = "FILE",
	  .min_arguments = 1,
	  .max_arguments = 1,
	  .help = "make a data directory from a backup; no hub may run there",
	  .run = restore },
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
	.name = "cloud-hub",
	.summary = "the central daemon of Holdfast: Kubernetes API, controllers, tunnels to the edge",
	.version = HOLDFAST_VERSION,
	.verbs = verbs,
};

int main(int argc, char *argv[])
{
	return options_main(&program, argc, argv, NULL);
}
