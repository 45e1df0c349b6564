#include "control/template.h"

#include <errno.h>

#include "base/hash.h"

#define HASH_LETTERS "bcdfghjklmnpqrstvwxz2456789" /* no vowels: no words */
#define TEMPLATE_MAX (4u * 1024 * 1024)

struct json *owner_reference(const char *api_version, const char *kind, const char *name, const char *uid)
{
	struct json *ref = json_new_object();

	if (!ref)
		return NULL;
	if (json_set_str(ref, "apiVersion", api_version) || json_set_str(ref, "kind", kind) ||
	    json_set_str(ref, "name", name) || json_set_str(ref, "uid", uid) ||
	    json_set_bool(ref, "controller", true) || json_set_bool(ref, "blockOwnerDeletion", true)) {
		json_free(ref);
		return NULL;
	}
	return ref;
}

static int set_generate_name(struct json *meta, const char *name)
{
	struct buf prefix;
	int rc;

	buf_init(&prefix, 512);
	rc = buf_addf(&prefix, "%s-", name);
	if (!rc)
		rc = json_set_str(meta, "generateName", buf_cstr(&prefix));
	buf_done(&prefix);
	return rc;
}

static int fill_meta(struct json *pod, const struct json *workload, const char *api_version, const char *kind)
{
	const struct json *template_meta = json_path(workload, "spec.template.metadata");
	static const char *const kept[] = { "labels", "annotations", "finalizers" };
	struct json *meta = json_ensure(pod, "metadata"), *owners = json_new_array();
	int rc = meta && owners
			 ? json_append(owners, owner_reference(api_version, kind,
							       json_path_str(workload, "metadata.name", ""),
							       json_path_str(workload, "metadata.uid", "")))
			 : -ENOMEM;

	if (rc) {
		json_free(owners);
		return rc;
	}
	rc = json_set(meta, "ownerReferences", owners);
	for (size_t i = 0; !rc && i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_get(template_meta, kept[i]))
			rc = json_set(meta, kept[i], json_copy(json_get(template_meta, kept[i])));
	if (!rc)
		rc = json_set_str(meta, "namespace", json_path_str(workload, "metadata.namespace", ""));
	if (!rc)
		rc = set_generate_name(meta, json_path_str(workload, "metadata.name", ""));
	return rc;
}

struct json *template_pod(const struct json *workload, const char *api_version, const char *kind)
{
	struct json *pod = json_new_object();
	int rc = pod ? json_set_str(pod, "apiVersion", "v1") : -ENOMEM;

	if (!rc)
		rc = json_set_str(pod, "kind", "Pod");
	if (!rc)
		rc = fill_meta(pod, workload, api_version, kind);
	if (!rc)
		rc = json_set(pod, "spec", json_copy(json_path(workload, "spec.template.spec")));
	if (!rc)
		return pod;
	json_free(pod);
	return NULL;
}

int template_hash(const struct json *workload, char out[TEMPLATE_HASH_SIZE])
{
	struct buf text;
	uint64_t hash;
	int rc;

	buf_init(&text, TEMPLATE_MAX);
	rc = json_write(json_path(workload, "spec.template"), &text);
	hash = hash64(buf_span(&text), (uint64_t)json_path_int(workload, "status.collisionCount", 0));
	buf_done(&text);
	for (size_t i = 0; i < 10; i++) {
		out[i] = HASH_LETTERS[hash % (sizeof(HASH_LETTERS) - 1)];
		hash /= sizeof(HASH_LETTERS) - 1;
	}
	out[10] = '\0';
	return rc;
}
