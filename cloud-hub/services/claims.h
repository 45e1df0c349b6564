/* claims: which Service has which cluster address and which node ports, so that no two have the same. Kept in memory and made
 * from the stored Services at each start: the store is the record, there is no other. What a write asks for is claimed before it
 * commits, and falls free again when it has not appeared after CLAIMS_PENDING_MS.
 *
 * Pure: told the time. Owner: services.c. Bands of a range (dynamic addresses from the upper part, so that the lower one is for
 * those chosen by hand): KEP-3070. Wording: upstream's pkg/registry/core/service/ipallocator and portallocator. */
#ifndef HOLDFAST_CLOUD_HUB_SERVICES_CLAIMS_H
#define HOLDFAST_CLOUD_HUB_SERVICES_CLAIMS_H

#include "base/json.h"
#include "base/random.h"

struct claims;

#define CLAIMS_MAX 200000u
#define CLAIMS_PENDING_MS 600000u
#define CLAIMS_ADDRESS_SIZE 46u
#define CLAIMS_PORT_LOW 30000u
#define CLAIMS_PORT_HIGH 32767u

/* `range` as "10.96.0.0/12" or "fd00:1::/112". -EINVAL: it is none, or has less than eight addresses. */
int claims_new(const char *range, uint64_t seed, struct claims **out, struct err *err) must_check;
void claims_free(struct claims *claims);
const char *claims_family(const struct claims *claims); /* "IPv4", "IPv6" */
const char *claims_range(const struct claims *claims);

/* A stored Service as it is now; `owner` is "ns/name". -ENOMEM, -ENOSPC. */
int claims_see(struct claims *claims, const char *owner, const struct json *service) must_check;
void claims_lose(struct claims *claims, const char *owner);

enum claim_refusal { CLAIM_GIVEN, CLAIM_TAKEN, CLAIM_OUT_OF_RANGE, CLAIM_FULL, CLAIM_NO_MEMORY };
/* Claims what is asked for, or when nothing is (text "", port 0) what is free; the owner may have it already. */
enum claim_refusal claims_address(struct claims *claims, const char *owner, uint64_t now_ms,
				  const char *wanted, char out[CLAIMS_ADDRESS_SIZE]) must_check;
enum claim_refusal claims_port(struct claims *claims, const char *owner, uint64_t now_ms, int64_t wanted,
			       int64_t *out) must_check;

struct claims_stats {
	size_t addresses, ports, pending;
	uint64_t conflicts; /* stored Services that say they have what another has: the first keeps it */
};
void claims_stats(const struct claims *claims, struct claims_stats *out);

#endif
