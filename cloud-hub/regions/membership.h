/* membership: who belongs to one region, the keys they share, and the roster that says so to them. Told of nodes, it knows when the
 * roster has to be written anew and what it is then; healthcheck/roster reads the same at the other end.
 *
 * Keys are made here, numbered, and sealed to each member's identity key. A new one follows whenever somebody who knew the last
 * leaves; the ones before stay until every member has acknowledged the newest. A region of one has none. No I/O; one thread. */
#ifndef HOLDFAST_CLOUD_HUB_REGIONS_MEMBERSHIP_H
#define HOLDFAST_CLOUD_HUB_REGIONS_MEMBERSHIP_H

#include "base/json.h"
#include "healthcheck/region_key.h"
#include "healthcheck/roster.h"
#include "healthcheck/roster_past.h"

struct membership;

#define MEMBERSHIP_SEALS_PER_STEP 16u /* sealing one key to one member takes milliseconds */

struct membership_node {
	const char *name;
	char addresses[ROSTER_ADDRESSES_MAX][ROSTER_ADDRESS_SIZE];
	size_t address_count;
	struct span identity; /* empty: not known (yet) */
	uint64_t start;	      /* of its hub, as the cloud knows; 0: not known */
	bool in_maintenance;
};

int membership_new(const char *region, struct membership **out) must_check;
void membership_free(struct membership *m); /* wipes keys; NULL is fine */
/* Its rosters are numbered above this, unless it is loaded: that many had those of a region of this name that went. */
void membership_follow(struct membership *m, uint64_t version);
uint64_t membership_version(const struct membership *m); /* of the last roster; 0: none */

/* As stored before: the Region object (NULL: none), and its keys as membership_write_keys made them (empty: none). Members are those of
 * the roster until membership_settle; then those of them go that were not put meanwhile. -EINVAL: damaged; nothing is taken over. */
int membership_load(struct membership *m, const struct json *region, struct span keys) must_check;
void membership_settle(struct membership *m);

/* -ENOSPC past ROSTER_MEMBERS_MAX; -ENOMEM. */
int membership_put(struct membership *m, const struct membership_node *node) must_check;
void membership_remove(struct membership *m, const char *name);
/* Its hub started: goes into the roster when that is written for another reason. */
void membership_started(struct membership *m, const char *name, uint64_t start);
/* The next roster is to say that this member's entry is new: who speaks of it by that roster speaks of now. */
void membership_touch(struct membership *m, const char *name);
/* Who counted before; its owner here notes what membership_put and membership_remove change. */
struct roster_past *membership_past(const struct membership *m);
/* The member has the roster as written last. */
void membership_acknowledged(struct membership *m, const char *name);
void membership_rotate(struct membership *m); /* a new key, at the operator's word */
size_t membership_count(const struct membership *m);
bool membership_has(const struct membership *m, const char *name);
uint32_t membership_generation(const struct membership *m); /* of the newest key; 0: none yet */
/* More than one key: acknowledgements are waited for. */
bool membership_is_rotating(const struct membership *m);
/* The next member, in no order; *cursor starts at 0. */
const char *membership_next(const struct membership *m, size_t *cursor);

/* Must the roster be written? */
bool membership_is_due(const struct membership *m);
/* Makes what the next roster lacks: a key, and seals of keys, at most `seals` of them. Numbers start above `floor` (raised by a
 * restore). 0: membership_write can follow; 1: call again; negative: nothing can be made now. */
int membership_prepare(struct membership *m, const struct x509_key *signer, uint32_t floor,
		       size_t seals) must_check;
/* Puts status into the Region object's tree. The version rises with each call; it is the caller's to store it, with the keys,
 * and to say membership_written. */
int membership_write(struct membership *m, struct span signer_spki, uint32_t floor,
		     struct json *region) must_check;
int membership_write_keys(const struct membership *m, struct buf *out) must_check; /* secret */
/* What was written last is stored. Failed: it is due again. */
void membership_written(struct membership *m, bool is_stored);

#endif
