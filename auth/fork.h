/* fork: tells one host that comes back from several that are copies of one disk. A pure core, and the record of it.
 *
 * Each session hands the node a new secret, which it stores before it says so, and which the next session must present. The cloud
 * keeps, hashed, the last secret that was presented and the one it offered since; a host that was cut off between the two may come
 * with either. Whoever comes with anything else holds another copy of the disk. Secrets are numbered: a number that was never handed
 * out, as far as this store remembers, means that the store was put back to an older state, and is no fork.
 *
 * What comes over the wire may be the remains of a connection that the host itself has given up. So whatever is not plainly next in the
 * row is believed only from an end that was seen to be alive after it spoke. */
#ifndef HOLDFAST_AUTH_FORK_H
#define HOLDFAST_AUTH_FORK_H

#include "base/buf.h"

#define FORK_MARK_PREFIX "session/" /* cache mark: prefix and node name */
#define FORK_SECRET_SIZE 32u
#define FORK_RANDOM_SIZE 24u /* of which a secret is made, with its number */
#define FORK_HASH_SIZE 32u
#define FORK_HOSTS_MAX 4u  /* beside the holder; further copies are refused, and not listed */
#define FORK_DENIED_MAX 8u /* secrets of copies that the operator decided against; the oldest goes first */

/* A host as it described itself and was seen; informative. */
struct fork_host {
	char machine_id[65], boot_id[65], address[64];
	int64_t seen_wall_ms;
	uint8_t presented[FORK_HASH_SIZE]; /* hash of its secret; not of the holder */
};

/* All zero: nothing was ever handed out. */
struct fork {
	uint64_t number; /* of the secret offered last; 0: none */
	uint8_t confirmed[FORK_HASH_SIZE], offered[FORK_HASH_SIZE];
	struct fork_host holder; /* to whom `offered` was given */
	bool quarantined;
	struct fork_host hosts[FORK_HOSTS_MAX]; /* the others, while quarantined */
	size_t host_count;
	uint8_t denied[FORK_DENIED_MAX][FORK_HASH_SIZE];
	size_t denied_count;
};

enum fork_verdict {
	FORK_WELCOME,
	FORK_PROVE,	  /* ask again with `alive`, once the other end has answered something */
	FORK_COPY,	  /* not what the holder would present */
	FORK_QUARANTINED, /* the operator has yet to decide */
	FORK_DENIED,	  /* the operator decided against this copy */
};
/* What came with a Hello. */
struct fork_sight {
	struct span presented; /* empty or FORK_SECRET_SIZE bytes */
	bool kept; /* the holder had said that the offered secret is on its disk: it will not come with the one before */
	bool unbroken; /* what the node knows of the store lies on the store's own past (cache_epoch_check) */
	bool alive;
};
enum fork_verdict fork_judge(const struct fork *fork, const struct fork_sight *sight);
/* After FORK_WELCOME: a new secret made of `random`. To be stored before it is sent. `host` is the new holder. */
void fork_offer(struct fork *fork, struct span presented, const uint8_t random[FORK_RANDOM_SIZE],
		const struct fork_host *host, uint8_t out_secret[FORK_SECRET_SIZE]);
/* After FORK_COPY or FORK_QUARANTINED. True: the record changed and is to be stored. */
bool fork_quarantine(struct fork *fork, struct span presented, const struct fork_host *host);
/* The operator keeps the holder (`index` 0) or hosts[index - 1]; what all others hold is denied from now on. -EINVAL: not quarantined,
 * or no such host. */
int fork_release(struct fork *fork, size_t index) must_check;

int fork_write(const struct fork *fork, struct buf *out_json) must_check;
/* -EINVAL: damaged. */
int fork_parse(struct span json, struct fork *out) must_check;

#endif
