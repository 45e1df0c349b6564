#include "cloud-hub/gateway/notice.h"

#include "api/write.h"
#include "base/clock.h"
#include "base/log.h"
#include "cloud-hub/gateway/announce.h"
#include "cloud-hub/gateway/gateway_impl.h"
#include "control/nodelife.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define MODULE "gateway"
#define MESSAGE_MAX 512

struct condition {
	const char *status, *reason, *message;
};

static int set_condition(void *ctx, struct json *node, const struct object *stored)
{
	const struct condition *condition = ctx;
	int changed = nodelife_set_condition(node, NOTICE_CONDITION, condition->status, condition->reason,
					     condition->message, clock_wall_ms());

	(void)stored;
	return changed < 0 ? changed : !changed;
}

/* A race is lost only to another writer of the Node; api_mutate tries again from the dispatch, when the words must still be there. */
struct notice {
	struct condition condition;
	char message[MESSAGE_MAX];
};

static void on_condition(void *ctx, const struct api_written *written)
{
	if (written->code)
		log_warn(MODULE, "condition-not-set", "error=\"%s\"", written->status->message);
	free(ctx);
}

static void mark_node(struct gateway *gateway, const char *node, const struct condition *condition)
{
	struct notice *notice = calloc(1, sizeof(*notice));
	const struct key key = { "nodes", "", node };
	struct status status;
	int code = -ENOMEM;

	status_init(&status);
	if (notice) {
		snprintf(notice->message, sizeof(notice->message), "%s", condition->message);
		notice->condition =
			(struct condition){ condition->status, condition->reason, notice->message };
		code = api_mutate(gateway->api, &key, API_PART_STATUS, set_condition, NULL, &status,
				  on_condition, &notice->condition);
	}
	if (code)
		free(notice);
	if (code && code != 1 && code != -ENOENT)
		log_warn(MODULE, "condition-not-set", "node=%s error=%d", node, code);
	status_done(&status);
}

/* As a kubelet's are: in the namespace "default". */
static void report(struct gateway *gateway, const char *node, const char *type, const char *reason,
		   const char *message)
{
	announce(gateway->api, &(struct announcement){ .kind = "Node",
						       .name = node,
						       .ns = "default",
						       .type = type,
						       .reason = reason,
						       .message = message });
}

/* --- what there is to say --- */

void notice_quarantined(struct gateway *gateway, const char *node, const struct fork *fork)
{
	char message[MESSAGE_MAX];
	const struct fork_host *other = fork->host_count ? &fork->hosts[fork->host_count - 1] : &fork->holder;
	struct condition condition = { "True", "TwoHosts", message };

	snprintf(message, sizeof(message),
		 "Two hosts run with this node's disk: machine %s at %s and machine %s at %s. Both go on "
		 "running "
		 "and are kept out; see cloud-hub node show %s.",
		 fork->holder.machine_id, fork->holder.address, other->machine_id, other->address, node);
	mark_node(gateway, node, &condition);
	report(gateway, node, "Warning", "ClonedDisk", message);
}

void notice_released(struct gateway *gateway, const char *node)
{
	struct condition condition = { "False", "Decided", "The operator decided which host is this node." };

	mark_node(gateway, node, &condition);
	report(gateway, node, "Normal", "CloneDecided", condition.message);
}
