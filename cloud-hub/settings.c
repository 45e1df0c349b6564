#include "cloud-hub/settings.h"

#include "cloud-hub/audit/log_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define FIELD(path_, type_, member_, min_, max_, fallback_, help_)                                       \
	{                                                                                                \
		.path = path_, .type = type_, .offset = offsetof(struct settings, member_), .min = min_, \
		.max = max_, .fallback = fallback_, .help = help_                                        \
	}

#define LIFETIME_MAX_MS (10LL * 365 * 24 * 60 * 60 * 1000)

static const struct config_field fields[] = {
	FIELD("dataDir", CONFIG_TEXT, data_dir, 0, 0, "/var/lib/holdfast/cloud",
	      "store, authority and admin.kubeconfig"),
	FIELD("api.listen", CONFIG_TEXT, api_listen, 0, 0, "0.0.0.0:6443",
	      "where the Kubernetes API is served"),
	FIELD("tunnel.listen", CONFIG_TEXT, tunnel_listen, 0, 0, "0.0.0.0:7443", "where edge-hubs dial in"),
	FIELD("tunnel.pingInterval", CONFIG_DURATION, ping_interval_ms, 1000, 600000, "10s",
	      "a link silent for two of these is dead"),
	FIELD("tunnel.sessionsMax", CONFIG_INT, sessions_max, 1, 200000, "10000",
	      "edge-hubs connected at once"),
	FIELD("tunnel.fullHandshakesPerSecond", CONFIG_INT, full_handshakes_per_second, 0, 10000, "80",
	      "edges without a session to resume taken on each second, the others told when to come back; 0: "
	      "all"),
	FIELD("tunnel.joinsPerSecond", CONFIG_INT, joins_per_second, 0, 10000, "50",
	      "attempts to join taken on each second, a tenth of them from one address; 0: all"),
	FIELD("tunnel.ticketLifetime", CONFIG_DURATION, ticket_lifetime_ms, 10000, 604800000, "24h",
	      "how long after its loss a connection can be resumed without a full handshake; keys change as "
	      "often"),
	FIELD("tunnel.advertise", CONFIG_LIST, tunnel_advertise, 0, 0, NULL,
	      "HOST:PORT under which edges reach the tunnel; default: advertise, with the port listened on"),
	FIELD("advertise", CONFIG_LIST, advertise, 0, 0, NULL, "hosts and addresses that reach this hub"),
	FIELD("secrets.keyFile", CONFIG_TEXT, secrets_key_file, 0, 0, NULL,
	      "root-only file of the key that wraps the data keys; default: DATA/vault/key"),
	FIELD("secrets.wrap", CONFIG_TEXT, secrets_wrap, 0, 0, "auto",
	      "file, tpm2, or auto: as it was made, new ones by the TPM where there is one"),
	FIELD("secrets.tpm", CONFIG_TEXT, secrets_tpm, 0, 0, NULL,
	      "how to reach the TPM (TCTI); default: /dev/tpmrm0 where present"),
	FIELD("log.level", CONFIG_TEXT, log_level, 0, 0, "info", "error, warn, info or debug"),
	FIELD("audit.level", CONFIG_TEXT, audit_level, 0, 0, "writes",
	      "none, writes (with refusals and reads of Secrets), or all"),
	FIELD("audit.maxSize", CONFIG_SIZE, audit_size_bytes, 1 << 16, 1LL << 34, "10Mi",
	      "an audit log that has grown to this is rotated"),
	FIELD("audit.maxFiles", CONFIG_INT, audit_files, 1, LOG_FILE_FILES_MAX, "5",
	      "audit logs kept, the current one with them"),
	FIELD("store.memory", CONFIG_SIZE, store_memory_bytes, 1 << 18, 1 << 30, "4Mi",
	      "page cache of each store connection"),
	FIELD("store.ballast", CONFIG_SIZE, ballast_bytes, 0, 1 << 30, "4Mi",
	      "disk space kept back, freed when the disk is full"),
	FIELD("store.windowAge", CONFIG_DURATION, watch_window_ms, 10000, 86400000, "10m",
	      "how long watches and lists can go back"),
	FIELD("store.windowSize", CONFIG_SIZE, watch_window_bytes, 1 << 20, 1LL << 34, "64Mi",
	      "and over how many bytes of changes"),
	FIELD("nodes.linkGrace", CONFIG_DURATION, link_grace_ms, 1000, 86400000, "40s",
	      "a link down for longer makes a node Ready=Unknown and CutOff"),
	FIELD("nodes.startGrace", CONFIG_DURATION, start_grace_ms, 0, 86400000, "60s",
	      "after a start no node is judged before its link had this long to return"),
	FIELD("backup.dir", CONFIG_TEXT, backup_dir, 0, 0, NULL,
	      "where backups are made on schedule; none without it"),
	FIELD("backup.every", CONFIG_DURATION, backup_every_ms, 60000, 31536000000, "24h",
	      "how long after one the next is made"),
	FIELD("backup.keep", CONFIG_INT, backup_keep, 1, 10000, "7", "how many of them stay"),
	FIELD("backup.passphraseFile", CONFIG_TEXT, backup_passphrase_file, 0, 0, NULL,
	      "root-only file; its first line seals the keys in them"),
	FIELD("services.clusterIPRange", CONFIG_TEXT, service_range, 0, 0, "10.96.0.0/12",
	      "addresses given to Services"),
	FIELD("events.ttl", CONFIG_DURATION, event_ttl_ms, 60000, 604800000, "1h",
	      "how long Events are kept"),
	FIELD("authority.hubLifetime", CONFIG_DURATION, hub_lifetime_ms, 20000, LIFETIME_MAX_MS, "8760h",
	      "of this hub's certificate; renewed at half of it, like the next two"),
	FIELD("authority.nodeLifetime", CONFIG_DURATION, node_lifetime_ms, 20000, LIFETIME_MAX_MS, "8760h",
	      "of nodes' certificates: how long a node may be away and still open a session"),
	FIELD("authority.clientLifetime", CONFIG_DURATION, client_lifetime_ms, 20000, LIFETIME_MAX_MS,
	      "8760h", "of the administrator's certificate"),
};
const struct config_table settings_table = { fields, sizeof(fields) / sizeof(fields[0]) };

int settings_path(const struct settings *settings, const char *name, char out[PATH_MAX], struct err *err)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", settings->data_dir, name);

	if (len < 0 || len >= PATH_MAX)
		return err_set(err, -ENAMETOOLONG, "the data directory's name is too long");
	return 0;
}
