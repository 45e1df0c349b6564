#include "edge-hub/settings.h"

#include "edge-hub/health/check_spec.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define FIELD(path_, type_, member_, min_, max_, fallback_, help_)                                       \
	{                                                                                                \
		.path = path_, .type = type_, .offset = offsetof(struct settings, member_), .min = min_, \
		.max = max_, .fallback = fallback_, .help = help_                                        \
	}

static const struct config_field fields[] = {
	FIELD("dataDir", CONFIG_TEXT, data_dir, 0, 0, SETTINGS_DATA_DIR,
	      "identity, replica, outbox and pod volumes"),
	FIELD("runtime.endpoint", CONFIG_TEXT, runtime, 0, 0, NULL,
	      "CRI v1 socket; default: what was given to join"),
	FIELD("secrets.keyFile", CONFIG_TEXT, secrets_key_file, 0, 0, NULL,
	      "root-only file of the key that wraps the data keys; default: DATA/vault/key"),
	FIELD("secrets.wrap", CONFIG_TEXT, secrets_wrap, 0, 0, "auto",
	      "file, tpm2, or auto: as it was made, new ones by the TPM where there is one"),
	FIELD("secrets.tpm", CONFIG_TEXT, secrets_tpm, 0, 0, NULL,
	      "how to reach the TPM (TCTI); default: /dev/tpmrm0 where present"),
	FIELD("log.level", CONFIG_TEXT, log_level, 0, 0, "info", "error, warn, info or debug"),
	FIELD("link.pingInterval", CONFIG_DURATION, ping_interval_ms, 1000, 600000, "10s",
	      "a link silent for two of these is dead"),
	FIELD("link.backoffMax", CONFIG_DURATION, backoff_cap_ms, 1000, 3600000, "30s",
	      "longest pause between attempts to connect"),
	FIELD("link.proxy", CONFIG_TEXT, proxy, 0, 0, NULL,
	      "HTTP proxy to the cloud, http://[USER:PASSWORD@]HOST:PORT, or none; default: as given to "
	      "join"),
	FIELD("link.proxyCredentials", CONFIG_TEXT, proxy_credentials, 0, 0, NULL,
	      "file with USER:PASSWORD for it, readable by its owner alone"),
	FIELD("link.noProxy", CONFIG_TEXT, no_proxy, 0, 0, NULL,
	      "hosts, .domains, addresses and blocks reached without it, comma-separated"),
	FIELD("clock.patience", CONFIG_DURATION, clock_patience_ms, 1000, 30 * 86400000LL, "1h",
	      "how long the cloud's certificate may look expired before this node doubts the time it knows"),
	FIELD("node.checkInterval", CONFIG_DURATION, node_check_ms, 1000, 3600000, "10s",
	      "how often memory, disk and pids are looked at"),
	FIELD("health.enabled", CONFIG_BOOL, health_enabled, 0, 0, "true",
	      "watch the neighbours of this node's region, and be watched by them"),
	FIELD("health.listen", CONFIG_TEXT, health_listen, 0, 0, SETTINGS_HEALTH_LISTEN,
	      "where neighbours reach this node, UDP and TCP; [::]:51005 for both families"),
	{ .path = "health.checks",
	  .type = CONFIG_OBJECTS,
	  .offset = offsetof(struct settings, health_checks),
	  .help = "what else this node asks to know how well it is: connections, HTTP requests, programs",
	  .items = &check_spec_items },
	FIELD("outbox.max", CONFIG_SIZE, outbox_max, 65536, 1LL << 32, "16Mi",
	      "reports kept for the cloud; the oldest Events go first"),
	FIELD("store.ballast", CONFIG_SIZE, ballast_bytes, 0, 1 << 30, "1Mi",
	      "disk space kept back, freed when the disk is full"),
	FIELD("pods.logDir", CONFIG_TEXT, log_dir, 0, 0, "/var/log/pods", "where container logs are written"),
	FIELD("pods.logMax", CONFIG_SIZE, log_max_bytes, 4096, 1LL << 32, "10Mi",
	      "size at which a container's log is rotated"),
	FIELD("pods.logFiles", CONFIG_INT, log_files, 1, 100, "3",
	      "how many of them are kept for each container"),
	FIELD("pods.clusterDNS", CONFIG_TEXT, cluster_dns, 0, 0, NULL,
	      "DNS servers for pods, comma-separated; default: the host's"),
	FIELD("pods.clusterDomain", CONFIG_TEXT, cluster_domain, 0, 0, "cluster.local",
	      "domain of the cluster's services"),
};
const struct config_table settings_table = { fields, sizeof(fields) / sizeof(fields[0]) };

int settings_path(const struct settings *settings, const char *name, char out[PATH_MAX], struct err *err)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", settings->data_dir, name);

	if (len < 0 || len >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	return 0;
}
