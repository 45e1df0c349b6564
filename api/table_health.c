/* Columns of the kinds of health.holdfast.io. */
#include "api/kind_internal.h"
#include "api/table.h"

CELL(members)
{
	return table_number(out, json_path_int(object, "status.members", 0));
}

CELL(roster_version)
{
	return table_number(out, json_path_int(object, "status.roster.version", 0));
}

CELL(generation)
{
	const struct json *keys = json_path(object, "status.roster.keys");
	int64_t newest = 0;

	for (size_t i = 0; i < json_count(keys); i++) {
		int64_t generation = json_path_int(json_at(keys, i), "generation", 0);

		newest = generation > newest ? generation : newest;
	}
	return table_number(out, newest);
}

const struct column region_columns[REGION_COLUMNS] = {
	COLUMN_NAME,
	COLUMN_INT("Members", "Nodes of the region.", members),
	COLUMN_INT("Roster", "Version of the list of members; rises with every change of it.",
		   roster_version),
	COLUMN_INT("Key", "Generation of the newest key that members seal what they say with.", generation),
	COLUMN_AGE,
};

/* --- verdicts --- */

CELL(subject)
{
	return table_text(out, json_path_str(object, "spec.subject", ""));
}

CELL(voter)
{
	return table_text(out, json_path_str(object, "spec.voter", ""));
}

CELL(word)
{
	return table_text(out, json_path_str(object, "spec.word", ""));
}

CELL(region)
{
	return table_text(out, json_path_str(object, "spec.region", ""));
}

static int since(const struct json *object, const char *path, int64_t now_wall_ms, struct buf *out)
{
	const char *time = json_path_str(object, path, "");
	char text[TABLE_AGE_SIZE];

	if (!*time)
		return table_text(out, "<never>");
	table_since(time, now_wall_ms, text);
	return table_text(out, text);
}

CELL(last_seen)
{
	return since(object, "spec.lastSeen", now_wall_ms, out);
}

CELL(saying_so)
{
	return since(object, "spec.since", now_wall_ms, out);
}

CELL(heard)
{
	return since(object, "spec.heard", now_wall_ms, out);
}

const struct column verdict_columns[VERDICT_COLUMNS] = {
	{ "Name", "string", "name", 1, "Name of the object.", table_name },
	COLUMN("Subject", "The node it is about.", subject),
	COLUMN("Voter", "The neighbour that says so.", voter),
	COLUMN("Word", "alive, agent-down or dead.", word),
	COLUMN("Last-Seen", "Time since the voter had a direct sign of life.", last_seen),
	COLUMN("Age", "Time since the cloud was told.", heard),
	COLUMN_WIDE("For", "For how long the voter has been saying so.", saying_so),
	COLUMN_WIDE("Region", "Their region.", region),
};
