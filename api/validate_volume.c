/* Rules of volumes. Sources that only a cloud's storage could serve are checked for their type alone. */
#include "api/kinds/schemas.h"
#include "api/names.h"
#include "api/quantity.h"
#include "api/validate.h"

#define MODE_MAX 0777
#define MSG_MODE "must be a number between 0 and 0777 (octal), both inclusive"

static void check_mode(struct validation *v, const struct json *object, const char *field)
{
	int64_t mode = json_int(json_get(object, field), 0);

	if (mode < 0 || mode > MODE_MAX)
		complain(v, PROBLEM_INVALID, object, field, MSG_MODE);
}

static void check_target(struct validation *v, const struct json *item)
{
	const char *path = text_of(item, "path");

	if (!need_text(v, item, "path", ""))
		return;
	if (path[0] == '/')
		complain(v, PROBLEM_INVALID, item, "path", "must be a relative path");
	if (path_climbs(path))
		complain(v, PROBLEM_INVALID, item, "path", "must not contain '..'");
	else if (!strncmp(path, "..", 2))
		complain(v, PROBLEM_INVALID, item, "path", "must not start with '..'");
}

static void key_item(struct validation *v, const struct json *item, void *ctx)
{
	(void)need_text(v, item, "key", "");
	check_target(v, item);
	check_mode(v, item, "mode");
}

void validate_key_items(struct validation *v, const struct json *source)
{
	check_mode(v, source, "defaultMode");
	each_item(v, source, "items", key_item, NULL);
}

static void host_path(struct validation *v, const struct json *source, void *ctx)
{
	static const char *const types[] = { "BlockDevice", "CharDevice",   "Directory", "DirectoryOrCreate",
					     "File",	    "FileOrCreate", "Socket",	 NULL };

	if (need_text(v, source, "path", "") && path_climbs(text_of(source, "path")))
		complain(v, PROBLEM_INVALID, source, "path", "must not contain '..'");
	(void)check_choice(v, source, "type", types);
}

static void empty_dir(struct validation *v, const struct json *source, void *ctx)
{
	int64_t size;

	if (json_is(json_get(source, "sizeLimit"), JSON_STRING) &&
	    !quantity_parse(json_span(json_get(source, "sizeLimit")), &size) && size < 0)
		complain(v, PROBLEM_FORBIDDEN, source, "sizeLimit",
			 "SizeLimit field must be a valid resource quantity");
}

static void secret(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_text(v, source, "secretName", "");
	validate_key_items(v, source);
}

static void named(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_text(v, source, "name", "");
	validate_key_items(v, source);
}

static void claim(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_text(v, source, "claimName", "");
}

static void downward_item(struct validation *v, const struct json *item, void *ctx)
{
	static const char *const sources[] = { "fieldRef", "resourceFieldRef", NULL };
	const struct json *resource = json_get(item, "resourceFieldRef");

	check_target(v, item);
	check_mode(v, item, "mode");
	if (!count_of(item, sources))
		complain(v, PROBLEM_REQUIRED, NULL, NULL, "one of fieldRef and resourceFieldRef is required");
	if (count_of(item, sources) > 1)
		complain(v, PROBLEM_INVALID, NULL, NULL,
			 "fieldRef and resourceFieldRef can not be specified simultaneously");
	below(v, item, "fieldRef", validate_field_ref, (void *)(uintptr_t)downward_volume_fields);
	if (resource && !text_of(resource, "containerName")[0])
		complain(v, PROBLEM_REQUIRED, resource, "containerName", "%s", "");
	below(v, item, "resourceFieldRef", validate_resource_ref, NULL);
}

static void downward(struct validation *v, const struct json *source, void *ctx)
{
	check_mode(v, source, "defaultMode");
	each_item(v, source, "items", downward_item, NULL);
}

static void token(struct validation *v, const struct json *source, void *ctx)
{
	int64_t seconds = json_int(json_get(source, "expirationSeconds"), 3600);

	if (seconds < 600)
		complain(v, PROBLEM_INVALID, source, "expirationSeconds",
			 "may not specify a duration less than 10 minutes");
	if (seconds > (int64_t)1 << 32)
		complain(v, PROBLEM_INVALID, source, "expirationSeconds",
			 "may not specify a duration larger than 2^32 seconds");
	check_target(v, source);
}

static void projection(struct validation *v, const struct json *source, void *ctx)
{
	static const char *const sources[] = {
		"secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle", NULL
	};

	if (!count_of(source, sources))
		complain(v, PROBLEM_REQUIRED, NULL, NULL, "%s", "");
	if (count_of(source, sources) > 1)
		complain(v, PROBLEM_FORBIDDEN, NULL, NULL,
			 "may not specify more than 1 volume type per source");
	below(v, source, "secret", named, NULL);
	below(v, source, "configMap", named, NULL);
	below(v, source, "downwardAPI", downward, NULL);
	below(v, source, "serviceAccountToken", token, NULL);
}

static void projected(struct validation *v, const struct json *source, void *ctx)
{
	check_mode(v, source, "defaultMode");
	each_item(v, source, "sources", projection, NULL);
}

static void nfs(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_text(v, source, "server", "");
	if (need_text(v, source, "path", "") && text_of(source, "path")[0] != '/')
		complain(v, PROBLEM_INVALID, source, "path", "must be an absolute path");
}

static void csi(struct validation *v, const struct json *source, void *ctx)
{
	(void)need_text(v, source, "driver", "");
}

static const struct {
	const char *field;
	validate_item_fn *fn;
} sources[] = {
	{ "hostPath", host_path },
	{ "emptyDir", empty_dir },
	{ "secret", secret },
	{ "configMap", named },
	{ "downwardAPI", downward },
	{ "projected", projected },
	{ "persistentVolumeClaim", claim },
	{ "nfs", nfs },
	{ "csi", csi },
};

static void volume(struct validation *v, const struct json *item, void *ctx)
{
	size_t count = 0;

	(void)need_name(v, item, "name", name_dns_label);
	for (size_t i = 0; i < schema_core_volume_source.field_count; i++)
		count += json_get(item, schema_core_volume_source.fields[i].name) != NULL;
	if (!count)
		complain(v, PROBLEM_REQUIRED, NULL, NULL, "must specify a volume type");
	if (count > 1)
		complain(v, PROBLEM_FORBIDDEN, NULL, NULL, "may not specify more than 1 volume type");
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		below(v, item, sources[i].field, sources[i].fn, NULL);
}

void validate_volumes(struct validation *v, const struct json *spec)
{
	each_item(v, spec, "volumes", volume, NULL);
	check_unique(v, spec, "volumes", "name");
}
