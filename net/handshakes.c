#include "net/handshakes.h"

static uint64_t interval_us(const struct handshakes *handshakes)
{
	return 1000000u / handshakes->options.full_per_second;
}

void handshakes_init(struct handshakes *handshakes, const struct handshakes_options *options, uint64_t now_ms)
{
	struct handshakes_options *own = &handshakes->options;

	*handshakes = (struct handshakes){ .options = *options, .busy_until_us = now_ms * 1000 };
	if (!own->full_per_second)
		own->full_per_second = 1;
	if (own->full_per_second > HANDSHAKES_RATE_MAX)
		own->full_per_second = HANDSHAKES_RATE_MAX;
	if (!own->burst)
		own->burst = own->full_per_second;
	if (!own->full_max)
		own->full_max = HANDSHAKES_FULL_MAX;
	if (!own->resumed_max)
		own->resumed_max = HANDSHAKES_RESUMED_MAX;
	rng_seed(&handshakes->rng, own->seed);
}

/* One handshake's worth of work is put into the bucket, room or not. */
static void charge(struct handshakes *handshakes, uint64_t now_us)
{
	if (handshakes->busy_until_us < now_us)
		handshakes->busy_until_us = now_us;
	handshakes->busy_until_us += interval_us(handshakes);
}

static bool has_room(const struct handshakes *handshakes, uint64_t now_us)
{
	uint64_t burst_us = interval_us(handshakes) * handshakes->options.burst;

	return handshakes->full < handshakes->options.full_max &&
	       handshakes->busy_until_us + interval_us(handshakes) <= now_us + burst_us;
}

/* Slots follow each other as handshakes would; when they reach too far ahead the rest is spread over the later half. */
static unsigned next_slot(struct handshakes *handshakes, uint64_t now_us)
{
	uint64_t first_us = now_us + HANDSHAKES_LATER_MIN_MS * 1000u,
		 last_us = now_us + HANDSHAKES_LATER_MAX_MS * 1000u;
	uint64_t slot_us = handshakes->slot_us + interval_us(handshakes);

	if (slot_us < first_us)
		slot_us = first_us;
	if (slot_us > last_us)
		return HANDSHAKES_LATER_MAX_MS / 2 +
		       (unsigned)rng_below(&handshakes->rng, HANDSHAKES_LATER_MAX_MS / 2);
	handshakes->slot_us = slot_us;
	return (unsigned)((slot_us - now_us) / 1000);
}

bool handshakes_ask(struct handshakes *handshakes, bool resumes, uint64_t now_ms,
		    unsigned *out_retry_after_ms)
{
	uint64_t now_us = now_ms * 1000;

	if (resumes && handshakes->resumed < handshakes->options.resumed_max) {
		handshakes->resumed++;
		return true;
	}
	if (!resumes && has_room(handshakes, now_us)) {
		charge(handshakes, now_us);
		handshakes->full++;
		return true;
	}
	*out_retry_after_ms = next_slot(handshakes, now_us);
	return false;
}

void handshakes_done(struct handshakes *handshakes, bool resumes, bool was_full, uint64_t now_ms)
{
	if (!resumes) {
		handshakes->full--;
		return;
	}
	handshakes->resumed--;
	if (was_full)
		charge(handshakes, now_ms * 1000);
}
