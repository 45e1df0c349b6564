/* settings: what an operator may set of a cloud-hub: configuration file first, command line over it. */
#ifndef HOLDFAST_CLOUD_HUB_SETTINGS_H
#define HOLDFAST_CLOUD_HUB_SETTINGS_H

#include "base/config.h"

#include <limits.h>

struct settings {
	char *data_dir;
	char *api_listen;
	char *tunnel_listen;
	struct config_list advertise; /* hosts and addresses under which edges and kubectl reach this hub */
	char *log_level;
	char *audit_level;
	uint64_t audit_size_bytes;
	int64_t audit_files;
	char *secrets_key_file, *secrets_wrap, *secrets_tpm;
	uint64_t store_memory_bytes;		      /* page cache of the store */
	uint64_t watch_window_ms, watch_window_bytes; /* how far back watches and list continuations reach */
	uint64_t link_grace_ms, start_grace_ms;
	uint64_t event_ttl_ms;
	char *service_range;		     /* "10.96.0.0/12" */
	struct config_list tunnel_advertise; /* "HOST:PORT", for edges alone */
	int64_t sessions_max, full_handshakes_per_second, joins_per_second;
	uint64_t hub_lifetime_ms, node_lifetime_ms, client_lifetime_ms; /* of certificates */
	uint64_t ticket_lifetime_ms;
	uint64_t ping_interval_ms;
	uint64_t ballast_bytes;
	char *backup_dir, *backup_passphrase_file;
	uint64_t backup_every_ms;
	int64_t backup_keep;
	const char *config_file; /* that these came from, NULL for none; not a setting; borrowed */
};
extern const struct config_table settings_table;

/* The path of a file in the data directory. -ENAMETOOLONG. */
int settings_path(const struct settings *settings, const char *name, char out[PATH_MAX],
		  struct err *err) must_check;

#endif
