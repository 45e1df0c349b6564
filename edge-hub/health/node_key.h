/* node_key: the key that this node signs its words about its neighbours with, and that keys of its region are sealed to. It lives as long
 * as the data directory, apart from the key of the certificate, which rotates. Loop thread. */
#ifndef HOLDFAST_EDGE_HUB_HEALTH_NODE_KEY_H
#define HOLDFAST_EDGE_HUB_HEALTH_NODE_KEY_H

#include "auth/vault.h"
#include "auth/x509.h"

#define NODE_KEY_FILE "identity/health.key" /* in the data directory, sealed by the vault */
#define NODE_KEY_SPKI_MAX 128u

struct node_key {
	struct x509_key *key;
	uint8_t spki[NODE_KEY_SPKI_MAX]; /* the public half, SubjectPublicKeyInfo */
	size_t spki_len;
};
/* Reads it, or makes it when there is none. A damaged one is an error and is not replaced by itself: the cloud has pinned it. */
int node_key_open(struct vault *vault, const char *data_dir, struct node_key *out,
		  struct err *err) must_check;
void node_key_done(struct node_key *key);

#endif
