#include "net/admission.h"

static uint64_t interval_us(const struct admission *admission)
{
	return 1000000u / admission->options.full_per_second;
}

void admission_init(struct admission *admission, const struct admission_options *options, uint64_t now_ms)
{
	struct admission_options *own = &admission->options;

	*admission = (struct admission){ .options = *options, .busy_until_us = now_ms * 1000 };
	if (!own->full_per_second)
		own->full_per_second = 1;
	if (own->full_per_second > ADMISSION_RATE_MAX)
		own->full_per_second = ADMISSION_RATE_MAX;
	if (!own->burst)
		own->burst = own->full_per_second;
	if (!own->full_max)
		own->full_max = ADMISSION_FULL_MAX;
	if (!own->resumed_max)
		own->resumed_max = ADMISSION_RESUMED_MAX;
	rng_seed(&admission->rng, own->seed);
}

/* One handshake's worth of work is put into the bucket, room or not. */
static void charge(struct admission *admission, uint64_t now_us)
{
	if (admission->busy_until_us < now_us)
		admission->busy_until_us = now_us;
	admission->busy_until_us += interval_us(admission);
}

static bool has_room(const struct admission *admission, uint64_t now_us)
{
	uint64_t burst_us = interval_us(admission) * admission->options.burst;

	return admission->full < admission->options.full_max &&
	       admission->busy_until_us + interval_us(admission) <= now_us + burst_us;
}

/* Slots follow each other as handshakes would; when they reach too far ahead the rest is spread over the later half. */
static unsigned next_slot(struct admission *admission, uint64_t now_us)
{
	uint64_t first_us = now_us + ADMISSION_LATER_MIN_MS * 1000u,
		 last_us = now_us + ADMISSION_LATER_MAX_MS * 1000u;
	uint64_t slot_us = admission->slot_us + interval_us(admission);

	if (slot_us < first_us)
		slot_us = first_us;
	if (slot_us > last_us)
		return ADMISSION_LATER_MAX_MS / 2 +
		       (unsigned)rng_below(&admission->rng, ADMISSION_LATER_MAX_MS / 2);
	admission->slot_us = slot_us;
	return (unsigned)((slot_us - now_us) / 1000);
}

bool admission_ask(struct admission *admission, bool resumes, uint64_t now_ms, unsigned *out_retry_after_ms)
{
	uint64_t now_us = now_ms * 1000;

	if (resumes && admission->resumed < admission->options.resumed_max) {
		admission->resumed++;
		return true;
	}
	if (!resumes && has_room(admission, now_us)) {
		charge(admission, now_us);
		admission->full++;
		return true;
	}
	*out_retry_after_ms = next_slot(admission, now_us);
	return false;
}

void admission_done(struct admission *admission, bool resumes, bool was_full, uint64_t now_ms)
{
	if (!resumes) {
		admission->full--;
		return;
	}
	admission->resumed--;
	if (was_full)
		charge(admission, now_ms * 1000);
}
