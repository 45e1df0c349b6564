/* Fields of Event, in both groups. */
#include "api/kinds/schemas.h"

static const struct field core_event_fields[] = {
	FIELD("action", 12, STRING, SINGLE),
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("count", 8, INT32, SINGLE),
	FIELD("eventTime", 10, MICRO_TIME, SINGLE),
	FIELD("firstTimestamp", 6, TIME, SINGLE),
	FIELD("involvedObject", 2, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_REQUIRED | FIELD_APPLY_ATOMIC),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("lastTimestamp", 7, TIME, SINGLE),
	FIELD("message", 4, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta, .flags = FIELD_REQUIRED),
	FIELD("reason", 3, STRING, SINGLE),
	FIELD("related", 13, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("reportingComponent", 14, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("reportingInstance", 15, STRING, SINGLE, .flags = FIELD_KEEP_ZERO),
	FIELD("series", 11, MESSAGE, SINGLE, .schema = &schema_core_event_series),
	FIELD("source", 5, MESSAGE, SINGLE, .schema = &schema_core_event_source),
	FIELD("type", 9, STRING, SINGLE),
};
const struct schema schema_core_event = SCHEMA("io.k8s.api.core.v1.Event", core_event_fields);

static const struct field core_event_series_fields[] = {
	FIELD("count", 1, INT32, SINGLE),
	FIELD("lastObservedTime", 2, MICRO_TIME, SINGLE),
};
const struct schema schema_core_event_series =
	SCHEMA("io.k8s.api.core.v1.EventSeries", core_event_series_fields);

static const struct field core_event_source_fields[] = {
	FIELD("component", 1, STRING, SINGLE),
	FIELD("host", 2, STRING, SINGLE),
};
const struct schema schema_core_event_source =
	SCHEMA("io.k8s.api.core.v1.EventSource", core_event_source_fields);

static const struct field events_event_fields[] = {
	FIELD("action", 6, STRING, SINGLE),
	FIELD("apiVersion", 0, STRING, SINGLE),
	FIELD("deprecatedCount", 15, INT32, SINGLE),
	FIELD("deprecatedFirstTimestamp", 13, TIME, SINGLE),
	FIELD("deprecatedLastTimestamp", 14, TIME, SINGLE),
	FIELD("deprecatedSource", 12, MESSAGE, SINGLE, .schema = &schema_core_event_source),
	FIELD("eventTime", 2, MICRO_TIME, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("kind", 0, STRING, SINGLE),
	FIELD("metadata", 1, MESSAGE, SINGLE, .schema = &schema_meta_object_meta),
	FIELD("note", 10, STRING, SINGLE),
	FIELD("reason", 7, STRING, SINGLE),
	FIELD("regarding", 8, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("related", 9, MESSAGE, SINGLE, .schema = &schema_core_object_reference,
	      .flags = FIELD_APPLY_ATOMIC),
	FIELD("reportingController", 4, STRING, SINGLE),
	FIELD("reportingInstance", 5, STRING, SINGLE),
	FIELD("series", 3, MESSAGE, SINGLE, .schema = &schema_events_event_series),
	FIELD("type", 11, STRING, SINGLE),
};
const struct schema schema_events_event = SCHEMA("io.k8s.api.events.v1.Event", events_event_fields);

static const struct field events_event_series_fields[] = {
	FIELD("count", 1, INT32, SINGLE, .flags = FIELD_REQUIRED),
	FIELD("lastObservedTime", 2, MICRO_TIME, SINGLE, .flags = FIELD_REQUIRED),
};
const struct schema schema_events_event_series =
	SCHEMA("io.k8s.api.events.v1.EventSeries", events_event_series_fields);
