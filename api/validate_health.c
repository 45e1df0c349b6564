/* Rules of Region. The ranges of what members go by are those of healthcheck/roster, of what the cloud goes by those of
 * healthcheck/policy: a test holds them together. */
#include "api/kind_internal.h"
#include "api/names.h"
#include "api/validate.h"
#include "base/units.h"

#define DAY_MS (24ull * 3600 * 1000)

static const struct range {
	const char *field;
	uint64_t min, max;
	bool is_duration; /* ms */
} ranges[] = {
	{ "agentDownDelay", 0, 30 * DAY_MS, true },
	{ "darkAfter", 0, 30 * DAY_MS, true },
	{ "defaultTolerationSeconds", 0, 365 * DAY_MS / 1000, false },
	{ "evictionRate", 1, 6000, false },
	{ "fenceAfter", 5000, DAY_MS, true },
	{ "gracePeriod", 0, 30 * DAY_MS, true },
	{ "indirectProbes", 0, 16, false },
	{ "probeInterval", 50, 60000, true },
	{ "probeTimeout", 10, 30000, true },
	{ "suspicionAlphaPercent", 10, 5000, false },
	{ "suspicionBeta", 1, 100, false },
	{ "verdictTTL", 1000, 600000, true },
};

static void duration_in(struct validation *v, const struct json *spec, const struct range *range)
{
	const struct json *value = json_get(spec, range->field);
	uint64_t ms;

	if (!value)
		return;
	if (units_duration_ms(json_span(value), &ms))
		complain(v, PROBLEM_INVALID, spec, range->field,
			 "must be a duration, such as 500ms, 40s or 1h30m");
	else if (ms < range->min || ms > range->max)
		complain(v, PROBLEM_INVALID, spec, range->field, "must be from %llums to %llums",
			 (unsigned long long)range->min, (unsigned long long)range->max);
}

static uint64_t duration_of(const struct json *spec, const char *field, uint64_t otherwise)
{
	uint64_t ms;

	return units_duration_ms(json_span(json_get(spec, field)), &ms) ? otherwise : ms;
}

static void region_spec(struct validation *v, const struct json *spec, void *ctx)
{
	static const char *const policies[] = { "hold", "evict", NULL };

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		if (ranges[i].is_duration)
			duration_in(v, spec, &ranges[i]);
		else if (json_get(spec, ranges[i].field))
			check_range(v, spec, ranges[i].field, (int64_t)ranges[i].min, (int64_t)ranges[i].max);
	}
	(void)check_choice(v, spec, "darkPolicy", policies);
	(void)check_choice(v, spec, "smallPolicy", policies);
	if (duration_of(spec, "probeTimeout", 400) >= duration_of(spec, "probeInterval", 1000))
		complain(v, PROBLEM_INVALID, spec, "probeTimeout", "must be shorter than probeInterval");
}

void region_validate(const struct json *object, const struct json *old, struct problems *problems)
{
	struct validation v = VALIDATION(problems, "");

	below(&v, object, "spec", region_spec, NULL);
}

/* The region of a node is a label's value, so that is what a Region may be called. */
const char *region_name(struct span name)
{
	return name.len ? name_label_value(name) : "must not be empty";
}
