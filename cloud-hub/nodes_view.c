/* nodes_view: a node as JSON. */
#include "auth/enrol.h"
#include "auth/fork.h"
#include "base/clock.h"
#include "base/text.h"
#include "cloud-hub/nodes.h"

#include <errno.h>

static void add_text(struct buf *out, const char *name, const char *value)
{
	buf_addf(out, ",\"%s\":", name);
	buf_add_json_str(out, span_of(value));
}

static void add_time(struct buf *out, const char *name, int64_t wall_ms)
{
	char text[CLOCK_TEXT_SIZE] = "";

	if (wall_ms)
		clock_format(wall_ms, text);
	add_text(out, name, text);
}

static void add_key(struct buf *out, const uint8_t sha256[32])
{
	buf_add_str(out, ",\"keySha256\":\"");
	text_hex(out, span_make(sha256, 32));
	buf_add_char(out, '"');
}

static const char *state_of(const struct gateway *gateway, const struct enrolment *node,
			    const struct fork *fork)
{
	if (node->revoked)
		return "revoked";
	if (fork->quarantined)
		return "quarantined";
	if (gateway_is_up(gateway, node->node_name))
		return "up";
	return fork->number ? "down" : "never";
}

static void add_host(struct buf *out, const struct fork_host *host, bool holder)
{
	buf_addf(out, "{\"holder\":%s", holder ? "true" : "false");
	add_text(out, "machineId", host->machine_id);
	add_text(out, "bootId", host->boot_id);
	add_text(out, "address", host->address);
	add_time(out, "seen", host->seen_wall_ms);
	buf_add_char(out, '}');
}

/* While quarantined: who is to be decided about. */
static void add_hosts(struct buf *out, const struct fork *fork)
{
	buf_add_str(out, ",\"hosts\":[");
	add_host(out, &fork->holder, true);
	for (size_t i = 0; i < fork->host_count; i++) {
		buf_add_char(out, ',');
		add_host(out, &fork->hosts[i], false);
	}
	buf_add_char(out, ']');
}

static void add_registered(struct gateway *gateway, const struct enrolment *node, struct buf *out)
{
	struct gateway_peer peer = { "", "" };
	int64_t heard = gateway_heard(gateway, node->node_name);
	struct fork fork;
	int code = gateway_fork(gateway, node->node_name, &fork);
	bool up = gateway_peer(gateway, node->node_name, &peer);

	(void)code; /* without a record it had no session yet */
	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(node->node_name));
	add_text(out, "region", node->region);
	add_text(out, "state", state_of(gateway, node, &fork));
	add_time(out, "lastHeard", heard ? heard : fork.holder.seen_wall_ms);
	add_text(out, "address", up ? peer.address : fork.holder.address);
	add_text(out, "software", peer.software);
	add_text(out, "machineId", fork.number ? fork.holder.machine_id : node->machine_id);
	add_text(out, "bootId", fork.holder.boot_id);
	add_time(out, "certificateExpires", node->not_after_wall_ms);
	add_time(out, "joined", node->joined_wall_ms);
	add_text(out, "tokenId", node->token_id);
	add_key(out, node->key_sha256);
	buf_addf(out, ",\"generation\":%u,\"sessions\":%llu", node->generation,
		 (unsigned long long)fork.number);
	if (fork.quarantined)
		add_hosts(out, &fork);
	buf_add_char(out, '}');
}

static void add_stranger(const struct gateway_stranger *stranger, struct buf *out)
{
	buf_add_str(out, "{\"name\":");
	buf_add_json_str(out, span_of(stranger->node));
	add_text(out, "region", stranger->region);
	add_text(out, "state", stranger->unconfirmed ? "unconfirmed" : "unregistered");
	add_time(out, "lastHeard", stranger->seen_wall_ms);
	add_text(out, "address", stranger->address);
	add_text(out, "software", stranger->software);
	add_text(out, "machineId", stranger->machine_id);
	add_time(out, "certificateExpires", stranger->not_after_wall_ms);
	add_key(out, stranger->key_sha256);
	buf_add_char(out, '}');
}

int nodes_view_one(struct gateway *gateway, const char *name, struct buf *out)
{
	const struct gateway_stranger *stranger = gateway_stranger(gateway, name);
	struct enrolment node;
	int code = gateway_enrolment(gateway, name, &node);

	if (!code)
		add_registered(gateway, &node, out);
	else if (code == -ENOENT && stranger)
		add_stranger(stranger, out);
	else
		return code;
	buf_add_char(out, '\n');
	return buf_error(out);
}

struct listing {
	struct gateway *gateway;
	const char *after;
	struct buf *out;
	size_t count;
	char last[GATEWAY_NODE_SIZE];
	bool more;
};

static void separate(struct listing *listing)
{
	if (listing->count++)
		buf_add_char(listing->out, ',');
}

static int list_one(void *ctx, const char *mark, struct span value)
{
	struct listing *listing = ctx;
	struct enrolment node;

	/* A damaged record lets nobody in; the others are still to be seen. */
	if (strcmp(mark + sizeof(ENROL_MARK_PREFIX) - 1, listing->after) <= 0 ||
	    enrolment_parse(value, &node, NULL))
		return 0;
	if (listing->count == NODES_PAGE) {
		listing->more = true;
		return 1;
	}
	separate(listing);
	add_registered(listing->gateway, &node, listing->out);
	span_copy_or_nothing(span_of(node.node_name), listing->last, sizeof(listing->last));
	return buf_error(listing->out) != 0;
}

int nodes_view_all(struct gateway *gateway, struct cache *cache, const char *after, struct buf *out)
{
	struct listing listing = { .gateway = gateway, .after = after, .out = out };
	const struct gateway_stranger *stranger;
	size_t cursor = 0;
	int code;

	buf_add_str(out, "{\"items\":[");
	code = cache_mark_list(cache, ENROL_MARK_PREFIX, list_one, &listing);
	while (!code && !listing.more && gateway_next_stranger(gateway, &cursor, &stranger)) {
		separate(&listing);
		add_stranger(stranger, out);
	}
	buf_add_str(out, "],\"more\":");
	buf_add_json_str(out, span_of(listing.more ? listing.last : ""));
	buf_add_str(out, "}\n");
	return code ? code : buf_error(out);
}
