#include "edge-hub/health_side.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define MODULE "hub"

struct health_side {
	struct health_side_options options;
	struct node_key key;
	struct peers *peers;
	struct uplink *uplink;
};

static int send_verdicts(void *ctx, const char *region, const struct span *verdicts, size_t count)
{
	const struct health_side *side = ctx;

	return side->uplink ? uplink_verdicts(side->uplink, region, verdicts, count) : -ENOTCONN;
}

static void on_view(void *ctx, const char *member, enum detector_view view)
{
	const struct health_side *side = ctx;

	(void)view;
	side->options.on_view(side->options.ctx, member);
}

/* --- life --- */

static int open_peers(struct health_side *side, const struct health_side_options *o, struct err *err)
{
	struct peers_options options = { .loop = o->loop,
					 .cache = o->cache,
					 .key = &side->key,
					 .node = o->identity->node,
					 .region = o->identity->region ? o->identity->region : "",
					 .listen = o->settings->health_listen,
					 .start = o->start,
					 .score = o->score,
					 .send_verdicts = send_verdicts,
					 .on_view = on_view,
					 .ctx = side };
	int code = node_key_open(o->vault, o->settings->data_dir, &side->key, err);

	if (code) { /* pods run without it */
		log_error(MODULE, "no-peer-health", "error=\"%s\"", err_text(err));
		*err = (struct err){ 0 };
		return 0;
	}
	return peers_new(&options, &side->peers, err);
}

int health_side_new(const struct health_side_options *options, struct health_side **out, struct err *err)
{
	struct health_side *side = calloc(1, sizeof(*side));
	int code;

	if (!side)
		return err_set(err, -ENOMEM, "out of memory");
	side->options = *options;
	code = options->settings->health_enabled ? open_peers(side, options, err) : 0;
	if (code)
		health_side_free(side);
	else
		*out = side;
	return code;
}

void health_side_free(struct health_side *side)
{
	if (!side)
		return;
	peers_free(side->peers);
	node_key_done(&side->key);
	free(side);
}

struct span health_side_identity(const struct health_side *side)
{
	return span_make(side->key.spki, side->key.spki_len);
}

unsigned health_side_port(const struct health_side *side)
{
	return side->peers ? peers_port(side->peers) : 0;
}

void health_side_uplink(struct health_side *side, struct uplink *uplink)
{
	side->uplink = uplink;
}

void health_side_tunnel(struct health_side *side, bool is_up)
{
	if (side->peers)
		peers_tunnel(side->peers, is_up);
}

void health_side_want(struct health_side *side, const char *const *names, size_t count)
{
	if (side->peers)
		peers_want(side->peers, names, count);
}

void health_side_changed(struct health_side *side, const char *resource)
{
	if (side->peers)
		peers_resource_changed(side->peers, resource);
}

void health_side_trouble(struct health_side *side, unsigned trouble)
{
	if (side->peers)
		peers_trouble(side->peers, trouble);
}

struct peers *health_side_peers(const struct health_side *side)
{
	return side->peers;
}
