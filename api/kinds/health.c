/* Fields of Region and Verdict: ours, and no protobuf of anybody else's. What roster holds is read by healthcheck/roster. */
#include "api/kinds/schemas.h"

static const struct field health_region_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_health_region_spec),
	FIELD("status", 3, MESSAGE, SINGLE, .schema = &schema_health_region_status),
};
const struct schema schema_health_region = SCHEMA("io.holdfast.health.v1.Region", health_region_fields);

/* Durations as "500ms", "40s", "1h30m". What is absent has the default that docs/health.md names. */
static const struct field health_region_spec_fields[] = {
	FIELD("agentDownDelay", 1, STRING, SINGLE),
	FIELD("darkAfter", 2, STRING, SINGLE),
	FIELD("darkPolicy", 3, STRING, SINGLE),
	FIELD("defaultTolerationSeconds", 4, INT64, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("evictionRate", 5, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("fenceAfter", 6, STRING, SINGLE),
	FIELD("gracePeriod", 7, STRING, SINGLE),
	FIELD("indirectProbes", 8, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("probeInterval", 9, STRING, SINGLE),
	FIELD("probeTimeout", 10, STRING, SINGLE),
	FIELD("smallPolicy", 11, STRING, SINGLE),
	FIELD("suspicionAlphaPercent", 12, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("suspicionBeta", 13, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("tcpFallback", 14, BOOL, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("verdictTTL", 15, STRING, SINGLE),
};
const struct schema schema_health_region_spec =
	SCHEMA("io.holdfast.health.v1.RegionSpec", health_region_spec_fields);

static const struct field health_region_status_fields[] = {
	FIELD("members", 1, INT32, SINGLE),
	FIELD("roster", 2, MESSAGE, SINGLE, .schema = &schema_health_roster, .flags = FIELD_APPLY_ATOMIC),
};
const struct schema schema_health_region_status =
	SCHEMA("io.holdfast.health.v1.RegionStatus", health_region_status_fields);

static const struct field health_roster_fields[] = {
	FIELD("keys", 1, MESSAGE, LIST, .schema = &schema_health_roster_key),
	FIELD("members", 2, MESSAGE, LIST, .schema = &schema_health_roster_member),
	FIELD("signer", 3, STRING, SINGLE),
	FIELD("version", 4, INT64, SINGLE),
};
const struct schema schema_health_roster = SCHEMA("io.holdfast.health.v1.Roster", health_roster_fields);

static const struct field health_roster_key_fields[] = {
	FIELD("generation", 1, INT64, SINGLE),
	FIELD("sealed", 2, STRING, MAP),
};
const struct schema schema_health_roster_key =
	SCHEMA("io.holdfast.health.v1.RosterKey", health_roster_key_fields);

static const struct field health_roster_member_fields[] = {
	FIELD("addresses", 1, STRING, LIST),   FIELD("identity", 2, STRING, SINGLE),
	FIELD("maintenance", 3, BOOL, SINGLE), FIELD("name", 4, STRING, SINGLE),
	FIELD("since", 5, INT64, SINGLE),      FIELD("start", 6, INT64, SINGLE),
};
const struct schema schema_health_roster_member =
	SCHEMA("io.holdfast.health.v1.RosterMember", health_roster_member_fields);

static const struct field health_verdict_fields[] = {
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("spec", 2, MESSAGE, SINGLE, .schema = &schema_health_verdict_spec),
};
const struct schema schema_health_verdict = SCHEMA("io.holdfast.health.v1.Verdict", health_verdict_fields);

/* As its voter signed it; `heard`, `lastSeen` and `since` (when the voter began to say this) on the cloud's clock. */
static const struct field health_verdict_spec_fields[] = {
	FIELD("answers", 1, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("asked", 2, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("heard", 3, TIME, SINGLE),
	FIELD("lastSeen", 4, TIME, SINGLE),
	FIELD("probes", 5, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("region", 6, STRING, SINGLE),
	FIELD("rosterVersion", 7, INT64, SINGLE),
	FIELD("score", 8, INT32, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("sequence", 9, INT64, SINGLE),
	FIELD("signature", 10, STRING, SINGLE),
	FIELD("since", 18, TIME, SINGLE),
	FIELD("subject", 11, STRING, SINGLE),
	FIELD("subjectIncarnation", 12, INT64, SINGLE),
	FIELD("subjectStart", 13, INT64, SINGLE),
	FIELD("tcp", 14, STRING, SINGLE),
	FIELD("voter", 15, STRING, SINGLE),
	FIELD("voterStart", 16, INT64, SINGLE),
	FIELD("word", 17, STRING, SINGLE),
};
const struct schema schema_health_verdict_spec =
	SCHEMA("io.holdfast.health.v1.VerdictSpec", health_verdict_spec_fields);
