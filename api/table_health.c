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
