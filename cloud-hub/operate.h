/* operate: the verbs of the cloud-hub's command line that talk to a running hub, through its unix socket. Main thread. */
#ifndef HOLDFAST_CLOUD_HUB_OPERATE_H
#define HOLDFAST_CLOUD_HUB_OPERATE_H

#include "base/options.h"

#define OPERATE_SOCKET "hub.sock" /* in the data directory, mode 0600 */

int operate_token_create(const struct options *options, void *ctx);
int operate_token_list(const struct options *options, void *ctx);
int operate_token_revoke(const struct options *options, void *ctx);
int operate_orphan_list(const struct options *options, void *ctx);
int operate_orphan_adopt(const struct options *options, void *ctx);
int operate_orphan_release(const struct options *options, void *ctx);
int operate_token_key_list(const struct options *options, void *ctx);
int operate_token_key_rotate(const struct options *options, void *ctx);
int operate_authority_status(const struct options *options, void *ctx);
int operate_authority_rotate(const struct options *options, void *ctx);
int operate_authority_finish(const struct options *options, void *ctx);
int operate_node_list(const struct options *options, void *ctx);
int operate_node_show(const struct options *options, void *ctx);
int operate_node_revoke(const struct options *options, void *ctx);
int operate_node_replace(const struct options *options, void *ctx);
int operate_node_confirm(const struct options *options, void *ctx);
int operate_node_release(const struct options *options, void *ctx);
int operate_node_remove(const struct options *options, void *ctx);
int operate_user_create(const struct options *options, void *ctx);
int operate_user_list(const struct options *options, void *ctx);
int operate_user_revoke(const struct options *options, void *ctx);
int operate_region_rotate(const struct options *options, void *ctx);
int operate_secrets_status(const struct options *options, void *ctx);
int operate_secrets_rotate(const struct options *options, void *ctx);

#endif
