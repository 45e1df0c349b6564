#include "auth/throttle.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"

#define UNIT 1000 /* one attempt: so a rate per second is one per ms */

struct bucket {
	int64_t level;
	uint64_t at_ms;
	unsigned refused; /* in a row, as a queue of those who will come back */
};

struct throttle {
	struct throttle_rate source, all;
	struct bucket common;
	struct map sources; /* name -> struct bucket, the first comer first */
};

static void fill(struct bucket *bucket, struct throttle_rate rate, uint64_t now_ms)
{
	int64_t full = (int64_t)rate.burst * UNIT;
	uint64_t passed = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;

	/* So long that it is full whatever it was; keeps the product small. */
	if (passed > (uint64_t)THROTTLE_WAIT_MAX_MS * 1000)
		bucket->level = full;
	else
		bucket->level += (int64_t)(passed * rate.per_second);
	if (bucket->level >= full) {
		bucket->level = full;
		bucket->refused = 0;
	}
	bucket->at_ms = now_ms;
}

static unsigned wait_ms(struct bucket *bucket, struct throttle_rate rate, unsigned cost)
{
	int64_t missing = (int64_t)cost * UNIT - bucket->level;
	int64_t wait;

	if (missing <= 0) {
		bucket->refused -= bucket->refused > 0;
		return 0;
	}
	wait = (missing + (int64_t)bucket->refused * cost * UNIT) / rate.per_second + 1;
	if (wait >= THROTTLE_WAIT_MAX_MS)
		return THROTTLE_WAIT_MAX_MS;
	bucket->refused++;
	return (unsigned)wait;
}

static struct bucket *bucket_of(struct throttle *throttle, const char *source, uint64_t now_ms)
{
	struct bucket *bucket = map_get(&throttle->sources, span_of(source));
	struct span first;
	size_t cursor = 0;
	void *value;

	if (bucket)
		return bucket;
	if (throttle->sources.count >= THROTTLE_SOURCES_MAX &&
	    map_next(&throttle->sources, &cursor, &first, &value))
		free(map_remove(&throttle->sources, first));
	bucket = calloc(1, sizeof(*bucket));
	if (!bucket)
		return NULL;
	*bucket = (struct bucket){ (int64_t)throttle->source.burst * UNIT, now_ms, 0 };
	if (map_put(&throttle->sources, span_of(source), bucket, NULL)) {
		free(bucket);
		return NULL;
	}
	return bucket;
}

unsigned throttle_take(struct throttle *throttle, const char *source, unsigned cost, uint64_t now_ms)
{
	struct bucket *own = bucket_of(throttle, source, now_ms);
	unsigned wait;

	if (!own)
		return THROTTLE_WAIT_MAX_MS; /* without memory nobody is let in unseen */
	fill(own, throttle->source, now_ms);
	fill(&throttle->common, throttle->all, now_ms);
	wait = wait_ms(own, throttle->source, cost);
	if (!wait)
		wait = wait_ms(&throttle->common, throttle->all, cost);
	if (wait)
		return wait;
	own->level -= (int64_t)cost * UNIT;
	throttle->common.level -= (int64_t)cost * UNIT;
	return 0;
}

/* Not more than a minute's worth below zero. */
static void charge(struct bucket *bucket, struct throttle_rate rate, unsigned cost, uint64_t now_ms)
{
	int64_t lowest = -(int64_t)rate.per_second * THROTTLE_WAIT_MAX_MS;

	fill(bucket, rate, now_ms);
	bucket->level -= (int64_t)cost * UNIT;
	if (bucket->level < lowest)
		bucket->level = lowest;
}

/* The common bucket is spared: one who guesses must not shut the door for all. */
void throttle_charge(struct throttle *throttle, const char *source, unsigned cost, uint64_t now_ms)
{
	struct bucket *own = bucket_of(throttle, source, now_ms);

	if (own)
		charge(own, throttle->source, cost, now_ms);
}

void throttle_source(const char *address, char *out, unsigned long out_size)
{
	const char *port = strrchr(address, ':');
	struct span host = span_make(address, port ? (size_t)(port - address) : strlen(address));
	struct in6_addr ip;

	if (host.len > 1 && host.ptr[0] == '[') {
		host.ptr++;
		host.len -= 2;
	}
	span_copy_or_nothing(host, out, out_size);
	if (inet_pton(AF_INET6, out, &ip) != 1 || IN6_IS_ADDR_V4MAPPED(&ip))
		return;
	memset(&ip.s6_addr[8], 0, 8);
	if (!inet_ntop(AF_INET6, &ip, out, (socklen_t)out_size))
		out[0] = '\0';
}

int throttle_new(struct throttle_rate source, struct throttle_rate all, struct throttle **out)
{
	struct throttle *throttle = calloc(1, sizeof(*throttle));

	if (!throttle)
		return -ENOMEM;
	throttle->source = source;
	throttle->all = all;
	throttle->common.level = (int64_t)all.burst * UNIT;
	map_init(&throttle->sources, THROTTLE_SOURCES_MAX);
	*out = throttle;
	return 0;
}

void throttle_free(struct throttle *throttle)
{
	if (!throttle)
		return;
	map_done(&throttle->sources, free);
	free(throttle);
}
