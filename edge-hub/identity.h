/* identity: who this node is: name, certificate, key, the authority it trusts, the clouds it dials. Files in
 * DATA/identity, sealed by the vault, written whole or not at all, so that a power cut while joining leaves either no identity
 * or a good one. One that an earlier release left in plain is sealed when it is loaded.
 * Main thread. */
#ifndef HOLDFAST_EDGE_HUB_IDENTITY_H
#define HOLDFAST_EDGE_HUB_IDENTITY_H

#include "auth/vault.h"

#define IDENTITY_CLOUDS_MAX 16u
#define IDENTITY_FILE_MAX (256u * 1024)

struct identity {
	char *node, *region, *runtime;		    /* runtime: as given to join, may be "" */
	char *clouds[IDENTITY_CLOUDS_MAX + 1];	    /* "HOST:PORT", NULL-ended */
	char *proxy, *proxy_credentials, *no_proxy; /* as given to join; NULL or "": none */
	struct buf chain, key, authority;	    /* PEM */
};

/* -ENOENT: this machine has not joined, err says so. */
int identity_exists(const char *data_dir, struct err *err) must_check;
/* -ENOENT: this machine has not joined. -EBADMSG: files are missing or damaged; err says which. */
int identity_load(const char *data_dir, struct vault *vault, struct identity *out,
		  struct err *err) must_check;
/* Replaces what is there. The directories are made, mode 0700. */
int identity_save(const char *data_dir, struct vault *vault, const struct identity *identity,
		  struct err *err) must_check;
/* Only the list of clouds, which the cloud itself changes. `clouds` NULL-ended. */
int identity_save_clouds(const char *data_dir, struct vault *vault, struct identity *identity,
			 const char *const *clouds, struct err *err) must_check;
void identity_init(struct identity *identity);
void identity_done(struct identity *identity);
/* Of the authorities it trusts, as PEM: how the cloud knows which these are. */
void identity_authority_sha256(const struct identity *identity, uint8_t out[32]);
int identity_set_text(char **field, const char *value) must_check; /* heap copy; -ENOMEM */
int identity_set_clouds(struct identity *identity, const char *const *clouds, size_t count) must_check;

#endif
