/* startup: what every daemon does with its command line before it runs: configuration file, options over it, the data directory made
 * whole, the log level set. Main thread. */
#ifndef HOLDFAST_BASE_STARTUP_H
#define HOLDFAST_BASE_STARTUP_H

#include "base/config.h"
#include "base/options.h"

/* A command-line option that overrides a key of the configuration file. */
struct startup_override {
	const char *option, *key;
};
struct startup_spec {
	const struct config_table *table;
	const struct startup_override *overrides; /* ends with a NULL option */
	size_t data_dir, log_level; /* offsets of these CONFIG_TEXT members, keys dataDir and log.level */
};
/* Fills *settings from the file named by the option "config" (defaults without it) and the overrides. On failure it is empty and err
 * says what is wrong. */
int startup_settings(const struct startup_spec *spec, const struct options *options, void *settings,
		     struct err *err) must_check;
/* Locks the data directory, made if need be, for this program: one hub for a directory. The lock lasts as long as *out_fd is open. -EBUSY:
 * another one runs there; err says so. */
int startup_lock(const char *program, const char *data_dir, int *out_fd, struct err *err) must_check;
/* The verb print-config: a configuration file with every key and its default. Returns the exit code. */
int startup_print_config(const struct config_table *table);

#endif
