/* settings: what an operator may set of an edge-hub: configuration file first, command line over it. */
#ifndef HOLDFAST_EDGE_HUB_SETTINGS_H
#define HOLDFAST_EDGE_HUB_SETTINGS_H

#include "base/config.h"

#include <limits.h>

struct settings {
	char *data_dir;
	char *runtime;
	char *log_level;
	char *secrets_key_file, *secrets_wrap, *secrets_tpm;
	char *log_dir;
	char *cluster_dns, *cluster_domain;
	uint64_t ping_interval_ms;
	uint64_t backoff_cap_ms;
	char *proxy, *proxy_credentials, *no_proxy; /* see egress.h */
	uint64_t clock_patience_ms;
	uint64_t node_check_ms;
	uint64_t outbox_max;
	uint64_t ballast_bytes;
	uint64_t log_max_bytes;
	int64_t log_files;
	bool health_enabled;
	char *health_listen;
	struct config_objects health_checks; /* struct check_spec */
};
extern const struct config_table settings_table;

/* The path of a file in the data directory. -ENAMETOOLONG. */
int settings_path(const struct settings *settings, const char *name, char out[PATH_MAX],
		  struct err *err) must_check;

#define SETTINGS_DATA_DIR "/var/lib/holdfast/edge"
#define SETTINGS_HEALTH_LISTEN "0.0.0.0:51005"
#define SETTINGS_RUNTIME "unix:///run/containerd/containerd.sock"

#endif
