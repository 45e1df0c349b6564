/* Columns of the small kinds of core/v1, of leases and of events. */
#include <ctype.h>

#include "api/kind_internal.h"
#include "api/table.h"

CELL(data_count)
{
	return table_number(out, (int64_t)(json_count(json_get(object, "data")) +
					   json_count(json_get(object, "binaryData"))));
}

CELL(secret_type)
{
	return table_text(out, json_str(json_get(object, "type"), ""));
}

CELL(namespace_phase)
{
	return table_text(out, json_path_str(object, "status.phase", ""));
}

CELL(secrets_count)
{
	return table_number(out, (int64_t)json_count(json_get(object, "secrets")));
}

CELL(lease_holder)
{
	return table_text(out, json_path_str(object, "spec.holderIdentity", ""));
}

const struct column config_map_columns[CONFIG_MAP_COLUMNS] = {
	COLUMN_NAME,
	COLUMN_INT("Data", "Number of entries.", data_count),
	COLUMN_AGE,
};
const struct column secret_columns[SECRET_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Type", "What the secret is for.", secret_type),
	COLUMN_INT("Data", "Number of entries.", data_count),
	COLUMN_AGE,
};
const struct column namespace_columns[NAMESPACE_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Status", "Active, or Terminating while its content goes.", namespace_phase),
	COLUMN_AGE,
};
const struct column service_account_columns[SERVICE_ACCOUNT_COLUMNS] = {
	COLUMN_NAME,
	COLUMN_INT("Secrets", "Number of secrets it lists.", secrets_count),
	COLUMN_AGE,
};
const struct column lease_columns[LEASE_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Holder", "Who holds it.", lease_holder),
	COLUMN_AGE,
};

/* --- events, in the form of either group --- */

static const struct json *either(const struct json *event, const char *core, const char *newer)
{
	const struct json *value = json_get(event, core);

	return value ? value : json_get(event, newer);
}

static const char *first_time(const struct json *event)
{
	const char *time = json_str(either(event, "firstTimestamp", "deprecatedFirstTimestamp"), "");

	return time[0] ? time : json_str(json_get(event, "eventTime"), "");
}

static const char *last_time(const struct json *event)
{
	const char *series = json_path_str(event, "series.lastObservedTime", "");
	const char *time = json_str(either(event, "lastTimestamp", "deprecatedLastTimestamp"), "");

	return series[0] ? series : time[0] ? time : first_time(event);
}

static int since(const char *time, int64_t now_wall_ms, struct buf *out)
{
	char age[TABLE_AGE_SIZE];

	table_since(time, now_wall_ms, age);
	return table_text(out, age);
}

CELL(last_seen)
{
	return since(last_time(object), now_wall_ms, out);
}

CELL(first_seen)
{
	return since(first_time(object), now_wall_ms, out);
}

CELL(event_type)
{
	return table_text(out, json_str(json_get(object, "type"), ""));
}

CELL(event_reason)
{
	return table_text(out, json_str(json_get(object, "reason"), ""));
}

CELL(event_object)
{
	const struct json *about = either(object, "involvedObject", "regarding");
	const char *name = json_str(json_get(about, "name"), "");
	struct buf text;
	int rc;

	buf_init(&text, JSON_MAX_BYTES);
	rc = buf_addf(&text, "%s%s%s", json_str(json_get(about, "kind"), ""), name[0] ? "/" : "", "");
	for (size_t i = 0; i < text.len; i++)
		text.data[i] = (char)tolower((unsigned char)text.data[i]);
	if (!rc)
		rc = buf_add_str(&text, name);
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

CELL(event_subobject)
{
	return table_text(out,
			  json_str(json_get(either(object, "involvedObject", "regarding"), "fieldPath"), ""));
}

CELL(event_source)
{
	const struct json *source = either(object, "source", "deprecatedSource");
	const char *component = json_str(json_get(source, "component"), "");
	const char *host = json_str(json_get(source, "host"), "");
	struct buf text;
	int rc;

	if (!component[0])
		component = json_str(either(object, "reportingComponent", "reportingController"), "");
	if (!host[0])
		host = json_str(json_get(object, "reportingInstance"), "");
	buf_init(&text, JSON_MAX_BYTES);
	rc = buf_addf(&text, "%s%s%s", component, host[0] ? ", " : "", host);
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

CELL(event_message)
{
	struct span text = span_of(json_str(either(object, "message", "note"), ""));

	while (text.len && isspace((unsigned char)text.ptr[text.len - 1]))
		text.len--;
	while (text.len && isspace((unsigned char)text.ptr[0]))
		text = span_make(text.ptr + 1, text.len - 1);
	return buf_add_json_str(out, text);
}

CELL(event_count)
{
	int64_t count = json_int(either(object, "count", "deprecatedCount"), 0);

	if (json_get(object, "series"))
		count = json_path_int(object, "series.count", 0);
	return table_number(out, count ? count : 1);
}

const struct column event_columns[EVENT_COLUMNS] = {
	COLUMN("Last Seen", "Time since it happened last.", last_seen),
	COLUMN("Type", "Normal or Warning.", event_type),
	COLUMN("Reason", "Why, in one word.", event_reason),
	COLUMN("Object", "What it is about.", event_object),
	COLUMN_WIDE("Subobject", "Which part of it.", event_subobject),
	COLUMN_WIDE("Source", "Who says so.", event_source),
	COLUMN("Message", "What happened.", event_message),
	COLUMN_WIDE("First Seen", "Time since it happened first.", first_seen),
	{ "Count", "integer", "", 1, "How often it happened.", event_count },
	{ "Name", "string", "name", 1, "Name of the object.", table_name },
};
