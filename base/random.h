/* random: bytes from the kernel for secrets and identities, and a seeded generator for everything
 * that must replay from a seed (jitter in pure cores, the simulator). Never mix the two up. */
#ifndef HOLDFAST_BASE_RANDOM_H
#define HOLDFAST_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#define RANDOM_UUID_SIZE 37

void random_bytes(void *out, size_t len);     /* getrandom(2); aborts if the kernel has none */
void random_uuid(char out[RANDOM_UUID_SIZE]); /* version 4, lower case (RFC 9562) */

struct rng {
	uint64_t s[4]; /* xoshiro256** */
};
void rng_seed(struct rng *rng, uint64_t seed);
uint64_t rng_next(struct rng *rng);
uint64_t rng_below(struct rng *rng, uint64_t bound); /* uniform in [0, bound), 0 when bound is 0 */

#endif
