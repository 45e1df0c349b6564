/* Columns of roles and of their bindings. */
#include <errno.h>

#include "api/kind_internal.h"
#include "api/table.h"

CELL(created_at)
{
	return table_text(out, json_path_str(object, "metadata.creationTimestamp", ""));
}

CELL(role_of)
{
	struct buf text;
	int rc;

	buf_init(&text, JSON_MAX_BYTES);
	rc = buf_addf(&text, "%s/%s", json_path_str(object, "roleRef.kind", ""),
		      json_path_str(object, "roleRef.name", ""));
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

static int subjects_of(const struct json *object, const char *kind, bool with_namespace, struct buf *out)
{
	const struct json *list = json_get(object, "subjects");
	struct buf text;
	int rc = 0;

	buf_init(&text, JSON_MAX_BYTES);
	for (size_t i = 0; !rc && i < json_count(list); i++) {
		const struct json *subject = json_at(list, i);

		if (strcmp(json_path_str(subject, "kind", ""), kind) != 0)
			continue;
		rc = buf_addf(&text, "%s%s%s%s", text.len ? ", " : "",
			      with_namespace ? json_path_str(subject, "namespace", "") : "",
			      with_namespace ? "/" : "", json_path_str(subject, "name", ""));
	}
	if (!rc)
		rc = table_text(out, buf_cstr(&text));
	buf_done(&text);
	return rc;
}

CELL(users)
{
	return subjects_of(object, "User", false, out);
}

CELL(groups)
{
	return subjects_of(object, "Group", false, out);
}

CELL(accounts)
{
	return subjects_of(object, "ServiceAccount", true, out);
}

const struct column role_columns[ROLE_COLUMNS] = {
	COLUMN_NAME,
	{ "Created At", "date", "", 0, "When the role was created.", created_at },
};
const struct column role_binding_columns[ROLE_BINDING_COLUMNS] = {
	COLUMN_NAME,
	COLUMN("Role", "What is granted.", role_of),
	COLUMN_AGE,
	COLUMN_WIDE("Users", "Users it is granted to.", users),
	COLUMN_WIDE("Groups", "Groups it is granted to.", groups),
	COLUMN_WIDE("ServiceAccounts", "Service accounts it is granted to.", accounts),
};
