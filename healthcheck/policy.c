#include "healthcheck/policy.h"

#include <errno.h>

#include "base/units.h"

#define DAY_MS (24ull * 3600 * 1000)

const struct health_policy health_policy_default = {
	.grace_ms = 5000,
	.agent_down_ms = 0,
	.toleration_s = 30,
	.dark_ms = 300000,
	.rate = 6,
};

static const struct duration {
	const char *field;
	size_t offset;
} durations[] = {
	{ "gracePeriod", offsetof(struct health_policy, grace_ms) },
	{ "agentDownDelay", offsetof(struct health_policy, agent_down_ms) },
	{ "darkAfter", offsetof(struct health_policy, dark_ms) },
};

static const struct choice {
	const char *field;
	size_t offset;
} choices[] = {
	{ "darkPolicy", offsetof(struct health_policy, evict_dark) },
	{ "smallPolicy", offsetof(struct health_policy, evict_small) },
};

static int read_duration(const struct json *spec, const struct duration *d, struct health_policy *out,
			 struct err *err)
{
	const struct json *value = json_get(spec, d->field);
	uint64_t ms;

	if (!value)
		return 0;
	if (units_duration_ms(json_span(value), &ms) || ms > 30 * DAY_MS)
		return err_set(err, -EINVAL, "region: spec.%s: a duration of at most 30 days", d->field);
	*(uint64_t *)((char *)out + d->offset) = ms;
	return 0;
}

static int read_choice(const struct json *spec, const struct choice *c, struct health_policy *out,
		       struct err *err)
{
	const char *text = json_str(json_get(spec, c->field), "hold");

	if (strcmp(text, "hold") != 0 && strcmp(text, "evict") != 0)
		return err_set(err, -EINVAL, "region: spec.%s: hold or evict", c->field);
	*(bool *)((char *)out + c->offset) = strcmp(text, "evict") == 0;
	return 0;
}

static int read_numbers(const struct json *spec, struct health_policy *out, struct err *err)
{
	int64_t toleration = json_int(json_get(spec, "defaultTolerationSeconds"),
				      health_policy_default.toleration_s),
		rate = json_int(json_get(spec, "evictionRate"), health_policy_default.rate);

	if (toleration < 0 || toleration > (int64_t)(365 * DAY_MS / 1000))
		return err_set(err, -EINVAL, "region: spec.defaultTolerationSeconds: from 0 to a year");
	if (rate < 1 || rate > 6000)
		return err_set(err, -EINVAL, "region: spec.evictionRate: from 1 to 6000");
	out->toleration_s = toleration;
	out->rate = (unsigned)rate;
	return 0;
}

int health_policy_read(const struct json *spec, struct health_policy *out, struct err *err)
{
	int rc = 0;

	*out = health_policy_default;
	for (size_t i = 0; !rc && i < sizeof(durations) / sizeof(durations[0]); i++)
		rc = read_duration(spec, &durations[i], out, err);
	for (size_t i = 0; !rc && i < sizeof(choices) / sizeof(choices[0]); i++)
		rc = read_choice(spec, &choices[i], out, err);
	if (!rc)
		rc = read_numbers(spec, out, err);
	if (rc)
		*out = health_policy_default;
	return rc;
}
